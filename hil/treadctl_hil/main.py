"""`treadctl-hil`: the simulated treadmill as a process of its own."""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final

from treadctl_hil.bench import Bench, BenchError, load
from treadctl_hil.control import ControlSocket
from treadctl_hil.machine import machine_file
from treadctl_hil.ports import PtyPort
from treadctl_hil.reactor import Reactor, go_realtime
from treadctl_hil.rig import Rig, open_ports

_HERE: Final = Path(__file__).resolve().parent
_SHIPPED: Final = (_HERE / "benches", _HERE.parent / "benches")  # inside an installed package, beside it in a checkout
BAD_INPUT: Final = 2
_LAST_FRAMES: Final = 5000  # of each wire, kept in the report


def parser() -> argparse.ArgumentParser:
    """The command line."""
    it = argparse.ArgumentParser(prog="treadctl-hil", description="A simulated treadmill: belt, drive, person, sensors, and wires that take their time.")
    it.add_argument("--bench", type=Path, required=True, help="bench file, or the name of a shipped one (altivar-rtu, altivar-tcp, woodway, shared-bus, trunk)")
    it.add_argument("--run-dir", type=Path, required=True, help="where ports, control socket and report go; created if missing")
    it.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE", help="override, for example wire.drive.baud=9600")
    it.add_argument("--seed", type=int, help="seed of the world, in place of the bench's")
    it.add_argument("--machine-out", type=Path, metavar="FILE", help="write the machine file that fits, for treadctl daemon --machine FILE")
    it.add_argument("--no-realtime", action="store_true", help="do not ask for a real-time priority")
    return it


def bench_path(given: Path) -> Path:
    """The file itself, or the shipped bench of that name."""
    if not given.exists():
        for folder in _SHIPPED:
            if (folder / f"{given}.toml").exists():
                return folder / f"{given}.toml"
    return given


def report(rig: Rig, bench: Bench, realtime: bool) -> dict[str, Any]:
    """What report.json holds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    ran_s = rig.scheduler.now_s() - rig.started_s
    cpu_s = used.ru_utime + used.ru_stime
    return {
        "format": 1,
        "bench": bench.name,
        "seed": bench.seed,
        "ran_s": ran_s,
        "cpu_s": cpu_s,
        "cpu_share": cpu_s / ran_s if ran_s > 0.0 else None,
        "realtime": realtime,
        "belt_speed_mps": rig.world.belt_speed_mps,
        "enable_relay": rig.world.drive.enable_relay,
        "measurements": [m.as_json() for m in rig.measurements.all],
        "wires": {name: _wire_report(rig, name) for name in bench.wire},
        "last_frames": {name: log.last(_LAST_FRAMES) for name, log in rig.logs.items()},
        "faults": {row["name"]: row["hits"] for row in rig.faults.rows() if row["hits"] or row["on"]},
        "events": [{"at_s": e.at_s, "name": e.name, "detail": e.detail} for e in rig.world.events],
    }


def _wire_report(rig: Rig, name: str) -> dict[str, Any]:
    log = rig.logs[name]
    told: dict[str, Any] = {"host_frames": log.host_frames, "device_frames": log.device_frames, "invalid_frames": log.invalid}
    line = rig.lines.get(name)
    if line is None:
        return told
    stats = line.stats
    told |= {
        "bytes_from_host": stats.bytes_from_host, "bytes_to_host": stats.bytes_to_host, "collisions": stats.collisions, "short_gaps": stats.short_gaps,
        "baud_mismatches": stats.baud_mismatches,
    }
    port = rig.ports.get(name)
    if isinstance(port, PtyPort):
        told["bytes_dropped"] = port.dropped
    late = sorted(line.lateness_s)
    if late:
        told["handed_over_late_s"] = {"p50": late[len(late) // 2], "p99": late[int(len(late) * 0.99)], "max": late[-1]}
    return told


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGTERM, SIGINT or `quit`. Exit code 2: the bench file or an argument is not understood."""
    args = parser().parse_args(argv)
    path = bench_path(args.bench)
    try:
        bench = load(path, [*args.overrides, *([] if args.seed is None else [f"seed={args.seed}"])])
    except (BenchError, OSError) as error:
        print(f"treadctl-hil: {path}: {error}", file=sys.stderr)  # noqa: T201 - the command's own output
        return BAD_INPUT
    run_dir: Path = args.run_dir.absolute()
    run_dir.mkdir(parents=True, exist_ok=True)
    reactor = Reactor()
    rig = Rig(bench, reactor)
    ports = open_ports(rig, reactor, run_dir)
    if args.machine_out is not None:
        args.machine_out.write_text(machine_file(bench, ports, run_dir), encoding="utf-8")
    control = ControlSocket(reactor, rig, run_dir / "hil.sock")

    def stop(number: int, frame: FrameType | None) -> None:
        reactor.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    realtime = False if args.no_realtime else go_realtime()
    rig.start()
    print("ready", flush=True)  # noqa: T201 - the command's own output
    try:
        reactor.run()
    finally:
        control.close()
        for port in rig.ports.values():
            port.unplug()
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        (run_dir / "report.json").write_text(json.dumps(report(rig, bench, realtime), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
