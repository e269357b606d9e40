"""The [[devices]] table of a sensor board."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from treadctl_drivers._signal import RailsConfig, TrunkConfig

BoardChannel = Literal["cord_a", "cord_b", "estop", "attendant", "harness", "enable_feedback", "rail_left", "rail_right", "belt", "trunk"]


class SensorBoardConfig(BaseModel):
    """What of the board's line is used, and what its counts mean."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    channels: tuple[BoardChannel, ...] = Field(description="channels taken from this board; the others in its line are ignored. Empty = enable output only")
    rails: RailsConfig = Field(default=RailsConfig(), description="scaling and intact range of the load cells; needed for rail_left and rail_right")
    belt_max_mps: float = Field(default=12.0, gt=0.0, le=30.0, description="belt speed above which the encoder is not believed, m/s")
    frozen_after_s: float = Field(default=2.0, ge=0.1, le=60.0, description="a rail count that has not moved for so long is frozen, s")
    belt_frozen_after_s: float | None = Field(
        default=None,
        ge=0.1,
        le=60.0,
        description="a belt speed other than zero that has not moved for so long is frozen, s; leave out where it is too coarse to move",
    )
    trunk: TrunkConfig | None = Field(default=None, description="scaling of the inertial sensor worn at the waist; needed for trunk, which S2 lines carry")

    @model_validator(mode="after")
    def _what_is_taken_is_scaled(self) -> Self:
        if len(set(self.channels)) != len(self.channels):
            raise ValueError("a channel is listed twice")
        if "rail_left" in self.channels and self.rails.left is None:
            raise ValueError("channel rail_left needs rails.left")
        if "rail_right" in self.channels and self.rails.right is None:
            raise ValueError("channel rail_right needs rails.right")
        if "trunk" in self.channels and self.trunk is None:
            raise ValueError("channel trunk needs trunk.g_per_count and trunk.dps_per_count")
        return self
