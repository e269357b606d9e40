"""The [drive] table of a treadmill with an Altivar drive."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from treadctl.core.units import steps_toward_zero
from treadctl_drivers.altivar.frames import RPM_MAX, WATCHDOG_STEP_S


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class IdentityConfig(_Table):
    """What function 43/14 must answer."""

    vendor: str = Field(min_length=1, description="Vendor name, exactly as the device gives it")
    product: str = Field(min_length=1, description="Beginning of the product code, long enough to tell the model")


class RegisterValue(_Table):
    """One register and the value it must hold."""

    address: int = Field(alias="register", ge=0, le=0xFFFF, description="Address of the holding register, base 0")
    value: int = Field(ge=0, le=0xFFFF, description="The value it must hold")


class AltivarConfig(_Table):
    """Keys of [drive] with driver = "altivar"."""

    driver: Literal["altivar"] = Field(default="altivar", description="Name of this driver")
    link: str = Field(default="", description="Name of the [links.NAME] section the drive is on")
    unit: int = Field(ge=1, le=247, description="Station address; an Altivar leaves the factory with it off and then answers nothing")
    m_per_s_per_rpm: float = Field(gt=0.0, le=1.0, allow_inf_nan=False, description="Belt speed per motor rpm, m/s; measured at commissioning")
    max_speed_mps: float = Field(gt=0.0, le=15.0, description="Highest speed ever sent, m/s")
    min_speed_mps: float = Field(default=0.05, gt=0.0, le=1.0, description="Lowest speed at which the belt moves evenly, m/s")
    reverse: bool = Field(default=False, description="Whether the belt may run in reverse")
    watchdog_register: int = Field(ge=0, le=0xFFFF, description="Address of the drive's communication time-out (ttO), base 0; confirmed at commissioning")
    watchdog_s: float = Field(ge=0.1, le=30.0, description="Communication time-out wanted, s, in steps of 0.1; written at standstill and read back")
    identity: IdentityConfig | None = Field(default=None, description="Who the drive says it is by function 43/14")
    identity_registers: tuple[RegisterValue, ...] = Field(default=(), strict=False, description="Registers that tell the model, where 43/14 is missing")
    acceleration: RegisterValue | None = Field(default=None, description="Acceleration ramp as commissioned (ACC is 9001): if it differs nothing moves")
    deceleration: RegisterValue | None = Field(default=None, description="Deceleration ramp as commissioned (DEC is 9002): if it differs nothing moves")
    communication_fault_code: int = Field(default=5, ge=1, le=0xFFFF, description="Fault number (LFT) of a lost communication: reset by itself at standstill")
    poll_interval_s: float = Field(default=0.02, ge=0.005, le=0.1, description="Time between two polls of speed and state, s; slower where the wire is")

    @model_validator(mode="after")
    def _has_an_identity(self) -> Self:
        if self.identity is None and not self.identity_registers:
            raise ValueError("give identity or identity_registers: a drive that cannot be recognised is never written to")
        if steps_toward_zero(self.max_speed_mps, self.m_per_s_per_rpm) > RPM_MAX:
            raise ValueError("max_speed_mps is beyond what the speed register can say with this m_per_s_per_rpm")
        if abs(self.watchdog_s / WATCHDOG_STEP_S - round(self.watchdog_s / WATCHDOG_STEP_S)) > 1e-6:
            raise ValueError("watchdog_s must be a whole number of tenths of a second")
        return self

    @property
    def watchdog_steps(self) -> int:
        """The time-out as the register's value."""
        return round(self.watchdog_s / WATCHDOG_STEP_S)
