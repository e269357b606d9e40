"""Who is signed on, and at which door. Only the hash of the cookie's token is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update

from treadctl.records.audit import Actor, append
from treadctl.records.model import User
from treadctl.records.repository import Repository, insert_into, missing
from treadctl.records.schema import USERS, WEB_SESSIONS
from treadctl.records.users import user_of


@dataclass(frozen=True, slots=True)
class WebSession:
    """One browser that is signed on."""

    user: User
    door: str
    csrf: str
    created_at: datetime
    last_used_at: datetime


class WebSessions(Repository):
    """How long one lasts is the caller's to say: by `created_at` and `last_used_at`."""

    async def sign_on(self, user_id: int, token_hash: str, door: str, csrf: str) -> WebSession:
        """Begin one; failed tries are forgotten. TC605 if there is no such user, or they are not active."""
        at = self.now()
        active = (USERS.c.id == user_id, USERS.c.active.is_(True))
        async with self.database.write() as connection:
            # The row of the user is held, so that a deactivation comes after and removes this, or came before.
            done = await connection.execute(update(USERS).where(*active).values(failed_tries=0, last_seen_at=at))
            if done.rowcount != 1:
                raise missing("active user", user_id)
            user = user_of((await connection.execute(select(USERS).where(USERS.c.id == user_id))).one())
            values = {"token_hash": token_hash, "user_id": user_id, "door": door, "csrf": csrf, "created_at": at, "last_used_at": at}
            await connection.execute(insert_into(connection, WEB_SESSIONS).values(values))
            await append(connection, at, Actor(user.login, user.role), "user.signed_on", f"user {user_id}", door)
        return WebSession(user, door, csrf, at, at)

    async def find(self, token_hash: str, door: str) -> WebSession | None:
        """None for a token that is not known, is of the other door, or whose user is not active."""
        theirs = (WEB_SESSIONS.c.token_hash == token_hash, WEB_SESSIONS.c.door == door, USERS.c.active.is_(True))
        extra = (WEB_SESSIONS.c.csrf, WEB_SESSIONS.c.created_at.label("began_at"), WEB_SESSIONS.c.last_used_at)
        async with self.database.read() as connection:
            row = (await connection.execute(select(USERS, *extra).join(WEB_SESSIONS).where(*theirs))).first()
        return None if row is None else WebSession(user_of(row), door, row.csrf, row.began_at, row.last_used_at)

    async def touch(self, token_hash: str) -> None:
        """It was used now. Call it no oftener than once a minute: each call writes to disk."""
        async with self.database.write() as connection:
            await connection.execute(update(WEB_SESSIONS).where(WEB_SESSIONS.c.token_hash == token_hash).values(last_used_at=self.now()))

    async def sign_off(self, token_hash: str) -> None:
        """End one; none that is not there."""
        async with self.database.write() as connection:
            theirs = select(USERS.c.id, USERS.c.login, USERS.c.role).join(WEB_SESSIONS).where(WEB_SESSIONS.c.token_hash == token_hash)
            user = (await connection.execute(theirs)).first()
            if user is not None:
                await connection.execute(delete(WEB_SESSIONS).where(WEB_SESSIONS.c.token_hash == token_hash))
                await append(connection, self.now(), Actor(user.login, user.role), "user.signed_off", f"user {user.id}")

    async def forget_unused(self, since: datetime) -> int:
        """End those not used since then; how many."""
        async with self.database.write() as connection:
            return (await connection.execute(delete(WEB_SESSIONS).where(WEB_SESSIONS.c.last_used_at < since))).rowcount
