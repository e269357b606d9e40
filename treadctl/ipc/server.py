"""The daemon's end of the control socket. It runs on the control loop, so every step of it is short and no client can make it wait."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import uuid4

from treadctl.core.messages import Origin, RequestKind
from treadctl.ipc.connection import Connection
from treadctl.ipc.eventlog import EventLog
from treadctl.ipc.framing import encode
from treadctl.ipc.listening import SocketFile
from treadctl.ipc.messages import PROTOCOL, Accepted, Event, Peer, ReceivedRequest, Refused, Request, Scalar, SnapshotMessage, Stop, Welcome
from treadctl.ipc.snapshot import Snapshot
from treadctl.ports import Clock

MAX_CLIENTS: Final = 32  # those beyond it may do nothing but stop
MAX_CONNECTIONS: Final = 96  # in all; one more pushes out the oldest of those beyond MAX_CLIENTS
REMEMBERED_IDS: Final = 2048  # of requests, so that none is taken twice
UNANSWERED_PER_CLIENT: Final = 64
TURN_SLACK_S: Final = 0.001  # watchers due this close together share one snapshot
CLOCK_SLACK_S: Final = 0.05  # how far ahead of us a client on the same host may claim to be


class ControlServer:
    """Takes requests, hands out snapshots and events.

    `on_request` is called on the loop with every request that is well formed, new and not expired, and with every stop; it returns at once, and
    the verdict goes back through `reply`. `snapshot` is called when somebody wants one, at most 50 times a second in all. Requests from a uid in
    `remote_uids` (the telemetry service) count as remote whatever they claim. `start` raises TreadctlError(instance_running) where a live daemon
    owns the path. `path` None = no socket file, for tests with `treadctl.ipc.memory`.
    """

    def __init__(
        self,
        path: Path | None,
        on_request: Callable[[ReceivedRequest], None],
        snapshot: Callable[[], Snapshot],
        *,
        clock: Clock = time.monotonic,
        release: str = "",
        remote_uids: frozenset[int] = frozenset(),
    ) -> None:
        self._file = SocketFile(path) if path is not None else None
        self._on_request = on_request
        self._snapshot = snapshot
        self._clock = clock
        self._release = release
        self._remote_uids = remote_uids
        self._connections: list[Connection] = []
        self._asked: dict[str, Connection] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._log = EventLog()
        self._listener: asyncio.Server | None = None
        self._pump: asyncio.Handle | None = None
        self.disconnected_slow = 0

    @property
    def clients(self) -> int:
        """How many are connected."""
        return len(self._connections)

    async def start(self) -> None:
        """Claim the path and listen. Raises TreadctlError: instance_running, or file_missing / bad_value naming the path."""
        if self._file is not None:
            loop = asyncio.get_running_loop()
            self._listener = await loop.create_unix_server(self.connection, sock=self._file.claim())

    async def close(self) -> None:
        """Say goodbye to all, give the path back. Also right after a failed or missing start."""
        if self._pump is not None:
            self._pump.cancel()
            self._pump = None
        if self._listener is not None:
            self._listener.close()
        for connection in list(self._connections):
            connection.close()
        if self._listener is not None:
            await self._listener.wait_closed()
            self._listener = None
        if self._file is not None:
            self._file.release()

    def reply(self, request_id: str, reasons: Sequence[str] = (), state: str = "") -> None:
        """Tell the one who asked what the core decided: no reasons = accepted. A client that has gone meanwhile is no error."""
        connection = self._asked.pop(request_id, None)
        if connection is None:
            return
        connection.unanswered -= 1
        connection.send(Refused(request_id, tuple(reasons), state) if reasons else Accepted(request_id, state))

    def publish_event(
        self, kind: str, sentence: str, *, cause: str | None = None, who: str | None = None, detail: Mapping[str, Scalar] | None = None
    ) -> int:
        """Send an event to every subscriber and keep it for `history`. Returns its number. Costs one encoding, however many listen."""
        at_utc = datetime.now(UTC).isoformat(timespec="milliseconds")
        event = Event(self._log.newest_seq + 1, self._clock(), at_utc, kind, sentence, cause, who, dict(detail or {}))
        line = self._log.add(event)
        for connection in list(self._connections):
            if connection.rate_hz is not None:
                connection.send_line(line)
        return event.seq

    # --- called by connections ------------------------------------------------------------------------------------------

    def connection(self, peer: Peer | None = None) -> Connection:
        """A new connection's protocol, for the listener and for `treadctl.ipc.memory`, which knows its `peer` itself."""
        return Connection(self, peer)

    def opened(self, connection: Connection) -> bool:
        """Greet a connection; False = there is no room, it may do nothing but stop."""
        room = len(self._connections) < MAX_CLIENTS
        if len(self._connections) >= MAX_CONNECTIONS:  # file descriptors run out otherwise; the newest may be the one with the stop
            self._connections[MAX_CLIENTS].abort()
        self._connections.append(connection)
        connection.send(Welcome(PROTOCOL, self._release, os.getpid(), self._clock()))
        return room

    def closed(self, connection: Connection, too_slow: bool) -> None:
        """Forget a connection and what it asked."""
        self.disconnected_slow += too_slow
        with suppress(ValueError):
            self._connections.remove(connection)
        for request_id in [key for key, value in self._asked.items() if value is connection]:
            del self._asked[request_id]

    def stop(self, stop: Stop, connection: Connection) -> None:
        """Hand a stop on. There is no way to refuse it here."""
        now_s = self._clock()
        request_id = stop.id if stop.id and stop.id not in self._asked else uuid4().hex
        origin = Origin.REMOTE if connection.peer.uid in self._remote_uids else stop.origin
        self._ask(ReceivedRequest(request_id, RequestKind.STOP, stop.who, origin, now_s, now_s, math.inf, connection.peer), connection)

    def request(self, request: Request, connection: Connection) -> None:
        """Hand a request on, or refuse it where it is old, repeated or one too many."""
        if request.kind is RequestKind.STOP:
            self.stop(Stop(request.id, request.who, request.origin), connection)
            return
        now_s = self._clock()
        expires_s = request.issued_s + request.ttl_s
        reason = self._reason_against(request, now_s, expires_s, connection)
        if reason:
            connection.send(Refused(request.id, (reason,)))
            return
        self._seen[request.id] = None
        if len(self._seen) > REMEMBERED_IDS:
            self._seen.popitem(last=False)
        origin = Origin.REMOTE if connection.peer.uid in self._remote_uids else request.origin
        received = ReceivedRequest(
            request.id, request.kind, request.who, origin, request.issued_s, now_s, expires_s, connection.peer, request.arm, request.answer,
            request.arming,
        )
        self._ask(received, connection)

    def _reason_against(self, request: Request, now_s: float, expires_s: float, connection: Connection) -> str:
        if request.id in self._seen:
            return "This request was already made once; ask again with a fresh id."
        if not now_s <= expires_s:
            return f"TC403: the request came {now_s - request.issued_s:.1f} s after it was made; ask again."
        if not request.issued_s <= now_s + CLOCK_SLACK_S:
            return "TC403: the request is dated in the future; its clock is not the clock of this machine."
        if connection.unanswered >= UNANSWERED_PER_CLIENT:
            return "Too many requests of this client wait for an answer."
        return ""

    def _ask(self, received: ReceivedRequest, connection: Connection) -> None:
        self._asked[received.id] = connection
        connection.unanswered += 1
        self._on_request(received)

    def snapshot_for(self, connection: Connection) -> None:
        """Send one snapshot that was asked for."""
        connection.send(SnapshotMessage(self._snapshot(), connection.dropped))

    def history_for(self, connection: Connection, since_seq: int) -> None:
        """Send one page of kept events."""
        connection.send_line(self._log.page(since_seq))

    def subscribed(self) -> None:
        """Somebody wants snapshots from now on, or no longer, or at another rate."""
        if self._pump is not None:
            self._pump.cancel()
        self._pump = asyncio.get_running_loop().call_soon(self._tick)

    def _tick(self) -> None:
        """Send a snapshot to everyone whose turn it is: built and encoded once, shared by all, and only while somebody listens."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        watchers = [c for c in self._connections if c.rate_hz]
        due = [c for c in watchers if c.due_s <= now_s + TURN_SLACK_S]
        for connection in due:
            connection.turn_taken(now_s)
        self._pump = loop.call_at(min(c.due_s for c in watchers), self._tick) if watchers else None
        if due:
            self._send_snapshots(due)

    def _send_snapshots(self, due: Iterable[Connection]) -> None:
        snapshot = self._snapshot()
        lines: dict[int, bytes] = {}
        for connection in due:
            line = lines.get(connection.dropped)
            if line is None:
                line = lines[connection.dropped] = encode(SnapshotMessage(snapshot, connection.dropped))
            connection.offer_snapshot(line)
