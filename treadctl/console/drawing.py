"""A draft as it is drawn and told: the planned speed with the stop from each point against the deck, the limits as lines, and the figures in words."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any, Final

from treadctl.config.toml_lines import path_of
from treadctl.console.drafts import Draft
from treadctl.console.view import DIRECTIONS, FACINGS, _
from treadctl.console.words import Words
from treadctl.core.limits import tighter
from treadctl.core.ramp import stopping_distance_m, stopping_time_s
from treadctl.core.sample import Direction
from treadctl.prescription.frame import MachineFrame
from treadctl.prescription.plan import PlannedSegment, fitting_speed_mps, reads_as, timeline

SHORT: Final = {"machine": _("machine"), "person": _("person"), "deck": _("deck")}
RAMP_PIECES: Final = 4  # points on a ramp, since the stop's travel is no straight line there


@dataclass(frozen=True, slots=True)
class Corner:
    """One point of the plan: s from the start, m/s, percent, the belt's travel of a stop from here (m), and which row it belongs to."""

    at_s: float
    speed_mps: float
    grade_percent: float
    stop_m: float
    row: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A draft in time. Drawn as well where machine or person forbid it, since then it is wanted most."""

    rows: tuple[PlannedSegment, ...]
    corners: tuple[Corner, ...]
    frame: MachineFrame
    draft: Draft

    @property
    def total_s(self) -> float:
        """From the start to rest."""
        return self.corners[-1].at_s

    @property
    def moving_s(self) -> float:
        """Time on the moving belt, as the limits count it."""
        return sum(row.segment.duration_s for row in self.rows if row.segment.speed_mps > 0.0)

    @property
    def distance_m(self) -> float:
        """Belt travel."""
        return sum((a.speed_mps + b.speed_mps) / 2.0 * (b.at_s - a.at_s) for a, b in itertools.pairwise(self.corners))

    @property
    def worst(self) -> Corner:
        """Where a stop is longest."""
        return max(self.corners, key=_stop)


def picture(draft: Draft, frame: MachineFrame) -> Picture | None:
    """The draft in time, None where it is no profile."""
    if draft.profile is None:
        return None
    limits = tighter(frame.limits, draft.limits)
    rows = timeline(draft.profile, draft.placed, limits)
    corners = [Corner(0.0, 0.0, rows[0].segment.grade_percent, 0.0, 0)]
    for number, row in enumerate(rows):
        corners.extend(_corners(row, number, frame))
    end = corners[-1]
    if end.speed_mps > 0.0:
        corners.append(Corner(end.at_s + end.speed_mps / limits.protective_deceleration_mps2, 0.0, end.grade_percent, 0.0, end.row))
    return Picture(rows, tuple(corners), frame, draft)


def _corners(row: PlannedSegment, number: int, frame: MachineFrame) -> list[Corner]:
    waits_s = row.waits_s if math.isfinite(row.waits_s) else 0.0
    begins_s = row.starts_s + waits_s
    ramp_s = min(row.ramp_s, row.segment.duration_s)  # one that does not fit is drawn as steep as it would have to be
    target_mps = row.segment.speed_mps
    pieces = RAMP_PIECES if ramp_s > 0.0 else 0
    found = [(begins_s, row.from_mps)]
    found += [(begins_s + ramp_s * n / pieces, row.from_mps + (target_mps - row.from_mps) * n / pieces) for n in range(1, pieces + 1)]
    found.append((begins_s + row.segment.duration_s, target_mps))
    limit, reaction_s = frame.limits.protective_deceleration_mps2, frame.reaction_s
    return [Corner(at_s, mps, row.segment.grade_percent, stopping_distance_m(mps, limit, reaction_s), number) for at_s, mps in found]


def plan_shown(draft: Draft, frame: MachineFrame, words: Words) -> dict[str, Any] | None:
    """What the chart draws; speeds in the clinic's unit, times in s, distances in m. None where there is nothing to draw."""
    shown = picture(draft, frame)
    if shown is None:
        return None
    per_mps = words.units.speed(1.0)
    return {
        "t": [round(corner.at_s, 3) for corner in shown.corners],
        "speed": [round(corner.speed_mps * per_mps, 4) for corner in shown.corners],
        "stop_m": [round(corner.stop_m, 3) for corner in shown.corners],
        "stretches": [
            {
                "path": list(path_of(f"text > {row.place}")), "block": row.segment.block.value, "label": row.segment.label,
                "from_s": row.starts_s, "to_s": row.ends_s,
            }
            for row in shown.rows
        ],
        "limits": _lines(shown, words),
        "deck_m": frame.deck_length_m,
        "unit": words.units.value,
        "total_s": shown.total_s, "moving_s": shown.moving_s, "distance_m": shown.distance_m,
        "worst_stop": {"at_s": shown.worst.at_s, "from_mps": shown.worst.speed_mps, "distance_m": shown.worst.stop_m},
    }  # fmt: skip


def figures(draft: Draft, frame: MachineFrame, words: Words) -> list[tuple[str, str]]:
    """Name and value of each figure, in words."""
    shown = picture(draft, frame)
    if shown is None or draft.profile is None:
        return []
    say, profile = words.say, draft.profile
    most_s = tighter(frame.limits, draft.limits).max_duration_s
    found = [
        (say(_("Whole session")), words.clock(shown.total_s)),
        (say(_("On the moving belt")), say(_("{time} of at most {most}")).format(time=words.clock(shown.moving_s), most=words.clock(most_s))),
        (say(_("Distance")), f"{words.number(shown.distance_m, 0)} m"),
        (say(_("Highest speed")), words.speed(shown.worst.speed_mps)),
        (say(_("Belt and person")), f"{say(DIRECTIONS[profile.direction.value][1])}, {say(FACINGS[profile.facing.value])}"),
    ]
    if profile.requires:
        found.append((say(_("Requires")), ", ".join(say(name.replace("_", " ")) for name in profile.requires)))
    return found


def stop_words(draft: Draft, frame: MachineFrame, words: Words) -> str:
    """The longest stop against the deck, and where it carries the person."""
    shown = picture(draft, frame)
    if shown is None or draft.profile is None or shown.worst.speed_mps <= 0.0:
        return ""
    worst = shown.worst
    takes_s = stopping_time_s(worst.speed_mps, frame.limits.protective_deceleration_mps2, frame.reaction_s)
    told = words.say(_("The longest stop, from {speed}, takes {travel} m of belt in {time} s; the deck has {deck} m.")).format(
        speed=words.speed(worst.speed_mps), travel=words.number(worst.stop_m, 2), time=words.number(takes_s), deck=words.number(frame.deck_length_m, 2)
    )
    fits = _("It fits on the deck.") if worst.stop_m <= frame.deck_length_m else _("It does not fit on the deck: the harness must carry the person.")
    carried = words.say(reads_as(draft.profile))
    return f"{told} {words.say(fits)} {carried[:1].upper()}{carried[1:]}."


def _lines(shown: Picture, words: Words) -> list[dict[str, Any]]:
    """Limits of machine and person for each direction of the belt that is used, and the speed from which a stop is longer than the deck."""
    per_mps, say = words.units.speed(1.0), words.say
    used = {row.segment.direction for row in shown.rows if row.segment.speed_mps > 0.0}
    lines: list[dict[str, Any]] = []
    for direction in (d for d in Direction if d in used):
        way = say(DIRECTIONS[direction.value][1])
        machine_mps, person_mps = shown.frame.limits.max_speed_mps(direction), shown.draft.limits.max_speed_mps(direction)
        lines.append(_line("machine", say(_("limit of the machine, {way}")).format(way=way), machine_mps, words))
        if math.isfinite(person_mps):
            caps = [cap for cap in shown.draft.caps if cap.field == f"max_speed_{direction.value}_mps" and cap.value == person_mps]
            why = f" ({say(caps[0].reason).rstrip('.')})" if caps else ""
            lines.append(_line("person", say(_("limit of the person, {way}")).format(way=way) + why, person_mps, words))
    lines.append(_line("deck", say(_("from here a stop is longer than the deck")), fitting_speed_mps(shown.frame), words))
    return [{**line, "speed": line["speed"] * per_mps} for line in lines]


def _line(whose: str, text: str, mps: float, words: Words) -> dict[str, Any]:
    return {"whose": whose, "text": f"{text}: {words.speed(mps)}", "short": f"{words.say(SHORT[whose])} {words.bare_speed(mps)}", "speed": mps}


def _stop(corner: Corner) -> float:
    return corner.stop_m
