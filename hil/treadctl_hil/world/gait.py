"""Forces of the feet on the belt, from a parametric model: shapes over one step, scaled so that they carry exactly the person's weight.

Walking: two overlapping double-humped stances. Running: one rounded stance, then flight. Fore-aft: braking first, then push-off, no net force.
Sizes are set from figures: peak vertical 2.8 and fore-aft 0.38 body weights (braking; push-off less, and longer) at 4 m/s forward with 28 %
flight, the body's speed changing by 0.2 m/s in each step [M]; backward running lower (about 2.4 [S]), at a higher step frequency and with a
longer flight (0.098 against 0.072 s [S]).
Walking fore-aft sizes are such that a heavy belt ripples as the one recorded does (1.6 %) [D].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

SAMPLES: Final = 250  # per step
_BRAKING_SHARE: Final = 0.46  # of a running stance: between one recorded runner (0.53 [M]) and the belt's slowest instant before mid-stance published [S]


@dataclass(frozen=True, slots=True)
class Gait:
    """One way of moving: steps per second, and the two force shapes over a step in body weights (fore-aft positive = braking)."""

    running: bool
    step_hz: float
    vertical_bw: tuple[float, ...]
    fore_aft_bw: tuple[float, ...]


def gait_at(speed_mps: float, backward: bool, running: bool) -> Gait:
    """The gait at this belt speed (magnitude). Shapes are built once per 0.1 m/s."""
    speed_mps = max(0.1, min(6.0, speed_mps))
    vertical, fore_aft = _shapes(round(speed_mps, 1), backward, running)
    return Gait(running, step_frequency_hz(speed_mps, backward, running), vertical, fore_aft)


def step_frequency_hz(speed_mps: float, backward: bool, running: bool) -> float:
    """Steps per second. Walking 1.75 at 1 m/s [M], running 2.85 at 4 m/s [M]; backward running faster [S], backward walking a little [U]."""
    if running:
        return (2.61 + 0.06 * speed_mps) * (1.15 if backward else 1.0)
    return float(1.75 * max(speed_mps, 0.15) ** 0.45 * (1.06 if backward else 1.0))


def _duty(speed_mps: float, backward: bool, running: bool) -> float:
    """Duration of one foot's stance in steps: above 1 the feet overlap (walking), below 1 there is flight."""
    if running:
        flight = 0.28 + 0.02 * (speed_mps - 4.0)
        return 1.0 - max(0.12, flight + (0.06 if backward else 0.0))
    return max(1.06, 1.36 - 0.12 * speed_mps)


@lru_cache(maxsize=256)
def _shapes(speed_mps: float, backward: bool, running: bool) -> tuple[tuple[float, ...], tuple[float, ...]]:
    duty = _duty(speed_mps, backward, running)
    hump = 0.15 + 0.12 * speed_mps
    fore_aft_peak = (0.38 * (speed_mps / 4.0) ** 0.5 if running else min(0.30, 0.13 * speed_mps)) * (0.85 if backward else 1.0)
    power = 1.5 if backward else 2.0
    vertical, fore_aft = [], []
    for k in range(SAMPLES):
        z = x = 0.0
        for stance_step in ((k + 0.5) / SAMPLES, (k + 0.5) / SAMPLES + 1.0):  # the foot landing in this step, and the one before
            s = stance_step / duty
            if s >= 1.0:
                continue
            z += math.sin(math.pi * s) ** power if running else math.sin(math.pi * s) + hump * math.sin(3.0 * math.pi * s)
            x += _fore_aft_of_foot(s, running)
        vertical.append(max(0.0, z))
        fore_aft.append(x)
    weight = SAMPLES / sum(vertical)
    size = fore_aft_peak / max(_fore_aft_of_foot(k / SAMPLES, running) for k in range(SAMPLES))
    mean = sum(fore_aft) / SAMPLES
    return tuple(z * weight for z in vertical), tuple((x - mean) * size for x in fore_aft)


def _fore_aft_of_foot(s: float, running: bool) -> float:
    """One stance, not yet scaled. Walking peaks at a sixth of stance, while the other foot still pushes off: most of both cancels on the belt."""
    if running:
        if s < _BRAKING_SHARE:
            return math.sin(math.pi * s / _BRAKING_SHARE) ** 2
        push = (s - _BRAKING_SHARE) / (1.0 - _BRAKING_SHARE)
        return -_BRAKING_SHARE / (1.0 - _BRAKING_SHARE) * math.sin(math.pi * push) ** 2
    return math.sin(2.0 * math.pi * s) + 0.4 * math.sin(4.0 * math.pi * s)
