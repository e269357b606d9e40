"""The device ends of the wires: Modbus RTU, Modbus TCP and the Woodway's bare bytes. They find frames, ask the device, and time its reply."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from treadctl_hil.faults import Switchboard
from treadctl_hil.line import Burst, Line
from treadctl_hil.measure import Frame, WireLog
from treadctl_hil.modbus import Points, answer, rtu, rtu_valid, writes_of
from treadctl_hil.reactor import Scheduler, Timer
from treadctl_hil.woodway import DIGITS, Woodway, command_length


class Device(Points, Protocol):
    """A Modbus device as a bus sees it."""

    @property
    def powered(self) -> bool:
        """Whether it can hear and answer."""

    def heard(self, now_s: float) -> None:
        """A valid frame for its unit arrived."""


@dataclass(frozen=True, slots=True)
class Station:
    """A device on a bus. `turnaround_s`: from the request's last byte to the reply's first; drawn evenly between this and `turnaround_max_s`."""

    name: str
    unit: int
    device: Device
    turnaround_s: float = 0.0
    turnaround_max_s: float = 0.0
    on_frame: Callable[[Frame], None] | None = None

    def draw_s(self, rng: random.Random) -> float:
        """One turnaround."""
        return self.turnaround_s if self.turnaround_max_s <= self.turnaround_s else rng.uniform(self.turnaround_s, self.turnaround_max_s)


def deaf(name: str, faults: Switchboard) -> bool:
    """Whether a fault keeps this device from hearing."""
    silent = faults.params("silent")
    if silent is not None and silent["device"] in (name, "any"):
        return True
    return name == "io" and faults.params("io_silent") is not None


class RtuBus:
    """Modbus RTU on one line, several units. A frame is taken as soon as it is whole and valid, and otherwise ends by silence."""

    def __init__(self, scheduler: Scheduler, line: Line, log: WireLog, faults: Switchboard, stations: list[Station], seed: int = 0) -> None:
        self._scheduler = scheduler
        self._line = line
        self._log = log
        self._faults = faults
        self._stations = {s.unit: s for s in stations}
        self._buffer = bytearray()
        self._first: Burst | None = None
        self._last_s = 0.0
        self._collided = False
        self._flush: Timer | None = None
        self._rng = random.Random(seed)  # noqa: S311 - a simulation wants repeatable numbers
        line.receiver = self

    def received(self, burst: Burst) -> None:
        """Bytes of the host are through."""
        quiet_s = self._line.setting.silence_s
        if self._flush is not None:
            self._flush.cancel()
        if self._buffer and burst.silence_before_s >= quiet_s:
            self._give_up()
        crowded = False
        if not self._buffer:
            self._first, self._collided = burst, False
            crowded = burst.silence_before_s < 0.95 * quiet_s
        self._buffer += burst.data
        self._collided = self._collided or burst.collided
        self._last_s = burst.last_s
        if crowded:
            self._line.stats.short_gaps += 1
            strict = self._faults.params("gap_strict")
            if strict is not None and strict["wire"] == self._log.name:
                self._collided = True
        if not self._collided and rtu_valid(bytes(self._buffer)):
            self._take()
        else:
            self._flush = self._scheduler.call_at(burst.last_s + quiet_s, self._fell_silent)

    def _frame(self, valid: bool, note: str = "") -> Frame:
        first = self._first
        assert first is not None  # noqa: S101 - set with the first byte of every buffer
        frame = Frame("host", first.received_s, first.first_s, self._last_s, bytes(self._buffer), valid, note)
        self._buffer.clear()
        self._log.add(frame)
        return frame

    def _fell_silent(self) -> None:
        if self._line.host_free_s <= self._last_s:  # else more is already under way; the pause before it decides
            self._give_up()

    def _give_up(self) -> None:
        if self._buffer:
            self._frame(False, "collision" if self._collided else "no valid frame")

    def _take(self) -> None:
        frame = self._frame(True)
        unit, pdu = frame.data[0], frame.data[1:-2]
        for station in self._stations.values() if unit == 0 else filter(None, [self._stations.get(unit)]):
            if station.on_frame is not None:
                station.on_frame(frame)
            if deaf(station.name, self._faults) or not station.device.powered:
                continue
            station.device.heard(frame.last_s)
            reply = answer(pdu, station.device)
            if unit != 0:
                self._reply(station, frame, bytes((unit,)) + reply)

    def _reply(self, station: Station, frame: Frame, body: bytes) -> None:
        start_s = frame.last_s + station.draw_s(self._rng)
        replies = self._faults.shape(station.name, frame.data[:-2], body, _rtu_frame, write=bool(writes_of(frame.data[1:-2])))
        for piece in replies:
            if piece.raw:
                self._line.device_sends(piece.raw, start_s + piece.delay_s, self._sent)

    def _sent(self, first_s: float, last_s: float, data: bytes) -> None:
        self._log.add(Frame("device", first_s, first_s, last_s, data, rtu_valid(data)))


def _rtu_frame(body: bytes) -> bytes:
    return rtu(body[0], body[1:])


class TcpBus:
    """Modbus TCP: the same devices without a wire's time. `send` goes back to the connection the request came from."""

    def __init__(self, scheduler: Scheduler, log: WireLog, faults: Switchboard, stations: list[Station], seed: int = 0) -> None:
        self._scheduler = scheduler
        self._log = log
        self._faults = faults
        self._stations = {s.unit: s for s in stations}
        self._rng = random.Random(seed)  # noqa: S311 - a simulation wants repeatable numbers

    def received(self, buffer: bytearray, send: Callable[[bytes], None]) -> bool:
        """Take all whole requests off the buffer. False: what is there is no Modbus; close the connection."""
        while len(buffer) >= 7:
            _, protocol, length = struct.unpack(">HHH", buffer[:6])
            if protocol != 0 or not 2 <= length <= 254:
                return False
            if len(buffer) < 6 + length:
                return True
            data = bytes(buffer[: 6 + length])
            del buffer[: 6 + length]
            self._take(data, send)
        return True

    def _take(self, data: bytes, send: Callable[[bytes], None]) -> None:
        now = self._scheduler.now_s()
        frame = Frame("host", now, now, now, data, True)
        self._log.add(frame)
        station = self._stations.get(data[6])
        if station is None:
            return
        if station.on_frame is not None:
            station.on_frame(frame)
        if deaf(station.name, self._faults) or not station.device.powered:
            return
        station.device.heard(now)
        body = data[6:7] + answer(data[7:], station.device)
        start_s = now + station.draw_s(self._rng)
        for piece in self._faults.shape(station.name, data[6:], body, _Mbap(data[:4]), write=bool(writes_of(data[7:]))):
            if piece.raw:
                self._scheduler.call_at(start_s + piece.delay_s, _TcpReply(self._scheduler, self._log, send, piece.raw))


class _Mbap:
    def __init__(self, head: bytes) -> None:
        self._head = head

    def __call__(self, body: bytes) -> bytes:
        return self._head + struct.pack(">H", len(body)) + body


class _TcpReply:
    def __init__(self, scheduler: Scheduler, log: WireLog, send: Callable[[bytes], None], raw: bytes) -> None:
        self._scheduler = scheduler
        self._log = log
        self._send = send
        self._raw = raw

    def __call__(self) -> None:
        self._send(self._raw)
        now = self._scheduler.now_s()
        self._log.add(Frame("device", now, now, now, self._raw, True))


class WoodwayLine:
    """The Woodway's end of its line: bytes become commands by their first byte alone; a payload not finished in half a second is given up."""

    PATIENCE_S: Final = 0.5

    def __init__(self, scheduler: Scheduler, line: Line, log: WireLog, faults: Switchboard, device: Woodway, turnaround_s: float,
                 on_frame: Callable[[Frame], None]) -> None:
        self._scheduler = scheduler
        self._line = line
        self._log = log
        self._faults = faults
        self._device = device
        self._turnaround_s = turnaround_s
        self._on_frame = on_frame
        self._buffer = bytearray()
        self._first: Burst | None = None
        line.receiver = self

    def received(self, burst: Burst) -> None:
        """One byte of the host is through."""
        if self._buffer and self._first is not None and burst.first_s - self._first.first_s > self.PATIENCE_S:
            self._log.add(Frame("host", self._first.received_s, self._first.first_s, burst.first_s, bytes(self._buffer), False, "unfinished"))
            self._buffer.clear()
        if not self._buffer:
            self._first = burst
        self._buffer += burst.data
        if len(self._buffer) < command_length(self._buffer[0]) or self._first is None:
            return
        command = bytes(self._buffer)
        self._buffer.clear()
        frame = Frame("host", self._first.received_s, self._first.first_s, burst.last_s, command, True)
        self._log.add(frame)
        self._on_frame(frame)
        if deaf("drive", self._faults) or not self._device.powered:
            return
        reply = self._device.command(command)
        self._device.heard(burst.last_s)
        for piece in self._faults.shape("drive", command, reply, bytes, write=command[0] in DIGITS or command[0] in (0xA0, 0xA2, 0xA9, 0xAA)):
            if piece.raw:
                self._line.device_sends(piece.raw, burst.last_s + self._turnaround_s + piece.delay_s, self._sent)

    def _sent(self, first_s: float, last_s: float, data: bytes) -> None:
        self._log.add(Frame("device", first_s, first_s, last_s, data, True))
