"""What the screen says when the daemon, or the console itself, is gone while the belt moves; and when they are back."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from time import monotonic

import pytest
from playwright.sync_api import Browser, Page, expect

from browsing import House, rests, speed, walk
from console_look import AXE, Seen, look
from console_people import Someone, filled
from harness import bench_file
from treadctl.console.settings import Door
from treadctl.testing.console_stand import Stand, console_stand
from treadctl.testing.simulated import end_process, wait_for

pytestmark = pytest.mark.timeout(240)
SOON_S = 2.0
LEFT_ALONE, ON_THEIR_WAY = Someone(1), Someone(2)


@pytest.fixture(scope="module")
def house(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with console_stand(bench_file("altivar-rtu"), tmp_path_factory.mktemp("away"), prepare=filled((LEFT_ALONE, ON_THEIR_WAY))) as stand:
        yield House(browser, stand)


def test_a_daemon_that_is_gone_is_said_at_once_and_the_belt_stops_without_it(stand: Stand, page: Page) -> None:
    page.add_init_script(path=AXE)
    walk(stand, page, LEFT_ALONE.name)
    expect(page.locator(".banner")).to_be_hidden()
    stand.daemon.kill()
    gone_s = monotonic()
    expect(page.locator(".banner")).to_be_visible(timeout=1000 * SOON_S)
    assert monotonic() - gone_s < SOON_S
    expect(page.locator("body")).to_have_class("kiosk stale")
    rests(stand, 10.0)  # the drive's own watchdog: nobody else is left
    stand.daemon.wait(5.0)
    expect(page.locator(".banner")).to_contain_text("Not current")
    expect(page.locator(".giant")).to_contain_text("No contact")
    seen = Seen()
    look(page, "no contact", Door.KIOSK, seen)  # what is old is pale, and still to be read
    assert seen.rules + seen.stop == []
    stand.start_daemon()
    expect(page.locator(".banner")).to_be_hidden(timeout=15_000)
    expect(page.locator(".giant")).to_contain_text("Stopped")  # it wakes up tripped, and nothing goes on by itself
    expect(page.locator("[data-causes] li")).not_to_have_count(0)
    expect(page.locator("[data-steps] li")).to_have_count(4)
    expect(page.locator("[data-v=measured].old")).to_have_count(0)
    assert speed(stand) < 0.02


def test_a_console_that_is_gone_is_said_at_once_and_found_again(stand: Stand, page: Page) -> None:
    walk(stand, page, ON_THEIR_WAY.name)
    kiosk = stand.doors.processes["kiosk"]
    kiosk.kill()
    gone_s = monotonic()
    expect(page.locator(".banner")).to_be_visible(timeout=1000 * SOON_S)
    assert monotonic() - gone_s < SOON_S
    expect(page.locator(".banner")).to_contain_text("The pull cord and the emergency stop work without this screen.")
    kiosk.wait(5.0)
    with (stand.run_dir / "kiosk.log").open("a", encoding="utf-8") as out:
        again = subprocess.Popen(kiosk.args, stdout=out, stderr=out, text=True)  # noqa: S603 - as the stand started it
    try:
        expect(page.locator(".banner")).to_be_hidden(timeout=20_000)
        page.get_by_role("button", name="STOP").click()  # paired and signed on as before
        rests(stand)
        expect(page.locator(".giant")).to_contain_text("Stopped")
        wait_for(lambda: page.get_by_role("button", name="Hold to reset").is_visible() or None, 10.0, "the reset button")
    finally:
        end_process(again)
