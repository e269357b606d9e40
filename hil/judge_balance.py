"""Judge the paths of the balance detector, each alone and fused: `python hil/judge_balance.py --help`. Prints two tables. Everything in it is simulated.

The simulated treadmill and person run in process and in virtual time with the pure detectors, once every 10 ms, with the shipped tuning. Nothing is
stopped: the belt runs on whatever is told, so that the paths are judged on the same events. A latency runs from the event to the first verdict of losing
balance or down. The other table counts the same verdicts while people walk and run as they should; those within 5 s of one another count once.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Final

from judged_walk import PATHS, STEP_S, WAYS, PathName, Walk
from treadctl.core.imbalance.verdict import Level
from treadctl.core.program import Hands
from treadctl.detector.score import REFRACTORY_S, upper_bound

STAND_S: Final = 1.0
WARM_UP_S: Final = 40.0
WARM_UP_MPS: Final = 0.8  # gait not yet known: slower than 3 km/h
SETTLE_S: Final = 12.0
HANDS_OFF_S: Final = 5.0
LONGEST_S: Final = 8.0  # how long after an event a verdict counts
SHORT_S: Final = 3.5  # after a stumble, which is over in one, after rocking, and after hands that let go
AFTER_DOWN_S: Final = 4.0
QUIET_STEPS: Final = 20
MASSES_KG: Final = (45.0, 110.0)
SPEEDS_MPS: Final = (0.5, 0.8, 1.0, 1.5)
HELD: Final = ("loss, holding", "fall, holding", "stumble, holding", "rocks, holding", "steps off, holding", "lets go")
FREE: Final = ("loss, free, grabs", "loss, free, no grab", "fall, free", "stumble, free", "steps off, free")
KINDS: Final = (*HELD, *FREE)
DEEDS: Final = {"loss": "lose_balance", "fall": "fall", "stumble": "stumble", "rocks": "rock", "steps off": "dismount", "lets go": "hands_off"}

# Events


@dataclass(frozen=True, slots=True)
class Event:
    """What became of one event: seconds after it, None = not within 8 s or 4 s after the impact. `ready` = every path was quiet before."""

    kind: str
    speed_mps: float
    way: str
    down_s: float | None
    told_s: dict[PathName, float | None]
    unsteady_s: dict[PathName, float | None]
    ready: bool


def play(walk: Walk, kind: str, ready: bool) -> tuple[float | None, dict[PathName, float | None], dict[PathName, float | None], bool]:
    """One event on a fork of a walk: when the person was down, when each path told it, and when it first was at least unsteady."""
    world, begun_s, seen = walk.world, walk.now_s, len(walk.world.events)
    deed = DEEDS[kind.partition(",")[0]]
    longest_s = SHORT_S if deed in {"stumble", "rock", "hands_off"} else LONGEST_S
    walk.act(deed)
    told: dict[PathName, float | None] = dict.fromkeys(PATHS)
    unsteady: dict[PathName, float | None] = dict.fromkeys(PATHS)
    down_s: float | None = None
    while walk.now_s - begun_s < longest_s and (down_s is None or walk.now_s - begun_s < down_s + AFTER_DOWN_S):
        walk.step()
        since_s = round(walk.now_s - begun_s, 3)
        for path, level in walk.levels().items():
            if level >= Level.UNSTEADY and unsteady[path] is None:
                unsteady[path] = since_s
            if level >= Level.LOSING_BALANCE and told[path] is None:
                told[path] = since_s
        if down_s is None:
            down_s = next((e.at_s - begun_s for e in world.events[seen:] if e.name in {"impact", "harness_loaded"}), None)
        if all(at is not None for at in told.values()) and (down_s is not None or deed in {"dismount", "hands_off", "stumble", "rock"}):
            break
    return down_s, told, unsteady, ready


def person(task: tuple[float, int, int, float, tuple[str, ...]]) -> list[Event]:
    """Warm-up, then every kind of event on a fork of the same walk, each at another instant of a step."""
    speed_mps, way, seed, mass_kg, kinds = task
    rng = random.Random(seed)  # noqa: S311 - repeatable
    walk = Walk(seed, mass_kg, way, twin=True)
    walk.hands = Hands.ON
    walk.run(STAND_S)
    walk.target_mps = min(speed_mps, WARM_UP_MPS)
    walk.run(WARM_UP_S)
    walk.warm_up, walk.target_mps = False, speed_mps
    walk.run(SETTLE_S)
    events = []
    for kind in sorted(kinds, key=KINDS.index):
        if kind in FREE and walk.hands is Hands.ON:
            walk.hands = Hands.FREE
            walk.act("hands_off")
            walk.run(HANDS_OFF_S)
        walk.run(rng.uniform(0.2, 0.9))
        quiet_steps = 0
        for _ in range(500):
            quiet_steps = quiet_steps + 1 if max(walk.levels().values()) is Level.STEADY else 0
            if quiet_steps >= QUIET_STEPS:
                break
            walk.step()
        events.append(Event(kind, speed_mps, WAYS[way][0], *play(walk.fork("no grab" not in kind), kind, quiet_steps >= QUIET_STEPS)))
    return events


# Normal walking


@dataclass(slots=True)
class Normal:
    """Verdicts while people walk and run as they should, by path. `by` counts (path, verdicts, what was going on, level)."""

    hours: float = 0.0
    people: int = 0
    left_belt: int = 0
    stops: Counter[str] = field(default_factory=Counter)
    holds: Counter[str] = field(default_factory=Counter)
    by: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    when: list[dict[str, object]] = field(default_factory=list)

    def add(self, other: Normal) -> None:
        """Put another part of the same run in."""
        self.hours, self.people, self.left_belt = self.hours + other.hours, self.people + other.people, self.left_belt + other.left_belt
        self.stops.update(other.stops)
        self.holds.update(other.holds)
        self.by.update(other.by)
        self.when += other.when


@dataclass(slots=True)
class _Counting:
    """The counter of one stroll: what is going on, and when each path last said something."""

    walk: Walk
    seed: int
    gait: str
    found: Normal
    last_s: dict[tuple[str, Level], float] = field(default_factory=dict)

    def run(self, seconds: float, what: str) -> None:
        """Walk on and count."""
        walk = self.walk
        for _ in range(round(seconds / STEP_S)):
            walk.step()
            levels = walk.levels()
            if max(levels.values()) is Level.STEADY:
                continue
            for path, level in levels.items():
                if level is not Level.STEADY:
                    self._count(path, min(level, Level.LOSING_BALANCE), what)

    def _count(self, path: PathName, level: Level, what: str) -> None:
        walk = self.walk
        now_s, last_s = walk.now_s, self.last_s
        fresh = now_s - max((last_s.get((path, other), -math.inf) for other in Level if other >= level), default=-math.inf) >= REFRACTORY_S
        last_s[(path, level)] = now_s
        if not fresh:
            return
        stop = level is Level.LOSING_BALANCE
        (self.found.stops if stop else self.found.holds)[path] += 1
        fused = walk.fused
        alone = {"rails": walk.alone.rails.verdict, "waist": fused.trunk.verdict, "belt": fused.footfalls.verdict}
        why = "+".join(fused.reasons) if path == "fused" else alone[path].value
        if walk.ramping and "ramp" not in what:
            what += ", ramping"
        self.found.by[(path, why, what, "stop" if stop else "hold")] += 1
        self.found.when.append({
            "path": path, "stop": stop, "why": why, "what": what, "seed": self.seed, "gait": self.gait, "at_s": round(now_s, 2),
            "belt_mps": round(abs(walk.world.belt_speed_mps), 2), "grade_percent": round(walk.world.belt.grade_percent, 2),
            "score": round(fused.trunk.score, 2), "trust": fused.trunk.trust.name,
        })  # fmt: skip


def stroll(task: tuple[int, float]) -> Normal:
    """One person's normal walking: warm-up, then speeds, grades, runs; hands on where the program asks for it, off, or changing."""
    seed, minutes = task
    rng = random.Random(seed)  # noqa: S311 - repeatable
    way, habit = seed % len(WAYS), ("on", "off", "changing")[seed // len(WAYS) % 3]
    gait = WAYS[way][0]
    walk = Walk(seed, rng.uniform(*MASSES_KG), way)
    found = Normal(people=1)
    counting = _Counting(walk, seed, gait, found)
    walk.hands = Hands.ON if habit == "on" else Hands.FREE
    counting.run(STAND_S, "standing")
    walk.target_mps = rng.uniform(0.4, WARM_UP_MPS)
    counting.run(0.25 * WARM_UP_S, "warm-up")
    if habit == "off":
        walk.act("hands_off")
    counting.run(0.75 * WARM_UP_S, "warm-up")
    walk.warm_up = False
    holding = habit != "off"
    while walk.now_s < 60.0 * minutes and walk.world.runner.on_belt:
        what = rng.choice(("steady", "speed", "speed", "grade", "hands", "run"))
        if what == "hands" and habit == "changing":
            holding = not holding
            walk.act("hands_on" if holding else "hands_off")
        elif what == "grade":
            walk.grade_percent = rng.uniform(0.0, 5.0)
        elif what == "run":
            walk.target_mps = rng.uniform(2.2, 3.2) if gait == "forward" else rng.uniform(1.75, 2.2)
        elif what == "speed":
            walk.target_mps = rng.uniform(0.4, 1.5)
        running = walk.target_mps > 1.6
        counting.run(min(rng.uniform(10.0, 40.0), 60.0 * minutes - walk.now_s), f"running, {what}" if running and what != "run" else what)
    found.left_belt = int(not walk.world.runner.on_belt)
    found.hours = walk.now_s / 3600.0
    return found


# The tables


def quantile(values: Sequence[float], share: float) -> float | None:
    """By nearest rank; None of nothing."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)] if ranked else None


def rows(events: Sequence[Event]) -> list[dict[str, object]]:
    """For each kind and path: events, share told, p50 and p90 (s), falls and the share of them told before the person was down, unsteady and no more."""
    table: list[dict[str, object]] = []
    for kind, path in product(KINDS, PATHS):
        chosen = [e for e in events if e.kind == kind]
        if not chosen:
            continue
        told = [at for e in chosen if (at := e.told_s[path]) is not None]
        falls = [(e.down_s, e.told_s[path]) for e in chosen if e.down_s is not None]
        early = [down for down, at in falls if at is not None and at < down]
        unsteady = sum(e.unsteady_s[path] is not None and e.told_s[path] is None for e in chosen)
        table.append({
            "kind": kind, "path": path, "events": len(chosen), "told": len(told) / len(chosen), "p50_s": quantile(told, 0.5), "p90_s": quantile(told, 0.9),
            "falls": len(falls), "before_down": len(early) / len(falls) if falls else None, "unsteady": unsteady / len(chosen),
        })  # fmt: skip
    return table


def normal_rows(normal: Normal) -> list[dict[str, object]]:
    """For each path: stops and holds that were none, an hour, with the one-sided 95 % bound."""
    hours = normal.hours
    return [
        {"path": path, **{f"{name}{per}": value for name, count in (("stops", normal.stops[path]), ("holds", normal.holds[path]))
                          for per, value in (("", count), ("_per_h", count / hours), ("_bound_per_h", upper_bound(count) / hours))}}
        for path in PATHS
    ]  # fmt: skip


def _cell(value: object, percent: bool = False) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{100.0 * value:.0f} %" if percent else f"{value:.2f}"
    return str(value)


def text(events: Sequence[Event], normal: Normal) -> str:
    """Both tables, in Markdown."""
    lines = ["simulated events", "", "| event | path | events | told | p50 s | p90 s | fell | told before down | unsteady only |"]
    lines.append("|---|---|" + "--:|" * 7)
    for row in rows(events):
        cells = [_cell(value, key in {"told", "before_down", "unsteady"}) for key, value in row.items()]
        lines.append(f"| {' | '.join(cells)} |")
    if normal.hours:
        lines += ["", f"simulated normal walking and running: {normal.hours:.2f} h, {normal.people} people, {normal.left_belt} walked off the belt", ""]
        lines += ["| path | false stops | an hour | 95 % bound | false holds | an hour | 95 % bound |", "|---|" + "--:|" * 6]
        lines += [f"| {' | '.join(_cell(value) for value in row.values())} |" for row in normal_rows(normal)]
        lines += ["", *(f"{count:4} {path}: {level} by {why}, {what}" for (path, why, what, level), count in normal.by.most_common())]
    return "\n".join(lines) + "\n"


def tasks(persons: int, seed: int, kinds: tuple[str, ...] = KINDS) -> list[tuple[float, int, int, float, tuple[str, ...]]]:
    """So many people for each speed and way, each with a mass of their own."""
    rng = random.Random(seed)  # noqa: S311 - repeatable
    grid = product(SPEEDS_MPS, range(len(WAYS)), range(persons))
    return [(speed, way, rng.getrandbits(24), rng.uniform(*MASSES_KG), kinds) for speed, way, _ in grid]


def main() -> int:
    """Both parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", type=int, default=9, help="people for each speed and way of walking: 12 times as many events of each kind (default 9)")
    parser.add_argument("--hours", type=float, default=5.0, help="of normal walking (default 5)")
    parser.add_argument("--minutes", type=float, default=10.0, help="of it by each person (default 10)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there, each event and each false verdict")
    chosen = parser.parse_args()
    strolls = [(chosen.seed * 1000 + k, chosen.minutes) for k in range(round(chosen.hours * 60.0 / chosen.minutes))]
    normal, events = Normal(), []
    with ProcessPoolExecutor(chosen.jobs) as pool:
        for part in pool.map(stroll, strolls):
            normal.add(part)
        for found in pool.map(person, tasks(chosen.persons, chosen.seed)):
            events += found
    sys.stdout.write(text(events, normal))
    if chosen.json is not None:
        document = {
            "simulated": True, "seed": chosen.seed, "rows": rows(events), "hours": normal.hours, "normal": normal_rows(normal) if normal.hours else [],
            "false": normal.when, "events": [asdict(event) for event in events],
        }  # fmt: skip
        chosen.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
