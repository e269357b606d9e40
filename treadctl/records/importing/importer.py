"""Importer: brings what is new in the journal into the store, piece by piece, each with its cursor in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

from treadctl.errors import TreadctlError
from treadctl.records.importing.assembler import Assembler
from treadctl.records.importing.cursor import START, parse
from treadctl.records.importing.findings import Built, Gap
from treadctl.records.importing.reader import Chunk, Hole, read_since
from treadctl.records.importing.sink import Sink
from treadctl.records.model import ProofTest, Session

PIECE_BATCHES: Final = 256


@dataclass(frozen=True, slots=True)
class Imported:
    """What one reading brought."""

    batches: int = 0
    records: int = 0
    sessions: int = 0
    proof_tests: int = 0
    gaps: tuple[Gap, ...] = ()


class Importer:
    """One journal into one sink; run one at a time. It may be killed at any instant: what the sink committed is whole, the rest is read again.

    `piece_batches` bounds a piece: some 50 s of a journal, read and built on a thread within half a second. A piece without findings moves the cursor only
    when as much was read since the last commit, so that a resting machine does not write to its disk every other second.
    """

    def __init__(self, journal: Path, sink: Sink, *, piece_batches: int = PIECE_BATCHES, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._journal = journal
        self._sink = sink
        self._piece_batches = piece_batches
        self._sleep = sleep
        self._assembler: Assembler | None = None
        self._committed = ""
        self._uncommitted = 0

    async def run_once(self, *, closing: bool = False) -> Imported:
        """Import all that is there; `closing` = nobody writes this journal any more, so that a session without its end is ended as unknown.

        Raises TreadctlError: TC100 for a journal that may not be read, TC600 to TC604 of the sink. The next call then begins at the last commit.
        """
        try:
            return await self._run(closing)
        except BaseException:
            self._assembler = None  # it is ahead of the store; perhaps a thread is still at it
            raise

    async def watch(self, every_s: float = 2.0, told: Callable[[TreadctlError | None], None] | None = None) -> None:
        """`run_once` for ever, `every_s` apart. What goes wrong is told and tried again, and None is told once it goes well again; cancel it to end it."""
        ill = False
        while True:
            try:
                await self.run_once()
                if ill and told is not None:
                    told(None)
                ill = False
            except TreadctlError as error:
                ill = True
                if told is not None:
                    told(error)
            await self._sleep(every_s)

    async def _run(self, closing: bool) -> Imported:
        assembler = self._assembler
        if assembler is None:
            self._committed = await self._sink.cursor() or ""
            assembler = self._assembler = Assembler(parse(self._committed) if self._committed else START)
            self._uncommitted = 0
        total, first = Imported(), assembler.records
        found = read_since(self._journal, assembler.position, closing=closing)
        while count := await asyncio.to_thread(self._feed, assembler, found):
            total = await self._commit(assembler, replace(total, batches=total.batches + count, records=assembler.records - first))
        if closing:
            assembler.end()
            total = await self._commit(assembler, total)
        return total

    def _feed(self, assembler: Assembler, found: Iterator[Chunk | Hole]) -> int:
        """One piece, on a thread."""
        count = 0
        for piece in islice(found, self._piece_batches):
            assembler.feed(piece)
            count += 1
        self._uncommitted += count
        return count

    async def _commit(self, assembler: Assembler, total: Imported) -> Imported:
        findings = assembler.findings()
        if not findings and self._uncommitted < self._piece_batches:
            return total
        cursor = assembler.cursor.text()
        if not findings and cursor == self._committed:
            return total
        sessions = [await self._linked(found) for found in findings if isinstance(found, Built)]
        proof_tests = [found for found in findings if isinstance(found, ProofTest)]
        gaps = [found for found in findings if isinstance(found, Gap)]
        await self._sink.commit(sessions, proof_tests, gaps, cursor)
        self._committed, self._uncommitted = cursor, 0
        return replace(
            total, sessions=total.sessions + len(sessions), proof_tests=total.proof_tests + len(proof_tests), gaps=(*total.gaps, *gaps)
        )

    async def _linked(self, built: Built) -> Session:
        """The session with the person and the revision its ARM request was for."""
        arming = await self._sink.arming(built.request_id) if built.request_id is not None else None
        if arming is None:
            return built.session
        return replace(built.session, head=replace(built.session.head, person_id=arming.person_id, revision_id=arming.revision_id))
