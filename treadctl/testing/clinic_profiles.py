"""The shipped profiles, edited as a physiotherapist edits them: another highest speed, another length of the main stretches."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import tomli_w

from treadctl.config.paths import shipped
from treadctl.core.program import Program
from treadctl.prescription import REFERENCE, Profile, compile_program
from treadctl.prescription.profile import profile_of

FIRST: Final = "first-session"
KNEE: Final = "knee-oa-retro-walk"
ATHLETE: Final = "athlete-warm-up"
RUNNER: Final = "trained-runner"
FIRST_STEP_KMH: Final = 0.6
WALK_IN_KMH: Final = 2.0


@dataclass(frozen=True, slots=True)
class Edited:
    """An edited profile: its text, what the text says, and the program it compiles to on the reference machine."""

    text: str
    profile: Profile
    program: Program


@cache
def edited(stem: str, top_kmh: float, minutes: float | None = None) -> Edited:
    """The shipped profile `stem` with another highest speed, km/h, and for the knee another length, min, of both long stretches.

    Raises TreadctlError (TC100 to TC121) where that is no profile, or none for the reference machine.
    """
    table: dict[str, Any] = tomllib.loads(shipped("profiles", f"{stem}.toml").read_text(encoding="utf-8"))
    _EDITS[stem](table, top_kmh, minutes)
    text = tomli_w.dumps(table)
    profile = profile_of(text, stem)
    return Edited(text, profile, compile_program(profile, REFERENCE.limits))


def _first(table: dict[str, Any], top_kmh: float, _minutes: float | None) -> None:
    table["main"][0]["steps"]["to_kmh"] = top_kmh


def _knee(table: dict[str, Any], top_kmh: float, minutes: float | None) -> None:
    easy, *rest = table["main"]
    easy["speed_kmh"] = round(max(1.0, top_kmh - 0.5), 1)
    for stretch in rest:
        stretch["speed_kmh"] = top_kmh
        stretch["minutes"] = minutes or stretch["minutes"]


def _athlete(table: dict[str, Any], top_kmh: float, _minutes: float | None) -> None:
    stair, hold = table["main"]
    steps = max(1, math.floor((top_kmh - WALK_IN_KMH) / FIRST_STEP_KMH + 1e-9))
    stair["steps"] |= {"from_kmh": round(top_kmh - steps * FIRST_STEP_KMH, 1), "to_kmh": top_kmh}
    hold["speed_kmh"] = top_kmh


def _runner(table: dict[str, Any], top_kmh: float, _minutes: float | None) -> None:
    table["main"][0]["parts"][0]["speed_kmh"] = top_kmh


_EDITS: Final = {FIRST: _first, KNEE: _knee, ATHLETE: _athlete, RUNNER: _runner}
