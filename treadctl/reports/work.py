"""Heavy work beside the console: jobs in processes of their own, of low priority, each with a time limit, their results kept for a while.

A job is a function of a module and its arguments, both picklable, and gives bytes or text. What happens to one job touches no other: each worker has a
process of its own, a process that dies is one failed job, and the next job gets a new process.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections import deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Final, Self

from treadctl.errors import TreadctlError
from treadctl.reports.worker import Made, Result, begin, run

SWEEP_S: Final = 1.0
"""How often a running workshop looks for jobs that take too long and results that were kept long enough."""
MEBIBYTE: Final = 1 << 20


class State(StrEnum):
    """Where a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is now. `share` is done of 1, as the job tells; instants are of the workshop's clock, s; `error` is set where it failed."""

    id: str
    title: str
    state: State
    share: float = 0.0
    words: str = ""
    since_s: float = 0.0
    error: TreadctlError | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in {State.DONE, State.FAILED}


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a workshop takes on: worker processes, jobs waiting, seconds for one job, and for how long and how much of results it keeps."""

    workers: int = 1
    waiting: int = 16
    job_s: float = 60.0
    kept_s: float = 600.0
    kept_bytes: int = 64 * MEBIBYTE
    niceness: int = 10


@dataclass(frozen=True, slots=True)
class _Order:
    id: str
    function: Callable[..., Result]
    arguments: tuple[object, ...]


class Workshop:
    """Takes orders in an event loop and makes them elsewhere. An asynchronous context: on leaving it, workers are ended and unfinished jobs have failed.

    `clock` gives seconds that only grow; it bounds jobs and results. All methods belong to the loop's thread.
    """

    def __init__(self, clock: Callable[[], float], bounds: Bounds = Bounds()) -> None:
        self._clock, self._bounds = clock, bounds
        self._orders: deque[_Order] = deque()
        self._wake = asyncio.Event()
        self._jobs: dict[str, Job] = {}
        self._results: dict[str, Result] = {}
        self._changes: dict[str, asyncio.Event] = {}
        self._workers = [_Worker(bounds.niceness, self._told) for _ in range(bounds.workers)]
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._serve(worker), name="workshop") for worker in self._workers]
        self._tasks.append(asyncio.create_task(self._sweeping(), name="workshop-sweep"))
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._orders.clear()
        for job in list(self._jobs.values()):
            if not job.over:
                self._change(replace(job, state=State.FAILED, error=TreadctlError("work_failed", job.title, "the console was shut down")))
        for worker in self._workers:
            await worker.end()

    def submit(self, title: str, function: Callable[..., Result], *arguments: object) -> str:
        """Order a job and get its id, which is hard to guess. Raises TreadctlError TC640 where too many wait."""
        self.sweep()
        if len(self._orders) >= self._bounds.waiting:
            raise TreadctlError("work_full", title, f"{len(self._orders)} are waiting")
        order = _Order(secrets.token_hex(16), function, arguments)
        self._changes[order.id] = asyncio.Event()
        self._jobs[order.id] = Job(order.id, title, State.WAITING, since_s=self._clock())
        self._orders.append(order)
        self._wake.set()
        return order.id

    def job(self, job_id: str) -> Job:
        """A job as it is now. Raises TreadctlError TC643 for one that is not kept, or never was."""
        found = self._jobs.get(job_id)
        if found is None:
            raise TreadctlError("work_gone", "report")
        return found

    def jobs(self) -> tuple[Job, ...]:
        """All jobs that are kept, the oldest first."""
        return tuple(self._jobs.values())

    def result(self, job_id: str) -> Result:
        """What a job that is done has made; it stays kept. Raises the job's own error where it failed, TC643 where there is nothing (any more, or yet)."""
        job = self.job(job_id)
        if job.error is not None:
            raise job.error
        if job_id not in self._results:
            raise TreadctlError("work_gone", job.title, f"it is {job.state.value}")
        return self._results[job_id]

    async def changed(self, job: Job) -> Job:
        """The job once it differs from how it was seen: at once where it does. TC643 where it is dropped meanwhile."""
        while self.job(job.id) == job:
            await self._changes[job.id].wait()
        return self.job(job.id)

    async def finished(self, job_id: str) -> Job:
        """The job once nothing more will happen to it."""
        job = self.job(job_id)
        while not job.over:
            job = await self.changed(job)
        return job

    def clear(self) -> None:
        """Drop every result and give up every job: what they hold may be of somebody who has been erased. Whoever waits gets TC643 or TC641."""
        self._orders.clear()
        for worker in self._workers:
            if worker.order is not None:
                worker.give_up()
        for job in list(self._jobs.values()):
            if job.state is not State.RUNNING:
                self._drop(job.id)

    def sweep(self) -> None:
        """End what takes too long, and drop what was kept long enough. Done by itself each second and with each order."""
        now_s = self._clock()
        for worker in self._workers:
            if worker.order is not None and not now_s - self._jobs[worker.order].since_s <= self._bounds.job_s:
                worker.give_up()
        for job in list(self._jobs.values()):
            if job.over and not now_s - job.since_s <= self._bounds.kept_s:
                self._drop(job.id)

    async def _sweeping(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self.sweep()

    async def _serve(self, worker: _Worker) -> None:
        while True:
            while not self._orders:
                self._wake.clear()
                await self._wake.wait()
            order = self._orders.popleft()
            self._change(replace(self._jobs[order.id], state=State.RUNNING, since_s=self._clock()))
            made = await worker.make(order.id, order.function, order.arguments)
            self._keep(order.id, made)

    def _keep(self, job_id: str, made: Made) -> None:
        job = replace(self._jobs[job_id], since_s=self._clock())
        if made.result is not None and len(made.result) > self._bounds.kept_bytes:
            made = Made(error=("work_failed", "", f"its {len(made.result)} bytes are more than can be kept"))
        if made.error is not None or made.result is None:
            name, place, detail = made.error or ("work_failed", "", "it gave nothing")
            self._change(replace(job, state=State.FAILED, error=TreadctlError(name, place or job.title, detail)))
            return
        self._results[job_id] = made.result
        while sum(len(result) for result in self._results.values()) > self._bounds.kept_bytes:
            self._drop(next(iter(self._results)))
        self._change(replace(job, state=State.DONE, share=1.0))

    def _told(self, job_id: str, share: float, words: str) -> None:
        job = self._jobs.get(job_id)
        if job is not None and job.state is State.RUNNING:
            self._change(replace(job, share=min(1.0, max(job.share, share)), words=words))

    def _change(self, job: Job) -> None:
        self._jobs[job.id] = job
        before, self._changes[job.id] = self._changes[job.id], asyncio.Event()
        before.set()

    def _drop(self, job_id: str) -> None:
        self._results.pop(job_id, None)
        del self._jobs[job_id]
        self._changes.pop(job_id).set()


class _Worker:
    """One process at a time, started with its first job, replaced after it died."""

    def __init__(self, niceness: int, told: Callable[[str, float, str], None]) -> None:
        self._niceness, self._told = niceness, told
        self._pool: ProcessPoolExecutor | None = None
        self._hear: Connection | None = None
        self._pid: int | None = None
        self._given_up = False
        self.order: str | None = None

    async def make(self, job_id: str, function: Callable[..., Result], arguments: tuple[object, ...]) -> Made:
        """What the job gives, or its error as name, place and detail: never an exception of its own."""
        self.order, self._given_up = job_id, False
        try:
            pool = self._pool or self._start()
            if self._pid is None:
                self._pid = await asyncio.wrap_future(pool.submit(os.getpid))
            if self._given_up:
                self.give_up()
            return await asyncio.wrap_future(pool.submit(run, job_id, function, arguments))
        except BrokenExecutor:
            await self.end()
            return Made(error=("work_too_long", "", "") if self._given_up else ("work_failed", "", "the process that made it died"))
        except Exception as error:  # noqa: BLE001  it could not be sent, or no process started: this job's failure, and the worker goes on
            return Made(error=("work_failed", "", f"{type(error).__name__}: {error}"))
        finally:
            self.order = None

    def give_up(self) -> None:
        """Kill the process; the job that waits for it hears of it."""
        self._given_up = True
        if self._pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    async def end(self) -> None:
        """End the process and forget it."""
        pool, hear, pid = self._pool, self._hear, self._pid
        self._pool = self._hear = self._pid = None
        if hear is not None:
            asyncio.get_running_loop().remove_reader(hear.fileno())
            hear.close()
        if pool is not None:
            if pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            await asyncio.to_thread(pool.shutdown, wait=True, cancel_futures=True)

    def _start(self) -> ProcessPoolExecutor:
        context = get_context("spawn")
        self._hear, tell = context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(1, context, begin, (self._niceness, tell))
        asyncio.get_running_loop().add_reader(self._hear.fileno(), self._listen)
        return self._pool

    def _listen(self) -> None:
        while self._hear is not None and self._hear.poll():
            try:
                self._told(*self._hear.recv())
            except (EOFError, OSError):
                asyncio.get_running_loop().remove_reader(self._hear.fileno())
                return
