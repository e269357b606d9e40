"""Where the plan lies over a recorded session, and a recording cut and thinned for drawing. Times in s from the session's start, speeds in m/s."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Final

from treadctl.records.model import Series, Session
from treadctl.reports.plan_band import STANDING_MPS, half_width_mps, planned_mps

LONGEST_STEP_S: Final = 1.0  # a gap in the samples does not carry the program on
BUCKETS: Final = 300


@dataclass(frozen=True, slots=True)
class Planned:
    """The planned speed at each sample, None where the plan is over."""

    mps: tuple[float | None, ...]

    def band(self, index: int) -> tuple[float, float] | None:
        """The lowest and the highest speed that still follow the plan, as the interlock judges it."""
        speed = self.mps[index]
        if speed is None:
            return None
        half = half_width_mps(speed)
        return max(0.0, speed - half), speed + half


def planned(session: Session) -> Planned:
    """The plan on the clock of the recording: it begins anew with each stretch the record says was entered, stands still with the belt, ends with a stop."""
    plan, series = session.plan, session.series
    entered = _entered(session)
    found: list[float | None] = []
    program_s, before_s, next_entry = 0.0, 0.0, 0
    over_s = min((stop.at_s for stop in session.stops), default=math.inf)
    for index, time_s in enumerate(series.time_s):
        speed = planned_mps(plan, program_s)
        moving = max(series.measured_mps[index] or 0.0, series.commanded_mps[index] or 0.0) > STANDING_MPS
        if moving or not speed:
            program_s += min(max(time_s - before_s, 0.0), LONGEST_STEP_S)
        before_s = time_s
        while next_entry < len(entered) and entered[next_entry][0] <= time_s:
            program_s = max(program_s, entered[next_entry][1])
            next_entry += 1
        found.append(planned_mps(plan, program_s) if time_s <= over_s else None)
    return Planned(tuple(found))


def window(series: Series, from_s: float, to_s: float) -> range:
    """The samples from one instant to another, both within."""
    return range(bisect_left(series.time_s, from_s), bisect_right(series.time_s, to_s))


def thinned(series: Series, buckets: int = BUCKETS) -> list[int]:
    """Samples for drawing: of each of so many equal parts the first, and where speed was lowest and highest and each rail was loaded most.

    So no peak is lost. All of them where there are few.
    """
    count = len(series)
    if count <= 4 * buckets:
        return list(range(count))
    kept: set[int] = {count - 1}
    for part in range(buckets):
        samples = range(part * count // buckets, (part + 1) * count // buckets)
        kept.add(samples[0])
        for column, pick in ((series.measured_mps, min), (series.measured_mps, max), (series.rail_left_percent, max), (series.rail_right_percent, max)):
            known = [(value, index) for index in samples if (value := column[index]) is not None]
            if known:
                kept.add(pick(known)[1])
    return sorted(kept)


def _entered(session: Session) -> list[tuple[float, float]]:
    """When each stretch was entered, and the program's clock then."""
    found = []
    for event in session.events:
        number = event.detail.get("segment") if event.kind == "segment" else None
        if isinstance(number, int | float) and 0 <= number < len(session.plan):
            found.append((event.at_s, session.plan[int(number)].from_s))
    return sorted(found)
