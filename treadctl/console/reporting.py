"""Routes of reports and exports. What takes a while is made in a process of its own; the page meanwhile says how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from treadctl.console.accounts import Visitor
from treadctl.console.context import Context, context_of
from treadctl.console.knowing import heads_of
from treadctl.console.pages import page
from treadctl.console.problems import Problem
from treadctl.console.rights import Command
from treadctl.console.view import _
from treadctl.console.visiting import visitor
from treadctl.records.model import OverrideRecord, Session
from treadctl.reports import making
from treadctl.reports.figures import Setting
from treadctl.reports.work import State
from treadctl.reports.worker import Result

ROUTES: Final = APIRouter(include_in_schema=False)
PDF: Final = "application/pdf"
PATIENCE_S: Final = 1.5  # so long a browser waits for the file itself; then it is shown how far it is

Ctx = Annotated[Context, Depends(context_of)]
Whom = Annotated[Visitor, Depends(visitor)]


@ROUTES.get("/sessions/{session_id}/report.pdf")
async def session_report(session_id: str, context: Ctx, who: Whom) -> Response:
    """The report of a session, one page."""
    session, name, overrides = await _of(context, who, session_id)
    return await _made(context, who, f"session-{session_id[:12]}.pdf", PDF, making.session_report, session, _setting(context), name, overrides)


@ROUTES.get("/sessions/{session_id}/session.csv")
async def samples(session_id: str, context: Ctx, who: Whom) -> Response:
    """Its samples."""
    session, _name, _overrides = await _of(context, who, session_id)
    return await _made(context, who, f"session-{session_id[:12]}.csv", "text/csv; charset=utf-8", making.samples, session)


@ROUTES.get("/sessions/{session_id}/session.json")
async def document(session_id: str, context: Ctx, who: Whom) -> Response:
    """All of it, with a published schema."""
    session, _name, _overrides = await _of(context, who, session_id)
    return await _made(context, who, f"session-{session_id[:12]}.json", "application/json", making.document, session)


@ROUTES.get("/sessions/{session_id}/session.fit")
async def activity(session_id: str, context: Ctx, who: Whom) -> Response:
    """As an activity that sports programs read."""
    session, _name, _overrides = await _of(context, who, session_id)
    return await _made(context, who, f"session-{session_id[:12]}.fit", "application/vnd.ant.fit", making.activity, session)


@ROUTES.get("/sessions/{session_id}/fhir.json")
async def bundle(session_id: str, context: Ctx, who: Whom) -> Response:
    """As an HL7 FHIR R4 bundle."""
    session, _name, _overrides = await _of(context, who, session_id)
    return await _made(context, who, f"session-{session_id[:12]}-fhir.json", "application/fhir+json", making.fhir_bundle, session, _setting(context))


@ROUTES.get("/people/{person_id}/progress.pdf")
async def progress_report(person_id: str, context: Ctx, who: Whom) -> Response:
    """The trends of a person, one page."""
    context.demand(who, Command.REPORT)
    person = await context.records.people.get(person_id)
    heads = tuple(await heads_of(context, person_id))
    measures = await context.records.measures.of(person_id)
    arguments = (heads, measures, _setting(context), person_id, person.name)
    return await _made(context, who, f"progress-{person_id}.pdf", PDF, making.progress_report, *arguments)


@ROUTES.get("/people/{person_id}/sessions.csv")
async def session_list(person_id: str, context: Ctx, who: Whom) -> Response:
    """The sessions of a person, a line for each."""
    context.demand(who, Command.REPORT)
    await context.records.people.get(person_id)
    return await _made(context, who, f"sessions-{person_id}.csv", "text/csv; charset=utf-8", making.session_list, tuple(await heads_of(context, person_id)))


@ROUTES.get("/jobs/{job_id}")
async def job_page(job_id: str, request: Request, context: Ctx, who: Whom) -> Response:
    """How far a file is; the file itself once it is made."""
    context.demand(who, Command.REPORT)
    job, (name, media_type, owner) = context.workshop.job(job_id), context.orders.get(job_id, ("", "", ""))
    if owner != who.token:
        raise Problem(404, "Not here", context.words.say(_("This file was ordered by somebody else, or long ago. Order it again.")))
    if job.state is State.DONE:
        return _file(context.workshop.result(job_id), name, media_type)
    if job.state is State.FAILED:
        context.workshop.result(job_id)  # raises what went wrong
    return page(request, "job.html", who=who, job=job, name=name)


async def _of(context: Context, who: Visitor, session_id: str) -> tuple[Session, str | None, tuple[OverrideRecord, ...]]:
    """The session, the name of the person where it may be read, and the records of the rules that were set aside."""
    context.demand(who, Command.REPORT)
    session = await context.records.sessions.get(session_id)
    if session.head.person_id is None:
        return session, None, ()
    person = await context.records.people.get(session.head.person_id)
    overrides = tuple(o for o in await context.records.overrides.of(person.id) if o.rule in session.overrides)
    return session, person.name, overrides


async def _made(context: Context, who: Visitor, name: str, media_type: str, make: Callable[..., Result], *arguments: object) -> Response:
    job_id = context.workshop.submit(name, make, *arguments)
    kept = {job.id for job in context.workshop.jobs()}
    for old in [key for key in context.orders if key not in kept]:
        del context.orders[old]
    context.orders[job_id] = (name, media_type, who.token)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await context.workshop.finished(job_id)
    except TimeoutError:
        return RedirectResponse(f"/jobs/{job_id}", status_code=303)
    return _file(context.workshop.result(job_id), name, media_type)


def _file(result: Result, name: str, media_type: str) -> Response:
    how = "inline" if media_type == PDF else "attachment"
    headers = {"Content-Disposition": f'{how}; filename="{name}"', "Cache-Control": "no-store"}
    return Response(result, media_type=media_type, headers=headers)


def _setting(context: Context) -> Setting:
    words = context.words
    return Setting(context.now(), words.zone, words.units, words.catalogue, words.language)
