"""Intake: the importer's sink in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from treadctl.errors import TreadctlError
from treadctl.records.audit import Actor, append
from treadctl.records.importing.findings import Gap
from treadctl.records.model import Arming, ProofTest, Session
from treadctl.records.rows_in import cursor_moved_at, move_cursor, read_cursor, write_proof_tests, write_sessions
from treadctl.records.store import Records

IMPORTER: Final = Actor("importer", "system")


class Intake:
    """A `Sink` for one journal; `journal` is the name its cursor goes by. Gaps in the journal are noted in the audit trail.

    The cursor is moved on from where this sink saw it, so that two importers of one journal do not both enter a piece: TC602 for the later one, which then
    begins again at the cursor it finds.
    """

    def __init__(self, records: Records, journal: str) -> None:
        self._records = records
        self._journal = journal
        self._seen: str | None = None

    async def cursor(self) -> str | None:
        """As committed last."""
        async with self._records.database.read() as connection:
            position = await read_cursor(connection, self._journal)
        self._seen = str(position) if position is not None else None
        return self._seen

    async def imported_at(self) -> datetime | None:
        """When the cursor moved last; None before the first commit."""
        async with self._records.database.read() as connection:
            return await cursor_moved_at(connection, self._journal)

    async def arming(self, request_id: str) -> Arming | None:
        """Whom and what it was for."""
        return await self._records.armings.find(request_id)

    async def commit(self, sessions: Sequence[Session], proof_tests: Sequence[ProofTest], gaps: Sequence[Gap], cursor: str) -> None:
        """All of it in one transaction."""
        at = self._records.sessions.now()
        known = [await self._with_overrides(session) for session in sessions]
        async with self._records.database.write() as connection:
            if not await move_cursor(connection, self._journal, self._seen, cursor, at):
                raise TreadctlError("database_busy", f"import of {self._journal}", "another importer is at this journal")
            await write_sessions(connection, known)
            await write_proof_tests(connection, proof_tests)
            for gap in gaps:
                await append(connection, at, IMPORTER, "journal.gap", gap.place, f"{gap.error}: {gap.sentence}")
        self._seen = cursor

    async def _with_overrides(self, session: Session) -> Session:
        """With the rules that were set aside for this person when it began: the journal holds no person, so it cannot say."""
        head = session.head
        if head.person_id is None:
            return session
        at = head.started_at
        found = await self._records.overrides.of(head.person_id)
        return replace(session, overrides=tuple(o.rule for o in found if o.at <= at and (o.withdrawn_at is None or o.withdrawn_at > at)))
