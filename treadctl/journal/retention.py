"""Retention: the oldest segments go when the journal grows too large; those around a stop stay."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from treadctl.journal._format import Kinds, VersionError
from treadctl.journal._scan import SegmentScan, segment_paths

BLACK_BOX_BEFORE_NS: Final = 30 * 10**9
BLACK_BOX_AFTER_NS: Final = 10 * 10**9
REMOVED_EVENT: Final = "journal_segment_removed"
_DAY_NS: Final = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class Retention:
    """At most `total_bytes` of segments, except that nothing within 30 s before to 10 s after a stop goes before `stop_days` are over."""

    total_bytes: int = 2 * 1024**3
    stop_days: int = 90


@dataclass(frozen=True, slots=True)
class Removal:
    """A segment that may go, with the chain's hash at its end as its successor recorded it (hex)."""

    path: Path
    segment: int
    head: str


@dataclass(frozen=True, slots=True)
class _Contents:
    """The wall-clock span of a segment and the instants of its stops, ns."""

    first_ns: int
    last_ns: int
    stops_ns: tuple[int, ...]


class Thinner:
    """Decides what may go. Keeps what it has read, so that a segment is looked through once."""

    def __init__(self, directory: Path, retention: Retention) -> None:
        self._directory = directory
        self._retention = retention
        self._seen: dict[Path, _Contents | None] = {}

    def removable(self, now_ns: int, current: int) -> Iterator[Removal]:
        """The segments to remove, oldest first, never `current` nor one whose successor cannot be read. Raises OSError."""
        paths = [path for path in segment_paths(self._directory) if int(path.stem) <= current]
        excess = sum(path.stat().st_size for path in paths) - self._retention.total_bytes
        for index, path in enumerate(paths[:-1]):
            if excess <= 0:
                return
            neighbours = paths[max(0, index - 1) : index + 2]
            head = _recorded_head(path, paths[index + 1])
            if head is None or self._is_black_box(path, neighbours, now_ns):
                continue
            excess -= path.stat().st_size
            yield Removal(path, int(path.stem), head)

    def _is_black_box(self, path: Path, neighbours: list[Path], now_ns: int) -> bool:
        own = self._contents(path)
        if own is None:
            return True  # what cannot be read is evidence, not rubbish
        for neighbour in neighbours:
            contents = self._contents(neighbour) if neighbour.exists() else None
            for stop_ns in contents.stops_ns if contents else ():
                recent = now_ns - stop_ns < self._retention.stop_days * _DAY_NS
                if recent and own.first_ns <= stop_ns + BLACK_BOX_AFTER_NS and own.last_ns >= stop_ns - BLACK_BOX_BEFORE_NS:
                    return True
        return False

    def _contents(self, path: Path) -> _Contents | None:
        if path not in self._seen:
            self._seen[path] = _look_through(path)
        return self._seen[path]


def _recorded_head(path: Path, successor: Path) -> str | None:
    try:
        header = SegmentScan(successor).header
    except VersionError:
        return None
    if header is None or header.previous is None or header.previous.segment != int(path.stem):
        return "" if header is not None and int(successor.stem) != int(path.stem) + 1 else None
    return header.previous.head.hex()


def _look_through(path: Path) -> _Contents | None:
    try:
        scan = SegmentScan(path)
    except VersionError:
        return None
    if scan.header is None:
        return None
    first_ns = last_ns = scan.header.wall_ns
    stops = []
    for count, batch in enumerate(scan.skim()):
        length_s = batch.last_s - batch.first_s
        end_ns = batch.wall_ns + (int(length_s * 1e9) if 0.0 < length_s < 3600.0 else 0)  # a broken clock is no length
        last_ns = max(last_ns, end_ns)
        if Kinds.STOP in batch.kinds:
            stops += [batch.wall_ns, end_ns]
        if count % 32 == 31:
            time.sleep(0.0005)  # thousands of batches: let the control loop have the interpreter in between
    return _Contents(first_ns, last_ns, tuple(stops))
