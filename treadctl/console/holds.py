"""Held buttons: whatever starts the belt, lets it go faster or un-latches a stop is held, not touched.

A hold lives by renewals that come in order, from one browser, without a pause. What is replayed, late or forged ends it.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import Final

from treadctl.console.problems import Problem
from treadctl.console.rights import Command
from treadctl.ports import Clock

PAUSE_S: Final = 0.35  # two renewals may be lost or late; a third means that nobody presses
LONGEST_S: Final = 15.0
HELD_S: Final = 1.0  # as long as the daemon wants of a start (`Setup.start_hold_s`)
KEPT: Final = 16


@dataclass(slots=True)
class Hold:
    """One pressed button: whose, what for (`arming` names what a start is of), since when and renewed when, s."""

    owner: str
    command: Command
    arming: str
    opened_s: float
    renewed_s: float
    n: int = 0

    @property
    def complete(self) -> bool:
        """Whether it has been held for long enough."""
        return self.renewed_s - self.opened_s >= HELD_S


class Holds:
    """The holds of one door."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._holds: dict[str, Hold] = {}

    def open(self, owner: str, command: Command, arming: str = "") -> str:
        """The id of a new hold, for this command only, and a start of what was armed by that request only; an earlier one of the same browser ends."""
        now_s = self._clock()
        kept = {key: hold for key, hold in self._holds.items() if hold.owner != owner and now_s - hold.renewed_s <= PAUSE_S}
        self._holds = dict(list(kept.items())[-KEPT:])
        key = secrets.token_urlsafe(16)
        self._holds[key] = Hold(owner, command, arming, now_s, now_s)
        return key

    def renew(self, key: str, owner: str, command: Command, n: int) -> Hold:
        """Take the next renewal. Raises Problem 409, and the hold is over."""
        hold = self._holds.pop(key, None)
        if hold is None or hold.command is not command or not hmac.compare_digest(hold.owner.encode(), owner.encode()):
            raise Problem(409, "Let go", "The button was let go, or is held elsewhere. Press and hold it again.", "hold_over")
        now_s = self._clock()
        if n != hold.n + 1:
            raise Problem(409, "Let go", "A renewal came twice or out of order. Press and hold the button again.", "hold_order")
        if not (now_s - hold.renewed_s <= PAUSE_S):
            raise Problem(409, "Let go", "The renewals paused, as if the button had been let go. Press and hold it again.", "hold_late")
        if not (now_s - hold.opened_s <= LONGEST_S):
            raise Problem(409, "Held too long", "Nothing came of it within 15 s. Let go, look at what the machine says, and try again.", "hold_long")
        hold.n, hold.renewed_s = n, now_s
        self._holds[key] = hold
        return hold

    def end(self, key: str) -> None:
        """What it was held for was asked for."""
        self._holds.pop(key, None)
