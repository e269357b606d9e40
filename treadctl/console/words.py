"""Words, numbers and instants as a person reads them: language, unit of speed and time zone of this clinic.

A language is one file, `locale/LL.po`, read at the start. English is what stands in the code and the templates.
"""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, get_decimal_symbol

from treadctl.errors import TreadctlError
from treadctl.reports.catalogue import Catalogue
from treadctl.reports.figures import Units

FOLDER: Final = Path(__file__).parent / "locale"
NONE: Final = "–"
MADE: Final = "made of parts"  # marks in a catalogue the patterns of sentences that the program puts together


def languages() -> tuple[str, ...]:
    """Those there is a catalogue for, English first."""
    return ("en", *sorted(path.stem for path in FOLDER.glob("*.po")))


def catalogue(language: str) -> Catalog | None:
    """The texts of a language, None for English. Raises TreadctlError(bad_value) where there are none."""
    if language == "en":
        return None
    path = FOLDER / f"{language}.po"
    if not path.is_file():
        raise TreadctlError("bad_value", "language", f"{language!r}; there are {', '.join(languages())}")
    with path.open("rb") as source:
        return read_po(source, locale=language)


def _translations(texts: Catalog | None) -> NullTranslations:
    if texts is None:
        return NullTranslations()
    packed = io.BytesIO()
    write_mo(packed, texts)
    packed.seek(0)
    return GNUTranslations(packed)


def _plain(texts: Catalog | None, language: str) -> Catalogue:
    """The same as plain data, for single texts and for sentences that were put together elsewhere. What is not sure is left in English."""
    known = [message for message in texts or () if message.id and message.string and isinstance(message.id, str) and not message.fuzzy]
    made = frozenset(str(message.id) for message in known if MADE in message.auto_comments)
    return Catalogue({str(message.id): str(message.string) for message in known}, made, get_decimal_symbol(language))


class Words:
    """How this clinic reads."""

    def __init__(self, language: str = "en", units: Units = Units.KMH, zone: str = "UTC") -> None:
        self.become(language, units, zone)

    def become(self, language: str, units: Units, zone: str) -> None:
        """Read differently from now on, in every page that holds this. Raises TreadctlError(bad_value) for a language there are no texts of."""
        texts = catalogue(language)
        self.translations = _translations(texts)
        self.catalogue = _plain(texts, language)
        self.language, self.units, self.zone = language, units, ZoneInfo(zone)

    def say(self, text: str) -> str:
        """A text of ours in the clinic's language."""
        return self.catalogue(text)

    def say_count(self, one: str, many: str, n: int) -> str:
        """The same where a number decides the form."""
        return self.translations.ngettext(one, many, n)

    def language_name(self, language: str) -> str:
        """As its own speakers call it."""
        return Locale.parse(language).get_display_name() or language

    def number(self, value: float | None, digits: int = 1) -> str:
        """With so many decimals, as the language writes them."""
        if value is None:
            return NONE
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        return str(format_decimal(value, format=pattern, locale=self.language))

    def speed(self, mps: float | None) -> str:
        """With its unit."""
        return NONE if mps is None else f"{self.bare_speed(mps)} {self.units.value}"

    def bare_speed(self, mps: float | None) -> str:
        """Without its unit."""
        return self.number(None if mps is None else self.units.speed(mps), self.units.digits)

    def clock(self, seconds: float | None) -> str:
        """Minutes and seconds."""
        if seconds is None:
            return NONE
        whole = max(0, round(seconds))
        return f"{whole // 60}:{whole % 60:02d}"

    def age(self, age_s: float | None) -> str:
        """In the unit that reads best."""
        if age_s is None:
            return self.say("never")
        if age_s < 1.0:
            return f"{age_s * 1000:.0f} ms"
        return f"{self.number(age_s)} s" if age_s < 120.0 else f"{age_s / 60:.0f} min"

    def local(self, at: datetime) -> datetime:
        """The same instant on the clinic's clock."""
        return at.astimezone(self.zone)

    def instant(self, at: datetime | None) -> str:
        """Date and time on the clinic's clock, with the zone's name."""
        if at is None:
            return NONE
        local = self.local(at)
        return f"{format_datetime(local, 'short', locale=self.language)} {local.tzname()}"

    def day(self, at: datetime | None) -> str:
        """The date on the clinic's clock."""
        return NONE if at is None else self.calendar(self.local(at).date())

    def calendar(self, day: date) -> str:
        """A date that is no instant."""
        return str(format_date(day, "medium", locale=self.language))

    def today(self, now: datetime | None = None) -> datetime:
        """The first instant of the day that `now` lies in, on the clinic's clock, as UTC."""
        local = self.local(now or datetime.now(UTC))
        return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
