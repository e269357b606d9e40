"""Texts of anybody, made fit to be shown or sent."""

from __future__ import annotations

import unicodedata
from typing import Final

LONGEST_TEXT: Final = 4000
"""Characters of one text that anybody looks at; the rest could never be on a page."""


def plain(text: str) -> str:
    """A text of anybody as one line: control and formatting characters out, white space single, its length bounded."""
    kept: list[str] = []
    for character in text[:LONGEST_TEXT]:
        kind = unicodedata.category(character)
        if kind in {"Zs", "Zl", "Zp"} or character in "\t\n\r\v\f":
            kept.append(" ")
        elif kind not in {"Cc", "Cf", "Cs", "Co", "Cn"} and not 0xFE00 <= ord(character) <= 0xFE0F:
            kept.append(character)
    words = " ".join("".join(kept).split())
    return words + "…" if len(text) > LONGEST_TEXT else words
