"""Calibration: how far the features of the waist go in this person's own steady gait, and the fitted model that reads them.

The peak of each feature is taken over every second of steady gait, walking and running apart; a limit is the mean of these peaks and SPREADS spreads of
them. Limits lean on other people's as if PRIOR_BLOCKS seconds of theirs had been seen too, also for a gait never seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from treadctl.core.imbalance.inertia import FEATURES

BLOCK_S: Final = 1.0
MEMORY_BLOCKS: Final = 60  # older seconds are forgotten slowly
PRIOR_BLOCKS: Final = 4.0
KEPT_BLOCKS: Final = 10
SPREADS: Final = 1.5
CREDIBLE: Final = (0.4, 3.0)  # of other people's limits: 19 people measured had 0.5 to 2.6, one feature of one person 3.4
SURE_BLOCKS: Final = 40  # seconds after which a gait counts as wholly known
STEADY_CHANGE: Final = 0.35  # largest change of intensity between two seconds of steady gait
MIN_INTENSITY_G, WALK_BELOW_G, RUN_ABOVE_G = 0.05, 0.35, 0.60  # below the first nobody walks, between the others is neither walking nor running
_NO_PEAKS: Final = (0.0,) * len(FEATURES)

Peaks = tuple[float, ...]


def running_share(intensity: float) -> float:
    """How far a gait of this liveliness is running: 0 walking, 1 running."""
    return min(1.0, max(0.0, (intensity - WALK_BELOW_G) / (RUN_ABOVE_G - WALK_BELOW_G)))


@dataclass(frozen=True, slots=True)
class TrunkTuning:
    """The model as fitted on recordings (see docs/explanation/waist.md). `rows[i]` weighs input i alone and with every input from i on.

    The inputs: the features in parts of the person's limits, the intensity, and the features 50 ms ago. Thresholds are log-odds, one for walking and
    one for running, in between by intensity. `walking` and `running` are the population's limits.
    """

    bias: float
    rows: tuple[tuple[float, ...], ...]
    walking: Peaks
    running: Peaks
    losing: tuple[float, float]
    unsteady: tuple[float, float]

    def threshold(self, pair: tuple[float, float], intensity: float) -> float:
        """The threshold for this liveliness of gait."""
        return pair[0] + running_share(intensity) * (pair[1] - pair[0])


@dataclass(frozen=True, slots=True)
class Gait:
    """Mean and variance of the peaks of `blocks` seconds."""

    blocks: int = 0
    mean: Peaks = _NO_PEAKS
    var: Peaks = _NO_PEAKS

    @property
    def unknown(self) -> float:
        """How far it is not known, 1 to 0."""
        return max(0.0, 1.0 - self.blocks / SURE_BLOCKS)

    def learn(self, peaks: Peaks) -> Gait:
        """With one second more."""
        share = 1.0 / (blocks := min(self.blocks + 1, MEMORY_BLOCKS))
        mean = tuple(m + share * (p - m) for m, p in zip(self.mean, peaks, strict=True))
        var = tuple((1.0 - share) * (v + share * ((p - m) * (p - m))) for v, m, p in zip(self.var, self.mean, peaks, strict=True))
        return Gait(blocks, mean, var)

    def limits(self, prior: Peaks) -> Peaks:
        """The person's limits, leaning on `prior` the more the less was seen."""
        own = self.blocks / (self.blocks + PRIOR_BLOCKS)
        shares = (min(max((m + SPREADS * math.sqrt(v)) / p, CREDIBLE[0]), CREDIBLE[1]) for m, v, p in zip(self.mean, self.var, prior, strict=True))
        return tuple(p * share**own for p, share in zip(prior, shares, strict=True))


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was learnt of one person, and the second under way. It may be kept from session to session, with the person's consent."""

    walking: Gait = Gait()
    running: Gait = Gait()
    block_s: float = 0.0
    peaks: Peaks = _NO_PEAKS
    intensity: float = 0.0

    def unknown(self, intensity: float) -> float:
        """How far the gait of this liveliness is not known of this person, from 1 (never seen) to 0 (SURE_BLOCKS seconds of it were)."""
        share = running_share(intensity)
        return (1.0 - share) * self.walking.unknown + share * self.running.unknown

    @property
    def blocks(self) -> int:
        """Seconds of steady gait that it rests on."""
        return self.walking.blocks + self.running.blocks

    def limits(self, tuning: TrunkTuning) -> Peaks:
        """The limits in force: the larger of walking's and running's, feature by feature."""
        return tuple(map(max, self.walking.limits(tuning.walking), self.running.limits(tuning.running)))

    def aged(self) -> Calibration:
        """As it counts on another day: the same figures, believed as if they were of KEPT_BLOCKS seconds."""
        walking, running = (replace(g, blocks=min(g.blocks, KEPT_BLOCKS)) for g in (self.walking, self.running))
        return Calibration(walking, running)

    def spoil(self) -> Calibration:
        """Without the second under way: it was not steady gait."""
        return replace(self, block_s=0.0, peaks=_NO_PEAKS) if self.block_s > 0.0 else self

    def learn(self, features: tuple[float, ...], intensity: float, dt_s: float) -> Calibration:
        """With one sample more; a full second is learnt if the gait was steady through it."""
        peaks = tuple(max(p, abs(f)) for p, f in zip(self.peaks, features, strict=True))
        block_s = self.block_s + dt_s
        if block_s < BLOCK_S:
            return Calibration(self.walking, self.running, block_s, peaks, self.intensity)
        steady = intensity > MIN_INTENSITY_G and abs(intensity - self.intensity) < STEADY_CHANGE * intensity
        walking, running = self.walking, self.running
        if steady and running_share(intensity) < 0.5:
            walking = walking.learn(peaks)
        elif steady:
            running = running.learn(peaks)
        return Calibration(walking, running, intensity=intensity)
