"""The [[devices]] table of an enable output on a serial control line."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class SerialLineConfig(BaseModel):
    """Which line, and how the circuit behind it wants to be driven."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    line: Literal["rts", "dtr"] = Field(description="control line that carries the output")
    mode: Literal["charge_pump", "level"] = Field(
        default="charge_pump",
        description="charge_pump: the line is toggled and a relay behind a charge pump drops when that stops; level: asserted = enabled, "
        "which a frozen process does not drop, so that the circuit needs a timer of its own",
    )
    toggle_s: float = Field(default=0.02, ge=0.005, le=0.05, description="time between two edges of the charge pump, s")
