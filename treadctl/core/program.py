"""Program: the compiled, frozen form of a profile, walked by elapsed time. The clock of a program stands still while it is held."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from treadctl.core.prompts import PromptKind
from treadctl.core.sample import Direction, Facing


class Block(StrEnum):
    """The part of a session a segment belongs to."""

    WARM_UP = "warm_up"
    MAIN = "main"
    COOL_DOWN = "cool_down"


class Hands(StrEnum):
    """What a segment wants of the hands."""

    ON = "on"  # both hands on the rails
    FREE = "free"  # may be on or off
    OFF = "off"  # should be off; holding on is only noted


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of a program: reach `speed_mps` within the limits and stay until `duration_s` is over.

    `speed_mps` is a magnitude; a segment whose direction differs from the one before waits at proven standstill for the change, its clock stopped.
    `prompts` are asked when the segment begins.
    """

    block: Block
    label: str
    duration_s: float
    speed_mps: float
    direction: Direction
    grade_percent: float
    hands: Hands
    prompts: tuple[PromptKind, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    """Segments in order, with the facing of the person and the hash of the profile they were compiled from (SHA-256, hex)."""

    name: str
    facing: Facing
    segments: tuple[Segment, ...]
    profile_sha256: str

    @property
    def duration_s(self) -> float:
        """The planned duration, holds excluded."""
        return sum(segment.duration_s for segment in self.segments)

    @property
    def max_speed_mps(self) -> float:
        """The highest speed asked for."""
        return max((segment.speed_mps for segment in self.segments), default=0.0)

    def index_at(self, elapsed_s: float) -> int | None:
        """The index of the segment that covers `elapsed_s` of program time, None past the end. NaN is past the end."""
        end_s = 0.0
        for index, segment in enumerate(self.segments):
            end_s += segment.duration_s
            if elapsed_s < end_s:
                return index
        return None

    def start_of(self, index: int) -> float:
        """The program time, s, at which the segment `index` begins."""
        return sum(segment.duration_s for segment in self.segments[:index])


@dataclass(frozen=True, slots=True)
class Person:
    """What the core must know of the person on the belt. Thresholds of rail load are in percent of body weight, hence the mass.

    The answer limits come from facts about stop criteria (RPE 17, dizziness 4, pain 5 by default; all may be set lower by a clinician).
    """

    mass_kg: float
    max_rpe: float = 17.0
    max_dizziness: float = 4.0
    max_pain: float = 5.0
    max_breathing: float = 7.0
    max_heart_rate_per_min: float | None = None
    allowance_s: float | None = None  # what is left of the weekly allowance
