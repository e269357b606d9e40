"""A run from power-up to its end, and everything that must not happen on the way."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from core_rig import CHECKED, LIMITS, PERSON, WALK, Rig, make_setup, program, segment
from hypothesis import given, settings
from hypothesis import strategies as st

from treadctl.core.controller import Inputs, initial_state, step
from treadctl.core.imbalance.verdict import Imbalance
from treadctl.core.interlock import Action
from treadctl.core.messages import ArmOrder, DriveMode, DriveOrder, Origin, RequestKind
from treadctl.core.program import Block, Hands
from treadctl.core.prompts import PromptKind
from treadctl.core.sample import BeltMotion, Channel, ChannelId, Direction, Quality, Sample
from treadctl.core.session import MOVING, TRANSITIONS, Event, SessionState, follow


def test_power_up_is_tripped_and_without_torque(rig: Rig) -> None:
    output = rig.run(1.0)
    assert output.session is SessionState.TRIPPED
    assert output.order.mode is DriveMode.POWER_OFF
    assert not output.enable


def test_reset_needs_the_proof_of_both_cord_channels(rig: Rig) -> None:
    rig.run(0.5)
    rig.closed[ChannelId.CORD_A] = False
    rig.run(0.03)
    rig.closed[ChannelId.CORD_A] = True
    rig.run(0.5)
    granted, reasons = rig.asked(RequestKind.RESET)
    assert not granted
    assert "cord" in reasons[0]


def test_a_program_is_walked_to_its_end_and_torque_holds_the_belt_while_the_person_steps_off(rig: Rig) -> None:
    rig.start()
    seen = {rig.run(0.5).session for _ in range(84)}
    assert {SessionState.WARM_UP, SessionState.RUNNING, SessionState.COOL_DOWN, SessionState.ENDED} <= seen
    assert rig.last.enable
    assert rig.last.order.mode is DriveMode.STOP
    rig.run(6.0)
    assert not rig.last.enable
    assert rig.last.order.mode is DriveMode.POWER_OFF


def test_another_program_may_follow_a_normal_end_without_reset(rig: Rig) -> None:
    rig.start()
    rig.run(48.0)
    assert rig.last.session is SessionState.ENDED
    assert rig.arm() == (True, ())


def test_measured_acceleration_stays_within_the_limits(rig: Rig) -> None:
    rig.start()
    rig.run(36.0)
    speeds = [o.order.speed_mps for o in rig.outputs if o.order.mode is DriveMode.RUN]
    slopes = [(b - a) / rig.dt_s for a, b in pairwise(speeds)]
    assert max(slopes) <= LIMITS.max_acceleration_mps2 + 1e-6
    assert min(slopes) >= -LIMITS.max_deceleration_mps2 - 1e-6


def test_a_button_pressed_too_short_does_not_start(rig: Rig) -> None:
    rig.prove_and_reset()
    rig.arm()
    rig.hold_start(0.8)
    rig.run(0.5)
    rig.hold_start(0.8)
    assert rig.last.session is SessionState.ARMED


@pytest.mark.parametrize("kind", [RequestKind.START_HOLD, RequestKind.ARM, RequestKind.RESUME, RequestKind.RESET, RequestKind.ANSWER, RequestKind.DISARM])
def test_nothing_that_moves_or_unlatches_is_granted_over_a_network(rig: Rig, kind: RequestKind) -> None:
    rig.prove_and_reset()
    rig.arm()
    granted, reasons = rig.asked(kind, origin=Origin.REMOTE)
    assert not granted
    assert "at the machine" in reasons[0]


def test_a_late_request_is_refused_but_a_late_stop_is_taken(rig: Rig) -> None:
    rig.to_speed()
    assert not rig.asked(RequestKind.HOLD, ttl_s=-1.0)[0]
    assert rig.asked(RequestKind.STOP, ttl_s=-1.0)[0]
    assert rig.last.order.mode is DriveMode.STOP


def test_resume_after_a_stop_is_refused(rig: Rig) -> None:
    rig.to_speed()
    assert rig.asked(RequestKind.HOLD)[0]
    rig.ask(RequestKind.STOP)
    rig.run(0.1)
    assert not rig.asked(RequestKind.RESUME)[0]


BLOCKS = {
    "cord": (lambda r: r.closed.update({ChannelId.CORD_A: False, ChannelId.CORD_B: False}), "cord"),
    "estop": (lambda r: r.closed.update({ChannelId.ESTOP: False}), "emergency"),
    "harness": (lambda r: r.closed.update({ChannelId.HARNESS: False}), "down"),
    "drive": (lambda r: setattr(r, "identified", False), "configured"),
    "watchdog": (lambda r: setattr(r, "watchdog_s", 10.0), "watchdog"),
    "watchdog_nan": (lambda r: setattr(r, "watchdog_s", math.nan), "watchdog"),
    "journal": (lambda r: setattr(r, "journal_ok", False), "journal"),
    "hands": (lambda r: setattr(r, "rails_n", (0.0, 20.0)), "hands"),
}


@pytest.mark.parametrize("missing", BLOCKS)
def test_start_is_refused_with_its_reason_while_something_is_missing(rig: Rig, missing: str) -> None:
    rig.prove_and_reset()
    rig.arm()
    spoil, word = BLOCKS[missing]
    spoil(rig)
    rig.run(0.1)
    granted, reasons = rig.asked(RequestKind.START_HOLD)
    assert not granted
    assert any(word in reason for reason in reasons)
    rig.hold_start(1.5)
    assert rig.last.session not in MOVING
    assert rig.last.order.speed_mps == 0.0


def test_start_is_refused_without_the_attendants_checklist(rig: Rig) -> None:
    rig.prove_and_reset()
    rig.arm(checklist=replace(CHECKED, cord_clipped=False))
    assert not rig.asked(RequestKind.START_HOLD)[0]


@pytest.mark.parametrize("named", ["", "r1", "another"])
def test_a_start_that_names_another_program_starts_nothing(rig: Rig, named: str) -> None:
    rig.prove_and_reset()
    rig.arm()
    assert rig.state.walk.arming not in {"", named}
    for _ in range(15):
        granted, reasons = rig.asked(RequestKind.START_HOLD, arming=named)
        assert (granted, reasons) == (False, ("The machine holds another program than the one to be started.",))
        rig.run(0.1 - rig.dt_s)
    assert rig.last.session is SessionState.ARMED


def test_naming_another_program_amid_a_hold_begins_it_anew(rig: Rig) -> None:
    rig.prove_and_reset()
    rig.arm()
    rig.hold_start(0.9)
    rig.asked(RequestKind.START_HOLD, arming="another")
    rig.hold_start(0.9)
    assert rig.last.session is SessionState.ARMED
    rig.hold_start(0.3)
    assert rig.last.session in MOVING


def test_who_names_another_program_is_not_told_that_theirs_has_started(rig: Rig) -> None:
    rig.start()
    assert rig.last.session in MOVING
    assert rig.asked(RequestKind.START_HOLD)[0]
    assert not rig.asked(RequestKind.START_HOLD, arming="another")[0]


def test_what_was_armed_too_long_ago_is_put_away_and_can_be_armed_anew() -> None:
    rig = Rig(make_setup(arm_valid_s=5.0))
    rig.prove_and_reset()
    rig.arm()
    rig.run(4.9)
    assert rig.last.session is SessionState.ARMED
    rig.run(0.2)
    assert rig.last.session is SessionState.IDLE
    assert rig.state.walk.arm is None
    rig.hold_start(1.5)
    assert rig.last.session is SessionState.IDLE
    assert rig.asked(RequestKind.START_HOLD) == (False, ("No program is armed.",))
    assert rig.arm() == (True, ())
    rig.run(3.0)
    rig.hold_start()
    assert rig.last.session in MOVING
    rig.run(3.0)
    assert rig.last.session in MOVING  # only what waits grows old


@pytest.mark.parametrize("origin", Origin)
def test_whoever_held_just_now_is_not_overruled_by_a_resume_decided_before(rig: Rig, origin: Origin) -> None:
    rig.to_speed()
    assert rig.asked(RequestKind.HOLD)[0]
    rig.run(3.0)
    assert rig.asked(RequestKind.HOLD, origin=origin)[0]
    rig.run(0.9)
    assert rig.asked(RequestKind.RESUME) == (False, ("It was held just now; look at why, and ask again.",))
    assert rig.last.session is SessionState.HOLD
    rig.run(0.2)
    assert rig.asked(RequestKind.RESUME)[0]
    rig.run(0.1)
    assert rig.last.session in MOVING - {SessionState.HOLD}


def test_a_preflight_objection_blocks_the_start(rig: Rig) -> None:
    rig.prove_and_reset()
    rig.asked(RequestKind.ARM, arm=ArmOrder(WALK, PERSON, LIMITS, CHECKED, preflight=("Ask the physician first.",)))
    assert rig.asked(RequestKind.START_HOLD) == (False, ("Ask the physician first.",))


@pytest.mark.parametrize("speed", [2.3, math.nan, math.inf, -0.5])
def test_a_program_beyond_the_limits_is_not_armed(rig: Rig, speed: float) -> None:
    rig.prove_and_reset()
    granted, reasons = rig.arm(program(segment(10.0, speed)))
    assert not granted
    assert "beyond the limits" in reasons[0]


def test_the_persons_limit_counts_where_it_is_tighter(rig: Rig) -> None:
    rig.prove_and_reset()
    assert not rig.arm(limits=replace(LIMITS, max_speed_reverse_mps=0.5))[0]


def test_hold_keeps_the_speed_and_stops_the_clock_and_resume_goes_on(rig: Rig) -> None:
    rig.to_speed(2.0)
    rig.asked(RequestKind.HOLD)
    elapsed, speed = rig.last.elapsed_s, rig.last.commanded_mps
    rig.run(3.0)
    assert rig.last.session is SessionState.HOLD
    assert rig.last.elapsed_s == elapsed
    assert rig.last.commanded_mps <= speed
    rig.asked(RequestKind.RESUME)
    rig.run(2.0)
    assert rig.last.elapsed_s > elapsed


def test_a_change_of_direction_waits_for_proven_standstill(rig: Rig) -> None:
    rig.start(program(segment(6.0, 0.5), segment(6.0, 0.5, direction=Direction.FORWARD)))
    previous = rig.last.order
    turned = False
    for _ in range(3000):
        order = rig.tick().order
        if order.mode is DriveMode.RUN and order.direction is not previous.direction:
            turned = True
            assert rig.speed_mps == 0.0
            assert order.speed_mps == 0.0
            assert order.order_id > previous.order_id
        previous = order
    assert turned


def test_the_first_cause_is_kept_and_worst_action_wins(rig: Rig) -> None:
    rig.to_speed()
    rig.asked(RequestKind.END)
    rig.closed[ChannelId.ESTOP] = False
    rig.run(0.05)
    assert rig.last.action is Action.STO
    assert {"end_requested", "estop_open"} & rig.active() == {"estop_open"}


def test_a_stop_only_grows_more_severe(rig: Rig) -> None:
    rig.to_speed()
    rig.closed[ChannelId.HARNESS] = False
    rig.run(0.05)
    rig.closed[ChannelId.HARNESS] = True
    rig.ask(RequestKind.STOP)
    rig.run(0.05)
    assert rig.last.order.mode is DriveMode.FAST_STOP


def test_power_goes_at_standstill_after_a_protective_stop(rig: Rig) -> None:
    rig.to_speed()
    rig.ask(RequestKind.STOP)
    rig.run(0.1)
    assert rig.last.enable
    rig.run(3.0)
    assert rig.speed_mps == 0.0
    assert not rig.last.enable
    assert rig.last.order.mode is DriveMode.POWER_OFF


def test_reset_is_refused_while_the_belt_turns_and_while_the_cause_stays(rig: Rig) -> None:
    rig.to_speed()
    rig.closed[ChannelId.ESTOP] = False
    rig.run(0.05)
    assert not rig.asked(RequestKind.RESET)[0]
    rig.run(3.0)
    assert not rig.asked(RequestKind.RESET)[0]
    rig.closed[ChannelId.ESTOP] = True
    rig.run(0.1)
    assert rig.asked(RequestKind.RESET) == (True, ())
    assert rig.run(1.0).order.mode is DriveMode.POWER_OFF


def test_one_slow_sample_of_a_cord_that_is_just_opening_is_no_discrepancy(rig: Rig) -> None:
    rig.prove_and_reset()
    ages = iter([0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06])
    rig.closed[ChannelId.CORD_A] = False
    for age_s in ages:  # polled once in the skew of the two contacts, then not again for 60 ms
        rig.spoil = lambda sample, age_s=age_s: replace(sample, cord_a=Channel(False, age_s, Quality.GOOD), cord_b=Channel(True, age_s, Quality.GOOD))
        rig.tick()
    rig.spoil = None
    rig.closed[ChannelId.CORD_B] = False
    rig.run(0.2)
    assert "cord_discrepancy" not in rig.active()


def test_a_program_is_not_put_away_while_its_stop_is_latched(rig: Rig) -> None:
    rig.to_speed()
    rig.answer(PromptKind.DIZZINESS, 4.0)
    rig.run(4.0)
    assert rig.last.session is SessionState.ENDED
    assert not rig.asked(RequestKind.DISARM)[0]
    assert rig.asked(RequestKind.RESET)[0]
    assert rig.arm() == (True, ())


def test_every_state_can_trip_and_reset_leads_to_idle_only() -> None:
    assert all(follow(state, Event.TRIP) is SessionState.TRIPPED for state in SessionState)
    assert {target for (_, event), target in TRANSITIONS.items() if event is Event.RESET} == {SessionState.IDLE}
    assert {state for (state, event) in TRANSITIONS if event in {Event.WARM_UP, Event.MAIN}} == {SessionState.ARMED} | MOVING


@pytest.mark.parametrize("now_s", [math.nan, math.inf, -math.inf, 1.0])
def test_a_clock_that_is_no_clock_trips(rig: Rig, now_s: float) -> None:
    rig.to_speed()
    _, output = step(rig.state, Inputs(rig.sample()), now_s)
    assert output.session is SessionState.TRIPPED
    assert output.order.mode is DriveMode.POWER_OFF


@pytest.mark.parametrize("name", ["rail_left", "rail_right", "belt", "cord_a", "estop", "harness", "enable_feedback"])
@pytest.mark.parametrize("quality", [Quality.ABSENT, Quality.IMPLAUSIBLE, Quality.FROZEN])
def test_a_safety_channel_of_bad_quality_stops_the_belt(rig: Rig, name: str, quality: Quality) -> None:
    rig.to_speed()
    rig.spoil = lambda sample: replace(sample, **{name: Channel(None, 0.0, quality)})
    rig.run(0.03)
    assert "sensor_untrusted" in rig.active()


@pytest.mark.parametrize("age", [0.11, math.nan, math.inf])
def test_a_stale_safety_channel_stops_the_belt(rig: Rig, age: float) -> None:
    rig.to_speed()
    rig.spoil = lambda sample: replace(sample, cord_a=Channel(True, age, Quality.GOOD))
    rig.run(0.03)
    assert "sensor_untrusted" in rig.active()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_in_a_good_channel_stops_the_belt(rig: Rig, value: float) -> None:
    rig.to_speed()
    rig.spoil = lambda sample: replace(sample, rail_left=Channel(value, 0.0, Quality.GOOD), belt=Channel(BeltMotion(value, None), 0.0, Quality.GOOD))
    rig.run(0.03)
    assert "sensor_untrusted" in rig.active()


def test_hold_lost_where_the_program_wants_hands_stops_the_belt(rig: Rig) -> None:
    rig.to_speed()
    rig.rails_n = (-50.0, -50.0)
    rig.run(0.3)
    assert "imbalance" not in rig.active()
    rig.run(0.3)
    assert "imbalance" in rig.active()
    assert any(output.imbalance is Imbalance.HOLD_LOST for output in rig.outputs)


def test_free_hands_may_come_and_go(rig: Rig) -> None:
    rig.start(program(segment(40.0, 0.5, hands=Hands.FREE, block=Block.MAIN)))
    for load_n in (0.0, 20.0, 0.0, 30.0, 10.0, 0.0) * 4:
        for _ in range(30):  # hands come on over some 0.3 s
            rig.rails_n = tuple(0.9 * old + 0.1 * load_n for old in rig.rails_n)
            rig.tick()
        rig.run(0.5)
    assert rig.last.session in MOVING


def test_prompts_are_asked_when_their_segment_begins_and_go_when_answered(rig: Rig) -> None:
    rig.start(program(segment(5.0, 0.4, prompts=(PromptKind.RPE,)), segment(20.0, 0.4, prompts=(PromptKind.DIZZINESS,))))
    assert rig.last.prompts == (PromptKind.RPE,)
    rig.answer(PromptKind.RPE, 11.0)
    rig.run(6.0)
    assert rig.last.prompts == (PromptKind.DIZZINESS,)


@pytest.mark.parametrize("score", [math.nan, -1.0, 21.0, math.inf])
def test_an_answer_off_its_scale_is_refused(rig: Rig, score: float) -> None:
    rig.to_speed()
    assert not rig.answer(PromptKind.RPE, score)[0]


def test_a_stop_order_cannot_carry_a_speed() -> None:
    with pytest.raises(ValueError, match="no speed"):
        DriveOrder(DriveMode.STOP, 0.1, Direction.REVERSE, None, 2)


numbers = st.floats(allow_nan=True, allow_infinity=True)
contacts = st.builds(Channel, st.sampled_from([True, False, None]), numbers, st.sampled_from(Quality))
levels = st.builds(Channel, st.none() | numbers, numbers, st.sampled_from(Quality))
motions = st.builds(Channel, st.none() | st.builds(BeltMotion, numbers, st.sampled_from([None, *Direction])), numbers, st.sampled_from(Quality))
samples = st.builds(
    Sample, cord_a=contacts, cord_b=contacts, estop=contacts, harness=contacts, enable_feedback=contacts, rail_left=levels, rail_right=levels, belt=motions
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(samples, st.floats(-0.01, 0.2) | numbers), max_size=12))
def test_no_sample_and_no_clock_ever_makes_a_tripped_belt_run(steps: list[tuple[Sample, float]]) -> None:
    state = initial_state(make_setup(), 10.0)
    now_s = 10.0
    for sample, dt_s in steps:
        now_s += dt_s
        state, output = step(state, Inputs(sample), now_s)
        assert output.order.mode is not DriveMode.RUN
        assert not output.enable


@settings(max_examples=100, deadline=None)
@given(st.lists(samples, min_size=1, max_size=6))
def test_whatever_is_measured_the_commanded_speed_never_leaves_the_limits(spoiled: list[Sample]) -> None:
    rig = Rig(make_setup())
    rig.to_speed()
    for sample in spoiled:
        rig.now_s += 0.01
        rig.state, output = step(rig.state, Inputs(sample), rig.now_s)
        assert 0.0 <= output.order.speed_mps <= LIMITS.max_speed_reverse_mps
        if output.order.mode is not DriveMode.RUN:
            assert output.session not in MOVING
