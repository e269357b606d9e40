"""A translation as plain data: texts of ours, and sentences that were put together elsewhere, known by their pattern.

The core, the daemon and the records write whole English sentences, some with a figure or a name in them. They stand in journals for ever, so they are
translated where they are shown: by their text, else by the pattern they were made from, else sentence by sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from string import Formatter
from typing import Final

STOP: Final = "full_stop"  # a sentence may stand with its full stop or without
LONGEST: Final = 2000  # signs of a text that is looked at piece by piece; a longer one is somebody's own
SENTENCE_ENDS: Final = re.compile(r"(?<=[.?!:;]) ")
DECIMAL: Final = re.compile(r"(?<![\w.])([0-9]+)\.([0-9]+)(?![\w.]*[0-9])")


@dataclass(frozen=True)
class Catalogue:
    """Source text to translated text; what is missing stays as it is. `made` are those of the sources that are patterns of sentences put together elsewhere.

    It can be sent to another process. `decimal` is what stands in a figure for the point.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    made: frozenset[str] = frozenset()
    decimal: str = "."

    def __call__(self, text: str) -> str:
        """The text in the language of this catalogue."""
        known = self.texts.get(text)
        if known is not None or not self.made or not text or len(text) > LONGEST:
            return known if known is not None else text
        return self._alike(text) or self._put_together(text)

    def _alike(self, text: str) -> str | None:
        """A text that differs from one of ours in its first letter's case and in the sign at its end."""
        body, end = (text[:-1], text[-1]) if text.endswith((".", ":", ";")) else (text, "")
        known = self.texts.get(body)
        if known is None:
            known = self.texts.get(body[:1].lower() + body[1:].replace("_", " "))
            known = known[:1].upper() + known[1:] if known is not None else None
        return known + end if known is not None else None

    @cached_property
    def _patterns(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        """What to look for and its translation, the longest first: of two that fit, the one that says more is meant."""
        ordered = sorted((one for one in self.made if one in self.texts), key=_told, reverse=True)
        return tuple((re.compile(_pattern(one), re.DOTALL), self.texts[one]) for one in ordered)

    def _put_together(self, text: str) -> str:
        cuts = [match.start() for match in SENTENCE_ENDS.finditer(text)]
        for cut in reversed(cuts):
            known = self.texts.get(text[:cut]) or self._alike(text[:cut])
            if known is not None:
                return f"{known} {self(text[cut + 1 :])}"
        for end in (len(text), *reversed(cuts)):
            for pattern, translated in self._patterns:
                found = pattern.fullmatch(text, 0, end)
                if found is not None:
                    parts = found.groupdict()
                    first = translated.format(**{name: self._part(value) for name, value in parts.items()}) + parts.get(STOP, "")
                    return f"{first} {self(text[end + 1 :])}" if end < len(text) else first
        for cut in cuts:  # somebody's own words, a label as a rule, stand before ours
            rest = text[cut + 1 :]
            if rest and self(rest) != rest:
                return f"{text[:cut]} {self(rest)}"
        return text

    def _part(self, part: str) -> str:
        """A part of a sentence: a word of ours, several of them, a sentence of its own, or a figure; anything else stays as it is."""
        known = self(part)
        if known == part:
            known = self.texts.get(part.replace("_", " "), part)
        for between in (", ", "; "):
            if known == part and between in part:
                known = between.join(self.texts.get(word, word) for word in part.split(between))
        return DECIMAL.sub(rf"\1{self.decimal}\2", known)


def _told(source: str) -> int:
    """How much of a pattern is text."""
    return sum(len(text) for text, _name, _form, _how in Formatter().parse(source))


def _pattern(source: str) -> str:
    told = "".join(re.escape(text) + (f"(?P<{name}>.*?)" if name else "") for text, name, _form, _how in Formatter().parse(source))
    return told if source.endswith((".", "}")) else rf"{told}(?P<{STOP}>\.?)"
