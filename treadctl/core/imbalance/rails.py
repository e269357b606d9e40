"""Imbalance from the handrails: this person's own hold, learnt in the warm-up and followed since, and five ways of leaving it.

Signals are hand loads in percent of body weight; one update per new rail sample, some 5 µs. Load is periodic, differs between people and repeats within
one [S], hence the personal baseline and its phase; the loss of a wanted hold matters as much as a grab [D]. Numbers: `RailThresholds`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from treadctl.core.imbalance.verdict import Beat, Imbalance
from treadctl.core.program import Hands
from treadctl.core.thresholds import RailThresholds

SLOPE_S: Final = 0.04  # a slope is taken over this and at most one sample more
SLOPE_SAMPLES: Final = 12  # and over no more samples than these
MIN_STEP_S: Final = 0.0005  # closer together, two samples are one
MAX_LOAD: Final = 1000.0  # percent; more is no more
MAX_GAP_S: Final = 0.1  # a longer hole in the stream makes a slope meaningless
WINDOW_S: Final = 20.0  # of the running mean and spread, once full
BINS: Final = 8  # of a step
NEAR_S: Final = 0.05  # smoothing that takes the noise out of a contact, and out of a swing
HELD_RISE_S, HELD_FALL_S = 0.5, 2.0  # falling is slower: a hand that returns at once returns to its hold
GRIP_S, LET_GO_S = 1.2, 10.0  # a hand that is off is remembered longer
SWING_S: Final = (0.15, 1.5)  # half a stride, from a run to a slow walk
SWINGS, SWING_PERCENT = 6, 0.5  # three strides; smaller changes of side are noise


@dataclass(frozen=True, slots=True)
class Moments:
    """Running mean and variance (percent of body weight) of total load and of right minus left, over `seconds`."""

    seconds: float = 0.0
    total: float = 0.0
    total_var: float = 0.0
    skew: float = 0.0
    skew_var: float = 0.0

    def learn(self, total: float, skew: float, dt_s: float) -> Moments:
        """The moments after one more sample: exponential, with a window that grows to 20 s and then stays."""
        seconds = self.seconds + dt_s
        weight = dt_s / min(seconds, WINDOW_S)
        d_total, d_skew = total - self.total, skew - self.skew
        total_var, skew_var = self.total_var + weight * d_total * d_total, self.skew_var + weight * d_skew * d_skew
        return Moments(seconds, self.total + weight * d_total, (1.0 - weight) * total_var, self.skew + weight * d_skew, (1.0 - weight) * skew_var)


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was learnt while the hands held: over everything, and per eighth of a step (not of a stride: nobody says which foot it is)."""

    whole: Moments = Moments()
    by_phase: tuple[Moments, ...] = (Moments(),) * BINS

    def learn(self, total: float, skew: float, dt_s: float, beat: Beat | None) -> Baseline:
        """The baseline after one more sample."""
        whole, bins = self.whole.learn(total, skew, dt_s), self.by_phase
        if beat is not None:
            k = int(beat.phase % 1.0 * BINS) % BINS
            bins = (*bins[:k], bins[k].learn(total, skew, dt_s * BINS), *bins[k + 1 :])  # an eighth is met an eighth of the time
        return Baseline(whole, bins)

    def at(self, beat: Beat | None, min_s: float) -> Moments | None:
        """What is usual now: of this eighth of a step if it was learnt, else of all; None before `min_s` seconds."""
        if self.whole.seconds < min_s:
            return None
        now = self.by_phase[int(beat.phase % 1.0 * BINS) % BINS] if beat is not None else self.whole
        return now if now.seconds >= min_s else self.whole


@dataclass(frozen=True, slots=True)
class Hold:
    """How the hands hold at present: `near_*` smoothed over 50 ms, `grip_*` the hand's own hold over seconds, `seconds` of hold seen.

    `held` follows the total, faster up than down. `floor` is the lowest total just before: it falls at once and creeps up.
    """

    held: float
    floor: float
    near_left: float
    near_right: float
    grip_left: float
    grip_right: float
    seconds: float = 0.0

    def follow(self, left: float, right: float, dt_s: float, limits: RailThresholds) -> tuple[Hold, bool]:
        """The hold after one more sample, and whether both hands are off."""
        total = left + right
        weight = dt_s / (NEAR_S + dt_s)
        near_left, near_right = self.near_left + weight * (left - self.near_left), self.near_right + weight * (right - self.near_right)
        grip_left, grip_right = self.grip_left, self.grip_right
        off = near_left < self._contact(grip_left, grip_right, limits) and near_right < self._contact(grip_right, grip_left, limits)
        weight = dt_s / ((LET_GO_S if off else GRIP_S) + dt_s)
        grips = (grip_left + weight * (near_left - grip_left), grip_right + weight * (near_right - grip_right))
        held = self.held + dt_s / ((HELD_RISE_S if total > self.held else HELD_FALL_S) + dt_s) * (total - self.held)
        floor = min(total, self.floor + limits.floor_creep_percent_per_s * dt_s)
        return Hold(held, floor, near_left, near_right, *grips, self.seconds if off else self.seconds + dt_s), off

    def _contact(self, grip: float, other: float, limits: RailThresholds) -> float:
        """The load below which a hand is off: a share of its own hold, so that a shifted zero does not hide an empty rail; of a bare contact before."""
        if self.seconds < limits.grip_min_s:
            grip = limits.contact_percent
        elif grip < limits.idle_share * other:
            return limits.contact_percent
        return min(max(limits.grip_share * grip, limits.grip_least_percent), limits.contact_percent + limits.zero_shift_percent)


@dataclass(frozen=True, slots=True)
class Swing:
    """The load going from hand to hand: the `side` it is on (-1 left, 1 right), since when, its peak there, and the peaks of the sides before."""

    side: int = 0
    since_s: float = 0.0
    peak: float = 0.0
    peaks: tuple[float, ...] = ()

    def follow(self, hold: Hold, at_s: float) -> Swing:
        """The swing after one more sample; the same object while nothing changes."""
        left, right = hold.near_left - hold.grip_left, hold.near_right - hold.grip_right
        side = self.side if abs(right - left) < SWING_PERCENT else 1 if right > left else -1
        load = right if side > 0 else left
        lasted_s = at_s - self.since_s
        if side != self.side:
            regular = SWING_S[0] <= lasted_s <= SWING_S[1]
            return Swing(side, at_s, load, (*self.peaks[1 - SWINGS :], self.peak) if regular else ())
        if self.peaks and lasted_s > SWING_S[1]:
            return Swing(side, self.since_s, load)
        return replace(self, peak=load) if load > self.peak else self

    def grown(self, least: float, growth: float) -> bool:
        """Whether both hands were loaded in turns over three strides, ever harder."""
        peaks = self.peaks
        hard = len(peaks) >= SWINGS and min(peaks[-2:]) > max(least, growth * max(peaks[:2]))
        return hard and all(peaks[k + 1] > 0.8 * peaks[k] for k in range(SWINGS - 1))


@dataclass(frozen=True, slots=True)
class RailState:
    """The detector's memory. `recent` holds (instant s, left, right) of the last samples, newest last; `suspect` is what the last sample looked like."""

    baseline: Baseline = Baseline()
    recent: tuple[tuple[float, float, float], ...] = ()
    hold: Hold | None = None
    swing: Swing = Swing()
    unheld_since_s: float | None = None
    overload_since_s: float | None = None
    suspect: Imbalance = Imbalance.NONE
    left: float = 0.0
    right: float = 0.0
    verdict: Imbalance = Imbalance.NONE

    @property
    def overload_s(self) -> float:
        """How long the hands have carried more than the overload limit, s."""
        return self.recent[-1][0] - self.overload_since_s if self.overload_since_s is not None and self.recent else 0.0


def update(
    state: RailState, at_s: float, left: float, right: float, hands: Hands, learning: bool, limits: RailThresholds, beat: Beat | None = None
) -> RailState:
    """The state after the rail sample taken at `at_s`; loads in percent of body weight, already checked to be finite.

    The same sample seen again (no newer `at_s`) changes nothing. The verdict stands for this sample only; latching is the interlock's work.
    A grab and an asymmetry need two samples in a row, so that one wrong sample is none.
    """
    dt_s = at_s - (state.recent[-1][0] if state.recent else -math.inf)
    if not (dt_s > MIN_STEP_S):
        return state
    left, right = min(max(left, -MAX_LOAD), MAX_LOAD), min(max(right, -MAX_LOAD), MAX_LOAD)
    sample = (at_s, left, right)
    before = state.hold
    if before is None or dt_s > MAX_GAP_S:
        grips, whole = (left, right, 0.0), state.baseline.whole
        if before is not None:
            grips = (before.grip_left, before.grip_right, before.seconds)
        elif whole.seconds >= limits.baseline_min_s:
            grips = ((whole.total - whole.skew) / 2.0, (whole.total + whole.skew) / 2.0, limits.grip_min_s)
        return RailState(state.baseline, (sample,), Hold(left + right, left + right, left, right, *grips), left=left, right=right)
    recent = (*state.recent[-SLOPE_SAMPLES:], sample)
    while at_s - recent[1][0] >= SLOPE_S:
        recent = recent[1:]
    base = state.baseline
    hold, off = before.follow(left, right, dt_s, limits)
    usual = base.at(beat, limits.baseline_min_s)
    suspect = _jump(recent, before, base.whole.total, usual, limits)
    swing = state.swing.follow(hold, at_s)
    unheld = (at_s if state.unheld_since_s is None else state.unheld_since_s) if off and hands is Hands.ON else None

    verdict = Imbalance.NONE
    if suspect is not Imbalance.NONE and state.suspect is not Imbalance.NONE:
        verdict = suspect
    elif unheld is not None and at_s - unheld > limits.hold_lost_s:
        verdict = Imbalance.HOLD_LOST
    elif swing.grown(max(limits.pumping_percent, _spread(usual.skew_var, usual.seconds, limits) if usual else 0.0), limits.pumping_growth):
        verdict = Imbalance.PUMPING

    total = left + right
    overload = (at_s if state.overload_since_s is None else state.overload_since_s) if total > limits.overload_percent else None
    if learning and not off and suspect is Imbalance.NONE and verdict is Imbalance.NONE:
        base = base.learn(total, right - left, dt_s, beat)
    return RailState(base, recent, hold, swing, unheld, overload, suspect, left, right, verdict)


def _jump(recent: tuple[tuple[float, float, float], ...], before: Hold, mean: float, usual: Moments | None, limits: RailThresholds) -> Imbalance:
    """What this sample looks like beside those of the last 50 ms: a grab, an asymmetry or nothing. `mean` is the learnt mean over all phases."""
    then_s, then_left, then_right = recent[0]
    at_s, left, right = recent[-1]
    span_s = at_s - then_s
    total, skew = left + right, right - left
    rate, rise = (total - then_left - then_right) / span_s, total - before.floor
    if rate > limits.grab_rate_percent_per_s and rise > limits.snatch_percent:
        expected, level, least = before.held, before.held, limits.firm_percent
        spread = min(limits.spreads * limits.unknown_spread * max(0.0, before.held), limits.overload_percent)
        if usual is not None:
            level, spread, least = usual.total, _spread(usual.total_var, usual.seconds, limits), limits.rise_percent
            expected += (level - mean) * min(1.0, max(0.0, before.held / mean)) if mean > 0.0 else 0.0
        back = limits.put_on_per_s * level if total < level else 0.0  # no more than the hold that is usual, put on again
        if rate > max(limits.snatch_rate_percent_per_s, back) and total - expected > max(limits.snatch_percent + spread / limits.spreads, spread):
            return Imbalance.GRAB
        if rise > least and total - level > max(limits.grab_percent, spread):
            return Imbalance.GRAB

    side = 1.0 if skew > then_right - then_left else -1.0
    rate = side * (skew - (then_right - then_left)) / span_s
    if rate > (limits.asymmetry_rate_percent_per_s if usual is not None else limits.snatch_rate_percent_per_s):
        present = before.grip_right - before.grip_left
        level, spread = (present, 0.0) if usual is None else (usual.skew, _spread(usual.skew_var, usual.seconds, limits))
        jump = min(side * (skew - level), side * (skew - present))
        loaded = right - then_right if side > 0.0 else left - then_left  # a hand that merely lets go is no lurch
        if jump > max(limits.asymmetry_jump_percent, spread) and loaded > 0.4 * rate * span_s:
            return Imbalance.ASYMMETRY
    return Imbalance.NONE


def _spread(variance: float, seconds: float, limits: RailThresholds) -> float:
    """How far from usual is still usual: so many spreads, more of them the less was learnt (1.4 times at the least believed, 1.2 at 20 s)."""
    return min(limits.spreads * math.sqrt(variance * (1.0 + limits.baseline_min_s / seconds)), limits.overload_percent)
