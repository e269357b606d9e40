"""W(baud): the least time in which a stop can be on a half-duplex Modbus RTU wire when one poll is in flight and must be let finish."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

REQUEST_CHARS: Final = 8  # FC 03, 04, 06: unit, function, address, count or value, CRC
REPLY_OVERHEAD_CHARS: Final = 5  # unit, function, byte count, CRC
POLLED_REGISTERS: Final = 4
BITS: Final = {"8E1": 11, "8O1": 11, "8N2": 11, "8N1": 10}


def silence_s(baud: int, bits: int = 11) -> float:
    """The silent interval between two frames, s: 3.5 characters up to 19,200 baud, 1.75 ms beyond (Modbus over Serial Line)."""
    return 3.5 * bits / baud if baud <= 19200 else 0.00175


def wire_bound_s(baud: int, turnaround_s: float, bits: int = 11) -> float:
    """The worst case: the poll has just begun. Poll, turnaround, reply of 4 registers, silence, stop frame."""
    char_s = bits / baud
    reply_chars = REPLY_OVERHEAD_CHARS + 2 * POLLED_REGISTERS
    return (REQUEST_CHARS + reply_chars + REQUEST_CHARS) * char_s + turnaround_s + silence_s(baud, bits)


def mean_bound_s(baud: int, turnaround_s: float, bits: int = 11) -> float:
    """The mean over a uniformly random phase of back-to-back polls: half of the exchange with its silences, then the stop frame."""
    char_s = bits / baud
    reply_chars = REPLY_OVERHEAD_CHARS + 2 * POLLED_REGISTERS
    exchange_s = (REQUEST_CHARS + reply_chars) * char_s + turnaround_s + silence_s(baud, bits)
    return exchange_s / 2.0 + REQUEST_CHARS * char_s


def bound_of_bench(bench: Path, drive_wire: str = "drive") -> float | None:
    """W of a bench file's drive wire, s; None where it is no serial line (TCP is not paced)."""
    wire = tomllib.loads(bench.read_text(encoding="utf-8"))["wire"][drive_wire]
    if wire.get("kind") != "pty":
        return None
    return wire_bound_s(int(wire["baud"]), float(wire.get("turnaround_s", 0.0)), BITS[wire.get("framing", "8E1")])
