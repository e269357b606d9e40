"""Ramp: how commanded speed approaches its target, limited in acceleration and jerk, and how far a stop carries the belt."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ramp:
    """Commanded speed (m/s, never negative) and its slope (m/s²)."""

    speed_mps: float = 0.0
    acceleration_mps2: float = 0.0


REST = Ramp()


def advance(ramp: Ramp, target_mps: float, dt_s: float, up_mps2: float, down_mps2: float, jerk_mps3: float) -> Ramp:
    """One step of `dt_s` toward the target.

    The slope never leaves [-down, up], changes by at most jerk x dt, and is eased out so that the target is met without overshoot. One thing is
    not eased: with the target below the speed, speeding up ends at once, for "no faster" means now.
    Anything not finite, or a limit that is not positive, gives rest: there is no speed that could be trusted.
    """
    finite = math.isfinite(ramp.speed_mps + ramp.acceleration_mps2 + target_mps + dt_s + up_mps2 + down_mps2 + jerk_mps3)
    if not finite or not (up_mps2 > 0.0 and down_mps2 > 0.0 and jerk_mps3 > 0.0 and dt_s >= 0.0):
        return REST
    target = max(0.0, target_mps)
    gap = target - ramp.speed_mps
    step = jerk_mps3 * dt_s
    # The largest slope from which the jerk limit still brings the slope to zero exactly at the target (one step of look-ahead).
    eased = math.sqrt(2.0 * jerk_mps3 * abs(gap) + step * step / 4.0) - step / 2.0
    wanted = min(up_mps2, eased) if gap > 0.0 else -min(down_mps2, eased)
    before = ramp.acceleration_mps2 if gap > 0.0 else min(ramp.acceleration_mps2, 0.0)
    slope = min(max(wanted, before - step), before + step)
    slope = min(max(slope, -down_mps2), up_mps2)
    speed = ramp.speed_mps + slope * dt_s
    crossed = (speed - target) * gap > 0.0 or speed == target
    if crossed and abs(slope) <= 2.0 * step:
        return Ramp(target, 0.0)
    if speed <= 0.0:
        return Ramp(0.0, 0.0)
    if gap > 0.0 and speed > target:
        return Ramp(target, 0.0)
    return Ramp(speed, slope)


def stopping_time_s(speed_mps: float, deceleration_mps2: float, reaction_s: float = 0.0) -> float:
    """Seconds from the verdict to standstill: reaction, then v/a. Infinite where the deceleration is not positive."""
    if not (deceleration_mps2 > 0.0):
        return math.inf
    return reaction_s + speed_mps / deceleration_mps2


def stopping_distance_m(speed_mps: float, deceleration_mps2: float, reaction_s: float = 0.0) -> float:
    """Belt travel in metres from the verdict to standstill: v x reaction + v²/2a."""
    if not (deceleration_mps2 > 0.0):
        return math.inf
    return speed_mps * reaction_s + speed_mps * speed_mps / (2.0 * deceleration_mps2)
