"""Sessions as they are read. They are written by the importer only (`importing`): the journal is the truth."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, false, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from treadctl.records.model import AnswerRecord, BlackBox, Outcome, PlannedStretch, Series, Session, SessionEvent, SessionHead, StopRecord, Summary, Week
from treadctl.records.plain import restored, restored_all
from treadctl.records.repository import Page, Repository, Token, missing, page_of, storable
from treadctl.records.schema import SESSION_DETAILS, SESSIONS
from treadctl.records.series import unpack_series

WEEK: Final = timedelta(days=7)
SUMMARY: Final = tuple(field.name for field in fields(Summary))


@dataclass(frozen=True, slots=True)
class Filter:
    """Which sessions; what is None does not matter. `since` is within, `until` is not."""

    person_id: str | None = None
    machine: str | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None

    def of(self, query: Select[Any]) -> Select[Any]:
        """The query, narrowed."""
        where = SESSIONS.c
        texts = ((where.person_id, self.person_id), (where.machine, self.machine), (where.outcome, None if self.outcome is None else self.outcome.value))
        for column, text in texts:
            if text is not None:
                query = query.where(column == text if storable(text) else false())
        if self.since is not None:
            query = query.where(where.started_at >= self.since)
        if self.until is not None:
            query = query.where(where.started_at < self.until)
        return query


EVERY: Final = Filter()


class Sessions(Repository):
    """Lists, single sessions and weeks."""

    async def heads(self, which: Filter = EVERY, *, page: Token = None, size: int = 50) -> Page[SessionHead]:
        """Newest first. Nothing large is read."""
        query = which.of(select(SESSIONS)).order_by(SESSIONS.c.started_at.desc(), SESSIONS.c.id.desc())
        return await page_of(self.database, query, (SESSIONS.c.started_at, SESSIONS.c.id), page, size, head_of, descending=True)

    async def get(self, session_id: str) -> Session:
        """A session in full. TC605 if there is none; TC604 or TC601 for a series that cannot be read."""
        async with self.database.read() as connection:
            found = await full_sessions(connection, SESSIONS.c.id == session_id, series=True) if storable(session_id) else []
        if not found:
            raise missing("session", session_id)
        return found[0]

    async def week(self, person_id: str, until: datetime) -> Week:
        """What the person did in the seven days before `until`, which is not within."""
        query = select(func.count(), func.coalesce(func.sum(SESSIONS.c.belt_s), 0.0)).select_from(SESSIONS)
        async with self.database.read() as connection:
            count, belt_s = (await connection.execute(Filter(person_id=person_id, since=until - WEEK, until=until).of(query))).one()
        return Week(int(count), float(belt_s))


async def full_sessions(connection: AsyncConnection, which: ColumnElement[bool], *, series: bool) -> list[Session]:
    """Sessions in full within the caller's transaction, oldest first; without their samples on wish. Unfolded in a thread: an hour has 36,000 samples."""
    details = [column for column in SESSION_DETAILS.c if column.name not in ({"stops"} if series else {"stops", "series"})]
    query = select(SESSIONS, SESSION_DETAILS.c.stops.label("stop_records"), *details).join(SESSION_DETAILS).where(which)
    rows = (await connection.execute(query.order_by(SESSIONS.c.started_at, SESSIONS.c.id))).all()
    return await asyncio.to_thread(lambda: [_session_of(row, series=series) for row in rows])


def head_of(row: Row[Any]) -> SessionHead:
    """A row as a plain value."""
    summary = Summary(**{name: getattr(row, name) for name in SUMMARY})
    return SessionHead(
        id=row.id, person_id=row.person_id, revision_id=row.revision_id, machine=row.machine, profile=row.profile, profile_sha256=row.profile_sha256,
        direction=row.direction, facing=row.facing, started_at=row.started_at, outcome=Outcome(row.outcome), cause=row.cause, summary=summary,
    )  # fmt: skip


def _session_of(row: Row[Any], *, series: bool) -> Session:
    return Session(
        head=head_of(row),
        mass_kg=row.mass_kg,
        plan=restored_all(PlannedStretch, row.plan),
        events=restored_all(SessionEvent, row.events),
        answers=restored_all(AnswerRecord, row.answers),
        stops=restored_all(StopRecord, row.stop_records),
        overrides=tuple(row.overrides),
        attendant=row.attendant,
        series=unpack_series(row.series, f"series of session {row.id}") if series else Series(),
        black_box=None if row.black_box is None else restored(BlackBox, row.black_box),
    )
