"""A person losing balance, letting go, leaning, stumbling: the belt stops for the first two, and not for the last."""

from __future__ import annotations

import pytest

from harness import Rig, program, ramped, segment, until
from treadctl.core.messages import RequestKind
from treadctl.core.program import Block, Hands, Person
from treadctl.core.sample import Direction, Facing


@pytest.mark.interlock("imbalance")
def test_a_grab_for_the_rail_ramps_the_belt_down(rig: Rig) -> None:
    rig.session()
    rig.belt.runner("lose_balance")
    rig.caused("imbalance")
    m = rig.measured("grab")
    assert ramped(m)
    balance = next(m for m in reversed(rig.belt.measurements()) if m["event"] == "loss_of_balance")
    assert m["first_stop_frame_s"] > balance["event_s"]
    assert rig.posture() in {"standing", "walking", "losing_balance"}  # caught by the rail, on a belt that slows


def test_a_grab_by_one_who_walks_forward_facing_the_rear_stops_it_too(rig: Rig) -> None:
    rig.session(program(segment(direction=Direction.FORWARD), facing=Facing.REAR))
    rig.belt.runner("lose_balance")
    rig.caused("imbalance")
    assert ramped(rig.measured("grab"))


@pytest.mark.interlock("imbalance")
def test_letting_go_where_the_program_wants_hands_ramps_the_belt_down(rig: Rig) -> None:
    rig.session(program(segment(hands=Hands.ON)))
    rig.mark("let go")
    rig.belt.runner("hands_off")
    rig.caused("imbalance")
    assert ramped(rig.measured("let go"))


def test_letting_go_where_hands_are_free_goes_on(rig: Rig) -> None:
    rig.session()
    rig.belt.runner("hands_off")
    until(lambda: (rig.channel("rail_left") or 0.0) < 5.0, 3.0, "the hands off")
    walked_m = rig.belt.state()["belt_travel_m"]
    until(lambda: rig.belt.state()["belt_travel_m"] > walked_m + 0.4, 5.0, "a second more of walking")
    assert rig.causes() == []


def test_a_stumble_is_no_fall_whatever_the_belt_does(rig: Rig) -> None:
    rig.session()
    rig.belt.runner("stumble")
    until(lambda: rig.posture() != "stumbling", 3.0, "the end of the stumble")
    assert rig.posture() in {"standing", "walking"}
    assert set(rig.causes()) <= {"imbalance"}


@pytest.mark.interlock("imbalance")
def test_a_fall_tears_the_hands_off_and_that_stops_the_belt(rig: Rig) -> None:
    rig.session(program(segment(hands=Hands.ON)))
    rig.belt.runner("fall")
    rig.caused("imbalance")
    assert rig.measured("fall")["first_stop_frame_s"] is not None


def test_a_fall_that_carries_the_person_off_pulls_the_cord(rig: Rig) -> None:
    rig.belt.runner("hands_off")
    rig.session(program(segment(speed_mps=0.6, direction=Direction.FORWARD)))
    rig.belt.runner("fall")
    rig.caused("pull_cord", within_s=8.0)
    assert rig.measured("cord")["first_stop_frame_s"] is not None


@pytest.mark.rig(settings=("world.runner.harness_fitted=true",))
def test_a_fall_into_the_harness_brakes_as_hard_as_the_machine_can(rig: Rig) -> None:
    rig.session()
    rig.belt.runner("fall")
    rig.caused("person_down")
    assert rig.measured("harness")["first_stop_frame_s"] is not None


@pytest.mark.interlock("rail_overload")
def test_leaning_on_the_rails_for_long_slows_the_belt(rig: Rig) -> None:
    rig.session(person=Person(30.0))
    rig.belt.fault("rail_drift", side="both", n_per_s=15.0)  # a load that grows slowly is a tired person, not a grab
    rig.caused("rail_overload", within_s=25.0)
    until(lambda: rig.speed_mps() < 0.25, 5.0, "half the speed")
    assert rig.client.snapshot().state == "running"
    rig.belt.fault("rail_drift", on=False)
    rig.stays("running")
    assert rig.speed_mps() < 0.25, "letting go does not speed the belt up"
    rig.request(RequestKind.RESUME)
    until(lambda: rig.speed_mps() > 0.35, 5.0, "the speed of the segment once somebody resumed")


@pytest.mark.interlock("hands_unwanted")
def test_holding_on_against_the_program_is_told_and_does_not_stop(rig: Rig) -> None:
    rig.session(program(segment(hands=Hands.OFF, block=Block.MAIN)), person=Person(25.0))
    rig.caused("hands_unwanted")
    assert rig.client.snapshot().state == "running"
    assert rig.speed_mps() > 0.3
