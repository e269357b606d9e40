"""The simulated treadmill and person, stepped together."""

from __future__ import annotations

import math
import random
from typing import Final

from treadctl_hil.world.belt import Belt
from treadctl_hil.world.clock import SLOW_STEPS, STEP_S, Clock, WorldEvent
from treadctl_hil.world.contacts import Contacts
from treadctl_hil.world.drive import DrivePlant
from treadctl_hil.world.params import WorldParams
from treadctl_hil.world.rails import Rails
from treadctl_hil.world.runner import Runner
from treadctl_hil.world.trunk import Trunk

_STANDING_CLIP_M: Final = 1.0  # the clip at the waist; the cord's switch hangs at the same height
_LYING_CLIP_M: Final = 0.2


class World:
    """Belt, drive, person, rails, waist sensor and contacts, integrated in steps of 1 ms by `advance(to_s)`.

    Instants are in the seconds of the clock whose value `start_s` was at the start. The same parameters, seed, orders and instants give the
    same world, bit for bit. Nothing here is safe for several threads.
    """

    def __init__(self, params: WorldParams, seed: int, start_s: float) -> None:
        rng = random.Random(seed)  # noqa: S311 - a simulation wants repeatable numbers
        drive_rng, runner_rng, rails_rng, contacts_rng, trunk_rng = (random.Random(rng.getrandbits(64)) for _ in range(5))  # noqa: S311 - as above
        self.params = params
        self._start_s = start_s
        self._clock = Clock(start_s)
        self.belt = Belt(params.belt, self._clock)
        self.drive = DrivePlant(params.drive, params.belt.inertia_kg, params.command_latency, drive_rng, self._clock)
        self.runner = Runner(params.runner, params.belt.deck_length_m, runner_rng, self._clock)
        self.rails = Rails(params.rails, self.runner, rails_rng, self._clock)
        self.trunk = Trunk(params.trunk, self.runner, trunk_rng, self._clock)
        self.contacts = Contacts(params.contacts, contacts_rng, self._clock)
        self._cord_m = params.contacts.cord_pull_fraction * params.belt.deck_length_m

    @property
    def now_s(self) -> float:
        """The instant simulated up to."""
        return self._clock.now_s

    @property
    def events(self) -> list[WorldEvent]:
        """Everything that physically happened, oldest first within 5 ms."""
        return self._clock.events

    @property
    def belt_speed_mps(self) -> float:
        """True belt speed, signed, forward positive."""
        return self.belt.speed_mps

    @property
    def belt_travel_m(self) -> float:
        """Length of the belt's path so far, in either direction."""
        return self.belt.travel_m

    def advance(self, to_s: float) -> None:
        """Integrate up to the last whole step not after `to_s`; an instant in the past does nothing. Raises ValueError if it is not finite."""
        if not math.isfinite(to_s):
            raise ValueError(f"cannot advance to {to_s!r}")
        clock, belt, drive, runner, contacts = self._clock, self.belt, self.drive, self.runner, self.contacts
        drive_step, belt_step, runner_step = drive.step, belt.step, runner.step
        last = math.floor((to_s - self._start_s) / STEP_S + 1e-6)
        speed = belt.speed_mps
        for k in range(clock.steps + 1, last + 1):
            clock.steps = k
            clock.now_s = self._start_s + k * STEP_S
            runner_step(speed)
            speed = belt_step(drive_step(speed), runner.fz_n, runner.fx_n)
            if contacts.active:
                contacts.tick()
            if k % SLOW_STEPS == 0:
                self._look(speed)

    def _look(self, speed_mps: float) -> None:
        self.runner.look(speed_mps)
        self.trunk.look(speed_mps)
        self.belt.look()
        if self.contacts.cord_clipped and self.runner.posture != "off":
            self._pull_cord_if_taut()
        if self.runner.hanging and self.contacts.closed("harness") and not self.contacts.active:
            self.contacts.set("harness", False)

    def _pull_cord_if_taut(self) -> None:
        """The cord runs from the console to the clip at the waist: it is as long as 70 % of the deck, and a fall lowers the clip."""
        clip_m = _LYING_CLIP_M + (_STANDING_CLIP_M - _LYING_CLIP_M) * max(0.0, math.cos(self.runner.lean_rad))
        if math.hypot(self.runner.position_m, _STANDING_CLIP_M - clip_m) > self._cord_m:
            self._clock.note("cord_pulled", f"at {self.runner.position_m:.2f} m")
            self.contacts.set("cord", False)
