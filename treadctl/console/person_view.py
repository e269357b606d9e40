"""What the page of one person shows: today's findings, the next step and why, what is prescribed, known and measured, and the last sessions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import Request

from treadctl.console.context import Context
from treadctl.console.desk import downloads
from treadctl.console.facts_form import EXPERIENCES, FIELDS, entries_of
from treadctl.console.kiosk import Today, today
from treadctl.console.knowing import known_of
from treadctl.console.prescribing import person_text
from treadctl.console.session_rows import row_of
from treadctl.console.view import _
from treadctl.console.words import NONE
from treadctl.errors import TreadctlError
from treadctl.prescription.person import Person as PersonFile
from treadctl.prescription.person import person_of
from treadctl.prescription.profile import Profile
from treadctl.prescription.progress import Move, Proposal, propose
from treadctl.records.model import Measure, MeasureRecord, Person, SessionHead
from treadctl.records.sessions import Filter
from treadctl.reports.figures import goes_backward
from treadctl.reports.trends import Figure, trends

SESSIONS_SHOWN: Final = 20
REVISIONS_SHOWN: Final = 8
LOW: Final = _("reads low while the rails are held")
MASS_DIFFERS_KG: Final = 2.0  # derived: below it clothes and the hour of the day explain the difference
MOVES: Final = {
    Move.UP: ("▲", _("Faster")),
    Move.SAME: ("=", _("The same again")),
    Move.DOWN: ("▼", _("Slower")),
}


@dataclass(frozen=True, slots=True)
class Card:
    """One trend before it is drawn: its figure, the last value in words and when it was."""

    figure: Figure
    unit: str
    hint: str
    value: str
    day: str


async def overview(request: Request, context: Context, person: Person, after: str | None) -> dict[str, Any]:
    """Everything the template needs. Of sessions only their heads are read."""
    records, words = context.records, context.words
    day = await today(context, person.id)
    heads = await records.sessions.heads(Filter(person_id=person.id), page=after, size=SESSIONS_SHOWN)
    measures = await records.measures.of(person.id)
    proposal, trouble = await _proposal(context, day)
    return {
        "day": day,
        "trouble": trouble,
        "proposal": proposal,
        "move": MOVES[proposal.move] if proposal is not None else None,
        "facts": _facts(context, person),
        "prescriptions": [(await records.prescriptions.revisions(current.prescription_id))[:REVISIONS_SHOWN] for current in day.revisions],
        "current": {current.id for current in day.revisions},
        "overrides": await records.overrides.in_force(person.id),
        "measures": _newest(measures),
        "cards": _cards(context, heads.items, measures),
        "rows": [row_of(head, words) for head in heads.items],
        "next": heads.next,
        "deep": after is not None,
        "mass_note": _mass_note(context, person, measures),
        "files": downloads(request, "people", person.id),
    }


async def _proposal(context: Context, day: Today) -> tuple[Proposal | None, str]:
    """The next step, or why there is none."""
    now = context.words.local(context.now()).date()
    profile: Profile | None = None
    try:
        if day.ready is not None:
            known, profile = day.ready.person, day.ready.profile
        else:
            known = await _without_prescription(context, day)
        return propose(known, known.record, now, profile), ""
    except TreadctlError as error:
        return None, str(error)


async def _without_prescription(context: Context, day: Today) -> PersonFile:
    known = await known_of(context, day.person.id)
    return person_of(person_text(known, context.words.local(context.now()).date(), context.words.zone), "person")


def _facts(context: Context, person: Person) -> list[tuple[str, str]]:
    """What is known, as label and value; only what was entered, but mass and age always."""
    try:
        entries = entries_of(person.facts, context.words)
    except TreadctlError:
        return []
    words, say, speed_unit = context.words, context.words.say, context.words.units.value
    shown = [(say(_("Experience with going backward")), say(EXPERIENCES.get(entries["experience"], entries["experience"])))]
    for field in FIELDS:
        value, unit = entries.get(field.id, ""), field.unit or speed_unit
        if value or field.id in {"mass_kg", "age_years"}:
            shown.append((say(field.label), f"{value.replace('.', words.catalogue.decimal)} {say(unit)}" if value else NONE))
    shown.append((say(_("Figures of the gait are kept")), say(_("yes, by consent")) if entries["keep_gait"] else say(_("no"))))
    return shown


def _newest(measures: tuple[MeasureRecord, ...]) -> list[MeasureRecord]:
    """The last of each kind."""
    last = {record.measure: record for record in measures}
    return [last[kind] for kind in Measure if kind in last]


def _cards(context: Context, heads: tuple[SessionHead, ...], measures: tuple[MeasureRecord, ...]) -> list[Card]:
    words, cards = context.words, []
    backward = [head for head in heads if goes_backward(head)]
    for trend in trends(backward, measures, words.units, words.zone):
        value, day = NONE, ""
        if trend.dots:
            last = trend.dots[-1]
            value, day = words.number(last.value, trend.digits), words.day(datetime.fromtimestamp(last.at_s, UTC))
        hint = LOW if trend.figure.held_low else trend.figure.hint
        cards.append(Card(trend.figure, words.say(trend.unit), words.say(hint), value, day))
    return cards


def _mass_note(context: Context, person: Person, measures: tuple[MeasureRecord, ...]) -> str:
    """A word where the mass as measured last is not the one that rails are judged by."""
    weighed = [record for record in measures if record.measure is Measure.BODY_MASS_KG]
    try:
        kept = entries_of(person.facts, context.words)["mass_kg"]
    except TreadctlError:
        return ""
    if not weighed or not kept or abs(weighed[-1].value - float(kept)) < MASS_DIFFERS_KG:
        return ""
    text = context.words.say(_("Weighed at {measured} kg on {day}; the rails are still judged by {kept} kg. Change the facts if that is right."))
    return text.format(measured=context.words.number(weighed[-1].value), day=context.words.calendar(weighed[-1].day), kept=kept)


