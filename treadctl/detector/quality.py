"""What can be wrong with a recording, said in one sentence that names the row. Pure; rows are counted from 1, as people count."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MAX_GAP_S: Final = 0.05  # a hole in which a tenth of a fall's lead is lost
MAX_SATURATED: Final = 0.01  # share of samples at the sensor's end; an impact is shorter
WRAP_COUNTS: Final = 49152  # between two samples: three quarters of what a 16-bit register holds, so that it ran over
LEAST_S: Final = 3.0
LEAST_TURN_DEG: Final = 45.0
MAX_DISAGREEMENT_DEG: Final = 60.0
USUAL_WEIGHT_G: Final = (0.5, 1.7)  # median |force|: 1 in somebody standing or lying, 0.75 to 1.4 in runners (measured)


def complaints_about(counts: Array, full_scale: float | None, word: str) -> str | None:
    """Why these raw counts (n, 3) cannot be used, or None: not numbers, at the sensor's end, wrapped, or dead."""
    bad = ~np.isfinite(counts)
    if bad.any():
        return f"row {int(np.argmax(bad.any(axis=1))) + 1}: {word} is not a number"
    if len(counts) > 1 and (counts == counts[0]).all():
        return f"row 1: {word} never changes: the sensor was dead"
    steps = np.abs(np.diff(counts, axis=0)) > WRAP_COUNTS
    if steps.any():
        return f"row {int(np.argmax(steps.any(axis=1))) + 2}: {word} jumps from one end of a 16-bit register to the other: an overflow"
    if full_scale is None:
        return None
    ended = (np.abs(counts) >= full_scale).any(axis=1)
    if ended.mean() > MAX_SATURATED:
        return f"row {int(np.argmax(ended)) + 1}: {word} is at the end of its scale in {100 * ended.mean():.0f} % of the samples: saturated"
    return None


def complaints_about_motion(time_s: Array, force_g: Array, rate_hz: float) -> str | None:
    """Why this motion cannot be believed, or None: holes, another rate, a wrong scale."""
    if not np.isfinite(time_s).all():
        return f"row {int(np.argmax(~np.isfinite(time_s))) + 1}: the time is not a number"
    if len(time_s) < 2 or time_s[-1] - time_s[0] < LEAST_S:
        return f"shorter than {LEAST_S:g} s"
    steps = np.diff(time_s)
    if (steps <= 0.0).any():
        return f"row {int(np.argmax(steps <= 0.0)) + 2}: the time stands still or goes back"
    if (steps > MAX_GAP_S).any():
        row = int(np.argmax(steps > MAX_GAP_S)) + 2
        return f"row {row}: a gap of {1e3 * steps[row - 2]:.0f} ms; cut the recording there"
    found_hz = (len(time_s) - 1) / (time_s[-1] - time_s[0])
    if abs(found_hz / rate_hz - 1.0) > 0.05:
        return f"its times say {found_hz:.1f} samples a second, rate_hz says {rate_hz:g}"
    weight = float(np.median(np.sqrt((force_g**2).sum(axis=1))))
    if not USUAL_WEIGHT_G[0] < weight < USUAL_WEIGHT_G[1]:
        hint = "; m/s²? then per_count is 0.10197" if 8.5 < weight < 11.0 else ""
        return f"the median of |force| is {weight:.2f} g where a person weighs 1: wrong scale{hint}"
    return None


def axes_disagree(time_s: Array, force_g: Array, rate_dps: Array, impact: int) -> str | None:
    """Whether a fall was turned about other axes than the accelerometer shows: gravity of before, turned by the gyroscope, must end near gravity of after.

    Measured on falls: 13 degrees apart in the median and 31 in 95 of 100; with axes swapped or mirrored mostly more than 75. Falls only: gait turns too little.
    """
    half = 0.5 * len(time_s) / (time_s[-1] - time_s[0])
    begin, end, rest = max(int(half), int(impact - 2 * half)), min(int(impact + 4 * half), len(time_s) - int(half)), int(half)
    if end <= begin:
        return None
    before, after = force_g[begin - rest : begin + rest].mean(axis=0), force_g[end : end + rest].mean(axis=0)
    turned = before / max(float(np.linalg.norm(before)), 1e-9)
    turns = np.radians(rate_dps[begin:end]) * np.diff(time_s[begin : end + 1], prepend=time_s[begin])[1:, None]
    for turn in turns:
        turned = turned - np.cross(turn, turned)
        turned = turned / np.linalg.norm(turned)
    if _angle_deg(before, after) < LEAST_TURN_DEG or _angle_deg(turned, after) < MAX_DISAGREEMENT_DEG:
        return None
    return f"row {begin + 1}: the accelerometer shows a turn that the gyroscope does not: swapped or mirrored axes"


def _angle_deg(a: Array, b: Array) -> float:
    cosine = float(a @ b) / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9)
    return float(np.degrees(np.arccos(min(1.0, max(-1.0, cosine)))))
