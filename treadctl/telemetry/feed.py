"""The port between MQTT and the daemon: what the bridge needs of the control socket, and nothing more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from treadctl.ipc.messages import Event
from treadctl.ipc.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class StopAnswer:
    """The daemon's answer to a stop. `reasons` are sentences; empty where it was accepted."""

    accepted: bool
    reasons: tuple[str, ...] = ()


class FeedSink(Protocol):
    """Where a feed delivers. All calls are on the event loop and return at once."""

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """A new view of the daemon."""

    def on_event(self, event: Event, boot: str) -> None:
        """`boot` tells one life of the daemon from another, because `event.seq` begins anew with each."""

    def on_lost(self) -> None:
        """The daemon does not answer any more. Called once per loss."""


class DaemonFeed(Protocol):
    """A watcher's connection to the daemon. `run` never gives up and never raises for a daemon that is away."""

    async def run(self, sink: FeedSink) -> None:
        """Deliver to `sink` until cancelled."""

    async def request_stop(self, request_id: str, who: str) -> StopAnswer:
        """Ask for the graded remote stop (SS2). Answers within 1 s; a daemon that is away is an answer, too."""
