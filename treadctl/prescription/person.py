"""The person on the belt: what is known of them, and the caps that follow. Caps only ever tighten the machine's limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from treadctl.config.problems import Strict, complaint, validate
from treadctl.config.toml_file import parse_toml, read_toml
from treadctl.core.limits import Limits, tighter
from treadctl.core.program import Person as CorePerson
from treadctl.core.sample import Facing
from treadctl.core.units import mps_from_kmh

NO_CAP: Final = Limits(**{field.name: math.inf for field in fields(Limits)})
BEGINNER_CAP_MPS: Final = mps_from_kmh(3.0)  # derived: our default
WALKER_CAP_MPS: Final = mps_from_kmh(5.5)  # derived: below the backward walk-to-run change at 5.9 km/h (Hreljac 2005)
OWN_SPEED_SHARE: Final = 0.70  # Sterzing 2016: backward running done at 70 % of the own preferred forward speed
BEGINNER_ACCELERATION_MPS2: Final = 0.10  # derived: our default
OLDER_FROM_YEARS: Final = 65  # unverified: our default
HALF_OF_USUAL: Final = 0.5
SESSIONS_PER_WEEK: Final = 2


class Rule(StrEnum):
    """A rule about the person. The name is what an override names."""

    OSTEOPOROSIS = "osteoporosis"
    VESTIBULAR = "vestibular"
    SCREENING = "screening"
    LUMBAR = "lumbar"
    ANKLE = "ankle"
    EXPERIENCE = "experience"
    AGE = "age"
    HANDS = "hands"
    HALF_TIME = "half_time"
    WEEKLY = "weekly"
    CAPS = "caps"
    GUARDS = "guards"


PHYSICIAN_ONLY: Final = frozenset({Rule.OSTEOPOROSIS, Rule.VESTIBULAR})
NEVER_OVERRIDDEN: Final = frozenset({Rule.CAPS, Rule.GUARDS})


class Experience(StrEnum):
    """How used to going backward on a belt the person is."""

    FIRST = "first"
    WALKER = "walker"
    RUNNER = "runner"


class Screening(Strict):
    """[screening]: the questions asked before the first session. Each must be answered."""

    severe_osteoporosis: bool = Field(description="severe osteoporosis: backward training is refused")
    vestibular_dysfunction: bool = Field(description="disorder of the sense of balance: backward training is refused")
    lumbar_problem: bool = Field(description="trouble of the lower back: slower, level, and a clinician decides")
    ankle_problem: bool = Field(description="trouble of an ankle: ask about pain during and after")


class Caps(Strict):
    """[caps]: what a clinician lowers for this person."""

    max_speed_kmh: Annotated[float, Field(gt=0.0, le=40.0)] | None = Field(None, description="highest belt speed, km/h")
    max_speed_mps: Annotated[float, Field(gt=0.0, le=12.0)] | None = Field(None, description="highest belt speed, m/s")
    max_grade_percent: Annotated[float, Field(ge=0.0, le=30.0)] | None = Field(None, description="steepest grade, percent")
    max_acceleration_mps2: Annotated[float, Field(gt=0.0, le=1.0)] | None = Field(None, description="steepest speeding-up, m/s²")
    max_minutes: Annotated[float, Field(gt=0.0, le=240.0)] | None = Field(None, description="longest time on the moving belt, min")
    max_rpe: Annotated[float, Field(ge=6.0, le=20.0)] = Field(17.0, description="exertion (Borg 6-20) at which the belt stops")
    max_dizziness: Annotated[float, Field(gt=0.0, le=10.0)] = Field(4.0, description="dizziness (0-10) at which the belt stops")
    max_pain: Annotated[float, Field(gt=0.0, le=10.0)] = Field(5.0, description="pain (0-10) at which the belt stops")
    max_breathing: Annotated[float, Field(gt=0.0, le=10.0)] = Field(7.0, description="breathlessness (0-10) at which the belt stops")
    max_heart_rate_per_min: Annotated[float, Field(ge=40.0, le=240.0)] | None = Field(None, description="heart rate at which the belt stops, 1/min")

    @model_validator(mode="after")
    def _one_speed(self) -> Self:
        if self.max_speed_kmh is not None and self.max_speed_mps is not None:
            raise complaint("max_speed_mps", "max_speed_kmh is already there; give only one")
        return self


class Override(Strict):
    """[[overrides]]: a rule set aside by a clinician, by name and with the reason. It is recorded with the session."""

    rule: Annotated[Rule, Field(strict=False)] = Field(description="which rule")
    by: Annotated[str, Field(min_length=2)] = Field(description="name of the clinician")
    role: Literal["physician", "physiotherapist"] = Field(description="role of the clinician")
    reason: Annotated[str, Field(min_length=10)] = Field(description="why, in a sentence")

    @model_validator(mode="after")
    def _allowed(self) -> Self:
        if self.rule in NEVER_OVERRIDDEN:
            raise complaint("rule", f"{self.rule.value} is never set aside")
        if self.rule in PHYSICIAN_ONLY and self.role != "physician":
            raise complaint("role", f"only a physician may set {self.rule.value} aside")
        return self


class Person(Strict):
    """A person file, format 1. It holds no name: the record keeps who it is."""

    format: Literal[1] = Field(description="version of this format")
    mass_kg: Annotated[float, Field(ge=20.0, le=250.0)] = Field(description="body mass, kg; rail loads are judged in percent of it")
    age_years: Annotated[int, Field(ge=5, le=110)] | None = Field(None, description="age, years")
    experience: Annotated[Experience, Field(strict=False)] = Field(Experience.FIRST, description="with going backward: first, walker or runner")
    own_forward_speed_kmh: Annotated[float, Field(gt=0.0, le=40.0)] | None = Field(None, description="own usual forward speed, km/h")
    own_forward_speed_mps: Annotated[float, Field(gt=0.0, le=12.0)] | None = Field(None, description="own usual forward speed, m/s")
    usual_minutes: Annotated[float, Field(gt=0.0, le=480.0)] | None = Field(None, description="usual length of their own forward session, min")
    sessions_last_7_days: Annotated[int, Field(ge=0, le=50)] | None = Field(None, description="backward sessions in the last seven days")
    screening: Screening | None = Field(None, description="answers to the screening questions")
    keep_gait: bool = Field(False, description="the person consents that figures of their gait are kept beside this file and used on other days")
    caps: Caps = Field(default_factory=Caps, description="what a clinician lowers")
    overrides: Annotated[tuple[Override, ...], Field(strict=False)] = Field((), description="rules set aside by a clinician")

    @model_validator(mode="after")
    def _one_own_speed(self) -> Self:
        if self.own_forward_speed_kmh is not None and self.own_forward_speed_mps is not None:
            raise complaint("own_forward_speed_mps", "own_forward_speed_kmh is already there; give only one")
        return self

    @property
    def own_speed_mps(self) -> float | None:
        """The own usual forward speed, m/s, None where unknown."""
        if self.own_forward_speed_kmh is not None:
            return mps_from_kmh(self.own_forward_speed_kmh)
        return self.own_forward_speed_mps

    def sets_aside(self, rule: Rule) -> bool:
        """Whether a clinician has set that rule aside."""
        return any(override.rule is rule for override in self.overrides)

    def core(self, allowance_s: float | None = None) -> CorePerson:
        """What the core must know. `allowance_s` is what the record says is left of the week, s."""
        caps = self.caps
        return CorePerson(self.mass_kg, caps.max_rpe, caps.max_dizziness, caps.max_pain, caps.max_breathing, caps.max_heart_rate_per_min, allowance_s)


@dataclass(frozen=True, slots=True)
class Cap:
    """One cap on one of the limits: the field of `Limits`, its value, the rule and the reason in words."""

    field: str
    value: float
    rule: Rule
    reason: str


def load_person(path: Path | str) -> Person:
    """Read and check a person file. Raises the TreadctlError (TC100 to TC111) of the first thing wrong."""
    source = read_toml(Path(path))
    return validate(Person, source.table, source.place)


def person_of(text: str, place: str) -> Person:
    """A person that came as text; the same checks and errors, which name `place`."""
    return validate(Person, parse_toml(text.encode("utf-8"), place), place)


def person_from_options(options: Mapping[str, object]) -> Person:
    """A person from single values, such as those of the command line; None means not given. Errors name the option's key."""
    table = {"format": 1} | {key: value for key, value in options.items() if value is not None}
    return validate(Person, table, "person")


def person_caps(person: Person, facing: Facing) -> tuple[Cap, ...]:
    """Every cap that follows from what is known of the person, rules set aside left out.

    Speed caps are for backward gait: the belt's reverse for a person facing the console, its forward for one facing the rear. The other
    direction is capped at the own usual forward speed where it is known.
    """
    backward, ahead = ("max_speed_reverse_mps", "max_speed_forward_mps")[:: 1 if facing is Facing.CONSOLE else -1]
    caps = [*_experience_caps(person, backward), *_clinician_caps(person)]
    if person.own_speed_mps is not None:
        caps.append(Cap(backward, OWN_SPEED_SHARE * person.own_speed_mps, Rule.EXPERIENCE, "70 % of the own forward speed"))
        caps.append(Cap(ahead, person.own_speed_mps, Rule.EXPERIENCE, "the own forward speed"))
    if person.age_years is not None and person.age_years >= OLDER_FROM_YEARS:
        caps.append(Cap(backward, BEGINNER_CAP_MPS, Rule.AGE, f"{OLDER_FROM_YEARS} years or older"))
    if person.screening is not None and person.screening.lumbar_problem:
        caps.append(Cap(backward, BEGINNER_CAP_MPS, Rule.LUMBAR, "trouble of the lower back"))
        caps.append(Cap("max_grade_percent", 0.0, Rule.LUMBAR, "trouble of the lower back"))
    if person.usual_minutes is not None:
        caps.append(Cap("max_duration_s", HALF_OF_USUAL * person.usual_minutes * 60.0, Rule.HALF_TIME, "half of the own usual session"))
    return tuple(cap for cap in caps if not person.sets_aside(cap.rule))


def person_limits(person: Person, facing: Facing) -> Limits:
    """The person's caps as limits; infinite where there is no cap. Use `session_limits` for what a session may do."""
    limits = NO_CAP
    for cap in person_caps(person, facing):
        limits = tighter(limits, replace(NO_CAP, **{cap.field: cap.value}))
    return limits


def session_limits(machine: Limits, person: Person | None, facing: Facing) -> Limits:
    """The tighter of machine and person: finite, and what a session is armed with."""
    return machine if person is None else tighter(machine, person_limits(person, facing))


def _experience_caps(person: Person, backward: str) -> list[Cap]:
    if person.experience is Experience.FIRST:
        return [
            Cap(backward, BEGINNER_CAP_MPS, Rule.EXPERIENCE, "first sessions"),
            Cap("max_grade_percent", 0.0, Rule.EXPERIENCE, "first sessions"),
            Cap("max_acceleration_mps2", BEGINNER_ACCELERATION_MPS2, Rule.EXPERIENCE, "first sessions"),
        ]
    if person.experience is Experience.WALKER or person.own_speed_mps is None:
        return [Cap(backward, WALKER_CAP_MPS, Rule.EXPERIENCE, "walking; a runner's own forward speed must be known")]
    return []


def _clinician_caps(person: Person) -> list[Cap]:
    caps, found = person.caps, list[tuple[str, float]]()
    speed_mps = caps.max_speed_mps if caps.max_speed_kmh is None else mps_from_kmh(caps.max_speed_kmh)
    if speed_mps is not None:
        found += [("max_speed_reverse_mps", speed_mps), ("max_speed_forward_mps", speed_mps)]
    if caps.max_grade_percent is not None:
        found.append(("max_grade_percent", caps.max_grade_percent))
    if caps.max_acceleration_mps2 is not None:
        found.append(("max_acceleration_mps2", caps.max_acceleration_mps2))
    if caps.max_minutes is not None:
        found.append(("max_duration_s", caps.max_minutes * 60.0))
    return [Cap(field, value, Rule.CAPS, "lowered by a clinician") for field, value in found]
