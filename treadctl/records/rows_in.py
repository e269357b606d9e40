"""What an importer writes, on its own connection.

Sessions, proof tests and the place in the journal go into one transaction, and are there together or not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Insert, Update, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from treadctl.records.model import ProofTest, Session
from treadctl.records.plain import plain
from treadctl.records.repository import insert_into
from treadctl.records.schema import IMPORT_CURSOR, PERSONS, PROOF_TESTS, REMOVED_SESSIONS, REVISIONS, SESSION_DETAILS, SESSIONS
from treadctl.records.series import pack_series
from treadctl.records.sessions import SUMMARY

_CHUNK = 100
_KEPT = ("person_id", "revision_id")  # what was known of a session stays known when it is read again from a journal that never knew it


async def write_sessions(connection: AsyncConnection, sessions: Iterable[Session]) -> int:
    """Write each session, or write it anew if one of its id is there. Returns how many were written.

    Left out: those that were removed on purpose. A person who was erased, or is not there, is not named; nor is a revision that is not there.
    """
    written = 0
    waiting = list({session.head.id: session for session in sessions}.values())
    for start in range(0, len(waiting), _CHUNK):
        chunk = waiting[start : start + _CHUNK]
        removed = await _found(connection, REMOVED_SESSIONS.c.id, [session.head.id for session in chunk])
        chunk = [session for session in chunk if session.head.id not in removed]
        # Held until the importer is done: an erasure that comes meanwhile waits, and finds these sessions.
        people = await _found(connection, PERSONS.c.id, [session.head.person_id for session in chunk], PERSONS.c.erased_at.is_(None), hold=True)
        revisions = await _found(connection, REVISIONS.c.id, [session.head.revision_id for session in chunk], hold=True)
        details = await asyncio.to_thread(list, map(_detail_row, chunk))  # folding the samples takes a while
        await _upsert(connection, [_head_row(session, people, revisions) for session in chunk], details)
        written += len(chunk)
    return written


async def write_proof_tests(connection: AsyncConnection, tests: Iterable[ProofTest]) -> None:
    """Write those that are not there yet."""
    rows = [{"machine": _kept(test.machine), "at": test.at, "kind": _kept(test.kind), "passed": test.passed, "detail": _kept(test.detail)} for test in tests]
    if rows:
        await connection.execute(insert_into(connection, PROOF_TESTS).on_conflict_do_nothing(), rows)


async def read_cursor(connection: AsyncConnection, journal: str) -> Any:  # noqa: ANN401 - the importer's own plain value
    """The importer's place in a journal as it was last written; None at the beginning."""
    return (await connection.execute(select(IMPORT_CURSOR.c.position).where(IMPORT_CURSOR.c.journal == journal))).scalar_one_or_none()


async def cursor_moved_at(connection: AsyncConnection, journal: str) -> datetime | None:
    """When it was written last."""
    return (await connection.execute(select(IMPORT_CURSOR.c.at).where(IMPORT_CURSOR.c.journal == journal))).scalar_one_or_none()


async def move_cursor(connection: AsyncConnection, journal: str, before: object, position: object, at: datetime) -> bool:
    """Move the importer's place on from `before`, None = the beginning. False, and nothing is moved, where it stands elsewhere.

    Call it first: whoever moves the same cursor meanwhile waits until this transaction ends, and then learns that the place is taken.
    """
    moved: Insert | Update
    if before is None:
        moved = insert_into(connection, IMPORT_CURSOR).values(journal=journal, position=position, at=at).on_conflict_do_nothing()
    else:
        mine = (IMPORT_CURSOR.c.journal == journal, IMPORT_CURSOR.c.position == before)
        moved = update(IMPORT_CURSOR).where(*mine).values(position=position, at=at)
    return (await connection.execute(moved)).rowcount == 1


async def _upsert(connection: AsyncConnection, heads: list[dict[str, Any]], details: list[dict[str, Any]]) -> None:
    if not heads:
        return
    made = insert_into(connection, SESSIONS)
    values = {name: func.coalesce(made.excluded[name], SESSIONS.c[name]) if name in _KEPT else made.excluded[name] for name in heads[0] if name != "id"}
    await connection.execute(made.on_conflict_do_update(index_elements=["id"], set_=values), heads)
    made = insert_into(connection, SESSION_DETAILS)
    values = {name: made.excluded[name] for name in details[0] if name != "session_id"}
    await connection.execute(made.on_conflict_do_update(index_elements=["session_id"], set_=values), details)


async def _found(connection: AsyncConnection, key: Column[Any], wanted: Sequence[object], *also: ColumnElement[bool], hold: bool = False) -> set[Any]:
    keys = sorted({value for value in wanted if value is not None}, key=str)  # in one order, so that two importers do not wait for each other
    if not keys:
        return set()
    query = select(key).where(key.in_(keys), *also).order_by(key)
    return set((await connection.execute(query.with_for_update(read=True) if hold else query)).scalars())


def _kept(text: str) -> str:
    """The text without what cannot be kept. A journal line must not stop the import of all that follow."""
    return text.replace("\0", "").encode(errors="replace").decode()


def _head_row(session: Session, people: set[Any], revisions: set[Any]) -> dict[str, Any]:
    head = session.head
    row: dict[str, Any] = {name: getattr(head.summary, name) for name in SUMMARY}
    return row | {
        "id": head.id,
        "person_id": head.person_id if head.person_id in people else None,
        "revision_id": head.revision_id if head.revision_id in revisions else None,
        "machine": _kept(head.machine),
        "profile": _kept(head.profile),
        "profile_sha256": head.profile_sha256,
        "direction": head.direction,
        "facing": head.facing,
        "started_at": head.started_at,
        "outcome": head.outcome.value,
        "cause": head.cause,
    }


def _detail_row(session: Session) -> dict[str, Any]:
    return {
        "session_id": session.head.id,
        "mass_kg": session.mass_kg,
        "attendant": _kept(session.attendant),
        "plan": plain(session.plan),
        "events": plain(session.events),
        "answers": plain(session.answers),
        "stops": plain(session.stops),
        "overrides": plain(session.overrides),
        "black_box": plain(session.black_box),
        "series": pack_series(session.series),
    }
