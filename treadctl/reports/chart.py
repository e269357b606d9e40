"""Charts drawn on a page: a frame with axes, lines that keep their extremes, bands, bars and marks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from treadctl.reports.figures import Setting, finite
from treadctl.reports.page import PALE, RULE, SOFT, Page, Point

SMALL = 6.5


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a chart is on the page (points, top left) and what its axes cover. `x_high` and `y_high` are above the low ends."""

    left: float
    top: float
    width: float
    height: float
    x_low: float
    x_high: float
    y_low: float
    y_high: float

    @property
    def right(self) -> float:
        """The right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.top + self.height

    def x(self, value: float) -> float:
        """The place of a value on the horizontal axis, held within the frame."""
        share = (value - self.x_low) / (self.x_high - self.x_low)
        return self.left + self.width * min(1.0, max(0.0, share))

    def y(self, value: float) -> float:
        """The place of a value on the vertical axis, held within the frame."""
        share = (value - self.y_low) / (self.y_high - self.y_low)
        return self.bottom - self.height * min(1.0, max(0.0, share))


def ceiling(values: Iterable[float | None], least: float, most: float) -> float:
    """The upper end of an axis for these values: at least `least`, at most `most`, with a little air; absurd values do not flatten the others."""
    top = max((known for known in map(finite, values) if known is not None), default=0.0)
    return min(most, max(least, top * 1.08))


def ticks(low: float, high: float, about: int) -> list[float]:
    """Round values from `low` to `high`, about so many."""
    raw = (high - low) / max(1, about)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if power * factor >= raw * 0.8)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def time_ticks(high_s: float, about: int) -> list[float]:
    """Round times from 0 to `high_s`, in steps people read."""
    steps = (5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
    step = next((step for step in steps if high_s / step <= about), 3600.0 * math.ceil(high_s / 3600.0 / about))
    return [index * step for index in range(int(high_s / step) + 1)]


def draw_y_axis(page: Page, setting: Setting, frame: Frame, about: int = 4) -> None:
    """Grid lines and figures of the vertical axis."""
    marks = ticks(frame.y_low, frame.y_high, about)
    step = marks[1] - marks[0] if len(marks) > 1 else 1.0
    digits = 0 if abs(step - round(step)) < 1e-9 else 1 if abs(step * 10 - round(step * 10)) < 1e-9 else 2
    for mark in marks:
        y = frame.y(mark)
        page.line((frame.left, y), (frame.right, y), RULE if mark == frame.y_low else PALE, 0.5)
        page.text(frame.left - 3.0, y + 2.2, setting.number(mark, digits), SMALL, colour=SOFT, align="right")


def runs(frame: Frame, xs: Sequence[float], ys: Sequence[float | None]) -> list[list[Point]]:
    """A series as lines on the page, broken where it is not known; of many samples in half a point of width only first, least, greatest and last are kept."""
    out: list[list[Point]] = []
    column: list[Point] = []
    open_run: list[Point] = []

    def flush() -> None:
        if column:
            extremes = (0, min(range(len(column)), key=lambda i: column[i][1]), max(range(len(column)), key=lambda i: column[i][1]), len(column) - 1)
            open_run.extend(column[index] for index in sorted(set(extremes)))
            column.clear()

    for time, value in zip(xs, ys, strict=False):
        known, at = finite(value), finite(time)
        if known is None or at is None:
            flush()
            if open_run:
                out.append(open_run.copy())
                open_run.clear()
            continue
        point = (frame.x(at), frame.y(known))
        if column and int(column[0][0] * 2.0) != int(point[0] * 2.0):
            flush()
        column.append(point)
    flush()
    return [*out, open_run] if open_run else out


@dataclass(frozen=True, slots=True)
class Envelope:
    """A series in columns of a point's width: the least, the mean and the greatest of each, as lines on the page."""

    least: list[Point]
    mean: list[Point]
    greatest: list[Point]


def envelopes(frame: Frame, xs: Sequence[float], ys: Sequence[float | None]) -> list[Envelope]:
    """A noisy series so that its extremes and its course can both be seen; broken where it is not known for longer than a column."""
    columns: dict[int, list[float]] = {}
    for time, value in zip(xs, ys, strict=False):
        known, at = finite(value), finite(time)
        if known is not None and at is not None:
            columns.setdefault(int(frame.x(at) - frame.left), []).append(frame.y(known))
    out: list[Envelope] = []
    before = -9
    for column in sorted(columns):
        if column > before + 2:
            out.append(Envelope([], [], []))
        x, values = frame.left + column + 0.5, columns[column]
        out[-1].least.append((x, max(values)))
        out[-1].mean.append((x, sum(values) / len(values)))
        out[-1].greatest.append((x, min(values)))
        before = column
    return out


def draw_noisy(page: Page, frame: Frame, xs: Sequence[float], ys: Sequence[float | None], colour: str) -> bool:
    """Draw a series as its mean on a tint from its least to its greatest; returns whether there was anything to draw."""
    found = envelopes(frame, xs, ys)
    for one in found:
        page.polygon([*one.greatest, *reversed(one.least)], colour, 0.28)
        page.polyline(one.mean, colour, 1.0)
    return bool(found)
