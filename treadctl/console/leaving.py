"""Taking a copy of everything that is kept of a person, and forgetting them. Both may be done by people who otherwise see no records, so no name is shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response, StreamingResponse

from treadctl.console.context import Context
from treadctl.console.desk import Checked, Ctx, Whom, go, person_of_desk, user_of
from treadctl.console.pages import page
from treadctl.console.rights import Command
from treadctl.console.view import _
from treadctl.records.model import Session
from treadctl.records.plain import plain

ROUTES: Final = APIRouter(include_in_schema=False)


@ROUTES.get("/person")
async def by_id(context: Ctx, who: Whom, request: Request, person_id: str = "") -> Response:
    """From an id to its page of erasing and exporting."""
    context.demand(who, Command.ERASE_PERSON)
    person = await person_of_desk(context, person_id.strip())
    return go(f"/people/{person.id}/erase")


@ROUTES.post("/people/{person_id}/export")
async def export(person_id: str, context: Ctx, who: Checked, samples: Annotated[bool, Form()] = False) -> Response:
    """Everything that is kept, as one JSON file; with every sample on wish. The trail notes it."""
    user_of(context, who, Command.EXPORT_PERSON)
    whole = await context.records.people.export(who.actor, person_id, series=False)
    headers = {"Content-Disposition": f'attachment; filename="treadctl-{person_id}.json"', "Cache-Control": "no-store"}
    if samples:
        return StreamingResponse(_with_samples(context, whole), media_type="application/json", headers=headers)
    body = await asyncio.to_thread(json.dumps, whole, ensure_ascii=False, indent=1)
    return Response(body, media_type="application/json", headers=headers)


async def _with_samples(context: Context, whole: dict[str, Any]) -> AsyncIterator[str]:
    """The same with the samples, a session at a time: a thousand sessions at once would not fit into memory."""
    sessions = whole.pop("sessions")
    yield json.dumps(whole, ensure_ascii=False)[:-1] + ', "sessions": ['
    for number, session in enumerate(sessions):
        full = await context.records.sessions.get(session["head"]["id"])
        yield ("," if number else "") + await asyncio.to_thread(_text, full)
    yield "]}"


def _text(session: Session) -> str:
    return json.dumps(plain(session), ensure_ascii=False)


@ROUTES.get("/people/{person_id}/erase")
async def erase_page(person_id: str, request: Request, context: Ctx, who: Whom) -> Response:
    """What erasing takes away, and the form that asks once."""
    context.demand(who, Command.ERASE_PERSON)
    person = await person_of_desk(context, person_id)
    return page(request, "erase.html", who=who, person_id=person.id, typed="", sessions="keep")


@ROUTES.post("/people/{person_id}/erase")
async def erase(
    person_id: str, request: Request, context: Ctx, who: Checked, typed: Annotated[str, Form(max_length=64)] = "", sessions: Annotated[str, Form()] = ""
) -> Response:
    """Forget a person for good. The id must be typed: this cannot be undone."""
    user_of(context, who, Command.ERASE_PERSON)
    person = await person_of_desk(context, person_id)
    say = context.words.say
    wrong = ""
    if typed.strip() != person.id:
        wrong = say(_("The id that was typed is not {id}. Nothing was erased.")).format(id=person.id)
    elif sessions not in {"keep", "remove"}:
        wrong = say(_("Choose what becomes of the sessions. Nothing was erased."))
    if wrong:
        return page(request, "erase.html", who=who, status=422, message=("bad", wrong), person_id=person.id, typed=typed, sessions=sessions)
    await context.records.people.erase(who.actor, person.id, sessions_too=sessions == "remove")
    context.workshop.clear()  # reports of them that were just made
    return go("/people", "erased")
