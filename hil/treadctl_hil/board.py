"""The simulated sensor board: streams `$S1` lines, with a worn sensor `$S2` lines, at its rate and at once on an edge, and listens for `$E1`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from treadctl_hil.faults import Switchboard
from treadctl_hil.line import Burst, Line
from treadctl_hil.measure import Frame, WireLog
from treadctl_hil.reactor import Scheduler, Timer
from treadctl_hil.sensors import SensorFace

RENEWAL_S: Final = 0.150
_EDGE_BITS: Final = 0x1F


def crc_ccitt_false(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 1021h, initial FFFFh, no reflection."""
    crc = 0xFFFF
    for byte in data:
        crc = ((crc << 8) & 0xFFFF) ^ _CRC[(crc >> 8) ^ byte]
    return crc


def _table() -> tuple[int, ...]:
    rows = []
    for byte in range(256):
        crc = byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
        rows.append(crc & 0xFFFF)
    return tuple(rows)


_CRC: Final = _table()


def framed(body: str) -> bytes:
    """A line of this body."""
    raw = body.encode("ascii")
    return b"$" + raw + f"*{crc_ccitt_false(raw):04X}\n".encode("ascii")


class Board:
    """One board on its line. `set_relay(on)` is called when its enable relay changes. `poll()` after every change of the world."""

    def __init__(self, scheduler: Scheduler, line: Line, log: WireLog, face: SensorFace, faults: Switchboard, rate_hz: float,
                 set_relay: Callable[[bool], None], trunk: bool = False) -> None:
        self._scheduler = scheduler
        self._line = line
        self._log = log
        self._face = face
        self._faults = faults
        self._period_s = 1.0 / rate_hz
        self._set_relay = set_relay
        self._trunk = trunk
        self._seq = 0
        self._booted_s = scheduler.now_s()
        self._edges = face.bits() & _EDGE_BITS
        self._frozen_ms: int | None = None
        self._buffer = bytearray()
        self._first: Burst | None = None
        self.relay = False
        self.bad_lines = 0
        self._counter: int | None = None
        self._renewed_s = 0.0
        self._next_s = self._booted_s
        self._timer: Timer | None = None
        line.receiver = self

    def start(self) -> None:
        """Begin to stream."""
        self._periodic()

    def _periodic(self) -> None:
        self._send()
        slow = self._faults.params("board_rate_collapse")
        now = self._scheduler.now_s()
        self._next_s += self._period_s if slow is None else 1.0 / slow["hz"]
        self._next_s = max(self._next_s, now)
        self._timer = self._scheduler.call_at(self._next_s, self._periodic)

    def poll(self) -> None:
        """Send a line at once where an input has changed; open the relay when renewal is missing."""
        edges = self._face.bits() & _EDGE_BITS
        if edges != self._edges:
            if self._faults.params("board_rate_collapse") is None:
                self._send()
            self._edges = edges
        if self.relay and self._scheduler.now_s() - self._renewed_s > RENEWAL_S:
            self._switch(False)

    def _send(self) -> None:
        if self._faults.params("board_silent") is not None:
            return
        now = self._scheduler.now_s()
        t_ms = int((now - self._booted_s) * 1000.0) & 0xFFFFFFFF
        if self._faults.params("board_clock_frozen") is None:
            self._frozen_ms = None
        elif self._frozen_ms is None:
            self._frozen_ms = t_ms
        if self._frozen_ms is not None:
            t_ms = self._frozen_ms
        fields = [self._face.rail_raw("left"), self._face.rail_raw("right"), self._face.belt_mm_s(), *(self._face.trunk_raw() if self._trunk else ())]
        shown = ",".join("!" if value is None else str(value) for value in fields)
        line = framed(f"{'S2' if self._trunk else 'S1'},{self._seq},{t_ms},{self._face.bits():04X},{shown}")
        if self._faults.params("board_bad_crc") is not None:
            line = line[:-2] + (b"0" if line[-2:-1] != b"0" else b"1") + b"\n"
        garbage = self._faults.params("board_garbage")
        if garbage is not None:
            line = self._faults.random_bytes(garbage["bytes"]) + line
        if self._faults.params("board_seq_repeat") is None:
            self._seq = (self._seq + 1) & 0xFFFF
        self._line.device_sends(line, now, self._sent)

    def _sent(self, first_s: float, last_s: float, data: bytes) -> None:
        self._log.add(Frame("device", first_s, first_s, last_s, data, True))

    # the enable relay ------------------------------------------------------------------------------------------------------------------------
    def received(self, burst: Burst) -> None:
        """Bytes of the host are through."""
        if not self._buffer:
            self._first = burst
        self._buffer += burst.data
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).rstrip(b"\r")
            del self._buffer[: end + 1]
            good = self._enable(line)
            self.bad_lines += not good
            first = self._first or burst
            self._log.add(Frame("host", first.received_s, first.first_s, burst.last_s, line, good))
            self._first = burst
        if len(self._buffer) > 120:
            self._buffer.clear()

    def _enable(self, line: bytes) -> bool:
        body, star, crc = line.rpartition(b"*")
        if star != b"*" or not body.startswith(b"$E1,") or crc != f"{crc_ccitt_false(body[1:]):04X}".encode("ascii"):
            return False
        fields = body[4:].split(b",")
        if len(fields) != 2 or fields[0] not in (b"0", b"1") or not fields[1].isdigit() or int(fields[1]) > 255:
            return False
        if fields[0] == b"0":
            self._counter = int(fields[1])
            self._switch(False)
        elif int(fields[1]) != self._counter:
            self._counter = int(fields[1])
            self._renewed_s = self._scheduler.now_s()
            self._switch(True)
        return True

    def _switch(self, on: bool) -> None:
        if on != self.relay:
            self.relay = on
            self._set_relay(on)
