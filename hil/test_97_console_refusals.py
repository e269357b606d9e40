"""Every rule that can refuse a start, at the machine: its sentence is on the page, there is nothing to hold, and the belt does not move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, expect

from browsing import House, ask, make_ready, refused_start, stays_at_rest
from console_people import FACTS, Someone, filled
from harness import bench_file
from treadctl.prescription.rules import ROWS, Kind
from treadctl.testing.console_stand import console_stand

pytestmark = pytest.mark.timeout(240)
REFUSING: Final = {row.id: row for row in ROWS if row.kind is Kind.REFUSE}
WHO: Final = {
    "PR-01": Someone(1, screened=None),
    "PR-02": Someone(2, screened=300),
    "PR-04": Someone(4, yes=("severe_osteoporosis",)),
    "PR-05": Someone(5, yes=("vestibular_dysfunction",)),
    "PR-06": Someone(6, yes=("lumbar_problem",)),
    "PR-18": Someone(18, facts=FACTS.replace("age_years = 50", "age_years = 70"), edit={'requires = ["attendant"]': "requires = []"}),
    "PR-25": Someone(25, walked=()),
    "PR-28": Someone(28, edit={"[[cool_down]]\nkind": "[[main]]\nkind"}),
    "PR-29": Someone(29, rail_load_percent=12.0, edit={'hands = "on"': 'hands = "off"'}),
    "PR-32": Someone(32, walked=(17, 4, 2)),
    "PR-39": Someone(39, facts=f"{FACTS}[caps]\nmax_speed_kmh = 1.2\n"),
    "PR-40": Someone(40, edit={"speed_kmh = 2.0": "speed_kmh = 7.0"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def house(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with console_stand(bench_file("altivar-rtu"), tmp_path_factory.mktemp("refusals"), prepare=filled([*WHO.values(), Someone(99)])) as stand:
        yield House(browser, stand)


@pytest.fixture(scope="module")
def page(house: House) -> Iterator[Page]:
    make_ready(house.stand)
    with house.kiosk() as page:
        yield page


def test_every_refusing_row_of_the_table_is_here() -> None:
    assert set(WHO) == set(REFUSING)


def test_somebody_whom_no_rule_refuses_has_a_button_to_hold(house: House, page: Page) -> None:
    page.goto(f"{house.stand.doors.kiosk_url}/walk/{Someone(99).id}")
    expect(page.locator("[data-hold]")).to_be_visible()


@pytest.mark.parametrize("row", REFUSING)
def test_a_refused_start_says_why_and_moves_nothing(row: str, house: House, page: Page) -> None:
    who, sentence = WHO[row], REFUSING[row].sentence
    page.goto(house.stand.doors.kiosk_url)
    page.get_by_role("link", name=who.name).click()
    expect(page.locator(".findings .refuses", has_text=sentence)).to_be_visible()
    expect(page.get_by_text("Not today. What stands above must be settled first, at a desk.")).to_be_visible()
    expect(page.locator("[data-hold], [data-arm], input[type=checkbox]")).to_have_count(0)
    revision = int(page.evaluate("new URLSearchParams(location.search).get('revision') ?? 0")) or _revision(who)
    order = {"person_id": who.id, "revision_id": revision, "cord_clipped": True, "shoes": True, "clear_zone": True}
    status, answer = ask(page, "/api/v1/session/arm", order)
    assert status == 409
    assert any(sentence in reason for reason in answer["reasons"]), answer
    assert ask(page, "/api/v1/session/start", {"arming": "0" * 32})[0] == 403  # nothing is armed, so there is nothing to hold
    assert refused_start(house.stand)
    stays_at_rest(house.stand, page, 300)


def _revision(who: Someone) -> int:
    return [*WHO.values()].index(who) + 1  # written in this order, one each
