"""`treadctl bench`: the figures of the project, each as a ratio to the wire bound or beside a peer in the same run."""

from __future__ import annotations

import asyncio
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from treadctl.cli.bench_peer import peer_trials
from treadctl.cli.bench_stand import Stand, running_stand
from treadctl.cli.common import print_json
from treadctl.cli.wire_bound import mean_bound_s, wire_bound_s
from treadctl.config.paths import shipped
from treadctl.daemon import realtime
from treadctl.errors import TreadctlError
from treadctl.testing.simulated import SimulatedBelt, end_process, simulated_belt, wait_for

app: Final = typer.Typer(help="Figures, as ratios to what the wire allows and to peers in the same run.", no_args_is_help=True)

BAUDS: Final = (9600, 19200, 38400, 115200)
TURNAROUNDS_S: Final = (0.0, 0.005, 0.02)
PEERS: Final = (("pymodbus, defaults", None), ("pymodbus, 100 ms time-out", 0.1))
PEER_FAULTY_EVENTS: Final = 3  # a client with its defaults takes up to 12 s for each
FAULTY_DEVICES: Final[dict[str, tuple[str, dict[str, float]]]] = {"silent": ("silent", {}), "garbling": ("bit_flip", {"probability": 1.0})}


@dataclass(frozen=True, slots=True)
class Spread:
    """Quantiles of latencies, s."""

    events: int
    p50_s: float
    p99_s: float
    p999_s: float
    max_s: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value, by nearest rank: p99.9 of 1,000 is the second largest, of fewer the largest."""
        ordered = sorted(values)

        def at(part: float) -> float:
            return ordered[math.ceil(round(part * len(ordered), 6)) - 1]

        return cls(len(ordered), at(0.5), at(0.99), at(0.999), ordered[-1])

    def row(self, bound_s: float) -> dict[str, Any]:
        """In ms, with the ratio of each to the bound."""
        return {
            "events": self.events,
            **{f"{name}_ms": round(1e3 * value, 3) for name, value in self._named()},
            **{f"{name}_ratio": round(value / bound_s, 3) for name, value in self._named()},
        }

    def _named(self) -> tuple[tuple[str, float], ...]:
        return ("p50", self.p50_s), ("p99", self.p99_s), ("p999", self.p999_s), ("max", self.max_s)


@app.command()
def stop(
    events: Annotated[int, typer.Option("--events", min=10, help="Stops for each baud rate and turnaround.")] = 1000,
    peer_events: Annotated[int, typer.Option("--peer-events", min=0, help="Stops for each plain pymodbus client.")] = 60,
    baud: Annotated[list[int] | None, typer.Option("--baud", help="Baud rate; repeatable. Default: all four.")] = None,
    turnaround_ms: Annotated[list[float] | None, typer.Option("--turnaround-ms", help="Turnaround; repeatable. Default: 0, 5, 20.")] = None,
    silent_events: Annotated[int, typer.Option("--silent-events", min=0, help="Stops with a silent and with a garbling drive.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Sensor edge to last byte of the stop frame, a poll in flight at random phase, beside two plain pymodbus clients."""
    console = Console(stderr=as_json)
    remarks = realtime.prepare()
    bauds = tuple(baud or BAUDS)
    turnarounds = tuple(t / 1e3 for t in turnaround_ms) if turnaround_ms is not None else TURNAROUNDS_S
    rows: list[dict[str, Any]] = []
    silent: list[dict[str, Any]] = []
    with Progress(console=console) as progress:
        healthy = len(bauds) * len(turnarounds) * (events + len(PEERS) * peer_events)
        faulty = len(FAULTY_DEVICES) * (silent_events + len(PEERS) * PEER_FAULTY_EVENTS) if silent_events else 0
        task = progress.add_task("stops", total=healthy + faulty)

        def step() -> None:
            progress.advance(task)

        for rate in bauds:
            for turnaround_s in turnarounds:
                rows.append(_combination(rate, turnaround_s, events, peer_events, step))
                if not as_json:
                    console.print(_line(rows[-1]))
        for fault in FAULTY_DEVICES:
            if silent_events:
                silent.append(_faulty(fault, silent_events, step))
    result = {
        "simulated": True, "measured_at": "the simulated plant", "real_time": not remarks, "remarks": list(remarks),
        "combinations": rows, "faulty_devices": silent, "met": all(r["met"] for r in rows) and all(r["met"] for r in silent),
    }  # fmt: skip
    if as_json:
        print_json(result)
    else:
        _print(console, result)
    raise typer.Exit(0 if result["met"] else 1)


def _combination(baud: int, turnaround_s: float, events: int, peer_events: int, step: Callable[[], None]) -> dict[str, Any]:
    bound_s, mean_s = wire_bound_s(baud, turnaround_s), mean_bound_s(baud, turnaround_s)
    settings = (f"wire.drive.baud={baud}", f"wire.drive.turnaround_s={turnaround_s}")
    seen = _run(settings, _plain(events, step))
    ours = Spread.of([m["first_stop_frame_s"] - m["event_s"] for m in seen])
    target_s = max(1.25 * bound_s, bound_s + 0.002)
    row: dict[str, Any] = {
        "baud": baud,
        "turnaround_ms": 1e3 * turnaround_s,
        "wire_bound_ms": round(1e3 * bound_s, 3),
        "mean_bound_ms": round(1e3 * mean_s, 3),
        **ours.row(bound_s),
        "p50_to_mean_ratio": round(ours.p50_s / mean_s, 3),
        "p999_target_ms": round(1e3 * target_s, 3),
        "replies_lost": sum(m["replies_lost"] for m in seen),
        "met": ours.p999_s <= target_s and ours.p50_s <= 1.05 * mean_s,
    }
    for name, timeout_s in PEERS:
        if peer_events:
            with _belt(settings) as belt:
                latencies = asyncio.run(peer_trials(belt, peer_events, timeout_s, step))
            row[name] = Spread.of(latencies).row(bound_s)
    return row


def _plain(events: int, step: Callable[[], None]) -> Callable[[Stand], Awaitable[list[dict[str, Any]]]]:
    async def trials(stand: Stand) -> list[dict[str, Any]]:
        seen = []
        for _ in range(events):
            seen.append(await stand.trial())
            step()
        return seen

    return trials


def _faulty(fault: str, events: int, step: Callable[[], None]) -> dict[str, Any]:
    """A drive that falls silent, or garbles every reply, just before the edge: the first stop frame, and the enable dropped."""
    baud, turnaround_s = 19200, 0.005
    name, params = FAULTY_DEVICES[fault]

    async def trials(stand: Stand) -> list[dict[str, Any]]:
        seen = []
        for _ in range(events):
            measured = await stand.trial(lambda: stand.belt.fault(name, True, **params))
            seen.append(await stand.dropped(measured))
            stand.belt.fault(name, on=False)
            step()
        return seen

    settings = (f"wire.drive.baud={baud}", f"wire.drive.turnaround_s={turnaround_s}")
    seen = _run(settings, trials)
    peers = {}
    for label, timeout_s in PEERS:
        with _belt(settings) as belt:
            latencies = asyncio.run(peer_trials(belt, PEER_FAULTY_EVENTS, timeout_s, step, lambda on: belt.fault(name, on, **(params if on else {}))))
        peers[label] = Spread.of(latencies).row(wire_bound_s(baud, turnaround_s))
    bound_s = wire_bound_s(baud, turnaround_s)
    frames = Spread.of([m["first_stop_frame_s"] - m["event_s"] for m in seen])
    drops = Spread.of([m["enable_dropped_s"] - m["event_s"] for m in seen])
    return {
        "device": fault, "baud": baud, "turnaround_ms": 1e3 * turnaround_s, "wire_bound_ms": round(1e3 * bound_s, 3),
        "stop_frame": frames.row(bound_s), "stop_frame_limit_ms": round(1e3 * (bound_s + 0.05), 3),
        "enable_dropped": drops.row(bound_s), "enable_limit_ms": 150.0,
        "met": frames.max_s <= bound_s + 0.05 and drops.max_s <= 0.150,
        **peers,
    }  # fmt: skip


def _belt(settings: Sequence[str]) -> Any:  # noqa: ANN401 - a context manager of SimulatedBelt
    return simulated_belt(shipped("hil", "benches", "stop-latency.toml"), Path(tempfile.mkdtemp(prefix="treadctl-bench-")), settings=settings)


def _run(settings: Sequence[str], trials: Callable[[Stand], Awaitable[list[dict[str, Any]]]]) -> list[dict[str, Any]]:
    async def work(belt: SimulatedBelt) -> list[dict[str, Any]]:
        async with running_stand(belt, 1) as stand:
            return await trials(stand)

    with _belt(settings) as belt:
        return asyncio.run(work(belt))


def _line(row: dict[str, Any]) -> str:
    peers = "; ".join(f"{name} p50 {row[name]['p50_ratio']}, max {row[name]['max_ratio']} of W" for name, _ in PEERS if name in row)
    return (
        f"{row['baud']:>6} baud, turnaround {row['turnaround_ms']:>4.0f} ms: W {row['wire_bound_ms']:.1f} ms, p99.9 {row['p999_ratio']} of W, "
        f"median {row['p50_to_mean_ratio']} of the mean bound{'' if row['met'] else '  NOT MET'}{'; ' + peers if peers else ''}"
    )


def _print(console: Console, result: dict[str, Any]) -> None:
    for row in result["faulty_devices"]:
        console.print(
            f"{row['device']} drive: first stop frame at most {row['stop_frame']['max_ms']} ms (limit {row['stop_frame_limit_ms']}), "
            f"enable dropped after at most {row['enable_dropped']['max_ms']} ms (limit 150){'' if row['met'] else '  NOT MET'}; "
            + "; ".join(f"{name}: first stop frame at most {row[name]['max_ms']:.0f} ms" for name, _ in PEERS)
        )
    console.print("All met." if result["met"] else "[red]Not all met.[/]")


@app.command()
def step(as_json: Annotated[bool, typer.Option("--json")] = False, steps: Annotated[int, typer.Option("--steps", min=100)] = 20000) -> None:
    """What one step of the pure core costs, on a running session with every channel fitted."""
    from treadctl.cli.bench_step import median_step_s  # noqa: PLC0415

    median_s, waist_s = median_step_s(steps), median_step_s(steps, waist=True)
    result = {
        "steps": steps, "median_us": round(1e6 * median_s, 2), "target_us": 50.0, "ratio_to_target": round(median_s / 50e-6, 3),
        "with_waist_us": round(1e6 * waist_s, 2), "with_waist_target_us": 100.0, "met": median_s <= 50e-6 and waist_s <= 100e-6,
    }  # fmt: skip
    if as_json:
        print_json(result)
    else:
        allowed = f"{result['ratio_to_target']} of the 50 µs allowed; with a waist sensor {result['with_waist_us']} µs of 100"
        Console().print(f"step: median {result['median_us']} µs, {allowed}")
    raise typer.Exit(0 if result["met"] else 1)


@app.command()
def daemon(as_json: Annotated[bool, typer.Option("--json")] = False, seconds: Annotated[float, typer.Option("--seconds", min=2.0)] = 20.0) -> None:
    """CPU, memory and start-up time of the daemon at 50 Hz with the simulated belt (100 Hz sensor board, I/O module, drive polls)."""
    result = _daemon_figures(seconds)
    if as_json:
        print_json(result)
    else:
        table = Table("figure", "measured", "allowed")
        table.add_row("share of one core", f"{100 * result['cpu_share']:.1f} %", "8 %")
        table.add_row("resident memory", f"{result['rss_mb']:.1f} MB", "70 MB")
        table.add_row("exec to monitoring", f"{result['start_s']:.2f} s", "1.5 s")
        Console().print(table)
    raise typer.Exit(0 if result["met"] else 1)


def _daemon_figures(seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="treadctl-bench-") as folder:
        run_dir = Path(folder)
        with simulated_belt(shipped("hil", "benches", "altivar-rtu.toml"), run_dir) as belt:
            started_s = time.monotonic()
            log = (run_dir / "daemon.log").open("w", encoding="utf-8")
            process = subprocess.Popen([sys.executable, "-m", "treadctl.daemon.main", str(belt.machine_file)], stdout=log, stderr=log, text=True)  # noqa: S603
            try:
                wait_for(lambda: "monitoring" in (run_dir / "daemon.log").read_text(encoding="utf-8"), 20.0, "monitoring", 0.005)
                start_s = time.monotonic() - started_s
                time.sleep(2.0)
                before = _cpu_s(process.pid)
                time.sleep(seconds)
                cpu_share = (_cpu_s(process.pid) - before) / seconds
                rss_mb = _rss_mb(process.pid)
            finally:
                end_process(process)
                log.close()
    met = cpu_share <= 0.08 and rss_mb <= 70.0 and start_s <= 1.5
    return {"cpu_share": round(cpu_share, 4), "rss_mb": round(rss_mb, 1), "start_s": round(start_s, 3), "seconds": seconds, "met": met}


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise TreadctlError("refused", f"/proc/{pid}/status", "no VmRSS")


PARTS: Final = ("pages", "lists", "import", "stop")


@app.command()
def console(
    quick: Annotated[bool, typer.Option("--quick", help="A short run: fewer of everything, so that the figures say less.")] = False,
    part: Annotated[list[str] | None, typer.Option("--part", help=f"One of {', '.join(PARTS)}; repeatable. Default: all.")] = None,
    postgresql: Annotated[list[str] | None, typer.Option("--postgresql", metavar="URL", help="A new database; give two: for lists, for the import.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """The console: start, age of the live state, pages, lists, import, and the daemon's stop while all that is loaded."""
    from treadctl.cli.bench_console import FULL, QUICK, document_of, run, table_of  # noqa: PLC0415 - the console's imports are heavy

    unknown = set(part or ()) - set(PARTS)
    if unknown:
        raise TreadctlError("bad_value", "--part", f"{', '.join(sorted(unknown))}: there are {', '.join(PARTS)}")
    screen = Console(stderr=as_json)
    rows, details = run(screen, QUICK if quick else FULL, tuple(postgresql or ()), frozenset(part or PARTS))
    document = document_of(rows, details)
    if as_json:
        print_json(document)
    else:
        screen.print(table_of(rows))
    raise typer.Exit(0 if document["met"] else 1)


@app.command(name="all")
def run_all(events: Annotated[int, typer.Option("--events", min=10)] = 1000) -> None:
    """Every figure, one after the other; the exit code says whether all were met."""
    command = [sys.executable, "-m", "treadctl.cli.entry", "bench"]
    results = [subprocess.call([*command, *part]) for part in (["step"], ["daemon"], ["stop", "--events", str(events)])]  # noqa: S603
    raise typer.Exit(max(results))
