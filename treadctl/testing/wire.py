"""An in-memory cable between a driver and a simulated device: paced, cuttable, and every frame written down.

It fits the byte links of the drivers by shape alone (start, write, close), so that nothing here imports a driver. Time is the event loop's;
under a loop with simulated time a minute of belt costs milliseconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from treadctl.errors import TreadctlError


class WireDevice(Protocol):
    """A simulated device at the far end: bytes in, bytes out, and a belt that moves with time."""

    def receive(self, data: bytes, now_s: float) -> bytes:
        """Take what arrived by `now_s`, s, and return what is answered (empty = nothing)."""

    def speed_mps(self, now_s: float) -> float:
        """The belt's true speed at `now_s`, m/s; forward positive. A measurement of the test, not a command."""


@dataclass(frozen=True, slots=True)
class WireFrame:
    """One write of the host: when it was handed over, its bytes, and how fast the belt truly was at that instant (forward positive)."""

    at_s: float
    data: bytes
    belt_mps: float


Tamper = Callable[[bytes, bytes], bytes]
"""Given request and true reply, returns what the host hears instead."""


def honest(request: bytes, reply: bytes) -> bytes:
    """The reply as it is."""
    del request
    return reply


def mute(request: bytes, reply: bytes) -> bytes:
    """No reply at all."""
    del request, reply
    return b""


class MemoryLink:
    """One opening of a `MemoryWire`."""

    def __init__(self, wire: MemoryWire) -> None:
        self._wire = wire
        self._received: Callable[[bytes], None] | None = None
        self._lost: Callable[[str], None] | None = None
        self.is_open = True

    def start(self, received: Callable[[bytes], None], lost: Callable[[str], None]) -> None:
        """Begin to deliver."""
        self._received, self._lost = received, lost

    def write(self, data: bytes) -> None:
        """Write the bytes down and carry them to the device."""
        if self.is_open:
            self._wire.carry(self, data)

    def close(self) -> None:
        """Deliver nothing any more."""
        self.is_open = False

    def deliver(self, data: bytes) -> None:
        """Bytes from the device arrive at the host."""
        if self.is_open and self._received is not None:
            self._received(data)

    def lose(self, reason: str) -> None:
        """The cable was pulled."""
        if self.is_open and self._lost is not None:
            self._lost(reason)


class MemoryWire:
    """A cable to one device. `frames` is the transcript of everything the host wrote; `tamper` may replace replies; `cut` and `mend` pull and plug it.

    `byte_s` is the time of one character in either direction, `turnaround_s` the device's thinking time.
    """

    def __init__(self, device: WireDevice, *, byte_s: float = 0.0, turnaround_s: float = 0.0) -> None:
        self.device = device
        self.frames: list[WireFrame] = []
        self.tamper: Tamper = honest
        self._byte_s = byte_s
        self._turnaround_s = turnaround_s
        self._plugged = True
        self._link: MemoryLink | None = None

    async def open(self) -> MemoryLink:
        """Open the port. Raises TreadctlError port_absent while the cable is cut."""
        if not self._plugged:
            raise TreadctlError("port_absent", "memory wire", "cut by the test")
        self._link = MemoryLink(self)
        return self._link

    def cut(self) -> None:
        """Pull the cable."""
        self._plugged = False
        if self._link is not None:
            self._link.lose("cut by the test")
            self._link = None

    def mend(self) -> None:
        """Plug the cable in again; the driver has to open it anew."""
        self._plugged = True

    def inject(self, data: bytes) -> None:
        """Let the host hear bytes the device never sent."""
        if self._link is not None:
            self._link.deliver(data)

    def carry(self, link: MemoryLink, data: bytes) -> None:
        """Take a frame from the host to the device and its reply back, at the pace of the wire."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        self.frames.append(WireFrame(now_s, data, self.device.speed_mps(now_s)))
        loop.call_later(len(data) * self._byte_s + self._turnaround_s, self._arrived, link, data)

    def _arrived(self, link: MemoryLink, data: bytes) -> None:
        if not link.is_open:
            return
        loop = asyncio.get_running_loop()
        reply = self.tamper(data, self.device.receive(data, loop.time()))
        if reply:
            loop.call_later(len(reply) * self._byte_s, link.deliver, reply)
