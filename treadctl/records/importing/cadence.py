"""Cadence: steps per minute and how regular they are, from the footfalls that the core's own detector finds in the speed of the belt."""

from __future__ import annotations

import math
from typing import Final

from treadctl.core.controller import FOLLOW_TAU_S, SETTLED_MPS, Output
from treadctl.core.imbalance import footfalls
from treadctl.core.imbalance.footfalls import FootfallState
from treadctl.core.session import SessionState
from treadctl.core.thresholds import FootfallThresholds

LEAST_STEPS: Final = 20  # fewer say nothing about regularity
MISCOUNT: Final = 0.5  # a step this share longer or shorter than usual is one missed or found twice, and not counted
LEARNING_MPS: Final = 0.1  # as the controller has it


class Cadence:
    """Feed each step of a session. Where a belt shows no footfalls, all stays None.

    The coefficient of variation is that of step times at steady speed: those of each stretch are compared with the mean of that stretch, so that walking
    faster is not taken for walking unevenly.
    """

    def __init__(self, limits: FootfallThresholds) -> None:
        self._limits = limits
        self._state = FootfallState()
        self._expected_mps = 0.0
        self._commanded_mps = 0.0
        self._steps_s = 0.0
        self._steps = 0.0
        self._count, self._mean_s, self._squares = 0, 0.0, 0.0  # of the present stretch
        self._all_count, self._all_s, self._all_squares, self._freedom = 0, 0.0, 0.0, 0

    @property
    def per_min(self) -> float | None:
        """The cadence now."""
        beat = self._state.beat
        return 60.0 * beat.step_hz if beat is not None else None

    @property
    def mean_per_min(self) -> float | None:
        """The mean over the time in which footfalls were seen."""
        return 60.0 * self._steps / self._steps_s if self._steps_s > 0.0 else None

    @property
    def variation_percent(self) -> float | None:
        """The coefficient of variation of step times."""
        count, total_s = self._all_count + self._count, self._all_s + self._count * self._mean_s
        freedom = self._freedom + max(0, self._count - 1)
        if count < LEAST_STEPS or freedom < 1:
            return None
        return 100.0 * math.sqrt((self._all_squares + self._squares) / freedom) * count / total_s

    def feed(self, at_s: float, dt_s: float, speed_mps: float | None, age_s: float, output: Output) -> None:
        """One step of the core; the speed was measured `age_s` before."""
        commanded = output.commanded_mps
        self._expected_mps += (1.0 - math.exp(-dt_s / FOLLOW_TAU_S)) * (commanded - self._expected_mps)
        ramping = commanded != self._commanded_mps or abs(commanded - self._expected_mps) > SETTLED_MPS or output.session is SessionState.STOPPING
        self._commanded_mps = commanded
        if speed_mps is None:
            return
        before = self._state
        learning = output.session is SessionState.WARM_UP and self._expected_mps > LEARNING_MPS
        state = self._state = footfalls.update(before, at_s - age_s, speed_mps, self._expected_mps, ramping, learning, self._limits)
        if ramping:
            self._next_stretch()
        beat = state.beat
        if beat is None or before.beat is None:
            return
        if dt_s <= 1.0:
            self._steps_s += dt_s
            self._steps += beat.step_hz * dt_s
        step_s = state.footfall_s - before.footfall_s
        if step_s > 0.0 and state.footfall_s - state.calm_since_s > self._limits.settle_s and abs(step_s * beat.step_hz - 1.0) < MISCOUNT:
            self._count += 1
            off_s = step_s - self._mean_s
            self._mean_s += off_s / self._count
            self._squares += off_s * (step_s - self._mean_s)

    def _next_stretch(self) -> None:
        if self._count:
            self._all_count += self._count
            self._all_s += self._count * self._mean_s
            self._all_squares += self._squares
            self._freedom += self._count - 1
            self._count, self._mean_s, self._squares = 0, 0.0, 0.0
