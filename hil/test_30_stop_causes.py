"""Each cause that stops the belt, provoked on the treadmill itself. Cord, balance, links, processes and storage have files of their own."""

from __future__ import annotations

import pytest

from harness import PERSON, Rig, braked_hard, cut, paused, program, ramped, segment, told_off, until
from treadctl.core.messages import Origin, RequestKind
from treadctl.core.program import Person
from treadctl.core.prompts import Answer, PromptKind
from treadctl.core.sample import Direction, Facing

HARD_RAMPS = ("world.drive.ramp_up_mps2=2.0", "world.drive.ramp_down_mps2=2.0")  # a drive that could do much more than the machine may ask for


# inputs ------------------------------------------------------------------------------------------------------------------------------------------
@pytest.mark.interlock("estop_open")
def test_emergency_stop_takes_the_torque_at_once(rig: Rig) -> None:
    rig.session()
    rig.belt.set("estop", closed=False)
    rig.caused("estop_open")
    m = rig.measured("estop")
    assert cut(m)
    assert told_off(rig, m["event_s"])


@pytest.mark.interlock("enable_mismatch")
def test_an_enable_that_does_not_read_back_takes_the_torque_for_good(rig: Rig) -> None:
    rig.session()
    rig.belt.fault("enable_feedback_stuck", closed=False)
    rig.caused("enable_mismatch")
    m = rig.measured("fault:enable_feedback_stuck")
    assert cut(m)
    assert told_off(rig, m["event_s"])
    rig.belt.fault("enable_feedback_stuck", on=False)
    assert "does not follow" in rig.refused(RequestKind.RESET)


@pytest.mark.interlock("person_down")
def test_a_loaded_harness_brakes_as_hard_as_the_machine_can(rig: Rig) -> None:
    rig.session()
    rig.belt.set("harness", closed=False)
    rig.caused("person_down")
    m = rig.measured("harness")
    assert braked_hard(m)


@pytest.mark.interlock("attendant_released")
def test_the_attendant_letting_go_ramps_the_belt_down(rig: Rig) -> None:
    rig.session()
    rig.belt.set("attendant", closed=False)
    rig.caused("attendant_released")
    assert ramped(rig.measured("attendant"))


@pytest.mark.interlock("sensor_untrusted")
@pytest.mark.parametrize("fault", ["rail_broken_wire", "rail_frozen", "board_silent"])
def test_a_sensor_that_cannot_be_believed_ramps_the_belt_down(rig: Rig, fault: str) -> None:
    rig.session()
    rig.belt.fault(fault)
    rig.caused("sensor_untrusted")
    m = rig.measured(f"fault:{fault}")
    assert m["first_stop_frame_s"] is not None
    assert m["enable_dropped_s"] is not None
    if fault == "rail_broken_wire":
        assert ramped(m)


@pytest.mark.interlock("sensor_lost")
def test_no_proof_of_standstill_without_sensors_ends_in_power_off(rig: Rig) -> None:
    rig.session(program(segment(speed_mps=0.12)))
    rig.belt.fault("belt_sensor_frozen")
    rig.belt.fault("rail_broken_wire")
    rig.caused("sensor_untrusted")
    until(rig.belt_rests, 5.0, "the belt at rest")
    assert rig.belt.state()["enable_relay"]  # the ramp is over, but nothing shows it: torque stays until time is up
    rig.caused("sensor_lost", within_s=6.0)
    m = rig.measured("fault:rail_broken_wire")
    assert told_off(rig, m["first_stop_frame_s"])


# what the belt does ---------------------------------------------------------------------------------------------------------------------------------
@pytest.mark.interlock("wrong_direction")
def test_a_belt_that_sets_off_the_wrong_way_loses_its_torque(rig: Rig) -> None:
    rig.belt.fault("wrong_direction")
    before = rig.belt.state()
    rig.session(to_mps=0.01)
    rig.caused("wrong_direction")
    until(lambda: not rig.belt.state()["enable_relay"], 1.0, "the enable off")
    until(rig.belt_rests, 5.0, "the belt at rest")
    assert told_off(rig, before["t_s"])
    assert rig.belt.state()["belt_travel_m"] - before["belt_travel_m"] < 0.3


@pytest.mark.interlock("standstill_motion")
def test_a_belt_that_creeps_after_the_end_loses_its_torque(rig: Rig) -> None:
    rig.session(program(segment(direction=Direction.FORWARD), facing=Facing.REAR))
    rig.request(RequestKind.END)
    rig.state_is("ended")
    assert rig.belt.state()["enable_relay"]
    rig.belt.fault("creep_at_standstill", mps=0.8)
    rig.caused("standstill_motion")
    until(lambda: not rig.belt.state()["enable_relay"], 2.0, "the enable off")
    until(rig.belt_rests, 5.0, "the belt at rest")


@pytest.mark.interlock("not_following")
def test_a_jammed_roller_ramps_the_belt_down(rig: Rig) -> None:
    rig.session()
    rig.belt.fault("belt_drag", newton=900.0)
    rig.caused("not_following")
    m = rig.measured("fault:belt_drag")
    assert m["first_stop_frame_s"] is not None


@pytest.mark.interlock("stop_envelope")
def test_a_drive_that_confirms_the_stop_and_runs_on_loses_its_torque(rig: Rig) -> None:
    rig.session()
    rig.belt.fault("drive_ignores_stop")
    rig.mark("stop")
    rig.client.stop()
    rig.caused("stop_envelope")
    m = rig.measured("stop")
    assert m["enable_dropped_s"] < m["standstill_s"]
    assert told_off(rig, m["event_s"])


@pytest.mark.interlock("stop_unconfirmed")
def test_a_stop_without_echo_is_backed_by_the_enable(rig: Rig) -> None:
    rig.session()
    rig.belt.fault("lost_reply", only="write")
    rig.mark("stop")
    rig.client.stop()
    rig.caused("stop_unconfirmed")
    assert cut(rig.measured("stop"))


@pytest.mark.rig(machine=(("max_speed_reverse_mps", 0.5),))
@pytest.mark.interlock("overspeed")
def test_a_belt_faster_than_allowed_loses_its_torque(rig: Rig) -> None:
    rig.session(program(segment(speed_mps=0.45)))
    rig.belt.fault("runaway", gain=2.0)
    rig.caused("overspeed")
    m = rig.measured("fault:runaway")
    assert m["enable_dropped_s"] < m["standstill_s"]
    assert told_off(rig, m["event_s"])


@pytest.mark.rig(settings=HARD_RAMPS, machine=(("max_acceleration_mps2", 0.25), ("max_deceleration_mps2", 0.8)))
@pytest.mark.interlock("acceleration")
def test_a_belt_that_speeds_up_too_hard_is_ramped_down(rig: Rig) -> None:
    rig.session(program(segment(speed_mps=0.3)))
    rig.belt.fault("runaway", gain=5.0)
    rig.caused("acceleration")
    m = rig.measured("fault:runaway")
    assert m["first_stop_frame_s"] is not None


# requests -----------------------------------------------------------------------------------------------------------------------------------------
@pytest.mark.interlock("local_stop")
def test_stop_pressed_at_the_machine_ramps_and_then_takes_the_power(rig: Rig) -> None:
    rig.session()
    rig.mark("stop")
    rig.client.stop(origin=Origin.LOCAL)
    rig.caused("local_stop")
    assert ramped(rig.measured("stop"))
    rig.state_is("tripped")


@pytest.mark.interlock("remote_stop")
def test_a_stop_from_afar_ramps_and_keeps_the_torque(rig: Rig) -> None:
    rig.session()
    rig.mark("remote stop")
    rig.client.stop(origin=Origin.REMOTE)
    rig.caused("remote_stop")
    assert paused(rig.measured("remote stop", dropped=False))
    rig.state_is("ended")


@pytest.mark.rig(bench="woodway")
def test_a_stop_from_afar_ends_the_session_of_a_woodway_without_a_trip(rig: Rig) -> None:
    rig.session(to_mps=0.3)
    rig.mark("remote stop")
    rig.client.stop(origin=Origin.REMOTE)
    rig.caused("remote_stop")
    assert rig.measured("remote stop", dropped=False)["first_stop_frame_s"] is not None
    rig.state_is("ended")
    assert rig.causes() == ["remote_stop"]


@pytest.mark.interlock("end_requested")
def test_an_early_end_ramps_and_needs_no_reset(rig: Rig) -> None:
    rig.session()
    rig.mark("end")
    rig.request(RequestKind.END)
    rig.caused("end_requested")
    assert paused(rig.measured("end", dropped=False))
    rig.state_is("ended")
    rig.arm()


@pytest.mark.parametrize(
    ("prompt", "row"),
    [
        pytest.param(PromptKind.DIZZINESS, "dizziness", marks=pytest.mark.interlock("dizziness")),
        pytest.param(PromptKind.PAIN, "pain", marks=pytest.mark.interlock("pain")),
        pytest.param(PromptKind.RPE, "exertion", marks=pytest.mark.interlock("exertion")),
        pytest.param(PromptKind.BREATHING, "breathing", marks=pytest.mark.interlock("breathing")),
    ],
)
def test_an_answer_at_the_limit_ends_the_session(rig: Rig, prompt: PromptKind, row: str) -> None:
    limits = {PromptKind.DIZZINESS: PERSON.max_dizziness, PromptKind.PAIN: PERSON.max_pain, PromptKind.RPE: PERSON.max_rpe}
    limit = limits.get(prompt, PERSON.max_breathing)
    rig.session(to_mps=0.2)
    rig.request(RequestKind.ANSWER, answer=Answer(prompt, limit - 1.0))
    assert row not in rig.causes()
    rig.mark("answer")
    rig.request(RequestKind.ANSWER, answer=Answer(prompt, limit))
    rig.caused(row)
    assert paused(rig.measured("answer", dropped=False))
    rig.state_is("ended")


# time ---------------------------------------------------------------------------------------------------------------------------------------------
@pytest.mark.interlock("weekly_cap")
def test_a_used_up_allowance_ends_the_session(rig: Rig) -> None:
    rig.session(person=Person(75.0, allowance_s=2.0), to_mps=0.2)
    rig.caused("weekly_cap")
    rig.state_is("ended")
    assert rig.belt_rests()


@pytest.mark.rig(machine=(("max_duration_s", 3.0),))
@pytest.mark.interlock("time_cap")
def test_the_longest_time_on_the_belt_ends_a_session_that_is_held(rig: Rig) -> None:
    rig.session(program(segment(2.9)), to_mps=0.2)
    rig.request(RequestKind.HOLD)  # the program stands still, the time on the belt does not
    rig.caused("time_cap")
    rig.state_is("ended")
    assert "program_end" not in rig.causes()
    assert rig.belt_rests()


# channels of other people's drivers ---------------------------------------------------------------------------------------------------------------
@pytest.mark.rig(extras=True)
@pytest.mark.interlock("heart_rate")
def test_a_heart_rate_at_the_limit_ends_the_session(rig: Rig) -> None:
    rig.session(person=Person(75.0, max_heart_rate_per_min=120.0))
    rig.mark("pulse")
    rig.tell(heart_rate=120.0)
    rig.caused("heart_rate")
    assert paused(rig.measured("pulse", dropped=False))
    rig.tell(heart_rate=80.0)


@pytest.mark.rig(extras=True)
@pytest.mark.interlock("presence_lost")
def test_without_its_console_the_belt_gets_no_faster(rig: Rig) -> None:
    rig.session(program(segment(duration_s=300.0, speed_mps=0.6)), to_mps=0.25)
    rig.tell(presence=False)
    rig.caused("presence_lost")
    rig.state_is("hold")
    held = rig.client.snapshot().belt.commanded_mps
    rig.tell(presence=True)
    rig.stays("hold")
    assert held is not None
    assert held < 0.55
    rig.request(RequestKind.RESUME)
    rig.state_is("running")
    until(lambda: rig.speed_mps() > 0.5, 5.0, "speed once the console is back")


@pytest.mark.rig(extras=True)
@pytest.mark.interlock("presence_lost_long")
def test_a_console_that_stays_away_ends_the_session(rig: Rig) -> None:
    rig.session(to_mps=0.2)
    rig.tell(presence=False)
    rig.caused("presence_lost_long", within_s=14.0)
    rig.state_is("ended")
    assert rig.belt_rests()
    rig.tell(presence=True)
