"""The feed over a real control socket, and the whole chain from a signed message to the daemon's desk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from telemetry_rig import BASE, DEADLINE_S, KEY, MACHINE, TRIPPED, Watcher

from treadctl.core.messages import Origin, RequestKind
from treadctl.ipc.messages import Event, ReceivedRequest
from treadctl.ipc.server import ControlServer
from treadctl.ipc.snapshot import Snapshot
from treadctl.telemetry.bridge import Bridge
from treadctl.telemetry.command import signed_stop
from treadctl.telemetry.settings import Secrets, Settings
from treadctl.telemetry.socket_feed import SocketFeed


class Desk:
    """The daemon's side: keeps requests, answers them when told to."""

    def __init__(self, path: Path) -> None:
        self.asked: list[ReceivedRequest] = []
        self.reasons: tuple[str, ...] = ()
        self.mute = False
        self.server = ControlServer(path, self.take, self.snapshot)

    def snapshot(self) -> Snapshot:
        return TRIPPED

    def take(self, request: ReceivedRequest) -> None:
        self.asked.append(request)
        if not self.mute:
            self.server.reply(request.id, self.reasons, "stopping")


class Sink:
    def __init__(self) -> None:
        self.events: list[tuple[int, str]] = []
        self.snapshot = asyncio.Event()
        self.lost = asyncio.Event()
        self.event = asyncio.Event()

    def on_snapshot(self, snapshot: Snapshot) -> None:
        self.snapshot.set()

    def on_event(self, event: Event, boot: str) -> None:
        self.events.append((event.seq, boot))
        self.event.set()

    def on_lost(self) -> None:
        self.lost.set()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path / "ctl.sock")
    await desk.server.start()
    yield desk
    await desk.server.close()


@pytest.fixture
async def feeding(desk: Desk, tmp_path: Path) -> AsyncIterator[tuple[SocketFeed, Sink]]:
    feed, sink = SocketFeed(tmp_path / "ctl.sock", 20.0), Sink()
    task = asyncio.create_task(feed.run(sink))
    async with asyncio.timeout(DEADLINE_S):
        await sink.snapshot.wait()
    yield feed, sink
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_stop_arrives_as_a_remote_one_with_its_actor(desk: Desk, feeding: tuple[SocketFeed, Sink]) -> None:
    answer = await feeding[0].request_stop("ab" * 16, "mqtt:panel")
    assert answer.accepted
    (request,) = desk.asked
    assert (request.kind, request.origin, request.who) == (RequestKind.STOP, Origin.REMOTE, "mqtt:panel#abababab")


async def test_refusal_of_the_daemon_is_an_answer(desk: Desk, feeding: tuple[SocketFeed, Sink]) -> None:
    desk.reasons = ("The belt stands.",)
    answer = await feeding[0].request_stop("ab" * 16, "mqtt:panel")
    assert not answer.accepted
    assert "The belt stands." in " ".join(answer.reasons)


async def test_daemon_that_does_not_answer_is_an_answer_within_a_second(desk: Desk, feeding: tuple[SocketFeed, Sink]) -> None:
    desk.mute = True
    async with asyncio.timeout(1.5):
        answer = await feeding[0].request_stop("ab" * 16, "mqtt:panel")
    assert not answer.accepted


async def test_absent_daemon_is_an_answer(tmp_path: Path) -> None:
    answer = await SocketFeed(tmp_path / "none.sock", 5.0).request_stop("ab" * 16, "mqtt:panel")
    assert answer.reasons == ("The daemon does not answer.",)


async def test_loss_is_told_and_events_carry_one_boot(desk: Desk, feeding: tuple[SocketFeed, Sink]) -> None:
    _, sink = feeding
    async with asyncio.timeout(DEADLINE_S):
        desk.server.publish_event("state", "One.")
        await sink.event.wait()
        await desk.server.close()
        await sink.lost.wait()
    assert sink.events[0][0] == 1
    assert sink.events[0][1]


async def test_signed_message_at_the_broker_stops_at_the_daemons_desk(desk: Desk, watcher: Watcher, loaded: tuple[Settings, Secrets], tmp_path: Path) -> None:
    bridge = Bridge(*loaded, SocketFeed(tmp_path / "ctl.sock", 10.0))
    task = asyncio.create_task(bridge.run())
    try:
        await watcher.until("state", lambda s: s.body["cause"] == "cord_open")
        await watcher.client.publish(f"{BASE}/cmd/stop", signed_stop(KEY, MACHINE, uuid4().hex, "panel", datetime.now(UTC)), qos=1)
        await watcher.until("cmd/stop/result", lambda s: s.body["accepted"] is True)
        assert [request.kind for request in desk.asked] == [RequestKind.STOP]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
