"""An I/O module on a Modbus bus: polls inputs and registers, carries the enable output."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from treadctl.core.sample import ChannelId, Quality
from treadctl.ports import ChannelReading, Clock, LinkStats, SensorFrame
from treadctl_drivers._exchange import ExchangeError, FailureKind
from treadctl_drivers._signal import BeltScaler, LevelScaler
from treadctl_drivers.io_module.config import IoModuleConfig
from treadctl_drivers.io_module.enable import EnableCoil
from treadctl_drivers.links import ModbusLink


class IoModule:
    """A `treadctl.ports.SensorSource` and `EnableOutput`.

    Each poll reads the discrete inputs first (the cords), pushes them, then reads the input registers and pushes those. `at_s` is the instant the
    request left: the module sampled no earlier than that, so a slow reply looks old, never new. While power is wanted but the module's
    output watchdog is not proven, the channel enable_feedback is IMPLAUSIBLE.
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
        self._read_inputs = modbus.read_discrete(unit, self._first_input, input_count) if input_count else None
        self._read_registers = modbus.read_registers(unit, self._first_register, register_count, input_registers=True) if register_count else None

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
            await asyncio.sleep(self._config.renew_s)

    async def _poll(self) -> None:
        due_s = self._clock()
        while True:
            if self._bus.is_up:
                await self._poll_inputs()
                await self._poll_registers()
            due_s = max(due_s + self._config.poll_period_s, self._clock())
            await asyncio.sleep(max(0.001, due_s - self._clock()))

    async def _poll_inputs(self) -> None:
        if self._read_inputs is None:
            return
        try:
            answer = await self._bus.ask(self._read_inputs)
        except ExchangeError as error:
            self._missed(error, self._inputs)
            return
        bits = answer.value
        readings = [ChannelReading(channel, bits[address - self._first_input], Quality.GOOD) for channel, address in self._inputs.items()]
        if self._coil.refused:
            readings = [_doubted(reading) if reading.channel is ChannelId.ENABLE_FEEDBACK else reading for reading in readings]
        self._push(SensorFrame(answer.sent_s, tuple(readings)))

    async def _poll_registers(self) -> None:
        if self._read_registers is None:
            return
        try:
            answer = await self._bus.ask(self._read_registers)
        except ExchangeError as error:
            self._missed(error, self._registers)
            return
        readings = []
        for channel, address in self._registers.items():
            word = answer.value[address - self._first_register]
            readings.append(self._scalers[channel].reading(word - 0x10000 if word & 0x8000 else word, answer.sent_s))
        self._push(SensorFrame(answer.sent_s, tuple(readings)))

    def _missed(self, error: ExchangeError, channels: dict[ChannelId, int]) -> None:
        """One lost reply only ages the channels; a refusal says that they are not there."""
        if error.failure.kind is FailureKind.REFUSED:
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
