"""The pull cord: both channels, one alone, welded ones, bounce, and a cord that cuts the drive by itself."""

from __future__ import annotations

import pytest

from harness import Rig, braked_hard, cut, told_off, until
from treadctl.core.messages import RequestKind


@pytest.mark.interlock("pull_cord")
def test_a_pulled_cord_brakes_as_hard_as_the_machine_can(rig: Rig) -> None:
    rig.session()
    rig.belt.set("cord", closed=False)
    rig.caused("pull_cord")
    assert braked_hard(rig.measured("cord"))
    assert "pull cord" in rig.refused(RequestKind.RESET)
    rig.belt.set("cord", closed=True)
    rig.reset()
    assert rig.belt_rests()


@pytest.mark.rig(settings=("enable.cord_wired=true",))
@pytest.mark.interlock("pull_cord_cut")
def test_a_cord_wired_into_the_enable_cuts_and_the_daemon_follows(rig: Rig) -> None:
    rig.session()
    rig.belt.set("cord", closed=False)
    rig.caused("pull_cord_cut")
    m = rig.measured("cord")
    assert cut(m)
    assert told_off(rig, m["event_s"])
    assert "enable_mismatch" not in rig.causes()  # the open cord explains the missing enable
    rig.belt.set("cord", closed=True)
    until(lambda: rig.channel("cord_b") is True, 3.0, "the closed cord")
    assert not rig.belt.state()["enable_relay"]  # closing the cord gives nothing back


@pytest.mark.parametrize("channel", ["cord_a", "cord_b"])
@pytest.mark.interlock("cord_discrepancy")
def test_one_channel_alone_stops_at_once_and_for_good(rig: Rig, channel: str) -> None:
    rig.session()
    rig.belt.set(channel, closed=False)
    rig.caused("pull_cord")
    rig.caused("cord_discrepancy")
    m = rig.measured("cord")
    assert m["first_stop_frame_s"] is not None
    assert told_off(rig, m["event_s"])
    rig.belt.set(channel, closed=True)
    until(lambda: rig.channel(channel) is True, 3.0, "the closed channel")
    assert "disagree" in rig.refused(RequestKind.RESET)


def test_a_welded_channel_does_not_keep_the_other_from_stopping(rig: Rig) -> None:
    rig.session()
    rig.belt.fault("cord_a_stuck_closed")
    rig.belt.set("cord", closed=False)
    rig.caused("cord_discrepancy")
    assert rig.measured("cord")["first_stop_frame_s"] is not None


def test_bounce_longer_than_a_switch_has_counts_as_pulled(rig: Rig) -> None:
    rig.session()
    rig.belt.fault("cord_bounce", ms=30.0, period_ms=200.0)
    rig.caused("pull_cord")
    assert rig.measured("fault:cord_bounce")["first_stop_frame_s"] is not None


def test_bridged_channels_are_found_by_the_proof_test(bare_rig: Rig) -> None:
    rig = bare_rig
    rig.heal()
    rig.restart()
    rig.belt.fault("cord_short")
    rig.belt.set("cord", closed=False)
    rig.belt.set("cord", closed=True)
    seen_s = rig.client.snapshot().at_s
    until(lambda: rig.client.snapshot().at_s > seen_s + 0.3, 3.0, "time for both edges to have been seen")
    assert "not yet proven" in rig.refused(RequestKind.RESET)
