"""Fitting the trunk model: a regularised logistic regression on the core's own inputs, and thresholds that stand for a rate of false stops.

Positive are the samples of a fall from 500 to 150 ms before its impact; negative is all else before it, gait, stairs, jumps and stumbles. The hundred
milliseconds before the impact teach nothing: an alarm there comes too late. Thresholds are chosen on scores of people the model of that fold had not seen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from treadctl.core.imbalance.calibration import RUN_ABOVE_G, SPREADS, WALK_BELOW_G, Calibration, Peaks, TrunkTuning
from treadctl.core.imbalance.trunk import CLIP, FULL_INTENSITY_G, LAG_S, MAX_INTENSITY
from treadctl.detector.dataset import Kind
from treadctl.detector.score import alarms_above
from treadctl.detector.traces import Trace, judged_from_s

Array = NDArray[np.float64]

POSITIVE_S: Final = (0.5, 0.15)
QUIET_S: Final = 1.6  # before an impact, nothing of a fall has begun
NEGATIVE_EVERY_S: Final = 0.04
COARSE: Final = 3  # times fewer examples where only thresholds are sought
POSITIVE_EVERY_S: Final = 0.01
WEIGHTS: Final[Mapping[Kind, float]] = {Kind.STUMBLE: 10.0, Kind.JUMP: 0.3}
"""A stumble looks like a fall that was caught: without this weight it is taken for one. A gentle jump on the spot is not what a belt sees."""
PENALTY_C: Final = 0.05
FOLDS: Final = 3
MAX_STUMBLES: Final = 0.11  # stopped, among people not fitted on; the goal for new people is 15 %
STOPS_PER_H: Final = (0.2, 0.5)  # false stops an hour of walking and of jogging that the thresholds stand for
ABOVE_HIGHEST: Final = 1.25  # but no higher than this above what anybody unseen ever scored: a few odd people stretch the tail
UNSTEADY_PER_H: Final = 1.0  # false holds an hour
TAIL_SHARE: Final = 0.02  # of all seconds, taken for the tail
LEAST_TAIL_S: Final = 120


@dataclass(frozen=True)
class Person:
    """One person's traces and what was learnt of their gait."""

    name: str
    traces: tuple[Trace, ...]
    calibration: Calibration
    calibration_s: float  # of each calibrating recording


def population(people: Sequence[Person]) -> tuple[Peaks, Peaks]:
    """Other people's limits, walking and running: the geometric means of their own."""
    found: list[Peaks] = []
    for gait in ("walking", "running"):
        known = [getattr(p.calibration, gait) for p in people if getattr(p.calibration, gait).blocks > 0]
        if not known:
            raise ValueError(f"nobody has a recording of {gait} to calibrate on")
        own = [np.asarray(g.mean) + SPREADS * np.sqrt(g.var) for g in known]
        found.append(tuple(float(x) for x in np.exp(np.mean(np.log(own), axis=0))))
    return found[0], found[1]


def inputs_of(trace: Trace, limits: Peaks) -> Array:
    """The model's inputs (n, 19), as `core.imbalance.trunk.update` makes them."""
    scaled = np.clip(trace.features / np.asarray(limits), -CLIP, CLIP)
    time_s = trace.time_s
    before = np.maximum(np.searchsorted(time_s, time_s - LAG_S + 1e-9, side="right") - 1, 0)
    intensity = np.minimum(MAX_INTENSITY, trace.intensity / FULL_INTENSITY_G)
    return np.concatenate([scaled, intensity[:, None], scaled[before]], axis=1)


def expand(inputs: Array) -> Array:
    """Inputs and all their products, i <= j: the terms of the quadratic form."""
    i, j = np.triu_indices(inputs.shape[1])
    return np.concatenate([inputs, inputs[:, i] * inputs[:, j]], axis=1)


def examples(people: Sequence[Person], bare: TrunkTuning, coarse: int) -> tuple[Array, NDArray[np.int_], Array]:
    """Inputs, labels and weights of everybody's samples."""
    parts: list[Array] = []
    labels: list[NDArray[np.int_]] = []
    weights: list[Array] = []

    def add(rows: Array, label: int, weight: float) -> None:
        parts.append(rows)
        labels.append(np.full(len(rows), label))
        weights.append(np.full(len(rows), weight))

    for person in people:
        for trace in person.traces:
            recording, time_s = trace.recording, trace.time_s
            inputs = inputs_of(trace, person.calibration.limits(bare))
            step_s = float(np.median(np.diff(time_s)))
            begin = int(np.searchsorted(time_s, 1.0))
            every = max(1, round(coarse * NEGATIVE_EVERY_S / step_s))
            if recording.kind is Kind.FAINT:
                continue  # slow, without a struggle: it is judged, not taught
            if recording.kind is Kind.FALL:
                impact_s = time_s[recording.impact]
                a, b = (max(begin, int(np.searchsorted(time_s, impact_s - s))) for s in POSITIVE_S)
                add(inputs[a : b : max(1, round(coarse * POSITIVE_EVERY_S / step_s))], 1, 1.0)
                add(inputs[begin : max(begin + 1, int(np.searchsorted(time_s, impact_s - QUIET_S))) : every], 0, 1.0)
            else:
                add(inputs[begin::every], 0, WEIGHTS.get(recording.kind, 1.0))
    return np.concatenate(parts), np.concatenate(labels), np.concatenate(weights)


def regress(people: Sequence[Person], coarse: int = 1) -> TrunkTuning:
    """The model without thresholds: bias, rows and population limits."""
    walking, running = population(people)
    bare = TrunkTuning(0.0, (), walking, running, (0.0, 0.0), (0.0, 0.0))
    rows, labels, weights = examples(people, bare, coarse)
    scaler = StandardScaler()
    model = LogisticRegression(C=PENALTY_C, solver="newton-cholesky", max_iter=60, tol=1e-5)
    with threadpool_limits(1):  # the same sums in the same order on every machine, and workers do not crowd one another
        model.fit(scaler.fit_transform(expand(rows)), labels, sample_weight=weights)
    slope = model.coef_[0] / scaler.scale_
    bias = float(model.intercept_[0] - slope @ scaler.mean_)
    size = rows.shape[1]
    products = np.zeros((size, size))
    products[np.triu_indices(size)] = slope[size:]
    table = tuple((float(slope[i]), *(float(x) for x in products[i, i:])) for i in range(size))
    return TrunkTuning(bias, table, walking, running, (0.0, 0.0), (0.0, 0.0))


def scores_of(trace: Trace, limits: Peaks, tuning: TrunkTuning) -> Array:
    """The model's log-odds at every sample, the same as `core.imbalance.trunk.weigh`."""
    inputs = inputs_of(trace, limits)
    size = inputs.shape[1]
    products = np.zeros((size, size))
    for i, row in enumerate(tuning.rows):
        products[i, i:] = row[1:]
    linear = np.asarray([row[0] for row in tuning.rows])
    return np.asarray(tuning.bias + inputs @ linear + ((inputs @ products) * inputs).sum(axis=1))


@dataclass(frozen=True)
class Unseen:
    """A trace with the scores of a model that had not seen its person."""

    trace: Trace
    score: Array
    from_s: float  # judged from there on


def unseen_scores(people: Sequence[Person], folds: int = FOLDS) -> list[Unseen]:
    """Scores of everybody by a model of the others, in `folds` groups of people."""
    found: list[Unseen] = []
    for fold in range(min(folds, len(people))):
        tuning = regress([p for index, p in enumerate(people) if index % folds != fold], COARSE)
        for person in people[fold::folds]:
            limits = person.calibration.limits(tuning)
            found.extend(Unseen(trace, scores_of(trace, limits, tuning), judged_from_s(trace.recording, person.calibration_s)) for trace in person.traces)
    return found


@dataclass(frozen=True, slots=True)
class Tail:
    """How often steady gait scores high: above `from_score`, `per_hour` seconds an hour do, and e times fewer for each `scale` of score more."""

    from_score: float
    per_hour: float
    scale: float
    highest: float  # that was ever seen

    def threshold(self, per_hour: float) -> float:
        """The score passed `per_hour` times an hour."""
        return self.from_score + self.scale * math.log(max(self.per_hour / per_hour, 1.0))


def tail_of(unseen: Sequence[Unseen], kind: Kind) -> Tail:
    """The exponential tail of the highest score of each second of gait (peaks over threshold), over people the model had not seen."""
    peaks: list[float] = []
    for one in unseen:
        if one.trace.recording.kind is kind:
            time_s = one.trace.time_s
            seconds = np.searchsorted(time_s, np.arange(one.from_s, time_s[-1], 1.0))
            peaks.extend(np.maximum.reduceat(one.score, seconds).tolist())
    if len(peaks) < LEAST_TAIL_S:
        raise ValueError(f"{len(peaks)} s of {kind.value} to choose a threshold on; {LEAST_TAIL_S} are needed")
    ordered = np.sort(peaks)
    above = ordered[-max(10, round(TAIL_SHARE * len(ordered))) :]
    return Tail(float(above[0]), 3600.0 * len(above) / len(ordered), float(np.mean(above - above[0])), float(ordered[-1]))


def with_thresholds(tuning: TrunkTuning, unseen: Sequence[Unseen]) -> TrunkTuning:
    """The same model with thresholds: where the tails of walking and jogging say STOPS_PER_H, and higher until few stumbles are stopped."""
    tails = tail_of(unseen, Kind.WALK), tail_of(unseen, Kind.JOG)
    walking, running = (min(tail.threshold(rate), tail.highest + ABOVE_HIGHEST) for tail, rate in zip(tails, STOPS_PER_H, strict=True))
    stumbles = [u for u in unseen if u.trace.recording.kind is Kind.STUMBLE]
    more = 0.0
    while stumbles:
        pair = walking + more, max(running, walking + more)
        stopped = sum(bool(alarms_above(u.trace.time_s, u.score - between(u.trace.intensity, *pair), 2.0)) for u in stumbles)
        if stopped <= MAX_STUMBLES * len(stumbles):
            break
        more += 0.125
    losing = (walking + more, max(running, walking + more))
    loose = tuple(min(high - 1.0, max(high - 2.0, tail.threshold(UNSTEADY_PER_H))) for high, tail in zip(losing, tails, strict=True))
    return TrunkTuning(tuning.bias, tuning.rows, tuning.walking, tuning.running, losing, (loose[0], max(loose)))


def between(intensity: Array, walking: float, running: float) -> Array:
    """The threshold at each intensity, as `TrunkTuning.threshold` has it."""
    share = np.clip((intensity - WALK_BELOW_G) / (RUN_ABOVE_G - WALK_BELOW_G), 0.0, 1.0)
    return np.asarray(walking + share * (running - walking))


def fit(people: Sequence[Person]) -> TrunkTuning:
    """The whole tuning. Raises ValueError where the recordings do not suffice: nobody to calibrate on, too little gait, no falls."""
    return with_thresholds(regress(people), unseen_scores(people))
