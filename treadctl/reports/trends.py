"""Trends over sessions as plain numbers: which figures, on which scale, and the line through them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from statistics import fmean, median
from typing import Final

from treadctl.records.model import Measure, MeasureRecord, Outcome, SessionHead, Summary
from treadctl.reports.figures import N_, Units, finite

WINDOW: Final = 5
"""Values that the line through a trend looks at, at least."""
HELD_SHARE: Final = 0.5
SECONDS_PER_MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Dot:
    """One value: its instant (s since the epoch), how it ended, and whether it reads low because the rails were held."""

    at_s: float
    value: float
    stopped: bool = False
    held: bool = False


@dataclass(frozen=True, slots=True)
class Trend:
    """One panel: title, unit, the axis' lower end, the least and greatest upper end it may take, decimals, and its values in order of time."""

    title: str
    unit: str
    low: float
    least_high: float
    most_high: float
    digits: int
    dots: tuple[Dot, ...]
    hint: str = ""
    counts: bool = False


def trends(heads: Sequence[SessionHead], measures: Sequence[MeasureRecord], units: Units) -> tuple[Trend, ...]:
    """The ten trends of the progress report, in the order of their panels. Values that are no numbers are left out."""
    ordered = sorted(heads, key=_started)

    def of(read: Callable[[Summary], float | None], held: bool = False) -> tuple[Dot, ...]:
        out: list[Dot] = []
        for head in ordered:
            value = finite(read(head.summary))
            if value is not None:
                grip = finite(head.summary.hands_on_share)
                reads_low = held and grip is not None and grip > HELD_SHARE
                out.append(Dot(_started(head), value, head.outcome is Outcome.STOPPED, reads_low))
        return tuple(out)

    def measured(which: Measure) -> tuple[Dot, ...]:
        rows = sorted((row for row in measures if row.measure is which and finite(row.value) is not None), key=_taken)
        return tuple(Dot(_noon(row.day), row.value) for row in rows)

    def peak(summary: Summary) -> float:
        return units.speed(summary.peak_mps)

    return (
        Trend(N_("Peak belt speed"), units.value, 0.0, units.speed(1.0), units.speed(8.0), units.digits, of(peak)),
        Trend(N_("Time on the moving belt"), "min", 0.0, 5.0, 240.0, 0, of(_belt_minutes)),
        Trend(N_("Rail load, mean"), N_("% of body weight"), 0.0, 10.0, 100.0, 1, of(_rails), N_("less = relies less on the rails")),
        Trend(N_("Left–right asymmetry at the rails"), "%", 0.0, 10.0, 100.0, 1, of(_asymmetry), N_("less = more even")),
        Trend(N_("Imbalance events"), N_("a session"), 0.0, 3.0, 50.0, 0, of(_imbalance), counts=True),
        Trend(N_("Dizziness, highest"), "0–10", 0.0, 10.0, 10.0, 0, of(_dizziness)),
        Trend(N_("Effort, highest"), N_("Borg 6–20"), 6.0, 20.0, 20.0, 0, of(_effort)),
        Trend(N_("Heart rate, highest"), "/min", 40.0, 140.0, 240.0, 0, of(_heart, held=True), N_("hollow = rails held: reads low")),
        Trend(N_("3-m backward walk"), "s", 0.0, 6.0, 60.0, 1, measured(Measure.BACKWARD_WALK_3M_S), N_("less = faster")),
        Trend(N_("ABC balance confidence"), "0–100 %", 0.0, 100.0, 100.0, 0, measured(Measure.ABC_PERCENT), N_("more = more confident")),
    )


def course(trend: Trend) -> list[tuple[float, float]]:
    """The line through a trend: the middle of each value and its neighbours, the median, or the mean of counts so that rare events stay seen.

    The window is five values or a fifteenth of all, whichever is more; empty below five values.
    """
    dots = trend.dots
    if len(dots) < WINDOW:
        return []
    reach = max(WINDOW, len(dots) // 15) // 2
    middle = fmean if trend.counts else median
    return [(dot.at_s, middle(one.value for one in dots[max(0, index - reach) : index + reach + 1])) for index, dot in enumerate(dots)]


def _started(head: SessionHead) -> float:
    return head.started_at.timestamp()


def _taken(row: MeasureRecord) -> tuple[date, int]:
    return row.day, row.id


def _noon(day: date) -> float:
    return datetime.combine(day, time(12), UTC).timestamp()


def _belt_minutes(summary: Summary) -> float:
    return summary.belt_s / SECONDS_PER_MINUTE


def _rails(summary: Summary) -> float | None:
    return summary.rail_load_percent


def _asymmetry(summary: Summary) -> float | None:
    return summary.asymmetry_percent


def _imbalance(summary: Summary) -> float | None:
    return float(summary.imbalance_events)


def _dizziness(summary: Summary) -> float | None:
    return summary.max_dizziness


def _effort(summary: Summary) -> float | None:
    return summary.max_rpe


def _heart(summary: Summary) -> float | None:
    return summary.max_heart_rate_per_min
