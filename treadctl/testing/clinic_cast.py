"""Who walks in the sample clinic: one row for each kind of person, with what a page, a report or a rule must be able to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from treadctl.records.model import Role
from treadctl.testing.clinic_profiles import ATHLETE, FIRST, KNEE, RUNNER


class LastWeek(StrEnum):
    """What the seven days before now are to leave of the person's week."""

    ANY = "any"
    FREE = "free"  # at most one session in them, and the last sessions without an event
    FULL = "full"  # two sessions in them


class Ending(StrEnum):
    """How a session of the script ends before its program does; the others end with it, or now and then by a wish."""

    IMBALANCE = "imbalance"
    DIZZINESS = "dizziness"


@dataclass(frozen=True, slots=True)
class Stage:
    """A revision of the prescription, in use until this share of the person's sessions."""

    profile: str
    top_kmh: float
    until: float = 1.0
    minutes: float | None = None


@dataclass(frozen=True, slots=True)
class Aside:
    """A rule set aside; `again_by` = that was withdrawn after a while and decided anew by somebody of that role."""

    rule: str
    role: Role
    reason: str
    again_by: Role | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of person. Shares count from 0 (the clinic's first day) to 1 (now); pairs are (at first, at last).

    `rail_percent` is the load on both rails where the hands are on; `endings` says at which share of the person's sessions something happens.
    """

    age_years: int
    mass_kg: float
    stages: tuple[Stage, ...]
    experience: str = "walker"
    own_forward_kmh: float | None = 5.0
    usual_minutes: float | None = 40.0
    named: bool = True
    note: str = ""
    screened: bool = True
    yes: str = ""
    asides: tuple[Aside, ...] = ()
    caps: Mapping[str, float] = field(default_factory=dict)
    came: float = 0.0
    left: float = 1.0
    archived: bool = False
    per_week: int = 2
    last_week: LastWeek = LastWeek.ANY
    walks: bool = True
    endings: Mapping[float, Ending] = field(default_factory=dict)
    rail_percent: tuple[float, float] = (13.0, 4.0)
    dizziness: tuple[float, float] = (2.5, 0.3)
    pain: tuple[float, float] = (1.0, 0.5)
    resting_heart_rate_per_min: tuple[float, float] = (74.0, 70.0)
    heart_rate_per_kmh: float = 10.0
    strap: bool = True
    walk_3m_s: tuple[float, float] = (5.6, 3.9)
    abc_percent: tuple[float, float] = (68.0, 81.0)


_TRIAL: Final = "The published dose for osteoarthritis of the knee is three sessions a week."
_BACK: Final = "Lower back without pain for months; slow and level backward walking agreed with the person."
_KNEE_COURSE: Final = (Stage(FIRST, 1.7, 0.2), Stage(KNEE, 1.8, 0.6, 3.5), Stage(KNEE, 2.2))
_PAIN: Final = (4.0, 1.5)

CAST: Final = (
    Part(58, 81.0, _KNEE_COURSE, caps={"max_speed_kmh": 3.0, "max_dizziness": 3.0}, last_week=LastWeek.FREE, pain=_PAIN, note="Prefers mornings."),
    Part(
        61, 76.0, (Stage(FIRST, 1.7, 0.12), Stage(KNEE, 2.0, 0.5), Stage(KNEE, 2.4)), came=0.25, per_week=3, pain=_PAIN,
        asides=(Aside("weekly", Role.PHYSIOTHERAPIST, _TRIAL),), rail_percent=(15.0, 4.5),
    ),
    Part(66, 70.0, (Stage(FIRST, 1.7),), "first", yes="vestibular_dysfunction", came=0.7, walks=False, walk_3m_s=(7.9, 7.8), abc_percent=(52.0, 52.0)),
    Part(44, 68.0, (Stage(FIRST, 2.0),), "first", None, None, screened=False, came=0.98, walks=False, note="Came by referral; screening still to be done."),
    Part(67, 73.0, _KNEE_COURSE, named=False, last_week=LastWeek.FULL, rail_percent=(16.0, 6.0), pain=_PAIN, walk_3m_s=(6.4, 4.4), abc_percent=(61.0, 74.0)),
    Part(52, 88.0, _KNEE_COURSE, left=0.6, archived=True, pain=_PAIN, note="Course finished."),
    Part(
        72, 66.0, (Stage(FIRST, 1.4, 0.3), Stage(KNEE, 1.5, 0.7, 3.0), Stage(KNEE, 1.8, 1.0, 3.0)), endings={0.3: Ending.IMBALANCE, 0.75: Ending.IMBALANCE},
        rail_percent=(19.0, 8.0), dizziness=(3.0, 1.0), walk_3m_s=(7.2, 5.2), abc_percent=(54.0, 67.0), note="Walk beside, on the left.",
    ),
    Part(
        27, 71.0, (Stage(ATHLETE, 3.2, 0.3), Stage(ATHLETE, 3.8, 0.6), Stage(ATHLETE, 4.4)), "runner", 12.0, 60.0, named=False, came=0.15,
        last_week=LastWeek.FREE, rail_percent=(7.0, 2.4), dizziness=(1.5, 0.0), pain=(0.3, 0.0), resting_heart_rate_per_min=(58.0, 55.0),
        walk_3m_s=(2.9, 2.3), abc_percent=(96.0, 98.0),
    ),
    Part(
        34, 64.0, (Stage(RUNNER, 6.5, 0.35), Stage(RUNNER, 7.0, 0.7), Stage(RUNNER, 7.5)), "runner", 13.5, 75.0, came=0.3, rail_percent=(6.0, 2.2),
        dizziness=(1.5, 0.0), pain=(0.5, 0.2), resting_heart_rate_per_min=(54.0, 51.0), walk_3m_s=(2.6, 2.0), abc_percent=(97.0, 99.0),
        note="Brings a record of backward walking from elsewhere.",
    ),
    Part(
        49, 92.0, (Stage(FIRST, 1.7, 0.3), Stage(KNEE, 1.8, 1.0, 3.5)), yes="lumbar_problem", came=0.1, strap=False,
        asides=(Aside("lumbar", Role.PHYSIOTHERAPIST, _BACK, again_by=Role.PHYSICIAN),), caps={"max_speed_kmh": 2.5, "max_pain": 4.0},
    ),
    Part(39, 59.0, (Stage(FIRST, 2.0),), "first", 5.5, 30.0, named=False, came=0.8, per_week=1, last_week=LastWeek.FREE, walk_3m_s=(4.2, 3.9)),
    Part(55, 79.0, _KNEE_COURSE, yes="ankle_problem", came=0.2, endings={0.15: Ending.DIZZINESS}, dizziness=(3.0, 0.8), pain=(3.0, 1.0)),
    Part(
        23, 77.0, (Stage(ATHLETE, 3.2, 0.4), Stage(ATHLETE, 3.8)), "runner", 13.0, 60.0, named=False, came=0.4, endings={0.5: Ending.IMBALANCE}, strap=False,
        rail_percent=(8.0, 3.0), dizziness=(1.5, 0.0), pain=(0.2, 0.0), resting_heart_rate_per_min=(60.0, 57.0), walk_3m_s=(3.1, 2.5), abc_percent=(95.0, 97.0),
    ),
    Part(63, 84.0, _KNEE_COURSE, per_week=1, last_week=LastWeek.FREE, pain=_PAIN, walk_3m_s=(5.9, 4.6)),
)  # fmt: skip
