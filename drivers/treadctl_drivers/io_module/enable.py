"""The enable coil: renewed while wanted, dropped ahead of every queued read, closed only behind a proven output watchdog."""

from __future__ import annotations

from typing import Final

from treadctl.ports import Clock
from treadctl_drivers._bus import Ticket
from treadctl_drivers._enable import EnableLease
from treadctl_drivers._exchange import Answer, Failure, FailureKind, Outcome, Priority
from treadctl_drivers.io_module.config import IoModuleConfig
from treadctl_drivers.links import ModbusLink

OFF_RENEW_S: Final = 0.5  # an open coil stays open by itself; this only repairs one that somebody else closed
ATTEST_RETRY_S: Final = 0.5
RENEW_LOOK_S: Final = 0.025  # how often `renew` is called; one that was lost does not wait for it
RENEW_EARLY_S: Final = 0.03  # on a slow line a renewal due so soon goes along with a poll, so that the line between two polls is left to others
RENEW_MOST_S: Final = 0.1  # ports.EnableOutput asks for no more
SLOW_FRAME_S: Final = 0.003  # a line on which one coil write takes longer (below about 57600 Bd) is not burdened with more renewals than it takes
FRAME_BYTES: Final = 16  # a coil write and its echo


class EnableCoil:
    """The output half of an I/O module.

    `proven` is True while the module's own output watchdog has been written and read back on this connection. Until then the coil is never
    closed, however often it is asked for: a daemon that died would leave the drive enabled. `mismatches` counts read-backs that differed.
    """

    def __init__(self, config: IoModuleConfig, link: ModbusLink, clock: Clock) -> None:
        modbus, unit = link.modbus, config.unit
        self._bus = link.bus
        self._clock = clock
        self._slow = FRAME_BYTES * self._bus.timing.byte_s > SLOW_FRAME_S
        self._renew_s = min(RENEW_MOST_S, config.output_watchdog_ms / 2000) if self._slow else config.renew_s
        self._watchdog_ms = config.output_watchdog_ms
        self._on = modbus.write_coil(unit, config.enable_coil, True)
        self._off = modbus.write_coil(unit, config.enable_coil, False, priority=Priority.ENABLE_OFF)
        self._write_watchdog = modbus.write_register(unit, config.output_watchdog_register, config.output_watchdog_ms)
        self._read_watchdog = modbus.read_registers(unit, config.output_watchdog_register, 1)
        self._lease = EnableLease(clock)
        self._ticket: Ticket[None] | None = None
        self._ticket_on = False
        self._off_done = False
        self._due_s = 0.0
        self._attest_due_s = 0.0
        self._attesting = False
        self.proven = False
        self.mismatches = 0

    @property
    def refused(self) -> bool:
        """Power is wanted, and not given because the module's output watchdog is not proven."""
        return self._lease.wanted and not self.proven

    def set_enable(self, on: bool) -> None:
        """See ports.EnableOutput. A change leaves at once: written before this returns where the bus is idle."""
        if self._lease.renew(on):
            self._off_done = False
            self._due_s = 0.0
            self.renew()

    def link_changed(self, is_up: bool) -> None:
        """The connection came or went: whatever the module was told before is unproven."""
        del is_up
        self.proven = self._off_done = self._attesting = False
        self._ticket = None
        self._due_s = self._attest_due_s = 0.0

    def renew(self, early_s: float = 0.0) -> None:
        """Do what is due, or will be within `early_s`; called every `RENEW_LOOK_S` at least."""
        if not self._lease.asked or not self._bus.is_up:
            return
        now_s = self._clock()
        if not self.proven and not self._attesting and now_s >= self._attest_due_s:
            self._attest(now_s)
        on = self._lease.wanted and self.proven
        ticket = self._ticket
        if ticket is not None:
            if on or not self._ticket_on:
                return  # the same is on its way, or an opening that a closing must not overtake
            ticket.withdraw()
        elif now_s < self._due_s - (early_s if on and self._slow else 0.0) and on is self._ticket_on and (on or self._off_done):
            return
        self._write(on, now_s)

    def _write(self, on: bool, now_s: float) -> None:
        self._ticket_on = on
        self._due_s = now_s + (self._renew_s if on else OFF_RENEW_S) * 0.99  # the look's own rounding must not skip a beat

        def done(outcome: Outcome[None]) -> None:
            if self._ticket is ticket:
                self._ticket = None
                if on and not isinstance(outcome, Answer):
                    self._due_s = self._clock()
            if not on:
                self._off_done = isinstance(outcome, Answer)
            if isinstance(outcome, Failure) and outcome.kind is FailureKind.TIMEOUT:
                self.renew()  # at once; a refusal is asked again at the next look, so that it cannot fill the line

        ticket = self._ticket = self._bus.submit(self._on if on else self._off, done)

    def _attest(self, now_s: float) -> None:
        self._attesting = True
        self._attest_due_s = now_s + ATTEST_RETRY_S
        self._bus.submit(self._write_watchdog, self._watchdog_written)

    def _watchdog_written(self, outcome: Outcome[None]) -> None:
        if not self._attesting:
            return
        if isinstance(outcome, Answer):
            self._bus.submit(self._read_watchdog, self._watchdog_read)
        else:
            self._attesting = False

    def _watchdog_read(self, outcome: Outcome[tuple[int, ...]]) -> None:
        if not self._attesting:
            return
        self._attesting = False
        if not isinstance(outcome, Answer):
            return
        self.proven = outcome.value == (self._watchdog_ms,)
        self.mismatches += not self.proven
