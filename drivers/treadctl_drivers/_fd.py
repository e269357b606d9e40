"""A byte link over a non-blocking file descriptor: the part that serial ports and TCP connections share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

_CHUNK: Final = 4096
_BACKLOG_MAX: Final = 4096  # more than this waiting to leave means that the far side no longer takes anything


class DescriptorLink:
    """ByteLink over a descriptor. Subclasses bring the three calls that differ: `_read`, `_write`, `_shut`.

    Reading end of file, an error, or a backlog that does not drain reports the link as lost, once, from the loop.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._received: Callable[[bytes], None] | None = None
        self._lost: Callable[[str], None] | None = None
        self._backlog = b""
        self._open = True

    def start(self, received: Callable[[bytes], None], lost: Callable[[str], None]) -> None:
        """See ByteLink."""
        self._received, self._lost = received, lost
        self._loop.add_reader(self._descriptor, self._readable)

    def write(self, data: bytes) -> None:
        """See ByteLink."""
        if not self._open:
            return
        if self._backlog:
            self._backlog += data
            if len(self._backlog) > _BACKLOG_MAX:
                self._fail("the far side takes no more bytes")
            return
        try:
            sent = self._write(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._fail(f"write: {error.strerror or error}")
            return
        if sent < len(data):
            self._backlog = data[sent:]
            self._loop.add_writer(self._descriptor, self._writable)

    def close(self) -> None:
        """See ByteLink."""
        self._lost = None
        if self._open:
            self._leave_loop()
            self._shut()

    def _read(self) -> bytes:
        raise NotImplementedError

    def _write(self, data: bytes) -> int:
        raise NotImplementedError

    def _shut(self) -> None:
        raise NotImplementedError

    def _readable(self) -> None:
        try:
            data = self._read()
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail(f"read: {error.strerror or error}")
            return
        if not data:  # ready to read, yet nothing there: the adapter was unplugged, or the peer closed
            self._fail("the far end is gone")
        elif self._received is not None:
            self._received(data)

    def _writable(self) -> None:
        try:
            sent = self._write(self._backlog)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail(f"write: {error.strerror or error}")
            return
        self._backlog = self._backlog[sent:]
        if not self._backlog:
            self._loop.remove_writer(self._descriptor)

    def _leave_loop(self) -> None:
        self._open = False
        self._loop.remove_reader(self._descriptor)
        self._loop.remove_writer(self._descriptor)

    def _fail(self, reason: str) -> None:
        if not self._open:
            return
        self._leave_loop()
        self._shut()
        lost, self._lost = self._lost, None
        if lost is not None:
            self._loop.call_soon(lost, reason)


READ_SIZE: Final = _CHUNK
