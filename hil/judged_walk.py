"""One person on the simulated treadmill and the pure detectors that watch, in virtual time: what `judge_balance.py` judges."""

from __future__ import annotations

import copy
import math
import random
from dataclasses import replace
from functools import cache
from typing import Final, Literal

from treadctl.config.tuning import load_tuning
from treadctl.core import ramp as ramps
from treadctl.core.imbalance.balance import Balance, Scene, watch
from treadctl.core.imbalance.calibration import TrunkTuning
from treadctl.core.imbalance.verdict import LEVEL, Level
from treadctl.core.program import Hands
from treadctl.core.ramp import Ramp
from treadctl.core.sample import BeltMotion, Channel, Direction, DriveSample, DriveState, DriveStatus, Quality, Sample, TrunkMotion
from treadctl.core.thresholds import DetectorThresholds
from treadctl_hil.world import World, home_machine
from treadctl_hil.world.params import FacingName

STEP_S: Final = 0.01
POLL_STEPS: Final = 4  # the drive is asked every 40 ms
AGE_LIMIT_S: Final = 0.1
FOLLOW_S: Final = 0.3  # how the core thinks that a belt lags its command
UP_MPS2, DOWN_MPS2, JERK_MPS3 = 0.25, 0.8, 1.0
GRADE_PERCENT_PER_S: Final = 0.1
ENCODER_NOISE_MPS: Final = 0.004  # what is left of a recorded ripple without its three harmonics [M]
CURRENT_NOISE_A: Final = 0.05  # [U]
LIMITS: Final = DetectorThresholds()
WAYS: Final[tuple[tuple[str, Direction, FacingName], ...]] = (
    ("backward", Direction.REVERSE, "console"),
    ("backward, facing the rear", Direction.FORWARD, "rear"),
    ("forward", Direction.FORWARD, "console"),
)
PathName = Literal["rails", "waist", "belt", "fused"]
PATHS: Final[tuple[PathName, ...]] = ("rails", "waist", "belt", "fused")


@cache
def tuning() -> TrunkTuning:
    """The shipped tuning of the waist."""
    return load_tuning().core


class Walk:
    """One person on one treadmill. `step()` is 10 ms; `target_mps`, `grade_percent`, `hands` and `warm_up` are set as a program would.

    `fused` sees everything; `alone` the rails only, without the rhythm that the belt lends them. The waist and the belt need nothing of the others.
    With `twin` a second person, who grabs at nothing, walks the same steps in a world of their own, for `fork`.
    """

    def __init__(self, seed: int, mass_kg: float, way: int, twin: bool = False) -> None:
        home = home_machine()
        _, direction, facing = WAYS[way]
        person = replace(home.runner, mass_kg=mass_kg, facing=facing)
        self.worlds = [World(replace(home, runner=replace(person, grab_rail=grab)), seed, 0.0) for grab in ((True, False) if twin else (True,))]
        self.mass_kg, self.direction = mass_kg, direction
        self.target_mps = self.grade_percent = 0.0
        self.hands, self.warm_up = Hands.FREE, True
        self.steps = 0
        self.fused = self.alone = Balance()
        self._ramp, self._expected_mps = Ramp(), 0.0
        self._noise = random.Random(seed)  # noqa: S311 - a simulation wants repeatable numbers
        self._drive = DriveSample()
        for world in self.worlds:
            world.runner.mount()
            world.runner.hands_on()

    @property
    def world(self) -> World:
        """Where the detectors look."""
        return self.worlds[0]

    @property
    def now_s(self) -> float:
        """Seconds since the start."""
        return self.steps * STEP_S

    @property
    def ramping(self) -> bool:
        """The speed is being changed."""
        return self._ramp.acceleration_mps2 != 0.0 or abs(self._ramp.speed_mps - self._expected_mps) > 0.01

    def act(self, what: str) -> None:
        """Make the person do it."""
        for world in self.worlds:
            getattr(world.runner, what)()

    def run(self, seconds: float) -> None:
        """So long."""
        for _ in range(round(seconds / STEP_S)):
            self.step()

    def fork(self, grabs: bool) -> Walk:
        """The same walk up to here, to try something on."""
        other = copy.copy(self)
        other.worlds = [copy.deepcopy(self.worlds[0 if grabs else 1])]
        other._noise = copy.deepcopy(self._noise)  # noqa: SLF001 - its own class
        return other

    def levels(self) -> dict[PathName, Level]:
        """What each path says at this step."""
        fused, alone = self.fused, self.alone
        return {"rails": alone.level, "waist": LEVEL[fused.trunk.verdict], "belt": LEVEL[fused.footfalls.verdict], "fused": fused.level}

    def step(self) -> None:
        """10 ms of command, world, measurement and detectors."""
        ramping, learning = self.ramping, self.warm_up and self._expected_mps > 0.1
        expected_mps = self._expected_mps
        self.steps += 1
        before = self._ramp.speed_mps
        self._ramp = ramps.advance(self._ramp, self.target_mps, STEP_S, UP_MPS2, DOWN_MPS2, JERK_MPS3)
        self._expected_mps += (1.0 - math.exp(-STEP_S / FOLLOW_S)) * (self._ramp.speed_mps - self._expected_mps)
        sign = 1.0 if self.direction is Direction.FORWARD else -1.0
        for world in self.worlds:
            if self._ramp.speed_mps != before:
                world.drive.order("run", sign * self._ramp.speed_mps)
            most = GRADE_PERCENT_PER_S * STEP_S
            world.belt.grade_percent += min(most, max(-most, self.grade_percent - world.belt.grade_percent))
            world.advance(self.now_s)
        sample = self._measured()
        scene = Scene(self.now_s, self.mass_kg, self.hands, learning, expected_mps, ramping, AGE_LIMIT_S)
        self.fused = watch(self.fused, sample, scene, tuning(), LIMITS)
        self.alone = watch(self.alone, Sample(rail_left=sample.rail_left, rail_right=sample.rail_right), scene, None, LIMITS)

    def _measured(self) -> Sample:
        """Rails, waist and encoder through their counts, and the drive's current every 40 ms."""
        world, rails, waist = self.world, self.world.params.rails, self.world.params.trunk
        left, right = (abs(raw - rails.zero_counts) * rails.n_per_count for raw in (world.rails.raw_left, world.rails.raw_right))
        counts = world.trunk.counts()
        g, dps = waist.g_per_count, waist.dps_per_count
        force, rate = (counts[0] * g, counts[1] * g, counts[2] * g), (counts[3] * dps, counts[4] * dps, counts[5] * dps)
        saturated = max(map(abs, counts)) >= waist.full_scale_counts
        trunk = Channel[TrunkMotion](None, 0.0, Quality.IMPLAUSIBLE) if saturated else Channel(TrunkMotion(force, rate), 0.0, Quality.GOOD)
        speed_mps = abs(round(1000.0 * (world.belt_speed_mps + self._noise.gauss(0.0, ENCODER_NOISE_MPS))) / 1000.0)
        motion = BeltMotion(speed_mps, self.direction)
        if self.steps % POLL_STEPS == 0:
            current_a = abs(round(10.0 * (world.drive.current_a + self._noise.gauss(0.0, CURRENT_NOISE_A))) / 10.0)
            self._drive = DriveSample(Channel(DriveStatus(DriveState.ENABLED, motion, current_a=current_a), 0.0, Quality.GOOD), True)
        loads = (Channel(left, 0.0, Quality.GOOD), Channel(right, 0.0, Quality.GOOD))
        return Sample(self._drive, rail_left=loads[0], rail_right=loads[1], belt=Channel(motion, 0.0, Quality.GOOD), trunk=trunk)
