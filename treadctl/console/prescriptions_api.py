"""The programming interface of prescriptions and protocols, and the plan of a draft, which the editor asks for as somebody types.

A prescription's entity tag is the number of its current revision, as in `"3"`; who changes it must send it in If-Match.
"""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from treadctl.console.accounts import Visitor
from treadctl.console.context import Context, context_of
from treadctl.console.differences import compare
from treadctl.console.drafts import Draft, Finding, tidy
from treadctl.console.drawing import figures, plan_shown, stop_words
from treadctl.console.knowing import draft_of
from treadctl.console.once import Once
from treadctl.console.problems import Problem, problem_of
from treadctl.console.rights import Command
from treadctl.console.visiting import checked, visitor
from treadctl.console.writing import LONGEST_NOTE, prescribe, revise, withdraw
from treadctl.errors import TreadctlError
from treadctl.prescription.rewrite import Edit, Op, apply_edit
from treadctl.records.model import Revision

ROUTES: Final = APIRouter(prefix="/api/v1", route_class=Once)
ETAG: Final = re.compile(r'"([1-9][0-9]{0,8})"')

Ctx = Annotated[Context, Depends(context_of)]
Whom = Annotated[Visitor, Depends(visitor)]
Checked = Annotated[Visitor, Depends(checked)]
Text = Annotated[str, Field(max_length=500_000)]
Note = Annotated[str, Field(max_length=LONGEST_NOTE)]
Number = Annotated[int, Field(ge=1, le=2**53)]


class Wish(BaseModel):
    """Base of what is asked here: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")


class NewPrescription(Wish):
    """A new prescription; without a person a protocol of the library. The title is that of the text."""

    person_id: str | None = None
    text: Text
    note: Note = ""


class NewRevision(Wish):
    """The next revision of one."""

    text: Text
    note: Note = ""


class EditWish(Wish):
    """One change of an entry, made in the text."""

    op: Op
    at: Annotated[tuple[int | str, ...], Field(max_length=4)]
    key: Annotated[str, Field(pattern=r"^[a-z_]*$", max_length=40)] = ""
    value: Any = None
    also: Annotated[dict[str, Any], Field(max_length=4)] = Field(default_factory=dict)


class PlanWish(Wish):
    """A draft to be looked over, for a person or for nobody in particular; `edits` are made in its text first."""

    text: Text
    person_id: str | None = None
    edits: Annotated[tuple[EditWish, ...], Field(max_length=20)] = ()


@ROUTES.post("/plan")
async def plan(body: PlanWish, context: Ctx, who: Checked) -> dict[str, Any]:
    """The plan of a draft: points to draw, limits, figures, everything found with its place, and the text where it was changed. Nothing is kept."""
    context.demand(who, Command.VIEW_PRESCRIPTION)
    text = await asyncio.to_thread(_edited, body)  # reading a long text takes a second, and others may want to stop meanwhile
    return draft_shown(await draft_of(context, text, body.person_id), context)


def _edited(body: PlanWish) -> str:
    text = tidy(body.text)
    for wish in body.edits:
        text = apply_edit(text, Edit(wish.op, wish.at, wish.key, wish.value, wish.also))
    return text


def draft_shown(draft: Draft, context: Context) -> dict[str, Any]:
    """A draft as pages and programs get it; fit for JSON."""
    return {
        "text": draft.text.encode("utf-8", "replace").decode("utf-8"),  # half a pair of surrogates was refused, and cannot be sent
        "can_save": not draft.against,
        "findings": [finding_shown(finding, context) for finding in draft.findings],
        "figures": figures(draft, context.frame, context.words),
        "stop": stop_words(draft, context.frame, context.words),
        "plan": plan_shown(draft, context.frame, context.words),
        "entries": {block: draft.table.get(block, []) for block in ("warm_up", "main", "cool_down")} if draft.table is not None else None,
    }


def finding_shown(finding: Finding, context: Context) -> dict[str, Any]:
    """A finding in the words of the clinic."""
    say = context.words.say
    return {
        "weight": finding.weight.value, "sentence": say(finding.sentence), "remedy": say(finding.remedy) if finding.remedy else "",
        "who_may": say(finding.who_may) if finding.who_may else "", "place": finding.place, "path": list(finding.path), "line": finding.line,
        "whose": finding.whose, "rule": finding.rule, "code": finding.code,
    }  # fmt: skip


@ROUTES.get("/prescriptions")
async def listed(context: Ctx, who: Whom, person_id: str | None = None) -> dict[str, Any]:
    """The current revisions of a person's prescriptions; without a person the protocols of the library."""
    context.demand(who, Command.VIEW_PRESCRIPTION)
    prescriptions = context.records.prescriptions
    if person_id is not None:
        await context.records.people.get(person_id)
    found = await (prescriptions.library() if person_id is None else prescriptions.current(person_id))
    return {"items": [_head(revision) for revision in found]}


@ROUTES.post("/prescriptions", status_code=201)
async def add(body: NewPrescription, context: Ctx, who: Checked) -> Response:
    """Write one: its revision 1."""
    made = await prescribe(context, who, body.person_id, body.text, body.note)
    return _whole(made, made.number, 201, {"Location": f"/api/v1/prescriptions/{made.prescription_id}"})


@ROUTES.get("/prescriptions/{prescription_id}")
async def one(prescription_id: Number, request: Request, context: Ctx, who: Whom, revision: Number | None = None) -> Response:
    """The current revision, or the one named. The entity tag is always that of the current one."""
    context.demand(who, Command.VIEW_PRESCRIPTION)
    found = await context.records.prescriptions.revisions(prescription_id)
    chosen = pick(found, revision)
    if revision is None and etag(chosen.number) in [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers={"ETag": etag(chosen.number)})
    return _whole(chosen, found[0].number)


@ROUTES.get("/prescriptions/{prescription_id}/revisions")
async def history(prescription_id: Number, context: Ctx, who: Whom) -> dict[str, Any]:
    """Every revision without its text, the newest first."""
    context.demand(who, Command.VIEW_PRESCRIPTION)
    return {"items": [_head(revision) for revision in await context.records.prescriptions.revisions(prescription_id)]}


@ROUTES.get("/prescriptions/{prescription_id}/difference")
async def difference(prescription_id: Number, old: Number, new: Number, context: Ctx, who: Whom) -> dict[str, Any]:
    """What two revisions differ in, line by line."""
    context.demand(who, Command.VIEW_PRESCRIPTION)
    found = await context.records.prescriptions.revisions(prescription_id)
    rows = await asyncio.to_thread(compare, pick(found, old).text, pick(found, new).text)
    return {"rows": [{"sign": row.sign, "old": row.old, "new": row.new, "text": row.text, "count": row.count} for row in rows]}


@ROUTES.put("/prescriptions/{prescription_id}")
async def change(
    prescription_id: Number, body: NewRevision, context: Ctx, who: Checked, if_match: Annotated[str | None, Header(max_length=200)] = None
) -> Response:
    """Write the next revision. If-Match names the one it was made from: 428 without it, 412 where somebody else was first."""
    expected = _expected(if_match)
    try:
        made = await revise(context, who, prescription_id, expected, body.text, body.note)
    except TreadctlError as error:
        raise await _with_tag(context, prescription_id, error) from error
    return _whole(made, made.number)


@ROUTES.delete("/prescriptions/{prescription_id}", status_code=204)
async def take_back(prescription_id: Number, context: Ctx, who: Checked) -> Response:
    """Withdraw it: it can be read and compared, and no more walked."""
    await withdraw(context, who, prescription_id)
    return Response(status_code=204)


def etag(number: int) -> str:
    """The entity tag of a revision."""
    return f'"{number}"'


def pick(found: tuple[Revision, ...], number: int | None) -> Revision:
    """The revision of that number, the current one where none is named. TC605."""
    chosen = next((revision for revision in found if number is None or revision.number == number), None)
    if chosen is None:
        raise TreadctlError("record_missing", f"prescription {found[0].prescription_id}, revision {number}")
    return chosen


def _expected(if_match: str | None) -> int:
    if if_match is None:
        raise Problem(428, "Say which revision", 'Send If-Match with the entity tag of the revision you changed, such as "3".', "if_match")
    found = ETAG.fullmatch(if_match.strip())
    if found is None:
        raise Problem(400, "Not understood", 'If-Match must be one entity tag as it was given, such as "3".', "if_match")
    return int(found[1])


async def _with_tag(context: Context, prescription_id: int, error: TreadctlError) -> Problem:
    problem = problem_of(error, context.words.say)
    if error.kind.name == "record_changed":
        now = (await context.records.prescriptions.revisions(prescription_id))[0]
        problem.headers["ETag"] = etag(now.number)
    return problem


def _instant(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


def _head(revision: Revision) -> dict[str, Any]:
    return {
        "prescription_id": revision.prescription_id, "revision_id": revision.id, "number": revision.number, "person_id": revision.person_id,
        "title": revision.title, "sha256": revision.sha256, "by": revision.by, "role": revision.role.value, "at": _instant(revision.at),
        "note": revision.note, "withdrawn_at": _instant(revision.withdrawn_at),
    }  # fmt: skip


def _whole(revision: Revision, current: int, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = _head(revision) | {"text": revision.text}
    return JSONResponse(body, status, headers={"ETag": etag(current), "Cache-Control": "no-store", **(headers or {})})
