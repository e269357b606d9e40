"""Every page of both doors, in three sizes and both colours: rules of accessibility, targets, the stop bar, sideways scrolling, weight."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute
from playwright.sync_api import Browser, Page, expect

from browsing import House, make_ready, rests, sign_on, walk
from console_look import AXE, MOST_BYTES, Scales, Seen, look
from console_pages import WALKER, Sight, at_a_desk, at_the_machine, sample_clinic
from console_people import PASSWORD
from harness import bench_file
from treadctl.console.settings import Door
from treadctl.console.web import MODULES
from treadctl.records.model import Role
from treadctl.testing.clinic import Clinic
from treadctl.testing.console_stand import console_doors, console_stand, write_settings

pytestmark = pytest.mark.timeout(900)
NO_PAGE = re.compile(r"^/api/|/file$|\.(pdf|csv|json|fit)$|^/(metrics|healthz|readyz)$")  # answered with a file or numbers
PASSING = {"/jobs/{job_id}", "/prescriptions/new", "/person"}  # shown while a file is made; lead to another page


@pytest.fixture(scope="module")
def clinics() -> list[Clinic]:
    return []


@pytest.fixture(scope="module")
def house(browser: Browser, clinics: list[Clinic], tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with console_stand(bench_file("altivar-rtu"), tmp_path_factory.mktemp("pages"), prepare=sample_clinic(clinics)) as stand:
        yield House(browser, stand)


@pytest.fixture(scope="module")
def sights(house: House, clinics: list[Clinic]) -> list[Sight]:
    with house.desk(Role.PHYSICIAN) as page:
        return [*at_the_machine(clinics[0]), *at_a_desk(page, house.stand.doors.desk_url, clinics[0])]


@pytest.fixture(scope="module")
def seen(house: House, sights: list[Sight]) -> Seen:
    """Each page opened once and looked at; what belongs together is asserted by the tests below."""
    seen = Seen()
    for who in dict.fromkeys((sight.door, sight.role, sight.paired) for sight in sights):
        mine = [sight for sight in sights if (sight.door, sight.role, sight.paired) == who]
        with house.before(*who) as page:
            page.add_init_script(path=AXE)
            scales = Scales(page)
            for sight in mine:
                scales.bytes = 0
                _open(page, house.address(sight.door) + sight.path, seen, sight.name)
                seen.weights[sight.name] = scales.bytes
                look(page, sight.name, sight.door, seen)
    return seen


def _open(page: Page, address: str, seen: Seen, name: str) -> None:
    answer = page.goto(address, wait_until="load")
    page.wait_for_timeout(400)  # for what scripts draw; the feed stays open, so that the network is never idle
    if answer is None or (answer.status != 200 and not name.endswith("nothing-here")):
        seen.broken.append(f"{name}: {answer and answer.status}")
    if page.url.rstrip("/") != address.rstrip("/"):
        seen.broken.append(f"{name}: it led to {page.url}")


def clean(found: list[str]) -> None:
    assert not found, "\n".join(found)


def test_every_page_opens(seen: Seen) -> None:
    clean(seen.broken)


def test_every_page_there_is_was_looked_at(sights: list[Sight]) -> None:
    paths = {sight.path.partition("?")[0] for sight in sights}
    routes = {route.path for module in MODULES for route in module.ROUTES.routes if isinstance(route, APIRoute) and "GET" in route.methods}
    pages = {path for path in routes if not NO_PAGE.search(path)} - PASSING - {"/first-run"}  # the last one is looked at below
    missed = {page for page in pages if not any(re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", page), path) for path in paths)}
    assert missed == set()


def test_no_page_breaks_a_rule_of_accessibility(seen: Seen) -> None:
    clean(seen.rules)


def test_no_page_scrolls_sideways(seen: Seen) -> None:
    clean(seen.sideways)


def test_everything_to_touch_is_large_enough(seen: Seen) -> None:
    clean(seen.small)


def test_stop_is_on_every_page_and_nothing_covers_it(seen: Seen) -> None:
    clean(seen.stop)


def test_no_page_weighs_more_than_200_kb(seen: Seen) -> None:
    assert {name: weight for name, weight in seen.weights.items() if weight > MOST_BYTES} == {}
    assert min(seen.weights.values()) > 10_000  # they were weighed


def test_the_live_view_keeps_the_rules_while_the_belt_runs_and_after_a_stop(house: House) -> None:
    seen, stand = Seen(), house.stand
    make_ready(stand)
    with house.kiosk() as page:
        page.add_init_script(path=AXE)
        page.reload()
        walk(stand, page, WALKER.name)
        expect(page.locator("[data-chart] canvas")).to_be_visible()
        look(page, "walking", Door.KIOSK, seen)
        page.get_by_role("button", name="STOP").click()
        rests(stand)
        expect(page.locator(".giant")).to_contain_text("Stopped")
        look(page, "stopped", Door.KIOSK, seen)
        with page.expect_navigation():
            page.evaluate("document.querySelector('form.stop').submit()")  # as without scripts
        look(page, "stop taken", Door.KIOSK, seen)
    assert seen.pages == ["walking", "stopped", "stop taken"]
    clean(seen.rules + seen.sideways + seen.small + seen.stop)


def test_the_first_run_keeps_the_rules(browser: Browser, house: House, tmp_path_factory: pytest.TempPathFactory) -> None:
    seen, folder = Seen(), tmp_path_factory.mktemp("first")
    with console_doors(write_settings(folder, house.stand.belt.machine_file)) as doors, house.stranger() as page:
        page.add_init_script(path=AXE)
        page.goto(doors.desk_url)
        expect(page.get_by_role("heading", name="The first administrator")).to_be_visible()
        look(page, "first run", Door.DESK, seen)
    clean(seen.rules + seen.sideways + seen.small + seen.stop)


def test_a_page_that_nobody_signed_on_to_asks_for_nothing_it_may_not_have(house: House) -> None:
    refused: list[str] = []
    with house.stranger() as page:
        page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
        page.goto(f"{house.stand.doors.desk_url}/sign-on")
        page.wait_for_timeout(1500)
        expect(page.locator(".banner")).to_be_hidden()
        sign_on(page, house.stand.doors.desk_url, Role.VIEWER.value, PASSWORD)
        page.wait_for_timeout(500)
    assert refused == []
