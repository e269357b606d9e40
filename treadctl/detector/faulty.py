"""Recordings as a faulty sensor would have delivered them, its driver between: what the driver refuses comes as None.

The names are those of the simulated treadmill's faults where it has the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from treadctl.core.sample import TrunkMotion
from treadctl.detector.dataset import Recording
from treadctl.detector.traces import motions

Stream = Iterator[tuple[float, TrunkMotion | None]]

DROP_EVERY_S: Final = 7.0
DROP_S: Final = 0.2
FROZEN_AFTER_S: Final = 0.2  # the driver's own limit
FAIL_AT_S: Final = 20.0


def _dropouts(samples: Stream) -> Stream:
    for index, (at_s, motion) in enumerate(samples):
        yield at_s, None if at_s % DROP_EVERY_S < DROP_S and index > 0 else motion


def _one_in_ten(samples: Stream) -> Stream:
    return ((at_s, motion) for index, (at_s, motion) in enumerate(samples) if index % 10)


def _half_rate(samples: Stream) -> Stream:
    return ((at_s, motion) for index, (at_s, motion) in enumerate(samples) if index % 2 == 0)


def _quarter_rate(samples: Stream) -> Stream:
    return ((at_s, motion) for index, (at_s, motion) in enumerate(samples) if index % 4 == 0)


def _lost(samples: Stream) -> Stream:
    return ((at_s, motion if at_s < FAIL_AT_S else None) for at_s, motion in samples)


def _frozen(samples: Stream) -> Stream:
    held: TrunkMotion | None = None
    for at_s, motion in samples:
        if at_s < FAIL_AT_S:
            held = motion
        yield at_s, held if at_s < FAIL_AT_S + FROZEN_AFTER_S else None


def _turned(axes: tuple[int, int, int], signs: tuple[int, int, int]) -> Callable[[Stream], Stream]:
    def turn(samples: Stream) -> Stream:
        for at_s, motion in samples:
            if motion is None:
                yield at_s, None
                continue
            force, rate = motion.force_g, motion.rate_dps
            yield at_s, TrunkMotion(
                (signs[0] * force[axes[0]], signs[1] * force[axes[1]], signs[2] * force[axes[2]]),
                (signs[0] * rate[axes[0]], signs[1] * rate[axes[1]], signs[2] * rate[axes[2]]),
            )

    return turn


def _swapped_midway(samples: Stream) -> Stream:
    turn = _turned((1, 2, 0), (1, 1, 1))
    for at_s, motion in samples:
        yield (at_s, motion) if at_s < FAIL_AT_S else next(turn(iter([(at_s, motion)])))


def _saturated(samples: Stream) -> Stream:
    """A sensor of 4 g and 250 degrees/s, the driver refusing what is at the end of the scale."""
    for at_s, motion in samples:
        ended = motion is not None and (max(map(abs, motion.force_g)) >= 4.0 or max(map(abs, motion.rate_dps)) >= 250.0)
        yield at_s, None if ended else motion


def _not_a_number(samples: Stream) -> Stream:
    for index, (at_s, motion) in enumerate(samples):
        yield at_s, TrunkMotion((float("nan"), 0.0, 0.0), (0.0, 0.0, 0.0)) if index % 50 == 49 else motion


def _wrong_scale(samples: Stream) -> Stream:
    for at_s, motion in samples:
        x, y, z = motion.force_g if motion is not None else (0.0, 0.0, 0.0)
        yield at_s, TrunkMotion((2 * x, 2 * y, 2 * z), motion.rate_dps) if motion is not None else None


FAULTS: Final[dict[str, Callable[[Stream], Stream]]] = {
    "none": lambda samples: samples,
    "upside down, and another axis up": _turned((2, 0, 1), (1, -1, -1)),
    "100 Hz": _half_rate,
    "50 Hz": _quarter_rate,
    "one sample in ten missing": _one_in_ten,
    "0.2 s missing every 7 s": _dropouts,
    "lost after 20 s": _lost,
    "frozen after 20 s": _frozen,
    "4 g and 250 degrees/s sensor": _saturated,
    "not a number, one in fifty": _not_a_number,
    "axes swapped after 20 s": _swapped_midway,
    "force twice too large": _wrong_scale,
}
"""Each fault, as a change of the stream of (instant, motion)."""


def spoil(recording: Recording, name: str) -> Stream:
    """The recording under the fault of that name; instants count from its first sample."""
    first_s = float(recording.time_s[0])
    return FAULTS[name](((at_s - first_s, motion) for at_s, motion in motions(recording)))
