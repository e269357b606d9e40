"""Recordings in one documented format: a folder with `dataset.toml`, `index.csv`, and one .npz or .csv file for many or each trial.

See docs/reference/recording-format.md. Everything is checked before anything is judged: a recording that cannot be believed is refused by itself, with its
file and row named, and the others are used; a folder that cannot be understood is one TreadctlError.
"""

from __future__ import annotations

import csv
import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from treadctl.config.problems import Strict, validate
from treadctl.config.toml_file import join_place, read_toml
from treadctl.detector.quality import axes_disagree, complaints_about, complaints_about_motion
from treadctl.errors import TreadctlError

Array = NDArray[np.float64]

DATASET_FILE: Final = "dataset.toml"
INDEX_FILE: Final = "index.csv"


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
    rate_hz: Annotated[float, Field(ge=50.0, le=2000.0)] = Field(description="samples a second; below 50 a fall's lead is lost")
    time_column: int | str | None = Field(None, description="column of seconds in each trial; without it samples are evenly spaced")
    force: SignalSection = Field(description="specific force of the waist, g")
    rate: SignalSection = Field(description="angular rate of the waist, degrees/s")
    activities: dict[str, ActivitySection] = Field(description="[activities.CODE]")


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
    """Read the recordings below `folder`; with `strict` the first one that is refused is a TreadctlError (TC104).

    Raises TreadctlError TC100 to TC104 for the folder's own files.
    """
    folder = find(folder)
    rows = list(_index(folder / INDEX_FILE))
    about = _about(folder, rows)
    digest = hashlib.sha256()
    files: dict[Path, Any] = {}
    recordings: list[Recording] = []
    refused: list[Refused] = []
    for number, row in rows:
        place = join_place(str(folder / INDEX_FILE), f"row {number}", row["key"])
        try:
            recording = _recording(folder, row, about, files, digest, place)
        except TreadctlError as error:
            if strict:
                raise
            refused.append(Refused(error.place, error.detail))
            continue
        recordings.append(recording)
    if not recordings:
        raise TreadctlError("bad_value", str(folder), f"no recording could be used; the first was refused because: {refused[0].reason}" if refused else "empty index")
    return Dataset(about.name, about.source, digest.hexdigest(), about.activities, tuple(recordings), tuple(refused))


def _about(folder: Path, rows: list[tuple[int, dict[str, str]]]) -> DatasetSection:
    path = folder / DATASET_FILE
    if path.exists():
        source = read_toml(path)
        return validate(DatasetSection, source.table, source.place)
    if rows and tuple(rows[0][1])[: len(_SISFALL_INDEX)] == tuple(_OTHER_NAMES.get(name, name) for name in _SISFALL_INDEX):
        return DatasetSection.model_validate(SISFALL)
    raise TreadctlError("file_missing", str(path), "it says what the columns are; see docs/reference/recording-format.md")


def _index(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows with their number in the file, columns by our names."""
    with path.open(newline="", encoding="utf-8") as handle:
        reader = csv.DictReader(handle)
        names = [_OTHER_NAMES.get(name, name) for name in reader.fieldnames or ()]
        for wanted in ("key", "activity", "person", "trial"):
            if wanted not in names:
                raise TreadctlError("missing_key", join_place(str(path), "row 1"), f"no column {wanted}")
        for number, row in enumerate(reader, start=2):
            yield number, {_OTHER_NAMES.get(key, key): value or "" for key, value in row.items() if key is not None}


def _recording(folder: Path, row: dict[str, str], about: DatasetSection, files: dict[Path, Any], digest: Any, place: str) -> Recording:  # noqa: ANN401 - hashlib's class has no name
    activity = about.activities.get(row["activity"])
    if activity is None:
        raise TreadctlError("bad_value", place, f"activity {row['activity']!r} is not in [activities]")
    path = folder / (row.get("file") or f"{row['activity']}.npz")
    table, names = _table(path, row["key"], files, place)
    digest.update(table.tobytes())
    place = join_place(str(path), row["key"])
    counts = [_columns(table, names, section.columns, place) for section in (about.force, about.rate)]
    if about.time_column is None:
        time_s = np.arange(len(table)) / about.rate_hz
    else:
        time_s = _columns(table, names, (about.time_column,), place)[:, 0]
    for signal, section, word in ((counts[0], about.force, "force"), (counts[1], about.rate, "rate")):
        reason = complaints_about(signal, section.full_scale_counts, word)
        if reason is not None:
            raise TreadctlError("bad_value", place, reason)
    force_g, rate_dps = counts[0] * about.force.per_count, counts[1] * about.rate.per_count
    reason = complaints_about_motion(time_s, force_g, about.rate_hz)
    if reason is not None:
        raise TreadctlError("bad_value", place, reason)
    label = row.get("impact_s", "")
    try:
        impact_s = float(label) if label else None
    except ValueError as error:
        raise TreadctlError("bad_value", place, f"impact_s {label!r} is no number of seconds") from error
    recording = Recording(
        row["person"], row["activity"], row["trial"], activity.kind, activity.calibration, place, time_s, force_g, rate_dps, impact_s
    )
    reason = axes_disagree(time_s, force_g, rate_dps, recording.impact) if activity.kind in {Kind.FALL, Kind.FAINT} else None
    if reason is not None:
        raise TreadctlError("bad_value", place, reason)
    return recording


def _table(path: Path, key: str, files: dict[Path, Any], place: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The numbers of one trial and the names of its columns, if it has any."""
    try:
        if path.suffix == ".npz":
            if path not in files:
                files[path] = np.load(path, allow_pickle=False)
            if key not in files[path].files:
                raise TreadctlError("bad_value", place, f"{path.name} holds no array {key}")
            table = files[path][key]
            if table.ndim != 2 or table.dtype.kind not in "iuf":
                raise TreadctlError("bad_value", join_place(str(path), key), f"must be a table of numbers, not {table.dtype} of shape {table.shape}")
            return table, ()
        with path.open(newline="", encoding="utf-8") as handle:
            rows = list(csv.reader(handle))
    except (OSError, zipfile.BadZipFile, ValueError, EOFError) as error:
        raise TreadctlError("file_missing", str(path), str(error)) from error
    names = tuple(name.strip() for name in rows[0]) if rows else ()
    numbers = np.empty((len(rows) - 1, len(names)))
    for index, fields in enumerate(rows[1:]):
        try:
            numbers[index] = [float(text) for text in fields]
        except ValueError as error:
            raise TreadctlError("bad_value", join_place(str(path), f"row {index + 2}"), f"not {len(names)} numbers: {error}") from error
    return numbers, names


def _columns(table: NDArray[Any], names: tuple[str, ...], wanted: tuple[int | str, ...], place: str) -> Array:
    chosen = []
    for name in wanted:
        at = names.index(name) if name in names else name
        if not isinstance(at, int) or not 0 <= at < table.shape[1]:
            raise TreadctlError("bad_value", place, f"there is no column {name!r}")
        chosen.append(at)
    return np.asarray(table[:, chosen], dtype=np.float64)
