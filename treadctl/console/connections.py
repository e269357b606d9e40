"""Connections of browsers: one that begins no request goes after a while, and too many push out the oldest, so that the one with the stop is always taken."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S: Final = 10.0  # for the whole head of a request; a browser sends it in one piece
MOST: Final = 512  # of a door: file descriptors run out otherwise, and nothing is heard any more

_OPEN: Final[OrderedDict[int, Connection]] = OrderedDict()  # of this process, which is one door


class Connection(H11Protocol):
    """One connection, as uvicorn serves it."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin; the oldest goes where there are too many."""
        super().connection_made(transport)
        _OPEN[id(self)] = self
        while len(_OPEN) > MOST:
            _number, oldest = _OPEN.popitem(last=False)
            oldest.transport.abort()
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        _OPEN.pop(id(self), None)
        self._heard()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; those of a head that is not whole yet do not prolong it."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._heard()
        elif self._deadline is None:
            self._await_head()

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_S, self._too_slow)

    def _heard(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
