"""For each row of the rule table a person, a record and a profile in which it has something to say; of the refusing rows, it alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from treadctl.core.sample import ChannelId
from treadctl.prescription import REFERENCE, History, MachineFrame, PastSession, Person, Profile, load_profile, person_from_options
from treadctl.prescription.profile import BeltEntry

DAY = date(2026, 11, 27)
FIRST = load_profile(Path(__file__).resolve().parents[2] / "profiles" / "first-session.toml")
CLEAR: dict[str, Any] = {
    "severe_osteoporosis": False,
    "vestibular_dysfunction": False,
    "lumbar_problem": False,
    "ankle_problem": False,
    "knee_problem": False,
    "beta_blocker": False,
    "answered_on": DAY,
}
WALKER: dict[str, Any] = {"mass_kg": 70.0, "age_years": 40, "experience": "walker", "usual_minutes": 60.0, "sessions_last_7_days": 0, "screening": CLEAR}
STEEP = replace(REFERENCE, limits=replace(REFERENCE.limits, max_grade_percent=10.0, max_grade_rate_percent_per_s=1.0, max_speed_reverse_mps=4.0))


def person(**options: object) -> Person:
    return person_from_options(WALKER | options)


def screened(**answers: object) -> Person:
    return person(screening=CLEAR | answers)


def past(days_ago: int, **figures: object) -> PastSession:
    clean: dict[str, Any] = {
        "peak_mps": 0.55,
        "events": 0,
        "rail_load_percent": 2.0,
        "max_dizziness": 0.0,
        "max_pain": 0.0,
        "max_rpe": 10.0,
        "completed": True,
        "belt_s": 540.0,
    }
    return PastSession(DAY - timedelta(days=days_ago), **(clean | figures))


def record(*sessions: PastSession, **changes: object) -> History:
    return replace(History(DAY, len(sessions), 0, sessions), **changes)


CLEAN = record(past(16), past(12), past(8))


def changed(profile: Profile, **changes: object) -> Profile:
    return profile.model_copy(update=changes)


def first_main(**changes: object) -> Profile:
    """The first session with one plain stretch for its main block."""
    stretch = {"label": "Walk", "minutes": 2.0, "speed_kmh": 1.1} | changes
    return changed(FIRST, main=(BeltEntry.model_validate(stretch),))


@dataclass(frozen=True, slots=True)
class RuleCase:
    """What is looked at; of a limiting row also the limit it decides and its value."""

    person: Person = field(default_factory=person)
    history: History | None = None
    profile: Profile = FIRST
    frame: MachineFrame = REFERENCE
    day: date | None = DAY
    limit: str = ""
    value: float = 0.0


SPEED = "max_speed_reverse_mps"
KMH = 1.0 / 3.6
RUNNER = {"experience": "runner", "own_forward_speed_kmh": 20.0}
CASES: dict[str, RuleCase] = {
    "PR-01": RuleCase(person(screening=None)),
    "PR-02": RuleCase(screened(answered_on=DAY - timedelta(days=184))),
    "PR-03": RuleCase(screened(beta_blocker=None)),
    "PR-04": RuleCase(screened(severe_osteoporosis=True)),
    "PR-05": RuleCase(screened(vestibular_dysfunction=True)),
    "PR-06": RuleCase(screened(lumbar_problem=True)),
    "PR-07": RuleCase(screened(lumbar_problem=True), limit=SPEED, value=3.0 * KMH),
    "PR-08": RuleCase(screened(ankle_problem=True)),
    "PR-09": RuleCase(screened(ankle_problem=True), limit="max_grade_percent", value=0.0),
    "PR-10": RuleCase(screened(knee_problem=True)),
    "PR-11": RuleCase(person(screening=CLEAR | {"knee_problem": True}, **RUNNER), limit=SPEED, value=5.5 * KMH),
    "PR-12": RuleCase(screened(knee_problem=True)),
    "PR-13": RuleCase(screened(beta_blocker=True)),
    "PR-14": RuleCase(screened(beta_blocker=True), limit="max_rpe", value=15.0),
    "PR-15": RuleCase(limit="max_heart_rate_per_min", value=0.75 * 180.0),
    "PR-16": RuleCase(person(age_years=None)),
    "PR-17": RuleCase(person(age_years=65), limit="max_acceleration_mps2", value=0.1),
    "PR-18": RuleCase(person(age_years=65), profile=changed(FIRST, requires=())),
    "PR-19": RuleCase(person(experience="first"), limit="max_acceleration_mps2", value=0.1),
    "PR-20": RuleCase(limit=SPEED, value=5.5 * KMH),
    "PR-21": RuleCase(person(**RUNNER), limit=SPEED, value=14.0 * KMH),
    "PR-22": RuleCase(history=record(past(9), past(5)), limit="max_grade_percent", value=0.0),
    "PR-23": RuleCase(limit="max_grade_rate_percent_per_s", value=1.0 / 30.0),
    "PR-24": RuleCase(history=record(), limit="max_duration_s", value=600.0),
    "PR-25": RuleCase(history=record(), profile=first_main(speed_kmh=1.2)),
    "PR-26": RuleCase(history=record(past(9))),
    "PR-27": RuleCase(history=record(past(9))),
    "PR-28": RuleCase(profile=changed(FIRST, cool_down=FIRST.cool_down[:2])),
    "PR-29": RuleCase(history=record(past(9), past(8), past(7, events=1)), profile=first_main(hands="free")),
    "PR-30": RuleCase(person(usual_minutes=30.0), limit="max_duration_s", value=900.0),
    "PR-31": RuleCase(person(usual_minutes=None)),
    "PR-32": RuleCase(person(sessions_last_7_days=2)),
    "PR-33": RuleCase(person(sessions_last_7_days=None)),
    "PR-34": RuleCase(history=replace(CLEAN, as_of=DAY - timedelta(days=1))),
    "PR-35": RuleCase(history=record(past(9, peak_mps=1.2), past(8, peak_mps=0.6, events=2)), limit=SPEED, value=0.6),
    "PR-36": RuleCase(history=CLEAN, limit=SPEED, value=0.55 + 0.5 * KMH),
    "PR-37": RuleCase(history=record(past(9), past(8, events=1))),
    "PR-38": RuleCase(person(caps={"max_speed_kmh": 1.5}), limit=SPEED, value=1.5 * KMH),
    "PR-39": RuleCase(person(caps={"max_speed_kmh": 1.5})),
    "PR-40": RuleCase(profile=changed(FIRST, requires=("attendant", "harness")), frame=replace(REFERENCE, fitted=REFERENCE.fitted - {ChannelId.HARNESS})),
}
