"""Imbalance from the belt: every footfall brakes it a little. Their rhythm is learnt, and two ways of leaving it are told: unsteady steps, and none.

The deviation of the belt's speed from the speed it should have, as a share of that speed, is freed of its slow part and goes three ways: a leaky
autocorrelation finds the step frequency, one complex pole tuned to it gives phase and size of the footfalls, a mean square says how much moves at all.
A belt too stiff or too heavy to show footfalls, or a sensor that cannot, leaves the path blind: it then says so, and never anything else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from treadctl.core.imbalance.rhythm import MEMORY_BINS, Rhythm
from treadctl.core.imbalance.steps import Footfall, Steps, stepped
from treadctl.core.imbalance.thresholds import FootfallThresholds
from treadctl.core.imbalance.verdict import Beat, Imbalance

MAX_GAP_S: Final = 0.1  # a longer hole in the stream may hide a footfall
MIN_DT_S: Final = 0.001  # what comes sooner is the same sample again
SLOW_S: Final = 0.5  # what changes more slowly is no footfall: ramps, grade, a drive that lags
FAST_S: Final = 0.02  # what changes faster is noise
POWER_S: Final = 0.25
CURRENT_S: Final = 1.0
NARROW: Final = 0.35  # half the pole's width, as a share of its frequency: it forgets within half a step
LEAST: Final = 1e-4  # of the speed: less is rounding
CREDIBLE_A: Final = 1000.0
CREDIBLE_MPS: Final = 20.0


class Sight(StrEnum):
    """Whether this belt, through this sensor, shows footfalls."""

    UNKNOWN = "unknown"  # not looked long enough: the belt stands, has just started, or the stream was broken
    CLEAR = "clear"  # footfalls are seen, or were until just now
    BLIND = "blind"  # it has moved long enough, and shows none: nobody steps on it, or it is too heavy or too stiff


@dataclass(frozen=True, slots=True)
class Current:
    """The motor's current, A: the last value, its slow part, the power of its ripple, and how often it changed while the speed's reading is doubted."""

    last_a: float = 0.0
    slow_a: float = 0.0
    power: float = 0.0
    witness: int = 0

    def after(self, value_a: float, dt_s: float, doubted: bool) -> Current:
        """The memory after one more value."""
        slow = self.slow_a + dt_s / (SLOW_S + dt_s) * (value_a - self.slow_a) if self.slow_a else value_a
        power = self.power + dt_s / (CURRENT_S + dt_s) * ((value_a - slow) ** 2 - self.power)
        return Current(value_a, slow, power, self.witness + (value_a != self.last_a) if doubted else 0)


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
    changes: int = 0  # of the reading, since the last footfall
    changed_s: float = 0.0
    doubt: bool = False  # right after a footfall the reading stood still: a frozen sensor does that, feet don't
    footfall_s: float = 0.0
    calm_since_s: float = 0.0  # no ramp since
    current: Current = Current()
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
    The same sample seen again changes nothing. A value no belt can have, or a break in the stream, and the path starts looking anew. A stream that ends
    leaves the state as it is: who uses it looks how old `at_s` has become.
    """
    dt = at_s - state.at_s
    if dt < MIN_DT_S:
        return state
    steps = state.steps
    far = max(limits.far_share * expected_mps, limits.far_mps)
    whole = dt <= MAX_GAP_S and abs(speed_mps - state.speed_mps) < limits.jump_mps2 * dt + limits.count_mps
    if not (whole and limits.min_speed_mps < expected_mps <= CREDIBLE_MPS and abs(speed_mps - expected_mps) < far):
        return _anew(at_s, speed_mps, steps)
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
    current = state.current
    if current_a is not None and abs(current_a) < CREDIBLE_A:
        current = current.after(current_a, dt, state.doubt)
    size, ripple = math.hypot(re, im), math.sqrt(power)
    quiet = size < limits.gone_share * steps.size and ripple < limits.still_share * steps.ripple
    changes, changed_s, doubt = state.changes, state.changed_s, state.doubt
    if speed_mps != state.speed_mps:
        changes, changed_s = changes + 1, at_s
    elif state.sight is Sight.CLEAR and at_s - changed_s > max(limits.flat_s, limits.flat_steps / steps.hz):
        doubt = doubt or (changed_s - state.footfall_s) * steps.hz < limits.frozen_steps
    calm_since = at_s if ramping else state.calm_since_s
    rhythm = state.rhythm.after(fast / max(ripple, LEAST), at_s)  # of one size, so that gentle steps after hard ones are heard
    footfall_s, sight, verdict = state.footfall_s, state.sight, Imbalance.NONE
    if state.im > 0.0 >= im and re < 0.0:
        hz, alike = rhythm.step_hz(limits.octave_share) if rhythm.bins >= MEMORY_BINS else (0.0, 0.0)
        if not quiet and changes >= limits.min_changes:
            before, footfall_s = footfall_s, at_s + dt * im / (state.im - im)
            new = Footfall(size, ripple, math.sqrt(current.power), 0 if doubt else changes, footfall_s - before, footfall_s - calm_since, hz, alike)
            steps, doubt = stepped(steps, new, limits.floor(expected_mps), learning, limits), False
        elif steps.hz and alike >= limits.alike:
            steps = replace(steps, hz=steps.hz + limits.quick * (hz - steps.hz))
        changes = 0
        if steps.seen >= limits.footfalls:
            sight = Sight.CLEAR
        elif sight is Sight.CLEAR or at_s - state.since_s > limits.look_s:
            sight = Sight.BLIND
    elif sight is Sight.UNKNOWN and at_s - state.since_s > limits.look_s:
        sight = Sight.BLIND
    if doubt and (current.power == 0.0 or at_s - footfall_s > limits.look_s):
        return _anew(at_s, speed_mps, steps)
    if sight is Sight.CLEAR and not ramping:
        calm = not doubt or (current.witness >= limits.min_changes and math.sqrt(current.power) < limits.calm_share * steps.current)
        patience = 1.0 if ripple < limits.silent_share * steps.ripple else limits.patience
        if quiet and calm and at_s - max(footfall_s, calm_since) > patience * max(limits.missing_s, limits.missing_steps / steps.hz):
            verdict = Imbalance.FOOTFALL_MISSING
        elif steps.spread > limits.unsteady(steps.usual_spread):
            verdict = Imbalance.FOOTFALL_IRREGULAR
    return FootfallState(  # positional, in the order above: keywords cost a microsecond
        at_s, state.since_s, speed_mps, slow, fast, re, im, power,
        changes, changed_s, doubt, footfall_s, calm_since, current, steps, rhythm, sight, verdict,
    )  # fmt: skip


def _anew(at_s: float, speed_mps: float, steps: Steps) -> FootfallState:
    """Start looking; of the person, only the usual spread of step times is kept."""
    return FootfallState(at_s, at_s, speed_mps, changed_s=at_s, footfall_s=at_s, calm_since_s=at_s, steps=Steps(usual_spread=steps.usual_spread))
