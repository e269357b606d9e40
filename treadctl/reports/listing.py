"""Lists on a page that must not grow: rows of wrapped cells, and `and N more` where the page is full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from treadctl.reports.figures import N_, Setting
from treadctl.reports.page import INK, LINE, RULE, SOFT, Align, Page

SIZE = 7.5
TITLE_SIZE = 8.5
GAP = 6.0
MORE = N_("and {count} more; the exports hold all")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, its share of the width, and how its cells stand."""

    heading: str
    share: float
    align: Align = "left"
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """A titled list. `empty` is said instead where there are no rows."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str
    lines: int = 2


class Block:
    """A listing laid out for a width: how high its first rows are, and how to draw them."""

    def __init__(self, page: Page, setting: Setting, listing: Listing, width: float, most: int = 40) -> None:
        self._page, self._setting, self._listing = page, setting, listing
        total = sum(column.share for column in listing.columns)
        self._widths = [width * column.share / total for column in listing.columns]
        self._width = width
        self._cells = [self._row(row) for row in listing.rows[:most]]

    @property
    def rows(self) -> int:
        """How many rows could be shown."""
        return len(self._cells)

    def height(self, shown: int) -> float:
        """The height with so many rows shown."""
        if not self._listing.rows:
            return (TITLE_SIZE + SIZE) * LINE
        body = sum(self._row_height(row) for row in self._cells[:shown])
        return TITLE_SIZE * LINE + self._heading_height() + body + (SIZE * LINE if shown < len(self._listing.rows) else 0.0)

    def draw(self, x: float, y: float, shown: int) -> float:
        """Draw with the upper edge at `y` and so many rows; returns the lower edge."""
        listing, page = self._listing, self._page
        page.text(x, y + TITLE_SIZE, page.fit(listing.title, self._width, TITLE_SIZE, True), TITLE_SIZE, bold=True)
        top = y + TITLE_SIZE * LINE
        if not listing.rows:
            page.text(x, top + SIZE, page.fit(listing.empty, self._width, SIZE), SIZE, colour=SOFT)
            return top + SIZE * LINE
        if self._heading_height():
            self._draw_row([[column.heading] for column in listing.columns], x, top, SOFT, headings=True)
            top += self._heading_height()
            page.line((x, top - 1.5), (x + self._width, top - 1.5), RULE, 0.5)
        for row in self._cells[:shown]:
            self._draw_row(row, x, top, INK)
            top += self._row_height(row)
        rest = len(listing.rows) - shown
        if rest > 0:
            page.text(x, top + SIZE, page.fit(self._setting.say(MORE, count=rest), self._width, SIZE), SIZE, colour=SOFT)
            top += SIZE * LINE
        return top

    def _heading_height(self) -> float:
        return SIZE * LINE + 2.0 if any(column.heading for column in self._listing.columns) else 0.0

    def _row(self, row: tuple[str, ...]) -> list[list[str]]:
        zipped = zip(row, self._listing.columns, self._widths, strict=True)
        return [self._page.wrap(cell, width - GAP, SIZE, self._listing.lines, column.bold) for cell, column, width in zipped]

    def _row_height(self, row: Sequence[Sequence[str]]) -> float:
        return max(len(cell) for cell in row) * SIZE * LINE + 1.5

    def _draw_row(self, row: Sequence[Sequence[str]], x: float, top: float, colour: str, headings: bool = False) -> None:
        left = x
        for cell, column, width in zip(row, self._listing.columns, self._widths, strict=True):
            at = left if column.align == "left" else left + width - GAP
            for index, line in enumerate(cell):
                shown = self._page.fit(line, width - GAP, SIZE) if headings else line
                self._page.text(at, top + SIZE + index * SIZE * LINE, shown, SIZE, colour=colour, bold=column.bold and not headings, align=column.align)
            left += width


def share_rows(bands: Sequence[Sequence[Block]], available: float, gap: float) -> list[list[int]]:
    """How many rows each block may show, so that all bands fit above each other. Blocks of a band stand side by side.

    Rows are taken from the highest band first; one row of each stays as long as there is room at all.
    """
    shown = [[block.rows for block in band] for band in bands]

    def band_height(index: int) -> float:
        return max(block.height(count) for block, count in zip(bands[index], shown[index], strict=True))

    while sum(band_height(index) + gap for index in range(len(bands))) > available:
        open_bands = [index for index in range(len(bands)) if max(shown[index], default=0) > 1]
        if not open_bands:
            break
        tallest = max(open_bands, key=band_height)
        heights = [block.height(count) if count > 1 else 0.0 for block, count in zip(bands[tallest], shown[tallest], strict=True)]
        shown[tallest][heights.index(max(heights))] -= 1
    return shown
