"""Scoring a detector: what counts as caught, as early, as a false stop, and how sure a rate is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from treadctl.detector.dataset import FALLS, Kind, Recording

CAUGHT_WITHIN_S: Final = 1.5  # before the impact; an earlier alarm was about something else
REFRACTORY_S: Final = 5.0


def alarms_above(time_s: NDArray[np.float64], excess: NDArray[Any], from_s: float) -> list[float]:
    """Instants at which `excess` is above zero (or true), none within the refractory time of the last."""
    found: list[float] = []
    for at_s in time_s[(excess > 0.0) & (time_s >= from_s)]:
        if not found or at_s - found[-1] >= REFRACTORY_S:
            found.append(float(at_s))
    return found


@dataclass(frozen=True, slots=True)
class Outcome:
    """One recording under one detector. For falls `lead_s` is that of the alarm that caught it, None = missed, or `early`; else `alarms` counts."""

    person: str
    activity: str
    kind: Kind
    hours: float
    alarms: int
    lead_s: float | None = None
    early: bool = False


def outcome(recording: Recording, alarms_s: Sequence[float], from_s: float) -> Outcome:
    """What these alarms mean for the recording, which is judged from `from_s` on; all in seconds from its first sample."""
    if recording.kind not in FALLS:
        hours = max(0.0, recording.duration_s - from_s) / 3600.0
        return Outcome(recording.person, recording.activity, recording.kind, hours, sum(a >= from_s for a in alarms_s))
    impact_s = float(recording.time_s[recording.impact] - recording.time_s[0])
    leads = [impact_s - a for a in alarms_s if a < impact_s]
    early = any(lead > CAUGHT_WITHIN_S for lead in leads)
    caught = None if early or not leads else max(leads)
    return Outcome(recording.person, recording.activity, recording.kind, 0.0, len(alarms_s), caught, early)


@dataclass(frozen=True, slots=True)
class Row:
    """The outcomes of one activity, or of several together. Leads in ms; `per_hour` with its one-sided 95 % bound; None = there is none."""

    name: str
    trials: int
    persons: int
    caught: int | None
    early: int
    lead_ms: tuple[float, float, float] | None  # p10, p50, p90
    stopped_trials: int
    alarms: int
    hours: float

    @property
    def caught_share(self) -> float | None:
        """Falls caught, 0 to 1."""
        return None if self.caught is None or self.trials == 0 else self.caught / self.trials

    @property
    def per_hour(self) -> float | None:
        """False stops an hour."""
        return self.alarms / self.hours if self.hours > 0.0 else None

    @property
    def per_hour_bound(self) -> float | None:
        """The rate that would give so few with a chance of 5 %."""
        return upper_bound(self.alarms) / self.hours if self.hours > 0.0 else None


def row(name: str, outcomes: Iterable[Outcome]) -> Row:
    """The outcomes summed up."""
    found = list(outcomes)
    falls = [o for o in found if o.kind in FALLS]
    leads = [1e3 * o.lead_s for o in falls if o.lead_s is not None]
    quantiles = tuple(float(q) for q in np.percentile(leads, (10, 50, 90))) if leads else None
    return Row(
        name, len(found), len({o.person for o in found}), len(leads) if falls else None, sum(o.early for o in found),
        (quantiles[0], quantiles[1], quantiles[2]) if quantiles else None,
        sum(o.alarms > 0 for o in found), sum(o.alarms for o in found if o.kind not in FALLS), math.fsum(o.hours for o in found),
    )  # fmt: skip


def table(outcomes: Sequence[Outcome], words: Mapping[str, str]) -> list[Row]:
    """A row for each activity, then for all falls, all walking and all jogging."""
    codes = sorted({o.activity for o in outcomes})
    rows = [row(f"{code} {words.get(code, '')}".strip(), [o for o in outcomes if o.activity == code]) for code in codes]
    for name, kind in (("all falls", Kind.FALL), ("all walking", Kind.WALK), ("all jogging", Kind.JOG), ("all stumbles", Kind.STUMBLE)):
        chosen = [o for o in outcomes if o.kind is kind]
        if chosen:
            rows.append(row(name, chosen))
    return rows


def upper_bound(events: int, confidence: float = 0.95) -> float:
    """The one-sided Poisson bound: the mean at which `events` or fewer come with probability 1 - confidence. 0 events: 3.0."""

    def at_most(mean: float) -> float:
        term = total = math.exp(-mean)
        for k in range(1, events + 1):
            term *= mean / k
            total += term
        return total

    low, high = 0.0, 10.0 + 4.0 * events
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if at_most(middle) > 1.0 - confidence else (low, middle)
    return high
