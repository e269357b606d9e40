"""Leave one person out: each person's recordings are judged by a model fitted, thresholds and all, on everybody else.

The held-out recordings go through `treadctl.core.imbalance.trunk.update`, the code that runs on the belt, sample by sample. What varies a figure (the length
of the calibration, the threshold) is computed from the same model's scores.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from treadctl.core.imbalance.calibration import Calibration, TrunkTuning
from treadctl.core.imbalance.trunk import TrunkState, update
from treadctl.core.imbalance.verdict import LEVEL, Level
from treadctl.core.sample import TrunkMotion
from treadctl.core.thresholds import TrunkThresholds
from treadctl.detector.baselines import kfall_alarms, two_feature_alarms, two_feature_from_s
from treadctl.detector.dataset import GAIT, Dataset, Kind
from treadctl.detector.faulty import FAULTS, spoil
from treadctl.detector.fit import Person, between, fit, scores_of
from treadctl.detector.score import REFRACTORY_S, Outcome, alarms_above, outcome
from treadctl.detector.traces import CALIBRATION_S, Trace, calibrated, judged_from_s, motions, trace
from treadctl.errors import TreadctlError

Array = NDArray[np.float64]

OFFSETS: Final = tuple(float(x) for x in np.arange(-3.0, 3.01, 0.5))
WALK_ONLY: Final = frozenset({Kind.WALK})
LEAST_PERSONS: Final = 4
DETECTOR: Final = "trunk"
UNSTEADY: Final = "trunk, unsteady or worse"
TWO_FEATURES: Final = "two features, 1.25 x own maximum, the same warm-up"
TWO_FEATURES_ALL: Final = "two features, 1.25 x own maximum, warm-up of every gait"
KFALL: Final = "fixed threshold (KFall's method)"
UNCALIBRATED: Final = "no calibration"


@dataclass(frozen=True)
class Fold:
    """One person held out. `outcomes` by the name of what was judged; `roc` by offset of the thresholds; `faults` by sensor fault."""

    person: str
    outcomes: dict[str, list[Outcome]]
    roc: dict[float, list[Outcome]]
    faults: dict[str, list[Outcome]]
    samples: int
    seconds: float
    tuning: TrunkTuning = field(repr=False)


def people_of(dataset: Dataset, calibration_s: float = CALIBRATION_S) -> list[Person]:
    """Everybody with their traces and calibration."""
    with _pool() as pool:
        traces = list(pool.map(trace, dataset.recordings, chunksize=8))
    found = []
    for name in dataset.persons:
        own = tuple(t for t in traces if t.recording.person == name)
        found.append(Person(name, own, calibrated(own, calibration_s), calibration_s))
    return found


def leave_one_out(people: Sequence[Person], calibration_s: float = CALIBRATION_S) -> list[Fold]:
    """A fold for every person who has recordings to be judged on. TC104 where there are too few people to leave one out."""
    if len(people) < LEAST_PERSONS:
        detail = f"{len(people)} person(s): leaving one out needs {LEAST_PERSONS}; a model must never be scored on whom it was fitted to"
        raise TreadctlError("bad_value", "recordings", detail)
    with _pool(people) as pool:
        return list(pool.map(partial(_fold, calibration_s=calibration_s), range(len(people))))


_people: list[Person] = []  # of this worker process


def _pool(people: Sequence[Person] = ()) -> ProcessPoolExecutor:
    """Worker processes that know `people`. Started afresh: a fork after numerical threads have run may hang for ever."""
    return ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"), initializer=_begin, initargs=(people,))


def _begin(people: Sequence[Person]) -> None:
    """One thread a worker: there are as many of them as processors."""
    threadpool_limits(1)
    _people[:] = people


def _fold(index: int, calibration_s: float) -> Fold:
    person, others = _people[index], [p for i, p in enumerate(_people) if i != index]
    try:
        tuning = fit(others)
    except ValueError as error:
        raise TreadctlError("bad_value", "recordings", str(error)) from error
    outcomes: dict[str, list[Outcome]] = {DETECTOR: [], UNSTEADY: []}
    begun, samples = time.perf_counter(), 0
    for one in person.traces:
        from_s = judged_from_s(one.recording, calibration_s)
        stops, holds = alarms_live(motions(one.recording), person.calibration, tuning, one.recording.kind in GAIT)
        outcomes[DETECTOR].append(outcome(one.recording, stops, from_s))
        outcomes[UNSTEADY].append(outcome(one.recording, holds, from_s))
        samples += len(one.intensity)
    seconds = time.perf_counter() - begun
    for name, calibration in _calibrations(person):
        outcomes[name] = [_above(t, _excess(t, calibration, tuning), calibration_s) for t in person.traces]
    own = [t.recording for t in person.traces]
    outcomes[KFALL] = [outcome(r, kfall_alarms(r, calibration_s), judged_from_s(r, calibration_s)) for r in own]
    for name, every in ((TWO_FEATURES, False), (TWO_FEATURES_ALL, True)):
        outcomes[name] = two_feature_outcomes(person.traces, every, calibration_s)
    excesses = [_excess(t, person.calibration, tuning) for t in person.traces]
    roc = {offset: [_above(t, excess - offset, calibration_s) for t, excess in zip(person.traces, excesses, strict=True)] for offset in OFFSETS}
    faults = {name: list(_under_fault(person, name, tuning, calibration_s)) for name in FAULTS}
    return Fold(person.name, outcomes, roc, faults, samples, seconds, tuning)


def alarms_live(
    samples: Iterable[tuple[float, TrunkMotion | None]], calibration: Calibration, tuning: TrunkTuning, walks: bool
) -> tuple[list[float], list[float]]:
    """Instants (s from the first sample) of stops and of holds or stops, by the core's own code. `walks`: as on a moving belt."""
    thresholds = TrunkThresholds()
    state = TrunkState(calibration=calibration)
    stops: list[float] = []
    holds: list[float] = []
    first_s: float | None = None
    for at_s, motion in samples:
        first_s = at_s if first_s is None else first_s
        state = update(state, at_s, motion, False, walks, tuning, thresholds)
        level = LEVEL[state.verdict]
        for found, least in ((stops, Level.LOSING_BALANCE), (holds, Level.UNSTEADY)):
            if level >= least and (not found or at_s - first_s - found[-1] >= REFRACTORY_S):
                found.append(at_s - first_s)
    return stops, holds


def _calibrations(person: Person) -> list[tuple[str, Calibration]]:
    """What the warm-up might have been, and what was learnt of it."""
    found: list[tuple[str, Calibration]] = [(UNCALIBRATED, Calibration())]
    for seconds in (10.0, 20.0, 50.0):
        found.append((f"{seconds:.0f} s of walking", calibrated(person.traces, seconds, WALK_ONLY)))
        found.append((f"{seconds:.0f} s of walking and of jogging", calibrated(person.traces, seconds)))
    return found


def _excess(one: Trace, calibration: Calibration, tuning: TrunkTuning) -> Array:
    """By how much the score passes the threshold of losing balance, at each sample."""
    unknown = between(one.intensity, calibration.walking.unknown, calibration.running.unknown)
    threshold = between(one.intensity, *tuning.losing) + unknown * TrunkThresholds().population_margin
    return np.asarray(scores_of(one, calibration.limits(tuning), tuning) - threshold)


def _above(one: Trace, excess: Array, calibration_s: float) -> Outcome:
    from_s = judged_from_s(one.recording, calibration_s)
    return outcome(one.recording, alarms_above(one.time_s, excess, from_s), from_s)


def two_feature_outcomes(traces: Sequence[Trace], every_gait: bool, calibration_s: float) -> list[Outcome]:
    """The two-feature baseline over one person's traces."""
    found = zip(traces, two_feature_alarms(traces, every_gait, calibration_s), strict=True)
    return [outcome(t.recording, alarms, two_feature_from_s(t.recording, every_gait, calibration_s)) for t, alarms in found]


def _under_fault(person: Person, name: str, tuning: TrunkTuning, calibration_s: float) -> Iterable[Outcome]:
    """Gait that did not calibrate, and every fifth fall, of this person with a faulty sensor, through the core's own code."""
    wanted = [t for t in person.traces if t.recording.kind in GAIT and not t.recording.calibration]
    wanted += [t for t in person.traces if t.recording.kind is Kind.FALL][::5]
    for one in wanted:
        stops, _ = alarms_live(spoil(one.recording, name), person.calibration, tuning, one.recording.kind in GAIT)
        yield outcome(one.recording, stops, judged_from_s(one.recording, calibration_s))
