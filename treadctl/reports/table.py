"""CSV as in RFC 4180: UTF-8, CRLF, one header line whose names end in the unit. SI throughout, instants in UTC with a Z, empty where nothing is known.

A text that a spreadsheet would take for a formula is led by an apostrophe; numbers are written as numbers.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from io import StringIO
from typing import Final

from treadctl.records.model import Series, Session, SessionHead
from treadctl.reports.figures import finite

SAMPLES: Final = (
    "time_s",
    "measured_mps",
    "commanded_mps",
    "grade_percent",
    "rail_left_percent_bw",
    "rail_right_percent_bw",
    "heart_rate_per_min",
    "cadence_per_min",
)
FIGURES: Final = (
    "duration_s",
    "belt_s",
    "distance_m",
    "peak_mps",
    "mean_mps",
    "rail_load_percent",
    "hands_on_share",
    "asymmetry_percent",
    "imbalance_events",
    "unsteady_events",
    "stops",
    "max_rpe",
    "max_dizziness",
    "max_pain",
    "max_breathing",
    "mean_heart_rate_per_min",
    "max_heart_rate_per_min",
    "cadence_per_min",
    "cadence_cv_percent",
)
HEAD: Final = ("session", "person", "revision", "machine", "profile", "direction", "facing", "started_at", "outcome", "cause")
STOPS: Final = ("session", "at_s", "cause", "action", "sentence", "from_mps", "travel_m", "rest_s", "deceleration_mps2")
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")

Cell = str | int | float | datetime | None


def samples_csv(session: Session) -> str:
    """The samples of a session, a row each 0.1 s. A column shorter than the times is empty at its end."""
    series = session.series
    columns: tuple[Sequence[float | None], ...] = tuple(getattr(series, name) for name in Series.__dataclass_fields__)
    rows = (tuple(column[index] if index < len(column) else None for column in columns) for index in range(len(series)))
    return _text(SAMPLES, rows)


def sessions_csv(heads: Iterable[SessionHead]) -> str:
    """A list of sessions, a row each, in the order given."""
    return _text((*HEAD, *FIGURES), (_head(head) for head in heads))


def stops_csv(sessions: Iterable[Session]) -> str:
    """Every stop of these sessions, a row each."""
    return _text(
        STOPS,
        (
            (session.head.id, stop.at_s, stop.cause, stop.action, stop.sentence, stop.from_mps, stop.travel_m, stop.rest_s, stop.deceleration_mps2)
            for session in sessions
            for stop in session.stops
        ),
    )


def cell(value: Cell) -> str:
    """One value as it stands in the file, before quoting."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, str):
        text = "".join(character for character in value if character != "\x00")
        text = text.encode("utf-8", "replace").decode("utf-8")
        return f"'{text}" if text.lstrip(" ").startswith(FORMULA) or text.lstrip().startswith(FORMULA) else text
    known = finite(value)
    return "" if known is None else str(value)


def instant(at: datetime) -> str:
    """An aware instant as ISO 8601 in UTC, to the millisecond, with a Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _head(head: SessionHead) -> tuple[Cell, ...]:
    known: tuple[Cell, ...] = (
        head.id,
        head.person_id,
        head.revision_id,
        head.machine,
        head.profile,
        head.direction,
        head.facing,
        head.started_at,
        head.outcome.value,
        head.cause,
    )
    figures: tuple[Cell, ...] = tuple(getattr(head.summary, name) for name in FIGURES)
    return known + figures


def _text(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    out = StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()
