"""The stand of the stop benchmark: the real drivers, bus link and core of the daemon against the simulated belt, re-armed after every stop.

Latency is measured at the plant: from the physical edge of a contact to the last byte of the first stop frame on the drive's wire. Re-arming replaces the
core's state by a running one instead of waiting for a person's reset twelve thousand times; nothing else differs from the daemon.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from treadctl.config.machine import MachineConfig, load_machine
from treadctl.core.controller import Inputs, Output, State, initial_state
from treadctl.core.limits import Limits
from treadctl.core.messages import ArmOrder, Checklist, DriveMode, Origin, Request, RequestKind
from treadctl.core.program import Block, Hands, Person, Program, Segment
from treadctl.core.sample import Direction, Facing
from treadctl.core.session import SessionState
from treadctl.daemon import realtime
from treadctl.daemon.assembly import Machine, assemble
from treadctl.daemon.loop import ControlLoop
from treadctl.errors import TreadctlError
from treadctl.testing.simulated import SimulatedBelt

SPEED_MPS: Final = 0.06  # slow enough to stand at once, so that a thousand stops take minutes
PHASE_S: Final = 0.06  # edges come at any phase of at least this long, in whole cycles of the polls: a part of a cycle would favour its beginning
CYCLE_EXCHANGES: Final = 3  # the drive's polls repeat after speed, speed, state
CYCLES: Final = 20  # over which the length of a cycle is measured
STRATA: Final = 50  # each so many edges, one falls at random into each equal part of the phase: the median then needs fewer of them
LEAD_S: Final = 0.006  # from asking for an edge to the earliest instant it may come
EDGE: Final = "attendant"  # the enabling switch on the sensor board: SS1, the stop a drive can be started from again at once
TRIES: Final = 20
APART_S: Final = 0.06  # edges closer together are one event to the simulated plant
BOUNCE_S: Final = 0.008  # the contacts of this bench bounce for up to 2 ms
PATIENCE_S: Final = 5.0


class NoRecord:
    """No journal: what is measured is the wire."""

    healthy = True

    def append_step(self, now_s: float, inputs: Inputs, output: Output, state: State) -> None:
        """Forget it."""


class Stand:
    """One running arrangement. `trial` gives one measurement; a stop that never came is an error, not a missing row."""

    def __init__(self, belt: SimulatedBelt, machine: Machine, control: ControlLoop, chance: random.Random) -> None:
        self.belt = belt
        self.machine = machine
        self.control = control
        self._chance = chance
        self._armed: State | None = None
        self._last_edge_s = 0.0
        self._phase_s = PHASE_S
        self._strata: list[int] = []
        self.repeated = 0
        self.early: Counter[str] = Counter()

    async def until(self, look: Callable[[], bool], what: str, limit_s: float = PATIENCE_S) -> None:
        """Wait for something to become true, without disturbing the loop."""
        deadline_s = time.monotonic() + limit_s
        while not look():
            if time.monotonic() > deadline_s:
                state = self.control.state
                detail = f"session {state.session.value}, causes {[c.id for c in state.causes]}"
                raise TreadctlError("refused", f"bench > {what}", detail)
            await asyncio.sleep(0.002)

    async def start(self) -> None:
        """From power-up to a running belt, as a person would do it; the state reached is what every trial begins with."""
        await self.until(self._drive_ready, "the drive")
        self.belt.set("cord", closed=False)
        await self.until(lambda: len(self.control.state.seen_open) == 2, "the open cord")
        self.belt.set("cord", closed=True)
        await self.until(lambda: len(self.control.state.proven) == 2, "the proof")
        await self._ask_until(RequestKind.RESET, SessionState.IDLE)
        await self._ask_until(RequestKind.ARM, SessionState.ARMED)
        await self._ask_until(RequestKind.START_HOLD, SessionState.RUNNING)
        await self.until(lambda: self.control.state.ramp.speed_mps == SPEED_MPS, "the speed")
        self._armed = self.control.state
        await self._measure_phase()

    async def _measure_phase(self) -> None:
        """The least whole number of poll cycles that lasts `PHASE_S`, s."""
        stats = self.machine.drive.stats
        began_s, began = time.monotonic(), stats().exchanges
        await self.until(lambda: stats().exchanges >= began + CYCLES * CYCLE_EXCHANGES, "polls")
        cycle_s = (time.monotonic() - began_s) * CYCLE_EXCHANGES / (stats().exchanges - began)
        self._phase_s = math.ceil(PHASE_S / cycle_s) * cycle_s

    def _draw_phase_s(self) -> float:
        if not self._strata:
            self._strata = self._chance.sample(range(STRATA), STRATA)
        return (self._strata.pop() + self._chance.random()) / STRATA * self._phase_s

    async def trial(self, before: Callable[[], None] | None = None) -> dict[str, Any]:
        """One edge at a random phase of the polls, and what the plant saw of it."""
        for _ in range(TRIES):
            await self._rearm()
            exchanges = self.machine.drive.stats().exchanges
            await self.until(lambda: self.machine.drive.stats().exchanges >= exchanges + 2, "polls")  # noqa: B023 - awaited here
            if self.control.state.session is SessionState.TRIPPED:
                self.repeated += 1  # something stopped it before the edge: a stop all the same, but none that was timed
                continue
            if before is not None:
                before()
            await asyncio.sleep(self._last_edge_s + APART_S - time.monotonic())
            asked_s, lost = time.monotonic(), self.machine.drive.stats().timeouts
            self.belt.ask("at", t_s=LEAD_S + self._draw_phase_s(), do={"cmd": "set", "input": EDGE, "closed": False})
            seen = await self._seen_since(asked_s)
            if seen is not None:
                self._last_edge_s = float(seen["event_s"])
                return {**seen, "replies_lost": self.machine.drive.stats().timeouts - lost}
            self.repeated += 1
        raise TreadctlError("refused", "bench > trial", f"stopped {TRIES} times before the edge; causes {[c.id for c in self.control.state.causes]}")

    async def _seen_since(self, asked_s: float) -> dict[str, Any] | None:
        """The measurement of the edge that came after `asked_s`, once its stop frame is in; None where the belt was stopped before the edge."""
        deadline_s = asked_s + PATIENCE_S
        while time.monotonic() < deadline_s:
            await asyncio.sleep(0.01)
            seen: dict[str, Any] = self.belt.ask("measurements", last=1)["measurements"][0]
            if seen["event_s"] <= asked_s:
                continue
            if seen["first_stop_frame_s"] is not None:
                return seen
            causes = self.control.state.causes
            if self.control.state.session is SessionState.TRIPPED and min(c.since_s for c in causes if c.active) < seen["event_s"]:
                self.early.update(c.id for c in causes if c.active and c.since_s < seen["event_s"])
                return None
        raise TreadctlError("refused", "bench > stop frame", "no stop frame reached the drive")

    async def dropped(self, measured: dict[str, Any]) -> dict[str, Any]:
        """The same measurement once the enable output has dropped."""
        deadline_s = time.monotonic() + PATIENCE_S
        while measured["enable_dropped_s"] is None:
            if time.monotonic() > deadline_s:
                raise TreadctlError("refused", "bench > enable", "the enable output did not drop")
            await asyncio.sleep(0.01)
            measured = self.belt.ask("measurements", last=1)["measurements"][0]
        return measured

    async def _rearm(self) -> None:
        """Close the switch and put the running state back under a new order. The drive may still be on its way up: the wire is as busy as ever."""
        armed = self._armed
        if armed is None:
            raise TreadctlError("refused", "bench", "the stand was not started")
        self.belt.set(EDGE, closed=True)
        closed_since_s = math.inf

        def settled() -> bool:
            nonlocal closed_since_s
            closed = self.control.sample().attendant.fresh(0.1) is True
            closed_since_s = min(closed_since_s, time.monotonic()) if closed else math.inf
            return time.monotonic() - closed_since_s > BOUNCE_S

        await self.until(settled, "the closed switch")
        await self.until(lambda: self._drive_ready() and self.control.sample().drive.status.age_s < 0.1, "the drive answering")
        now_s, number = time.monotonic(), self.control.state.order.order_id + 1
        self.control.state = replace(armed, now_s=now_s, order=replace(armed.order, order_id=number), order_at_s=now_s, causes=())
        await self.until(lambda: self.control.state.order.mode is DriveMode.RUN, "the order to run")

    async def _ask_until(self, kind: RequestKind, wanted: SessionState) -> None:
        async def ask() -> None:
            while self.control.state.session is not wanted:
                order = ARM if kind is RequestKind.ARM else None
                arming = self.control.state.walk.arming
                self.control.ask(Request(kind, f"{kind.value}", "bench", Origin.LOCAL, time.monotonic() + 1.0, order, arming=arming))
                await asyncio.sleep(0.1)

        try:
            await asyncio.wait_for(ask(), 2.0 * PATIENCE_S)
        except TimeoutError:
            state = self.control.state
            raise TreadctlError("refused", f"bench > {kind.value}", f"{state.session.value}, causes {[c.id for c in state.causes]}") from None

    def _drive_ready(self) -> bool:
        drive = self.control.sample().drive
        return drive.identified and drive.watchdog_s is not None and drive.status.value is not None


def _program() -> Program:
    segment = Segment(Block.MAIN, "bench", 86000.0, SPEED_MPS, Direction.REVERSE, 0.0, Hands.FREE)
    return Program("bench", Facing.CONSOLE, (segment,), "0" * 64)


LONG: Final = Limits(4.0, 2.2, 0.25, 0.8, 1.0, 0.9, 2.0, 5.0, 0.1, 86400.0)
ARM: Final = ArmOrder(_program(), Person(70.0), LONG, Checklist("bench", cord_clipped=True, clear_zone=True, shoes=True))


def bench_machine(belt: SimulatedBelt) -> MachineConfig:
    """The machine file of the bench with polls as dense as the wire allows."""
    text = belt.machine_file.read_text(encoding="utf-8")
    text = text.replace('driver = "altivar"\n', 'driver = "altivar"\npoll_interval_s = 0.005\n')
    path = Path(str(belt.machine_file) + ".bench.toml")
    path.write_text(text, encoding="utf-8")
    return load_machine(path)


@asynccontextmanager
async def running_stand(belt: SimulatedBelt, seed: int) -> AsyncIterator[Stand]:
    """The daemon's own parts, running in this process against `belt`."""
    config = bench_machine(belt)
    machine = assemble(config, time.monotonic)
    record = NoRecord()
    control = ControlLoop(initial_state(config.core_setup(), time.monotonic()), machine.drive, machine.enable, record, time.monotonic)
    tasks = [asyncio.create_task(machine.drive.run(control.on_report))]
    tasks += [asyncio.create_task(source.run(control.on_frame)) for _, source in machine.sources]
    realtime.freeze_heap()  # as the daemon does: else a collection of all that the command line imported stops the loop for some tens of milliseconds
    control.start()
    stand = Stand(belt, machine, control, random.Random(seed))  # noqa: S311 - phases, no secrets
    try:
        await stand.start()
        yield stand
    finally:
        control.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
