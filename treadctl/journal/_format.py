"""The bytes of a journal segment: prefix and header, then batches. docs/reference/journal-format.md describes the same in words."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum, IntFlag, StrEnum
from typing import Any, Final

MAGIC: Final = b"\x89TCJ\r\n\x1a\n"  # not text, and a transfer that rewrites line ends breaks it visibly
VERSION: Final = 1
PREFIX: Final = struct.Struct("<8sHHII")  # magic, version, reserved, header length, CRC-32 of the four before and the header
BATCH_MAGIC: Final = b"TCJB"
BATCH: Final = struct.Struct("<4sIIQQHHddqII")
HASH_SIZE: Final = 32
NO_HEAD: Final = bytes(HASH_SIZE)
NO_TAIL: Final = hashlib.sha256(b"").digest()
MAX_HEADER: Final = 16 * 1024 * 1024
MAX_RAW: Final = 64 * 1024 * 1024
SUFFIX: Final = ".tcj"


class Record(IntEnum):
    """The first byte of each record in a batch."""

    STEP_KEY = 1  # now_s, inputs and output in full
    STEP = 2  # now_s, inputs and output as changes against the step before
    EVENT = 3  # now_s and JSON
    STATE = 4  # the core's state before the next step: a replay can begin here


class Kinds(IntFlag):
    """What a batch holds, readable without unpacking it."""

    STEPS = 1
    EVENTS = 2
    STOP = 4  # a stop or trip happened in it: the black box keeps the time around
    STATE = 8
    CLOSE = 16  # the segment ends here by intention


class PreviousState(StrEnum):
    """How the segment before was found."""

    WHOLE = "whole"  # closed, every batch sound
    CUT = "cut"  # it ends in the middle of a batch or without being closed; what is missing was never acknowledged
    ALTERED = "altered"  # a complete batch in it does not match its checks


@dataclass(frozen=True, slots=True)
class Previous:
    """The segment before this one as it was when this one began: how much of it was sound, and the hash of the chain there.

    `tail_sha256` is the hash of the bytes after the sound part; None where the writer gave the file up itself and could not look.
    """

    segment: int
    head: bytes
    sound_bytes: int
    size_bytes: int
    state: PreviousState
    tail_sha256: bytes | None


@dataclass(frozen=True, slots=True)
class Header:
    """What a segment says of itself. `run` is the segment its run of the daemon began with; `monotonic_s` and `wall_ns` were read together."""

    release: str
    schema: bytes
    boot_id: str
    machine: str
    monotonic_s: float
    wall_ns: int
    segment: int
    run: int
    first_sequence: int
    previous: Previous | None
    run_started_s: float  # the `now_s` the core's initial state was made with
    setup: bytes


@dataclass(frozen=True, slots=True)
class BatchHeader:
    """The fixed part of a batch. `first_step` is the number within the run of its first step (or of the next one, if it holds none)."""

    stored_bytes: int
    raw_bytes: int
    sequence: int
    first_step: int
    kinds: Kinds
    steps: int
    first_s: float
    last_s: float
    wall_ns: int
    crc32: int


class FormatError(ValueError):
    """The bytes are not what the format wants. `complete` is False where they merely end too early."""

    def __init__(self, message: str, *, complete: bool) -> None:
        super().__init__(message)
        self.complete = complete


class VersionError(ValueError):
    """A sound journal of another format version."""


def segment_name(index: int) -> str:
    """The file name of segment `index`; names sort in the order of the chain."""
    return f"{index:08d}{SUFFIX}"


def pack_header(header: Header) -> bytes:
    """Prefix and header of a segment."""
    previous = header.previous
    fields: dict[str, Any] = {
        "boot_id": header.boot_id,
        "first_sequence": header.first_sequence,
        "machine": header.machine,
        "monotonic_s": header.monotonic_s.hex(),
        "previous": None
        if previous is None
        else {
            "head": previous.head.hex(),
            "segment": previous.segment,
            "size_bytes": previous.size_bytes,
            "sound_bytes": previous.sound_bytes,
            "state": previous.state.value,
            "tail_sha256": None if previous.tail_sha256 is None else previous.tail_sha256.hex(),
        },
        "release": header.release,
        "run": header.run,
        "run_started_s": header.run_started_s.hex(),
        "schema": header.schema.hex(),
        "segment": header.segment,
        "setup": base64.b64encode(header.setup).decode(),
        "wall_ns": header.wall_ns,
    }
    body = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    return _prefix(body) + body


def _prefix(body: bytes) -> bytes:
    checked = PREFIX.pack(MAGIC, VERSION, 0, len(body), 0)[:-4]
    return checked + struct.pack("<I", zlib.crc32(body, zlib.crc32(checked)))


def header_length(prefix: bytes) -> int:
    """The length of the header that a prefix announces; 0 for what is no prefix."""
    return int(PREFIX.unpack(prefix)[3]) if len(prefix) == PREFIX.size and prefix.startswith(MAGIC) else 0


def unpack_header(data: bytes) -> tuple[Header, int]:
    """The header at the start of `data` and its length with prefix. Raises FormatError, or VersionError for a sound one of another version."""
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        raise FormatError("it does not begin like a journal", complete=True)
    if len(data) < PREFIX.size:
        raise FormatError("the file ends within its prefix", complete=False)
    _, version, _, length, crc = PREFIX.unpack_from(data)
    if length <= MAX_HEADER and len(data) >= PREFIX.size + length:
        body = data[PREFIX.size : PREFIX.size + length]
        if zlib.crc32(body, zlib.crc32(data[: PREFIX.size - 4])) != crc:
            raise FormatError("the header does not match its checksum", complete=True)
        if version != VERSION:
            raise VersionError(f"format version {version}, this release reads {VERSION}")
        return _parse_header(body), PREFIX.size + length
    raise FormatError("the file ends within its header", complete=False)


def _parse_header(body: bytes) -> Header:
    try:
        fields = json.loads(body)
        previous = fields["previous"]
        return Header(
            release=fields["release"],
            schema=bytes.fromhex(fields["schema"]),
            boot_id=fields["boot_id"],
            machine=fields["machine"],
            monotonic_s=float.fromhex(fields["monotonic_s"]),
            wall_ns=fields["wall_ns"],
            segment=fields["segment"],
            run=fields["run"],
            first_sequence=fields["first_sequence"],
            previous=None if previous is None else _parse_previous(previous),
            run_started_s=float.fromhex(fields["run_started_s"]),
            setup=base64.b64decode(fields["setup"], validate=True),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"the header cannot be read: {error}", complete=True) from error


def _parse_previous(fields: dict[str, Any]) -> Previous:
    tail = fields["tail_sha256"]
    return Previous(
        segment=fields["segment"],
        head=bytes.fromhex(fields["head"]),
        sound_bytes=fields["sound_bytes"],
        size_bytes=fields["size_bytes"],
        state=PreviousState(fields["state"]),
        tail_sha256=None if tail is None else bytes.fromhex(tail),
    )


def first_head(header_bytes: bytes) -> bytes:
    """The chain's hash after the header. The header holds the head of the segment before, so the chain goes on."""
    return hashlib.sha256(header_bytes).digest()


def pack_batch(header: BatchHeader, payload: bytes, head: bytes) -> tuple[bytes, bytes]:
    """The bytes of a batch and the chain's new head."""
    fields = (
        BATCH_MAGIC,
        header.stored_bytes,
        header.raw_bytes,
        header.sequence,
        header.first_step,
        int(header.kinds),
        header.steps,
        header.first_s,
        header.last_s,
        header.wall_ns,
        header.crc32,
    )
    checked = BATCH.pack(*fields, 0)[:-4]
    data = checked + struct.pack("<I", zlib.crc32(checked)) + payload
    new_head = hashlib.sha256(head + data).digest()
    return data + new_head, new_head


def unpack_batch_header(data: bytes) -> BatchHeader:
    """The fixed part of a batch. Raises FormatError."""
    if len(data) < BATCH.size:
        raise FormatError("the file ends within a batch header", complete=False)
    magic, stored, raw, sequence, first_step, kinds, steps, first_s, last_s, wall_ns, crc32, own_crc32 = BATCH.unpack(data[: BATCH.size])
    if magic != BATCH_MAGIC or zlib.crc32(data[: BATCH.size - 4]) != own_crc32:
        raise FormatError("the batch header does not match its checksum", complete=True)
    return BatchHeader(stored, raw, sequence, first_step, Kinds(kinds), steps, first_s, last_s, wall_ns, crc32)
