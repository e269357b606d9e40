"""Judge the belt path of the imbalance detector on the simulated treadmill: `python hil/judge_footfalls.py --help`. Prints tables.

Person, belt and drive are simulated; so is the sensor: an encoder at 100 Hz with noise and counts, or the drive's own reading polled at 25 Hz.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import product

from treadctl.core.imbalance.footfalls import FootfallState, Sight, update
from treadctl.core.imbalance.verdict import Imbalance
from treadctl.core.thresholds import FootfallThresholds
from treadctl_hil.world import World, WorldParams, home_machine

SPEEDS_MPS = (0.3, 0.5, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.0, -0.3, -0.5, -0.8, -1.1, -1.5, -2.0)  # below zero: the belt in reverse, the person walks backward
INERTIAS_KG = (40.0, 60.0, 100.0, 200.0)
MASSES_KG = (45.0, 75.0, 110.0)
SENSORS = ("encoder", "drive")
FAULTS = ("frozen", "frozen for a while", "lost", "reads zero", "jump", "spikes", "coarse", "scale", "slow", "gaps", "late")
EVENTS = ("steps_off", "falls", "falls_in_harness")
ENCODER_NOISE_MPS = 0.004  # what is left of the recorded ripple without its three harmonics [M]
ENCODER_COUNT_MPS = 0.00278
RAMP_MPS2 = 0.25
FOLLOW_S = 0.3


@dataclass(frozen=True, slots=True)
class Case:
    """One machine, person and way of measuring."""

    speed_mps: float
    inertia_kg: float
    mass_kg: float
    sensor: str
    seed: int
    loop_hz: float = 2.0

    def params(self, harness: bool = False) -> WorldParams:
        """The world of this case: long enough a deck and strong enough a drive for every speed, latency as measured on a slow machine."""
        home = home_machine()
        return replace(
            home,
            belt=replace(home.belt, inertia_kg=self.inertia_kg, deck_length_m=1.8),
            drive=replace(home.drive, motor_force_limit_n=1800.0, brake_force_limit_n=1500.0, speed_loop_hz=self.loop_hz),
            runner=replace(home.runner, mass_kg=self.mass_kg, grab_rail=False, harness_fitted=harness),
            command_latency="measured",
        )


@dataclass(slots=True)
class Bench:
    """A world with its sensor and the detector behind it; `run` goes on to an instant, at a speed the ramp leads to."""

    case: Case
    harness: bool = False
    state: FootfallState = field(default_factory=FootfallState)
    ramp_mps: float = 0.0
    expected_mps: float = 0.0
    learn_until_s: float = 60.0
    fault: str = ""
    fault_s: float = math.inf
    fault_until_s: float = math.inf
    world: World = field(init=False)
    _rng: random.Random = field(init=False)
    _held_mps: float = 0.0

    def __post_init__(self) -> None:
        self.world = World(self.case.params(self.harness), self.case.seed, 0.0)
        self._rng = random.Random(self.case.seed)  # noqa: S311 - a simulation wants repeatable numbers

    def _spoilt(self, speed: float) -> float | None:
        """The reading of a sensor with the fault, None = no reading."""
        now_s, held = self.world.now_s, self._held_mps
        if not self.fault_s <= now_s < self.fault_until_s:
            self._held_mps = speed
            return speed
        since_s = now_s - self.fault_s
        match self.fault:
            case "frozen" | "frozen for a while":
                return held
            case "lost":
                return None
            case "reads zero":
                return 0.0
            case "jump":
                return speed + 0.3
            case "spikes":
                return speed + 0.5 if self._rng.random() < 0.02 else speed
            case "coarse":
                return round(speed / 0.1) * 0.1
            case "scale":
                return speed * 1.3
            case "slow":  # a tenth of the usual rate
                return speed if math.floor(since_s / 0.1) != math.floor((since_s - 0.011) / 0.1) else None
            case "gaps":
                return None if since_s % 1.3 < 0.35 else speed
            case _:  # late: half of the samples come bunched
                return speed if math.floor(since_s / 0.06) != math.floor((since_s - 0.011) / 0.06) else None

    def run(self, to_s: float, target_mps: float) -> Iterator[tuple[float, Imbalance, Sight]]:
        """Every sample's instant, verdict and sight."""
        world, limits = self.world, FootfallThresholds()
        sign = -1.0 if target_mps < 0.0 else 1.0
        world.drive.order("run", target_mps, RAMP_MPS2)
        while world.now_s < to_s:
            period_s = 0.01 if self.case.sensor == "encoder" else 0.04 + self._rng.uniform(-0.005, 0.005)
            world.advance(world.now_s + period_s)
            change = RAMP_MPS2 * period_s
            ramping = abs(self.ramp_mps - abs(target_mps)) > 1e-9
            self.ramp_mps += max(-change, min(change, abs(target_mps) - self.ramp_mps))
            self.expected_mps += (1.0 - math.exp(-period_s / FOLLOW_S)) * (self.ramp_mps - self.expected_mps)
            if self.case.sensor == "encoder":
                noisy = sign * world.belt_speed_mps + self._rng.gauss(0.0, ENCODER_NOISE_MPS)
                speed = max(0.0, round(noisy / ENCODER_COUNT_MPS) * ENCODER_COUNT_MPS)
            else:
                speed = abs(world.drive.measured_speed_mps)
            reading = self._spoilt(speed)
            if reading is None:
                continue
            self.state = update(self.state, world.now_s, reading, self.expected_mps, ramping, world.now_s < self.learn_until_s, limits)
            yield world.now_s, self.state.verdict, self.state.sight


def walk(case: Case, seconds: float) -> tuple[float, Counter[str], float]:
    """A usual walk: half of the people step on when the belt runs already; another speed every minute, hands on and off.

    Returns the seconds, what was said, and the share of the time in which footfalls were seen.
    """
    bench = Bench(case)
    said: Counter[str] = Counter()
    rng = random.Random(case.seed + 1)  # noqa: S311 - as above
    late = case.seed % 2 == 0
    if not late:
        bench.world.runner.mount()
    clear = samples = 0
    last = Imbalance.NONE
    target, until = case.speed_mps, 0.0
    while bench.world.now_s < seconds:
        until += 30.0
        for at_s, verdict, sight in bench.run(min(until, seconds), target):
            samples += 1
            clear += sight is Sight.CLEAR
            if verdict is not Imbalance.NONE and last is Imbalance.NONE:
                said[verdict.value] += 1
            last = verdict
            if bench.world.runner.posture == "off_belt":
                said["left the belt"] += 1
                return at_s, said, clear / samples
        if late:
            bench.world.runner.mount()
            late = False
        if until % 60.0 == 0.0:
            target = math.copysign(max(0.25, abs(case.speed_mps) * rng.uniform(0.7, 1.25)), case.speed_mps)
        (bench.world.runner.hands_on if rng.random() < 0.5 else bench.world.runner.hands_off)()
    return bench.world.now_s, said, clear / samples


def happens(case: Case, event: str) -> tuple[Sight, float | None, float | None]:
    """Half a minute of walking, then the event. What was seen before, and the time from event and from impact (or stepping off) to the verdict."""
    bench = Bench(case, harness=event == "falls_in_harness")
    runner = bench.world.runner
    runner.mount()
    at_s = abs(case.speed_mps) / RAMP_MPS2 + 30.0 + 0.1 * (case.seed % 7)
    if any(verdict is not Imbalance.NONE for _, verdict, _ in bench.run(at_s, case.speed_mps)):
        return Sight.UNKNOWN, None, None
    before = bench.state.sight
    at_s = bench.world.now_s
    (runner.dismount if event == "steps_off" else runner.fall)()
    for now_s, verdict, _ in bench.run(at_s + 12.0, case.speed_mps):
        if verdict is Imbalance.FOOTFALL_MISSING:
            impact = [e.at_s for e in bench.world.events if e.name in ("impact", "harness_loaded") and e.at_s >= at_s]
            return before, now_s - at_s, now_s - (impact[0] if impact else at_s)
    return before, None, None


def stumbles(case: Case, every_s: float) -> Counter[str]:
    """Half a minute of walking, then ten seconds with stumbles, all recovered: what was said (a person who leaves the belt is not counted)."""
    bench = Bench(case, learn_until_s=60.0)
    runner, said = bench.world.runner, Counter[str]()
    runner.mount()
    at_s = abs(case.speed_mps) / RAMP_MPS2 + 30.0
    for _ in bench.run(at_s, case.speed_mps):
        pass
    clear = bench.state.sight is Sight.CLEAR
    for k in range(10):
        if k * 1.0 % every_s == 0.0:
            runner.stumble()
        for _, verdict, _ in bench.run(at_s + k + 1.0, case.speed_mps):
            said[verdict.value] += 1
    said["cases"] = clear and runner.on_belt
    return Counter({key: 1 for key in said if said[key]}) if clear and runner.on_belt else Counter()


def spoils(case: Case, fault: str) -> tuple[Sight, Counter[str], float]:
    """Half a minute of walking, then the fault for 10 s (a while: 0.2 to 3 s), then 20 s healthy.

    Returns the sight before, what was said, and the share of the fault's time in which footfalls were seen.
    """
    rng = random.Random(case.seed + 2)  # noqa: S311 - as above
    bench = Bench(case, fault=fault)
    bench.world.runner.mount()
    bench.fault_s = abs(case.speed_mps) / RAMP_MPS2 + 30.0 + rng.random()
    bench.fault_until_s = bench.fault_s + (rng.uniform(0.2, 3.0) if fault == "frozen for a while" else 10.0)
    said: Counter[str] = Counter()
    for _, verdict, _ in bench.run(bench.fault_s - 0.05, case.speed_mps):
        said[verdict.value] += verdict is not Imbalance.NONE
    before = bench.state.sight
    clear = samples = 0
    for _, verdict, sight in bench.run(bench.fault_until_s, case.speed_mps):
        samples += 1
        clear += sight is Sight.CLEAR
        said[verdict.value] += verdict is not Imbalance.NONE
    for _, verdict, _ in bench.run(bench.fault_until_s + 20.0, case.speed_mps):
        said[verdict.value] += verdict is not Imbalance.NONE
    return before, +said, clear / samples if samples else 0.0


def cases(seeds: int, small: bool = False) -> list[Case]:
    """The grid; the small one has four corners of it."""
    if small:
        corners = (0.3, 200.0, 45.0, "drive"), (1.0, 60.0, 75.0, "encoder"), (-1.1, 100.0, 110.0, "encoder"), (2.5, 40.0, 75.0, "drive")
        return [Case(*corner, seed) for seed, corner in enumerate(corners, 1)]
    every = product(range(seeds), SPEEDS_MPS, INERTIAS_KG, MASSES_KG, SENSORS)
    return [Case(v, inertia, mass, sensor, 97 * seed + k, (1.0, 2.0, 4.0)[k % 3]) for k, (seed, v, inertia, mass, sensor) in enumerate(every)]


def _walk(job: tuple[Case, float]) -> tuple[float, Counter[str], float]:
    return walk(*job)


def _happens(job: tuple[Case, str]) -> tuple[Sight, float | None, float | None]:
    return happens(*job)


def _spoils(job: tuple[Case, str]) -> tuple[Sight, Counter[str], float]:
    return spoils(*job)


def _stumbles(job: tuple[Case, float]) -> Counter[str]:
    return stumbles(*job)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _table(title: str, rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    _say(f"\n{title}")
    for row in rows:
        _say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, math.ceil(share * len(values)) - 1)]


def judge_walks(grid: list[Case], minutes: float, pool: ProcessPoolExecutor) -> int:
    """Print what was said of normal walking; returns how often anything was."""
    results = list(pool.map(_walk, [(case, 60.0 * minutes) for case in grid], chunksize=4))
    rows: list[tuple[str, ...]] = [("belt kg", "hours", "missing", "irregular", "left the belt", "seen, share of time: median", "least")]
    total: Counter[str] = Counter()
    hours_all = 0.0
    for inertia in sorted({case.inertia_kg for case in grid}):
        mine = [result for case, result in zip(grid, results, strict=True) if case.inertia_kg == inertia]
        hours = sum(result[0] for result in mine) / 3600.0
        said = sum((result[1] for result in mine), Counter[str]())
        seen = [result[2] for result in mine]
        total += said
        hours_all += hours
        rows.append((f"{inertia:.0f}", f"{hours:.2f}", *(str(said[key]) for key in ("footfall_missing", "footfall_irregular", "left the belt")),
                     f"{statistics.median(seen):.2f}", f"{min(seen):.2f}"))  # fmt: skip
    _table(f"Normal walking and running, {hours_all:.2f} h simulated", rows)
    for case, result in zip(grid, results, strict=True):
        if result[1]:
            _say(f"said: {case} {dict(result[1])}")
    return total["footfall_missing"] + total["footfall_irregular"]


def judge_events(grid: list[Case], pool: ProcessPoolExecutor) -> None:
    """Print how soon each event is seen, where footfalls were seen before."""
    rows: list[tuple[str, ...]] = [("event", "cases", "seen before", "told", "p50 s", "p90 s", "p99 s", "max s", "p50 s from impact")]
    misses: list[str] = []
    for event in EVENTS:
        results = list(pool.map(_happens, [(case, event) for case in grid], chunksize=4))
        clear = [result for result in results if result[0] is Sight.CLEAR]
        told = [result[1] for result in clear if result[1] is not None]
        impact = [result[2] for result in clear if result[2] is not None]
        misses += [f"not told: {event} {case}" for case, result in zip(grid, results, strict=True) if result[1] is None]
        figures = [f"{_quantile(told, share):.2f}" for share in (0.5, 0.9, 0.99, 1.0)] if told else ["-"] * 4
        rows.append((event, str(len(grid)), str(len(clear)), str(len(told)), *figures, f"{statistics.median(impact):.2f}" if impact else "-"))
    _table("Events, simulated", rows)
    for miss in misses:
        _say(miss)


def judge_stumbles(grid: list[Case], pool: ProcessPoolExecutor) -> None:
    """Print what stumbles bring about: one of them should bring nothing."""
    rows = [("stumbles", "cases", "irregular", "missing")]
    for every_s, name in ((10.0, "one"), (1.0, "one a second, ten times")):
        said = sum(pool.map(_stumbles, [(case, every_s) for case in grid], chunksize=4), Counter[str]())
        rows.append((name, str(said["cases"]), str(said["footfall_irregular"]), str(said["footfall_missing"])))
    _table("Stumbles, simulated", rows)


def judge_faults(grid: list[Case], pool: ProcessPoolExecutor) -> int:
    """Print what faults of the sensor bring about; returns how many cases got a verdict."""
    rows = [("fault of the sensor", "cases seen before", "missing", "irregular", "share of the fault's time still seen, median")]
    wrong = 0
    for fault in FAULTS:
        results = list(pool.map(_spoils, [(case, fault) for case in grid], chunksize=4))
        said = sum((Counter(set(result[1])) for result in results), Counter[str]())
        seen = [result for result in results if result[0] is Sight.CLEAR]
        wrong += said["footfall_missing"] + said["footfall_irregular"]
        rows.append((fault, str(len(seen)), str(said["footfall_missing"]), str(said["footfall_irregular"]), f"{statistics.median(r[2] for r in seen):.2f}"))
        for case, result in zip(grid, results, strict=True):
            if result[1]:
                _say(f"said: {fault} {case} {dict(result[1])}")
    _table("Faults of the sensor while the person walks, simulated", rows)
    return wrong


def main(argv: list[str] | None = None) -> int:
    """Run the grid; exit code 1 if normal walking or a faulty sensor got a verdict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=4.0, help="simulated minutes of walking per case (360 cases and seed)")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--small", action="store_true", help="four cases only")
    args = parser.parse_args(argv)
    grid = cases(args.seeds, args.small)
    with ProcessPoolExecutor(args.jobs) as pool:
        wrong = judge_walks(grid, args.minutes, pool)
        judge_events(grid, pool)
        judge_stumbles(grid, pool)
        wrong += judge_faults(grid[::5] if not args.small else grid, pool)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
