"""Service: one daemon from start to end. Starts tripped; SIGTERM ramps the belt to rest (SS2) and exits; a defect stops it and exits."""

from __future__ import annotations

import asyncio
import logging
import pwd
import signal
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from treadctl.config.machine import MachineConfig
from treadctl.core.controller import WALKING, Output, State, initial_state
from treadctl.core.messages import RequestKind
from treadctl.core.session import SessionState
from treadctl.daemon import realtime
from treadctl.daemon.announce import Announcer
from treadctl.daemon.assembly import assemble
from treadctl.daemon.desk import Desk, own_request
from treadctl.daemon.loop import ControlLoop
from treadctl.daemon.notify import Notifier
from treadctl.daemon.status import snapshot
from treadctl.ipc.messages import ReceivedRequest
from treadctl.ipc.server import ControlServer
from treadctl.ipc.snapshot import JournalView, Snapshot
from treadctl.journal.core_schema import core_schema
from treadctl.journal.writer import JournalWriter, MachineInfo, read_boot_id

LOG: Final = logging.getLogger("treadctl.daemon")
RELEASE: Final = version("treadctl")
STOP_LIMIT_S: Final = 20.0  # longest wait for standstill at the end; by then the drive's own watchdog has long acted
NETWORK_USERS: Final = ("treadctl-telemetry", "treadctl-console")
UNNAMED_UID: Final = 65534  # what the kernel says of a peer whose user has no name in our namespace: nobody we know
EXIT_OK, EXIT_DEFECT = 0, 70


def remote_uids() -> frozenset[int]:
    """The users whose requests count as remote whatever they claim: the network services', and whoever the kernel cannot name."""
    found = [UNNAMED_UID]
    for name in NETWORK_USERS:
        with suppress(KeyError):
            found.append(pwd.getpwnam(name).pw_uid)
    return frozenset(found)


class Service:
    """Everything one daemon holds. `serve` runs it to its end and returns the exit code."""

    def __init__(self, config: MachineConfig) -> None:
        self._config = config
        for reason in realtime.prepare():
            LOG.warning("%s", reason)
        self._clock = time.monotonic
        self._done = asyncio.Event()
        self._exit_code = EXIT_OK
        self._machine = assemble(config, self._clock)
        setup = config.core_setup()
        self._server = ControlServer(Path(config.daemon.socket), self._take, self._snapshot, clock=self._clock, release=RELEASE, remote_uids=remote_uids())
        self._notifier = Notifier(self._clock)
        started_s = self._clock()
        info = MachineInfo(config.name, RELEASE, read_boot_id())
        first = initial_state(setup, started_s)
        self._journal = JournalWriter(Path(config.daemon.journal_dir), core_schema(), setup, first, started_s, info, clock=self._clock)
        self._announcer = Announcer(self._server.publish_event, self._journal, started_s)
        self._loop = ControlLoop(first, self._machine.drive, self._machine.enable, self._journal, self._clock, self._observe)
        self._desk = Desk(config, self._session, self._loop.ask, self._server.reply)
        self._tasks: list[asyncio.Task[None]] = []

    async def serve(self) -> int:
        """Run until SIGTERM, SIGINT or a defect; always leaves with the belt ordered to rest and the enable output off."""
        try:
            await self._server.start()  # refuses a second daemon before any port is opened
            self._begin()
            await self._done.wait()
            await self._come_to_rest()
        finally:
            await self._end()
        return self._exit_code

    def _begin(self) -> None:
        running = asyncio.get_running_loop()
        running.set_exception_handler(self._defect)
        for number in (signal.SIGTERM, signal.SIGINT):
            running.add_signal_handler(number, self._done.set)
        realtime.freeze_heap()
        self._spawn("drive", self._machine.drive.run(self._loop.on_report))
        for name, source in self._machine.sources:
            self._spawn(name, source.run(self._loop.on_frame))
        for index, output in enumerate(self._machine.outputs):
            self._spawn(f"output {index}", output.run())
        self._loop.start()
        self._notifier.send(f"READY=1\nSTATUS=tripped: prove the pull cord, then reset ({self._config.name})")
        LOG.info("monitoring %s, tripped until proven", self._config.name)

    def _spawn(self, name: str, work: Any) -> None:  # noqa: ANN401 - coroutines of the ports
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(self._task_ended)
        self._tasks.append(task)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and not self._done.is_set():
            self._defect(asyncio.get_running_loop(), {"message": f"{task.get_name()} ended by itself", "exception": task.exception()})

    def _defect(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A defect of ours: a stop through the core, or past it where the core is what broke, then exit; systemd starts us again, tripped."""
        LOG.critical("defect: %s", context.get("message"), exc_info=context.get("exception"))
        if self._exit_code == EXIT_OK:
            self._exit_code = EXIT_DEFECT
            self._done.set()

    async def _come_to_rest(self) -> None:
        self._notifier.send("STOPPING=1")
        kind = RequestKind.END if self._exit_code == EXIT_OK else RequestKind.STOP
        limit_s = self._clock() + STOP_LIMIT_S
        self._loop.ask(own_request(kind, "shutdown", self._clock()))
        while self._clock() < limit_s and (self._session() in WALKING or not self._loop.state.motion.settled):
            if self._loop.state.order.mode == 0 and self._exit_code != EXIT_OK:
                break
            await asyncio.sleep(0.02)
        self._loop.ask(own_request(RequestKind.DISARM, "leave", self._clock()))
        await asyncio.sleep(0.1)  # the power-off frame and the enable-off go out

    async def _end(self) -> None:
        self._loop.close()
        self._machine.enable.set_enable(False)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.close()
        self._journal.close()
        self._notifier.close()

    def _take(self, received: ReceivedRequest) -> None:
        self._desk.take(received)

    def _session(self) -> SessionState:
        return self._loop.state.session

    def _observe(self, before: State, after: State, output: Output) -> None:
        self._notifier.alive()
        self._announcer.observe(before, after, output)
        for reply in output.replies:
            self._server.reply(reply.request_id, reply.reasons, after.session.value)

    def _snapshot(self) -> Snapshot:
        links = {"drive": self._machine.drive.stats(), **{name: source.stats() for name, source in self._machine.sources}}
        journal = JournalView(self._journal.healthy, self._journal.durable_steps)
        loop = self._loop
        return snapshot(loop.state, loop.sample(), self._announcer.session_since_s, loop.lateness, links, journal, self._config.name, RELEASE)
