"""Ports and sockets as byte links: pseudo-terminals and the loopback stand for the real ones."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import socket
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from treadctl.errors import TreadctlError
from treadctl_drivers import _serial
from treadctl_drivers._line import Line
from treadctl_drivers._serial import SerialSettings, open_serial, serial_opener
from treadctl_drivers._tcp import open_tcp
from treadctl_drivers._timer import LoopAlarm, TimerfdAlarm, precise_alarm
from treadctl_drivers.links import ModbusLink, SerialLine, modbus_rtu, modbus_tcp, rtu_timing, serial

DEADLINE_S = 10.0


@contextlib.contextmanager
def terminal() -> Iterator[tuple[int, str]]:
    master, slave = pty.openpty()
    tty.setraw(slave)
    try:
        yield master, os.ttyname(slave)
    finally:
        os.close(slave)
        with contextlib.suppress(OSError):
            os.close(master)


class Heard:
    """Collects what a link delivers."""

    def __init__(self) -> None:
        self.data = b""
        self.lost: list[str] = []
        self._changed = asyncio.Event()

    def received(self, data: bytes) -> None:
        self.data += data
        self._changed.set()

    def gone(self, reason: str) -> None:
        self.lost.append(reason)
        self._changed.set()

    async def something(self) -> None:
        async with asyncio.timeout(DEADLINE_S):
            await self._changed.wait()
        self._changed.clear()


async def test_bytes_go_both_ways_and_a_write_is_out_when_it_returns() -> None:
    with terminal() as (master, name):
        link, heard = open_serial(SerialSettings(name, 19200, "E")), Heard()
        link.start(heard.received, heard.gone)
        link.write(b"\x01\x06\x21\x35")
        assert os.read(master, 100) == b"\x01\x06\x21\x35"
        os.write(master, b"\x00\x11\x13\x0d\x0a\xff")
        await heard.something()
        assert heard.data == b"\x00\x11\x13\x0d\x0a\xff", "no byte is changed by the terminal layer"
        link.close()


async def test_an_open_port_is_refused_to_everybody_else() -> None:
    with terminal() as (_, name):
        link = open_serial(SerialSettings(name, 19200))
        with pytest.raises(TreadctlError) as caught:
            open_serial(SerialSettings(name, 19200))
        assert caught.value.kind.name == "port_busy"
        script = "import fcntl, os, sys\nfcntl.flock(os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY), fcntl.LOCK_EX | fcntl.LOCK_NB)"
        other = subprocess.run([sys.executable, "-c", script, name], capture_output=True, check=False, timeout=DEADLINE_S)  # noqa: ASYNC221, S603
        assert b"Error" in other.stderr
        link.close()


async def test_a_port_can_be_opened_again_at_once_and_with_parity() -> None:
    with terminal() as (_, name):
        for _ in range(3):
            open_serial(SerialSettings(name, 19200, "E")).close()


async def test_absent_and_forbidden_ports_say_so(tmp_path: Path) -> None:
    with pytest.raises(TreadctlError) as caught:
        open_serial(SerialSettings(str(tmp_path / "usb-drive"), 19200))
    assert caught.value.kind.name == "port_absent"
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    with pytest.raises(TreadctlError) as caught:
        open_serial(SerialSettings(str(plain), 19200))
    assert caught.value.kind.name == "port_failed"
    if os.geteuid() != 0:
        plain.chmod(0)
        with pytest.raises(TreadctlError) as caught:
            open_serial(SerialSettings(str(plain), 19200))
        assert caught.value.kind.name == "port_permission"


async def test_unplugging_is_noticed_without_asking() -> None:
    with terminal() as (master, name):
        link, heard = open_serial(SerialSettings(name, 19200)), Heard()
        link.start(heard.received, heard.gone)
        os.close(master)
        await heard.something()
        assert len(heard.lost) == 1
        link.write(b"into the void")
        link.close()
        assert len(heard.lost) == 1


async def test_a_full_line_keeps_the_rest_and_one_that_never_drains_is_lost() -> None:
    with terminal() as (master, name):
        link, heard = open_serial(SerialSettings(name, 19200)), Heard()
        link.start(heard.received, heard.gone)
        os.set_blocking(master, False)
        sent = bytes(range(256)) * 10
        for _ in range(4):
            link.write(sent)
        got = b""
        async with asyncio.timeout(DEADLINE_S):
            while len(got) < 4 * len(sent) and not heard.lost:
                with contextlib.suppress(BlockingIOError):
                    got += os.read(master, 4096)
                await asyncio.sleep(0)
        assert got == 4 * sent
        for _ in range(100):
            link.write(sent)
        await heard.something()
        assert "no more" in heard.lost[0]
        link.close()


async def test_a_close_that_blocks_does_not_block_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    release, reached = threading.Event(), threading.Event()
    original = _serial._close

    def slow(port: _serial.serial.Serial) -> None:
        reached.set()
        release.wait(DEADLINE_S)
        original(port)

    monkeypatch.setattr(_serial, "_close", slow)
    with terminal() as (_, name):
        link = open_serial(SerialSettings(name, 19200))
        link.close()
        assert reached.wait(DEADLINE_S)
        release.set()


async def test_a_pseudo_terminal_has_no_low_latency_and_no_modem_lines_and_says_so() -> None:
    with terminal() as (_, name):
        link = open_serial(SerialSettings(name, 19200))
        assert not link.low_latency
        assert not link.set_rts(True)
        assert not link.set_dtr(False)
        link.close()


async def test_a_line_reopens_by_its_name_after_a_replug(tmp_path: Path) -> None:
    by_id = tmp_path / "usb-drive"
    ups: list[bool] = []

    class User:
        def line_up(self, link: object) -> None:
            ups.append(True)

        def line_bytes(self, data: bytes) -> None: ...

        def line_down(self, reason: str) -> None:
            ups.append(False)

    async def reach(state: list[bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while ups != state:  # noqa: ASYNC110  # the line has no event for a test
                await asyncio.sleep(0.005)

    with terminal() as (master, name), terminal() as (_, other):
        by_id.symlink_to(name)
        line = Line("usb-drive", serial_opener(SerialSettings(str(by_id), 19200)), User())
        async with line.running():
            await reach([True])
            by_id.unlink()
            os.close(master)
            await reach([True, False])
            by_id.symlink_to(other)
            await reach([True, False, True])
            assert line.reconnects == 1
            assert line.trouble is None


async def test_tcp_says_absent_when_nobody_listens_and_notices_a_closed_peer() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(TreadctlError) as caught:
        await open_tcp("127.0.0.1", port)
    assert caught.value.kind.name == "port_absent"

    async def goodbye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(4))
        writer.close()

    server = await asyncio.start_server(goodbye, "127.0.0.1", 0)
    async with server:
        link, heard = await open_tcp("127.0.0.1", server.sockets[0].getsockname()[1]), Heard()
        link.start(heard.received, heard.gone)
        link.write(b"ping")
        async with asyncio.timeout(DEADLINE_S):
            while not heard.lost:
                await heard.something()
        assert heard.data == b"ping"
        link.close()


# -- the alarm -------------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [TimerfdAlarm, LoopAlarm])
async def test_an_alarm_rings_once_and_never_early(kind: type[TimerfdAlarm] | type[LoopAlarm]) -> None:
    rang: list[float] = []
    done = asyncio.Event()

    def ring() -> None:
        rang.append(time.monotonic())
        done.set()

    alarm = kind(ring)
    due_s = time.monotonic() + 0.02
    alarm.set(due_s - 0.01)
    alarm.set(due_s)  # replaces it
    async with asyncio.timeout(DEADLINE_S):
        await done.wait()
    assert rang[0] >= due_s - 0.001 * (kind is LoopAlarm)
    alarm.set(time.monotonic() + 0.005)
    alarm.clear()
    await asyncio.sleep(0.02)
    assert len(rang) == 1
    alarm.close()
    alarm.close()


async def test_linux_gives_the_precise_alarm() -> None:
    alarm = precise_alarm(lambda: None)
    assert isinstance(alarm, TimerfdAlarm)
    alarm.close()


# -- link families ---------------------------------------------------------------------------------------------------------------------------------------


def test_the_gap_between_rtu_frames_follows_the_standard() -> None:
    assert rtu_timing(SerialSettings("p", 9600, "E"), 0.02).gap_s == pytest.approx(0.00401, abs=1e-5)
    assert rtu_timing(SerialSettings("p", 19200, "E"), 0.02).gap_s == pytest.approx(0.00201, abs=1e-5)
    assert rtu_timing(SerialSettings("p", 38400, "E"), 0.02).gap_s == 0.00175


def test_links_are_built_from_their_tables_and_open_nothing() -> None:
    rtu = modbus_rtu.build(modbus_rtu.config_model(port="/dev/none", baud=19200), time.monotonic)
    tcp = modbus_tcp.build(modbus_tcp.config_model(host="192.0.2.10"), time.monotonic)
    line = serial.build(serial.config_model(port="/dev/none", baud=4800), time.monotonic)
    assert isinstance(rtu, ModbusLink)
    assert isinstance(tcp, ModbusLink)
    assert isinstance(line, SerialLine)
    assert not rtu.bus.is_up


@pytest.mark.parametrize(
    ("family", "table"),
    [
        (modbus_rtu, {"port": "p", "surprise": 1}),
        (modbus_rtu, {"port": "p", "parity": "X"}),
        (modbus_rtu, {"port": "p", "baud": "19200"}),
        (modbus_rtu, {"port": "p", "turnaround_max_s": 0.5}),
        (modbus_rtu, {"port": ""}),
        (modbus_tcp, {"host": "h", "port": 0}),
        (modbus_tcp, {}),
        (serial, {"port": "p"}),
    ],
)
def test_a_wrong_link_table_is_refused(family: type[object], table: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        family.config_model.model_validate(table)  # type: ignore[attr-defined]
