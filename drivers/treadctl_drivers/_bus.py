"""Bus: the exchange scheduler of every request-and-reply line. Knows bytes, time and priorities; no protocol, no library.

Why it exists: a client that hands the next reply on the wire to whoever waits will, after one late reply, credit answers to the wrong questions
(and believe a stop that nobody confirmed); one that retries and queues fairly lets a stop wait for seconds. The rules here:

- One exchange in flight. It is never cancelled: a waiter that gives up loses only the result.
- A waiting STOP is the very next frame; on an idle line it is written before `submit` returns.
- Nothing is sent twice by the bus. Whoever wants a repetition submits again.
- Each exchange has a deadline: its own wire time plus `slack_s`, which is never above 50 ms, so that a mute device holds a stop for 50 ms at most.
- After a lost reply the line is left quiet for `quiet_s`, and what trickles in is drained and counted. A stop does not wait for that.
- Bytes count as a reply only when the exchange's own judge accepts unit, function, address, value, count, length and checksum.
- Where replies do not name their question (an RTU read), a reply that is still owed could be taken for that of the next question of equal shape.
  Such a question is held back until an answer of another shape from the same device has shown that the device is past the lost one, or until
  `latest_s` has passed. So a driver that polls alternates between reads of different lengths, and never waits. This takes for granted that a device
  answers in the order in which it was asked, as the Modbus serial line does: an RTU reply that overtakes another cannot be told from it by anybody.
- What cannot be told on RTU, by anybody: a reply sent twice, the second time into an exchange of equal shape.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from treadctl.ports import Clock, LinkStats
from treadctl_drivers._exchange import Answer, Exchange, ExchangeError, Failure, FailureKind, Incomplete, Outcome, Priority, Value, WrongKind
from treadctl_drivers._line import ByteLink, Line
from treadctl_drivers._timer import Alarm, AlarmFactory, precise_alarm

T = TypeVar("T")
_Key = tuple[int, tuple[int, ...] | bytes]

SLACK_CAP_S: Final = 0.05  # ARCHITECTURE §7: a response time-out during motion is at most this beyond the wire time
STOP_PATIENCE_S: Final = 0.01  # how long a stop waits for the gap between frames on a line that never falls silent
PATIENCE_S: Final = 0.05  # the same for everything else
MARGIN_S: Final = 0.01  # of the operating system, the adapter (an FTDI chip polls each 1-16 ms) and this process
KEPT_ROUND_TRIPS: Final = 128


@dataclass(frozen=True, slots=True)
class LineTiming:
    """The timing of one kind of line. Times in seconds.

    `byte_s` is the time of one character (0 where bytes are not paced, as on TCP), `gap_s` the silence required before a frame, `slack_s` the
    reply's allowance beyond the wire time, `quiet_s` the pause after a lost reply, `latest_s` how late a reply is believed to come at all. `echo`:
    the adapter returns what we send. `losses_to_reconnect`: so many lost replies in a row and the connection is given up (0 = never).
    """

    byte_s: float
    gap_s: float
    slack_s: float
    quiet_s: float
    echo: bool = False
    losses_to_reconnect: int = 0
    latest_s: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 < self.slack_s <= SLACK_CAP_S:
            raise ValueError(f"slack_s must lie in (0, {SLACK_CAP_S}]")


def slack_s(turnaround_max_s: float) -> float:
    """The allowance for a device whose slowest reply begins `turnaround_max_s` after the request, capped at 50 ms."""
    return min(turnaround_max_s + MARGIN_S, SLACK_CAP_S)


class Ticket(Generic[T]):
    """One submission. `withdraw` takes it back for as long as it has not left."""

    __slots__ = ("_bus", "at_s", "done", "exchange", "number", "request", "sent_s", "submitted_s")

    def __init__(self, bus: Bus, exchange: Exchange[T], done: Callable[[Outcome[T]], None], now_s: float) -> None:
        self._bus = bus
        self.exchange = exchange
        self.done = done
        self.submitted_s = now_s
        self.sent_s = 0.0
        self.number = 0
        self.request = exchange.request

    def withdraw(self) -> bool:
        """Take the request back. True: it never left and never will, `done` is not called. False: too late, it left or is finished."""
        return self._bus.withdraw(self)


class Bus:
    """The scheduler of one line.

    Use `async with bus.running()` in every device's `run`; then `submit` (callbacks) or `ask` (await). `is_up` and `watch` tell about the link.
    """

    def __init__(self, line: Line, timing: LineTiming, clock: Clock, alarm: AlarmFactory = precise_alarm) -> None:
        self.line = line
        self.timing = timing
        self._clock = clock
        self._alarm_factory = alarm
        self._alarm: Alarm | None = None
        self._alarm_at_s = 0.0
        self._link: ByteLink | None = None
        self._queues: tuple[deque[Ticket[Any]], ...] = tuple(deque() for _ in Priority)
        self._flight: Ticket[Any] | None = None
        self._buffer = b""
        self._echo_left = b""
        self._deadline_s = 0.0
        self._silent_from_s = 0.0  # the gap before a frame is over
        self._free_s = 0.0  # the last exchange ended
        self._quiet_until_s = 0.0
        self._stray = False  # unasked bytes are arriving; counted once a burst
        self._number = 0
        self._losses = 0
        self._owed: dict[_Key, float] = {}  # replies that may still come, and until when
        self._watchers: list[Callable[[bool], None]] = []
        self._exchanges = self._timeouts = self._mismatches = self._crc_errors = self._late = 0
        self._round_trips: deque[float] = deque(maxlen=KEPT_ROUND_TRIPS)
        self._round_trip_max_s = 0.0
        line.user = self

    # -- for devices ---------------------------------------------------------------------------------------------------------------------------------

    @property
    def is_up(self) -> bool:
        """True while the link is open. Says nothing about the device at its other end."""
        return self._link is not None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the line open while in this block; every device on the bus enters its own."""
        async with self.line.running():
            yield

    def watch(self, changed: Callable[[bool], None]) -> Callable[[], None]:
        """Call `changed(is_up)` whenever the link comes or goes, until the returned function is called."""
        self._watchers.append(changed)
        return lambda: self._watchers.remove(changed)

    async def wait_up(self) -> None:
        """Return when the link is open; at once if it is."""
        if self._link is not None:
            return
        opened = asyncio.Event()
        unwatch = self.watch(lambda up: opened.set() if up else None)
        try:
            await opened.wait()
        finally:
            unwatch()

    def submit(self, exchange: Exchange[T], done: Callable[[Outcome[T]], None]) -> Ticket[T]:
        """Queue an exchange; `done` is called exactly once, from the loop, unless the ticket is withdrawn.

        On an idle line with the gap over, the request is written before this returns. While the link is down `done` gets FailureKind.DOWN.
        """
        ticket = Ticket(self, exchange, done, self._clock())
        if self._link is None:
            asyncio.get_running_loop().call_soon(done, Failure(FailureKind.DOWN, str(self.line.trouble or "not open yet")))
            return ticket
        self._queues[exchange.priority].append(ticket)
        self._pump()
        return ticket

    async def ask(self, exchange: Exchange[T]) -> Answer[T]:
        """Carry out one exchange and wait. Raises ExchangeError. Cancelling takes back what has not left; what is in flight runs to its end unheard."""
        future: asyncio.Future[Outcome[T]] = asyncio.get_running_loop().create_future()

        def done(outcome: Outcome[T]) -> None:
            if not future.done():
                future.set_result(outcome)

        ticket = self.submit(exchange, done)
        try:
            outcome = await future
        except asyncio.CancelledError:
            ticket.withdraw()
            raise
        if isinstance(outcome, Failure):
            raise ExchangeError(exchange.label, outcome)
        return outcome

    def withdraw(self, ticket: Ticket[Any]) -> bool:
        """See Ticket.withdraw."""
        try:
            self._queues[ticket.exchange.priority].remove(ticket)
        except ValueError:
            return False
        return True

    def stats(self) -> LinkStats:
        """Counters since the start."""
        ordered = sorted(self._round_trips)
        return LinkStats(
            exchanges=self._exchanges,
            timeouts=self._timeouts,
            mismatches=self._mismatches,
            crc_errors=self._crc_errors,
            late_replies=self._late,
            reconnects=self.line.reconnects,
            round_trip_p50_s=ordered[len(ordered) // 2] if ordered else 0.0,
            round_trip_max_s=self._round_trip_max_s,
        )

    # -- the line's user -----------------------------------------------------------------------------------------------------------------------------

    def line_up(self, link: ByteLink) -> None:
        """The link is open: start with a clean slate, one gap from now."""
        self._link = link
        self._alarm = self._alarm_factory(self._rang)
        self._alarm_at_s = 0.0
        self._silent_from_s = self._clock() + self.timing.gap_s
        self._quiet_until_s = 0.0
        self._losses = 0
        self._owed.clear()
        self._stray = False
        for watcher in tuple(self._watchers):
            watcher(True)

    def line_down(self, reason: str) -> None:
        """The link is gone: everything waiting fails now, and nothing is kept for later."""
        self._link = None
        if self._alarm is not None:
            self._alarm.close()
            self._alarm = None
        failure = Failure(FailureKind.DOWN, reason)
        waiting = [] if self._flight is None else [self._flight]
        self._flight = None
        for queue in self._queues:
            waiting += queue
            queue.clear()
        for ticket in waiting:
            ticket.done(failure)
        for watcher in tuple(self._watchers):
            watcher(False)

    def line_bytes(self, data: bytes) -> None:
        """Bytes from the wire: part of the reply in flight, or of nothing we asked for."""
        now_s = self._clock()
        self._silent_from_s = now_s + self.timing.gap_s
        if self._flight is None:
            if not self._stray:
                self._late += 1
                self._stray = True
            return
        self._buffer += data
        if self._echo_left and not self._swallow_echo():
            return
        self._judge(self._flight, now_s)

    # -- inside --------------------------------------------------------------------------------------------------------------------------------------

    def _swallow_echo(self) -> bool:
        """Take the echo of our own request off the buffer. True when it is gone; an echo that differs is a collision and spoils the exchange."""
        count = min(len(self._echo_left), len(self._buffer))
        if self._buffer[:count] != self._echo_left[:count]:
            self._mismatches += 1
            self._buffer = b""
            return False
        self._buffer = self._buffer[count:]
        self._echo_left = self._echo_left[count:]
        return not self._echo_left and bool(self._buffer)

    def _judge(self, ticket: Ticket[Any], now_s: float) -> None:
        while self._buffer:
            verdict = ticket.exchange.verify(self._buffer, ticket.number)
            if isinstance(verdict, Incomplete):
                return
            used = verdict.used if 0 < verdict.used <= len(self._buffer) else len(self._buffer)
            self._buffer = self._buffer[used:]
            if isinstance(verdict, Value):
                self._exchanges += 1
                self._losses = 0
                self._paid(ticket)
                self._late += bool(self._buffer)
                self._round_trip(now_s - ticket.sent_s)
                self._finish(ticket, Answer(verdict.value, ticket.sent_s, now_s))
                return
            match verdict.kind:
                case WrongKind.EXCEPTION:
                    self._exchanges += 1
                    self._losses = 0
                    self._finish(ticket, Failure(FailureKind.REFUSED, verdict.detail, verdict.code))
                    return
                case WrongKind.CRC:
                    self._crc_errors += 1
                case WrongKind.MISMATCH:
                    self._mismatches += 1
                case WrongKind.LATE:
                    self._late += 1
                case WrongKind.DESYNC:
                    self._mismatches += 1
                    self.line.drop(verdict.detail)

    def _round_trip(self, seconds: float) -> None:
        self._round_trips.append(seconds)
        self._round_trip_max_s = max(self._round_trip_max_s, seconds)

    def _finish(self, ticket: Ticket[Any], outcome: Outcome[Any]) -> None:
        self._flight = None
        self._free_s = self._clock()
        self._buffer = b""
        self._stray = False
        try:
            ticket.done(outcome)
        finally:
            self._pump()

    def _rang(self) -> None:
        self._alarm_at_s = 0.0
        now_s = self._clock()
        ticket = self._flight
        if ticket is None:
            self._pump()
        elif now_s >= self._deadline_s:
            self._timeouts += 1
            self._losses += 1
            self._quiet_until_s = now_s + self.timing.quiet_s
            if not ticket.exchange.numbered:
                self._owed[_key(ticket.exchange)] = now_s + self.timing.latest_s
            if self.timing.losses_to_reconnect and self._losses >= self.timing.losses_to_reconnect:
                self.line.drop("no valid reply for too long")
            self._finish(ticket, Failure(FailureKind.TIMEOUT, f"no valid reply within {1e3 * (now_s - ticket.sent_s):.0f} ms"))
        else:
            self._ring_at(self._deadline_s)

    def _ring_at(self, at_s: float) -> None:
        """Be woken by `at_s`. An alarm already set for earlier stays: when it rings, all is looked at anew; that saves a system call per exchange."""
        if self._alarm is not None and not 0.0 < self._alarm_at_s <= at_s:
            self._alarm_at_s = at_s
            self._alarm.set(at_s)

    def _pump(self) -> None:
        """Send the most urgent waiting request if the line allows it now; else be woken when it will."""
        if self._flight is not None or self._link is None:
            return
        now_s = self._clock()
        ticket = self._next(now_s)
        if ticket is None:
            return
        earliest_s = self._earliest_s(ticket)
        if now_s < earliest_s:
            self._ring_at(earliest_s)
            return
        self._queues[ticket.exchange.priority].remove(ticket)
        self._send(ticket, self._link, now_s)

    def _next(self, now_s: float) -> Ticket[Any] | None:
        """The most urgent request that is not held back; if all are, the one that will be free first."""
        held: Ticket[Any] | None = None
        for queue in self._queues:
            for ticket in queue:
                held_until_s = self._held_until_s(ticket)
                if held_until_s <= now_s:
                    return ticket
                if held is None or held_until_s < self._held_until_s(held):
                    held = ticket
        return held

    def _held_until_s(self, ticket: Ticket[Any]) -> float:
        exchange = ticket.exchange
        return 0.0 if exchange.shape is None or not self._owed else self._owed.get(_key(exchange), 0.0)

    def _paid(self, ticket: Ticket[Any]) -> None:
        """A verified answer: its device is past everything it was asked before, unless this may itself be the late answer to an equal request."""
        if not self._owed:
            return
        if self._owed.pop(_key(ticket.exchange), 0.0) <= ticket.sent_s:
            self._owed = {key: until_s for key, until_s in self._owed.items() if key[0] != ticket.exchange.party}

    def _earliest_s(self, ticket: Ticket[Any]) -> float:
        """When this frame may leave: after the gap, and unless it stops after the quiet time; but a babbling line cannot hold it for ever."""
        wait_from_s = max(ticket.submitted_s, self._free_s)
        if ticket.exchange.priority is Priority.STOP:
            return min(self._silent_from_s, wait_from_s + STOP_PATIENCE_S)
        wait_from_s = max(wait_from_s, self._quiet_until_s)
        return max(min(self._silent_from_s, wait_from_s + PATIENCE_S), self._quiet_until_s, self._held_until_s(ticket))

    def _send(self, ticket: Ticket[Any], link: ByteLink, now_s: float) -> None:
        timing = self.timing
        exchange = ticket.exchange
        if exchange.numbered:
            self._number = self._number % 0xFFFF + 1
            ticket.number = self._number
            ticket.request = self._number.to_bytes(2, "big") + exchange.request[2:]
        ticket.sent_s = now_s
        self._flight = ticket
        self._buffer = b""
        self._echo_left = ticket.request if timing.echo else b""
        link.write(ticket.request)
        self._deadline_s = now_s + (len(ticket.request) + exchange.reply_length) * timing.byte_s + timing.slack_s
        self._ring_at(self._deadline_s)


def _key(exchange: Exchange[Any]) -> _Key:
    """What a reply can be recognised by: everything, or only device and shape."""
    return exchange.party, exchange.request if exchange.shape is None else exchange.shape
