"""JournalWriter: takes steps and events on the control loop within microseconds, and brings them to the disk on a thread of its own."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

from treadctl.errors import TreadctlError
from treadctl.journal._appender import Appender, RunInfo
from treadctl.journal._batch import Batch, BatchBuilder, Details
from treadctl.journal._format import Kinds, PreviousState
from treadctl.journal.codec import CodecError
from treadctl.journal.retention import REMOVED_EVENT, Retention, Thinner
from treadctl.journal.schema import Schema
from treadctl.journal.storage import DiskStorage, Storage

I = TypeVar("I")  # noqa: E741 - as in schema.py
O = TypeVar("O")  # noqa: E741
C = TypeVar("C")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class WriterOptions:
    """Times s, sizes bytes. `batch_s` plus one write and sync is how much a power cut can take.

    `queued` batches may wait for a slow or full disk; beyond that ordinary ones are dropped and counted, those with a stop in them only at twice the
    number. Below `min_free_bytes` the journal calls itself unhealthy while it still can write.
    """

    batch_s: float = 0.2
    batch_bytes: int = 64 * 1024
    batch_steps: int = 256  # a clock that stands still must not keep a batch open
    segment_bytes: int = 16 * 1024 * 1024
    queued: int = 128
    retry_s: float = 0.5
    min_free_bytes: int = 32 * 1024 * 1024
    free_check_batches: int = 25  # about every 5 s
    retention: Retention = Retention()


@dataclass(frozen=True, slots=True)
class MachineInfo:
    """Who writes: the machine's name, the release of this software and the boot the monotonic clock belongs to."""

    machine: str
    release: str
    boot_id: str


def read_boot_id() -> str:
    """The kernel's id of this boot, or an empty string where it cannot be read."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


class JournalWriter(Generic[I, O, C, S]):
    """The journal of one run of the daemon.

    The constructor checks the end of what is there (a 16 MiB segment: some tens of milliseconds) and raises TreadctlError: TC204 when another process
    writes there, TC302 for another format version, TC304 when nothing can be written. After that nothing here raises or waits: `append_step` and `append_event`
    are for the control loop; trouble shows in `healthy` and `reason`. Use from one thread.
    """

    def __init__(
        self,
        directory: Path,
        schema: Schema[I, O, C, S],
        setup: C,
        state: S,
        started_s: float,
        info: MachineInfo,
        *,
        options: WriterOptions | None = None,
        storage: Storage | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._options = options or WriterOptions()
        self._storage = storage or DiskStorage()
        self._wall_ns = wall_ns
        self._clock = clock
        run = RunInfo(info.release, schema.fingerprint, info.boot_id, info.machine, started_s, schema.setup.encode(setup))
        self._appender: Appender[S] = Appender(directory, run, schema.state, self._storage, clock, wall_ns, self._options.segment_bytes)
        self._builder: BatchBuilder[I, O, C, S] = BatchBuilder(schema, state)
        self._queue: queue.SimpleQueue[Batch[S] | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._progress = threading.Condition()
        self._submitted = 0
        self._settled = 0
        self._durable_steps = 0
        self._disk_reason = ""
        self._codec_reason = ""
        self._dropped_batches = 0
        self._batches_to_free_check = 0
        self._is_short = False
        self._thinner = Thinner(directory, self._options.retention)
        found = self._appender.found
        self._begin(started_s, found is not None and found.state is not PreviousState.WHOLE)
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def _begin(self, started_s: float, damaged: bool) -> None:
        """The first batch is written at once, so that a directory that takes nothing is refused at start-up and not discovered later."""
        found = self._appender.found
        if damaged and found is not None:
            details: Details = {"segment": found.segment, "state": found.state.value, "sound_bytes": found.sound_bytes, "size_bytes": found.size_bytes}
            self._builder.add_event(started_s, "journal_found_damaged", details, self._wall_ns(), stop=False)
        self._builder.add_event(started_s, "run_began", {}, self._wall_ns(), stop=False)
        batch = self._builder.take()
        try:
            if batch is not None:
                self._appender.append(batch)
        except OSError as error:
            self._appender.abandon()
            raise TreadctlError("journal_full", str(self._appender.directory), str(error)) from error

    @property
    def healthy(self) -> bool:
        """Whether everything handed over is being written. The interlock refuses a start while it is not."""
        return not self.reason

    @property
    def reason(self) -> str:
        """Why it is not healthy, empty when it is."""
        if self._codec_reason:
            return self._codec_reason
        if self._queue.qsize() > self._options.queued // 2:
            return self._disk_reason or "the disk does not keep up"
        return self._disk_reason

    @property
    def durable_steps(self) -> int:
        """How many steps of this run are on the medium (those dropped included: see `dropped_batches`)."""
        return self._durable_steps

    @property
    def dropped_batches(self) -> int:
        """Batches that no room was left for. Each hole is also recorded in the journal, as the event journal_gap."""
        return self._dropped_batches

    def append_step(self, now_s: float, inputs: I, output: O, state: S | None = None) -> None:
        """Record one step and the core's state after it (kept by reference; written at segment starts and after gaps). Never raises or waits."""
        builder = self._builder
        try:
            builder.add_step(now_s, inputs, output, state, self._wall_ns() if builder.open_since_s is None else 0)
        except CodecError as error:
            self._codec_reason = f"a step could not be written: {error}"
            self._submit(builder.take())
            builder.skip_step(state)
            return
        self._submit_if_due(now_s)

    def append_event(self, now_s: float, name: str, details: Details | None = None, *, urgent: bool = False, stop: bool = False) -> None:
        """Record an event. `stop` marks a stop or trip for the black box; a stop or urgent one (session boundary) goes to the disk at once."""
        try:
            self._builder.add_event(now_s, name, details or {}, self._wall_ns() if self._builder.open_since_s is None else 0, stop=stop)
        except (TypeError, ValueError) as error:
            self._codec_reason = f"event {name} could not be written: {error}"
            return
        if stop or urgent:
            self._submit(self._builder.take())
        else:
            self._submit_if_due(now_s)

    def flush(self, timeout_s: float) -> bool:
        """Hand over everything and wait until it is durable (or dropped). Blocks: not for the control loop. False if the time was not enough."""
        self._submit(self._builder.take())
        wanted = self._submitted
        with self._progress:
            return self._progress.wait_for(self._has_settled(wanted), timeout_s)

    def _has_settled(self, wanted: int) -> Callable[[], bool]:
        def settled() -> bool:
            return self._settled >= wanted

        return settled

    def close(self, deadline_s: float = 2.0) -> bool:
        """Write what is left, close the segment and end the thread. Blocks up to `deadline_s`; False if something was not written in time."""
        self._submit(self._builder.take())
        self._queue.put(None)
        self._closing.set()
        self._thread.join(deadline_s)
        return not self._thread.is_alive() and not self._disk_reason

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _submit_if_due(self, now_s: float) -> None:
        builder, options = self._builder, self._options
        since_s = builder.open_since_s
        if since_s is None:
            return
        # A clock that jumped back, or is not a number, must not keep a batch open either.
        young = 0.0 <= now_s - since_s < options.batch_s
        if not young or builder.batch_steps >= options.batch_steps or builder.size >= options.batch_bytes:
            self._submit(builder.take())

    def _submit(self, batch: Batch[S] | None) -> None:
        if batch is None:
            return
        room = self._options.queued * (2 if Kinds.STOP in batch.kinds else 1)
        if self._queue.qsize() >= room:
            self._dropped_batches += 1
            return
        self._submitted += 1
        self._queue.put(batch)

    def _work(self) -> None:
        """The thread: write what comes, keep what fails and try again, until told to close.

        It keeps the scheduling of the thread that made it: with a lower priority it could be held up by other programs while it has the interpreter,
        and the control loop would wait with it. Packing and hashing give the interpreter free, the rest takes some tens of microseconds a batch.
        """
        while (batch := self._queue.get()) is not None:
            if not self._write(batch):
                self._appender.abandon()
                return
            with self._progress:
                self._settled += 1
                self._progress.notify_all()
        try:
            self._appender.close()
        except OSError as error:
            self._disk_reason = str(error)

    def _write(self, batch: Batch[S]) -> bool:
        """Until it is durable; False only if the disk still fails after `close` was called."""
        while True:
            try:
                began = self._appender.append(batch)
            except OSError as error:
                self._disk_reason = str(error)
                if self._closing.is_set() or self._closing.wait(self._options.retry_s):
                    return self._last_try(batch)
                continue
            except CodecError as error:
                self._codec_reason = f"the state could not be written: {error}"
                batch.state = None
                continue
            self._durable_steps = batch.first_step + batch.steps
            self._disk_reason = self._free_space_reason()
            if began:
                self._thin(batch)
            return True

    def _last_try(self, batch: Batch[S]) -> bool:
        try:
            self._appender.append(batch)
        except (OSError, CodecError) as error:
            self._disk_reason = str(error)
            return False
        self._disk_reason = ""
        return True

    def _free_space_reason(self) -> str:
        self._batches_to_free_check -= 1
        if self._batches_to_free_check < 0:
            self._batches_to_free_check = self._options.free_check_batches
            try:
                free = self._storage.free_bytes(self._appender.directory)
            except OSError as error:
                return str(error)
            self._is_short = free < self._options.min_free_bytes
        return "the disk is nearly full" if self._is_short else ""

    def _thin(self, batch: Batch[S]) -> None:
        """A new segment began: remove old ones if they are too many, each only after its removal is on record."""
        current = self._appender.segment
        if current is None:
            return
        try:
            for removal in self._thinner.removable(batch.wall_ns, current):
                self._appender.append_event(batch.last_s, REMOVED_EVENT, {"segment": removal.segment, "head": removal.head})
                self._storage.remove(removal.path)
        except OSError as error:
            self._disk_reason = str(error)
