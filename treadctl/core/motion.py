"""Motion: what the measurements say about the belt, filtered with constant memory, for the interlock to judge."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from treadctl.core.sample import BeltMotion, ChannelId, Direction, Sample
from treadctl.core.setup import Setup, safety_channels

SLOPE_TAU_S: Final = 0.25  # long enough to ride over the dip of one foot strike
STANDSTILL_HOLD_S: Final = 0.3
CREDIBLE_MPS: Final = 20.0  # no treadmill is faster; beyond it a reading is a fault


@dataclass(frozen=True, slots=True)
class Motion:
    """Memory of the belt's movement: low-passed speed (m/s), slope (m/s²), since when it stands (s, None = it does not)."""

    smooth_mps: float = 0.0
    slope_mps2: float = 0.0
    still_since_s: float | None = None
    settled: bool = False  # standstill was proven since the last order to run or to stop

    @property
    def stands(self) -> bool:
        """Whether standstill was proven, and the belt is measured standing now: it may have been pushed since."""
        return self.settled and self.still_since_s is not None


def credible(motion: BeltMotion | None) -> BeltMotion | None:
    """The motion, or None where it is missing or no number a belt can have."""
    if motion is None or not (0.0 <= motion.speed_mps <= CREDIBLE_MPS):
        return None
    return motion


def measured(sample: Sample, setup: Setup) -> tuple[float | None, float | None, Direction | None]:
    """Highest and lowest fresh speed (m/s) of drive and belt encoder, and the direction; all None where nothing is fresh.

    Where the two disagree about the direction of a moving belt, the encoder is believed: it is the one that is not commanded.
    """
    status = sample.drive.status.fresh(setup.drive_age_limit_s)
    drive = credible(status.motion) if status is not None else None
    belt = credible(sample.belt.fresh(setup.sensor_age_limit_s)) if ChannelId.BELT in setup.fitted else None
    if drive is None:
        return (belt.speed_mps, belt.speed_mps, belt.direction) if belt is not None else (None, None, None)
    if belt is None:
        return drive.speed_mps, drive.speed_mps, drive.direction
    return max(drive.speed_mps, belt.speed_mps), min(drive.speed_mps, belt.speed_mps), belt.direction or drive.direction


def follow(motion: Motion, speed_mps: float | None, now_s: float, dt_s: float, standstill_mps: float, commanded: bool) -> Motion:
    """The memory after one step; `commanded` = a speed above zero is ordered. Without a measurement standstill is not proven anew."""
    if speed_mps is None:
        return Motion(motion.smooth_mps, 0.0, None, motion.settled and not commanded)
    weight = 1.0 - math.exp(-dt_s / SLOPE_TAU_S)
    gap = speed_mps - motion.smooth_mps
    still_since = motion.still_since_s
    if not (speed_mps <= standstill_mps):
        still_since = None
    elif still_since is None:
        still_since = now_s
    settled = not commanded and (motion.settled or (still_since is not None and now_s - still_since >= STANDSTILL_HOLD_S))
    return Motion(motion.smooth_mps + weight * gap, gap / SLOPE_TAU_S, still_since, settled)


def untrusted(sample: Sample, setup: Setup) -> tuple[ChannelId, ...]:
    """The fitted safety channels that are stale, absent, implausible, frozen or not a number, in a fixed order."""
    limit = setup.sensor_age_limit_s
    bad: list[ChannelId] = []
    for channel in safety_channels(setup.fitted):
        value = getattr(sample, channel).fresh(limit)
        if value is None:
            bad.append(channel)
        elif channel is ChannelId.BELT:
            if credible(value) is None:
                bad.append(channel)
        elif channel in {ChannelId.RAIL_LEFT, ChannelId.RAIL_RIGHT} and not math.isfinite(value):
            bad.append(channel)
    return tuple(bad)


def cords_apart_since(since_s: float | None, sample: Sample, now_s: float, limit_s: float) -> float | None:
    """Since which instant of sampling the two cord channels disagree, None = they do not, or one is missing or older than `limit_s`.

    Counted between samples, not between steps: one sample that fell into the skew of the two contacts proves nothing until the next one agrees with it.
    """
    a, b = sample.cord_a, sample.cord_b
    if a.fresh(limit_s) is None or b.fresh(limit_s) is None or a.value is b.value:
        return None
    return now_s - min(a.age_s, b.age_s) if since_s is None else since_s
