"""What waits for the broker, in order of importance. Bounded everywhere; only telemetry may be dropped without an event saying so."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MAX_RESULTS: Final = 256


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One message to publish. Two items are never equal: each is an own act of publishing."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    expiry_s: int | None = None


class Outbox:
    """Results before retained states before events before telemetry.

    An item of qos 1 stays until `done`, so that a lost connection repeats it; telemetry leaves when it is taken. `gap_event` makes the event that
    stands in for events that had to go; it is called with their number.
    """

    def __init__(self, telemetry_limit: int, event_limit: int, gap_event: Callable[[int], Item]) -> None:
        self._telemetry_limit = telemetry_limit
        self._event_limit = event_limit
        self._gap_event = gap_event
        self._results: deque[Item] = deque(maxlen=MAX_RESULTS)
        self._latest: dict[str, Item] = {}
        self._pending: dict[str, Item] = {}
        self._events: deque[Item] = deque()
        self._telemetry: deque[Item] = deque()
        self._changed = asyncio.Event()
        self._events_lost = 0
        self._gap: tuple[Item, int] | None = None
        self.dropped = 0

    def result(self, item: Item) -> None:
        """Queue the answer to a command."""
        self._results.append(item)
        self._changed.set()

    def latest(self, item: Item) -> None:
        """Replace what is to be published on the item's topic; nothing happens where the same was published last."""
        known = self._latest.get(item.topic)
        if known is not None and known.payload == item.payload:
            return
        self._latest[item.topic] = self._pending[item.topic] = item
        self._changed.set()

    def repeat(self, topic: str | None = None) -> None:
        """Publish retained items again: all of them after a connection (the broker may have forgotten), or the one on `topic`."""
        for item in self._latest.values():
            if item.retain and (topic is None or item.topic == topic):
                self._pending[item.topic] = item
                self._changed.set()

    def event(self, item: Item) -> None:
        """Queue an event. Where the queue is full the oldest goes, and an event says how many did."""
        if len(self._events) >= self._event_limit:
            self._events.popleft()
            self._events_lost += 1
        self._events.append(item)
        self._changed.set()

    def telemetry(self, item: Item) -> None:
        """Queue measurements; the oldest go first where the broker is slow, and `dropped` counts them."""
        if len(self._telemetry) >= self._telemetry_limit:
            self._telemetry.popleft()
            self.dropped += 1
        self._telemetry.append(item)
        self._changed.set()

    async def take(self) -> Item:
        """The most important item, as soon as there is one."""
        while True:
            item = self._first()
            if item is not None:
                return item
            self._changed.clear()
            await self._changed.wait()

    def done(self, item: Item) -> None:
        """The broker has the item."""
        if self._pending.get(item.topic) is item:
            del self._pending[item.topic]
        elif self._gap is not None and self._gap[0] is item:
            self._events_lost -= self._gap[1]
            self._gap = None
        for queue in (self._results, self._events):
            if queue and queue[0] is item:
                queue.popleft()
                return

    def _first(self) -> Item | None:
        if self._results:
            return self._results[0]
        if self._pending:
            return next(iter(self._pending.values()))
        if self._events_lost and self._gap is None:
            self._gap = self._gap_event(self._events_lost), self._events_lost
        if self._gap is not None:
            return self._gap[0]
        if self._events:
            return self._events[0]
        return self._telemetry.popleft() if self._telemetry else None
