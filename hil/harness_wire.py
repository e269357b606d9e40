"""Reading the wire and the plant's measurements: which kind of stop was it, and in which order did things happen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def stop_kind(frame: bytes | str | None) -> str | None:
    """What a stop frame asks of the drive: "ramp", "fast" or "off"; None where there was no frame, or one that is no stop."""
    if frame is None:
        return None
    raw = bytes.fromhex(frame) if isinstance(frame, str) else frame
    if raw in (b"\xaa", b"\xa2"):  # the Woodway dialect
        return "ramp" if raw == b"\xaa" else "off"
    pdu = raw[7:] if raw[:1] == b"\x00" or raw[2:4] == b"\x00\x00" else raw[1:-2]  # Modbus TCP has a header, RTU a unit and a CRC
    if pdu[:3] == b"\x06\x21\x9a":  # setpoint zero
        return "ramp" if pdu[3:5] == b"\x00\x00" else None
    if pdu[:3] != b"\x06\x21\x35":
        return None
    word = int.from_bytes(pdu[3:5], "big")
    if not word & 0x02:
        return "off"
    if not word & 0x04:
        return "fast"
    return "ramp" if word & 0x0F != 0x0F and word & 0x0F != 0x06 else None


def ramped(m: Mapping[str, Any]) -> bool:
    """Category 1 as SS1 wants it: the drive's ramp first, and the enable open only when the belt stood."""
    return stop_kind(m["stop_frame_hex"]) == "ramp" and bool(m["enable_dropped_s"] >= m["standstill_s"])


def braked_hard(m: Mapping[str, Any]) -> bool:
    """SS1_FAST: the machine's hardest braking, then the enable."""
    return stop_kind(m["stop_frame_hex"]) == "fast" and bool(m["enable_dropped_s"] >= m["standstill_s"])


def paused(m: Mapping[str, Any]) -> bool:
    """SS2: the drive's ramp, and torque still there when the belt stands."""
    return stop_kind(m["stop_frame_hex"]) == "ramp" and (m["enable_dropped_s"] is None or bool(m["enable_dropped_s"] > m["standstill_s"]))


def cut(m: Mapping[str, Any]) -> bool:
    """STO: the enable opened while the belt still moved, within a second of the event."""
    return bool(m["event_s"] <= m["enable_dropped_s"] <= min(m["standstill_s"], m["event_s"] + 1.0))
