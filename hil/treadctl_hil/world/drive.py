"""The motor drive as a plant: it takes orders late, ramps, pushes through a lagging current, and lets go when its safe-torque-off input opens.

It knows nothing of protocols or watchdogs: those are the wire's side of the simulated drive.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Literal

from treadctl_hil.world.clock import STEP_S, Clock
from treadctl_hil.world.params import DriveParams, LatencySetting

OrderKind = Literal["run", "ramp_stop", "fast_stop", "coast"]
ORDER_KINDS: tuple[OrderKind, ...] = ("run", "ramp_stop", "fast_stop", "coast")


@dataclass(slots=True)
class DriveFaults:
    """Physical defects of a drive; change the fields while it runs."""

    ignore_orders: bool = False  # keeps doing what it does
    speed_gain: float = 1.0  # runs at this multiple of what it was told
    brake_fraction: float = 1.0  # share of its braking force left
    swapped_phases: bool = False  # turns the other way
    extra_latency_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Order:
    effect_s: float
    kind: OrderKind
    target_mps: float
    ramp_mps2: float | None


_AT_REST = _Order(0.0, "coast", 0.0, None)


def draw_latency_s(setting: LatencySetting, rng: random.Random) -> float:
    """One command latency. "measured": a beta law fitted by eye to 77/201/355 ms, standard deviation 68 ms (99 commands over TCP) [M]."""
    if setting == "measured":
        return 0.077 + 0.278 * rng.betavariate(1.43, 1.71)
    return setting


class DrivePlant:
    """What the shaft does with orders.

    `order(kind, target_mps, ramp_mps2)` takes effect after the command latency; an order in effect supersedes every older one still under way.
    `enable_relay` is the safe-torque-off input: False takes the torque away at once, forgets what was ordered, and giving it back does not
    start anything: a new order is needed. `enabled` is true while there is torque.
    """

    __slots__ = (
        "_clock",
        "_enable_relay",
        "_force_n",
        "_in_effect",
        "_integral_n",
        "_ki_step",
        "_kp",
        "_lag",
        "_latency",
        "_p",
        "_pending",
        "_ramp_step_mps",
        "_rng",
        "_speed_mps",
        "_target_mps",
        "faults",
        "kind",
        "last_latency_s",
        "reference_mps",
    )

    def __init__(self, params: DriveParams, inertia_kg: float, latency: LatencySetting, rng: random.Random, clock: Clock) -> None:
        self._p = params
        self._clock = clock
        self._rng = rng
        self._latency = latency
        omega = 2.0 * math.pi * params.speed_loop_hz
        self._kp = inertia_kg * omega
        self._ki_step = inertia_kg * omega * omega / 4.0 * STEP_S  # critically damped with the rigid belt
        self._lag = 1.0 - math.exp(-STEP_S / params.current_lag_s) if params.current_lag_s > 0.0 else 1.0
        self._enable_relay = True
        self._pending: list[_Order] = []
        self._integral_n = 0.0
        self._force_n = 0.0
        self._speed_mps = 0.0
        self._target_mps = 0.0
        self._ramp_step_mps = 0.0
        self._in_effect = _AT_REST
        self.kind: OrderKind = "coast"
        self.reference_mps = 0.0
        self.last_latency_s = 0.0
        self.faults = DriveFaults()

    def order(self, kind: OrderKind, target_mps: float = 0.0, ramp_mps2: float | None = None) -> None:
        """Give an order: `run` to a signed speed, `ramp_stop`, `fast_stop`, or `coast` (torque off). Without `ramp_mps2` the drive's own setting."""
        if kind not in ORDER_KINDS:
            raise ValueError(f"unknown order {kind!r}")
        if not math.isfinite(target_mps) or (ramp_mps2 is not None and not ramp_mps2 > 0.0):
            raise ValueError(f"order {kind} with target {target_mps!r}, ramp {ramp_mps2!r}")
        if self.faults.ignore_orders or not self._enable_relay:
            return
        target = target_mps if kind == "run" else 0.0
        newest = self._pending[-1] if self._pending else self._in_effect
        if (newest.kind, newest.target_mps, newest.ramp_mps2) == (kind, target, ramp_mps2):
            return  # the same again, as cyclic masters do: it is already on its way
        self.last_latency_s = draw_latency_s(self._latency, self._rng) + self.faults.extra_latency_s
        self._pending.append(_Order(self._clock.now_s + self.last_latency_s, kind, target, ramp_mps2))

    def _ramp_mps2(self, kind: OrderKind, target_mps: float) -> float:
        if kind == "ramp_stop":
            return self._p.ramp_stop_mps2
        if kind == "fast_stop":
            return self._p.fast_stop_mps2
        return self._p.ramp_up_mps2 if abs(target_mps) > abs(self.reference_mps) else self._p.ramp_down_mps2

    @property
    def enable_relay(self) -> bool:
        """The safe-torque-off input: True = torque permitted."""
        return self._enable_relay

    @enable_relay.setter
    def enable_relay(self, closed: bool) -> None:
        if closed == self._enable_relay:
            return
        self._enable_relay = closed
        self._clock.note("enable_closed" if closed else "enable_open")
        if not closed:
            self._pending.clear()
            self._let_go()

    @property
    def enabled(self) -> bool:
        """Torque on."""
        return self.kind != "coast"

    @property
    def measured_speed_mps(self) -> float:
        """Signed belt speed as the drive's encoder sees it, in whole counts."""
        quantum = self._p.encoder_quantum_mps
        return round(self._speed_mps / quantum) * quantum if quantum > 0.0 else self._speed_mps

    @property
    def current_a(self) -> float:
        """Motor current, magnitude."""
        return math.hypot(self._p.magnetising_a, self._force_n / self._p.n_per_ampere) if self.enabled else 0.0

    @property
    def force_n(self) -> float:
        """Signed force at the belt surface."""
        return self._force_n

    def _let_go(self) -> None:
        self._in_effect = _AT_REST
        self.kind = "coast"
        self._target_mps = 0.0
        self._ramp_step_mps = 0.0
        self._integral_n = 0.0
        self._force_n = 0.0

    def _take(self) -> None:
        """Put the newest order whose time has come into effect, and drop the older ones."""
        now = self._clock.now_s
        due = [i for i, order in enumerate(self._pending) if order.effect_s <= now]
        if not due:
            return
        order = self._pending[due[-1]]
        del self._pending[: due[-1] + 1]
        if order.kind == "coast":
            self._let_go()
            return
        if self.kind == "coast":  # catch the spinning motor
            self.reference_mps = self._speed_mps
            self._integral_n = 0.0
        self._in_effect = order
        self.kind = order.kind
        self._target_mps = order.target_mps
        ramp_mps2 = self._ramp_mps2(order.kind, order.target_mps) if order.ramp_mps2 is None else order.ramp_mps2
        self._ramp_step_mps = ramp_mps2 * STEP_S

    def step(self, speed_mps: float) -> float:
        """One step of 1 ms at this belt speed; returns the force at the belt surface (N, signed)."""
        self._speed_mps = speed_mps
        if self._pending:
            self._take()
        if self.kind == "coast":
            return 0.0
        reference = self.reference_mps
        target = self._goal_mps() if self.faults.speed_gain != 1.0 or self.faults.swapped_phases else self._target_mps
        if reference < target:
            reference = min(target, reference + self._ramp_step_mps)
        elif reference > target:
            reference = max(target, reference - self._ramp_step_mps)
        self.reference_mps = reference
        error = reference - speed_mps
        wanted = self._kp * error + self._integral_n
        motoring, braking = self._p.motor_force_limit_n, self._p.brake_force_limit_n * self.faults.brake_fraction
        high, low = (motoring, -braking) if speed_mps >= 0.0 else (braking, -motoring)
        if speed_mps == 0.0:
            low = -motoring
        if wanted > high:
            wanted = high
        elif wanted < low:
            wanted = low
        else:
            self._integral_n += self._ki_step * error
        if reference == 0.0 and speed_mps == 0.0:
            self._integral_n = wanted = 0.0  # at standstill friction holds the belt; the integrator must not creep
        self._force_n += (wanted - self._force_n) * self._lag
        return self._force_n

    def _goal_mps(self) -> float:
        return self._target_mps * self.faults.speed_gain * (-1.0 if self.faults.swapped_phases else 1.0)
