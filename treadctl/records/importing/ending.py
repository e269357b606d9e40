"""How a session ended: the causes that ended it, how the belt came to rest, and when the record may be closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from treadctl.core.controller import WALKING, Output
from treadctl.core.interlock import ROWS, Action
from treadctl.core.motion import STANDSTILL_HOLD_S
from treadctl.core.session import SessionState
from treadctl.records.model import Outcome, StopRecord

PROGRAM_END: Final = "program_end"
ORDERLY: Final = frozenset({PROGRAM_END, "end_requested", "time_cap", "weekly_cap"})  # they end a session, they stop nobody
NO_REST_S: Final = 30.0  # a belt that cannot be seen to stand is waited for no longer
ANSWERS_S: Final = 120.0  # so long after rest an open question may still be answered
_PUT_AWAY: Final = frozenset({SessionState.IDLE, SessionState.ARMED})


@dataclass(slots=True)
class Ending:
    """Feed each step in order. Times s from the session's start; `end_s` is when the belt stood, None until that is proven."""

    standstill_mps: float
    cause: str | None = None
    over_s: float | None = None
    end_s: float | None = None
    done: bool = False
    _stop: StopRecord | None = None
    _speed_mps: float | None = None
    _still_s: float | None = None
    _travel_m: float = 0.0
    _travel_still_m: float = 0.0

    def began(self, at_s: float, rows: list[int], speed_mps: float | None) -> None:
        """Causes that began to act at this step. The worst of the first that stop is the stop's; orderly ones only end."""
        if self.end_s is not None or self._stop is not None:
            return
        stops = [row for row in rows if ROWS[row].action >= Action.SS2 and ROWS[row].id not in ORDERLY]
        if stops:
            worst = max(stops, key=lambda row: (ROWS[row].action, -row))
            row = ROWS[worst]
            speed = speed_mps if speed_mps is not None else self._speed_mps
            self._stop = StopRecord(at_s, row.id, row.action.name.lower(), row.sentence, speed)
            self.cause = row.id
        elif self.cause is None:
            self.cause = next((ROWS[row].id for row in rows if ROWS[row].id in ORDERLY), None)

    def feed(self, at_s: float, dt_s: float, speed_mps: float | None, output: Output) -> None:
        """What was measured, and whether the session is over. After `done` there is nothing more to record."""
        before, self._speed_mps = self._speed_mps, speed_mps if speed_mps is not None else self._speed_mps
        if self._stop is not None and before is not None and self._speed_mps is not None and self.end_s is None:
            self._travel_m += 0.5 * (before + self._speed_mps) * dt_s
        if speed_mps is None or speed_mps > self.standstill_mps:
            self._still_s = None
        elif self._still_s is None:
            self._still_s, self._travel_still_m = at_s, self._travel_m
        if output.session in WALKING:
            return
        if self.over_s is None:
            self.over_s = at_s
        if self.end_s is None and self._still_s is not None and at_s - self._still_s >= STANDSTILL_HOLD_S:
            self.end_s = max(self._still_s, self.over_s)
        if self.end_s is None:
            self.done = at_s - self.over_s >= NO_REST_S
        else:
            self.done = not output.prompts or output.session in _PUT_AWAY or at_s - self.end_s >= ANSWERS_S

    @property
    def outcome(self) -> Outcome:
        """How it ended; unknown where the record breaks off before any cause of an end."""
        if self._stop is not None:
            return Outcome.STOPPED
        if self.cause is None:
            return Outcome.UNKNOWN
        return Outcome.COMPLETED if self.cause == PROGRAM_END else Outcome.ENDED_EARLY

    def stops(self) -> tuple[StopRecord, ...]:
        """The stop, if there was one, with what is known of how the belt came to rest."""
        stop = self._stop
        if stop is None:
            return ()
        if self.end_s is None or self._still_s is None:
            return (stop,)
        rest_s = max(0.0, self._still_s - stop.at_s)
        deceleration = stop.from_mps / rest_s if stop.from_mps is not None and rest_s > 0.0 else None
        return (StopRecord(stop.at_s, stop.cause, stop.action, stop.sentence, stop.from_mps, rest_s, self._travel_still_m, deceleration),)
