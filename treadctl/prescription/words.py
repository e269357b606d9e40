"""The words that rules, predicates and person files share: names of rules, experience, who may decide, and caps."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Final

from treadctl.core.limits import Limits, tighter

NO_CAP: Final = Limits(**{field.name: math.inf for field in fields(Limits)})
_LIMIT_NAMES: Final = frozenset(field.name for field in fields(Limits))


class Rule(StrEnum):
    """A rule about the person. The name is what an override names; several rows of the table may belong to one rule."""

    SCREENING = "screening"
    OSTEOPOROSIS = "osteoporosis"
    VESTIBULAR = "vestibular"
    LUMBAR = "lumbar"
    LUMBAR_LIMITS = "lumbar_limits"
    ANKLE = "ankle"
    KNEE = "knee"
    BETA_BLOCKER = "beta_blocker"
    HEART_RATE = "heart_rate"
    AGE = "age"
    ATTENDANCE = "attendance"
    EXPERIENCE = "experience"
    GRADE = "grade"
    MINI_RAMP = "mini_ramp"
    QUESTIONS = "questions"
    BLOCKS = "blocks"
    HANDS = "hands"
    HALF_TIME = "half_time"
    WEEKLY = "weekly"
    PROGRESS = "progress"
    RECORD = "record"
    CAPS = "caps"
    GUARDS = "guards"


class Experience(StrEnum):
    """How used to going backward on a belt the person is."""

    FIRST = "first"
    WALKER = "walker"
    RUNNER = "runner"


class Authority(StrEnum):
    """Who may set a rule aside for one person, by name and with a reason."""

    NOBODY = "nobody"
    PHYSICIAN = "physician"
    CLINICIAN = "physiotherapist or physician"

    def allows(self, role: str) -> bool:
        """Whether somebody of that role may decide; a role that is not known may not."""
        return role in {Authority.PHYSICIAN: {"physician"}, Authority.CLINICIAN: {"physician", "physiotherapist"}}.get(self, set())


@dataclass(frozen=True, slots=True)
class Cap:
    """One cap: a field of `Limits` or of the core's `Person`, its value in that field's unit, the rule and the reason in words."""

    field: str
    value: float
    rule: Rule
    reason: str


def limits_of(caps: tuple[Cap, ...]) -> Limits:
    """The caps as limits, infinite where there is none. A cap that is NaN allows nothing."""
    limits = NO_CAP
    for cap in caps:
        if cap.field in _LIMIT_NAMES:
            limits = tighter(limits, replace(NO_CAP, **{cap.field: cap.value}))
    return limits


def known(figure: float | None) -> float | None:
    """The figure where it is one: a NaN, an infinity or a negative number is not known."""
    return figure if figure is not None and math.isfinite(figure) and figure >= 0.0 else None
