"""What of a snapshot is published as a measurement."""

from __future__ import annotations

from treadctl.ipc.snapshot import ChannelView, Snapshot
from treadctl.telemetry.payloads import telemetry


def test_only_contacts_are_published_as_contacts() -> None:
    values = {"cord_a": True, "presence": False, "rail_left": 12.0, "belt": 0.5, "heart_rate": 80.0, "trunk": 1.02}
    shown = Snapshot(1.0, "idle", 0.0, channels=tuple(ChannelView(name, value, 0.01, "good") for name, value in values.items()))
    told = telemetry(shown, "2026-01-01T00:00:00Z", 1, 0)
    assert told["contacts"] == {"cord_a": True, "presence": False}
    assert told["heart_rate_per_min"] == 80.0
