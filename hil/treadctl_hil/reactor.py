"""Time and events of the simulator: one thread, one heap of timers, one select.

select() takes its time-out in microseconds where an epoll loop rounds to milliseconds; a reply on a 115200 baud line lasts less than one.
"""

from __future__ import annotations

import ctypes
import gc
import heapq
import os
import select
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

PR_SET_TIMERSLACK: Final = 29


class Timer:
    """A call to come. `cancel()` forgets it."""

    __slots__ = ("at_s", "call", "order")

    def __init__(self, at_s: float, order: int, call: Callable[[], None]) -> None:
        self.at_s = at_s
        self.order = order
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Forget the call; harmless after it was made."""
        self.call = None

    def __lt__(self, other: Timer) -> bool:
        return (self.at_s, self.order) < (other.at_s, other.order)


class Scheduler(Protocol):
    """What the parts of the simulator need of time. Instants are CLOCK_MONOTONIC seconds."""

    def now_s(self) -> float:
        """The instant it is."""

    def call_at(self, at_s: float, call: Callable[[], None]) -> Timer:
        """Make a call at an instant."""


class _Timers:
    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._order = 0

    def call_at(self, at_s: float, call: Callable[[], None]) -> Timer:
        """Make a call at an instant, or as soon as possible after it; calls of one instant keep their order."""
        self._order += 1
        timer = Timer(at_s, self._order, call)
        heapq.heappush(self._heap, timer)
        return timer

    def _due(self, now_s: float) -> Timer | None:
        while self._heap and self._heap[0].call is None:
            heapq.heappop(self._heap)
        if self._heap and self._heap[0].at_s <= now_s:
            return heapq.heappop(self._heap)
        return None

    def _next_s(self) -> float | None:
        while self._heap and self._heap[0].call is None:
            heapq.heappop(self._heap)
        return self._heap[0].at_s if self._heap else None


class ManualTime(_Timers):
    """Time for tests: it passes only in `run_until`, and every timer sees exactly its own instant."""

    def __init__(self, start_s: float = 0.0) -> None:
        super().__init__()
        self._now_s = start_s

    def now_s(self) -> float:
        """The instant reached."""
        return self._now_s

    def run_until(self, to_s: float) -> None:
        """Make all calls due up to an instant, in order, and arrive there."""
        while (timer := self._due(to_s)) is not None:
            self._now_s = max(self._now_s, timer.at_s)
            if timer.call is not None:
                timer.call()
        self._now_s = max(self._now_s, to_s)


class Reactor(_Timers):
    """The real thing. `lateness_s` collects how late timers marked by `watch_lateness` were served, for the report."""

    def __init__(self) -> None:
        super().__init__()
        self._readers: dict[int, Callable[[], None]] = {}
        self._stopping = False
        self._wake_r, self._wake_w = os.pipe()
        os.set_blocking(self._wake_r, False)
        os.set_blocking(self._wake_w, False)
        self.add_reader(self._wake_r, self._drain)

    def now_s(self) -> float:
        """CLOCK_MONOTONIC, seconds."""
        return time.monotonic()

    def add_reader(self, fd: int, call: Callable[[], None]) -> None:
        """Call whenever `fd` can be read."""
        self._readers[fd] = call

    def remove_reader(self, fd: int) -> None:
        """Stop watching `fd`; harmless when it was not watched."""
        self._readers.pop(fd, None)

    def stop(self) -> None:
        """Leave `run` soon; may be called from a signal handler."""
        self._stopping = True
        with suppress(OSError):
            os.write(self._wake_w, b"x")

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._wake_r, 64)

    def run(self) -> None:
        """Serve until `stop`. Descriptors go before timers, so that a byte that has arrived is stamped before anything else is computed."""
        while not self._stopping:
            due_s = self._next_s()
            wait_s = None if due_s is None else max(0.0, due_s - time.monotonic())
            ready, _, _ = select.select(list(self._readers), (), (), wait_s)
            for fd in ready:
                call = self._readers.get(fd)
                if call is not None:
                    call()
            for _ in range(64):  # bounded, so that a burst of timers never starves the descriptors
                timer = self._due(time.monotonic())
                if timer is None:
                    break
                if timer.call is not None:
                    timer.call()
        os.close(self._wake_r)
        os.close(self._wake_w)


def go_realtime() -> bool:
    """SCHED_FIFO and a short timer slack where allowed, no cycle collector; returns whether the priority was granted.

    The hardware that is simulated here does not compete for a processor with the daemon, so this process goes above it. Children start normal.
    The collector would walk the frame logs for milliseconds; nothing made while running refers to itself in a circle.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0)  # ns
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(70))
    except OSError:
        return False
    return True
