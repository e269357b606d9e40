"""The collector keeps the newest of everything, ages it, and knows what cannot wait for the next tick."""

from __future__ import annotations

import math

import pytest

from treadctl.core.sample import BeltMotion, ChannelId, DriveState, DriveStatus, Quality, TrunkMotion
from treadctl.daemon.collector import Collector, Haste
from treadctl.ports import ChannelReading, DriveReport, SensorFrame

FITTED = frozenset({ChannelId.CORD_A, ChannelId.RAIL_LEFT, ChannelId.ESTOP})


def frame(at_s: float, channel: ChannelId, value: bool | float | TrunkMotion | None, quality: Quality = Quality.GOOD) -> SensorFrame:
    return SensorFrame(at_s, (ChannelReading(channel, value, quality),))


def report(at_s: float, state: DriveState = DriveState.ENABLED, confirmed: int = 1) -> DriveReport:
    return DriveReport(at_s, DriveStatus(state, BeltMotion(0.5, None)), Quality.GOOD, True, 0.5, confirmed)


def test_what_never_came_is_absent_and_what_is_not_fitted_stays_so() -> None:
    collector = Collector(FITTED)
    collector.take_frame(frame(1.0, ChannelId.CORD_B, True))
    sample = collector.sample(2.0)
    assert sample.cord_a.quality is Quality.ABSENT
    assert sample.cord_b.quality is Quality.ABSENT
    assert sample.drive.status.quality is Quality.ABSENT


def test_the_newest_reading_counts_with_its_age() -> None:
    collector = Collector(FITTED)
    collector.take_frame(frame(1.0, ChannelId.RAIL_LEFT, 10.0))
    collector.take_frame(frame(1.5, ChannelId.RAIL_LEFT, 20.0))
    channel = collector.sample(1.6).rail_left
    assert channel.value == 20.0
    assert channel.age_s == pytest.approx(0.1)


def test_the_worn_sensor_is_carried_and_watched_sample_by_sample_while_somebody_is_moved() -> None:
    collector = Collector(FITTED | {ChannelId.TRUNK})
    still, moved = TrunkMotion((0.0, 0.0, 1.0), (0.0, 0.0, 0.0)), TrunkMotion((0.1, 0.0, 1.2), (0.0, 30.0, 0.0))
    assert collector.take_frame(frame(1.0, ChannelId.TRUNK, still)) is Haste.ALWAYS
    assert collector.take_frame(frame(1.01, ChannelId.TRUNK, moved)) is Haste.MOVING
    assert collector.sample(1.02).trunk.fresh(0.1) == moved
    assert collector.take_frame(frame(1.02, ChannelId.TRUNK, None, Quality.IMPLAUSIBLE)) is Haste.ALWAYS
    assert collector.sample(1.03).trunk.fresh(0.1) is None
    assert collector.take_frame(frame(1.03, ChannelId.TRUNK, moved)) is Haste.ALWAYS
    assert collector.sample(1.03).trunk.quality is Quality.GOOD
    assert Collector(FITTED).sample(1.0).trunk.quality is Quality.ABSENT


def test_a_changed_contact_or_quality_is_always_urgent_and_a_level_while_somebody_is_moved() -> None:
    collector = Collector(FITTED)
    assert collector.take_frame(frame(1.0, ChannelId.CORD_A, True)) is Haste.ALWAYS
    assert collector.take_frame(frame(1.1, ChannelId.CORD_A, True)) is Haste.NONE
    assert collector.take_frame(frame(1.2, ChannelId.CORD_A, False)) is Haste.ALWAYS
    assert collector.take_frame(frame(1.3, ChannelId.CORD_A, None, Quality.ABSENT)) is Haste.ALWAYS
    assert collector.take_frame(frame(1.4, ChannelId.RAIL_LEFT, 5.0)) is Haste.ALWAYS
    assert collector.take_frame(frame(1.5, ChannelId.RAIL_LEFT, 6.0)) is Haste.MOVING
    assert collector.take_frame(frame(1.6, ChannelId.RAIL_LEFT, None, Quality.FROZEN)) is Haste.ALWAYS


def test_a_drive_report_is_urgent_when_it_says_something_new() -> None:
    collector = Collector(FITTED)
    assert collector.take_report(report(1.0))
    assert not collector.take_report(report(1.1))
    assert collector.take_report(report(1.2, confirmed=2))
    assert collector.take_report(report(1.3, DriveState.FAULT, 2))
    assert collector.take_report(report(1.4, DriveState.FAULT, 2))


def test_a_reading_dated_far_ahead_is_of_no_age_at_all() -> None:
    collector = Collector(FITTED)
    collector.take_frame(frame(5.0, ChannelId.CORD_A, True))
    assert math.isnan(collector.sample(1.0).cord_a.age_s)
    assert collector.sample(1.0).cord_a.fresh(0.1) is None
    assert collector.sample(4.9995).cord_a.age_s == 0.0
