"""How it went over the sessions: ten figures, read from the heads of sessions and from measures, never from samples. JSON for the drawing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time
from typing import Final

from fastapi import APIRouter
from pydantic import BaseModel

from treadctl.console.desk import Ctx, Whom
from treadctl.console.knowing import heads_of
from treadctl.console.rights import Command
from treadctl.console.view import _
from treadctl.console.words import Words
from treadctl.records.model import Measure, MeasureRecord, SessionHead
from treadctl.reports.figures import goes_backward

ROUTES: Final = APIRouter()
MOST_PAGES: Final = 10  # of 500: the newest 5,000 sessions, more than twenty years of four a week


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. `fields` of a session's summary are added up and multiplied by `scale`, or it is a measure. `low` and `high` are the ends of its axis.

    No unit: the clinic's unit of speed, but for what is counted.
    """

    id: str
    title: str
    unit: str
    digits: int
    fields: tuple[str, ...] = ()
    scale: float = 1.0
    measure: Measure | None = None
    hint: str = ""
    low: float | None = 0.0
    high: float | None = None


FIGURES: Final = (
    Figure("peak", _("Peak speed"), "", 1, ("peak_mps",)),
    Figure("time", _("Time on the belt"), "min", 0, ("belt_s",), 1 / 60),
    Figure("rails", _("Rail reliance"), _("% of body weight"), 1, ("rail_load_percent",), hint=_("mean load on both rails; less is more on the feet")),
    Figure("symmetry", _("Left–right difference"), "%", 0, ("asymmetry_percent",), hint=_("of the load on the rails; less is more even")),
    Figure("events", _("Imbalance events"), "", 0, ("imbalance_events", "unsteady_events"), hint=_("lost balance or unsteady, in a session")),
    Figure("dizziness", _("Dizziness"), "0–10", 0, ("max_dizziness",), hint=_("highest answer"), high=10.0),
    Figure("rpe", _("Exertion"), "6–20", 0, ("max_rpe",), hint=_("highest answer"), low=6.0, high=20.0),
    Figure("heart", _("Heart rate"), "1/min", 0, ("max_heart_rate_per_min",), hint=_("highest; reads low under a grip"), low=40.0),
    Figure("walk_3m", _("3-m backward walk"), "s", 1, measure=Measure.BACKWARD_WALK_3M_S, hint=_("less is quicker")),
    Figure("abc", _("ABC balance confidence"), "0–100", 0, measure=Measure.ABC_PERCENT, hint=_("more is surer"), high=100.0),
)
COUNTED: Final = frozenset({"events"})


class Trend(BaseModel):
    """One figure over time: instants in seconds since 1970 and its values, oldest first."""

    id: str
    title: str
    unit: str
    digits: int
    low: float | None
    high: float | None
    t: list[float]
    v: list[float]


class Trends(BaseModel):
    """All of a person. `zone` and `language` are the clinic's; `sessions` is how many were looked at."""

    language: str
    zone: str
    figures: list[Trend]
    sessions: int


def value_of(figure: Figure, head: SessionHead, words: Words) -> float | None:
    """The figure of one session in the unit it is shown in; None where it is not known."""
    values = [getattr(head.summary, field) for field in figure.fields]
    if not values or any(value is None for value in values):
        return None
    return float(sum(values)) * (words.units.speed(1.0) if figure.id == "peak" else figure.scale)


@ROUTES.get("/api/v1/people/{person_id}/trends")
async def trends(person_id: str, context: Ctx, who: Whom) -> Trends:
    """How it went: every figure over the backward sessions of a person, and their measures. Only heads of sessions are read."""
    context.demand(who, Command.VIEW_PERSON)
    await context.records.people.get(person_id)
    heads = [head for head in reversed(await heads_of(context, person_id, MOST_PAGES)) if goes_backward(head)]
    measures = await context.records.measures.of(person_id)
    words = context.words
    figures = [_trend(figure, heads, measures, words) for figure in FIGURES]
    return Trends(language=words.language.replace("_", "-"), zone=words.zone.key, figures=figures, sessions=len(heads))


def _trend(figure: Figure, heads: list[SessionHead], measures: Iterable[MeasureRecord], words: Words) -> Trend:
    points: list[tuple[float, float | None]]
    if figure.measure is None:
        points = [(head.started_at.timestamp(), value_of(figure, head, words)) for head in heads]
    else:
        noon = time(12, 0, tzinfo=words.zone)
        points = [(datetime.combine(m.day, noon).timestamp(), m.value) for m in measures if m.measure is figure.measure]
    known = [(at, round(value, 3)) for at, value in points if value is not None]
    return Trend(
        id=figure.id, title=words.say(figure.title), unit=unit_of(figure, words), digits=figure.digits, low=figure.low, high=figure.high,
        t=[at for at, _v in known], v=[v for _at, v in known],
    )  # fmt: skip


def unit_of(figure: Figure, words: Words) -> str:
    """Its unit, as the clinic reads it; the empty text for what is counted."""
    return "" if figure.id in COUNTED else words.say(figure.unit) if figure.unit else words.units.value
