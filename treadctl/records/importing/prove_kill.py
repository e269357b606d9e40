"""The proof that an import may be killed at any instant: `python -m treadctl.records.importing.prove_kill --kills 200 --url sqlite:////path/new.sqlite`.

A journal of many sessions, some of it missing, is imported by a process that is killed (SIGKILL) again and again: at random instants of its life and in the
midst of its commits. Each one that follows must find what was acknowledged, and of what was under way all or nothing. In the end the store must hold what
one undisturbed import gives, and nothing twice. The database must be new.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from treadctl.core.program import Block, Program
from treadctl.core.sample import Facing
from treadctl.errors import TreadctlError
from treadctl.records.audit import Actor
from treadctl.records.database import sqlite_url
from treadctl.records.importing.cursor import parse
from treadctl.records.importing.day import TICK_S, Day, segment, write_journal
from treadctl.records.importing.importer import Importer
from treadctl.records.importing.intake import Intake
from treadctl.records.importing.killing import GAP, JOURNAL, Death, Kept, Life, fork_server, kept_in, live
from treadctl.records.model import Role
from treadctl.records.schema import AUDIT, PROOF_TESTS, SESSION_DETAILS, SESSIONS
from treadctl.records.store import Records

SHORT: Final = Program(
    "bench", Facing.CONSOLE, (segment(Block.WARM_UP, 1.5, 0.2), segment(Block.MAIN, 2.0, 0.5), segment(Block.COOL_DOWN, 1.5, 0.2)), "0" * 64
)
MANY: Final = Day(SHORT, round_s=14.0, arms_at_s=1.0, presses_every=3, segment_bytes=20_000)
PIECE_BATCHES: Final = 4
SESSIONS_A_KILL: Final = 2.0  # so many sessions the journal has for each kill, that there is work left for the last one
LONGEST_LIFE: Final = 2.5  # as a multiple of what it takes to open the database, on this computer as it is now
FIRST_LIFE_S: Final = 0.1
LONGEST_IN_COMMIT_S: Final = 0.03
MOST_PIECES: Final = 3
PEOPLE: Final = 7
EARLY: Final = datetime(2026, 1, 1, tzinfo=UTC)
CLINICIAN: Final = Actor("bench", Role.PHYSICIAN)
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of it; `landed` = commits that went through although nobody was left to hear of it; `flaws` says what is wrong, in words."""

    kills: int
    in_commits: int
    landed: int
    kept: Kept
    flaws: tuple[str, ...]


def make_journal(directory: Path, kills: int) -> None:
    """Enough sessions, with one of its segments gone, so that there is a gap to be entered."""
    write_journal(directory, (kills * SESSIONS_A_KILL + 4) * MANY.round_s / 3600.0, MANY)
    segments = sorted(directory.glob("*.tcj"))
    if len(segments) > 2:
        segments[len(segments) // 2].unlink()


async def prepare(url: str, rounds: int) -> None:
    """People, what they were armed for and a rule that was set aside. TC607 for a database that is in use."""
    records = await Records.open(url, now=lambda: EARLY)
    try:
        if (await records.people.search(size=1)).items or await kept_in(records) != Kept():
            raise TreadctlError("record_exists", url.rpartition("@")[2], "this is proven on a new database only")
        for number in range(PEOPLE):
            await records.people.add(CLINICIAN, person_id=f"P{number}")
            await records.overrides.add(CLINICIAN, f"P{number}", f"PR-{number}", "for the proof")
        for number in range(0, rounds, 2):
            await records.armings.add(CLINICIAN, f"r{round((number * MANY.round_s + MANY.arms_at_s) / TICK_S)}", f"P{number % PEOPLE}")
    finally:
        await records.close()


async def contents(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """All that an import writes, but for the instants at which it was written; and the audit trail proven."""
    gaps = select(AUDIT.c.who, AUDIT.c.subject, AUDIT.c.detail).where(AUDIT.c.action == GAP)
    queries = {"sessions": select(SESSIONS), "details": select(SESSION_DETAILS), "proof tests": select(PROOF_TESTS), "gaps": gaps}
    records = await Records.open(url)
    try:
        await records.audit.verify()
        async with records.database.read() as connection:
            return {name: sorted(map(tuple, await connection.execute(query)), key=repr) for name, query in queries.items()}
    finally:
        await records.close()


async def import_all(url: str, journal: Path) -> Kept:
    """One import in this process, undisturbed; what it found new, and its cursor."""
    records = await Records.open(url)
    try:
        sink = Intake(records, JOURNAL)
        found = await Importer(journal, sink, piece_batches=PIECE_BATCHES).run_once(closing=True)
        return Kept(found.sessions, found.proof_tests, len(found.gaps), await sink.cursor())
    finally:
        await records.close()


def prove(url: str, kills: int, folder: Path, seed: int, say: Say) -> Proof:
    """Make a journal in `folder`, kill so often, compare."""
    dice = random.Random(seed)  # noqa: S311 - instants, not secrets
    journal = folder / "journal"
    rounds = round(kills * SESSIONS_A_KILL + 4)
    make_journal(journal, kills)
    undisturbed = sqlite_url(folder / "undisturbed.sqlite")
    for place in (url, undisturbed):
        asyncio.run(prepare(place, rounds))
    whole = asyncio.run(import_all(undisturbed, journal))
    say(f"a journal of {whole.sessions} sessions, {whole.proof_tests} proof tests and {whole.gaps} gap; undisturbed it is imported once, for comparison")
    context, life = fork_server(), Life(killed=False, kept=Kept())
    done, in_commits, landed, opens_s = 0, 0, 0, FIRST_LIFE_S
    while done < kills and not life.wrong:
        life = live(context, url, journal, life, _death(dice, opens_s), piece_batches=PIECE_BATCHES)
        if not life.killed:
            break
        done += 1
        in_commits += life.in_commit
        landed += life.landed
        opens_s = life.found_s or opens_s
        if done % 50 == 0:
            say(f"{done} kills, {in_commits} of them within a commit; {life.kept.sessions} sessions acknowledged")
    if not life.wrong:
        life = live(context, url, journal, life, None, piece_batches=PIECE_BATCHES)
        landed += life.landed
    flaws = [life.wrong] if life.wrong else []
    if done < kills:
        flaws.append(f"the import was through after {done} kills")
    flaws += _differences(asyncio.run(contents(url)), asyncio.run(contents(undisturbed)))
    flaws += _cursor_flaws(url, journal, life.kept)
    return Proof(done, in_commits, landed, life.kept, tuple(flaws))


def _death(dice: random.Random, opens_s: float) -> Death:
    """At any instant of its life, or within one of its first commits."""
    if dice.random() < 0.5:
        return Death(dice.uniform(0.0, LONGEST_LIFE * opens_s))
    return Death(dice.uniform(0.0, LONGEST_IN_COMMIT_S), dice.randint(1, MOST_PIECES))


def _differences(killed: dict[str, list[tuple[Any, ...]]], undisturbed: dict[str, list[tuple[Any, ...]]]) -> list[str]:
    flaws = []
    for name, rows in undisturbed.items():
        missing, more = set(map(repr, rows)) - set(map(repr, killed[name])), set(map(repr, killed[name])) - set(map(repr, rows))
        if missing or more or len(rows) != len(killed[name]):
            flaws.append(f"{name}: {len(killed[name])} rows where there should be {len(rows)}; {len(missing)} are missing, {len(more)} are too much")
    return flaws


def _cursor_flaws(url: str, journal: Path, told: Kept) -> list[str]:
    """Read on from the cursor: it must be understood, and there must be nothing new."""
    again = asyncio.run(import_all(url, journal))
    flaws = [] if (again.sessions, again.proof_tests, again.gaps) == (0, 0, 0) else [f"read on from the cursor, there was more: {again}"]
    if again.cursor is None or told.cursor is None or parse(again.cursor).sequence < parse(told.cursor).sequence:
        flaws.append(f"the cursor is {again.cursor}, where {told.cursor} was acknowledged")
    return flaws


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """0 where nothing is lost and nothing is there twice."""
    parser = argparse.ArgumentParser(prog="python -m treadctl.records.importing.prove_kill", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", required=True, help="a new database: sqlite:////path or postgresql://user@host/name")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="treadctl-kill-") as folder:
        try:
            proof = prove(chosen.url, chosen.kills, Path(folder), chosen.seed, _print)
        except TreadctlError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    lasted_s = time.monotonic() - began
    _print(f"{proof.kills} kills, {proof.in_commits} within a commit, {proof.landed} of which went through, in {lasted_s:.0f} s with all that belongs to it")
    for flaw in proof.flaws:
        _print(f"NOT MET: {flaw}")
    if not proof.flaws:
        kept = proof.kept
        _print(f"nothing acknowledged was lost, nothing is there twice: {kept.sessions} sessions, {kept.proof_tests} proof tests, {kept.gaps} gap")
    return 1 if proof.flaws else 0


if __name__ == "__main__":
    sys.exit(main())
