"""The hand rails: what the hands press, and what the two load cells make of it."""

from __future__ import annotations

import math
import random
from typing import Final

from treadctl_hil.world.clock import STEP_S, Clock
from treadctl_hil.world.params import RailParams
from treadctl_hil.world.runner import Runner

_LEFT: Final = 0
_RIGHT: Final = 1
_TABLE: Final = 4099  # primes, so that the noise of one cell repeats only after hours
_OTHER_TABLE: Final = 3001


class Rails:
    """`left_n`, `right_n` are the true loads; `raw_left`, `raw_right` the converter's counts with noise, drift and quantisation.

    Values belong to the instant `now_s`: reading twice gives the same, and not reading changes nothing. Counts follow 0.25 N each from
    800 at rest. `broken` names cells whose wire is broken (reads the converter's floor).
    """

    __slots__ = ("_clock", "_drift", "_noise", "_other_noise", "_p", "_runner", "broken", "offset_n")

    def __init__(self, params: RailParams, runner: Runner, rng: random.Random, clock: Clock) -> None:
        self._p = params
        self._runner = runner
        self._clock = clock
        scale = params.noise_n / math.sqrt(2.0)
        self._noise = [rng.gauss(0.0, scale) for _ in range(_TABLE)]
        self._other_noise = [rng.gauss(0.0, scale) for _ in range(_OTHER_TABLE)]
        self._drift = [(rng.uniform(0.6, 1.4), rng.uniform(120.0, 600.0), rng.uniform(0.0, 2.0 * math.pi)) for _ in (_LEFT, _RIGHT)]
        self.broken: set[str] = set()
        self.offset_n = [0.0, 0.0]  # a cell that has shifted: left, right

    @property
    def left_n(self) -> float:
        """Load of the left hand, N."""
        return self._runner.hand_loads_n()[_LEFT]

    @property
    def right_n(self) -> float:
        """Load of the right hand, N."""
        return self._runner.hand_loads_n()[_RIGHT]

    @property
    def raw_left(self) -> int:
        """Counts of the left cell."""
        return self._counts(_LEFT, "left")

    @property
    def raw_right(self) -> int:
        """Counts of the right cell."""
        return self._counts(_RIGHT, "right")

    def _counts(self, side: int, name: str) -> int:
        if name in self.broken:
            return self._p.min_counts
        k = self._clock.steps + side * 1409
        size, period_s, phase = self._drift[side]
        elapsed_s = self._clock.steps * STEP_S
        drift_n = size * self._p.drift_n_per_min * (period_s / 60.0) / (2.0 * math.pi) * (
            math.sin(2.0 * math.pi * elapsed_s / period_s + phase) - math.sin(phase))
        load_n = self._runner.hand_loads_n()[side] + self._noise[k % _TABLE] + self._other_noise[k % _OTHER_TABLE] + drift_n + self.offset_n[side]
        counts = round(self._p.zero_counts + load_n / self._p.n_per_count)
        return min(self._p.max_counts, max(self._p.min_counts, counts))
