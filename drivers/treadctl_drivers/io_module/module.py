"""An I/O module on a Modbus bus: polls inputs and registers, carries the enable output."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeVar

from treadctl.core.sample import ChannelId, Quality
from treadctl.ports import ChannelReading, Clock, LinkStats, SensorFrame
from treadctl_drivers._bus import Ticket
from treadctl_drivers._exchange import Exchange, Failure, FailureKind, Outcome, Priority
from treadctl_drivers._signal import BeltScaler, LevelScaler
from treadctl_drivers.io_module.config import IoModuleConfig
from treadctl_drivers.io_module.enable import RENEW_EARLY_S, RENEW_LOOK_S, EnableCoil
from treadctl_drivers.links import ModbusLink

T = TypeVar("T")

CORDS: Final = frozenset({ChannelId.CORD_A, ChannelId.CORD_B})
PAUSE_S: Final = 0.001  # beyond the gap between frames: at least this between two polls, so that what else waits on a shared line gets it


class IoModule:
    """A `treadctl.ports.SensorSource` and `EnableOutput`.

    Each poll reads the discrete inputs (the cords first of all), then the input registers, and pushes each as it comes. `at_s` is the instant the
    request left: the module sampled no earlier than that, so a slow reply looks old, never new. While power is wanted but the module's
    output watchdog is not proven, the channel enable_feedback is IMPLAUSIBLE.

    On a line shared with the drive both reads are queued together, as urgent as a write: the drive's polls get the line between two pairs and never
    between the two. Where E is the time of one exchange, a pair comes every 3 E, every 4 E when a write meets it, and a stop adds at most 2 E: with
    E = 9 ms (38400 Bd, 2 ms turnaround) channels stay below 65 ms. At 19200 Bd a machine file with such a line is refused. A lost reply costs a time-out
    and the quiet time on top. Cords that disagree are read again right after the pair.
    """

    def __init__(self, config: IoModuleConfig, link: ModbusLink, clock: Clock) -> None:
        self._config = config
        self._bus = link.bus
        self._clock = clock
        self._coil = EnableCoil(config, link, clock)
        self._sink: Callable[[SensorFrame], None] | None = None
        self._inputs = config.inputs.fitted()
        self._registers = config.registers()
        self._scalers: dict[ChannelId, LevelScaler | BeltScaler] = {}
        if config.rails.left is not None:
            self._scalers[ChannelId.RAIL_LEFT] = LevelScaler(ChannelId.RAIL_LEFT, config.rails.left, config.frozen_after_s)
        if config.rails.right is not None:
            self._scalers[ChannelId.RAIL_RIGHT] = LevelScaler(ChannelId.RAIL_RIGHT, config.rails.right, config.frozen_after_s)
        if config.belt_register is not None:
            self._scalers[ChannelId.BELT] = BeltScaler(config.belt_max_mps, config.belt_frozen_after_s)
        self._first_input, input_count = _block(self._inputs)
        self._first_register, register_count = _block(self._registers)
        modbus, unit = link.modbus, config.unit
        self._read_inputs = modbus.read_discrete(unit, self._first_input, input_count, priority=Priority.WRITE) if input_count else None
        self._read_registers = (
            modbus.read_registers(unit, self._first_register, register_count, input_registers=True, priority=Priority.WRITE) if register_count else None
        )
        self._tickets: list[Ticket[Any]] = []  # the reads of this round
        self._answered = 0
        self._doubted_once = False
        self._over = asyncio.Event()

    @property
    def channels(self) -> frozenset[ChannelId]:
        """The channels this module provides."""
        return frozenset(self._inputs) | frozenset(self._registers)

    def stats(self) -> LinkStats:
        """The counters of the whole bus; mismatches include output watchdogs that read back differently."""
        stats = self._bus.stats()
        return replace(stats, mismatches=stats.mismatches + self._coil.mismatches)

    def set_enable(self, on: bool) -> None:
        """See ports.EnableOutput."""
        self._coil.set_enable(on)

    async def run(self, sink: Callable[[SensorFrame], None] | None = None) -> None:
        """Own the module until cancelled."""
        self._sink = sink
        unwatch = self._bus.watch(self._link_changed)
        try:
            async with self._bus.running(), asyncio.TaskGroup() as tasks:
                tasks.create_task(self._renew(), name="renew enable")
                tasks.create_task(self._poll(), name="poll inputs")
        finally:
            unwatch()
            self._sink = None

    async def _renew(self) -> None:
        while True:
            self._coil.renew()
            await asyncio.sleep(RENEW_LOOK_S)

    async def _poll(self) -> None:
        due_s, pause_s = self._clock(), self._bus.timing.gap_s + PAUSE_S
        while True:
            if self._bus.is_up:
                await self._round()
            due_s = max(due_s + self._config.poll_period_s, self._clock())
            await asyncio.sleep(max(pause_s, due_s - self._clock()))

    async def _round(self) -> None:
        """Ask for inputs and registers in one go, and wait for both."""
        self._over.clear()
        self._doubted_once = False
        self._coil.renew(RENEW_EARLY_S)
        try:
            self._ask(self._read_inputs, self._inputs_read)
            self._ask(self._read_registers, self._registers_read)
            if self._tickets:
                await self._over.wait()
        except asyncio.CancelledError:
            for ticket in self._tickets:
                ticket.withdraw()
            raise
        finally:
            self._tickets.clear()

    def _ask(self, exchange: Exchange[T] | None, take: Callable[[Outcome[T]], None]) -> None:
        """Submit one read of this round; `take` gets its outcome before the next frame leaves, so that a stop it causes is that frame."""
        if exchange is None:
            return

        def done(outcome: Outcome[T]) -> None:
            try:
                take(outcome)
            finally:
                self._answered += 1
                if self._answered == len(self._tickets):
                    self._over.set()

        if not self._tickets:
            self._answered = 0
        self._tickets.append(self._bus.submit(exchange, done))

    def _inputs_read(self, outcome: Outcome[tuple[bool, ...]]) -> None:
        if isinstance(outcome, Failure):
            self._missed(outcome, self._inputs)
            return
        bits = outcome.value
        readings = [ChannelReading(channel, bits[address - self._first_input], Quality.GOOD) for channel, address in self._inputs.items()]
        if self._coil.refused:
            readings = [_doubted(reading) if reading.channel is ChannelId.ENABLE_FEEDBACK else reading for reading in readings]
        cords = {reading.value for reading in readings if reading.channel in CORDS}
        if len(cords) > 1 and not self._doubted_once:
            self._doubted_once = True  # contacts bounce for 5 ms; the next round may be too late to tell that from a broken contact
            self._ask(self._read_inputs, self._inputs_read)
        self._push(SensorFrame(outcome.sent_s, tuple(readings)))

    def _registers_read(self, outcome: Outcome[tuple[int, ...]]) -> None:
        if isinstance(outcome, Failure):
            self._missed(outcome, self._registers)
            return
        readings = []
        for channel, address in self._registers.items():
            word = outcome.value[address - self._first_register]
            readings.append(self._scalers[channel].reading(word - 0x10000 if word & 0x8000 else word, outcome.sent_s))
        self._push(SensorFrame(outcome.sent_s, tuple(readings)))

    def _missed(self, failure: Failure, channels: dict[ChannelId, int]) -> None:
        """One lost reply only ages the channels; a refusal says that they are not there."""
        if failure.kind is FailureKind.REFUSED:
            self._push_absent(channels)

    def _link_changed(self, is_up: bool) -> None:
        self._coil.link_changed(is_up)
        for scaler in self._scalers.values():
            scaler.reset()
        if not is_up:
            self._push_absent(self.channels)

    def _push_absent(self, channels: frozenset[ChannelId] | dict[ChannelId, int]) -> None:
        self._push(SensorFrame(self._clock(), tuple(ChannelReading(channel, None, Quality.ABSENT) for channel in sorted(channels))))

    def _push(self, frame: SensorFrame) -> None:
        if self._sink is not None:
            self._sink(frame)


def _doubted(reading: ChannelReading) -> ChannelReading:
    return replace(reading, value=None, quality=Quality.IMPLAUSIBLE)


def _block(addresses: dict[ChannelId, int]) -> tuple[int, int]:
    """First address and count of the one block that holds them all; (0, 0) for none."""
    if not addresses:
        return 0, 0
    first = min(addresses.values())
    return first, max(addresses.values()) - first + 1
