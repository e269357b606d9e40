"""Where the plan lies over a recorded session: the program's clock from the samples, and the planned speed at it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from treadctl.prescription.plot import BAND_MPS
from treadctl.records.model import PlannedStretch, Series
from treadctl.reports.figures import finite

RAMP_MPS2: Final = 0.1
"""Slope drawn between stretches. The record holds none; this is a beginner's."""
STANDING_MPS: Final = 0.02
LONGEST_S: Final = 86_400.0


def plan_end_s(plan: Sequence[PlannedStretch]) -> float:
    """The end of the plan in program time, s; 0 for none, a day for an absurd one."""
    ends = [end for stretch in plan if (end := finite(stretch.to_s)) is not None]
    return min(LONGEST_S, max(ends, default=0.0))


def planned_mps(plan: Sequence[PlannedStretch], program_s: float) -> float | None:
    """The planned speed at an instant of program time, the ramp at each stretch's beginning included. None outside the plan."""
    index = bisect_right(plan, program_s, key=_from_s) - 1
    if index < 0 or not program_s < plan[index].to_s:
        return None
    before = finite(plan[index - 1].speed_mps) if index else 0.0
    speed = finite(plan[index].speed_mps)
    if speed is None or before is None:
        return speed
    change = RAMP_MPS2 * (program_s - plan[index].from_s)
    return min(speed, before + change) if speed >= before else max(speed, before - change)


def half_width_mps(speed_mps: float) -> float:
    """How far the belt may be from the plan before the interlock says that it does not follow."""
    return max(BAND_MPS, 0.15 * speed_mps) if speed_mps > 0.0 else 0.0


def band(plan: Sequence[PlannedStretch], series: Series, step_s: float) -> tuple[list[tuple[float, float | None]], list[tuple[float, float | None]]]:
    """Planned speeds at session times, s: while samples ran, and what was left of the plan after them.

    The program's clock stands still while the belt stands although the plan wants it to move.
    """
    walked: list[tuple[float, float | None]] = []
    program_s = end_s = 0.0
    columns = zip(series.time_s, _known(series.measured_mps, len(series)), _known(series.commanded_mps, len(series)), strict=True)
    rows = [row for row in columns if finite(row[0]) is not None]
    for (time_s, measured, commanded), (next_s, _, _) in pairwise([*rows, rows[-1]] if rows else []):
        if not walked or time_s - walked[-1][0] >= step_s:
            walked.append((time_s, planned_mps(plan, program_s)))
        moving = max(measured, commanded) > STANDING_MPS
        if moving or not planned_mps(plan, program_s):
            program_s += min(max(next_s - time_s, 0.0), 1.0)
        end_s = max(end_s, time_s)
    left_s = max(0.0, plan_end_s(plan) - program_s)
    count = int(left_s / step_s) + 1 if left_s > 0.0 else 0
    rest = [(end_s + index * step_s, planned_mps(plan, program_s + index * step_s)) for index in range(count)]
    return walked, rest


def _known(values: Sequence[float | None], length: int) -> list[float]:
    known = [finite(value) or 0.0 for value in values[:length]]
    return known + [0.0] * (length - len(known))


def _from_s(stretch: PlannedStretch) -> float:
    return stretch.from_s
