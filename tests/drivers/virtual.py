"""A bus and a drive in virtual time: looptime moves the loop's clock, so that nothing here waits. Used by the tests beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from treadctl.core.messages import DriveMode, DriveOrder
from treadctl.core.sample import Direction
from treadctl.errors import TreadctlError
from treadctl.ports import DriveReport
from treadctl_drivers._bus import Bus, LineTiming
from treadctl_drivers._line import ByteLink, Line
from treadctl_drivers._modbus import Framing, Modbus
from treadctl_drivers._serial import SerialSettings
from treadctl_drivers._timer import LoopAlarm
from treadctl_drivers.altivar.config import AltivarConfig
from treadctl_drivers.altivar.drive import AltivarDrive
from treadctl_drivers.altivar.simulated import SimulatedAltivar, SimulatedLine
from treadctl_drivers.links import ModbusLink, rtu_timing

SETTINGS_19200 = SerialSettings("wire", 19200, "E")
RTU_19200 = rtu_timing(SETTINGS_19200, 0.02)
TCP = LineTiming(0.0, 0.0, 0.05, 0.0, losses_to_reconnect=20)


def now_s() -> float:
    return asyncio.get_running_loop().time()


def virtual_bus(opener: Callable[[], Awaitable[ByteLink]], timing: LineTiming = RTU_19200) -> Bus:
    return Bus(Line("wire", opener), timing, now_s, LoopAlarm)


async def until(condition: Callable[[], bool], deadline_s: float = 5.0) -> None:
    """Let virtual time pass until `condition` holds; an assertion where it does not in time."""
    end_s = now_s() + deadline_s
    while not condition():
        assert now_s() < end_s, "the awaited condition did not come"
        await asyncio.sleep(0.001)


@dataclass
class Bench:
    """A drive, its driver, the wire between them, and what the driver reported."""

    device: SimulatedAltivar
    link: ModbusLink
    drive: AltivarDrive
    lines: list[SimulatedLine]
    reports: list[DriveReport] = field(default_factory=list)
    order_id: int = 1
    order: DriveOrder | None = None
    plugged: bool = True
    renewing: bool = True

    @property
    def line(self) -> SimulatedLine:
        return self.lines[-1]

    @property
    def last(self) -> DriveReport:
        return self.reports[-1]

    @property
    def speed_mps(self) -> float | None:
        status = self.last.status
        return None if status is None else status.motion.speed_mps

    def give(self, mode: DriveMode, speed_mps: float = 0.0, direction: Direction = Direction.FORWARD) -> DriveOrder:
        """A new order, renewed from now on as the daemon would."""
        if self.order is None or self.order.mode is not mode or self.order.direction is not direction:
            self.order_id += 1
        self.order = DriveOrder(mode, speed_mps, direction, None, self.order_id)
        self.drive.apply(self.order)
        return self.order

    async def renew(self) -> None:
        while True:
            await asyncio.sleep(0.01)
            if self.order is not None and self.renewing:
                self.drive.apply(self.order)

    async def run_at(self, speed_mps: float, direction: Direction = Direction.FORWARD) -> None:
        """From standstill to a measured speed."""
        self.give(DriveMode.RUN, speed_mps, direction)
        rpm = int(speed_mps / 0.0025) * (-1 if direction is Direction.REVERSE else 1)
        await until(lambda: self.device.rpm == rpm)
        await until(lambda: self.last.confirmed_order == self.order_id)

    def frames_after(self, instant_s: float) -> list[tuple[float, bytes]]:
        return [(at_s, data) for line in self.lines for at_s, data in line.sent if at_s >= instant_s]


CONFIG: dict[str, Any] = {
    "unit": 1,
    "m_per_s_per_rpm": 0.0025,
    "max_speed_mps": 4.0,
    "reverse": True,
    "watchdog_register": 6005,
    "watchdog_s": 0.5,
    "identity": {"vendor": "Schneider Electric", "product": "ATV320"},
}


@asynccontextmanager
async def altivar_bench(
    *, framing: Framing = Framing.RTU, device: dict[str, Any] | None = None, early: DriveOrder | None = None, **config: object
) -> AsyncIterator[Bench]:
    """The driver running against a simulated drive, with the first report in."""
    simulated = SimulatedAltivar(now_s, **(device or {}))
    lines: list[SimulatedLine] = []
    timing = RTU_19200 if framing is Framing.RTU else TCP

    async def opener() -> ByteLink:
        if not bench.plugged:
            raise TreadctlError("port_absent", "wire")
        answer = simulated.answer if framing is Framing.RTU else simulated.answer_tcp
        lines.append(SimulatedLine(answer, byte_s=timing.byte_s, turnaround_s=0.004))
        return lines[-1]

    link = ModbusLink(virtual_bus(opener, timing), Modbus(framing))
    drive = AltivarDrive(AltivarConfig.model_validate({**CONFIG, **config}), link, now_s)
    bench = Bench(simulated, link, drive, lines)
    if early is not None:
        drive.apply(early)
    tasks = [asyncio.create_task(drive.run(bench.reports.append)), asyncio.create_task(bench.renew())]
    try:
        await until(lambda: bool(bench.reports))
        yield bench
        for task in tasks:
            assert not task.done(), "the driver ended by itself"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
