from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from treadctl.core.interlock import INDEX, ROWS
from treadctl.prescription import REFERENCE
from treadctl.records.model import Outcome, Series, Session
from treadctl.testing.clinic import Clinic, many_sessions

STANDSTILL_MPS = 0.03
UNTIL = datetime(2026, 11, 27, 13, 20, tzinfo=UTC)


def known(column: tuple[float | None, ...]) -> list[float]:
    values = [value for value in column if value is not None]
    assert len(values) == len(column)
    return values


def moving(session: Session) -> list[int]:
    return [index for index, speed in enumerate(known(session.series.measured_mps)) if speed > STANDSTILL_MPS]


def test_all_columns_of_a_series_are_equally_long_at_10_hz(clinic: Clinic) -> None:
    for session in clinic.sessions:
        series = session.series
        assert {len(getattr(series, column.name)) for column in fields(Series)} == {len(series)}
        assert series.time_s[:2] == (0.0, 0.1)
        assert series.time_s[-1] == pytest.approx((len(series) - 1) / 10.0)
        assert session.head.summary.duration_s == pytest.approx(series.time_s[-1])


def test_the_belt_follows_the_plan_late_and_with_ripple(clinic: Clinic) -> None:
    rippling = 0
    for session in clinic.sessions:
        commanded, measured = known(session.series.commanded_mps), known(session.series.measured_mps)
        assert min(measured) >= 0.0
        if session.head.summary.stops or session.head.outcome is Outcome.ENDED_EARLY:
            continue
        late = measured[3:]
        assert all(abs(seen - wanted) <= 0.05 * wanted + 0.003 for wanted, seen in zip(commanded, late, strict=False))
        rippling += len(set(measured[len(measured) // 2 - 100 : len(measured) // 2 + 100])) > 10
        risen = [after - before for before, after in pairwise(commanded)]
        assert max(risen) <= REFERENCE.limits.max_acceleration_mps2 / 10.0 + 1e-9
    assert rippling > 100


def test_a_completed_session_walks_every_stretch_to_its_speed(clinic: Clinic) -> None:
    for session in clinic.sessions:
        held_s = sum(event.detail.get("to") == "hold" for event in session.events) * 14.0
        if session.head.outcome is not Outcome.COMPLETED or held_s:
            continue
        commanded = known(session.series.commanded_mps)
        assert len(session.series) / 10.0 == pytest.approx(session.plan[-1].to_s)
        for stretch in session.plan:
            assert commanded[round(stretch.to_s * 10.0) - 1] == pytest.approx(stretch.speed_mps)


def test_the_summary_is_what_the_series_add_up_to(clinic: Clinic) -> None:
    for session in clinic.sessions:
        series, summary = session.series, session.head.summary
        at, measured = moving(session), known(series.measured_mps)
        assert summary.belt_s == pytest.approx(len(at) / 10.0, abs=0.3)
        assert summary.distance_m == pytest.approx(sum(measured) / 10.0)
        assert summary.peak_mps == max(measured)
        assert summary.mean_mps == pytest.approx(summary.distance_m / summary.belt_s)
        left, right = known(series.rail_left_percent), known(series.rail_right_percent)
        loads = [left[index] + right[index] for index in at]
        assert summary.rail_load_percent == pytest.approx(sum(loads) / len(loads), rel=0.01)
        held = sum(left[index] >= 0.7 or right[index] >= 0.7 for index in at) / len(at)
        assert summary.hands_on_share == pytest.approx(held, abs=0.005)
        beats = [value for value in series.heart_rate_per_min if value is not None]
        assert (summary.max_heart_rate_per_min is None) == (not beats)


def test_the_answers_of_the_summary_are_the_highest_given(clinic: Clinic) -> None:
    for session in clinic.sessions:
        for kind in ("rpe", "dizziness", "pain", "breathing"):
            given = [answer.value for answer in session.answers if answer.kind == kind and answer.value is not None]
            assert getattr(session.head.summary, f"max_{kind}") == max(given, default=None)


def test_only_a_stop_for_it_has_an_answer_at_the_limit(clinic: Clinic) -> None:
    for session in clinic.sessions:
        at_limit = {answer.kind for answer in session.answers if answer.value is not None and answer.limit is not None and answer.value >= answer.limit}
        assert at_limit == ({"dizziness"} if session.head.cause == "dizziness" else set())


def test_the_heart_beats_faster_while_walking(clinic: Clinic) -> None:
    strapped = 0
    for session in clinic.sessions:
        heart, at = session.series.heart_rate_per_min, moving(session)
        first, last = heart[0], heart[at[-1]]
        if first is None or last is None:
            assert set(heart) == {None}
            continue
        strapped += 1
        assert max(value for value in heart if value is not None) > first + 5.0
    assert 0.5 * len(clinic.sessions) < strapped < len(clinic.sessions)


def test_cadence_is_known_while_the_belt_moves_and_only_then(clinic: Clinic) -> None:
    for session in clinic.sessions:
        at = moving(session)
        cadence = session.series.cadence_per_min
        assert cadence[0] is None
        inner = cadence[at[20] : at[-20]]
        assert cadence[-1] is None
        assert all(value is not None and 40.0 < value < 220.0 for value in inner)
        assert session.head.summary.cadence_cv_percent is not None
        assert 2.0 < session.head.summary.cadence_cv_percent < 7.0


def test_each_stop_is_consistent_in_itself_and_with_the_table(clinic: Clinic) -> None:
    stopped = [session for session in clinic.sessions if session.stops]
    assert len(stopped) >= 3
    for session in stopped:
        [stop] = session.stops
        row = ROWS[INDEX[stop.cause]]
        assert (stop.action, stop.sentence) == (row.action.name.lower(), row.sentence)
        assert (session.head.outcome, session.head.cause, session.head.summary.stops) == (Outcome.STOPPED, stop.cause, 1)
        assert stop.from_mps is not None
        assert stop.rest_s is not None
        assert stop.travel_m is not None
        assert stop.deceleration_mps2 is not None
        assert stop.travel_m == pytest.approx(stop.from_mps**2 / (2.0 * stop.deceleration_mps2), rel=0.1)
        assert stop.rest_s == pytest.approx(stop.from_mps / stop.deceleration_mps2, rel=0.02)
        assert 0.5 < stop.deceleration_mps2 < REFERENCE.limits.protective_deceleration_mps2


def test_each_stop_is_seen_in_the_series(clinic: Clinic) -> None:
    for session in clinic.sessions:
        for stop in session.stops:
            first = round(stop.at_s * 10.0)
            measured = known(session.series.measured_mps)
            assert stop.travel_m is not None
            assert stop.rest_s is not None
            assert measured[first] == pytest.approx(stop.from_mps)
            assert measured[first + round(stop.rest_s * 10.0) + 1] <= STANDSTILL_MPS
            travel_m = sum(0.05 * (before + after) for before, after in pairwise(measured[first:]))
            assert travel_m == pytest.approx(stop.travel_m, rel=0.1)
            hardest = max(before - after for before, after in pairwise(measured[first:])) * 10.0
            assert hardest <= 1.1 * REFERENCE.limits.protective_deceleration_mps2


def test_who_loses_balance_clutches_the_rails(clinic: Clinic) -> None:
    lost = [session for session in clinic.sessions if session.head.cause == "imbalance"]
    assert lost
    for session in lost:
        assert session.head.summary.imbalance_events == 1
        first = round(session.stops[0].at_s * 10.0)
        left = known(session.series.rail_left_percent)
        assert max(left[first - 5 : first + 10]) > 2.0 * max(left[first - 100 : first - 10])


def test_an_early_end_comes_to_rest_and_is_no_stop(clinic: Clinic) -> None:
    ended = [session for session in clinic.sessions if session.head.outcome is Outcome.ENDED_EARLY]
    assert ended
    for session in ended:
        assert session.stops == ()
        assert session.head.cause == "end_requested"
        assert len(session.series) / 10.0 < session.plan[-1].to_s
        assert known(session.series.measured_mps)[-1] == 0.0


def test_the_diary_is_in_order_and_within_the_session(clinic: Clinic) -> None:
    for session in clinic.sessions:
        times = [event.at_s for event in session.events]
        assert times == sorted(times)
        assert 0.0 <= times[0] <= times[-1] <= session.series.time_s[-1] + 0.11
        answered = [answer.at_s for answer in session.answers]
        assert answered == sorted(answered)
        states = [str(event.detail["to"]) for event in session.events if event.kind == "state"]
        assert states[:2] == ["armed", "warm_up"]
        assert states[-1] == ("tripped" if session.head.cause == "imbalance" else "ended")


def test_each_cause_is_told_in_the_words_of_the_table(clinic: Clinic) -> None:
    told = {(event.detail["cause"], event.sentence) for session in clinic.sessions for event in session.events if event.kind == "cause"}
    assert told <= {(row.id, row.sentence) for row in ROWS}
    assert {cause for cause, _ in told} == {"program_end", "end_requested", "imbalance", "dizziness", "unsteady"}


def test_each_unsteadiness_held_the_program(clinic: Clinic) -> None:
    held = 0
    for session in clinic.sessions:
        causes = [event for event in session.events if event.detail.get("cause") == "unsteady" and event.kind == "cause"]
        over = [event for event in session.events if event.detail.get("cause") == "unsteady" and event.kind == "cause_over"]
        assert len(causes) == len(over) == session.head.summary.unsteady_events
        if session.head.outcome is Outcome.COMPLETED:
            held_s = sum(after.at_s - before.at_s for before, after in zip(causes, over, strict=True))
            assert len(session.series) / 10.0 == pytest.approx(session.plan[-1].to_s + held_s)
        held += len(causes)
    assert held >= 5


def test_many_sessions_are_the_same_each_time_and_in_order() -> None:
    people = ("P222222", "P333333", "P444444")
    made = list(many_sessions(5, 500, people, UNTIL))
    assert made == list(many_sessions(5, 500, people, UNTIL))
    assert made != list(many_sessions(6, 500, people, UNTIL))
    starts = [session.head.started_at for session in made]
    assert starts == sorted(starts)
    assert len({session.head.id for session in made}) == 500
    assert {session.head.person_id for session in made} == set(people)
    assert all(len(session.series) == 0 for session in made)


@pytest.mark.parametrize("people", [("P222222",), ("P222222", "P333333", "P444444")], ids=len)
def test_many_sessions_do_not_overlap_and_end_before_until(people: tuple[str, ...]) -> None:
    for person_id in people:
        mine = [session.head for session in many_sessions(5, 300, people, UNTIL) if session.head.person_id == person_id]
        assert all((after.started_at - before.started_at).total_seconds() > before.summary.duration_s for before, after in pairwise(mine))
        assert all(head.started_at < UNTIL and head.started_at.weekday() <= 4 for head in mine)


def test_many_sessions_share_their_few_series() -> None:
    made = list(many_sessions(5, 200, ("P222222", "P333333"), UNTIL, series=True))
    assert all(len(session.series) > 1000 for session in made)
    assert len({id(session.series) for session in made}) <= 5
    assert replace(made[0], series=Series()).head == next(many_sessions(5, 200, ("P222222", "P333333"), UNTIL, series=True)).head


def test_many_sessions_need_somebody_and_an_aware_instant() -> None:
    with pytest.raises(ValueError, match="nobody"):
        next(many_sessions(1, 1, (), UNTIL))
    with pytest.raises(ValueError, match="aware"):
        next(many_sessions(1, 1, ("P222222",), UNTIL.replace(tzinfo=None)))
