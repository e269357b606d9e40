"""Reads what a journal holds after a cursor: whole sound batches in order, from segment to segment, up to the tail that is still being written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from treadctl.errors import TreadctlError
from treadctl.journal._format import Header, PreviousState, VersionError
from treadctl.journal._scan import SegmentScan, segment_paths
from treadctl.journal.reader import Place, accounted_bytes
from treadctl.records.importing.cursor import Cursor
from treadctl.records.importing.findings import Gap


@dataclass(frozen=True, slots=True)
class Chunk:
    """One sound batch, and the cursor after it."""

    place: Place
    after: Cursor


@dataclass(frozen=True, slots=True)
class Hole:
    """Where batches are missing or cannot be read, and the cursor after it."""

    gap: Gap
    after: Cursor


def read_since(journal: Path, cursor: Cursor, *, closing: bool = False) -> Iterator[Chunk | Hole]:
    """The batches after `cursor`, and what is missing between them. Ends before the tail of a live journal; no journal yet = nothing.

    Damage at the very end is waited out, because a writer may be in the middle of it, until a later segment exists; `closing` = nobody writes any more,
    name it now. What the writer wrote twice, because its first try was not acknowledged, comes once. Files are only opened for reading.
    Raises TC100 for files that may not be read.
    """
    try:
        yield from _Reader(journal, cursor, closing).read()
    except FileNotFoundError:
        return  # retention took it between two looks: the next reading finds the hole by the numbers of the batches
    except OSError as error:
        raise TreadctlError("file_missing", str(journal), str(error)) from error


@dataclass(frozen=True, slots=True)
class _Segment:
    """A file of the journal; `scan` None where its format is not this release's."""

    path: Path
    scan: SegmentScan | None

    @property
    def number(self) -> int:
        return int(self.path.stem)

    @property
    def header(self) -> Header | None:
        return self.scan.header if self.scan is not None else None


class _Reader:
    """`_at` is the cursor while reading. It stays in a segment until something of a later one was read: that one says itself how it goes on."""

    def __init__(self, journal: Path, cursor: Cursor, closing: bool) -> None:
        self._closing = closing
        self._at = Cursor(cursor.segment, cursor.offset, cursor.sequence, cursor.head)
        self._run: int | None = None  # of the batches before the cursor, where it is known
        self._paths = segment_paths(journal)

    def read(self) -> Iterator[Chunk | Hole]:
        if int(self._paths[-1].stem) < self._at.segment:
            self._at = Cursor()
            yield self._hole(self._paths[0], "journal_altered", "the journal was begun anew and is read from its first segment")
        segments = self._segments()
        segment = next(segments, None)
        while segment is not None:
            after = next(segments, None)
            yield from self._segment(segment, after)
            segment = after

    def _segments(self) -> Iterator[_Segment]:
        """From the cursor's on, without those whose header was never whole: nothing in them was ever acknowledged."""
        for path in self._paths:
            if int(path.stem) < self._at.segment:
                continue
            try:
                scan = SegmentScan(path)
            except VersionError:
                yield _Segment(path, None)
            else:
                if not scan.stillborn:
                    yield _Segment(path, scan)

    def _segment(self, segment: _Segment, after: _Segment | None) -> Iterator[Chunk | Hole]:
        scan, header = segment.scan, segment.header
        if scan is None:
            yield from self._pass_by(segment, after, "journal_version", "its format is not one this release reads")
            return
        if header is None:
            yield from self._pass_by(segment, after, "journal_altered", scan.flaw.message if scan.flaw is not None else "its header cannot be read")
            return
        yield from self._enter(segment.number, scan, header)
        limit = accounted_bytes(scan, after.scan) if after is not None and after.scan is not None else None
        for batch in scan:
            if limit is not None and batch.offset >= limit:
                break
            if batch.header.sequence < self._at.sequence:
                continue  # the second try of what was read at the first
            self._at = Cursor(segment.number, scan.sound_bytes, batch.header.sequence + 1, batch.head.hex())
            yield Chunk(Place(scan.path, header, batch), self._at)
        self._run = header.run
        yield from self._leave(scan, after, limit)

    def _enter(self, number: int, scan: SegmentScan, header: Header) -> Iterator[Hole]:
        """Stand where reading goes on in this segment, and name what is missing before it."""
        at = self._at
        if at.segment == number and at.offset:
            self._run = header.run
            scan.resume_at(at.offset, bytes.fromhex(at.head), at.sequence)
            return
        missing = header.first_sequence - at.sequence
        if missing > 0:
            self._at = Cursor(number, 0, header.first_sequence)
            yield self._hole(scan.path, "journal_cut", f"{missing} batches before it are gone")
        elif missing < 0 and header.run != self._run:
            self._at = Cursor(number, 0, header.first_sequence)
            yield self._hole(scan.path, "journal_cut", f"{-missing} batches that had been read did not outlive the end of their run")

    def _leave(self, scan: SegmentScan, after: _Segment | None, limit: int | None) -> Iterator[Hole]:
        """Name the damage that ended the segment, unless the next one accounts for it."""
        flaw = scan.flaw
        if flaw is None:
            return
        if after is None:
            unread = not flaw.cut or scan.sound_bytes < scan.size_bytes
            if self._closing and unread:
                yield self._hole(scan.path, "journal_cut" if flaw.cut else "journal_altered", flaw.message, scan.sound_bytes)
            return
        previous = after.header.previous if after.header is not None else None
        found_whole = previous is not None and previous.segment == int(scan.path.stem) and previous.state is PreviousState.WHOLE
        if previous is not None and found_whole and scan.sound_bytes >= previous.sound_bytes:
            return
        if limit is not None and scan.sound_bytes >= limit:
            return
        lost = max(0, after.header.first_sequence - self._at.sequence) if after.header is not None else 0
        self._at = Cursor(after.number, 0, self._at.sequence + lost)
        words = f"{flaw.message}; {lost} batches are lost" if lost else flaw.message
        yield self._hole(scan.path, "journal_cut" if flaw.cut else "journal_altered", words, scan.sound_bytes)

    def _pass_by(self, segment: _Segment, after: _Segment | None, error: str, words: str) -> Iterator[Hole]:
        """Leave out a segment that cannot be read at all."""
        if after is not None:
            self._at = Cursor(after.number, 0, self._at.sequence)
        if after is not None or self._closing:
            yield self._hole(segment.path, error, words)

    def _hole(self, path: Path, error: str, words: str, offset: int | None = None) -> Hole:
        return Hole(Gap(path.name if offset is None else f"{path.name} > byte {offset}", error, words), self._at)
