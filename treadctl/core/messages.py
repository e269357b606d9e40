"""What enters the core besides measurements (requests of people) and what leaves it toward the drive (orders)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from treadctl.core.imbalance.calibration import Calibration
from treadctl.core.limits import Limits
from treadctl.core.program import Person, Program
from treadctl.core.prompts import Answer
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


@dataclass(frozen=True, slots=True)
class Checklist:
    """What the attendant confirmed, by name, before arming."""

    attendant: str
    cord_clipped: bool
    clear_zone: bool
    shoes: bool

    @property
    def complete(self) -> bool:
        """Whether every point is confirmed by somebody named."""
        return bool(self.attendant.strip()) and self.cord_clipped and self.clear_zone and self.shoes


@dataclass(frozen=True, slots=True)
class ArmOrder:
    """The content of an ARM request: which program, for whom, within which limits of that person, who attends.

    `preflight` holds the sentences that still forbid a start; `gait` is what is kept of this person's gait, with their consent.
    """

    program: Program
    person: Person
    person_limits: Limits
    checklist: Checklist
    preflight: tuple[str, ...] = ()
    gait: Calibration | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One request of one person. `expires_s` is on the daemon's own monotonic clock: a late request is refused, a late stop is still taken."""

    kind: RequestKind
    request_id: str
    who: str
    origin: Origin
    expires_s: float
    arm: ArmOrder | None = None
    answer: Answer | None = None
    arming: str = ""  # of START_HOLD: the id of the ARM request whose program is to start, so that nobody starts another one than they see


@dataclass(frozen=True, slots=True)
class Reply:
    """The core's answer to one request: granted, or refused with every reason in words for staff."""

    request_id: str
    granted: bool
    reasons: tuple[str, ...] = ()


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
