"""Losing balance: an inverted pendulum whose feet the belt carries away, and which hands and recovery steps try to bring back.

    lag' = v - follow                    the feet fall behind, as the person can step only at a share of the speed at which they lost balance
    lean'' = sin(lean + lag / l) / tau^2 - min(hands + legs(v), what is needed)

So a belt that runs on always wins, the sooner the faster it runs; one that slows soon enough lets the feet catch up. The mechanics are those of
the pendulum; the sizes of `follow`, `hands` and `legs` are chosen [D/U] so that at 1 m/s a person falls one to two seconds after losing balance.
"""

from __future__ import annotations

import math
from typing import Final, Literal

Outcome = Literal["falling", "recovered", "down"]
DOWN_RAD: Final = 1.2  # hips and hands reach the belt
_FOLLOW: Final = 0.5  # share of the speed at the loss of balance that hurried steps still follow
_FOLLOW_LEAST_MPS: Final = 0.15  # a shuffle always can
_LENGTH_M: Final = 0.95
_LEGS_RAD_PER_S2: Final = 6.5  # recovery stepping on a belt at rest
_LEGS_GONE_MPS: Final = 1.8  # at this speed a recovery step finds no hold
_HANDS_PER_BW: Final = 11.0  # hand force at shoulder height, as angular acceleration per body weight: g h / l^2
_STIFF: Final = 34.0
_DAMP: Final = 9.0


class Balance:
    """The lean of somebody who has lost balance: `lean_rad`, stepped every few milliseconds until it returns "recovered" or "down"."""

    __slots__ = ("_follow_mps", "_grip_bw", "_hopeless", "_lag_m", "_legs_from_s", "_tau2", "accel_rad_per_s2", "lean_rad", "rate_rad_per_s")

    def __init__(self, tau_s: float) -> None:
        self._tau2 = tau_s * tau_s
        self._grip_bw = 0.0
        self._follow_mps = self._lag_m = 0.0
        self._hopeless = False
        self._legs_from_s = 0.0
        self.lean_rad = 0.0
        self.rate_rad_per_s = 0.0
        self.accel_rad_per_s2 = 0.0

    def begin(self, lean_rad: float, rate_rad_per_s: float, grip_bw: float, legs_from_s: float, speed_mps: float = 0.0, hopeless: bool = False) -> None:
        """Start from this lean at this belt speed. `grip_bw`: the strength of the grab to come; `hopeless`: nothing will help (a faint)."""
        self.lean_rad = lean_rad
        self.rate_rad_per_s = rate_rad_per_s
        self.accel_rad_per_s2 = 0.0
        self._grip_bw = grip_bw
        self._legs_from_s = legs_from_s
        self._hopeless = hopeless
        self._lag_m = 0.0
        self._follow_mps = max(_FOLLOW_LEAST_MPS, _FOLLOW * speed_mps)

    def step(self, dt_s: float, now_s: float, speed_mps: float, grip_level: float) -> Outcome:
        """Advance by `dt_s` at this belt speed (magnitude)."""
        lean, rate = self.lean_rad, self.rate_rad_per_s
        self._lag_m = max(0.0, self._lag_m + (speed_mps - self._follow_mps) * dt_s)
        tipping = min(math.pi / 2.0, lean + self._lag_m / _LENGTH_M)
        accel = math.sin(tipping) / self._tau2
        if not self._hopeless:
            able = _HANDS_PER_BW * self._grip_bw * grip_level
            if now_s >= self._legs_from_s:
                able += _LEGS_RAD_PER_S2 * max(0.0, 1.0 - speed_mps / _LEGS_GONE_MPS)
            accel -= max(0.0, min(able, _STIFF * tipping + _DAMP * rate))
        self.rate_rad_per_s = rate = rate + accel * dt_s
        self.lean_rad = lean = lean + rate * dt_s
        self.accel_rad_per_s2 = accel
        if lean < 0.0:  # bent over the rail nobody leans the other way
            self.lean_rad = self.rate_rad_per_s = self.accel_rad_per_s2 = lean = rate = 0.0
            tipping = self._lag_m / _LENGTH_M
        if lean >= DOWN_RAD:
            self.lean_rad = math.pi / 2.0
            self.rate_rad_per_s = self.accel_rad_per_s2 = 0.0
            return "down"
        if not self._hopeless and now_s > self._legs_from_s and tipping < 0.08 and abs(rate) < 0.4:
            self.lean_rad = self.rate_rad_per_s = self.accel_rad_per_s2 = 0.0
            return "recovered"
        return "falling"
