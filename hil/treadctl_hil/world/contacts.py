"""The switches: cord (two channels), emergency stop, attendant, harness. Closed = healthy; every change bounces."""

from __future__ import annotations

import random

from treadctl_hil.world.clock import Clock
from treadctl_hil.world.params import ContactParams

CONTACT_NAMES = ("cord_a", "cord_b", "estop", "attendant", "harness")


class _Contact:
    __slots__ = ("closed", "edges", "goal", "name", "noted")

    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = True
        self.goal = True
        self.edges: list[tuple[float, bool]] = []
        self.noted = True


class Contacts:
    """`closed(name)` is the electrical state now, bounce included. `set(name, closed)` moves a contact; "cord" moves both channels."""

    __slots__ = ("_clock", "_contacts", "_p", "_rng", "active", "cord_clipped", "stuck")

    def __init__(self, params: ContactParams, rng: random.Random, clock: Clock) -> None:
        self._p = params
        self._rng = rng
        self._clock = clock
        self._contacts = {name: _Contact(name) for name in CONTACT_NAMES}
        self.active = False  # edges are still to come
        self.cord_clipped = params.cord_clipped  # to the person; a pulled cord comes off, setting it closed clips it on again
        self.stuck: set[str] = set()  # welded contacts: they keep their state whatever moves them

    def closed(self, name: str) -> bool:
        """The contact's state at this instant. Raises ValueError for an unknown name."""
        return self._contact(name).closed

    def set(self, name: str, closed: bool) -> None:
        """Move a contact now. The first edge comes at once (the second cord channel up to some ms later), then it bounces 1-20 ms."""
        if name == "cord":
            self.cord_clipped = closed
            first, second = ("cord_a", "cord_b") if self._rng.random() < 0.5 else ("cord_b", "cord_a")
            self._move(self._contact(first), closed, 0.0)
            self._move(self._contact(second), closed, self._rng.uniform(0.0, self._p.channel_skew_max_s))
        else:
            self._move(self._contact(name), closed, 0.0)
        self.tick()

    def _contact(self, name: str) -> _Contact:
        try:
            return self._contacts[name]
        except KeyError:
            raise ValueError(f"unknown contact {name!r}; known: cord, {', '.join(CONTACT_NAMES)}") from None

    def _move(self, contact: _Contact, closed: bool, delay_s: float) -> None:
        if contact.goal == closed or contact.name in self.stuck:
            return
        contact.goal = closed
        contact.noted = False
        start = self._clock.now_s + delay_s
        end = start + self._rng.uniform(self._p.bounce_min_s, self._p.bounce_max_s)
        instants = sorted(self._rng.uniform(start, end) for _ in range(2 * self._rng.randint(1, 4)))
        states = [not closed, closed] * (len(instants) // 2)
        contact.edges = [(start, closed), *zip(instants, states, strict=True)]
        self.active = True

    def tick(self) -> None:
        """Let the edges that are due happen."""
        now = self._clock.now_s
        waiting = False
        for contact in self._contacts.values():
            while contact.edges and contact.edges[0][0] <= now:
                at_s, contact.closed = contact.edges.pop(0)
                if not contact.noted:
                    contact.noted = True
                    self._clock.note("contact_closed" if contact.goal else "contact_open", contact.name, at_s)
            waiting = waiting or bool(contact.edges)
        self.active = waiting
