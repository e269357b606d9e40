"""The daemon killed, frozen, late, ended, started twice; its clock; its watchers gone. What stops the belt then is not software of ours."""

from __future__ import annotations

import signal
import subprocess

import pytest

from harness import Rig, cut, paused, program, segment, stop_kind, told_off, until


def test_a_killed_daemon_lets_the_enable_drop_and_wakes_up_tripped(rig: Rig) -> None:
    rig.session()
    rig.mark("kill")
    rig.signal(signal.SIGKILL)
    m = rig.measured("kill")
    assert cut(m)  # the far end of the enable output was not renewed
    rig.check_journal()
    rig.start_daemon()
    now = rig.client.snapshot()
    assert now.state == "tripped"
    assert "not_proven" in {cause.id for cause in now.causes}
    assert rig.belt_rests()
    assert not rig.belt.state()["enable_relay"]


def test_a_killed_daemon_behind_a_welded_enable_is_caught_by_the_drives_own_watchdog(rig: Rig) -> None:
    rig.session()
    rig.belt.fault("enable_relay_welded")
    rig.mark("kill")
    rig.signal(signal.SIGKILL)
    m = rig.measured("kill", dropped=False)
    assert m["enable_dropped_s"] is None
    assert m["first_stop_frame_s"] is None  # nobody told the drive
    assert rig.belt.state()["drive"]["fault"] == 5  # it noticed by itself
    rig.spent = True


def test_a_frozen_daemon_is_caught_too_and_moves_nothing_when_it_thaws(rig: Rig) -> None:
    rig.session()
    rig.mark("freeze")
    rig.signal(signal.SIGSTOP)
    m = rig.measured("freeze")
    assert cut(m)
    rig.signal(signal.SIGCONT)
    thawed_s = rig.belt.state()["t_s"]
    rig.caused("loop_late_cut")
    rig.state_is("tripped")
    assert told_off(rig, thawed_s)
    assert rig.belt_rests()
    assert not rig.belt.state()["enable_relay"]


@pytest.mark.interlock("loop_late")
def test_a_slow_loop_gets_no_faster(rig: Rig) -> None:
    rig.session(program(segment(speed_mps=0.6)), to_mps=0.1)
    rig.frozen(0.045)
    rig.caused("loop_late")
    assert "hold" in {event.detail.get("to") for event in rig.events("session")} or rig.client.snapshot().state == "tripped"


@pytest.mark.interlock("loop_late_stop")
def test_a_loop_late_by_more_than_fifty_milliseconds_ramps_the_belt_down(rig: Rig) -> None:
    rig.session()
    rig.mark("late")
    rig.frozen(0.09)
    rig.caused("loop_late_stop")
    m = rig.measured("late")
    assert stop_kind(m["stop_frame_hex"]) in {"ramp", "off"}  # off: this computer was even later


@pytest.mark.interlock("loop_late_cut")
def test_a_loop_late_by_more_than_a_hundred_milliseconds_takes_the_torque(rig: Rig) -> None:
    rig.session()
    rig.mark("late")
    rig.frozen(0.18)
    rig.caused("loop_late_cut")
    m = rig.measured("late")
    assert cut(m)
    assert told_off(rig, m["event_s"])


@pytest.mark.rig(clock_switch=True)
@pytest.mark.interlock("clock_fault")
def test_a_clock_that_stands_still_takes_the_torque(rig: Rig) -> None:
    rig.session()
    rig.mark("clock")
    rig.signal(signal.SIGUSR1)
    m = rig.measured("clock")
    assert m["enable_dropped_s"] < m["event_s"] + 1.0
    rig.signal(signal.SIGUSR2)
    rig.caused("clock_fault")
    assert rig.state_is("tripped")


def test_sigterm_ramps_the_belt_to_rest_and_ends_in_order(rig: Rig) -> None:
    rig.session()
    rig.mark("term")
    assert rig.stop_daemon() == 0
    m = rig.measured("term")
    assert paused(m)
    rig.start_daemon()
    assert rig.client.snapshot().state == "tripped"


def test_a_second_daemon_is_refused_and_the_first_goes_on(rig: Rig) -> None:
    rig.session()
    second = subprocess.run(rig.command(), capture_output=True, text=True, timeout=15.0, check=False, env=rig.environment())  # noqa: S603 - our own program
    assert second.returncode == 2
    assert "TC204" in second.stderr
    walked_m = rig.belt.state()["belt_travel_m"]
    until(lambda: rig.belt.state()["belt_travel_m"] > walked_m + 0.2, 5.0, "the walk to go on")
    assert rig.causes() == []


def test_a_session_needs_nobody_who_watches(rig: Rig) -> None:
    rig.session()
    rig.client.close()
    walked_m = rig.belt.state()["belt_travel_m"]
    until(lambda: rig.belt.state()["belt_travel_m"] > walked_m + 0.4, 5.0, "the walk to go on")
    rig.reconnect()
    assert rig.client.snapshot().state == "running"
    assert rig.causes() == []
