"""Recordings out of a journal: what the waist sensor showed while people walked on the belt, for a clinic that fits the detector to its own people.

A journal holds no names. Every session is a person of its own, P0001 and on, in the order of the journal; sessions.csv says which session that was, and
stays where the journal is. Instants in the recordings count from their own beginning.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from treadctl.core.controller import Inputs, Output
from treadctl.core.sample import Channel, Quality, TrunkMotion
from treadctl.core.session import MOVING, SessionState
from treadctl.detector.dataset import DatasetSection, Refused
from treadctl.detector.quality import MAX_GAP_S, MIN_RATE_HZ, RATE_TOLERANCE
from treadctl.detector.store import Store, Unwritable, Written, write_csv
from treadctl.errors import TreadctlError
from treadctl.journal import Broken, FormatError, Place, Problem, Step, read_batches, read_records
from treadctl.journal.core_schema import core_schema
from treadctl.journal.reader import Progress

LEAST_STRETCH_S: Final = 30.0
LEAST_TRIP_S: Final = 5.0  # the stretch that a trip ended is kept for a person to look at, however short it was
AFTER_TRIP_S: Final = 10.0
SAME_SAMPLE_S: Final = 5e-4  # a sample is seen again at the next steps with another age, and its instant then differs by rounding
WALKING: Final = frozenset({SessionState.WARM_UP, SessionState.RUNNING})
IMBALANCE: Final = "imbalance"
EVENTS_FILE: Final = "events.csv"
SESSIONS_FILE: Final = "sessions.csv"
_COLUMNS: Final = 7

ABOUT: Final = DatasetSection.model_validate(
    {
        "format": 1,
        "name": "journal",
        "source": "extracted from a treadctl journal; not labelled by a person yet",
        "rate_hz": 100.0,
        "time_column": 0,
        "force": {"columns": [1, 2, 3]},
        "rate": {"columns": [4, 5, 6]},
        "activities": {
            "FIRST": {"kind": "walk", "words": "the first walk of a session, with the warm-up", "calibration": True},
            "WALK": {"kind": "walk", "words": "a later walk of a session"},
            "TRIP": {"kind": "other", "words": "a session that imbalance ended: look at it, then write another activity here"},
            "FALL": {"kind": "fall", "words": "a fall; give impact_s"},
            "STUMBLE": {"kind": "stumble", "words": "a stumble that the person caught"},
        },
    }
)


@dataclass
class _Session:
    """One session being read: stretches of samples as flat rows (instant and six numbers), and what happened when."""

    began_ns: int
    began_s: float
    stretches: list[array[float]] = field(default_factory=list)
    open: bool = False  # whether the next sample continues the last stretch
    causes: list[tuple[float, str]] = field(default_factory=list)
    last_s: float = -math.inf
    ended_s: float | None = None
    ended: str = ""
    tripped: bool = False

    def add(self, at_s: float, motion: TrunkMotion) -> None:
        if not self.open or at_s - self.last_s > MAX_GAP_S:
            self.stretches.append(array("d"))
            self.open = True
        self.stretches[-1].extend((at_s, *motion.force_g, *motion.rate_dps))
        self.last_s = at_s


def extract(journal: Path, target: Path, progress: Progress | None = None) -> Written:
    """Write the walks of a journal (a directory or one segment) to the new folder `target`, in the documented format.

    A walk is a stretch of 30 s and more in warm-up or running, at 50 samples a second and more, without a gap above 50 ms. A session that `imbalance`
    tripped becomes kind `other`, up to 10 s after the trip, with the instants of all causes in events.csv. Broken places of the journal are in `refused`,
    what was too short or too slow in `left_out`. Raises TreadctlError: TC100 no journal, TC302 one whose steps this release does not read, TC104 a target
    that is not empty, or no walk at all.
    """
    refused: list[Refused] = []
    left_out: Counter[str] = Counter()
    events: list[dict[str, str]] = []
    sessions: list[dict[str, str]] = []
    with Store(target, ABOUT, ("rate_hz", "impact_s")) as store:
        for number, session in enumerate(_sessions(journal, refused, progress), start=1):
            person = f"P{number:04d}"
            kept = _write(store, person, session, events, left_out)
            sessions.append(_row_of(person, session, kept))
        written = store.finish(dict(sorted(left_out.items())), tuple(refused))
        try:
            write_csv(target / SESSIONS_FILE, ("person", "began_utc", "lasted_s", "ended", "recordings"), sessions)
            write_csv(target / EVENTS_FILE, ("key", "at_s", "cause", "label"), events)
        except OSError as error:
            raise Unwritable(target, error) from error
    return written


def _sessions(journal: Path, refused: list[Refused], progress: Progress | None) -> Iterator[_Session]:
    """The sessions in which the belt moved, each when it is over."""
    schema = core_schema()
    reader, run = _SessionReader(), -1
    for found in read_batches(journal, progress):
        if isinstance(found, Broken):
            refused.append(Refused(str(found.path), str(Problem("journal_cut" if found.flaw.cut else "journal_altered", found.path, found.flaw.offset,
                                                                found.flaw.sequence, found.flaw.message))))  # fmt: skip
            continue
        if found.header.schema != schema.fingerprint:
            raise TreadctlError("journal_version", str(found.path), f"written by release {found.header.release}, whose records have another structure")
        if found.header.run != run:
            run = found.header.run
            yield from reader.end("the daemon ended")
        try:
            for record in read_records(found.batch, schema):
                if isinstance(record, Step):
                    yield from reader.step(found, record)
        except FormatError as error:
            refused.append(Refused(f"{found.path} > byte {found.batch.offset}", str(error)))
    yield from reader.end("the journal ended")


class _SessionReader:
    """Follows the steps of a run: when a session begins, what belongs to it, when it is over."""

    def __init__(self) -> None:
        self._session: _Session | None = None
        self._acting: frozenset[int] = frozenset()
        self._last_s = -math.inf

    def step(self, place: Place, step: Step[Inputs, Output]) -> Iterator[_Session]:
        """Take one step; gives the session that it ended, if it did."""
        now_s, state = step.now_s, step.output.session
        if self._session is not None and now_s < self._last_s:
            yield from self.end("the clock went back")
        self._last_s = now_s
        session = self._session
        if state in MOVING and (session is None or session.ended_s is not None):
            yield from self.end("")
            passed_s = now_s - place.batch.header.first_s
            session = self._session = _Session(place.wall_ns + (int(passed_s * 1e9) if math.isfinite(passed_s) else 0), now_s)
        acting = frozenset(cause.row for cause in step.output.causes if cause.active)
        if session is not None:
            new = [cause.id for cause in step.output.causes if cause.active and cause.row not in self._acting]
            session.causes += [(now_s, name) for name in new]
            if session.ended_s is None and state not in MOVING and state is not SessionState.STOPPING:
                session.ended_s, session.ended = now_s, state.value
                session.tripped = state is SessionState.TRIPPED and IMBALANCE in {c.id for c in step.output.causes if c.active}
            after_trip = session.tripped and session.ended_s is not None and now_s - session.ended_s <= AFTER_TRIP_S
            sample = _sample(step.inputs.sample.trunk, now_s)
            if state not in WALKING and not after_trip:
                session.open = False
            elif sample is not None and sample[0] > session.last_s + SAME_SAMPLE_S:
                session.add(*sample)
            if session.ended_s is not None and not after_trip:
                yield from self.end("")
        self._acting = acting

    def end(self, why: str) -> Iterator[_Session]:
        """The session is over, whatever its state."""
        session, self._session = self._session, None
        if session is not None:
            if session.ended_s is None:
                session.ended_s, session.ended = self._last_s, why
            yield session


def _sample(channel: Channel[TrunkMotion], now_s: float) -> tuple[float, TrunkMotion] | None:
    """The instant and the motion of a sample that can be used."""
    motion, at_s = channel.value, now_s - channel.age_s
    if channel.quality is not Quality.GOOD or motion is None or not math.isfinite(at_s):
        return None
    return (at_s, motion) if all(map(math.isfinite, (*motion.force_g, *motion.rate_dps))) else None


def _write(store: Store, person: str, session: _Session, events: list[dict[str, str]], left_out: Counter[str]) -> int:
    """Write a session's stretches; says how many were kept."""
    kept = 0
    if not session.stretches:
        left_out["session without a waist sensor"] += 1
    for number, flat in enumerate(session.stretches, start=1):
        table: NDArray[np.float64] = np.frombuffer(flat, dtype=np.float64).reshape(-1, _COLUMNS).copy()
        began_s = float(table[0, 0])
        table[:, 0] -= began_s
        lasted_s = float(table[-1, 0])
        trip = session.tripped and number == len(session.stretches)
        if lasted_s < (LEAST_TRIP_S if trip else LEAST_STRETCH_S):
            left_out["stretch too short"] += 1
            continue
        rate_hz = (len(table) - 1) / lasted_s
        if rate_hz < MIN_RATE_HZ * (1.0 - RATE_TOLERANCE):
            left_out[f"stretch below {MIN_RATE_HZ:g} samples a second"] += 1
            continue
        activity = "TRIP" if session.tripped else "FIRST" if kept == 0 else "WALK"
        key = store.add(activity, person, f"{number:02d}", table, person, rate_hz=f"{max(rate_hz, MIN_RATE_HZ):.3f}")
        kept += 1
        if session.tripped:
            events += [
                {"key": key, "at_s": f"{at_s - began_s:.3f}", "cause": cause} for at_s, cause in session.causes if 0.0 <= at_s - began_s <= lasted_s
            ]
    return kept


def _row_of(person: str, session: _Session, kept: int) -> dict[str, str]:
    began = datetime.fromtimestamp(session.began_ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    lasted_s = (session.ended_s if session.ended_s is not None else session.began_s) - session.began_s
    return {"person": person, "began_utc": began, "lasted_s": f"{lasted_s:.1f}", "ended": session.ended, "recordings": str(kept)}
