"""How the handrail detector does on simulated hands: false alarms per hour, grabs caught and how soon, other events, broken cells.

`treadctl detector rails` prints the report. Everything in it is simulated.
A false alarm is a verdict of losing balance in normal use; those within 5 s of one another count once. A latency runs from the first sample whose
load without noise exceeds the person's hold (with its ripple) by 1 % of body weight, to the sample with the verdict, both by their stamps.
"""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from treadctl.core.imbalance.rails import RailState, update
from treadctl.core.imbalance.verdict import LEVEL, Imbalance, Level
from treadctl.core.program import Hands
from treadctl.core.thresholds import RailThresholds
from treadctl.core.units import STANDARD_GRAVITY_MPS2
from treadctl.detector import rail_loads as loads
from treadctl.detector.rail_figures import lines, validate
from treadctl.detector.rail_loads import USUAL, Plan, Population, Sample, Someone, Walker
from treadctl.detector.score import upper_bound

LIMITS: Final = RailThresholds()
REFRACTORY_S: Final = 5.0
LOSING: Final = tuple(verdict for verdict in Imbalance if LEVEL[verdict] >= Level.LOSING_BALANCE)
Part = tuple[str, bool, Iterable[Sample]]  # kind of episode, whether it is warm-up, its samples


@dataclass(slots=True)
class FalseAlarms:
    """Verdicts in normal use. `by` counts them by verdict and kind of episode, pumping included, which is no stop."""

    hours: float = 0.0
    people: int = 0
    samples: int = 0
    seconds: float = 0.0
    by: Counter[tuple[str, str]] = field(default_factory=Counter)
    whose: Counter[str] = field(default_factory=Counter)

    @property
    def stops(self) -> int:
        """How many would have stopped the belt."""
        return sum(count for (verdict, _), count in self.by.items() if verdict in LOSING)

    @property
    def bound_per_hour(self) -> float:
        """One-sided 95 % bound of false stops per hour."""
        return upper_bound(self.stops) / self.hours if self.hours else math.inf

    def add(self, other: FalseAlarms) -> None:
        """Put another part of the same run in."""
        self.hours, self.people, self.samples = self.hours + other.hours, self.people + other.people, self.samples + other.samples
        self.seconds += other.seconds
        self.by.update(other.by)
        self.whose.update(other.whose)


@dataclass(slots=True)
class Caught:
    """What became of the events of one kind. Latencies in ms."""

    events: int = 0
    early: int = 0  # a stop before the onset
    latencies_ms: list[float] = field(default_factory=list)
    verdicts: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)

    def quantile(self, q: float) -> float:
        """By nearest rank; NaN of nothing."""
        ranked = sorted(self.latencies_ms)
        return ranked[max(0, math.ceil(q * len(ranked)) - 1)] if ranked else math.nan

    @property
    def share(self) -> float:
        """Caught, of all."""
        return len(self.latencies_ms) / self.events if self.events else math.nan


@dataclass(slots=True)
class Report:
    """One run."""

    false: FalseAlarms
    events: dict[str, Caught]
    faults: dict[str, Counter[str]]


def _asked(who: Someone) -> Hands:
    """Hands on, if a start with hands on would be granted: both hands read as a contact. With less, such a program never begins."""
    percent = 100.0 / (who.mass_kg * STANDARD_GRAVITY_MPS2)
    reads = min(mean + percent * offset if mean > 0.0 else 0.0 for mean, offset in zip(who.means, who.offsets_n, strict=True))
    return Hands.ON if reads >= LIMITS.contact_percent else Hands.FREE


def warm_up(walker: Walker, rng: random.Random, of: Population, seconds: float) -> Iterator[Part]:
    """The warm-up: mostly holding, some people with hands that come and go, some without."""
    habit = rng.random()
    if habit < 0.8:
        yield "warm-up", True, walker.episode(seconds, _asked(walker.who))
    elif habit < 0.9:
        yield "warm-up changing", True, walker.episode(seconds, Hands.FREE, loads.changing(rng, seconds, walker.on[0] > 0.5))
    else:
        yield "warm-up off", True, walker.episode(1.0, Hands.FREE, Plan(loads.put(rng, 0.0, 0.0, of)))
        yield "warm-up off", True, walker.episode(seconds, Hands.OFF)


def routine(walker: Walker, rng: random.Random, of: Population, seconds: float) -> Iterator[Part]:
    """Normal use: a warm-up of none to two minutes, then episodes of 20-60 s, in any order, hands put on or taken off between."""
    who, end_s = walker.who, walker.now_s + seconds
    percent = 100.0 / (who.mass_kg * STANDARD_GRAVITY_MPS2)
    yield from warm_up(walker, rng, of, rng.choice((5.0, 30.0, 60.0, 120.0)))
    while walker.now_s < end_s:
        kind = rng.choice(("on", "off", "changing", "changing", "regrip", "nose", "cough", "laugh", "taps", "easing", "speed", "run"))
        lasts_s = rng.uniform(20.0, 60.0)
        wants_on = kind in {"on", "regrip", "nose", "easing", "speed"} or (kind in {"cough", "laugh", "run"} and rng.random() < 0.6)
        if wants_on is not (walker.on[0] > 0.5) and kind not in {"changing", "taps"}:
            yield "between", False, walker.episode(1.5, Hands.FREE, Plan(loads.put(rng, 0.2, float(wants_on), of)))
        plan = {
            "changing": lambda s: loads.changing(rng, s, walker.on[0] > 0.5), "regrip": lambda s: loads.regrips(rng, s),
            "nose": lambda s: loads.scratches(rng, s), "cough": lambda s: loads.bouts(rng, s, of.cough, (2.5, 4.0), (2, 5)),
            "laugh": lambda s: loads.bouts(rng, s, (0.5, 3.0), (4.0, 5.5), (4, 14)), "taps": lambda s: loads.taps(rng, s, percent, of),
            "easing": lambda s: loads.easing(rng, s), "speed": lambda s: Plan(step_hz=who.walk_hz * rng.uniform(0.8, 1.25)),
            "run": lambda s: Plan(step_hz=who.run_hz, ripple=1.0 if who.firm else 1.4),
        }.get(kind, lambda _: Plan())(lasts_s)  # fmt: skip
        hands = Hands.OFF if kind == "off" else _asked(who) if wants_on else Hands.FREE
        yield kind, False, walker.episode(lasts_s, hands, plan)
        if kind in {"run", "speed"}:
            yield "slowing", False, walker.episode(8.0, hands, Plan(step_hz=who.walk_hz, ripple=1.0))


def score(hours: float, people: int, seed: int, of: Population = USUAL, limits: RailThresholds = LIMITS) -> FalseAlarms:
    """False alarms of so many people who together walk so many hours. A run may be split: other seeds, then `FalseAlarms.add`."""
    out, began = FalseAlarms(), time.process_time()
    for k in range(people):
        rng = random.Random(f"{seed}/{k}")  # noqa: S311 - a seed, no secret
        who = loads.draw(rng, of)
        walker = Walker(who, rng)
        start_s = walker.now_s
        state, quiet_s = RailState(), {Level.UNSTEADY: -math.inf, Level.LOSING_BALANCE: -math.inf}
        for kind, learning, samples in routine(walker, rng, of, hours * 3600.0 / people):
            for at_s, left, right, hands, beat, _ in samples:
                state = update(state, at_s, left, right, hands, learning, limits, beat)
                out.samples += 1
                if state.verdict is not Imbalance.NONE:
                    level = LEVEL[state.verdict]
                    if at_s > quiet_s[level]:
                        out.by[state.verdict, kind] += 1
                        out.whose[_who(who)] += level >= Level.LOSING_BALANCE
                    quiet_s[level] = at_s + REFRACTORY_S
        out.hours += (walker.now_s - start_s) / 3600.0
        out.people += 1
    out.seconds = time.process_time() - began
    return out


def _who(who: Someone) -> str:
    return ("shaky" if who.shaky else "firm" if who.firm else "light") + ("" if min(who.means) > 0.0 else ", one hand")


def _learnt(rng: random.Random, of: Population, limits: RailThresholds, most_kg: float = math.inf) -> tuple[Walker, RailState]:
    """Somebody after 20 to 60 s of warm-up with hands on, and what was learnt."""
    who = loads.draw(rng, of)
    while who.mass_kg > most_kg:
        who = loads.draw(rng, of)
    walker, state = Walker(who, rng), RailState()
    for at_s, left, right, hands, beat, _ in walker.episode(rng.uniform(20.0, 60.0), Hands.FREE):
        state = update(state, at_s, left, right, hands, True, limits, beat)
    return walker, state


KINDS: Final = ("grab", "weak_grab", "lurch", "lean", "hold_lost", "pumping")


def _event(kind: str, walker: Walker, rng: random.Random, of: Population) -> Iterator[Sample]:
    """An event of this kind some 2 s after the start of the episode."""
    at_s = rng.uniform(1.5, 2.5)
    if kind in {"grab", "weak_grab"}:
        return walker.episode(4.5, Hands.FREE, loads.grab(rng, at_s, kind == "weak_grab", walker.on[0] > 0.5, of), kind, at_s)
    if kind == "lurch":
        return walker.episode(4.0, Hands.FREE, loads.lurch(rng, at_s), kind, at_s)
    if kind == "lean":
        return walker.episode(7.0, Hands.FREE, loads.lean(rng, at_s), kind, at_s)
    if kind == "hold_lost":
        moves = [replace(move, lasts_s=rng.uniform(0.08, 0.25)) for move in loads.put(rng, at_s, 0.0, of)]
        return walker.episode(4.0, Hands.ON, Plan(moves), kind, max(move.at_s for move in moves if walker.who.means[move.side] > 0.0))
    return walker.episode(11.0, Hands.FREE, loads.pumping(rng, at_s, walker.who.walk_hz), kind, at_s)


def catch(kind: str, people: int, each: int, seed: int, of: Population = USUAL, limits: RailThresholds = LIMITS) -> Caught:
    """Events of one kind: `each` of every person, after a warm-up, three in ten with hands that were off (not where a hold is lost or pumps)."""
    out = Caught()
    wanted = {"hold_lost": {Imbalance.HOLD_LOST}, "pumping": {Imbalance.PUMPING}}.get(kind, {Imbalance.GRAB, Imbalance.ASYMMETRY})
    for k in range(people):
        rng = random.Random(f"{seed}/{kind}/{k}")  # noqa: S311 - a seed, no secret
        walker, learnt = _learnt(rng, of, limits)
        for _ in range(each):
            walker.on[:] = [0.0, 0.0] if kind not in {"hold_lost", "pumping"} and rng.random() < 0.3 else [1.0, 1.0]
            walker.now_s += 10.0
            state, onset_s, caught, early = RailState(learnt.baseline), None, False, False
            for parts in (walker.episode(3.0, Hands.FREE), _event(kind, walker, rng, of)):
                for at_s, left, right, hands, beat, truth in parts:
                    state = update(state, at_s, left, right, hands, False, limits, beat)
                    if truth and onset_s is None:
                        onset_s = at_s
                    if onset_s is None:
                        early = early or state.verdict in LOSING
                    elif state.verdict in wanted and not caught:
                        caught = True
                        out.latencies_ms.append((at_s - onset_s) * 1000.0)
                        out.verdicts[state.verdict] += 1
            out.events += 1
            out.early += early
            if not caught:
                out.missed[_who(walker.who)] += 1
    return out


class Cells:
    """The two cells of a person of whom 1 N is `percent`, with something wrong from the first sample on. `read` is None where no sample comes."""

    def __init__(self, fault: str, percent: float) -> None:
        self._fault = fault
        self._percent = percent
        self._frozen: float | None = None
        self._count = 0

    def read(self, since_s: float, left: float, right: float) -> tuple[float, float] | None:
        """What is read so many seconds after the fault came."""
        self._count += 1
        once, n = self._count % 300 == 0, self._percent
        if self._frozen is None:
            self._frozen = left
        return {
            "silent 0.3 s each 5 s": None if since_s % 5.0 < 0.3 else (left, right),
            "one sample zero each 300": (0.0, 0.0) if once else (left, right),
            "one sample +100 N each 300": (left + 100.0 * n, right) if once else (left, right),
            "left stuck": (self._frozen, right),
            "both drift 1 N/s to +10 N": (left + min(since_s, 10.0) * n, right + min(since_s, 10.0) * n),
            "both drift 0.1 N/s to -3 N": (left - min(0.1 * since_s, 3.0) * n, right - min(0.1 * since_s, 3.0) * n),
            "left jumps by 20 N": (left + 20.0 * n, right),
            "swapped": (right, left),
            "left reads -200 N": (-200.0 * n, right),
            "left reads 500 N": (500.0 * n, right),
        }[self._fault]


FAULTS: Final = (
    "silent 0.3 s each 5 s", "one sample zero each 300", "one sample +100 N each 300", "left stuck", "both drift 1 N/s to +10 N",
    "both drift 0.1 N/s to -3 N", "left jumps by 20 N", "swapped", "left reads -200 N", "left reads 500 N",
)  # fmt: skip


def faults(people: int, seed: int, of: Population = USUAL, limits: RailThresholds = LIMITS) -> dict[str, Counter[str]]:
    """Of so many people who hold on normally for 40 s while a cell is wrong: how many got which verdict; then a grab, and whether it was seen."""
    out: dict[str, Counter[str]] = {}
    for k in range(people):
        for name in FAULTS:
            rng = random.Random(f"{seed}/fault/{k}")  # noqa: S311 - a seed, no secret
            walker, state = _learnt(rng, of, limits)
            cells = Cells(name, 100.0 / (walker.who.mass_kg * STANDARD_GRAVITY_MPS2))
            start_s, hit = walker.now_s, False
            seen: set[Imbalance] = set()
            wish = _asked(walker.who)
            for parts in (walker.episode(40.0, wish), walker.episode(3.0, wish, loads.grab(rng, 0.5, weak=False, holding=True, of=of), "grab", 0.5)):
                for at_s, left, right, hands, beat, truth in parts:
                    read = cells.read(at_s - start_s, left, right)
                    if read is None:
                        continue
                    state = update(state, at_s, *read, hands, False, limits, beat)
                    if truth:
                        hit = hit or state.verdict in {Imbalance.GRAB, Imbalance.ASYMMETRY}
                    elif state.verdict in LOSING:
                        seen.add(state.verdict)
            count = out.setdefault(name, Counter())
            count.update(str(verdict) for verdict in seen)
            count["people"] += 1
            count["grab seen after"] += hit
    return out


def lost_with_shift(shift_n: float, people: int, seed: int, most_kg: float = 50.0, of: Population = USUAL, limits: RailThresholds = LIMITS) -> tuple[int, int]:
    """Hands taken off for 1.5 s by light people whose cells both have shifted: (seen, of how many). A shift is there from the start."""
    seen = people_with = 0
    for k in range(people):
        rng = random.Random(f"{seed}/shift/{k}")  # noqa: S311 - a seed, no secret
        walker, _ = _learnt(rng, of, limits, most_kg)
        walker.who = replace(walker.who, offsets_n=(shift_n, shift_n), drift_n=0.0)
        state, hit = RailState(), False
        walker.now_s += 10.0
        off = Plan([loads.Move(0.5, side, 0.0, 0.15) for side in (0, 1)])
        for parts in (walker.episode(20.0, Hands.FREE), walker.episode(2.5, Hands.ON, off)):
            for at_s, left, right, hands, beat, _truth in parts:
                state = update(state, at_s, left, right, hands, False, limits, beat)
                hit = hit or state.verdict is Imbalance.HOLD_LOST
        seen, people_with = seen + hit, people_with + 1
    return seen, people_with


def told(report: Report) -> str:
    """The report as text."""
    false = report.false
    text = [
        f"false stops: {false.stops} in {false.hours:.2f} simulated hours of {false.people} people: "
        f"at most {false.bound_per_hour:.3f} per hour (one-sided 95 %)",
        f"  {false.samples} samples in {false.seconds:.0f} s of processor, {false.seconds / max(1, false.samples) * 1e6:.1f} µs each, generator included",
        *(f"  {count} x {verdict} in: {kind}" for (verdict, kind), count in sorted(false.by.items())),
        *(f"  stops of people who hold: {who}: {count}" for who, count in sorted(false.whose.items()) if count),
    ]
    for kind, caught in report.events.items():
        times = " ".join(f"p{q * 100:g} {caught.quantile(q):.0f}" for q in (0.5, 0.9, 0.99, 1.0))
        text.append(f"{kind}: {len(caught.latencies_ms)} of {caught.events} ({100.0 * caught.share:.2f} %), ms: {times}, early {caught.early}, "
                    f"as {dict(caught.verdicts)}, missed {dict(caught.missed)}")  # fmt: skip
    text.extend(f"cell, {name}: {dict(count)}" for name, count in report.faults.items())
    return "\n".join(text)


def judged(hours: float, people: int, events: int, cells: int, seed: int, of: Population) -> Iterator[str]:
    """The figures of the generator, then the report, line by line.

    `people` walk for `hours` together; `events` people have five events of each kind, `cells` people each fault of a cell.
    """
    yield from lines(validate(300, seed, of))
    caught = {kind: catch(kind, events, 5, seed, of) for kind in KINDS} if events else {}
    yield told(Report(score(hours, people, seed, of), caught, faults(cells, seed, of)))
    for shift_n in (0.0, 2.0, 3.0, 5.0, -3.0) if cells else ():
        seen, shifted = lost_with_shift(shift_n, 5 * cells, seed, of=of)
        yield f"hold lost by people under 50 kg, zero of both cells shifted by {shift_n:+.0f} N: {seen} of {shifted} seen"
