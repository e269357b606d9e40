"""Verification: every length, checksum and hash of a journal, and that its segments continue one another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from treadctl.errors import ERRORS
from treadctl.journal._format import FormatError, PreviousState
from treadctl.journal._scan import SegmentScan, StoredBatch
from treadctl.journal.reader import Progress, open_segments, read_events
from treadctl.journal.retention import REMOVED_EVENT
from treadctl.journal.storage import is_being_written


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong: `error` is the name of its row in the error table (journal_cut or journal_altered)."""

    error: str
    path: Path
    offset: int
    sequence: int | None
    message: str

    @property
    def code(self) -> str:
        """TC300 or TC301."""
        return ERRORS[self.error].code

    def __str__(self) -> str:
        where = f"{self.path} > byte {self.offset}" + ("" if self.sequence is None else f" > batch {self.sequence}")
        kind = ERRORS[self.error]
        return f"{kind.code} {where}: {kind.sentence} ({self.message}). Remedy: {kind.remedy}."


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was checked, and everything wrong in the order of the chain.

    `head` (hex) is the chain's last sound hash: a copy of it kept elsewhere proves later that nothing was taken off the end. Without one, the loss of the
    newest segments cannot be seen.
    """

    segments: int
    batches: int
    steps: int
    size_bytes: int
    head: str
    live: bool
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not self.problems

    @property
    def intact(self) -> bool:
        """Nothing was altered; the end may be cut, as after a power loss or a kill."""
        return all(problem.error == "journal_cut" for problem in self.problems)


def verify(path: Path, progress: Progress | None = None) -> VerifyReport:
    """Check a journal directory or one segment. Raises TreadctlError: TC100 where nothing is, TC302 for another format version."""
    check = _Check(open_segments(path), progress)
    check.run()
    return check.report()


class _Check:
    def __init__(self, scans: list[SegmentScan], progress: Progress | None) -> None:
        self._scans = scans
        self._progress = progress
        self._total = sum(scan.size_bytes for scan in scans)
        self._done = 0
        self._batches = 0
        self._steps = 0
        self._live = False
        self._problems: list[Problem] = []
        self._notes: list[str] = []
        self._removed: dict[int, str] = {}
        self._missing: list[SegmentScan] = []

    def report(self) -> VerifyReport:
        head = next((scan.head for scan in reversed(self._scans) if scan.header is not None), b"")
        return VerifyReport(len(self._scans), self._batches, self._steps, self._total, head.hex(), self._live, tuple(self._problems), tuple(self._notes))

    def run(self) -> None:
        before: SegmentScan | None = None
        born = []
        for scan in self._scans:
            if scan.stillborn and scan is not self._scans[-1]:
                self._notes.append(f"{scan.path.name} was never begun: its header is not whole")
            else:
                born.append(scan)
        for scan, after in zip(born, [*born[1:], None], strict=True):
            self._link(before, scan)
            at_limit = self._walk(scan, after)
            self._judge(scan, after, at_limit)
            self._done += scan.size_bytes
            before = scan
        for scan in self._missing:
            self._judge_missing(scan)

    def _walk(self, scan: SegmentScan, after: SegmentScan | None) -> bytes | None:
        """Read one segment. Returns the chain's hash where the next segment says the sound part ended, None if no batch ends there."""
        previous = after.header.previous if after is not None and after.header is not None else None
        limit = previous.sound_bytes if previous is not None else -1
        at_limit = scan.head if scan.sound_bytes == limit else None
        for batch in scan:
            self._batches += 1
            self._steps += batch.header.steps
            self._note_removals(scan, batch)
            if scan.sound_bytes == limit:
                at_limit = scan.head
            if self._progress is not None:
                self._progress(self._done + scan.sound_bytes, self._total)
        return at_limit

    def _note_removals(self, scan: SegmentScan, batch: StoredBatch) -> None:
        try:
            for event in read_events(batch):
                if event.name == REMOVED_EVENT:
                    self._removed[event.details["segment"]] = event.details["head"]
        except (FormatError, KeyError) as error:
            self._problem("journal_altered", scan, batch.offset, batch.header.sequence, str(error))

    def _link(self, before: SegmentScan | None, scan: SegmentScan) -> None:
        """The name of the file, and whether the segment this one continues is there."""
        if scan.header is None:
            return
        index = scan.header.segment
        if scan.path.stem.isdecimal() and int(scan.path.stem) != index:
            self._problem("journal_altered", scan, 0, None, f"the file is named {scan.path.name} but holds segment {index}")
        previous = scan.header.previous
        wanted = previous.segment if previous is not None else None
        present = int(before.path.stem) if before is not None else None
        if wanted != present:
            self._missing.append(scan)

    def _judge_missing(self, scan: SegmentScan) -> None:
        previous = scan.header.previous if scan.header is not None else None
        first = scan is self._scans[0]
        if previous is None:
            self._problem("journal_altered", scan, 0, None, "it says that nothing came before it, but other segments do")
        elif self._removed.get(previous.segment) in {previous.head.hex(), ""}:
            self._notes.append(f"segment {previous.segment} was removed by retention, on record")
        elif first:
            self._notes.append(f"begins after segment {previous.segment}, which is not here")
        else:
            self._problem("journal_altered", scan, 0, None, f"segment {previous.segment}, which it continues, is missing")

    def _judge(self, scan: SegmentScan, after: SegmentScan | None, at_limit: bytes | None) -> None:
        previous = after.header.previous if after is not None and after.header is not None else None
        if previous is not None and previous.segment != int(scan.path.stem):
            previous = None
        flaw = scan.flaw
        if previous is not None and at_limit != previous.head and previous.state is not PreviousState.ALTERED:
            sequence = flaw.sequence if flaw else None
            offset = flaw.offset if flaw else scan.sound_bytes
            message = f"{flaw.message}; " if flaw else ""
            self._problem("journal_altered", scan, offset, sequence, f"{message}the next segment says it was sound up to byte {previous.sound_bytes}")
        elif previous is not None and previous.tail_sha256 is not None and previous.tail_sha256 != scan.tail_sha256():
            self._problem("journal_altered", scan, scan.sound_bytes, None, "the end is not as the next segment found it")
        elif flaw is None:
            return
        elif previous is not None and previous.state is PreviousState.CUT:
            self._notes.append(f"{scan.path.name} was cut at byte {previous.sound_bytes}, as the next segment records")
        elif after is None and flaw.cut and (is_being_written(scan.path) or scan.path.stat().st_size != scan.size_bytes):
            self._live = True
            self._notes.append(f"{scan.path.name} is being written")
        else:
            self._problem("journal_cut" if flaw.cut and after is None else "journal_altered", scan, flaw.offset, flaw.sequence, flaw.message)

    def _problem(self, error: str, scan: SegmentScan, offset: int, sequence: int | None, message: str) -> None:
        self._problems.append(Problem(error, scan.path, offset, sequence, message))
