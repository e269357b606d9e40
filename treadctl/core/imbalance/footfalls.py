"""Imbalance from the belt: every footfall brakes it a little. Their rhythm is learnt, and two ways of leaving it are told: unsteady steps, and none.

The deviation of the belt's speed from its due, as a share of it and freed of its slow part, goes three ways: a leaky autocorrelation finds the step
frequency, a complex pole tuned to it phase and size of the footfalls, a mean square how much moves at all. What shows none is said to be blind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from treadctl.core.imbalance.rhythm import MEMORY_BINS, Rhythm
from treadctl.core.imbalance.steps import Steps, stepped
from treadctl.core.imbalance.verdict import Beat, Imbalance
from treadctl.core.thresholds import FootfallThresholds

MAX_GAP_S, MIN_DT_S = 0.1, 0.001  # a longer hole may hide a footfall; what comes sooner is the same sample again
SLOW_S, FAST_S, POWER_S = 0.5, 0.02, 0.25  # what changes more slowly is no footfall: ramps, grade, a drive that lags; what changes faster is noise
NARROW: Final = 0.35  # half the pole's width, as a share of its frequency: it forgets within half a step
LEAST: Final = 1e-4  # of the speed: less is rounding
CREDIBLE_MPS: Final = 20.0


class Sight(StrEnum):
    """Whether this belt, through this sensor, shows footfalls."""

    UNKNOWN = "unknown"  # not looked long enough: the belt stands, has just started, or the stream was broken
    CLEAR = "clear"  # footfalls are seen, or were until just now
    BLIND = "blind"  # it has moved long enough, and shows none: nobody steps on it, or it is too heavy or too stiff


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
    steps: Steps = Steps()
    rhythm: Rhythm = field(default_factory=Rhythm)
    sight: Sight = Sight.UNKNOWN
    verdict: Imbalance = Imbalance.NONE

    @property
    def beat(self) -> Beat | None:
        """The rhythm of the feet, phase 0 being the belt's slowest instant in a step; None while no footfalls are seen."""
        phase = (math.atan2(self.im, self.re) / (2.0 * math.pi) + 0.5) % 1.0
        return Beat(self.steps.hz, phase) if self.sight is Sight.CLEAR and self.steps.hz > 0.0 else None


def update(
    state: FootfallState, at_s: float, speed_mps: float, expected_mps: float, ramping: bool, learning: bool,
    limits: FootfallThresholds,
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
            before, footfall_s, doubt = footfall_s, at_s + dt * im / (state.im - im), False
            sizes = (size, ripple, changes)
            steps = stepped(steps, footfall_s - before, hz, alike, limits.floor(expected_mps), sizes, footfall_s - calm_since, learning, limits)
        elif steps.hz and alike >= limits.alike:
            steps = replace(steps, hz=steps.hz + limits.quick * (hz - steps.hz))
        changes = 0
        if steps.seen >= limits.footfalls:
            sight = Sight.CLEAR
        elif sight is Sight.CLEAR or at_s - state.since_s > limits.look_s:
            sight = Sight.BLIND
    elif sight is Sight.UNKNOWN and at_s - state.since_s > limits.look_s:
        sight = Sight.BLIND
    if doubt:
        return _anew(at_s, speed_mps, steps)
    if sight is Sight.CLEAR and not ramping:
        patience = 1.0 if ripple < limits.silent_share * steps.ripple else limits.patience
        if quiet and at_s - max(footfall_s, calm_since) > patience * max(limits.missing_s, limits.missing_steps / steps.hz):
            verdict = Imbalance.FOOTFALL_MISSING
        elif steps.spread > limits.unsteady(steps.usual_spread):
            verdict = Imbalance.FOOTFALL_IRREGULAR
    return FootfallState(  # positional, in the order above: keywords cost a microsecond
        at_s, state.since_s, speed_mps, slow, fast, re, im, power,
        changes, changed_s, doubt, footfall_s, calm_since, steps, rhythm, sight, verdict,
    )  # fmt: skip


def _anew(at_s: float, speed_mps: float, steps: Steps) -> FootfallState:
    """Start looking; of the person, only the usual spread of step times is kept."""
    return FootfallState(at_s, at_s, speed_mps, changed_s=at_s, footfall_s=at_s, calm_since_s=at_s, steps=Steps(usual_spread=steps.usual_spread))
