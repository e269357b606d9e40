"""An in-memory pair: a client's protocol wired to a `ControlServer` in the same loop, without a file and without the kernel."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

from treadctl.ipc.messages import Peer
from treadctl.ipc.server import ControlServer


class MemoryTransport(asyncio.Transport):
    """One direction's writer. It calls pause_writing and resume_writing like a real one when the other end does not read."""

    def __init__(self, own: asyncio.BaseProtocol) -> None:
        super().__init__()
        self.own = own
        self.far: MemoryTransport | None = None
        self.high = 64 * 1024
        self.held = bytearray()  # written by the far end, not read yet
        self._reading = True
        self.full = False
        self.closing = False
        self.scheduled = False

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Nothing to tell."""
        return default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """How much may wait to be read before the writer is paused."""
        self.high = high or 64 * 1024

    def is_reading(self) -> bool:
        """Whether bytes are delivered."""
        return self._reading

    def pause_reading(self) -> None:
        """Hold bytes back."""
        self._reading = False

    def resume_reading(self) -> None:
        """Deliver again."""
        self._reading = True
        self.schedule()

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Give bytes to the far end."""
        far = self.far
        if self.closing or far is None or far.closing:
            return
        far.held += data
        if len(far.held) > self.high and not self.full:
            self.full = True
            self.own.pause_writing()
        far.schedule()

    def close(self) -> None:
        """End both directions, what was written arrives."""
        if self.closing:
            return
        self.closing = True
        loop = asyncio.get_running_loop()
        loop.call_soon(self.own.connection_lost, None)
        if self.far is not None:
            loop.call_soon(self.far.end)

    def abort(self) -> None:
        """End both directions, what was written is lost."""
        if self.far is not None:
            self.far.held.clear()
        self.close()

    def end(self) -> None:
        """The far end closed."""
        self.deliver()
        self.close()

    def schedule(self) -> None:
        """Deliver in the next pass of the loop."""
        if not self.scheduled and self.held and self._reading:
            self.scheduled = True
            asyncio.get_running_loop().call_soon(self.deliver)

    def deliver(self) -> None:
        """Give the protocol what is held, and let a paused writer go on."""
        self.scheduled = False
        while self.held and self._reading and not self.closing:
            self._take()
        if self.far is not None and self.far.full and not self.held:
            self.far.full = False
            self.far.own.resume_writing()

    def _take(self) -> None:
        if isinstance(self.own, asyncio.BufferedProtocol):
            space = memoryview(self.own.get_buffer(-1))
            count = min(len(space), len(self.held))
            space[:count] = self.held[:count]
            del self.held[:count]
            self.own.buffer_updated(count)
        elif isinstance(self.own, asyncio.Protocol):
            data = bytes(self.held)
            self.held.clear()
            self.own.data_received(data)


def memory_dial(server: ControlServer, peer: Peer | None = None) -> Callable[[Callable[[], asyncio.Protocol]], Any]:
    """A dial for `treadctl.ipc.aio.Client` that reaches `server` in memory, as `peer` (default: this process)."""
    who = peer or Peer(os.getpid(), os.getuid(), os.getgid())

    async def dial(factory: Callable[[], asyncio.Protocol]) -> MemoryTransport:
        near_protocol, far_protocol = factory(), server.connection(who)
        near, far = MemoryTransport(near_protocol), MemoryTransport(far_protocol)
        near.far, far.far = far, near
        near_protocol.connection_made(near)
        far_protocol.connection_made(far)
        return near

    return dial
