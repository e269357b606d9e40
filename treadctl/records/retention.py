"""How long sessions are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import and_, delete, func, select

from treadctl.records.audit import Actor, append
from treadctl.records.erasure import remove_sessions
from treadctl.records.repository import Repository
from treadctl.records.schema import ARMINGS, SESSIONS, USERS

AT_ONCE: Final = timedelta(days=31)
FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Retention(Repository):
    """Removes what is older than the clinic keeps. People, prescriptions, measures and the trail stay: they end by erasure, or never."""

    async def retire(self, actor: Actor, before: datetime) -> int:
        """As `apply`, but careful with wall clocks: called once a day, one that is years ahead takes a month of the oldest at most before it is noticed.

        And a session dated before the first user is of a clock that was behind, or from before the records: it stays.
        """
        async with self.database.read() as connection:
            begun = (await connection.execute(select(func.min(USERS.c.created_at)))).scalar_one_or_none()
            if begun is None:
                return 0
            oldest = (await connection.execute(select(func.min(SESSIONS.c.started_at)).where(SESSIONS.c.started_at >= begun))).scalar_one_or_none()
        return 0 if oldest is None or oldest >= before else await self.apply(actor, min(before, oldest + AT_ONCE), since=begun)

    async def apply(self, actor: Actor, before: datetime, *, since: datetime = FIRST) -> int:
        """Remove the sessions that began before then, and the armings, since that; how many sessions. The journal does not bring them back."""
        at = self.now()
        async with self.database.write() as connection:
            count = await remove_sessions(connection, and_(SESSIONS.c.started_at < before, SESSIONS.c.started_at >= since), at)
            await connection.execute(delete(ARMINGS).where(ARMINGS.c.at < before))
            if count:
                await append(connection, at, actor, "sessions.retired", "sessions", f"{count} from before {before.isoformat()}")
        await self.database.forget_deleted()
        return count
