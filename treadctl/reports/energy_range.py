"""The energy of a recorded session as a range, from what was measured second by second, by the rules of `treadctl.prescription.energy`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from treadctl.prescription.energy import Span, Stretch, energy
from treadctl.records.model import Session
from treadctl.reports.figures import EnergyRange, finite, goes_backward

STEP_S: Final = 1.0
LONGEST_STEP_S: Final = 2.0  # a hole in the samples is not walked


def energy_of(session: Session) -> EnergyRange:
    """Gross and net, or neither with the reasons. Time that cannot be judged is left out, and the reason says how much it was."""
    found = energy(session.mass_kg, _stretches(session))
    reasons = "; ".join(found.reasons)
    left_out = f"{found.left_out_s / 60.0:.0f} of {(found.left_out_s + found.covered_s) / 60.0:.0f} min left out: {reasons}" if reasons else ""
    if found.gross_kcal is None:
        left_out = left_out or "nothing was measured on a moving belt"
    return EnergyRange(_pair(found.gross_kcal), _pair(found.net_kcal), left_out)


def _stretches(session: Session) -> Iterator[Stretch]:
    series, backward = session.series, goes_backward(session.head)
    last_s: float | None = None
    for index, at_s in enumerate(series.time_s):
        if last_s is None:
            last_s = at_s
        if at_s - last_s < STEP_S:
            continue
        step_s, last_s = min(at_s - last_s, LONGEST_STEP_S), at_s
        speed_mps = finite(series.measured_mps[index])
        if speed_mps is None or speed_mps <= 0.0:
            continue
        left, right = finite(series.rail_left_percent[index]), finite(series.rail_right_percent[index])
        load = None if left is None or right is None else left + right
        yield Stretch(step_s, speed_mps, finite(series.grade_percent[index]) or 0.0, load, backward)


def _pair(span: Span | None) -> tuple[float, float] | None:
    return None if span is None else (span.low, span.high)
