"""Raw counts to physical channels: scaling, range, broken wire, frozen converters. Pure; time is an argument."""

from __future__ import annotations

import math
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from treadctl.core.sample import BeltMotion, ChannelId, Direction, Quality, TrunkMotion
from treadctl.ports import ChannelReading

MM_PER_M = 1000.0
UNTOLD_DIRECTION_BELOW_MM_PER_S = 10
"""Below this an encoder's own noise flips the sign, so the direction is not told. A choice of this project, not a measured figure."""
WRAPPED_OF_FULL_SCALE = 1.5
"""A count that jumps by more than this share of full scale between two samples has run over the end of its register. A choice of this project:
the largest register that wraps jumps by two full scales, and no hip is thrown from one end of a 16 g sensor's range past the middle of the other."""


class RailConfig(BaseModel):
    """One rail load cell: newton = |raw - zero| × n_per_count."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    zero: int = Field(description="raw counts of the unloaded rail; measured at commissioning")
    n_per_count: float = Field(gt=0.0, allow_inf_nan=False, description="newton per count; measured at commissioning with a known weight")
    raw_min: int = Field(description="lowest raw count of an intact sensor; below it the wire is broken or shorted")
    raw_max: int = Field(description="highest raw count of an intact sensor; above it the wire is broken or shorted")

    @model_validator(mode="after")
    def _range_holds_zero(self) -> Self:
        if not self.raw_min < self.raw_max:
            raise ValueError("raw_min must be below raw_max")
        if not self.raw_min <= self.zero <= self.raw_max:
            raise ValueError("zero must lie between raw_min and raw_max")
        return self


class RailsConfig(BaseModel):
    """The two handrails. Leave one out where it has no load cell."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    left: RailConfig | None = Field(default=None, description="left rail load cell")
    right: RailConfig | None = Field(default=None, description="right rail load cell")


class TrunkConfig(BaseModel):
    """The inertial sensor worn at the waist: force = count × g_per_count, rate = count × dps_per_count, on its own three axes.

    Ranges of at least 8 g and 500 degrees/s: with 4 g and 250 degrees/s played into recordings, runners were stopped for nothing (measured).
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    g_per_count: float = Field(gt=0.0, allow_inf_nan=False, description="specific force of one accelerometer count, g; from the sensor's data sheet and range")
    dps_per_count: float = Field(gt=0.0, allow_inf_nan=False, description="angular rate of one gyroscope count, degrees/s; from data sheet and range")
    full_scale_counts: int = Field(default=32767, ge=127, le=8_388_607, description="a count at or beyond plus or minus this is saturated")
    frozen_after_s: float = Field(default=0.2, ge=0.05, le=10.0, description="six counts that have not moved for so long are frozen, s")

    @model_validator(mode="after")
    def _range_is_that_of_a_body(self) -> Self:
        for key, unit, low, high in (("g_per_count", "g", 7.9, 100.0), ("dps_per_count", "degrees/s", 499.0, 5000.0)):
            reach = getattr(self, key) * self.full_scale_counts
            if not low <= reach <= high:
                raise ValueError(f"{key} × full_scale_counts is {reach:g} {unit}; expected {low:g} to {high:g}: is {key} in {unit}, are the counts right?")
        return self


class FrozenDetector:
    """Tells a converter that has stopped converting: a healthy cell's own noise moves the raw count, a dead one repeats it exactly.

    `frozen(raw, at_s)` is True once the same count has been seen for longer than `after_s`, and until the next change. A clock that stands
    still or steps back is not held against the cell here: the age of the frame tells that.
    """

    __slots__ = ("_after_s", "_last", "_since_s")

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: the link was down, and what happened meanwhile is unknown."""
        self._last: int | tuple[int, ...] | None = None
        self._since_s = 0.0

    def frozen(self, raw: int | tuple[int, ...], at_s: float) -> bool:
        """Take one raw count, or all counts of one converter, acquired at `at_s`."""
        if raw != self._last or at_s < self._since_s:
            self._last = raw
            self._since_s = at_s
            return False
        return at_s - self._since_s > self._after_s


class LevelScaler:
    """Turns the raw counts of one load cell into a reading in newtons.

    None, or a count outside raw_min..raw_max, is IMPLAUSIBLE; a count unmoved for longer than `frozen_after_s` is FROZEN. Neither carries a value.
    The load is a magnitude: a person who pulls the rail up is holding on to it as much as one who pushes it down.
    """

    __slots__ = ("_channel", "_config", "_detector", "_frozen", "_implausible")

    def __init__(self, channel: ChannelId, config: RailConfig, frozen_after_s: float) -> None:
        self._channel = channel
        self._config = config
        self._detector = FrozenDetector(frozen_after_s)
        self._implausible = ChannelReading(channel, None, Quality.IMPLAUSIBLE)
        self._frozen = ChannelReading(channel, None, Quality.FROZEN)

    def reset(self) -> None:
        """Forget the past of the converter after a lost link."""
        self._detector.reset()

    def reading(self, raw: int | None, at_s: float) -> ChannelReading:
        """One raw count acquired at `at_s`, s; None = the converter itself reports a fault."""
        config = self._config
        if raw is None or not (config.raw_min <= raw <= config.raw_max):
            self._detector.reset()
            return self._implausible
        if self._detector.frozen(raw, at_s):
            return self._frozen
        return ChannelReading(self._channel, abs(raw - config.zero) * config.n_per_count, Quality.GOOD)


class BeltScaler:
    """Turns a signed belt speed in mm/s (positive = forward) into a reading: magnitude in m/s and a direction.

    None or a magnitude above `max_mps` is IMPLAUSIBLE. Where `frozen_after_s` is set, a speed other than zero that repeats exactly for longer
    is FROZEN; at zero nothing can be told, because a standing belt has no noise.
    """

    __slots__ = ("_detector", "_frozen", "_implausible", "_max_mm_per_s")

    def __init__(self, max_mps: float, frozen_after_s: float | None = None) -> None:
        self._max_mm_per_s = math.floor(max_mps * MM_PER_M)
        self._detector = FrozenDetector(math.inf if frozen_after_s is None else frozen_after_s)
        self._implausible = ChannelReading(ChannelId.BELT, None, Quality.IMPLAUSIBLE)
        self._frozen = ChannelReading(ChannelId.BELT, None, Quality.FROZEN)

    def reset(self) -> None:
        """Forget the past of the encoder after a lost link."""
        self._detector.reset()

    def reading(self, mm_per_s: int | None, at_s: float) -> ChannelReading:
        """One signed speed acquired at `at_s`, s; None = the encoder itself reports a fault."""
        if mm_per_s is None or abs(mm_per_s) > self._max_mm_per_s:
            self._detector.reset()
            return self._implausible
        if self._detector.frozen(mm_per_s, at_s) and mm_per_s != 0:
            return self._frozen
        direction: Direction | None = None
        if abs(mm_per_s) >= UNTOLD_DIRECTION_BELOW_MM_PER_S:
            direction = Direction.FORWARD if mm_per_s > 0 else Direction.REVERSE
        return ChannelReading(ChannelId.BELT, BeltMotion(abs(mm_per_s) / MM_PER_M, direction), Quality.GOOD)


class TrunkScaler:
    """Turns six raw counts (force x, y, z, rate x, y, z) into a TrunkMotion.

    No counts at all is ABSENT: the line came from a board without the sensor. A missing count, one at or beyond full scale, or one that has jumped
    as only a wrapped register does is IMPLAUSIBLE, for that sample alone: an impact may saturate, and what follows it is wanted at once. A jump is
    judged against the last good sample, so that the second sample of a wrapped stretch is not believed either, nor the first after it
    doubted; a good sample older than `frozen_after_s` says nothing any more. Six counts unmoved for longer than `frozen_after_s` are FROZEN;
    missing samples between them are no proof of life.
    """

    __slots__ = ("_absent", "_config", "_detector", "_frozen", "_good", "_good_at_s", "_implausible", "_jump_counts")

    def __init__(self, config: TrunkConfig) -> None:
        self._config = config
        self._jump_counts = WRAPPED_OF_FULL_SCALE * config.full_scale_counts
        self._detector = FrozenDetector(config.frozen_after_s)
        self._absent = ChannelReading(ChannelId.TRUNK, None, Quality.ABSENT)
        self._implausible = ChannelReading(ChannelId.TRUNK, None, Quality.IMPLAUSIBLE)
        self._frozen = ChannelReading(ChannelId.TRUNK, None, Quality.FROZEN)
        self._good: tuple[int, ...] | None = None
        self._good_at_s = 0.0

    def reset(self) -> None:
        """Forget the past of the sensor after a lost link."""
        self._detector.reset()
        self._good = None

    def reading(self, counts: tuple[int | None, ...], at_s: float) -> ChannelReading:
        """Six raw counts acquired at `at_s`, s; None among them = the sensor or its radio link is lost, none at all = there is no sensor."""
        if not counts:
            return self._absent
        full = self._config.full_scale_counts
        whole = tuple([count for count in counts if count is not None and -full < count < full])
        if len(whole) != len(counts) or self._wrapped(whole, at_s):
            return self._implausible
        self._good, self._good_at_s = whole, at_s
        if self._detector.frozen(whole, at_s):
            return self._frozen
        g, dps = self._config.g_per_count, self._config.dps_per_count
        ax, ay, az, gx, gy, gz = whole
        return ChannelReading(ChannelId.TRUNK, TrunkMotion((ax * g, ay * g, az * g), (gx * dps, gy * dps, gz * dps)), Quality.GOOD)

    def _wrapped(self, counts: tuple[int, ...], at_s: float) -> bool:
        good = self._good
        if good is None or not 0.0 <= at_s - self._good_at_s <= self._config.frozen_after_s:
            return False
        return any(abs(now - before) > self._jump_counts for now, before in zip(counts, good, strict=True))


def rail_scaler(channel: ChannelId, config: RailConfig | None, wanted: frozenset[ChannelId], frozen_after_s: float) -> LevelScaler | None:
    """The scaler of one rail, None where the channel is not wanted of this device or not configured."""
    return LevelScaler(channel, config, frozen_after_s) if config is not None and channel in wanted else None
