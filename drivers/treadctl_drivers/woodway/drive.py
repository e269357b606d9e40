"""The drive: the pilot's frames on a bus. Everything happens in callbacks of the event loop; nothing is awaited on the way to a stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from treadctl.core.messages import DriveMode, DriveOrder
from treadctl.core.sample import Direction, Quality
from treadctl.ports import Clock, DriveCapabilities, DriveReport, LinkStats
from treadctl_drivers._bus import Bus, Ticket
from treadctl_drivers._exchange import INCOMPLETE, Answer, Exchange, Outcome, Priority, Value, Verdict, Verify, Wrong, WrongKind
from treadctl_drivers._line import ByteLink
from treadctl_drivers._timer import Alarm, AlarmFactory, precise_alarm
from treadctl_drivers.woodway import frames
from treadctl_drivers.woodway.config import WoodwayConfig
from treadctl_drivers.woodway.frames import Command, ErrorCode, MismatchError, Reply
from treadctl_drivers.woodway.pilot import MPS_PER_TENTH, SILENCE_S, Pilot

QUIET_S: Final = 0.02
"""Silence after a lost reply: about ten characters, twice the longest reply, so that what still comes is not taken for the next one."""
IDLE_S: Final = 0.001


def _judge(command: Command) -> Verify[Reply]:
    def verify(received: bytes, number: int) -> Verdict[Reply]:
        del number  # the dialect has none
        try:
            reply = frames.decode_reply(command, received)
        except MismatchError as error:
            return Wrong(WrongKind.MISMATCH, str(error), 1)  # byte by byte: digits are never codes, so the true reply is found behind what is foreign
        if reply is None:
            return INCOMPLETE
        return Value(reply, 1 + len(reply.data))

    return verify


_VERIFY: Final = {command: _judge(command) for command in Command}


class WoodwayDrive:
    """A `treadctl.ports.BeltDrive`. Owns its bus; see `pilot` for what orders become on the wire.

    A stop waits at most for the exchange in flight: its wire time (12.5 ms for a poll of the speed) plus the machine's slowest turnaround plus 10 ms.
    """

    def __init__(self, config: WoodwayConfig, bus: Bus, clock: Clock, alarm: AlarmFactory = precise_alarm) -> None:
        self._config = config
        self._clock = clock
        self._bus = bus
        bus.line.user = self  # listens for what the bus has no ear for, and hands everything on
        self._make_alarm = alarm
        self._alarm: Alarm | None = None
        self._sink: Callable[[DriveReport], None] | None = None
        self._pilot = Pilot(config)
        self._out: dict[Priority, Ticket[Reply]] = {}
        self._last_good_s = 0.0
        self._told: tuple[bool, float | None, int, bool] | None = None

    @property
    def capabilities(self) -> DriveCapabilities:
        """What this machine can do, from its table in the machine file."""
        directions = {Direction.FORWARD, Direction.REVERSE} if self._config.reverse else {Direction.FORWARD}
        return DriveCapabilities(
            directions=frozenset(directions),
            min_speed_mps=self._config.min_speed_mps,
            max_speed_mps=self._config.max_speed_mps,
            speed_step_mps=MPS_PER_TENTH,
            has_grade=self._config.max_grade_percent > 0.0,
            max_grade_percent=self._config.max_grade_percent,
        )

    @property
    def firmware_seen(self) -> str | None:
        """The firmware revision the machine answered last, as it is to be written into the machine file at commissioning; None = none yet."""
        return self._pilot.firmware_seen

    def stats(self) -> LinkStats:
        """Counters since the drive was built."""
        return self._bus.stats()

    async def run(self, sink: Callable[[DriveReport], None]) -> None:
        """Own the treadmill until cancelled. Leaves the belt as it is: the machine's timer stops it once polls cease."""
        self._sink = sink
        self._alarm = self._make_alarm(self._pump)
        try:
            async with self._bus.running():
                await asyncio.get_running_loop().create_future()
        finally:
            alarm, self._alarm = self._alarm, None
            alarm.close()
            self._sink = None

    def apply(self, order: DriveOrder) -> None:
        """Take the newest order; a new stop is written before this returns unless an exchange is in flight."""
        self._pilot.order(order, self._clock())
        if order.mode is not DriveMode.RUN:
            self._pump()

    # --- the line ------------------------------------------------------------------------------------------------------------------------

    def line_up(self, link: ByteLink) -> None:
        """The port was opened."""
        now_s = self._clock()
        self._bus.line_up(link)
        self._last_good_s = now_s
        self._pilot.link_up(now_s)
        self._tell(now_s)
        self._pump()

    def line_bytes(self, data: bytes) -> None:
        """Bytes arrived. The machine's report that its timer ran out may come unasked."""
        if not self._out and data[:1] == bytes((ErrorCode.MASTER_TIMEOUT,)):
            self._pilot.timed_out()
        self._bus.line_bytes(data)

    def line_down(self, reason: str) -> None:
        """The port is gone."""
        self._pilot.link_down()
        if self._alarm is not None:
            self._alarm.clear()
        self._tell(self._clock(), always=True)
        self._bus.line_down(reason)
        self._out.clear()

    # --- exchanges -----------------------------------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        if self._alarm is None or not self._bus.is_up or not self._pilot.linked:
            return
        now_s = self._clock()
        if now_s - self._last_good_s > SILENCE_S:
            self._pilot.silent(now_s)
            self._tell(now_s)
        if self._pilot.stop_due(now_s):
            waiting = self._out.get(Priority.STOP)
            if waiting is not None and not waiting.withdraw():
                return  # on the wire: its end comes here again
            self._submit(self._pilot.next_frame(now_s), Priority.STOP)
        elif not self._out:
            frame = self._pilot.next_frame(now_s)
            if frame is None:
                self._alarm.set(max(self._pilot.poll_due_s, now_s + IDLE_S))
            else:
                self._submit(frame, Priority.READ if frames.command_of(frame) in frames.READS else Priority.WRITE)

    def _submit(self, frame: bytes | None, priority: Priority) -> None:
        if frame is None:
            return
        command = frames.command_of(frame)
        exchange = Exchange(frame, _VERIFY[command], frames.reply_length(command), priority, command.name.lower())

        def done(outcome: Outcome[Reply]) -> None:
            self._done(frame, priority, outcome)

        self._out[priority] = self._bus.submit(exchange, done)

    def _done(self, frame: bytes, priority: Priority, outcome: Outcome[Reply]) -> None:
        self._out.pop(priority, None)
        now_s = self._clock()
        polled = False
        if isinstance(outcome, Answer):
            self._last_good_s = outcome.at_s
            polled = self._pilot.reply(frame, outcome.value, outcome.at_s)
        else:
            self._pilot.lost(frame)
        self._tell(now_s, always=polled)
        self._pump()

    def _tell(self, now_s: float, always: bool = False) -> None:
        pilot = self._pilot
        facts = (pilot.identified, pilot.watchdog_s, pilot.confirmed_order, pilot.status is None)
        if self._sink is None or (facts == self._told and not always):
            return
        self._told = facts
        self._sink(
            DriveReport(
                at_s=now_s if pilot.status is None else pilot.status_at_s,
                status=pilot.status,
                quality=Quality.ABSENT if pilot.status is None else Quality.GOOD,
                identified=pilot.identified,
                watchdog_s=pilot.watchdog_s,
                confirmed_order=pilot.confirmed_order,
            )
        )
