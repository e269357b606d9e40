"""Users, one's own password, and what the clinic has set: who may change what, and what follows from it at once."""

from __future__ import annotations

import pytest
from console_rig import PASSWORD, PIN, SYSTEM, Browser, Clock, Machine

from treadctl.console.words import Words
from treadctl.records.model import Role
from treadctl.records.store import Records

NEW_PASSWORD, NEW_PIN, WEAK = "a quiet walk in reverse", "704138", "short"


async def user_id(records: Records, login: str) -> int:
    account = await records.users.by_login(login)
    assert account is not None
    return account.user.id


async def administrator(desk: Browser) -> Browser:
    await desk.sign_on(Role.ADMINISTRATOR)
    await desk.see("/users")
    return desk


async def test_an_added_user_can_sign_on_at_both_doors(desk: Browser, kiosk: Browser, records: Records) -> None:
    await administrator(desk)
    answer = await desk.send("/users", login=" Ward.One ", name="Ward One", role="staff", password=NEW_PASSWORD, pin=NEW_PIN)
    assert "Ward One" in await desk.see(answer.headers["location"])
    assert "ward.one" in await desk.see("/users")
    await desk.send("/sign-off")
    await desk.send("/sign-on", login="ward.one", secret=NEW_PASSWORD)
    await kiosk.pair()
    assert "Ward One" in await kiosk.see("/sign-on")
    await kiosk.send("/sign-on", login="ward.one", secret=NEW_PIN)
    entries = (await records.audit.entries(size=20)).items
    assert any((entry.who, entry.action, entry.detail) == ("administrator", "user.added", "ward.one, staff") for entry in entries)


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"login": "staff"}, 409, "one of this name already"),
        ({"login": "Ward One!"}, 422, "small letters"),
        ({"login": ""}, 422, "login"),
        ({"name": "  "}, 422, "empty"),
        ({"password": "short"}, 422, "at least 10"),
        ({"password": "aaaaaaaaaaaa"}, 422, "five of them different"),
        ({"pin": "123456"}, 422, "only counts"),
        ({"pin": "1234"}, 422, "6 to 12 digits"),
        ({"role": "owner"}, 422, "Not understood"),
        ({"name": "x" * 201}, 422, "Not understood"),
    ],
)
async def test_what_cannot_be_a_user_is_refused_with_its_reason_and_kept_in_the_form(
    desk: Browser, records: Records, changes: dict[str, str], status: int, says: str
) -> None:
    await administrator(desk)
    given = {"login": "ward.one", "name": "Ward One", "role": "staff", "password": NEW_PASSWORD, "pin": ""} | changes
    answer = await desk.send("/users", status, **given)
    assert says in answer.text
    assert NEW_PASSWORD not in answer.text
    assert len(await records.users.all()) == len(Role)


async def test_a_user_can_be_renamed_and_given_another_role_which_signs_them_off(desk: Browser, kiosk: Browser, records: Records) -> None:
    await kiosk.sign_on(Role.STAFF)
    await administrator(desk)
    staff = await user_id(records, "staff")
    await desk.send(f"/users/{staff}/name", name="Ward Two")
    assert "Ward Two" in await kiosk.see("/live")
    answer = await desk.send(f"/users/{staff}/role", role="physiotherapist")
    assert "role is changed" in await desk.see(answer.headers["location"])
    assert "Who attends?" in await kiosk.see("/")
    assert (await records.users.get(staff)).role is Role.PHYSIOTHERAPIST


async def test_a_user_who_is_taken_off_is_out_at_once_and_comes_back_when_let(desk: Browser, kiosk: Browser, records: Records) -> None:
    await kiosk.sign_on(Role.STAFF)
    await administrator(desk)
    staff = await user_id(records, "staff")
    await desk.send(f"/users/{staff}/active", active="false")
    assert "may not sign on" in await desk.see(f"/users/{staff}")
    assert "Who attends?" in await kiosk.see("/")
    await kiosk.send("/sign-on", 401, login="staff", secret=PIN)
    await desk.send(f"/users/{staff}/active", active="true")
    await kiosk.send("/sign-on", login="staff", secret=PIN)


@pytest.mark.parametrize(("what", "fields"), [("role", {"role": "viewer"}), ("active", {"active": "false"})])
async def test_the_last_administrator_stays(desk: Browser, records: Records, what: str, fields: dict[str, str]) -> None:
    await administrator(desk)
    own = await user_id(records, "administrator")
    answer = await desk.send(f"/users/{own}/{what}", 422, **fields)
    assert "last active administrator" in answer.text
    await desk.send("/users", login="second", name="Second", role="administrator", password=NEW_PASSWORD)
    await desk.send(f"/users/{own}/{what}", **fields)
    assert "Sign on" in await desk.see("/users")
    assert [user.login for user in await records.users.all() if user.role is Role.ADMINISTRATOR and user.active] == ["second"]


async def test_a_password_and_a_pin_set_by_an_administrator_replace_the_old_ones(desk: Browser, kiosk: Browser, records: Records) -> None:
    await administrator(desk)
    staff = await user_id(records, "staff")
    await desk.send(f"/users/{staff}/password", 422, password=WEAK)
    await desk.send(f"/users/{staff}/pin", 422, pin="000000")
    await desk.send(f"/users/{staff}/password", password=NEW_PASSWORD)
    await desk.send(f"/users/{staff}/pin", pin=NEW_PIN)
    await kiosk.pair()
    await kiosk.send("/sign-on", 401, login="staff", secret=PIN)
    await kiosk.send("/sign-on", login="staff", secret=NEW_PIN)
    answer = await desk.send(f"/users/{staff}/pin", pin="")
    assert "taken away" in await desk.see(answer.headers["location"])
    assert await kiosk.client.get("/api/v1/state") is not None
    await kiosk.send("/sign-on", 401, login="staff", secret=NEW_PIN)
    await desk.send("/sign-off")
    await desk.send("/sign-on", 401, login="staff", secret=PASSWORD)
    await desk.send("/sign-on", login="staff", secret=NEW_PASSWORD)


async def test_there_is_no_user_of_that_number(desk: Browser) -> None:
    await administrator(desk)
    await desk.see("/users/4711", 404)
    await desk.see("/users/99999999999999999999", 422)
    await desk.see("/users")
    await desk.send("/users/4711/name", 404, name="Nobody")


@pytest.mark.parametrize("role", list(Role))
async def test_everybody_can_change_their_own_password_by_the_present_one(desk: Browser, role: Role) -> None:
    await desk.sign_on(role)
    await desk.see("/me")
    refused = await desk.send("/me/password", 403, now="something else", password=NEW_PASSWORD)
    assert "present password is not right" in refused.text
    await desk.send("/me/password", 422, now=PASSWORD, password=WEAK)
    answer = await desk.send("/me/password", now=PASSWORD, password=NEW_PASSWORD)
    assert "Changed. Sign on with it." in await desk.see(answer.headers["location"])
    await desk.send("/sign-on", 401, login=role.value, secret=PASSWORD)
    await desk.send("/sign-on", login=role.value, secret=NEW_PASSWORD)


async def test_guessing_the_present_password_costs_what_guessing_at_the_door_costs(desk: Browser) -> None:
    await desk.sign_on(Role.STAFF)
    await desk.see("/me")
    for _ in range(3):
        await desk.send("/me/password", 403, now="something else", password=NEW_PASSWORD)
    answer = await desk.send("/me/password", 429, now=PASSWORD, password=NEW_PASSWORD)
    assert answer.headers["retry-after"] == "2"


async def test_ones_own_pin_is_set_at_the_desk_and_used_at_the_machine(desk: Browser, kiosk: Browser) -> None:
    await desk.sign_on(Role.STAFF)
    await desk.see("/me")
    await desk.send("/me/pin", now=PASSWORD, pin=NEW_PIN)
    await kiosk.pair()
    await kiosk.send("/sign-on", login="staff", secret=NEW_PIN)


async def test_a_secret_cannot_be_changed_at_the_machine(kiosk: Browser) -> None:
    await kiosk.sign_on(Role.STAFF)
    await kiosk.send("/me/pin", 403, now=PIN, pin=NEW_PIN)


async def test_only_an_administrator_sees_users_and_settings(desk: Browser) -> None:
    for role in Role:
        await desk.sign_on(role)
        status = 200 if role is Role.ADMINISTRATOR else 403
        for path in ("/users", "/users/1", "/settings"):
            await desk.see(path, status)
        menu = await desk.see("/me")
        assert ('href="/users"' in menu) is ('href="/settings"' in menu) is (role is Role.ADMINISTRATOR)
        await desk.send("/sign-off")


async def test_what_the_clinic_sets_is_on_the_next_page_of_both_doors(desk: Browser, kiosk: Browser, machine: Machine, records: Records) -> None:
    await administrator(desk)
    assert 'value="UTC"' in await desk.see("/settings")
    await desk.send("/settings", clinic="Hill Clinic", language="en", units="mph", zone="Europe/Berlin")
    page = await desk.see("/settings")
    assert 'value="Hill Clinic"' in page
    assert "mph" in await desk.see("/live")
    assert "CET" in await desk.see("/users")
    assert desk.context.clinic == "Hill Clinic"
    machine.clock.later(1.1)
    assert "mph" in await kiosk.see("/live")
    assert kiosk.context.clinic == "Hill Clinic"
    assert (await records.audit.entries(size=5)).items[0].action == "setting.put"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"language": "xx"}, "no texts in this language"),
        ({"units": "furlongs"}, "km/h, m/s or mph"),
        ({"zone": "Europe/Nowhere"}, "no such time zone"),
        ({"zone": "../../etc/passwd"}, "no such time zone"),
        ({"zone": "Europe"}, "no such time zone"),
        ({"clinic": "x" * 81}, "at most 80 letters"),
    ],
)
async def test_a_setting_that_cannot_be_used_changes_nothing(desk: Browser, changes: dict[str, str], says: str) -> None:
    await administrator(desk)
    answer = await desk.send("/settings", 422, **({"clinic": "Hill", "language": "en", "units": "km/h", "zone": "UTC"} | changes))
    assert says in answer.text
    assert desk.context.clinic == ""


@pytest.mark.parametrize("kept", ["no table", {"zone": 7, "units": [], "clinic": 3, "language": "xx"}, {"zone": "Europe/Nowhere"}, {}])
async def test_a_kept_setting_that_makes_no_sense_leaves_what_the_file_says(desk: Browser, machine: Machine, records: Records, kept: object) -> None:
    await records.settings.put(SYSTEM, "house", kept)
    machine.clock.later(2.0)
    await desk.see("/sign-on")
    assert (desk.context.clinic, desk.context.words.zone.key, desk.context.words.units.value) == ("", "UTC", "km/h")


def test_words_read_differently_from_one_moment_to_the_next() -> None:
    words = Words()
    clock = Clock()
    before = words.instant(clock.now)
    words.become("en", words.units, "Asia/Tokyo")
    assert before != words.instant(clock.now)
    assert words.instant(clock.now).endswith("JST")
    assert words.language_name("en") == "English"
    assert words.say_count("one", "many", 2) == "many"
