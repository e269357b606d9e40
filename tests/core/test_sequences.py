"""Hostile sequences: things that come in an order or at a moment nobody planned for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from core_rig import FITTED, LIMITS, PERSON, Rig, make_setup

from treadctl.core.imbalance.rails import Baseline
from treadctl.core.messages import DriveMode, Origin, RequestKind
from treadctl.core.sample import BeltMotion, Channel, ChannelId, Direction, DriveState, Quality, Sample
from treadctl.core.session import MOVING, SessionState

NO_ENCODER = FITTED - {ChannelId.BELT}


def drive_says(speed_mps: float, direction: Direction | None = Direction.REVERSE) -> Callable[[Sample], Sample]:
    def change(sample: Sample) -> Sample:
        status = sample.drive.status.value
        assert status is not None
        motion = BeltMotion(speed_mps, direction if speed_mps > 0.0 else None)
        return replace(sample, drive=replace(sample.drive, status=Channel(replace(status, motion=motion), 0.0, Quality.GOOD)))

    return change


@pytest.mark.parametrize("fitted", [FITTED, NO_ENCODER])
@pytest.mark.parametrize("speed_mps", [math.nan, math.inf, -0.5, 25.0])
def test_a_drive_that_reports_a_speed_no_belt_can_have_stops_the_belt(speed_mps: float, fitted: frozenset[ChannelId]) -> None:
    rig = Rig(make_setup(fitted=fitted))
    rig.to_speed()
    rig.spoil = drive_says(speed_mps)
    rig.run(0.03)
    assert "drive_lost" in rig.active()
    assert rig.last.session is SessionState.TRIPPED
    assert rig.last.order.mode is not DriveMode.RUN


@pytest.mark.parametrize("origin", Origin)
def test_a_belt_that_creeps_on_after_its_stop_loses_its_power(rig: Rig, origin: Origin) -> None:
    rig.to_speed()
    rig.ask(RequestKind.STOP, origin)

    def creep(sample: Sample) -> Sample:
        motion = BeltMotion(max(rig.speed_mps, 0.12), Direction.REVERSE)
        return replace(drive_says(motion.speed_mps)(sample), belt=Channel(motion, 0.0, Quality.GOOD))

    rig.spoil = creep
    rig.run(4.0)
    assert "stop_envelope" in rig.active()
    assert rig.last.order.mode is DriveMode.POWER_OFF
    assert not rig.last.enable


def keep_pressing(rig: Rig, seconds: float) -> None:
    for _ in range(round(seconds / 0.1)):
        rig.ask(RequestKind.START_HOLD)
        rig.run(0.1)


def test_a_start_button_stuck_since_before_arming_starts_nothing_until_released(rig: Rig) -> None:
    rig.start()
    rig.ask(RequestKind.END)
    keep_pressing(rig, 6.0)
    assert rig.arm() == (True, ())
    keep_pressing(rig, 3.0)
    assert rig.last.session is SessionState.ARMED
    rig.run(0.5)
    keep_pressing(rig, 1.3)
    assert rig.last.session in MOVING


def test_a_start_button_stuck_since_before_a_reset_starts_nothing(rig: Rig) -> None:
    rig.to_speed()
    rig.ask(RequestKind.STOP)
    keep_pressing(rig, 4.0)
    for kind in (RequestKind.RESET, RequestKind.START_HOLD):
        rig.ask(kind)
    rig.run(0.1)
    assert rig.last.session is SessionState.IDLE
    assert rig.arm() == (True, ())
    keep_pressing(rig, 3.0)
    assert rig.last.session is SessionState.ARMED


def test_the_hold_learnt_from_one_person_is_not_used_for_the_next(rig: Rig) -> None:
    rig.start()
    rig.run(48.0)
    assert rig.last.session is SessionState.ENDED
    assert rig.state.balance.rails.baseline.whole.seconds > 8.0
    rig.arm(person=replace(PERSON, mass_kg=45.0))
    assert rig.state.balance.rails.baseline == Baseline()
    rig.hold_start()
    assert rig.last.session in MOVING
    assert rig.state.balance.rails.baseline.whole.seconds < 1.0


def test_a_link_that_comes_back_during_the_stop_is_judged_from_the_speed_before_it_went() -> None:
    rig = Rig(make_setup(fitted=NO_ENCODER))
    rig.to_speed()
    rig.spoil = lambda sample: replace(sample, drive=replace(sample.drive, status=Channel(None, 9.0, Quality.ABSENT)))
    rig.obeys_stop = False  # the stop does not reach the drive either
    rig.run(0.3)
    rig.spoil, rig.obeys_stop = None, True
    rig.run(3.0)
    assert rig.active() == {"drive_lost"}
    assert rig.asked(RequestKind.RESET) == (True, ())


def test_standstill_is_proven_anew_when_the_power_is_cut_during_spin_up(rig: Rig) -> None:
    rig.start()
    rig.follows = False  # the command is still on its way; the belt has not moved
    rig.speed_mps = 0.0
    rig.run(0.2)
    assert rig.last.order.speed_mps > 0.0
    rig.closed[ChannelId.ESTOP] = False
    rig.run(0.05)
    rig.closed[ChannelId.ESTOP] = True
    rig.run(0.02)
    assert rig.asked(RequestKind.RESET) == (False, ("The belt has not been proven to stand still.",))


def pushed(speed_mps: float, direction: Direction = Direction.REVERSE) -> Callable[[Sample], Sample]:
    def change(sample: Sample) -> Sample:
        belt = Channel(BeltMotion(speed_mps, direction), 0.0, Quality.GOOD)
        return replace(drive_says(speed_mps, direction)(sample), belt=belt)

    return change


@pytest.mark.parametrize("direction", Direction)
def test_a_foot_that_pushes_the_belt_without_torque_trips_nothing_and_a_drive_that_moves_it_does(rig: Rig, direction: Direction) -> None:
    rig.prove_and_reset()
    rig.spoil = pushed(0.3, direction)
    rig.run(1.0)
    assert rig.active() == set()
    rig.drive_state = DriveState.ENABLED
    rig.run(0.2)
    assert "standstill_motion" in rig.active()


def test_no_start_while_somebody_pushes_the_belt(rig: Rig) -> None:
    rig.prove_and_reset()
    rig.arm()
    rig.spoil = pushed(0.3)
    rig.hold_start(2.0)
    assert rig.last.session is SessionState.ARMED
    rig.spoil = None
    rig.hold_start()
    assert rig.last.session in MOVING


@pytest.mark.parametrize("mass_kg", [math.nan, math.inf, 0.0, -70.0])
def test_nobody_is_armed_without_a_body_mass(rig: Rig, mass_kg: float) -> None:
    rig.prove_and_reset()
    assert rig.arm(person=replace(PERSON, mass_kg=mass_kg)) == (False, ("The request carries no program, or no body mass.",))


def test_the_persons_longest_time_counts_where_it_is_shorter(rig: Rig) -> None:
    rig.prove_and_reset()
    rig.arm(limits=replace(LIMITS, max_duration_s=3.0))
    rig.hold_start()
    rig.run(6.0)
    assert rig.last.session is SessionState.ENDED
