"""Pages of people: the list, the record of one, adding and changing it, putting it away."""

from __future__ import annotations

import secrets
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from treadctl.console.accounts import Visitor
from treadctl.console.context import Context
from treadctl.console.desk import Checked, Ctx, Whom, done, go, person_of_desk, refusal, there_is, user_of
from treadctl.console.facts_form import EXPERIENCES, FIELDS, LONGEST_NAME, SPEEDS, WrongEntry, differences, entries_of, facts_of
from treadctl.console.pages import page
from treadctl.console.person_view import overview
from treadctl.console.rights import Command
from treadctl.console.view import _
from treadctl.errors import TreadctlError
from treadctl.records.model import Person
from treadctl.records.people import new_pseudonym

ROUTES: Final = APIRouter(include_in_schema=False)
SHOWN: Final = 50
Version = Annotated[int, Form(ge=0)]


@ROUTES.get("/people")
async def people_page(request: Request, context: Ctx, who: Whom, q: str = "", away: bool = False, after: str | None = None) -> Response:
    """The list, by name or id, fifty at a time. Who may only export and erase gives the id instead."""
    said = done(context, request.query_params.get("done", ""))
    if not context.allows(who, Command.LIST_PEOPLE) and context.allows(who, Command.ERASE_PERSON):
        return page(request, "people_by_id.html", who=who, message=said)
    context.demand(who, Command.LIST_PEOPLE)
    found = await context.records.people.search(q, archived=away, page=after or None, size=SHOWN)
    return page(
        request, "people.html", who=who, message=said, people=found.items, next=found.next, q=q, away=away, deep=bool(after),
        locked=context.records.people.vault.locked,
    )  # fmt: skip


@ROUTES.get("/people/new")
async def new_page(request: Request, context: Ctx, who: Whom) -> Response:
    """The empty form."""
    context.demand(who, Command.ADD_PERSON)
    return _form(request, context, who, None, {"experience": "first"})


@ROUTES.post("/people/new")
async def add(request: Request, context: Ctx, who: Checked) -> Response:
    """Add somebody; a wrong entry shows the form again with its reason. The form sent twice adds them once."""
    user_of(context, who, Command.ADD_PERSON)
    entries = await _entries(request)
    try:
        _in_our_unit(context, entries)
        person = await _add(context, who, entries)
    except (TreadctlError, WrongEntry) as error:
        return _form(request, context, who, None, entries, error)
    return go(f"/people/{person}", "added")


async def _add(context: Context, who: Visitor, entries: dict[str, str]) -> str:
    """The id of the new person. The id is chosen before they are added, under the key of this form: of two sendings the second finds the first's."""
    facts = facts_of(entries, context.words, None if context.allows(who, Command.PRESCRIBE) else "")
    people, chosen = context.records.people, new_pseudonym()
    kept = (await context.records.answers.keep(who.actor.login, f"person {once(entries)}", "", chosen)).answer
    try:
        return (await people.add(who.actor, facts=facts, name=entries["name"] or None, note=entries["note"], person_id=kept)).id
    except TreadctlError as error:
        if error.kind.name == "record_exists" and kept != chosen:
            return kept
        raise


@ROUTES.get("/people/{person_id}")
async def person_page(person_id: str, request: Request, context: Ctx, who: Whom, after: str | None = None) -> Response:
    """The record of one person: today, the next step, how it went, and what is known of them. The trail notes who looked."""
    context.demand(who, Command.VIEW_PERSON)
    said = done(context, request.query_params.get("done", ""))
    person = await context.records.people.get(person_id)
    if person.erased_at is not None:
        return page(request, "person_erased.html", who=who, status=410, person=person)
    await context.records.audit.add(who.actor, "person.viewed", person.id)
    shown = await overview(request, context, person, after or None)
    return page(request, "person.html", who=who, message=said, person=person, prescribe=there_is(request, "/prescriptions/new"), **shown)


@ROUTES.get("/people/{person_id}/facts")
async def facts_page(person_id: str, request: Request, context: Ctx, who: Whom) -> Response:
    """The form with what is kept now."""
    context.demand(who, Command.CHANGE_PERSON)
    person = await person_of_desk(context, person_id)
    entries, error = _kept(context, person)
    return _form(request, context, who, person, entries, error)


@ROUTES.post("/people/{person_id}/facts")
async def change(person_id: str, request: Request, context: Ctx, who: Checked, version: Version) -> Response:
    """Change what is known. Where somebody else was quicker both are shown, and nothing is kept until it is sent again."""
    user_of(context, who, Command.CHANGE_PERSON)
    person = await person_of_desk(context, person_id)
    entries = await _entries(request)
    locked = context.records.people.vault.locked
    try:
        _in_our_unit(context, entries)
        facts = facts_of(entries, context.words, None if context.allows(who, Command.PRESCRIBE) else person.facts)
        name = None if locked or entries["name"] == (person.name or "") else entries["name"]
        await context.records.people.change(who.actor, person_id, version, facts=facts, name=name, note=entries["note"])
    except (TreadctlError, WrongEntry) as error:
        now = await person_of_desk(context, person_id)
        return _form(request, context, who, now, entries, error)
    return go(f"/people/{person_id}", "saved")


@ROUTES.post("/people/{person_id}/archive")
async def archive(person_id: str, context: Ctx, who: Checked, version: Version) -> Response:
    """Put somebody away from the lists; the record stays."""
    user_of(context, who, Command.CHANGE_PERSON)
    await context.records.people.archive(who.actor, person_id, version)
    return go(f"/people/{person_id}", "archived")


@ROUTES.post("/people/{person_id}/restore")
async def restore(person_id: str, context: Ctx, who: Checked, version: Version) -> Response:
    """Take somebody back into the lists."""
    user_of(context, who, Command.CHANGE_PERSON)
    await context.records.people.archive(who.actor, person_id, version, archived=False)
    return go(f"/people/{person_id}", "restored")


async def _entries(request: Request) -> dict[str, str]:
    """What was entered. A browser sends line ends of a note as two signs; one is kept."""
    fields = await request.form()
    found = {key: value.replace("\r\n", "\n").strip() for key, value in fields.items() if isinstance(value, str)}
    return {"name": "", "note": "", **found}


def _in_our_unit(context: Context, entries: dict[str, str]) -> None:
    """Raises WrongEntry where the clinic's unit of speed was changed since the form was shown: a number would mean another speed."""
    if entries.get("unit", context.words.units.value) != context.words.units.value:
        text = context.words.say(_("The clinic's unit of speed was changed meanwhile. Speeds are now in {unit}: enter them anew."))
        raise WrongEntry("own_speed", text.format(unit=context.words.units.value))


def _kept(context: Context, person: Person) -> tuple[dict[str, str], TreadctlError | None]:
    """The entries for what is kept, and why they are not all there."""
    own = {"name": person.name or "", "note": person.note}
    try:
        return {**entries_of(person.facts, context.words), **own}, None
    except TreadctlError as error:
        return {"experience": "first", **own}, error


def _form(
    request: Request, context: Context, who: Visitor, person: Person | None, entries: dict[str, str], error: TreadctlError | WrongEntry | None = None
) -> Response:
    """The form for a new person or a known one, with what is wrong with it. Speeds entered in another unit are not shown again as if they were in this one."""
    if entries.get("unit", context.words.units.value) != context.words.units.value:
        entries = {**entries, **dict.fromkeys(SPEEDS, "")}
    message, status, wrong, both = None, 200, "", []
    if isinstance(error, WrongEntry):
        message, status, wrong = ("bad", error.sentence), 422, error.field
    elif error is not None and person is not None and error.kind.name == "record_changed":
        message, status = ("bad", context.words.say(_("Somebody else has changed this meanwhile. Look at both below; what you send now is what counts."))), 412
        both = differences(_kept(context, person)[0], entries)
    elif error is not None:
        message, status = refusal(context, error)
        status = 200 if request.method == "GET" else status
    return page(
        request, "person_form.html", who=who, status=status, message=message, person=person, given=entries, wrong=wrong, both=both, fields=FIELDS,
        experiences=EXPERIENCES, may_cap=context.allows(who, Command.PRESCRIBE), locked=context.records.people.vault.locked, longest_name=LONGEST_NAME,
        unreadable=person.facts if error is not None and person is not None and request.method == "GET" else "", once=once(entries),
    )  # fmt: skip


def once(entries: dict[str, str]) -> str:
    """What tells a form sent twice from two forms: kept from the first time it was shown."""
    given = entries.get("once", "")
    return given if given and len(given) <= 64 else secrets.token_urlsafe(12)
