"""The worn sensor through the whole daemon: seen while somebody walks, and missed by nobody but its detector when it is gone."""

from __future__ import annotations

import pytest

from harness import Rig, until

ON_THE_BOARD = pytest.mark.rig(bench="trunk", settings=("world.drive.ramp_up_mps2=0.5",))


def quality(rig: Rig) -> str:
    return next(channel.quality for channel in rig.client.snapshot().channels if channel.id == "trunk")


@ON_THE_BOARD
def test_the_waist_is_seen_while_somebody_walks(rig: Rig) -> None:
    rig.session()
    seen: list[float] = []

    def moved() -> bool:
        value = rig.channel("trunk")
        assert isinstance(value, float)
        seen.append(value)
        return max(seen) - min(seen) > 0.15

    until(moved, 10.0, "a force that swings with the steps")
    assert quality(rig) == "good"
    assert 0.5 < min(seen) < 1.0 < max(seen) < 2.0
    assert rig.causes() == []


@ON_THE_BOARD
@pytest.mark.parametrize(("fault", "told"), [("trunk_lost", "implausible"), ("trunk_frozen", "frozen")])
def test_a_sensor_that_is_gone_while_somebody_walks_stops_nobody(rig: Rig, fault: str, told: str) -> None:
    rig.session()
    rig.belt.fault(fault)
    until(lambda: quality(rig) == told, 2.0, f"the trunk {told}")
    rig.stays("running", 1.0)
    rig.belt.fault(fault, on=False)
    until(lambda: quality(rig) == "good", 2.0, "the trunk back")
    assert rig.causes() == []
