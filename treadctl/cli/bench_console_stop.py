"""The stop latency of the daemon while its console is loaded: the stand of the stop benchmark, with the control socket that both doors follow.

Blocks of stops with and without the load take turns, so that what else the computer does falls on both.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from treadctl.cli.bench_doors import PASSWORD, Browser, fill, percentile
from treadctl.cli.bench_stand import STRATA, Stand, running_stand
from treadctl.cli.wire_bound import wire_bound_s
from treadctl.config.machine import load_machine
from treadctl.config.paths import shipped
from treadctl.core.session import SessionState
from treadctl.daemon import realtime
from treadctl.daemon.status import snapshot
from treadctl.ipc.messages import ReceivedRequest
from treadctl.ipc.server import ControlServer
from treadctl.ipc.snapshot import JournalView, Snapshot
from treadctl.testing.console_stand import console_doors, write_settings
from treadctl.testing.simulated import SimulatedBelt, end_process, simulated_belt

BAUD: Final = 19200
TURNAROUND_S: Final = 0.005
REPORTS: Final = 10
JUNK_PER_S: Final = 1000.0
ALLOWED: Final = 1.05
SETTLE_S: Final = 1.0


def stop_under_load(pairs: int, step: Callable[[], None]) -> dict[str, Any]:
    """Latencies with and without the load, their ratios, and the load that was really reached."""
    with ExitStack() as stack:
        run_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="treadctl-bench-")))
        settings = (f"wire.drive.baud={BAUD}", f"wire.drive.turnaround_s={TURNAROUND_S}")
        belt = stack.enter_context(simulated_belt(shipped("hil", "benches", "stop-latency.toml"), run_dir, settings=settings))
        file = write_settings(run_dir, belt.machine_file)
        ids = fill(file, 50)
        doors = stack.enter_context(console_doors(file))
        desk = Browser(doors.desk_url)
        desk.sign_on("physiotherapist", PASSWORD)
        load = _Load(desk, ids)
        stack.callback(load.close)
        # Only now: what was started before keeps the priority of everybody.
        remarks = realtime.prepare()
        blocks = asyncio.run(_blocks(belt, load, pairs, step, Path(load_machine(belt.machine_file).daemon.socket)))
    return {**_result(blocks), "real_time": not remarks, "remarks": list(remarks)}


class _Load:
    """The process that loads the desk door."""

    def __init__(self, desk: Browser, ids: list[str]) -> None:
        chosen = {"port": desk.port, "cookie": desk.cookie, "junk_per_s": JUNK_PER_S, "reports": [f"/sessions/{key}/report.pdf" for key in ids[:REPORTS]]}
        command = [sys.executable, "-m", "treadctl.cli.bench_load", json.dumps(chosen)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own interpreter and module
        self.reached: list[dict[str, Any]] = []

    async def on(self) -> None:
        """Begin, and wait until it is felt."""
        self._say("on")
        await asyncio.sleep(SETTLE_S)

    async def off(self) -> None:
        """End, and wait until it is over."""
        self._say("off")
        out = self._process.stdout
        assert out is not None  # noqa: S101
        self.reached.append(json.loads(await asyncio.to_thread(out.readline)))
        await asyncio.sleep(SETTLE_S)

    def _say(self, word: str) -> None:
        into = self._process.stdin
        assert into is not None  # noqa: S101
        into.write(word + "\n")
        into.flush()

    def close(self) -> None:
        """End the process."""
        end_process(self._process)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


async def _blocks(belt: SimulatedBelt, load: _Load, pairs: int, step: Callable[[], None], socket: Path) -> dict[str, Any]:
    latencies: dict[str, list[list[float]]] = {"without": [], "with": []}
    async with running_stand(belt, 1) as stand:
        server = _server(stand, socket)
        await server.start()
        try:
            await stand.until(lambda: server.clients >= 2, "both doors")  # so that they cost in both kinds of blocks what they cost at rest
            for pair in range(pairs):
                for kind in ("without", "with") if pair % 2 == 0 else ("with", "without"):
                    if kind == "with":
                        await load.on()
                    latencies[kind].append([await _one(stand, step) for _ in range(STRATA)])
                    if kind == "with":
                        await load.off()
        finally:
            await server.close()
    return {**latencies, "load": load.reached, "repeated": stand.repeated}


async def _one(stand: Stand, step: Callable[[], None]) -> float:
    seen = await stand.trial()
    step()
    return float(seen["first_stop_frame_s"] - seen["event_s"])


def _server(stand: Stand, socket: Path) -> ControlServer:
    """The daemon's control socket on the stand's loop: the doors follow it as they follow a daemon."""
    control, since_s = stand.control, time.monotonic()

    def shown() -> Snapshot:
        links = {"drive": stand.machine.drive.stats()}
        return snapshot(control.state, control.sample(), since_s, control.lateness, links, JournalView(ok=True), "bench", "bench")

    def take(request: ReceivedRequest) -> None:
        server.reply(request.id, ("This is a benchmark.",), SessionState.TRIPPED.value)

    server = ControlServer(socket, take, shown)
    return server


def _result(blocks: dict[str, Any]) -> dict[str, Any]:
    pooled = {kind: [value for block in blocks[kind] for value in block] for kind in ("without", "with")}
    bound_s = wire_bound_s(BAUD, TURNAROUND_S)
    rows = {
        kind: {
            "stops": len(values), "p50_ms": round(1e3 * percentile(values, 0.5), 3), "mean_ms": round(1e3 * sum(values) / len(values), 3),
            "p99_ms": round(1e3 * percentile(values, 0.99), 3), "max_ms": round(1e3 * max(values), 3),
        }
        for kind, values in pooled.items()
    }  # fmt: skip
    ratios = {name: round(rows["with"][f"{name}_ms"] / rows["without"][f"{name}_ms"], 3) for name in ("p50", "mean", "p99", "max")}
    load = blocks["load"]
    lasted_s = sum(row["lasted_s"] for row in load)
    return {
        "baud": BAUD, "turnaround_ms": 1e3 * TURNAROUND_S, "wire_bound_ms": round(1e3 * bound_s, 3), **rows, "ratios": ratios, "repeated": blocks["repeated"],
        "junk_per_s": round(sum(row["junk"] for row in load) / lasted_s, 1), "reports": sum(row["reports"] for row in load),
        "report_s": round(percentile([s for row in load for s in row["report_s"]] or [float("nan")], 0.5), 2), "load": load,
        "met": ratios["p50"] <= ALLOWED and ratios["p99"] <= ALLOWED,
    }  # fmt: skip
