"""Recordings as the live detector sees them: its own features of every sample, and the calibration it would have learnt in a warm-up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from treadctl.core.imbalance.calibration import Calibration
from treadctl.core.imbalance.inertia import FEATURES, REST, follow
from treadctl.core.imbalance.inertia import intensity as intensity_of
from treadctl.core.sample import TrunkMotion
from treadctl.core.thresholds import TrunkThresholds
from treadctl.detector.dataset import GAIT, Kind, Recording

Array = NDArray[np.float64]

CALIBRATION_S: Final = 50.0  # of each calibrating activity, as the published baseline had it


@dataclass(frozen=True)
class Trace:
    """One recording with `features` (n, 9) and `intensity` (n,), as `core.imbalance.inertia` computes them."""

    recording: Recording
    features: Array
    intensity: Array

    @property
    def time_s(self) -> Array:
        """Seconds from the first sample."""
        return np.asarray(self.recording.time_s - self.recording.time_s[0])


def motions(recording: Recording) -> Iterator[tuple[float, TrunkMotion]]:
    """(instant s, motion) of each sample, as plain numbers."""
    for at_s, force, rate in zip(recording.time_s.tolist(), recording.force_g.tolist(), recording.rate_dps.tolist(), strict=True):
        yield at_s, TrunkMotion((force[0], force[1], force[2]), (rate[0], rate[1], rate[2]))


def trace(recording: Recording) -> Trace:
    """Run the core's filters over a recording."""
    memory, last_s = REST, float(recording.time_s[0]) - 0.01
    features, intensity = np.empty((len(recording.time_s), len(FEATURES))), np.empty(len(recording.time_s))
    for index, (at_s, motion) in enumerate(motions(recording)):
        memory, features[index] = follow(memory, motion, at_s - last_s)
        intensity[index] = intensity_of(memory)
        last_s = at_s
    return Trace(recording, features, intensity)


def calibrated(traces: Iterable[Trace], seconds: float = CALIBRATION_S, kinds: frozenset[Kind] = GAIT) -> Calibration:
    """What is learnt from the first `seconds` (after settling) of this person's calibrating recordings of `kinds`."""
    settle_s = TrunkThresholds().settle_s
    calibration = Calibration()
    for one in traces:
        if not one.recording.calibration or one.recording.kind not in kinds:
            continue
        time_s = one.time_s
        until = int(np.searchsorted(time_s, settle_s + seconds))
        start = int(np.searchsorted(time_s, settle_s))
        step_s = np.diff(time_s, prepend=time_s[0])
        for index in range(start, until):
            calibration = calibration.learn(tuple(one.features[index].tolist()), float(one.intensity[index]), float(step_s[index]))
        calibration = calibration.spoil()
    return calibration


def judged_from_s(recording: Recording, seconds: float = CALIBRATION_S) -> float:
    """The instant, s, from which this recording is judged: after settling, and after what serves as calibration."""
    return TrunkThresholds().settle_s + (seconds if recording.calibration else 0.0)
