"""How fast a journal is imported: `python -m treadctl.records.importing.bench --hours 24`.

A made-up day of a busy machine (`day.py`) is imported into a sink that writes every commit to a file and brings it to the medium; with `--url` into a
database, by a process that is killed in the middle and followed by another.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from treadctl.records.importing.day import write_journal
from treadctl.records.importing.findings import Gap
from treadctl.records.importing.importer import PIECE_BATCHES, Importer
from treadctl.records.importing.killing import Death, Kept, Life, fork_server, live
from treadctl.records.model import Arming, ProofTest, Session

GOAL_PER_S: Final = 2000.0


@dataclass
class FileSink:
    """Each commit is one line, brought to the medium."""

    path: Path
    sessions: int = 0
    last: str | None = None

    async def cursor(self) -> str | None:
        """The cursor of the last commit."""
        return self.last

    async def arming(self, request_id: str) -> Arming | None:
        """No console armed these."""
        return None

    async def commit(self, sessions: Sequence[Session], proof_tests: Sequence[ProofTest], gaps: Sequence[Gap], cursor: str) -> None:
        """Append and sync."""
        row = {"sessions": [asdict(s) for s in sessions], "tests": [asdict(t) for t in proof_tests], "gaps": [asdict(g) for g in gaps], "cursor": cursor}
        await asyncio.to_thread(self._append, json.dumps(row, default=str) + "\n")
        self.sessions += len(sessions)
        self.last = cursor

    def _append(self, line: str) -> None:
        with self.path.open("a", encoding="utf-8") as handle:
            handle.write(line)
            handle.flush()
            os.fdatasync(handle.fileno())


@dataclass(frozen=True, slots=True)
class Stored:
    """An import into a database with a kill in the middle of it. `wrong` says what is not as it should be."""

    lasted_s: float
    records: int
    sessions: int
    wrong: str

    @property
    def per_s(self) -> float:
        """Records a second, the new start included, what was read twice counted once."""
        return self.records / self.lasted_s


def written(hours: float, journal: Path, say: Callable[[str], None]) -> tuple[int, int]:
    """A journal of so many hours: its steps, its sessions."""
    begun = time.perf_counter()
    steps, walked = write_journal(journal, hours)
    size = sum(path.stat().st_size for path in journal.glob("*.tcj"))
    say(f"written: {hours:g} h, {steps} steps, {walked} sessions, {size / 1e6:.1f} MB in {time.perf_counter() - begun:.1f} s")
    return steps, walked


def stored(url: str, journal: Path, steps: int, walked: int) -> Stored:
    """Import into a new database; the process is killed as it begins to keep the session in the middle, and followed by another."""
    context, begun = fork_server(), time.perf_counter()
    first = live(context, url, journal, Life(killed=False, kept=Kept()), Death(0.0, max(1, walked // 2)), piece_batches=PIECE_BATCHES)
    last = first if first.wrong else live(context, url, journal, first, None, piece_batches=PIECE_BATCHES)
    lasted_s = time.perf_counter() - begun
    wrong = last.wrong
    if not wrong and not first.killed:
        wrong = "the import was through before it was killed"
    if not wrong and (last.kept.sessions, last.kept.gaps) != (walked, 0):
        wrong = f"{last.kept.sessions} sessions of {walked} and {last.kept.gaps} gaps"
    return Stored(lasted_s, steps, last.kept.sessions, wrong)


def run_into(url: str, hours: float, directory: Path) -> bool:
    """Write, import into a database, print; whether the goal was reached and every session came once."""
    steps, walked = written(hours, directory / "journal", _print)
    found = stored(url, directory / "journal", steps, walked)
    _print(f"imported: {found.records} records, {found.sessions} sessions in {found.lasted_s:.1f} s, killed and begun again in the middle")
    _print(f"{found.per_s:.0f} records/s; goal {GOAL_PER_S:.0f}" + (f"; NOT MET: {found.wrong}" if found.wrong else ""))
    return found.per_s >= GOAL_PER_S and not found.wrong


def run(hours: float, directory: Path) -> bool:
    """Write, import, print; whether the goal was reached and every session came."""
    _steps, walked = written(hours, directory / "journal", _print)
    sink = FileSink(directory / "sink.jsonl")
    begun = time.perf_counter()
    report = asyncio.run(Importer(directory / "journal", sink).run_once(closing=True))
    lasted_s = time.perf_counter() - begun
    rate = report.records / lasted_s
    _print(f"imported: {report.records} records in {report.batches} batches, {sink.sessions} sessions, {report.proof_tests} proof tests in {lasted_s:.1f} s")
    _print(f"{rate:.0f} records/s with commits; goal {GOAL_PER_S:.0f}; a journal of 100 steps/s is read {rate / 100.0:.0f} times faster than it is written")
    return rate >= GOAL_PER_S and sink.sessions == walked


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m treadctl.records.importing.bench", description="How fast a journal is imported.")
    parser.add_argument("--hours", type=float, default=24.0, help="length of the journal, h")
    parser.add_argument("--url", help="a new database: sqlite:////path or postgresql://user@host/name; without it the sink is a file")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return 0 if (run_into(chosen.url, chosen.hours, Path(folder)) if chosen.url else run(chosen.hours, Path(folder))) else 1


if __name__ == "__main__":
    sys.exit(main())
