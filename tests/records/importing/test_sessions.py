"""A session in the records says what happened at the machine: how it ended, its figures, its words, its samples."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from core_rig import program, segment
from importing_rig import BRISK, SHORT, WALL_S, Machine, imported, the_session

from treadctl.core.messages import RequestKind
from treadctl.core.program import Block
from treadctl.core.sample import ABSENT_MOTION, Channel, ChannelId, DriveState, DriveStatus, Quality, Sample
from treadctl.core.session import SessionState
from treadctl.records.model import Outcome, Session
from treadctl.testing.builders import belt_motion

Journals = dict[str, Path]


def kinds(session: Session, kind: str) -> list[str]:
    return [event.sentence for event in session.events if event.kind == kind]


def test_a_completed_session_tells_who_what_and_how_far(journals: Journals) -> None:
    session = the_session(journals["completed"])
    head, summary = session.head, session.head.summary
    assert (head.outcome, head.cause, session.stops) == (Outcome.COMPLETED, "program_end", ())
    assert (head.machine, head.profile, head.direction, head.facing) == ("treadmill one", "test", "reverse", "console")
    assert (session.mass_kg, session.attendant) == (70.0, "attending clinician")
    assert summary.duration_s == pytest.approx(9.66, abs=0.05)
    assert summary.belt_s == pytest.approx(9.1, abs=0.1)
    assert summary.peak_mps == 0.6
    assert summary.distance_m == pytest.approx(3.95, abs=0.05)
    assert summary.mean_mps == pytest.approx(summary.distance_m / summary.belt_s)
    assert summary.rail_load_percent == pytest.approx(40.0 / (70.0 * 9.80665) * 100.0, rel=0.01)
    assert (summary.hands_on_share, summary.asymmetry_percent) == (1.0, pytest.approx(0.0, abs=0.5))
    assert (summary.mean_heart_rate_per_min, summary.max_heart_rate_per_min) == (pytest.approx(100.0), 100.0)
    assert (summary.imbalance_events, summary.unsteady_events, summary.stops) == (0, 0, 0)


def test_the_plan_is_the_program_as_armed(journals: Journals) -> None:
    plan = the_session(journals["completed"]).plan
    assert [(p.label, p.block, p.from_s, p.to_s, p.speed_mps) for p in plan] == [
        ("warm-up", "warm_up", 0.0, 3.0, 0.4), ("walk", "main", 3.0, 7.0, 0.6), ("cool-down", "cool_down", 7.0, 9.0, 0.3)]  # fmt: skip


def test_answers_stand_with_the_limit_of_this_person(journals: Journals) -> None:
    session = the_session(journals["completed"])
    assert [(a.kind, a.value, a.limit) for a in session.answers] == [("rpe", 11.0, 15.0), ("pain", 2.0, 5.0)]
    assert (session.head.summary.max_rpe, session.head.summary.max_pain, session.head.summary.max_dizziness) == (11.0, 2.0, None)


def test_an_answer_given_after_the_end_still_belongs_to_the_session(journals: Journals) -> None:
    session = the_session(journals["ended_early"])
    assert [a.value for a in session.answers] == [11.0, 2.0]
    assert min(a.at_s for a in session.answers) > session.head.summary.duration_s


def test_a_question_nobody_answered_is_kept_as_such(journals: Journals) -> None:
    assert [(a.kind, a.value) for a in the_session(journals["imbalance"]).answers] == [("rpe", None), ("pain", None)]


def test_a_session_with_open_questions_is_closed_after_two_minutes(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        machine.walk(4.0)
        machine.ask(RequestKind.END)
        machine.until(SessionState.ENDED)
        machine.run(110.0)
        assert imported(tmp_path).sessions == []
        machine.run(15.0)
    assert [a.value for a in the_session(tmp_path).answers] == [None, None]


def test_lost_balance_is_a_stop_with_its_course(journals: Journals) -> None:
    session = the_session(journals["imbalance"])
    assert (session.head.outcome, session.head.cause, session.head.summary.imbalance_events) == (Outcome.STOPPED, "imbalance", 1)
    (stop,) = session.stops
    assert (stop.cause, stop.action, stop.sentence) == ("imbalance", "ss1", "The person is losing balance.")
    assert stop.from_mps == pytest.approx(0.404, abs=0.01)
    assert stop.rest_s == pytest.approx(0.42, abs=0.04)
    assert stop.deceleration_mps2 == pytest.approx(0.9, abs=0.15)
    assert stop.travel_m == pytest.approx(0.404 * 0.42 / 2, rel=0.2)
    assert "The person is losing balance." in kinds(session, "cause")
    assert "No longer: The person is losing balance." in kinds(session, "cause_over")


def test_a_wish_to_end_is_an_early_end_and_no_stop(journals: Journals) -> None:
    session = the_session(journals["ended_early"])
    assert (session.head.outcome, session.head.cause, session.stops) == (Outcome.ENDED_EARLY, "end_requested", ())
    assert kinds(session, "refused") == ["Reset was asked for by clinician: refused. There is nothing to reset."]
    assert "End was asked for by clinician: granted." in kinds(session, "granted")


def test_the_emergency_stop_in_mid_run_is_a_stop_and_no_proof_test(journals: Journals) -> None:
    sink = imported(journals["estop_in_mid_run"])
    (session,) = sink.sessions
    assert (session.head.outcome, session.stops[0].cause, session.stops[0].action) == (Outcome.STOPPED, "estop_open", "sto")
    assert [test.kind for test in sink.proof_tests] == ["pull_cord"]


def test_a_run_that_broke_off_is_unknown_and_the_next_one_is_whole(journals: Journals) -> None:
    sink = imported(journals["cut_and_begun_again"])
    broken, whole = sink.sessions
    assert (broken.head.outcome, broken.head.cause) == (Outcome.UNKNOWN, None)
    assert broken.head.summary.duration_s == pytest.approx(2.9, abs=0.4)
    assert whole.head.outcome is Outcome.ENDED_EARLY
    assert broken.head.id != whole.head.id
    assert sink.gaps == []  # the cut is on record: what is missing was never acknowledged


def test_the_last_session_of_a_dead_journal_comes_when_it_is_said_to_be_dead(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        machine.walk(3.0)
    assert imported(tmp_path).sessions == []
    (session,) = imported(tmp_path, closing=True).sessions
    assert session.head.outcome is Outcome.UNKNOWN


def test_two_sessions_of_one_run_are_two(journals: Journals) -> None:
    first, second = imported(journals["two_in_one_run"]).sessions
    assert (first.head.outcome, second.head.outcome) == (Outcome.ENDED_EARLY, Outcome.STOPPED)
    assert second.stops[0].cause == "local_stop"
    assert first.head.started_at + timedelta(seconds=first.head.summary.duration_s) < second.head.started_at
    assert [a.value for a in first.answers] == [None, None]
    assert second.answers == ()
    assert "The session is now hold." in kinds(second, "state")


def test_a_session_through_many_segments_is_one(journals: Journals) -> None:
    session = the_session(journals["rotated"])
    assert session.head.outcome is Outcome.COMPLETED
    assert None not in session.series.measured_mps


def test_nothing_walked_is_no_session(journals: Journals) -> None:
    sink = imported(journals["armed_in_vain"])
    assert sink.sessions == []
    assert [test.kind for test in sink.proof_tests] == ["pull_cord", "emergency_stop"]


def test_proof_tests_come_with_machine_and_instant(journals: Journals) -> None:
    tests = imported(journals["completed"]).proof_tests
    assert [(test.kind, test.passed, test.machine) for test in tests] == [("emergency_stop", True, "treadmill one"), ("pull_cord", True, "treadmill one")]
    assert tests[0].at == datetime.fromtimestamp(WALL_S, UTC) + timedelta(seconds=0.72)


def test_an_emergency_stop_pressed_while_a_session_is_open_proves_nothing(journals: Journals) -> None:
    assert [test.kind for test in imported(journals["pressed_through_arming"]).proof_tests] == ["pull_cord"]


def test_cord_contacts_that_disagree_are_a_failed_proof(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        machine.run(0.3)
        machine.closed[ChannelId.CORD_A] = False
        machine.run(3.0)
    (test,) = imported(tmp_path).proof_tests
    assert (test.kind, test.passed, test.detail) == ("pull_cord", False, "The two contacts of the pull cord disagree.")


def test_a_contact_that_bounces_proves_nothing(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        machine.run(0.3)
        machine.closed[ChannelId.ESTOP] = False
        machine.tick()
        machine.closed[ChannelId.ESTOP] = True
        machine.run(0.3)
    assert imported(tmp_path).proof_tests == []


def test_the_series_is_ten_a_second_and_shows_the_ramp(journals: Journals) -> None:
    session = the_session(journals["completed"])
    series = session.series
    assert len(series) == int(session.head.summary.duration_s * 10) + 1
    columns = (series.measured_mps, series.commanded_mps, series.grade_percent, series.rail_left_percent, series.rail_right_percent,
               series.heart_rate_per_min, series.cadence_per_min)  # fmt: skip
    assert {len(column) for column in columns} == {len(series)}
    assert series.time_s[:3] == (0.0, 0.1, 0.2)
    assert series.measured_mps[0] == 0.0
    assert max(v for v in series.measured_mps if v is not None) == 0.6
    assert series.measured_mps[50] == series.commanded_mps[50]
    assert series.rail_left_percent[20] == pytest.approx(2.9, abs=0.4)
    assert set(series.grade_percent) == {None}  # this machine does not measure it


def test_a_channel_that_falls_silent_is_not_known_after_one_second(tmp_path: Path) -> None:
    def silent(sample: Sample) -> Sample:
        left = sample.rail_left if machine.now_s < since_s else replace(sample.rail_left, age_s=machine.now_s - since_s)
        return replace(sample, rail_left=left)

    with Machine(tmp_path) as machine:
        machine.walk(1.5)
        since_s = machine.now_s
        machine.spoil = silent
        machine.run(0.5)
        machine.follows = machine.obeys_stop = False
        machine.run(2.0)
        machine.obeys_stop = True
        machine.run(2.0)
    series = the_session(tmp_path).series
    at = next(index for index, value in enumerate(series.rail_left_percent) if value is None)
    start_s = the_session(tmp_path).black_box
    assert start_s is not None
    assert start_s.from_s + series.time_s[at] == pytest.approx(since_s + 1.0, abs=0.11)
    assert None not in series.rail_right_percent


def test_steps_that_stop_coming_leave_the_samples_open(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        machine.walk(2.0)
        machine.tick(3.0)
        machine.run(3.0)
        machine.put_away(RequestKind.RESET)
    session = the_session(tmp_path)
    unknown = [time_s for time_s, value in zip(session.series.time_s, session.series.measured_mps, strict=True) if value is None]
    assert 1.8 <= unknown[-1] - unknown[0] <= 2.1
    assert session.head.cause == "loop_late_cut"
    assert [b - a for a, b in pairwise(session.series.time_s)] == pytest.approx([0.1] * (len(session.series) - 1))


def test_a_drive_alone_gives_speed_and_grade(tmp_path: Path) -> None:
    def drive_only(sample: Sample) -> Sample:
        status = DriveStatus(DriveState.ENABLED, belt_motion(machine.speed_mps), 2.5)
        return replace(sample, drive=replace(sample.drive, status=Channel(status, 0.0, Quality.GOOD)), belt=ABSENT_MOTION)

    with Machine(tmp_path) as machine:
        machine.walk(1.5)
        machine.spoil = drive_only
        machine.run(3.0)
    session = the_session(tmp_path)
    assert session.head.cause == "sensor_untrusted"
    assert session.series.grade_percent[-1] == 2.5
    assert None not in session.series.measured_mps


def test_a_belt_never_seen_to_stand_is_waited_for_half_a_minute(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        machine.walk(1.5)
        machine.obeys_stop = False
        machine.ask(RequestKind.STOP)
        machine.run(29.0)
        machine.flush()
        assert imported(tmp_path).sessions == []
        machine.run(2.0)
    session = the_session(tmp_path)
    (stop,) = session.stops
    assert (stop.cause, stop.rest_s, stop.travel_m, stop.deceleration_mps2) == ("local_stop", None, None, None)
    assert stop.from_mps == pytest.approx(0.3, abs=0.1)


def test_after_ten_minutes_of_silence_it_is_no_longer_the_same_session(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        machine.walk(2.0)
        machine.tick(700.0)
        machine.run(0.5)
    session = the_session(tmp_path)
    assert session.head.outcome is Outcome.UNKNOWN
    assert len(session.series) < 30


def test_the_daemons_own_clock_going_back_trips_and_times_never_fall(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        machine.walk(2.0)
        machine.tick(-5.0)
        machine.run(8.0)
    session = the_session(tmp_path)
    assert session.head.cause == "clock_fault"
    times = [event.at_s for event in session.events]
    assert times == sorted(times)
    assert 2.0 < session.head.summary.duration_s < 6.0


def test_a_stop_while_the_belt_slows_down_to_an_ordinary_end_is_a_stop(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        machine.walk(2.5)
        machine.ask(RequestKind.END)
        machine.run(0.1)
        machine.ask(RequestKind.STOP)
        machine.run(2.0)
    head = the_session(tmp_path).head
    assert (head.outcome, head.cause, head.summary.stops) == (Outcome.STOPPED, "local_stop", 1)


def test_what_happens_after_rest_does_not_change_how_it_ended(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        machine.walk(4.0)
        machine.ask(RequestKind.END)
        machine.until(SessionState.ENDED)
        machine.run(0.5)
        machine.ask(RequestKind.STOP)
        machine.closed[ChannelId.CORD_A] = False
        machine.run(3.0)
        machine.answer_all()
        machine.run(0.2)
    session = the_session(tmp_path)
    assert (session.head.outcome, session.stops) == (Outcome.ENDED_EARLY, ())
    assert "The two contacts of the pull cord disagree." in kinds(session, "cause")


def test_cadence_is_that_of_the_footfalls_in_the_belt(tmp_path: Path) -> None:
    """Steps of 1.6 Hz, every other one earlier and later by 3 %."""
    rng = random.Random(5)  # noqa: S311 - repeatable numbers are wanted
    phase, pace = 0.0, 1.0

    def stepped_on(sample: Sample) -> Sample:
        nonlocal phase, pace
        phase += 1.6 * pace * machine.dt_s
        if phase >= 1.0:
            phase, pace = phase - 1.0, 1.0 / (1.0 + rng.gauss(0.0, 0.03))
        dip = math.sin(math.pi * phase * 3.0) if phase < 1.0 / 3.0 else 0.0
        speed_mps = machine.speed_mps * (1.0 - 0.05 * (dip - 0.2)) + rng.gauss(0.0, 0.002)
        return replace(sample, belt=Channel(belt_motion(max(0.0, speed_mps) if machine.speed_mps else 0.0), 0.0, Quality.GOOD))

    with Machine(tmp_path) as machine:
        machine.spoil = stepped_on
        machine.prove_and_reset()
        assert machine.arm(program(segment(20.0, 0.6, block=Block.WARM_UP), segment(50.0, 0.8)), BRISK) == (True, ())
        machine.hold_start()
        machine.until(SessionState.ENDED, 90.0)
    session = the_session(tmp_path)
    summary, cadence = session.head.summary, session.series.cadence_per_min
    assert summary.cadence_per_min == pytest.approx(96.0, rel=0.03)
    assert summary.cadence_cv_percent == pytest.approx(3.0, abs=1.5)
    assert cadence[0] is None
    assert cadence[600] == pytest.approx(96.0, rel=0.05)


def test_a_belt_that_shows_no_footfalls_gives_no_cadence(journals: Journals) -> None:
    session = the_session(journals["completed"])
    assert (session.head.summary.cadence_per_min, session.head.summary.cadence_cv_percent) == (None, None)
    assert set(session.series.cadence_per_min) == {None}


def test_a_clock_set_back_tears_nothing_apart(journals: Journals) -> None:
    set_back, plain = the_session(journals["clock_set_back"]), the_session(journals["rotated"])
    assert set_back.head.started_at == plain.head.started_at
    assert len(set_back.series) == pytest.approx(len(plain.series), abs=11)
    times = [event.at_s for event in set_back.events]
    assert times == sorted(times)
    assert kinds(set_back, "clock") == ["The computer's clock was set back by 3600 s; times here count on as before."]
    assert kinds(plain, "clock") == []


def test_events_before_the_start_say_how_long_before(journals: Journals) -> None:
    session = the_session(journals["completed"])
    arming = session.events[0]
    assert (arming.kind, arming.at_s) == ("granted", 0.0)
    assert arming.detail["request"] == "arm"
    assert arming.detail["before_start_s"] == pytest.approx(1.1, abs=0.15)
    assert all(event.at_s >= 0.0 for event in session.events)


def test_a_start_refused_stands_once_with_its_reasons(tmp_path: Path) -> None:
    with Machine(tmp_path) as machine:
        machine.prove_and_reset()
        assert machine.arm(SHORT, BRISK) == (True, ())
        machine.rails_n = (0.0, 0.0)
        machine.hold_start(1.0)
        machine.rails_n = (20.0, 20.0)
        machine.hold_start(1.5)
        machine.ask(RequestKind.END)
        machine.run(2.0)
    assert kinds(the_session(tmp_path), "refused") == ["Start was asked for by clinician: refused. The program wants both hands on the rails."]


def test_the_black_box_names_segment_boot_and_head(journals: Journals) -> None:
    box = the_session(journals["completed"]).black_box
    assert box is not None
    assert (box.segment, box.boot_id, len(box.head)) == ("00000001.tcj", "boot-1", 64)
    assert box.to_s - box.from_s == pytest.approx(9.66, abs=0.1)


def test_ids_are_the_same_each_time_and_differ_between_boots(journals: Journals, tmp_path: Path) -> None:
    ids = [session.head.id for path in journals.values() for session in imported(path).sessions]
    assert ids == [session.head.id for path in journals.values() for session in imported(path).sessions]
    with Machine(tmp_path, boot="boot-2") as machine:
        machine.walk(4.0)
        machine.ask(RequestKind.END)
        machine.until(SessionState.ENDED)
        machine.put_away()
    assert the_session(tmp_path).head.id not in ids
