"""The half of the writer that touches the disk: it continues the chain, one durable batch after the other, from segment to segment."""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

from treadctl.errors import TreadctlError
from treadctl.journal._batch import Batch, Details, event_record, state_record
from treadctl.journal._format import (
    NO_HEAD,
    NO_TAIL,
    BatchHeader,
    Header,
    Kinds,
    Previous,
    PreviousState,
    VersionError,
    first_head,
    pack_batch,
    pack_header,
    segment_name,
)
from treadctl.journal._nodes import varint
from treadctl.journal._scan import SegmentScan, segment_paths
from treadctl.journal.codec import Codec
from treadctl.journal.storage import Storage

S = TypeVar("S")

_DAY_NS: Final = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What every segment of one run of the daemon says in its header."""

    release: str
    schema: bytes
    boot_id: str
    machine: str
    run_started_s: float
    setup: bytes


@dataclass(slots=True)
class _Segment:
    handle: int
    index: int
    offset: int
    wall_ns: int


class Appender(Generic[S]):
    """Owns the journal directory. `append` returns only when its batch is durable.

    After an OSError the batch is not acknowledged and nothing of the segment is trusted beyond the last acknowledged one: the file stays as it is, and
    the next `append` begins a new segment that says so. Not thread-safe; one thread uses it at a time.
    """

    def __init__(
        self, directory: Path, info: RunInfo, states: Codec[S], storage: Storage, clock: Callable[[], float], wall_ns: Callable[[], int], segment_bytes: int
    ) -> None:
        self.directory = directory
        self._info = info
        self._states = states
        self._storage = storage
        self._clock = clock
        self._wall_ns = wall_ns
        self._segment_bytes = segment_bytes
        self._segment: _Segment | None = None
        self._run: int | None = None
        self._next_step = 0
        self._lock = _lock(directory)
        try:
            self._previous, self._next_index, self.head, self._sequence = _recover(directory)
        except BaseException:
            os.close(self._lock)
            raise
        self.found = self._previous

    @property
    def sequence(self) -> int:
        """The number of the next batch; all below it are durable."""
        return self._sequence

    @property
    def segment(self) -> int | None:
        """The index of the segment being written."""
        return None if self._segment is None else self._segment.index

    def append(self, batch: Batch[S]) -> bool:
        """Write a batch and bring it to the medium; True if it began a new segment. Raises OSError; the batch may then be given again."""
        if self._segment is not None and self._is_done(self._segment, batch.wall_ns):
            self._close_segment(batch.last_s, batch.wall_ns)
        began = self._segment is None
        segment = self._segment or self._begin_segment()
        lead: list[bytes] = []
        kinds = batch.kinds
        gap = batch.first_step - self._next_step
        if gap:
            lead.append(event_record(batch.first_s, "journal_gap", {"steps_lost": gap}))
            kinds |= Kinds.EVENTS
        if (began or gap) and batch.state is not None:
            lead.append(state_record(batch.first_s, self._states.encode(batch.state)))
            kinds |= Kinds.STATE
        records = [part for record in lead for part in (varint(len(record)), record)]
        raw = b"".join([*records, *batch.records])
        self._write(segment, raw, kinds, batch)
        self._next_step = batch.first_step + batch.steps
        return began

    def append_event(self, now_s: float, name: str, details: Details) -> None:
        """Write one event of the journal's own, at once. Raises OSError."""
        batch: Batch[S] = Batch(self._next_step, None, self._wall_ns(), now_s, now_s, Kinds.EVENTS)
        record = event_record(now_s, name, details)
        batch.records += [varint(len(record)), record]
        self.append(batch)

    def close(self) -> None:
        """Close the segment and let the directory go. Raises OSError."""
        try:
            if self._segment is not None:
                self._close_segment(self._clock(), self._wall_ns())
        finally:
            os.close(self._lock)

    def abandon(self) -> None:
        """Let everything go as after a crash: what is not acknowledged is not written."""
        if self._segment is not None:
            with suppress(OSError):
                self._storage.close(self._segment.handle)
            self._segment = None
        os.close(self._lock)

    def _is_done(self, segment: _Segment, wall_ns: int) -> bool:
        return segment.offset >= self._segment_bytes or segment.wall_ns // _DAY_NS != wall_ns // _DAY_NS

    def _begin_segment(self) -> _Segment:
        index = self._next_index
        path = self.directory / segment_name(index)
        wall_ns = self._wall_ns()
        header = pack_header(
            Header(
                release=self._info.release,
                schema=self._info.schema,
                boot_id=self._info.boot_id,
                machine=self._info.machine,
                monotonic_s=self._clock(),
                wall_ns=wall_ns,
                segment=index,
                run=index if self._run is None else self._run,
                first_sequence=self._sequence,
                previous=self._previous,
                run_started_s=self._info.run_started_s,
                setup=self._info.setup,
            )
        )
        try:
            handle = self._storage.create(path)
        except OSError:
            self._next_index += path.exists()  # whatever stands there is not ours to touch
            raise
        try:
            self._storage.append(handle, header)
            self._storage.sync(handle)
            self._storage.sync_directory(self.directory)
        except OSError:
            # Created by us a moment ago and empty of records: the one file this class ever takes back.
            with suppress(OSError):
                self._storage.close(handle)
            with suppress(OSError):
                self._storage.remove(path)
            self._next_index += path.exists()
            raise
        self._next_index = index + 1
        if self._run is None:
            self._run = index
        self.head = first_head(header)
        self._previous = Previous(index, self.head, len(header), len(header), PreviousState.CUT, None)
        self._segment = _Segment(handle, index, len(header), wall_ns)
        return self._segment

    def _write(self, segment: _Segment, raw: bytes, kinds: Kinds, batch: Batch[S]) -> None:
        payload = zlib.compress(raw, 6)
        header = BatchHeader(
            stored_bytes=len(payload),
            raw_bytes=len(raw),
            sequence=self._sequence,
            first_step=batch.first_step,
            kinds=kinds,
            steps=batch.steps,
            first_s=batch.first_s,
            last_s=batch.last_s,
            wall_ns=batch.wall_ns,
            crc32=zlib.crc32(payload),
        )
        data, head = pack_batch(header, payload, self.head)
        try:
            self._storage.append(segment.handle, data)
            self._storage.sync(segment.handle)
        except OSError:
            # After a failed write or sync the kernel may have dropped the pages: the file counts only up to the last acknowledged batch.
            self._segment = None
            with suppress(OSError):
                self._storage.close(segment.handle)
            raise
        self.head = head
        self._sequence += 1
        segment.offset += len(data)
        closed = Kinds.CLOSE in kinds
        self._previous = Previous(
            segment.index, head, segment.offset, segment.offset, PreviousState.WHOLE if closed else PreviousState.CUT, NO_TAIL if closed else None
        )

    def _close_segment(self, now_s: float, wall_ns: int) -> None:
        segment = self._segment
        if segment is None:
            return
        self._write(segment, b"", Kinds.CLOSE, Batch(self._next_step, None, wall_ns, now_s, now_s))
        self._segment = None
        self._storage.close(segment.handle)


def _lock(directory: Path) -> int:
    """Hold the directory against a second writer. Raises TC204, or TC304 where it cannot be made."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handle = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise TreadctlError("journal_full", str(directory), str(error)) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise TreadctlError("instance_running", str(directory), "the journal is open in another process") from error
    return handle


def _recover(directory: Path) -> tuple[Previous | None, int, bytes, int]:
    """What the last segment was left like, the next segment's index, the chain's head and the next batch's number.

    Nothing is touched. Raises TC302 for a journal of another format version.
    """
    try:
        paths = segment_paths(directory)
    except FileNotFoundError:
        return None, 1, NO_HEAD, 0
    next_index = int(paths[-1].stem) + 1
    sequence = 0
    previous: Previous | None = None
    for path in reversed(paths):  # ordinarily one turn; more only past segments without a readable header
        try:
            scan = SegmentScan(path)
        except VersionError as error:
            raise TreadctlError("journal_version", str(path), str(error)) from error
        for _ in scan:
            pass
        if scan.stillborn:
            continue
        state = PreviousState.WHOLE
        if scan.flaw is not None:
            state = PreviousState.CUT if scan.flaw.cut else PreviousState.ALTERED
        found = Previous(int(path.stem), scan.head, scan.sound_bytes, scan.size_bytes, state, scan.tail_sha256())
        previous = previous or found
        if scan.header is not None:
            sequence = scan.next_sequence
            break
    return previous, next_index, previous.head if previous else NO_HEAD, sequence
