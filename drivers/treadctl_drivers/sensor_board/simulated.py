"""A simulated sensor board for tests: enable lines in, sensor lines out. It keeps the enable relay as the protocol asks of the firmware."""

from __future__ import annotations

import re
from typing import Final

from treadctl_drivers.sensor_board.lines import SEQ_MODULUS, T_MODULUS, SensorLine, crc16, encode_line

RELAY_HOLD_S: Final = 0.15
_ENABLE: Final = re.compile(rb"\$(E1,([01]),([0-9]{1,3}))\*([0-9A-F]{4})\n")
ALL_CLOSED: Final = 0x3F


class SimulatedBoard:
    """The board. `line(now_s)` is the next line it sends; `noise` moves rail and trunk counts by one count, as a living converter does.

    `trunk` empty = no worn sensor: S1 lines; six counts = S2 lines.
    """

    def __init__(self) -> None:
        self.inputs = ALL_CLOSED
        self.rail_left: int | None = 800
        self.rail_right: int | None = 800
        self.belt_mm_per_s: int | None = 0
        self.trunk: tuple[int | None, ...] = ()
        self.noise = True
        self.seq = 0
        self.enable_lines: list[tuple[float, bool, int]] = []
        self._relay_until_s = 0.0
        self._last_n: int | None = None

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take enable lines; the board answers nothing to them."""
        for body, on, n, crc in _ENABLE.findall(data):
            if int(crc, 16) != crc16(body) or int(n) == self._last_n:
                continue
            self._last_n = int(n)
            self._relay_until_s = now_s + RELAY_HOLD_S if on == b"1" else 0.0
            self.enable_lines.append((now_s, on == b"1", int(n)))
        return b""

    def speed_mps(self, now_s: float) -> float:
        """What the board's encoder measures, m/s."""
        del now_s
        return (self.belt_mm_per_s or 0) / 1000

    def relay_closed(self, now_s: float) -> bool:
        """Whether the enable relay is closed."""
        return now_s < self._relay_until_s

    def line(self, now_s: float) -> bytes:
        """The next line, sampled at `now_s`."""
        self.seq = (self.seq + 1) % SEQ_MODULUS
        flicker = self.seq % 2 if self.noise else 0
        left = None if self.rail_left is None else self.rail_left + flicker
        right = None if self.rail_right is None else self.rail_right - flicker
        trunk = tuple(None if count is None else count + flicker for count in self.trunk)
        return encode_line(SensorLine(self.seq, int(now_s * 1000) % T_MODULUS, self.inputs, left, right, self.belt_mm_per_s, trunk))
