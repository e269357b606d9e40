"""Pages of sessions: the list with its filters, and one session with what went before each stop."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, time, timedelta
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from treadctl.console.context import Context
from treadctl.console.desk import Ctx, Whom, downloads, query
from treadctl.console.pages import page
from treadctl.console.problems import Problem
from treadctl.console.rights import Command
from treadctl.console.session_rows import CAUSES, OUTCOMES, row_of
from treadctl.console.session_view import Drawing, drawing_of, shown
from treadctl.console.view import _
from treadctl.errors import TreadctlError
from treadctl.records.model import Outcome, Revision
from treadctl.records.names import names_of
from treadctl.records.sessions import Filter

ROUTES: Final = APIRouter()
SHOWN: Final = 50
FIELDS: Final = ("person", "machine", "outcome", "since", "until")


@ROUTES.get("/sessions", include_in_schema=False)
async def sessions_page(request: Request, context: Ctx, who: Whom, after: str | None = None) -> Response:
    """The list, newest first, fifty at a time. A filter that cannot be read is said and left out."""
    context.demand(who, Command.VIEW_SESSIONS)
    given = {field: request.query_params.get(field, "").strip() for field in FIELDS}
    message, status = None, 200
    try:
        which = filter_of(context, given)
        found = await context.records.sessions.heads(which, page=after or None, size=SHOWN)
    except Problem as problem:
        message, status = ("bad", problem.detail), problem.status
        found = await context.records.sessions.heads(size=SHOWN)
    rows = [row_of(head, context.words) for head in found.items]
    names = await names_of(context.records.people, [row.person_id for row in rows if row.person_id])
    return page(
        request, "sessions.html", who=who, status=status, message=message, rows=rows, names=names, given=given, outcomes=OUTCOMES, deep=bool(after),
        more="/sessions" + query(**given, after=found.next) if found.next and status == 200 else "", first="/sessions" + query(**given),
        machines=sorted({row.machine for row in rows} | ({given["machine"]} if given["machine"] else set())),
    )  # fmt: skip


def filter_of(context: Context, given: dict[str, str]) -> Filter:
    """The filter of these entries. Raises Problem 422 with the entry that cannot be read."""
    outcome = given["outcome"]
    if outcome and outcome not in {one.value for one in Outcome}:
        raise Problem(422, "Not understood", context.words.say(_("There is no such outcome.")))
    since, until = _day(context, given["since"]), _day(context, given["until"])
    return Filter(
        person_id=given["person"] or None, machine=given["machine"] or None, outcome=Outcome(outcome) if outcome else None,
        since=None if since is None else _begin(context, since), until=None if until is None else _begin(context, until + timedelta(days=1)),
    )  # fmt: skip


def _day(context: Context, entry: str) -> date | None:
    if not entry:
        return None
    try:
        day = date.fromisoformat(entry)
    except ValueError:
        day = date.min
    if not 1970 <= day.year <= 9000:
        raise Problem(422, "Not understood", context.words.say(_("The day is not a date: year, month and day, as in 2026-03-31.")))
    return day


def _begin(context: Context, day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=context.words.zone)


@ROUTES.get("/sessions/{session_id}", include_in_schema=False)
async def session_page(session_id: str, request: Request, context: Ctx, who: Whom) -> Response:
    """One session: what was planned and walked, what happened, and the thirty seconds before each stop."""
    context.demand(who, Command.VIEW_SESSIONS)
    session = await context.records.sessions.get(session_id)
    values = await asyncio.to_thread(shown, session, context.words)
    head = session.head
    names = await names_of(context.records.people, [head.person_id] if head.person_id else [])
    return page(
        request, "session.html", who=who, session=session, row=row_of(head, context.words), names=names, revision=await _revision(context, head.revision_id),
        cause=context.words.say(CAUSES.get(head.cause or "", head.cause or "")), files=downloads(request, "sessions", head.id), **values,
    )  # fmt: skip


async def _revision(context: Context, revision_id: int | None) -> Revision | None:
    """The revision that was walked; None where the record has none (any more)."""
    if revision_id is None:
        return None
    try:
        return await context.records.prescriptions.revision(revision_id)
    except TreadctlError:
        return None


@ROUTES.get("/api/v1/sessions/{session_id}/drawing")
async def drawing(session_id: str, context: Ctx, who: Whom) -> Drawing:
    """The numbers of a session's drawings: speed in its planned band, rails, events; and every sample from 30 s before each stop until rest."""
    context.demand(who, Command.VIEW_SESSIONS)
    session = await context.records.sessions.get(session_id)
    return await asyncio.to_thread(drawing_of, session, context.words)
