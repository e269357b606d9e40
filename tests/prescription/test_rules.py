"""The rule table: each row does something and nothing else does it in its place; who may set it aside; what is not known never permits more."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from rule_cases import CASES, CLEAN, CLEAR, DAY, FIRST, SPEED, RuleCase, changed, first_main, past, person, record, screened

from treadctl.core.limits import Limits
from treadctl.core.program import Program
from treadctl.core.prompts import PromptKind
from treadctl.core.sample import Facing
from treadctl.errors import TreadctlError
from treadctl.prescription import REFERENCE, History, compile_program, person_limits, preflight, prepare, refusals
from treadctl.prescription.person import person_caps
from treadctl.prescription.preflight import full_case
from treadctl.prescription.prepare import with_questions
from treadctl.prescription.rules import ROWS, Kind, Row, Stage, authority_of, claims_for, may_set_aside
from treadctl.prescription.words import Authority, Cap, Rule, limits_of

REFUSING = [row.id for row in ROWS if row.kind is Kind.REFUSE]
LIMITING = [row.id for row in ROWS if row.kind is Kind.LIMIT]
ASKING = [row.id for row in ROWS if row.kind is Kind.ASK]
BOTH, PHYSICIAN, NONE = {"physician", "physiotherapist"}, {"physician"}, set[str]()
DECIDES: dict[Rule, set[str]] = {
    Rule.SCREENING: NONE,
    Rule.OSTEOPOROSIS: PHYSICIAN,
    Rule.VESTIBULAR: PHYSICIAN,
    Rule.LUMBAR: BOTH,
    Rule.LUMBAR_LIMITS: BOTH,
    Rule.ANKLE: BOTH,
    Rule.KNEE: BOTH,
    Rule.BETA_BLOCKER: PHYSICIAN,
    Rule.HEART_RATE: PHYSICIAN,
    Rule.AGE: BOTH,
    Rule.ATTENDANCE: NONE,
    Rule.EXPERIENCE: BOTH,
    Rule.GRADE: NONE,
    Rule.MINI_RAMP: BOTH,
    Rule.QUESTIONS: NONE,
    Rule.BLOCKS: NONE,
    Rule.HANDS: BOTH,
    Rule.HALF_TIME: BOTH,
    Rule.WEEKLY: BOTH,
    Rule.PROGRESS: BOTH,
    Rule.RECORD: NONE,
    Rule.CAPS: NONE,
    Rule.GUARDS: NONE,
}


def row_of(row_id: str) -> Row:
    return next(row for row in ROWS if row.id == row_id)


def without(row_id: str) -> tuple[Row, ...]:
    return tuple(row for row in ROWS if row.id != row_id)


def refused(case: RuleCase, rows: tuple[Row, ...] = ROWS) -> list[str]:
    found = preflight(case.profile, case.person, case.frame, case.history, case.day, rows=rows)
    return [finding.row for finding in found if finding.refuses]


def told(case: RuleCase, rows: tuple[Row, ...] = ROWS) -> list[str]:
    found = preflight(case.profile, case.person, case.frame, case.history, case.day, rows=rows)
    return [finding.row for finding in found if not finding.refuses]


def bound(case: RuleCase, rows: tuple[Row, ...] = ROWS) -> float:
    """The limit the case is about, as preflight or the core would get it."""
    if case.limit in {field.name for field in fields(Limits)}:
        return float(getattr(limits_of(person_caps(case.person, Facing.CONSOLE, case.history, case.day, rows=rows)), case.limit))
    value = getattr(case.person.core(history=case.history, rows=rows), case.limit)
    return math.inf if value is None else float(value)


def asked(case: RuleCase, rows: tuple[Row, ...] = ROWS) -> Program:
    program = compile_program(case.profile, case.frame.limits)
    return with_questions(program, full_case(case.profile, case.person, case.frame, case.history, case.day), rows)


def override(rule: Rule, role: str) -> dict[str, Any]:
    return {"rule": rule.value, "by": "A clinician", "role": role, "reason": "decided after an examination today"}


def test_a_person_with_nothing_against_them_is_neither_refused_nor_asked_about() -> None:
    assert preflight(FIRST, person(), REFERENCE, CLEAN, DAY) == ()


def test_every_row_has_a_case_and_every_case_a_row() -> None:
    assert [row.id for row in ROWS] == list(CASES)


def test_ids_are_unique_and_every_row_says_where_it_comes_from() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)
    assert all(row.sentence and row.reference and row.articles and row.predicate.__doc__ for row in ROWS)
    assert [row.id for row in ROWS if row.predicate.__name__ == "<lambda>"] == []


def test_every_rule_has_a_row() -> None:
    assert {row.rule for row in ROWS} == set(Rule) == set(DECIDES)


@pytest.mark.parametrize("row_id", REFUSING)
def test_a_refusal_comes_from_its_row_alone_and_vanishes_with_it(row_id: str) -> None:
    assert refused(CASES[row_id]) == [row_id]
    assert refused(CASES[row_id], without(row_id)) == []


@pytest.mark.parametrize("row_id", REFUSING)
def test_what_staff_read_of_a_refusal_begins_with_the_sentence_of_the_table(row_id: str) -> None:
    case = CASES[row_id]
    (sentence,) = refusals(preflight(case.profile, case.person, case.frame, case.history, case.day))
    assert sentence.startswith(row_of(row_id).sentence)


@pytest.mark.parametrize("row_id", LIMITING)
def test_a_limit_comes_from_its_row_and_widens_without_it(row_id: str) -> None:
    case = CASES[row_id]
    assert bound(case) == pytest.approx(case.value)
    assert bound(case, without(row_id)) > case.value


@pytest.mark.parametrize("row_id", ASKING)
def test_what_staff_must_ask_comes_from_its_row(row_id: str) -> None:
    assert row_id in told(CASES[row_id])
    assert row_id not in told(CASES[row_id], without(row_id))


@pytest.mark.parametrize("row_id", [row_id for row_id in ASKING if row_of(row_id).asks])
def test_the_questions_of_a_row_are_put_into_the_program_and_go_with_it(row_id: str) -> None:
    case, row = CASES[row_id], row_of(row_id)
    bare = changed(case.profile, main=first_main().main, cool_down=case.profile.cool_down[:2])
    case = replace(case, profile=bare)
    there, gone = asked(case), asked(case, without(row_id))
    assert set(row.asks) <= set(there.segments[3].prompts)
    assert not set(row.asks) <= set(gone.segments[3].prompts)
    assert (set(row.asks) <= set(there.segments[-1].prompts)) is (row.stage is Stage.EACH)


def test_a_claim_is_told_to_whom_it_concerns_and_goes_with_its_row() -> None:
    case = full_case(FIRST, screened(knee_problem=True), REFERENCE, None, DAY)
    assert claims_for(case) == (row_of("PR-12").sentence,)
    assert claims_for(case, without("PR-12")) == ()
    assert claims_for(full_case(FIRST, person(), REFERENCE, None, DAY)) == ()


@pytest.mark.parametrize("role", ["physician", "physiotherapist"])
@pytest.mark.parametrize("rule", list(Rule))
def test_an_override_is_taken_from_the_right_role_and_refused_from_any_other(rule: Rule, role: str) -> None:
    assert may_set_aside(rule, role) is (role in DECIDES[rule])
    if role in DECIDES[rule]:
        assert person(overrides=[override(rule, role)]).sets_aside(rule)
        return
    with pytest.raises(TreadctlError) as caught:
        person(overrides=[override(rule, role)])
    assert caught.value.kind.code == "TC104"
    assert ("only a physician" if DECIDES[rule] else "never set aside") in str(caught.value)


@pytest.mark.parametrize("role", ["staff", "viewer", "service", "administrator", "", "Physician"])
def test_nobody_without_a_clinical_role_sets_anything_aside(role: str) -> None:
    assert [rule for rule in Rule if may_set_aside(rule, role)] == []
    with pytest.raises(TreadctlError):
        person(overrides=[override(Rule.WEEKLY, role)])


def test_a_rule_that_left_the_table_is_set_aside_by_nobody() -> None:
    assert not may_set_aside(Rule.WEEKLY, "physician", ())
    assert authority_of(Rule.WEEKLY, ()) is Authority.NOBODY


def test_the_rows_of_a_rule_agree_on_who_decides() -> None:
    for rule in Rule:
        assert len({row.authority for row in ROWS if row.rule is rule and row.kind is not Kind.CLAIM}) == 1


@pytest.mark.parametrize("row_id", [row_id for row_id in REFUSING if DECIDES[row_of(row_id).rule]])
def test_a_refusal_set_aside_is_shown_with_the_name_and_forbids_nothing(row_id: str) -> None:
    case, rule = CASES[row_id], row_of(row_id).rule
    decided = case.person.model_copy(update={"overrides": person(overrides=[override(rule, "physician")]).overrides})
    (found,) = [f for f in preflight(case.profile, decided, case.frame, case.history, case.day) if f.row == row_id]
    assert (found.refuses, found.set_aside_by) == (False, "A clinician, physician: decided after an examination today")
    assert refused(replace(case, person=decided)) == []


@pytest.mark.parametrize("row_id", [row_id for row_id in LIMITING if DECIDES[row_of(row_id).rule]])
def test_a_limit_set_aside_no_longer_binds(row_id: str) -> None:
    case, rule = CASES[row_id], row_of(row_id).rule
    decided = case.person.model_copy(update={"overrides": person(overrides=[override(rule, "physician")]).overrides})
    assert bound(replace(case, person=decided)) > case.value


def test_the_lower_back_stays_slow_and_level_when_a_clinician_lets_the_person_start() -> None:
    allowed = person(screening=CLEAR | {"lumbar_problem": True}, overrides=[override(Rule.LUMBAR, "physician")])
    assert refusals(preflight(FIRST, allowed, REFERENCE, None, DAY)) == ()
    limits = person_limits(allowed, Facing.CONSOLE)
    assert (limits.max_speed_reverse_mps, limits.max_grade_percent) == (pytest.approx(3.0 / 3.6), 0.0)


def test_limits_shrink_the_direction_in_which_this_person_goes_backward() -> None:
    slow = person_limits(person(age_years=70), Facing.REAR)
    assert slow.max_speed_forward_mps == pytest.approx(3.0 / 3.6)
    assert slow.max_speed_reverse_mps == math.inf


def test_the_heart_rate_ceiling_is_below_the_one_forward_and_a_clinicians_lower_one_wins() -> None:
    ceiling = person().core().max_heart_rate_per_min
    assert ceiling is not None
    assert ceiling < 0.85 * 180.0
    assert person(caps={"max_heart_rate_per_min": 120.0}).core().max_heart_rate_per_min == 120.0
    assert person(caps={"max_heart_rate_per_min": 200.0}).core().max_heart_rate_per_min == ceiling


def test_a_beta_blocker_disables_the_ceiling_from_age_says_so_and_lowers_the_exertion_instead() -> None:
    taking = screened(beta_blocker=True)
    assert taking.core().max_heart_rate_per_min is None
    assert taking.core().max_rpe == 15.0
    assert any("no limit of heart rate follows from age" in f.sentence for f in preflight(FIRST, taking, REFERENCE, CLEAN, DAY))
    assert (
        person(screening=taking.screening.model_dump() if taking.screening else None, caps={"max_heart_rate_per_min": 110.0}).core().max_heart_rate_per_min
        == 110.0
    )


@pytest.mark.parametrize(("days", "refuses"), [(0, False), (183, False), (184, True), (-1, True)])
def test_a_screening_counts_for_half_a_year_and_not_before_it_was_answered(days: int, refuses: bool) -> None:
    answered = screened(answered_on=DAY - timedelta(days=days))
    assert (refused(RuleCase(answered)) == ["PR-02"]) is refuses


def test_an_undated_screening_or_an_unknown_day_is_pointed_out() -> None:
    assert told(RuleCase(screened(answered_on=None))) == ["PR-03"]
    assert told(RuleCase(person(), day=None)) == ["PR-03"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"speed_kmh": 1.1}, ""),
        ({"speed_kmh": 1.2}, "rises by 0.4 km/h"),
        ({"minutes": 0.9}, "held for 54 s"),
        ({"minutes": 1.0}, ""),
    ],
)
def test_a_mini_ramp_rises_little_and_holds_each_step(changes: dict[str, Any], words: str) -> None:
    found = refusals(preflight(first_main(**changes), person(), REFERENCE, record(), DAY))
    assert [words in sentence for sentence in found] == ([True] if words else [])


def test_a_mini_ramp_starts_at_the_slowest_and_ends_with_two_minutes_of_slowing() -> None:
    fast_start = changed(FIRST, warm_up=(FIRST.warm_up[0], FIRST.warm_up[2].model_copy(update={"speed_kmh": 0.9})))
    short_end = changed(FIRST, cool_down=FIRST.cool_down[1:])
    for profile, words in ((fast_start, "rises by 0.9 km/h; at most 0.8"), (short_end, "60 s on the belt; at least 120")):
        (sentence,) = refusals(preflight(profile, person(), REFERENCE, record(), DAY))
        assert words in sentence


def test_without_a_record_the_person_file_says_whether_it_is_the_first_session() -> None:
    steep = first_main(speed_kmh=1.2)
    assert refused(RuleCase(person(experience="first"), profile=steep)) == ["PR-25"]
    assert refused(RuleCase(person(experience="walker"), profile=steep)) == []
    assert refused(RuleCase(person(experience="walker"), record(), profile=steep)) == ["PR-25"]


@pytest.mark.parametrize(
    ("sessions", "free"),
    [
        ((past(9), past(8), past(7)), True),
        ((past(9), past(8)), False),
        ((past(9), past(8), past(7, events=1)), False),
        ((past(9), past(8), past(7, events=None)), False),
        ((past(9, rail_load_percent=3.0), past(8, rail_load_percent=4.0), past(7, rail_load_percent=7.9)), True),
        ((past(9, rail_load_percent=3.0), past(8, rail_load_percent=4.0), past(7, rail_load_percent=8.1)), False),
        ((past(9), past(8), past(7, rail_load_percent=None)), False),
        ((past(9), past(8), past(7, rail_load_percent=math.nan)), False),
        ((past(9, events=3), past(8), past(7), past(6)), True),
    ],
)
def test_hands_come_off_by_measure_only(sessions: tuple[Any, ...], free: bool) -> None:
    hands_off = first_main(hands="free")
    assert (refused(RuleCase(person(), record(*sessions), hands_off)) == []) is free
    assert (refused(RuleCase(person(experience="first"), record(*sessions), hands_off)) == []) is free


def test_the_week_is_counted_from_the_days_of_the_sessions_too() -> None:
    assert refused(RuleCase(history=record(past(20), past(6), past(0)))) == ["PR-32"]
    assert refused(RuleCase(history=record(past(20), past(7), past(0)))) == []


def test_after_an_event_the_belt_goes_no_faster_until_a_session_without_one() -> None:
    shaken = record(past(9, peak_mps=0.5), past(8, peak_mps=0.6, events=1))
    assert bound(RuleCase(history=shaken, limit=SPEED)) == pytest.approx(0.6)
    recovered = record(*shaken.recent, past(7, peak_mps=0.6))
    assert bound(RuleCase(history=recovered, limit=SPEED)) == pytest.approx(0.6 + 0.5 / 3.6)


FIGURES = ("peak_mps", "events", "rail_load_percent")
NOT_KNOWN = [None, math.nan, -1.0, math.inf]


@pytest.mark.parametrize("value", NOT_KNOWN, ids=str)
@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_figure_that_is_not_known_never_permits_more(figure: str, value: float | None, place: int) -> None:
    sessions = list(CLEAN.recent)
    sessions[place] = replace(sessions[place], **{figure: value})
    blurred = record(*sessions)
    clear, less = person_limits(person(), Facing.CONSOLE, CLEAN, DAY), person_limits(person(), Facing.CONSOLE, blurred, DAY)
    assert all(getattr(less, field.name) <= getattr(clear, field.name) for field in fields(Limits))
    hands_off = first_main(hands="free")
    assert set(refused(RuleCase(person(), blurred, hands_off))) >= set(refused(RuleCase(person(), CLEAN, hands_off)))


@pytest.mark.parametrize("history", [History(DAY, 3, 0), History(sessions=3)])
def test_sessions_without_figures_permit_only_a_little_more_than_the_slowest(history: History) -> None:
    assert bound(RuleCase(history=history, limit=SPEED)) == pytest.approx(1.3 / 3.6)  # the first session's cool-down begins faster
    assert refused(RuleCase(person(), history, first_main(hands="free"))) == ["PR-29", "PR-39"]


@pytest.mark.parametrize("value", [math.nan, -1.0])
def test_a_cap_that_is_no_number_allows_nothing(value: float) -> None:
    assert limits_of((Cap(SPEED, value, Rule.CAPS, "odd"),)).max_speed_reverse_mps == 0.0


def test_the_refusal_of_a_speed_names_the_rule_behind_the_limit() -> None:
    (sentence,) = refusals(preflight(FIRST, person(caps={"max_speed_kmh": 1.5}), REFERENCE, None, DAY))
    assert sentence.endswith("[caps: Lowered by a clinician.]")
    (sentence,) = refusals(preflight(FIRST, person(usual_minutes=10.0), REFERENCE, None, DAY))
    assert sentence.endswith("[half_time: At most half of the own usual session.]")


def test_a_newcomer_is_asked_about_dizziness_and_pain_at_each_stage_and_once_more_at_the_end() -> None:
    ready = prepare(FIRST, REFERENCE, person(experience="first"), day=DAY)
    main = [segment for segment in ready.program.segments if segment.block.value == "main"]
    for segment in (*main, ready.program.segments[-1]):
        assert {PromptKind.DIZZINESS, PromptKind.PAIN} <= set(segment.prompts)
    assert set(main[-1].prompts) == set(PromptKind)
    assert PromptKind.BREATHING not in main[0].prompts


def test_questions_change_nothing_else_of_the_program() -> None:
    plain, ready = compile_program(FIRST, REFERENCE.limits), prepare(FIRST, REFERENCE, person(experience="first"), day=DAY).program
    assert ready != plain
    assert replace(ready, segments=tuple(replace(s, prompts=()) for s in ready.segments)) == replace(
        plain, segments=tuple(replace(s, prompts=()) for s in plain.segments)
    )


def test_what_prepare_arms_with_follows_the_record_given() -> None:
    shaken = record(past(9), past(8, peak_mps=0.5, events=1))
    ready = prepare(FIRST, REFERENCE, person(), history=shaken, day=DAY)
    assert ready.limits.max_speed_reverse_mps == pytest.approx(0.5)
    assert any("[progress:" in sentence for sentence in ready.preflight)


@pytest.mark.parametrize(("sessions", "early"), [(0, True), (2, True), (3, False)])
def test_the_first_three_sessions_want_the_attendants_switch_and_the_questions(sessions: int, early: bool) -> None:
    loose = RuleCase(history=record(*(past(20 - n) for n in range(sessions))), profile=changed(FIRST, requires=()))
    assert (refused(loose) == ["PR-18"]) is early
    assert ({"PR-26", "PR-27"} <= set(told(loose))) is early


def test_a_speed_reached_in_a_session_with_an_event_is_no_ground_for_more() -> None:
    recovered = record(past(9, peak_mps=1.2, events=1), past(8, peak_mps=0.5))
    assert bound(RuleCase(history=recovered, limit=SPEED)) == pytest.approx(0.5 + 0.5 / 3.6)
