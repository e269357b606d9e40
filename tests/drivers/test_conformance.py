"""Every drive family against the one suite, on a paced wire in simulated time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from treadctl.core.messages import DriveMode
from treadctl.testing.conformance import DriveBench, DriveConformance, Meaning
from treadctl.testing.wire import MemoryWire
from treadctl_drivers._bus import Bus, LineTiming, slack_s
from treadctl_drivers._line import Line
from treadctl_drivers._timer import LoopAlarm
from treadctl_drivers.woodway import WoodwayConfig, WoodwayDrive, frames
from treadctl_drivers.woodway.drive import QUIET_S
from treadctl_drivers.woodway.frames import Command
from treadctl_drivers.woodway.pilot import MPS_PER_TENTH
from treadctl_drivers.woodway.simulated import SimulatedWoodway

TURNAROUND_S = 0.005


@asynccontextmanager
async def running(bench: DriveBench) -> AsyncIterator[DriveBench]:
    task = asyncio.create_task(bench.drive.run(bench.reports.append))
    try:
        yield bench
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def woodway_meaning(frame: bytes) -> Meaning:
    try:
        command = Command(frame[0])
    except ValueError:
        return Meaning(writes=True, in_map=False)
    whole = len(frame) == {Command.SET_SPEED: 5, Command.SET_ELEVATION: 5}.get(command, 1)
    if command is Command.SET_SPEED:
        tenths, direction = frames.decode_speed(frame[1:])
        return Meaning(writes=True, in_map=whole, speed_mps=tenths * MPS_PER_TENTH, direction=direction)
    return Meaning(writes=command not in frames.READS, in_map=whole, stop=command in (Command.AUTO_STOP, Command.DISENGAGE))


def woodway_foreign(request: bytes) -> bytes:
    """The good reply to a request other than this one."""
    return b"\xb3" if request[0] != Command.SET_SPEED else b"\xb0"


def woodway_config(**changes: object) -> WoodwayConfig:
    keys: dict[str, object] = {"firmware": "0102000A", "speed_unit": "mph", "watchdog_s": 0.5, "max_speed_mps": 4.0, "reverse": True}
    return WoodwayConfig.model_validate(keys | changes)


def woodway_bench(device: SimulatedWoodway, **changes: object) -> DriveBench:
    loop = asyncio.get_running_loop()
    wire = MemoryWire(device, byte_s=frames.CHAR_S, turnaround_s=TURNAROUND_S)
    timing = LineTiming(frames.CHAR_S, 0.0, slack_s(0.02), QUIET_S)
    drive = WoodwayDrive(woodway_config(**changes), Bus(Line("wire", wire.open), timing, loop.time, LoopAlarm), loop.time, LoopAlarm)
    return DriveBench(
        drive=drive,
        wire=wire,
        meaning=woodway_meaning,
        stop_frames={DriveMode.STOP: (b"\xaa",), DriveMode.FAST_STOP: (b"\xaa",), DriveMode.POWER_OFF: (b"\xa2",)},
        disguise=lambda: setattr(device, "trackmaster", True),
        foreign=woodway_foreign,
        worst_exchange_s=6 * frames.CHAR_S + slack_s(0.02) + 0.001,
    )


@pytest.mark.looptime
class TestWoodway(DriveConformance):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[DriveBench]:
        async with running(woodway_bench(SimulatedWoodway())) as bench:
            yield bench
