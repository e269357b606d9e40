from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from treadctl.core.sample import BeltMotion, ChannelId, Direction, Quality
from treadctl.ports import ChannelReading, EnableOutput, SensorFrame
from treadctl.testing.wire import MemoryWire, honest, mute
from treadctl_drivers._bus import Bus, LineTiming
from treadctl_drivers._line import Line
from treadctl_drivers._modbus import Framing, Modbus
from treadctl_drivers._timer import LoopAlarm
from treadctl_drivers.io_module import IoModule, IoModuleConfig, family
from treadctl_drivers.io_module.simulated import SimulatedIoModule
from treadctl_drivers.links import ModbusLink

pytestmark = pytest.mark.looptime  # time passes only inside the tests

RAIL = {"zero": 800, "n_per_count": 0.25, "raw_min": 100, "raw_max": 8000}
KEYS: dict[str, Any] = {"rails": {"left": RAIL, "right": RAIL}, "belt_register": 2}


@dataclass
class Rig:
    simulated: SimulatedIoModule
    wire: MemoryWire
    module: IoModule
    frames: list[SensorFrame] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    @property
    def now_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def live(self, seconds: float, enable: bool | None = None) -> None:
        if self.task is None:
            self.task = asyncio.create_task(self.module.run(self.frames.append))
        until_s = self.now_s + seconds
        while self.now_s < until_s - 1e-9:
            if enable is not None:
                self.module.set_enable(enable)
            await asyncio.sleep(0.01)

    def reading(self, channel: ChannelId) -> ChannelReading:
        return next(reading for frame in reversed(self.frames) for reading in frame.readings if reading.channel is channel)

    @property
    def closed(self) -> bool:
        return self.simulated.coil_closed(self.now_s)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    loop = asyncio.get_running_loop()
    simulated = SimulatedIoModule()
    wire = MemoryWire(simulated, turnaround_s=0.002)
    bus = Bus(Line("wire", wire.open), LineTiming(0.0, 0.0, 0.05, 0.0), loop.time, LoopAlarm)
    rig = Rig(simulated, wire, IoModule(IoModuleConfig.model_validate(KEYS), ModbusLink(bus, Modbus(Framing.TCP)), loop.time))
    yield rig
    assert rig.task is not None
    assert not rig.task.done()
    rig.task.cancel()
    await asyncio.gather(rig.task, return_exceptions=True)


async def test_inputs_and_registers_become_channels_by_the_map(rig: Rig) -> None:
    rig.simulated.inputs[1] = False
    rig.simulated.registers = {0: 1200, 1: 400, 2: -833}
    rig.simulated.noise = False
    await rig.live(0.1)
    assert rig.reading(ChannelId.CORD_A).value is True
    assert rig.reading(ChannelId.CORD_B).value is False
    assert rig.reading(ChannelId.RAIL_LEFT).value == 100.0
    assert rig.reading(ChannelId.RAIL_RIGHT).value == 100.0
    assert rig.reading(ChannelId.BELT).value == BeltMotion(0.833, Direction.REVERSE)


async def test_the_cords_are_read_first_and_pushed_before_the_registers_are_asked_for(rig: Rig) -> None:
    await rig.live(0.2)
    assert rig.simulated.functions[0] == 2
    assert ChannelId.CORD_A in {reading.channel for reading in rig.frames[0].readings}
    assert set(rig.simulated.functions) == {2, 4}


async def test_cords_that_disagree_are_read_again_in_the_same_round(rig: Rig) -> None:
    rig.simulated.inputs[1] = False
    await rig.live(0.1)
    assert rig.simulated.functions[:6] == [2, 4, 2, 2, 4, 2]


async def test_polls_come_every_ten_milliseconds(rig: Rig) -> None:
    await rig.live(1.0)
    assert 90 <= rig.simulated.functions.count(2) <= 101


async def test_a_frame_is_dated_when_its_request_left(rig: Rig) -> None:
    await rig.live(0.1)
    sent_s = {frame.at_s for frame in rig.wire.frames}
    assert all(frame.at_s in sent_s for frame in rig.frames)


@pytest.mark.parametrize(("raw", "quality"), [(99, Quality.IMPLAUSIBLE), (8001, Quality.IMPLAUSIBLE), (0x8000, Quality.IMPLAUSIBLE), (100, Quality.GOOD)])
async def test_a_broken_wire_is_implausible(rig: Rig, raw: int, quality: Quality) -> None:
    rig.simulated.registers[0] = raw
    rig.simulated.noise = False
    await rig.live(0.1)
    assert rig.reading(ChannelId.RAIL_LEFT).quality is quality


async def test_a_register_that_never_moves_freezes(rig: Rig) -> None:
    rig.simulated.noise = False
    await rig.live(2.2)
    assert rig.reading(ChannelId.RAIL_LEFT).quality is Quality.FROZEN


async def test_nothing_is_written_before_anybody_asked_for_the_output(rig: Rig) -> None:
    await rig.live(1.0)
    assert rig.simulated.written == set()


async def test_a_session_writes_only_the_coil_and_the_watchdog_register(rig: Rig) -> None:
    await rig.live(0.5, enable=False)
    await rig.live(1.0, enable=True)
    await rig.live(1.0, enable=False)
    assert rig.simulated.written == {(5, 0), (6, 0)}


async def test_the_coil_closes_only_behind_a_proven_output_watchdog_and_is_renewed(rig: Rig) -> None:
    await rig.live(1.0, enable=True)
    assert rig.simulated.watchdog_ms == 150
    assert rig.closed
    on = [at_s for at_s, is_on in rig.simulated.coil_writes if is_on]
    assert max(later - earlier for earlier, later in pairwise(on)) <= 0.07


async def test_a_watchdog_that_reads_back_differently_refuses_the_enable_and_says_so(rig: Rig) -> None:
    rig.simulated.ignores_watchdog = True
    await rig.live(2.0, enable=True)
    assert not any(on for _, on in rig.simulated.coil_writes)
    assert rig.reading(ChannelId.ENABLE_FEEDBACK).quality is Quality.IMPLAUSIBLE
    assert rig.reading(ChannelId.CORD_A).quality is Quality.GOOD
    assert rig.module.stats().mismatches >= 2


async def test_power_off_leaves_ahead_of_every_queued_read(rig: Rig) -> None:
    await rig.live(0.5, enable=True)
    for phase in range(12):
        await rig.live(0.2, enable=True)
        await asyncio.sleep(phase * 0.001)
        count, at_s = len(rig.wire.frames), rig.now_s
        rig.module.set_enable(False)
        await asyncio.sleep(0.008)
        first = rig.wire.frames[count]
        assert first.data[7:] == bytes.fromhex("0500000000"), f"phase {phase}"
        assert first.at_s - at_s <= 0.0025


async def test_a_control_loop_that_falls_silent_opens_the_coil(rig: Rig) -> None:
    await rig.live(0.5, enable=True)
    before, silent_s = rig.closed, rig.now_s
    await rig.live(0.5)
    assert (before, rig.closed) == (True, False)
    assert max(at_s for at_s, on in rig.simulated.coil_writes if on) <= silent_s + 0.21


async def test_a_mute_module_gets_no_frame_and_its_channels_age(rig: Rig) -> None:
    await rig.live(0.3, enable=True)
    rig.wire.tamper = mute
    at_s = rig.now_s
    await rig.live(0.5, enable=True)
    assert max(frame.at_s for frame in rig.frames) <= at_s
    rig.wire.tamper = honest
    await rig.live(0.5, enable=True)
    assert rig.reading(ChannelId.CORD_A).quality is Quality.GOOD
    assert rig.closed


async def test_a_refused_read_makes_its_channels_absent_and_leaves_the_others(rig: Rig) -> None:
    rig.simulated.refuses = {4}
    await rig.live(0.2)
    assert rig.reading(ChannelId.RAIL_LEFT).quality is Quality.ABSENT
    assert rig.reading(ChannelId.CORD_A).quality is Quality.GOOD


async def test_a_lost_link_makes_every_channel_absent_and_the_watchdog_is_proven_anew(rig: Rig) -> None:
    await rig.live(0.5, enable=True)
    rig.wire.cut()
    await rig.live(0.05, enable=True)
    assert {reading.quality for reading in rig.frames[-1].readings} == {Quality.ABSENT}
    assert {reading.channel for reading in rig.frames[-1].readings} == rig.module.channels
    rig.simulated.watchdog_ms = 5000  # it was power-cycled
    rig.wire.mend()
    await rig.live(1.0, enable=True)
    assert rig.simulated.watchdog_ms == 150
    assert rig.closed


def test_the_default_map_is_the_documented_one() -> None:
    config = IoModuleConfig()
    assert [address for _, address in sorted(config.inputs.fitted().items(), key=lambda item: item[1])] == [0, 1, 2, 3, 4, 5]
    assert (config.enable_coil, config.output_watchdog_register, config.output_watchdog_ms) == (0, 0, 150)
    rails = IoModuleConfig.model_validate(KEYS)
    assert rails.registers() == {ChannelId.RAIL_LEFT: 0, ChannelId.RAIL_RIGHT: 1, ChannelId.BELT: 2}
    assert family.channels(rails) == frozenset(rails.inputs.fitted()) | {ChannelId.RAIL_LEFT, ChannelId.RAIL_RIGHT, ChannelId.BELT}


@pytest.mark.parametrize(
    "keys",
    [
        {"inputs": {"cord_a": 0, "cord_b": 0}},
        {"inputs": {"cord_a": 0, "cord_b": 40}},
        {"inputs": {"cord": 0}},
        {"inputs": {"cord_a": True}},
        {"inputs": {"cord_a": -1}},
        {"rails": {"left": RAIL | {"register": 1}, "right": RAIL}},
        {"unit": 248},
        {"renew_s": 0.1},
        {"output_watchdog_ms": 600},
        {"timeout": 1},
    ],
)
def test_a_map_that_cannot_work_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        IoModuleConfig.model_validate(keys)


async def test_the_module_carries_the_enable_output(rig: Rig) -> None:
    await rig.live(0.02)
    assert isinstance(rig.module, EnableOutput)
