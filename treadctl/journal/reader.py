"""Reads a journal: its sound batches in order, and the steps, events and states in them."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from treadctl.errors import TreadctlError
from treadctl.journal._format import FormatError, Header, Kinds, PreviousState, Record, VersionError
from treadctl.journal._scan import Flaw, SegmentScan, StoredBatch, segment_paths, unpack_payload
from treadctl.journal.codec import CodecError, Cursor
from treadctl.journal.schema import Schema

I = TypeVar("I")  # noqa: E741 - as in schema.py
O = TypeVar("O")  # noqa: E741
C = TypeVar("C")
S = TypeVar("S")

_NOW: Final = struct.Struct("<d")

Progress = Callable[[int, int], None]  # bytes read so far, bytes in all


@dataclass(frozen=True, slots=True)
class Step(Generic[I, O]):
    """One recorded step; `index` counts from 0 within its run."""

    now_s: float
    index: int
    inputs: I
    output: O


@dataclass(frozen=True, slots=True)
class Event:
    """One recorded event."""

    now_s: float
    name: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checkpoint(Generic[S]):
    """The core's state before the next step."""

    state: S


@dataclass(frozen=True, slots=True)
class Place:
    """Where a batch stands, with what its segment says of itself."""

    path: Path
    header: Header
    batch: StoredBatch

    @property
    def wall_ns(self) -> int:
        """The wall clock when the batch began."""
        return self.batch.header.wall_ns


@dataclass(frozen=True, slots=True)
class Broken:
    """The end of the sound part of a segment, where something is wrong that no later segment accounts for. Reading goes on with the next segment."""

    path: Path
    flaw: Flaw


def open_segments(path: Path) -> list[SegmentScan]:
    """The segments of a directory or the one file, headers read. Raises TC100 where nothing is, TC302 for a segment of another format version."""
    try:
        paths = segment_paths(path)
    except OSError as error:
        raise TreadctlError("file_missing", str(path), str(error)) from error
    scans = []
    for segment in paths:
        try:
            scans.append(SegmentScan(segment))
        except VersionError as error:
            raise TreadctlError("journal_version", str(segment), str(error)) from error
        except OSError as error:
            raise TreadctlError("file_missing", str(segment), str(error)) from error
    return scans


def read_batches(path: Path, progress: Progress | None = None) -> Iterator[Place | Broken]:
    """The sound batches of a journal in order, each once. Raises as `open_segments`.

    After a failed write the next segment repeats what was not acknowledged: a segment is read as far as its successor counts it.
    """
    scans = open_segments(path)
    total = sum(scan.size_bytes for scan in scans)
    done = 0
    scans = [scan for scan in scans[:-1] if not scan.stillborn] + scans[-1:]
    for scan, after in zip(scans, [*scans[1:], None], strict=True):
        limit = accounted_bytes(scan, after)
        for batch in scan:
            if limit is not None and batch.offset >= limit:
                break
            if scan.header is not None:
                yield Place(scan.path, scan.header, batch)
            if progress is not None:
                progress(done + scan.sound_bytes, total)
        if scan.flaw is not None and (limit is None or scan.flaw.offset < limit):
            yield Broken(scan.path, scan.flaw)
        done += scan.size_bytes


def accounted_bytes(scan: SegmentScan, after: SegmentScan | None) -> int | None:
    """How far the next segment says this one counts; None where there is no next one or it saw this one whole or altered."""
    previous = after.header.previous if after is not None and after.header is not None else None
    if previous is None or previous.segment != int(scan.path.stem) or previous.state is not PreviousState.CUT:
        return None
    return previous.sound_bytes


def read_events(batch: StoredBatch) -> Iterator[Event]:
    """The events of a batch, readable whatever release wrote it. Raises FormatError."""
    if Kinds.EVENTS not in batch.header.kinds:
        return
    for kind, now_s, body in _records(batch):
        if kind is Record.EVENT:
            yield _event(now_s, body)


def read_records(batch: StoredBatch, schema: Schema[I, O, C, S]) -> Iterator[Step[I, O] | Event | Checkpoint[S]]:
    """Everything in a batch, in order. Raises FormatError; the caller has compared the schema's fingerprint."""
    last: tuple[float, I, O] | None = None
    index = batch.header.first_step
    try:
        for kind, now_s, body in _records(batch):
            if kind is Record.EVENT:
                yield _event(now_s, body)
            elif kind is Record.STATE:
                yield Checkpoint(schema.state.decode(body))
            else:
                cursor = Cursor(body)
                head = cursor.take(cursor.varint())
                tail = body[cursor.position :]
                if kind is Record.STEP_KEY:
                    inputs, output = schema.inputs.decode(head), schema.output.decode(tail)
                elif last is None:
                    raise FormatError("a batch begins with a change", complete=True)
                else:
                    clock = (now_s, last[0])
                    inputs, output = schema.inputs.decode_change(head, last[1], clock), schema.output.decode_change(tail, last[2], clock)
                last = (now_s, inputs, output)
                yield Step(now_s, index, inputs, output)
                index += 1
    except CodecError as error:
        raise FormatError(f"a record cannot be read: {error}", complete=True) from error


def _records(batch: StoredBatch) -> Iterator[tuple[Record, float, bytes]]:
    try:
        cursor = Cursor(unpack_payload(batch))
        while not cursor.at_end:
            data = cursor.take(cursor.varint())
            yield Record(data[0]), _NOW.unpack_from(data, 1)[0], data[9:]
    except (CodecError, ValueError, IndexError, struct.error) as error:
        raise FormatError(f"a record cannot be read: {error}", complete=True) from error


def _event(now_s: float, body: bytes) -> Event:
    try:
        details = json.loads(body.decode("utf-8", "surrogatepass"))
        return Event(now_s, details.pop("name"), details)
    except (ValueError, KeyError, AttributeError) as error:
        raise FormatError(f"an event cannot be read: {error}", complete=True) from error
