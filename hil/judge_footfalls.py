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
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import product

from treadctl.core.imbalance.footfalls import FootfallState, Sight, update
from treadctl.core.imbalance.thresholds import FootfallThresholds
from treadctl.core.imbalance.verdict import Imbalance
from treadctl_hil.world import World, WorldParams, home_machine

SPEEDS_MPS = (0.3, 0.5, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.0, -0.3, -0.5, -0.8, -1.1, -1.5, -2.0)  # below zero: the belt in reverse, the person walks backward
INERTIAS_KG = (40.0, 60.0, 100.0, 200.0)
MASSES_KG = (45.0, 75.0, 110.0)
SENSORS = ("encoder", "drive")
EVENTS = ("steps_off", "falls", "falls_in_harness")
ENCODER_NOISE_MPS = 0.004  # what is left of the recorded ripple without its three harmonics [M]
ENCODER_COUNT_MPS = 0.00278
CURRENT_NOISE_A = 0.05  # [U]
CURRENT_COUNT_A = 0.1  # as drives report it
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
    worst_beat: float = 0.0
    world: World = field(init=False)
    _rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.world = World(self.case.params(self.harness), self.case.seed, 0.0)
        self._rng = random.Random(self.case.seed)  # noqa: S311 - a simulation wants repeatable numbers

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
            current = None
            if self.case.sensor == "encoder":
                noisy = sign * world.belt_speed_mps + self._rng.gauss(0.0, ENCODER_NOISE_MPS)
                speed = max(0.0, round(noisy / ENCODER_COUNT_MPS) * ENCODER_COUNT_MPS)
            else:
                speed = abs(world.drive.measured_speed_mps)
                current = round((world.drive.current_a + self._rng.gauss(0.0, CURRENT_NOISE_A)) / CURRENT_COUNT_A) * CURRENT_COUNT_A
            self.state = update(self.state, world.now_s, speed, self.expected_mps, ramping, world.now_s < self.learn_until_s, limits, current)
            yield world.now_s, self.state.verdict, self.state.sight


def walk(case: Case, seconds: float) -> tuple[float, Counter[str], float]:
    """A person's usual walk: half of them step on when the belt runs already; a change of speed every minute, hands on and off. Seconds, what was said, share of time seen."""
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


def cases(seeds: int, small: bool = False) -> list[Case]:
    """The grid; the small one has four corners of it."""
    if small:
        return [Case(0.3, 200.0, 45.0, "drive", 1), Case(1.0, 60.0, 75.0, "encoder", 2), Case(-1.1, 100.0, 110.0, "encoder", 3), Case(2.5, 40.0, 75.0, "drive", 4)]
    every = product(range(seeds), SPEEDS_MPS, INERTIAS_KG, MASSES_KG, SENSORS)
    return [Case(v, inertia, mass, sensor, 97 * seed + k, (1.0, 2.0, 4.0)[k % 3]) for k, (seed, v, inertia, mass, sensor) in enumerate(every)]


def _walk(job: tuple[Case, float]) -> tuple[float, Counter[str], float]:
    return walk(*job)


def _happens(job: tuple[Case, str]) -> tuple[Sight, float | None, float | None]:
    return happens(*job)


def _table(title: str, rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    print(f"\n{title}")
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, math.ceil(share * len(values)) - 1)]


def judge_walks(grid: list[Case], minutes: float, pool: ProcessPoolExecutor) -> int:
    """Print what was said of normal walking; returns how often anything was."""
    results = list(pool.map(_walk, [(case, 60.0 * minutes) for case in grid], chunksize=4))
    rows = [("belt kg", "hours", "missing", "irregular", "left the belt", "seen, share of time: median", "least")]
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
            print(case, dict(result[1]))
    return total["footfall_missing"] + total["footfall_irregular"]


def judge_events(grid: list[Case], pool: ProcessPoolExecutor) -> None:
    """Print how soon each event is seen, where footfalls were seen before."""
    rows = [("event", "cases", "seen before", "told", "p50 s", "p90 s", "p99 s", "max s", "p50 s from impact")]
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
    print("\n".join(misses))


def main(argv: list[str] | None = None) -> int:
    """Run the grid; exit code 1 if normal walking got a verdict."""
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
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
