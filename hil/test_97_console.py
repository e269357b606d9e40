"""The console in a real browser, before the real daemon and the simulated belt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browsing import chromium, fill, sign_on
from harness import bench_file
from treadctl.ipc.client import Client
from treadctl.testing.console_stand import Stand, console_stand
from treadctl.testing.simulated import wait_for

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with console_stand(bench_file("altivar-rtu"), tmp_path, prepare=fill) as stand:
        yield stand


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en")
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if "//127.0.0.1:" not in request.url and not request.url.startswith("data:") else None)
    yield page
    context.close()
    assert complaints == []


def prove(stand: Stand) -> None:
    """What an attendant does before the first session of a day: the cord is pulled and clipped on, the person steps on and takes the rails."""
    stand.belt.set("cord", closed=False)
    with Client(stand.socket) as client:
        wait_for(lambda: _contact(client, "cord_a") is False or None, 5.0, "the open cord")
    stand.belt.set("cord", closed=True)
    stand.belt.runner("mount")
    stand.belt.runner("hands_on")


def _contact(client: Client, name: str) -> bool | float | None:
    return next((channel.value for channel in client.snapshot().channels if channel.id == name), None)


def speed(stand: Stand) -> float:
    return abs(float(stand.belt.state()["belt_speed_mps"]))


def walk(stand: Stand, page: Page) -> None:
    """From the list of people to a moving belt: five touches."""
    page.get_by_role("link", name="Sample One").click()
    for text in ("clipped", "laced", "clear for 2 m"):
        page.get_by_label(text).check()
    held = page.get_by_role("button", name="Hold to start")
    expect(page.locator("form.complete")).to_be_visible(timeout=10_000)
    held.hover()
    page.mouse.down()
    page.wait_for_url("**/live", timeout=20_000)
    page.mouse.up()
    wait_for(lambda: speed(stand) > 0.1 or None, 20.0, "a moving belt")


def test_a_known_person_walks_and_a_lost_balance_stops_the_belt_and_is_reset(stand: Stand, page: Page) -> None:
    prove(stand)
    sign_on(page, stand.doors.kiosk_url, stand.doors.pairing_pin)
    page.get_by_role("link", name="Machine").click()
    page.get_by_role("button", name="Reset").click()
    expect(page.locator(".giant")).to_contain_text("Ready", timeout=10_000)
    page.get_by_role("link", name="People").click()
    walk(stand, page)
    expect(page.locator(".giant")).to_contain_text("Warm-up")
    stand.belt.runner("lose_balance")
    expect(page.locator(".giant")).to_contain_text("Stopped", timeout=10_000)
    expect(page.locator("[data-causes]")).to_contain_text("losing balance")
    wait_for(lambda: speed(stand) < 0.01 or None, 10.0, "a belt at rest")
