"""Measurement at the plant: from an edge to the last byte of the first stop frame, to power off, to standstill."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Final

STANDSTILL_MPS: Final = 0.01
MERGE_S: Final = 0.05  # both channels of one cord, and their bounce, are one event
LONGEST_S: Final = 60.0
_KEEP_FRAMES: Final = 20000
_KEEP_MEASUREMENTS: Final = 50000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a host's frame asks of the belt; the drive's dialect decides."""

    stop: bool = False
    moves: bool = False  # a run word or a speed above zero
    arms: bool = False  # the first word of a new start


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame or fragment as it was on a wire. `received_s` is when the simulator got the first byte from the host's port."""

    side: str  # "host" or "device"
    received_s: float
    first_s: float
    last_s: float
    data: bytes
    valid: bool
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """For the control socket."""
        return {"side": self.side, "first_s": self.first_s, "last_s": self.last_s, "hex": self.data.hex(), "valid": self.valid, "note": self.note}


@dataclass(slots=True)
class Measurement:
    """One event and what followed. Missing = has not happened (or, for the enable, was not closed)."""

    event: str
    event_s: float
    speed_at_event_mps: float
    travel_at_event_m: float
    enable_closed_at_event: bool
    first_stop_frame_s: float | None = None
    stop_frame_hex: str | None = None
    frames_above_zero_after_stop: int = 0
    frames_above_zero_before_stop: int = 0
    enable_dropped_s: float | None = None
    standstill_s: float | None = None
    belt_travel_m: float | None = None
    armed_again: bool = False

    def as_json(self) -> dict[str, Any]:
        """For the control socket and the report."""
        names = (
            "event", "event_s", "first_stop_frame_s", "stop_frame_hex", "frames_above_zero_after_stop", "frames_above_zero_before_stop",
            "enable_dropped_s", "standstill_s", "belt_travel_m", "speed_at_event_mps",
        )
        return {name: getattr(self, name) for name in names}


class Measurements:
    """All measurements of a run. Fed by the rig: host frames of the drive's wire, the enable relay, the belt."""

    def __init__(self) -> None:
        self.all: deque[Measurement] = deque(maxlen=_KEEP_MEASUREMENTS)
        self._open: list[Measurement] = []
        self._enable_closed = False
        self._speed_mps = 0.0
        self._travel_m = 0.0
        self._belt_s = 0.0

    def mark(self, event: str, at_s: float, *, merge: bool = False) -> Measurement:
        """Open a measurement. With `merge`, one of this name that began less than 0.05 s ago is the same event."""
        for old in self._open if merge else ():
            if old.event == event and abs(at_s - old.event_s) < MERGE_S:
                return old
        behind_m = abs(self._speed_mps) * max(-0.1, min(0.1, self._belt_s - at_s))
        new = Measurement(event, at_s, abs(self._speed_mps), self._travel_m - behind_m, self._enable_closed)
        if abs(self._speed_mps) < STANDSTILL_MPS:
            new.standstill_s, new.belt_travel_m = at_s, 0.0
        self.all.append(new)
        self._open.append(new)
        return new

    def host_frame(self, frame: Frame, verdict: Verdict) -> None:
        """A valid frame reached the drive. One that the host had sent before the event does not count as its answer to it."""
        for m in self._open:
            if frame.received_s < m.event_s or m.armed_again:
                continue
            if verdict.arms and m.standstill_s is not None:  # a new start at rest: whatever follows belongs to it
                m.armed_again = True
            elif m.first_stop_frame_s is None:
                if verdict.stop:
                    m.first_stop_frame_s = frame.last_s
                    m.stop_frame_hex = frame.data.hex()
                elif verdict.moves:
                    m.frames_above_zero_before_stop += 1
            elif verdict.moves:
                m.frames_above_zero_after_stop += 1

    def enable(self, closed: bool, at_s: float) -> None:
        """The drive's enable changed."""
        self._enable_closed = closed
        if closed:
            return
        for m in self._open:
            if m.enable_closed_at_event and m.enable_dropped_s is None and at_s >= m.event_s:
                m.enable_dropped_s = at_s

    def belt(self, at_s: float, speed_mps: float, travel_m: float) -> None:
        """Where the belt is now; closes measurements that are complete or too old."""
        self._belt_s, self._speed_mps, self._travel_m = at_s, speed_mps, travel_m
        if not self._open:
            return
        if abs(speed_mps) < STANDSTILL_MPS:
            for m in self._open:
                if m.standstill_s is None and at_s >= m.event_s:
                    m.standstill_s, m.belt_travel_m = at_s, travel_m - m.travel_at_event_m
        self._open = [m for m in self._open if not m.armed_again and at_s - m.event_s < LONGEST_S]


class WireLog:
    """The last frames of one wire, and counters for the report."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.frames: deque[Frame] = deque(maxlen=_KEEP_FRAMES)
        self.host_frames = 0
        self.device_frames = 0
        self.invalid = 0

    def add(self, frame: Frame) -> None:
        """Record a frame."""
        self.frames.append(frame)
        if frame.side == "host":
            self.host_frames += 1
        else:
            self.device_frames += 1
        if not frame.valid:
            self.invalid += 1

    def last(self, count: int) -> list[dict[str, Any]]:
        """The last frames, oldest first."""
        return [frame.as_json() for frame in list(self.frames)[-count:]] if count > 0 else []
