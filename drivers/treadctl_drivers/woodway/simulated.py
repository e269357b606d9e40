"""A simulated Woodway of the 4800-baud dialect, for tests: bytes in, bytes out, a belt with ramps, and the communication timer.

Where the dialect is undocumented it does what would hurt a careless driver: the setpoint survives a disengage, a direction digit acts at
once even at full speed, and a belt that is let go coasts for a long time.
"""

from __future__ import annotations

import math
from typing import Final

from treadctl.core.sample import Direction
from treadctl_drivers.woodway import frames
from treadctl_drivers.woodway.frames import Command, ErrorCode
from treadctl_drivers.woodway.pilot import MPS_PER_TENTH

RAMP_MPS2: Final = 0.9
COAST_MPS2: Final = 0.15
PAYLOAD: Final[dict[int, int]] = {Command.SET_SPEED: 4, Command.SET_ELEVATION: 4}
STATE_STANDING: Final = 0x31
STATE_RUNNING: Final = 0x32


class SimulatedWoodway:
    """The machine. `trackmaster` turns it into the sibling that answers C3h with its set speed in digits."""

    def __init__(self, firmware: bytes = bytes.fromhex("0102000A"), timer_s: float = 0.5) -> None:
        self.firmware = firmware
        self.trackmaster = False
        self.knows_timer = True
        self.forgets_starts = 0  # so many starts are acknowledged and not taken
        self.timeouts = 0
        self.elevation_tenths = 0
        self.reversals_in_motion = 0
        self._timer_s = timer_s
        self._timed_out = False
        self._engaged = False
        self._set_mps = 0.0  # forward positive
        self._belt_mps = 0.0
        self._now_s = 0.0
        self._heard_s = 0.0
        self._buffer = bytearray()

    def speed_mps(self, now_s: float) -> float:
        """The belt's true speed, m/s; forward positive."""
        self._advance(now_s)
        return self._belt_mps

    def receive(self, data: bytes, now_s: float) -> bytes:
        """The replies to every command that `data` completes."""
        self._advance(now_s)
        self._heard_s = now_s
        self._buffer += data
        replies = b""
        while self._buffer:
            length = 1 + PAYLOAD.get(self._buffer[0], 0)
            if len(self._buffer) < length:
                break
            frame = bytes(self._buffer[:length])
            del self._buffer[:length]
            replies += self._answer(frame)
        return replies

    def _answer(self, frame: bytes) -> bytes:
        if self._timed_out:
            self._timed_out = False
            return bytes((ErrorCode.MASTER_TIMEOUT,))
        try:
            command = Command(frame[0])
        except ValueError:
            return bytes((ErrorCode.INVALID_COMMAND,))
        ack = bytes((frames.reply_code(command),))
        if command in frames.READS:
            return ack + self._read(command)
        try:
            return ack if self._act(command, frame[1:]) else bytes((ErrorCode.INVALID_COMMAND,))
        except frames.MismatchError:
            return bytes((ErrorCode.INVALID_DATA,))

    def _read(self, command: Command) -> bytes:
        if command is Command.READ_STATE:
            return bytes((STATE_RUNNING if self._engaged else STATE_STANDING,))
        if command is Command.READ_ELEVATION:
            return frames.encode_elevation(self.elevation_tenths)[1:]
        if command is Command.READ_FIRMWARE:
            return b"0000" if self.trackmaster else self.firmware
        tenths = round(abs(self._belt_mps) / MPS_PER_TENTH)
        return frames.encode_speed(tenths, Direction.REVERSE if self._belt_mps < 0 else Direction.FORWARD)[1:]

    def _act(self, command: Command, data: bytes) -> bool:
        if command is Command.START_TIMED:
            self._engaged = self.knows_timer and self.forgets_starts == 0
            self.forgets_starts = max(0, self.forgets_starts - 1)
            return self.knows_timer
        if command is Command.SET_SPEED:
            tenths, direction = frames.decode_speed(data)
            wanted_mps = tenths * MPS_PER_TENTH * (-1 if direction is Direction.REVERSE else 1)
            digit_sign = -1 if direction is Direction.REVERSE else 1
            if abs(self._belt_mps) > MPS_PER_TENTH and math.copysign(1, self._belt_mps) != digit_sign:
                self.reversals_in_motion += 1
            self._set_mps = wanted_mps
        elif command is Command.SET_ELEVATION:
            self.elevation_tenths = frames.decode_elevation(data)
        elif command is Command.AUTO_STOP:
            self._set_mps = 0.0
            self.elevation_tenths = 0
        elif command is Command.DISENGAGE:
            self._engaged = False
        return True

    def _advance(self, now_s: float) -> None:
        passed_s = max(0.0, now_s - self._now_s)
        silent_from_s = self._heard_s + self._timer_s
        if self._engaged and now_s > silent_from_s:
            before_s = max(0.0, min(passed_s, silent_from_s - self._now_s))
            self._move(before_s)
            passed_s -= before_s
            self._engaged = False
            self._set_mps = 0.0
            self._timed_out = True
            self.timeouts += 1
            self._move_toward(0.0, RAMP_MPS2 * passed_s)
        else:
            self._move(passed_s)
        self._now_s = max(self._now_s, now_s)

    def _move(self, passed_s: float) -> None:
        if self._engaged:
            self._move_toward(self._set_mps, RAMP_MPS2 * passed_s)
        else:
            self._move_toward(0.0, COAST_MPS2 * passed_s)

    def _move_toward(self, target_mps: float, most_mps: float) -> None:
        gap = target_mps - self._belt_mps
        self._belt_mps += math.copysign(min(abs(gap), most_mps), gap)
