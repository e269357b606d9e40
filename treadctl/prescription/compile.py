"""From profile to program: flattened, checked against every limit, frozen. Nothing is ever clamped: what does not fit is refused by name."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from treadctl.config.toml_file import join_place
from treadctl.core.limits import Limits, tighter
from treadctl.core.program import Block, Hands, Program, Segment
from treadctl.core.units import kmh_from_mps
from treadctl.errors import TreadctlError
from treadctl.prescription.profile import MAX_SEGMENTS, BeltEntry, FloorEntry, Profile, RoundsEntry, profile_sha256
from treadctl.prescription.words import NO_CAP

TOLERANCE: Final = 1e-9  # relative: a speed converted from km/h equals the limit it was written as


@dataclass(frozen=True, slots=True)
class PlacedSegment:
    """A segment and where in the profile it was written, for errors: `main[2]` and its label."""

    place: str
    segment: Segment

    @property
    def moves(self) -> bool:
        """Whether the belt moves in it."""
        return self.segment.speed_mps > 0.0


@dataclass(frozen=True, slots=True)
class Breach:
    """One thing that a machine or a person forbids of a segment, or of the whole session (`item` None). `field` is the field of `Limits` in its way.

    `whose` is machine or person: whose limit that is.
    """

    error: TreadctlError
    field: str
    whose: str
    item: PlacedSegment | None = None


def flatten(profile: Profile) -> tuple[PlacedSegment, ...]:
    """Every segment in order, steps and rounds written out. TC121 where there are too many to walk."""
    placed: list[PlacedSegment] = []
    for block, entries in profile.blocks():
        for index, entry in enumerate(entries):
            placed.extend(_placed(profile, block, f"{block.value}[{index + 1}]", entry))
            if len(placed) > MAX_SEGMENTS:
                raise TreadctlError("bad_profile", profile.name, f"more than {MAX_SEGMENTS} segments")
    return tuple(placed)


def compile_program(profile: Profile, machine: Limits, person: Limits | None = None) -> Program:
    """The frozen program of a profile, or TC120 / TC121 naming segment, value, limit and remedy.

    `person` holds the person's caps (infinite where there is none). The result depends on the profile alone: limits decide whether there is one.
    """
    placed = flatten(profile)
    check_limits(profile.name, placed, machine, person if person is not None else NO_CAP)
    segments = tuple(item.segment for item in placed)
    return Program(name=profile.name, facing=profile.facing, segments=segments, profile_sha256=profile_sha256(profile))


def check_program(program: Program, machine: Limits, person: Limits | None = None) -> None:
    """Check a program that was compiled elsewhere: the same refusals as `compile_program`, and TC121 for what no profile could have said."""
    placed = tuple(PlacedSegment(f"segments[{number + 1}]", segment) for number, segment in enumerate(program.segments))
    if not placed:
        raise TreadctlError("bad_profile", program.name, "it has no segments")
    if len(placed) > MAX_SEGMENTS:
        raise TreadctlError("bad_profile", program.name, f"more than {MAX_SEGMENTS} segments")
    for item in placed:
        segment = item.segment
        if not (0.0 < segment.duration_s < math.inf):
            raise TreadctlError("bad_profile", segment_place(program.name, item), f"a length of {segment.duration_s} s")
        if not (segment.speed_mps >= 0.0 and segment.grade_percent >= 0.0):
            raise TreadctlError("bad_profile", segment_place(program.name, item), "speed and grade are magnitudes, not negative and not NaN")
    check_limits(program.name, placed, machine, person if person is not None else NO_CAP)


def check_limits(name: str, placed: tuple[PlacedSegment, ...], machine: Limits, person: Limits) -> None:
    """TC120 for the first segment beyond a limit, TC121 for one too short for its own ramp."""
    for breach in breaches(name, placed, machine, person):
        raise breach.error


def breaches(name: str, placed: tuple[PlacedSegment, ...], machine: Limits, person: Limits) -> Iterator[Breach]:
    """Everything that is beyond a limit, in order: each segment's speed and grade, the time on the moving belt, each ramp."""
    for item in placed:
        segment = item.segment
        ceiling = f"max_speed_{segment.direction.value}_mps"
        yield from _within(name, item, "speed", segment.speed_mps, ceiling, machine, person)
        yield from _within(name, item, "grade", segment.grade_percent, "max_grade_percent", machine, person)
    moving_s = sum(item.segment.duration_s for item in placed if item.moves)
    if not moving_s <= tighter(machine, person).max_duration_s * (1.0 + TOLERANCE):
        whose, limit_s = _whose("max_duration_s", machine, person)
        detail = f"{moving_s:.0f} s on the moving belt, the limit of the {whose} is {limit_s:.0f} s: shorten the main block"
        yield Breach(TreadctlError("beyond_machine", join_place(name, "whole session"), detail), "max_duration_s", whose)
    yield from _short_ramps(name, placed, machine, person)


def ramp_time_s(from_mps: float, to_mps: float, limits: Limits) -> float:
    """Seconds from one speed to another at the limits' slopes. Rounding by jerk adds about slope/jerk (0.25 s at 0.25 m/s²) and is left out."""
    slope = limits.max_acceleration_mps2 if to_mps > from_mps else limits.max_deceleration_mps2
    if from_mps == to_mps:
        return 0.0
    return abs(to_mps - from_mps) / slope if slope > 0.0 else math.inf


def _placed(profile: Profile, block: Block, place: str, entry: BeltEntry | FloorEntry | RoundsEntry) -> list[PlacedSegment]:
    if isinstance(entry, FloorEntry):
        floor = Segment(block, entry.label, entry.duration_s, 0.0, profile.direction, 0.0, Hands.FREE, entry.prompts)
        return [PlacedSegment(place, floor)]
    if isinstance(entry, RoundsEntry):
        return [
            PlacedSegment(f"{place}.parts[{number + 1}]", _round_label(item.segment, round_number + 1, entry.repeat))
            for round_number in range(entry.repeat)
            for number, part in enumerate(entry.parts)
            for item in _placed(profile, block, place, part)
        ]
    stretches = entry.stretches()
    made: list[PlacedSegment] = []
    for number, (speed_mps, duration_s) in enumerate(stretches):
        label = entry.label if len(stretches) == 1 else f"{entry.label} ({number + 1} of {len(stretches)})"
        segment = Segment(block, label, duration_s, speed_mps, entry.direction or profile.direction, entry.grade_percent, entry.hands, entry.prompts)
        made.append(PlacedSegment(place, segment))
    return made


def _round_label(segment: Segment, number: int, repeat: int) -> Segment:
    label = f"{segment.label} [{number}/{repeat}]"
    return Segment(segment.block, label, segment.duration_s, segment.speed_mps, segment.direction, segment.grade_percent, segment.hands, segment.prompts)


def _whose(field: str, machine: Limits, person: Limits) -> tuple[str, float]:
    of_machine, of_person = float(getattr(machine, field)), float(getattr(person, field))
    return ("person", of_person) if of_person < of_machine else ("machine", of_machine)


def _within(name: str, item: PlacedSegment, what: str, value: float, field: str, machine: Limits, person: Limits) -> Iterator[Breach]:
    whose, limit = _whose(field, machine, person)
    if value <= limit * (1.0 + TOLERANCE):
        return
    if what == "speed":
        allowed, direction = _speed_words(limit), item.segment.direction.value
        words = f"speed {kmh_from_mps(value):.2f} km/h ({value:.3f} m/s) {direction}, the limit of the {whose} is {allowed} ({field})"
    else:
        words = f"grade {value:g} %, the limit of the {whose} is {limit:g} % ({field})"
    yield Breach(TreadctlError("beyond_machine", segment_place(name, item), words), field, whose, item)


def segment_place(name: str, item: PlacedSegment) -> str:
    """How an error names a segment: profile, place in the file, label."""
    return f'{join_place(name, item.place)} "{item.segment.label}"'


def _speed_words(speed_mps: float) -> str:
    return f"{kmh_from_mps(speed_mps):.2f} km/h ({speed_mps:.3f} m/s)"


def _short_ramps(name: str, placed: tuple[PlacedSegment, ...], machine: Limits, person: Limits) -> Iterator[Breach]:
    limits = tighter(machine, person)
    speed_mps, grade_percent, direction = 0.0, 0.0, placed[0].segment.direction
    for item in placed:
        segment = item.segment
        start_mps = 0.0 if segment.direction is not direction else speed_mps
        ramp_s = ramp_time_s(start_mps, segment.speed_mps, limits)
        if not ramp_s <= segment.duration_s:
            field = "max_acceleration_mps2" if segment.speed_mps > start_mps else "max_deceleration_mps2"
            detail = f"reaching {_speed_words(segment.speed_mps)} takes {ramp_s:.1f} s, the segment lasts {segment.duration_s:g} s"
            yield _short(name, item, field, detail, machine, person)
        grade_s = abs(segment.grade_percent - grade_percent) / limits.max_grade_rate_percent_per_s
        if not grade_s <= segment.duration_s:
            detail = f"reaching {segment.grade_percent:g} % of grade takes {grade_s:.0f} s, the segment lasts {segment.duration_s:g} s"
            yield _short(name, item, "max_grade_rate_percent_per_s", detail, machine, person)
        speed_mps, grade_percent, direction = segment.speed_mps, segment.grade_percent, segment.direction


def _short(name: str, item: PlacedSegment, field: str, detail: str, machine: Limits, person: Limits) -> Breach:
    return Breach(TreadctlError("bad_profile", segment_place(name, item), detail), field, _whose(field, machine, person)[0], item)
