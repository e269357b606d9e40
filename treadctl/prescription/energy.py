"""Energy of a walk or run, as ranges and only where a range means something.

Forward: the ACSM equations (GETP10), S in m/min, G as a fraction. Backward: the part above rest times a ratio measured by others. The range printed holds
the spread of that ratio and an error of 35 % on the whole: the forward measure of Kim & Choi 2001 lies that far above the equation. A model, not a norm.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from treadctl.prescription.defaults import LIGHT_HOLD_PERCENT
from treadctl.prescription.words import known

REST: Final = 3.5  # ml/kg/min, one MET
KCAL_PER_LITRE: Final = 5.0  # per litre of oxygen, about
ERROR: Final = 0.35  # derived: of the equation itself
LEAST_M_PER_MIN: Final = 50.0  # read: the walking equation holds from 50 m/min on
BACKWARD_RUN_MPS: Final = 1.63  # read: Hreljac 2005, 1.63 ± 0.11 m/s
FORWARD_RUN_M_PER_MIN: Final = 134.0  # read: the running equation's own bound; too high for backward gait


@dataclass(frozen=True, slots=True)
class Span:
    """From `low` to `high`, both included."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.high + other.high)

    def times(self, factor: float) -> Span:
        """Both ends times a factor that is not negative."""
        return Span(self.low * factor, self.high * factor)


WALK_RATIO: Final = Span(1.2, 1.8)  # derived, from Hooper 2004 at slow walking to Kim & Choi 2001
RUN_RATIO: Final = Span(1.25, 1.45)  # read: Wright & Weyand 2001, Cavagna 2011


@dataclass(frozen=True, slots=True)
class Oxygen:
    """Oxygen uptake, ml/kg/min: gross and net of rest, or None and the reason."""

    gross: Span | None
    net: Span | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Time at one speed (m/s, magnitude) and grade (percent). `rail_load_percent` is the mean of both rails in percent of body weight, None = not known."""

    duration_s: float
    speed_mps: float
    grade_percent: float
    rail_load_percent: float | None
    backward: bool = True


@dataclass(frozen=True, slots=True)
class Energy:
    """kcal of the time that could be judged, `covered_s` of it; `left_out_s` could not, for the `reasons`. None where nothing could be judged."""

    gross_kcal: Span | None
    net_kcal: Span | None
    covered_s: float
    left_out_s: float
    reasons: tuple[str, ...]


def runs(speed_mps: float, *, backward: bool) -> bool:
    """Whether that speed is taken for running: above 1.63 m/s backward, above 134 m/min forward."""
    return speed_mps > (BACKWARD_RUN_MPS if backward else FORWARD_RUN_M_PER_MIN / 60.0)


def acsm_forward(speed_mps: float, grade_percent: float, *, running: bool) -> float:
    """Gross oxygen uptake forward, ml/kg/min, by the equations alone: steady, no hands on the rails."""
    s, g = speed_mps * 60.0, grade_percent / 100.0
    return REST + (0.2 * s + 0.9 * s * g if running else 0.1 * s + 1.8 * s * g)


def oxygen(speed_mps: float, grade_percent: float, rail_load_percent: float | None, *, backward: bool = True) -> Oxygen:
    """The range of uptake at a steady speed, or the reason why none is given."""
    reason = _silent(speed_mps, grade_percent, rail_load_percent)
    if reason:
        return Oxygen(None, None, reason)
    running = runs(speed_mps, backward=backward)
    above_rest = acsm_forward(speed_mps, grade_percent, running=running) - REST
    ratio = (RUN_RATIO if running else WALK_RATIO) if backward else Span(1.0, 1.0)
    gross = Span((REST + ratio.low * above_rest) * (1.0 - ERROR), (REST + ratio.high * above_rest) * (1.0 + ERROR))
    return Oxygen(gross, Span(max(0.0, gross.low - REST), gross.high - REST))


def energy(mass_kg: float, stretches: Iterable[Stretch]) -> Energy:
    """Kcal over the stretches, gross and net. A mass or a length that is no positive number gives none."""
    gross, net = Span(0.0, 0.0), Span(0.0, 0.0)
    covered_s, left_out_s, reasons = 0.0, 0.0, list[str]()
    for stretch in stretches:
        duration_s = known(stretch.duration_s)
        found = oxygen(stretch.speed_mps, stretch.grade_percent, stretch.rail_load_percent, backward=stretch.backward)
        reason = found.reason or ("" if known(mass_kg) else "the body mass is not known") or ("" if duration_s is not None else "a length is not known")
        if reason or found.gross is None or found.net is None or duration_s is None:
            left_out_s += duration_s or 0.0
            reasons += [reason] if reason not in reasons else []
            continue
        kcal = KCAL_PER_LITRE * mass_kg / 1000.0 * duration_s / 60.0
        gross, net, covered_s = gross + found.gross.times(kcal), net + found.net.times(kcal), covered_s + duration_s
    some = covered_s > 0.0
    return Energy(gross if some else None, net if some else None, covered_s, left_out_s, tuple(reasons))


def _silent(speed_mps: float, grade_percent: float, rail_load_percent: float | None) -> str:
    load = known(rail_load_percent)
    if not (math.isfinite(speed_mps) and known(grade_percent) is not None):
        return "speed or grade is not known"
    if not speed_mps * 60.0 >= LEAST_M_PER_MIN:
        return "slower than 50 m/min (3 km/h): the equations do not hold"
    if load is None:
        return "the load on the rails is not known"
    if load > LIGHT_HOLD_PERCENT:
        return "more than 5 % of the body weight was on the rails: a grip lowers the uptake by 15 to 21 %"
    return ""
