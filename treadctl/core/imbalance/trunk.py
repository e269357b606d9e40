"""Imbalance from an inertial sensor worn at the waist: the features of a fall, in parts of this person's own gait, weighed into one score.

The score is a quadratic form of the features now and 50 ms ago: the log-odds that a fall is under way, as fitted on recordings; the thresholds on it stand
for a rate of false stops (docs/explanation/waist.md). Any rate from 50 Hz; time is taken from the samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import IntEnum
from operator import mul

from treadctl.core.imbalance import inertia as waist
from treadctl.core.imbalance.calibration import Calibration, Peaks, TrunkTuning
from treadctl.core.imbalance.inertia import FEATURES, Memory
from treadctl.core.imbalance.verdict import Imbalance
from treadctl.core.sample import TrunkMotion
from treadctl.core.thresholds import TrunkThresholds

LAG_S, MIN_DT_S = 0.05, 0.001  # what comes sooner than the second is the same sample again
CLIP, CREDIBLE = 4.0, 1e5  # no input counts for more than the first; no sensor shows more than the second (g, degrees/s), whose square is finite
FULL_INTENSITY_G, MAX_INTENSITY = 0.6, 2.0
TILT, RATE = FEATURES.index("tilt from upright"), FEATURES.index("rate of rotation")


class Trust(IntEnum):
    """How far the trunk sensor is believed."""

    ABSENT = 0  # nothing came yet
    LOST = 1  # it was there and is gone, or what it says cannot be: no more for this session
    SETTLING = 2  # its filters have just begun
    POPULATION = 3  # the limits are other people's
    PERSONAL = 4  # the limits are the person's own


@dataclass(frozen=True, slots=True)
class TrunkState:
    """The detector's memory. `past` holds (instant s, inputs) of the last 50 ms; `score` is the log-odds at the newest sample."""

    trust: Trust = Trust.ABSENT
    calibration: Calibration = Calibration()
    limits: Peaks = ()
    at_s: float = -math.inf
    believed_s: float = 0.0  # when it was last above SETTLING
    motion: TrunkMotion | None = None
    memory: Memory = waist.REST
    past: tuple[tuple[float, Peaks], ...] = ()
    features: Peaks = (0.0,) * len(FEATURES)
    score: float = -math.inf
    tilted_s: float = 0.0
    doubted_s: float = 0.0
    still_s: float = 0.0
    given_up: bool = False  # at this very sample
    verdict: Imbalance = Imbalance.NONE


def weigh(inputs: Peaks, tuning: TrunkTuning) -> float:
    """The log-odds of these inputs: bias + sum over i of x_i (a_i + sum over j >= i of b_ij x_j)."""
    score = tuning.bias
    for i, (x, row) in enumerate(zip(inputs, tuning.rows, strict=True)):
        score += x * (row[0] + sum(map(mul, row[1:], inputs[i:])))
    return score


def update(state: TrunkState, at_s: float, motion: TrunkMotion | None, learning: bool, walks: bool, tuning: TrunkTuning, limits: TrunkThresholds) -> TrunkState:
    """The state after what the sensor showed at `at_s`; `motion` None = nothing fresh came by then. `walks`: the belt moves under the person. About 30 µs.

    The same sample seen again changes nothing, and one exactly like it is no news. A hole starts the fast filters anew; a second without news, some
    seconds of stutter, or of lying still while the belt moves (in a bag, on the console), end the trust for good.
    """
    if state.trust is Trust.LOST:
        return replace(state, given_up=False) if state.given_up else state
    dt = at_s - state.at_s
    if not (dt > MIN_DT_S):
        return state
    if motion is None or motion == state.motion or not all(abs(x) < CREDIBLE for x in (*motion.force_g, *motion.rate_dps)):
        return _missing(state, at_s, limits)
    if dt > limits.max_gap_s:
        calibration = state.calibration.spoil()
        believed_s = at_s if state.trust is Trust.ABSENT else state.believed_s
        memory, dt = waist.bridged(state.memory), 0.01
        state = TrunkState(Trust.SETTLING, calibration, calibration.limits(tuning), at_s, believed_s, memory=memory, tilted_s=state.tilted_s)
    memory, features = waist.follow(state.memory, motion, dt)
    doubted_s = 0.0 if limits.least_weight_g <= memory[waist.WEIGHT] <= limits.most_weight_g else state.doubted_s + dt
    still_s = state.still_s + dt if walks and features[RATE] < limits.still_dps else 0.0
    if doubted_s > limits.doubt_s or still_s > limits.still_s or at_s - state.believed_s > limits.stutter_s:
        return replace(state, trust=Trust.LOST, at_s=at_s, score=-math.inf, given_up=True, verdict=Imbalance.NONE)

    intensity = waist.intensity(memory)
    scaled = tuple(min(CLIP, max(-CLIP, f / limit)) for f, limit in zip(features, state.limits, strict=True))
    past = (*state.past, (at_s, scaled))
    while len(past) > 1 and past[1][0] <= at_s - LAG_S:
        past = past[1:]
    score = weigh((*scaled, min(MAX_INTENSITY, intensity / FULL_INTENSITY_G), *past[0][1]), tuning)
    tilted_s = state.tilted_s + dt if features[TILT] > limits.down_deg else 0.0

    calibration, own = state.calibration, state.limits
    trust = Trust.PERSONAL if state.calibration.blocks >= limits.calibrated_s else Trust.POPULATION
    if memory[waist.AGE] < limits.settle_s or memory[waist.SINCE] < limits.bridge_settle_s:
        trust = Trust.SETTLING
    verdict = Imbalance.NONE
    if trust > Trust.SETTLING:
        verdict = _judge(score, intensity, tilted_s, state.calibration.unknown(intensity), tuning, limits)
        if learning:
            calibration = calibration.learn(features, intensity, dt) if verdict is Imbalance.NONE else calibration.spoil()
            if calibration.walking is not state.calibration.walking or calibration.running is not state.calibration.running:
                own = calibration.limits(tuning)
    believed_s = at_s if trust > Trust.SETTLING else state.believed_s
    return TrunkState(trust, calibration, own, at_s, believed_s, motion, memory, past, features, score, tilted_s, doubted_s, still_s, False, verdict)


def _judge(score: float, intensity: float, tilted_s: float, unknown: float, tuning: TrunkTuning, limits: TrunkThresholds) -> Imbalance:
    if tilted_s > limits.down_s:
        return Imbalance.TRUNK_DOWN
    score -= unknown * limits.population_margin
    if not (score <= tuning.threshold(tuning.losing, intensity)):
        return Imbalance.TRUNK_FALLING
    return Imbalance.NONE if score <= tuning.threshold(tuning.unsteady, intensity) else Imbalance.TRUNK_UNSTEADY


def _missing(state: TrunkState, at_s: float, limits: TrunkThresholds) -> TrunkState:
    """Nothing fresh by `at_s`: what was said is withdrawn, and after a while the sensor is given up."""
    if state.trust is Trust.ABSENT or not (at_s - state.at_s > limits.max_gap_s):
        return state
    lost = at_s - state.at_s > limits.lost_s or at_s - state.believed_s > limits.stutter_s
    return replace(state, trust=Trust.LOST if lost else Trust.SETTLING, score=-math.inf, given_up=lost, verdict=Imbalance.NONE)
