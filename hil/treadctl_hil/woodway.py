"""The simulated Woodway with the 4800 baud byte protocol: one command byte, digits of fixed number, one reply code.

Codes and digits are those of a public laboratory driver. Unverified, and chosen here: the state bytes (31h standing, 32h started with timer, 33h without,
as on a sibling machine), what the timer does (ramp to standstill, and BDh in place of the reply to the next command), that a set speed is
forgotten at every start, that A2h lets the belt coast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from treadctl_hil.actuator import Actuator
from treadctl_hil.faults import Switchboard
from treadctl_hil.measure import Verdict

MPS_PER_TENTH_MPH: Final = 0.044704
TIMER_S: Final = 0.5
DIGITS: Final = {0xA3: 4, 0xA4: 4}
COMMANDS: Final = frozenset({0xA0, 0xA2, 0xA3, 0xA4, 0xA9, 0xAA, 0xC0, 0xC1, 0xC2, 0xC3})
MASTER_TIMEOUT: Final = b"\xbd"
INVALID_DATA: Final = b"\xbe"
INVALID_COMMAND: Final = b"\xbf"
_GRADE_PERCENT_PER_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class WoodwaySetting:
    """The machine."""

    firmware_hex: str = "00010203"
    coast_on_disengage: bool = True
    start_needs_enable: bool = True  # a start while the enable is open is acknowledged and forgotten, so the host has to read the state


def judge(command: bytes) -> Verdict:
    """Stop: A2h, AAh, or a set speed of zero. Moves: a set speed above zero, or a start. Arms: a start."""
    if not command:
        return Verdict()
    if command[0] in (0xA0, 0xA9):
        return Verdict(moves=True, arms=True)
    if command[0] in (0xA2, 0xAA):
        return Verdict(stop=True)
    if command[0] == 0xA3 and len(command) == 5:
        zero = command[2:] == b"000"
        return Verdict(stop=zero, moves=not zero)
    return Verdict()


def command_length(first: int) -> int:
    """Bytes of the command that begins with this one."""
    return 1 + DIGITS.get(first, 0)


class Woodway:
    """Commands in, replies out. `tick(now_s)` runs the timer."""

    def __init__(self, setting: WoodwaySetting, actuator: Actuator, faults: Switchboard) -> None:
        self.setting = setting
        self._actuator = actuator
        self._faults = faults
        self._powered = True
        self._reset()

    def _reset(self) -> None:
        self.started = False
        self.timed = False
        self.timed_out = False
        self._set_tenths = 0
        self.grade_percent = 0.0
        self._grade_goal_percent = 0.0
        self._heard_s = 0.0
        self._enabled = False
        self._ticked_s: float | None = None

    @property
    def powered(self) -> bool:
        """Whether it can hear and answer."""
        return self._powered

    def power(self, on: bool) -> None:
        """Mains. Coming back, the belt is not started."""
        if on and not self._powered:
            self._reset()
        self._powered = on
        if not on:
            self._actuator.order("coast", 0.0)

    def trip(self, code: int) -> None:
        """A fault of its own: the belt is disengaged."""
        self.started = False
        self._actuator.order("coast", 0.0)

    def heard(self, now_s: float) -> None:
        """A command arrived."""
        self._heard_s = now_s

    def tick(self, now_s: float) -> None:
        """The timer, the elevation motor, and the belt losing its power."""
        passed_s = 0.0 if self._ticked_s is None else now_s - self._ticked_s
        self._ticked_s = now_s
        step = _GRADE_PERCENT_PER_S * passed_s
        self.grade_percent += max(-step, min(step, self._grade_goal_percent - self.grade_percent))
        lost = self._enabled and not self._actuator.relay_closed
        self._enabled = self._actuator.relay_closed
        if not self.started:
            return
        if lost:
            self.started = False
        elif self.timed and now_s - self._heard_s > TIMER_S and self._faults.params("watchdog_dead") is None:
            self.started = False
            self.timed_out = True
            self._grade_goal_percent = 0.0
            self._actuator.order("ramp_stop", 0.0)

    def command(self, command: bytes) -> bytes:
        """Do a whole command and return the reply."""
        if self.timed_out:
            self.timed_out = False
            return MASTER_TIMEOUT
        code = command[0]
        if code not in COMMANDS:
            return INVALID_COMMAND
        digits = command[1:]
        if any(not 0x30 <= d <= 0x39 for d in digits):
            return INVALID_DATA
        if code == 0xA3 and not self._set_speed(digits):
            return INVALID_DATA
        if code == 0xA4:
            if int(digits) > 299:
                return INVALID_DATA
            self._grade_goal_percent = int(digits) / 10.0
        return bytes((code + 0x10,)) + self._do(code)

    def _do(self, code: int) -> bytes:
        if code in (0xA0, 0xA9):
            self.started = self._actuator.relay_closed or not self.setting.start_needs_enable
            self.timed = code == 0xA0 and self._faults.params("watchdog_off") is None
            self._set_tenths = 0
        elif code == 0xA2:
            self._stop("coast" if self.setting.coast_on_disengage else "ramp_stop")
        elif code == 0xAA:
            self._stop("ramp_stop")
            self._grade_goal_percent = 0.0
        elif code == 0xC0:
            return bytes((0x31 if not self.started else 0x32 if self.timed else 0x33,))
        elif code == 0xC1:
            speed = self._actuator.reported_speed_mps
            return (b"3" if speed < 0.0 else b"0") + f"{min(999, round(abs(speed) / MPS_PER_TENTH_MPH)):03d}".encode("ascii")
        elif code == 0xC2:
            return f"{round(self.grade_percent * 10.0):04d}".encode("ascii")
        elif code == 0xC3:
            other = self._faults.params("wrong_identity")
            return b"0025" if other is not None else bytes.fromhex(self.setting.firmware_hex)  # digits: a sibling tells its set speed
        return b""

    def _stop(self, order: str) -> None:
        self.started = False
        self._set_tenths = 0
        self._actuator.order(order, 0.0)

    def _set_speed(self, digits: bytes) -> bool:
        if digits[:1] not in (b"0", b"3") or int(digits[1:]) > 299:
            return False
        sign = -1 if digits[:1] == b"3" else 1
        self._set_tenths = sign * int(digits[1:])
        if self.started:
            self._actuator.order("run", self._set_tenths * MPS_PER_TENTH_MPH)
        return True

    def view(self) -> dict[str, object]:
        """For the control socket."""
        state = "started" if self.started else "standing"
        return {"state": state, "timed": self.timed, "setpoint_tenths_mph": self._set_tenths, "grade_percent": self.grade_percent}
