"""Builders of samples: a healthy machine by default, each fault one argument away."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TypedDict, Unpack

from treadctl.core.sample import BeltMotion, Channel, Direction, DriveSample, DriveState, DriveStatus, Quality, Sample, TrunkMotion

FRESH_AGE_S = 0.005


class SampleChanges(TypedDict, total=False):
    """The fields of `Sample` a test may replace."""

    drive: DriveSample
    cord_a: Channel[bool]
    cord_b: Channel[bool]
    estop: Channel[bool]
    attendant: Channel[bool]
    harness: Channel[bool]
    enable_feedback: Channel[bool]
    presence: Channel[bool]
    rail_left: Channel[float]
    rail_right: Channel[float]
    heart_rate: Channel[float]
    belt: Channel[BeltMotion]
    trunk: Channel[TrunkMotion]


def contact(closed: bool, age_s: float = 0.0) -> Channel[bool]:
    """A contact that was read well, `age_s` ago."""
    return Channel(closed, age_s, Quality.GOOD)


def level(value: float, age_s: float = 0.0) -> Channel[float]:
    """A level (newton, or 1/min) that was read well, `age_s` ago."""
    return Channel(value, age_s, Quality.GOOD)


def motion(speed_mps: float, direction: Direction | None = Direction.REVERSE, age_s: float = 0.0) -> Channel[BeltMotion]:
    """Belt motion that was read well, `age_s` ago. At 0 m/s the direction is not told, whatever is given."""
    return Channel(belt_motion(speed_mps, direction), age_s, Quality.GOOD)


def belt_motion(speed_mps: float, direction: Direction | None = Direction.REVERSE) -> BeltMotion:
    """A motion; at 0 m/s without direction, as a real sensor gives it."""
    return BeltMotion(speed_mps, None if speed_mps == 0.0 else direction)


def bad_contact(quality: Quality, age_s: float = 0.0) -> Channel[bool]:
    """A contact that could not be read."""
    return Channel(None, math.inf if quality is Quality.ABSENT else age_s, quality)


def bad_level(quality: Quality, age_s: float = 0.0) -> Channel[float]:
    """A level that could not be read, or not be believed."""
    return Channel(None, math.inf if quality is Quality.ABSENT else age_s, quality)


def bad_motion(quality: Quality, age_s: float = 0.0) -> Channel[BeltMotion]:
    """Belt motion that could not be read, or not be believed."""
    return Channel(None, math.inf if quality is Quality.ABSENT else age_s, quality)


def drive_status(
    speed_mps: float = 0.0,
    direction: Direction | None = Direction.REVERSE,
    state: DriveState = DriveState.ENABLED,
    grade_percent: float | None = None,
    fault_code: int = 0,
) -> DriveStatus:
    """One poll of a drive, as a driver reports it."""
    return DriveStatus(state, belt_motion(speed_mps, direction), grade_percent, fault_code)


def drive_sample(
    speed_mps: float = 0.0,
    direction: Direction | None = Direction.REVERSE,
    *,
    state: DriveState = DriveState.ENABLED,
    grade_percent: float | None = None,
    fault_code: int = 0,
    age_s: float = FRESH_AGE_S,
    identified: bool = True,
    watchdog_s: float | None = 0.5,
    confirmed_order: int = 0,
) -> DriveSample:
    """A drive that is the configured one, attested, and was just polled."""
    status = Channel(drive_status(speed_mps, direction, state, grade_percent, fault_code), age_s, Quality.GOOD)
    return DriveSample(status, identified, watchdog_s, confirmed_order)


def healthy_sample(speed_mps: float = 0.0, direction: Direction = Direction.REVERSE, **changes: Unpack[SampleChanges]) -> Sample:
    """A machine on which everything is well and fresh: drive and encoder agree on `speed_mps`, contacts closed, both hands lightly on.

    Heart rate and presence are not fitted. Any field of `Sample` can be replaced by keyword.
    """
    return replace(
        Sample(
            drive=drive_sample(speed_mps, direction),
            cord_a=contact(True, FRESH_AGE_S),
            cord_b=contact(True, FRESH_AGE_S),
            estop=contact(True, FRESH_AGE_S),
            attendant=contact(True, FRESH_AGE_S),
            harness=contact(True, FRESH_AGE_S),
            enable_feedback=contact(True, FRESH_AGE_S),
            rail_left=level(30.0, FRESH_AGE_S),
            rail_right=level(30.0, FRESH_AGE_S),
            belt=motion(speed_mps, direction, FRESH_AGE_S),
        ),
        **changes,
    )
