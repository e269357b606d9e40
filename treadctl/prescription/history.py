"""What the record knows of a person's earlier sessions, as plain figures: the argument of the rules. None = not known.

The console fills it from its store; a person file may carry it in [history], so that the daemon holds the same rules without a store.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Annotated, Any, Final, Self

from pydantic import Field, model_validator

from treadctl.config.problems import Strict, complaint
from treadctl.prescription.defaults import LIGHT_HOLD_PERCENT, WEANING_SESSIONS
from treadctl.prescription.words import known

KEPT: Final = 10  # sessions whose figures are carried; the rules look at no more than the last three to ten
WEEK_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class PastSession:
    """One earlier session. `events`: lost balance, unsteadiness and stops by the person's own signs or answers. The rail load is the session's mean.

    `peak_mps` is the highest belt speed in backward gait.
    """

    day: date
    peak_mps: float | None = None
    belt_s: float | None = None
    events: int | None = None
    rail_load_percent: float | None = None
    max_dizziness: float | None = None
    max_pain: float | None = None
    max_rpe: float | None = None
    completed: bool | None = None

    @property
    def clean(self) -> bool:
        """Whether it is known to have gone without an event."""
        return self.events == 0


@dataclass(frozen=True, slots=True)
class History:
    """The record of one person: sessions in all, in the seven days before `as_of`, and the figures of the last ones, oldest first."""

    as_of: date | None = None
    sessions: int | None = None
    sessions_last_7_days: int | None = None
    recent: tuple[PastSession, ...] = ()

    @property
    def last(self) -> PastSession | None:
        """The newest session whose figures are known."""
        return self.recent[-1] if self.recent else None

    def in_week(self, day: date | None) -> int | None:
        """Sessions in the seven days that end with `day`: the count as given or the days of the sessions, whichever is more."""
        counted = 0 if day is None else sum(0 <= (day - session.day).days < WEEK_DAYS for session in self.recent)
        given = self.sessions_last_7_days
        return (counted or None) if given is None else max(given, counted)

    @property
    def weaned(self) -> bool:
        """Whether the last sessions show by measure that the hands may leave the rails: no event, and a light hold in the mean."""
        looked_at = self.recent[-WEANING_SESSIONS:]
        loads = [known(session.rail_load_percent) for session in looked_at if session.clean]
        measured = [load for load in loads if load is not None]
        return len(measured) == WEANING_SESSIONS and sum(measured) / WEANING_SESSIONS < LIGHT_HOLD_PERCENT


def history_of(sessions: Iterable[PastSession], day: date) -> History:
    """The history as of `day` from every session of a person, in any order; what lies after that day is not counted."""
    past = sorted((session for session in sessions if session.day <= day), key=_day)
    week = sum((day - session.day).days < WEEK_DAYS for session in past)
    return History(day, len(past), week, tuple(past[-KEPT:]))


def history_table(history: History) -> dict[str, Any]:
    """The [history] section of a person file that `HistorySection` reads back. ValueError without `as_of` or a count."""
    if history.as_of is None or history.sessions is None or history.sessions_last_7_days is None:
        raise ValueError("a history is written with its day and both counts")
    table: dict[str, Any] = {"as_of": history.as_of, "sessions": history.sessions, "sessions_last_7_days": history.sessions_last_7_days}
    table["recent"] = [{key: value for key, value in asdict(session).items() if value is not None} for session in history.recent[-KEPT:]]
    return table


def _day(session: PastSession) -> date:
    return session.day


Score = Annotated[float, Field(ge=0.0, le=10.0)] | None


class PastSessionSection(Strict):
    """[[history.recent]]: the measured figures of one earlier session; leave out what is not known."""

    day: date = Field(description="day of the session")
    peak_mps: Annotated[float, Field(ge=0.0, le=12.0)] | None = Field(None, description="highest belt speed in backward gait, m/s")
    belt_s: Annotated[float, Field(ge=0.0, le=86400.0)] | None = Field(None, description="time on the moving belt, s")
    events: Annotated[int, Field(ge=0)] | None = Field(None, description="lost balance, unsteadiness, and stops by the person's signs or answers")
    rail_load_percent: Annotated[float, Field(ge=0.0, le=200.0)] | None = Field(None, description="mean load on both rails, percent of body weight")
    max_dizziness: Score = Field(None, description="highest dizziness answered, 0-10")
    max_pain: Score = Field(None, description="highest pain answered, 0-10")
    max_rpe: Annotated[float, Field(ge=6.0, le=20.0)] | None = Field(None, description="highest exertion answered, Borg 6-20")
    completed: bool | None = Field(None, description="whether the program was walked to its end")


class HistorySection(Strict):
    """[history]: what the record knows, written by the console; the daemon then holds the rules that count sessions."""

    as_of: date = Field(description="day on which these figures were true")
    sessions: Annotated[int, Field(ge=0)] = Field(description="backward sessions in all")
    sessions_last_7_days: Annotated[int, Field(ge=0, le=50)] = Field(description="backward sessions in the seven days that end with as_of")
    recent: Annotated[tuple[PastSessionSection, ...], Field(strict=False, max_length=KEPT)] = Field((), description="the last sessions, oldest first")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        days = [session.day for session in self.recent]
        if days != sorted(days):
            raise complaint("recent", "the oldest session comes first")
        if days and days[-1] > self.as_of:
            raise complaint("recent", "a session lies after as_of")
        if self.sessions < max(len(days), self.sessions_last_7_days):
            raise complaint("sessions", "is less than the sessions counted in this section")
        return self

    def history(self) -> History:
        """The same as a `History`."""
        return History(self.as_of, self.sessions, self.sessions_last_7_days, tuple(PastSession(**session.model_dump()) for session in self.recent))
