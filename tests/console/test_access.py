"""What a cookie, a PIN, a password and a form are worth, where, and for how long; and that no refusal of them ever stands before a stop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from console_rig import NOW, PASSWORD, PIN, QUICK, Browser, Clock, Machine, _door, walker

from treadctl.console.accounts import MOST_WAITING, Accounts, set_password
from treadctl.console.ages import KEPT, Ages
from treadctl.console.problems import Problem
from treadctl.console.settings import Door
from treadctl.console.visiting import KIOSK, SESSIONS
from treadctl.core.messages import RequestKind
from treadctl.errors import TreadctlError
from treadctl.records.database import sqlite_url
from treadctl.records.model import Role
from treadctl.records.store import Records

HOUR_S = 3600.0
WRONG = "999999"


async def signed_on(browser: Browser) -> bool:
    """Whether the console knows who this is."""
    return (await browser.client.get("/api/v1/state")).status_code == 200


async def another(browser: Browser) -> Browser:
    """A second browser of the same kind at the same door."""
    return Browser(browser.context, browser.machine)


# --- cookies ------------------------------------------------------------------------------------------------------------


async def test_a_stolen_cookie_is_worth_nothing_in_another_browser(desk: Browser, kiosk: Browser) -> None:
    await desk.sign_on(Role.ADMINISTRATOR)
    assert (await desk.stolen().get("/users")).status_code == 200
    assert (await desk.stolen("another browser").get("/users")).status_code == 401
    await kiosk.sign_on(Role.STAFF)
    page = await kiosk.stolen("another browser").get("/", follow_redirects=True)
    assert "Pair this screen" in page.text
    assert await signed_on(desk)


async def test_the_cookies_of_one_door_are_worth_nothing_at_the_other(desk: Browser, kiosk: Browser) -> None:
    await kiosk.sign_on(Role.ADMINISTRATOR)
    assert {SESSIONS[Door.KIOSK], KIOSK} <= set(kiosk.client.cookies)
    desk.client.cookies = httpx.Cookies(kiosk.client.cookies)
    assert (await desk.client.get("/users")).status_code == 401
    assert not await signed_on(desk)
    desk.client.cookies.clear()
    await desk.sign_on(Role.STAFF)
    kiosk.client.cookies.clear()
    kiosk.client.cookies = httpx.Cookies(desk.client.cookies)
    assert "Pair this screen" in await kiosk.see("/")
    answer = await kiosk.ask("/api/v1/session/start", {"arming": "none"}, status=401)
    assert answer["detail"] == "This screen is not paired with the machine yet: enter the pairing PIN first."


async def test_scripts_and_other_sites_get_no_cookie(desk: Browser, kiosk: Browser) -> None:
    for browser, path, fields in (
        (desk, "/sign-on", {"login": "staff", "secret": PASSWORD}), (kiosk, "/pair", {"pin": kiosk.context.accounts.pairing_pin})
    ):  # fmt: skip
        cookie = (await browser.send(path, **fields)).headers["set-cookie"].lower()
        assert cookie.startswith("__host-")
        assert all(word in cookie for word in ("httponly", "secure", "samesite=strict", "path=/"))
        assert "domain" not in cookie


async def test_a_cookie_is_worth_nothing_after_signing_off(desk: Browser) -> None:
    await desk.sign_on(Role.STAFF)
    kept = desk.stolen()
    await desk.send("/sign-off")
    assert (await kept.get("/me")).status_code == 401


async def test_the_records_hold_nothing_that_opens_a_door(desk: Browser, kiosk: Browser, records: Records, tmp_path: Path) -> None:
    await desk.sign_on(Role.STAFF)
    await kiosk.sign_on(Role.STAFF)
    held = (*desk.client.cookies.values(), *kiosk.client.cookies.values(), PASSWORD, PIN)
    await records.database.forget_deleted()
    content = await asyncio.to_thread(lambda: b"".join(path.read_bytes() for path in tmp_path.glob("records.db*")))
    assert not [value for value in held if value.encode() in content]


# --- forged and old pages -----------------------------------------------------------------------------------------------


async def test_a_form_with_the_token_of_another_session_changes_nothing(desk: Browser) -> None:
    await desk.sign_on(Role.ADMINISTRATOR)
    other = await (await another(desk)).sign_on(Role.ADMINISTRATOR)
    own, desk.csrf = desk.csrf, other.csrf
    for token in (other.csrf, "", "x", own[:-1], "ü"):
        desk.csrf = token
        answer = await desk.send("/settings", 403, clinic="Forged", language="en", units="km/h", zone="UTC")
        assert "opened before somebody signed on or off" in answer.text
    assert desk.context.clinic == ""
    desk.csrf = own
    await desk.send("/settings", clinic="Ours", language="en", units="km/h", zone="UTC")
    assert desk.context.clinic == "Ours"


async def test_a_call_with_the_token_of_another_session_asks_the_machine_nothing(desk: Browser, machine: Machine) -> None:
    machine.show(state="running")
    await desk.until("running")
    await desk.sign_on(Role.STAFF)
    desk.csrf = (await (await another(desk)).sign_on(Role.STAFF)).csrf
    assert (await desk.ask("/api/v1/session/hold", status=403))["code"] == "old_page"
    assert machine.asked == []


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}])
async def test_another_sites_page_changes_nothing_nor_stops_where_its_browser_says_so(desk: Browser, machine: Machine, headers: dict[str, str]) -> None:
    await desk.sign_on(Role.ADMINISTRATOR)
    for path in ("/sign-on", "/sign-off", "/settings", "/api/v1/session/hold"):
        answer = await desk.client.post(path, data={"csrf": desk.csrf}, headers=headers)
        assert (answer.status_code, answer.json()["title"]) == (403, "Wrong origin")
    assert await signed_on(desk)
    taken = "Sec-Fetch-Site" not in headers
    assert (await desk.client.post("/api/v1/stop", headers=headers)).status_code == (200 if taken else 403)
    assert [request.kind for request in machine.asked] == [RequestKind.STOP] * taken


# --- time ---------------------------------------------------------------------------------------------------------------


async def test_who_does_nothing_is_signed_off(desk: Browser, kiosk: Browser, machine: Machine) -> None:
    await desk.sign_on(Role.STAFF)
    await kiosk.sign_on(Role.STAFF)
    machine.clock.later(15 * 60 - 1)
    assert await signed_on(desk)
    machine.clock.later(15 * 60 + 1)
    assert not await signed_on(desk)
    assert "Who walks?" in await kiosk.see("/")
    machine.clock.later(240 * 60 + 1)
    assert "Who attends?" in await kiosk.see("/")


async def test_nobody_stays_signed_on_for_longer_than_half_a_day(desk: Browser, machine: Machine) -> None:
    await desk.sign_on(Role.STAFF)
    for _ in range(12 * 6):
        assert await signed_on(desk)
        machine.clock.later(600.0)
    assert await signed_on(desk)
    machine.clock.later(1.0)
    assert not await signed_on(desk)


@pytest.mark.parametrize("seen_before", [True, False])
async def test_a_clock_stepped_back_keeps_nobody_out_and_nobody_in(desk: Browser, machine: Machine, seen_before: bool) -> None:
    await desk.sign_on(Role.STAFF)
    assert await signed_on(desk) or not seen_before
    machine.clock.now -= timedelta(hours=1)
    assert await signed_on(desk)
    machine.clock.later(14 * 60)
    assert await signed_on(desk)
    machine.clock.later(15 * 60 + 1)
    assert not await signed_on(desk)


async def test_a_clock_stepped_back_each_hour_makes_no_day_longer(desk: Browser, machine: Machine) -> None:
    await desk.sign_on(Role.STAFF)
    for _ in range(12 * 6):
        assert await signed_on(desk)
        machine.clock.later(600.0)
        machine.clock.now -= timedelta(seconds=590)
    machine.clock.later(1.0)
    assert not await signed_on(desk)


async def test_a_clock_stepped_forward_signs_nobody_off(desk: Browser, machine: Machine) -> None:
    await desk.sign_on(Role.STAFF)
    machine.clock.now += timedelta(days=400)
    assert await signed_on(desk)


def test_an_age_grows_with_the_steady_clock_only() -> None:
    clock = Clock()
    ages = Ages(clock.wall, clock)
    assert ages.age_s("a", NOW - timedelta(seconds=5)) == 5.0
    clock.now -= timedelta(hours=1)
    clock.now_s += 2.0
    assert ages.age_s("a", NOW - timedelta(seconds=5)) == 7.0
    assert ages.age_s("a", NOW) == 0.0
    clock.now_s -= 9.0
    assert ages.age_s("a", NOW) == 0.0
    for number in range(KEPT):
        ages.age_s(number, NOW)
    clock.now = NOW + timedelta(seconds=30)
    assert ages.age_s("a", NOW) == 30.0  # forgotten by now, and looked at as for the first time


# --- wrong PINs and passwords -------------------------------------------------------------------------------------------


async def tried(browser: Browser, secret: str, login: str = "staff") -> tuple[int, int]:
    """The status of one try to sign on, and after how many seconds to try again."""
    answer = await browser.client.post("/sign-on", data={"login": login, "secret": secret}, headers={"Accept": "text/html"})
    return answer.status_code, int(answer.headers.get("retry-after", 0))


@pytest.mark.parametrize("login", ["staff", "nobody.here", "Not A Login!"])
async def test_each_wrong_pin_doubles_the_wait_alike_for_everybody_and_a_stop_never_waits(kiosk: Browser, machine: Machine, login: str) -> None:
    await kiosk.pair()
    for _ in range(3):
        assert await tried(kiosk, WRONG, login) == (401, 0)
    for wait_s in (2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900):
        assert await tried(kiosk, WRONG, login) == (429, wait_s)
        machine.clock.later(wait_s - 0.5)
        assert await tried(kiosk, PIN, login) == (429, 1)
        assert (await kiosk.client.post("/api/v1/stop")).status_code == 200
        assert (await kiosk.client.post("/stop")).status_code == 200
        machine.clock.later(0.5)
        assert await tried(kiosk, WRONG, login) == (401, 0)
    assert len(machine.asked) == 22


async def test_the_right_pin_after_the_wait_forgets_the_wrong_ones(kiosk: Browser, machine: Machine) -> None:
    await kiosk.pair()
    for _ in range(3):
        await tried(kiosk, WRONG)
    assert await tried(kiosk, PIN) == (429, 2)
    machine.clock.later(2.0)
    assert await tried(kiosk, PIN) == (303, 0)
    assert await tried(kiosk, WRONG) == (401, 0)
    assert await tried(kiosk, PIN) == (303, 0)


@pytest.mark.parametrize("seen_before", [True, False])
async def test_a_clock_stepped_back_makes_no_wait_longer(kiosk: Browser, machine: Machine, seen_before: bool) -> None:
    await kiosk.pair()
    for _ in range(3):
        await tried(kiosk, WRONG)
    assert not seen_before or await tried(kiosk, PIN) == (429, 2)
    machine.clock.now -= timedelta(hours=1)
    assert await tried(kiosk, PIN) == (429, 2)
    machine.clock.later(2.0)
    assert await tried(kiosk, PIN) == (303, 0)


async def test_a_hundred_guesses_at_once_are_looked_at_one_by_one(kiosk: Browser) -> None:
    await kiosk.pair()
    found = await asyncio.gather(*(tried(kiosk, f"{number:06d}") for number in range(100)))
    assert [status for status, _ in found].count(401) == 3
    assert [status for status, _ in found].count(429) == 97


async def test_a_thousand_strangers_are_kept_in_no_more_room_than_set(desk: Browser) -> None:
    accounts = desk.context.accounts
    for number in range(KEPT + 10):
        accounts._note_stranger(str(number), 1)
    assert len(accounts._strangers) == KEPT


async def test_a_crowd_that_signs_on_at_once_is_not_hashed_for_as_long_as_it_takes(desk: Browser) -> None:
    accounts: Accounts = desk.context.accounts
    answers = await asyncio.gather(*(accounts.sign_on(f"nobody{number}", "wrong", "browser") for number in range(100)), return_exceptions=True)
    codes = Counter(answer.code for answer in answers if isinstance(answer, Problem))
    assert codes == {"wrong_secret": MOST_WAITING, "sign_on_busy": 100 - MOST_WAITING}
    await desk.sign_on(Role.STAFF)  # and then whoever comes is taken again


async def test_a_forgotten_password_is_set_from_the_command_line_and_the_trail_knows(desk: Browser, records: Records) -> None:
    await desk.sign_on(Role.ADMINISTRATOR)
    await set_password(records, "root", " Administrator ", "eight quiet treadmills", QUICK)
    assert (await desk.client.get("/me")).status_code == 401
    other = await another(desk)
    await other.send("/sign-on", 401, login="administrator", secret=PASSWORD)
    await other.send("/sign-on", login="administrator", secret="eight quiet treadmills")  # noqa: S106
    (entry,) = (await records.audit.entries(who="command line, root")).items
    assert entry.action == "user.password_set"
    for login, password, code in (("nobody", "eight quiet treadmills", "TC605"), ("staff", "short", "TC104")):
        with pytest.raises(TreadctlError) as caught:
            await set_password(records, "root", login, password, QUICK)
        assert caught.value.kind.code == code


# --- pairing and the first administrator --------------------------------------------------------------------------------


async def test_the_pairing_pin_is_good_once(kiosk: Browser) -> None:
    pin = kiosk.context.accounts.pairing_pin
    await kiosk.pair()
    other = await another(kiosk)
    for guess in (pin, kiosk.context.accounts.pairing_pin):
        await other.send("/pair", 429, pin=guess)
    assert "Who attends?" in await kiosk.see("/")


async def test_of_two_who_pair_at_once_one_is_paired(kiosk: Browser) -> None:
    other = await another(kiosk)
    pin = kiosk.context.accounts.pairing_pin
    answers = await asyncio.gather(*(browser.client.post("/pair", data={"pin": pin}, headers={"Accept": "text/html"}) for browser in (kiosk, other)))
    assert sorted(answer.status_code for answer in answers) == [303, 429]


async def test_after_five_wrong_pairing_pins_even_the_right_one_is_refused(kiosk: Browser) -> None:
    pin = kiosk.context.accounts.pairing_pin
    wrong = f"{(int(pin) + 1) % 10**6:06d}"
    for _ in range(5):
        await kiosk.send("/pair", 403, pin=wrong)
    assert "prints a new PIN" in (await kiosk.send("/pair", 429, pin=pin)).text
    assert (await kiosk.client.post("/stop")).status_code == 200


async def test_who_looks_after_the_machine_ends_its_pairing_and_nobody_else_can(kiosk: Browser) -> None:
    await kiosk.sign_on(Role.STAFF)
    await kiosk.send("/leave", 403)
    await kiosk.send("/sign-off")
    await kiosk.send("/sign-on", login="service", secret=PIN)
    cookies = dict(kiosk.client.cookies)
    await kiosk.see("/leave")
    await kiosk.send("/leave")
    assert "Pair this screen" in await kiosk.see("/")
    for name, value in cookies.items():  # the old cookies are worth nothing either
        kiosk.client.cookies.set(name, value, domain="127.0.0.1")
    assert "Pair this screen" in await kiosk.see("/")


async def test_a_desk_cannot_be_paired(desk: Browser) -> None:
    answer = await desk.send("/pair", pin=desk.context.accounts.pairing_pin)
    assert answer.headers["location"] == "/sign-on"
    assert "set-cookie" not in answer.headers


@pytest.fixture
async def empty(tmp_path: Path, machine: Machine) -> AsyncIterator[Records]:
    """Records of a clinic without a single user."""
    store = await Records.open(sqlite_url(tmp_path / "empty.db"), now=machine.clock.wall)
    yield store
    await store.close()


async def test_the_first_run_makes_one_administrator_by_the_printed_code_and_no_second(empty: Records, machine: Machine) -> None:
    async for desk in _door(empty, machine, Door.DESK):
        assert "The first administrator" in await desk.see("/sign-on")
        code = await desk.context.accounts.first_code()
        assert code is not None
        fields = {"login": "Chief", "name": "Chief", "password": PASSWORD}
        await desk.send("/first-run", 403, code="0" * 16, **fields)
        await desk.send("/first-run", 422, code=code, **(fields | {"password": "short"}))
        assert await empty.users.all() == ()
        await desk.send("/first-run", code=f" {code.upper()} ", **fields)
        await desk.send("/first-run", 403, code=code, **(fields | {"login": "second"}))
        assert [(user.login, user.role) for user in await empty.users.all()] == [("chief", Role.ADMINISTRATOR)]
        assert "Sign on" in await desk.see("/first-run")
        await desk.send("/sign-on", login="chief", secret=PASSWORD)
        assert await desk.context.accounts.first_code() is None


async def test_the_first_administrator_is_not_made_at_the_machine(empty: Records, machine: Machine) -> None:
    async for kiosk in _door(empty, machine, Door.KIOSK):
        code = await kiosk.context.accounts.first_code()
        await kiosk.send("/first-run", 403, code=str(code), login="chief", name="Chief", password=PASSWORD)
        assert await empty.users.all() == ()


@pytest.mark.parametrize(
    ("secret", "place", "good"),
    [
        ("seven quiet treadmills", "password", True), ("x7" * 4, "password", False), ("aabbccddaabb", "password", False), ("abcde12345", "password", True),
        ("", "password", False), ("long" * 50 + "!", "password", False), ("ünïcødé wörds", "password", True),
        ("519402", "pin", True), ("51940", "pin", False), ("5194021111111", "pin", False), ("51940a", "pin", False), ("", "pin", False),
        ("111111", "pin", False),        ("654321", "pin", False), ("135791", "pin", True), ("٥١٩٤٠٢", "pin", False), (" 519402", "pin", False),
    ],
)  # fmt: skip
async def test_what_is_easily_guessed_is_no_password_and_no_pin(desk: Browser, secret: str, place: str, good: bool) -> None:
    accounts: Accounts = desk.context.accounts
    if good:
        assert QUICK.verify(await accounts.hash(secret, place), secret)
    else:
        with pytest.raises(Problem) as caught:
            await accounts.hash(secret, place)
        assert (caught.value.status, caught.value.code) == (422, "weak_secret")


# --- who is not signed on -----------------------------------------------------------------------------------------------


async def test_a_refused_form_shows_a_stranger_nobody(kiosk: Browser, desk: Browser, records: Records) -> None:
    person, revision = await walker(records)
    for browser in (kiosk, desk):
        answer = await browser.client.post(f"/walk/{person.id}/arm", data={"revision": str(revision.id)})
        assert answer.status_code == 401
        assert "Sample" not in answer.text
        assert "Backward" not in answer.text


async def test_guesses_at_a_desk_keep_nobody_away_from_the_machine(kiosk: Browser, desk: Browser) -> None:
    for _ in range(4):
        await tried(desk, "a wrong password", "staff")
    assert (await tried(desk, PASSWORD, "staff"))[0] == 429
    await kiosk.pair()
    await kiosk.send("/sign-on", login="staff", secret=PIN)
