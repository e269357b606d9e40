"""How long sessions are kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, func, select

from treadctl.records.audit import Actor, append
from treadctl.records.erasure import remove_sessions
from treadctl.records.repository import Repository
from treadctl.records.schema import ARMINGS, SESSIONS

AT_ONCE: Final = timedelta(days=31)


class Retention(Repository):
    """Removes what is older than the clinic keeps. People, prescriptions, measures and the trail stay: they end by erasure, or never."""

    async def retire(self, actor: Actor, before: datetime) -> int:
        """As `apply`, but a month of the oldest at most: called once a day, a wall clock that was set years ahead takes little before it is noticed."""
        async with self.database.read() as connection:
            oldest = (await connection.execute(select(func.min(SESSIONS.c.started_at)))).scalar_one_or_none()
        return 0 if oldest is None or oldest >= before else await self.apply(actor, min(before, oldest + AT_ONCE))

    async def apply(self, actor: Actor, before: datetime) -> int:
        """Remove the sessions that began before then, and the armings; how many sessions. The journal does not bring them back."""
        at = self.now()
        async with self.database.write() as connection:
            count = await remove_sessions(connection, SESSIONS.c.started_at < before, at)
            await connection.execute(delete(ARMINGS).where(ARMINGS.c.at < before))
            if count:
                await append(connection, at, actor, "sessions.retired", "sessions", f"{count} from before {before.isoformat()}")
        await self.database.forget_deleted()
        return count
