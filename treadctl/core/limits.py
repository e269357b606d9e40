"""Limits: what machine and person allow. They combine by taking the tighter, and after start they only ever shrink."""

from __future__ import annotations

from dataclasses import dataclass, fields

from treadctl.core.sample import Direction


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds, all magnitudes: m/s, m/s², m/s³, percent, percent/s, s. Not finite or negative values are refused at the edges.

    `protective_deceleration_mps2` and `fast_deceleration_mps2` describe the stops of the drive itself (SS1/SS2 and SS1_FAST), as commissioned.
    """

    max_speed_forward_mps: float
    max_speed_reverse_mps: float
    max_acceleration_mps2: float
    max_deceleration_mps2: float
    max_jerk_mps3: float
    protective_deceleration_mps2: float
    fast_deceleration_mps2: float
    max_grade_percent: float
    max_grade_rate_percent_per_s: float
    max_duration_s: float

    def max_speed_mps(self, direction: Direction) -> float:
        """The speed limit in that direction of the belt."""
        return self.max_speed_reverse_mps if direction is Direction.REVERSE else self.max_speed_forward_mps


def tighter(a: Limits, b: Limits) -> Limits:
    """The limits that satisfy both: field by field the smaller. A NaN or a negative bound on either side gives 0: nothing is allowed."""

    def least(x: float, y: float) -> float:
        return min(x, y) if x >= 0.0 and y >= 0.0 else 0.0

    return Limits(**{f.name: least(getattr(a, f.name), getattr(b, f.name)) for f in fields(Limits)})
