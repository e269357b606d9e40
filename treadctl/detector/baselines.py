"""What the detector has to beat, run over the same recordings in the same way: two published simple detectors.

Both are causal. Their figures in the literature are quoted in docs/explanation/imbalance.md; those printed by the evaluation are measured in the same run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from treadctl.core.units import STANDARD_GRAVITY_MPS2
from treadctl.detector.dataset import Recording
from treadctl.detector.score import REFRACTORY_S
from treadctl.detector.traces import CALIBRATION_S, judged_from_s

Array = NDArray[np.float64]

LIMIT_OF_OWN_MAXIMUM: Final = 1.25
FALL_TAU_S: Final = 0.4
TREND_TAU_S: Final = 2.0
ROTATION_TAU_S: Final = 0.5
KFALL_FORCE_G: Final = 0.8
KFALL_SPEED_MPS: Final = 0.3
KFALL_TILT_DEG: Final = 25.0
KFALL_WITHIN_S: Final = 0.1  # ten frames at 100 Hz
KFALL_SMOOTH_HZ: Final = 5.0
KFALL_COMPLEMENTARY_S: Final = 1.0


def steps_of(recording: Recording) -> Array:
    """Seconds between samples, the first as the second."""
    steps = np.diff(recording.time_s)
    return np.concatenate([steps[:1], steps])


def leaky(signal: Array, step_s: Array, tau_s: float) -> Array:
    """The integral that forgets with `tau_s`: (n,) or (n, 3)."""
    out = np.empty_like(signal)
    now = np.zeros(signal.shape[1:])
    for index, (value, dt) in enumerate(zip(signal, step_s, strict=True)):
        now = now + (value - now / tau_s) * dt
        out[index] = now
    return out


def lagged(signal: Array, step_s: Array, tau_s: float) -> Array:
    """The first-order lag of (n,) or (n, 3), beginning at the first value."""
    out = np.empty_like(signal)
    now = signal[0]
    for index, (value, dt) in enumerate(zip(signal, step_s, strict=True)):
        now = now + (value - now) * min(1.0, dt / tau_s)
        out[index] = now
    return out


def two_features(recording: Recording) -> Array:
    """(n, 2): the fall-speed proxy, m/s (leaky integral of 1 - |force|, less its trend), and trunk rotation, degrees (leaky integral of the gyroscope)."""
    step_s = steps_of(recording)
    lack = (1.0 - np.sqrt((recording.force_g**2).sum(axis=1))) * STANDARD_GRAVITY_MPS2
    fall = leaky(lack, step_s, FALL_TAU_S)
    turn = leaky(recording.rate_dps, step_s, ROTATION_TAU_S)
    return np.stack([fall - lagged(fall, step_s, TREND_TAU_S), np.sqrt((turn**2).sum(axis=1))], axis=1)


def two_feature_alarms(recordings: Sequence[Recording], calibration_s: float = CALIBRATION_S) -> list[list[float]]:
    """Alarms of the two-feature threshold for one person's recordings: either feature beyond 1.25 times its own largest in the warm-up gait."""
    features = [two_features(r) for r in recordings]
    own = [f[(t >= 1.0) & (t < calibration_s)].max(axis=0) for r, f in zip(recordings, features, strict=True) if r.calibration for t in [r.time_s - r.time_s[0]]]
    if not own:
        return [[] for _ in recordings]
    limits = LIMIT_OF_OWN_MAXIMUM * np.max(own, axis=0)
    return [_onsets(r, (f > limits).any(axis=1), calibration_s) for r, f in zip(recordings, features, strict=True)]


def kfall_alarms(recording: Recording, calibration_s: float = CALIBRATION_S) -> list[float]:
    """Alarms of the fixed threshold of KFall's authors: |force| < 0.8 g with a vertical speed > 0.3 m/s, then a tilt > 25 degrees within ten frames."""
    step_s = steps_of(recording)
    force = np.sqrt((lagged(recording.force_g, step_s, 1.0 / (2.0 * math.pi * KFALL_SMOOTH_HZ)) ** 2).sum(axis=1))
    falling = leaky((1.0 - force) * STANDARD_GRAVITY_MPS2, step_s, FALL_TAU_S)
    first = (force < KFALL_FORCE_G) & (falling > KFALL_SPEED_MPS)
    tilted = tilt_deg(recording, step_s) > KFALL_TILT_DEG
    time_s = recording.time_s - recording.time_s[0]
    last_first = np.maximum.accumulate(np.where(first, time_s, -np.inf))
    return _onsets(recording, tilted & (time_s - last_first <= KFALL_WITHIN_S), calibration_s)


def tilt_deg(recording: Recording, step_s: Array) -> Array:
    """Angle between gravity and its direction in the first second, degrees, by a complementary filter."""
    gravity = recording.force_g[0]
    out = np.empty(len(step_s))
    start = recording.force_g[: max(1, round(1.0 / float(np.median(step_s))))].mean(axis=0)
    start = start / max(float(np.linalg.norm(start)), 1e-9)
    radians = np.radians(recording.rate_dps)
    for index, (force, rate, dt) in enumerate(zip(recording.force_g, radians, step_s, strict=True)):
        gx, gy, gz = gravity
        wx, wy, wz = rate
        turned = np.array([gx - (wy * gz - wz * gy) * dt, gy - (wz * gx - wx * gz) * dt, gz - (wx * gy - wy * gx) * dt])
        gravity = turned + (force - turned) * (dt / KFALL_COMPLEMENTARY_S)
        out[index] = float(gravity @ start) / max(float(np.linalg.norm(gravity)), 1e-9)
    return np.asarray(np.degrees(np.arccos(np.clip(out, -1.0, 1.0))))


def _onsets(recording: Recording, above: NDArray[np.bool_], calibration_s: float) -> list[float]:
    time_s = recording.time_s - recording.time_s[0]
    found: list[float] = []
    for at_s in time_s[above & (time_s >= judged_from_s(recording, calibration_s))]:
        if not found or at_s - found[-1] >= REFRACTORY_S:
            found.append(float(at_s))
    return found
