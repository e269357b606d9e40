"""What enters the core besides measurements (requests of people) and what leaves it toward the drive (orders)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from treadctl.core.sample import Direction


class RequestKind(StrEnum):
    """Everything a person can ask for. A closed set: no other door leads to the drive."""

    ARM = "arm"  # load a program for a person; nothing moves
    START_HOLD = "start_hold"  # renewed every 100 ms while the start button is held
    HOLD = "hold"  # no faster than now
    RESUME = "resume"  # leave hold
    STOP = "stop"  # local: SS1 at once; remote: SS2
    END = "end"  # ordinary early end: SS2
    RESET = "reset"  # acknowledge latched causes; never moves the belt
    ANSWER = "answer"  # the person's answer to a prompt (RPE, dizziness, pain, breathing)
    DISARM = "disarm"  # back to idle without having started


class Origin(StrEnum):
    """Where a request was made. Only LOCAL ones can arm, start, resume or reset."""

    LOCAL = "local"  # at the machine
    REMOTE = "remote"  # over a network; may only make things slower


class PromptKind(StrEnum):
    """What the person is asked during a session."""

    RPE = "rpe"  # Borg 6-20
    DIZZINESS = "dizziness"  # 0-10
    PAIN = "pain"  # NRS 0-10
    BREATHING = "breathing"  # 0-10


@dataclass(frozen=True, slots=True)
class Answer:
    """A person's answer to a prompt, on the scale of its kind."""

    prompt: PromptKind
    score: float


class DriveMode(IntEnum):
    """What the drive is to do, in order of severity downward from RUN. Each value below RUN is a stop: it carries no speed."""

    RUN = 0
    STOP = 1  # SS1 and SS2: the drive's own ramp to standstill
    FAST_STOP = 2  # SS1_FAST: the machine's hardest braking
    POWER_OFF = 3  # STO: no torque


@dataclass(frozen=True, slots=True)
class DriveOrder:
    """The newest will of the core. Immutable; a driver keeps only the last one.

    `order_id` grows by one whenever mode or direction changes, so that a driver can report which order was confirmed.
    `speed_mps` is a magnitude and is 0.0 unless mode is RUN. `grade_percent` None = leave as it is.
    """

    mode: DriveMode
    speed_mps: float
    direction: Direction
    grade_percent: float | None
    order_id: int

    def __post_init__(self) -> None:
        if self.mode is not DriveMode.RUN and self.speed_mps != 0.0:
            raise ValueError("a stop order carries no speed")
