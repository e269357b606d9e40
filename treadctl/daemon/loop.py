"""Control loop: steps the core on each safety-relevant sample, each request and each tick, and carries its output to the drive at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from treadctl.core.controller import WALKING, Inputs, Output, State, step
from treadctl.core.messages import DriveMode, DriveOrder, Request
from treadctl.core.sample import Sample
from treadctl.daemon.collector import Collector, Haste
from treadctl.daemon.lateness import Lateness
from treadctl.ports import BeltDrive, Clock, DriveReport, EnableOutput, SensorFrame


class Recorder(Protocol):
    """Where inputs and outputs go. Never blocks; `healthy` False forbids a new start and nothing else."""

    @property
    def healthy(self) -> bool:
        """Whether what is appended will be kept."""
        ...

    def append_step(self, now_s: float, inputs: Inputs, output: Output, state: State) -> None:
        """Take one step's inputs and output, and the state after it."""
        ...


class ControlLoop:
    """One machine under control. Call `start` on the running loop; feed `on_frame`, `on_report` and `ask`; `close` ends it.

    `observer(before, after, output)` is told of every step after the output has gone to the drive; it must be quick.
    """

    def __init__(
        self,
        first: State,
        drive: BeltDrive,
        enable: EnableOutput,
        recorder: Recorder,
        clock: Clock,
        observer: Callable[[State, State, Output], None] | None = None,
    ) -> None:
        self.state = first
        self.output: Output | None = None
        self.lateness = Lateness()
        self.steps = 0
        self._drive = drive
        self._enable = enable
        self._recorder = recorder
        self._clock = clock
        self._observer = observer
        self._collector = Collector(first.setup.fitted)
        self._requests: list[Request] = []
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stepping = False
        self._again = False
        self._broken = False
        self._told = False

    def start(self) -> None:
        """Begin ticking on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._tick()

    def close(self) -> None:
        """Stop ticking. The drive's lease runs out by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._loop = None

    def sample(self) -> Sample:
        """Everything measured, with the ages of this instant: for watchers, not for deciding."""
        return self._collector.sample(self._clock())

    def on_frame(self, frame: SensorFrame) -> None:
        """Take a sensor frame; step at once where it matters."""
        haste = self._collector.take_frame(frame)
        if haste is Haste.ALWAYS or (haste is Haste.MOVING and self.state.session in WALKING):
            self.step()

    def on_report(self, report: DriveReport) -> None:
        """Take a drive report; step at once where it matters."""
        if self._collector.take_report(report):
            self.step()

    def ask(self, request: Request) -> None:
        """Take a request of a person and decide on it at once."""
        self._requests.append(request)
        self.step()

    def step(self) -> None:
        """Sample, decide, act, record: in this order, so that nothing stands between the verdict and the wire.

        A drive or an output may push a report while it is told its order: that waits until the step under way is done and recorded. Never raises once started:
        what goes wrong in the core stops the belt past it, and stays so; what goes wrong in a recorder or watcher is told to the event loop.
        """
        if self._stepping:
            self._again = True
            return
        self._stepping = True
        try:
            self._guarded()
            if self._again:
                self._guarded()
        finally:
            self._stepping = self._again = False

    def _guarded(self) -> None:
        self._again = False
        defect: Exception | None = None
        try:
            if not self._broken:
                self._step()
        except Exception as error:  # noqa: BLE001 - whatever it was, the belt is stopped first
            self._broken, defect = True, error
        if self._broken:
            last = self.state.order
            with suppress(Exception):
                self._enable.set_enable(False)
            with suppress(Exception):
                self._drive.apply(DriveOrder(max(DriveMode.STOP, last.mode), 0.0, last.direction, None, last.order_id + 1))
        if defect is not None:
            self._report("defect in a step of the core or a port", defect)

    def _step(self) -> None:
        now_s = self._clock()
        requests = tuple(self._requests)
        self._requests.clear()
        inputs = Inputs(self._collector.sample(now_s), requests, self._recorder.healthy)
        before = self.state
        self.state, output = step(before, inputs, now_s)
        self._drive.apply(output.order)
        self._enable.set_enable(output.enable)
        self.output = output
        self.steps += 1
        self.lateness.note(now_s - before.now_s - before.setup.tick_s)
        try:
            self._recorder.append_step(now_s, inputs, output, self.state)
            if self._observer is not None:
                self._observer(before, self.state, output)
        except Exception as error:  # noqa: BLE001 - the belt goes on being controlled while whoever set the loop's handler ends the session
            self._report("defect in the journal or in a watcher", error)

    def _report(self, message: str, error: Exception) -> None:
        if self._loop is None:
            raise error
        if not self._told:
            self._told = True
            self._loop.call_exception_handler({"message": message, "exception": error})

    def _tick(self) -> None:
        if self._loop is None:
            return
        tick_s = self.state.setup.tick_s
        wait_s = self.state.now_s + tick_s - self._clock()
        if self.steps == 0 or wait_s <= 0.0005:
            self.step()
            wait_s = tick_s
        self._timer = self._loop.call_later(wait_s, self._tick)
