"""The events kept in memory for watchers who come late. The journal is the record; this is only a convenience, and it forgets."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Final

from treadctl.ipc import shape
from treadctl.ipc.framing import dump
from treadctl.ipc.messages import MAX_LINE, Event

KEPT: Final = 1024
PAGE_BYTES: Final = MAX_LINE - 1024
PAGE_EVENTS: Final = 200


class EventLog:
    """The newest events, each encoded once."""

    def __init__(self) -> None:
        self._kept: deque[bytes] = deque(maxlen=KEPT)
        self.newest_seq = 0

    def add(self, event: Event) -> bytes:
        """Keep `event`, whose seq is `newest_seq` + 1, and return its line."""
        body = dump(shape.write(event))
        if len(body) > PAGE_BYTES:  # only an absurd detail gets here; the sentence is what counts
            body = dump({**shape.write(event), "detail": {}})
        self.newest_seq = event.seq
        self._kept.append(body)
        return b'{"type":"event",' + body[1:] + b"\n"

    def page(self, since_seq: int) -> bytes:
        """The line of a history page: kept events above `since_seq`, as many as fit."""
        oldest_seq = self.newest_seq - len(self._kept) + 1
        first = min(max(0, since_seq - oldest_seq + 1), len(self._kept))
        bodies: list[bytes] = []
        size = 0
        for body in islice(self._kept, first, first + PAGE_EVENTS):
            size += len(body) + 1
            if size > PAGE_BYTES:
                break
            bodies.append(body)
        more = b"true" if first + len(bodies) < len(self._kept) else b"false"
        events = b",".join(bodies)
        return b'{"type":"history","events":[%b],"oldest_seq":%d,"newest_seq":%d,"more":%b}\n' % (events, oldest_seq, self.newest_seq, more)
