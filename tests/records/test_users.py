from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from records_rig import CHIEF, Clock, Place, actions, refusal

from treadctl.records.database import Database
from treadctl.records.model import Role, User
from treadctl.records.store import Records


async def chief(records: Records, login: str = "chief") -> User:
    return await records.users.add(CHIEF, login, "The Chief", Role.ADMINISTRATOR, password_hash="$argon2id$1")  # noqa: S106 - no password


async def test_a_user_comes_back_as_entered_and_the_hash_only_with_the_credentials(records: Records) -> None:
    made = await records.users.add(CHIEF, "anna.b", "A. B.", Role.STAFF, password_hash="h1", pin_hash="h2")  # noqa: S106 - no password
    assert (made.login, made.name, made.role, made.active, made.last_seen_at) == ("anna.b", "A. B.", Role.STAFF, True, None)
    assert await records.users.get(made.id) == made
    assert await records.users.all() == (made,)
    found = await records.users.by_login("anna.b")
    assert found is not None
    assert (found.user, found.password_hash, found.pin_hash, found.failed_tries) == (made, "h1", "h2", 0)
    assert "h1" not in repr(made)
    assert await records.users.by_login("nobody") is None
    assert await records.users.by_login("\0") is None


async def test_a_login_is_taken_once(records: Records) -> None:
    await chief(records)
    assert (await refusal(chief(records))).kind.code == "TC607"
    assert await actions(records) == ["user.added"]


@pytest.mark.parametrize("login", ["", "Anna", "a b", ".a", "ä", "a" * 65, "a\0", "a\n"])
async def test_a_login_is_plain(records: Records, login: str) -> None:
    assert (await refusal(records.users.add(CHIEF, login, "n", Role.STAFF))).kind.code == "TC104"


async def test_what_is_changed_is_noted_and_nothing_secret_is(records: Records) -> None:
    user = await records.users.add(CHIEF, "anna", "A.", Role.STAFF)
    assert (await records.users.change_role(CHIEF, user.id, Role.PHYSICIAN)).role is Role.PHYSICIAN
    assert (await records.users.rename(CHIEF, user.id, "A. C.")).name == "A. C."
    await records.users.set_password_hash(CHIEF, user.id, "secret-1")
    await records.users.set_pin_hash(CHIEF, user.id, "secret-2")
    assert (await records.users.deactivate(CHIEF, user.id)).active is False
    assert (await records.users.activate(CHIEF, user.id)).active is True
    assert await actions(records) == [
        "user.added", "user.role_changed", "user.renamed", "user.password_set", "user.pin_set", "user.deactivated", "user.activated",
    ]  # fmt: skip
    entries = (await records.audit.entries()).items
    assert {entry.subject for entry in entries} == {f"user {user.id}"}
    assert not any("secret" in entry.detail for entry in entries)
    found = await records.users.by_login("anna")
    assert found is not None
    assert (found.password_hash, found.pin_hash) == ("secret-1", "secret-2")


async def test_a_user_who_is_not_there_is_told(records: Records) -> None:
    await chief(records)
    for doing in (
        records.users.get(9),
        records.users.change_role(CHIEF, 9, Role.STAFF),
        records.users.rename(CHIEF, 9, "n"),
        records.users.deactivate(CHIEF, 9),
        records.users.set_pin_hash(CHIEF, 9, None),
        records.users.note_failure(9),
        records.web_sessions.sign_on(9, "t", "desk", "c"),
    ):
        assert (await refusal(doing)).kind.code == "TC605"
    assert await actions(records) == ["user.added"]


async def test_the_last_active_administrator_stays(records: Records) -> None:
    first = await chief(records)
    for doing in (records.users.deactivate(CHIEF, first.id), records.users.change_role(CHIEF, first.id, Role.STAFF)):
        assert "last active administrator" in str(await refusal(doing))
    assert (await records.users.change_role(CHIEF, first.id, Role.ADMINISTRATOR)).active
    second = await chief(records, "second")
    await records.users.deactivate(CHIEF, first.id)
    assert "last active administrator" in str(await refusal(records.users.deactivate(CHIEF, second.id)))
    await records.users.activate(CHIEF, first.id)
    await records.users.change_role(CHIEF, second.id, Role.STAFF)
    assert [(user.login, user.role) for user in await records.users.all() if user.active] == [("chief", Role.ADMINISTRATOR), ("second", Role.STAFF)]


async def test_of_two_administrators_who_end_each_other_at_once_one_stays(records: Records, made: Place) -> None:
    first, second = await chief(records), await chief(records, "second")
    other = await Database.open(made.url)
    elsewhere = Records(other, records.people.vault)
    done = await asyncio.gather(records.users.deactivate(CHIEF, first.id), elsewhere.users.change_role(CHIEF, second.id, Role.STAFF), return_exceptions=True)
    await other.close()
    assert sorted(type(each).__name__ for each in done) == ["TreadctlError", "User"]
    assert len([user for user in await records.users.all() if user.active and user.role is Role.ADMINISTRATOR]) == 1


async def test_failed_tries_are_counted_until_somebody_signs_on(records: Records, clock: Clock) -> None:
    user = await chief(records)
    assert [await records.users.note_failure(user.id) for _ in range(3)] == [1, 2, 3]
    found = await records.users.by_login("chief")
    assert found is not None
    assert (found.failed_tries, found.last_failed_at) == (3, clock.now)
    await records.web_sessions.sign_on(user.id, "t", "desk", "c")
    found = await records.users.by_login("chief")
    assert found is not None
    assert (found.failed_tries, found.user.last_seen_at) == (0, clock.now)


async def test_a_newer_hash_of_the_same_password_never_undoes_a_new_password(records: Records) -> None:
    user = await chief(records)
    await records.users.refresh_password_hash(user.id, "$argon2id$1", "$argon2id$2")
    await records.users.refresh_password_hash(user.id, "$argon2id$1", "$argon2id$3")
    found = await records.users.by_login("chief")
    assert found is not None
    assert found.password_hash == "$argon2id$2"  # noqa: S105 - no password


async def test_a_sign_on_holds_at_its_own_door_only_until_signed_off(records: Records, clock: Clock) -> None:
    user = await chief(records)
    begun = await records.web_sessions.sign_on(user.id, "token", "kiosk", "csrf")
    assert await records.web_sessions.find("token", "kiosk") == begun
    assert await records.web_sessions.find("token", "desk") is None
    assert await records.web_sessions.find("other", "kiosk") is None
    assert begun.created_at == begun.last_used_at == clock.now
    assert begun.user.created_at != begun.created_at
    await records.web_sessions.touch("token")
    used = await records.web_sessions.find("token", "kiosk")
    assert used is not None
    assert (used.created_at, used.last_used_at) == (begun.created_at, clock.now)
    await records.web_sessions.sign_off("token")
    await records.web_sessions.sign_off("token")
    assert await records.web_sessions.find("token", "kiosk") is None
    assert await actions(records) == ["user.added", "user.signed_on", "user.signed_off"]


async def test_who_is_changed_is_signed_off_everywhere(records: Records) -> None:
    await chief(records, "other")
    user = await chief(records)

    async def signed_on() -> bool:
        return await records.web_sessions.find("token", "desk") is not None

    for change in (
        lambda: records.users.change_role(CHIEF, user.id, Role.PHYSICIAN),
        lambda: records.users.set_password_hash(CHIEF, user.id, "h"),
        lambda: records.users.set_pin_hash(CHIEF, user.id, "h"),
        lambda: records.users.deactivate(CHIEF, user.id),
    ):
        await records.web_sessions.sign_on(user.id, "token", "desk", "csrf")
        assert await signed_on()
        await change()
        assert not await signed_on()
    assert (await refusal(records.web_sessions.sign_on(user.id, "token", "desk", "csrf"))).kind.code == "TC605"
    await records.users.activate(CHIEF, user.id)
    await records.web_sessions.sign_on(user.id, "token", "desk", "csrf")
    await records.users.rename(CHIEF, user.id, "Other")
    assert await signed_on()


async def test_sign_ons_that_nobody_uses_end(records: Records, clock: Clock) -> None:
    user = await chief(records)
    await records.web_sessions.sign_on(user.id, "old", "desk", "c")
    await records.web_sessions.sign_on(user.id, "used", "desk", "c")
    clock.now += timedelta(hours=1)
    await records.web_sessions.touch("used")
    assert await records.web_sessions.forget_unused(clock.now - timedelta(minutes=30)) == 1
    assert await records.web_sessions.find("old", "desk") is None
    assert await records.web_sessions.find("used", "desk") is not None


async def test_the_same_token_twice_is_a_defect_and_not_a_second_sign_on(records: Records) -> None:
    first, second = await chief(records), await chief(records, "second")
    await records.web_sessions.sign_on(first.id, "token", "desk", "c")
    with pytest.raises(Exception, match=r"(?i)unique"):
        await records.web_sessions.sign_on(second.id, "token", "desk", "c")
    found = await records.web_sessions.find("token", "desk")
    assert found is not None
    assert found.user.id == first.id
