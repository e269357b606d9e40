"""One client as the server sees it: lines in with a budget, lines out with a bound, stop before everything else."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from typing import Final, Protocol, cast

from treadctl.errors import TreadctlError
from treadctl.ipc.framing import LineBuffer, decode_client, decode_stop, encode, looks_like_stop
from treadctl.ipc.messages import (
    MAX_LINE,
    PROTOCOL,
    ClientMessage,
    ErrorMessage,
    Hello,
    HistoryQuery,
    Peer,
    Request,
    ServerMessage,
    Status,
    Stop,
    Subscribe,
)

CHUNK: Final = 16 * 1024  # bytes taken from a client in one pass of the loop
LINES_PER_PASS: Final = 16  # a parsed line costs some 20 µs; this keeps one pass under half a millisecond
PASS_PAUSE_S: Final = 0.005
MAX_BACKLOG: Final = 256  # unread lines of one client; an honest one has a handful
MAX_QUEUE: Final = 256  # lines a client has not taken; past that it does not read, and goes
WRITE_BUFFER: Final = 32 * 1024


class Desk(Protocol):
    """What a connection needs of the server."""

    def opened(self, connection: Connection) -> bool:
        """Greet; False = no room, only stop is taken."""

    def closed(self, connection: Connection, too_slow: bool) -> None:
        """Forget the connection."""

    def stop(self, stop: Stop, connection: Connection) -> None:
        """Hand a stop to the daemon."""

    def request(self, request: Request, connection: Connection) -> None:
        """Hand a request to the daemon, or refuse it."""

    def snapshot_for(self, connection: Connection) -> None:
        """Send one snapshot."""

    def history_for(self, connection: Connection, since_seq: int) -> None:
        """Send one page of events."""

    def subscribed(self) -> None:
        """The rate has changed."""


class Connection(asyncio.BufferedProtocol):
    """The asyncio protocol of one client. `rate_hz` None = not subscribed; `dropped` counts snapshots it was too slow for."""

    def __init__(self, desk: Desk, peer: Peer | None = None) -> None:
        self.peer = peer or Peer(-1, -1)
        self.rate_hz: float | None = None
        self.due_s = 0.0
        self.dropped = 0
        self.unanswered = 0
        self._desk = desk
        self._known_peer = peer is not None
        self._transport: asyncio.Transport | None = None
        self._space = bytearray(CHUNK)
        self._buffer = LineBuffer()
        self._backlog: deque[bytes] = deque()
        self._again: asyncio.TimerHandle | None = None
        self._paused = False
        self._queue: deque[bytes] = deque()
        self._newest: bytes | None = None
        self._greeted = False
        self._has_room = True
        self._too_slow = False

    # --- asyncio's side -------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER)
        if not self._known_peer:
            self.peer = peer_of(transport.get_extra_info("socket"))
        self._has_room = self._desk.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End: forget everything asked for."""
        self._transport = None
        if self._again is not None:
            self._again.cancel()
        self._desk.closed(self, self._too_slow)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Where the loop may put bytes; its size bounds the work of one pass."""
        return self._space

    def buffer_updated(self, nbytes: int) -> None:
        """Cut lines, take stops at once, queue the rest."""
        cut_before = self._buffer.too_long
        lines = self._buffer.feed(bytes(memoryview(self._space)[:nbytes]))
        for _ in range(self._buffer.too_long - cut_before):
            self._complain("bad_message", f"a line is longer than {MAX_LINE} bytes")
        for line in lines:
            if b"stop" in line and looks_like_stop(line):
                self._desk.stop(decode_stop(line), self)
            elif len(self._backlog) < MAX_BACKLOG:
                self._backlog.append(line)
            else:
                self._complain("bad_message", "too many lines at once", closing=True)
                return
        if self._again is None:
            self._work()

    def pause_writing(self) -> None:
        """The client does not read."""
        self._paused = True

    def resume_writing(self) -> None:
        """The client reads again: lines first, then the newest snapshot."""
        self._paused = False
        while self._queue and not self._paused:
            self._write(self._queue.popleft())
        if self._newest is not None and not self._paused:
            line, self._newest = self._newest, None
            self._write(line)

    # --- out ------------------------------------------------------------------------------------------------------------

    def send(self, message: ServerMessage) -> None:
        """Send, or queue; a message that would be too long is replaced by an error that says so."""
        try:
            line = encode(message)
        except TreadctlError as error:
            line = encode(ErrorMessage(error.kind.code, str(error)))
        self.send_line(line)

    def send_line(self, line: bytes) -> None:
        """Send, or queue while the client does not read; one that goes on not reading is disconnected."""
        if not self._paused:
            self._write(line)
        elif len(self._queue) < MAX_QUEUE:
            self._queue.append(line)
        else:
            self._too_slow = True
            self.abort()

    def offer_snapshot(self, line: bytes) -> None:
        """Send, or keep as the newest; an older one that has not gone out yet is dropped and counted."""
        if not self._paused:
            self._write(line)
            return
        self.dropped += self._newest is not None
        self._newest = line

    def turn_taken(self, now_s: float) -> None:
        """Set the next turn, in loop time. Missed turns are not made up."""
        if self.rate_hz:
            period_s = 1.0 / self.rate_hz
            self.due_s = max(self.due_s + period_s, now_s + 0.5 * period_s)

    def close(self) -> None:
        """Close after what is buffered has gone out."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def _write(self, line: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(line)

    def _complain(self, name: str, detail: str, *, closing: bool = False) -> None:
        error = TreadctlError(name, "control socket", detail)
        self.send(ErrorMessage(error.kind.code, str(error), closing))
        if closing:
            self.close()

    # --- in -------------------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        """Handle some lines; the rest waits a little, unread, so that a flood costs the control loop a bounded share."""
        self._again = None
        for _ in range(min(LINES_PER_PASS, len(self._backlog))):
            self._line(self._backlog.popleft())
        if self._transport is None:
            return
        if self._backlog:
            self._transport.pause_reading()
            self._again = asyncio.get_running_loop().call_later(PASS_PAUSE_S, self._work)
        elif not self._transport.is_reading() and not self._transport.is_closing():
            self._transport.resume_reading()

    def _line(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            self._message(decode_client(line))
        except TreadctlError as error:
            self.send(ErrorMessage(error.kind.code, str(error)))

    def _message(self, message: ClientMessage) -> None:
        if isinstance(message, Stop):
            self._desk.stop(message, self)
        elif not self._has_room:
            self._complain("bad_message", "too many clients are connected; only stop is taken here", closing=True)
        elif isinstance(message, Hello):
            self._greeted = message.version == PROTOCOL
            if not self._greeted:
                self._complain("bad_message", f"protocol version {message.version}, this daemon speaks {PROTOCOL}; only stop is taken")
        elif not self._greeted:
            self._complain("bad_message", "the first message must be hello, with the protocol version of this daemon")
        elif isinstance(message, Request):
            self._desk.request(message, self)
        elif isinstance(message, Status):
            self._desk.snapshot_for(self)
        elif isinstance(message, HistoryQuery):
            self._desk.history_for(self, message.since_seq)
        else:
            self._subscribe(message)

    def _subscribe(self, message: Subscribe) -> None:
        self.rate_hz = message.rate_hz
        self.due_s = asyncio.get_running_loop().time()
        self._desk.subscribed()


def peer_of(sock: socket.socket | None) -> Peer:
    """Pid, uid and gid of the other end as the kernel recorded them at connect."""
    if sock is None:
        return Peer(-1, -1)
    pid, uid, gid = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return Peer(pid, uid, gid)
