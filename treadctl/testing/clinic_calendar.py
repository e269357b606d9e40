"""When sessions of a made-up clinic are: on weekdays in clinic hours, each person at a place and time of their own, and never more often than they may."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from treadctl.testing.clinic_cast import LastWeek, Part

MACHINES: Final = ("reference", "reference-2")
OPENS: Final = time(8, 0)
SLOT: Final = timedelta(minutes=40)  # longer than the longest session and its lateness
SLOTS: Final = 14  # a day: the last ends before 18:00
LATE_S: Final = 420.0
WEEK: Final = timedelta(days=7)
LONGEST: Final = timedelta(minutes=32)
MISSED: Final = 0.1
PAIRS: Final = ((0, 3), (1, 4))  # Monday and Thursday, Tuesday and Friday
THRICE: Final = (0, 2, 4)
FRIDAY: Final = 4


@dataclass(frozen=True, slots=True)
class Place:
    """A person's own machine, time of day, and weekdays (0 = Monday)."""

    machine: str
    slot: int
    weekdays: tuple[int, ...]


class Calendar:
    """Gives places away, one after the other, so that no two meet at one machine."""

    def __init__(self, now: datetime, zone: tzinfo, days: int) -> None:
        self.now = now.astimezone(UTC)
        self.zone = zone
        self.today = now.astimezone(zone).date()
        self.first_day = self.today - timedelta(days=days)
        self._taken: set[tuple[str, int, int]] = set()

    def place(self, part: Part, dice: random.Random) -> Place:
        """A place that is still free. Raises ValueError where the clinic is full."""
        wishes = [THRICE] if part.per_week > 2 else [pair[: part.per_week] for pair in PAIRS]
        if part.last_week is LastWeek.FULL:  # not today: today's session may lie ahead
            wishes = [days for days in wishes if self.today.weekday() not in days]
        dice.shuffle(wishes)
        places = [(machine, slot) for machine in MACHINES for slot in range(SLOTS)]
        dice.shuffle(places)
        for machine, slot in places:
            for weekdays in wishes:
                keys = {(machine, slot, weekday) for weekday in weekdays}
                if not keys & self._taken:
                    self._taken |= keys
                    return Place(machine, slot, weekdays)
        raise ValueError("so many people do not fit into the clinic's hours")

    def local(self, day: date, at: time) -> datetime:
        """The instant, UTC, of a time of day in the clinic's zone."""
        return datetime.combine(day, at, self.zone).astimezone(UTC)

    def weekday(self, day: date) -> date:
        """That day, or the Friday before it."""
        return day - timedelta(days=max(0, day.weekday() - FRIDAY))

    def day_at(self, share: float) -> date:
        """The day at a share of the clinic's time, 0 its first and 1 today."""
        return self.first_day + timedelta(days=round(share * (self.today - self.first_day).days))

    def workdays(self) -> Iterator[date]:
        """Every weekday, today included."""
        for number in range((self.today - self.first_day).days + 1):
            day = self.first_day + timedelta(days=number)
            if day.weekday() <= FRIDAY:
                yield day

    def starts(self, part: Part, place: Place, dice: random.Random) -> tuple[datetime, ...]:
        """When the person's sessions began, UTC, in order, each over before now."""
        if not part.walks:
            return ()
        first, last = self.day_at(part.came), self.day_at(part.left)
        found: list[datetime] = []
        minutes_late = sorted(dice.uniform(0.0, LATE_S) for _ in range(len(list(self.workdays())) + 1))  # later each time: never twice within seven days
        for number, day in enumerate(self.workdays()):
            missed = dice.random() < MISSED and not (part.asides and self.today - day <= WEEK)  # so that a week beyond the rule is seen
            if part.last_week is LastWeek.FULL and self.today - day < 2 * WEEK:
                missed = self.today - day >= WEEK  # a week away, so that both sessions of this one are within the rule
            if not first <= day <= last or day.weekday() not in place.weekdays or missed:
                continue
            at = (datetime.combine(day, OPENS) + place.slot * SLOT + timedelta(seconds=round(minutes_late[number], 1))).time()
            start = self.local(day, at)
            full = part.per_week <= 2 and len(found) >= 2 and start - found[-2] < WEEK  # an hour short where the clocks were changed
            if start + LONGEST <= self.now and not full:
                found.append(start)
        return tuple(found if part.last_week is not LastWeek.FREE or part.per_week > 2 else self._freed(found))

    def _freed(self, found: list[datetime]) -> list[datetime]:
        """All but those of the last seven days, of which the first is left."""
        since = self.local(self.today - WEEK, time(0, 0))
        before = [start for start in found if start < since]
        return found[: len(before) + 1]
