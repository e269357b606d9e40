"""What pymodbus' own client does on a real wire (a pseudo-terminal, a TCP loopback), and beside each case the same wire through our bus.

These tests watch the library we pin: if one of the first halves fails after an upgrade, the library has changed, perhaps for the better; read
its notes before touching the second half. The devices act on what they receive, not on the clock, so that order and counts decide.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import time
import tty
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException
from pymodbus.pdu.register_message import ReadHoldingRegistersResponse, ReadInputRegistersResponse

from treadctl_drivers._bus import Bus
from treadctl_drivers._exchange import ExchangeError, FailureKind, Priority
from treadctl_drivers._modbus import Framing, Modbus, crc16
from treadctl_drivers.links import ModbusLink, modbus_rtu, modbus_tcp

DEADLINE_S = 20.0
STOP_FRAME = bytes.fromhex("010621350007d23a")

Script = Callable[[int, bytes], list[bytes]]
"""The device: given how many requests came before, and this one, the frames it sends now."""


def framed(*body: int) -> bytes:
    return bytes(body) + crc16(bytes(body))


def holding(value: int) -> bytes:
    return framed(1, 3, 2, value >> 8, value & 0xFF)


class PtyDevice:
    """A scripted device at the far end of a pseudo-terminal. All requests here are eight bytes long."""

    def __init__(self, script: Script) -> None:
        self.requests: list[bytes] = []
        self._script = script
        self._buffer = b""
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        self._slave = slave
        self._arrived = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._master, self._readable)

    def _readable(self) -> None:
        with contextlib.suppress(OSError):
            self._buffer += os.read(self._master, 4096)
        while len(self._buffer) >= 8:
            request, self._buffer = self._buffer[:8], self._buffer[8:]
            frames = self._script(len(self.requests), request)
            self.requests.append(request)
            self._arrived.set()
            for frame in frames:
                os.write(self._master, frame)

    def send(self, frame: bytes) -> None:
        os.write(self._master, frame)

    async def received(self, count: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while len(self.requests) < count:
                self._arrived.clear()
                await self._arrived.wait()

    def unplug(self) -> None:
        if self._master >= 0:
            self._loop.remove_reader(self._master)
            os.close(self._slave)
            os.close(self._master)
            self._master = -1


@contextlib.contextmanager
def device(script: Script) -> Iterator[PtyDevice]:
    far_end = PtyDevice(script)
    try:
        yield far_end
    finally:
        far_end.unplug()


@contextlib.asynccontextmanager
async def plain(port: str, timeout: float = 0.1, retries: int = 0) -> AsyncIterator[AsyncModbusSerialClient]:  # noqa: ASYNC109  # pymodbus' own word
    client = AsyncModbusSerialClient(port, framer=FramerType.RTU, baudrate=19200, parity="N", timeout=timeout, retries=retries, reconnect_delay=0)
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()


@contextlib.asynccontextmanager
async def ours(port: str) -> AsyncIterator[tuple[Bus, Modbus]]:
    link: ModbusLink = modbus_rtu.build(modbus_rtu.config_model(port=port, baud=19200, turnaround_max_s=0.04), time.monotonic)
    async with link.bus.running(), asyncio.timeout(DEADLINE_S):
        await link.bus.wait_up()
        yield link.bus, link.modbus


# -- a late reply ----------------------------------------------------------------------------------------------------------------------------------------


def late_by_one(before: int, request: bytes) -> list[bytes]:
    """The reply to the first request leaves only when the second one comes, and its own follows."""
    return [] if before == 0 else [holding(100), holding(150)]


async def test_plain_client_gives_the_late_reply_of_one_register_as_the_value_of_another() -> None:
    with device(late_by_one) as far_end:
        async with plain(far_end.port) as client:
            with pytest.raises(ModbusIOException):
                await client.read_holding_registers(0, count=1, device_id=1)
            reply = await client.read_holding_registers(50, count=1, device_id=1)
            assert not reply.isError()
            assert reply.registers == [100], "register 50 holds 150"


async def test_our_bus_drains_the_late_reply_and_reads_the_right_value() -> None:
    with device(lambda before, request: [] if before == 0 else [holding(150)]) as far_end:
        async with ours(far_end.port) as (bus, modbus):
            with pytest.raises(ExchangeError):
                await bus.ask(modbus.read_registers(1, 0, 1))
            second = asyncio.create_task(bus.ask(modbus.read_registers(1, 50, 1)))
            await asyncio.sleep(0)
            far_end.send(holding(100))
            assert (await second).value == (150,)
            assert bus.stats().late_replies == 1


def late_into_the_stop(before: int, request: bytes) -> list[bytes]:
    return [] if before == 0 else [holding(100), request]


async def test_plain_client_takes_a_late_reading_for_the_confirmation_of_a_stop() -> None:
    with device(late_into_the_stop) as far_end:
        async with plain(far_end.port) as client:
            with pytest.raises(ModbusIOException):
                await client.read_holding_registers(0, count=1, device_id=1)
            reply = await client.write_register(8501, 7, device_id=1)
            assert not reply.isError()
            assert isinstance(reply, ReadHoldingRegistersResponse)


async def test_our_bus_confirms_a_stop_by_its_own_echo_only() -> None:
    with device(late_into_the_stop) as far_end:
        async with ours(far_end.port) as (bus, modbus):
            with pytest.raises(ExchangeError):
                await bus.ask(modbus.read_registers(1, 0, 1))
            assert (await bus.ask(modbus.write_register(1, 8501, 7, priority=Priority.STOP))).value is None
            assert bus.stats().mismatches == 1
    with device(lambda before, request: [holding(100)]) as far_end:
        async with ours(far_end.port) as (bus, modbus):
            with pytest.raises(ExchangeError, match="timeout"):
                await bus.ask(modbus.write_register(1, 8501, 7, priority=Priority.STOP))


# -- a cancelled read ------------------------------------------------------------------------------------------------------------------------------------


async def test_plain_client_gives_a_cancelled_reads_reply_to_the_write_that_follows() -> None:
    with device(late_into_the_stop) as far_end:
        async with plain(far_end.port, timeout=DEADLINE_S) as client:
            reading = asyncio.create_task(client.read_holding_registers(0, count=1, device_id=1))
            await far_end.received(1)
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError, ModbusIOException):
                await reading
            reply = await client.write_register(8501, 7, device_id=1)
            assert not reply.isError()
            assert isinstance(reply, ReadHoldingRegistersResponse)


async def test_our_bus_lets_a_cancelled_read_run_out_before_the_write_leaves() -> None:
    with device(late_into_the_stop) as far_end:
        async with ours(far_end.port) as (bus, modbus):
            reading = asyncio.create_task(bus.ask(modbus.read_registers(1, 0, 1)))
            await far_end.received(1)
            reading.cancel()
            assert (await bus.ask(modbus.write_register(1, 8501, 7))).value is None
            assert bus.stats().timeouts == 1
            assert bus.stats().mismatches == 1


# -- replies that answer something else ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (framed(1, 6, 0x21, 0x35, 0x00, 0x0F), "value"),
        (framed(1, 6, 0x21, 0x9A, 0x00, 0x07), "address"),
        (framed(1, 4, 2, 0, 7), "function"),
    ],
    ids=["another value", "another address", "another function"],
)
async def test_plain_client_accepts_the_echo_of_something_else_and_our_bus_does_not(answer: bytes, what: str) -> None:
    with device(lambda before, request: [answer]) as far_end:
        async with plain(far_end.port) as client:
            reply = await client.write_register(8501, 7, device_id=1)
            assert not reply.isError()
            assert (isinstance(reply, ReadInputRegistersResponse)) is (what == "function")
    with device(lambda before, request: [answer]) as far_end:
        async with ours(far_end.port) as (bus, modbus):
            with pytest.raises(ExchangeError, match="timeout"):
                await bus.ask(modbus.write_register(1, 8501, 7))
            assert bus.stats().mismatches == 1


async def test_plain_client_accepts_fewer_registers_than_asked_and_our_bus_does_not() -> None:
    with device(lambda before, request: [holding(100)]) as far_end:
        async with plain(far_end.port) as client:
            reply = await client.read_holding_registers(0, count=4, device_id=1)
            assert not reply.isError()
            assert len(reply.registers) == 1
    with device(lambda before, request: [holding(100)]) as far_end:
        async with ours(far_end.port) as (bus, modbus):
            with pytest.raises(ExchangeError, match="timeout"):
                await bus.ask(modbus.read_registers(1, 0, 4))


# -- a stop behind a mute device -------------------------------------------------------------------------------------------------------------------------


def mute_but_for_writes(before: int, request: bytes) -> list[bytes]:
    return [request] if request[1] == 6 else []


async def test_plain_client_sends_an_unanswered_read_four_times_before_the_stop_and_our_bus_once() -> None:
    with device(mute_but_for_writes) as far_end:
        async with plain(far_end.port, timeout=0.05, retries=3) as client:  # the default retries; the default time-out would be 3 s
            reading = asyncio.create_task(client.read_holding_registers(0, count=1, device_id=1))
            await far_end.received(1)
            await client.write_register(8501, 7, device_id=1)
            with contextlib.suppress(ModbusIOException):
                await reading
            assert far_end.requests.index(STOP_FRAME) == 4
    with device(mute_but_for_writes) as far_end:
        async with ours(far_end.port) as (bus, modbus):
            reading_ours = asyncio.create_task(bus.ask(modbus.read_registers(1, 0, 1)))
            await far_end.received(1)
            await bus.ask(modbus.write_register(1, 8501, 7, priority=Priority.STOP))
            assert far_end.requests.index(STOP_FRAME) == 1
            with pytest.raises(ExchangeError):
                await reading_ours


async def test_plain_client_sends_a_stop_after_every_read_asked_before_it_and_our_bus_before_them() -> None:
    answers: Script = lambda before, request: [request if request[1] == 6 else holding(1)]  # noqa: E731
    with device(answers) as far_end:
        async with plain(far_end.port, timeout=DEADLINE_S) as client:
            reads = [asyncio.create_task(client.read_holding_registers(address, count=1, device_id=1)) for address in range(6)]
            await far_end.received(1)
            await client.write_register(8501, 7, device_id=1)
            await asyncio.gather(*reads)
            assert far_end.requests.index(STOP_FRAME) == 6
    with device(answers) as far_end:
        async with ours(far_end.port) as (bus, modbus):
            asked = [asyncio.create_task(bus.ask(modbus.read_registers(1, address, 1))) for address in range(6)]
            await far_end.received(1)
            await bus.ask(modbus.write_register(1, 8501, 7, priority=Priority.STOP))
            await asyncio.gather(*asked)
            assert far_end.requests.index(STOP_FRAME) == 1


async def test_plain_client_repeats_a_motion_write_whose_echo_was_lost_and_our_bus_never() -> None:
    with device(lambda before, request: []) as far_end:
        async with plain(far_end.port, timeout=0.03, retries=3) as client:
            with pytest.raises(ModbusIOException):
                await client.write_register(8602, 400, device_id=1)
            assert len(far_end.requests) == 4
    with device(lambda before, request: []) as far_end:
        async with ours(far_end.port) as (bus, modbus):
            with pytest.raises(ExchangeError):
                await bus.ask(modbus.write_register(1, 8602, 400))
            with pytest.raises(ExchangeError):
                await bus.ask(modbus.read_registers(1, 8604, 1))
            assert [request[1] for request in far_end.requests] == [6, 3]


async def test_the_same_over_tcp_where_numbers_help_the_reply_but_not_the_queue() -> None:
    requests: list[bytes] = []
    arrived = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                request = await reader.readexactly(12)
                requests.append(request[6:])
                arrived.set()
                if request[7] == 6:
                    writer.write(request)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    stop = STOP_FRAME[:-2]
    async with server:
        client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=0.05, retries=3)
        assert await client.connect()
        reading = asyncio.create_task(client.read_holding_registers(0, count=1, device_id=1))
        await arrived.wait()
        await client.write_register(8501, 7, device_id=1)
        with contextlib.suppress(ModbusIOException):
            await reading
        client.close()
        assert requests.index(stop) == 4

        requests.clear()
        arrived.clear()
        link: ModbusLink = modbus_tcp.build(modbus_tcp.config_model(host="127.0.0.1", port=port), time.monotonic)
        async with link.bus.running(), asyncio.timeout(DEADLINE_S):
            await link.bus.wait_up()
            asked = asyncio.create_task(link.bus.ask(link.modbus.read_registers(1, 0, 1)))
            await arrived.wait()
            await link.bus.ask(link.modbus.write_register(1, 8501, 7, priority=Priority.STOP))
            assert requests.index(stop) == 1
            with pytest.raises(ExchangeError):
                await asked
    assert Modbus(Framing.RTU).write_register(1, 8501, 7).request == STOP_FRAME


# -- unplugged -------------------------------------------------------------------------------------------------------------------------------------------


async def test_plain_client_waits_out_its_time_out_on_an_unplugged_port_and_our_bus_knows_at_once() -> None:
    with device(lambda before, request: []) as theirs, device(lambda before, request: []) as own:
        async with plain(theirs.port, timeout=DEADLINE_S) as client, ours(own.port) as (bus, modbus):
            reading = asyncio.create_task(client.read_holding_registers(0, count=1, device_id=1))
            await theirs.received(1)
            asked = asyncio.create_task(bus.ask(modbus.read_registers(1, 0, 1)))
            await own.received(1)
            theirs.unplug()
            own.unplug()
            with pytest.raises(ExchangeError) as caught:
                await asked
            assert caught.value.failure.kind is FailureKind.DOWN
            await asyncio.sleep(0.2)
            assert not reading.done(), "it still waits for a port that is gone"
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError, ModbusIOException):
                await reading
