"""The charts of one session: the plan as a band with the measured speed on it, what happened as marks, and the rail loads below on the same time axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from treadctl.records.model import Session, SessionEvent, StopRecord
from treadctl.reports.chart import SMALL, Frame, ceiling, draw_noisy, draw_y_axis, runs, time_ticks
from treadctl.reports.figures import Setting, Units, clock, finite
from treadctl.reports.page import ACCENT, ALARM, INK, INNER, MARGIN, PALE, RULE, SOFT, Page
from treadctl.reports.plan_band import LONGEST_S, band, half_width_mps, plan_end_s

BAND: Final = "#bcd7ea"
BAND_LEFT: Final = "#e3e8ec"
LEFT_RAIL: Final = "#1f77a8"
RIGHT_RAIL: Final = "#d9730d"
FASTEST_MPS: Final = 8.0
HEAVIEST_PERCENT: Final = 150.0
LEGEND: Final = 21.0
AXIS: Final = 20.0
BETWEEN: Final = 15.0
HEART: Final = "#8a3ffc"
HEART_FROM: Final = 225.0
"""Height from which there is room for the heart rate, points."""
MANY: Final = 24
NUDGE: Final = 7.0
QUIET: Final = frozenset({"session", "segment", "prompt"})
"""Kinds of events that every session has; they are neither marked nor listed."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark on the chart: a stop (S1, S2, …) or another event (1, 2, …)."""

    at_s: float
    label: str
    is_stop: bool


def notable(session: Session) -> tuple[SessionEvent, ...]:
    """The events worth telling, in order of time: no routine ones, and none that only repeats a stop."""
    stops = [(stop.cause, stop.at_s) for stop in session.stops]

    def repeats(event: SessionEvent) -> bool:
        return any(event.detail.get("cause") == cause and abs(event.at_s - at_s) <= 1.0 for cause, at_s in stops)

    return tuple(sorted((event for event in session.events if event.kind not in QUIET and not repeats(event)), key=_when))


def ordered_stops(session: Session) -> list[StopRecord]:
    """The stops in order of time, those without a known instant last: S1, S2, … of the chart and of the list."""
    return sorted(session.stops, key=_when)


def marks(session: Session) -> tuple[Mark, ...]:
    """Marks of all stops and notable events whose instant is known."""
    stops = [Mark(stop.at_s, f"S{index}", True) for index, stop in enumerate(ordered_stops(session), 1)]
    events = [Mark(event.at_s, str(index), False) for index, event in enumerate(notable(session), 1)]
    return tuple(sorted((mark for mark in stops + events if finite(mark.at_s) is not None), key=_when))


def _when(thing: SessionEvent | StopRecord | Mark) -> tuple[bool, float]:
    known = finite(thing.at_s)
    return known is None, known or 0.0


def draw_charts(page: Page, setting: Setting, session: Session, top: float, height: float) -> float:
    """Draw the charts with their legend within `height`; returns the lower edge. The heart rate is drawn where it was measured and there is room."""
    series = session.series
    walked, rest = band(session.plan, series, step_s=max(1.0, plan_end_s(session.plan) / 1500.0))
    x_high = _x_high(session, rest)
    with_heart = height >= HEART_FROM and any(finite(value) is not None for value in series.heart_rate_per_min)
    room = height - LEGEND - AXIS - BETWEEN * (2.0 if with_heart else 1.0)
    tall, low = (room * 0.56, room * 0.22) if with_heart else (room * 0.66, room * 0.34)
    speeds = [*series.measured_mps, *(edge + half_width_mps(edge) for _, edge in (*walked, *rest) if edge is not None)]
    left, width = MARGIN + 24.0, INNER - 24.0
    speed = Frame(left, top + LEGEND, width, tall, 0.0, x_high, 0.0, setting.units.speed(ceiling(speeds, 0.5, FASTEST_MPS)))
    rails_high = ceiling((*series.rail_left_percent, *series.rail_right_percent), 10.0, HEAVIEST_PERCENT)
    rails = Frame(left, speed.bottom + BETWEEN, width, low, 0.0, x_high, 0.0, rails_high)
    last = Frame(left, rails.bottom + BETWEEN, width, low, 0.0, x_high, 40.0, ceiling(series.heart_rate_per_min, 120.0, 240.0)) if with_heart else rails
    _draw_legend(page, setting, top, with_heart)
    _draw_band(page, speed, walked, BAND, setting.units)
    _draw_band(page, speed, rest, BAND_LEFT, setting.units)
    draw_y_axis(page, setting, speed)
    _draw_rails(page, setting, rails, session)
    if with_heart:
        draw_y_axis(page, setting, last, 3)
        draw_noisy(page, last, series.time_s, series.heart_rate_per_min, HEART)
    _draw_marks(page, speed, last.bottom, marks(session))
    in_units = [None if mps is None else setting.units.speed(mps) for mps in series.measured_mps]
    for run in runs(speed, series.time_s, in_units):
        page.polyline(run, ACCENT, 0.9)
    if not len(series):
        middle = speed.top + speed.height / 2.0
        page.text(left + width / 2.0, middle, setting.say("No samples were recorded."), 8.0, colour=SOFT, align="centre")
    _draw_time_axis(page, setting, last)
    return top + height


def _x_high(session: Session, rest: Sequence[tuple[float, float | None]]) -> float:
    ends = [finite(session.series.time_s[-1]) if len(session.series) else None, finite(session.head.summary.duration_s), plan_end_s(session.plan)]
    ends += [rest[-1][0]] if rest else []
    return min(LONGEST_S, max(10.0, *(end for end in ends if end is not None)))


def _draw_band(page: Page, frame: Frame, points: Sequence[tuple[float, float | None]], colour: str, units: Units) -> None:
    upper: list[tuple[float, float]] = []
    lower: list[tuple[float, float]] = []
    for time_s, speed in (*points, (0.0, None)):
        if speed is None:
            page.polygon([*upper, *reversed(lower)], colour)
            upper, lower = [], []
            continue
        half = half_width_mps(speed)
        upper.append((frame.x(time_s), frame.y(units.speed(speed + half))))
        lower.append((frame.x(time_s), frame.y(units.speed(max(0.0, speed - half)))))


def _draw_marks(page: Page, speed: Frame, bottom: float, all_marks: Sequence[Mark]) -> None:
    """Stops as lines through all charts, events as dotted ones; where there are many events, as short ticks. Labels only where they do not collide."""
    free_from = {True: -1.0, False: -1.0}
    many = sum(not mark.is_stop for mark in all_marks) > MANY
    for mark in all_marks:
        x = speed.x(mark.at_s)
        colour = ALARM if mark.is_stop else SOFT
        if mark.is_stop:
            page.line((x, speed.top), (x, bottom), colour, 0.7)
        else:
            page.line((x, speed.bottom - 4.0 if many else speed.top), (x, speed.bottom if many else bottom), colour, 0.5, () if many else (1.5, 1.5))
        y = speed.top - 1.5 if mark.is_stop else speed.bottom + 8.5
        half = page.width(mark.label, SMALL, True) / 2.0
        at = max(x, free_from[mark.is_stop] + half)
        if at - x <= NUDGE:
            page.text(at, y, mark.label, SMALL, bold=True, colour=colour, align="centre")
            free_from[mark.is_stop] = at + half + 2.0


def _draw_rails(page: Page, setting: Setting, frame: Frame, session: Session) -> None:
    draw_y_axis(page, setting, frame, 3)
    series = session.series
    left = draw_noisy(page, frame, series.time_s, series.rail_left_percent, LEFT_RAIL)
    right = draw_noisy(page, frame, series.time_s, series.rail_right_percent, RIGHT_RAIL)
    if len(series) and not (left or right):
        middle = frame.top + frame.height / 2.0
        page.text(frame.left + frame.width / 2.0, middle, setting.say("The rail loads were not measured."), 8.0, colour=SOFT, align="centre")


def _draw_legend(page: Page, setting: Setting, top: float, with_heart: bool) -> None:
    y, x = top + 6.0, MARGIN + INNER
    entries = [(setting.say("plan"), BAND), (setting.say("measured"), ACCENT), (setting.say("left rail"), LEFT_RAIL), (setting.say("right rail"), RIGHT_RAIL)]
    if with_heart:
        entries.append((setting.say("heart rate *"), HEART))
    for label, colour in reversed(entries):
        page.text(x, y, label, 7.0, colour=INK, align="right")
        x -= page.width(label, 7.0) + 14.0
        if colour == BAND:
            page.box(x, y - 5.0, 11.0, 6.0, colour)
        else:
            page.line((x, y - 2.4), (x + 11.0, y - 2.4), colour, 1.4)
        x -= 9.0
    unit = setting.units.value
    plain = setting.say("Belt speed, {unit}; rail load, % BW", unit=unit)
    title = setting.say("Belt speed, {unit}; rail load, % BW; heart rate, /min", unit=unit) if with_heart else plain
    page.text(MARGIN, y, page.fit(title, x - MARGIN, 7.5, True), 7.5, bold=True)


def _draw_time_axis(page: Page, setting: Setting, frame: Frame) -> None:
    for mark in time_ticks(frame.x_high, 12):
        x = frame.x(mark)
        page.line((x, frame.bottom), (x, frame.bottom + 2.5), RULE, 0.6)
        page.text(x, frame.bottom + 9.5, clock(mark), SMALL, colour=SOFT, align="centre")
    page.line((frame.left, frame.bottom), (frame.right, frame.bottom), PALE, 0.5)
    words = setting.say("time from the session's start, min:s; S = stop, numbers = events listed below")
    page.text(frame.left + frame.width, frame.bottom + 18.0, words, SMALL, colour=SOFT, align="right")
