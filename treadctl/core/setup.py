"""Setup: what the core is told once about the machine it runs on. Thresholds carry the source of their number; machine files may change them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from treadctl.core.imbalance.calibration import TrunkTuning
from treadctl.core.limits import Limits
from treadctl.core.sample import ChannelId
from treadctl.core.thresholds import DetectorThresholds


class CordWiring(StrEnum):
    """How the pull cord acts on the machine: cutting the drive's enable by itself, or only seen by us."""

    DRIVE_ENABLE = "drive_enable"
    INPUT_ONLY = "input_only"


@dataclass(frozen=True, slots=True)
class Setup:
    """The machine as configured. Speeds m/s, times s; `fitted` lists the channels that exist and must therefore be healthy.

    Ages: safety channels at most 100 ms. `stop_confirm_limit_s` leaves one tick, and 15 ms for the output and its
    relay, so that the enable is off within 150 ms of the verdict.
    A proof test counts for `proof_valid_s`: half a day, so that it is done anew each working day (our choice; the rule is "today", and the core has no date).
    What was armed `arm_valid_s` ago is put away: the checklist is of a person who stands there now (a quarter of an hour; our choice).
    `stop_reaction_s` is the longest command-to-motion delay seen on a laboratory belt (0.355 s, measured) rounded up.
    """

    limits: Limits
    fitted: frozenset[ChannelId]
    cord_wiring: CordWiring
    proof: tuple[ChannelId, ...] = (ChannelId.CORD_A, ChannelId.CORD_B)
    proof_valid_s: float = 43200.0
    tick_s: float = 0.02
    sensor_age_limit_s: float = 0.1
    drive_age_limit_s: float = 0.25
    watchdog_limit_s: float = 0.5
    stop_confirm_limit_s: float = 0.115
    stop_reaction_s: float = 0.4
    standstill_mps: float = 0.03
    start_hold_s: float = 1.0
    arm_valid_s: float = 900.0
    detectors: DetectorThresholds = DetectorThresholds()
    trunk_tuning: TrunkTuning | None = None  # where a waist sensor is fitted


@cache
def safety_channels(fitted: frozenset[ChannelId]) -> tuple[ChannelId, ...]:
    """The fitted channels whose loss stops the belt, in a fixed order."""
    return tuple(c for c in ChannelId if c in fitted and c not in {ChannelId.HEART_RATE, ChannelId.PRESENCE, ChannelId.TRUNK})
