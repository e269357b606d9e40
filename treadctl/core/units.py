"""Units: SI inside the core, conversions at the edges, every rounding toward the safe side (zero)."""

from __future__ import annotations

import math
from typing import Final

STANDARD_GRAVITY_MPS2: Final = 9.80665
KMH_PER_MPS: Final = 3.6
MPS_PER_MPH: Final = 0.44704  # exact: 1609.344 m / 3600 s


def mps_from_kmh(speed_kmh: float) -> float:
    """Kilometres per hour to metres per second."""
    return speed_kmh / KMH_PER_MPS


def kmh_from_mps(speed_mps: float) -> float:
    """Metres per second to kilometres per hour."""
    return speed_mps * KMH_PER_MPS


def steps_toward_zero(quantity: float, step: float) -> int:
    """Whole `step`s contained in `quantity`, truncated toward zero, so that a register never asks for more than was meant.

    A quantity that is a whole number of steps up to a relative 1e-9 counts as that number: 2.0 mph is 20 tenths, not 19.
    Raises ValueError for a quantity that is not finite or a step that is not positive.
    """
    if not math.isfinite(quantity) or not (step > 0.0):
        raise ValueError(f"cannot express {quantity!r} in steps of {step!r}")
    ratio = quantity / step
    nearest = round(ratio)
    if abs(ratio - nearest) <= 1e-9 * max(1.0, abs(ratio)):
        return int(nearest)
    return math.trunc(ratio)


def newton_from_percent_body_weight(percent: float, mass_kg: float) -> float:
    """A load in percent of body weight as newtons, for a person of `mass_kg`."""
    return percent / 100.0 * mass_kg * STANDARD_GRAVITY_MPS2
