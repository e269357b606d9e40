"""What goes out: retained state, telemetry, events, discovery; and what a dead, frozen or restarted broker does to it."""

from __future__ import annotations

import asyncio
import gc
import math
import signal
import sys
from pathlib import Path

import pytest
from telemetry_broker import Mosquitto, make_files
from telemetry_rig import BASE, MACHINE, TRIPPED, PlayedFeed, Watcher, bridging, connected, running, watching, write_config

from treadctl.ipc.messages import Event
from treadctl.telemetry.bridge import Bridge
from treadctl.telemetry.broker import LONGEST_PAUSE_S, pause_s
from treadctl.telemetry.settings import Secrets, Settings

Bridged = tuple[Bridge, PlayedFeed]
DISCOVERY = "homeassistant/device/treadctl_lab_1/config"


def event(seq: int, sentence: str = "Something happened.", who: str | None = None) -> Event:
    return Event(seq, 1.0, "2026-03-01T12:00:00.000+00:00", "state", sentence, None, who)


async def test_state_and_availability_are_retained_for_who_comes_later(bridge: Bridged, broker: Mosquitto, watcher: Watcher) -> None:
    _, feed = bridge
    feed.show(TRIPPED)
    await watcher.until("state", lambda s: s.body["cause"] == "cord_open")
    async with watching(broker, "dashboard") as late:
        state = await late.until("state", lambda s: s.retain)
        assert state.body["state"] == "tripped"
        assert state.body["tripped"] is True
        assert (await late.until("availability", lambda s: s.retain)).payload == b"online"
        assert not late.on("telemetry")


async def test_unchanged_state_is_published_once(bridge: Bridged, watcher: Watcher) -> None:
    _, feed = bridge
    for speed in (1.0, 1.1, 1.2):
        feed.show(running(speed))
    await watcher.until("telemetry", lambda s: s.body["belt"]["measured_mps"] == 1.2)
    assert len(watcher.on("state")) == 1
    assert len(watcher.on("session")) == 1


async def test_telemetry_expires_and_holds_no_number_that_is_not_finite(bridge: Bridged, watcher: Watcher) -> None:
    _, feed = bridge
    feed.show(running(math.nan))
    seen = await watcher.until("telemetry", lambda s: s.body["belt"]["measured_mps"] is None)
    assert seen.expiry_s is not None
    assert seen.expiry_s <= 5
    assert b"NaN" not in seen.payload


async def test_event_names_nobody(bridge: Bridged, watcher: Watcher) -> None:
    bridge_, _ = bridge
    bridge_.on_event(event(7, "Stop asked for by m.example at the machine.", "m.example"), "boot-1")
    body = (await watcher.until("event", lambda s: s.body["seq"] == 7)).body
    assert body["sentence"] == "Stop asked for by somebody at the machine."
    assert body["boot"] == "boot-1"
    assert not any(b"m.example" in s.payload for s in watcher.seen)


async def test_lost_daemon_makes_the_machine_unavailable(bridge: Bridged, watcher: Watcher) -> None:
    bridge_, feed = bridge
    bridge_.on_lost()
    await watcher.until("event", lambda s: s.body["kind"] == "daemon_lost")
    assert watcher.on("availability")[-1].payload == b"offline"
    feed.show(TRIPPED)
    await watcher.until("state", lambda s: s.body["tripped"])
    assert watcher.on("availability")[-1].payload == b"online"


async def test_discovery_describes_one_device_whose_entities_only_show(bridge: Bridged, watcher: Watcher) -> None:
    seen = await watcher.until(f"/{DISCOVERY}", lambda s: s.retain)
    body = seen.body
    assert body["dev"]["ids"] == ["treadctl_lab_1"]
    assert body["o"]["name"] == "treadctl"
    assert body["availability_topic"] == f"{BASE}/availability"
    identities = [component["unique_id"] for component in body["cmps"].values()]
    assert len(set(identities)) == len(identities) >= 8
    assert {component["p"] for component in body["cmps"].values()} == {"sensor", "binary_sensor"}
    assert b"command_topic" not in seen.payload


async def test_discovery_is_repeated_when_home_assistant_starts(bridge: Bridged, watcher: Watcher) -> None:
    await watcher.until(f"/{DISCOVERY}", lambda s: True)
    watcher.seen.clear()
    await watcher.client.publish("homeassistant/status", b"online")
    await watcher.until(f"/{DISCOVERY}", lambda s: bool(s.body["cmps"]))


async def test_orderly_end_says_offline(watcher: Watcher, loaded: tuple[Settings, Secrets]) -> None:
    async with bridging(*loaded) as (_, feed):
        await connected(watcher, feed)
        watcher.seen.clear()
    await watcher.until("availability", lambda s: s.payload == b"offline")


async def test_killed_process_leaves_its_last_will(broker: Mosquitto, watcher: Watcher, tmp_path: Path) -> None:
    config = write_config(tmp_path, broker, f'socket = "{tmp_path}/no-daemon.sock"')
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "treadctl.telemetry", "--config", str(config), stderr=asyncio.subprocess.DEVNULL)
    try:
        await watcher.until(f"/{DISCOVERY}", lambda s: True)
        await watcher.client.publish(f"{BASE}/availability", b"online", qos=1, retain=True)  # as with a daemon
        await watcher.until("availability", lambda s: s.payload == b"online")
        watcher.seen.clear()
        process.send_signal(signal.SIGKILL)
        assert (await watcher.until("availability", lambda s: s.payload == b"offline")).retain
    finally:
        if process.returncode is None and await process.wait() == 0:
            pytest.fail("it should have been killed")


async def test_restarted_broker_gets_state_and_every_event_again(bridge: Bridged, broker: Mosquitto, watcher: Watcher) -> None:
    bridge_, feed = bridge
    await broker.stop()
    for seq in range(1, 101):
        bridge_.on_event(event(seq), "boot-1")
    feed.show(TRIPPED)
    await broker.start()
    async with watching(broker) as again:
        assert (await again.until("state", lambda s: s.body["tripped"])).retain
        await again.until("availability", lambda s: s.payload == b"online")
        await again.until(f"/{DISCOVERY}", lambda s: True)
        # Events published before this watcher had subscribed are the broker's business; the newest tells that all have been sent.
        bridge_.on_event(event(101), "boot-1")
        await again.until("event", lambda s: s.body["seq"] == 101)
    assert bridge_.link.connections == 2
    published = "".join(broker.log)
    assert published.count(f"'{BASE}/event'") >= 101


async def test_frozen_broker_costs_old_telemetry_and_no_event(bridge: Bridged, broker: Mosquitto, watcher: Watcher) -> None:
    bridge_, feed = bridge
    broker.freeze()
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    for _ in range(200):
        for _ in range(20):
            feed.show(running())
        await asyncio.sleep(0)  # lets the publisher fill the socket
    for seq in range(1, 51):
        bridge_.on_event(event(seq), "boot-1")
    assert loop.time() - begun_s < 5.0, "the feed had to wait for the broker"
    assert bridge_.outbox.dropped > 1000
    broker.thaw()
    await watcher.until("event", lambda s: s.body["seq"] == 50 and s.body["boot"] == "boot-1")
    feed.show(running(0.5))
    newest = await watcher.until("telemetry", lambda s: s.body["belt"]["measured_mps"] == 0.5)
    assert 0 <= bridge_.outbox.dropped - newest.body["dropped"] <= 1  # its own arrival may have pushed out one more
    assert newest.body["seq"] == 4002  # the one of connecting, the flood, this one
    assert {s.body["seq"] for s in watcher.on("event") if s.body["boot"] == "boot-1"} == set(range(1, 51))
    numbers = [s.body["seq"] for s in watcher.on("telemetry")]
    assert len(numbers) < 3000
    assert numbers == sorted(numbers)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")  # paho leaves the refused socket to the collector
async def test_wrong_certificate_authority_is_never_trusted(broker: Mosquitto, loaded: tuple[Settings, Secrets], tmp_path: Path, watcher: Watcher) -> None:
    settings, secrets = loaded
    other = tmp_path / "other"
    other.mkdir()
    make_files(other)
    tls = settings.broker.tls
    assert tls is not None
    strange = settings.model_copy(update={"broker": settings.broker.model_copy(update={"tls": tls.model_copy(update={"ca": str(other / "ca.crt")})})})
    async with bridging(strange, secrets) as (bridge, feed):
        feed.show(running())
        await broker.logged("alert unknown ca")
        assert bridge.link.connections == 0
    assert not watcher.on("availability")
    gc.collect()


def test_reconnection_backs_off_to_five_seconds_and_no_further() -> None:
    assert [pause_s(n) for n in (1, 2, 3)] == [0.25, 0.5, 1.0]
    assert max(pause_s(n) for n in range(1, 100)) == LONGEST_PAUSE_S == 5.0


def test_machine_id_is_the_broker_account(loaded: tuple[Settings, Secrets]) -> None:
    assert loaded[0].broker.username == loaded[0].machine == MACHINE
