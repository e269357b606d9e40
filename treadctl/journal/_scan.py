"""Reads one segment from its first byte to the first thing wrong with it. Everything that reads a journal stands on this."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from treadctl.journal._format import (
    BATCH,
    HASH_SIZE,
    MAGIC,
    MAX_HEADER,
    MAX_RAW,
    NO_HEAD,
    PREFIX,
    SUFFIX,
    BatchHeader,
    FormatError,
    Header,
    Kinds,
    first_head,
    header_length,
    unpack_batch_header,
    unpack_header,
)

_ZERO_TAIL = 4  # so many zero bytes up to the end of the file are a write the disk never finished; a hash ends so once in 2^32


@dataclass(frozen=True, slots=True)
class Flaw:
    """The first thing wrong in a segment. `cut`: the file ends too early (or in zeros never filled in); else something in it was changed."""

    cut: bool
    offset: int
    sequence: int | None
    message: str


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A sound batch as found: its header, its payload still packed, where it stands and the chain's hash after it."""

    header: BatchHeader
    payload: bytes
    offset: int
    head: bytes


def segment_paths(path: Path) -> list[Path]:
    """The segments of a journal directory in order, or the one file named. Raises FileNotFoundError where there is nothing."""
    if path.is_file():
        return [path]
    found = sorted(child for child in path.glob(f"*{SUFFIX}") if child.stem.isdecimal())
    if not found:
        raise FileNotFoundError(f"no journal segments at {path}")
    return found


class SegmentScan:
    """Iterate it once to get the sound batches in order; it stops at the first flaw and then says so in `flaw`.

    After the iteration: `head`, `sound_bytes` and `next_sequence` describe the sound part, `closed` whether it ends with a closing batch. VersionError of an
    unknown format version is raised by the constructor; a header that cannot be read is a flaw with `header` None.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size_bytes = path.stat().st_size
        self.header: Header | None = None
        self.head = NO_HEAD
        self.sound_bytes = 0
        self.next_sequence = 0
        self.closed = False
        self.flaw: Flaw | None = None
        with path.open("rb") as file:
            self._read_header(file)

    def _read_header(self, file: BinaryIO) -> None:
        data = file.read(PREFIX.size)
        data += file.read(min(MAX_HEADER, header_length(data)))
        try:
            self.header, length = unpack_header(data)
        except FormatError as error:
            self.flaw = Flaw(not error.complete or _unfilled(data + file.read(MAX_HEADER), self.size_bytes), 0, None, str(error))
            return
        self.head = first_head(data[:length])
        self.sound_bytes = length
        self.next_sequence = self.header.first_sequence

    @property
    def stillborn(self) -> bool:
        """Whether the writer died before the header was whole: nothing in the file was ever acknowledged, and the chain passes it by."""
        return self.header is None and self.flaw is not None and self.flaw.cut

    def resume_at(self, offset: int, head: bytes, next_sequence: int) -> None:
        """Begin the iteration after a batch that an earlier scan found sound, the chain's hash there being `head`. Call before iterating."""
        self.sound_bytes, self.head, self.next_sequence = offset, head, next_sequence

    def __iter__(self) -> Iterator[StoredBatch]:
        if self.header is None:
            return
        with self.path.open("rb") as file:
            file.seek(self.sound_bytes)
            while (batch := self._next(file)) is not None:
                yield batch
                if self.closed and self.sound_bytes < self.size_bytes:
                    self.flaw = Flaw(False, self.sound_bytes, None, "bytes follow the closing batch")
                    return

    def tail_sha256(self) -> bytes:
        """The hash of what follows the sound part. Only after the iteration."""
        digest = hashlib.sha256()
        with self.path.open("rb") as file:
            file.seek(self.sound_bytes)
            while data := file.read(1 << 20):
                digest.update(data)
        return digest.digest()

    def skim(self) -> Iterator[BatchHeader]:
        """The headers of the batches, unchecked against the chain, for a quick look at what a segment holds. Stops at the first bad one."""
        if self.header is None:
            return
        with self.path.open("rb") as file:
            file.seek(self.sound_bytes)
            while True:
                try:
                    header = unpack_batch_header(file.read(BATCH.size))
                except FormatError:
                    return
                yield header
                file.seek(header.stored_bytes + HASH_SIZE, 1)

    def _next(self, file: BinaryIO) -> StoredBatch | None:
        offset = self.sound_bytes
        start = file.read(BATCH.size)
        if not start:
            if not self.closed:
                self.flaw = Flaw(True, offset, self.next_sequence, "the segment ends without having been closed")
            return None
        try:
            header = unpack_batch_header(start)
        except FormatError as error:
            self._found(file, offset, start, str(error), ends_early=not error.complete)
            return None
        rest = file.read(header.stored_bytes + HASH_SIZE)
        if len(rest) < header.stored_bytes + HASH_SIZE:
            self._found(file, offset, start + rest, "the file ends within a batch", ends_early=True)
            return None
        payload, stored_head = rest[:-HASH_SIZE], rest[-HASH_SIZE:]
        head = hashlib.sha256(self.head + start + payload).digest()
        if zlib.crc32(payload) != header.crc32:
            self._found(file, offset, start + rest, "the batch does not match its checksum")
        elif head != stored_head:
            self._found(file, offset, start + rest, "the batch does not continue the chain")
        elif header.sequence != self.next_sequence:
            self._found(file, offset, start + rest, f"batch {header.sequence} stands where {self.next_sequence} belongs")
        else:
            self.head = head
            self.sound_bytes = offset + len(start) + len(rest)
            self.next_sequence += 1
            self.closed = Kinds.CLOSE in header.kinds
            return StoredBatch(header, payload, offset, head)
        return None

    def _found(self, file: BinaryIO, offset: int, data: bytes, message: str, *, ends_early: bool = False) -> None:
        tail = data + file.read(1 << 20)
        unfilled = tail.endswith(bytes(_ZERO_TAIL)) and not file.read(1) and len(tail.rstrip(b"\0")) < len(data)
        self.flaw = Flaw(ends_early or unfilled, offset, self.next_sequence, message)


def _unfilled(data: bytes, size_bytes: int) -> bool:
    """Whether a bad header is one whose last part the disk never wrote: zeros from somewhere within it to the end of the file."""
    written = data.rstrip(b"\0")
    return size_bytes <= len(data) and len(data) - len(written) >= _ZERO_TAIL and MAGIC.startswith(written[: len(MAGIC)])


def unpack_payload(batch: StoredBatch) -> bytes:
    """The records of a batch. Raises FormatError if it does not unpack to the length it names."""
    unpacker = zlib.decompressobj()
    if batch.header.raw_bytes > MAX_RAW:
        raise FormatError(f"a batch of {batch.header.raw_bytes} bytes", complete=True)
    try:
        raw = unpacker.decompress(batch.payload, batch.header.raw_bytes + 1)
    except zlib.error as error:
        raise FormatError(f"the batch cannot be unpacked: {error}", complete=True) from error
    if len(raw) != batch.header.raw_bytes or not unpacker.eof:
        raise FormatError("the batch does not unpack to the length it names", complete=True)
    return raw
