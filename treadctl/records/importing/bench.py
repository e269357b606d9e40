"""How fast a journal is imported: `python -m treadctl.records.importing.bench --hours 24`.

A day of a busy machine is written through the real core and the real journal, with ten steps a second instead of a hundred and as many steps in a batch as
there are in reality; then it is imported into a sink that writes every commit to a file and brings it to the medium.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from treadctl.records.importing.day import write_journal
from treadctl.records.importing.findings import Gap
from treadctl.records.importing.importer import Importer
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


def run(hours: float, directory: Path) -> bool:
    """Write, import, print; whether the goal was reached and every session came."""
    begun = time.perf_counter()
    steps, walked = write_journal(directory / "journal", hours)
    size = sum(path.stat().st_size for path in (directory / "journal").glob("*.tcj"))
    sys.stdout.write(f"written: {hours:g} h, {steps} steps, {walked} sessions, {size / 1e6:.1f} MB in {time.perf_counter() - begun:.1f} s\n")
    sys.stdout.flush()
    sink = FileSink(directory / "sink.jsonl")
    begun = time.perf_counter()
    report = asyncio.run(Importer(directory / "journal", sink).run_once(closing=True))
    lasted_s = time.perf_counter() - begun
    rate = report.records / lasted_s
    sys.stdout.write(
        f"imported: {report.records} records in {report.batches} batches, {sink.sessions} sessions, {report.proof_tests} proof tests in {lasted_s:.1f} s\n"
        f"{rate:.0f} records/s with commits; goal {GOAL_PER_S:.0f}; a journal of 100 steps/s is read {rate / 100.0:.0f} times faster than it is written\n"
    )
    return rate >= GOAL_PER_S and sink.sessions == walked


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m treadctl.records.importing.bench", description="How fast a journal is imported.")
    parser.add_argument("--hours", type=float, default=24.0, help="length of the journal, h")
    with tempfile.TemporaryDirectory() as folder:
        return 0 if run(parser.parse_args().hours, Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
