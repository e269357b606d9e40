"""Lateness of the control loop: a small histogram, kept for the status page, doctor and telemetry."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

EDGES_S: Final = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class Lateness:
    """How many steps came how late (s beyond the tick; early ones count as on time). Quantiles are the upper edge of their bin."""

    def __init__(self) -> None:
        self.counts = [0] * (len(EDGES_S) + 1)
        self.max_s = 0.0
        self.total = 0

    def note(self, late_s: float) -> None:
        """Count one step."""
        late_s = max(0.0, late_s)
        self.counts[bisect_left(EDGES_S, late_s)] += 1
        self.total += 1
        self.max_s = max(self.max_s, late_s)

    def quantile(self, part: float) -> float:
        """The lateness, s, that `part` (0 to 1) of the steps did not exceed; 0 before the first step."""
        wanted, seen = part * self.total, 0
        for edge, count in zip((*EDGES_S, self.max_s), self.counts, strict=True):
            seen += count
            if count and seen >= wanted:
                return min(edge, self.max_s)
        return 0.0
