"""Where a batch stands: its run of the daemon and the two clocks at its beginning."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from treadctl.core.setup import Setup
from treadctl.journal.core_schema import core_schema
from treadctl.journal.reader import Place

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_S: Final = 250_000_000_000  # a datetime can hold no more; a wall clock that says so is broken
ID_LENGTH: Final = 32


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the daemon. `key` names it for ever: of machine, boot, first segment and the instant it began, in hex."""

    key: str
    boot_id: str
    machine: str
    setup: Setup


@dataclass(frozen=True, slots=True)
class Where:
    """A batch: its segment's file, the number of its first step, `first_s` and `wall_ns` as read together when it began, the chain's hash after it in hex."""

    run: Run
    segment: str
    first_step: int
    first_s: float
    wall_ns: int
    head: str

    @property
    def offset_s(self) -> float:
        """How far the wall clock was ahead of the daemon's own then, s."""
        return self.wall_ns / 1e9 - self.first_s

    def instant(self, now_s: float) -> datetime:
        """The wall clock's instant of a record in this batch."""
        passed_s = now_s - self.first_s
        seconds = self.wall_ns / 1e9 + (passed_s if math.isfinite(passed_s) else 0.0)
        return EPOCH + timedelta(seconds=min(max(seconds, 0.0), _LAST_S))


def where_of(place: Place) -> Where:
    """Of a batch whose schema is this release's. Raises CodecError for a setup that cannot be read."""
    header, batch = place.header, place.batch
    run = _run(header.machine, header.boot_id, header.run, header.run_started_s, header.setup)
    return Where(run, place.path.name, batch.header.first_step, batch.header.first_s, batch.header.wall_ns, batch.head.hex())


@lru_cache(maxsize=4)
def _run(machine: str, boot_id: str, number: int, started_s: float, setup: bytes) -> Run:
    key = digest(machine, boot_id, str(number), started_s.hex())
    return Run(key, boot_id, machine, core_schema().setup.decode(setup))


def digest(*parts: str) -> str:
    """A name made of parts, the same whenever they are, in hex."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:ID_LENGTH]
