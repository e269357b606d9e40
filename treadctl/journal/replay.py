"""Replay: every recorded step is computed again by the core of this release and compared bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from treadctl.errors import TreadctlError
from treadctl.journal._format import FormatError, Header, Kinds
from treadctl.journal._scan import Flaw
from treadctl.journal.reader import Broken, Checkpoint, Place, Progress, Step, read_batches, read_records
from treadctl.journal.schema import Schema
from treadctl.journal.verify import Problem

I = TypeVar("I")  # noqa: E741 - as in schema.py
O = TypeVar("O")  # noqa: E741
C = TypeVar("C")
S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first difference: where, in which field, what was recorded and what this release computes (as text)."""

    path: Path
    sequence: int
    step: int
    now_s: float
    field: str
    recorded: str
    computed: str


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """`steps` were computed again and equal; `skipped` could not be, because no state to begin with was recorded before them."""

    runs: int
    steps: int
    skipped: int
    gaps: int
    release: str
    divergence: Divergence | None
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Every step was there, was computed, and was equal."""
        return self.divergence is None and not self.problems and self.skipped == 0 and self.steps > 0


def replay(
    path: Path,
    schema: Schema[I, O, C, S],
    step: Callable[[S, I, float], tuple[S, O]],
    initial_state: Callable[[C, float], S],
    progress: Progress | None = None,
) -> ReplayReport:
    """Replay a journal directory or one segment; ends at the first divergence.

    Raises TreadctlError: TC100 where nothing is, TC302 for another format version or another schema than this release's.
    """
    player = _Player(schema, step, initial_state)
    for found in read_batches(path, progress):
        if isinstance(found, Broken):
            player.broken(found.path, found.flaw)
        elif not player.play(found):
            break
    return player.report()


class _Player(Generic[I, O, C, S]):
    def __init__(self, schema: Schema[I, O, C, S], step: Callable[[S, I, float], tuple[S, O]], initial_state: Callable[[C, float], S]) -> None:
        self._schema = schema
        self._step = step
        self._initial_state = initial_state
        self._run: int | None = None
        self._state: S | None = None
        self._next = 0
        self._runs = self._steps = self._skipped = self._gaps = 0
        self._release = ""
        self._divergence: Divergence | None = None
        self._problems: list[Problem] = []

    def report(self) -> ReplayReport:
        return ReplayReport(self._runs, self._steps, self._skipped, self._gaps, self._release, self._divergence, tuple(self._problems))

    def broken(self, path: Path, flaw: Flaw) -> None:
        self._problems.append(Problem("journal_cut" if flaw.cut else "journal_altered", path, flaw.offset, flaw.sequence, flaw.message))

    def play(self, place: Place) -> bool:
        """Replay one batch; False after a divergence."""
        header = place.header
        if header.schema != self._schema.fingerprint:
            raise TreadctlError("journal_version", str(place.path), f"written by release {header.release}, whose records have another structure")
        if header.run != self._run:
            self._begin_run(header)
        batch = place.batch.header
        if batch.first_step != self._next:
            self._gaps += 1
            self._state = None
        self._next = batch.first_step + batch.steps
        if not batch.kinds & (Kinds.STEPS | Kinds.STATE):
            return True
        try:
            for record in read_records(place.batch, self._schema):
                if isinstance(record, Checkpoint):
                    self._compare_state(place, batch.first_step, batch.first_s, record.state)
                elif isinstance(record, Step):
                    self._compare_step(place, record)
                if self._divergence is not None:
                    return False
        except FormatError as error:
            self.broken(place.path, Flaw(False, place.batch.offset, batch.sequence, str(error)))
            self._state = None
        return True

    def _begin_run(self, header: Header) -> None:
        self._run = header.run
        self._release = header.release
        self._runs += 1
        self._next = 0
        self._state = None
        if header.run == header.segment:
            self._state = self._initial_state(self._schema.setup.decode(header.setup), header.run_started_s)

    def _compare_state(self, place: Place, step: int, now_s: float, recorded: S) -> None:
        state, self._state = self._state, recorded
        if state is not None:
            self._compare(place, step, now_s, "state", recorded, state, self._schema.state.encode)

    def _compare_step(self, place: Place, record: Step[I, O]) -> None:
        if self._state is None:
            self._skipped += 1
            return
        self._state, output = self._step(self._state, record.inputs, record.now_s)
        self._steps += 1
        self._compare(place, record.index, record.now_s, "output", record.output, output, self._schema.output.encode)

    def _compare(self, place: Place, step: int, now_s: float, name: str, recorded: Any, computed: Any, encode: Callable[[Any], bytes]) -> None:  # noqa: ANN401 - either codec's type
        if encode(recorded) == encode(computed):
            return
        field, old, new = first_difference(name, recorded, computed)
        self._divergence = Divergence(place.path, place.batch.header.sequence, step, now_s, field, old, new)


def first_difference(name: str, recorded: object, computed: object) -> tuple[str, str, str]:
    """The innermost field in which two values differ, and both as text."""
    if is_dataclass(recorded) and type(recorded) is type(computed):
        for field in fields(recorded):
            old, new = getattr(recorded, field.name), getattr(computed, field.name)
            if repr(old) != repr(new):
                return first_difference(f"{name}.{field.name}", old, new)
    if isinstance(recorded, tuple) and isinstance(computed, tuple) and len(recorded) == len(computed):
        for index, (old, new) in enumerate(zip(recorded, computed, strict=True)):
            if repr(old) != repr(new):
                return first_difference(f"{name}[{index}]", old, new)
    return name, repr(recorded), repr(computed)
