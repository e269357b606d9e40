"""A blocking client for the command line: standard library only, one thread, every wait has an end."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, cast

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

M = TypeVar("M", bound=ServerMessage)
TIMEOUT_S = 2.0


class Client:
    """A connection to the daemon, for use in `with`. Raises TreadctlError: no_daemon, bad_message, and RefusedError from requests.

    `timeout_s` bounds every wait for an answer. Messages that arrive while another is awaited are kept and come out of `messages`.
    """

    def __init__(self, path: Path, name: str = "treadctl", *, timeout_s: float = TIMEOUT_S, release: str = "") -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._lines = LineBuffer()
        self._received: deque[ServerMessage] = deque()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise TreadctlError("no_daemon", str(path), error.strerror or str(error)) from None
        try:
            self.welcome = self._await(Welcome)
            if self.welcome.version != PROTOCOL:
                detail = f"it speaks protocol {self.welcome.version}, this release {PROTOCOL}"
                raise TreadctlError("bad_message", str(path), detail)
            self.send(Hello(PROTOCOL, name, release))
        except TreadctlError:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def send(self, message: ClientMessage) -> None:
        """Send without waiting for an answer."""
        try:
            self._socket.sendall(encode(message))
        except OSError as error:
            raise self._gone(error) from None

    def request(
        self,
        kind: RequestKind,
        *,
        who: str = "",
        origin: Origin | None = None,
        ttl_s: float = DEFAULT_TTL_S,
        arm: ArmArgs | None = None,
        answer: Answer | None = None,
        arming: str = "",
    ) -> Accepted:
        """Ask and wait for the verdict. Raises RefusedError with the daemon's reasons."""
        request = new_request(kind, time.monotonic(), who=who, origin=origin, ttl_s=ttl_s, arm=arm, answer=answer, arming=arming)
        self.send(request)
        return granted(kind, self._verdict(request.id))

    def stop(self, *, who: str = "", origin: Origin | None = None) -> Accepted:
        """Stop the belt and wait for the daemon to say that it does."""
        self.send(Stop(who=who or user_name(), origin=origin or origin_here()))
        return granted("stop", self._verdict(None))

    def snapshot(self) -> Snapshot:
        """One snapshot, now."""
        self.send(Status())
        return self._await(SnapshotMessage).snapshot

    def history(self, since_seq: int = 0) -> list[Event]:
        """All kept events above `since_seq`, oldest first."""
        events: list[Event] = []
        more = True
        while more:
            self.send(HistoryQuery(since_seq))
            page = self._await(HistoryPage)
            events += page.events
            more = page.more and bool(page.events)
            since_seq = page.newest_seq if not page.events else page.events[-1].seq
        return events

    def subscribe(self, rate_hz: float) -> None:
        """Ask for events and snapshots; they come out of `messages`."""
        self.send(Subscribe(rate_hz))

    def messages(self, timeout_s: float | None = None) -> Iterator[ServerMessage]:
        """Messages as they come. Ends when none has come for `timeout_s` (None = waits as long as it takes)."""
        while True:
            if not self._received:
                try:
                    self._receive(timeout_s)
                except TimeoutError:
                    return
            while self._received:
                yield self._received.popleft()

    def _verdict(self, request_id: str | None) -> Accepted | Refused:
        return cast("Accepted | Refused", self._await(Accepted, Refused, request_id=request_id))

    def _await(self, *wanted: type[M], request_id: str | None = None) -> M:
        """The next message of a wanted type; others are kept. An error message is raised as TreadctlError(bad_message)."""
        deadline_s = time.monotonic() + self._timeout_s
        looked_at: deque[ServerMessage] = deque()
        try:
            while True:
                while self._received:
                    message = self._received.popleft()
                    if isinstance(message, wanted) and (request_id is None or getattr(message, "id", None) == request_id):
                        return message
                    if isinstance(message, ErrorMessage):
                        raise TreadctlError("bad_message", str(self._path), message.sentence)
                    looked_at.append(message)
                left_s = deadline_s - time.monotonic()
                if left_s <= 0.0:
                    raise self._gone(TimeoutError(f"no answer within {self._timeout_s:g} s"))
                try:
                    self._receive(left_s)
                except TimeoutError:
                    continue
        finally:
            self._received.extendleft(reversed(looked_at))

    def _receive(self, timeout_s: float | None) -> None:
        self._socket.settimeout(timeout_s)
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            raise
        except OSError as error:
            raise self._gone(error) from None
        if not data:
            raise self._gone(OSError("it closed the connection"))
        self._received.extend(decode_server(line) for line in self._lines.feed(data))

    def _gone(self, error: OSError) -> TreadctlError:
        return TreadctlError("no_daemon", str(self._path), error.strerror or str(error))
