"""How fast a journal is imported: `python -m treadctl.records.importing.bench --hours 24`.

A day of a busy machine is written through the real core and the real journal, with ten steps a second instead of a hundred and as many steps in a batch as
there are in reality; then it is imported into a sink that writes every commit to a file and brings it to the medium.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from treadctl.core.controller import Inputs, initial_state, step
from treadctl.core.limits import Limits
from treadctl.core.messages import ArmOrder, Checklist, DriveMode, Origin, Request, RequestKind
from treadctl.core.program import Block, Hands, Person, Program, Segment
from treadctl.core.sample import ChannelId, Direction, DriveState, Facing
from treadctl.core.session import SessionState
from treadctl.core.setup import CordWiring, Setup
from treadctl.journal import JournalWriter, MachineInfo, WriterOptions
from treadctl.journal.core_schema import core_schema
from treadctl.journal.storage import DiskStorage
from treadctl.records.importing.findings import Gap
from treadctl.records.importing.importer import Importer
from treadctl.records.model import Arming, ProofTest, Session
from treadctl.testing.builders import contact, drive_sample, healthy_sample, level, motion

TICK_S: Final = 0.1
BATCH_S: Final = 2.0
ROUND_S: Final = 1800.0  # a session each half hour
GOAL_PER_S: Final = 2000.0
LIMITS: Final = Limits(4.0, 2.2, 0.25, 0.8, 1.0, 0.9, 2.0, 5.0, 0.1, 3600.0)
FITTED: Final = frozenset({ChannelId.CORD_A, ChannelId.CORD_B, ChannelId.ESTOP, ChannelId.RAIL_LEFT, ChannelId.RAIL_RIGHT, ChannelId.BELT})
SETUP: Final = Setup(LIMITS, FITTED, CordWiring.INPUT_ONLY, tick_s=TICK_S, sensor_age_limit_s=0.25, proof_valid_s=86400.0)
CHECKED: Final = Checklist("attendant", cord_clipped=True, clear_zone=True, shoes=True)


def _segment(block: Block, seconds: float, speed_mps: float) -> Segment:
    return Segment(block, block.value, seconds, speed_mps, Direction.REVERSE, 0.0, Hands.FREE)


WALK: Final = Program(
    "bench", Facing.CONSOLE, (_segment(Block.WARM_UP, 120.0, 0.4), _segment(Block.MAIN, 960.0, 0.8), _segment(Block.COOL_DOWN, 120.0, 0.3)), "0" * 64
)
ORDER: Final = ArmOrder(WALK, Person(mass_kg=70.0), LIMITS, CHECKED)


class _Unsynced(DiskStorage):
    """Writing the journal is not what is measured."""

    def sync(self, handle: int) -> None:
        """Left out."""


def write_journal(directory: Path, hours: float) -> tuple[int, int]:
    """A journal of so many hours; the number of its steps and of the sessions in it."""
    now_s, wall_s, speed_mps, sessions = 1000.0, 1.795e9, 0.0, 0
    state = initial_state(SETUP, now_s)

    def clock() -> float:
        return now_s

    def wall_ns() -> int:
        return int((wall_s + now_s) * 1e9)

    options = WriterOptions(batch_s=BATCH_S, min_free_bytes=0, queued=1024)
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
            )  # fmt: skip
            inputs = Inputs(sample, _asked(number, now_s, state.session))
            before = state
            state, output = step(before, inputs, now_s)
            writer.append_step(now_s, inputs, output, state)
            if state.session is not before.session:
                sessions += state.session is SessionState.ENDED
                writer.append_event(now_s, "session", {"from": before.session.value, "to": state.session.value}, urgent=True)
            if number % 2000 == 1999:
                writer.flush(60.0)
    return count, sessions


def _asked(number: int, now_s: float, session: SessionState) -> tuple[Request, ...]:
    """Reset once; every half hour arm, and hold the start button for some seconds."""
    at_s = number * TICK_S % ROUND_S
    kind = None
    if number == 40:
        kind = RequestKind.RESET
    elif session in {SessionState.IDLE, SessionState.ENDED} and abs(at_s - 10.0) < 0.5 * TICK_S:
        kind = RequestKind.ARM
    elif session is SessionState.ARMED and 11.0 < at_s < 15.0:
        kind = RequestKind.START_HOLD
    if kind is None:
        return ()
    return (Request(kind, f"r{number}", "bench", Origin.LOCAL, now_s + 2.0, ORDER if kind is RequestKind.ARM else None),)


@dataclass
class FileSink:
    """Each commit is one line, brought to the medium."""

    path: Path
    sessions: int = 0
    last: str | None = None

    async def cursor(self) -> str | None:
        """The cursor of the last commit."""
        return self.last

    async def arming(self, request_id: str) -> Arming | None:
        """No console armed these."""
        return None

    async def commit(self, sessions: Sequence[Session], proof_tests: Sequence[ProofTest], gaps: Sequence[Gap], cursor: str) -> None:
        """Append and sync."""
        row = {"sessions": [asdict(s) for s in sessions], "tests": [asdict(t) for t in proof_tests], "gaps": [asdict(g) for g in gaps], "cursor": cursor}
        await asyncio.to_thread(self._append, json.dumps(row, default=str) + "\n")
        self.sessions += len(sessions)
        self.last = cursor

    def _append(self, line: str) -> None:
        with self.path.open("a", encoding="utf-8") as handle:
            handle.write(line)
            handle.flush()
            os.fdatasync(handle.fileno())


def run(hours: float, directory: Path) -> bool:
    """Write, import, print; whether the goal was reached and every session came."""
    begun = time.perf_counter()
    steps, walked = write_journal(directory / "journal", hours)
    size = sum(path.stat().st_size for path in (directory / "journal").glob("*.tcj"))
    sys.stdout.write(f"written: {hours:g} h, {steps} steps, {walked} sessions, {size / 1e6:.1f} MB in {time.perf_counter() - begun:.1f} s\n")
    sys.stdout.flush()
    sink = FileSink(directory / "sink.jsonl")
    begun = time.perf_counter()
    report = asyncio.run(Importer(directory / "journal", sink).run_once(closing=True))
    lasted_s = time.perf_counter() - begun
    rate = report.records / lasted_s
    sys.stdout.write(
        f"imported: {report.records} records in {report.batches} batches, {sink.sessions} sessions, {report.proof_tests} proof tests in {lasted_s:.1f} s\n"
        f"{rate:.0f} records/s with commits; goal {GOAL_PER_S:.0f}; a journal of 100 steps/s is read {rate / 100.0:.0f} times faster than it is written\n"
    )
    return rate >= GOAL_PER_S and sink.sessions == walked


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m treadctl.records.importing.bench", description="How fast a journal is imported.")
    parser.add_argument("--hours", type=float, default=24.0, help="length of the journal, h")
    with tempfile.TemporaryDirectory() as folder:
        return 0 if run(parser.parse_args().hours, Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
