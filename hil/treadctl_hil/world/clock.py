"""The simulation's instant and its record of what physically happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

STEP_S: Final = 0.001  # one integration step
SLOW_STEPS: Final = 5  # steps between two looks at what changes slowly: posture, drift, cord


@dataclass(frozen=True, slots=True)
class WorldEvent:
    """Something that physically happened: the instant (s, the clock given at start), a name, and what it concerned."""

    at_s: float
    name: str
    detail: str = ""


class Clock:
    """Shared by all parts: `now_s` and the number of steps taken since the start."""

    __slots__ = ("events", "now_s", "steps")

    def __init__(self, start_s: float) -> None:
        self.now_s = start_s
        self.steps = 0
        self.events: list[WorldEvent] = []

    def note(self, name: str, detail: str = "", at_s: float | None = None) -> None:
        """Record an event, now or at the instant within the last look at which it happened."""
        self.events.append(WorldEvent(self.now_s if at_s is None else at_s, name, detail))
