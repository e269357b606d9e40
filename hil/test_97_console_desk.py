"""From a desk to the belt: a protocol is edited and prescribed there and then walked; a session's report is taken home."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from browsing import House, make_ready, rests, until_belt, walk
from console_people import Someone, filled
from harness import bench_file
from treadctl.core.units import kmh_from_mps
from treadctl.records.model import Role
from treadctl.testing.console_stand import console_stand

pytestmark = pytest.mark.timeout(240)
WALKER = Someone(1)
PDF, PATIENCE_S = "application/pdf", 40


@pytest.fixture(scope="module")
def house(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with console_stand(bench_file("altivar-rtu"), tmp_path_factory.mktemp("desk"), prepare=filled((WALKER,))) as stand:
        yield House(browser, stand)


def test_a_protocol_edited_and_prescribed_at_a_desk_is_what_the_belt_walks(house: House) -> None:
    stand, url = house.stand, house.stand.doors.desk_url
    with house.desk(Role.PHYSIOTHERAPIST) as desk:
        desk.get_by_role("link", name="Protocols").click()
        desk.locator("li.card", has_text="Knee osteoarthritis").get_by_role("link", name="Change it first").click()
        text = desk.locator("#text")
        quick = text.input_value().replace("minutes = 1.5", "seconds = 2").replace('title = "Knee osteoarthritis: backward walk"', 'title = "Of this clinic"')
        text.fill(quick)
        walk_in = desk.locator("[data-block=warm_up] > ol > li").nth(2)
        expect(walk_in.locator("[data-key=label]")).to_have_value("Walk in, both hands on")
        speeds = walk_in.get_by_label("Speed, km/h")
        speeds.fill("0.9")
        speeds.blur()
        expect(text).to_have_value(re.compile(r"speed_kmh = 0\.9"))  # the form writes the text, which is what counts
        expect(desk.locator("#found")).to_contain_text("Nothing was found.")
        desk.get_by_label("Note: what was changed").fill("Slower at the start.")
        desk.get_by_role("button", name="Save as revision 1").click()
        expect(desk.get_by_role("heading", name="Of this clinic")).to_be_visible()
        desk.goto(f"{url}/people/{WALKER.id}/prescriptions")
        desk.locator("li.card", has_text="Of this clinic").get_by_role("link", name="Begin with it").click()
        desk.get_by_role("button", name="Save as revision 1").click()
        expect(desk.get_by_role("heading", name="Of this clinic")).to_be_visible()
    make_ready(stand)
    with house.kiosk() as page:
        walk(stand, page, WALKER.name, prescription="Of this clinic")
        commanded = page.locator("[data-v=commanded]")
        expect(commanded).to_have_text("0.9", timeout=15_000)
        until_belt(stand, lambda mps: abs(kmh_from_mps(mps) - 0.9) < 0.1, "0.9 km/h")
        page.get_by_role("button", name="End the session").click()
        rests(stand, 30.0)


@pytest.mark.parametrize(("role", "path"), [(Role.VIEWER, f"/sessions/{WALKER.id}-10"), (Role.PHYSICIAN, f"/people/{WALKER.id}")])
def test_a_report_is_a_pdf(role: Role, path: str, house: House) -> None:
    with house.desk(role) as desk:
        desk.goto(f"{house.stand.doors.desk_url}{path}")
        address = desk.locator('main a[href$=".pdf"]').first.get_attribute("href")
        answer = desk.context.request.get(f"{house.stand.doors.desk_url}{address}")
        for _ in range(PATIENCE_S):  # a page says how far it is, and looks again every second, as a browser would
            if "/jobs/" not in answer.url or answer.headers["content-type"] == PDF:
                break
            desk.wait_for_timeout(1000)
            answer = desk.context.request.get(answer.url)
        assert answer.status == 200
        assert answer.headers["content-type"] == PDF
        assert answer.body().startswith(b"%PDF-")
