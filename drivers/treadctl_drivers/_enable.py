"""The lease of an enable output: power is wanted only for as long as somebody goes on saying so."""

from __future__ import annotations

from typing import Final

from treadctl.ports import Clock

LEASE_S: Final = 0.2
RENEW_S: Final = 0.05
"""Half of what ports.EnableOutput allows between two renewals, so that one lost renewal does not drop the drive."""


class EnableLease:
    """What `set_enable` was last told, and for how long that holds: `wanted` falls to False `LEASE_S` after the last `renew(True)`.

    `asked` tells whether anybody ever used the output: until then nothing is sent to it. A clock that steps back or is NaN ends the lease.
    """

    __slots__ = ("_clock", "_on", "_since_s", "asked")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._on = False
        self._since_s = 0.0
        self.asked = False

    def renew(self, on: bool) -> bool:
        """Take the newest will; True where it differs from what held until now, so that it has to leave at once."""
        changed = on is not self.wanted or not self.asked
        self.asked = True
        self._on = on
        self._since_s = self._clock()
        return changed

    @property
    def wanted(self) -> bool:
        """Whether power is wanted now."""
        return self._on and 0.0 <= self._clock() - self._since_s <= LEASE_S
