"""The worn sensor through the whole daemon: seen while somebody walks, missed by nobody but its detector when it is gone, and believed when they lie."""

from __future__ import annotations

from contextlib import suppress

import pytest

from harness import Rig, program, segment, stop_kind, until
from treadctl.core.messages import RequestKind
from treadctl.core.program import Block
from treadctl.ipc.asking import RefusedError

UNKNOWN_MPS = 0.83  # the fastest for a gait that is not known
# A gentle ramp, so that a belt still moves when somebody lies on it; and a cord too long to speak first.
ON_THE_BOARD = pytest.mark.rig(
    bench="trunk",
    settings=("world.drive.ramp_up_mps2=0.5", "world.drive.ramp_down_mps2=0.7", "world.drive.ramp_stop_mps2=0.7", "world.contacts.cord_pull_fraction=1.0"),
)


def quality(rig: Rig) -> str:
    return next(channel.quality for channel in rig.client.snapshot().channels if channel.id == "trunk")


def fastest_command_mps(rig: Rig, for_s: float) -> float:
    """The largest speed commanded from now on."""
    until_s, seen = rig.client.snapshot().at_s + for_s, 0.0
    while (now := rig.client.snapshot()).at_s < until_s:
        seen = max(seen, now.belt.commanded_mps or 0.0)
    return seen


def resumed(rig: Rig) -> bool:
    """Ask to resume, which is refused while the reason is still there; whether the belt then runs."""
    with suppress(RefusedError):
        rig.request(RequestKind.RESUME)
    return rig.client.snapshot().state == "running"


@ON_THE_BOARD
@pytest.mark.interlock("gait_unknown")
def test_the_waist_is_seen_and_a_gait_not_yet_known_is_walked_slowly(rig: Rig) -> None:
    rig.session(program(segment(speed_mps=1.2, block=Block.WARM_UP)), to_mps=0.7)
    rig.caused("gait_unknown")
    seen: list[float] = []

    def moved() -> bool:
        value = rig.channel("trunk")
        assert isinstance(value, float)
        seen.append(value)
        return max(seen) - min(seen) > 0.15

    until(moved, 10.0, "a force that swings with the steps")
    assert quality(rig) == "good"
    assert 0.5 < min(seen) < 1.0 < max(seen) < 2.0
    assert 0.75 < fastest_command_mps(rig, 0.7) <= UNKNOWN_MPS
    assert rig.causes() == ["gait_unknown"]
    assert rig.client.snapshot().state == "warm_up"


@ON_THE_BOARD
@pytest.mark.interlock("trunk_lost")
def test_a_sensor_gone_for_more_than_a_second_holds_the_belt_and_a_resume_goes_on_slowly(rig: Rig) -> None:
    rig.session(program(segment(speed_mps=1.2)), to_mps=0.15)
    rig.belt.fault("trunk_lost")
    rig.caused("trunk_lost")
    held_mps = rig.state_is("hold").belt.commanded_mps
    with pytest.raises(RefusedError, match="held just now"):
        rig.request(RequestKind.RESUME)
    assert fastest_command_mps(rig, 1.2) <= held_mps
    rig.request(RequestKind.RESUME)
    assert held_mps <= fastest_command_mps(rig, 1.0) <= UNKNOWN_MPS
    assert rig.speed_mps() > 0.6
    assert rig.client.snapshot().state == "running"
    assert sorted(rig.causes()) == ["gait_unknown", "trunk_lost"]


@ON_THE_BOARD
def test_a_sensor_that_freezes_while_somebody_walks_stops_nobody(rig: Rig) -> None:
    rig.session()
    rig.belt.fault("trunk_frozen")
    until(lambda: quality(rig) == "frozen", 2.0, "the trunk frozen")
    rig.belt.fault("trunk_frozen", on=False)
    until(lambda: quality(rig) == "good", 2.0, "the trunk back")
    assert rig.client.snapshot().state in {"running", "hold"}
    assert set(rig.causes()) <= {"gait_unknown", "trunk_lost"}, "held at most, where the looks above took more than a second"


@ON_THE_BOARD
@pytest.mark.interlock("unsteady")
def test_somebody_who_rocks_from_rail_to_rail_is_held_until_somebody_resumes(rig: Rig) -> None:
    rig.session()
    rig.belt.runner("rock")
    rig.caused("unsteady")
    rig.state_is("hold")
    rig.stays("hold", 0.3)
    until(lambda: resumed(rig), 6.0, "a resume, once the rocking is over")
    assert set(rig.causes()) == {"gait_unknown", "unsteady"}


@ON_THE_BOARD
@pytest.mark.interlock("fallen")
def test_somebody_who_lies_on_a_belt_that_still_moves_gets_its_hardest_stop(rig: Rig) -> None:
    rig.session(program(segment(speed_mps=0.8)))
    rig.stays("running", 1.5)  # a sensor put on three seconds ago does not hold the lying for upright any more
    rig.mark("lies")
    rig.belt.runner("fall")
    rig.caused("fallen")
    m = rig.measured("lies")
    wires = rig.belt.ask("wire", last=4000)["wires"]
    stops = [(stop_kind(f["hex"]), f["last_s"]) for f in wires["drive"] if f["side"] == "host" and f["valid"] and f["last_s"] >= m["event_s"]]
    hard_s = next(at for kind, at in stops if kind == "fast")
    assert m["first_stop_frame_s"] < hard_s < m["standstill_s"] - 0.1, "the ramp as balance is lost, the hardest braking as the person lies"
    assert m["enable_dropped_s"] >= m["standstill_s"]
    assert rig.posture() == "down"
