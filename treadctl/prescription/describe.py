"""A plan as plain data, for JSON and for tables: the same numbers everywhere."""

from __future__ import annotations

from typing import Any

from treadctl.core.units import kmh_from_mps
from treadctl.prescription.frame import DECISION_S, MachineFrame
from treadctl.prescription.plan import Margin, Plan, PlannedSegment, Stop, backward_gait, fitting_speed_mps, reads_as
from treadctl.prescription.preflight import Finding

RAMP_NOTE = "ramps are planned at constant slope; the jerk limit rounds each end by slope / jerk, a fraction of a second, which the plan leaves out"


def plan_data(plan: Plan) -> dict[str, Any]:
    """The whole plan as JSON-ready data; every key carries its unit."""
    profile = plan.profile
    return {
        "profile": profile.name,
        "title": profile.title,
        "profile_sha256": plan.program.profile_sha256,
        "machine": plan.frame.name,
        "direction": profile.direction.value,
        "facing": profile.facing.value,
        "backward_gait": backward_gait(profile),
        "requires": list(profile.requires),
        "segments": [_segment(row) for row in plan.rows],
        "total_s": plan.total_s,
        "moving_s": plan.moving_s,
        "distance_m": plan.distance_m,
        "max_speed_mps": plan.program.max_speed_mps,
        "ramp_down_s": plan.ramp_down_s,
        "deck_length_m": plan.frame.deck_length_m,
        "fitting_speed_mps": fitting_speed_mps(plan.frame),
        "protective_stop": _stop(plan.protective_stop),
        "fast_stop": _stop(plan.fast_stop),
        "reads_as": reads_as(profile),
        "limits": [_margin(margin) for margin in plan.margins],
        "cautions": list(plan.cautions),
        "note": RAMP_NOTE,
    }


def findings_data(findings: tuple[Finding, ...]) -> list[dict[str, Any]]:
    """Preflight findings as JSON-ready data."""
    return [{"rule": f.rule.value, "sentence": f.sentence, "refuses": f.refuses, "set_aside_by": f.set_aside_by} for f in findings]


def stop_sentence(plan: Plan) -> str:
    """The worst protective stop against the deck, what it assumes, and where it carries the person."""
    stop, deck_m = plan.protective_stop, plan.frame.deck_length_m
    verdict = "it fits on the deck" if stop.distance_m <= deck_m else "it does NOT fit on the deck: the harness carries the person"
    travel = f"{stop.distance_m:.2f} m of belt in {stop.time_s:.1f} s against a deck of {deck_m:.2f} m"
    return (
        f"Stop from {speed_words(stop.from_mps)} (SS1, {stop.deceleration_mps2:g} m/s²): {travel}; {verdict}, "
        f"and {reads_as(plan.profile)}. {reaction_sentence(plan.frame)}"
    )


def reaction_sentence(frame: MachineFrame) -> str:
    """What the reaction time is made of."""
    return f"Reaction assumed: {DECISION_S:g} s to decide and tell the drive, then {frame.stop_reaction_s:g} s of the drive's own (machine file)."


def clock(seconds: float) -> str:
    """A time as minutes and seconds, 75 as 1:15; tenths only where there are any."""
    minutes, rest = divmod(round(seconds, 1), 60.0)
    whole = f"{rest:04.1f}" if rest % 1.0 else f"{rest:02.0f}"
    return f"{int(minutes)}:{whole}"


def speed_words(speed_mps: float) -> str:
    """A speed for people: km/h, and m/s behind it."""
    return f"{kmh_from_mps(speed_mps):.1f} km/h ({speed_mps:.2f} m/s)"


def _segment(row: PlannedSegment) -> dict[str, Any]:
    segment = row.segment
    return {
        "place": row.place,
        "block": segment.block.value,
        "label": segment.label,
        "starts_s": row.starts_s,
        "ends_s": row.ends_s,
        "duration_s": segment.duration_s,
        "waits_s": row.waits_s,
        "ramp_s": row.ramp_s,
        "speed_mps": segment.speed_mps,
        "direction": segment.direction.value,
        "grade_percent": segment.grade_percent,
        "hands": segment.hands.value,
        "prompts": [prompt.value for prompt in segment.prompts],
        "distance_m": row.distance_m,
    }


def _stop(stop: Stop) -> dict[str, float]:
    return {
        "from_mps": stop.from_mps,
        "deceleration_mps2": stop.deceleration_mps2,
        "reaction_s": stop.reaction_s,
        "distance_m": stop.distance_m,
        "time_s": stop.time_s,
    }


def _margin(margin: Margin) -> dict[str, Any]:
    return {
        "name": margin.name,
        "unit": margin.unit,
        "asked": margin.asked,
        "limit": margin.limit,
        "left": margin.left,
        "whose": margin.whose,
        "touched": margin.touched,
    }
