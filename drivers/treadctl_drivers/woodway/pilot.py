"""The pilot: which frame a Woodway gets next. Decisions only, no I/O; time is an argument.

What the orders become, and why
- STOP (SS1, SS2) is AAh, auto stop: the one documented way to bring speed and elevation to zero under drive.
- POWER_OFF (STO) is A2h, disengage: no torque.
- FAST_STOP is AAh too, unless commissioning has measured that A2h stops the loaded belt sooner (`fast_stop = "disengage"`). What A2h does to a moving belt
  is not documented: it may brake or let go ([?]), and a slat belt on bearings that is let go runs on for long ([K]). A driven ramp is the
  better guess, and the core follows with POWER_OFF where it is not obeyed.
- RUN is A0h, start *with* the machine's communication timer, then A3h. A0h leaves only under an order to RUN that has not been blocked, after a stop
  was acknowledged on this very link (AAh has set the machine's own setpoint to zero) and three reads in a row said standstill. The speed follows once the
  state byte (C0h) says started. A start that was acknowledged but not taken (the machine's enable may close a moment later than A0h comes) is sent again,
  at most twice, 100 ms apart, while the order stands: with no speed sent since the zero it moves nothing. One that was not acknowledged is never repeated.

A lost link, an expired lease, silence, the machine's own time-out and a refused write block the order to RUN they meet: a newer one must come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from treadctl.core.messages import DriveMode, DriveOrder
from treadctl.core.sample import BeltMotion, Direction, DriveState, DriveStatus
from treadctl.core.units import MPS_PER_MPH, steps_toward_zero
from treadctl_drivers.woodway import frames
from treadctl_drivers.woodway.config import WoodwayConfig
from treadctl_drivers.woodway.frames import Command, Reply

LEASE_S: Final = 0.2
STOP_REPEAT_S: Final = 0.045  # ports.BeltDrive asks for at most 50 ms
SILENCE_S: Final = 0.3
FINGERPRINT_RETRY_S: Final = 0.5
START_REPEAT_S: Final = 0.1
STARTS_MOST: Final = 3
STANDSTILL_READS: Final = 3
STANDSTILL_AGE_S: Final = 0.3
REVIVED_TENTHS: Final = 3  # a stopped belt that gains this much again was not stopped
MPS_PER_TENTH: Final = MPS_PER_MPH / 10
GRADE_POLL_EVERY: Final = 20


@dataclass(slots=True)
class Stopping:
    """One stop on its way: from its first frame to the read-back that agrees with it."""

    mode: DriveMode
    order_id: int
    reference_tenths: int | None
    written_s: float | None = None
    acknowledged: bool = False
    state_read: bool = False
    lowest_tenths: int | None = None

    @property
    def confirmed(self) -> bool:
        """Acknowledged, the machine still answers for its state, and the speed read since is zero or falling."""
        if not (self.acknowledged and self.state_read) or self.lowest_tenths is None:
            return False
        return self.lowest_tenths == 0 or (self.reference_tenths is not None and self.lowest_tenths < self.reference_tenths)


class Pilot:
    """Keeps the newest order and what the machine has answered; `next_frame` says what to write now."""

    def __init__(self, config: WoodwayConfig) -> None:
        self._config = config
        self._stop_frames = {
            DriveMode.STOP: frames.AUTO_STOP_FRAME,
            DriveMode.FAST_STOP: frames.DISENGAGE_FRAME if config.fast_stop == "disengage" else frames.AUTO_STOP_FRAME,
            DriveMode.POWER_OFF: frames.DISENGAGE_FRAME,
        }
        self._max_tenths = min(frames.MAX_SPEED_TENTHS_MPH, steps_toward_zero(config.max_speed_mps, MPS_PER_TENTH))
        self._max_grade_tenths = steps_toward_zero(config.max_grade_percent, 0.1)
        self._order: DriveOrder | None = None
        self._applied_s = 0.0
        self._blocked_id = -1
        self.firmware_seen: str | None = None
        self.confirmed_order = 0
        self.link_up(0.0)
        self.linked = False

    # --- what happened -------------------------------------------------------------------------------------------------------------------

    def link_up(self, now_s: float) -> None:
        """A link was opened: whoever is at its other end is unknown, and an order given before is void."""
        self.linked = True
        self.known = False  # the firmware matched at least once on this link
        self.identified = False
        self.status: DriveStatus | None = None
        self.status_at_s = now_s
        self._state_plausible = False
        self._fingerprint_due_s = now_s
        self._stopping: Stopping | None = None
        self._rested = False  # the machine's own setpoint is zero: auto stop was acknowledged, and no speed was written since
        self._zeroed_s = now_s - STOP_REPEAT_S
        self._engaged = False
        self._timer_refused = False
        self._start_sent_id = -1
        self._start_sent_s = now_s
        self._starts = 0  # for the order of that number
        self._started: bool | None = None  # what the state byte said since the last start was acknowledged
        self._start_acknowledged = False
        self._setpoint: tuple[int, Direction] | None = None
        self._running: Direction | None = None
        self._setpoint_waits = False
        self._grade_tenths: int | None = None
        self._grade_read: float | None = None
        self._zero_reads = 0
        self._tenths: int | None = None
        self._poll_due_s = now_s
        self._polls = 0
        self.fault_code = 0
        self.block()

    def link_down(self) -> None:
        """The link is gone."""
        self.linked = self.known = self.identified = False
        self.status = None
        self.block()

    def order(self, order: DriveOrder, now_s: float) -> None:
        """Take the newest order."""
        if not (now_s - self._applied_s <= LEASE_S):
            self.block()  # the one before had run out meanwhile
        self._order = order
        self._applied_s = now_s
        self.stop_due(now_s)

    def block(self) -> None:
        """Void the present order to RUN; only a newer one moves the belt."""
        if self._order is not None and self._order.mode is DriveMode.RUN:
            self._blocked_id = max(self._blocked_id, self._order.order_id)

    def silent(self, now_s: float) -> None:
        """The machine has not answered for SILENCE_S: power lost, an emergency stop, or another machine by now. Only stops and fingerprints follow."""
        if self.identified:
            self._fingerprint_due_s = now_s
        self.identified = self._state_plausible = self._engaged = self._rested = self._start_acknowledged = False
        self.status = None
        self._zero_reads = 0
        self._setpoint = None
        self.block()

    # --- what the machine answered -------------------------------------------------------------------------------------------------------

    def lost(self, frame: bytes) -> None:
        """No reply, or a foreign one, to `frame`: what the machine did with it is unknown, so nothing but a stop is sent before the next read."""
        command = frames.command_of(frame)
        if self._stopping is not None and not self._stopping.confirmed:
            self._stopping.written_s = None  # due again at once; polls wait until the machine answers a stop
        if command is Command.START_TIMED:
            self.fault_code = int(command)
            self.block()
        elif command is Command.SET_SPEED:
            self._setpoint = None
            self._setpoint_waits = True
        elif command is Command.SET_ELEVATION:
            self._grade_tenths = None

    def reply(self, frame: bytes, reply: Reply, now_s: float) -> bool:
        """Take the reply to `frame`; True where it completed a poll of the speed."""
        if reply.error is not None:
            self._refused(reply)
            return False
        command = reply.command
        if command is Command.READ_SPEED:
            self._speed_read(reply.data, now_s)
            return True
        if command is Command.READ_STATE:
            self._state_read(reply.data[0])
        elif command is Command.READ_FIRMWARE:
            self._firmware_read(reply.data, now_s)
        elif command is Command.READ_ELEVATION:
            self._grade_read = frames.decode_elevation(reply.data) / 10
        else:
            self._acknowledged(command, frame)
        return False

    def timed_out(self) -> None:
        """The machine says that its communication timer ran out: it has stopped the belt by itself. A fault until a stop of ours is confirmed."""
        self._engaged = self._rested = self._start_acknowledged = False
        self._fail(int(frames.ErrorCode.MASTER_TIMEOUT))

    def _fail(self, code: int) -> None:
        self._setpoint = None
        self._stopping = None  # a stop from before the trouble proves nothing after it
        self.fault_code = code
        self.block()

    def _refused(self, reply: Reply) -> None:
        if reply.error is frames.ErrorCode.MASTER_TIMEOUT:
            self.timed_out()
            return
        if reply.command is Command.START_TIMED:
            self._timer_refused = True  # this machine has no timed start: no watchdog, no motion
        elif reply.command in frames.READS:
            return  # a fitting this machine lacks; a speed that can't be read ages
        self._fail(int(reply.error or 0))

    def _acknowledged(self, command: Command, frame: bytes) -> None:
        stopping = self._stopping
        if command in (Command.AUTO_STOP, Command.DISENGAGE):
            self._engaged = self._start_acknowledged = False
            self._setpoint = None
            self._grade_tenths = None
            self._rested = self._rested or command is Command.AUTO_STOP
            if stopping is not None and self._stop_frames[stopping.mode] == frame:
                stopping.acknowledged = True
        elif command is Command.START_TIMED:
            self._start_acknowledged = True
            self._started = None
        elif command is Command.SET_SPEED:
            self._setpoint = frames.decode_speed(frame[1:])
            order = self._order
            if order is not None and order.mode is DriveMode.RUN and self._setpoint[1] is order.direction:
                self.confirmed_order = max(self.confirmed_order, order.order_id)
        elif command is Command.SET_ELEVATION:
            self._grade_tenths = frames.decode_elevation(frame[1:])

    def _state_read(self, state: int) -> None:
        allowed = self._config.state_bytes
        self._state_plausible = state in allowed if allowed else state < 0x80
        if self._stopping is not None and self._stopping.acknowledged and self._state_plausible:
            self._stopping.state_read = True
            self._settle()
        if self._start_acknowledged and not self._engaged:
            self._started = self._state_plausible and state not in self._config.standing_bytes
            self._engaged = self._started

    def _firmware_read(self, data: bytes, now_s: float) -> None:
        self.firmware_seen = data.hex().upper()
        if self.firmware_seen == self._config.firmware and self._state_plausible:
            self.known = self.identified = True
        else:
            self.known = self.identified = False
            self._fingerprint_due_s = now_s + FINGERPRINT_RETRY_S

    def _speed_read(self, data: bytes, now_s: float) -> None:
        tenths, direction = frames.decode_speed(data)
        self._tenths = tenths
        self._setpoint_waits = False
        self._zero_reads = self._zero_reads + 1 if tenths == 0 else 0
        if tenths > 0:
            self._running = direction
        stopping = self._stopping
        if stopping is not None and stopping.acknowledged:
            lowest = stopping.lowest_tenths
            if lowest is not None and tenths > lowest + REVIVED_TENTHS:
                self._stopping = Stopping(stopping.mode, stopping.order_id, tenths)
            else:
                stopping.lowest_tenths = tenths if lowest is None else min(lowest, tenths)
                if stopping.reference_tenths is None:
                    stopping.reference_tenths = tenths
            self._settle()
        motion = BeltMotion(tenths * MPS_PER_TENTH, direction if tenths > 0 else None)
        self.status = DriveStatus(self._drive_state(), motion, self._grade_read, self.fault_code)
        self.status_at_s = now_s

    def _settle(self) -> None:
        stopping = self._stopping
        if stopping is not None and stopping.confirmed:
            self.confirmed_order = max(self.confirmed_order, stopping.order_id)
            if stopping.lowest_tenths == 0:
                self.fault_code = 0

    def _drive_state(self) -> DriveState:
        if self.fault_code:
            return DriveState.FAULT
        if self._stopping is not None and self._tenths:
            return DriveState.STOPPING
        return DriveState.ENABLED if self._engaged else DriveState.DISABLED

    # --- what to write -------------------------------------------------------------------------------------------------------------------

    @property
    def watchdog_s(self) -> float | None:
        """The machine's own time-out: attested while this driver, which can only start with A0h, faces the commissioned firmware and no start was refused.

        The machine arms it with each start; a start that was not acknowledged (B0h) sends no speed and clears this until a stop has been confirmed.
        """
        return self._config.watchdog_s if self.identified and not self._timer_refused and self.fault_code != Command.START_TIMED else None

    @property
    def poll_due_s(self) -> float:
        """When `next_frame` has something to say again, at the latest."""
        return self._poll_due_s if self.identified else min(self._poll_due_s, self._fingerprint_due_s)

    def stop_due(self, now_s: float) -> bool:
        """Whether a stop frame has to go out now. Also starts following a stop that was just ordered or has just become due."""
        mode = self._mode(now_s)
        if mode is DriveMode.RUN or not self.linked or not self.known:
            if mode is DriveMode.RUN:
                self._stopping = None
            return False
        order_id = self._order.order_id if self._order is not None and self._order.mode is not DriveMode.RUN else 0
        stopping = self._stopping
        if stopping is None or stopping.mode is not mode or stopping.order_id != order_id:
            stopping = self._stopping = Stopping(mode, order_id, self._tenths)
        if stopping.confirmed:
            return False
        return stopping.written_s is None or not (now_s - stopping.written_s < STOP_REPEAT_S)

    def next_frame(self, now_s: float) -> bytes | None:
        """The frame to write now, None = nothing before `poll_due_s`. The caller writes it: what is returned counts as sent."""
        if self.stop_due(now_s) and self._stopping is not None:
            self._stopping.written_s = now_s
            self._stopping.acknowledged = False
            return self._stop_frames[self._stopping.mode]
        if not self.linked:
            return None
        if not self.identified:
            return self._fingerprint(now_s)
        frame = self._run_frame(now_s) if self._stopping is None else None
        return frame if frame is not None else self._poll(now_s)

    def _mode(self, now_s: float) -> DriveMode:
        order = self._order
        if order is None:
            return DriveMode.STOP
        if order.mode is not DriveMode.RUN:
            return order.mode
        if not (now_s - self._applied_s <= LEASE_S) or (order.direction is Direction.REVERSE and not self._config.reverse):
            self.block()
        if order.order_id <= self._blocked_id:
            return DriveMode.STOP
        stopping = self._stopping
        if stopping is not None and not stopping.acknowledged:
            return stopping.mode  # an order to run does not overtake the stop before it
        return DriveMode.RUN

    def _fingerprint(self, now_s: float) -> bytes | None:
        if now_s < self._fingerprint_due_s:
            return None
        if not self._state_plausible:
            self._fingerprint_due_s = now_s + self._config.poll_period_s
            return frames.READ_STATE_FRAME
        self._fingerprint_due_s = now_s + FINGERPRINT_RETRY_S
        return frames.READ_FIRMWARE_FRAME

    def _standstill(self, now_s: float) -> bool:
        return self._zero_reads >= STANDSTILL_READS and now_s - self.status_at_s <= STANDSTILL_AGE_S

    def _run_frame(self, now_s: float) -> bytes | None:
        order = self._order
        if order is None:
            return None
        if not self._engaged:
            return self._start(order, now_s)
        return self._speed_frame(order, now_s) or self._grade_frame(order)

    def _start(self, order: DriveOrder, now_s: float) -> bytes | None:
        """The start of an order, or its repetition where the machine says that it did not take the one before."""
        if not self._standstill(now_s):
            return None
        if self._start_sent_id != order.order_id:
            if not self._rested:
                return self._zero_setpoint(now_s)
            self._start_sent_id = order.order_id
            self._starts = 0
        elif self._started is not False or not self._start_acknowledged or not self._rested or now_s - self._start_sent_s < START_REPEAT_S:
            return None
        elif self._starts >= STARTS_MOST:
            self.block()
            return None
        self._starts += 1
        self._start_sent_s = now_s
        self._start_acknowledged = False
        self._started = None
        self._running = None
        return frames.START_FRAME

    def _zero_setpoint(self, now_s: float) -> bytes | None:
        if now_s - self._zeroed_s < STOP_REPEAT_S:
            return None
        self._zeroed_s = now_s
        return frames.AUTO_STOP_FRAME

    def _speed_frame(self, order: DriveOrder, now_s: float) -> bytes | None:
        if self._setpoint_waits:
            return None
        tenths = min(steps_toward_zero(max(0.0, order.speed_mps), MPS_PER_TENTH), self._max_tenths)
        direction = order.direction
        if self._running not in (None, direction) and not (self._setpoint_is_zero() and self._standstill(now_s)):
            tenths, direction = 0, self._running or direction
        if self._setpoint == (tenths, direction):
            return None
        self._setpoint_waits = True
        self._running = direction
        if tenths > 0:
            self._zero_reads = 0
            self._rested = False
        return frames.encode_speed(tenths, direction)

    def _setpoint_is_zero(self) -> bool:
        return self._setpoint is not None and self._setpoint[0] == 0

    def _grade_frame(self, order: DriveOrder) -> bytes | None:
        if order.grade_percent is None or self._max_grade_tenths == 0:
            return None
        tenths = min(steps_toward_zero(max(0.0, order.grade_percent), 0.1), self._max_grade_tenths)
        return None if tenths == self._grade_tenths else frames.encode_elevation(tenths)

    def _poll(self, now_s: float) -> bytes | None:
        """Speed and state in turn: two equal requests in a row could not be told apart by their replies, so that a late one might pass for the next."""
        stopping = self._stopping
        urgent = stopping is not None and not stopping.confirmed
        if now_s < self._poll_due_s and not urgent:
            return None
        self._polls += 1
        self._poll_due_s = now_s + (0.0 if self._polls % 2 else self._config.poll_period_s)
        if self._polls % 2:
            return frames.READ_SPEED_FRAME
        if self._max_grade_tenths > 0 and self._polls % GRADE_POLL_EVERY == 0:
            return frames.READ_ELEVATION_FRAME
        return frames.READ_STATE_FRAME
