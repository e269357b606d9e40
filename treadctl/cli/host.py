"""What `treadctl doctor` looks at on the host: each check reads a few files and says what it found, and what to do about it."""

from __future__ import annotations

import ctypes
import math
import os
import re
import resource
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

FIFO_PRIORITY: Final = 50
DISK_LOW_BYTES: Final = 1_000_000_000
DISK_EMPTY_BYTES: Final = 100_000_000
UNIT_FOLDERS: Final = ("etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system")
MCL_CURRENT: Final = 1  # <sys/mman.h>


class Level(StrEnum):
    """How bad a finding is. Only BAD makes doctor's exit code 1."""

    OK = "ok"
    INFO = "info"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `remedy` is empty where nothing needs doing."""

    id: str
    level: Level
    text: str
    remedy: str = ""


def ports(root: Path) -> list[Finding]:
    """Serial ports under their lasting names, and those that have none."""
    folder = root / "dev/serial/by-id"
    named = sorted(folder.iterdir()) if folder.is_dir() else []
    found = [Finding("port", Level.OK, f"/dev/serial/by-id/{link.name} -> {link.resolve().name}") for link in named]
    if not named:
        found.append(Finding("port", Level.INFO, "no USB serial adapter is plugged in", "Machine files name ports by /dev/serial/by-id."))
    remedy = "Install the shipped udev rules; the number changes when it is replugged."
    covered = {link.resolve().name for link in named}
    for pattern in ("ttyUSB*", "ttyACM*"):
        for device in sorted((root / "dev").glob(pattern)):
            if device.name not in covered:
                found.append(Finding("port", Level.WARN, f"/dev/{device.name} has no lasting name", remedy))
    return found


def latency_timers(root: Path) -> list[Finding]:
    """FTDI chips hold bytes back for 16 ms by default; on a safety line that is most of the stop time."""
    found = []
    for device in sorted((root / "sys/bus/usb-serial/devices").glob("*")):
        timer = device / "latency_timer"
        text = _read(timer)
        if not text.isdigit():
            continue
        wait_ms = int(text)
        level = Level.OK if wait_ms <= 1 else Level.BAD
        remedy = "" if wait_ms <= 1 else f"Install the shipped udev rules, or now: echo 1 | sudo tee /sys/bus/usb-serial/devices/{device.name}/latency_timer"
        found.append(Finding("latency_timer", level, f"{device.name}: the FTDI latency timer is {wait_ms} ms", remedy))
    return found or [Finding("latency_timer", Level.INFO, "no FTDI adapter is present")]


def scheduling(root: Path) -> list[Finding]:
    """Whether this user may run with SCHED_FIFO. The service gets the right from its unit; a shell usually has none."""
    before, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    remedy = "Start the daemon as the shipped systemd unit (CPUSchedulingPolicy=fifo), or give the user an rtprio limit."
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(FIFO_PRIORITY))
        os.sched_setscheduler(0, before, parameter)
    except OSError:
        limit = resource.getrlimit(resource.RLIMIT_RTPRIO)[0]
        return [Finding("sched_fifo", Level.WARN, f"real-time scheduling is not allowed to this user (RLIMIT_RTPRIO {limit})", remedy)]
    return [Finding("sched_fifo", Level.OK, "real-time scheduling (SCHED_FIFO) is allowed")]


def memory_lock(root: Path) -> list[Finding]:
    """Whether this user may keep its memory from being paged out."""
    soft = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    shown = "unlimited" if soft == resource.RLIM_INFINITY else f"{soft // 1024} KiB"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(MCL_CURRENT) == 0:
        libc.munlockall()
        return [Finding("mlockall", Level.OK, f"memory may be locked (RLIMIT_MEMLOCK {shown})")]
    reason = os.strerror(ctypes.get_errno())
    text = f"memory may not be locked: {reason} (RLIMIT_MEMLOCK {shown})"
    return [Finding("mlockall", Level.WARN, text, "Start the daemon as the shipped systemd unit (LimitMEMLOCK).")]


def modem_manager(root: Path) -> list[Finding]:
    """ModemManager opens new serial ports and talks to them."""
    running = any(_read(comm).startswith("ModemManager") for comm in (root / "proc").glob("[0-9]*/comm"))
    if running:
        remedy = "Install the shipped udev rules (they keep it off our ports), or: systemctl disable --now ModemManager"
        return [Finding("modem_manager", Level.WARN, "ModemManager is running and may grab serial ports", remedy)]
    return [Finding("modem_manager", Level.OK, "ModemManager is not running")]


def disk(folder: Path) -> list[Finding]:
    """Room for the journal, on the file system where it will lie."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free
    level = Level.BAD if free < DISK_EMPTY_BYTES else Level.WARN if free < DISK_LOW_BYTES else Level.OK
    remedy = "" if level is Level.OK else "Free space: without a journal no session starts."
    note = "" if place == folder else f" ({folder} is not there yet)"
    return [Finding("disk", level, f"{free / 1e9:.1f} GB free for the journal on {place}{note}", remedy)]


def service_watchdog(root: Path) -> list[Finding]:
    """Whether systemd restarts a daemon whose loop makes no progress."""
    if not (root / "run/systemd/system").is_dir():
        remedy = "Fine for a demo; on a machine with a person on it, run the daemon as the shipped unit."
        return [Finding("systemd_watchdog", Level.INFO, "systemd does not run here, so nothing restarts a hung daemon", remedy)]
    for folder in UNIT_FOLDERS:
        text = _read(root / folder / "treadctld.service")
        if not text:
            continue
        setting = re.search(r"^WatchdogSec=(\S+)", text, re.MULTILINE)
        if setting and setting[1] not in {"0", "infinity"}:
            return [Finding("systemd_watchdog", Level.OK, f"treadctld.service has WatchdogSec={setting[1]}")]
        return [Finding("systemd_watchdog", Level.BAD, f"/{folder}/treadctld.service sets no WatchdogSec", "Install the shipped unit unchanged.")]
    return [Finding("systemd_watchdog", Level.WARN, "treadctld.service is not installed", "Copy the shipped units and run systemctl daemon-reload.")]


HOST_CHECKS: Final[tuple[Callable[[Path], list[Finding]], ...]] = (ports, latency_timers, scheduling, memory_lock, modem_manager, service_watchdog)


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late a thread that sleeps 2 ms at a time woke up, s; `histogram` counts wakes at most as late as each bound (last = later)."""

    count: int
    p50_s: float
    p99_s: float
    max_s: float
    histogram: tuple[tuple[float, int], ...]


BOUNDS_S: Final = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, math.inf)


def summarise(late_s: list[float]) -> Lateness:
    """The figures of the waking delays `late_s`, of which there is at least one."""
    ordered = sorted(late_s)
    counts = [0] * len(BOUNDS_S)
    for value in ordered:
        counts[next(index for index, bound in enumerate(BOUNDS_S) if value <= bound)] += 1
    last = len(ordered) - 1
    return Lateness(len(ordered), ordered[last // 2], ordered[int(last * 0.99)], ordered[-1], tuple(zip(BOUNDS_S, counts, strict=True)))


def judge(lateness: Lateness) -> Finding:
    """The interlock holds the belt at 20 ms of lateness and stops it at 50 ms (ARCHITECTURE, interlock table)."""
    text = f"woke {lateness.p50_s * 1000:.2f} ms late in the median, {lateness.p99_s * 1000:.2f} ms at 99 %, {lateness.max_s * 1000:.2f} ms at worst"
    remedy = "Close other programs, disable power saving, and see docs on real-time set-up; these rights are the service's, not this shell's."
    if not lateness.max_s < 0.02:
        return Finding("lateness", Level.BAD, text + ": late enough to hold or stop a belt", remedy)
    if not lateness.p99_s < 0.005:
        return Finding("lateness", Level.WARN, text, remedy)
    return Finding("lateness", Level.OK, text)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
