"""Codec of the sensor line protocol, lines S1 and S2 (docs/reference/sensor-line-protocol.md). Sans-I/O: bytes in, sensor lines out."""

from __future__ import annotations

import re
from binascii import crc_hqx
from dataclasses import dataclass
from typing import Final

from treadctl.core.sample import ChannelId

MAX_LINE: Final = 160
"""Bytes before the LF. The longest S2 line, with nine digits and a sign in each of its nine counts, has 130 (S1: 64); usual ones up to 80 and 45."""
TRUNK_COUNTS: Final = 6
SEQ_MODULUS: Final = 1 << 16
T_MODULUS: Final = 1 << 32
INPUT_BITS: Final = {
    ChannelId.CORD_A: 0x01,
    ChannelId.CORD_B: 0x02,
    ChannelId.ESTOP: 0x04,
    ChannelId.ATTENDANT: 0x08,
    ChannelId.HARNESS: 0x10,
    ChannelId.ENABLE_FEEDBACK: 0x20,
}
"""The bit of each contact in the inputs field; 1 = closed = healthy."""

_COUNT: Final = rb"(-?[0-9]{1,9}|!)"
_FIELDS: Final = rb",([0-9]{1,5}),([0-9]{1,10}),([0-9A-F]{4})" + 3 * (b"," + _COUNT)
_BODY: Final = re.compile(b"S1" + _FIELDS)
_TRUNK_BODY: Final = re.compile(b"S2" + _FIELDS + TRUNK_COUNTS * (b"," + _COUNT))
_CRC: Final = re.compile(rb"[0-9A-F]{4}")


def crc16(data: bytes | bytearray | memoryview) -> int:
    """CRC-16/CCITT-FALSE: polynomial 1021h, initial FFFFh, no reflection, no final inversion."""
    return crc_hqx(data, 0xFFFF)


@dataclass(frozen=True, slots=True)
class SensorLine:
    """One line whose CRC and form are right. Counts are raw; None = the board reports a converter fault, a broken wire or a lost radio link.

    `trunk` holds force x, y, z and rate x, y, z of the worn sensor where the line is an S2, and nothing where it is an S1.
    """

    seq: int
    t_ms: int
    inputs: int
    rail_left: int | None
    rail_right: int | None
    belt_mm_per_s: int | None
    trunk: tuple[int | None, ...] = ()


@dataclass(slots=True)
class LineCounters:
    """What the parser met since it was made."""

    lines: int = 0
    crc_errors: int = 0
    form_errors: int = 0  # a right CRC around something that is not a sensor line, or a field out of range
    garbage_bytes: int = 0


class LineParser:
    """Cuts a byte stream into lines and checks each. Whatever is not a whole valid line is counted and dropped; the next `$` starts afresh."""

    __slots__ = ("_buffer", "_skipping", "counters")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skipping = False
        self.counters = LineCounters()

    def reset(self) -> None:
        """Forget a half-received line: the link was down. Counters stay."""
        self._buffer.clear()
        self._skipping = False

    def feed(self, data: bytes) -> list[SensorLine]:
        """Every valid line that `data` completes, oldest first."""
        lines: list[SensorLine] = []
        parts = data.split(b"\n")
        for part in parts[:-1]:
            self._append(part)
            line = None if self._skipping else self._parse(bytes(self._buffer))
            if line is not None:
                lines.append(line)
            self._buffer.clear()
            self._skipping = False
        self._append(parts[-1])
        return lines

    def _append(self, part: bytes) -> None:
        if self._skipping:
            self.counters.garbage_bytes += len(part)
            return
        self._buffer += part
        if len(self._buffer) > MAX_LINE:  # the LF was lost, or it is not our board: keep what may be the start of the next line
            start = self._buffer.rfind(b"$")
            keep = start > 0 and len(self._buffer) - start <= MAX_LINE
            self.counters.garbage_bytes += start if keep else len(self._buffer)
            del self._buffer[: start if keep else len(self._buffer)]
            self._skipping = not keep

    def _parse(self, raw: bytes) -> SensorLine | None:
        counters = self.counters
        start = raw.rfind(b"$")  # a line cut short by a lost LF is followed by a whole one: the last `$` starts it
        if start < 0:
            counters.garbage_bytes += len(raw)
            return None
        counters.garbage_bytes += start
        body, star, crc = raw[start + 1 :].partition(b"*")
        if crc.endswith(b"\r"):
            crc = crc[:-1]
        if not star or not _CRC.fullmatch(crc) or int(crc, 16) != crc16(body):
            counters.crc_errors += 1
            return None
        line = _sensor_line(body)
        if line is None:
            counters.form_errors += 1
            return None
        counters.lines += 1
        return line


def _sensor_line(body: bytes) -> SensorLine | None:
    match = (_TRUNK_BODY if body.startswith(b"S2") else _BODY).fullmatch(body)
    if match is None:
        return None
    seq_text, t_text, inputs, left, right, belt, *trunk = match.groups()
    seq, t_ms = int(seq_text), int(t_text)
    if seq >= SEQ_MODULUS or t_ms >= T_MODULUS:
        return None
    return SensorLine(seq, t_ms, int(inputs, 16), _count(left), _count(right), _count(belt), tuple([_count(text) for text in trunk]))


def _count(text: bytes) -> int | None:
    return None if text == b"!" else int(text)


def encode_enable(on: bool, n: int) -> bytes:
    """The enable line to the board; `n` counts 0-255 and wraps, so that a repeated line does not renew."""
    body = b"E1,%d,%d" % (on, n & 0xFF)
    return b"$%b*%04X\n" % (body, crc16(body))


def encode_line(line: SensorLine) -> bytes:
    """A sensor line as the board sends it. For simulated boards and tests."""
    counts = ",".join("!" if count is None else str(count) for count in (line.rail_left, line.rail_right, line.belt_mm_per_s, *line.trunk))
    body = f"{'S2' if line.trunk else 'S1'},{line.seq},{line.t_ms},{line.inputs:04X},{counts}".encode("ascii")
    return b"$%b*%04X\n" % (body, crc16(body))
