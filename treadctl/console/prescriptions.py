"""Pages of prescriptions: choosing a protocol for a person, writing, comparing revisions, taking back. Protocols of the library are shown the same way."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Depends, File, Form, Path, Query, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from treadctl.console.accounts import Visitor
from treadctl.console.context import Context, context_of
from treadctl.console.differences import compare
from treadctl.console.editing import Start, check_or_revise, check_or_save, editor_page, show_new
from treadctl.console.knowing import draft_of
from treadctl.console.pages import page
from treadctl.console.prescriptions_api import draft_shown, etag, pick
from treadctl.console.problems import Problem
from treadctl.console.protocols import NoteField, TextField, take_in
from treadctl.console.rights import Command
from treadctl.console.view import _
from treadctl.console.visiting import checked, visitor
from treadctl.console.writing import command_for, shelf, withdraw

ROUTES: Final = APIRouter(include_in_schema=False)

Ctx = Annotated[Context, Depends(context_of)]
Whom = Annotated[Visitor, Depends(visitor)]
Checked = Annotated[Visitor, Depends(checked)]
Key = Annotated[int, Path(ge=1, le=2**53)]
Number = Annotated[int | None, Query(ge=1, le=2**53)]
Do = Annotated[str, Form(max_length=20)]


@ROUTES.get("/prescriptions/new")
async def begin(context: Ctx, who: Whom, person: Annotated[str, Query(max_length=64)]) -> Response:
    """Where prescribing for a person begins."""
    context.demand(who, Command.PRESCRIBE)
    known = await context.records.people.get(person)
    return RedirectResponse(f"/people/{known.id}/prescriptions", status_code=303)


@ROUTES.get("/people/{person_id}/prescriptions")
async def of_person(person_id: str, request: Request, context: Ctx, who: Whom) -> Response:
    """What is prescribed for a person, and what could be."""
    context.demand(who, Command.VIEW_PRESCRIPTION)
    person = await context.records.people.get(person_id)
    prescriptions = context.records.prescriptions
    return page(
        request, "person_prescriptions.html", who=who, person=person, current=await prescriptions.current(person_id),
        library=await prescriptions.library(), shelf=await shelf(context),
    )  # fmt: skip


@ROUTES.get("/people/{person_id}/prescriptions/new")
async def new_page(person_id: str, request: Request, context: Ctx, who: Whom, start: Start) -> Response:
    """The editor with a prescription that is not kept yet."""
    return await show_new(request, context, who, person_id, start)


@ROUTES.post("/people/{person_id}/prescriptions/new")
async def new(person_id: str, request: Request, context: Ctx, who: Checked, text: TextField = "", note: NoteField = "", do: Do = "check") -> Response:
    """Check it, or save it as revision 1."""
    return await check_or_save(request, context, who, person_id, text, note, do)


@ROUTES.post("/people/{person_id}/prescriptions/import")
async def bring_in(person_id: str, request: Request, context: Ctx, who: Checked, file: Annotated[UploadFile | None, File()] = None) -> Response:
    """Prescribe what a file says. The person's limits count: beyond them it is refused, with the rule and who may decide otherwise."""
    return await take_in(request, context, who, person_id, "", file)


@ROUTES.get("/prescriptions/{key}")
async def show(key: Key, request: Request, context: Ctx, who: Whom, revision: Number = None) -> Response:
    """One prescription: the current revision or the one named, its plan, and all revisions."""
    context.demand(who, Command.VIEW_PRESCRIPTION)
    found = await context.records.prescriptions.revisions(key)
    chosen = pick(found, revision)
    person = await context.records.people.get(chosen.person_id) if chosen.person_id is not None else None
    draft = draft_shown(await draft_of(context, chosen.text, chosen.person_id), context)
    return page(
        request, "prescription.html", who=who, person=person, chosen=chosen, revisions=found, draft=draft,
        may_write=context.allows(who, command_for(chosen.person_id)) and chosen.withdrawn_at is None,
    )  # fmt: skip


@ROUTES.get("/prescriptions/{key}/edit")
async def edit_page(key: Key, request: Request, context: Ctx, who: Whom, revision: Number = None) -> Response:
    """The editor with the current revision, or with an older one's text to be written again upon the current one."""
    found = await context.records.prescriptions.revisions(key)
    context.demand(who, command_for(found[0].person_id))
    if found[0].withdrawn_at is not None:
        raise Problem(409, "Withdrawn", context.words.say(_("It was withdrawn; write a new one from its text.")), "withdrawn")
    draft = await draft_of(context, pick(found, revision).text, found[0].person_id)
    return await editor_page(request, context, who, found[0].person_id, draft, current=found[0], expected=found[0].number)


@ROUTES.post("/prescriptions/{key}/edit")
async def edit(
    key: Key, request: Request, context: Ctx, who: Checked, expected: Annotated[int, Form(ge=1, le=2**53)], text: TextField = "", note: NoteField = "",
    do: Do = "check",
) -> Response:  # fmt: skip
    """Check it, or save it as the next revision."""
    return await check_or_revise(request, context, who, key, expected, text, note, do)


@ROUTES.get("/prescriptions/{key}/difference")
async def difference(key: Key, request: Request, context: Ctx, who: Whom, old: Number = None, new: Number = None) -> Response:
    """Two revisions line by line; where none is named, the current one and the one before."""
    context.demand(who, Command.VIEW_PRESCRIPTION)
    found = await context.records.prescriptions.revisions(key)
    newer = pick(found, new)
    older = pick(found, old if old is not None else max(1, newer.number - 1))
    rows = await asyncio.to_thread(compare, older.text, newer.text)
    return page(request, "difference.html", who=who, revisions=found, older=older, newer=newer, rows=rows)


@ROUTES.get("/prescriptions/{key}/file")
async def file(key: Key, context: Ctx, who: Whom, revision: Number = None) -> Response:
    """A revision as the TOML file it is, byte for byte."""
    context.demand(who, Command.VIEW_PRESCRIPTION)
    found = await context.records.prescriptions.revisions(key)
    chosen = pick(found, revision)
    name = f"prescription-{key}-{chosen.number}.toml"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "ETag": etag(chosen.number), "Cache-Control": "no-store"}
    return Response(chosen.text.encode("utf-8"), media_type="application/toml", headers=headers)


@ROUTES.post("/prescriptions/{key}/withdraw")
async def take_back(key: Key, context: Ctx, who: Checked, sure: Annotated[bool, Form()] = False) -> Response:
    """Withdraw it, where the box was ticked."""
    if not sure:
        raise Problem(422, "Not confirmed", context.words.say(_("Tick the box to withdraw it: it can then no more be walked.")), "not_confirmed")
    gone = await withdraw(context, who, key)
    back = f"/people/{gone.person_id}/prescriptions" if gone.person_id is not None else "/protocols"
    return RedirectResponse(back, status_code=303)
