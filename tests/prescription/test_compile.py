from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from treadctl.core.limits import Limits
from treadctl.core.sample import Facing
from treadctl.errors import TreadctlError
from treadctl.prescription import REFERENCE, Person, Profile, check_program, compile_program, person_from_options, person_limits, session_limits
from treadctl.prescription.compile import breaches, flatten
from treadctl.prescription.words import NO_CAP

Read = Callable[..., Profile]
ONCE = {"as_of": date(2026, 11, 20), "sessions": 1, "sessions_last_7_days": 0, "recent": [{"day": date(2026, 11, 2), "peak_mps": 3.0, "events": 0}]}
STEEP = replace(REFERENCE.limits, max_grade_percent=10.0)
LUMBAR = {"severe_osteoporosis": False, "vestibular_dysfunction": False, "lumbar_problem": True, "ankle_problem": False}


def refused(read: Profile, machine: Limits = REFERENCE.limits, person: Limits | None = None) -> TreadctlError:
    with pytest.raises(TreadctlError) as caught:
        compile_program(read, machine, person)
    return caught.value


def test_a_speed_beyond_the_machine_names_segment_value_and_limit(profile: Read) -> None:
    error = refused(profile(("speed_mps = 0.5", "speed_mps = 2.3")))
    assert error.kind.code == "TC120"
    assert 'main[1] "Walk"' in error.place
    assert "8.28 km/h (2.300 m/s) reverse" in error.detail
    assert "the limit of the machine is 7.92 km/h (2.200 m/s)" in error.detail


def test_everything_beyond_a_limit_is_found_with_whose_limit_it_is(profile: Read) -> None:
    wild = profile(("speed_mps = 0.5", "speed_mps = 2.3\ngrade_percent = 1.5"))
    person = replace(NO_CAP, max_duration_s=60.0, max_acceleration_mps2=0.01)
    found = [(breach.item.place if breach.item else "", breach.field, breach.whose) for breach in breaches("any", flatten(wild), REFERENCE.limits, person)]
    assert found[:3] == [("main[1]", "max_speed_reverse_mps", "machine"), ("main[1]", "max_grade_percent", "machine"), ("", "max_duration_s", "person")]
    assert ("main[1]", "max_acceleration_mps2", "person") in found[3:]
    assert list(breaches("any", flatten(profile()), REFERENCE.limits, NO_CAP)) == []


def test_a_speed_at_the_limit_is_allowed(profile: Read) -> None:
    machine = replace(REFERENCE.limits, max_speed_reverse_mps=2.4 / 3.6)
    assert compile_program(profile(), machine).max_speed_mps == pytest.approx(2.4 / 3.6)


def test_each_direction_has_its_own_limit(profile: Read) -> None:
    forward = profile(('direction = "reverse"', 'direction = "forward"'), ("speed_mps = 0.5", "speed_mps = 2.3"))
    assert compile_program(forward, REFERENCE.limits).max_speed_mps == 2.3
    error = refused(forward, replace(REFERENCE.limits, max_speed_forward_mps=2.0))
    assert "max_speed_forward_mps" in error.detail


def test_a_grade_beyond_the_machine_is_refused(profile: Read) -> None:
    graded = profile(("speed_mps = 0.5", "speed_mps = 0.5\ngrade_percent = 1.5"))
    assert "grade 1.5 %, the limit of the machine is 0 %" in refused(graded).detail
    assert compile_program(graded, replace(REFERENCE.limits, max_grade_percent=3.0)).segments[2].grade_percent == 1.5


def test_a_session_longer_than_the_limit_is_refused_and_time_beside_the_belt_does_not_count(profile: Read) -> None:
    moving_s = 390.0
    compile_program(profile(), replace(REFERENCE.limits, max_duration_s=moving_s))
    error = refused(profile(), replace(REFERENCE.limits, max_duration_s=moving_s - 1.0))
    assert (error.kind.code, "390 s" in error.detail, "389 s" in error.detail) == ("TC120", True, True)


def test_a_segment_too_short_for_its_ramp_is_refused(profile: Read) -> None:
    error = refused(profile(("minutes = 2\nspeed_mps = 0.5", "seconds = 4\nspeed_mps = 2.0")))
    assert error.kind.code == "TC121"
    assert "takes 7.0 s, the segment lasts 4 s" in error.detail


def test_a_segment_too_short_for_its_grade_is_refused(profile: Read) -> None:
    graded = profile(("speed_mps = 0.5", "speed_mps = 0.5\ngrade_percent = 8.0"))
    error = refused(graded, replace(REFERENCE.limits, max_grade_percent=10.0))
    assert "takes 242 s, the segment lasts 120 s" in error.detail


def test_after_a_change_of_direction_the_ramp_starts_from_standstill(profile: Read) -> None:
    turned = profile(("minutes = 2\nspeed_mps = 0.5", 'seconds = 1.5\nspeed_mps = 0.5\ndirection = "forward"'))
    assert "takes 2.0 s, the segment lasts 1.5 s" in refused(turned).detail


def test_limits_that_are_not_a_number_allow_nothing(profile: Read) -> None:
    assert refused(profile(), replace(REFERENCE.limits, max_speed_reverse_mps=float("nan"))).kind.code == "TC120"


def test_the_tighter_of_machine_and_person_wins_and_is_named(profile: Read) -> None:
    person = person_limits(person_from_options({"mass_kg": 70.0, "experience": "walker", "caps": {"max_speed_kmh": 2.0}}), Facing.CONSOLE)
    error = refused(profile(), person=person)
    assert "the limit of the person is 2.00 km/h" in error.detail
    slow_machine = replace(REFERENCE.limits, max_speed_reverse_mps=0.4)
    assert "the limit of the machine is 1.44 km/h" in refused(profile(), slow_machine, person).detail


def test_nothing_is_ever_clamped(profile: Read) -> None:
    for cap in (0.1, 0.3, 0.45):
        person = person_limits(person_from_options({"mass_kg": 70.0, "caps": {"max_speed_mps": cap}}), Facing.CONSOLE)
        assert refused(profile(), person=person).kind.code == "TC120"


def test_the_program_does_not_depend_on_the_limits_that_allowed_it(profile: Read) -> None:
    wide = replace(REFERENCE.limits, max_speed_reverse_mps=4.0, max_duration_s=9000.0)
    assert compile_program(profile(), wide) == compile_program(profile(), REFERENCE.limits)


def person(**options: object) -> Person:
    return person_from_options({"mass_kg": 70.0, **options})


def test_a_person_never_widens_the_machine() -> None:
    strong = person(experience="runner", own_forward_speed_kmh=30.0, usual_minutes=400.0)
    assert session_limits(REFERENCE.limits, strong, Facing.CONSOLE) == REFERENCE.limits


@pytest.mark.parametrize(
    ("options", "facing", "field", "expected"),
    [
        ({}, Facing.CONSOLE, "max_speed_reverse_mps", 2.0 / 3.6),
        ({"history": ONCE}, Facing.CONSOLE, "max_speed_reverse_mps", 3.0 / 3.6),
        ({"history": ONCE}, Facing.REAR, "max_speed_forward_mps", 3.0 / 3.6),
        ({}, Facing.CONSOLE, "max_acceleration_mps2", 0.1),
        ({"experience": "walker"}, Facing.CONSOLE, "max_speed_reverse_mps", 5.5 / 3.6),
        ({"experience": "runner"}, Facing.CONSOLE, "max_speed_reverse_mps", 5.5 / 3.6),
        ({"experience": "runner", "own_forward_speed_kmh": 10.0}, Facing.CONSOLE, "max_speed_reverse_mps", 7.0 / 3.6),
        ({"experience": "runner", "own_forward_speed_mps": 3.0}, Facing.CONSOLE, "max_speed_reverse_mps", 2.1),
        ({"experience": "runner", "own_forward_speed_mps": 3.0}, Facing.CONSOLE, "max_speed_forward_mps", 3.0),
        ({"experience": "walker", "age_years": 70}, Facing.CONSOLE, "max_speed_reverse_mps", 3.0 / 3.6),
        ({"experience": "walker", "usual_minutes": 30.0}, Facing.CONSOLE, "max_duration_s", 900.0),
        ({}, Facing.CONSOLE, "max_grade_percent", 0.0),
        ({"experience": "walker"}, Facing.CONSOLE, "max_grade_percent", 10.0),
        ({"experience": "walker", "screening": LUMBAR}, Facing.CONSOLE, "max_grade_percent", 0.0),
        ({"experience": "walker", "screening": LUMBAR}, Facing.CONSOLE, "max_speed_reverse_mps", 3.0 / 3.6),
        ({"experience": "walker", "caps": {"max_grade_percent": 4.0}}, Facing.CONSOLE, "max_grade_percent", 4.0),
        ({"experience": "walker", "caps": {"max_acceleration_mps2": 0.15}}, Facing.CONSOLE, "max_acceleration_mps2", 0.15),
        ({"experience": "walker", "caps": {"max_speed_kmh": 1.8}}, Facing.CONSOLE, "max_speed_forward_mps", 0.5),
        ({"usual_minutes": 30.0, "caps": {"max_minutes": 5.0}}, Facing.CONSOLE, "max_duration_s", 300.0),
    ],
)
def test_what_is_known_of_the_person_caps_the_session(options: dict[str, object], facing: Facing, field: str, expected: float) -> None:
    assert getattr(session_limits(STEEP, person(**options), facing), field) == pytest.approx(expected)


def test_a_rule_set_aside_by_a_clinician_no_longer_caps() -> None:
    override = {"rule": "half_time", "by": "A clinician", "role": "physiotherapist", "reason": "trained up to it over a year"}
    limits = session_limits(REFERENCE.limits, person(experience="walker", usual_minutes=30.0, overrides=[override]), Facing.CONSOLE)
    assert limits.max_duration_s == REFERENCE.limits.max_duration_s


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"mass_kg": float("nan")}, "TC104", "finite"),
        ({"mass_kg": 700.0}, "TC104", "at most 250"),
        ({"mass_lb": 150.0}, "TC105", "mass_kg = 68.0389"),
        ({"own_forward_speed_kmh": 9.0, "own_forward_speed_mps": 2.5}, "TC104", "only one"),
        ({"overrides": [{"rule": "vestibular", "by": "Somebody", "role": "physiotherapist", "reason": "it will be fine"}]}, "TC104", "only a physician"),
        ({"overrides": [{"rule": "guards", "by": "Somebody", "role": "physician", "reason": "it will be fine"}]}, "TC104", "never set aside"),
        ({"overrides": [{"rule": "weekly", "by": "Somebody", "role": "physician", "reason": "ok"}]}, "TC104", "reason"),
    ],
)
def test_a_bad_person_is_one_numbered_error(options: dict[str, object], code: str, words: str) -> None:
    with pytest.raises(TreadctlError) as caught:
        person(**options)
    assert caught.value.kind.code == code
    assert words in str(caught.value)


def test_the_core_gets_mass_and_stop_answers() -> None:
    core = person(caps={"max_dizziness": 2.0, "max_heart_rate_per_min": 140.0}).core(allowance_s=600.0)
    assert (core.mass_kg, core.max_dizziness, core.max_rpe, core.max_heart_rate_per_min, core.allowance_s) == (70.0, 2.0, 17.0, 140.0, 600.0)


def test_a_compiled_program_passes_the_check_again(profile: Read) -> None:
    check_program(compile_program(profile(), REFERENCE.limits), REFERENCE.limits)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"speed_mps": 2.3}, "TC120"),
        ({"speed_mps": float("nan")}, "TC121"),
        ({"speed_mps": float("inf")}, "TC120"),
        ({"speed_mps": -0.5}, "TC121"),
        ({"grade_percent": float("nan")}, "TC121"),
        ({"grade_percent": -1.0}, "TC121"),
        ({"duration_s": float("nan")}, "TC121"),
        ({"duration_s": float("inf")}, "TC121"),
        ({"duration_s": 0.0}, "TC121"),
        ({"duration_s": 0.5}, "TC121"),
        ({"duration_s": 5000.0}, "TC120"),
    ],
)
def test_a_program_from_elsewhere_is_held_to_the_same_limits(profile: Read, changes: dict[str, float], code: str) -> None:
    program = compile_program(profile(), REFERENCE.limits)
    altered = tuple(replace(segment, **changes) if index == 1 else segment for index, segment in enumerate(program.segments))
    with pytest.raises(TreadctlError) as caught:
        check_program(replace(program, segments=altered), REFERENCE.limits)
    assert caught.value.kind.code == code


def test_a_program_without_segments_is_refused(profile: Read) -> None:
    with pytest.raises(TreadctlError, match="no segments"):
        check_program(replace(compile_program(profile(), REFERENCE.limits), segments=()), REFERENCE.limits)
