"""What the page of one session shows, and the numbers its drawings are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from pydantic import BaseModel

from treadctl.console.plan_band import Planned, planned, thinned, window
from treadctl.console.view import _
from treadctl.console.words import NONE, Words
from treadctl.core.prompts import PromptKind
from treadctl.records.model import AnswerRecord, PlannedStretch, Series, Session, SessionEvent, StopRecord

BEFORE_S: Final = 30.0
AFTER_S: Final = 10.0  # where the record does not say when the belt was at rest
LONGEST_REST_S: Final = 60.0
ANSWERED: Final = {
    PromptKind.RPE.value: _("Exertion"),
    PromptKind.DIZZINESS.value: _("Dizziness"),
    PromptKind.PAIN.value: _("Pain"),
    PromptKind.BREATHING.value: _("Breathlessness"),
}
BLOCKS: Final = {"warm_up": _("warm-up"), "main": _("main"), "cool_down": _("cool-down")}
HANDS: Final = {"on": _("hands on"), "free": _("hands free"), "off": _("hands off")}
MARKED: Final = frozenset({"cause", "stop", "prompt", "imbalance", "unsteady"})  # events that are drawn into the chart; all of them stand in the list
Column = list[float | None]


class Track(BaseModel):
    """Columns of equal length for one drawing: s, the clinic's unit of speed, percent of body weight. None = not known."""

    t: list[float]
    measured: Column
    commanded: Column
    low: Column
    high: Column
    left: Column
    right: Column


class Mark(BaseModel):
    """Something that happened, for a drawing."""

    t: float
    kind: str
    text: str


class Replayed(BaseModel):
    """What went before a stop, and the stop itself, at every sample. `at` is the stop's instant."""

    at: float
    track: Track
    marks: list[Mark]


class Drawing(BaseModel):
    """Everything the drawings of a session are made of."""

    unit: str
    digits: int
    whole: Track
    marks: list[Mark]
    stops: list[Replayed]


@dataclass(frozen=True, slots=True)
class StopShown:
    """One stop in words, with a table of what went before: second by second, newest last."""

    stop: StopRecord
    facts: list[tuple[str, str]]
    rows: list[tuple[str, ...]]
    happened: list[tuple[str, str]]


def drawing_of(session: Session, words: Words) -> Drawing:
    """The numbers of the drawings. The whole session is thinned so that no peak is lost; what went before a stop is not."""
    plan = planned(session)
    stops = [
        Replayed(
            at=stop.at_s,
            track=_track(session.series, plan, window(session.series, stop.at_s - BEFORE_S, _until_s(stop)), words),
            marks=[_mark(event, words) for event in session.events if stop.at_s - BEFORE_S <= event.at_s <= _until_s(stop)],
        )
        for stop in session.stops
    ]
    marks = [_mark(event, words) for event in session.events if event.kind in MARKED]
    digits = words.units.digits
    return Drawing(unit=words.units.value, digits=digits, whole=_track(session.series, plan, thinned(session.series), words), marks=marks, stops=stops)


def _track(series: Series, plan: Planned, samples: Sequence[int], words: Words) -> Track:
    per = words.units.speed(1.0)
    bands = [plan.band(index) for index in samples]
    return Track(
        t=[round(series.time_s[index], 2) for index in samples],
        measured=_column(series.measured_mps, samples, per),
        commanded=_column(series.commanded_mps, samples, per),
        low=[None if band is None else round(band[0] * per, 3) for band in bands],
        high=[None if band is None else round(band[1] * per, 3) for band in bands],
        left=_column(series.rail_left_percent, samples, 1.0),
        right=_column(series.rail_right_percent, samples, 1.0),
    )


def _column(values: Sequence[float | None], samples: Sequence[int], per: float) -> Column:
    return [None if (value := values[index]) is None else round(value * per, 3) for index in samples]


def _mark(event: SessionEvent, words: Words) -> Mark:
    return Mark(t=round(event.at_s, 2), kind=event.kind, text=words.say(event.sentence))


def _until_s(stop: StopRecord) -> float:
    return stop.at_s + (AFTER_S if stop.rest_s is None else min(stop.rest_s + 1.0, LONGEST_REST_S))


def shown(session: Session, words: Words) -> dict[str, Any]:
    """What the template needs beside the session itself. Texts are whole and translated."""
    say = words.say
    return {
        "figures": figures_of(session, words),
        "stretches": [_stretch(stretch, words) for stretch in session.plan],
        "answers": [_answer(answer, words) for answer in session.answers],
        "events": [(words.clock(event.at_s), say(event.sentence), event.kind) for event in session.events],
        "stops": [_stop(stop, session, words) for stop in session.stops],
        "walked": _minutes(session, words),
    }


def _answer(answer: AnswerRecord, words: Words) -> tuple[str, str, str, bool, str]:
    """When, which question, what was said, whether the belt stops at that, and from what answer it would."""
    said = words.say(_("not answered")) if answer.value is None else words.number(answer.value, 0)
    over = answer.value is not None and answer.limit is not None and answer.value >= answer.limit
    return words.clock(answer.at_s), words.say(ANSWERED.get(answer.kind, answer.kind)), said, over, words.number(answer.limit, 0)


def figures_of(session: Session, words: Words) -> list[tuple[str, str]]:
    """The summary, as label and value."""
    s, say, number = session.head.summary, words.say, words.number

    def with_unit(value: float | None, unit: str, digits: int = 0) -> str:
        return NONE if value is None else f"{number(value, digits)} {say(unit)}"

    return [
        (say(_("Peak speed")), words.speed(s.peak_mps)),
        (say(_("Mean speed")), words.speed(s.mean_mps)),
        (say(_("Time on the moving belt")), words.clock(s.belt_s)),
        (say(_("Distance")), with_unit(s.distance_m, "m")),
        (say(_("Rail reliance, mean")), with_unit(s.rail_load_percent, _("% of body weight"), 1)),
        (say(_("Hands on the rails")), with_unit(None if s.hands_on_share is None else 100.0 * s.hands_on_share, _("% of the time"))),
        (say(_("Left–right difference")), with_unit(s.asymmetry_percent, "%")),
        (say(_("Lost balance / unsteady")), f"{s.imbalance_events} / {s.unsteady_events}"),
        (say(_("Highest exertion")), number(s.max_rpe, 0)),
        (say(_("Highest dizziness / pain")), f"{number(s.max_dizziness, 0)} / {number(s.max_pain, 0)}"),
        (say(_("Heart rate, mean / highest")), f"{number(s.mean_heart_rate_per_min, 0)} / {number(s.max_heart_rate_per_min, 0)}"),
        (say(_("Steps")), with_unit(s.cadence_per_min, "1/min")),
    ]


def _stretch(stretch: PlannedStretch, words: Words) -> tuple[str, ...]:
    return (
        f"{words.clock(stretch.from_s)}–{words.clock(stretch.to_s)}",
        stretch.label,
        words.say(BLOCKS.get(stretch.block, stretch.block)),
        words.speed(stretch.speed_mps),
        f"{words.number(stretch.grade_percent)} %",
        words.say(HANDS.get(stretch.hands, stretch.hands)),
    )


def _stop(stop: StopRecord, session: Session, words: Words) -> StopShown:
    say, number = words.say, words.number
    facts = [
        (say(_("From")), words.speed(stop.from_mps)),
        (say(_("To rest in")), NONE if stop.rest_s is None else f"{number(stop.rest_s, 2)} s"),
        (say(_("Belt travel")), NONE if stop.travel_m is None else f"{number(stop.travel_m, 2)} m"),
        (say(_("Deceleration")), NONE if stop.deceleration_mps2 is None else f"{number(stop.deceleration_mps2, 2)} m/s²"),
    ]
    near = [event for event in session.events if stop.at_s - BEFORE_S <= event.at_s <= _until_s(stop)]
    happened = [(f"{event.at_s - stop.at_s:+.1f} s".replace(".", words.catalogue.decimal), say(event.sentence)) for event in near]
    return StopShown(stop, facts, _seconds(stop, session.series, words), happened)


def _seconds(stop: StopRecord, series: Series, words: Words) -> list[tuple[str, ...]]:
    """Second by second: to the stop, measured and commanded speed, the most on each rail within that second."""
    rows: list[tuple[str, ...]] = []
    for second in range(-int(BEFORE_S), int(_until_s(stop) - stop.at_s) + 1):
        samples = window(series, stop.at_s + second - 0.05, stop.at_s + second + 0.95)
        if samples:
            speeds = (words.bare_speed(column[samples[0]]) for column in (series.measured_mps, series.commanded_mps))
            rails = (words.number(_most(column, samples)) for column in (series.rail_left_percent, series.rail_right_percent))
            rows.append((f"{second:+d} s", *speeds, *rails))
    return rows


def _most(values: Sequence[float | None], samples: Sequence[int]) -> float | None:
    return max((value for index in samples if (value := values[index]) is not None), default=None)


def _minutes(session: Session, words: Words) -> list[tuple[str, ...]]:
    """The recording as a table, a row for each minute: lowest and highest speed, the most on each rail."""
    series = session.series
    if not series.time_s:
        return []
    marks = [60.0 * minute for minute in range(int(series.time_s[-1] // 60.0) + 2)]
    rows = []
    for begin_s, end_s in pairwise(marks):
        samples = window(series, begin_s, end_s - 1e-6)
        speeds = [value for index in samples if (value := series.measured_mps[index]) is not None]
        if samples:
            low, high = words.bare_speed(min(speeds, default=None)), words.bare_speed(max(speeds, default=None))
            rails = (words.number(_most(column, samples)) for column in (series.rail_left_percent, series.rail_right_percent))
            rows.append((words.clock(begin_s), low, high, *rails))
    return rows
