"""Imbalance from the handrails: a baseline of this person's own hold, learnt in the warm-up, and four ways of leaving it.

Signals are hand loads in percent of body weight. Constant memory; one update per new rail sample, whatever the step rate.
Sources: load is periodic, differs between people and repeats within one, hence the personal baseline; light hold is below 5 %; a grab rises faster
than about 500 N/s past 15 %; the loss of a wanted hold matters as much as a grab. All thresholds are derived figures, kept in `RailThresholds`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from treadctl.core.imbalance.thresholds import RailThresholds
from treadctl.core.imbalance.verdict import Imbalance
from treadctl.core.program import Hands

SLOPE_WINDOW: Final = 5  # samples: 40-50 ms at 100 Hz
MAX_GAP_S: Final = 0.1  # a longer hole in the stream makes a slope meaningless


@dataclass(frozen=True, slots=True)
class Baseline:
    """Running mean and spread (percent of body weight) of total load and of right-minus-left, over `seconds` of warm-up gait."""

    seconds: float = 0.0
    total: float = 0.0
    total_var: float = 0.0
    skew: float = 0.0
    skew_var: float = 0.0


@dataclass(frozen=True, slots=True)
class RailState:
    """The detector's memory. `recent` holds (instant s, left, right) of the last samples, newest last."""

    baseline: Baseline = Baseline()
    recent: tuple[tuple[float, float, float], ...] = ()
    unheld_since_s: float | None = None
    overload_since_s: float | None = None
    left: float = 0.0
    right: float = 0.0
    verdict: Imbalance = Imbalance.NONE

    @property
    def overload_s(self) -> float:
        """How long the hands have carried more than the overload limit, s."""
        if self.overload_since_s is None or not self.recent:
            return 0.0
        return self.recent[-1][0] - self.overload_since_s


def learn(baseline: Baseline, total: float, skew: float, dt_s: float) -> Baseline:
    """The baseline after one more sample: exponential mean and variance whose window grows to 20 s and then stays."""
    seconds = baseline.seconds + dt_s
    weight = dt_s / min(max(seconds, dt_s), 20.0)
    d_total, d_skew = total - baseline.total, skew - baseline.skew
    return Baseline(
        seconds,
        baseline.total + weight * d_total,
        (1.0 - weight) * (baseline.total_var + weight * d_total * d_total),
        baseline.skew + weight * d_skew,
        (1.0 - weight) * (baseline.skew_var + weight * d_skew * d_skew),
    )


def update(
    state: RailState, at_s: float, left: float, right: float, hands: Hands, learning: bool, limits: RailThresholds
) -> RailState:
    """The state after the rail sample taken at `at_s`; loads in percent of body weight, already checked to be finite.

    The same sample seen again (no newer `at_s`) changes nothing. The verdict stands for this sample only; latching is the interlock's work.
    """
    last_s = state.recent[-1][0] if state.recent else -math.inf
    if not (at_s > last_s):
        return state
    dt_s = at_s - last_s
    if dt_s > MAX_GAP_S:
        return RailState(state.baseline, ((at_s, left, right),), None, None, left, right)
    recent = (*state.recent[-SLOPE_WINDOW:], (at_s, left, right))
    total, skew = left + right, right - left
    then_s, then_left, then_right = recent[0]
    span_s = at_s - then_s
    rate = max(left - then_left, right - then_right) / span_s
    skew_rate = abs(skew - (then_right - then_left)) / span_s

    base = state.baseline
    known = base.seconds >= limits.baseline_min_s
    usual, usual_skew = (base.total, base.skew) if known else (0.0, 0.0)
    spread = min(4.0 * math.sqrt(base.total_var), limits.overload_percent) if known else 0.0
    skew_spread = 4.0 * math.sqrt(base.skew_var) if known else 0.0

    released = hands is Hands.ON and left < limits.contact_percent and right < limits.contact_percent
    unheld = (at_s if state.unheld_since_s is None else state.unheld_since_s) if released else None

    verdict = Imbalance.NONE
    if total - usual > max(limits.grab_percent, spread) and rate > limits.grab_rate_percent_per_s:
        verdict = Imbalance.GRAB
    elif abs(skew - usual_skew) > max(limits.asymmetry_jump_percent, skew_spread) and skew_rate > limits.grab_rate_percent_per_s:
        verdict = Imbalance.ASYMMETRY
    elif unheld is not None and at_s - unheld > limits.hold_lost_s:
        verdict = Imbalance.HOLD_LOST

    loaded = total > limits.overload_percent
    overload = (at_s if state.overload_since_s is None else state.overload_since_s) if loaded else None
    if learning and verdict is Imbalance.NONE:
        base = learn(base, total, skew, dt_s)
    return RailState(base, recent, unheld, overload, left, right, verdict)
