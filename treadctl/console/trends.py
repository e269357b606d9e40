"""How it went over the sessions: ten figures, read from the heads of sessions and from measures, never from samples. JSON for the drawing."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from pydantic import BaseModel

from treadctl.console.desk import Ctx, Whom
from treadctl.console.knowing import heads_of
from treadctl.console.rights import Command
from treadctl.console.words import Words
from treadctl.reports import trends as reported
from treadctl.reports.figures import goes_backward

ROUTES: Final = APIRouter()
MOST_PAGES: Final = 10  # of 500: the newest 5,000 sessions, more than twenty years of four a week


class Trend(BaseModel):
    """One figure over time: instants in seconds since 1970 and its values, oldest first. `high` is null where its axis has no end."""

    id: str
    title: str
    unit: str
    digits: int
    low: float
    high: float | None
    t: list[float]
    v: list[float]


class Trends(BaseModel):
    """All of a person. `zone` and `language` are the clinic's; `sessions` is how many were looked at."""

    language: str
    zone: str
    figures: list[Trend]
    sessions: int


@ROUTES.get("/api/v1/people/{person_id}/trends")
async def trends(person_id: str, context: Ctx, who: Whom) -> Trends:
    """How it went: every figure over the backward sessions of a person, and their measures. Only heads of sessions are read."""
    context.demand(who, Command.VIEW_PERSON)
    await context.records.people.get(person_id)
    heads = [head for head in await heads_of(context, person_id, MOST_PAGES) if goes_backward(head)]
    measures = await context.records.measures.of(person_id)
    words = context.words
    figures = [_trend(trend, words) for trend in reported.trends(heads, measures, words.units, words.zone)]
    return Trends(language=words.language.replace("_", "-"), zone=words.zone.key, figures=figures, sessions=len(heads))


def _trend(trend: reported.Trend, words: Words) -> Trend:
    least, most = trend.highs
    return Trend(
        id=trend.figure.id, title=words.say(trend.figure.title), unit=words.say(trend.unit), digits=trend.digits, low=trend.figure.low,
        high=most if least == most else None, t=[dot.at_s for dot in trend.dots], v=[round(dot.value, 3) for dot in trend.dots],
    )  # fmt: skip
