"""The plan of a profile on a machine: every segment with times, speed and distance, the worst stop against the deck, every limit with its margin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from treadctl.core.limits import Limits, tighter
from treadctl.core.program import Program, Segment
from treadctl.core.ramp import stopping_distance_m, stopping_time_s
from treadctl.core.sample import ChannelId, Direction, Facing
from treadctl.errors import TreadctlError
from treadctl.prescription.compile import PlacedSegment, check_limits, compile_program, flatten, ramp_time_s, segment_place
from treadctl.prescription.frame import MachineFrame
from treadctl.prescription.profile import Profile
from treadctl.prescription.words import NO_CAP

TOUCH: Final = 0.05  # a limit is called touched when less than this share of it is left


@dataclass(frozen=True, slots=True)
class PlannedSegment:
    """One segment in time: `waits_s` is spent slowing to standstill before a change of direction, then `ramp_s` of its time reaching its speed."""

    place: str
    segment: Segment
    starts_s: float
    waits_s: float
    from_mps: float
    ramp_s: float
    distance_m: float

    @property
    def ends_s(self) -> float:
        """When it ends, s from the start of the session."""
        return self.starts_s + self.waits_s + self.segment.duration_s


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop from the highest speed: belt travel in m and time in s, from the event to standstill."""

    from_mps: float
    deceleration_mps2: float
    reaction_s: float
    distance_m: float
    time_s: float


@dataclass(frozen=True, slots=True)
class Margin:
    """How near the plan comes to one limit: asked and limit in the same unit, whose limit it is."""

    name: str
    unit: str
    asked: float
    limit: float
    whose: str

    @property
    def left(self) -> float:
        """What is left of the limit; never negative in a plan that was accepted."""
        return max(0.0, self.limit - self.asked)

    @property
    def touched(self) -> bool:
        """Whether something is asked and less than 5 % of the limit is left."""
        return self.asked > 0.0 and self.left <= TOUCH * self.limit


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole plan. Times s, distances m. `ramp_down_s` follows the last segment where it ends moving (SS2 at the protective ramp)."""

    profile: Profile
    program: Program
    frame: MachineFrame
    rows: tuple[PlannedSegment, ...]
    ramp_down_s: float
    ramp_down_m: float
    protective_stop: Stop
    fast_stop: Stop
    margins: tuple[Margin, ...]
    cautions: tuple[str, ...]

    @property
    def total_s(self) -> float:
        """From the start to the end of the last segment and its ramp-down, holds excluded."""
        return self.rows[-1].ends_s + self.ramp_down_s

    @property
    def distance_m(self) -> float:
        """Belt travel of the whole session."""
        return sum(row.distance_m for row in self.rows) + self.ramp_down_m

    @property
    def moving_s(self) -> float:
        """Program time on the moving belt."""
        return sum(row.segment.duration_s for row in self.rows if row.segment.speed_mps > 0.0)


def make_plan(profile: Profile, frame: MachineFrame, person: Limits | None = None) -> Plan:
    """The plan, or the TC120 / TC121 that forbids it. `person` holds the person's caps (infinite where there is none)."""
    caps = person if person is not None else NO_CAP
    program = compile_program(profile, frame.limits, caps)
    placed = flatten(profile)
    limits = tighter(frame.limits, caps)
    _require_guards(profile, placed, frame)
    rows = timeline(profile, placed, limits)
    end_mps = rows[-1].segment.speed_mps
    peak_mps = program.max_speed_mps
    return Plan(
        profile=profile,
        program=program,
        frame=frame,
        rows=rows,
        ramp_down_s=end_mps / limits.protective_deceleration_mps2,
        ramp_down_m=stopping_distance_m(end_mps, limits.protective_deceleration_mps2),
        protective_stop=_stop(peak_mps, limits.protective_deceleration_mps2, frame),
        fast_stop=_stop(peak_mps, limits.fast_deceleration_mps2, frame),
        margins=_margins(rows, frame.limits, caps),
        cautions=_cautions(profile, frame),
    )


def reads_as(profile: Profile) -> str:
    """Where a slowing belt carries the person, in words, for this facing and direction."""
    toward = "into the console and its front rail" if profile.direction is Direction.FORWARD else "toward and off the open rear end of the deck"
    seeing = "backward, unseeing" if backward_gait(profile) else "forward, the way they look"
    return f"a slowing belt carries the person {seeing}, {toward}"


def backward_gait(profile: Profile) -> bool:
    """Whether facing and direction together make the person go backward."""
    return (profile.direction is Direction.REVERSE) is (profile.facing is Facing.CONSOLE)


def guard_findings(profile: Profile, frame: MachineFrame) -> tuple[str, ...]:
    """What keeps this profile off this machine besides its limits: a guard it requires that is not fitted, a stop longer than the deck without harness."""
    found = [f"The profile requires {channel.value}, which machine {frame.name} does not have." for channel in sorted(profile.guards - frame.fitted)]
    if ChannelId.HARNESS not in profile.guards:
        for item in flatten(profile):
            stop = _stop(item.segment.speed_mps, frame.limits.protective_deceleration_mps2, frame)
            if not stop.distance_m <= frame.deck_length_m:
                found.append(
                    f"{segment_place(profile.name, item)}: a stop takes {stop.distance_m:.2f} m of belt, the deck of {frame.name} has "
                    f"{frame.deck_length_m:.2f} m; faster than {fitting_speed_mps(frame):.2f} m/s the profile must require the harness."
                )
                break
    return tuple(found)


def deck_findings(program: Program, frame: MachineFrame) -> tuple[str, ...]:
    """The same of a program that was compiled elsewhere, and no longer says which guards it requires: a stop longer than the deck wants a harness fitted."""
    stop = _stop(program.max_speed_mps, frame.limits.protective_deceleration_mps2, frame)
    if stop.distance_m <= frame.deck_length_m or ChannelId.HARNESS in frame.fitted:
        return ()
    deck = f"the deck of {frame.name} has {frame.deck_length_m:.2f} m and no harness is fitted"
    return (f"{program.name}: a stop takes {stop.distance_m:.2f} m of belt, {deck}.",)


def fitting_speed_mps(frame: MachineFrame) -> float:
    """The highest speed, m/s, from which a protective stop, reaction included, fits on the deck: the root of v·t + v²/2a = deck."""
    a, t = frame.limits.protective_deceleration_mps2, frame.reaction_s
    return a * (math.sqrt(t * t + 2.0 * frame.deck_length_m / a) - t)


def _require_guards(profile: Profile, placed: tuple[PlacedSegment, ...], frame: MachineFrame) -> None:
    check_limits(profile.name, placed, frame.limits, NO_CAP)
    findings = guard_findings(profile, frame)
    if findings:
        raise TreadctlError("beyond_machine", profile.name, findings[0].rstrip("."))


def _stop(speed_mps: float, deceleration_mps2: float, frame: MachineFrame) -> Stop:
    distance_m = stopping_distance_m(speed_mps, deceleration_mps2, frame.reaction_s)
    return Stop(speed_mps, deceleration_mps2, frame.reaction_s, distance_m, stopping_time_s(speed_mps, deceleration_mps2, frame.reaction_s))


def timeline(profile: Profile, placed: tuple[PlacedSegment, ...], limits: Limits) -> tuple[PlannedSegment, ...]:
    """The segments in time, whether or not the limits allow them: their slopes alone are used."""
    rows: list[PlannedSegment] = []
    now_s, speed_mps, direction = 0.0, 0.0, profile.direction
    for item in placed:
        segment = item.segment
        waits_s = ramp_time_s(speed_mps, 0.0, limits) if segment.direction is not direction else 0.0
        slowing_m = speed_mps * waits_s / 2.0
        start_mps = 0.0 if waits_s > 0.0 else speed_mps
        ramp_s = ramp_time_s(start_mps, segment.speed_mps, limits)
        distance_m = slowing_m + (start_mps + segment.speed_mps) / 2.0 * ramp_s + segment.speed_mps * (segment.duration_s - ramp_s)
        rows.append(PlannedSegment(item.place, segment, now_s, waits_s, start_mps, ramp_s, distance_m))
        now_s, speed_mps, direction = rows[-1].ends_s, segment.speed_mps, segment.direction
    return tuple(rows)


def _margins(rows: tuple[PlannedSegment, ...], machine: Limits, person: Limits) -> tuple[Margin, ...]:
    moving = [row for row in rows if row.segment.speed_mps > 0.0]
    asked = [
        (f"max_speed_{direction.value}_mps", "m/s", max(row.segment.speed_mps for row in moving if row.segment.direction is direction))
        for direction in Direction
        if any(row.segment.direction is direction for row in moving)
    ]
    limits = tighter(machine, person)
    steepest = max(row.segment.grade_percent for row in rows)
    rising = any(row.segment.speed_mps > row.from_mps for row in rows)
    falling = any(row.segment.speed_mps < row.from_mps or row.waits_s > 0.0 for row in rows)
    asked.append(("max_acceleration_mps2", "m/s²", limits.max_acceleration_mps2 if rising else 0.0))
    asked.append(("max_deceleration_mps2", "m/s²", limits.max_deceleration_mps2 if falling else 0.0))
    asked.append(("max_grade_percent", "%", steepest))
    asked.append(("max_grade_rate_percent_per_s", "%/s", limits.max_grade_rate_percent_per_s if steepest > 0.0 else 0.0))
    asked.append(("max_duration_s", "s", sum(row.segment.duration_s for row in moving)))
    return tuple(
        Margin(name, unit, value, getattr(limits, name), "person" if getattr(person, name) < getattr(machine, name) else "machine")
        for name, unit, value in asked
    )


def _cautions(profile: Profile, frame: MachineFrame) -> tuple[str, ...]:
    found: list[str] = []
    if profile.facing is Facing.REAR and profile.direction is Direction.FORWARD:
        found.append("Facing the rear on a forward belt the person drifts toward the console and the pull cord slackens: it does not fire by drift.")
    if backward_gait(profile) and profile.direction is Direction.REVERSE:
        found.append("The person cannot see the open rear end they are carried to: keep it clear, and somebody beside it.")
    if "attendant" not in profile.requires:
        found.append("The profile does not require the attendant's switch; somebody must still attend.")
    if ChannelId.BELT not in frame.fitted:
        found.append("No belt encoder is fitted: speed and direction are judged on the drive's own word.")
    return tuple(found)
