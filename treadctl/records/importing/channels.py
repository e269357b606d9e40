"""What the records take from a sample: each quantity in its unit, None where it is not known or too old."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from treadctl.core.motion import credible
from treadctl.core.sample import Sample
from treadctl.core.units import STANDARD_GRAVITY_MPS2

STALE_S: Final = 1.0
HEART_STALE_S: Final = 5.0  # a chest strap sends one value a second and averages over several; the interlock waits as long


@dataclass(frozen=True, slots=True)
class Seen:
    """The measured values at one step: m/s, percent, percent of body weight, 1/min. `left_s` is how long each may still be shown after the step."""

    speed_mps: float | None = None
    speed_left_s: float = 0.0
    grade_percent: float | None = None
    grade_left_s: float = 0.0
    rail_left_percent: float | None = None
    rail_right_percent: float | None = None
    rails_left_s: float = 0.0
    heart_per_min: float | None = None
    heart_left_s: float = 0.0


NOTHING: Final = Seen()


def see(sample: Sample, mass_kg: float) -> Seen:
    """The belt's own encoder before the drive's measurement; loads only where the mass is known (> 0)."""
    belt, status = sample.belt, sample.drive.status
    drive = status.fresh(STALE_S)
    motion, speed_age_s = credible(belt.fresh(STALE_S)), belt.age_s
    if motion is None and drive is not None:
        motion, speed_age_s = credible(drive.motion), status.age_s
    left = right = None
    rails_age_s = 0.0
    if mass_kg > 0.0:
        share = 100.0 / (mass_kg * STANDARD_GRAVITY_MPS2)
        left, right = _finite(sample.rail_left.fresh(STALE_S)), _finite(sample.rail_right.fresh(STALE_S))
        left, right = None if left is None else left * share, None if right is None else right * share
        rails_age_s = max(sample.rail_left.age_s if left is not None else 0.0, sample.rail_right.age_s if right is not None else 0.0)
    grade = _finite(drive.grade_percent) if drive is not None else None
    heart = _finite(sample.heart_rate.fresh(HEART_STALE_S))
    return Seen(
        None if motion is None else motion.speed_mps, STALE_S - speed_age_s if motion is not None else 0.0,
        grade, STALE_S - status.age_s if grade is not None else 0.0,
        left, right, STALE_S - rails_age_s,
        heart, HEART_STALE_S - sample.heart_rate.age_s if heart is not None else 0.0,
    )  # fmt: skip


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
