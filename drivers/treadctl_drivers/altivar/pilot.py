"""The pilot: turns the newest order into frames. Owns every write of motion, and the rules about when one may leave.

- A stop is three exchanges: the stop's control word (the first frame, at stop priority), setpoint zero, read-back of the control word. It begins anew
  whenever one of them goes wrong, until echo and read-back agree. The moment it begins, every motion write that has not left is taken back, and none is
  made until a new order to run.
- An order to run starts from standstill: 6, 7, then the setpoint, then the run word in the ordered direction. The run word is written once per order.
  If the drive falls out of operation it is not walked up again: that takes a new order, and so does an expired lease or a lost link.
- The setpoint is written when its rpm changes, at most once per speed poll, so that writes cannot crowd out the reads.
- Nothing at all is written before `may_write`: the drive's identity has matched on this very link.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from treadctl.core.messages import DriveMode, DriveOrder
from treadctl.ports import Clock
from treadctl_drivers._bus import Ticket
from treadctl_drivers._exchange import Answer, Exchange, Failure, FailureKind, Outcome, Priority
from treadctl_drivers.altivar import frames
from treadctl_drivers.altivar.config import AltivarConfig
from treadctl_drivers.altivar.frames import PowerState
from treadctl_drivers.links import ModbusLink

LEASE_S: Final = 0.2
STOP_REPEAT_S: Final = 0.03  # ports.BeltDrive asks for at most 50 ms; orders, and with them ticks, come each 20 ms
SEEN_AGE_S: Final = 0.2  # an older measurement proves no standstill
RESET_PAUSE_S: Final = 1.0


class StopStep(Enum):
    """The exchanges of a stop."""

    COMMAND = auto()
    ZERO = auto()
    READ_BACK = auto()


@dataclass(slots=True)
class StopJob:
    """One stop under way. `order_id` None: the driver's own stop, which confirms no order."""

    mode: DriveMode
    order_id: int | None
    echoed: bool = False
    zeroed: bool = False
    sent_s: float = 0.0
    not_before_s: float = 0.0
    ticket: Ticket[Any] | None = None


class Pilot:
    """Follows orders on one drive. `changed` is called when `confirmed_order` moves. All methods are synchronous and cheap."""

    def __init__(self, config: AltivarConfig, link: ModbusLink, clock: Clock, changed: Callable[[], None]) -> None:
        self.confirmed_order = 0
        self.may_write = False
        self.may_run = False
        self._config = config
        self._bus = link.bus
        self._clock = clock
        self._changed = changed
        modbus, unit = link.modbus, config.unit
        self._stop_words: dict[DriveMode, Exchange[None]] = {
            mode: modbus.write_register(unit, frames.CMD, word, priority=Priority.STOP) for mode, word in frames.STOP_WORDS.items()
        }
        # The control word has stopped the motor: what follows it lets the sensors of a shared line through, and goes ahead of the drive's own polls.
        self._zero = modbus.write_register(unit, frames.LFRD, 0, priority=Priority.WRITE)
        self._read_back = modbus.read_registers(unit, frames.CMD, 1, priority=Priority.WRITE)
        self._modbus = modbus
        self._order: DriveOrder | None = None
        self._lease_until_s = 0.0
        self._job: StopJob | None = None
        self._blocked_id: int | None = None  # this order to run is void
        self._running_id: int | None = None  # the run word of this order was echoed
        self._word: int | None = None  # the control word last echoed
        self._word_at_s = 0.0
        self._setpoint_rpm: int | None = None  # the setpoint last echoed
        self._setpoint_due = True  # the speed was polled since the last setpoint
        self._failed = False  # a motion write got no echo since the last poll of the speed
        self._motion: Ticket[None] | None = None
        self._state: PowerState | None = None
        self._state_sent_s = 0.0
        self._rpm: int | None = None
        self._rpm_at_s = 0.0
        self._reset_at_s = 0.0

    # -- told by the driver --------------------------------------------------------------------------------------------------------------------------

    def apply(self, order: DriveOrder) -> None:
        """Take the newest order; see ports.BeltDrive.apply."""
        now_s = self._clock()
        self._lease_until_s = now_s + LEASE_S
        previous, self._order = self._order, order
        if order.mode is DriveMode.RUN:
            self._advance(now_s)
        elif previous is None or previous.order_id != order.order_id or previous.mode is not order.mode:
            self._stop(order.mode, order.order_id, now_s)

    def recognised(self) -> None:
        """The identity matched on this link: writing is allowed from now on, and the first thing written is a stop."""
        self.may_write = True
        if self._order is not None and self._job is None:
            mode = self._order.mode
            self._stop(DriveMode.STOP if mode is DriveMode.RUN else mode, None if mode is DriveMode.RUN else self._order.order_id, self._clock())
        elif self._job is not None:
            self._step_stop(self._clock())

    def disturbed(self) -> None:
        """The link was lost or the drive was silent for long: whatever it ran on is void."""
        self.may_run = False
        self._word = self._setpoint_rpm = self._state = self._rpm = None
        self._block(self._clock())

    def link_lost(self) -> None:
        """Nothing is known any more, not even who is at the other end."""
        self.may_write = False
        self._motion = None
        if self._job is not None:
            self._job = StopJob(self._job.mode, self._job.order_id)
        self.disturbed()

    def speed_seen(self, rpm: int, at_s: float) -> None:
        """A poll of the speed was answered."""
        self._rpm, self._rpm_at_s = rpm, at_s
        self._setpoint_due = True
        self._failed = False
        self._advance(at_s)

    def state_seen(self, state: PowerState | None, sent_s: float, at_s: float) -> None:
        """A poll of the state word, asked at `sent_s`, was answered."""
        self._state, self._state_sent_s = state, sent_s
        self._advance(at_s)

    def tick(self) -> None:
        """To be called with every order and at least every 50 ms: the lease, and the repetition of stops."""
        now_s = self._clock()
        order = self._order
        if order is not None and order.mode is DriveMode.RUN and not now_s <= self._lease_until_s:
            self._block(now_s)
        self._step_stop(now_s)
        self._advance(now_s)

    def reset_communication_fault(self) -> None:
        """Acknowledge the drive's own trip for lost communication: only at standstill, under a stop that is done, at most once a second."""
        now_s = self._clock()
        order = self._order
        if order is None or order.mode is DriveMode.RUN or not self.may_write or self._job is not None or not self._stands(now_s):
            return
        if now_s - self._reset_at_s < RESET_PAUSE_S:
            return
        self._reset_at_s = now_s
        reset = self._modbus.write_register(self._config.unit, frames.CMD, frames.FAULT_RESET)
        mode = order.mode

        def done(_: Outcome[None]) -> None:
            if self._job is None:  # the control word now holds the reset: put the stop's word back
                self._stop(mode, None, self._clock())

        self._bus.submit(reset, done)

    @property
    def steady(self) -> bool:
        """No stop is under way, and an order to run has come as far as its run word."""
        order = self._order
        return self._job is None and (order is None or order.mode is not DriveMode.RUN or order.order_id in (self._running_id, self._blocked_id))

    @property
    def at_rest(self) -> bool:
        """Nothing is ordered to run, no stop is under way, and the motor was seen standing just now."""
        running = self._order is not None and self._order.mode is DriveMode.RUN
        return not running and self._job is None and self._stands(self._clock())

    # -- stopping ------------------------------------------------------------------------------------------------------------------------------------

    def _block(self, now_s: float) -> None:
        """Void the order to run, if it is one, and stop in its place."""
        order = self._order
        if order is not None and order.mode is DriveMode.RUN and self._blocked_id != order.order_id:
            self._blocked_id = order.order_id
            self._stop(DriveMode.STOP, None, now_s)

    def _stop(self, mode: DriveMode, order_id: int | None, now_s: float) -> None:
        if self._motion is not None and self._motion.withdraw():
            self._motion = None
        if self._job is not None and self._job.ticket is not None:
            self._job.ticket.withdraw()
        self._running_id = self._setpoint_rpm = None
        self._job = StopJob(mode, order_id)
        self._step_stop(now_s)

    def _step_stop(self, now_s: float) -> None:
        """Submit the stop's next exchange, unless one is out, it is not yet time, or the machine is unknown."""
        job = self._job
        if job is None or job.ticket is not None or now_s < job.not_before_s or not self.may_write or not self._bus.is_up:
            return
        if not job.echoed:
            step = StopStep.COMMAND
            job.sent_s = now_s
        else:
            step = StopStep.READ_BACK if job.zeroed else StopStep.ZERO

        def done(outcome: Outcome[Any]) -> None:
            if job is self._job:
                job.ticket = None
                self._stop_answered(job, step, outcome)

        job.ticket = self._bus.submit(self._stop_exchange(job.mode, step), done)

    def _stop_exchange(self, mode: DriveMode, step: StopStep) -> Exchange[Any]:
        match step:
            case StopStep.COMMAND:
                return self._stop_words[mode]
            case StopStep.ZERO:
                return self._zero
            case StopStep.READ_BACK:
                return self._read_back

    def _stop_answered(self, job: StopJob, step: StopStep, outcome: Outcome[Any]) -> None:
        now_s = self._clock()
        word = frames.STOP_WORDS[job.mode]
        if isinstance(outcome, Failure):
            refused = outcome.kind is FailureKind.REFUSED
            # The control word stops the motor without the setpoint; any other frame that went wrong means: say stop again.
            job.zeroed = job.zeroed or (refused and step is StopStep.ZERO)
            job.echoed = job.echoed and refused and step is StopStep.ZERO
            if refused:
                job.not_before_s = job.sent_s + STOP_REPEAT_S
        elif step is StopStep.COMMAND:
            job.echoed = True
            self._word, self._word_at_s = word, outcome.at_s
        elif step is StopStep.ZERO:
            job.zeroed = True
        elif outcome.value == (word,) and job.echoed:
            self._job = None
            if job.order_id is not None:
                self.confirmed_order = job.order_id
                self._changed()
            return
        else:  # somebody else writes control words, or the drive does not take them from us
            job.echoed = False
            job.not_before_s = job.sent_s + STOP_REPEAT_S
        if not (isinstance(outcome, Failure) and outcome.kind is FailureKind.DOWN):
            self._step_stop(now_s)

    # -- running -------------------------------------------------------------------------------------------------------------------------------------

    def _stands(self, now_s: float) -> bool:
        return self._rpm == 0 and now_s - self._rpm_at_s <= SEEN_AGE_S

    def _advance(self, now_s: float) -> None:
        """Take the next step toward the order to run, if it may be taken now."""
        order = self._order
        if order is None or order.mode is not DriveMode.RUN or order.order_id == self._blocked_id or not now_s <= self._lease_until_s:
            return
        if not self.may_write or not self.may_run or self._failed or self._job is not None or not self._bus.is_up:
            return
        if not 0.0 <= order.speed_mps < math.inf:
            self._block(now_s)
            return
        wanted = frames.run_word(order.direction)
        running = self._word is not None and self._word & 0x0F == frames.RUN
        if self._word is None or (running and self._word != wanted):
            # Whatever the drive was told before, a new setpoint must not meet it: first out of operation, then, at standstill, up again.
            self._stop(DriveMode.STOP, None, now_s)
        elif running:
            self._follow(order, wanted)
        elif self._stands(now_s) and self._motion is None and self._state_sent_s > self._word_at_s:
            self._walk(order, wanted)

    def _walk(self, order: DriveOrder, wanted: int) -> None:
        """One transition toward operation enabled, judged by a state word that was asked for after the last control word."""
        match self._state:
            case PowerState.SWITCH_ON_DISABLED:
                self._command(frames.SHUTDOWN, None)
            case PowerState.READY:
                self._command(frames.SWITCH_ON, None)
            case PowerState.SWITCHED_ON | PowerState.ENABLED:
                self._follow(order, wanted)
            case PowerState.QUICK_STOP:
                self._command(frames.DISABLE_VOLTAGE, None)
            case _:
                pass  # a fault, a state that passes by itself, or an unknown one: nothing to be done from here

    def _follow(self, order: DriveOrder, wanted: int) -> None:
        """Setpoint first, then the run word where this order has not had one."""
        rpm = frames.rpm_setpoint(min(order.speed_mps, self._config.max_speed_mps), self._config.m_per_s_per_rpm)
        if self._motion is not None and not self._withdrawn_setpoint():
            return
        if rpm != self._setpoint_rpm:
            if self._setpoint_due:
                self._set(rpm)
        elif order.order_id != self._running_id:
            self._command(wanted, order.order_id)

    def _withdrawn_setpoint(self) -> bool:
        """Take back a setpoint that still waits, in favour of a newer one."""
        if self._motion is None or not self._motion.withdraw():
            return False
        self._motion = None
        self._setpoint_due = True
        return True

    def _set(self, rpm: int) -> None:
        self._setpoint_due = False

        def done(outcome: Outcome[None]) -> None:
            self._motion = None
            self._failed = isinstance(outcome, Failure)
            self._setpoint_rpm = rpm if not self._failed and self._job is None else None
            self._advance(self._clock())

        self._motion = self._bus.submit(self._modbus.write_register(self._config.unit, frames.LFRD, rpm), done)

    def _command(self, word: int, order_id: int | None) -> None:
        def done(outcome: Outcome[None]) -> None:
            self._motion = None
            self._failed = isinstance(outcome, Failure)
            if self._job is not None:  # a stop began meanwhile: its frames come after this one
                return
            if isinstance(outcome, Answer):
                self._word, self._word_at_s = word, outcome.at_s
                if order_id is not None:
                    self._running_id = self.confirmed_order = order_id
                    self._changed()
            self._advance(self._clock())

        self._motion = self._bus.submit(self._modbus.write_register(self._config.unit, frames.CMD, word), done)
