"""An importer in a process of its own that tells each step it takes, so that it can be killed in the midst of one and judged by what it had told.

The processes come from a fork server that has everything loaded: a life that is to end after some milliseconds cannot spend a second on imports.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from treadctl.errors import TreadctlError
from treadctl.records.importing.findings import Gap
from treadctl.records.importing.importer import Importer
from treadctl.records.importing.intake import Intake
from treadctl.records.model import ProofTest, Session
from treadctl.records.rows_in import read_cursor
from treadctl.records.schema import AUDIT, PROOF_TESTS, SESSIONS
from treadctl.records.store import Records

JOURNAL: Final = "journal"  # the name the cursor goes by
GAP: Final = "journal.gap"
PATIENCE_S: Final = 60.0  # an importer that says nothing for so long hangs
TRIES: Final = 20
PRELOADED: Final = ["treadctl.records.importing.killing", "sqlalchemy.dialects.sqlite.aiosqlite", "aiosqlite", "asyncpg"]


@dataclass(frozen=True, slots=True)
class Kept:
    """What a store holds of a journal, in numbers, and its cursor."""

    sessions: int = 0
    proof_tests: int = 0
    gaps: int = 0
    cursor: str | None = None

    def after(self, sessions: int, proof_tests: int, gaps: int, cursor: str) -> Kept:
        """With one more piece."""
        return Kept(self.sessions + sessions, self.proof_tests + proof_tests, self.gaps + gaps, cursor)


@dataclass(frozen=True, slots=True)
class Death:
    """When a life is to end: `wait_s` after its beginning, or after it began its `piece`-th commit (from 1) where that is not 0."""

    wait_s: float
    piece: int = 0


@dataclass(frozen=True, slots=True)
class Life:
    """What an importer told. `begun` is what it or one before it was about to have kept when it was killed, None = nothing or it was found since.

    `in_commit`: it was killed between beginning a commit and having it acknowledged. `landed`: it found that the last one's commit had gone through all the
    same. `found_s` is how long it took from its start to its first look at the store, 0 = it never came so far. `wrong` says what it met that cannot be.
    """

    killed: bool
    kept: Kept
    begun: Kept | None = None
    in_commit: bool = False
    landed: bool = False
    found_s: float = 0.0
    records: int = 0
    wrong: str = ""


def fork_server() -> ForkServerContext:
    """Where importers come from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def live(context: ForkServerContext, url: str, journal: Path, before: Life, death: Death | None, *, piece_batches: int) -> Life:
    """One importer from its beginning to its end. `before` is the life before it: it must find what that one left."""
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(url, journal, piece_batches, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        return _Watcher(before, death).follow(ours, process.kill)
    finally:
        process.kill()
        process.join()
        process.close()
        ours.close()


class _Watcher:
    """Reads what one importer tells, and kills it when its time has come."""

    def __init__(self, before: Life, death: Death | None) -> None:
        self._kept, self._begun = before.kept, before.begun
        self._death = death
        self._began_s, self._found_s = time.monotonic(), 0.0
        self._pieces = 0
        self._landed = False
        self._dies_at_s = self._began_s + death.wait_s if death is not None and not death.piece else float("inf")
        self._wrong = ""

    def follow(self, ours: Connection, kill: Callable[[], None]) -> Life:
        """To its end; what it told before it was killed is still read."""
        killed, records = False, 0
        while not self._wrong:
            if not killed and not ours.poll(min(PATIENCE_S, max(0.0, self._dies_at_s - time.monotonic()))):
                if time.monotonic() < self._dies_at_s:
                    self._wrong = "the importer says nothing any more"
                    break
                kill()
                killed = True
            try:
                told = ours.recv()
            except (EOFError, OSError):  # its last word may be half a word
                if not killed:
                    self._wrong = "the importer ended by itself"
                break
            if told[0] == "done":
                records = told[1]
                if not killed:
                    break
            self._hear(told)
        return Life(killed, self._kept, self._begun, killed and self._pieces > 0 and self._begun is not None, self._landed, self._found_s, records, self._wrong)

    def _hear(self, told: tuple[object, ...]) -> None:
        what, value = told
        if what == "found":
            self._found(value)
        elif what == "begun" and isinstance(value, Kept):
            self._begun, self._pieces = value, self._pieces + 1
            if self._death is not None and self._death.piece == self._pieces:
                self._dies_at_s = time.monotonic() + self._death.wait_s
        elif what == "kept" and self._begun is not None:
            self._kept, self._begun = self._begun, None
        elif what == "failed":
            self._wrong = str(value)

    def _found(self, value: object) -> None:
        """What the one before had acknowledged, or that and what it was about to have kept: all of it or nothing."""
        self._found_s = self._found_s or time.monotonic() - self._began_s
        if value != self._kept and (self._begun is None or value != self._begun):
            self._wrong = f"{value} was found, where {self._kept} was acknowledged and {self._begun} under way"
        elif isinstance(value, Kept):
            self._landed = self._begun is not None and value == self._begun
            self._kept, self._begun = value, None


# --- in the importer's process ------------------------------------------------------------------------------------------


def _work(url: str, journal: Path, piece_batches: int, pipe: Connection) -> None:
    try:
        asyncio.run(_import(url, journal, piece_batches, pipe))
    except TreadctlError as error:
        pipe.send(("failed", str(error)))


async def _import(url: str, journal: Path, piece_batches: int, pipe: Connection) -> None:
    records = await Records.open(url)
    try:
        importer = Importer(journal, _Telling(records, pipe), piece_batches=piece_batches)
        read = 0
        for attempt in range(1, TRIES + 1):
            try:
                read += (await importer.run_once(closing=True)).records
                break
            except TreadctlError as error:  # a server may still be at what a killed client had asked for
                if error.kind.name != "database_busy" or attempt == TRIES:
                    raise
        pipe.send(("done", read))
    finally:
        await records.close()


class _Telling(Intake):
    """The intake, telling what it finds, what it is about to have kept, and what it has."""

    def __init__(self, records: Records, pipe: Connection) -> None:
        super().__init__(records, JOURNAL)
        self._store = records
        self._pipe = pipe
        self._kept = Kept()

    async def cursor(self) -> str | None:
        """As committed last, with all that is there of the same instant."""
        self._kept = await kept_in(self._store)
        self._pipe.send(("found", self._kept))
        return await super().cursor()

    async def commit(self, sessions: Sequence[Session], proof_tests: Sequence[ProofTest], gaps: Sequence[Gap], cursor: str) -> None:
        """All of it, told before and after."""
        after = self._kept.after(len(sessions), len(proof_tests), len(gaps), cursor)
        self._pipe.send(("begun", after))
        await super().commit(sessions, proof_tests, gaps, cursor)
        self._kept = after
        self._pipe.send(("kept", None))


async def kept_in(records: Records) -> Kept:
    """What is there at one instant."""
    of_sessions, of_tests = select(func.count()).select_from(SESSIONS), select(func.count()).select_from(PROOF_TESTS)
    of_gaps = select(func.count()).select_from(AUDIT).where(AUDIT.c.action == GAP)
    async with records.database.read() as connection:
        sessions, tests, gaps = [int((await connection.execute(query)).scalar_one()) for query in (of_sessions, of_tests, of_gaps)]
        cursor = await read_cursor(connection, JOURNAL)
    return Kept(sessions, tests, gaps, cursor)
