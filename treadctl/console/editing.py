"""The editor's page: a text, what was found in it, its plan, and where two wrote at once what the other one wrote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from treadctl.console.accounts import Visitor
from treadctl.console.context import Context
from treadctl.console.differences import Row, compare
from treadctl.console.drafts import Draft, tidy
from treadctl.console.knowing import draft_of
from treadctl.console.pages import page
from treadctl.console.prescriptions_api import draft_shown, pick
from treadctl.console.problems import Problem, problem_from
from treadctl.console.view import _
from treadctl.console.writing import RefusedDraftError, command_for, from_shelf, prescribe, revise
from treadctl.errors import TreadctlError
from treadctl.records.model import Person, Revision

BLANK: Final = """format = 1
name = "new-protocol"
title = "New protocol"
for_whom = "Say for whom it is, and for whom not."
facing = "console"
direction = "reverse"
requires = ["attendant"]

[[sources]]
cite = "Clinic"
says = "Say where the numbers come from."
mark = "derived"

[[warm_up]]
kind = "floor"
label = "Ankles and hips: circles, holding on"
minutes = 2

[[warm_up]]
label = "Step on; both hands on the rails"
minutes = 2
speed_kmh = 0.8
hands = "on"
prompts = ["dizziness"]

[[main]]
label = "Walk backward"
minutes = 5
speed_kmh = 1.0
hands = "on"
prompts = ["rpe", "dizziness"]

[[cool_down]]
label = "Slower"
minutes = 2
speed_kmh = 0.8
hands = "on"

[[cool_down]]
kind = "floor"
label = "Ankles and hips: stretch"
minutes = 2
"""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Somebody else wrote `theirs` meanwhile: what they changed, and what the text in the editor changes of theirs."""

    theirs: Revision
    they_changed: tuple[Row, ...]
    you_change: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class _Start:
    shipped: str = ""
    revision: int | None = None


def _start(shipped: Annotated[str, Query(max_length=200)] = "", revision: Annotated[int | None, Query(ge=1, le=2**53)] = None) -> _Start:
    return _Start(shipped, revision)


Start = Annotated[_Start, Depends(_start)]


async def editor_page(
    request: Request, context: Context, who: Visitor, person_id: str | None, draft: Draft, *, current: Revision | None = None, expected: int = 0,
    note: str = "", status: int = 200, message: tuple[str, str] | None = None, conflict: Conflict | None = None,
) -> Response:  # fmt: skip
    """The editor. `current` = the revision it began with, None for something new; `expected` is the number a save is made upon."""
    person: Person | None = await context.records.people.get(person_id) if person_id is not None else None
    if current is not None:
        action = f"/prescriptions/{current.prescription_id}/edit"
    else:
        action = f"/people/{person_id}/prescriptions/new" if person_id is not None else "/protocols/new"
    return page(
        request, "editor.html", who=who, status=status, message=message, person=person, action=action, current=current, expected=expected, note=note,
        draft=draft_shown(draft, context), text=draft.text, conflict=conflict,
    )  # fmt: skip


async def show_new(request: Request, context: Context, who: Visitor, person_id: str | None, start: _Start) -> Response:
    """The editor with a text to begin with: a shipped file, a revision, or the least there is."""
    context.demand(who, command_for(person_id))
    text = BLANK
    if start.shipped:
        text = (await from_shelf(context, start.shipped)).text
    elif start.revision is not None:
        text = (await context.records.prescriptions.revision(start.revision)).text
    return await editor_page(request, context, who, person_id, await draft_of(context, text, person_id))


async def check_or_save(request: Request, context: Context, who: Visitor, person_id: str | None, text: str, note: str, do: str) -> Response:
    """What the form of a new one asks for: `save`, else it is checked."""
    context.demand(who, command_for(person_id))
    text = tidy(text)
    if do != "save":
        return await editor_page(request, context, who, person_id, await draft_of(context, text, person_id), note=note)
    try:
        made = await prescribe(context, who, person_id, text, note)
    except RefusedDraftError as refused:
        return await editor_page(request, context, who, person_id, refused.draft, note=note, status=422, message=_not_saved(context))
    except Problem as problem:
        draft = await draft_of(context, text, person_id)
        told = problem.told(context.words.say)
        return await editor_page(request, context, who, person_id, draft, note=note, status=told.status, message=("bad", told.detail))
    return RedirectResponse(f"/prescriptions/{made.prescription_id}", status_code=303)


async def check_or_revise(
    request: Request, context: Context, who: Visitor, prescription_id: int, expected: int, text: str, note: str, do: str
) -> Response:
    """What the form of a change asks for. Where somebody else was first, nothing is written: the page shows theirs, and keeps this text."""
    found = await context.records.prescriptions.revisions(prescription_id)
    current, person_id = found[0], found[0].person_id
    context.demand(who, command_for(person_id))
    text = tidy(text)
    if do != "save":
        return await editor_page(
            request, context, who, person_id, await draft_of(context, text, person_id), current=current, expected=expected, note=note
        )
    try:
        await revise(context, who, prescription_id, expected, text, note)
    except RefusedDraftError as refused:
        return await editor_page(
            request, context, who, person_id, refused.draft, current=current, expected=expected, note=note, status=422, message=_not_saved(context)
        )
    except (TreadctlError, Problem) as error:
        problem = problem_from(error, context.words.say)
        conflict = None
        if isinstance(error, TreadctlError) and error.kind.name == "record_changed":
            conflict = await _conflict(context, prescription_id, expected, text)
            expected = conflict.theirs.number  # a save from this page is one upon theirs, which is on it to be seen
        draft = await draft_of(context, text, person_id)
        return await editor_page(
            request, context, who, person_id, draft, current=current, expected=expected, note=note, status=problem.status,
            message=("bad", problem.detail), conflict=conflict,
        )  # fmt: skip
    return RedirectResponse(f"/prescriptions/{prescription_id}", status_code=303)


async def _conflict(context: Context, prescription_id: int, expected: int, mine: str) -> Conflict:
    found = await context.records.prescriptions.revisions(prescription_id)
    theirs = found[0]
    begun = pick(found, expected).text if any(revision.number == expected for revision in found) else theirs.text
    return Conflict(theirs, compare(begun, theirs.text), compare(theirs.text, mine))


def _not_saved(context: Context) -> tuple[str, str]:
    return ("bad", context.words.say(_("Not saved: what was found below must be settled first. Your text is kept here.")))
