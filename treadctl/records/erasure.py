"""How a person is forgotten: what is theirs goes, what was measured may stay as nobody's, and the trail stays as it is."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from treadctl.records.columns import Instant
from treadctl.records.repository import insert_into
from treadctl.records.schema import (
    ARMINGS,
    IDEMPOTENCY_KEYS,
    MEASURES,
    OVERRIDES,
    PERSON_WORDS,
    PERSONS,
    PRESCRIPTIONS,
    REMOVED_SESSIONS,
    SCREENINGS,
    SESSION_DETAILS,
    SESSIONS,
)


async def erase_person(connection: AsyncConnection, person_id: str, at: datetime, *, sessions_too: bool) -> int:
    """Erase within the caller's transaction; how many sessions were theirs. Erasing twice does no harm."""
    blank = {"name_sealed": None, "facts": "", "note": "", "archived": True, "version": PERSONS.c.version + 1, "changed_at": at}
    # The person first: whoever adds something to them holds this row, and whoever comes after finds it erased.
    erased_at = func.coalesce(PERSONS.c.erased_at, literal(at, Instant))
    await connection.execute(update(PERSONS).where(PERSONS.c.id == person_id).values(**blank, erased_at=erased_at))
    theirs = SESSIONS.c.person_id == person_id
    count = (await connection.execute(select(func.count()).select_from(SESSIONS).where(theirs))).scalar_one()
    if sessions_too:
        await remove_sessions(connection, theirs, at)
    else:
        mine = select(SESSIONS.c.id).where(theirs)
        # What a clinician wrote about them stands in the reasons of overrides; everything else in a session was measured, or is the machine's own sentence.
        await connection.execute(update(SESSION_DETAILS).where(SESSION_DETAILS.c.session_id.in_(mine)).values(overrides=[]))
        await connection.execute(update(SESSIONS).where(theirs).values(person_id=None, revision_id=None))
    for table in (PERSON_WORDS, SCREENINGS, OVERRIDES, MEASURES, ARMINGS, PRESCRIPTIONS):  # revisions go with their prescription
        await connection.execute(delete(table).where(table.c.person_id == person_id))
    # An answer that is kept for a repeated request may hold anything that was on a page.
    await connection.execute(delete(IDEMPOTENCY_KEYS).where(IDEMPOTENCY_KEYS.c.answer.contains(person_id, autoescape=True)))
    return int(count)


async def remove_sessions(connection: AsyncConnection, which: ColumnElement[bool], at: datetime) -> int:
    """Remove sessions for good, and note their ids, so that the journal does not bring them back. How many."""
    ids = select(SESSIONS.c.id, literal(at, Instant)).where(which)
    await connection.execute(insert_into(connection, REMOVED_SESSIONS).from_select(["id", "at"], ids).on_conflict_do_nothing())
    done = await connection.execute(delete(SESSIONS).where(which))
    return done.rowcount
