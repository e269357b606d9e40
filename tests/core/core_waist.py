"""A generated waist for core tests: steady gait that can be tilted, faster or slower, with an accelerometer and a gyroscope that agree. And a plain tuning."""

from __future__ import annotations

import math
from dataclasses import dataclass

from treadctl.core.imbalance.calibration import TrunkTuning
from treadctl.core.imbalance.inertia import FEATURES
from treadctl.core.sample import TrunkMotion

SIZE = 2 * len(FEATURES) + 1
_TILT = FEATURES.index("tilt from upright")


def plain_tuning(losing: float = 0.0, unsteady: float = -5.0) -> TrunkTuning:
    """Reads the tilt alone: score = -15 + 5 x tilt in parts of its limit; so losing at 3 limits, unsteady at 2."""
    rows = tuple((5.0 if i == _TILT else 0.0, *(0.0 for _ in range(SIZE - i))) for i in range(SIZE))
    limits = tuple(8.0 if i == _TILT else 1.0 for i in range(len(FEATURES)))
    return TrunkTuning(-15.0, rows, limits, limits, (losing, losing), (unsteady, unsteady))


@dataclass
class Waist:
    """`tilt_to(degrees, rate)` leans the person; `sway_deg` at step frequency is the gait's own. `move(dt)` is one sample."""

    step_hz: float = 1.8
    lively_g: float = 0.2
    sway_deg: float = 6.0
    angle_deg: float = 0.0
    time_s: float = 0.0
    _target_deg: float = 0.0
    _rate_dps: float = 0.0

    def tilt_to(self, angle_deg: float, rate_dps: float) -> None:
        self._target_deg, self._rate_dps = angle_deg, rate_dps

    def move(self, dt_s: float) -> TrunkMotion:
        before = self._total_deg()
        self.time_s += dt_s
        step = min(abs(self._target_deg - self.angle_deg), self._rate_dps * dt_s)
        self.angle_deg += math.copysign(step, self._target_deg - self.angle_deg)
        after = self._total_deg()
        size = 1.0 + self.lively_g * math.sin(2.0 * math.pi * self.step_hz * self.time_s)
        angle = math.radians(after)
        return TrunkMotion((size * math.sin(angle), -size * math.cos(angle), 0.0), (0.0, 0.0, -(after - before) / dt_s))

    def _total_deg(self) -> float:
        return self.angle_deg + self.sway_deg * math.sin(math.pi * self.step_hz * self.time_s)
