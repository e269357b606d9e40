"""The typeface of a report: which files, and how lines are made fit for it. Fonts are embedded as subsets, so that a report looks the same everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

from treadctl.reports.bidi import visual

_PLACES: Final = (Path("/usr/share/fonts/truetype/dejavu"), Path("/usr/share/fonts/dejavu"), Path("/usr/share/fonts/TTF"))
_PAIRS: Final = (("DejaVuSansCondensed.ttf", "DejaVuSansCondensed-Bold.ttf"), ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"))


@dataclass(frozen=True, slots=True)
class Typeface:
    """Two TrueType files. A bare file name is one of those that come with the PDF library."""

    regular: str
    bold: str


BUILT_IN: Final = Typeface("Vera.ttf", "VeraBd.ttf")
"""Always there; Latin letters only. Others are drawn as a box or a question mark."""


def find_typeface() -> Typeface:
    """A typeface of this computer that knows many scripts, BUILT_IN where there is none. Looks at files: call it once, and pass the result on."""
    for folder in _PLACES:
        for regular, bold in _PAIRS:
            if (folder / regular).is_file() and (folder / bold).is_file():
                return Typeface(str(folder / regular), str(folder / bold))
    return BUILT_IN


@lru_cache(maxsize=8)
def font_name(file: str) -> str:
    """The name under which the PDF library knows this file, registered on first use. Raises its TTFError for a file that is none."""
    pdfmetrics.registerFont(TTFont(file, file))
    return file


@lru_cache(maxsize=8)
def glyphs(file: str) -> frozenset[int]:
    """The code points this file can draw."""
    font: Any = pdfmetrics.getFont(font_name(file))
    return frozenset(font.face.charToGlyph)


def drawable(text: str, file: str) -> str:
    """One line in drawing order, each character that the file lacks replaced by a box or, where it has none, a question mark."""
    known = glyphs(file)
    stand_in = "□" if ord("□") in known else "?"
    return "".join(character if ord(character) in known else stand_in for character in visual(text))
