"""The drive's line: silence, garbling, late replies, a pulled plug, another machine, a watchdog that will not be set."""

from __future__ import annotations

import pytest

from harness import Rig, stop_kind, until
from treadctl.core.messages import RequestKind

LINK_ROWS = {"drive_lost", "drive_unidentified", "watchdog_unattested"}


@pytest.mark.interlock("drive_lost")
@pytest.mark.parametrize(("fault", "params"), [("silent", {}), ("bit_flip", {}), ("late_reply", {"ms": 300.0}), ("busy_forever", {})])
def test_a_drive_that_gives_no_valid_answer_loses_its_enable(rig: Rig, fault: str, params: dict[str, float]) -> None:
    rig.session()
    rig.belt.fault(fault, **params)
    rig.caused("drive_lost")
    m = rig.measured(f"fault:{fault}")
    assert stop_kind(m["stop_frame_hex"]) in ({"ramp", "off"} if fault != "silent" else {"ramp", "off", None})
    assert m["enable_dropped_s"] < m["event_s"] + 1.0
    assert any(stop_kind(frame) for frame in rig.host_frames(m["event_s"]))  # tried all the same


@pytest.mark.interlock("drive_fault")
def test_a_drive_that_faults_loses_its_enable(rig: Rig) -> None:
    rig.spent = True  # a drive's own fault is cleared at the drive, by a person
    rig.session()
    rig.belt.fault("trip", code=9)
    rig.caused("drive_fault")
    m = rig.measured("fault:trip")
    assert m["enable_dropped_s"] < m["event_s"] + 1.0
    assert "reports a fault" in rig.refused(RequestKind.RESET)


def test_a_pulled_plug_stops_and_plugging_in_starts_nothing(rig: Rig) -> None:
    rig.session()
    rig.belt.fault("unplug")
    rig.caused("drive_lost")
    m = rig.measured("fault:unplug")
    assert m["enable_dropped_s"] < m["event_s"] + 1.0
    back_s = rig.belt.state()["t_s"]
    rig.belt.fault("unplug", on=False)
    until(lambda: rig.client.snapshot().drive.identified, 8.0, "the drive recognised again")
    rig.reset()
    until(lambda: rig.client.snapshot().drive.watchdog_s is not None, 8.0, "the watchdog attested again")
    assert rig.client.snapshot().state == "idle"
    assert all(stop_kind(frame) or frame[1] in {3, 4, 43} or frame[2:4] != b"\x21\x35" for frame in rig.host_frames(back_s))
    assert rig.belt_rests()
    assert not rig.belt.state()["enable_relay"]


@pytest.mark.interlock("drive_unidentified")
def test_another_machine_behind_the_same_plug_is_never_written_to(rig: Rig) -> None:
    rig.session()
    rig.belt.fault("wrong_identity")
    rig.belt.fault("unplug")
    rig.caused("drive_unidentified")
    rig.measured("fault:unplug")
    back_s = rig.belt.state()["t_s"]
    rig.belt.fault("unplug", on=False)
    until(lambda: len(rig.host_frames(back_s)) > 20, 8.0, "the line in use again")
    assert {frame[1] for frame in rig.host_frames(back_s)} <= {3, 43}
    assert "not the one configured" in rig.refused(RequestKind.RESET)
    rig.belt.fault("wrong_identity", on=False)
    rig.belt.fault("unplug")
    rig.belt.fault("unplug", on=False)


@pytest.mark.interlock("watchdog_unattested")
def test_a_drive_that_comes_back_without_its_watchdog_is_not_accepted(rig: Rig) -> None:
    rig.session()
    rig.belt.fault("watchdog_off")
    rig.belt.fault("brownout")
    rig.belt.fault("unplug")
    rig.caused("watchdog_unattested")
    rig.measured("fault:unplug")
    rig.belt.fault("brownout", on=False)
    rig.belt.fault("unplug", on=False)
    until(lambda: rig.client.snapshot().drive.identified, 8.0, "the drive recognised again")
    assert "watchdog is off" in rig.refused(RequestKind.RESET)
    rig.belt.fault("watchdog_off", on=False)
    rig.reset(within_s=12.0)


@pytest.mark.parametrize(("fault", "params"), [("duplicate_reply", {"count": 1}), ("lost_reply", {"count": 1, "only": "read"})])
def test_one_bad_reply_does_not_stop_a_session(rig: Rig, fault: str, params: dict[str, object]) -> None:
    rig.session()
    walked_m = rig.belt.state()["belt_travel_m"]
    rig.belt.fault(fault, **params)
    until(lambda: rig.belt.state()["belt_travel_m"] > walked_m + 0.4, 5.0, "a second more of walking")
    assert not LINK_ROWS & set(rig.causes())
    assert rig.client.snapshot().state == "running"
