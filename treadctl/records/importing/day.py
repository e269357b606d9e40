"""A made-up machine's journal: a day of sessions, written through the real core and the real journal. For benchmarks and for the proof by killing.

There are ten steps a second instead of a hundred, and as many steps in a batch as there are in reality.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from treadctl.core.controller import Inputs, State, initial_state, step
from treadctl.core.limits import Limits
from treadctl.core.messages import ArmOrder, Checklist, DriveMode, Origin, Request, RequestKind
from treadctl.core.program import Block, Hands, Person, Program, Segment
from treadctl.core.sample import ChannelId, Direction, DriveState, Facing
from treadctl.core.session import SessionState
from treadctl.core.setup import CordWiring, Setup
from treadctl.journal import JournalWriter, MachineInfo, WriterOptions
from treadctl.journal.core_schema import core_schema
from treadctl.journal.storage import DiskStorage
from treadctl.testing.builders import contact, drive_sample, healthy_sample, level, motion

TICK_S: Final = 0.1
BATCH_S: Final = 2.0
ROUND_S: Final = 1800.0  # a session each half hour
PRESS_S: Final = (3.0, 4.0)
LIMITS: Final = Limits(4.0, 2.2, 0.25, 0.8, 1.0, 0.9, 2.0, 5.0, 0.1, 3600.0)
FITTED: Final = frozenset({ChannelId.CORD_A, ChannelId.CORD_B, ChannelId.ESTOP, ChannelId.RAIL_LEFT, ChannelId.RAIL_RIGHT, ChannelId.BELT})
SETUP: Final = Setup(LIMITS, FITTED, CordWiring.INPUT_ONLY, tick_s=TICK_S, sensor_age_limit_s=0.25, proof_valid_s=86400.0)
CHECKED: Final = Checklist("attendant", cord_clipped=True, clear_zone=True, shoes=True)


def segment(block: Block, seconds: float, speed_mps: float) -> Segment:
    """One stretch, backward, hands free."""
    return Segment(block, block.value, seconds, speed_mps, Direction.REVERSE, 0.0, Hands.FREE)


WALK: Final = Program(
    "bench", Facing.CONSOLE, (segment(Block.WARM_UP, 120.0, 0.4), segment(Block.MAIN, 960.0, 0.8), segment(Block.COOL_DOWN, 120.0, 0.3)), "0" * 64
)


@dataclass(frozen=True, slots=True)
class Day:
    """What a made-up machine does: each `round_s` one session, armed `arms_at_s` after its beginning, with its request named r and the number of the step.

    Every `presses_every` rounds the emergency stop is pressed some seconds before the round ends; 0 = never.
    """

    program: Program = WALK
    round_s: float = ROUND_S
    arms_at_s: float = 10.0
    presses_every: int = 0
    segment_bytes: int = WriterOptions().segment_bytes

    def at_s(self, number: int) -> float:
        """How long after the beginning of its round a step is."""
        return number * TICK_S % self.round_s

    def pressed(self, number: int) -> bool:
        """Whether the emergency stop is held down."""
        if not self.presses_every or int(number * TICK_S / self.round_s) % self.presses_every != self.presses_every - 1:
            return False
        return PRESS_S[0] < self.round_s - self.at_s(number) < PRESS_S[1]

    def asked(self, number: int, now_s: float, state: State) -> tuple[Request, ...]:
        """Reset where it has tripped; in each round arm, and hold the start button for some seconds."""
        at_s, kind, session = self.at_s(number), None, state.session
        if session is SessionState.TRIPPED and number % 20 == 0:
            kind = RequestKind.RESET
        elif session in {SessionState.IDLE, SessionState.ENDED} and abs(at_s - self.arms_at_s) < 0.5 * TICK_S:
            kind = RequestKind.ARM
        elif session is SessionState.ARMED and self.arms_at_s + 1.0 < at_s < self.arms_at_s + 5.0:
            kind = RequestKind.START_HOLD
        if kind is None:
            return ()
        order = ArmOrder(self.program, Person(mass_kg=70.0), LIMITS, CHECKED) if kind is RequestKind.ARM else None
        return (Request(kind, f"r{number}", "bench", Origin.LOCAL, now_s + 2.0, order, arming=state.walk.arming),)


BUSY: Final = Day()


class _Unsynced(DiskStorage):
    """Writing the journal is not what is measured."""

    def sync(self, handle: int) -> None:
        """Left out."""


def write_journal(directory: Path, hours: float, day: Day = BUSY) -> tuple[int, int]:
    """A journal of so many hours of such a day; the number of its steps and of the sessions in it."""
    now_s, wall_s, speed_mps, sessions = 1000.0, 1.795e9, 0.0, 0
    state = initial_state(SETUP, now_s)

    def clock() -> float:
        return now_s

    def wall_ns() -> int:
        return int((wall_s + now_s) * 1e9)

    options = WriterOptions(batch_s=BATCH_S, min_free_bytes=0, queued=1024, segment_bytes=day.segment_bytes)
    info = MachineInfo("bench", "0", "bench")
    count = round(hours * 3600.0 / TICK_S)
    with JournalWriter(directory, core_schema(), SETUP, state, now_s, info, options=options, storage=_Unsynced(), clock=clock, wall_ns=wall_ns) as writer:
        for number in range(count):
            now_s += TICK_S
            order, powered = state.order, state.enable and state.order.mode is not DriveMode.POWER_OFF
            speed_mps = order.speed_mps if order.mode is DriveMode.RUN else max(0.0, speed_mps - 0.9 * TICK_S)
            shown_mps = speed_mps * (1.0 + 0.002 * (number % 7 - 3))
            hand_n = 20.0 + number % 11
            drive = drive_sample(shown_mps, order.direction, state=DriveState.ENABLED if powered else DriveState.DISABLED, confirmed_order=order.order_id)
            sample = replace(
                healthy_sample(drive=drive, belt=motion(shown_mps, order.direction), rail_left=level(hand_n), rail_right=level(41.0 - hand_n)),
                cord_a=contact(number > 20), cord_b=contact(number > 20), enable_feedback=contact(state.enable),
                estop=contact(not day.pressed(number)),
            )  # fmt: skip
            inputs = Inputs(sample, day.asked(number, now_s, state))
            before = state
            state, output = step(before, inputs, now_s)
            writer.append_step(now_s, inputs, output, state)
            if state.session is not before.session:
                sessions += state.session is SessionState.ENDED
                writer.append_event(now_s, "session", {"from": before.session.value, "to": state.session.value}, urgent=True)
            if number % 2000 == 1999:
                writer.flush(60.0)
    return count, sessions
