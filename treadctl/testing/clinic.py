"""A small clinic made from a seed: people, screenings, prescriptions, three months of sessions. For the demonstration, for tests and for benchmarks.

Nobody in it is real. There is no clock and no database in here: now and the zone are arguments, and what comes back are the plain values of the records.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final

from treadctl.records.model import (
    Arming,
    MeasureRecord,
    OverrideRecord,
    Person,
    ProofTest,
    Revision,
    Role,
    Screening,
    Session,
    SessionHead,
    User,
)
from treadctl.testing.clinic_calendar import MACHINES, Calendar
from treadctl.testing.clinic_cast import CAST
from treadctl.testing.clinic_many import many_sessions
from treadctl.testing.clinic_people import Folder, Numbers, new_ids

__all__ = ["LEAST_DAYS", "Clinic", "make_clinic", "many_sessions"]

LEAST_DAYS: Final = 28
PROVED: Final = time(7, 45)
KINDS: Final = (("pull_cord", 0.0), ("emergency_stop", 40.0))
FAILS: Final = 0.01
LAPSE_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Clinic:
    """Everything the clinic's records hold, the audit trail aside: the store writes that. Each tuple is in order of id, or of time where there is none."""

    now: datetime
    users: tuple[User, ...]
    persons: tuple[Person, ...]
    screenings: tuple[Screening, ...]
    overrides: tuple[OverrideRecord, ...]
    revisions: tuple[Revision, ...]
    armings: tuple[Arming, ...]
    sessions: tuple[Session, ...]
    measures: tuple[MeasureRecord, ...]
    proof_tests: tuple[ProofTest, ...]

    @property
    def heads(self) -> tuple[SessionHead, ...]:
        """The sessions as a list shows them, oldest first."""
        return tuple(session.head for session in self.sessions)


def make_clinic(seed: int, now: datetime, zone: tzinfo, people: int = 14, days: int = 90) -> Clinic:
    """The clinic of that seed as it stands at `now` (aware), after `days` days of work in `zone`. The same arguments give the same clinic.

    The first fourteen people are fourteen different cases, see `clinic_cast`; more people are such cases again, fewer are the first of them.
    ValueError for a naive `now`, fewer days than `LEAST_DAYS`, or more people than two machines have time for (about fifty).
    """
    if now.tzinfo is None:
        raise ValueError("now must be aware of its zone")
    if days < LEAST_DAYS:
        raise ValueError(f"at least {LEAST_DAYS} days: a shorter clinic has no weeks to tell of")
    calendar = Calendar(now, zone, days)
    numbers = Numbers()
    ids = new_ids(random.Random(f"{seed} ids"), people)  # noqa: S311 - pseudonyms of nobody
    parts = [CAST[number % len(CAST)] for number in range(people)]
    dice = random.Random(f"{seed} places")  # noqa: S311 - believable, not secret
    places = [calendar.place(part, dice) for part in parts]
    folders = [
        Folder(f"{seed} {number}", number, person_id, part, calendar, place, numbers)
        for number, (person_id, part, place) in enumerate(zip(ids, parts, places, strict=True))
    ]
    walked = sorted((pair for folder in folders for pair in folder.walked), key=_started)
    return Clinic(
        now=now.astimezone(UTC),
        users=_users(calendar),
        persons=tuple(folder.person for folder in folders),
        screenings=tuple(screening for folder in folders for screening in folder.screenings),
        overrides=tuple(override for folder in folders for override in folder.overrides),
        revisions=tuple(revision for folder in folders for revision in folder.revisions),
        armings=tuple(arming for _, arming in walked),
        sessions=tuple(session for session, _ in walked),
        measures=tuple(measure for folder in folders for measure in folder.measures),
        proof_tests=_proof_tests(calendar, random.Random(f"{seed} proofs")),  # noqa: S311 - believable, not secret
    )


def _started(pair: tuple[Session, Arming]) -> tuple[datetime, str]:
    head = pair[0].head
    return head.started_at, head.id


def _users(calendar: Calendar) -> tuple[User, ...]:
    """One for each role; the login is the role's name."""
    created = calendar.local(calendar.first_day - timedelta(days=7), time(12, 0))
    seen = calendar.local(calendar.weekday(calendar.today - timedelta(days=1)), time(16, 30))
    return tuple(
        User(number, role.value, f"Sample {role.value}", role, created_at=created, last_seen_at=seen - timedelta(minutes=7 * number))
        for number, role in enumerate(Role, 1)
    )


def _proof_tests(calendar: Calendar, dice: random.Random) -> tuple[ProofTest, ...]:
    """Before the first session of each working day, on each machine; now and then one fails and is done again, on one day at least."""
    tests: list[ProofTest] = []
    days = list(calendar.workdays())
    worst = dice.choice(days[: len(days) // 2])
    for day in days:
        for machine in MACHINES:
            at = calendar.local(day, PROVED) + timedelta(seconds=round(dice.uniform(0.0, LAPSE_S), 1))
            for kind, later_s in KINDS:
                at += timedelta(seconds=later_s)
                if dice.random() < FAILS or (day == worst and machine == MACHINES[0]):
                    tests.append(ProofTest(at, machine, kind, passed=False, detail="Not seen open within a minute."))
                    at += timedelta(seconds=90.0)
                tests.append(ProofTest(at, machine, kind, passed=True, detail="Seen open and closed again."))
    return tuple(sorted((test for test in tests if test.at <= calendar.now), key=_tested))


def _tested(test: ProofTest) -> tuple[datetime, str, str]:
    return test.at, test.machine, test.kind
