"""One A4 page to draw on: the PDF library behind a small typed face. Points, the origin at the top left, y downward."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any, Final, Literal

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from treadctl.reports.text import plain
from treadctl.reports.typeface import Typeface, drawable, font_name

WIDTH, HEIGHT = (float(side) for side in A4)
MARGIN: Final = 40.0
INNER: Final = WIDTH - 2.0 * MARGIN
"""The width between the margins."""
INK: Final = "#17212b"
SOFT: Final = "#56626e"
RULE: Final = "#c5ccd3"
PALE: Final = "#eef2f5"
ACCENT: Final = "#0b4f7d"
ALARM: Final = "#b0261c"
LINE: Final = 1.28
"""Line height as a multiple of the letters' size."""

Align = Literal["left", "right", "centre"]
Point = tuple[float, float]


class Page:
    """A page being drawn. `finish` gives the document; the same drawing gives the same bytes."""

    def __init__(self, typeface: Typeface, title: str, subject: str, language: str = "en") -> None:
        self._buffer = BytesIO()
        self._canvas: Any = Canvas(self._buffer, pagesize=A4, invariant=1, pageCompression=1, lang=language)
        self._canvas.setTitle(title)
        self._canvas.setSubject(subject)
        self._canvas.setAuthor("treadctl")
        self._canvas.setCreator("treadctl")
        self._files = (typeface.regular, typeface.bold)
        for file in self._files:
            font_name(file)

    def width(self, text: str, size: float, bold: bool = False) -> float:
        """How wide a line would be."""
        file = self._files[bold]
        return float(stringWidth(drawable(text, file), file, size))

    def fit(self, text: str, width: float, size: float, bold: bool = False) -> str:
        """The text as one line, cut with an ellipsis where it is wider than `width`."""
        line = plain(text)
        if self.width(line, size, bold) <= width:
            return line
        low, high = 0, len(line)
        while low < high:
            middle = (low + high + 1) // 2
            if self.width(line[:middle].rstrip() + "…", size, bold) <= width:
                low = middle
            else:
                high = middle - 1
        return line[:low].rstrip() + "…"

    def wrap(self, text: str, width: float, size: float, lines: int, bold: bool = False) -> list[str]:
        """The text in at most `lines` lines of at most `width`; the last one is cut with an ellipsis. A word wider than a line is broken."""
        words = plain(text).split(" ")
        out: list[str] = []
        while words and len(out) < lines - 1:
            taken = self._taken(words, width, size, bold)
            if taken:
                out.append(" ".join(words[:taken]))
                words = words[taken:]
            else:
                head = self._head(words[0], width, size, bold)
                out.append(head)
                words[0] = words[0][len(head) :]
        if words and words != [""]:
            out.append(self.fit(" ".join(words), width, size, bold))
        return out or [""]

    def _taken(self, words: list[str], width: float, size: float, bold: bool) -> int:
        taken = 0
        while taken < len(words) and self.width(" ".join(words[: taken + 1]), size, bold) <= width:
            taken += 1
        return taken

    def _head(self, word: str, width: float, size: float, bold: bool) -> str:
        length = 1
        while length < len(word) and self.width(word[: length + 1], size, bold) <= width:
            length += 1
        return word[:length]

    def text(self, x: float, y: float, text: str, size: float, *, bold: bool = False, colour: str = INK, align: Align = "left") -> None:
        """Draw one line, its baseline at `y`."""
        file = self._files[bold]
        line = drawable(text, file)
        left = x - {"left": 0.0, "right": 1.0, "centre": 0.5}[align] * float(stringWidth(line, file, size))
        self._canvas.setFillColor(HexColor(colour))
        self._canvas.setFont(file, size)
        self._canvas.drawString(left, HEIGHT - y, line)

    def line(self, start: Point, end: Point, colour: str = RULE, thickness: float = 0.6, dash: Sequence[float] = ()) -> None:
        """Draw a straight line."""
        self.polyline((start, end), colour, thickness, dash)

    def polyline(self, points: Sequence[Point], colour: str, thickness: float = 0.9, dash: Sequence[float] = ()) -> None:
        """Draw a line through the points."""
        if len(points) < 2:
            return
        self._canvas.setStrokeColor(HexColor(colour))
        self._canvas.setLineWidth(thickness)
        self._canvas.setLineJoin(1)
        self._canvas.setDash(list(dash))
        self._canvas.drawPath(self._path(points), stroke=1, fill=0)

    def polygon(self, points: Sequence[Point], colour: str, alpha: float = 1.0) -> None:
        """Fill the area within the points; an `alpha` below 1 lets what is beneath shine through."""
        if len(points) < 3:
            return
        path = self._path(points)
        path.close()
        self._canvas.setFillColor(HexColor(colour))
        self._canvas.setFillAlpha(alpha)
        self._canvas.drawPath(path, stroke=0, fill=1)
        self._canvas.setFillAlpha(1.0)

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """Fill a rectangle whose upper left corner is given."""
        self._canvas.setFillColor(HexColor(colour))
        self._canvas.rect(x, HEIGHT - y - height, width, height, stroke=0, fill=1)

    def dot(self, x: float, y: float, radius: float, colour: str, hollow: bool = False) -> None:
        """Draw a round mark."""
        self._canvas.setLineWidth(0.8)
        self._canvas.setDash([])
        self._canvas.setStrokeColor(HexColor(colour))
        self._canvas.setFillColor(HexColor("#ffffff" if hollow else colour))
        self._canvas.circle(x, HEIGHT - y, radius, stroke=1, fill=1)

    def finish(self) -> bytes:
        """The document of this one page."""
        self._canvas.showPage()
        self._canvas.save()
        return self._buffer.getvalue()

    def _path(self, points: Sequence[Point]) -> Any:  # noqa: ANN401  the PDF library brings no types
        path = self._canvas.beginPath()
        path.moveTo(points[0][0], HEIGHT - points[0][1])
        for x, y in points[1:]:
            path.lineTo(x, HEIGHT - y)
        return path
