"""The simulated hands held against what was published of real ones. Few figures were; each has its mark."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from treadctl.core.program import Hands
from treadctl.core.units import newton_from_percent_body_weight
from treadctl.detector import rail_loads as loads
from treadctl.detector.rail_loads import USUAL, Population, Someone, Walker

_HZ = 200.0


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the simulated hands, and where it has to lie."""

    name: str
    value: float
    least: float
    most: float
    mark: str

    @property
    def ok(self) -> bool:
        """Whether it lies there."""
        return self.least <= self.value <= self.most


def validate(people: int, seed: int, of: Population = USUAL) -> tuple[Figure, ...]:
    """The figures, measured on the loads of so many people without the noise of the cells."""
    rng = random.Random(f"{seed}/figures")  # noqa: S311 - a seed, no secret
    crowd = [replace(loads.draw(rng, of), noise_n=0.0, offsets_n=(0.0, 0.0), drift_n=0.0, jitter_s=0.0, missing=0.0, rate_hz=_HZ) for _ in range(people)]
    walks = [_walk(who, rng) for who in crowd]
    periodic = sum(_repeats(walk, who) for walk, who in zip(walks, crowd, strict=True)) / people
    means = [sum(walk) / len(walk) for walk, who in zip(walks, crowd, strict=True) if not who.firm]
    halves = [(walk[: len(walk) // 2], walk[len(walk) // 2 :]) for walk in walks]
    grabs = [_grab(who, rng, weak=k % 8 == 0, of=of) for k, who in enumerate(crowd * 3)]
    count = len(grabs)
    return (
        Figure("people whose load repeats at the stride (autocorrelation peak)", periodic, 0.95, 1.0, "[S] periodic"),
        Figure("mean load: difference between people over that within one", _apart(halves, _mean), 3.0, 100.0, "[S] differs, repeats; times [D]"),
        Figure("ripple: difference between people over that within one", _apart(halves, _ripple), 3.0, 100.0, "[S] differs, repeats; times [D]"),
        Figure("light holders whose mean is below 5 % of body weight", sum(mean < 5.0 for mean in means) / max(1, len(means)), 0.95, 1.0, "[S]"),
        Figure("grabs whose rise takes 50-150 ms (1 % to 99 %)", sum(0.045 <= g[0] <= 0.155 for g in grabs) / count, 0.95, 1.0, "[U]"),
        Figure("grabs with a peak of 15-50 % of body weight", sum(14.9 <= g[1] <= 50.1 for g in grabs) / count, 0.99, 1.0, "[U]"),
        Figure("grabs that rise faster than 500 N/s at 70 kg", sum(g[2] > 500.0 for g in grabs) / count, 0.90, 1.0, "[D] of [U]"),
        Figure("grabs 0.3-0.5 s after the disturbance", sum(0.3 <= g[3] <= 0.55 for g in grabs) / count, 0.95, 1.0, "[U]"),
    )


def lines(figures: tuple[Figure, ...]) -> list[str]:
    """The figures as lines of text."""
    return [f"{'ok ' if f.ok else 'BAD'} {f.name}: {f.value:.3f} ({f.least:g} to {f.most:g}) {f.mark}" for f in figures]


def _walk(who: Someone, rng: random.Random) -> list[float]:
    """Total load over 20 s of walking."""
    return [left + right for _, left, right, _, _, _ in Walker(who, rng).episode(20.0, Hands.FREE)]


def _mean(walk: list[float]) -> float:
    return sum(walk) / len(walk)


def _ripple(walk: list[float]) -> float:
    mean = _mean(walk)
    return math.sqrt(sum((load - mean) ** 2 for load in walk) / len(walk))


def _apart(halves: list[tuple[list[float], list[float]]], of: Callable[[list[float]], float]) -> float:
    """The median difference between two people over the median difference between the two halves of one person's walk."""
    values = [(of(a), of(b)) for a, b in halves]
    within = sorted(abs(a - b) for a, b in values)[len(values) // 2]
    between = sorted(abs(values[k][0] - values[k - 1][0]) for k in range(len(values)))[len(values) // 2]
    return between / max(within, 1e-9)


def _correlation(a: list[float], b: list[float]) -> float:
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    top = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True))
    low = math.sqrt(sum((x - mean_a) ** 2 for x in a) * sum((y - mean_b) ** 2 for y in b))
    return top / low if low > 0.0 else 0.0


def _repeats(walk: list[float], who: Someone) -> bool:
    """Whether the autocorrelation has a peak within 8 % of the stride, at least 0.3 high."""
    stride = round(2.0 / who.walk_hz * _HZ)
    short = walk[:2400]
    lags = range(round(0.85 * stride), round(1.15 * stride), 6)
    values = [_correlation(short, walk[lag : lag + len(short)]) for lag in lags]
    best = max(range(len(values)), key=values.__getitem__)
    return values[best] > 0.3 and abs(lags[best] - stride) <= 0.08 * stride


def _grab(who: Someone, rng: random.Random, weak: bool, of: Population) -> tuple[float, float, float, float]:
    """A grab from hands that were off: rise time s, peak % of body weight, steepest N/s over 20 ms for 70 kg, s from disturbance to 1 %."""
    walker = Walker(replace(who, rate_hz=1000.0), rng)
    walker.on[:] = [0.0, 0.0]
    plan = loads.grab(rng, 0.5, weak, holding=False, of=of)
    total = [left + right for _, left, right, _, _, _ in walker.episode(1.6, Hands.FREE, plan)]
    peak = max(total)
    first, last = (next(k for k, load in enumerate(total) if load >= share * peak) for share in (0.01, 0.99))
    steepest = max(b - a for a, b in zip(total, total[20:], strict=False)) / 0.02
    contact = next(k for k, load in enumerate(total) if load >= 1.0)
    return (last - first) / 1000.0, peak, newton_from_percent_body_weight(steepest, 70.0), contact / 1000.0 - 0.5
