"""The link to the daemon: its snapshots and events for every watcher of the console, and requests on behalf of people.

One connection serves all watchers. A watcher gets the newest snapshot, never a queue of old ones; events are kept and numbered, so that one who was away
can go on where it was. While the link is down everything says so: nothing shown then is current.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from treadctl.core.messages import Origin, RequestKind
from treadctl.core.prompts import Answer
from treadctl.errors import TreadctlError
from treadctl.ipc.aio import Client, Dial, Link, follow
from treadctl.ipc.messages import Accepted, ArmArgs, Event, SnapshotMessage
from treadctl.ipc.snapshot import Snapshot
from treadctl.ports import Clock

RATE_HZ: Final = 10.0
KEPT_EVENTS: Final = 512
KEPT_TRACK: Final = 36_000  # an hour at 10 Hz
STALE_S: Final = 1.0  # older than this a value is greyed and dated
ANSWER_S, ARM_ANSWER_S = 0.7, 2.0  # a program is compiled for an arming
STOP_ANSWER_S: Final = 0.3  # the daemon says within some 20 ms that it stops; whoever waits in vain must be at the cord within a second


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known of the machine now. `number` grows with each change; `received_s` is on this process's monotonic clock, which is the daemon's too."""

    number: int
    up: bool
    detail: str
    received_s: float
    snapshot: Snapshot | None = None


class DaemonLink:
    """For use in `async with link.running()`. `where` is the socket, or a dial in tests."""

    def __init__(
        self, where: Path | Dial, *, origin: Origin, clock: Clock = time.monotonic, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._where = where
        self._origin = origin
        self._clock = clock
        self._sleep = sleep
        self._client: Client | None = None
        self._changed = asyncio.Condition()
        self._moment = Moment(0, up=False, detail="the daemon has not been heard yet", received_s=clock())
        self._track: deque[tuple[float, float | None]] = deque(maxlen=KEPT_TRACK)
        self._events: deque[tuple[int, Event]] = deque(maxlen=KEPT_EVENTS)
        self._event_number = 0
        self.heard: list[Callable[[Event], None]] = []  # told each event once, in order; must not raise

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the daemon for as long as the block lasts."""
        task = asyncio.create_task(self._follow(), name="daemon link")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @property
    def moment(self) -> Moment:
        """The newest."""
        return self._moment

    @property
    def event_number(self) -> int:
        """The number of the newest event."""
        return self._event_number

    @property
    def track(self) -> tuple[tuple[float, float | None], ...]:
        """(program time s, measured m/s) of the session shown, as far as it was watched from here."""
        return tuple(self._track)

    def events_since(self, number: int) -> list[tuple[int, Event]]:
        """Kept events above `number`, oldest first."""
        return [entry for entry in self._events if entry[0] > number]

    async def changed_since(self, moment: int, event: int, timeout_s: float) -> Moment:
        """The newest moment, as soon as it or an event is newer than those numbers, or when the time is over."""
        async with self._changed:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._changed.wait_for(lambda: self._moment.number > moment or self._event_number > event)
        return self._moment

    async def ask(
        self,
        kind: RequestKind,
        who: str,
        *,
        ttl_s: float = 1.0,
        arm: ArmArgs | None = None,
        answer: Answer | None = None,
        arming: str = "",
        request_id: str | None = None,
    ) -> Accepted:
        """Ask for something on behalf of `who`. Raises RefusedError with the daemon's reasons, TreadctlError(no_daemon) when it is away."""
        client = self._client
        if client is None:
            raise TreadctlError("no_daemon", "console", self._moment.detail)
        try:
            async with asyncio.timeout(ARM_ANSWER_S if kind is RequestKind.ARM else ANSWER_S):
                return await client.request(kind, who=who, origin=self._origin, ttl_s=ttl_s, arm=arm, answer=answer, arming=arming, request_id=request_id)
        except TimeoutError:  # whoever else is on the shared connection keeps it
            raise TreadctlError("no_daemon", "console", "it did not answer in time") from None

    async def stop(self, who: str) -> Accepted:
        """Stop the belt. Where the shared connection is down or silent, one of its own is tried.

        Raises TreadctlError(no_daemon) where nobody answers, at the latest after twice STOP_ANSWER_S.
        """
        client = self._client
        if client is not None:
            with suppress(TreadctlError, TimeoutError):
                async with asyncio.timeout(STOP_ANSWER_S):
                    return await client.stop(who=who, origin=self._origin)
        own = Client(self._where, "treadctl-console-stop", clock=self._clock)
        try:
            async with asyncio.timeout(STOP_ANSWER_S):
                return await own.stop_unasked(who=who, origin=self._origin)
        except TimeoutError:
            raise TreadctlError("no_daemon", "console", "it was told to stop, and said nothing") from None
        finally:
            own.close()

    async def _follow(self) -> None:
        async for message in follow(self._where, RATE_HZ, "treadctl-console", on_client=self._take_client, sleep=self._sleep, clock=self._clock):
            async with self._changed:
                self._take(message)
                self._changed.notify_all()

    def _take_client(self, client: Client | None) -> None:
        self._client = client

    def _take(self, message: Link | SnapshotMessage | Event) -> None:
        number = self._moment.number + 1
        if isinstance(message, SnapshotMessage):
            self._moment = Moment(number, up=True, detail="", received_s=self._clock(), snapshot=message.snapshot)
            self._follow_track(message.snapshot)
        elif isinstance(message, Link):
            self._moment = Moment(number, message.up, message.detail, self._clock(), None if message.up else self._moment.snapshot)
        else:
            self._event_number += 1
            self._events.append((self._event_number, message))
            for hear in self.heard:
                hear(message)

    def _follow_track(self, snapshot: Snapshot) -> None:
        """A program that begins anew begins a new track; one that stands still adds nothing."""
        elapsed_s = snapshot.program.elapsed_s if snapshot.program is not None else None
        last_s = self._track[-1][0] if self._track else -1.0
        if elapsed_s is None or elapsed_s == last_s:
            return
        if elapsed_s < last_s:
            self._track.clear()
        self._track.append((elapsed_s, snapshot.belt.measured_mps))
