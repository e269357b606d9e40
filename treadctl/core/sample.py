"""Sample: one coherent snapshot of everything measured. Each channel is a value with an age and a quality; missing is a state."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Quality(IntEnum):
    """What the edge that read a channel thinks of it. Age is separate: a GOOD value may still be too old."""

    GOOD = 0
    ABSENT = 1  # never received, or its source is gone
    IMPLAUSIBLE = 2  # outside the sensor's physical range, broken wire, short circuit, not a number
    FROZEN = 3  # an analogue value that has not moved by one count for longer than its noise allows


class Direction(StrEnum):
    """Direction of the belt. Speed is always a magnitude; a sign never carries the direction."""

    FORWARD = "forward"
    REVERSE = "reverse"


class Facing(StrEnum):
    """Where the person looks. Backward gait is (reverse, console) or (forward, rear)."""

    CONSOLE = "console"
    REAR = "rear"


class ChannelId(StrEnum):
    """The name of a measured channel, the same in machine files, journal, console and telemetry."""

    CORD_A = "cord_a"  # contact: closed = cord in place
    CORD_B = "cord_b"  # contact: closed = cord in place
    ESTOP = "estop"  # contact: closed = emergency-stop chain healthy
    ATTENDANT = "attendant"  # contact: closed = attendant holds the enabling switch
    HARNESS = "harness"  # contact: closed = harness not loaded (person upright)
    ENABLE_FEEDBACK = "enable_feedback"  # contact: closed = drive enable is present
    PRESENCE = "presence"  # contact: closed = console at the machine is alive (kiosk runs)
    RAIL_LEFT = "rail_left"  # N, magnitude of hand load
    RAIL_RIGHT = "rail_right"  # N
    BELT = "belt"  # belt motion measured independently of the drive
    HEART_RATE = "heart_rate"  # 1/min
    TRUNK = "trunk"  # specific force and angular rate at the waist; worn, so its loss takes a detector away and stops nobody


CONTACT_CHANNELS = frozenset(
    {
        ChannelId.CORD_A,
        ChannelId.CORD_B,
        ChannelId.ESTOP,
        ChannelId.ATTENDANT,
        ChannelId.HARNESS,
        ChannelId.ENABLE_FEEDBACK,
        ChannelId.PRESENCE,
    }
)
LEVEL_CHANNELS = frozenset({ChannelId.RAIL_LEFT, ChannelId.RAIL_RIGHT, ChannelId.HEART_RATE})


@dataclass(frozen=True, slots=True)
class BeltMotion:
    """Measured belt motion: magnitude in m/s, and the direction, None where it cannot be told (standstill)."""

    speed_mps: float
    direction: Direction | None


@dataclass(frozen=True, slots=True)
class TrunkMotion:
    """What an inertial sensor worn at the waist measures along its own three axes, however it is turned: specific force in g, angular rate in degrees/s."""

    force_g: tuple[float, float, float]
    rate_dps: tuple[float, float, float]


class DriveState(StrEnum):
    """Power state of the drive, folded from its own state machine (CiA 402 or a dialect's status byte)."""

    UNKNOWN = "unknown"
    DISABLED = "disabled"  # no torque, not ready or ready
    ENABLED = "enabled"  # torque on, may move
    STOPPING = "stopping"  # quick stop active
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class DriveStatus:
    """One poll of the drive. `speed_mps` is the drive's own measurement, never its setpoint."""

    state: DriveState
    motion: BeltMotion
    grade_percent: float | None = None
    fault_code: int = 0
    current_a: float | None = None


@dataclass(frozen=True, slots=True)
class Channel(Generic[T]):
    """A value, its age in seconds at the instant of the step, and its quality. `value` is None unless quality is GOOD."""

    value: T | None
    age_s: float
    quality: Quality

    def fresh(self, limit_s: float) -> T | None:
        """The value, or None where it is missing, of bad quality or older than `limit_s` (a NaN or an age below zero counts as too old)."""
        if self.quality is Quality.GOOD and 0.0 <= self.age_s <= limit_s:
            return self.value
        return None


ABSENT_CONTACT: Channel[bool] = Channel(None, math.inf, Quality.ABSENT)
ABSENT_LEVEL: Channel[float] = Channel(None, math.inf, Quality.ABSENT)
ABSENT_MOTION: Channel[BeltMotion] = Channel(None, math.inf, Quality.ABSENT)
ABSENT_TRUNK: Channel[TrunkMotion] = Channel(None, math.inf, Quality.ABSENT)
ABSENT_STATUS: Channel[DriveStatus] = Channel(None, math.inf, Quality.ABSENT)


@dataclass(frozen=True, slots=True)
class DriveSample:
    """What is known of the drive: its last status, whether it is the machine we were configured for, its watchdog, our last order.

    `watchdog_s` is the communication time-out read back from the drive (or armed by its start command), None = not attested.
    `confirmed_order` is the id of the newest order whose echo matched and, for a stop, whose read-back agreed; 0 = none yet.
    """

    status: Channel[DriveStatus] = ABSENT_STATUS
    identified: bool = False
    watchdog_s: float | None = None
    confirmed_order: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """Everything measured, at one instant. Channels not fitted to the machine stay absent and are not required."""

    drive: DriveSample = field(default_factory=DriveSample)
    cord_a: Channel[bool] = ABSENT_CONTACT
    cord_b: Channel[bool] = ABSENT_CONTACT
    estop: Channel[bool] = ABSENT_CONTACT
    attendant: Channel[bool] = ABSENT_CONTACT
    harness: Channel[bool] = ABSENT_CONTACT
    enable_feedback: Channel[bool] = ABSENT_CONTACT
    presence: Channel[bool] = ABSENT_CONTACT
    rail_left: Channel[float] = ABSENT_LEVEL
    rail_right: Channel[float] = ABSENT_LEVEL
    heart_rate: Channel[float] = ABSENT_LEVEL
    belt: Channel[BeltMotion] = ABSENT_MOTION
    trunk: Channel[TrunkMotion] = ABSENT_TRUNK
