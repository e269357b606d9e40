"""The rhythm of a signal: a leaky autocorrelation on a grid of 40 ms, in which the shortest high peak is the step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BIN_S: Final = 0.04
LAGS: Final = range(6, 34)  # bins: 4.2 down to 0.76 steps a second
MEMORY_BINS: Final = 75  # it looks back 3 s


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The autocorrelation of the ripple. `past` holds the last bins, newest first; `products` their mean products at lag 0 and at each of `LAGS`."""

    bins: int = 0
    closed_s: float = 0.0
    total: float = 0.0
    count: int = 0
    past: tuple[float, ...] = (0.0,) * LAGS.stop
    products: tuple[float, ...] = (0.0,) * (1 + len(LAGS))

    def step_hz(self, share: float) -> tuple[float, float]:
        """Steps per second, and how like its predecessor a step is (0 to 1): the shortest lag whose peak comes near the highest one. (0, 0) = none."""
        energy, peaks = self.products[0], self.products[1:]
        high = max(peaks)
        if not (energy > 0.0 and high > 0.0):
            return 0.0, 0.0
        for k in range(1, len(peaks) - 1):
            a, b, c = peaks[k - 1 : k + 2]
            if b >= share * high and a < b >= c:
                return 1.0 / (BIN_S * (LAGS.start + k + 0.5 * (a - c) / ((a - b) + (c - b)))), min(1.0, b / energy)
        return 0.0, 0.0

    def after(self, value: float, at_s: float) -> Rhythm:
        """The rhythm after one more value; every 40 ms the mean of the values since becomes a bin, or two where samples are further apart than that."""
        total, count = self.total + value, self.count + 1
        closed_s, bins = self.closed_s if self.bins else at_s - BIN_S, self.bins
        if at_s < closed_s + BIN_S:
            return Rhythm(bins, closed_s, total, count, self.past, self.products)
        past, products, mean = self.past, self.products, total / count
        while closed_s + BIN_S <= at_s:
            closed_s, bins = closed_s + BIN_S, bins + 1
            past = (mean, *past[:-1])
            weight = 1.0 / min(bins, MEMORY_BINS)
            kept, scaled = 1.0 - weight, weight * mean
            products = tuple([kept * p + scaled * x for p, x in zip(products, (mean, *past[LAGS.start :]), strict=True)])
        return Rhythm(bins, closed_s, 0.0, 0, past, products)
