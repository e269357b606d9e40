"""Very many sessions for benchmarks: cheap, plausible in their figures, nothing told of any of them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from treadctl.core.units import mps_from_kmh
from treadctl.records.model import Outcome, Series, Session, SessionHead, Summary
from treadctl.testing.clinic_calendar import FRIDAY, MACHINES, SLOT
from treadctl.testing.clinic_profiles import ATHLETE, FIRST, KNEE, RUNNER
from treadctl.testing.clinic_series import Tape, Walker

A_DAY: Final = 12  # on each machine
OPENS: Final = time(8, 0)  # UTC
KINDS: Final = ((FIRST, 2.0, 540.0), (KNEE, 2.0, 840.0), (KNEE, 2.4, 840.0), (ATHLETE, 4.4, 360.0), (RUNNER, 7.5, 1260.0))
ENDS: Final = (
    *[(Outcome.COMPLETED, "program_end")] * 16,
    *[(Outcome.ENDED_EARLY, "end_requested")] * 2,
    (Outcome.STOPPED, "imbalance"),
    (Outcome.STOPPED, "dizziness"),
)


def many_sessions(seed: int, count: int, person_ids: Sequence[str], until: datetime, *, series: bool = False) -> Iterator[Session]:
    """`count` sessions, oldest first, the last of them over before `until`: weekdays from 8:00 UTC, on two machines, shared out to the people in turn.

    No two of a person overlap; nothing else holds of a week. With `series` each has samples, those of its profile; they are few and shared. One microsecond
    counts here: it is for lists of a hundred thousand. ValueError without anybody to share them out to, or for a naive `until`.
    """
    if not person_ids:
        raise ValueError("nobody to share the sessions out to")
    if until.tzinfo is None:
        raise ValueError("until must be aware of its zone")
    dice = random.Random(f"{seed} many")  # noqa: S311 - believable, not secret
    machines = MACHINES[: len(person_ids)]
    samples = {kind: _sample(kind, dice) if series else Series() for kind in KINDS}
    hashes = {name: hashlib.sha256(name.encode()).hexdigest() for name, _, _ in KINDS}
    for number, (at, machine) in enumerate(_times(count, machines, until)):
        kind = dice.choice(KINDS)
        outcome, cause = dice.choice(ENDS)
        share = 1.0 if outcome is Outcome.COMPLETED else dice.uniform(0.3, 0.9)
        name = hashlib.blake2b(f"{seed} {number}".encode(), digest_size=16).hexdigest()
        person_id = person_ids[number % len(person_ids)]
        summary = _summary(kind, share, outcome, cause, dice)
        head = SessionHead(name, person_id, None, machine, kind[0], hashes[kind[0]], "reverse", "console", at, outcome, cause, summary)
        yield Session(head, 70.0, series=samples[kind])


def _times(count: int, machines: Sequence[str], until: datetime) -> Iterator[tuple[datetime, str]]:
    """Whole days backward from the day before `until`, then told forward."""
    a_day = A_DAY * len(machines)
    day = until.astimezone(UTC).date() - timedelta(days=1)
    days: list[date] = []
    while len(days) * a_day < count:
        if day.weekday() <= FRIDAY:
            days.append(day)
        day -= timedelta(days=1)
    skipped = len(days) * a_day - count
    for number, day in enumerate(reversed(days)):
        opens = datetime.combine(day, OPENS, UTC)
        for place in range(skipped if number == 0 else 0, a_day):
            yield opens + SLOT * (place // len(machines)), machines[place % len(machines)]


def _summary(kind: tuple[str, float, float], share: float, outcome: Outcome, cause: str, dice: random.Random) -> Summary:
    _, top_kmh, full_s = kind
    belt_s, peak_mps, rpe = full_s * share, mps_from_kmh(top_kmh) * 1.04, float(dice.randint(9, 14))
    mean_mps, heart, rails = peak_mps * dice.uniform(0.6, 0.75), dice.uniform(80.0, 110.0), dice.uniform(2.0, 16.0)
    stopped, lost = outcome is Outcome.STOPPED, cause == "imbalance"
    dizziness = 4.0 if cause == "dizziness" else float(dice.randint(0, 3))
    return Summary(
        belt_s + 300.0 * share, belt_s, mean_mps * belt_s, peak_mps, mean_mps, rails, min(1.0, rails / 5.0), dice.uniform(0.0, 15.0),
        int(lost), 0, int(stopped), rpe, dizziness, float(dice.randint(0, 4)), None, heart, heart + 15.0, 80.0 + 20.0 * mean_mps, dice.uniform(2.5, 5.5),
    )  # fmt: skip


def _sample(kind: tuple[str, float, float], dice: random.Random) -> Series:
    _, top_kmh, full_s = kind
    tape = Tape(Walker(8.0, 0.52, 70.0, 10.0, strap=True, cadence_cv_percent=4.0), dice)
    for speed_mps, lasts_s in ((0.0, 150.0), (0.3, 120.0), (mps_from_kmh(top_kmh), full_s - 240.0), (0.3, 120.0), (0.0, 150.0)):
        tape.walk(speed_mps, lasts_s, 0.25, 1.0)
    return tape.series()
