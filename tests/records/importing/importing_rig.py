"""A machine whose core is driven by a test and journaled as the daemon does it, journals of every kind made with it, and a sink in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core_rig import Rig, make_setup, program, segment

from treadctl.core.controller import Inputs, Output, step
from treadctl.core.messages import RequestKind
from treadctl.core.program import Block, Person, Program
from treadctl.core.prompts import PromptKind
from treadctl.core.sample import ChannelId
from treadctl.core.session import SessionState
from treadctl.daemon.announce import Announcer
from treadctl.errors import TreadctlError
from treadctl.journal import JournalWriter, MachineInfo, WriterOptions
from treadctl.journal.core_schema import core_schema
from treadctl.journal.storage import Storage
from treadctl.records.importing import START, Assembler, Built, Finding, Gap, read_since
from treadctl.records.model import Arming, ProofTest, Session

WALL_S = 1_795_800_000.0
BRISK = Person(mass_kg=70.0, max_rpe=15.0)
SHORT: Program = program(
    segment(3.0, 0.4, block=Block.WARM_UP, label="warm-up"),
    segment(4.0, 0.6, label="walk", prompts=(PromptKind.RPE, PromptKind.PAIN)),
    segment(2.0, 0.3, block=Block.COOL_DOWN, label="cool-down"),
)


class Machine(Rig):
    """The core's rig at 50 steps a second with a journal. Leave the context to close the journal; `wall_s` may be set at any time."""

    def __init__(self, directory: Path, *, now_s: float = 100.0, boot: str = "boot-1", segment_bytes: int = 1 << 24, storage: Storage | None = None) -> None:
        super().__init__(make_setup(), now_s=now_s, dt_s=0.02)
        self.wall_s = WALL_S - 100.0
        options = WriterOptions(min_free_bytes=0, segment_bytes=segment_bytes)
        info = MachineInfo("treadmill one", "0", boot)
        self.writer = JournalWriter(
            directory, core_schema(), self.setup, self.state, now_s, info, options=options, storage=storage, clock=self._clock, wall_ns=self._wall_ns
        )
        self.announcer = Announcer(lambda *_args, **_more: 0, self.writer, now_s)
        self._steps = 0
        self.lost = False  # the writer loses the steps while it is set

    def _clock(self) -> float:
        return self.now_s

    def _wall_ns(self) -> int:
        return int((self.wall_s + self.now_s) * 1e9)

    def tick(self, dt_s: float | None = None) -> Output:
        dt = self.dt_s if dt_s is None else dt_s
        self.now_s += dt
        self.last_dt_s = max(dt, 1e-3)
        self._move_belt(dt)
        inputs = Inputs(self.sample(), tuple(self.requests), self.journal_ok)
        self.requests.clear()
        before = self.state
        self.state, output = step(before, inputs, self.now_s)
        self.outputs.append(output)
        if self.lost:
            self.writer._builder.skip_step(self.state)
            return output
        self.writer.append_step(self.now_s, inputs, output, self.state)
        self.announcer.observe(before, self.state, output)
        self._steps += 1
        if self._steps % 500 == 0:
            self.flush()
        return output

    def flush(self) -> None:
        assert self.writer.flush(10.0)

    def until(self, state: SessionState, limit_s: float = 60.0) -> None:
        for _ in range(round(limit_s / self.dt_s)):
            if self.tick().session is state:
                return
        raise AssertionError(f"never {state}")

    def press_estop(self) -> None:
        self.closed[ChannelId.ESTOP] = False
        self.run(0.4)
        self.closed[ChannelId.ESTOP] = True
        self.run(0.2)

    def walk(self, seconds: float) -> None:
        """Prove, arm and walk on for so long."""
        self.prove_and_reset()
        self.again(seconds)

    def again(self, seconds: float) -> None:
        """Arm, in the midst of a batch, start and walk on for so long."""
        self.run(0.06)
        assert self.arm(SHORT, BRISK) == (True, ())
        self.hold_start()
        self.run(seconds)

    def answer_all(self) -> None:
        assert self.answer(PromptKind.RPE, 11.0)[0]
        assert self.answer(PromptKind.PAIN, 2.0)[0]

    def put_away(self, how: RequestKind = RequestKind.DISARM) -> None:
        assert self.asked(how) == (True, ())
        self.run(0.5)

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.writer.close(10.0)


def completed(directory: Path) -> None:
    with Machine(directory) as machine:
        machine.heart_rate = 100.0
        machine.run(0.3)
        machine.press_estop()
        machine.walk(4.0)
        machine.answer_all()
        machine.until(SessionState.ENDED)
        machine.run(1.0)


def imbalance(directory: Path) -> None:
    with Machine(directory) as machine:
        machine.walk(3.0)
        machine.rails_n = (160.0, 60.0)
        machine.until(SessionState.TRIPPED, 2.0)
        machine.rails_n = (20.0, 20.0)
        machine.run(3.0)
        machine.put_away(RequestKind.RESET)


def ended_early(directory: Path) -> None:
    with Machine(directory) as machine:
        machine.walk(4.0)
        machine.ask(RequestKind.RESET)
        machine.run(0.1)
        machine.ask(RequestKind.END)
        machine.until(SessionState.ENDED)
        machine.run(0.5)
        machine.answer_all()
        machine.run(0.5)


def estop_in_mid_run(directory: Path) -> None:
    with Machine(directory) as machine:
        machine.walk(3.0)
        machine.press_estop()
        machine.run(3.0)
        machine.put_away(RequestKind.RESET)


def cut_and_begun_again(directory: Path) -> None:
    """Killed while walking, its last write torn; then a second run with a whole session."""
    with Machine(directory) as machine:
        machine.walk(3.0)
    (path,) = directory.glob("*.tcj")
    path.write_bytes(path.read_bytes()[:-400])
    with Machine(directory, now_s=200.0) as machine:
        machine.walk(2.0)
        machine.ask(RequestKind.END)
        machine.run(2.0)


def two_in_one_run(directory: Path) -> None:
    """The second is armed while the questions of the first are still open."""
    with Machine(directory) as machine:
        machine.walk(5.0)
        machine.ask(RequestKind.END)
        machine.until(SessionState.ENDED)
        machine.again(2.0)
        machine.ask(RequestKind.HOLD)
        machine.run(1.0)
        machine.ask(RequestKind.STOP)
        machine.run(3.0)


def rotated(directory: Path) -> None:
    with Machine(directory, segment_bytes=3_000) as machine:
        machine.walk(4.0)
        machine.until(SessionState.ENDED)
        machine.put_away()
    assert len(list(directory.glob("*.tcj"))) > 3


def clock_set_back(directory: Path) -> None:
    with Machine(directory) as machine:
        machine.walk(3.0)
        machine.wall_s -= 3600.0
        machine.until(SessionState.ENDED)
        machine.put_away()


def armed_in_vain(directory: Path) -> None:
    """Armed, a proof test made meanwhile, put away; nothing was walked."""
    with Machine(directory) as machine:
        machine.prove_and_reset()
        assert machine.arm(SHORT, BRISK) == (True, ())
        machine.press_estop()
        machine.put_away()


def pressed_through_arming(directory: Path) -> None:
    """The emergency stop is pressed before the record of one session is closed and released after the next arming: no proof test."""
    with Machine(directory) as machine:
        machine.walk(4.0)
        machine.ask(RequestKind.END)
        machine.until(SessionState.ENDED)
        machine.closed[ChannelId.ESTOP] = False
        machine.run(0.3)
        assert machine.arm(SHORT, BRISK) == (True, ())
        machine.run(0.3)
        machine.closed[ChannelId.ESTOP] = True
        machine.run(0.3)
        machine.put_away()


JOURNALS: dict[str, Callable[[Path], None]] = {
    "completed": completed,
    "imbalance": imbalance,
    "ended_early": ended_early,
    "estop_in_mid_run": estop_in_mid_run,
    "cut_and_begun_again": cut_and_begun_again,
    "two_in_one_run": two_in_one_run,
    "rotated": rotated,
    "clock_set_back": clock_set_back,
    "armed_in_vain": armed_in_vain,
    "pressed_through_arming": pressed_through_arming,
}


class Killed(Exception):
    """The importer was killed."""


@dataclass
class MemorySink:
    """Keeps all in lists, so that a double would be seen. It dies at commit `dies_at` (from 1), before or after having kept it."""

    sessions: list[Session] = field(default_factory=list)
    proof_tests: list[ProofTest] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    cursors: list[str] = field(default_factory=list)
    armings: dict[str, Arming] = field(default_factory=dict)
    dies_at: int = 0
    dies_before: bool = True
    busy: int = 0
    asked: int = 0

    async def cursor(self) -> str | None:
        return self.cursors[-1] if self.cursors else None

    async def arming(self, request_id: str) -> Arming | None:
        return self.armings.get(request_id)

    async def commit(self, sessions: Sequence[Session], proof_tests: Sequence[ProofTest], gaps: Sequence[Gap], cursor: str) -> None:
        self.asked += 1
        if self.busy:
            self.busy -= 1
            raise TreadctlError("database_busy", "store")
        dies = self.asked == self.dies_at
        if dies and self.dies_before:
            raise Killed
        self.sessions += sessions
        self.proof_tests += proof_tests
        self.gaps += gaps
        self.cursors.append(cursor)
        if dies:
            raise Killed

    def keep(self, findings: Sequence[Finding]) -> None:
        """Without links, as an importer does that knows of no arming."""
        self.sessions += [found.session for found in findings if isinstance(found, Built)]
        self.proof_tests += [found for found in findings if isinstance(found, ProofTest)]
        self.gaps += [found for found in findings if isinstance(found, Gap)]

    @property
    def kept(self) -> tuple[list[Session], list[ProofTest], list[Gap]]:
        return self.sessions, self.proof_tests, self.gaps


def imported(journal: Path, *, closing: bool = False) -> MemorySink:
    """All of a journal, in one go."""
    sink = MemorySink()
    assembler = Assembler(START)
    for found in read_since(journal, START, closing=closing):
        assembler.feed(found)
    if closing:
        assembler.end()
    sink.keep(assembler.findings())
    return sink


def the_session(journal: Path) -> Session:
    """The one session of a journal."""
    (session,) = imported(journal).sessions
    return session
