"""Units as key endings: recognises a key written in another unit than the one wanted, and says what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from treadctl.core.units import KMH_PER_MPS, MPS_PER_MPH


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit that a key may end in: its spelling for people, its kind of quantity, and how many SI units one of it is."""

    words: str
    quantity: str
    in_si: float


UNITS: Final = {
    "mps": Unit("m/s", "speed", 1.0),
    "m_per_s": Unit("m/s", "speed", 1.0),
    "mm_per_s": Unit("mm/s", "speed", 0.001),
    "m_per_min": Unit("m/min", "speed", 1.0 / 60.0),
    "kmh": Unit("km/h", "speed", 1.0 / KMH_PER_MPS),
    "kph": Unit("km/h", "speed", 1.0 / KMH_PER_MPS),
    "mph": Unit("mile/h", "speed", MPS_PER_MPH),
    "mps2": Unit("m/s²", "acceleration", 1.0),
    "g": Unit("g (standard gravity)", "acceleration", 9.80665),
    "mps3": Unit("m/s³", "jerk", 1.0),
    "s": Unit("s", "time", 1.0),
    "ms": Unit("ms", "time", 0.001),
    "min": Unit("min", "time", 60.0),
    "minutes": Unit("min", "time", 60.0),
    "seconds": Unit("s", "time", 1.0),
    "h": Unit("h", "time", 3600.0),
    "m": Unit("m", "length", 1.0),
    "cm": Unit("cm", "length", 0.01),
    "mm": Unit("mm", "length", 0.001),
    "in": Unit("inch", "length", 0.0254),
    "percent": Unit("%", "grade", 1.0),
    "deg": Unit("degree", "angle", 1.0),
    "percent_per_s": Unit("%/s", "grade rate", 1.0),
    "percent_per_min": Unit("%/min", "grade rate", 1.0 / 60.0),
    "kg": Unit("kg", "mass", 1.0),
    "lb": Unit("pound", "mass", 0.45359237),
    "n": Unit("N", "force", 1.0),
    "kgf": Unit("kgf", "force", 9.80665),
}
_ENDINGS: Final = sorted(UNITS, key=len, reverse=True)
_NUMBER_FIRST: Final = re.compile(r"^\s*[-+]?\d+(?:[.,]\d+)?")


def split_unit(key: str) -> tuple[str, str]:
    """A key as (stem, ending): `max_speed_mps` is ("max_speed", "mps"); a key without a known ending has the ending ""."""
    for ending in _ENDINGS:
        if key.endswith("_" + ending):
            return key[: -len(ending) - 1], ending
    return key, ""


def other_unit_of(key: str, known: Iterable[str]) -> str | None:
    """The known key that means the same quantity as `key` in another unit (or with none named), or None."""
    stem, ending = split_unit(key)
    for candidate in sorted(known):
        candidate_stem, candidate_ending = split_unit(candidate)
        if candidate_stem == stem and candidate_ending not in ("", ending):
            return candidate
    return None


def unit_words(key: str) -> str:
    """The unit a key wants, for people: "m/s" for `max_speed_mps`, "" where the key names none."""
    ending = split_unit(key)[1]
    return UNITS[ending].words if ending else ""


def advice(key: str, wanted: str, value: object) -> str:
    """What to write instead of `key = value`, with the value converted where both units measure the same thing."""
    ending, wanted_ending = split_unit(key)[1], split_unit(wanted)[1]
    text = f"{wanted} is wanted here, in {UNITS[wanted_ending].words}"
    if not ending:
        return text
    given, target = UNITS[ending], UNITS[wanted_ending]
    if given.quantity != target.quantity or isinstance(value, bool) or not isinstance(value, int | float):
        return text
    return f"{text}: {value} {given.words} is {wanted} = {value * given.in_si / target.in_si:.6g}"


def is_quantity_text(value: object) -> bool:
    """Whether a value is a text that begins with a number, such as "14 km/h"."""
    return isinstance(value, str) and _NUMBER_FIRST.match(value) is not None
