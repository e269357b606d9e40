"""What every report shares: units, the words of figures, local time, translation, and the energy range as the reports are handed it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Final

from babel.dates import format_date, get_date_format
from babel.numbers import get_decimal_symbol

from treadctl.core.units import KMH_PER_MPS, MPS_PER_MPH
from treadctl.records.model import SessionHead
from treadctl.reports.catalogue import DECIMAL, Catalogue

UNKNOWN: Final = "–"
LARGEST_SHOWN: Final = 1e6
HEART_RATE_NOTE: Final = "reads low while the rails are held"
METRES_PER_MILE: Final = 1609.344
RUNS_FROM_MPS: Final = {"backward": 1.63, "forward": 2.0}
"""Where people change from walking to running: backward measured by Hreljac 2005, forward by common report."""

Translate = Callable[[str], str]


class Units(StrEnum):
    """What speeds are shown in. Loads, stop travel and grades stay in SI and percent."""

    KMH = "km/h"
    MPS = "m/s"
    MPH = "mph"

    def speed(self, speed_mps: float) -> float:
        """A speed in m/s as a number in this unit."""
        return speed_mps * {Units.KMH: KMH_PER_MPS, Units.MPS: 1.0, Units.MPH: 1.0 / MPS_PER_MPH}[self]

    @property
    def digits(self) -> int:
        """Decimals that a belt speed is worth in this unit."""
        return 2 if self is Units.MPS else 1

    def speed_words(self, speed_mps: float | None) -> str:
        """A speed with its unit, a dash where it is not known."""
        known = finite(speed_mps)
        return UNKNOWN if known is None else f"{number(self.speed(known), self.digits)} {self.value}"

    def distance_words(self, distance_m: float | None) -> str:
        """A distance walked: metres or kilometres, miles where speeds are in mph."""
        known = finite(distance_m)
        if known is None:
            return UNKNOWN
        if self is Units.MPH:
            return f"{number(known / METRES_PER_MILE, 2)} mi"
        return f"{number(known, 0)} m" if abs(known) < 10_000.0 else f"{number(known / 1000.0, 1)} km"


@dataclass(frozen=True, slots=True)
class EnergyRange:
    """Energy of a session in kcal as (low, high), gross and net of rest. None = suppressed, and `reason` says why; beside figures it says what they rest on."""

    gross_kcal: tuple[float, float] | None
    net_kcal: tuple[float, float] | None
    reason: str


NO_TRANSLATION: Final = Catalogue()


@dataclass(frozen=True, slots=True)
class Setting:
    """How a report is made: when (an aware instant), in which zone and units its figures stand, and in which language."""

    made_at: datetime
    zone: tzinfo = UTC
    units: Units = Units.KMH
    translate: Translate = NO_TRANSLATION
    language: str = "en"

    def word(self, text: str) -> str:
        """A whole text without places, translated. An empty one stays empty: gettext would answer with its own header."""
        return self.translate(text) if text else ""

    def say(self, text: str, /, **values: object) -> str:
        """A text of ours, translated, its {places} filled. A translation whose places do not fit is passed over for the source text."""
        translated = self.translate(text)
        try:
            return translated.format(**values)
        except (KeyError, IndexError, ValueError, AttributeError):
            return text.format(**values)

    def local(self, at: datetime) -> str:
        """An instant as local date and time, to the minute."""
        return f"{self.day(at)} {at.astimezone(self.zone):%H:%M}"

    def day(self, at: datetime) -> str:
        """The local day of an instant, its year in full: as the language writes it, but in English as 2026-03-12, which no two countries read differently."""
        day = at.astimezone(self.zone).date()
        if self.language.startswith("en"):
            return day.isoformat()
        form = get_date_format("short", locale=self.language).pattern
        return str(format_date(day, form if "yyyy" in form else form.replace("yy", "yyyy"), locale=self.language))

    def number(self, value: float | None, digits: int = 0, unit: str = "") -> str:
        """A number as `number` writes it, with the language's decimal sign; its unit translated."""
        return self.figure(number(value, digits, self.word(unit)))

    def figure(self, words: str) -> str:
        """What was written with a point, with the language's decimal sign."""
        return words if self.language == "en" else DECIMAL.sub(rf"\1{get_decimal_symbol(self.language)}\2", words)

    def speed(self, speed_mps: float | None) -> str:
        """A speed with its unit."""
        return self.figure(self.units.speed_words(speed_mps))

    def distance(self, distance_m: float | None) -> str:
        """A distance with its unit."""
        return self.figure(self.units.distance_words(distance_m))

    def offset(self, at: datetime) -> str:
        """The zone's offset at that instant, as in `UTC+01:00`."""
        offset = f"{at.astimezone(self.zone):%z}"
        return f"UTC{offset[:3]}:{offset[3:5]}"


def N_(text: str) -> str:
    """Mark a text for translation where it is translated later, by `Setting.say`."""
    return text


def finite(value: float | None) -> float | None:
    """The value where it is a number one can show; None for NaN, infinities and what is not known."""
    return value if value is not None and math.isfinite(value) else None


def number(value: float | None, digits: int = 0, unit: str = "") -> str:
    """A number with so many decimals and its unit; a dash where it is not known, powers of ten where it is absurd. Never a negative zero."""
    known = finite(value)
    if known is None:
        return UNKNOWN
    text = f"{known:.{digits}f}" if abs(known) < LARGEST_SHOWN else f"{known:.1e}"
    if not text.strip("-0."):
        text = text.lstrip("-")
    return f"{text} {unit}" if unit else text


def clock(seconds: float | None) -> str:
    """A time as minutes and seconds, 75 as 1:15; hours where there are any."""
    known = finite(seconds)
    if known is None or abs(known) >= LARGEST_SHOWN:
        return UNKNOWN
    minutes, rest = divmod(round(abs(known)), 60)
    hours, minutes = divmod(minutes, 60)
    words = f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
    return f"-{words}" if known <= -0.5 else words


def gait_words(direction: str, facing: str) -> str:
    """The gait as a text of ours: backward where the belt runs in reverse under one who faces the console, or forward under one who faces the rear."""
    known = {("reverse", "console"): "backward", ("forward", "rear"): "backward", ("forward", "console"): "forward", ("reverse", "rear"): "forward"}
    return known.get((direction, facing), "unknown")


def goes_backward(head: SessionHead) -> bool:
    """Whether the session was walked backward."""
    return gait_words(head.direction, head.facing) == "backward"


def runs_at(direction: str, facing: str, peak_mps: float | None) -> bool | None:
    """Whether a peak speed is beyond the change from walking to running; None where the gait or the speed is not known."""
    change, peak = RUNS_FROM_MPS.get(gait_words(direction, facing)), finite(peak_mps)
    return None if change is None or peak is None or peak <= 0.0 else peak >= change
