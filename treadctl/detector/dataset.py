"""Recordings in one documented format: a folder with `dataset.toml`, `index.csv`, and one .npz or .csv file for many or each trial.

See docs/reference/recording-format.md. Everything is checked before anything is judged: a recording that cannot be believed is refused by itself, with its
file and row named, and the others are used; a folder that cannot be understood is one TreadctlError.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from treadctl.config.problems import Strict, complaint, validate
from treadctl.config.toml_file import join_place, read_toml
from treadctl.detector import quality
from treadctl.detector.quality import MAX_RATE_HZ, MIN_RATE_HZ, Flaw
from treadctl.detector.tables import Row, Table, Tables, inside, read_rows
from treadctl.errors import TreadctlError

Array = NDArray[np.float64]

DATASET_FILE: Final = "dataset.toml"
INDEX_FILE: Final = "index.csv"
_PAGE: Final = "see docs/reference/recording-format.md"
SWAPPEDFALLS: Final = 2  # so many falls of a person, and ...
SWAPPED_SHARE: Final = 0.25  # ... this share of them: the sensor's axes are not what they are said to be, in gait neither


class Kind(StrEnum):
    """What an activity is to the judge."""

    WALK = "walk"
    JOG = "jog"
    STAIRS = "stairs"
    JUMP = "jump"
    STUMBLE = "stumble"
    FALL = "fall"  # counted in the headline figure
    FAINT = "faint"  # a fall without a struggle: reported by itself
    OTHER = "other"


class SignalSection(Strict):
    """Where three axes stand in a trial, and what a count of them is."""

    columns: Annotated[tuple[int | str, int | str, int | str], Field(strict=False)] = Field(description="columns of x, y, z: numbers from 0, or names")
    per_count: Annotated[float, Field(gt=0.0)] = Field(1.0, description="g or degrees/s of one count")
    full_scale_counts: Annotated[float, Field(gt=0.0)] | None = Field(None, description="the count at which the sensor is at its end")


class ActivitySection(Strict):
    """One activity code of the index."""

    kind: Annotated[Kind, Field(strict=False)] = Field(description="walk, jog, stairs, jump, stumble, fall, faint or other")
    words: str = Field("", description="what the person did")
    calibration: bool = Field(False, description="the first part of it may serve as this person's warm-up; that part is not judged")


class DatasetSection(Strict):
    """dataset.toml, format 1."""

    format: Literal[1] = Field(description="version of this format")
    name: Annotated[str, Field(min_length=1)] = Field(description="name of the recordings, shown in every report")
    source: str = Field("", description="where they come from, and their licence")
    rate_hz: Annotated[float, Field(ge=MIN_RATE_HZ, le=MAX_RATE_HZ)] = Field(description="samples a second; below 50 a fall's lead is lost")
    time_column: int | str | None = Field(None, description="column of seconds in each trial; without it samples are evenly spaced")
    force: SignalSection = Field(description="specific force of the waist, g")
    rate: SignalSection = Field(description="angular rate of the waist, degrees/s")
    activities: dict[str, ActivitySection] = Field(description="[activities.CODE]")

    @property
    def columns(self) -> tuple[int | str, ...]:
        """The columns of force, rate and, where there is one, time."""
        return (*self.force.columns, *self.rate.columns, *(() if self.time_column is None else (self.time_column,)))

    @model_validator(mode="after")
    def _each_column_once(self) -> Self:
        twice = [name for name, times in Counter(self.columns).items() if times > 1]
        if twice:
            raise complaint("", f"column {twice[0]!r} is used twice")
        return self


SISFALL: Final[dict[str, Any]] = {
    "format": 1,
    "name": "SisFall",
    "source": "Sucerquia, Lopez, Vargas-Bonilla, Sensors 2017 (paper CC BY; no licence is stated with the data)",
    "rate_hz": 200.0,
    "force": {"columns": [0, 1, 2], "per_count": 1 / 256, "full_scale_counts": 4095.0},
    "rate": {"columns": [3, 4, 5], "per_count": 4000 / 65536, "full_scale_counts": 32767.0},
    "activities": {
        "D01": {"kind": "walk", "words": "walking slowly", "calibration": True},
        "D02": {"kind": "walk", "words": "walking fast"},
        "D03": {"kind": "jog", "words": "jogging slowly", "calibration": True},
        "D04": {"kind": "jog", "words": "jogging fast"},
        "D05": {"kind": "stairs", "words": "stairs, slowly"},
        "D06": {"kind": "stairs", "words": "stairs, fast"},
        "D18": {"kind": "stumble", "words": "stumbling while walking"},
        "D19": {"kind": "jump", "words": "jumping gently"},
        "F01": {"kind": "fall", "words": "slip, forward fall, walking"},
        "F02": {"kind": "fall", "words": "slip, backward fall, walking"},
        "F03": {"kind": "fall", "words": "slip, lateral fall, walking"},
        "F04": {"kind": "fall", "words": "trip, forward fall, walking"},
        "F05": {"kind": "fall", "words": "trip, forward fall, jogging"},
        "F06": {"kind": "faint", "words": "faint, walking"},
    },
}
"""What dataset.toml would say of SisFall; used where a folder has SisFall's own index and no dataset.toml."""
_SISFALL_INDEX: Final = ("key", "code", "subject", "trial", "samples")
_OTHER_NAMES: Final = {"code": "activity", "subject": "person"}


_NEEDED: Final = ("key", "activity", "person", "trial")
_MOVING: Final = frozenset({Kind.WALK, Kind.JOG, Kind.STAIRS, Kind.STUMBLE, Kind.FALL, Kind.FAINT})
FALLS: Final = frozenset({Kind.FALL, Kind.FAINT})
GAIT: Final = frozenset({Kind.WALK, Kind.JOG})


@dataclass(frozen=True)
class Recording:
    """One trial: `time_s` (n,), `force_g` (n, 3), `rate_dps` (n, 3). `impact` is the sample of the first impact: as labelled, else of the largest |force|."""

    person: str
    activity: str
    trial: str
    kind: Kind
    calibration: bool
    place: str
    time_s: Array = field(repr=False)
    force_g: Array = field(repr=False)
    rate_dps: Array = field(repr=False)
    impact_label_s: float | None = None

    @property
    def duration_s(self) -> float:
        """From the first to the last sample, s."""
        return float(self.time_s[-1] - self.time_s[0])

    @cached_property
    def impact(self) -> int:
        """Index of the impact's sample."""
        if self.impact_label_s is not None:
            return int(np.searchsorted(self.time_s, self.impact_label_s))
        return int(np.argmax((self.force_g**2).sum(axis=1)))


@dataclass(frozen=True, slots=True)
class Refused:
    """A recording that was not used: where it stands and why."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """All that was read of one folder. `sha256` is over the files' bytes, in the order of the index."""

    name: str
    source: str
    sha256: str
    activities: dict[str, ActivitySection]
    recordings: tuple[Recording, ...]
    refused: tuple[Refused, ...]

    @property
    def persons(self) -> tuple[str, ...]:
        """Everybody recorded, sorted."""
        return tuple(sorted({r.person for r in self.recordings}))

    @property
    def uncalibrated(self) -> tuple[str, ...]:
        """Those of `persons` who have no walk or jog that may serve as their warm-up: they are judged by other people's limits."""
        calibrated = {r.person for r in self.recordings if r.calibration and r.kind in GAIT}
        return tuple(person for person in self.persons if person not in calibrated)


def find(folder: Path) -> Path:
    """The folder with an index: `folder` itself, or the one below it that has. TC100 where there is none, TC104 where there are several."""
    if not folder.is_dir():
        raise TreadctlError("file_missing", str(folder), "no such folder")
    if (folder / INDEX_FILE).exists():
        return folder
    below = sorted(path.parent for path in folder.glob(f"*/{INDEX_FILE}"))
    if not below:
        raise TreadctlError("file_missing", str(folder / INDEX_FILE), "a folder of recordings has an index.csv; see docs/reference/recording-format.md")
    if len(below) > 1:
        raise TreadctlError("bad_value", str(folder), f"several folders of recordings below it: name one of {', '.join(map(str, below))}")
    return below[0]


def load(folder: Path, strict: bool = False) -> Dataset:
    """Read the recordings below `folder`; with `strict` the first one that is refused is a TreadctlError.

    Raises TreadctlError TC100 to TC104 for the folder's own files, and TC104 where no recording could be used.
    """
    folder = find(folder)
    rows = list(read_rows(folder / INDEX_FILE, _NEEDED, _OTHER_NAMES))
    about = _about(folder, rows)
    recordings: list[Recording] = []
    refused: list[Refused] = []
    swapped: Counter[str] = Counter()
    with _Reader(folder, about) as reader:
        for row in rows:
            try:
                recording = reader.recording(row)
                flaw = _axes(recording)
                if flaw is not None:
                    swapped[recording.person] += 1
                    raise TreadctlError("bad_value", recording.place, reader.words(flaw))
            except TreadctlError as error:
                if strict:
                    raise
                refused.append(Refused(error.place, error.detail or error.kind.sentence))
                continue
            recordings.append(recording)
    recordings, doubted = _believed(recordings, swapped)
    refused.extend(doubted)
    if not recordings:
        detail = f"no recording could be used; the first, {refused[0].place}: {refused[0].reason}" if refused else "no recording in the index"
        raise TreadctlError("bad_value", str(folder / INDEX_FILE), detail)
    return Dataset(about.name, about.source, reader.sha256, about.activities, tuple(recordings), tuple(refused))


def _about(folder: Path, rows: list[Row]) -> DatasetSection:
    path = folder / DATASET_FILE
    if path.exists():
        source = read_toml(path)
        return validate(DatasetSection, source.table, source.place)
    if rows and tuple(rows[0].fields)[: len(_SISFALL_INDEX)] == tuple(_OTHER_NAMES.get(name, name) for name in _SISFALL_INDEX):
        return DatasetSection.model_validate(SISFALL)
    raise TreadctlError("file_missing", str(path), f"it says what the columns are; {_PAGE}")


def _axes(recording: Recording) -> Flaw | None:
    if recording.kind not in FALLS:
        return None
    return quality.axes_disagree(recording.time_s, recording.force_g, recording.rate_dps, recording.impact)


def _believed(recordings: list[Recording], swapped: Counter[str]) -> tuple[list[Recording], list[Refused]]:
    """Without the people several of whose falls show swapped axes: a fall shows it only now and then, gait never, and the sensor was the same."""
    falls = Counter(r.person for r in recordings if r.kind in FALLS) + swapped
    doubted = {person for person, count in swapped.items() if count >= SWAPPEDFALLS and count >= SWAPPED_SHARE * falls[person]}
    return [r for r in recordings if r.person not in doubted], [
        Refused(r.place, f"{swapped[r.person]} of {falls[r.person]} falls of {r.person} show swapped or mirrored axes: nothing of this sensor is believed")
        for r in recordings
        if r.person in doubted
    ]


class _Reader:
    """Reads one row of the index after the other, and keeps what was seen before: keys, numbers, the digest of it all."""

    def __init__(self, folder: Path, about: DatasetSection) -> None:
        self._folder = folder
        self._about = about
        self._tables = Tables()
        self._keys: dict[str, int] = {}
        self._numbers: dict[bytes, str] = {}
        self._digest = hashlib.sha256(about.model_dump_json().encode())
        self._first_row = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._tables.__exit__()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def words(self, flaw: Flaw) -> str:
        """A flaw of the recording read last, with the row as its file counts it."""
        return flaw.words if flaw.sample is None else f"row {flaw.sample + self._first_row}: {flaw.words}"

    def recording(self, row: Row) -> Recording:
        """The recording of one row of the index. Raises TreadctlError where there is none to believe."""
        fields, about = row.fields, self._about
        key = fields["key"]
        place = join_place(str(self._folder / INDEX_FILE), f"row {row.line}", *([key] if key else []))
        if row.flaw:
            raise TreadctlError("bad_value", place, row.flaw)
        for name in ("key", "activity", "person"):
            if not fields[name]:
                raise TreadctlError("bad_value", place, f"no {name}")
        before = self._keys.setdefault(key, row.line)
        if before != row.line:
            raise TreadctlError("bad_value", place, f"the key stands in row {before} already")
        activity = about.activities.get(fields["activity"])
        if activity is None:
            raise TreadctlError("bad_value", place, f"activity {fields['activity']!r} is not in [activities]")
        rate_hz = _number(fields, "rate_hz", place, MIN_RATE_HZ, MAX_RATE_HZ)
        path = inside(self._folder, fields.get("file") or f"{fields['activity']}.npz", place)
        table = self._tables.trial(path, key, about.columns, place)
        self._take(fields, table, place)
        if fields.get("samples", str(len(table.numbers))) not in {str(len(table.numbers)), ""}:
            raise TreadctlError("bad_value", place, f"the index has {fields['samples']} samples, the recording {len(table.numbers)}")
        place = join_place(str(path), key)
        time_s, force_g, rate_dps = self._signals(table, rate_hz or about.rate_hz, activity.kind, place)
        impact_s = _number(fields, "impact_s", place, float(time_s[0]), float(time_s[-1]))
        recording = Recording(
            fields["person"], fields["activity"], fields["trial"], activity.kind, activity.calibration, place, time_s, force_g, rate_dps, impact_s
        )
        if activity.kind in FALLS:
            self._refuse(quality.complaints_about_impact(time_s, force_g, recording.impact, impact_s is not None), place)
        return recording

    def _take(self, fields: dict[str, str], table: Table, place: str) -> None:
        numbers = np.ascontiguousarray(table.numbers)
        fingerprint = hashlib.sha256(numbers.tobytes()).digest()
        self._digest.update("\0".join(f"{name}={value}" for name, value in sorted(fields.items())).encode())
        self._digest.update(fingerprint)
        self._first_row = table.first_row
        before = self._numbers.setdefault(fingerprint, fields["key"])
        if before != fields["key"]:
            raise TreadctlError("bad_value", place, f"the same numbers as {before}")

    def _signals(self, table: Table, rate_hz: float, kind: Kind, place: str) -> tuple[Array, Array, Array]:
        about, numbers = self._about, np.asarray(table.numbers, dtype=np.float64)
        time_s = numbers[:, 6] if about.time_column is not None else np.arange(len(numbers)) / rate_hz
        for counts, section, word in ((numbers[:, :3], about.force, "force"), (numbers[:, 3:6], about.rate, "rate")):
            self._refuse(quality.complaints_about(counts, section.full_scale_counts, word), place)
        force_g, rate_dps = numbers[:, :3] * about.force.per_count, numbers[:, 3:6] * about.rate.per_count
        self._refuse(quality.complaints_about_motion(time_s, force_g, rate_dps, rate_hz), place)
        if kind in _MOVING:
            self._refuse(quality.complaints_about_turning(force_g, rate_dps), place)
        return time_s, force_g, rate_dps

    def _refuse(self, flaw: Flaw | None, place: str) -> None:
        if flaw is not None:
            raise TreadctlError("bad_value", place, self.words(flaw))


def _number(fields: dict[str, str], name: str, place: str, least: float, most: float) -> float | None:
    """An optional number of the index. TC104 for what is none, or beyond its limits."""
    text = fields.get(name, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise TreadctlError("bad_value", place, f"{name} {text!r} is no number from {least:g} to {most:g}")
    return value
