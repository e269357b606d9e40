"""Fixtures: a broker, somebody who watches it, a daemon's feed that the test plays, and the bridge between them."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from paho.mqtt.subscribeoptions import SubscribeOptions
from telemetry_broker import USERS, Mosquitto, make_files

from treadctl.ipc.snapshot import BeltView, CauseView, ProgramView, Snapshot
from treadctl.telemetry.bridge import Bridge
from treadctl.telemetry.feed import FeedSink, StopAnswer
from treadctl.telemetry.settings import Secrets, Settings, load

MACHINE = "lab-1"
BASE = f"treadctl/v1/{MACHINE}"
KEY = b"0123456789abcdef0123456789abcdef"
DEADLINE_S = 20.0


class PlayedFeed:
    """A daemon's feed whose events the test makes."""

    def __init__(self) -> None:
        self.stops: list[tuple[str, str]] = []
        self.answer = StopAnswer(True)
        self.sink: FeedSink | None = None
        self.started = asyncio.Event()

    async def run(self, sink: FeedSink) -> None:
        self.sink = sink
        self.started.set()
        await asyncio.Event().wait()

    async def request_stop(self, request_id: str, who: str) -> StopAnswer:
        self.stops.append((request_id, who))
        return self.answer

    def show(self, snapshot: Snapshot) -> None:
        assert self.sink is not None
        self.sink.on_snapshot(snapshot)


@dataclass(frozen=True)
class Seen:
    topic: str
    payload: bytes
    retain: bool
    expiry_s: int | None = None

    @property
    def body(self) -> Any:  # noqa: ANN401 - JSON is of no one type
        return json.loads(self.payload)


class Watcher:
    """Somebody at the broker: collects everything, waits for what a test wants, publishes."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.seen: list[Seen] = []
        self._news = asyncio.Condition()

    async def collect(self) -> None:
        async for message in self.client.messages:
            expiry = getattr(message.properties, "MessageExpiryInterval", None)
            payload = message.payload if isinstance(message.payload, bytes) else b""
            async with self._news:
                self.seen.append(Seen(message.topic.value, payload, bool(message.retain), expiry))
                self._news.notify_all()

    def on(self, topic: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.topic == f"{BASE}/{topic}"]

    async def until(self, topic: str, wanted: Callable[[Seen], bool]) -> Seen:
        """The first message on `topic` (under the machine's root, or absolute with a leading /) that is wanted."""
        name = topic[1:] if topic.startswith("/") else f"{BASE}/{topic}"

        def found() -> Seen | None:
            return next((seen for seen in self.seen if seen.topic == name and wanted(seen)), None)

        try:
            async with asyncio.timeout(DEADLINE_S), self._news:
                while found() is None:
                    await self._news.wait()
        except TimeoutError:
            pytest.fail(f"nothing wanted on {name}; seen: {[(s.topic, s.payload[:120]) for s in self.seen[-20:]]}")
        result = found()
        assert result is not None
        return result

    async def refusal(self, reason: str) -> Any:  # noqa: ANN401 - JSON is of no one type
        """The event of a refusal for this reason."""
        return (await self.until("event", lambda s: s.body.get("reason") == reason)).body


def running(speed_mps: float = 1.0, **changes: object) -> Snapshot:
    program = ProgramView("mini-ramp", "reverse", "console", 1, 4, "walk", 12.0, 48.0, 60.0, "ab" * 32)
    return replace(Snapshot(5.0, "running", 1.0, program, BeltView(speed_mps, speed_mps, "reverse", "reverse", 0.0, 0.01)), **changes)


TRIPPED = Snapshot(9.0, "tripped", 8.0, causes=(CauseView("cord_open", "STO", "The cord was pulled.", 8.0, "ack", True),))


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("broker")
    make_files(directory)
    return directory


@pytest.fixture
async def broker(files: Path, tmp_path: Path) -> AsyncIterator[Mosquitto]:
    broker = Mosquitto(tmp_path, files)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.stop()


def write_config(directory: Path, broker: Mosquitto, extra: str = "") -> Path:
    """A telemetry.toml as an operator would write it, with its secrets beside it."""
    for name, content in (("password", USERS[MACHINE].encode() + b"\n"), ("stop-key", KEY + b"\n")):
        secret = directory / name
        secret.write_bytes(content)
        secret.chmod(0o600)
    config = directory / "telemetry.toml"
    config.write_text(
        f'format = 1\nmachine = "{MACHINE}"\n{extra}\n[broker]\nhost = "127.0.0.1"\nport = {broker.port}\nusername = "{MACHINE}"\n'
        f'password_file = "password"\nkeepalive_s = 5\n[broker.tls]\nca = "{broker.files}/ca.crt"\n[stop]\nkey_file = "stop-key"\n'
        "[telemetry]\nqueue = 20\n"
    )
    return config


@pytest.fixture
def loaded(broker: Mosquitto, tmp_path: Path) -> tuple[Settings, Secrets]:
    return load(write_config(tmp_path, broker), {})


@asynccontextmanager
async def watching(broker: Mosquitto, user: str = "admin") -> AsyncIterator[Watcher]:
    context = ssl.create_default_context(cafile=str(broker.files / "ca.crt"))
    client = aiomqtt.Client("127.0.0.1", broker.port, username=user, password=USERS[user], tls_context=context, protocol=aiomqtt.ProtocolVersion.V5, timeout=10)
    async with client:
        watcher = Watcher(client)
        for topic in ("treadctl/#", "homeassistant/#"):
            await client.subscribe(topic, options=SubscribeOptions(qos=1, retainAsPublished=True))
        task = asyncio.create_task(watcher.collect())
        try:
            yield watcher
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def watcher(broker: Mosquitto) -> AsyncIterator[Watcher]:
    async with watching(broker) as watcher:
        yield watcher


@asynccontextmanager
async def bridging(settings: Settings, secrets: Secrets) -> AsyncIterator[tuple[Bridge, PlayedFeed]]:
    feed = PlayedFeed()
    bridge = Bridge(settings, secrets, feed)
    task = asyncio.create_task(bridge.run())
    await feed.started.wait()
    try:
        yield bridge, feed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def bridge(loaded: tuple[Settings, Secrets], watcher: Watcher) -> AsyncIterator[tuple[Bridge, PlayedFeed]]:
    """A bridge that is connected and listens to commands."""
    async with bridging(*loaded) as (bridge, feed):
        await connected(watcher, feed)
        yield bridge, feed


async def connected(watcher: Watcher, feed: PlayedFeed) -> None:
    """Wait until the bridge is at the broker; it says `online` only after it has subscribed to commands."""
    feed.show(running())
    await watcher.until("availability", lambda s: s.payload == b"online")
