"""Routes of the screen at the machine: choose the person, go through the checklist, hold to start. Five touches from the list to a moving belt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import uuid4

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict

from treadctl.console.accounts import Visitor
from treadctl.console.armed import Whose, require_armed, require_startable, shown, whose
from treadctl.console.context import Context, context_of, require_timely
from treadctl.console.knowing import known_of
from treadctl.console.machine import Opened, Renewal, Renewed, Taken
from treadctl.console.once import Once
from treadctl.console.pages import page
from treadctl.console.prescribing import Ready, make_ready, person_text
from treadctl.console.problems import Problem, problem_from
from treadctl.console.rights import Command, Place, Situation
from treadctl.console.settings import Door
from treadctl.console.view import _, situation
from treadctl.console.visiting import checked, visitor
from treadctl.core.messages import Checklist, RequestKind
from treadctl.errors import TreadctlError
from treadctl.records.model import Arming, Person, Revision, Screening

ROUTES: Final = APIRouter(route_class=Once)
SHOWN: Final = 60

Ctx = Annotated[Context, Depends(context_of)]
Whom = Annotated[Visitor, Depends(visitor)]
Checked = Annotated[Visitor, Depends(checked)]
CHECKS: Final = (
    ("cord_clipped", _("The pull cord is clipped to the person.")),
    ("shoes", _("Shoes are laced, clothing is clear of the belt.")),
    ("clear_zone", _("The zone behind the belt is clear for 2 m.")),
)


@dataclass(frozen=True, slots=True)
class Today:
    """A person with what is prescribed for them today. `ready` is None where nothing is prescribed, `trouble` says why it cannot be used."""

    person: Person
    screening: Screening | None
    revisions: tuple[Revision, ...]
    revision: Revision | None = None
    ready: Ready | None = None
    trouble: str = ""


async def today(context: Context, person_id: str, revision_id: int | None = None) -> Today:
    """Put a person's day together. Raises TreadctlError(record_missing)."""
    records = context.records
    known = await known_of(context, person_id)
    person, screening = known.person, known.screening
    revisions = await records.prescriptions.current(person_id)
    chosen = next((r for r in revisions if r.id == revision_id), revisions[0] if revisions and revision_id is None else None)
    if chosen is None and revisions:
        return Today(person, screening, revisions, trouble=_("This prescription was changed meanwhile, or taken back. Open the person again."))
    if chosen is None:
        return Today(person, screening, revisions, trouble=_("Nothing is prescribed for this person. A physiotherapist prescribes at a desk."))
    day = context.words.local(context.now()).date()
    try:
        ready = make_ready(person_text(known, day, context.words.zone), chosen.text, context.frame, day)
    except TreadctlError as error:
        return Today(person, screening, revisions, chosen, trouble=str(error))
    return Today(person, screening, revisions, chosen, ready)


@ROUTES.get("/", include_in_schema=False)
async def home(request: Request, context: Ctx, who: Whom, q: str = "") -> Response:
    """The first page of each door: the people at the machine, the people of the desk, or the way in."""
    if who.place is Place.SCREEN:
        return RedirectResponse("/pair", status_code=303)
    if who.role is None:
        return RedirectResponse("/sign-on", status_code=303)
    if context.door is Door.DESK:
        return RedirectResponse("/people" if context.allows(who, Command.LIST_PEOPLE) else "/service", status_code=303)
    if not context.allows(who, Command.LIST_PEOPLE):
        return RedirectResponse("/live", status_code=303)
    found = await context.records.people.search(q, size=SHOWN)
    return page(request, "kiosk_people.html", who=who, people=found.items, more=found.next is not None, q=q)


@ROUTES.get("/walk/{person_id}", include_in_schema=False)
async def walk_page(person_id: str, request: Request, context: Ctx, who: Whom, revision: int | None = None) -> Response:
    """Today's prescription and the checklist."""
    context.demand(who, Command.VIEW_PRESCRIPTION)
    return await _walk(request, context, who, await today(context, person_id, revision))


async def _walk(request: Request, context: Context, who: Visitor, day: Today, message: tuple[str, str] | None = None, status: int = 200) -> Response:
    """The page. Where the machine is armed already the button is there for what this page shows only; else it says whose program it is."""
    now, there = situation(context.link.moment), who.place is Place.MACHINE
    held = await whose(context, who) if now is Situation.ARMED else Whose()
    arming = await context.records.armings.find(held.arming) if held.arming else None
    mine = arming is not None and day.revision is not None and (arming.person_id, arming.revision_id) == (day.person.id, day.revision.id)
    return page(
        request, "kiosk_walk.html", who=who, status=status, message=message, day=day, checks=[(key, context.words.say(text)) for key, text in CHECKS],
        may_start=there and (now in {Situation.IDLE, Situation.ENDED} or mine), arming=held.arming if mine else "",
        held=held if now is Situation.ARMED and not mine else None,
    )  # fmt: skip


@ROUTES.post("/walk/{person_id}/arm", include_in_schema=False)
async def arm_form(
    person_id: str, request: Request, context: Ctx, who: Checked, revision: Annotated[int, Form()],
    cord_clipped: Annotated[bool, Form()] = False, shoes: Annotated[bool, Form()] = False, clear_zone: Annotated[bool, Form()] = False,
) -> Response:  # fmt: skip
    """Arm without scripts: the checklist as a form. Starting then needs the held button, or the command line at the machine."""
    context.demand(who, Command.ARM)  # before the page is made again with the reason: it shows whom it is for
    try:
        await _arm(context, who, Arm(person_id=person_id, revision_id=revision, cord_clipped=cord_clipped, shoes=shoes, clear_zone=clear_zone))
    except (TreadctlError, Problem) as error:
        problem = problem_from(error, context.words.say)
        return await _walk(request, context, who, await today(context, person_id, revision), ("bad", problem.detail), problem.status)
    return RedirectResponse("/live", status_code=303)


class Arm(BaseModel):
    """Who walks what, and what the attendant saw."""

    model_config = ConfigDict(extra="forbid")
    person_id: str
    revision_id: int
    cord_clipped: bool
    shoes: bool
    clear_zone: bool


class Armed(Taken):
    """The machine is armed; `arming` is what a held start has to name."""

    arming: str


@ROUTES.post("/api/v1/session/arm", response_model=Armed)
async def arm(body: Arm, context: Ctx, who: Checked) -> dict[str, Any]:
    """Arm. Nothing moves. What preflight forbids is refused with every reason; so is an open point of the checklist."""
    return await _arm(context, who, body)


async def _arm(context: Context, who: Visitor, body: Arm) -> dict[str, Any]:
    context.demand(who, Command.ARM)
    assert who.user is not None  # noqa: S101 - the table of rights has no nobody here
    open_points = [context.words.say(text) for key, text in CHECKS if not getattr(body, key)]
    if open_points:
        raise Problem(422, "Checklist", context.words.say(_("Not confirmed yet:")) + " " + " ".join(open_points), "checklist", tuple(open_points))
    day = await today(context, body.person_id, body.revision_id)
    if day.ready is None or day.revision is None:
        raise Problem(409, "Cannot be walked", context.words.say(day.trouble), "not_ready")
    if day.ready.refusals:
        reasons = tuple(context.words.say(finding.sentence) for finding in day.ready.refusals)
        raise Problem(409, "Not today", " ".join(reasons), "preflight", reasons)
    request_id = uuid4().hex
    # In the record first: a session that the journal shows must find its person, whatever becomes of this process meanwhile.
    await context.records.armings.add(who.actor, request_id, day.person.id, day.revision.id, by=who.user.login)
    checklist = Checklist(who.user.name, cord_clipped=body.cord_clipped, clear_zone=body.clear_zone, shoes=body.shoes)
    taken = await context.link.ask(RequestKind.ARM, who.named, ttl_s=2.0, arm=day.ready.arm(checklist), request_id=request_id)
    await shown(context, request_id)
    return {"accepted": True, "state": taken.state, "arming": request_id}


async def _against(context: Context, arming: Arming) -> tuple[str, ...]:
    """What forbids to walk today what was armed then: the record may have changed meanwhile."""
    day = await today(context, arming.person_id, arming.revision_id)
    if day.ready is None:
        return (context.words.say(day.trouble),)
    return tuple(context.words.say(finding.sentence) for finding in day.ready.refusals)


class WhoseProgram(BaseModel):
    """Whose program the machine holds; empty texts where nobody here knows, or may not."""

    arming: str
    person_id: str
    name: str
    title: str


@ROUTES.get("/api/v1/session/whose", response_model=WhoseProgram)
async def whose_program(context: Ctx, who: Whom) -> dict[str, str]:
    """Whose program the machine holds, for whoever may see the list of people."""
    context.demand(who, Command.WATCH)
    found = await whose(context, who)
    return {"arming": found.arming, "person_id": found.person_id, "name": found.name, "title": found.title}


class Start(BaseModel):
    """What is to be started: the id that arming answered with."""

    model_config = ConfigDict(extra="forbid")
    arming: str


@ROUTES.post("/api/v1/session/start", response_model=Opened)
async def open_hold(body: Start, context: Ctx, who: Checked) -> dict[str, Any]:
    """A button is pressed: the id under which it is renewed. Refused unless the machine holds what the page shows, still allowed."""
    context.demand(who, Command.START_HOLD)
    await require_startable(context, who, body.arming, lambda arming: _against(context, arming))
    return {"hold": context.holds.open(who.token, Command.START_HOLD, body.arming)}


@ROUTES.put("/api/v1/session/start/{hold}", response_model=Renewed)
async def renew_hold(hold: str, body: Renewal, request: Request, context: Ctx, who: Checked) -> dict[str, Any]:
    """The button is still pressed. A renewal that is late, repeated or of another browser ends the hold; then the button must be let go and pressed anew."""
    context.demand(who, Command.START_HOLD)
    require_timely(context, request)
    arming = context.holds.renew(hold, who.token, Command.START_HOLD, body.n).arming
    require_armed(context, arming)
    taken = await context.link.ask(RequestKind.START_HOLD, who.named, ttl_s=0.25, arming=arming)
    return {"done": taken.state != "armed", "state": taken.state}
