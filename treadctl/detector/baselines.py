"""What the detector has to beat, run over the same recordings in the same way: two published simple detectors.

Both are causal. Their figures in the literature are quoted in docs/explanation/imbalance.md; those printed by the evaluation are measured in the same run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from treadctl.core.imbalance.inertia import FEATURES
from treadctl.core.imbalance.thresholds import TrunkThresholds
from treadctl.core.units import STANDARD_GRAVITY_MPS2
from treadctl.detector.dataset import Kind, Recording
from treadctl.detector.score import alarms_above
from treadctl.detector.traces import CALIBRATION_S, Trace, judged_from_s

Array = NDArray[np.float64]

LIMIT_OF_OWN_MAXIMUM: Final = 1.25
TWO: Final = (FEATURES.index("speed of fall against its trend"), FEATURES.index("rotation of half a second"))
FALL_TAU_S: Final = 0.4
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


def two_feature_alarms(traces: Sequence[Trace], every_gait: bool, calibration_s: float = CALIBRATION_S) -> list[list[float]]:
    """Alarms of the two-feature threshold for one person's traces: speed of fall or rotation beyond 1.25 times its own largest in the warm-up.

    The warm-up is what calibrates our detector, or, with `every_gait`, the first part of every walk and jog (as published: then judge only the rest).
    """
    settle_s = TrunkThresholds().settle_s
    gait = {Kind.WALK, Kind.JOG}
    own = [
        t.features[(t.time_s >= settle_s) & (t.time_s < settle_s + calibration_s)][:, TWO].max(axis=0)
        for t in traces
        if (t.recording.kind in gait if every_gait else t.recording.calibration)
    ]
    if not own:
        return [[] for _ in traces]
    limits = LIMIT_OF_OWN_MAXIMUM * np.max(own, axis=0)
    found = []
    for one in traces:
        from_s = settle_s + calibration_s if every_gait and one.recording.kind in gait else judged_from_s(one.recording, calibration_s)
        found.append(alarms_above(one.time_s, (one.features[:, TWO] / limits).max(axis=1) - 1.0, from_s))
    return found


def kfall_alarms(recording: Recording, calibration_s: float = CALIBRATION_S) -> list[float]:
    """Alarms of the fixed threshold of KFall's authors: |force| < 0.8 g with a vertical speed > 0.3 m/s, then a tilt > 25 degrees within ten frames."""
    step_s = steps_of(recording)
    force = np.sqrt((lagged(recording.force_g, step_s, 1.0 / (2.0 * math.pi * KFALL_SMOOTH_HZ)) ** 2).sum(axis=1))
    falling = leaky((1.0 - force) * STANDARD_GRAVITY_MPS2, step_s, FALL_TAU_S)
    first = (force < KFALL_FORCE_G) & (falling > KFALL_SPEED_MPS)
    tilted = tilt_deg(recording, step_s) > KFALL_TILT_DEG
    time_s = recording.time_s - recording.time_s[0]
    last_first = np.maximum.accumulate(np.where(first, time_s, -np.inf))
    return alarms_above(time_s, tilted & (time_s - last_first <= KFALL_WITHIN_S), judged_from_s(recording, calibration_s))


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
