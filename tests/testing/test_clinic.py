from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from treadctl.prescription import REFERENCE, compile_program, preflight
from treadctl.prescription.person import Override, Person, Rule, Screening, person_of
from treadctl.prescription.profile import Profile, profile_of
from treadctl.records.model import Measure, Outcome, Role, Session, SessionHead
from treadctl.testing.clinic import LEAST_DAYS, Clinic, make_clinic

NOW = datetime(2026, 11, 27, 13, 20, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")
WEEK = timedelta(days=7)
# Other days and places: a weekend, a Monday before opening time, a spring in which the clocks were put forward two days ago, a zone far in the east.
ELSEWHERE = (
    (1, datetime(2026, 11, 29, 20, 0, tzinfo=UTC), ZONE),
    (2, datetime(2026, 11, 30, 5, 0, tzinfo=UTC), ZONE),
    (3, datetime(2026, 3, 31, 15, 0, tzinfo=UTC), ZONE),
    (4, datetime(2026, 7, 1, 1, 0, tzinfo=UTC), ZoneInfo("Pacific/Auckland")),
)


@pytest.fixture(scope="session", params=(None, *ELSEWHERE), ids=("friday", "sunday", "monday", "spring", "east"))
def any_clinic(request: pytest.FixtureRequest, clinic: Clinic) -> tuple[Clinic, ZoneInfo]:
    if request.param is None:
        return clinic, ZONE
    seed, now, zone = request.param
    return make_clinic(seed, now, zone), zone


def ended_at(session: Session) -> datetime:
    return session.head.started_at + timedelta(seconds=session.head.summary.duration_s)


def by_person(clinic: Clinic) -> dict[str, list[Session]]:
    found: dict[str, list[Session]] = {person.id: [] for person in clinic.persons}
    for session in clinic.sessions:
        found[session.head.person_id or ""].append(session)
    return found


def in_force(clinic: Clinic, person_id: str, at: datetime) -> list[Override]:
    return [
        Override(rule=Rule(entry.rule), by=entry.by, role=entry.role.value, reason=entry.reason)
        for entry in clinic.overrides
        if entry.person_id == person_id and entry.at <= at and (entry.withdrawn_at is None or entry.withdrawn_at > at)
    ]


def as_known(clinic: Clinic, person_id: str, at: datetime) -> Person:
    """The person as preflight sees them at an instant: facts, newest screening, overrides in force, sessions of the seven days before."""
    facts = next(person.facts for person in clinic.persons if person.id == person_id)
    answers = [screening.answers for screening in clinic.screenings if screening.person_id == person_id and screening.at <= at]
    week = sum(at - WEEK < session.head.started_at < at for session in by_person(clinic)[person_id])
    return person_of(facts, person_id).model_copy(
        update={
            "screening": Screening(**answers[-1]) if answers else None,
            "overrides": tuple(in_force(clinic, person_id, at)),
            "sessions_last_7_days": week,
        }
    )


def newest_profile(clinic: Clinic, person_id: str) -> Profile:
    return profile_of([revision.text for revision in clinic.revisions if revision.person_id == person_id][-1], person_id)


def refused_for(clinic: Clinic, person_id: str, at: datetime) -> set[Rule]:
    findings = preflight(newest_profile(clinic, person_id), as_known(clinic, person_id, at), REFERENCE)
    return {finding.rule for finding in findings if finding.refuses}


def test_the_same_arguments_give_the_same_clinic(clinic: Clinic) -> None:
    assert make_clinic(7, NOW, ZONE) == clinic


def test_another_seed_gives_other_people(clinic: Clinic) -> None:
    other = make_clinic(8, NOW, ZONE)
    assert not {person.id for person in clinic.persons} & {person.id for person in other.persons}
    assert other.heads != clinic.heads


def test_pseudonyms_have_six_signs_that_are_not_mistaken(clinic: Clinic) -> None:
    ids = [person.id for person in clinic.persons]
    assert len(set(ids)) == len(ids) == 14
    assert all(re.fullmatch("P[23456789ABCDEFGHJKMNPQRSTVWXYZ]{6}", person_id) for person_id in ids)


def test_no_name_is_one_that_somebody_bears() -> None:
    names = [person.name for person in make_clinic(3, NOW, ZONE, people=30, days=LEAST_DAYS).persons]
    assert None in names
    assert all(re.fullmatch(r"Sample [A-Z]{1,2}\.", name) for name in names if name is not None)
    assert len({name for name in names if name is not None}) == sum(name is not None for name in names)


def test_there_is_a_user_for_each_role(clinic: Clinic) -> None:
    assert [(user.login, user.role) for user in clinic.users] == [(role.value, role) for role in Role]
    assert all(user.created_at is not None and user.created_at < (user.last_seen_at or clinic.now) <= clinic.now for user in clinic.users)


def test_whoever_signed_is_a_user_of_that_role(any_clinic: tuple[Clinic, ZoneInfo]) -> None:
    clinic, _ = any_clinic
    roles = {user.login: user.role for user in clinic.users}
    signed = [(s.signer, s.role) for s in clinic.screenings] + [(r.by, r.role) for r in clinic.revisions] + [(o.by, o.role) for o in clinic.overrides]
    assert signed
    assert all(roles[login] is role for login, role in signed)
    assert {session.attendant for session in clinic.sessions} <= set(roles)
    assert {arming.by for arming in clinic.armings} | {measure.by for measure in clinic.measures} <= set(roles)


def test_every_text_is_read_by_the_prescription(any_clinic: tuple[Clinic, ZoneInfo]) -> None:
    clinic, _ = any_clinic
    for person in clinic.persons:
        read = person_of(person.facts, person.id)
        assert read.screening is None
        assert read.overrides == ()
    for revision in clinic.revisions:
        compile_program(profile_of(revision.text, revision.title), REFERENCE.limits)
    for screening in clinic.screenings:
        Screening(**screening.answers)


def test_overrides_are_of_two_people_and_allowed(any_clinic: tuple[Clinic, ZoneInfo]) -> None:
    clinic, _ = any_clinic
    assert len({override.person_id for override in clinic.overrides}) == 2
    assert {override.withdrawn_by for override in clinic.overrides} == {"", "physician"}
    for override in clinic.overrides:
        assert Override(rule=Rule(override.rule), by=override.by, role=override.role.value, reason=override.reason).rule.value == override.rule


def test_each_person_has_one_to_three_revisions(any_clinic: tuple[Clinic, ZoneInfo]) -> None:
    clinic, _ = any_clinic
    counted = Counter(revision.person_id for revision in clinic.revisions)
    assert set(counted) == {person.id for person in clinic.persons}
    assert set(counted.values()) == {1, 2, 3}
    of_prescription = defaultdict(list)
    for revision in clinic.revisions:
        of_prescription[revision.prescription_id].append(revision)
    for revisions in of_prescription.values():
        assert [revision.number for revision in revisions] == list(range(1, len(revisions) + 1))
        assert len({revision.person_id for revision in revisions}) == 1
        assert all(before.at < after.at for before, after in pairwise(revisions))


def test_each_session_is_of_a_revision_that_was_in_force(any_clinic: tuple[Clinic, ZoneInfo]) -> None:
    clinic, _ = any_clinic
    revisions = {revision.id: revision for revision in clinic.revisions}
    for session in clinic.sessions:
        head = session.head
        revision = revisions[head.revision_id or 0]
        program = compile_program(profile_of(revision.text, revision.title), REFERENCE.limits)
        assert revision.person_id == head.person_id
        assert revision.at < head.started_at
        assert revision.withdrawn_at is None or revision.withdrawn_at > head.started_at
        assert (program.name, program.profile_sha256) == (head.profile, head.profile_sha256)
        assert [(s.label, s.speed_mps) for s in session.plan] == [(s.label, s.speed_mps) for s in program.segments]


def test_each_session_has_its_arming(clinic: Clinic) -> None:
    armed = [(arming.person_id, arming.revision_id, arming.at) for arming in clinic.armings]
    assert armed == [(head.person_id, head.revision_id, head.started_at) for head in clinic.heads]
    assert len({arming.request_id for arming in clinic.armings}) == len(armed)


def test_each_session_would_have_been_allowed(any_clinic: tuple[Clinic, ZoneInfo]) -> None:
    clinic, _ = any_clinic
    texts = {revision.id: revision.text for revision in clinic.revisions}
    for session in clinic.sessions:
        head = session.head
        person = as_known(clinic, head.person_id or "", head.started_at)
        findings = preflight(profile_of(texts[head.revision_id or 0], head.profile), person, REFERENCE)
        assert [finding.sentence for finding in findings if finding.refuses] == []
        assert set(session.overrides) == {override.rule.value for override in person.overrides}


def test_who_is_refused_today_and_who_is_not(any_clinic: tuple[Clinic, ZoneInfo]) -> None:
    clinic, _ = any_clinic
    refused = {person.id: refused_for(clinic, person.id, clinic.now) for person in clinic.persons if not person.archived}
    assert sum(not rules for rules in refused.values()) >= 3
    assert {Rule.VESTIBULAR} in refused.values()
    assert {Rule.SCREENING} in refused.values()
    assert {Rule.WEEKLY} in refused.values()


def test_one_of_those_not_refused_owes_it_to_an_override(any_clinic: tuple[Clinic, ZoneInfo]) -> None:
    clinic, _ = any_clinic
    [person_id] = {override.person_id for override in clinic.overrides if override.rule == "weekly"}
    known = as_known(clinic, person_id, clinic.now)
    bare = preflight(newest_profile(clinic, person_id), known.model_copy(update={"overrides": ()}), REFERENCE)
    assert {finding.rule for finding in bare if finding.refuses} == {Rule.WEEKLY}
    assert refused_for(clinic, person_id, clinic.now) == set()


def test_the_vestibular_and_the_unscreened_have_not_walked(clinic: Clinic) -> None:
    screened = {screening.person_id for screening in clinic.screenings}
    refused = {screening.person_id for screening in clinic.screenings if screening.answers["vestibular_dysfunction"]}
    assert refused
    for person in clinic.persons:
        if person.id in refused or person.id not in screened:
            assert by_person(clinic)[person.id] == []


def test_one_person_is_archived_and_has_not_walked_since(clinic: Clinic) -> None:
    [archived] = [person for person in clinic.persons if person.archived]
    assert max(session.head.started_at for session in by_person(clinic)[archived.id]) < archived.changed_at < clinic.now - 2 * WEEK


def test_nobody_walks_more_than_twice_in_seven_days_without_an_override(any_clinic: tuple[Clinic, ZoneInfo]) -> None:
    clinic, _ = any_clinic
    free = {override.person_id for override in clinic.overrides if override.rule == "weekly"}
    for person_id, sessions in by_person(clinic).items():
        starts = [session.head.started_at for session in sessions]
        close = [after - before for before, after in zip(starts, starts[2:], strict=False) if after - before < WEEK]
        assert bool(close) == (person_id in free)


def test_sessions_are_on_weekdays_in_clinic_hours_and_over(any_clinic: tuple[Clinic, ZoneInfo]) -> None:
    clinic, zone = any_clinic
    assert len(clinic.sessions) > 100
    for session in clinic.sessions:
        start, end = session.head.started_at, ended_at(session)
        local = start.astimezone(zone)
        assert local.weekday() <= 4
        assert time(8) <= local.time() <= end.astimezone(zone).time() <= time(18)
        assert clinic.now - timedelta(days=91) < start < end <= clinic.now
        assert start.utcoffset() == timedelta(0)


def test_no_two_sessions_of_a_person_or_of_a_machine_overlap(any_clinic: tuple[Clinic, ZoneInfo]) -> None:
    clinic, _ = any_clinic
    lines: dict[str, list[Session]] = defaultdict(list)
    for session in clinic.sessions:
        lines[session.head.machine].append(session)
    for line in [*lines.values(), *by_person(clinic).values()]:
        assert all(ended_at(before) < after.head.started_at for before, after in pairwise(line))


def test_nothing_is_dated_after_now_and_nothing_before_its_cause(any_clinic: tuple[Clinic, ZoneInfo]) -> None:
    clinic, zone = any_clinic
    for person in clinic.persons:
        assert person.created_at <= person.changed_at <= clinic.now
    created = {person.id: person.created_at for person in clinic.persons}
    dated = [(s.person_id, s.at) for s in clinic.screenings] + [(o.person_id, o.at) for o in clinic.overrides]
    dated += [(r.person_id or "", r.at) for r in clinic.revisions] + [(h.person_id or "", h.started_at) for h in clinic.heads]
    assert all(created[person_id] < at <= clinic.now for person_id, at in dated)
    today = clinic.now.astimezone(zone).date()
    assert all(created[m.person_id].astimezone(zone).date() <= m.day <= today and m.day.weekday() <= 4 for m in clinic.measures)


def test_most_sessions_are_completed_and_a_few_are_stopped_by_imbalance(any_clinic: tuple[Clinic, ZoneInfo]) -> None:
    clinic, _ = any_clinic
    outcomes = Counter(head.outcome for head in clinic.heads)
    causes = Counter(head.cause for head in clinic.heads)
    assert outcomes[Outcome.COMPLETED] > 0.8 * len(clinic.heads)
    assert outcomes[Outcome.ENDED_EARLY] >= 1
    assert 2 <= causes["imbalance"] <= 5
    assert causes["dizziness"] == 1
    assert outcomes[Outcome.UNKNOWN] == 0


def test_measures_improve(clinic: Clinic) -> None:
    better = {Measure.BACKWARD_WALK_3M_S: -1.0, Measure.ABC_PERCENT: 1.0, Measure.RESTING_HEART_RATE_PER_MIN: -1.0, Measure.BODY_MASS_KG: -1.0}
    walked = {head.person_id for head in clinic.heads}
    for measure, sign in better.items():
        gains = []
        for person_id in walked:
            values = [entry.value for entry in clinic.measures if entry.person_id == person_id and entry.measure is measure]
            gains += [sign * (values[-1] - values[0])] if len(values) > 1 else []
        assert len(gains) >= 8
        assert sum(gain > 0.0 for gain in gains) >= 0.7 * len(gains)


def test_people_get_faster_hold_on_less_and_are_less_dizzy(any_clinic: tuple[Clinic, ZoneInfo]) -> None:
    clinic, _ = any_clinic

    def mean(heads: list[SessionHead], name: str) -> float:
        return sum(getattr(head.summary, name) for head in heads) / len(heads)

    for sessions in by_person(clinic).values():
        heads = [session.head for session in sessions if session.head.outcome is Outcome.COMPLETED]
        if len(heads) < 10:
            continue
        first, last = heads[: len(heads) // 3], heads[-len(heads) // 3 :]
        assert mean(last, "peak_mps") > mean(first, "peak_mps")
        assert mean(last, "rail_load_percent") < 0.8 * mean(first, "rail_load_percent")
        assert mean(last, "max_dizziness") < mean(first, "max_dizziness")


def test_proof_tests_are_done_each_working_day_before_the_first_session(any_clinic: tuple[Clinic, ZoneInfo]) -> None:
    clinic, zone = any_clinic
    passed: dict[tuple[str, object], dict[str, datetime]] = defaultdict(dict)
    for test in clinic.proof_tests:
        assert test.at <= clinic.now
        if test.passed:
            passed[test.machine, test.at.astimezone(zone).date()][test.kind] = test.at
    assert any(not test.passed for test in clinic.proof_tests)
    for head in clinic.heads:
        tests = passed[head.machine, head.started_at.astimezone(zone).date()]
        assert set(tests) == {"pull_cord", "emergency_stop"}
        assert max(tests.values()) < head.started_at


def test_ids_are_not_given_twice(any_clinic: tuple[Clinic, ZoneInfo]) -> None:
    clinic, _ = any_clinic
    for rows in (clinic.users, clinic.screenings, clinic.overrides, clinic.revisions, clinic.measures):
        assert [row.id for row in rows] == list(range(1, len(rows) + 1))
    assert len({head.id for head in clinic.heads}) == len(clinic.heads)
    assert len({(test.machine, test.at, test.kind) for test in clinic.proof_tests}) == len(clinic.proof_tests)


def test_a_clinic_may_be_larger_or_smaller_or_older() -> None:
    assert len(make_clinic(1, NOW, ZONE, people=1).persons) == 1
    assert len(make_clinic(1, NOW, ZONE, people=40, days=LEAST_DAYS).persons) == 40
    old = make_clinic(1, NOW, ZONE, people=2, days=360)
    assert len(old.screenings) >= 6
    assert min(head.started_at for head in old.heads) < NOW - timedelta(days=340)


@pytest.mark.parametrize(
    ("now", "people", "days", "says"),
    [(NOW, 14, LEAST_DAYS - 1, "at least 28 days"), (NOW.replace(tzinfo=None), 14, 90, "aware"), (NOW, 80, 90, "do not fit")],
    ids=["short", "naive", "crowded"],
)
def test_what_cannot_be_made_is_said(now: datetime, people: int, days: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make_clinic(1, now, ZONE, people, days)


def test_nothing_can_change_a_clinic(clinic: Clinic) -> None:
    with pytest.raises(AttributeError):
        clinic.now = NOW  # type: ignore[misc]
