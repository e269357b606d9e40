"""`treadctl demo`: the main job on the simulated belt, live in the terminal or as one JSON object.

Two processes are started beside this one: the simulated treadmill and the daemon, exactly as they run in a clinic. This one acts the attendant.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.live import Live

from treadctl.cli.common import print_json
from treadctl.cli.demo_console import sample_console, stay, tell
from treadctl.cli.demo_screen import screen
from treadctl.cli.wire_bound import bound_of_bench
from treadctl.config.machine import load_machine
from treadctl.config.paths import shipped
from treadctl.core.interlock import Action
from treadctl.core.messages import Checklist, RequestKind
from treadctl.core.program import Block, Person, Program
from treadctl.errors import TreadctlError
from treadctl.ipc.asking import RefusedError
from treadctl.ipc.client import Client
from treadctl.ipc.messages import ArmArgs, Event, SnapshotMessage
from treadctl.ipc.snapshot import Snapshot
from treadctl.journal.verify import verify
from treadctl.prescription import REFERENCE, compile_program, load_profile
from treadctl.testing.console_stand import console_doors
from treadctl.testing.simulated import SimulatedBelt, end_process, simulated_belt, wait_for

MASS_KG: Final = 72.0
WATCH_HZ: Final = 20.0
AFTERWARDS_S: Final = 2.5  # how long the stop is shown once the belt stands
STOP_ACTIONS: Final = frozenset(action.name for action in Action if action >= Action.SS2)
STOPPED: Final = frozenset({"tripped", "ended"})


@dataclass(slots=True)
class Story:
    """What the demo plays: when balance is lost (program time, s; None = never) and which faults come when (session time, s)."""

    program: Program
    lose_balance_at_s: float | None
    faults: list[tuple[float, str]]
    started_s: float = 0.0
    event_s: float | None = None


@dataclass(slots=True)
class Watch:
    """What has been seen so far: the track of measured and commanded speed for the picture, events, the highest speed."""

    track: list[tuple[float, float, float]] = field(default_factory=list)
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=6))
    cause: str | None = None
    max_speed_mps: float = 0.0
    last: Snapshot | None = None


def command(
    headless: Annotated[bool, typer.Option("--headless", help="No live picture.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the simulated person, belt and sensors.")] = 1,
    machine: Annotated[Path | None, typer.Option("--machine", metavar="FILE", help="Bench file of the simulated machine (hil/benches).")] = None,
    profile: Annotated[Path | None, typer.Option("--profile", metavar="FILE", help="Profile to walk; default: profiles/demo.toml.")] = None,
    fault: Annotated[list[str] | None, typer.Option("--fault", metavar="NAME@SECONDS", help="Throw a fault so long after the start; repeatable.")] = None,
    no_imbalance: Annotated[bool, typer.Option("--no-imbalance", help="The person keeps balance: the session runs to its end.")] = False,
    console_too: Annotated[
        bool | None, typer.Option("--console/--no-console", help="Open the console with a sample clinic; by default where there is a terminal.")
    ] = None,
    keep: Annotated[Path | None, typer.Option("--keep", metavar="DIR", help="Keep journal, logs and report in this folder.")] = None,
) -> None:
    """Run a graded reverse session on the simulated belt and show how it stops when the person loses balance."""
    console = Console(stderr=as_json)
    bench = machine or shipped("hil", "benches", "altivar-rtu.toml")
    story = _story(profile or shipped("profiles", "demo.toml"), random.Random(seed), fault or [], no_imbalance)  # noqa: S311 - a seed, no secret
    wanted = console_too if console_too is not None else sys.stdin.isatty() and not (headless or as_json)
    with _folder(keep) as run_dir, simulated_belt(bench, run_dir, seed=seed) as belt:
        sample = sample_console(belt.machine_file, run_dir, seed) if wanted else None
        config = load_machine(belt.machine_file)
        with _daemon(belt, run_dir) as daemon, console_doors(sample.settings) if sample else nullcontext(None) as doors:
            with Client(Path(config.daemon.socket)) as client:
                if sample is not None and doors is not None:
                    tell(console, sample, doors)
                _prepare(belt, client, story)
                live = nullcontext(None) if headless else Live(console=console, auto_refresh=False, screen=False)
                with live as view:
                    watch = _play(belt, client, story, view)
            measurements = belt.measurements()
            posture = str(belt.state()["runner"]["posture"])
            if sample is not None and doors is not None:
                tell(console, sample, doors)
                stay(console, belt)
            end_process(daemon)
        result = _result(story, watch, measurements, config.name, bound_of_bench(bench), posture, run_dir)
    if as_json:
        print_json(result)
    else:
        _tell(console, result, keep)
    if not result["journal_verified"] or result["frames_above_zero_after_stop"]:
        raise typer.Exit(1)


def _story(profile: Path, chance: random.Random, faults: list[str], no_imbalance: bool) -> Story:
    program = compile_program(load_profile(profile), REFERENCE.limits)
    main = [index for index, segment in enumerate(program.segments) if segment.block is Block.MAIN and segment.speed_mps > 0.0]
    late = program.start_of(main[-1]) + chance.uniform(0.4, 0.8) * program.segments[main[-1]].duration_s
    return Story(program, None if no_imbalance or faults else late, sorted(_fault(text) for text in faults))


def _fault(text: str) -> tuple[float, str]:
    name, at, seconds = text.partition("@")
    try:
        return float(seconds), name
    except ValueError:
        raise TreadctlError("bad_value", f"--fault {text}", "write NAME@SECONDS, for example cord@20" if not at else "SECONDS is a number") from None


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="treadctl-demo-") as folder:
        yield Path(folder)


@contextmanager
def _daemon(belt: SimulatedBelt, run_dir: Path) -> Iterator[subprocess.Popen[str]]:
    log = run_dir / "daemon.log"
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen([sys.executable, "-m", "treadctl.daemon.main", str(belt.machine_file)], stdout=out, stderr=out, text=True)  # noqa: S603
    socket = run_dir / "ctl.sock"

    def ready() -> bool:
        if process.poll() is not None:
            raise TreadctlError("no_daemon", "demo", log.read_text(encoding="utf-8").strip())
        return socket.exists()

    try:
        wait_for(ready, 10.0, "the daemon")
        yield process
    finally:
        end_process(process, 25.0)


def _prepare(belt: SimulatedBelt, client: Client, story: Story) -> None:
    """What the attendant does before a session: prove the cord, reset, step the person on, arm, hold the start button."""
    belt.set("cord", closed=False)
    wait_for(lambda: _contact(client, "cord_a") is False, 5.0, "the open cord")
    belt.set("cord", closed=True)
    belt.runner("mount")
    belt.runner("hands_on")
    wait_for(lambda: _reset(client), 5.0, "the reset")
    checklist = Checklist("demo attendant", cord_clipped=True, clear_zone=True, shoes=True)
    arming = client.request(RequestKind.ARM, who="demo attendant", arm=ArmArgs(Person(MASS_KG), checklist, program=story.program)).id
    wait_for(lambda: _started(client, arming), 20.0, "the start", 0.1)
    story.started_s = time.monotonic()


def _contact(client: Client, name: str) -> bool | float | None:
    return next((channel.value for channel in client.snapshot().channels if channel.id == name), None)


def _started(client: Client, arming: str) -> bool:
    """One renewal of the start button; a refusal (a hand off the rail for a moment) means pressing on."""
    try:
        return client.request(RequestKind.START_HOLD, who="demo attendant", arming=arming).state != "armed"
    except RefusedError:
        return False


def _reset(client: Client) -> bool:
    try:
        client.request(RequestKind.RESET, who="demo attendant")
    except RefusedError:
        return False
    return True


def _play(belt: SimulatedBelt, client: Client, story: Story, view: Live | None) -> Watch:
    """Watch the session to its end, throw what the story holds, and draw."""
    watch = Watch()
    client.subscribe(WATCH_HZ)
    limit_s = story.started_s + 1.5 * story.program.duration_s + 30.0
    over_s: float | None = None
    for message in client.messages(5.0):
        if isinstance(message, Event):
            watch.events.append(message)
            if message.kind == "cause" and watch.cause is None and message.detail.get("action") in STOP_ACTIONS:
                watch.cause = message.cause
        if not isinstance(message, SnapshotMessage):
            continue
        now = message.snapshot
        _note(watch, now)
        _act(belt, story, now)
        if view is not None:
            view.update(screen(now, watch.events, story.program, watch.track), refresh=True)
        still = (now.belt.measured_mps or 0.0) < 0.02
        if now.state in STOPPED and still:
            over_s = over_s or now.at_s
        if (over_s is not None and now.at_s - over_s > AFTERWARDS_S) or now.at_s > limit_s:
            return watch
    raise TreadctlError("no_daemon", "demo", "the daemon fell silent during the session")


def _note(watch: Watch, now: Snapshot) -> None:
    watch.last = now
    if now.program is not None:
        watch.track.append((now.program.elapsed_s, now.belt.measured_mps or 0.0, now.belt.commanded_mps or 0.0))
    watch.max_speed_mps = max(watch.max_speed_mps, now.belt.measured_mps or 0.0)


def _act(belt: SimulatedBelt, story: Story, now: Snapshot) -> None:
    elapsed_s = now.program.elapsed_s if now.program is not None else 0.0
    if story.lose_balance_at_s is not None and elapsed_s >= story.lose_balance_at_s:
        story.lose_balance_at_s = None
        belt.runner("lose_balance")
    while story.faults and now.at_s - story.started_s >= story.faults[0][0]:
        _, name = story.faults.pop(0)
        if name == "cord":
            belt.set("cord", closed=False)
        else:
            belt.fault(name)


def _result(
    story: Story, watch: Watch, measurements: list[dict[str, Any]], machine: str, bound_s: float | None, posture: str, run_dir: Path
) -> dict[str, Any]:
    """The demo's answer. Every time and length is measured at the simulated plant; the wire bound is computed from the bench's wire."""
    last = watch.last
    event = _deciding(measurements)
    stop_s = event["first_stop_frame_s"] - event["event_s"] if event and event["first_stop_frame_s"] is not None else None
    rest_s = event["standstill_s"] - event["event_s"] if event and event["standstill_s"] is not None else None
    report = verify(run_dir / "journal")
    return {
        "simulated": True,
        "machine": machine,
        "profile": story.program.name,
        "direction": story.program.segments[0].direction.value,
        "facing": story.program.facing.value,
        "max_speed_mps": round(watch.max_speed_mps, 3),
        "outcome": last.state if last is not None else "unknown",
        "cause": watch.cause,
        "event": event["event"] if event else None,
        "person": posture,
        "event_to_stop_frame_ms": round(1e3 * stop_s, 3) if stop_s is not None else None,
        "wire_bound_ms": round(1e3 * bound_s, 3) if bound_s is not None else None,
        "ratio_to_bound": round(stop_s / bound_s, 3) if stop_s is not None and bound_s else None,
        "time_to_standstill_s": round(rest_s, 3) if rest_s is not None else None,
        "belt_travel_after_event_m": round(event["belt_travel_m"], 3) if event and event["belt_travel_m"] is not None else None,
        "frames_above_zero_after_stop": sum(m["frames_above_zero_after_stop"] for m in measurements),
        "journal_verified": report.ok,
        "journal_steps": report.steps,
        "measurements": measurements,
    }


def _deciding(measurements: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The edge that the first stop of the moving belt answered: of all events before that stop frame, the latest."""
    answered = [m for m in measurements if m["speed_at_event_mps"] > 0.05 and m["first_stop_frame_s"] is not None]
    first_s = min((m["first_stop_frame_s"] for m in answered), default=None)
    return max((m for m in answered if m["first_stop_frame_s"] == first_s), key=_event_s, default=None)


def _event_s(measurement: dict[str, Any]) -> float:
    return float(measurement["event_s"])


def _tell(console: Console, result: dict[str, Any], keep: Path | None) -> None:
    console.print()
    if result["cause"] is not None and result["event_to_stop_frame_ms"] is not None:
        console.print(
            f"[bold]{result['cause']}[/]: from {result['event']} to the last byte of the stop frame "
            f"[bold]{result['event_to_stop_frame_ms']:.1f} ms[/] (wire bound {result['wire_bound_ms']:.1f} ms), "
            f"standstill after {result['time_to_standstill_s']} s and {result['belt_travel_after_event_m']} m of belt."
        )
    verified = "the journal is whole" if result["journal_verified"] else "[red]the journal is NOT whole[/]"
    console.print(f"Outcome: {result['outcome']}. Frames above zero after the stop: {result['frames_above_zero_after_stop']}; {verified}.")
    console.print("All of it simulated; measured at the simulated plant." + (f" Kept in {keep}." if keep is not None else ""))
