"""The gate without a broker: each boundary of time, replay and rate."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadctl.telemetry.command import MAX_STOPS, Gate, Incoming, Refusal, StopCommand, mac_of, signed_stop, time_text

KEY = b"k" * 32
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
STOP = "treadctl/v1/lab-1/cmd/stop"
START_OF_PROCESS = NOW - timedelta(hours=1)


def gate(key: bytes | None = KEY, started: datetime = START_OF_PROCESS) -> Gate:
    return Gate("lab-1", key, started)


def stop(issued: datetime = NOW, lifetime_s: float = 2.0, command_id: str | None = None) -> Incoming:
    return Incoming(STOP, signed_stop(KEY, "lab-1", command_id or uuid4().hex, "panel", issued, timedelta(seconds=lifetime_s)), retained=False)


def reason(verdict: StopCommand | Refusal) -> str:
    return verdict.reason if isinstance(verdict, Refusal) else "taken"


@pytest.mark.parametrize(
    ("age_s", "wanted"), [(0.0, "taken"), (2.0, "taken"), (2.001, "too_old"), (-0.5, "taken"), (-0.501, "from_future"), (86400.0, "too_old")]
)
def test_stop_is_taken_only_between_half_a_second_ahead_and_two_seconds_old(age_s: float, wanted: str) -> None:
    assert reason(gate().judge(stop(NOW - timedelta(seconds=age_s)), NOW)) == wanted


@pytest.mark.parametrize(("lifetime_s", "wanted"), [(2.0, "taken"), (2.001, "long_expiry"), (0.0, "long_expiry"), (-1.0, "long_expiry"), (0.4, "expired")])
def test_expiry_is_short_and_in_force(lifetime_s: float, wanted: str) -> None:
    assert reason(gate().judge(stop(NOW - timedelta(seconds=0.5), lifetime_s), NOW)) == wanted


def test_stop_of_an_earlier_life_of_the_process_is_refused() -> None:
    assert reason(gate(started=NOW).judge(stop(NOW - timedelta(seconds=1)), NOW)) == "before_start"


def test_id_stays_used_as_long_as_a_stop_could_be_replayed() -> None:
    judged = gate()
    first = stop()
    assert reason(judged.judge(first, NOW)) == "taken"
    assert reason(judged.judge(first, NOW + timedelta(seconds=2))) == "duplicate"


def test_unsigned_message_does_not_use_up_an_id() -> None:
    judged = gate()
    message = stop()
    forged = json.loads(message.payload)
    forged["mac"] = "0" * 64
    assert reason(judged.judge(Incoming(STOP, json.dumps(forged).encode(), retained=False), NOW)) == "bad_mac"
    assert reason(judged.judge(message, NOW)) == "taken"


def test_more_stops_than_anybody_needs_are_refused_until_the_window_has_passed() -> None:
    judged = gate()
    assert [reason(judged.judge(stop(), NOW)) for _ in range(MAX_STOPS + 1)] == ["taken"] * MAX_STOPS + ["too_many"]
    later = NOW + timedelta(seconds=10.5)
    assert reason(judged.judge(stop(later), later)) == "taken"


def test_without_a_key_nothing_is_taken() -> None:
    assert reason(gate(key=None).judge(stop(), NOW)) == "no_key"


def test_stop_for_another_machine_is_no_command_here() -> None:
    message = stop()
    assert reason(gate().judge(Incoming("treadctl/v1/lab-2/cmd/stop", message.payload, retained=False), NOW)) == "no_such_command"


@pytest.mark.parametrize(
    "change",
    [
        {"issued_at": "2026-03-01T12:00:00Z"},
        {"issued_at": "2026-02-30T12:00:00.000Z"},
        {"issued_at": 1772366400.0},
        {"id": "ABCDEF" * 5 + "ab"},
        {"actor": "two words"},
        {"actor": ""},
        {"extra": "1"},
        {"mac": None},
    ],
)
def test_payload_of_another_shape_is_malformed(change: dict[str, object]) -> None:
    body = {**json.loads(stop().payload), **change}
    if "mac" not in change and all(isinstance(value, str) for value in body.values()):
        body["mac"] = mac_of(KEY, "lab-1", body["id"], body["issued_at"], body["expires_at"], body["actor"])
    assert reason(gate().judge(Incoming(STOP, json.dumps(body).encode(), retained=False), NOW)) == "malformed"


def test_key_that_stands_twice_is_malformed() -> None:
    payload = stop().payload.replace(b'{"id"', b'{"actor": "other", "id"')
    assert reason(gate().judge(Incoming(STOP, payload, retained=False), NOW)) == "malformed"


@given(st.binary(max_size=1500))
def test_no_bytes_raise_and_none_are_taken(payload: bytes) -> None:
    assert isinstance(gate().judge(Incoming(STOP, payload, retained=False), NOW), Refusal)


@given(st.uuids(), st.integers(0, 2000))
def test_what_sign_makes_the_gate_takes(command: UUID, age_ms: int) -> None:
    issued = NOW - timedelta(milliseconds=age_ms)
    assert gate().judge(stop(issued, command_id=command.hex), NOW) == StopCommand(command.hex, "panel")


def test_time_is_written_in_utc_with_milliseconds() -> None:
    assert time_text(datetime(2026, 3, 1, 12, 0, 0, 7999, tzinfo=UTC)) == "2026-03-01T12:00:00.007Z"
