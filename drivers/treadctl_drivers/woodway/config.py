"""The [drive] table of a Woodway treadmill that speaks the 4800-baud dialect."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from treadctl_drivers.woodway.frames import MAX_ELEVATION_TENTHS_PERCENT, all_ascii_digits

MAX_SPEED_MPS = 13.36
"""29.9 mph, the most three digits of tenths can say, in m/s, rounded down."""


class WoodwayConfig(BaseModel):
    """Every key without a default is the result of commissioning: without it no belt moves."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    firmware: str = Field(pattern=r"^[0-9A-F]{8}$", description="the four bytes of the firmware revision (C3h), 8 upper-case hex digits; read at commissioning")
    speed_unit: Literal["mph"] = Field(
        description="unit of the machine's speed digits; this dialect knows mph, and commissioning confirms it against a tachometer"
    )
    watchdog_s: float = Field(
        gt=0.0, le=2.0, description="silence after which the machine stops by itself once started with its timer on, s; measured at commissioning"
    )
    max_speed_mps: float = Field(gt=0.0, le=MAX_SPEED_MPS, description="highest speed ever sent, m/s")
    min_speed_mps: float = Field(default=0.05, gt=0.0, le=1.0, description="lowest speed at which the belt moves, m/s")
    reverse: bool = Field(default=False, description="whether the belt may run in reverse (direction digit 3)")
    max_grade_percent: float = Field(
        default=0.0, ge=0.0, le=MAX_ELEVATION_TENTHS_PERCENT / 10, description="highest elevation ever sent, percent; 0 = elevation is never touched"
    )
    fast_stop: Literal["auto_stop", "disengage"] = Field(
        default="auto_stop", description="which command stops the loaded belt sooner; measured at commissioning, auto_stop until then"
    )
    state_bytes: tuple[int, ...] = Field(
        default=(), description="state bytes (C0h) seen at commissioning; any other is then implausible. Empty = any value below 80h"
    )
    standing_bytes: tuple[int, ...] = Field(
        default=(0x31,),
        description="state bytes (C0h) that mean: not started; noted at commissioning. The default is a sibling's. No speed is sent while one is read",
    )
    poll_period_s: float = Field(default=0.02, ge=0.01, le=0.2, description="time between two polls, s; each also renews the machine's timer")

    @field_validator("firmware")
    @classmethod
    def _is_no_speed(cls, firmware: str) -> str:
        if all_ascii_digits(bytes.fromhex(firmware)):
            raise ValueError("four ASCII digits are what a Trackmaster answers to the same byte (its set speed); such a revision cannot identify a Woodway")
        return firmware
