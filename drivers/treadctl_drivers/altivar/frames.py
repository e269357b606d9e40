"""Registers, control words and state words of the Altivar family (ATV12, 312, 320, 9xx): CiA 402 carried in the DRIVECOM profile. No I/O.

Sources: register numbers and control words from the ATV900 programming manual and public register maps made from the vendor's lists; golden frames
computed from them (tests/drivers/test_altivar_frames.py). Not seen in a source: the meaning of ETA bit 15, the fault number of a lost
communication, the address of its time-out. `quality.toml` lists each, and what commissioning must show.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from treadctl.core.messages import DriveMode
from treadctl.core.sample import BeltMotion, Direction, DriveState
from treadctl.core.units import steps_toward_zero

CMD: Final = 8501  # control word
LFRD: Final = 8602  # speed setpoint, rpm
ETA: Final = 3201  # state word
RFRD: Final = 8604  # measured speed, rpm, signed
LFT: Final = 7121  # last fault

SHUTDOWN: Final = 0x0006
SWITCH_ON: Final = 0x0007
RUN: Final = 0x000F
REVERSE_BIT: Final = 0x0800
RAMP_STOP: Final = 0x0007
QUICK_STOP: Final = 0x0002
DISABLE_VOLTAGE: Final = 0x0000
FAULT_RESET: Final = 0x0080
REVERSING: Final = 0x8000  # ETA bit 15: the motor turns in reverse (unverified)

WATCHDOG_STEP_S: Final = 0.1
RPM_MAX: Final = 0x7FFF

STOP_WORDS: Final = {DriveMode.STOP: RAMP_STOP, DriveMode.FAST_STOP: QUICK_STOP, DriveMode.POWER_OFF: DISABLE_VOLTAGE}


class PowerState(Enum):
    """The states of CiA 402."""

    NOT_READY = "not ready"
    SWITCH_ON_DISABLED = "switch-on disabled"
    READY = "ready"
    SWITCHED_ON = "switched on"
    ENABLED = "operation enabled"
    QUICK_STOP = "quick stop active"
    FAULT_REACTION = "fault reaction active"
    FAULT = "fault"


_BY_LOW_MASK: Final = {
    0x00: PowerState.NOT_READY,
    0x40: PowerState.SWITCH_ON_DISABLED,
    0x0F: PowerState.FAULT_REACTION,
    0x08: PowerState.FAULT,
}
_BY_WIDE_MASK: Final = {
    0x21: PowerState.READY,
    0x23: PowerState.SWITCHED_ON,
    0x27: PowerState.ENABLED,
    0x07: PowerState.QUICK_STOP,
}
_FOLDED: Final = {
    PowerState.NOT_READY: DriveState.DISABLED,
    PowerState.SWITCH_ON_DISABLED: DriveState.DISABLED,
    PowerState.READY: DriveState.DISABLED,
    PowerState.SWITCHED_ON: DriveState.DISABLED,
    PowerState.ENABLED: DriveState.ENABLED,
    PowerState.QUICK_STOP: DriveState.STOPPING,
    PowerState.FAULT_REACTION: DriveState.FAULT,
    PowerState.FAULT: DriveState.FAULT,
}


def power_state(eta: int) -> PowerState | None:
    """The power state that a state word tells, by the masks of CiA 402 (4Fh and 6Fh); None for a pattern that is no state."""
    return _BY_WIDE_MASK.get(eta & 0x6F) or _BY_LOW_MASK.get(eta & 0x4F)


def folded(state: PowerState) -> DriveState:
    """The power state as the core knows it."""
    return _FOLDED[state]


def run_word(direction: Direction) -> int:
    """Operation enabled, in a direction. The setpoint is always a magnitude."""
    return RUN | REVERSE_BIT if direction is Direction.REVERSE else RUN


def rpm_setpoint(speed_mps: float, m_per_s_per_rpm: float) -> int:
    """A belt speed as the setpoint register's value, cut toward zero. ValueError for what is negative, not finite or beyond the register."""
    rpm = steps_toward_zero(speed_mps, m_per_s_per_rpm)
    if not 0 <= rpm <= RPM_MAX:
        raise ValueError(f"{speed_mps} m/s is {rpm} rpm, outside 0..{RPM_MAX}")
    return rpm


def signed(register: int) -> int:
    """A register as a signed 16-bit number."""
    return register - 0x10000 if register & 0x8000 else register


def motion(rpm: int, m_per_s_per_rpm: float) -> BeltMotion:
    """Measured signed rpm as belt motion; no direction at standstill."""
    if rpm == 0:
        return BeltMotion(0.0, None)
    return BeltMotion(abs(rpm) * m_per_s_per_rpm, Direction.REVERSE if rpm < 0 else Direction.FORWARD)


def directions_disagree(rpm: int, eta: int) -> bool:
    """True where the sign of the measured speed and the state word's direction bit tell different stories about a turning motor."""
    return rpm != 0 and (rpm < 0) is not bool(eta & REVERSING)
