"""Modbus, device side: CRC, requests, replies. Written for the bench alone; the daemon has its own."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Protocol

ILLEGAL_FUNCTION: Final = 1
ILLEGAL_ADDRESS: Final = 2
ILLEGAL_VALUE: Final = 3
BUSY: Final = 6


def _table() -> tuple[int, ...]:
    rows = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
        rows.append(crc)
    return tuple(rows)


_CRC: Final = _table()


def crc16(data: bytes) -> bytes:
    """CRC-16/MODBUS of `data`, low byte first as on the wire."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC[(crc ^ byte) & 0xFF]
    return bytes((crc & 0xFF, crc >> 8))


def rtu(unit: int, pdu: bytes) -> bytes:
    """A whole RTU frame."""
    body = bytes((unit,)) + pdu
    return body + crc16(body)


def rtu_valid(frame: bytes) -> bool:
    """Whether a byte string is one whole RTU frame."""
    return 4 <= len(frame) <= 256 and crc16(frame[:-2]) == frame[-2:]


class ModbusError(Exception):
    """A refusal: becomes an exception reply with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code:02X}h")
        self.code = code


class Points(Protocol):
    """What a device offers behind Modbus. Each raises ModbusError; `device_id` maps object number to text, None = not offered."""

    def read_bit(self, function: int, address: int) -> bool:
        """State of a coil (function 1) or discrete input (2)."""

    def read_word(self, function: int, address: int) -> int:
        """A holding (3) or input register (4)."""

    def write_bit(self, address: int, on: bool) -> None:
        """Write a coil."""

    def write_word(self, address: int, word: int) -> None:
        """Write a holding register."""

    def device_id(self) -> dict[int, str] | None:
        """Objects of function 43/14."""


@dataclass(frozen=True, slots=True)
class Write:
    """One register or coil written by a request."""

    coil: bool
    address: int
    word: int


def writes_of(pdu: bytes) -> tuple[Write, ...]:
    """What a request would write; nothing for reads and malformed requests."""
    if len(pdu) < 5:
        return ()
    function, address, count = struct.unpack(">BHH", pdu[:5])
    if function in (5, 6) and len(pdu) == 5:
        return (Write(function == 5, address, count),)
    if function == 16 and len(pdu) == 6 + 2 * count == 6 + pdu[5]:
        return tuple(Write(False, address + k, word) for k, word in enumerate(struct.unpack(f">{count}H", pdu[6:])))
    if function == 15 and len(pdu) == 6 + (count + 7) // 8:
        return tuple(Write(True, address + k, 0xFF00 if pdu[6 + k // 8] >> (k % 8) & 1 else 0) for k in range(count))
    return ()


def answer(pdu: bytes, points: Points) -> bytes:
    """The reply PDU of a device to a request PDU."""
    function = pdu[0]
    try:
        return _answer(function, pdu, points)
    except ModbusError as refusal:
        return bytes((function | 0x80, refusal.code))


def _answer(function: int, pdu: bytes, points: Points) -> bytes:
    if function == 43:
        return _identify(pdu, points)
    if function not in (1, 2, 3, 4, 5, 6, 15, 16):
        raise ModbusError(ILLEGAL_FUNCTION)
    if len(pdu) < 5:
        raise ModbusError(ILLEGAL_VALUE)
    address, count = struct.unpack(">HH", pdu[1:5])
    if function in (1, 2):
        return _bits(function, address, count, pdu, points)
    if function in (3, 4):
        if not 1 <= count <= 125 or len(pdu) != 5:
            raise ModbusError(ILLEGAL_VALUE)
        words = [points.read_word(function, address + k) & 0xFFFF for k in range(count)]
        return struct.pack(f">BB{count}H", function, 2 * count, *words)
    writes = writes_of(pdu)
    if not writes:
        raise ModbusError(ILLEGAL_VALUE)
    for write in writes:
        if write.coil:
            if write.word not in (0, 0xFF00):
                raise ModbusError(ILLEGAL_VALUE)
            points.write_bit(write.address, write.word == 0xFF00)
        else:
            points.write_word(write.address, write.word)
    return pdu[:5]


def _bits(function: int, address: int, count: int, pdu: bytes, points: Points) -> bytes:
    if not 1 <= count <= 2000 or len(pdu) != 5:
        raise ModbusError(ILLEGAL_VALUE)
    packed = bytearray((count + 7) // 8)
    for k in range(count):
        if points.read_bit(function, address + k):
            packed[k // 8] |= 1 << (k % 8)
    return bytes((function, len(packed))) + bytes(packed)


def _identify(pdu: bytes, points: Points) -> bytes:
    """Function 43 / 14, basic identification (objects 0 to 2) and single objects."""
    objects = points.device_id()
    if objects is None or len(pdu) != 4 or pdu[1] != 14:
        raise ModbusError(ILLEGAL_FUNCTION)
    code, first = pdu[2], pdu[3]
    if code not in (1, 2, 4):
        raise ModbusError(ILLEGAL_VALUE)
    if code == 4 and first not in objects:
        raise ModbusError(ILLEGAL_ADDRESS)
    chosen = [first] if code == 4 else [k for k in sorted(objects) if k >= first] or sorted(objects)
    body = b"".join(bytes((k, len(text := objects[k].encode("ascii")))) + text for k in chosen)
    return bytes((43, 14, code, 0x81, 0, 0, len(chosen))) + body
