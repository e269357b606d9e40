"""Who may sign on. Hashes are made and compared elsewhere; here they are kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from treadctl.errors import TreadctlError
from treadctl.records.audit import Actor, append
from treadctl.records.model import Role, User
from treadctl.records.repository import Repository, missing, require_text
from treadctl.records.schema import USERS, WEB_SESSIONS

LOGIN_FORM: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_ADMINISTRATOR: Final = Role.ADMINISTRATOR.value


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user with what proves them. Not to be shown, sent or logged."""

    user: User
    password_hash: str | None
    pin_hash: str | None
    failed_tries: int
    last_failed_at: datetime | None


class Users(Repository):
    """Adds and changes users. There is always an administrator who may sign on, once there was one."""

    async def add(self, actor: Actor, login: str, name: str, role: Role, *, password_hash: str | None = None, pin_hash: str | None = None) -> User:
        """TC607 for a login that is taken, TC104 for one that is none."""
        if LOGIN_FORM.fullmatch(login) is None:
            raise TreadctlError("bad_value", "user > login", "small letters, digits, '.', '_' and '-', at most 64, the first a letter or digit")
        require_text("user > name", name, 200)
        values = {"login": login, "name": name, "role": role.value, "active": True, "password_hash": password_hash, "pin_hash": pin_hash, "failed_tries": 0}
        at = self.now()
        try:
            async with self.database.write() as connection:
                number = (await connection.execute(insert(USERS).values(**values, created_at=at).returning(USERS.c.id))).scalar_one()
                await append(connection, at, actor, "user.added", f"user {number}", f"{login}, {role.value}")
        except IntegrityError:
            raise TreadctlError("record_exists", f"user {login}") from None
        return User(number, login, name, role, active=True, created_at=at)

    async def by_login(self, login: str) -> Credentials | None:
        """None if there is no such user. One who is not active is found: whoever signs people on looks at that."""
        if LOGIN_FORM.fullmatch(login) is None:
            return None
        async with self.database.read() as connection:
            row = (await connection.execute(select(USERS).where(USERS.c.login == login))).first()
        return None if row is None else Credentials(user_of(row), row.password_hash, row.pin_hash, row.failed_tries, row.last_failed_at)

    async def get(self, user_id: int) -> User:
        """TC605 if there is none."""
        async with self.database.read() as connection:
            return user_of(await _row(connection, user_id))

    async def all(self) -> tuple[User, ...]:
        """Everybody, by login."""
        async with self.database.read() as connection:
            return tuple(map(user_of, await connection.execute(select(USERS).order_by(USERS.c.login))))

    async def with_pin(self) -> tuple[User, ...]:
        """Those who may sign on at a machine, by name."""
        query = select(USERS).where(USERS.c.pin_hash.is_not(None), USERS.c.active.is_(True)).order_by(USERS.c.name)
        async with self.database.read() as connection:
            return tuple(map(user_of, await connection.execute(query)))

    async def change_role(self, actor: Actor, user_id: int, role: Role) -> User:
        """The new role counts from the next sign-on: they are signed off. TC605; TC104 for the last active administrator."""
        return await self._change(actor, user_id, "user.role_changed", role.value, {"role": role.value}, keeps_administrator=role is Role.ADMINISTRATOR)

    async def rename(self, actor: Actor, user_id: int, name: str) -> User:
        """TC605."""
        require_text("user > name", name, 200)
        return await self._change(actor, user_id, "user.renamed", "", {"name": name}, signs_off=False)

    async def deactivate(self, actor: Actor, user_id: int) -> User:
        """They are signed off and may not sign on. TC605; TC104 for the last active administrator."""
        return await self._change(actor, user_id, "user.deactivated", "", {"active": False}, keeps_administrator=False)

    async def activate(self, actor: Actor, user_id: int) -> User:
        """They may sign on again, with tries counted from none. TC605."""
        return await self._change(actor, user_id, "user.activated", "", {"active": True, "failed_tries": 0})

    async def set_password_hash(self, actor: Actor, user_id: int, password_hash: str | None) -> User:
        """They are signed off everywhere. TC605."""
        return await self._change(actor, user_id, "user.password_set", "", {"password_hash": password_hash, "failed_tries": 0})

    async def set_pin_hash(self, actor: Actor, user_id: int, pin_hash: str | None) -> User:
        """They are signed off everywhere. TC605."""
        return await self._change(actor, user_id, "user.pin_set", "", {"pin_hash": pin_hash, "failed_tries": 0})

    async def refresh_password_hash(self, user_id: int, old: str, new: str) -> None:
        """The same password under newer parameters, as its library advises after a sign-on; nothing where it was changed meanwhile. No entry in the trail."""
        async with self.database.write() as connection:
            await connection.execute(update(USERS).where(USERS.c.id == user_id, USERS.c.password_hash == old).values(password_hash=new))

    async def note_failure(self, user_id: int) -> int:
        """Count a failed try; how many in a row by now."""
        values = {"failed_tries": USERS.c.failed_tries + 1, "last_failed_at": self.now()}
        async with self.database.write() as connection:
            tries = await connection.execute(update(USERS).where(USERS.c.id == user_id).values(values).returning(USERS.c.failed_tries))
            count = tries.scalar_one_or_none()
        if count is None:
            raise missing("user", user_id)
        return int(count)

    async def _change(
        self, actor: Actor, user_id: int, action: str, detail: str, values: dict[str, Any], *, keeps_administrator: bool = True, signs_off: bool = True
    ) -> User:
        async with self.database.write() as connection:
            if not keeps_administrator:
                await _require_another_administrator(connection, user_id)
            await connection.execute(update(USERS).where(USERS.c.id == user_id).values(**values))
            row = await _row(connection, user_id)
            if signs_off:
                await connection.execute(delete(WEB_SESSIONS).where(WEB_SESSIONS.c.user_id == user_id))
            await append(connection, self.now(), actor, action, f"user {user_id}", detail)
        return user_of(row)


async def _require_another_administrator(connection: AsyncConnection, user_id: int) -> None:
    """TC104 if this user is the only active administrator. All of them are locked: two who deactivate each other come one after the other."""
    query = select(USERS.c.id).where(USERS.c.role == _ADMINISTRATOR, USERS.c.active.is_(True)).order_by(USERS.c.id).with_for_update()
    if list((await connection.execute(query)).scalars()) == [user_id]:
        raise TreadctlError("bad_value", f"user {user_id}", "this is the last active administrator: make another one first")


async def _row(connection: AsyncConnection, user_id: int) -> Row[Any]:
    row = (await connection.execute(select(USERS).where(USERS.c.id == user_id))).first()
    if row is None:
        raise missing("user", user_id)
    return row


def user_of(row: Row[Any]) -> User:
    """A row as a plain value."""
    return User(row.id, row.login, row.name, Role(row.role), active=row.active, created_at=row.created_at, last_seen_at=row.last_seen_at)
