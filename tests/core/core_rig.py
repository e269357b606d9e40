"""A rig for core tests: a perfect belt and a perfect drive around `step`, every channel of which a test may spoil."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from core_waist import Waist

from treadctl.core.controller import Inputs, Output, State, initial_state, step
from treadctl.core.limits import Limits
from treadctl.core.messages import ArmOrder, Checklist, DriveMode, Origin, Request, RequestKind
from treadctl.core.program import Block, Hands, Person, Program, Segment
from treadctl.core.prompts import Answer, PromptKind
from treadctl.core.sample import (
    ABSENT_TRUNK,
    BeltMotion,
    Channel,
    ChannelId,
    Direction,
    DriveSample,
    DriveState,
    DriveStatus,
    Facing,
    Quality,
    Sample,
)
from treadctl.core.setup import CordWiring, Setup

LIMITS = Limits(4.0, 2.2, 0.25, 0.8, 1.0, 0.9, 2.0, 5.0, 0.1, 1200.0)
FITTED = frozenset(ChannelId) - {ChannelId.HEART_RATE, ChannelId.PRESENCE, ChannelId.TRUNK, ChannelId.ATTENDANT}
PERSON = Person(mass_kg=70.0)
CHECKED = Checklist("attending clinician", cord_clipped=True, clear_zone=True, shoes=True)


def segment(seconds: float, speed: float, **changes: object) -> Segment:
    base = Segment(Block.MAIN, "walk", seconds, speed, Direction.REVERSE, 0.0, Hands.ON)
    return replace(base, **changes)  # type: ignore[arg-type]


def program(*segments: Segment) -> Program:
    return Program("test", Facing.CONSOLE, segments, "0" * 64)


WALK = program(
    segment(12.0, 0.4, block=Block.WARM_UP, label="warm-up"),
    segment(20.0, 0.8),
    segment(6.0, 0.3, block=Block.COOL_DOWN, label="cool-down"),
)

Spoil = Callable[[Sample], Sample]


@dataclass
class Rig:
    """`run(seconds)` steps the core at 100 Hz against a belt that does at once, or by the drive's ramp, what it is ordered."""

    setup: Setup
    state: State = field(init=False)
    now_s: float = 100.0
    speed_mps: float = 0.0
    spoil: Spoil | None = None
    closed: dict[ChannelId, bool] = field(default_factory=lambda: dict.fromkeys(FITTED | {ChannelId.ATTENDANT, ChannelId.PRESENCE}, True))
    rails_n: tuple[float, float] = (20.0, 20.0)
    heart_rate: float | None = None
    waist: Waist | None = None
    identified: bool = True
    watchdog_s: float | None = 0.5
    confirms: bool = True
    follows: bool = True
    obeys_stop: bool = True
    journal_ok: bool = True
    drive_state: DriveState | None = None
    outputs: list[Output] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    dt_s: float = 0.01
    last_dt_s: float = 0.01
    counter: int = 0

    def __post_init__(self) -> None:
        self.state = initial_state(self.setup, self.now_s)

    @property
    def last(self) -> Output:
        return self.outputs[-1]

    def sample(self) -> Sample:
        order = self.state.order
        powered = self.state.enable and order.mode is not DriveMode.POWER_OFF
        motion = BeltMotion(self.speed_mps, order.direction if self.speed_mps > 0.0 else None)
        drive_state = self.drive_state or (DriveState.ENABLED if powered else DriveState.DISABLED)
        feedback = self.state.enable and self.closed[ChannelId.ENABLE_FEEDBACK]
        wobble = 2.0 * math.sin(2.0 * math.pi * 1.8 * self.now_s)
        contacts = {c: Channel(self.closed[c], 0.0, Quality.GOOD) for c in self.closed if c in {
            ChannelId.CORD_A, ChannelId.CORD_B, ChannelId.ESTOP, ChannelId.ATTENDANT, ChannelId.HARNESS, ChannelId.PRESENCE}}  # fmt: skip
        sample = Sample(
            drive=DriveSample(
                Channel(DriveStatus(drive_state, motion), 0.0, Quality.GOOD), self.identified, self.watchdog_s,
                order.order_id if self.confirms else 0,
            ),
            enable_feedback=Channel(feedback, 0.0, Quality.GOOD),
            rail_left=Channel(max(0.0, self.rails_n[0] + wobble), 0.0, Quality.GOOD),
            rail_right=Channel(max(0.0, self.rails_n[1] - wobble), 0.0, Quality.GOOD),
            belt=Channel(motion, 0.0, Quality.GOOD),
            heart_rate=Channel(self.heart_rate, 0.0, Quality.GOOD if self.heart_rate is not None else Quality.ABSENT),
            trunk=ABSENT_TRUNK if self.waist is None else Channel(self.waist.move(self.last_dt_s), 0.0, Quality.GOOD),
            **{str(c): channel for c, channel in contacts.items()},
        )  # fmt: skip
        return self.spoil(sample) if self.spoil else sample

    def tick(self, dt_s: float | None = None) -> Output:
        dt = self.dt_s if dt_s is None else dt_s
        self.now_s += dt
        self.last_dt_s = max(dt, 1e-3)
        self._move_belt(dt)
        inputs = Inputs(self.sample(), tuple(self.requests), self.journal_ok)
        self.requests.clear()
        self.state, output = step(self.state, inputs, self.now_s)
        self.outputs.append(output)
        self.times.append(self.now_s)
        return output

    def _move_belt(self, dt_s: float) -> None:
        order = self.state.order
        limits = self.setup.limits
        rate = {DriveMode.STOP: limits.protective_deceleration_mps2, DriveMode.FAST_STOP: limits.fast_deceleration_mps2, DriveMode.POWER_OFF: 0.5}
        if order.mode is DriveMode.RUN:
            if self.follows:
                self.speed_mps = order.speed_mps
        elif self.obeys_stop:
            self.speed_mps = max(0.0, self.speed_mps - rate[order.mode] * dt_s)

    def run(self, seconds: float) -> Output:
        for _ in range(round(seconds / self.dt_s)):
            self.tick()
        return self.last

    def ask(
        self, kind: RequestKind, origin: Origin = Origin.LOCAL, arm: ArmOrder | None = None, answer: Answer | None = None, ttl_s: float = 2.0,
        arming: str | None = None,
    ) -> str:  # fmt: skip
        self.counter += 1
        name = f"r{self.counter}"
        self.requests.append(Request(kind, name, "clinician", origin, self.now_s + ttl_s, arm, answer, self.state.walk.arming if arming is None else arming))
        return name

    def asked(self, kind: RequestKind, **how: object) -> tuple[bool, tuple[str, ...]]:
        name = self.ask(kind, **how)  # type: ignore[arg-type]
        output = self.tick()
        reply = next(r for r in output.replies if r.request_id == name)
        return reply.granted, reply.reasons

    def prove_and_reset(self) -> None:
        self.run(0.5)
        for closed in (False, True):
            self.closed[ChannelId.CORD_A] = self.closed[ChannelId.CORD_B] = closed
            self.run(0.2)
        assert self.asked(RequestKind.RESET) == (True, ())

    def arm(self, walk: Program = WALK, person: Person = PERSON, limits: Limits = LIMITS, checklist: Checklist = CHECKED) -> tuple[bool, tuple[str, ...]]:
        return self.asked(RequestKind.ARM, arm=ArmOrder(walk, person, limits, checklist))

    def hold_start(self, seconds: float = 1.2) -> None:
        for _ in range(round(seconds / 0.1)):
            self.ask(RequestKind.START_HOLD)
            self.run(0.1)

    def start(self, walk: Program = WALK, person: Person = PERSON) -> None:
        self.prove_and_reset()
        assert self.arm(walk, person) == (True, ())
        self.hold_start()

    def to_speed(self, seconds: float = 6.0) -> None:
        self.start()
        self.run(seconds)
        assert self.speed_mps > 0.2

    def answer(self, kind: PromptKind, score: float) -> tuple[bool, tuple[str, ...]]:
        return self.asked(RequestKind.ANSWER, answer=Answer(kind, score))

    def active(self) -> set[str]:
        return {cause.id for cause in self.last.causes if cause.active}

    def present(self) -> set[str]:
        return {cause.id for cause in self.last.causes if cause.present}


def make_setup(**changes: object) -> Setup:
    return replace(Setup(LIMITS, FITTED, CordWiring.INPUT_ONLY), **changes)  # type: ignore[arg-type]
