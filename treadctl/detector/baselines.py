"""What the detector has to beat, run over the same recordings in the same way: two published simple detectors.

Both are causal. Their figures in the literature are quoted in docs/explanation/waist.md; those printed by the evaluation are measured in the same run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from treadctl.core.imbalance.inertia import FEATURES
from treadctl.core.thresholds import TrunkThresholds
from treadctl.core.units import STANDARD_GRAVITY_MPS2
from treadctl.detector.dataset import GAIT, Recording
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


def leaky(signal: Array, dt_s: float, tau_s: float) -> Array:
    """The integral that forgets with `tau_s`, along the first axis."""
    return np.asarray(lfilter([dt_s], [1.0, dt_s / tau_s - 1.0], signal, axis=0))


def lagged(signal: Array, dt_s: float, tau_s: float) -> Array:
    """The first-order lag along the first axis, beginning at the first value."""
    keep = 1.0 - min(1.0, dt_s / tau_s)
    found, _ = lfilter([1.0 - keep], [1.0, -keep], signal, axis=0, zi=keep * signal[:1])
    return np.asarray(found)


def two_feature_alarms(traces: Sequence[Trace], every_gait: bool, calibration_s: float = CALIBRATION_S) -> list[list[float]]:
    """Alarms of the two-feature threshold for one person's traces: speed of fall or rotation beyond 1.25 times its own largest in the warm-up.

    The warm-up is what calibrates our detector, or, with `every_gait`, the first part of every walk and jog (as published: then judge only the rest).
    """
    settle_s = TrunkThresholds().settle_s
    own = [
        t.features[(t.time_s >= settle_s) & (t.time_s < settle_s + calibration_s)][:, TWO].max(axis=0)
        for t in traces
        if (t.recording.kind in GAIT if every_gait else t.recording.calibration)
    ]
    if not own:
        return [[] for _ in traces]
    limits = LIMIT_OF_OWN_MAXIMUM * np.max(own, axis=0)
    found = []
    for one in traces:
        from_s = two_feature_from_s(one.recording, every_gait, calibration_s)
        found.append(alarms_above(one.time_s, (one.features[:, TWO] / limits).max(axis=1) - 1.0, from_s))
    return found


def two_feature_from_s(recording: Recording, every_gait: bool, calibration_s: float) -> float:
    """The instant from which a recording is judged, s: after its part of the warm-up."""
    return TrunkThresholds().settle_s + calibration_s if every_gait and recording.kind in GAIT else judged_from_s(recording, calibration_s)


def kfall_alarms(recording: Recording, calibration_s: float = CALIBRATION_S) -> list[float]:
    """Alarms of the fixed threshold of KFall's authors: |force| < 0.8 g with a vertical speed > 0.3 m/s, then a tilt > 25 degrees within ten frames."""
    dt_s = float(np.median(np.diff(recording.time_s)))
    force = np.sqrt((lagged(recording.force_g, dt_s, 1.0 / (2.0 * math.pi * KFALL_SMOOTH_HZ)) ** 2).sum(axis=1))
    falling = leaky((1.0 - force) * STANDARD_GRAVITY_MPS2, dt_s, FALL_TAU_S)
    first = (force < KFALL_FORCE_G) & (falling > KFALL_SPEED_MPS)
    tilted = tilt_deg(recording) > KFALL_TILT_DEG
    time_s = recording.time_s - recording.time_s[0]
    last_first = np.maximum.accumulate(np.where(first, time_s, -np.inf))
    return alarms_above(time_s, tilted & (time_s - last_first <= KFALL_WITHIN_S), judged_from_s(recording, calibration_s))


def tilt_deg(recording: Recording) -> Array:
    """Angle between gravity and its direction in the first second, degrees, by a complementary filter."""
    dt_s = float(np.median(np.diff(recording.time_s)))
    start = recording.force_g[: max(1, round(1.0 / dt_s))].mean(axis=0)
    sx, sy, sz = (start / max(float(np.linalg.norm(start)), 1e-9)).tolist()
    gx, gy, gz = recording.force_g[0].tolist()
    keep = dt_s / KFALL_COMPLEMENTARY_S
    out = []
    for (ax, ay, az), (wx, wy, wz) in zip(recording.force_g.tolist(), (np.radians(recording.rate_dps) * dt_s).tolist(), strict=True):
        gx, gy, gz = gx - (wy * gz - wz * gy), gy - (wz * gx - wx * gz), gz - (wx * gy - wy * gx)
        gx, gy, gz = gx + (ax - gx) * keep, gy + (ay - gy) * keep, gz + (az - gz) * keep
        out.append((gx * sx + gy * sy + gz * sz) / max(math.sqrt(gx * gx + gy * gy + gz * gz), 1e-9))
    return np.asarray(np.degrees(np.arccos(np.clip(out, -1.0, 1.0))))
