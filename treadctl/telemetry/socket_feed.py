"""The feed over the daemon's control socket."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final
from uuid import uuid4

from treadctl.core.messages import Origin
from treadctl.errors import TreadctlError
from treadctl.ipc.aio import Client, Link, follow
from treadctl.ipc.messages import Event
from treadctl.telemetry.feed import FeedSink, StopAnswer

LOG: Final = logging.getLogger("treadctl.telemetry")
ANSWER_TIMEOUT_S: Final = 1.0


class SocketFeed:
    """Follows the daemon at `path` with `rate_hz` snapshots a second, through restarts of either side."""

    def __init__(self, path: Path, rate_hz: float) -> None:
        self._path = path
        self._rate_hz = rate_hz
        self._client: Client | None = None

    async def run(self, sink: FeedSink) -> None:
        """Deliver to `sink` until cancelled."""
        boot = ""
        async for message in follow(self._path, self._rate_hz, "telemetry", on_client=self._take_client):
            if isinstance(message, Link):
                if message.up:
                    boot = self._boot(message.pid)
                    LOG.info("connected to the daemon, release %s", message.detail)
                else:
                    LOG.warning("%s", message.detail)
                    sink.on_lost()
            elif isinstance(message, Event):
                sink.on_event(message, boot)
            else:
                sink.on_snapshot(message.snapshot)

    async def request_stop(self, request_id: str, who: str) -> StopAnswer:
        """Ask for the graded remote stop. The daemon's journal gets `who` with the beginning of the command's id."""
        if self._client is None:
            return StopAnswer(False, ("The daemon does not answer.",))
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await self._client.stop(who=f"{who}#{request_id[:8]}", origin=Origin.REMOTE)
        except TreadctlError as error:
            return StopAnswer(False, (str(error),))
        except TimeoutError:
            return StopAnswer(False, (f"The daemon did not answer within {ANSWER_TIMEOUT_S:g} s; the stop was sent to it.",))
        return StopAnswer(True)

    def _take_client(self, client: Client | None) -> None:
        self._client = client

    def _boot(self, pid: int) -> str:
        """One life of the daemon: its process and the birth of its socket, so that it stays the same when this process restarts."""
        try:
            return f"{pid}-{self._path.stat().st_ctime_ns:x}"
        except OSError:
            return f"{pid}-{uuid4().hex}"
