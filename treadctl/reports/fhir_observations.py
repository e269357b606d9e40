"""The Observations of a FHIR bundle: the panel, and a member for each figure that is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from treadctl.records.model import Session
from treadctl.reports.fhir_codes import (
    CATEGORY,
    LOINC,
    MDC,
    MDC_CADENCE,
    MDC_DISTANCE,
    MDC_INCLINE,
    MDC_SPEED,
    PA,
    coding,
    concept,
    own,
    quantity,
)
from treadctl.reports.figures import HEART_RATE_NOTE, EnergyRange, finite, gait_words, runs_at
from treadctl.reports.text import plain

STEEPEST_PERCENT: Final = 100.0

Named = tuple[str, dict[str, Any]]


def observations(session: Session, energy: EnergyRange | None) -> list[Named]:
    """The panel first, then its members, each with a name that tells it apart. Subject, period, device and membership are the bundle's to add."""
    return [("panel", _body(concept(coding(PA, "PAPanel", "Physical Activity Panel")))), *_activity(session), *_figures(session), *_energy(energy)]


def _body(code: dict[str, Any], note: str = "", **value: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [concept(coding(CATEGORY, "activity", "Activity")), concept(coding(PA, "PhysicalActivity", "Physical Activity"))],
        "code": code,
        **value,
        **({"note": [{"text": note}]} if note else {}),
    }


def _activity(session: Session) -> Iterator[Named]:
    """What was done: walking or running by the peak speed, and which way."""
    gait = gait_words(session.head.direction, session.head.facing)
    runs = runs_at(session.head.direction, session.head.facing, session.head.summary.peak_mps)
    codings = [own(f"{gait}-gait")]
    if runs is not None:
        codings.append(coding(LOINC, "LA11836-6", "Running") if runs else coding(LOINC, "LA11834-1", "Walking"))
    text = plain(f"belt {session.head.direction or 'not known'}, facing {session.head.facing or 'not known'}")
    yield "activity", _body(concept(coding(LOINC, "73985-4", "Exercise activity")), valueCodeableConcept=concept(*codings, text=text))


def _figures(session: Session) -> Iterator[Named]:
    summary = session.head.summary
    grades = [known for value in session.series.grade_percent if (known := finite(value)) is not None and abs(known) <= STEEPEST_PERCENT]
    share = finite(summary.hands_on_share)
    held = share is None or share > 0.0
    heart_note = f"Heart rate {HEART_RATE_NOTE}." if held else ""
    speed, incline = coding(MDC, MDC_SPEED, "MDC_HF_SPEED"), coding(MDC, MDC_INCLINE, "MDC_HF_INCLINE")
    cadence, distance = coding(MDC, MDC_CADENCE, "MDC_HF_CAD"), coding(MDC, MDC_DISTANCE, "MDC_HF_DISTANCE")
    rows: tuple[tuple[str, dict[str, Any], float | None, float, str, str, str], ...] = (
        ("duration", concept(coding(LOINC, "55411-3", "Exercise duration")), summary.duration_s, 60.0, "min", "min", ""),
        ("belt-time", concept(own("belt-time")), summary.belt_s, 60.0, "min", "min", ""),
        (
            "mean-heart-rate",
            concept(coding(LOINC, "55425-3", "Heart rate unspecified time mean by Pedometer")),
            summary.mean_heart_rate_per_min,
            1.0,
            "beats/min",
            "/min",
            heart_note,
        ),
        (
            "max-heart-rate",
            concept(coding(LOINC, "55426-1", "Heart rate unspecified time maximum by Pedometer")),
            summary.max_heart_rate_per_min,
            1.0,
            "beats/min",
            "/min",
            heart_note,
        ),
        ("mean-speed", concept(own("mean-speed"), speed), summary.mean_mps, 1.0, "m/s", "m/s", ""),
        ("peak-speed", concept(own("peak-speed"), speed), summary.peak_mps, 1.0, "m/s", "m/s", ""),
        ("distance", concept(distance), summary.distance_m, 1.0, "m", "m", ""),
        ("incline", concept(own("steepest-incline"), incline), max(grades, key=abs, default=None), 1.0, "%", "%", ""),
        ("cadence", concept(cadence), summary.cadence_per_min, 1.0, "steps/min", "/min", ""),
        ("rail-load", concept(own("rail-load")), summary.rail_load_percent, 1.0, "% of body weight", "%", ""),
        ("hands-on-share", concept(own("hands-on-share")), summary.hands_on_share, 0.01, "%", "%", ""),
        ("rail-asymmetry", concept(own("rail-asymmetry")), summary.asymmetry_percent, 1.0, "%", "%", ""),
        ("imbalance-events", concept(own("imbalance-events")), float(summary.imbalance_events), 1.0, "events", "{events}", ""),
        ("safety-stops", concept(own("safety-stops")), float(summary.stops), 1.0, "stops", "{stops}", ""),
        ("highest-rpe", concept(own("highest-rpe")), summary.max_rpe, 1.0, "score", "{score}", ""),
        ("highest-dizziness", concept(own("highest-dizziness")), summary.max_dizziness, 1.0, "score", "{score}", ""),
    )
    for name, code, value, per_unit, unit, ucum, note in rows:
        known = finite(value)
        if known is not None:
            yield name, _body(code, note, valueQuantity=quantity(round(known / per_unit, 3), unit, ucum))


def _energy(energy: EnergyRange | None) -> Iterator[Named]:
    """Energy as a range and never as one figure; a suppressed one is left out."""
    if energy is None or energy.gross_kcal is None:
        return
    low, high = (finite(value) for value in energy.gross_kcal)
    if low is not None and high is not None and low <= high:
        span = {"low": quantity(round(low, 1), "kcal", "kcal"), "high": quantity(round(high, 1), "kcal", "kcal")}
        note = plain(f"A model's range, gross. {energy.reason}")
        yield "energy", _body(concept(coding(LOINC, "55424-6", "Calories burned in unspecified time Pedometer")), note, valueRange=span)
