"""A whole small clinic on this computer: simulated treadmill, daemon and both doors of the console, each its own process, as they run in a clinic.

Used by the demo, by the browser tests and by the script that takes the screenshots.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Final

from treadctl.errors import TreadctlError
from treadctl.testing.simulated import SimulatedBelt, end_process, simulated_belt, wait_for

READY_S: Final = 20.0
_SETTINGS: Final = """format = 1
clinic = "Demonstration"
machine = "{machine}"
socket = "{run}/ctl.sock"
journal_dir = "{run}/journal"
database = "sqlite:///{run}/records.db"
names_key = "{run}/names.key"
language = "{language}"
zone = "{zone}"
[kiosk]
port = {kiosk}
[desk]
port = {desk}
"""


@dataclass(frozen=True, slots=True)
class Doors:
    """Both doors of a console, open. `first_code` is empty where the records have an administrator already."""

    kiosk_url: str
    desk_url: str
    pairing_pin: str
    first_code: str
    processes: dict[str, subprocess.Popen[str]]


@dataclass
class Stand:
    """What runs, and where it is reached."""

    belt: SimulatedBelt
    run_dir: Path
    daemon: subprocess.Popen[str]
    doors: Doors

    @property
    def socket(self) -> Path:
        """The daemon's control socket."""
        return self.run_dir / "ctl.sock"

    def start_daemon(self) -> None:
        """Start the daemon again, after it was ended."""
        self.daemon = _daemon(self.belt, self.run_dir)


def free_port() -> int:
    """A TCP port of loopback that nobody holds at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether nobody listens at this port of loopback."""
    return not _listens(port)


def write_settings(run_dir: Path, machine_file: Path, *, ports: tuple[int, int] | None = None, language: str = "en", zone: str = "UTC") -> Path:
    """The settings of a console in this folder."""
    kiosk, desk = ports or (free_port(), free_port())
    settings = run_dir / "console.toml"
    settings.write_text(_SETTINGS.format(machine=machine_file, run=run_dir, kiosk=kiosk, desk=desk, language=language, zone=zone), encoding="utf-8")
    return settings


@contextmanager
def console_doors(settings: Path, *, modest: bool = False) -> Iterator[Doors]:
    """Open both doors on these settings, and shut them. `modest`: with no more of the processors than the units of a clinic give them."""
    run_dir = settings.parent
    ports = dict(re.findall(r"\[(kiosk|desk)\]\nport = (\d+)", settings.read_text(encoding="utf-8")))
    with ExitStack() as stack:
        processes: dict[str, subprocess.Popen[str]] = {}
        for door in ("desk", "kiosk"):  # one after the other: the first makes the tables
            process = processes[door] = _start(run_dir, door, "treadctl.console", "--config", str(settings), "--door", door, modest=modest)
            stack.callback(end_process, process)
            wait_for(partial(_said, process, run_dir, door), READY_S, f"the {door} door")
            wait_for(partial(_listens, int(ports[door])), READY_S, f"the {door} door")
        said = {door: (run_dir / f"{door}.log").read_text(encoding="utf-8") for door in processes}
        pin = _found(r"pairing PIN, good once: (\d+)", said["kiosk"])
        code = _found(r"one-time code for the first administrator: (\w+)", said["desk"])
        yield Doors(f"http://127.0.0.1:{ports['kiosk']}", f"http://127.0.0.1:{ports['desk']}", pin, code, processes)


@contextmanager
def console_stand(bench: Path, run_dir: Path, *, seed: int = 1, language: str = "en", prepare: Callable[[Path], None] | None = None) -> Iterator[Stand]:
    """Start it all in `run_dir`, and end it all. `prepare` is given the settings file before the doors open: to fill the records."""
    with ExitStack() as stack:
        belt = stack.enter_context(simulated_belt(bench, run_dir, seed=seed))
        settings = write_settings(run_dir, belt.machine_file, language=language)
        if prepare is not None:
            prepare(settings)
        daemon = _daemon(belt, run_dir)
        stack.callback(lambda: end_process(stand.daemon, 25.0))
        stand = Stand(belt, run_dir, daemon, stack.enter_context(console_doors(settings)))
        yield stand


def _daemon(belt: SimulatedBelt, run_dir: Path) -> subprocess.Popen[str]:
    process = _start(run_dir, "daemon", "treadctl.daemon.main", str(belt.machine_file))
    socket_file = run_dir / "ctl.sock"
    wait_for(lambda: _alive(process, run_dir, "daemon") and socket_file.exists(), READY_S, "the daemon")
    return process


def _start(run_dir: Path, name: str, module: str, *arguments: str, modest: bool = False) -> subprocess.Popen[str]:
    with (run_dir / f"{name}.log").open("a", encoding="utf-8") as out:
        return start_module(module, *arguments, modest=modest, stdout=out, stderr=out)


def start_module(
    module: str, *arguments: str, modest: bool = False, stdin: int | None = None, stdout: IO[str] | int | None = None, stderr: IO[str] | None = None
) -> subprocess.Popen[str]:
    """A module of ours as a process. `modest`: its share of the processors is what the units give the console, Nice=10 and CPUWeight=20.

    Where the kernel groups processes by their session, niceness counts within the session only; the session then gets the weight (7 is about 20 of 100).
    """
    command = [*(("nice", "-n", "10") if modest else ()), sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(command, text=True, start_new_session=modest, stdin=stdin, stdout=stdout, stderr=stderr)  # noqa: S603 - our own interpreter
    if modest:
        with suppress(OSError):  # a kernel that does not
            Path(f"/proc/{process.pid}/autogroup").write_text("7", encoding="ascii")
    return process


def _alive(process: subprocess.Popen[str], run_dir: Path, name: str) -> bool:
    if process.poll() is not None:
        raise TreadctlError("refused", name, (run_dir / f"{name}.log").read_text(encoding="utf-8").strip()[-2000:])
    return True


def _said(process: subprocess.Popen[str], run_dir: Path, door: str) -> str | None:
    _alive(process, run_dir, door)
    text = (run_dir / f"{door}.log").read_text(encoding="utf-8")
    return text if f"{door} door is open" in text else None


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0
