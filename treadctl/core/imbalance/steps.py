"""What is learnt of a person's steps from one footfall to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from treadctl.core.thresholds import FootfallThresholds

SPREADS: Final = 9  # same-foot differences whose median is the spread: one or two odd steps, which make four of them odd, don't move it


@dataclass(frozen=True, slots=True)
class Steps:
    """What was learnt of this person's steps: their size and the ripple's (shares of the speed), frequency, the last step times, the usual spread of them."""

    hz: float = 0.0
    seen: int = 0  # footfalls in an unbroken row
    size: float = 0.0
    ripple: float = 0.0
    changes: float = 0.0  # of the reading within a step
    times_s: tuple[float, ...] = ()
    usual_spread: float = 0.0
    spread: float = 0.0


def spread(times_s: tuple[float, ...], hz: float) -> float:
    """Median difference between successive step times of the same foot, as a share of a step; 0 while too few are known."""
    if len(times_s) < SPREADS + 2:
        return 0.0
    return sorted(abs(b - a) for a, b in zip(times_s, times_s[2:], strict=False))[SPREADS // 2] * hz


def stepped(
    steps: Steps, time_s: float, hz: float, alike: float, floor: float, sizes: tuple[float, float, float], calm_s: float, learning: bool,
    limits: FootfallThresholds,
) -> Steps:  # fmt: skip
    """What is known after one more footfall, `time_s` after the last and `calm_s` after the last ramp; `hz` and `alike` are the rhythm's."""
    known, regular = steps.seen >= limits.footfalls, alike >= limits.alike
    same = not regular or abs(hz - steps.hz) < limits.same_share * steps.hz
    hz = steps.hz if not regular else hz + (1.0 - limits.quick) * (steps.hz - hz) if steps.hz else hz
    old = (steps.size, steps.ripple, steps.changes)
    if not known:
        weight = 1.0 / (1 + steps.seen)
        size, ripple, changes = (a + weight * (b - a) for a, b in zip(old, sizes, strict=True))
    else:
        quick = learning or calm_s < limits.settle_s
        bounded = (min(max(b, 0.5 * a), 1.5 * a) for a, b in zip(old, sizes, strict=True))
        size, ripple, changes = (a + (limits.quick if quick else limits.fall if b < a else limits.rise) * (b - a) for a, b in zip(old, bounded, strict=True))
    if size < floor or not (known or regular):
        return Steps(hz, usual_spread=steps.usual_spread)
    alone = sizes[1] < (k := limits.rough) * ripple and size < k * sizes[0] < k * k * size and changes < k * sizes[2]  # nothing but a footfall
    timed = known and same and alone and calm_s > limits.settle_s and time_s * hz < limits.missing_steps
    times = (*steps.times_s[-SPREADS - 1 :], time_s) if timed else ()
    scatter, usual = spread(times, hz), steps.usual_spread
    if learning and scatter > 0.0:
        usual = usual + limits.fall * (scatter - usual) if usual else scatter
    return Steps(hz, steps.seen + 1, size, ripple, changes, times, usual, scatter)
