"""Codec of the Woodway 4800-baud dialect: bytes to commands and back. Sans-I/O, integers only, every length fixed.

The dialect has no framing, no length and no checksum: one command byte with zero or four ASCII digits, one reply byte with zero, one or four more.
What stands in for a checksum is the reply's own code (command + 10h), its exact length, the range of every digit, and, for anything that matters,
an independent read-back. Codes and layouts are those of a public laboratory driver for this dialect; none was checked on hardware here.

The byte A9h (start belt *without* communication timer) is deliberately not in this table: it can't be sent by mistake.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from treadctl.core.sample import Direction

BAUD: Final = 4800
CHAR_S: Final = 10 / BAUD  # 8N1: start, eight data, one stop
MAX_SPEED_TENTHS_MPH: Final = 299
MAX_ELEVATION_TENTHS_PERCENT: Final = 299


class Command(IntEnum):
    """Every command byte this driver may ever send."""

    START_TIMED = 0xA0  # engage the belt, communication timer on
    DISENGAGE = 0xA2
    SET_SPEED = 0xA3  # + direction digit and tenths of mph
    SET_ELEVATION = 0xA4  # + tenths of percent
    AUTO_STOP = 0xAA  # speed and elevation to zero by the machine's own ramps
    READ_STATE = 0xC0
    READ_SPEED = 0xC1
    READ_ELEVATION = 0xC2
    READ_FIRMWARE = 0xC3


class ErrorCode(IntEnum):
    """Replies that refuse or report trouble. They are one byte, and can stand in place of any reply."""

    MASTER_TIMEOUT = 0xBD  # the machine's communication timer ran out and it stopped the belt
    INVALID_DATA = 0xBE
    INVALID_COMMAND = 0xBF


READS: Final = frozenset({Command.READ_STATE, Command.READ_SPEED, Command.READ_ELEVATION, Command.READ_FIRMWARE})
FINGERPRINT: Final = frozenset({Command.READ_STATE, Command.READ_FIRMWARE})
"""The only commands sent to a machine not yet identified: on every known sibling they are reads."""

_DATA_LENGTH: Final = {Command.READ_STATE: 1, Command.READ_SPEED: 4, Command.READ_ELEVATION: 4, Command.READ_FIRMWARE: 4}
_DIGIT: Final = {Direction.FORWARD: 0x30, Direction.REVERSE: 0x33}
_DIRECTION: Final = {digit: direction for direction, digit in _DIGIT.items()}
_ERRORS: Final = frozenset(int(code) for code in ErrorCode)

START_FRAME: Final = bytes((Command.START_TIMED,))
AUTO_STOP_FRAME: Final = bytes((Command.AUTO_STOP,))
DISENGAGE_FRAME: Final = bytes((Command.DISENGAGE,))
READ_STATE_FRAME: Final = bytes((Command.READ_STATE,))
READ_SPEED_FRAME: Final = bytes((Command.READ_SPEED,))
READ_ELEVATION_FRAME: Final = bytes((Command.READ_ELEVATION,))
READ_FIRMWARE_FRAME: Final = bytes((Command.READ_FIRMWARE,))


def encode_speed(tenths_mph: int, direction: Direction) -> bytes:
    """A3h, the direction digit ('0' forward, '3' reverse), then exactly three digits of tenths of mph.

    A speed of zero keeps the digit it is given, which must be that of the running direction: a zero with the other digit would be a reversal in
    the middle of slowing down on a machine that acts on the digit alone ([?], so it is never tried). Raises ValueError outside 0..299.
    """
    if not 0 <= tenths_mph <= MAX_SPEED_TENTHS_MPH:
        raise ValueError(f"{tenths_mph} tenths of mph do not fit three digits up to {MAX_SPEED_TENTHS_MPH}")
    return bytes((Command.SET_SPEED, _DIGIT[direction], *_digits(tenths_mph, 3)))


def encode_elevation(tenths_percent: int) -> bytes:
    """A4h and exactly four digits: hundreds, tens, units and tenths of percent. Raises ValueError outside 0..299."""
    if not 0 <= tenths_percent <= MAX_ELEVATION_TENTHS_PERCENT:
        raise ValueError(f"{tenths_percent} tenths of percent are outside 0..{MAX_ELEVATION_TENTHS_PERCENT}")
    return bytes((Command.SET_ELEVATION, *_digits(tenths_percent, 4)))


def _digits(number: int, width: int) -> bytes:
    return f"{number:0{width}d}".encode("ascii")


def reply_code(command: Command) -> int:
    """The first byte of the good reply to a command."""
    return command + 0x10


def reply_length(command: Command) -> int:
    """The length in bytes of the good reply to a command; an error reply has one byte."""
    return 1 + _DATA_LENGTH.get(command, 0)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply whose code, length and digits fit the command asked. A refusal has an `error` and no data."""

    command: Command
    data: bytes
    error: ErrorCode | None = None


class MismatchError(ValueError):
    """The bytes received are not a reply to the command asked, or mean nothing."""


def decode_reply(command: Command, received: bytes) -> Reply | None:
    """The reply to `command` at the start of `received`; None = not whole yet. Its digits are checked too.

    Raises MismatchError for a foreign code or a digit out of range.
    """
    if not received:
        return None
    code = received[0]
    if code in _ERRORS:
        return Reply(command, b"", ErrorCode(code))
    if code != reply_code(command):
        raise MismatchError(f"{code:02X}h does not answer {int(command):02X}h")
    length = reply_length(command)
    if len(received) < length:
        return None
    data = bytes(received[1:length])
    if command is Command.READ_SPEED:
        decode_speed(data)
    elif command is Command.READ_ELEVATION:
        decode_elevation(data)
    return Reply(command, data)


def decode_speed(data: bytes) -> tuple[int, Direction]:
    """Tenths of mph and direction of a C1h reply. Raises MismatchError for a direction digit other than '0' or '3' or a byte that is no digit."""
    direction = _DIRECTION.get(data[0]) if data else None
    if direction is None:
        raise MismatchError(f"no direction digit in {data.hex()}")
    return _number(data[1:], 3), direction


def decode_elevation(data: bytes) -> int:
    """Tenths of percent of a C2h reply. Raises MismatchError for a byte that is no digit."""
    return _number(data, 4)


def _number(data: bytes, width: int) -> int:
    if len(data) != width or not all_ascii_digits(data):
        raise MismatchError(f"{data.hex()} is not {width} decimal digits")
    return int(data)


def all_ascii_digits(data: bytes) -> bool:
    """Whether every byte is an ASCII decimal digit: so a Trackmaster answers C3h, its *set speed*, with the same D3h as a Woodway its firmware."""
    return bool(data) and all(0x30 <= byte <= 0x39 for byte in data)


def command_of(frame: bytes) -> Command:
    """The command of an outgoing frame. Raises ValueError for a byte that is not in the table."""
    return Command(frame[0])
