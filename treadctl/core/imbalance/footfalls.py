"""Imbalance from the belt: every footfall brakes it a little. Their rhythm is learnt, and two ways of leaving it are told: unsteady steps, and none.

The deviation of the belt's speed from the speed it should have, as a share of that speed, is freed of its slow part and goes three ways: a leaky
autocorrelation finds the step frequency, one complex pole tuned to it gives phase and size of the footfalls, a mean square says how much moves at all.
A belt too stiff or too heavy to show footfalls, or a sensor that cannot, leaves the path blind: it then says so, and never anything else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from treadctl.core.imbalance.thresholds import FootfallThresholds
from treadctl.core.imbalance.verdict import Beat, Imbalance

MAX_GAP_S: Final = 0.1  # a longer hole in the stream may hide a footfall
MIN_DT_S: Final = 0.001  # what comes sooner is the same sample again
BIN_S: Final = 0.04  # grid of the autocorrelation
LAGS: Final = range(6, 34)  # bins: 4.2 down to 0.76 steps a second
SPREADS: Final = 6  # same-foot differences whose median is the spread
SLOW_S: Final = 0.5  # what changes more slowly is no footfall: ramps, grade, a drive that lags
FAST_S: Final = 0.02  # what changes faster is noise
POWER_S: Final = 0.25
NARROW: Final = 0.35  # half the pole's width, as a share of its frequency: it forgets within half a step
MEMORY_BINS: Final = 75  # the autocorrelation looks back 3 s
CREDIBLE_A: Final = 1000.0
CREDIBLE_MPS: Final = 20.0


class Sight(StrEnum):
    """Whether this belt, through this sensor, shows footfalls."""

    UNKNOWN = "unknown"  # not looked long enough: the belt stands, has just started, or the stream was broken
    CLEAR = "clear"  # footfalls are seen, or were until just now
    BLIND = "blind"  # it has moved long enough, and shows none: nobody steps on it, or it is too heavy or too stiff


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
                return 1.0 / (BIN_S * (LAGS.start + k + 0.5 * (a - c) / (a - 2.0 * b + c))), min(1.0, b / energy)
        return 0.0, 0.0


@dataclass(frozen=True, slots=True)
class Steps:
    """What was learnt of this person's steps: their size and the ripple's (shares of the speed), frequency, the last step times, the usual spread of them."""

    hz: float = 0.0
    seen: int = 0  # footfalls in an unbroken row
    size: float = 0.0
    ripple: float = 0.0
    current: float = 0.0
    times_s: tuple[float, ...] = ()
    usual_spread: float = 0.0

    @property
    def spread(self) -> float:
        """Median difference between successive step times of the same foot, as a share of a step; 0 while too few are known."""
        if len(self.times_s) < SPREADS + 2:
            return 0.0
        apart = sorted(abs(b - a) for a, b in zip(self.times_s, self.times_s[2:], strict=False))
        return 0.5 * (apart[SPREADS // 2 - 1] + apart[SPREADS // 2]) * self.hz


@dataclass(frozen=True, slots=True)
class FootfallState:
    """The memory. Deviations and their sizes are shares of the expected speed; instants are seconds."""

    at_s: float = -math.inf
    since_s: float = 0.0  # watching without a break
    speed_mps: float = 0.0
    slow: float = 0.0  # the slow part of the deviation
    fast: float = 0.0  # the rest, smoothed
    re: float = 0.0
    im: float = 0.0
    power: float = 0.0
    current_a: float = 0.0
    current_slow_a: float = 0.0
    current_power: float = 0.0
    changes: int = 0  # of the reading, since the last footfall
    changed_s: float = 0.0
    swing: bool = False  # the ripple was at its usual size when the reading last changed
    doubt: bool = False  # since the last footfall the reading stood still in full swing: a frozen sensor does that, feet don't
    witness: int = 0  # changes of the current in doubt
    footfall_s: float = 0.0
    calm_since_s: float = 0.0  # no ramp since
    steps: Steps = Steps()
    rhythm: Rhythm = field(default_factory=Rhythm)
    sight: Sight = Sight.UNKNOWN
    verdict: Imbalance = Imbalance.NONE

    @property
    def beat(self) -> Beat | None:
        """The rhythm of the feet, phase 0 being the belt's slowest instant in a step; None while no footfalls are seen."""
        if self.sight is not Sight.CLEAR or self.steps.hz <= 0.0:
            return None
        return Beat(self.steps.hz, (math.atan2(self.im, self.re) / (2.0 * math.pi) + 0.5) % 1.0)


def update(
    state: FootfallState, at_s: float, speed_mps: float, expected_mps: float, ramping: bool, learning: bool,
    limits: FootfallThresholds, current_a: float | None = None,
) -> FootfallState:  # fmt: skip
    """The state after the speed measured at `at_s`; the verdict stands for this sample only.

    `expected_mps` is the speed the belt should have now, `ramping` says that it is being changed (grade included), `learning` that this is the warm-up.
    The same sample seen again changes nothing. A value no belt can have, or a break in the stream, and the path starts looking anew.
    """
    dt = at_s - state.at_s
    if dt < MIN_DT_S:
        return state
    steps = state.steps
    far = max(limits.far_share * expected_mps, limits.far_mps)
    if not (dt <= MAX_GAP_S and limits.min_speed_mps < expected_mps <= CREDIBLE_MPS and abs(speed_mps - expected_mps) < far):
        return FootfallState(at_s, at_s, speed_mps, steps=Steps(usual_spread=steps.usual_spread))
    deviation = speed_mps / expected_mps - 1.0
    slow = state.slow + (dt / (SLOW_S + dt) if state.rhythm.bins else 1.0) * (deviation - state.slow)
    fast = state.fast + dt / (FAST_S + dt) * (deviation - slow - state.fast)
    angle = 2.0 * math.pi * dt * (steps.hz or limits.usual_hz(expected_mps))
    keep = math.exp(-NARROW * angle)
    cos, sin = keep * math.cos(angle), keep * math.sin(angle)
    re = state.re * cos - state.im * sin + 2.0 * (1.0 - keep) * fast
    im = state.re * sin + state.im * cos
    weight = dt / (POWER_S + dt)
    power = state.power + weight * (fast * fast - state.power)
    amps, amps_slow, amps_power, witness = state.current_a, state.current_slow_a, state.current_power, state.witness
    if current_a is not None and abs(current_a) < CREDIBLE_A:
        amps_slow = amps_slow + dt / (SLOW_S + dt) * (current_a - amps_slow) if amps_slow else current_a
        amps_power += weight * ((current_a - amps_slow) ** 2 - amps_power)
        witness = witness + (current_a != amps) if state.doubt else 0
        amps = current_a
    size, ripple, current = math.hypot(re, im), math.sqrt(power), math.sqrt(amps_power)

    quiet = size < limits.gone_share * steps.size and ripple < limits.still_share * steps.ripple
    changes, changed_s, swing, doubt = state.changes, state.changed_s, state.swing, state.doubt
    if speed_mps != state.speed_mps:
        changes, changed_s = changes + 1, at_s
        swing = size > limits.frozen_share * steps.size or ripple > limits.frozen_share * steps.ripple
    elif swing and steps.seen >= limits.footfalls and (at_s - changed_s) * steps.hz > limits.flat_steps:
        doubt = True
    calm_since = at_s if ramping else state.calm_since_s
    rhythm = _binned(state.rhythm, fast, at_s)
    footfall_s, sight, verdict = state.footfall_s, state.sight, Imbalance.NONE
    if state.im > 0.0 >= im and re < 0.0 and not quiet:
        if changes >= limits.min_changes:
            before, footfall_s = footfall_s, at_s + dt * im / (state.im - im)
            steps = _stepped(steps, footfall_s - before, limits.floor(expected_mps), (size, ripple, current), rhythm, ramping, learning, limits)
            doubt = False
        changes = 0
        if steps.seen >= limits.footfalls:
            sight = Sight.CLEAR
        elif sight is Sight.CLEAR or at_s - state.since_s > limits.look_s:
            sight = Sight.BLIND
    elif sight is Sight.UNKNOWN and at_s - state.since_s > limits.look_s:
        sight = Sight.BLIND
    if doubt and (amps_power == 0.0 or at_s - footfall_s > limits.look_s):
        return FootfallState(at_s, at_s, speed_mps, steps=Steps(usual_spread=steps.usual_spread))
    if sight is Sight.CLEAR and not ramping:
        calm = not doubt or (witness >= limits.min_changes and current < limits.still_share * steps.current)
        if quiet and calm and at_s - max(footfall_s, calm_since) > max(limits.missing_s, limits.missing_steps / steps.hz):
            verdict = Imbalance.FOOTFALL_MISSING
        elif steps.spread > limits.unsteady(steps.usual_spread):
            verdict = Imbalance.FOOTFALL_IRREGULAR
    return FootfallState(  # positional, in the order above: keywords cost a microsecond
        at_s, state.since_s, speed_mps, slow, fast, re, im, power, amps, amps_slow, amps_power,
        changes, changed_s, swing, doubt, witness, footfall_s, calm_since, steps, rhythm, sight, verdict,
    )  # fmt: skip


def _binned(rhythm: Rhythm, fast: float, at_s: float) -> Rhythm:
    """The rhythm after one more value; every 40 ms the values since become a bin, or two where samples are further apart than that."""
    total, count = rhythm.total + fast, rhythm.count + 1
    closed_s, bins = rhythm.closed_s if rhythm.bins else at_s - BIN_S, rhythm.bins
    if at_s < closed_s + BIN_S:
        return Rhythm(bins, closed_s, total, count, rhythm.past, rhythm.products)
    past, products, value = rhythm.past, rhythm.products, total / count
    while closed_s + BIN_S <= at_s:
        closed_s, bins = closed_s + BIN_S, bins + 1
        past = (value, *past[:-1])
        weight = 1.0 / min(bins, MEMORY_BINS)
        kept, scaled = 1.0 - weight, weight * value
        products = tuple([kept * p + scaled * x for p, x in zip(products, (value, *past[LAGS.start :]), strict=True)])
    return Rhythm(bins, closed_s, 0.0, 0, past, products)


def _stepped(
    steps: Steps, time_s: float, floor: float, sizes: tuple[float, float, float], rhythm: Rhythm, ramping: bool, learning: bool, limits: FootfallThresholds
) -> Steps:
    """What is known after one more footfall, `time_s` after the last."""
    hz, alike = rhythm.step_hz(limits.octave_share) if rhythm.bins >= MEMORY_BINS else (0.0, 0.0)
    regular = alike >= limits.alike
    same = steps.hz > 0.0 and (not regular or abs(hz - steps.hz) < limits.same_share * steps.hz)
    if regular:
        hz = steps.hz + limits.quick * (hz - steps.hz) if steps.hz else hz
    else:
        hz = steps.hz
    known = steps.seen >= limits.footfalls
    if not known and (not regular or sizes[0] < floor):
        return Steps(hz, 0, usual_spread=steps.usual_spread)
    weight = 1.0 / (1 + steps.seen) if not known else limits.quick if ramping or learning else limits.slow
    old = (steps.size, steps.ripple, steps.current)
    size, ripple, current = (a + weight * ((min(max(b, 0.5 * a), 1.5 * a) if known else b) - a) for a, b in zip(old, sizes, strict=True))
    if size < floor:
        return Steps(hz, 0, usual_spread=steps.usual_spread)
    steady = known and same and not ramping and time_s * hz < limits.missing_steps
    after = Steps(hz, steps.seen + 1, size, ripple, current, (*steps.times_s[-SPREADS - 1 :], time_s) if steady else (), steps.usual_spread)
    if learning and after.spread > 0.0:
        usual = after.spread if not steps.usual_spread else steps.usual_spread + limits.slow * (after.spread - steps.usual_spread)
        return Steps(hz, after.seen, size, ripple, current, after.times_s, usual)
    return after
