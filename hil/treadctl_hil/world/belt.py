"""The belt: one equivalent mass, rubbing on its deck under the person's weight."""

from __future__ import annotations

from treadctl_hil.world.clock import STEP_S, Clock
from treadctl_hil.world.params import BeltParams


class Belt:
    """M v' = F_motor - sign(v) (mu Fz + F0 + Fx) - c v + Fz sin(slope).

    `speed_mps` is signed: positive carries the top surface from the console to the rear (forward). `travel_m` is path length.
    Fx is the fore-aft force of the feet, positive against the belt's motion: the braking half of a stance slows the belt, the push-off helps it.
    At grade the person's weight helps the motor only through that same force, so it is not counted a second time.
    """

    __slots__ = ("_clock", "_friction", "_inertia", "_moved", "_p", "accel_mps2", "drag_n", "grade_percent", "speed_mps", "travel_m")

    def __init__(self, params: BeltParams, clock: Clock) -> None:
        self._p = params
        self._clock = clock
        self._inertia = params.inertia_kg
        self._friction = params.friction
        self._moved = False
        self.drag_n = params.drag_n  # changeable: a jammed roller, a seized bearing
        self.speed_mps = 0.0
        self.travel_m = 0.0
        self.accel_mps2 = 0.0
        self.grade_percent = params.grade_percent

    def step(self, motor_n: float, fz_n: float, fx_n: float) -> float:
        """One step of 1 ms; returns the new speed."""
        v = self.speed_mps
        rub = self._friction * fz_n + self.drag_n
        push = motor_n
        if self.grade_percent:
            push += fz_n * self.grade_percent * 0.01
        if v > 0.0:
            new = v + (push - rub - fx_n - self._p.viscous_n_per_mps * v) * STEP_S / self._inertia
            new = max(new, 0.0)
        elif v < 0.0:
            new = v + (push + rub + fx_n - self._p.viscous_n_per_mps * v) * STEP_S / self._inertia
            new = min(new, 0.0)
        elif push > rub:
            new = (push - rub) * STEP_S / self._inertia
        elif push < -rub:
            new = (push + rub) * STEP_S / self._inertia
        else:
            new = 0.0
        self.accel_mps2 = (new - v) / STEP_S
        self.speed_mps = new
        self.travel_m += new * STEP_S if new > 0.0 else -new * STEP_S
        return new

    def look(self) -> None:
        """Note setting off and standstill; called between the steps."""
        speed = abs(self.speed_mps)
        if self._moved:
            if speed < self._p.standstill_mps:
                self._moved = False
                self._clock.note("standstill")
        elif speed > 10.0 * self._p.standstill_mps:
            self._moved = True
            self._clock.note("belt_moves", "forward" if self.speed_mps > 0.0 else "reverse")
