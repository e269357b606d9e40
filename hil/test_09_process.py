"""The simulated treadmill as a process: ports, control socket, a clean end. Real time, so as little of it as possible."""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import socket
import subprocess
import sys
import termios
import tomllib
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from treadctl_hil.modbus import rtu, rtu_valid

READ_STATE = bytes.fromhex("01030C810001D772")
DEADLINE_S = 10.0


class Process:
    """One running bench and its control socket."""

    def __init__(self, bench: str, run_dir: Path, *more: str) -> None:
        self.run_dir = run_dir
        command = [sys.executable, "-m", "treadctl_hil.main", "--bench", bench, "--run-dir", str(run_dir), "--no-realtime", *more]
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own program
        assert self.child.stdout is not None
        readable, _, _ = select.select([self.child.stdout], [], [], DEADLINE_S)
        assert readable
        assert self.child.stdout.readline() == "ready\n"
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(DEADLINE_S)
        self._socket.connect(str(run_dir / "hil.sock"))
        self._file = self._socket.makefile("rw")

    def ask(self, **command: object) -> dict[str, Any]:
        self._file.write(json.dumps(command) + "\n")
        self._file.flush()
        told: dict[str, Any] = json.loads(self._file.readline())
        assert told["ok"], told
        return told

    def close(self) -> None:
        self._file.close()
        self._socket.close()
        if self.child.poll() is None:
            self.child.terminate()
        self.child.wait(DEADLINE_S)
        assert self.child.stdout is not None
        self.child.stdout.close()


@contextmanager
def running(bench: str, run_dir: Path, *more: str) -> Iterator[Process]:
    process = Process(bench, run_dir, *more)
    try:
        yield process
    finally:
        process.close()


@contextmanager
def opened(path: Path, speed: int) -> Iterator[int]:
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    try:
        tty.setraw(fd)
        setting = termios.tcgetattr(fd)
        setting[4] = setting[5] = speed
        termios.tcsetattr(fd, termios.TCSANOW, setting)
        yield fd
    finally:
        os.close(fd)


def exchange(fd: int, request: bytes, length: int, patience_s: float = DEADLINE_S) -> bytes:
    os.write(fd, request)
    reply = b""
    while len(reply) < length and select.select([fd], [], [], patience_s)[0]:
        reply += os.read(fd, 256)
    return reply


def test_it_answers_on_its_port_and_reports_at_the_end(tmp_path: Path) -> None:
    machine = tmp_path / "machine.toml"
    with running("altivar-rtu", tmp_path / "run", "--machine-out", str(machine)) as it:
        ports = json.loads((tmp_path / "run" / "ports.json").read_text())
        assert ports["drive"] == str(tmp_path / "run" / "drive")
        with opened(Path(ports["drive"]), termios.B19200) as fd:
            assert exchange(fd, READ_STATE, 7) == rtu(1, b"\x03\x02\x02\x50")
        with socket.create_connection((ports["io"]["host"], ports["io"]["port"]), DEADLINE_S) as io:
            io.sendall(bytes.fromhex("000100000006010200000005"))
            assert io.recv(64) == bytes.fromhex("00010000000401020" + "11f")
        assert it.ask(cmd="state")["belt_speed_mps"] == 0.0
        assert tomllib.loads(machine.read_text())["links"]["io_link"]["port"] == ports["io"]["port"]
        it.ask(cmd="quit")
        assert it.child.wait(DEADLINE_S) == 0
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["wires"]["drive"]["host_frames"] == 1
    assert not (tmp_path / "run" / "hil.sock").exists()
    assert not (tmp_path / "run" / "drive").is_symlink()


def test_a_port_opened_at_another_baud_rate_is_not_understood(tmp_path: Path) -> None:
    with running("altivar-rtu", tmp_path) as it:
        with opened(tmp_path / "drive", termios.B9600) as fd:
            assert exchange(fd, READ_STATE, 7, 0.1) == b""
        assert not it.ask(cmd="wire", last=1)["wires"]["drive"][0]["valid"]


def test_a_pulled_adapter_fails_the_port_and_comes_back_under_its_name(tmp_path: Path) -> None:
    with running("shared-bus", tmp_path) as it:
        with opened(tmp_path / "drive", termios.B38400) as fd:
            it.ask(cmd="fault", name="unplug", on=True, params={"wire": "drive"})
            assert not (tmp_path / "drive").exists()
            with pytest.raises(OSError, match=os.strerror(errno.EIO)):
                os.write(fd, READ_STATE)
        it.ask(cmd="fault", name="unplug", on=False, params={"wire": "drive"})
        with opened(tmp_path / "drive", termios.B38400) as fd:
            assert rtu_valid(exchange(fd, READ_STATE, 7))


def test_a_pulled_network_cable_drops_the_connection_and_the_port_comes_back(tmp_path: Path) -> None:
    request = bytes.fromhex("000100000006010200000005")
    with running("altivar-tcp", tmp_path) as it:
        port = json.loads((tmp_path / "ports.json").read_text())["io"]["port"]
        with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as io:
            it.ask(cmd="fault", name="unplug", on=True, params={"wire": "io"})
            assert io.recv(64) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), DEADLINE_S)
        it.ask(cmd="fault", name="unplug", on=False, params={"wire": "io"})
        with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as io:
            io.sendall(request)
            assert len(io.recv(64)) == 10


def test_what_a_board_said_before_anybody_listened_is_lost(tmp_path: Path) -> None:
    with running("altivar-rtu", tmp_path) as it:
        while len(it.ask(cmd="wire", last=20)["wires"]["board"]) < 20:
            pass
        with opened(tmp_path / "board", termios.B921600) as fd:
            assert select.select([fd], [], [], DEADLINE_S)[0]
            first = int(os.read(fd, 40).split(b",")[1])
        assert first >= 20


def test_sigterm_ends_it_cleanly(tmp_path: Path) -> None:
    with running("woodway", tmp_path) as it:
        it.child.send_signal(signal.SIGTERM)
        assert it.child.wait(DEADLINE_S) == 0
    assert json.loads((tmp_path / "report.json").read_text())["bench"] == "woodway"


def test_a_bad_bench_is_refused_with_exit_code_two(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "treadctl_hil.main", "--bench", "altivar-rtu", "--run-dir", str(tmp_path), "--set", "drive.unti=3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)  # noqa: S603 - our own program
    assert done.returncode == 2
    assert "unti" in done.stderr
    assert not (tmp_path / "ports.json").exists()
