"""Pages of what staff find out and decide about a person: the screening, rules set aside, measures taken beside the sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from treadctl.console.accounts import Visitor
from treadctl.console.context import Context
from treadctl.console.desk import Checked, Ctx, Whom, done, go, person_of_desk, refusal, user_of
from treadctl.console.facts_form import NUMBER
from treadctl.console.pages import page
from treadctl.console.prescribing import override_of
from treadctl.console.problems import Problem
from treadctl.console.rights import Command
from treadctl.console.view import _
from treadctl.errors import TreadctlError
from treadctl.prescription.defaults import SCREENING_DAYS
from treadctl.prescription.rules import ROWS, Kind, authority_of, may_set_aside
from treadctl.prescription.words import Authority, Rule
from treadctl.records.model import Measure, Role, User

ROUTES: Final = APIRouter(include_in_schema=False)
QUESTIONS: Final = {
    "severe_osteoporosis": (_("Severe osteoporosis?"), _("Yes: no backward training.")),
    "vestibular_dysfunction": (_("A disorder of the sense of balance?"), _("Yes: no backward training.")),
    "lumbar_problem": (_("Trouble of the lower back?"), _("Yes: slower, level, and a clinician decides.")),
    "ankle_problem": (_("Trouble of an ankle?"), _("Yes: slower, level, and pain is asked about during and after.")),
    "knee_problem": (_("Trouble of a knee?"), _("Yes: walking only, and pain is asked about.")),
    "beta_blocker": (_("Is a beta-blocker taken?"), _("Yes: no limit of heart rate follows from age; exertion is asked about.")),
}
LEAST_REASON, MOST_REASON = 10, 500  # the longest fits on a line of the person file as the daemon takes it


@dataclass(frozen=True, slots=True)
class Scale:
    """What may be entered for a measure."""

    label: str
    unit: str
    low: float
    high: float
    digits: int
    hint: str = ""


SCALES: Final = {
    Measure.BACKWARD_WALK_3M_S: Scale(_("3-m backward walk test"), "s", 0.5, 120.0, 1, _("0.5 to 120 s for three metres walked backward on the floor")),
    Measure.ABC_PERCENT: Scale(_("ABC balance confidence"), "%", 0.0, 100.0, 0, _("0 to 100, the mean of the sixteen items")),
    Measure.BODY_MASS_KG: Scale(_("Body mass"), "kg", 20.0, 250.0, 1, _("20 to 250 kg")),
    Measure.RESTING_HEART_RATE_PER_MIN: Scale(_("Resting heart rate"), "1/min", 25.0, 220.0, 0, _("25 to 220 in a minute")),
}


def acting(context: Context, who: Visitor, command: Command) -> tuple[User, str]:
    """Who acts, and the name that the record shows for it."""
    user = user_of(context, who, command)
    return user, user.name or user.login


# --- screening -----------------------------------------------------------------------------------------------------------


@ROUTES.get("/people/{person_id}/screening")
async def screening_page(person_id: str, request: Request, context: Ctx, who: Whom) -> Response:
    """The questions, none answered beforehand; earlier answers stand below."""
    context.demand(who, Command.SCREEN_PERSON)
    return await _screening(request, context, who, person_id, {})


@ROUTES.post("/people/{person_id}/screening")
async def screen(person_id: str, request: Request, context: Ctx, who: Checked) -> Response:
    """Sign the answers of today. Every question must be answered, and the signature given."""
    _user, name = acting(context, who, Command.SCREEN_PERSON)
    form = await request.form()
    given = {key: str(form.get(key, "")) for key in QUESTIONS}
    open_ones = [context.words.say(text) for key, (text, _hint) in QUESTIONS.items() if given[key] not in {"yes", "no"}]
    problem = ""
    if open_ones:
        problem = context.words.say(_("Not answered yet:")) + " " + " ".join(open_ones)
    elif form.get("signed") != "true":
        problem = context.words.say(_("Not signed: tick that you asked these questions today."))
    if problem:
        return await _screening(request, context, who, person_id, given, ("bad", problem), 422)
    await person_of_desk(context, person_id)
    await context.records.screenings.add(who.actor, person_id, {key: given[key] == "yes" for key in QUESTIONS}, signer=name)
    return go(f"/people/{person_id}", "screened")


async def _screening(
    request: Request, context: Context, who: Visitor, person_id: str, given: dict[str, str], message: tuple[str, str] | None = None, status: int = 200
) -> Response:
    person = await person_of_desk(context, person_id)
    earlier = await context.records.screenings.of(person_id)
    signer = who.user.name or who.user.login if who.user is not None else ""
    return page(
        request, "screening.html", who=who, status=status, message=message, person=person, questions=QUESTIONS, given=given, earlier=earlier, signer=signer,
        today=context.words.day(context.now()), days=SCREENING_DAYS,
    )  # fmt: skip


# --- rules set aside ---------------------------------------------------------------------------------------------------


@ROUTES.get("/people/{person_id}/overrides")
async def overrides_page(person_id: str, request: Request, context: Ctx, who: Whom) -> Response:
    """Which rules are set aside, which may be, and by whom."""
    context.demand(who, Command.VIEW_PERSON)
    return await _overrides(request, context, who, person_id, {}, done(context, request.query_params.get("done", "")))


@ROUTES.post("/people/{person_id}/overrides")
async def set_aside(
    person_id: str, request: Request, context: Ctx, who: Checked, rule: Annotated[str, Form(max_length=64)] = "", reason: Annotated[str, Form()] = ""
) -> Response:
    """Set a rule aside for one person, by name and with the reason."""
    user, name = acting(context, who, Command.OVERRIDE)
    try:
        await _set_aside(context, who, person_id, rule, " ".join(reason.split()), user.role, name)
    except (TreadctlError, Problem) as error:
        message, status = refusal(context, error)
        return await _overrides(request, context, who, person_id, {"rule": rule, "reason": reason}, message, status)
    return go(f"/people/{person_id}/overrides", "overridden")


async def _set_aside(context: Context, who: Visitor, person_id: str, rule: str, reason: str, role: Role, name: str) -> None:
    say = context.words.say
    await person_of_desk(context, person_id)
    if rule not in {one.value for one in Rule}:
        raise Problem(422, "Not understood", say(_("Choose the rule that is to be set aside.")))
    if not may_set_aside(Rule(rule), role.value):
        authority = authority_of(Rule(rule))
        if authority is Authority.NOBODY:
            raise Problem(422, "Never", say(_("This rule is never set aside.")), "never_set_aside")
        raise Problem(403, "Not allowed", say(_("This rule may be set aside by: {who}.")).format(who=say(authority.value)), "not_allowed")
    if len(reason) < LEAST_REASON:
        raise Problem(422, "No reason", say(_("Write the reason in a sentence: it goes into the record and into each session.")), "no_reason")
    if len(reason) > MOST_REASON or not reason.isprintable():
        raise Problem(422, "Too long", say(_("At most {count} letters, and only such as can be seen.")).format(count=MOST_REASON), "bad_reason")
    if any(one.rule == rule for one in await context.records.overrides.in_force(person_id)):
        raise Problem(409, "Already", say(_("This rule is set aside already. Withdraw that first, then give the new reason.")), "already")
    override_of(rule, name if len(name) > 1 else f"{name}.", role.value, reason)
    await context.records.overrides.add(who.actor, person_id, rule, reason, by=name)


@ROUTES.post("/people/{person_id}/overrides/{number}/withdraw")
async def withdraw(person_id: str, number: int, context: Ctx, who: Checked) -> Response:
    """The rule counts again."""
    _user, name = acting(context, who, Command.OVERRIDE)
    if all(one.id != number for one in await context.records.overrides.of(person_id)):
        raise TreadctlError("record_missing", f"override {number} of person {person_id}")
    await context.records.overrides.withdraw(who.actor, number, by=name)
    return go(f"/people/{person_id}/overrides", "withdrawn")


def rules_for(context: Context, role: Role | None) -> list[dict[str, Any]]:
    """Every rule with its sentences, who may set it aside, and whether this role may."""
    say = context.words.say
    return [
        {
            "id": rule.value,
            "name": say(rule.value.replace("_", " ")),
            "sentences": list(dict.fromkeys(say(row.sentence) for row in ROWS if row.rule is rule and row.kind is not Kind.CLAIM)),
            "who": say(authority_of(rule).value),
            "mine": role is not None and may_set_aside(rule, role.value),
        }
        for rule in Rule
    ]


async def _overrides(
    request: Request, context: Context, who: Visitor, person_id: str, given: dict[str, str], message: tuple[str, str] | None = None, status: int = 200
) -> Response:
    person = await person_of_desk(context, person_id)
    records, rules = await context.records.overrides.of(person_id), rules_for(context, who.role)
    return page(
        request, "overrides.html", who=who, status=status, message=message, person=person, records=records[::-1], rules=rules,
        given={"rule": "", "reason": "", **given}, sentences={rule["id"]: rule["sentences"] for rule in rules},
    )  # fmt: skip


# --- measures ----------------------------------------------------------------------------------------------------------


@ROUTES.get("/people/{person_id}/measures")
async def measures_page(person_id: str, request: Request, context: Ctx, who: Whom) -> Response:
    """What was measured beside the sessions, and the form for more."""
    context.demand(who, Command.VIEW_PERSON)
    return await _measures(request, context, who, person_id, {}, done(context, request.query_params.get("done", "")))


@ROUTES.post("/people/{person_id}/measures")
async def measure(
    person_id: str, request: Request, context: Ctx, who: Checked,
    kind: Annotated[str, Form()] = "", value: Annotated[str, Form()] = "", day: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Enter one."""
    _user, name = acting(context, who, Command.MEASURE)
    try:
        which, number, on = _read(context, kind, value, day)
        await person_of_desk(context, person_id)
        await context.records.measures.add(who.actor, person_id, which, number, on, by=name)
    except (TreadctlError, Problem) as error:
        message, status = refusal(context, error)
        return await _measures(request, context, who, person_id, {"kind": kind, "value": value, "day": day}, message, status)
    return go(f"/people/{person_id}/measures", "measured")


def _read(context: Context, kind: str, value: str, day: str) -> tuple[Measure, float, date]:
    say = context.words.say
    if kind not in {one.value for one in Measure}:
        raise Problem(422, "Not understood", say(_("Choose what was measured.")))
    scale = SCALES[Measure(kind)]
    if NUMBER.fullmatch(value.strip()) is None or not scale.low <= float(value.strip().replace(",", ".")) <= scale.high:
        raise Problem(422, "Not on the scale", f"{say(scale.label)}: {say(scale.hint)}.", "off_scale")
    today = context.words.local(context.now()).date()
    try:
        on = date.fromisoformat(day) if day else today
    except ValueError:
        raise Problem(422, "Not understood", say(_("The day is not a date: year, month and day, as in 2026-03-31."))) from None
    if not date(1990, 1, 1) <= on <= today:
        raise Problem(422, "Not understood", say(_("The day lies in the future, or before 1990.")))
    return Measure(kind), float(value.strip().replace(",", ".")), on


@ROUTES.post("/people/{person_id}/measures/{number}/remove")
async def remove_measure(person_id: str, number: int, context: Ctx, who: Checked) -> Response:
    """Take one out that was entered wrongly."""
    user_of(context, who, Command.MEASURE)
    if all(one.id != number for one in await context.records.measures.of(person_id)):
        raise TreadctlError("record_missing", f"measure {number} of person {person_id}")
    await context.records.measures.remove(who.actor, number)
    return go(f"/people/{person_id}/measures", "removed")


async def _measures(
    request: Request, context: Context, who: Visitor, person_id: str, given: dict[str, str], message: tuple[str, str] | None = None, status: int = 200
) -> Response:
    person = await person_of_desk(context, person_id)
    records = await context.records.measures.of(person_id)
    today = context.words.local(context.now()).date().isoformat()
    return page(
        request, "measures.html", who=who, status=status, message=message, person=person, records=records[::-1], scales=SCALES,
        given={"kind": "", "value": "", "day": today, **given}, today=today,
    )  # fmt: skip
