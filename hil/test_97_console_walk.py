"""The screen at the machine in a real browser, before the real daemon and the simulated belt: from the list of people to a moving belt, and back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from browsing import House, ask, choose, count_touches, daemon_state, hold, put_away, refused_start, rests, speed, stays_at_rest, touches, until_belt, walk
from console_people import Someone, filled
from harness import bench_file, paused, ramped
from treadctl.records.model import Role
from treadctl.testing.console_stand import Stand, console_stand
from treadctl.testing.simulated import wait_for

pytestmark = pytest.mark.timeout(240)
WALKING_MPS = 0.25
KNOWN, UNSTEADY, HASTY, UNPAIRED, UNSCRIPTED, WATCHED, PAUSING = PEOPLE = tuple(Someone(number) for number in range(1, 8))


@pytest.fixture(scope="module")
def house(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with console_stand(bench_file("altivar-rtu"), tmp_path_factory.mktemp("walk"), prepare=filled(PEOPLE)) as stand:
        yield House(browser, stand)


def test_a_known_person_walks_after_five_touches(stand: Stand, page: Page) -> None:
    count_touches(page)
    page.reload()
    vain = walk(stand, page, KNOWN.name)
    assert touches(page) == 5, vain
    expect(page.locator(".giant")).to_contain_text("Warm-up")
    expect(page.locator("[data-v=direction]").first).to_contain_text("reverse")


def test_a_lost_balance_stops_the_belt_and_the_kiosk_leads_back_in_four_steps(stand: Stand, page: Page) -> None:
    walk(stand, page, UNSTEADY.name)
    stand.belt.runner("lose_balance")
    expect(page.locator(".giant")).to_contain_text("Stopped", timeout=10_000)
    expect(page.locator("[data-causes]")).to_contain_text("losing balance")
    rests(stand)
    steps = page.locator("[data-steps] li")
    expect(steps).to_have_count(4)
    expect(steps.first).to_have_class("done")
    expect(steps.last).to_have_class("open")
    for what in ("dismount", "mount", "hands_on"):
        stand.belt.runner(what)
    expect(page.locator("[data-steps] li.done")).to_have_count(3, timeout=10_000)
    page.get_by_role("button", name="Hold to reset").click()
    expect(page.locator("[data-hold-status]:visible")).to_contain_text("Released too early")
    hold(page, "Hold to reset", "Ready")
    stays_at_rest(stand, page)


def test_a_belt_that_is_held_goes_on_by_a_held_button_and_by_no_touch(stand: Stand, page: Page) -> None:
    walk(stand, page, PAUSING.name)
    until_belt(stand, lambda mps: mps > WALKING_MPS, "walking in")
    expect(page.get_by_role("button", name="Hold to go on")).to_be_hidden()
    page.get_by_role("button", name="Hold", exact=True).click()
    expect(page.locator(".giant")).to_contain_text("Hold")
    page.get_by_role("button", name="Hold to go on").click()
    expect(page.locator("[data-hold-status]:visible")).to_contain_text("Released too early")
    assert daemon_state(stand) == "hold"
    hold(page, "Hold to go on", "Warm-up")
    page.get_by_role("button", name="End the session").click()
    rests(stand)


def test_what_was_put_away_elsewhere_is_asked_for_anew(stand: Stand, page: Page) -> None:
    choose(page, HASTY.name)
    put_away(stand)
    expect(page.locator("form.complete")).to_have_count(0, timeout=10_000)
    expect(page.locator("form.check input:checked")).to_have_count(0)


def test_a_start_button_let_go_early_moves_nothing(stand: Stand, page: Page) -> None:
    choose(page, HASTY.name).hover()
    page.mouse.down()
    expect(page.locator("[data-hold-status]")).to_contain_text("Keep holding")
    page.mouse.up()
    expect(page.locator("[data-hold-status]")).to_contain_text("nothing moved")
    stays_at_rest(stand, page)
    assert daemon_state(stand) == "armed"
    page.get_by_role("link", name="Machine").click()
    page.get_by_role("button", name="Put away").click()
    expect(page.locator(".giant")).to_contain_text("Ready")


def test_the_page_of_somebody_else_starts_nothing_and_says_whose_program_is_armed(stand: Stand, page: Page) -> None:
    choose(page, HASTY.name)
    expect(page.locator("header .word")).to_have_text("Armed")
    page.goto(f"{stand.doors.kiosk_url}/walk/{KNOWN.id}")
    expect(page.locator("[data-hold]")).to_have_count(0)
    expect(page.get_by_role("alert").filter(has_text="armed already")).to_contain_text(HASTY.name)
    page.goto(f"{stand.doors.kiosk_url}/live")
    expect(page.locator("[data-whose]")).to_contain_text(HASTY.name)
    stays_at_rest(stand, page)
    page.get_by_role("button", name="Put away").click()
    expect(page.locator("[data-whose]")).to_have_text("")


def test_a_browser_that_is_not_paired_starts_nothing(house: House, stand: Stand, page: Page) -> None:
    choose(page, UNPAIRED.name)  # armed by the machine's own screen, so that one held button is all that lacks
    with house.stranger() as other:
        other.goto(f"{stand.doors.kiosk_url}/walk/{UNPAIRED.id}")
        expect(other.locator("[data-hold]")).to_have_count(0)
        expect(other.get_by_text(UNPAIRED.name)).to_have_count(0)
        order = {"person_id": UNPAIRED.id, "revision_id": 1, "cord_clipped": True, "shoes": True, "clear_zone": True}
        assert ask(other, "/api/v1/session/arm", order)[0] in {401, 403}
        assert ask(other, "/api/v1/session/start", {"arming": "0" * 32})[0] in {401, 403}
        assert ask(other, "/api/v1/session/start/0000", {"n": 1}, "PUT")[0] in {401, 403}
        stays_at_rest(stand, other)
    cookies = page.context.storage_state()
    with house.stranger(user_agent="Another browser", storage_state=cookies) as thief:
        thief.goto(stand.doors.kiosk_url)
        expect(thief.get_by_label("Pairing PIN")).to_be_visible()
        assert ask(thief, "/api/v1/session/start", {"arming": "0" * 32})[0] in {401, 403}
        stays_at_rest(stand, thief)
    assert daemon_state(stand) == "armed"


def test_stop_works_with_scripts_off_for_somebody_who_never_signed_on(house: House, stand: Stand, page: Page) -> None:
    with house.stranger(java_script_enabled=False) as plain:
        plain.goto(f"{stand.doors.kiosk_url}/live")
        walk(stand, page, UNSCRIPTED.name)
        until_belt(stand, lambda mps: mps > WALKING_MPS, "walking in")
        plain.reload()
        expect(plain.locator(".giant")).to_contain_text("Warm-up")
        stand.belt.ask("mark", event="stop by form")
        plain.get_by_role("button", name="STOP").click()
        expect(plain.get_by_role("heading", name="Stop asked for, and taken")).to_be_visible()
        rests(stand)
        plain.get_by_role("link", name="Show the machine").click()
        expect(plain.locator(".giant")).to_contain_text("Stopped")
        expect(plain.locator("[data-causes] li.gone, [data-causes] li.present")).not_to_have_count(0)
    measured = _measured(stand, "stop by form")
    assert ramped(measured), str(measured)  # SS1 at the machine: the drive's ramp, then the enable


def test_a_stop_from_a_desk_is_a_soft_one(house: House, stand: Stand, page: Page) -> None:
    with house.desk(Role.VIEWER) as desk:
        desk.goto(f"{stand.doors.desk_url}/live")
        walk(stand, page, WATCHED.name)
        until_belt(stand, lambda mps: mps > WALKING_MPS, "walking in")
        expect(desk.locator(".giant")).to_contain_text("Warm-up")
        stand.belt.ask("mark", event="stop from a desk")
        desk.get_by_role("button", name="STOP").click()
        rests(stand)
        expect(desk.locator(".giant")).to_contain_text("Ended", timeout=10_000)  # nothing tripped
    expect(page.locator(".giant")).to_contain_text("Ended")
    measured = _measured(stand, "stop from a desk", dropped=False)
    assert paused(measured), str(measured)  # SS2: the drive's ramp, torque still there when the belt stands
    assert refused_start(stand)


def test_a_desk_has_no_button_that_starts_the_belt(house: House, stand: Stand) -> None:
    with house.desk(Role.PHYSIOTHERAPIST) as desk:
        desk.goto(f"{stand.doors.desk_url}/walk/{KNOWN.id}")
        expect(desk.locator("[data-hold]")).to_have_count(0)
        assert ask(desk, "/api/v1/session/start", {"arming": "0" * 32})[0] == 403
    assert speed(stand) == pytest.approx(0.0, abs=0.02)


def _measured(stand: Stand, event: str, *, dropped: bool = True) -> dict[str, object]:
    def complete() -> dict[str, object] | None:
        found = next((m for m in reversed(stand.belt.measurements()) if m["event"] == event), None)
        return found if found is not None and found["standstill_s"] is not None and (found["enable_dropped_s"] is not None or not dropped) else None

    return wait_for(complete, 10.0, f"standstill after {event}")
