"""The peer of the stop benchmark: a plain pymodbus client doing the same job, polling four registers and writing a stop when the switch opens.

It gets the same sensor board through the same driver; only the drive's side differs. This is the one place besides `_modbus.py` that imports pymodbus.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from pymodbus.client import AsyncModbusSerialClient
from pymodbus.exceptions import ModbusException

from treadctl.cli.bench_stand import BOUNCE_S, EDGE, LEAD_S, bench_machine
from treadctl.core.sample import ChannelId
from treadctl.daemon.assembly import assemble
from treadctl.errors import TreadctlError
from treadctl.ports import SensorFrame
from treadctl.testing.simulated import SimulatedBelt

STATUS: Final = 3201
CONTROL_WORD: Final = 8501
WATCHDOG: Final = 6005
STOP_WORD: Final = 7
LIMIT_S: Final = 20.0


async def peer_trials(
    belt: SimulatedBelt, events: int, timeout_s: float | None, step: Callable[[], None], fault: Callable[[bool], None] | None = None
) -> list[float]:
    """Latencies, s, from edge to the last byte of the stop frame; `timeout_s` None = the client's defaults (3 s, 3 retries).

    `fault(on)` spoils the drive before each edge and mends it after the stop frame.
    """
    config = bench_machine(belt)
    opened = asyncio.Event()
    board = assemble(config, time.monotonic).sources[0][1]
    closed: list[bool] = [True]

    def on_frame(frame: SensorFrame) -> None:
        for reading in frame.readings:
            if reading.channel is ChannelId.ATTENDANT and isinstance(reading.value, bool):
                if closed[0] and not reading.value:
                    opened.set()
                closed[0] = reading.value

    link = config.links[config.drive.link].config
    options: dict[str, Any] = {} if timeout_s is None else {"timeout": timeout_s}
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL + 1)  # what it says of every lost reply is what is being measured
    client = AsyncModbusSerialClient(link.port, baudrate=link.baud, parity="N", **options)  # a pty refuses a second setting with parity
    sensing = asyncio.create_task(board.run(on_frame))
    chance = random.Random(1)  # noqa: S311 - phases, no secrets
    found: list[float] = []
    try:
        await client.connect()
        ended = asyncio.Event()
        polling = asyncio.create_task(_poll(client, ended))
        await asyncio.sleep(0.3)
        for _ in range(events):
            opened.clear()
            if fault is not None:
                fault(True)
            belt.ask("at", t_s=LEAD_S + chance.uniform(0.0, 0.12), do={"cmd": "set", "input": EDGE, "closed": False})
            await asyncio.wait_for(opened.wait(), LIMIT_S)
            stopping = asyncio.create_task(_stop(client, config.drive.address or 1))
            found.append(await _measured(belt))
            if fault is not None:
                fault(False)
            await stopping
            belt.set(EDGE, closed=True)
            await asyncio.sleep(2.0 * BOUNCE_S)
            step()
        ended.set()
        await polling
    finally:
        sensing.cancel()
        await asyncio.gather(sensing, return_exceptions=True)
        client.close()
    return found


async def _stop(client: AsyncModbusSerialClient, unit: int) -> None:
    with suppress(ModbusException):  # it may give up on the echo; what counts is when the frame reached the drive
        await client.write_register(CONTROL_WORD, STOP_WORD, device_id=unit)


async def _poll(client: AsyncModbusSerialClient, ended: asyncio.Event) -> None:
    """Ended by a flag: a cancellation that falls into an exchange comes out of the client as one of its own errors, and would be lost."""
    while not ended.is_set():
        try:
            await client.read_holding_registers(STATUS, count=4, device_id=1)
        except ModbusException:
            await asyncio.sleep(0.01)


async def _measured(belt: SimulatedBelt) -> float:
    deadline_s = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline_s:
        seen = belt.ask("measurements", last=1)["measurements"][0]
        if seen["first_stop_frame_s"] is not None:
            return float(seen["first_stop_frame_s"] - seen["event_s"])
        await asyncio.sleep(0.01)
    raise TreadctlError("refused", "bench > pymodbus", "no stop frame reached the drive")
