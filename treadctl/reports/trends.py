"""Trends over sessions as plain numbers: which figures, on which scale, and the line through them. Pages and reports show the same ten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from statistics import fmean, median
from typing import Final

from treadctl.records.model import Measure, MeasureRecord, Outcome, SessionHead, Summary
from treadctl.reports.figures import N_, Units, finite

WINDOW: Final = 5
"""Values that the line through a trend looks at, at least."""
HELD_SHARE: Final = 0.5
SECONDS_PER_MINUTE: Final = 60.0
BODY_WEIGHT, HOLLOW, EVENTS = N_("% of body weight"), N_("hollow = rails held: reads low"), N_("lost balance or unsteady")


@dataclass(frozen=True, slots=True)
class Dot:
    """One value: its instant (s since the epoch), how it ended, and whether it reads low because the rails were held."""

    at_s: float
    value: float
    stopped: bool = False
    held: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure that is followed over the sessions: read from a session's summary in the clinic's units, or a measure.

    `low` is the lower end of its axis, which ends at least at `least_high` and at most at `most_high`; both alike for a scale with an end. For speeds
    the unit is the clinic's, and so are the ends, given in m/s. `counts`: whole numbers a session, most of them zero.
    """

    id: str
    title: str
    unit: str
    digits: int
    low: float
    least_high: float
    most_high: float
    read: Callable[[Summary], float | None] | None = None
    measure: Measure | None = None
    hint: str = ""
    speed: bool = False
    held_low: bool = False
    counts: bool = False

    def of(self, head: SessionHead, units: Units) -> float | None:
        """Its value in one session; None where it is not known, or no number."""
        value = finite(self.read(head.summary)) if self.read is not None else None
        return units.speed(value) if value is not None and self.speed else value


FIGURES: Final = (
    Figure("peak", N_("Peak belt speed"), "", 1, 0.0, 1.0, 8.0, lambda s: s.peak_mps, speed=True),
    Figure("time", N_("Time on the moving belt"), "min", 0, 0.0, 5.0, 240.0, lambda s: s.belt_s / SECONDS_PER_MINUTE),
    Figure("rails", N_("Rail load, mean"), BODY_WEIGHT, 1, 0.0, 10.0, 100.0, lambda s: s.rail_load_percent, hint=N_("less = relies less on the rails")),
    Figure("symmetry", N_("Left–right asymmetry at the rails"), "%", 1, 0.0, 10.0, 100.0, lambda s: s.asymmetry_percent, hint=N_("less = more even")),
    Figure("events", N_("Imbalance events"), N_("a session"), 0, 0.0, 3.0, 50.0, lambda s: float(s.balance_events), hint=EVENTS, counts=True),
    Figure("dizziness", N_("Dizziness, highest"), "0–10", 0, 0.0, 10.0, 10.0, lambda s: s.max_dizziness),
    Figure("rpe", N_("Effort, highest"), N_("Borg 6–20"), 0, 6.0, 20.0, 20.0, lambda s: s.max_rpe),
    Figure("heart", N_("Heart rate, highest"), "/min", 0, 40.0, 140.0, 240.0, lambda s: s.max_heart_rate_per_min, hint=HOLLOW, held_low=True),
    Figure("walk_3m", N_("3-m backward walk"), "s", 1, 0.0, 6.0, 60.0, measure=Measure.BACKWARD_WALK_3M_S, hint=N_("less = faster")),
    Figure("abc", N_("ABC balance confidence"), "0–100 %", 0, 0.0, 100.0, 100.0, measure=Measure.ABC_PERCENT, hint=N_("more = more confident")),
)


@dataclass(frozen=True, slots=True)
class Trend:
    """One figure with its values in order of time."""

    figure: Figure
    units: Units
    dots: tuple[Dot, ...]

    @property
    def unit(self) -> str:
        """Its unit, not yet translated."""
        return self.units.value if self.figure.speed else self.figure.unit

    @property
    def digits(self) -> int:
        """Decimals."""
        return self.units.digits if self.figure.speed else self.figure.digits

    @property
    def highs(self) -> tuple[float, float]:
        """The least and the greatest upper end of its axis."""
        least, most = self.figure.least_high, self.figure.most_high
        return (self.units.speed(least), self.units.speed(most)) if self.figure.speed else (least, most)


def trends(heads: Sequence[SessionHead], measures: Sequence[MeasureRecord], units: Units, zone: tzinfo = UTC) -> tuple[Trend, ...]:
    """The ten figures over the sessions and measures of a person. Values that are no numbers are left out; a measure stands at noon of its day."""
    ordered = sorted(heads, key=_started)

    def dots(figure: Figure) -> tuple[Dot, ...]:
        if figure.measure is not None:
            rows = sorted((row for row in measures if row.measure is figure.measure and finite(row.value) is not None), key=_taken)
            return tuple(Dot(datetime.combine(row.day, time(12), zone).timestamp(), row.value) for row in rows)
        known = ((head, figure.of(head, units)) for head in ordered)
        return tuple(
            Dot(_started(head), value, head.outcome is Outcome.STOPPED, figure.held_low and _held(head.summary)) for head, value in known if value is not None
        )

    return tuple(Trend(figure, units, dots(figure)) for figure in FIGURES)


def course(trend: Trend) -> list[tuple[float, float]]:
    """The line through a trend: the middle of each value and its neighbours, the median, or the mean of counts so that rare events stay seen.

    The window is five values or a fifteenth of all, whichever is more; empty below five values.
    """
    dots = trend.dots
    if len(dots) < WINDOW:
        return []
    reach = max(WINDOW, len(dots) // 15) // 2
    middle = fmean if trend.figure.counts else median
    return [(dot.at_s, middle(one.value for one in dots[max(0, index - reach) : index + reach + 1])) for index, dot in enumerate(dots)]


def _started(head: SessionHead) -> float:
    return head.started_at.timestamp()


def _taken(row: MeasureRecord) -> tuple[date, int]:
    return row.day, row.id


def _held(summary: Summary) -> bool:
    grip = finite(summary.hands_on_share)
    return grip is not None and grip > HELD_SHARE
