"""Commands over a real broker: one signed stop gets through, everything else is refused, answered and reported."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from telemetry_broker import Mosquitto
from telemetry_rig import BASE, KEY, MACHINE, PlayedFeed, Watcher, bridging, connected, running, watching

from treadctl.telemetry.bridge import Bridge
from treadctl.telemetry.command import SENTENCES, signed_stop, time_text
from treadctl.telemetry.feed import StopAnswer
from treadctl.telemetry.settings import Secrets, Settings

Bridged = tuple[Bridge, PlayedFeed]


def stop_now(command_id: str | None = None, *, age: timedelta = timedelta(0), machine: str = MACHINE, key: bytes = KEY) -> bytes:
    return signed_stop(key, machine, command_id or uuid4().hex, "panel", datetime.now(UTC) - age)


async def test_signed_stop_reaches_the_daemon_and_is_answered(bridge: Bridged, watcher: Watcher) -> None:
    _, feed = bridge
    command_id = uuid4().hex
    await watcher.client.publish(f"{BASE}/cmd/stop", stop_now(command_id), qos=1)
    result = await watcher.until("cmd/stop/result", lambda s: s.body["id"] == command_id)
    assert result.body["accepted"] is True
    assert not result.retain
    assert feed.stops == [(command_id, "mqtt:panel")]
    assert (await watcher.until("event", lambda s: s.body["kind"] == "mqtt_stop")).body["id"] == command_id


async def test_panel_account_may_stop_under_the_shipped_access_list(bridge: Bridged, broker: Mosquitto) -> None:
    _, feed = bridge
    async with watching(broker, "panel") as panel:
        await panel.client.publish(f"{BASE}/cmd/stop", stop_now(), qos=1)
        await panel.until("cmd/stop/result", lambda s: s.body["accepted"] is True)
    assert len(feed.stops) == 1


async def test_dashboard_account_cannot_even_send_a_stop(bridge: Bridged, broker: Mosquitto, watcher: Watcher) -> None:
    _, feed = bridge
    async with watching(broker, "dashboard") as dashboard:
        await dashboard.client.publish(f"{BASE}/cmd/stop", stop_now(), qos=1)
    await watcher.client.publish(f"{BASE}/cmd/stop", b"marker", qos=1)  # comes after it, so what was to come has come
    await watcher.refusal("malformed")
    assert feed.stops == []


async def test_stop_that_the_daemon_did_not_take_is_answered_so(bridge: Bridged, watcher: Watcher) -> None:
    _, feed = bridge
    feed.answer = StopAnswer(False, ("The daemon does not answer.",))
    await watcher.client.publish(f"{BASE}/cmd/stop", stop_now(), qos=1)
    result = await watcher.until("cmd/stop/result", lambda s: s.body["reason"] == "daemon")
    assert result.body["reasons"] == ["The daemon does not answer."]
    await watcher.until("event", lambda s: s.body["kind"] == "mqtt_stop_failed")


async def test_same_stop_twice_is_taken_once(bridge: Bridged, watcher: Watcher) -> None:
    _, feed = bridge
    payload = stop_now()
    for _ in range(2):
        await watcher.client.publish(f"{BASE}/cmd/stop", payload, qos=1)
    await watcher.refusal("duplicate")
    assert len(feed.stops) == 1


async def test_retained_stop_published_live_is_refused(bridge: Bridged, watcher: Watcher) -> None:
    _, feed = bridge
    await watcher.client.publish(f"{BASE}/cmd/stop", stop_now(), qos=1, retain=True)
    event = await watcher.refusal("retained")
    assert event["sentence"] == SENTENCES["retained"]
    result = await watcher.until("cmd/stop/result", lambda s: s.body["reason"] == "retained")
    assert result.body["accepted"] is False
    assert feed.stops == []


async def test_retained_stop_waiting_at_the_broker_is_refused_on_connect(
    watcher: Watcher, loaded: tuple[Settings, Secrets], caplog: pytest.LogCaptureFixture
) -> None:
    await watcher.client.publish(f"{BASE}/cmd/stop", stop_now(), qos=1, retain=True)
    with caplog.at_level(logging.WARNING, "treadctl.telemetry"):
        async with bridging(*loaded) as (_, feed):
            await connected(watcher, feed)
            await watcher.refusal("retained")
            assert feed.stops == []
    assert any("retained" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    ("reason", "payload"),
    [
        ("bad_mac", lambda: stop_now(key=b"another key of at least 32 bytes")),
        ("bad_mac", lambda: stop_now(machine="lab-2")),
        ("too_old", lambda: stop_now(age=timedelta(seconds=2.5))),
        ("from_future", lambda: stop_now(age=timedelta(seconds=-5))),
        ("oversized", lambda: stop_now()[:-1] + b" " * 1100 + b"}"),
        ("malformed", lambda: b'{"id": "1"}'),
        ("malformed", lambda: b"STOP"),
        ("malformed", lambda: b"[" * 1000),
        ("malformed", lambda: b"\xff\xfe"),
        ("malformed", lambda: b""),
    ],
)
async def test_stop_with_a_fault_is_refused_and_answered(bridge: Bridged, watcher: Watcher, reason: str, payload: object) -> None:
    _, feed = bridge
    assert callable(payload)
    await watcher.client.publish(f"{BASE}/cmd/stop", payload(), qos=1)
    assert (await watcher.refusal(reason))["topic"] == f"{BASE}/cmd/stop"
    await watcher.until("cmd/stop/result", lambda s: s.body["reason"] == reason)
    assert feed.stops == []


async def test_signature_covers_every_field(bridge: Bridged, watcher: Watcher) -> None:
    bridge_, feed = bridge
    later = time_text(datetime.now(UTC) + timedelta(seconds=1.5))
    for name, value in (("id", uuid4().hex), ("actor", "somebody-else"), ("expires_at", later), ("issued_at", later)):
        body = json.loads(stop_now())
        body[name] = value
        await watcher.client.publish(f"{BASE}/cmd/stop", json.dumps(body), qos=1)
        await watcher.until("cmd/stop/result", lambda s, wanted=body["id"]: s.body["id"] == wanted and s.body["reason"] == "bad_mac")
    assert feed.stops == []
    assert bridge_.link.connections == 1


@pytest.mark.parametrize("verb", ["start", "speed", "resume", "reset", "arm", "direction", "stop_all"])
async def test_command_that_would_move_the_belt_does_not_exist(bridge: Bridged, watcher: Watcher, verb: str) -> None:
    _, feed = bridge
    await watcher.client.publish(f"{BASE}/cmd/{verb}", stop_now(), qos=1)
    await watcher.until(f"cmd/{verb}/result", lambda s: s.body["reason"] == "no_such_command" and s.body["accepted"] is False)
    assert (await watcher.refusal("no_such_command"))["topic"] == f"{BASE}/cmd/{verb}"
    assert feed.stops == []


async def test_odd_topic_below_commands_is_refused_without_an_answer_topic_of_its_choosing(bridge: Bridged, watcher: Watcher) -> None:
    await watcher.client.publish(f"{BASE}/cmd/../../x y/start", b"1", qos=1)
    await watcher.refusal("no_such_command")
    assert not any(seen.topic.endswith("start/result") for seen in watcher.seen)


async def test_flood_of_refused_commands_is_reported_as_a_number(bridge: Bridged, watcher: Watcher, monkeypatch: pytest.MonkeyPatch) -> None:
    bridge_, feed = bridge
    for _ in range(50):
        await watcher.client.publish(f"{BASE}/cmd/start", b"go", qos=0)
    await watcher.client.publish(f"{BASE}/cmd/stop", stop_now(), qos=1)
    await watcher.until("cmd/stop/result", lambda s: s.body["accepted"] is True)
    later = datetime.now(UTC) + timedelta(seconds=11)
    monkeypatch.setattr(bridge_, "_wall", lambda: later)
    feed.show(running())
    assert (await watcher.until("event", lambda s: s.body["kind"] == "mqtt_refused_many")).body["number"] == 30
    assert len([s for s in watcher.on("event") if s.body["kind"] == "mqtt_refused"]) == 20
