"""What the snapshot shows of a channel."""

from __future__ import annotations

import math

import pytest

from treadctl.core.sample import BeltMotion, Channel, ChannelId, Direction, Quality, TrunkMotion
from treadctl.daemon.status import _channel
from treadctl.ipc.snapshot import ChannelView


@pytest.mark.parametrize(
    ("channel", "value", "shown"),
    [
        (ChannelId.CORD_A, False, False),
        (ChannelId.RAIL_LEFT, 12.5, 12.5),
        (ChannelId.BELT, BeltMotion(0.5, Direction.REVERSE), 0.5),
        (ChannelId.TRUNK, TrunkMotion((0.0, -0.6, 0.8), (10.0, 0.0, -90.0)), 1.0),
    ],
)
def test_a_channel_is_one_value_whatever_it_measures(channel: ChannelId, value: object, shown: float) -> None:
    assert _channel(channel, Channel(value, 0.01, Quality.GOOD)) == ChannelView(channel.value, pytest.approx(shown), 0.01, "good")


def test_a_worn_sensor_that_is_not_there_shows_no_value() -> None:
    assert _channel(ChannelId.TRUNK, Channel(None, math.inf, Quality.ABSENT)) == ChannelView("trunk", None, None, "absent")
    assert _channel(ChannelId.TRUNK, Channel(None, 0.01, Quality.IMPLAUSIBLE)) == ChannelView("trunk", None, 0.01, "implausible")
