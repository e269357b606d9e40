"""People and sessions for programs: the same lists and records as the pages show, with the same rights. Nothing is changed here."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from treadctl.console.desk import Ctx, Whom
from treadctl.console.rights import Command
from treadctl.console.sessions import filter_of
from treadctl.records.plain import plain
from treadctl.records.repository import LARGEST_PAGE

ROUTES: Final = APIRouter()
Size = Annotated[int, Query(ge=1, le=LARGEST_PAGE)]


@ROUTES.get("/api/v1/people")
async def people(context: Ctx, who: Whom, q: str = "", away: bool = False, after: str | None = None, size: Size = 50) -> dict[str, Any]:
    """People by id; `next` goes into `after` for what follows, null at the end."""
    context.demand(who, Command.LIST_PEOPLE)
    found = await context.records.people.search(q, archived=away, page=after or None, size=size)
    return {"items": [plain(person) for person in found.items], "next": found.next}


@ROUTES.get("/api/v1/people/{person_id}")
async def person(person_id: str, context: Ctx, who: Whom) -> dict[str, Any]:
    """One person, with the screening that counts, what is set aside, measures, and the current prescriptions. The trail notes who looked."""
    context.demand(who, Command.VIEW_PERSON)
    records = context.records
    found = await records.people.get(person_id)
    await records.audit.add(who.actor, "person.viewed", person_id)
    return {
        "person": plain(found),
        "screening": plain(await records.screenings.latest(person_id)),
        "overrides": plain(await records.overrides.in_force(person_id)),
        "measures": plain(await records.measures.of(person_id)),
        "prescriptions": plain(await records.prescriptions.current(person_id)),
    }


@ROUTES.get("/api/v1/sessions")
async def sessions(
    context: Ctx, who: Whom, person: str = "", machine: str = "", outcome: str = "", since: str = "", until: str = "", after: str | None = None, size: Size = 50
) -> dict[str, Any]:
    """Heads of sessions, newest first; days are the clinic's, both within."""
    context.demand(who, Command.VIEW_SESSIONS)
    which = filter_of(context, {"person": person, "machine": machine, "outcome": outcome, "since": since, "until": until})
    found = await context.records.sessions.heads(which, page=after or None, size=size)
    return {"items": [plain(head) for head in found.items], "next": found.next}


@ROUTES.get("/api/v1/sessions/{session_id}")
async def session(session_id: str, context: Ctx, who: Whom) -> dict[str, Any]:
    """One session in full, its samples included."""
    context.demand(who, Command.VIEW_SESSIONS)
    found = await context.records.sessions.get(session_id)
    whole: dict[str, Any] = await asyncio.to_thread(plain, found)
    return whole
