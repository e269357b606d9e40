"""The watchdog chain: pings come from progress, at a quarter of the time allowed, and only to a manager that asked."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from treadctl.daemon.lateness import Lateness
from treadctl.daemon.notify import Notifier


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as end:
        end.bind(str(tmp_path / "notify"))
        yield end


def received(end: socket.socket) -> list[str]:
    got: list[str] = []
    while True:
        try:
            got.append(end.recv(1000).decode())
        except BlockingIOError:
            return got


def environment(manager: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": str(manager.getsockname()), "WATCHDOG_USEC": "400000", "WATCHDOG_PID": str(os.getpid()), **more}


def test_progress_pings_every_quarter_of_the_time_allowed(manager: socket.socket) -> None:
    clock = Clock()
    notifier = Notifier(clock, environment(manager))
    for _ in range(40):
        clock.now_s += 0.01
        notifier.alive()
    notifier.close()
    assert 3 <= received(manager).count("WATCHDOG=1") <= 5


def test_no_progress_no_ping(manager: socket.socket) -> None:
    clock = Clock()
    notifier = Notifier(clock, environment(manager))
    clock.now_s += 10.0
    assert received(manager) == []
    notifier.close()


def test_the_watchdog_of_another_process_is_not_fed(manager: socket.socket) -> None:
    notifier = Notifier(Clock(), environment(manager, WATCHDOG_PID="1"))
    notifier.alive()
    notifier.close()
    assert received(manager) == []


def test_without_a_manager_nothing_happens_and_a_dead_one_does_no_harm(tmp_path: Path) -> None:
    Notifier(Clock(), {}).send("READY=1")
    gone = Notifier(Clock(), {"NOTIFY_SOCKET": str(tmp_path / "gone")})
    gone.send("READY=1")
    gone.close()


def test_lateness_quantiles_come_from_the_bins() -> None:
    lateness = Lateness()
    for late_s in [0.00005] * 98 + [0.004, 0.03]:
        lateness.note(late_s)
    assert lateness.quantile(0.5) == 0.0001
    assert lateness.quantile(0.99) == 0.005
    assert lateness.quantile(1.0) == lateness.max_s == 0.03
