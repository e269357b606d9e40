"""Pages of the clinic's library of protocols: what is in it, what comes with treadctl, and files brought in from elsewhere."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from treadctl.console.accounts import Visitor
from treadctl.console.context import Context, context_of
from treadctl.console.drafts import read_upload
from treadctl.console.editing import Start, check_or_save, editor_page, show_new
from treadctl.console.pages import page
from treadctl.console.problems import Problem, problem_from
from treadctl.console.rights import Command
from treadctl.console.view import _
from treadctl.console.visiting import checked, visitor
from treadctl.console.writing import RefusedDraftError, command_for, from_shelf, prescribe, shelf
from treadctl.errors import TreadctlError

ROUTES: Final = APIRouter(include_in_schema=False)

Ctx = Annotated[Context, Depends(context_of)]
Whom = Annotated[Visitor, Depends(visitor)]
Checked = Annotated[Visitor, Depends(checked)]
TextField = Annotated[str, Form(max_length=500_000)]
NoteField = Annotated[str, Form(max_length=2000)]


@ROUTES.get("/protocols")
async def library(request: Request, context: Ctx, who: Whom) -> Response:
    """The library."""
    context.demand(who, Command.VIEW_PRESCRIPTION)
    return await _library(request, context, who)


async def _library(request: Request, context: Context, who: Visitor, problem: Problem | None = None) -> Response:
    return page(
        request, "protocols.html", who=who, library=await context.records.prescriptions.library(), shelf=await shelf(context),
        message=("bad", problem.detail) if problem is not None else None, status=problem.status if problem is not None else 200,
    )  # fmt: skip


@ROUTES.get("/protocols/new")
async def new_page(request: Request, context: Ctx, who: Whom, start: Start) -> Response:
    """The editor with a protocol that is not kept yet."""
    return await show_new(request, context, who, None, start)


@ROUTES.post("/protocols/new")
async def new(request: Request, context: Ctx, who: Checked, text: TextField = "", note: NoteField = "", do: Annotated[str, Form()] = "check") -> Response:
    """Check it, or save it as revision 1."""
    return await check_or_save(request, context, who, None, text, note, do)


@ROUTES.post("/protocols/import")
async def bring_in(
    request: Request, context: Ctx, who: Checked, shipped: Annotated[str, Form(max_length=200)] = "", file: Annotated[UploadFile | None, File()] = None
) -> Response:
    """Take a file into the library: one that is shipped, or one that is sent. A refusal shows its text in the editor, each finding with its place."""
    return await take_in(request, context, who, None, shipped, file)


async def take_in(request: Request, context: Context, who: Visitor, person_id: str | None, shipped: str, file: UploadFile | None) -> Response:
    """The same for a person, where one is named: then their limits count as well."""
    context.demand(who, command_for(person_id))
    text = ""
    try:
        if file is not None and file.filename:
            text, note = read_upload(await file.read()), f"from the file {_plain(file.filename)}"
        elif shipped:
            text, note = (await from_shelf(context, shipped)).text, f"from the shipped file {shipped}"
        else:
            raise Problem(422, "No file", context.words.say(_("Choose a file first.")), "no_file")
        made = await prescribe(context, who, person_id, text, note)
    except RefusedDraftError as refused:
        words = context.words.say(_("Not taken in: see what was found. Mend it here, or in the file."))
        return await editor_page(request, context, who, person_id, refused.draft, note=note, status=422, message=("bad", words))
    except (TreadctlError, Problem) as error:
        problem = problem_from(error, context.words.say)
        if person_id is not None:
            raise problem from error
        return await _library(request, context, who, problem)
    return RedirectResponse(f"/prescriptions/{made.prescription_id}", status_code=303)


def _plain(name: str) -> str:
    """The name of a file as it may stand in a note."""
    return "".join(sign for sign in name if sign.isprintable())[:120]
