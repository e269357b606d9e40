"""The wire: bytes take their time on it, in both directions, and on a two-wire bus they collide.

Byte times are computed, not waited for: a byte handed over by the host occupies the line from the later of its arrival and the end of the byte
before it, for one character time. The device learns of it when its last bit is through; a reply reaches the host no earlier than that either.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from treadctl_hil.reactor import Scheduler

_BITS: Final = {"8E1": 11, "8O1": 11, "8N2": 11, "8N1": 10}
FRAMINGS: Final = tuple(_BITS)
_KEEP: Final = 64  # intervals of talk remembered per side; a collision lies within the last few


def char_s(baud: int, framing: str) -> float:
    """Duration of one character: start bit, data, parity, stop bits."""
    return _BITS[framing] / baud


def silence_s(baud: int, framing: str, chars: float = 3.5) -> float:
    """The silence that ends an RTU frame: 3.5 characters, above 19200 baud fixed at 1.75 ms (1.5 characters: 0.75 ms)."""
    return chars * char_s(baud, framing) if baud <= 19200 else chars * 0.0005


@dataclass(frozen=True, slots=True)
class LineSetting:
    """How a wire behaves. `chunk_bytes`: the reply is handed over in pieces of that size, each at its own last byte; 0 = whole."""

    baud: int = 19200
    framing: str = "8E1"
    half_duplex: bool = True
    echo: bool = False  # the host hears itself, as on many two-wire adapters
    chunk_bytes: int = 0
    usb_frame_s: float = 0.0  # grid on which a USB adapter hands bytes over, 0 = none

    @property
    def char_s(self) -> float:
        """Duration of one character."""
        return char_s(self.baud, self.framing)

    @property
    def silence_s(self) -> float:
        """Silence that separates frames."""
        return silence_s(self.baud, self.framing)


@dataclass(frozen=True, slots=True)
class Burst:
    """Bytes of the host, back to back on the wire. `received_s` is when the host handed over the first of them."""

    data: bytes
    received_s: float
    first_s: float  # begin of the first byte
    last_s: float  # end of the last byte
    collided: bool = False
    silence_before_s: float = math.inf


class Receiver(Protocol):
    """The far end of a line."""

    def received(self, burst: Burst) -> None:
        """Bytes of the host are through."""


@dataclass(slots=True)
class LineStats:
    """Counters of one line."""

    bytes_from_host: int = 0
    bytes_to_host: int = 0
    collisions: int = 0
    short_gaps: int = 0
    baud_mismatches: int = 0
    dropped: int = 0


def garbled(data: bytes) -> bytes:
    """What two talkers at once leave of a byte string."""
    return bytes((b ^ 0x5A) & 0xF7 for b in data)


class Line:
    """One wire between the host and the devices on it.

    `to_host` hands bytes to the port; `receiver` gets the host's bytes, bytewise if `bytewise` (dialects without frames), else in bursts.
    """

    def __init__(self, scheduler: Scheduler, setting: LineSetting, to_host: Callable[[bytes], None], *, bytewise: bool = False) -> None:
        self._scheduler = scheduler
        self.setting = setting
        self._to_host = to_host
        self._bytewise = bytewise
        self._host_free_s = -math.inf
        self._device_free_s = -math.inf
        self._host_talk: deque[tuple[float, float]] = deque(maxlen=_KEEP)
        self._device_talk: deque[tuple[float, float]] = deque(maxlen=_KEEP)
        self.receiver: Receiver | None = None
        self.stats = LineStats()
        self.lateness_s: deque[float] = deque(maxlen=4096)

    # host side -----------------------------------------------------------------------------------------------------------------------------
    def host_sends(self, data: bytes, *, noise: bool = False) -> None:
        """Bytes come out of the port, now. `noise`: the host's line settings don't match, so nobody can read them."""
        now = self._scheduler.now_s()
        self.stats.bytes_from_host += len(data)
        if noise:
            self.stats.baud_mismatches += 1
            data = garbled(data)
        step = 1 if self._bytewise else len(data)
        for k in range(0, len(data), step):
            self._place(data[k : k + step], now)

    def _place(self, data: bytes, now: float) -> None:
        start = max(now, self._host_free_s)
        end = start + len(data) * self.setting.char_s
        quiet = start - (max(self._host_free_s, self._device_free_s) if self.setting.half_duplex else self._host_free_s)
        if self._host_talk and start <= self._host_talk[-1][1]:
            self._host_talk[-1] = (self._host_talk[-1][0], end)
        else:
            self._host_talk.append((start, end))
        self._host_free_s = end
        self._scheduler.call_at(end, _Arrival(self, Burst(data, now, start, end, silence_before_s=quiet)))

    def arrived(self, burst: Burst) -> None:
        """The last byte of a burst is through."""
        if self.setting.echo:
            self._to_host(burst.data)
        if self.setting.half_duplex and _overlaps(self._device_talk, burst.first_s, burst.last_s):
            self.stats.collisions += 1
            burst = Burst(garbled(burst.data), burst.received_s, burst.first_s, burst.last_s, True, burst.silence_before_s)
        if self.receiver is not None:
            self.receiver.received(burst)

    @property
    def host_free_s(self) -> float:
        """The instant at which the host's last byte so far is through."""
        return self._host_free_s

    # device side ---------------------------------------------------------------------------------------------------------------------------
    @property
    def device_free_s(self) -> float:
        """The instant at which the devices' last byte so far is through."""
        return self._device_free_s

    def device_sends(self, data: bytes, start_s: float, done: Callable[[float, float, bytes], None] | None = None) -> float:
        """A device talks from `start_s` on (later if one is still talking); returns the end of the last byte.

        `done(first_s, last_s, data)` is called at that end with the bytes as they are on the wire, collisions included.
        """
        start = max(start_s, self._device_free_s)
        end = start + len(data) * self.setting.char_s
        self._device_talk.append((start, end))
        self._device_free_s = end
        size = self.setting.chunk_bytes or len(data) or 1
        for k in range(0, len(data), size):
            first = start + k * self.setting.char_s
            piece = data[k : k + size]
            last = first + len(piece) * self.setting.char_s
            self._scheduler.call_at(self._handed_over_s(last), _Delivery(self, piece, first, last))
        if done is not None:
            self._scheduler.call_at(end, _Done(self, done, start, end, data))
        return end

    def _handed_over_s(self, last_s: float) -> float:
        grid = self.setting.usb_frame_s
        return last_s if grid <= 0.0 else math.ceil(last_s / grid - 1e-9) * grid

    def delivered(self, data: bytes, first_s: float, last_s: float) -> None:
        """The last byte of a piece is through: the host may have it."""
        data = self.on_wire(data, first_s, last_s)
        self.stats.bytes_to_host += len(data)
        self.lateness_s.append(self._scheduler.now_s() - self._handed_over_s(last_s))
        self._to_host(data)

    def on_wire(self, data: bytes, first_s: float, last_s: float) -> bytes:
        """A device's bytes as the wire carries them: garbled where the host talked at the same time."""
        if not self.setting.half_duplex or not _overlaps(self._host_talk, first_s, last_s):
            return data
        char = self.setting.char_s
        out = bytearray(data)
        for k in range(len(out)):
            if _overlaps(self._host_talk, first_s + k * char, first_s + (k + 1) * char):
                out[k : k + 1] = garbled(bytes(out[k : k + 1]))
        return bytes(out)


_TOUCH_S: Final = 1e-7  # intervals that merely touch do not overlap


def _overlaps(talk: deque[tuple[float, float]], first_s: float, last_s: float) -> bool:
    return any(first_s < end - _TOUCH_S and start < last_s - _TOUCH_S for start, end in talk)


class _Arrival:
    __slots__ = ("burst", "line")

    def __init__(self, line: Line, burst: Burst) -> None:
        self.line = line
        self.burst = burst

    def __call__(self) -> None:
        self.line.arrived(self.burst)


class _Delivery:
    __slots__ = ("data", "first_s", "last_s", "line")

    def __init__(self, line: Line, data: bytes, first_s: float, last_s: float) -> None:
        self.line = line
        self.data = data
        self.first_s = first_s
        self.last_s = last_s

    def __call__(self) -> None:
        self.line.delivered(self.data, self.first_s, self.last_s)


class _Done:
    __slots__ = ("call", "data", "first_s", "last_s", "line")

    def __init__(self, line: Line, call: Callable[[float, float, bytes], None], first_s: float, last_s: float, data: bytes) -> None:
        self.line = line
        self.call = call
        self.first_s = first_s
        self.last_s = last_s
        self.data = data

    def __call__(self) -> None:
        self.call(self.first_s, self.last_s, self.line.on_wire(self.data, self.first_s, self.last_s))
