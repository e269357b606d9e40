"""An asyncio client for the console and telemetry, and `follow`, which reconnects for as long as somebody listens."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast

from treadctl.core.messages import Origin, RequestKind
from treadctl.core.prompts import Answer
from treadctl.errors import TreadctlError
from treadctl.ipc.asking import DEFAULT_TTL_S, granted, new_request, origin_here, user_name
from treadctl.ipc.framing import LineBuffer, decode_server, encode
from treadctl.ipc.messages import (
    PROTOCOL,
    Accepted,
    ArmArgs,
    ClientMessage,
    ErrorMessage,
    Event,
    Hello,
    HistoryPage,
    HistoryQuery,
    Refused,
    ServerMessage,
    SnapshotMessage,
    Status,
    Stop,
    Subscribe,
    Welcome,
)
from treadctl.ipc.snapshot import Snapshot
from treadctl.ports import Clock

Dial = Callable[[Callable[[], asyncio.Protocol]], Awaitable[Any]]
TIMEOUT_S: Final = 2.0
KEPT_MESSAGES: Final = 1024
BACK_OFF_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)


def unix_dial(path: Path) -> Dial:
    """A dial that reaches the daemon's socket file."""

    async def dial(factory: Callable[[], asyncio.Protocol]) -> asyncio.BaseTransport:
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_unix_connection(factory, str(path))
        except OSError as error:
            raise TreadctlError("no_daemon", str(path), error.strerror or str(error)) from None
        return transport

    return dial


class Client(asyncio.Protocol):
    """A connection to the daemon, for use in `async with`. One owner; no reconnect (see `follow`).

    Raises TreadctlError: no_daemon, bad_message, and RefusedError from requests. `timeout_s` bounds every wait for an answer.
    """

    def __init__(self, where: Path | Dial, name: str = "treadctl", *, clock: Clock = time.monotonic, timeout_s: float = TIMEOUT_S) -> None:
        self._dial = unix_dial(where) if isinstance(where, Path) else where
        self._place = str(where) if isinstance(where, Path) else "control socket"
        self._name = name
        self._clock = clock
        self._timeout_s = timeout_s
        self._transport: asyncio.Transport | None = None
        self._lines = LineBuffer()
        self._verdicts: dict[str, asyncio.Future[Accepted | Refused]] = {}
        self._pages: deque[asyncio.Future[Any]] = deque()
        self._snapshots: deque[asyncio.Future[Any]] = deque()
        self._hello: asyncio.Future[Any] | None = None
        self._inbox: deque[SnapshotMessage | Event] = deque()
        self._news = asyncio.Event()
        self.dropped = 0

    @property
    def connected(self) -> bool:
        """Whether the connection stands."""
        return self._transport is not None

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    async def connect(self) -> Welcome:
        """Connect and greet. Raises TreadctlError(no_daemon) or (bad_message) for another protocol version."""
        self._hello = asyncio.get_running_loop().create_future()
        await self._dial(lambda: self)
        welcome = cast("Welcome", await self._wait(self._hello))
        if welcome.version != PROTOCOL:
            self.close()
            raise TreadctlError("bad_message", self._place, f"it speaks protocol {welcome.version}, this release {PROTOCOL}")
        self.send(Hello(PROTOCOL, self._name))
        return welcome

    def close(self) -> None:
        """Hang up; whoever waits for an answer gets no_daemon."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None
            self._fail(self._gone("closed here"))

    def send(self, message: ClientMessage) -> None:
        """Send without waiting. Raises TreadctlError(no_daemon) when the connection is down."""
        if self._transport is None:
            raise self._gone("not connected")
        self._transport.write(encode(message))

    async def request(
        self,
        kind: RequestKind,
        *,
        who: str = "",
        origin: Origin | None = None,
        ttl_s: float = DEFAULT_TTL_S,
        arm: ArmArgs | None = None,
        answer: Answer | None = None,
        arming: str = "",
        request_id: str | None = None,
    ) -> Accepted:
        """Ask and wait for the verdict. Raises RefusedError with the daemon's reasons."""
        request = new_request(kind, self._clock(), who=who, origin=origin, ttl_s=ttl_s, arm=arm, answer=answer, arming=arming, request_id=request_id)
        return await self._ask(kind, request.id, request)

    async def stop(self, *, who: str = "", origin: Origin | None = None) -> Accepted:
        """Stop the belt and wait for the daemon to say that it does."""
        stop_id = f"{id(self):x}-{self._clock():.6f}"
        return await self._ask("stop", stop_id, Stop(stop_id, who or user_name(), origin or origin_here()))

    async def stop_unasked(self, *, who: str = "", origin: Origin | None = None) -> Accepted:
        """Connect, and stop before anything else is said or heard: the daemon takes a stop without a greeting. In place of `connect`."""
        await self._dial(lambda: self)
        return await self.stop(who=who, origin=origin)

    async def snapshot(self) -> Snapshot:
        """One snapshot, now."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.send(Status())
        self._snapshots.append(future)
        return cast("SnapshotMessage", await self._wait(future)).snapshot

    async def history(self, since_seq: int = 0) -> list[Event]:
        """All kept events above `since_seq`, oldest first."""
        events: list[Event] = []
        more = True
        while more:
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            self.send(HistoryQuery(since_seq))
            self._pages.append(future)
            page = cast("HistoryPage", await self._wait(future))
            events += page.events
            more = page.more and bool(page.events)
            since_seq = page.events[-1].seq if page.events else page.newest_seq
        return events

    def subscribe(self, rate_hz: float) -> None:
        """Ask for events and snapshots; they come out of `next_message`."""
        self.send(Subscribe(rate_hz))

    async def next_message(self) -> SnapshotMessage | Event:
        """The next snapshot or event. Raises TreadctlError(no_daemon) when the connection is down and all has been read."""
        while not self._inbox:
            if self._transport is None:
                raise self._gone("the connection was lost")
            self._news.clear()
            await self._news.wait()
        return self._inbox.popleft()

    # --- asyncio's side -------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End: forget everything asked for."""
        self._transport = None
        self._fail(self._gone(str(exc or "it closed the connection")))

    def data_received(self, data: bytes) -> None:
        """Take bytes as they come."""
        for line in self._lines.feed(data):
            try:
                self._route(decode_server(line))
            except TreadctlError as error:
                self._fail(error)
                self.close()
                return

    def _route(self, message: ServerMessage) -> None:
        if isinstance(message, Welcome):
            _settle(self._hello, message)
        elif isinstance(message, (Accepted, Refused)):
            _settle(self._verdicts.get(message.id), message)
        elif isinstance(message, HistoryPage):
            _settle(self._pages.popleft() if self._pages else None, message)
        elif isinstance(message, ErrorMessage):
            self._fail(TreadctlError("bad_message", self._place, message.sentence))
        elif isinstance(message, SnapshotMessage) and self._snapshots:
            _settle(self._snapshots.popleft(), message)
        else:
            self._keep(message)

    def _keep(self, message: SnapshotMessage | Event) -> None:
        """Keep for `next_message`; of snapshots only the newest, since an old one is of no use to anybody."""
        if isinstance(message, SnapshotMessage) and self._inbox and isinstance(self._inbox[-1], SnapshotMessage):
            self._inbox.pop()
            self.dropped += 1
        elif len(self._inbox) >= KEPT_MESSAGES:
            self._inbox.popleft()
            self.dropped += 1
        self._inbox.append(message)
        self._news.set()

    async def _ask(self, kind: str, request_id: str, message: ClientMessage) -> Accepted:
        future: asyncio.Future[Accepted | Refused] = asyncio.get_running_loop().create_future()
        self._verdicts[request_id] = future
        try:
            self.send(message)
            return granted(kind, cast("Accepted | Refused", await self._wait(future)))
        finally:
            del self._verdicts[request_id]

    async def _wait(self, future: asyncio.Future[Any]) -> object:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await future
        except TimeoutError:
            self.close()  # answers and questions are matched by order: after a missed one the connection is of no use
            raise self._gone(f"no answer within {self._timeout_s:g} s") from None

    def _fail(self, error: TreadctlError) -> None:
        waiting = [*self._verdicts.values(), *self._pages, *self._snapshots, *([self._hello] if self._hello else [])]
        self._pages.clear()
        self._snapshots.clear()
        for future in waiting:
            if not future.done():
                future.set_exception(error)
        self._news.set()

    def _gone(self, detail: str) -> TreadctlError:
        return TreadctlError("no_daemon", self._place, detail)


def _settle(future: asyncio.Future[Any] | None, message: ServerMessage) -> None:
    if future is not None and not future.done():
        future.set_result(message)


@dataclass(frozen=True, slots=True)
class Link:
    """A change of the connection, told by `follow`. While `up` is False nothing shown is current."""

    up: bool
    detail: str = ""
    pid: int = 0


async def follow(
    where: Path | Dial,
    rate_hz: float,
    name: str = "treadctl",
    *,
    on_client: Callable[[Client | None], None] | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Clock = time.monotonic,
) -> AsyncIterator[Link | SnapshotMessage | Event]:
    """Snapshots and events for ever, over as many connections as it takes; each gain and loss comes as a `Link`.

    After a reconnect to the same daemon the events missed meanwhile come first, each once. A daemon that was restarted numbers from 1 again.
    `on_client` is told the live client (to send requests with), and None when it is gone. Waits 0.1 to 2 s between attempts.
    """
    failures = 0
    last_seq, last_pid = 0, 0
    while True:
        client = Client(where, name, clock=clock)
        try:
            welcome = await client.connect()
            if welcome.pid != last_pid:
                last_seq, last_pid = 0, welcome.pid
            client.subscribe(rate_hz)
            missed = await client.history(last_seq)
            failures = 0
            if on_client is not None:
                on_client(client)
            yield Link(True, welcome.release, welcome.pid)
            for event in missed:
                last_seq = event.seq
                yield event
            while True:
                message = await client.next_message()
                if isinstance(message, Event):
                    if message.seq <= last_seq:
                        continue
                    last_seq = message.seq
                yield message
        except TreadctlError as error:
            if failures == 0:
                yield Link(False, str(error))
        finally:
            if on_client is not None:
                on_client(None)
            client.close()
        await sleep(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)])
        failures += 1
