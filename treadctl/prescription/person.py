"""The person on the belt: what is known of them, and the caps that follow. Caps only ever tighten the machine's limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from treadctl.config.problems import Strict, complaint, validate
from treadctl.config.toml_file import parse_toml, read_toml
from treadctl.core.limits import Limits, tighter
from treadctl.core.program import Person as CorePerson
from treadctl.core.sample import Facing
from treadctl.core.units import mps_from_kmh
from treadctl.prescription.history import History, HistorySection
from treadctl.prescription.predicates import ANSWER_LIMITS, Case
from treadctl.prescription.rules import ROWS, Row, authority_of, caps_of, may_set_aside
from treadctl.prescription.words import NO_CAP, Authority, Cap, Experience, Rule, limits_of

__all__ = [
    "NO_CAP",
    "Cap",
    "Caps",
    "Experience",
    "Override",
    "Person",
    "Rule",
    "Screening",
    "load_person",
    "person_caps",
    "person_from_options",
    "person_limits",
    "session_limits",
]
ANSWERS: Final = frozenset(ANSWER_LIMITS)


class Screening(Strict):
    """[screening]: the questions asked before the first session. Each must be answered."""

    severe_osteoporosis: bool = Field(description="severe osteoporosis: backward training is refused")
    vestibular_dysfunction: bool = Field(description="disorder of the sense of balance: backward training is refused")
    lumbar_problem: bool = Field(description="trouble of the lower back: slower, level, and a clinician decides")
    ankle_problem: bool = Field(description="trouble of an ankle: slower, level, and pain is asked about during and after")
    knee_problem: bool | None = Field(None, description="trouble of a knee: walking only, and pain is asked about; left out = not asked yet")
    beta_blocker: bool | None = Field(None, description="takes a beta-blocker: no limit of heart rate follows from age; left out = not asked yet")
    answered_on: date | None = Field(None, description="day on which these were answered; older than 183 days refuses; left out = not known")


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

    @property
    def speed_mps(self) -> float | None:
        """The highest belt speed, m/s, None where none is set."""
        return self.max_speed_mps if self.max_speed_kmh is None else mps_from_kmh(self.max_speed_kmh)


class Override(Strict):
    """[[overrides]]: a rule set aside by a clinician, by name and with the reason. It is recorded with the session."""

    rule: Annotated[Rule, Field(strict=False)] = Field(description="which rule")
    by: Annotated[str, Field(min_length=2)] = Field(description="name of the clinician")
    role: Literal["physician", "physiotherapist"] = Field(description="role of the clinician")
    reason: Annotated[str, Field(min_length=10)] = Field(description="why, in a sentence")

    @model_validator(mode="after")
    def _allowed(self) -> Self:
        if may_set_aside(self.rule, self.role):
            return self
        if authority_of(self.rule) is Authority.NOBODY:
            raise complaint("rule", f"{self.rule.value} is never set aside")
        raise complaint("role", f"only a {authority_of(self.rule).value} may set {self.rule.value} aside")


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
    history: HistorySection | None = Field(None, description="what the record knows of earlier sessions; written by the console")
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

    @property
    def record(self) -> History:
        """What this file says of earlier sessions; of two counts of the week the higher."""
        return with_week(self.history.history() if self.history is not None else History(), self.sessions_last_7_days)

    def core(self, allowance_s: float | None = None, history: History | None = None, rows: tuple[Row, ...] = ROWS) -> CorePerson:
        """What the core must know: mass and the tightest answer limits. `allowance_s` is what the record says is left of the week, s."""
        limits: dict[str, float] = {}
        for cap in person_caps(self, Facing.CONSOLE, history, rows=rows):
            if cap.field in ANSWERS:
                value = cap.value if cap.value >= 0.0 else 0.0
                limits[cap.field] = min(value, limits.get(cap.field, value))
        return CorePerson(self.mass_kg, allowance_s=allowance_s, **limits)


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


def with_week(history: History, sessions_last_7_days: int | None) -> History:
    """The history with the higher of two counts of the week; None is not known."""
    counts = [count for count in (history.sessions_last_7_days, sessions_last_7_days) if count is not None]
    return replace(history, sessions_last_7_days=max(counts, default=None))


def case_of(person: Person, history: History | None, day: date | None) -> Case:
    """The case of a person: their record as given, else as their file has it."""
    return Case(person, person.record if history is None else with_week(history, person.sessions_last_7_days), day)


def person_caps(person: Person, facing: Facing, history: History | None = None, day: date | None = None, *, rows: tuple[Row, ...] = ROWS) -> tuple[Cap, ...]:
    """Every cap that follows from what is known of the person, rules set aside left out.

    Speed caps are for backward gait: the belt's reverse for a person facing the console, its forward for one facing the rear. The other
    direction is capped at the own usual forward speed where it is known. Without `history` the person file's own is used.
    """
    return caps_of(case_of(person, history, day), facing, rows)


def person_limits(person: Person, facing: Facing, history: History | None = None, day: date | None = None) -> Limits:
    """The person's caps as limits; infinite where there is no cap. Use `session_limits` for what a session may do."""
    return limits_of(person_caps(person, facing, history, day))


def session_limits(machine: Limits, person: Person | None, facing: Facing, history: History | None = None, day: date | None = None) -> Limits:
    """The tighter of machine and person: finite, and what a session is armed with."""
    return machine if person is None else tighter(machine, person_limits(person, facing, history, day))
