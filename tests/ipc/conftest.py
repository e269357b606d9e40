from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from treadctl.ipc.memory import memory_dial
from treadctl.ipc.messages import Peer, ReceivedRequest
from treadctl.ipc.server import ControlServer
from treadctl.ipc.snapshot import BlockerView, CauseView, ChannelView, LinkView, ProgramView, PromptView, Snapshot

SNAPSHOT = Snapshot(
    at_s=100.0,
    state="running",
    since_s=40.0,
    program=ProgramView("mini ramp", "reverse", "console", 1, 3, "0.4 m/s", 60.0, 180.0, 240.0, "ab" * 32),
    channels=(ChannelView("cord_a", True, 0.004, "good"), ChannelView("heart_rate", None, float("inf"), "absent")),
    causes=(CauseView("imbalance", "SS1", "The person is losing balance.", 99.0, "ack", False),),
    start_blockers=(BlockerView("standstill", "The belt is not at rest."),),
    prompts=(PromptView("rpe", 90.0),),
    links=(LinkView("drive", 10, 1),),
)


@pytest.fixture(scope="session", autouse=True)
def _no_stray_loop() -> None:
    """looptime's plugin asks the policy for a loop in synchronous tests; unless told that there is none, 3.11 makes one that nobody closes."""
    asyncio.set_event_loop(None)


class Daemon:
    """The part of the daemon that the socket needs: it notes requests, and answers when told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.requests: list[ReceivedRequest] = []
        self.snapshots = 0
        self.accept_at_once = False
        self.server = ControlServer(None, self.take, self.snapshot, clock=self.clock, release="9.9", remote_uids=frozenset({4242}))

    def clock(self) -> float:
        return self.now_s

    def take(self, request: ReceivedRequest) -> None:
        self.requests.append(request)
        if self.accept_at_once:
            self.server.reply(request.id, state="running")

    def snapshot(self) -> Snapshot:
        self.snapshots += 1
        return replace(SNAPSHOT, at_s=float(self.snapshots))


@pytest.fixture
async def daemon() -> AsyncIterator[Daemon]:
    """A daemon, and at the end the proof that no callback of the socket raised: in the real one that ends the session."""
    complaints: list[dict[str, object]] = []

    def note(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        complaints.append(context)

    asyncio.get_running_loop().set_exception_handler(note)
    yield Daemon()
    assert complaints == []


class RawClient:
    """Bytes in, lines out, over the in-memory pair; `silent` never reads."""

    def __init__(self, daemon: Daemon, peer: Peer | None = None) -> None:
        self._daemon = daemon
        self._peer = peer
        self.received = b""

    async def connect(self, silent: bool = False) -> None:
        outer = self

        class Wire(asyncio.Protocol):
            lost = False

            def data_received(self, data: bytes) -> None:
                outer.received += data

            def connection_lost(self, exc: Exception | None) -> None:
                self.lost = True

        self.wire = Wire()
        self.transport = await memory_dial(self._daemon.server, self._peer)(lambda: self.wire)
        if silent:
            self.transport.pause_reading()

    def lines(self) -> list[dict[str, object]]:
        lines = [json.loads(line) for line in self.received.splitlines()]
        self.received = b""
        return lines


@pytest.fixture
def raw(daemon: Daemon) -> RawClient:
    return RawClient(daemon)
