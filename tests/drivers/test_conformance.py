"""Every drive family against the one suite, on a paced wire in simulated time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import cached_property

import pytest

from treadctl.core.messages import DriveMode
from treadctl.core.sample import Direction
from treadctl.ports import Clock
from treadctl.testing.conformance import DriveBench, DriveConformance, Meaning
from treadctl.testing.wire import MemoryWire
from treadctl_drivers._bus import Bus, LineTiming, slack_s
from treadctl_drivers._line import Line
from treadctl_drivers._modbus import Framing, Modbus, crc16
from treadctl_drivers._serial import SerialSettings
from treadctl_drivers._timer import LoopAlarm
from treadctl_drivers.altivar import AltivarConfig, AltivarDrive
from treadctl_drivers.altivar import frames as altivar
from treadctl_drivers.altivar.simulated import SimulatedAltivar
from treadctl_drivers.links import ModbusLink, rtu_timing
from treadctl_drivers.woodway import WoodwayConfig, WoodwayDrive, frames
from treadctl_drivers.woodway.drive import QUIET_S
from treadctl_drivers.woodway.frames import Command
from treadctl_drivers.woodway.pilot import MPS_PER_TENTH
from treadctl_drivers.woodway.simulated import SimulatedWoodway

TURNAROUND_S = 0.005


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
        bench = woodway_bench(SimulatedWoodway())
        yield bench
        await bench.end()


M_PER_S_PER_RPM = 0.0025
WATCHDOG_REGISTER = 6005
WRITTEN = {altivar.CMD, altivar.LFRD, WATCHDOG_REGISTER}
"""The registers an Altivar may ever be written to by this project."""


class AltivarOnWire:
    """A simulated Altivar as a device of the wire. It is made on first use, within the test, where time is simulated."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @cached_property
    def drive(self) -> SimulatedAltivar:
        return SimulatedAltivar(self._clock)

    def receive(self, data: bytes, now_s: float) -> bytes:
        return self.drive.answer(data)

    def speed_mps(self, now_s: float) -> float:
        self.drive.settle()
        return self.drive.rpm * M_PER_S_PER_RPM


def altivar_meaning(frame: bytes) -> Meaning:
    function, address, value = frame[1], int.from_bytes(frame[2:4], "big"), int.from_bytes(frame[4:6], "big")
    if function in (3, 0x2B):
        return Meaning(writes=False, in_map=True)
    in_map = function == 6 and address in WRITTEN
    if address == altivar.LFRD:
        return Meaning(writes=True, in_map=in_map, speed_mps=value * M_PER_S_PER_RPM)
    if address == altivar.CMD and value & 0x0F == 0x0F:
        return Meaning(writes=True, in_map=in_map, runs=True, direction=Direction.REVERSE if value & 0x0800 else Direction.FORWARD)
    return Meaning(writes=True, in_map=in_map, stop=address == altivar.CMD and value & 0x0F in (0x07, 0x02, 0x00))


def altivar_foreign(request: bytes) -> bytes:
    """A sound frame that answers a write to LFRD, which was not asked; to such a write, one that answers a write to CMD."""
    register = altivar.CMD if request[1] == 6 and int.from_bytes(request[2:4], "big") == altivar.LFRD else altivar.LFRD
    reply = request[:1] + b"\x06" + register.to_bytes(2, "big") + b"\x00\x07"
    return reply + crc16(reply)


@pytest.mark.looptime
class TestAltivar(DriveConformance):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[DriveBench]:
        loop = asyncio.get_running_loop()
        device = AltivarOnWire(loop.time)
        byte_s = 11 / 19200
        wire = MemoryWire(device, byte_s=byte_s, turnaround_s=TURNAROUND_S)
        timing = rtu_timing(SerialSettings("wire", 19200, "E"), 0.02)
        config = AltivarConfig.model_validate(
            {
                "unit": 1,
                "m_per_s_per_rpm": M_PER_S_PER_RPM,
                "max_speed_mps": 4.0,
                "reverse": True,
                "watchdog_register": WATCHDOG_REGISTER,
                "watchdog_s": 0.5,
                "identity": {"vendor": "Schneider Electric", "product": "ATV320"},
            }
        )
        link = ModbusLink(Bus(Line("wire", wire.open), timing, loop.time, LoopAlarm), Modbus(Framing.RTU))
        bench = DriveBench(
            drive=AltivarDrive(config, link, loop.time),
            wire=wire,
            meaning=altivar_meaning,
            stop_frames={
                DriveMode.STOP: (bytes.fromhex("010621350007d23a"),),
                DriveMode.FAST_STOP: (bytes.fromhex("0106213500021239"),),
                DriveMode.POWER_OFF: (bytes.fromhex("01062135000093f8"),),
            },
            disguise=lambda: setattr(device.drive, "product", "ATV71"),
            foreign=altivar_foreign,
            worst_exchange_s=17 * byte_s + slack_s(0.02) + timing.gap_s + 0.002,
        )
        yield bench
        await bench.end()
