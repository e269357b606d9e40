"""The daemon against a server that is not this project's simulator: Modbus TCP by libmodbus (C), hil/peers/libmodbus_treadmill.c."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from treadctl.core.messages import Checklist, RequestKind
from treadctl.core.program import Block, Hands, Person, Program, Segment
from treadctl.core.sample import Direction, Facing
from treadctl.errors import TreadctlError
from treadctl.ipc.asking import RefusedError
from treadctl.ipc.client import Client
from treadctl.ipc.messages import ArmArgs
from treadctl.journal.verify import verify
from treadctl.testing.simulated import end_process, wait_for

SOURCE = Path(__file__).parent / "peers" / "libmodbus_treadmill.c"
SPEED_MPS = 0.8
QUICK_STOP = 0x0002
INSTALL = "install what it takes with tools/system-packages (as root), or: apt-get install gcc libc6-dev pkg-config libmodbus-dev"
WALK = Program("walk", Facing.CONSOLE, (Segment(Block.MAIN, "walk", 300.0, SPEED_MPS, Direction.REVERSE, 0.0, Hands.FREE),), "0" * 64)

MACHINE = """\
format = 1

[machine]
name = "other-library"
deck_length_m = 1.5

[limits]
max_speed_forward_mps = 2.0
max_speed_reverse_mps = 2.0
max_acceleration_mps2 = 0.5
max_deceleration_mps2 = 0.8
max_jerk_mps3 = 1.0
protective_deceleration_mps2 = 0.9
fast_deceleration_mps2 = 1.8
max_grade_percent = 0.0
max_grade_rate_percent_per_s = 0.033
max_duration_s = 600.0

[safety]
cord_wiring = "input_only"
proof = ["cord_a", "cord_b"]
sensor_age_limit_s = 0.1
drive_age_limit_s = 0.25
drive_watchdog_limit_s = 0.5

[links.drive_net]
kind = "modbus_tcp"
host = "127.0.0.1"
port = {drive_port}

[links.io_net]
kind = "modbus_tcp"
host = "127.0.0.1"
port = {io_port}

[drive]
driver = "altivar"
link = "drive_net"
unit = 1
m_per_s_per_rpm = 0.0025
max_speed_mps = 2.0
reverse = true
watchdog_register = 6005
watchdog_s = 0.5
identity_registers = [{{ register = 9001, value = {acceleration} }}]   # libmodbus does not answer function 43/14
deceleration = {{ register = 9002, value = 40 }}

[[devices]]
driver = "io_module"
link = "io_net"
unit = 1
inputs = {{ cord_a = 0, cord_b = 1, estop = 2, attendant = 3, harness = 4, enable_feedback = 5 }}
belt_register = 2
enable_coil = 0

[devices.rails]
left = {{ register = 0, zero = 800, n_per_count = 0.25, raw_min = 100, raw_max = 8000 }}
right = {{ register = 1, zero = 800, n_per_count = 0.25, raw_min = 100, raw_max = 8000 }}

[enable]
device = "io_module"

[daemon]
tick_s = 0.02
socket = "{run_dir}/ctl.sock"
journal_dir = "{run_dir}/journal"
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled server."""
    compiler, asker = shutil.which("cc") or shutil.which("gcc"), shutil.which("pkg-config")
    if compiler is None or asker is None:
        pytest.fail(f"a C compiler and pkg-config are needed: {INSTALL}")
    flags = subprocess.run([asker, "--cflags", "--libs", "libmodbus"], capture_output=True, text=True, check=False)  # noqa: S603 - found on PATH
    if flags.returncode != 0:
        pytest.fail(f"libmodbus is needed: {INSTALL}")
    made = tmp_path_factory.mktemp("peer") / "libmodbus_treadmill"
    strict = ["-std=c17", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror"]
    command = [compiler, *strict, str(SOURCE), "-o", str(made), *flags.stdout.split(), "-lm"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert built.returncode == 0, built.stderr
    return made


class Peer:
    """The running server: commands on its standard input, one JSON object a line from its standard output."""

    def __init__(self, program: Path) -> None:
        self.process = subprocess.Popen([program, "0", "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own program
        self._selector = selectors.DefaultSelector()
        assert self.process.stdout is not None
        self._selector.register(self.process.stdout, selectors.EVENT_READ)
        self.told: list[dict[str, Any]] = []
        self._rest = b""
        self.ports = self._next("ready")

    def say(self, command: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()

    def state(self) -> dict[str, Any]:
        """What the server says of itself now."""
        self.say("state")
        return self._next("state")

    def words(self) -> list[int]:
        """Every control word written so far."""
        self.state()
        return [line["word"] for line in self.told if line["event"] == "word"]

    def _next(self, event: str) -> dict[str, Any]:
        deadline_s = time.monotonic() + 5.0
        assert self.process.stdout is not None
        seen = len(self.told)
        while not any(line["event"] == event for line in self.told[seen:]):
            assert self._selector.select(max(0.0, deadline_s - time.monotonic())), f"no {event} from the server"
            data = os.read(self.process.stdout.fileno(), 65536)
            assert data, "the server ended"
            *lines, self._rest = (self._rest + data).split(b"\n")
            self.told += [json.loads(line) for line in lines]
        return next(line for line in reversed(self.told) if line["event"] == event)

    def close(self) -> None:
        self._selector.close()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            assert self.process.wait(5.0) == 0
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()


@pytest.fixture
def peer(program: Path) -> Iterator[Peer]:
    running = Peer(program)
    yield running
    running.close()


@contextmanager
def daemon(peer: Peer, run_dir: Path, acceleration: int = 50) -> Iterator[Client]:
    """The real daemon on this server, and a client of its socket."""
    machine, log = run_dir / "machine.toml", run_dir / "daemon.log"
    machine.write_text(MACHINE.format(**peer.ports, run_dir=run_dir, acceleration=acceleration), encoding="utf-8")
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen([sys.executable, "-m", "treadctl.daemon.main", str(machine)], stdout=out, stderr=out, text=True)  # noqa: S603

    def connected() -> Client | None:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        with suppress(TreadctlError):
            return Client(run_dir / "ctl.sock", "hil")
        return None

    try:
        with wait_for(connected, 15.0, "the daemon") as client:
            yield client
        assert end_process(process, 20.0) == 0, log.read_text(encoding="utf-8")
    finally:
        end_process(process, 20.0)


def contact(client: Client, name: str) -> object:
    return next((channel.value for channel in client.snapshot().channels if channel.id == name), None)


def cord_is(client: Client, closed: bool) -> bool:
    return contact(client, "cord_a") is closed and contact(client, "cord_b") is closed


def reset(client: Client) -> bool:
    try:
        client.request(RequestKind.RESET, who="attendant")
    except RefusedError:
        return False
    return True


def prove_and_reset(client: Client, peer: Peer) -> None:
    """What the attendant does after power-up."""
    for closed in (True, False, True):
        peer.say(f"cord {int(closed)}")
        wait_for(partial(cord_is, client, closed), 5.0, f"the cord, closed = {closed}")
    wait_for(lambda: reset(client), 8.0, "the reset")


def start(client: Client) -> None:
    arm = ArmArgs(Person(75.0), Checklist("attendant", cord_clipped=True, clear_zone=True, shoes=True), program=WALK)
    arming = client.request(RequestKind.ARM, who="attendant", arm=arm).id
    wait_for(lambda: not client.snapshot().start_blockers, 8.0, "a clear start")
    wait_for(lambda: client.request(RequestKind.START_HOLD, who="attendant", arming=arming).state != "armed", 5.0, "the start", every_s=0.1)


def test_a_session_runs_on_another_modbus_library_and_the_cord_stops_it_by_the_quick_stop_word(peer: Peer, tmp_path: Path) -> None:
    with daemon(peer, tmp_path) as client:
        prove_and_reset(client, peer)
        seen = client.snapshot()
        assert seen.drive.identified
        assert seen.drive.watchdog_s == 0.5
        told = peer.state()
        assert (told["watchdog_ds"], told["output_watchdog_ms"], told["enable"]) == (5, 150, False)

        start(client)
        wait_for(lambda: peer.state()["belt_mps"] <= -0.98 * SPEED_MPS, 12.0, "the belt's speed, by the server")
        wait_for(lambda: (client.snapshot().belt.measured_mps or 0.0) >= 0.98 * SPEED_MPS, 5.0, "the belt's speed, by the daemon")
        running = client.snapshot()
        assert (running.state, running.belt.direction, running.enable.feedback) == ("running", "reverse", True)
        assert peer.words()[-1] & 0x080F == 0x080F, "in reverse by bit 11"

        peer.say("cord 0")
        wait_for(lambda: peer.state()["belt_mps"] == 0.0, 5.0, "standstill, by the server")
        assert peer.state()["stop_word"] == QUICK_STOP
        wait_for(lambda: client.snapshot().state == "tripped", 5.0, "the trip")
        assert "pull_cord" in {cause.id for cause in client.snapshot().causes}
        wait_for(lambda: peer.state()["enable"] is False, 5.0, "the enable off")
        words = peer.words()
        last_run = max(index for index, word in enumerate(words) if word & 0x0F == 0x0F)
        assert words[last_run + 1] == QUICK_STOP
    report = verify(tmp_path / "journal")
    assert report.ok, report.problems
    assert report.steps > 100


def test_a_server_with_another_identity_is_read_and_never_written(peer: Peer, tmp_path: Path) -> None:
    with daemon(peer, tmp_path, acceleration=51) as client:
        wait_for(lambda: client.snapshot().belt.measured_mps == 0.0, 5.0, "a speed from the drive")
        wait_for(lambda: "does not hold 51" in (tmp_path / "daemon.log").read_text(encoding="utf-8"), 5.0, "the judgement")
        assert not client.snapshot().drive.identified
    assert peer.words() == []
    assert peer.state()["watchdog_ds"] == 100
