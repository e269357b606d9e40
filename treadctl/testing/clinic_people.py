"""The folder of one made-up person: facts, screenings, overrides, prescriptions, sessions and measures, in the order in which they came to be."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any, Final

import tomli_w

from treadctl.core.program import Person as CorePerson
from treadctl.prescription import REFERENCE
from treadctl.prescription.person import Screening as Questions
from treadctl.prescription.person import person_of
from treadctl.records.model import Arming, Measure, MeasureRecord, OverrideRecord, Person, Revision, Role, Screening, Session
from treadctl.testing.clinic_calendar import Calendar, Place
from treadctl.testing.clinic_cast import Aside, Ending, LastWeek, Part, Stage
from treadctl.testing.clinic_profiles import FIRST, RUNNER, Edited, edited
from treadctl.testing.clinic_series import Walker
from treadctl.testing.clinic_sessions import Feeling, Order, walk

SIGNS: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # none that are taken for another
ASKED: Final = frozenset({"severe_osteoporosis", "vestibular_dysfunction", "lumbar_problem", "ankle_problem", "knee_problem", "beta_blocker"})
KNEE_FROM_PAIN: Final = 3.5
BEGINNER_MPS2: Final = 0.1  # no faster to the next step than a beginner may
RUNNER_MPS2: Final = 0.25
SCREENED_EVERY: Final = timedelta(days=84)
MEASURED_EVERY: Final = timedelta(days=28)
CLEAN_AT_LAST: Final = 3
WISHES: Final = 0.07
UNSTEADY: Final = 0.12
ATTENDANTS: Final = (Role.STAFF, Role.PHYSIOTHERAPIST)


@dataclass(slots=True)
class Numbers:
    """The next number of each kind of record."""

    screening: Iterator[int] = field(default_factory=lambda: count(1))
    override: Iterator[int] = field(default_factory=lambda: count(1))
    prescription: Iterator[int] = field(default_factory=lambda: count(1))
    revision: Iterator[int] = field(default_factory=lambda: count(1))
    measure: Iterator[int] = field(default_factory=lambda: count(1))


def new_ids(dice: random.Random, people: int) -> tuple[str, ...]:
    """So many different pseudonyms: P and six signs."""
    found: dict[str, None] = {}
    while len(found) < people:
        found["P" + "".join(dice.choice(SIGNS) for _ in range(6))] = None
    return tuple(found)


class Folder:
    """All records of one person; `seed` decides, `part` is the kind of person."""

    def __init__(self, seed: str, number: int, person_id: str, part: Part, calendar: Calendar, place: Place, numbers: Numbers) -> None:
        self._seed = seed
        self._part = part
        self._calendar = calendar
        self._numbers = numbers
        self._dice = random.Random(seed)  # noqa: S311 - believable, not secret
        self._id = person_id
        self._place = place
        self._starts = calendar.starts(part, self._place, self._dice)
        self._created = self._first_visit()
        self._mass_kg = round(part.mass_kg + self._dice.uniform(-4.0, 4.0), 1)
        self.person = self._person(number)
        self.screenings = tuple(self._screenings())
        self.overrides = tuple(override for aside in part.asides for override in self._aside(aside))
        self.revisions, self._stages = self._prescribe()
        self.walked = self._walk()
        self.measures = tuple(self._measures())

    def _first_visit(self) -> datetime:
        calendar = self._calendar
        day = calendar.local(calendar.day_at(self._part.came), time(0, 0)) if not self._starts else self._starts[0]
        before = calendar.weekday(day.astimezone(calendar.zone).date() - timedelta(days=self._dice.randint(1, 5)))
        return calendar.local(before, time(12, self._dice.randrange(30)))

    def _person(self, number: int) -> Person:
        part = self._part
        facts: dict[str, Any] = {"format": 1, "mass_kg": self._mass_kg, "age_years": part.age_years + self._dice.randint(-1, 1)}
        facts |= {"experience": part.experience, "keep_gait": self._dice.random() < 0.5}
        if part.own_forward_kmh is not None:
            facts["own_forward_speed_kmh"] = part.own_forward_kmh
        if part.usual_minutes is not None:
            facts["usual_minutes"] = part.usual_minutes
        if part.caps:
            facts["caps"] = dict(part.caps)
        changed = self._starts[len(self._starts) // 3] if len(self._starts) > 3 else self._created
        version = 1 if changed == self._created else 2
        if part.archived:
            changed, version = self._day_after(self._starts[-1] if self._starts else self._created), version + 1
        name = f"Sample {_letters(number)}." if part.named else None
        return Person(self._id, tomli_w.dumps(facts), version, self._created, changed, name, part.note, part.archived)

    def _day_after(self, instant: datetime) -> datetime:
        return min(instant + timedelta(days=1), self._calendar.now)

    def _screenings(self) -> Iterator[Screening]:
        if not self._part.screened:
            return
        answers = {name: name == self._part.yes for name in Questions.model_fields if name in ASKED}
        if "knee_problem" in answers:
            answers["knee_problem"] = self._part.pain[0] >= KNEE_FROM_PAIN
        at = self._created + timedelta(minutes=10)
        until = self._starts[-1] if self._starts else self._created + timedelta(hours=1)
        role = Role.PHYSICIAN if self._part.yes else Role.PHYSIOTHERAPIST
        while at < until:
            yield Screening(next(self._numbers.screening), self._id, at, role.value, role, answers)
            local = (at + SCREENED_EVERY).astimezone(self._calendar.zone)
            at = self._calendar.local(self._calendar.weekday(local.date()), local.time())

    def _aside(self, aside: Aside) -> Iterator[OverrideRecord]:
        at = self._created + timedelta(minutes=20)
        first = OverrideRecord(next(self._numbers.override), self._id, aside.rule, aside.role.value, aside.role, aside.reason, at)
        if aside.again_by is None or len(self._starts) < 4:
            yield first
            return
        role, again = aside.again_by, self._starts[len(self._starts) // 2] - timedelta(minutes=25)
        yield OverrideRecord(first.id, self._id, aside.rule, first.by, first.role, first.reason, at, again, role.value)
        yield OverrideRecord(next(self._numbers.override), self._id, aside.rule, role.value, role, f"Seen again: {aside.reason}", again)

    def _prescribe(self) -> tuple[tuple[Revision, ...], list[tuple[Stage, Edited, int]]]:
        """The revisions, and for each session its stage, profile and revision."""
        revisions: list[Revision] = []
        of_session: list[tuple[Stage, Edited, int]] = []
        total, number, prescription = len(self._starts), 0, 0
        profile = ""
        for stage in self._part.stages:
            first = len(of_session)
            if revisions and first == total:
                break  # they have not come so far
            if stage.profile != profile:
                prescription, number, profile = next(self._numbers.prescription), 0, stage.profile
            number += 1
            at = self._starts[first] - timedelta(minutes=15) if total else self._created + timedelta(minutes=25)
            made = edited(stage.profile, stage.top_kmh, stage.minutes)
            revisions.append(self._revision(made, prescription, number, at, stage))
            last = total if stage is self._part.stages[-1] else min(total, max(first + 1, round(stage.until * total)))
            of_session += [(stage, made, revisions[-1].id)] * (last - first)
        return self._withdrawn(revisions), of_session

    def _revision(self, made: Edited, prescription: int, number: int, at: datetime, stage: Stage) -> Revision:
        sha256 = hashlib.sha256(made.text.encode("utf-8")).hexdigest()
        note = "" if number == 1 else f"Up to {stage.top_kmh:g} km/h."
        by = Role.PHYSIOTHERAPIST
        return Revision(next(self._numbers.revision), prescription, number, self._id, made.profile.title, made.text, sha256, by.value, by, at, note)

    def _withdrawn(self, revisions: list[Revision]) -> tuple[Revision, ...]:
        """A prescription is withdrawn when another takes its place, or when the person may not or will not go on."""
        ended: list[Revision] = []
        gone = self._created + timedelta(minutes=40) if self._part.screened and not self._part.walks else None
        if self._part.archived:
            gone = self.person.changed_at
        for revision in revisions:
            later = next((other.at for other in revisions if other.prescription_id > revision.prescription_id), gone)
            ended.append(_with_end(revision, later))
        return tuple(ended)

    def _walk(self) -> tuple[tuple[Session, Arming], ...]:
        total = len(self._starts)
        core = person_of(self.person.facts, self._id).core()
        endings = {min(total - 1, round(share * total)): ending for share, ending in self._part.endings.items()}
        return tuple(walk(self._order(number, total, core, endings.get(number)), f"{self._seed} {number}") for number in range(total))

    def _order(self, number: int, total: int, core: CorePerson, ending: Ending | None) -> Order:
        stage, made, revision_id = self._stages[number]
        dice, start = self._dice, self._starts[number]
        luck, held, attendant = dice.random(), dice.random(), dice.choice(ATTENDANTS)
        clean = ending is not None or (number >= total - CLEAN_AT_LAST and self._part.last_week is not LastWeek.ANY)
        share = number / max(1, total - 1)
        slope = RUNNER_MPS2 if stage.profile == RUNNER else BEGINNER_MPS2
        return Order(
            number, self._id, revision_id, made, self._place.machine, start, attendant.value, core, min(slope, REFERENCE.limits.max_acceleration_mps2),
            self._walker(share), self._feeling(share), self._rules_aside(start), ending,
            unsteady=0 if clean else int(held < UNSTEADY) + int(held < UNSTEADY / 4), wish=not clean and luck < WISHES and stage.profile != FIRST,
        )  # fmt: skip

    def _rules_aside(self, at: datetime) -> tuple[str, ...]:
        return tuple(o.rule for o in self.overrides if o.at <= at and (o.withdrawn_at is None or o.withdrawn_at > at))

    def _walker(self, share: float) -> Walker:
        part, dice = self._part, self._dice
        return Walker(
            rail_percent=_between(part.rail_percent, share) * dice.uniform(0.9, 1.1),
            left_share=0.5 + dice.uniform(-0.02, 0.02) + 0.06 * (1.0 - share),
            resting_per_min=_between(part.resting_heart_rate_per_min, share) + dice.uniform(-3.0, 5.0),
            per_kmh=part.heart_rate_per_kmh,
            strap=part.strap and dice.random() > 0.05,
            cadence_cv_percent=round(2.0 * (5.0 - 2.0 * share + dice.uniform(-0.5, 0.5))) / 2.0,
        )

    def _feeling(self, share: float) -> Feeling:
        part, dice = self._part, self._dice
        return Feeling(
            rpe=dice.uniform(11.5, 13.5) - share, dizziness=_between(part.dizziness, share) + dice.uniform(0.0, 0.4), pain=_between(part.pain, share),
        )  # fmt: skip

    def _measures(self) -> Iterator[MeasureRecord]:
        part, calendar, dice = self._part, self._calendar, self._dice
        begun = self._created.astimezone(calendar.zone).date()
        last = (self._starts[-1] if self._starts else self._created).astimezone(calendar.zone).date()
        days = [calendar.weekday(begun + MEASURED_EVERY * number) for number in range((last - begun).days // MEASURED_EVERY.days + 1)]
        for day in days:
            share = _share(begun, day, last)
            kept = {
                Measure.BACKWARD_WALK_3M_S: round(_between(part.walk_3m_s, share) * dice.uniform(0.97, 1.03), 2),
                Measure.ABC_PERCENT: round(min(100.0, _between(part.abc_percent, share) + dice.uniform(-1.5, 1.5)), 1),
                Measure.BODY_MASS_KG: round(self._mass_kg + 1.0 - share + dice.uniform(-0.4, 0.4), 1),
                Measure.RESTING_HEART_RATE_PER_MIN: float(round(_between(part.resting_heart_rate_per_min, share) + dice.uniform(-1.5, 1.5))),
            }
            for measure, value in kept.items():
                yield MeasureRecord(next(self._numbers.measure), self._id, measure, value, day, Role.PHYSIOTHERAPIST.value)


def _with_end(revision: Revision, at: datetime | None) -> Revision:
    r = revision
    return Revision(r.id, r.prescription_id, r.number, r.person_id, r.title, r.text, r.sha256, r.by, r.role, r.at, r.note, at)


def _between(ends: tuple[float, float], share: float) -> float:
    """Most of a change comes early."""
    return ends[0] + (ends[1] - ends[0]) * math.pow(share, 0.7)


def _share(first: date, day: date, last: date) -> float:
    return min(1.0, max(0.0, (day - first).days / max(1, (last - first).days)))


def _letters(number: int) -> str:
    return ("" if number < 26 else _letters(number // 26 - 1)) + chr(ord("A") + number % 26)
