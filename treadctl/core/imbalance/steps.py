"""What is learnt of a person's steps from one footfall to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from treadctl.core.imbalance.thresholds import FootfallThresholds

SPREADS: Final = 9  # same-foot differences whose median is the spread: one or two odd steps, which make four of them odd, don't move it


@dataclass(frozen=True, slots=True)
class Footfall:
    """One footfall as the belt shows it: its size and the ripple's (shares of the speed), the current's ripple (A), changes of the reading in the step.

    `time_s` is the time since the last one, `calm_s` the time since the last ramp; `hz` and `alike` are what the rhythm says.
    """

    size: float
    ripple: float
    current: float
    changes: float
    time_s: float
    calm_s: float
    hz: float
    alike: float


@dataclass(frozen=True, slots=True)
class Steps:
    """What was learnt: the usual size, ripple, current and changes of a footfall, steps per second, the last step times, their spread and the usual one."""

    hz: float = 0.0
    seen: int = 0  # footfalls in an unbroken row
    size: float = 0.0
    ripple: float = 0.0
    current: float = 0.0
    changes: float = 0.0
    times_s: tuple[float, ...] = ()
    usual_spread: float = 0.0
    spread: float = 0.0


def spread(times_s: tuple[float, ...], hz: float) -> float:
    """Median difference between successive step times of the same foot, as a share of a step; 0 while too few are known."""
    if len(times_s) < SPREADS + 2:
        return 0.0
    return sorted(abs(b - a) for a, b in zip(times_s, times_s[2:], strict=False))[SPREADS // 2] * hz


def stepped(steps: Steps, new: Footfall, floor: float, learning: bool, limits: FootfallThresholds) -> Steps:
    """What is known after one more footfall; one below `floor` on average is none."""
    known, regular = steps.seen >= limits.footfalls, new.alike >= limits.alike
    same = not regular or abs(new.hz - steps.hz) < limits.same_share * steps.hz
    hz = steps.hz if not regular else steps.hz + limits.quick * (new.hz - steps.hz) if steps.hz else new.hz
    pairs = (steps.size, new.size), (steps.ripple, new.ripple), (steps.current, new.current), (steps.changes, new.changes)
    if not known:
        weight = 1.0 / (1 + steps.seen)
        size, ripple, current, changes = (old + weight * (now - old) for old, now in pairs)
    else:
        fall, rise = (limits.quick, limits.quick) if learning or new.calm_s < limits.settle_s else (limits.fall, limits.rise)
        size, ripple, current, changes = (
            old + (fall if now < old else rise) * (min(max(now, 0.5 * old), 1.5 * old) - old) for old, now in pairs
        )  # fmt: skip
    if size < floor or not (known or regular):
        return Steps(hz, usual_spread=steps.usual_spread)
    rough = limits.rough
    alone = new.ripple < rough * ripple and size < rough * new.size < rough * rough * size and changes < rough * new.changes  # nothing but a footfall
    timed = known and same and alone and new.calm_s > limits.settle_s and new.time_s * hz < limits.missing_steps
    times = (*steps.times_s[-SPREADS - 1 :], new.time_s) if timed else ()
    scatter, usual = spread(times, hz), steps.usual_spread
    if learning and scatter > 0.0:
        usual = usual + limits.fall * (scatter - usual) if usual else scatter
    return Steps(hz, steps.seen + 1, size, ripple, current, changes, times, usual, scatter)
