"""The [[devices]] table of an I/O module: where on it each channel lives. Defaults are those of docs/reference/io-module-map.md."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from treadctl.core.sample import ChannelId
from treadctl_drivers._signal import RailConfig

SPAN_MAX = 32
"""Inputs, and registers, are read in one block each; one that spans more would keep the wire busy for too long."""

Address = Annotated[int, Field(ge=0, le=0xFFFF)]


class InputsConfig(BaseModel):
    """Discrete inputs, 1 = closed = healthy. A key left out: that channel is not fitted here."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    cord_a: Address | None = Field(default=None, description="discrete input of the pull cord's first contact")
    cord_b: Address | None = Field(default=None, description="discrete input of the pull cord's second contact")
    estop: Address | None = Field(default=None, description="discrete input of the emergency-stop chain")
    attendant: Address | None = Field(default=None, description="discrete input of the attendant's enabling switch")
    harness: Address | None = Field(default=None, description="discrete input that is closed while the harness is not loaded")
    enable_feedback: Address | None = Field(default=None, description="discrete input that is closed while the drive's enable is present")

    def fitted(self) -> dict[ChannelId, int]:
        """The channels with an address."""
        return {ChannelId(name): address for name, address in self if address is not None}


ALL_INPUTS = InputsConfig(cord_a=0, cord_b=1, estop=2, attendant=3, harness=4, enable_feedback=5)


class LeftRailConfig(RailConfig):
    """The left rail's load cell on the module."""

    register_: Address = Field(default=0, alias="register", description="input register of the left load cell, signed 16 bit")


class RightRailConfig(RailConfig):
    """The right rail's load cell on the module."""

    register_: Address = Field(default=1, alias="register", description="input register of the right load cell, signed 16 bit")


class ModuleRailsConfig(BaseModel):
    """The two handrails. Leave one out where its load cell is not on this module."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    left: LeftRailConfig | None = Field(default=None, description="left rail load cell")
    right: RightRailConfig | None = Field(default=None, description="right rail load cell")


class IoModuleConfig(BaseModel):
    """One I/O module on a Modbus link."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    unit: int = Field(default=1, ge=0, le=247, description="Modbus unit (station address) of the module")
    inputs: InputsConfig = Field(default=ALL_INPUTS, description="discrete inputs by channel; leave a key out where the channel is not fitted here")
    rails: ModuleRailsConfig = Field(default=ModuleRailsConfig(), description="load cells: input register, scaling and intact range")
    belt_register: Address | None = Field(default=None, description="input register of the belt encoder, signed mm/s, positive = forward")
    belt_max_mps: float = Field(default=12.0, gt=0.0, le=30.0, description="belt speed above which the encoder is not believed, m/s")
    frozen_after_s: float = Field(default=2.0, ge=0.1, le=3600.0, description="a rail count that has not moved for so long is frozen, s")
    belt_frozen_after_s: float | None = Field(
        default=None, ge=0.1, le=3600.0, description="a belt speed other than zero that has not moved for so long is frozen, s"
    )
    enable_coil: Address = Field(default=0, description="coil of the enable output; never written unless this device is the one named under [enable]")
    output_watchdog_register: Address = Field(default=0, description="holding register of the module's own output watchdog, ms")
    output_watchdog_ms: int = Field(default=150, ge=100, le=500, description="the module drops its outputs when no coil write came for so long, ms")
    poll_period_s: float = Field(default=0.01, ge=0.005, le=0.1, description="time between two polls, s")
    renew_s: float = Field(default=0.05, ge=0.02, le=0.1, description="time between two renewals of the enable output, s")

    @model_validator(mode="after")
    def _blocks_are_short(self) -> Self:
        for what, addresses in (("inputs", list(self.inputs.fitted().values())), ("registers", list(self.registers().values()))):
            if addresses and max(addresses) - min(addresses) >= SPAN_MAX:
                raise ValueError(f"the {what} span more than {SPAN_MAX} addresses; they are read in one block")
            if len(set(addresses)) != len(addresses):
                raise ValueError(f"two channels share one address of the {what}")
        if self.renew_s * 1000 > self.output_watchdog_ms / 2:
            raise ValueError("renew_s must be at most half of output_watchdog_ms, so that one lost renewal does not drop the outputs")
        return self

    def registers(self) -> dict[ChannelId, int]:
        """The input register of each level and of the belt."""
        found = {
            ChannelId.RAIL_LEFT: self.rails.left.register_ if self.rails.left else None,
            ChannelId.RAIL_RIGHT: self.rails.right.register_ if self.rails.right else None,
            ChannelId.BELT: self.belt_register,
        }
        return {channel: address for channel, address in found.items() if address is not None}
