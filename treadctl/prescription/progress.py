"""The next step for a person: the same again, faster or slower, and why. A proposal; preflight and the clinician decide.

Up only after two sessions in a row without an event, walked to the end, with every answer known and none of them high. What is not known never leads up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Final

from treadctl.core.sample import Facing
from treadctl.core.units import kmh_from_mps, mps_from_kmh
from treadctl.prescription import defaults as d
from treadctl.prescription.history import History, PastSession
from treadctl.prescription.person import Person, person_limits
from treadctl.prescription.profile import BeltEntry, Profile, RoundsEntry
from treadctl.prescription.words import known

QUIET: Final = 0.5  # derived: answers up to half of the person's stop limit count as low
NEAR_MPS: Final = mps_from_kmh(0.05)  # derived: speeds nearer than this are the same step


class Move(StrEnum):
    """Which way."""

    SAME = "same"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Proposal:
    """The next session's highest backward speed in m/s (None = nothing on record to start from), by which step, whether hands may leave the rails, and why."""

    move: Move
    peak_mps: float | None
    step_mps: float
    hands_free: bool
    reasons: tuple[str, ...]


def step_of(profile: Profile | None) -> float:
    """The step, m/s: the smallest of the profile's own stairs of speed in its main block, else 0.3 km/h; never above 0.5 km/h."""
    stairs = [entry for part in profile.main for entry in (part.parts if isinstance(part, RoundsEntry) else (part,))] if profile is not None else []
    sizes = [abs(after - before) for entry in stairs if isinstance(entry, BeltEntry) for before, after in _pairs(entry)]
    return min(min((size for size in sizes if size > 0.0), default=d.STEP_MPS), d.SESSION_RISE_MPS)


def propose(person: Person, history: History, day: date, profile: Profile | None = None, facing: Facing = Facing.CONSOLE) -> Proposal:
    """What to do next on `day`. `profile` gives step and facing; the person's caps, those after an event included, bound the speed."""
    step_mps = step_of(profile)
    facing = profile.facing if profile is not None else facing
    last = history.last
    if last is None or known(last.peak_mps) is None:
        return Proposal(Move.SAME, None, step_mps, False, ("No earlier session with a known speed: the profile as it is, within the caps.",))
    peak_mps = known(last.peak_mps) or 0.0
    down, stay = _down(person, last, day), _stay(person, history)
    limits = person_limits(person, facing, history, day)
    ceiling_mps = limits.max_speed_reverse_mps if facing is Facing.CONSOLE else limits.max_speed_forward_mps
    if down:
        lower_mps = max(min(peak_mps - step_mps, ceiling_mps), min(d.START_MPS, ceiling_mps))
        return Proposal(Move.DOWN, lower_mps, step_mps, history.weaned, tuple(down))
    if ceiling_mps < peak_mps - NEAR_MPS:
        reason = f"The person's caps allow {kmh_from_mps(ceiling_mps):.1f} km/h."
        return Proposal(Move.DOWN, ceiling_mps, step_mps, history.weaned, (reason,))
    if stay:
        return Proposal(Move.SAME, min(peak_mps, ceiling_mps), step_mps, history.weaned, tuple(stay))
    higher_mps = min(peak_mps + step_mps, ceiling_mps)
    if higher_mps <= peak_mps + NEAR_MPS:
        return Proposal(Move.SAME, min(peak_mps, ceiling_mps), step_mps, history.weaned, ("The person's cap is reached.",))
    reason = f"{d.CLEAN_SESSIONS} sessions in a row without an event, walked to the end, answers low: {kmh_from_mps(higher_mps - peak_mps):.1f} km/h more."
    return Proposal(Move.UP, higher_mps, step_mps, history.weaned, (reason,))


def _down(person: Person, last: PastSession, day: date) -> list[str]:
    found = []
    if last.events is None or last.events > 0:
        found.append("The last session had an event." if last.events else "Whether the last session had an event is not known.")
    for words, value, limit in _answers(person, last):
        if value is not None and value >= limit:
            found.append(f"{words} reached {value:g}; the limit is {limit:g}.")
    if not 0 <= (day - last.day).days <= d.BREAK_DAYS:
        found.append(f"The last session was {(day - last.day).days} days ago; after {d.BREAK_DAYS} begin lower.")
    return found


def _stay(person: Person, history: History) -> list[str]:
    looked_at = history.recent[-d.CLEAN_SESSIONS :]
    if len(looked_at) < d.CLEAN_SESSIONS or not all(session.clean for session in looked_at):
        return [f"Up only after {d.CLEAN_SESSIONS} sessions in a row without an event."]
    found = []
    for session in looked_at:
        if session.completed is not True:
            found.append(f"The session of {session.day.isoformat()} was not walked to its end.")
        for words, value, limit in _answers(person, session):
            high = min(limit, d.HARD_RPE) if words == "Exertion" else QUIET * limit
            if value is None:
                found.append(f"{words} was not answered on {session.day.isoformat()}.")
            elif not value < high:
                found.append(f"{words} was {value:g} on {session.day.isoformat()}; below {high:g} is wanted.")
    return found


def _answers(person: Person, session: PastSession) -> tuple[tuple[str, float | None, float], ...]:
    core = person.core()
    return (
        ("Exertion", known(session.max_rpe), core.max_rpe),
        ("Dizziness", known(session.max_dizziness), core.max_dizziness),
        ("Pain", known(session.max_pain), core.max_pain),
    )


def _pairs(entry: BeltEntry) -> list[tuple[float, float]]:
    speeds = [speed for speed, _ in entry.stretches()]
    return list(pairwise(speeds))
