"""What the detectors say: how bad, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final


class Level(IntEnum):
    """How far the person is from steady gait, in order of severity. What the belt does about it is the interlock's work."""

    STEADY = 0
    UNSTEADY = 1  # no faster, and staff are told
    LOSING_BALANCE = 2  # the protective stop, at once: the person is still upright
    DOWN = 3  # the hardest stop: the person lies, or is off the belt


class Imbalance(StrEnum):
    """Why a detector says so."""

    NONE = "none"
    GRAB = "grab"
    ASYMMETRY = "asymmetry"
    HOLD_LOST = "hold_lost"
    PUMPING = "pumping"  # the hands load and unload the rails in turns, ever harder
    TRUNK_UNSTEADY = "trunk_unsteady"
    TRUNK_FALLING = "trunk_falling"
    TRUNK_DOWN = "trunk_down"
    FOOTFALL_IRREGULAR = "footfall_irregular"
    FOOTFALL_MISSING = "footfall_missing"


LEVEL: Final[dict[Imbalance, Level]] = {
    Imbalance.NONE: Level.STEADY,
    **dict.fromkeys((Imbalance.PUMPING, Imbalance.TRUNK_UNSTEADY, Imbalance.FOOTFALL_IRREGULAR), Level.UNSTEADY),
    **dict.fromkeys((Imbalance.GRAB, Imbalance.ASYMMETRY, Imbalance.HOLD_LOST, Imbalance.TRUNK_FALLING), Level.LOSING_BALANCE),
    **dict.fromkeys((Imbalance.TRUNK_DOWN, Imbalance.FOOTFALL_MISSING), Level.DOWN),
}


@dataclass(frozen=True, slots=True)
class Beat:
    """The rhythm of the feet: steps per second, and how much of the present step is over (0 to 1)."""

    step_hz: float
    phase: float
