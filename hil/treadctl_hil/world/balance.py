"""Losing balance: an inverted pendulum that the legs and the hands try to bring back, against a belt that sweeps the feet away.

lean'' = sin(lean)/tau^2 + sweep(v) - min(legs(v) + hands, what is needed). The form is mechanics; the sizes of `sweep`, `legs` and `hands` are
chosen [D/U] so that at 1 m/s somebody falls within one to two seconds on a belt that runs on, and mostly recovers, holding on, on one that slows.
"""

from __future__ import annotations

import math
from typing import Final, Literal

Outcome = Literal["falling", "recovered", "down"]
DOWN_RAD: Final = 1.2  # hips and hands reach the belt
_SWEEP_PER_S: Final = 1.2  # angular acceleration per m/s of belt speed beyond what a shuffle follows
_SHUFFLE_MPS: Final = 0.5
_LEGS_RAD_PER_S2: Final = 7.0  # recovery stepping on a belt at rest
_LEGS_GONE_MPS: Final = 1.8  # at this speed a recovery step finds no hold
_HANDS_PER_BW: Final = 11.0  # hand force at shoulder height, as angular acceleration per body weight: g h / l^2
_STIFF: Final = 34.0
_DAMP: Final = 9.0


class Balance:
    """The lean of somebody who has lost balance: `lean_rad`, stepped every few milliseconds until it returns "recovered" or "down"."""

    __slots__ = ("_grip_bw", "_hopeless", "_legs_from_s", "_tau2", "lean_rad", "rate_rad_per_s")

    def __init__(self, tau_s: float) -> None:
        self._tau2 = tau_s * tau_s
        self._grip_bw = 0.0
        self._hopeless = False
        self._legs_from_s = 0.0
        self.lean_rad = 0.0
        self.rate_rad_per_s = 0.0

    def begin(self, lean_rad: float, rate_rad_per_s: float, grip_bw: float, legs_from_s: float, hopeless: bool = False) -> None:
        """Start from this lean. `grip_bw`: the strength of the grab to come; `hopeless`: nothing will help (a faint)."""
        self.lean_rad = lean_rad
        self.rate_rad_per_s = rate_rad_per_s
        self._grip_bw = grip_bw
        self._legs_from_s = legs_from_s
        self._hopeless = hopeless

    def step(self, dt_s: float, now_s: float, speed_mps: float, grip_level: float) -> Outcome:
        """Advance by `dt_s` at this belt speed (magnitude)."""
        lean, rate = self.lean_rad, self.rate_rad_per_s
        accel = math.sin(lean) / self._tau2 + _SWEEP_PER_S * max(0.0, speed_mps - _SHUFFLE_MPS)
        if not self._hopeless:
            able = _HANDS_PER_BW * self._grip_bw * grip_level
            if now_s >= self._legs_from_s:
                able += _LEGS_RAD_PER_S2 * max(0.0, 1.0 - speed_mps / _LEGS_GONE_MPS)
            accel -= max(0.0, min(able, _STIFF * lean + _DAMP * rate))
        self.rate_rad_per_s = rate = rate + accel * dt_s
        self.lean_rad = lean = lean + rate * dt_s
        if lean >= DOWN_RAD:
            self.lean_rad = math.pi / 2.0
            self.rate_rad_per_s = 0.0
            return "down"
        if not self._hopeless and now_s > self._legs_from_s and abs(lean) < 0.06 and abs(rate) < 0.3:
            self.lean_rad = self.rate_rad_per_s = 0.0
            return "recovered"
        return "falling"
