"""Drive and I/O module on one RTU line: every channel stays young through start, run, ramp and stop. In virtual time."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import looptime
import pytest

from tests.drivers.virtual import CONFIG, now_s, until, virtual_bus
from treadctl.config.machine import SHARED_EXCHANGES
from treadctl.core.messages import DriveMode, DriveOrder
from treadctl.core.sample import Direction, Quality
from treadctl.ports import DriveReport, SensorFrame
from treadctl_drivers._line import ByteLink
from treadctl_drivers._modbus import Framing, Modbus, crc16
from treadctl_drivers._serial import SerialSettings
from treadctl_drivers.altivar.config import AltivarConfig
from treadctl_drivers.altivar.drive import AltivarDrive
from treadctl_drivers.altivar.simulated import SimulatedAltivar, SimulatedLine
from treadctl_drivers.io_module import IoModule, IoModuleConfig
from treadctl_drivers.io_module.simulated import SimulatedIoModule
from treadctl_drivers.links import ModbusLink, rtu_timing

SENSOR_AGE_LIMIT_S = 0.1
DRIVE_AGE_LIMIT_S = 0.25
CONNECTED_S = 1.0  # the drive's identity is one long reply, once a connection
IO_UNIT = 2
CHANNELS = 9
READ_SPEED = bytes.fromhex("0103219c00014e18")
RAIL = {"zero": 800, "n_per_count": 0.25, "raw_min": 100, "raw_max": 8000}
IO_KEYS = {"unit": IO_UNIT, "rails": {"left": RAIL, "right": RAIL}, "belt_register": 2, "output_watchdog_ms": 250}


@dataclass
class Shared:
    """The line with both devices, and the age that each channel had reached when it was renewed."""

    drive: AltivarDrive
    module: IoModule
    altivar: SimulatedAltivar
    io: SimulatedIoModule
    line: SimulatedLine
    ages: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _at_s: dict[str, float] = field(default_factory=dict)
    report: DriveReport | None = None
    frames: list[SensorFrame] = field(default_factory=list)
    order: DriveOrder | None = None
    enable: bool = False

    def sensed(self, frame: SensorFrame) -> None:
        self.frames.append(frame)
        for reading in frame.readings:
            if reading.quality is Quality.GOOD:
                self._renewed(reading.channel.value, frame.at_s)

    def reported(self, report: DriveReport) -> None:
        self.report = report
        if report.status is not None:
            self._renewed("drive", report.at_s)

    def _renewed(self, name: str, at_s: float) -> None:
        if name in self._at_s and now_s() > CONNECTED_S:
            self.ages[name].append(now_s() - self._at_s[name])
        self._at_s[name] = at_s

    async def daemon(self) -> None:
        """What the daemon does at each tick: renew order and enable."""
        while True:
            if self.order is not None:
                self.drive.apply(self.order)
                self.module.set_enable(self.enable)
            await asyncio.sleep(0.02)

    async def ramp(self, order_id: int, speed_mps: float, per_s: float = 0.25) -> None:
        """The order to run, its speed growing tick by tick as the core's ramp does: the most that is ever written."""
        self.enable = True
        began_s = now_s()
        while (part_mps := per_s * (now_s() - began_s)) < speed_mps:
            self.order = DriveOrder(DriveMode.RUN, part_mps, Direction.REVERSE, None, order_id)
            self.drive.apply(self.order)
            await asyncio.sleep(0.02)
        await asyncio.sleep(2.0)

    async def stop(self, order_id: int, mode: DriveMode) -> None:
        self.order = DriveOrder(mode, 0.0, Direction.REVERSE, None, order_id)
        self.drive.apply(self.order)
        await until(lambda: self.report is not None and self.report.confirmed_order == order_id, 0.3)
        await until(lambda: self.altivar.rpm == 0)
        self.enable = False
        await asyncio.sleep(1.0)

    def worst_s(self, *names: str) -> float:
        return max(max(self.ages[name]) for name in names)


def rtu_answer(io: SimulatedIoModule, frame: bytes) -> bytes:
    """The module behind RTU bytes; it speaks TCP's by itself."""
    if len(frame) < 4 or crc16(frame[:-2]) != frame[-2:] or frame[0] != io.unit:
        return b""
    reply = io.receive(bytes(6) + frame[:-2], now_s())[6:]
    return reply + crc16(reply)


@asynccontextmanager
async def shared_bus(baud: int, turnaround_s: float) -> AsyncIterator[Shared]:
    altivar, io = SimulatedAltivar(now_s, ramp_rpm_per_s=1000.0), SimulatedIoModule(unit=IO_UNIT)
    timing = rtu_timing(SerialSettings("wire", baud, "E"), turnaround_s + 0.005)

    def answer(frame: bytes) -> bytes:
        return altivar.answer(frame) or rtu_answer(io, frame)

    line = SimulatedLine(answer, byte_s=timing.byte_s, turnaround_s=turnaround_s)

    async def opener() -> ByteLink:
        return line

    link = ModbusLink(virtual_bus(opener, timing), Modbus(Framing.RTU))
    drive = AltivarDrive(AltivarConfig.model_validate(CONFIG), link, now_s)
    shared = Shared(drive, IoModule(IoModuleConfig.model_validate(IO_KEYS), link, now_s), altivar, io, line)
    tasks = [asyncio.create_task(run) for run in (drive.run(shared.reported), shared.module.run(shared.sensed), shared.daemon())]
    try:
        yield shared
        assert not [task for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def session(shared: Shared) -> None:
    """A minute: recognise and attest, start, run, stop, rest and attest again, start, run, stop hard."""
    shared.order = DriveOrder(DriveMode.STOP, 0.0, Direction.REVERSE, None, 1)
    await asyncio.sleep(8.0)
    assert shared.report is not None
    assert shared.report.watchdog_s == 0.5
    await shared.ramp(2, 2.0)
    await shared.stop(3, DriveMode.STOP)
    await asyncio.sleep(12.0)
    await shared.ramp(4, 2.0)
    await shared.stop(5, DriveMode.FAST_STOP)
    await asyncio.sleep(8.0)


def virtual_loop() -> asyncio.AbstractEventLoop:
    """Not by the marker: it leaves the first test of a run in real time, where this one judges milliseconds."""
    return looptime.new_event_loop(noop_cycles=1)


@pytest.mark.parametrize("turnaround_s", [0.0, 0.001, 0.002])
def test_every_channel_stays_young_while_the_drive_attests_starts_and_stops_on_the_same_line(turnaround_s: float) -> None:
    """And the drive's speed is read within the number of exchanges that the check of the machine file counts with."""

    async def watched() -> tuple[dict[str, float], int]:
        async with shared_bus(38400, turnaround_s) as shared:
            await session(shared)
            connected = [frame for at_s, frame in shared.line.sent if at_s > CONNECTED_S]
            speeds = [index for index, frame in enumerate(connected) if frame == READ_SPEED]
            return {name: max(found) for name, found in shared.ages.items()}, max(after - before for before, after in pairwise(speeds))

    with asyncio.Runner(loop_factory=virtual_loop) as runner:
        worst_s, most_exchanges = runner.run(watched())
    assert most_exchanges <= SHARED_EXCHANGES
    assert worst_s.pop("drive") <= DRIVE_AGE_LIMIT_S
    assert len(worst_s) == CHANNELS
    assert max(worst_s.values()) <= SENSOR_AGE_LIMIT_S, worst_s
