"""Line: keeps one byte link open for as long as anybody uses it, and says when it comes and goes.

A link is anything that carries bytes: a serial port, a TCP connection, a pair of buffers in a test. Several devices share a line; whoever comes
first opens it, whoever leaves last closes it. A lost link is opened again by the name it was configured with (a by-id path, a host),
at most one second apart, for ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol

from treadctl.errors import TreadctlError

log = logging.getLogger(__name__)

RETRY_S: Final = 0.25  # between two attempts to open; the contract of ports.BeltDrive asks for at most 1 s


class ByteLink(Protocol):
    """An open stream of bytes on the event loop. After `lost` was called, or `close`, nothing is called any more."""

    def start(self, received: Callable[[bytes], None], lost: Callable[[str], None]) -> None:
        """Begin to deliver: `received` with every chunk as it arrives, `lost` once, with the reason, when the link breaks."""

    def write(self, data: bytes) -> None:
        """Hand `data` to the system before returning; what does not fit follows as soon as it does. Trouble arrives as `lost`, never as an exception."""

    def close(self) -> None:
        """Close without waiting for anything. Bytes not sent yet are dropped."""


Opener = Callable[[], Awaitable[ByteLink]]
"""Opens the link. Raises TreadctlError (port_absent, port_busy, port_permission, port_failed), within a second or so."""


class LineUser(Protocol):
    """What a line tells its user. All calls come from the event loop."""

    def line_up(self, link: ByteLink) -> None:
        """The link is open."""

    def line_bytes(self, data: bytes) -> None:
        """Bytes arrived just now."""

    def line_down(self, reason: str) -> None:
        """The link is gone; `write` does nothing until `line_up`."""


class Line:
    """One link, kept open while at least one `running()` block is entered.

    `link` is the open link or None, `trouble` the last reason why there is none, `reconnects` how often it was opened again after the first time.
    """

    def __init__(self, name: str, opener: Opener, user: LineUser | None = None) -> None:
        self.name = name
        self.user = user
        self.link: ByteLink | None = None
        self.trouble: TreadctlError | None = None
        self.opened = 0
        self._opener = opener
        self._runners = 0
        self._task: asyncio.Task[None] | None = None
        self._broken: asyncio.Future[str] | None = None

    @property
    def reconnects(self) -> int:
        """How often the link was opened again."""
        return max(0, self.opened - 1)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the link open while in this block. Entered by every device on the line; never raises for trouble with the port."""
        self._runners += 1
        if self._task is None:
            self._task = asyncio.create_task(self._keep_open(), name=f"line {self.name}")
        try:
            yield
        finally:
            self._runners -= 1
            if self._runners == 0:
                task, self._task = self._task, None
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def drop(self, reason: str) -> None:
        """Give this link up and open a new one: for a stream that is out of step or answers nobody."""
        if self._broken is not None and not self._broken.done():
            self._broken.set_result(reason)

    async def _keep_open(self) -> None:
        while True:
            try:
                link = await self._opener()
            except TreadctlError as error:
                if self.trouble is None or str(self.trouble) != str(error):
                    log.warning("%s", error)
                self.trouble = error
            else:
                await self._serve(link)
            await asyncio.sleep(RETRY_S)

    async def _serve(self, link: ByteLink) -> None:
        self._broken = asyncio.get_running_loop().create_future()
        self.link, self.trouble = link, None
        self.opened += 1
        reason = "closed"
        try:
            link.start(self._received, self.drop)
            if self.user is not None:
                self.user.line_up(link)
            reason = await self._broken
            self.trouble = TreadctlError("port_failed", self.name, reason)
            log.warning("%s", self.trouble)
        finally:
            self._broken = None
            self.link = None
            link.close()
            if self.user is not None:
                self.user.line_down(reason)

    def _received(self, data: bytes) -> None:
        if self.user is not None:
            self.user.line_bytes(data)
