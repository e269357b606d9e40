"""What can be wrong with a recording: each check gives the first flaw it finds, with the sample it is seen at. Pure.

Limits marked (measured) were chosen so that none of SisFall's 755 recordings of gait and falls comes near them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MIN_RATE_HZ: Final = 50.0  # below it a fall's lead is lost
MAX_RATE_HZ: Final = 2000.0
RATE_TOLERANCE: Final = 0.05
MAX_GAP_S: Final = 0.05  # a hole in which a tenth of a fall's lead is lost
LEAST_S: Final = 3.0
MAX_SATURATED: Final = 0.01  # share of samples at an end; an impact is shorter (measured: 0.2 %)
PLATEAU_SAMPLES: Final = 3
LEAST_VALUES: Final = 50  # an axis with fewer distinct values is too coarse or too quiet to tell a plateau
WRAP_COUNTS: Final = 49152  # between two samples: three quarters of what a 16-bit register holds, so that it ran over
WRAP_SHARE: Final = 1.5  # the same in parts of the full scale; rates only (measured: 0.84), a force may swing from end to end in an impact
MAX_FORCE_G: Final = 64.0
MAX_RATE_DPS: Final = 6000.0
MAX_RATE_STEP_DPS: Final = 2500.0  # between two samples (measured: 1677)
FROZEN_S: Final = 0.1  # force and rate together unchanged (measured: two samples)
FROZEN_ONE_S: Final = 0.5  # one of them alone
USUAL_WEIGHT_G: Final = (0.5, 1.7)  # median |force|: 1 in somebody standing or lying, 0.75 to 1.4 in runners (measured)
LIVELY_G: Final = 0.05  # spread of |force| of somebody who walks (measured: 0.1 and more)
QUIET_DPS: Final = 8.0  # root mean square of |rate| of somebody who walks: 25 and more in degrees/s, 6 and less if they were rad/s (measured)
LOUD_DPS: Final = 600.0  # the same, more than 1.7 turns a second all the time (measured: 338 and less)
LEAST_IMPACT_G: Final = 1.5  # (measured: 2.2)
LEAST_BEFORE_IMPACT_S: Final = 2.5  # the filters settle for 2 s (measured: 3.8)
LEAST_TURN_DEG: Final = 45.0
MAX_DISAGREEMENT_DEG: Final = 60.0


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong, in plain words, and the first sample, counted from 0, at which it shows; None = everywhere."""

    words: str
    sample: int | None = None


def complaints_about(counts: Array, full_scale: float | None, word: str) -> Flaw | None:
    """Why these raw counts (n, 3) of `word` ("force" or "rate") cannot be used: not numbers, dead, wrapped, beyond their scale, at its end."""
    bad = ~np.isfinite(counts)
    if bad.any():
        return Flaw(f"{word} is not a number", _first(bad))
    if len(counts) < 2:
        return None
    dead = (counts == counts[0]).all(axis=0)
    if dead.any():
        which = "" if dead.all() else f" along {'xyz'[int(np.argmax(dead))]}"
        return Flaw(f"{word} never changes{which}: the sensor was dead", 0)
    limit = WRAP_COUNTS if full_scale is None or word == "force" else WRAP_SHARE * full_scale
    steps = np.abs(np.diff(counts, axis=0)) > limit
    if steps.any():
        return Flaw(f"{word} jumps from one end of its register to the other: an overflow", _first(steps) + 1)
    return _saturated(counts, full_scale, word)


def _saturated(counts: Array, full_scale: float | None, word: str) -> Flaw | None:
    if full_scale is not None:
        beyond = np.abs(counts) > 1.01 * full_scale
        if beyond.any():
            return Flaw(f"{word} is beyond full_scale_counts = {full_scale:g}: an overflow, or another sensor", _first(beyond))
        ended = (np.abs(counts) >= full_scale).any(axis=1)
        if ended.mean() > MAX_SATURATED:
            return Flaw(f"{word} is at the end of its scale in {100 * ended.mean():.0f} % of the samples: saturated", int(np.argmax(ended)))
    for axis in counts.T:
        if len(np.unique(axis)) < LEAST_VALUES:
            continue
        for end in (axis.min(), axis.max()):
            flat = _in_runs(axis == end, PLATEAU_SAMPLES)
            if flat.mean() > MAX_SATURATED:
                return Flaw(f"{word} is cut off flat at {end:g} in {100 * flat.mean():.0f} % of the samples: saturated", int(np.argmax(flat)))
    return None


def complaints_about_motion(time_s: Array, force_g: Array, rate_dps: Array, rate_hz: float) -> Flaw | None:
    """Why this motion cannot be believed: too short, another rate than `rate_hz`, holes, values that stand still or cannot be, a wrong scale of force."""
    flaw = _time(time_s, rate_hz) or _frozen(time_s, force_g, rate_dps) or _impossible(force_g, rate_dps)
    if flaw is not None:
        return flaw
    weight = float(np.median(_length(force_g)))
    if USUAL_WEIGHT_G[0] < weight < USUAL_WEIGHT_G[1]:
        return None
    hint = ""
    if 8.0 < weight < 12.5:
        hint = "; m/s²? then multiply force.per_count by 0.10197"
    elif 800.0 < weight < 1250.0:
        hint = "; thousandths of g? then multiply force.per_count by 0.001"
    elif weight < 0.4:
        hint = "; if gravity was taken out of it, it cannot be used"
    return Flaw(f"the median of |force| is {weight:.2f} g where a person weighs 1: wrong scale{hint}")


def _time(time_s: Array, rate_hz: float) -> Flaw | None:
    bad = ~np.isfinite(time_s)
    if bad.any():
        return Flaw("the time is not a number", int(np.argmax(bad)))
    if len(time_s) < 2:
        return Flaw(f"{len(time_s)} samples")
    steps = np.diff(time_s)
    if (steps <= 0.0).any():
        return Flaw("the time stands still or goes back", int(np.argmax(steps <= 0.0)) + 1)
    whole = steps <= max(MAX_GAP_S, 1.0 / rate_hz)
    usual_s = float(steps[whole].mean()) if whole.mean() > 0.5 else float(np.median(steps))
    if abs(1.0 / usual_s / rate_hz - 1.0) > RATE_TOLERANCE:
        factor = usual_s * rate_hz
        hint = next((f"; {unit}? the column must be seconds" for unit, size in (("ms", 1e3), ("µs", 1e6), ("ns", 1e9)) if 0.9 < factor / size < 1.1), "")
        return Flaw(f"its times say {1.0 / usual_s:.4g} samples a second, rate_hz says {rate_hz:g}{hint}")
    if (steps > MAX_GAP_S).any():
        sample = int(np.argmax(steps > MAX_GAP_S)) + 1
        return Flaw(f"a gap of {1e3 * steps[sample - 1]:.0f} ms; cut the recording there", sample)
    if time_s[-1] - time_s[0] < LEAST_S:
        return Flaw(f"{time_s[-1] - time_s[0]:.2f} s: shorter than {LEAST_S:g} s")
    return None


def _frozen(time_s: Array, force_g: Array, rate_dps: Array) -> Flaw | None:
    step_s = float(time_s[-1] - time_s[0]) / (len(time_s) - 1)
    still = [(np.diff(signal, axis=0) == 0.0).all(axis=1) for signal in (force_g, rate_dps)]
    for same, limit_s, word in (
        (still[0] & still[1], FROZEN_S, "force and rate stand"),
        (still[0], FROZEN_ONE_S, "force stands"),
        (still[1], FROZEN_ONE_S, "rate stands"),
    ):
        held = _in_runs(same, max(4, round(limit_s / step_s)))
        if held.any():
            return Flaw(f"{word} still for more than {1e3 * limit_s:.0f} ms: a gap filled up, or a sensor that froze", int(np.argmax(held)) + 1)
    return None


def _impossible(force_g: Array, rate_dps: Array) -> Flaw | None:
    for signal, limit, word in ((force_g, MAX_FORCE_G, "force is beyond 64 g"), (rate_dps, MAX_RATE_DPS, "rate is beyond 6000 degrees/s")):
        beyond = np.abs(signal) > limit
        if beyond.any():
            return Flaw(f"{word}: an overflow, or a wrong scale", _first(beyond))
    steps = np.abs(np.diff(rate_dps, axis=0)) > MAX_RATE_STEP_DPS
    return Flaw(f"rate jumps by more than {MAX_RATE_STEP_DPS:g} degrees/s: an overflow", _first(steps) + 1) if steps.any() else None


def complaints_about_turning(force_g: Array, rate_dps: Array) -> Flaw | None:
    """Whether the rates of somebody who walks, runs or falls are of a wrong scale: hardly any beside a lively force, or turns without end."""
    turning = float(np.sqrt((rate_dps**2).sum(axis=1).mean()))
    if turning > LOUD_DPS:
        return Flaw(f"the root mean square of |rate| is {turning:.0f} degrees/s: wrong scale")
    if turning < QUIET_DPS and float(_length(force_g).std()) > LIVELY_G:
        hint = "; rad/s? then multiply rate.per_count by 57.296" if turning > QUIET_DPS / 57.3 else ""
        return Flaw(f"the root mean square of |rate| is {turning:.2f} degrees/s where the force is that of a moving person: wrong scale{hint}")
    return None


def complaints_about_impact(time_s: Array, force_g: Array, impact: int, labelled: bool) -> Flaw | None:
    """Why a fall cannot be judged: no impact is seen in it, or nothing was recorded before."""
    if not labelled and float(np.sqrt((force_g[impact] ** 2).sum())) < LEAST_IMPACT_G:
        return Flaw(f"no sample of the fall reaches {LEAST_IMPACT_G:g} g; give its impact_s in the index", impact)
    before_s = float(time_s[impact] - time_s[0])
    if before_s < LEAST_BEFORE_IMPACT_S:
        return Flaw(f"the impact comes {before_s:.1f} s after the beginning; {LEAST_BEFORE_IMPACT_S:g} s are needed to judge it", impact)
    return None


def axes_disagree(time_s: Array, force_g: Array, rate_dps: Array, impact: int) -> Flaw | None:
    """Whether a fall was turned about other axes than the accelerometer shows: gravity of before, turned by the gyroscope, must end near gravity of after.

    Measured on falls: 13 degrees apart in the median, 31 in 95 of 100, never 60. Of falls whose gyroscope's axes are swapped or mirrored this finds 20 to
    98 in 100, by how: so a person several of whose falls disagree is not believed at all. Falls only: gait turns too little.
    """
    half = 0.5 * len(time_s) / (time_s[-1] - time_s[0])
    begin, end, rest = max(int(half), int(impact - 2 * half)), min(int(impact + 4 * half), len(time_s) - int(half)), int(half)
    if end <= begin:
        return None
    before, after = force_g[begin - rest : begin + rest].mean(axis=0), force_g[end : end + rest].mean(axis=0)
    turned = before / max(float(np.linalg.norm(before)), 1e-9)
    turns = np.radians(rate_dps[begin:end]) * np.diff(time_s[begin : end + 1])[:, None]
    for turn in turns:
        turned = turned - np.cross(turn, turned)
        turned = turned / np.linalg.norm(turned)
    if _angle_deg(before, after) < LEAST_TURN_DEG or _angle_deg(turned, after) < MAX_DISAGREEMENT_DEG:
        return None
    return Flaw("the accelerometer shows a turn that the gyroscope does not: swapped or mirrored axes", begin)


def _angle_deg(a: Array, b: Array) -> float:
    cosine = float(a @ b) / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9)
    return float(np.degrees(np.arccos(min(1.0, max(-1.0, cosine)))))


def _length(signal: Array) -> Array:
    return np.asarray(np.sqrt((signal**2).sum(axis=1)))


def _first(bad: NDArray[np.bool_]) -> int:
    """The first row with anything bad."""
    return int(np.argmax(bad.any(axis=1)))


def _in_runs(marked: NDArray[np.bool_], least: int) -> NDArray[np.bool_]:
    """Of the marked samples those that stand in a row of at least `least`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]]).astype(np.int8)))
    kept = np.zeros(len(marked), dtype=np.bool_)
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        if end - begin >= least:
            kept[begin:end] = True
    return kept
