from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from treadctl.core.messages import RequestKind
from treadctl.ipc.messages import ReceivedRequest
from treadctl.ipc.server import ControlServer
from treadctl.ipc.snapshot import BeltView, CauseView, ChannelView, DriveView, JournalView, ProgramView, RailsView, Snapshot, VersionsView


@pytest.fixture(scope="session", autouse=True)
def _no_stray_loop() -> None:
    """looptime's plugin asks the policy for a loop in synchronous tests; unless told that there is none, 3.11 makes one that nobody closes."""
    asyncio.set_event_loop(None)


@pytest.fixture(autouse=True)
def _at_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY", "TREADCTL_SOCKET"):
        monkeypatch.delenv(name, raising=False)


SNAPSHOT = Snapshot(
    at_s=100.0,
    state="running",
    since_s=40.0,
    program=ProgramView("mini ramp", "reverse", "console", 1, 3, "0.4 m/s", 60.0, 180.0, 240.0, arming="ab" * 16),
    belt=BeltView(0.39, 0.40, "reverse", "reverse", 0.5, 0.02),
    rails=RailsView(70.0, 35.0, 10.2, 5.1, 0.01, 0.01),
    channels=(ChannelView("cord_a", True, 0.004, "good"), ChannelView("harness", False, 0.02, "good")),
    drive=DriveView("enabled", True, 0.5, 3),
    journal=JournalView(True, 10, "ab"),
    versions=VersionsView("0.1.0", "bench", 1),
)
TRIPPED = Snapshot(at_s=100.0, state="tripped", since_s=90.0, causes=(CauseView("pull_cord", "SS1_FAST", "The pull cord was pulled.", 90.0, "ack", True),))


@dataclass
class Served:
    """A daemon as far as the command line can tell. `refuse` maps kinds to reasons; the state becomes running after `starts_after` renewals."""

    path: Path
    refuse: dict[RequestKind, list[str]] = field(default_factory=dict)
    starts_after: int = 3
    silent: bool = False
    requests: list[ReceivedRequest] = field(default_factory=list)

    def take(self, received: ReceivedRequest) -> None:
        self.requests.append(received)
        if self.silent:
            return
        renewals = sum(request.kind is RequestKind.START_HOLD for request in self.requests)
        state = {RequestKind.STOP: "tripped", RequestKind.START_HOLD: "running" if renewals >= self.starts_after else "armed"}.get(received.kind, "idle")
        self.server.reply(received.id, self.refuse.get(received.kind, []), state)

    def __post_init__(self) -> None:
        self.server = ControlServer(self.path, self.take, lambda: SNAPSHOT)


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    one = Served(tmp_path / "ctl.sock")
    monkeypatch.setenv("TREADCTL_SOCKET", str(one.path))
    await one.server.start()
    yield one
    await one.server.close()
