"""The control line as an enable output.

As a charge pump each edge moves a little charge into the circuit that holds the relay; when the edges stop, whether by command, by a crash, by a frozen
process (SIGSTOP) or by a pulled plug, the charge is gone within the circuit's own time. The edges come from the event loop on purpose: a loop
that hangs must not be outlived by its enable. As a plain level the line stays where it was when the process froze, so that mode is only for a
circuit with a timer of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from treadctl.ports import Clock
from treadctl_drivers._enable import EnableLease
from treadctl_drivers._line import ByteLink, Line, LineUser
from treadctl_drivers.serial_line.config import SerialLineConfig


@runtime_checkable
class ModemLines(Protocol):
    """A link with control lines. Both calls return False where the port has none or is gone."""

    def set_rts(self, on: bool) -> bool:
        """Drive RTS."""

    def set_dtr(self, on: bool) -> bool:
        """Drive DTR."""


class ControlLine:
    """A `treadctl.ports.EnableOutput` on RTS or DTR. `trouble` counts the times the port refused to move the line."""

    def __init__(self, config: SerialLineConfig, open_line: Callable[[LineUser], Line], clock: Clock) -> None:
        self._config = config
        self._lease = EnableLease(clock)
        self._line = open_line(self)
        self._set: Callable[[bool], bool] | None = None
        self._asserted = False
        self.trouble = 0

    def set_enable(self, on: bool) -> None:
        """See ports.EnableOutput. Off is driven before this returns; on is driven at once too."""
        changed = self._lease.renew(on)
        if changed or not on:
            self._drive(on)

    async def run(self) -> None:
        """Own the port until cancelled; leaves the line down."""
        async with self._line.running():
            try:
                while True:
                    await asyncio.sleep(self._config.toggle_s)
                    self._beat()
            finally:
                self._drive(False)  # while the port is still open: closing it says nothing about its lines

    def _beat(self) -> None:
        if not self._lease.wanted:
            self._drive(False)
        elif self._config.mode == "charge_pump":
            self._drive(not self._asserted)
        else:
            self._drive(True)

    def _drive(self, on: bool) -> None:
        if self._set is None:
            self._asserted = False
            return
        self._asserted = on
        if not self._set(on):
            self.trouble += 1

    # --- the line ------------------------------------------------------------------------------------------------------------------------

    def line_up(self, link: ByteLink) -> None:
        """The port was opened; the line starts down."""
        if isinstance(link, ModemLines):
            self._set = link.set_rts if self._config.line == "rts" else link.set_dtr
        else:
            self.trouble += 1
        self._drive(False)

    def line_bytes(self, data: bytes) -> None:
        """Nothing is expected from this port."""

    def line_down(self, reason: str) -> None:
        """The port is gone, and the line with it."""
        del reason  # the line has logged it
        self._set = None
        self._asserted = False
