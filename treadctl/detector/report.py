"""The evaluation as tables: for a terminal, as plain values, and as one HTML page with plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from treadctl.detector.dataset import Dataset, Kind
from treadctl.detector.evaluate import DETECTOR, KFALL, OFFSETS, TWO_FEATURES, TWO_FEATURES_ALL, Fold
from treadctl.detector.score import Outcome, Row, row, table

BASELINES: Final = (TWO_FEATURES, TWO_FEATURES_ALL, KFALL)
FULL: Final = (DETECTOR, *BASELINES)  # shown with a row for each activity
GOALS: Final = "goals: falls >= 95 %, lead p50 >= 330 and p10 >= 150 ms, false stops <= 0.5 an hour walking and <= 1 jogging, stumbles stopped <= 15 %"


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the ROC: thresholds moved by `offset`."""

    offset: float
    caught: float
    lead_ms: float | None
    walking_per_h: float
    jogging_per_h: float
    stumbles: float


@dataclass(frozen=True)
class Evaluation:
    """The whole result. `tables` by what was judged, each by group of people; `leads_s` of the detector's falls, None = missed."""

    dataset: str
    sha256: str
    recordings: int
    refused: tuple[tuple[str, str], ...]
    groups: dict[str, tuple[str, ...]]
    tables: dict[str, dict[str, list[Row]]]
    summaries: dict[str, dict[str, list[Row]]]
    roc: list[Point]
    faults: dict[str, list[Row]]
    leads_s: list[float | None]
    microseconds_per_sample: float
    calibration_s: float


def summarise(dataset: Dataset, folds: Sequence[Fold], calibration_s: float) -> Evaluation:
    """Put the folds together. People with recorded falls are the headline; people without are reported beside them."""
    fallen = tuple(f.person for f in folds if any(o.kind is Kind.FALL for o in f.outcomes[DETECTOR]))
    groups = {"people with recorded falls": fallen}
    rest = tuple(f.person for f in folds if f.person not in fallen)
    if rest:
        groups["people without"] = rest
    words = {code: activity.words for code, activity in dataset.activities.items()}

    def of(name: str, people: Sequence[str]) -> list[Outcome]:
        return [o for f in folds if f.person in people for o in f.outcomes[name]]

    headline = [f for f in folds if f.person in fallen]
    names = [name for name in folds[0].outcomes if name not in FULL]
    return Evaluation(
        dataset.name, dataset.sha256, len(dataset.recordings), tuple((r.place, r.reason) for r in dataset.refused), groups,
        {name: {group: table(of(name, people), words) for group, people in groups.items()} for name in FULL},
        {name: {group: _totals(of(name, people)) for group, people in groups.items()} for name in (*FULL, *names)},
        [_point(offset, [o for f in headline for o in f.roc[offset]]) for offset in OFFSETS],
        {name: _totals([o for f in folds for o in f.faults[name]]) for name in folds[0].faults},
        [o.lead_s for f in headline for o in f.outcomes[DETECTOR] if o.kind is Kind.FALL and not o.early],
        1e6 * sum(f.seconds for f in folds) / max(1, sum(f.samples for f in folds)), calibration_s,
    )  # fmt: skip


def _totals(outcomes: Sequence[Outcome]) -> list[Row]:
    return [r for r in table(outcomes, {}) if r.name.startswith("all ")]


def _point(offset: float, outcomes: Sequence[Outcome]) -> Point:
    falls, walking, jogging, stumbles = (row("", [o for o in outcomes if o.kind is kind]) for kind in (Kind.FALL, Kind.WALK, Kind.JOG, Kind.STUMBLE))
    return Point(
        offset, falls.caught_share or 0.0, falls.lead_ms[1] if falls.lead_ms else None, walking.per_hour or 0.0, jogging.per_hour or 0.0,
        stumbles.stopped_trials / max(1, stumbles.trials),
    )  # fmt: skip


# --- text --------------------------------------------------------------------------------------------------------------------------------

HEAD: Final = f"  {'':44}{'trials':>7}{'caught':>8}{'early':>6}{'lead p10/p50/p90 ms':>21}{'stopped':>9}{'false':>6}{'hours':>7}{'per hour (95 % bound)':>24}"


def cells(r: Row, between: str) -> tuple[str, str, str, str, str, str, str, str, str]:
    """One row as words: trials, caught, early, leads joined by `between`, stopped, false, hours, per hour, bound. What does not apply is empty."""
    fall = r.caught_share is not None
    return (
        str(r.trials),
        f"{100 * r.caught_share:.1f} %" if r.caught_share is not None else "", str(r.early) if fall else "",
        between.join(f"{x:.0f}" for x in r.lead_ms) if r.lead_ms else "",
        "" if fall or not r.trials else f"{100 * r.stopped_trials / r.trials:.0f} %", "" if fall else str(r.alarms), "" if fall else f"{r.hours:.2f}",
        f"{r.per_hour:.2f}" if r.per_hour is not None else "", f"{r.per_hour_bound:.2f}" if r.per_hour_bound is not None else "",
    )  # fmt: skip


def line_of(r: Row) -> str:
    """One row of a table."""
    trials, caught, early, lead, stopped, false, hours, rate, bound = cells(r, "/")
    rated = f"{rate} (<= {bound})" if rate else ""
    return f"  {r.name:44}{trials:>7}{caught:>8}{early:>6}{lead:>21}{stopped:>9}{false:>6}{hours:>7}{rated:>24}".rstrip()


def as_lines(e: Evaluation) -> list[str]:
    """The evaluation for a terminal, at most 160 columns wide."""
    lines = [
        f"{e.dataset}: {e.recordings} recordings used, {len(e.refused)} refused, sha256 {e.sha256[:16]}",
        f"one person left out at a time; the first {e.calibration_s:.0f} s of each calibrating gait are that person's warm-up, and not judged",
        *(f"  refused: {place}: {reason}" for place, reason in e.refused),
        "false = stops of gait; early = an alarm more than 1.5 s before the impact counts as neither; the bound is one-sided, 95 %",
        GOALS,
    ]
    for name, by_group in e.tables.items():
        for group, rows in by_group.items():
            lines += ["", f"{name}: {group} ({len(e.groups[group])})", HEAD, *map(line_of, rows)]
    for name, by_group in e.summaries.items():
        if name not in e.tables:
            for group, rows in by_group.items():
                lines += ["", f"{name}: {group} ({len(e.groups[group])})", HEAD, *map(line_of, rows)]
    lines += ["", "ROC: thresholds moved by", f"  {'log-odds':>9}{'falls':>8}{'lead p50 ms':>13}{'walking /h':>12}{'jogging /h':>12}{'stumbles':>10}"]
    for p in e.roc:
        lead = f"{p.lead_ms:.0f}" if p.lead_ms is not None else ""
        lines.append(f"  {p.offset:>+9.1f}{100 * p.caught:>7.1f}%{lead:>13}{p.walking_per_h:>12.2f}{p.jogging_per_h:>12.2f}{100 * p.stumbles:>9.0f}%")
    lines += ["", "sensor faults, played into the gait that did not calibrate and every fifth fall of everybody", HEAD]
    for name, rows in e.faults.items():
        lines += [f"  {name}", *(line_of(r) for r in rows)]
    lines += ["", f"cost: {e.microseconds_per_sample:.1f} µs a sample, the whole trunk path in this run (limit 100)"]
    return lines


# --- values ------------------------------------------------------------------------------------------------------------------------------


def as_dict(e: Evaluation) -> dict[str, Any]:
    """The evaluation as plain values for JSON."""

    def rows(found: Mapping[str, list[Row]]) -> dict[str, Any]:
        return {group: [asdict(r) | {"caught_share": r.caught_share, "per_hour": r.per_hour, "per_hour_bound": r.per_hour_bound} for r in each]
                for group, each in found.items()}  # fmt: skip

    return {
        "format": 1, "dataset": e.dataset, "sha256": e.sha256, "recordings": e.recordings, "calibration_s": e.calibration_s,
        "refused": [{"place": place, "reason": reason} for place, reason in e.refused],
        "groups": {group: list(people) for group, people in e.groups.items()},
        "tables": {name: rows(found) for name, found in e.tables.items()},
        "summaries": {name: rows(found) for name, found in e.summaries.items()},
        "roc": [asdict(p) for p in e.roc], "faults": rows(e.faults), "leads_s": e.leads_s, "microseconds_per_sample": e.microseconds_per_sample,
    }  # fmt: skip
