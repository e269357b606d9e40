"""The samples of a made-up session at 10 Hz: a belt that follows late and ripples, hands that swing with the steps, a heart that follows slowly.

Long stretches are cut from tables of noise that are made once, so that a whole clinic costs less than a second.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from operator import mul
from typing import Final

from treadctl.core.thresholds import FootfallThresholds, RailThresholds
from treadctl.core.units import kmh_from_mps
from treadctl.records.model import Series

RATE_HZ: Final = 10
LAG_SAMPLES: Final = 3  # 0.3 s from command to belt, about what was measured on a laboratory belt
RIPPLE: Final = 0.013  # of the speed, one spread
COUNT_MPS: Final = 0.01 / 3.6  # an encoder that counts in 0.01 km/h
STANDSTILL_MPS: Final = 0.03
STEP_HZ, STRIDE_HZ = 1.75, 0.9
FOOTFALLS: Final = FootfallThresholds()
CONTACT_PERCENT: Final = RailThresholds().contact_percent
HEART_FOLLOWS: Final = 0.025  # of what is missing, each second
EASED: Final = 0.2  # share of a stop in which the braking comes on, and goes off again
ROWS: Final = 1009  # of each table; a prime, so that it never falls into step with anything
RAIL_ROWS: Final = 331  # of the rails' tables, of which there are many
STEP_ROWS: Final = 127  # of the cadence's, with one row a second

Column = list[float | None]


@dataclass(frozen=True, slots=True)
class Walker:
    """How a person walks in one session: loads in percent of body weight on both rails with hands on, heart 1/min, scatter of the cadence in percent."""

    rail_percent: float
    left_share: float
    resting_per_min: float
    per_kmh: float
    strap: bool
    cadence_cv_percent: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What the samples add up to while the belt moves. The scatter of the cadence is that of the longest stretch: it is of one speed."""

    belt_s: float
    distance_m: float
    peak_mps: float
    mean_mps: float
    rail_load_percent: float
    hands_on_share: float
    asymmetry_percent: float
    mean_heart_rate_per_min: float | None
    max_heart_rate_per_min: float | None
    cadence_per_min: float
    cadence_cv_percent: float


class Tape:
    """Feed stretch by stretch; every column grows by the same number of samples."""

    def __init__(self, walker: Walker, dice: random.Random) -> None:
        self._walker = walker
        self._dice = dice
        self._commanded: list[float] = []
        self._measured: list[float] = [0.0] * LAG_SAMPLES
        self._left: list[float] = []
        self._right: list[float] = []
        self._heart: Column = []
        self._cadence: Column = []
        self._heart_per_min = walker.resting_per_min
        self._moving: tuple[int, int] | None = None
        self._longest = (0, 0)

    def __len__(self) -> int:
        return len(self._commanded)

    @property
    def at_s(self) -> float:
        """Time of the next sample, s from the start."""
        return len(self) / RATE_HZ

    def measured_now_mps(self) -> float:
        """What the belt does at the next sample."""
        return self._measured[len(self)]

    def walk(self, speed_mps: float, duration_s: float, slope_mps2: float, hands: float) -> None:
        """A stretch: ramp to `speed_mps`, then stay. `hands` = how much of the walker's load the rails carry, 0 to 1."""
        count = round(duration_s * RATE_HZ)
        before_mps = self._commanded[-1] if self._commanded else 0.0
        rise_mps = speed_mps - before_mps
        ramp = min(count, math.ceil(abs(rise_mps) / slope_mps2 * RATE_HZ))
        ramped = [before_mps + rise_mps * number / ramp for number in range(1, ramp + 1)]
        start = self._dice.randrange(ROWS)
        noise = _cut(_noise("step"), start, ramp)
        self._commanded += ramped
        self._commanded += (speed_mps,) * (count - ramp)
        self._measured += [_counted(at_mps * (1.0 + RIPPLE * share)) for at_mps, share in zip(ramped, noise, strict=True)]
        self._measured += _cut(_ripple(speed_mps), start, count - ramp)
        moves = speed_mps > 0.0
        load = self._walker.rail_percent * hands if moves else 0.0
        self._left += _cut(_rail("left", round(load * self._walker.left_share, 1)), start, count)
        self._right += _cut(_rail("right", round(load * (1.0 - self._walker.left_share), 1)), start, count)
        self._beat(speed_mps, count)
        self._step(speed_mps, count)
        if moves:
            self._moving = (self._moving[0] if self._moving is not None else len(self) - count, len(self))
            self._longest = max(self._longest, (len(self) - count, len(self)), key=_length)

    def grab(self, percent: float, lasts_s: float, begun_s: float) -> None:
        """The hands clutch the rails `begun_s` before now, up to `percent` each, and let go slowly within `lasts_s`."""
        first = max(0, len(self) - round(begun_s * RATE_HZ))
        for number in range(min(round(lasts_s * RATE_HZ), len(self) - first)):
            share = min(1.0, (number + 1) / 3.0) * (1.0 - 0.6 * number / (lasts_s * RATE_HZ))
            self._left[first + number] = round(max(self._left[first + number], percent * share), 2)
            self._right[first + number] = round(max(self._right[first + number], 0.7 * percent * share), 2)

    def brake(self, rest_s: float, hold_percent: float) -> None:
        """From the speed now to rest within `rest_s`, eased in and out, so that the belt travels v·t/2; then stand for a second."""
        from_mps, wanted_mps = self.measured_now_mps(), self._commanded[-1]
        del self._measured[len(self) :]
        count = math.ceil(rest_s * RATE_HZ) + RATE_HZ
        slowing = [_counted(from_mps * _braking(number / RATE_HZ / rest_s)) for number in range(count)]
        self._measured += slowing
        self._measured += (0.0,) * LAG_SAMPLES
        self._commanded += (0.0,) * count
        self._left += _cut(_rail("left", round(hold_percent, 1)), self._dice.randrange(ROWS), count)
        self._right += _cut(_rail("right", round(hold_percent, 1)), self._dice.randrange(ROWS), count)
        self._beat(0.0, count)
        steps = sum(speed >= FOOTFALLS.min_speed_mps for speed in slowing)
        self._step(wanted_mps, steps)
        self._step(0.0, count - steps)
        if self._moving is not None:
            self._moving = (self._moving[0], len(self))

    def series(self) -> Series:
        """All samples."""
        count = len(self)
        return Series(
            _clock(1 + count // (3600 * RATE_HZ))[:count], tuple(self._measured[:count]), tuple(self._commanded), (0.0,) * count,
            tuple(self._left), tuple(self._right), tuple(self._heart), tuple(self._cadence),
        )  # fmt: skip

    def figures(self) -> Figures:
        """The sums over the moving belt, as the records define them; some stretch must have moved."""
        if self._moving is None:
            raise ValueError("the belt never moved")
        first, last = self._moving
        while self._measured[first] <= STANDSTILL_MPS:
            first += 1
        last = min(len(self), last + 5 * RATE_HZ)  # the ramp after the last stretch
        while self._measured[last - 1] <= STANDSTILL_MPS:
            last -= 1
        belt_s = (last - first) / RATE_HZ
        left, right = self._left[first:last], self._right[first:last]
        of_left, of_right = sum(left), sum(right)
        both = of_left + of_right
        beats = [value for value in self._heart[first:last:RATE_HZ] if value is not None]
        steps = [value for value in self._cadence[first:last:RATE_HZ] if value is not None]
        cadence, _ = _mean_and_scatter(steps)
        _, scatter = _mean_and_scatter([value for value in self._cadence[self._longest[0] : self._longest[1] : RATE_HZ] if value is not None])
        distance_m = sum(self._measured[: len(self)]) / RATE_HZ
        return Figures(
            belt_s, distance_m, max(self._measured), distance_m / belt_s, both / len(left), _held(left, right),
            100.0 * abs(of_left - of_right) / both if both > 0.0 else 0.0,
            sum(beats) / len(beats) if beats else None, max(beats, default=None), cadence, scatter,
        )  # fmt: skip

    def _beat(self, speed_mps: float, count: int) -> None:
        if not self._walker.strap:
            self._heart += (None,) * count
            return
        heart, target = self._heart_per_min, self._walker.resting_per_min + self._walker.per_kmh * kmh_from_mps(speed_mps)
        per_second = -(-count // RATE_HZ)
        before = len(self._heart)
        for share in _cut(_noise("heart"), self._dice.randrange(ROWS), per_second):
            heart += (target - heart) * HEART_FOLLOWS
            self._heart += (float(round(heart + 0.8 * share)),) * RATE_HZ
        del self._heart[before + count :]
        self._heart_per_min = heart

    def _step(self, speed_mps: float, count: int) -> None:
        if speed_mps < FOOTFALLS.min_speed_mps:
            self._cadence += (None,) * count
            return
        table = _cadence(speed_mps, self._walker.cadence_cv_percent)
        self._cadence += _cut(table, self._dice.randrange(STEP_ROWS) * RATE_HZ, count)


def _held(left: Sequence[float], right: Sequence[float]) -> float:
    if min(left) >= CONTACT_PERCENT or min(right) >= CONTACT_PERCENT:
        return 1.0
    return sum(map(CONTACT_PERCENT.__le__, map(max, left, right))) / len(left)


def _length(stretch: tuple[int, int]) -> int:
    return stretch[1] - stretch[0]


def _mean_and_scatter(values: list[float]) -> tuple[float, float]:
    """The mean, and one spread in percent of it."""
    if not values:
        return 0.0, 0.0
    mean = sum(values) / len(values)
    return mean, 100.0 * math.sqrt(max(0.0, sum(map(mul, values, values)) / len(values) - mean * mean)) / mean


def _braking(share: float) -> float:
    """What is left of the speed after this share of a stop: braking comes on, stays and goes off, the same at both ends."""
    if share >= 1.0:
        return 0.0
    most = 1.0 / (1.0 - EASED)
    if share < EASED:
        return 1.0 - most * share * share / (2.0 * EASED)
    if share > 1.0 - EASED:
        return most * (1.0 - share) ** 2 / (2.0 * EASED)
    return 1.0 - most * (share - EASED / 2.0)


def _counted(speed_mps: float) -> float:
    return round(round(speed_mps / COUNT_MPS) * COUNT_MPS, 4)


def _cut(table: tuple[float, ...], start: int, count: int) -> tuple[float, ...]:
    """`count` rows of an endless repetition of the table."""
    start %= len(table)
    return (table[start:] + table * (count // len(table) + 1))[:count]


@cache
def _noise(name: str) -> tuple[float, ...]:
    """Noise of mean 0 and spread 1; that of the belt carries the steps."""
    dice = random.Random(name)  # noqa: S311 - believable, not secret
    plain = [dice.gauss(0.0, 1.0) for _ in range(ROWS)]
    if name != "step":
        return tuple(plain)
    return tuple(math.sin(2.0 * math.pi * STEP_HZ * row / RATE_HZ) + 0.7 * share for row, share in enumerate(plain))


@cache
def _ripple(speed_mps: float) -> tuple[float, ...]:
    return tuple(_counted(speed_mps * (1.0 + RIPPLE * share)) for share in _noise("step"))


@cache
def _rail(side: str, percent: float) -> tuple[float, ...]:
    """Loads that swing from hand to hand with the strides."""
    phase = 0.0 if side == "left" else math.pi
    swings = (0.25 * math.sin(2.0 * math.pi * STRIDE_HZ * row / RATE_HZ + phase) + 0.12 * share for row, share in enumerate(_noise(side)[:RAIL_ROWS]))
    return tuple(round(max(0.0, percent * (1.0 + swing)), 2) for swing in swings)


@cache
def _cadence(speed_mps: float, cv_percent: float) -> tuple[float, ...]:
    usual = 60.0 * FOOTFALLS.usual_hz(speed_mps)
    seconds = [round(usual * (1.0 + cv_percent / 100.0 * share), 1) for share in _noise("cadence")[:STEP_ROWS]]
    return tuple(value for value in seconds for _ in range(RATE_HZ))


@cache
def _clock(hours: int) -> tuple[float, ...]:
    return tuple(number / RATE_HZ for number in range(hours * 3600 * RATE_HZ))
