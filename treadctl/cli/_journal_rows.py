"""The rows that `treadctl journal show` prints: events and steps; in the table only the steps where something a person follows has changed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from treadctl.core.controller import Inputs, Output
from treadctl.errors import TreadctlError
from treadctl.journal import Broken, Event, FormatError, Place, Problem, Step, read_batches, read_events, read_records
from treadctl.journal.core_schema import core_schema
from treadctl.journal.reader import Progress


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table, or one JSON object. `wall_ns` is the batch's wall clock moved on by the monotonic clock."""

    wall_ns: int
    now_s: float
    what: str
    text: str
    details: dict[str, Any]
    news: str | None = None  # steps: what of them a person follows; the table leaves out a step that brings none

    @property
    def time(self) -> str:
        """The wall clock to the millisecond, UTC."""
        return datetime.fromtimestamp(self.wall_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]

    def as_json(self) -> dict[str, Any]:
        """The row for `--json`; numbers JSON cannot hold are text."""
        return {"time": self.time.replace(" ", "T") + "Z", "now_s": plain(self.now_s), "what": self.what, **self.details}


def rows(path: Path, *, events_only: bool, first_ns: int | None, last_ns: int | None, progress: Progress | None) -> Iterator[Row]:
    """The rows in order. A place where the journal is broken is a row too. Raises TC100, TC302 (the latter for steps of another schema only)."""
    for found in read_batches(path, progress):
        if isinstance(found, Broken):
            problem = Problem("journal_cut" if found.flaw.cut else "journal_altered", found.path, found.flaw.offset, found.flaw.sequence, found.flaw.message)
            yield Row(0, math.nan, problem.code, str(problem), {"problem": str(problem)})
            continue
        batch = found.batch.header
        span_s = batch.last_s - batch.first_s
        end_ns = batch.wall_ns + (int(span_s * 1e9) if math.isfinite(span_s) and span_s > 0.0 else 0)
        if (first_ns is not None and end_ns < first_ns) or (last_ns is not None and batch.wall_ns > last_ns):
            continue
        try:
            for row in _batch_rows(found, events_only):
                if (first_ns is None or row.wall_ns >= first_ns) and (last_ns is None or row.wall_ns <= last_ns):
                    yield row
        except FormatError as error:
            raise TreadctlError("journal_altered", f"{found.path} > byte {found.batch.offset}", str(error)) from error


def _batch_rows(place: Place, events_only: bool) -> Iterator[Row]:
    if events_only:
        for event in read_events(place.batch):
            yield _event_row(place, event)
        return
    schema = core_schema()
    if place.header.schema != schema.fingerprint:
        detail = f"written by release {place.header.release}; --events shows its events"
        raise TreadctlError("journal_version", str(place.path), detail)
    for record in read_records(place.batch, schema):
        if isinstance(record, Event):
            yield _event_row(place, record)
        elif isinstance(record, Step):
            yield _step_row(place, record)


def _wall_ns(place: Place, now_s: float) -> int:
    passed_s = now_s - place.batch.header.first_s
    return place.wall_ns + (int(passed_s * 1e9) if math.isfinite(passed_s) else 0)


def _event_row(place: Place, event: Event) -> Row:
    text = ", ".join(f"{key} {value}" for key, value in event.details.items())
    return Row(_wall_ns(place, event.now_s), event.now_s, event.name, text, {"details": event.details})


def _step_row(place: Place, record: Step[Inputs, Output]) -> Row:
    output = record.output
    causes = " ".join(cause.id for cause in output.causes if cause.active)
    order = output.order
    segment = "" if output.segment is None else f", segment {output.segment + 1}"
    state = f"{output.session.value}{segment}, {output.action.name}, {order.mode.name} {order.direction.value}"
    text = f"{state} at {order.speed_mps:.2f} m/s"
    asked = " ".join(request.kind.value for request in record.inputs.requests)
    more = (f", causes: {causes}" if causes else "") + (f", asked: {asked}" if asked else "")
    details = {"step": record.index, "inputs": plain(record.inputs), "output": plain(output)}
    return Row(_wall_ns(place, record.now_s), record.now_s, "step", text + more, details, state + more)


def without_repeats(found: Iterator[Row]) -> Iterator[Row]:
    """The rows, without the steps that show a person nothing new."""
    last: str | None = None
    for row in found:
        if row.news is None or row.news != last:
            yield row
        last = row.news if row.news is not None else last


def plain(value: object) -> Any:  # noqa: ANN401 - whatever JSON holds
    """A value as JSON can hold it: dataclasses as objects, sets sorted, NaN and infinities by name."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, frozenset):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
