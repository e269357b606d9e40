"""A console nobody has used yet: from the printed one-time code to an attendant who signs on at the machine by PIN."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from browsing import House, attend, pair, sign_on
from harness import bench_file
from treadctl.testing.console_stand import console_stand

pytestmark = pytest.mark.timeout(240)
OURS, THEIRS, PIN = "a quiet belt in november", "four slow steps backward", "730215"


@pytest.fixture
def house(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with console_stand(bench_file("altivar-rtu"), tmp_path_factory.mktemp("first")) as stand:
        yield House(browser, stand)


def test_from_the_one_time_code_to_an_attendant_at_the_machine(house: House) -> None:
    doors = house.stand.doors
    with house.stranger() as desk:
        desk.goto(doors.desk_url)
        desk.get_by_label("One-time code").fill("0000000000000000")
        _fill(desk.get_by_label, {"Login": "first", "Name, as others see it": "First One", "Password": OURS})
        desk.get_by_role("button", name="Make the administrator").click()
        expect(desk.locator(".message.bad")).to_contain_text("The code is the one that the console printed")
        desk.get_by_label("One-time code").fill(doors.first_code)
        desk.get_by_label("Password").fill("password")
        desk.get_by_role("button", name="Make the administrator").click()
        expect(desk.locator(".message.bad")).to_contain_text("at least 10 characters")
        desk.get_by_label("Password").fill(OURS)
        desk.get_by_role("button", name="Make the administrator").click()
        expect(desk.get_by_role("heading", name="Sign on")).to_be_visible()
        desk.goto(f"{doors.desk_url}/first-run")  # good once
        expect(desk.get_by_role("heading", name="Sign on")).to_be_visible()
        sign_on(desk, doors.desk_url, "first", OURS)
        desk.get_by_role("link", name="Users").click()
        _fill(desk.get_by_label, {"Name, as others see it": "Second One", "Login": "second", "First password": THEIRS, "PIN for the machine": PIN})
        desk.locator("input[value=staff]").check()
        desk.get_by_role("button", name="Add", exact=True).click()
        expect(desk.locator(".message.good")).to_contain_text("Added.")
    with house.stranger() as kiosk:
        pair(kiosk, doors.kiosk_url, doors.pairing_pin)
        attend(kiosk, "Second One", PIN)
        expect(kiosk.get_by_role("heading", name="Who walks?")).to_be_visible()
        expect(kiosk.get_by_text("Nobody is found.")).to_be_visible()
    with house.stranger() as late:  # the pairing PIN was good once
        pair(late, doors.kiosk_url, doors.pairing_pin)
        expect(late.locator(".message.bad")).to_be_visible()


def _fill(by_label: object, fields: dict[str, str]) -> None:
    for label, value in fields.items():
        by_label(label).fill(value)  # type: ignore[operator]
