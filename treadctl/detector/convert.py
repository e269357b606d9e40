"""Brings other people's recordings into the documented format: SisFall as published, and sets that come as one .csv for each trial.

A file that cannot be read is refused by name and line, the others are converted. What is converted is not yet believed: `load` checks it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from treadctl.config.problems import Strict, complaint, validate
from treadctl.config.toml_file import join_place, read_toml
from treadctl.detector.dataset import DATASET_FILE, SISFALL, DatasetSection, Refused
from treadctl.detector.store import Store, Unwritable, Written
from treadctl.detector.tables import MAX_TABLE_BYTES, Column, inside, read_csv, read_rows
from treadctl.errors import TreadctlError

SISFALL_NAME: Final = re.compile(r"([DF]\d\d)_(S[AE]\d\d)_R(\d\d)\.txt", re.IGNORECASE)
_SISFALL_COLUMNS: Final = 9  # ADXL345 x y z, ITG3200 x y z, MMA8451Q x y z
_KEPT: Final = 6
_INT16: Final = 32768
_GROUPS: Final = ("person", "activity", "trial")


class FilesSection(Strict):
    """[files]: where the trials are and how they are written."""

    pattern: str = Field(description="regular expression for a file's path below this folder, with named groups person, activity and trial")
    delimiter: Literal[",", ";", "|", "tab"] = Field(",", description="what separates the columns")
    skip_lines: Annotated[int, Field(ge=0, le=1000)] = Field(0, description="lines above the line of names")

    @field_validator("pattern")
    @classmethod
    def _has_the_groups(cls, value: str) -> str:
        try:
            groups = re.compile(value).groupindex
        except re.error as error:
            raise complaint("", f"is no regular expression: {error}") from error
        missing = [name for name in _GROUPS if name not in groups]
        if missing:
            raise complaint("", f"has no group (?P<{missing[0]}>...)")
        return value


class LabelsSection(Strict):
    """[labels]: when the falls hit the ground."""

    file: str = Field(description="a .csv beside the description, with columns person, activity, trial, impact and, if known, onset")
    unit: Literal["s", "frame"] = Field("s", description="s: seconds as in time_column; frame: numbers as in frame_column, else rows from 1")
    frame_column: Column | None = Field(None, description="column of frame numbers in each trial")


class CsvSection(DatasetSection):
    """The description of a folder of .csv files: dataset.toml with [files] and, if there are labels, [labels]."""

    files: FilesSection = Field(description="where the trials are")
    labels: LabelsSection | None = Field(None, description="when the falls hit the ground")


@dataclass(frozen=True, slots=True)
class _Label:
    impact: float | None
    onset: float | None
    place: str


def convert_sisfall(source: Path, target: Path) -> Written:
    """SisFall's text files anywhere below `source` to a new folder `target`: the activities of walking, jogging, stairs, jumps, stumbles and falls from them.

    Kept are the first six columns as int16; the second accelerometer is left out, and so are activities no belt sees (`left_out` counts them).
    Raises TreadctlError: TC100 no such folder, TC104 nothing to convert or a target that is not empty.
    """
    refused: list[Refused] = []
    left_out: Counter[str] = Counter()
    known = SISFALL["activities"]
    with Store(target, DatasetSection.model_validate(SISFALL)) as store:
        for path in _files(source):
            name = SISFALL_NAME.fullmatch(path.name)
            if name is None:
                if path.suffix.lower() == ".txt" and "_" in path.name:
                    refused.append(Refused(str(path), "its name is not like D01_SA01_R01.txt"))
                continue
            activity, person, trial = (group.upper() for group in name.groups())
            if activity not in known:
                left_out[activity] += 1
                continue
            try:
                store.add(activity, person, trial, read_sisfall(path), str(path))
            except Unwritable:
                raise
            except TreadctlError as error:
                refused.append(Refused(error.place, error.detail or error.kind.sentence))
        return store.finish(dict(sorted(left_out.items())), tuple(refused))


def read_sisfall(path: Path) -> NDArray[np.int16]:
    """The first six columns (n, 6) of one published file. TC104 with the line for one that is not nine whole numbers.

    Published lines end in `;` or in nothing, with spaces anywhere and empty lines between; a last line that was cut off is left out.
    """
    try:
        if path.stat().st_size > MAX_TABLE_BYTES:
            raise TreadctlError("bad_value", str(path), f"larger than {MAX_TABLE_BYTES >> 20} MiB")
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TreadctlError("file_missing", str(path), str(error)) from error
    rows: list[list[int]] = []
    last = max((number for number, line in enumerate(lines, start=1) if line.strip(" ;\t")), default=0)
    for number, line in enumerate(lines[:last], start=1):
        text = line.strip().rstrip(";").strip()
        if not text:
            continue
        fields = text.split(",")
        if number == last and len(fields) < _SISFALL_COLUMNS and rows:
            break
        try:
            values = [int(field) for field in fields]
        except ValueError:
            values = []
        if len(values) != _SISFALL_COLUMNS or not all(-_INT16 <= value < _INT16 for value in values):
            raise TreadctlError("bad_value", join_place(str(path), f"row {number}"), f"not nine whole numbers of 16 bits: {text[:60]!r}")
        rows.append(values[:_KEPT])
    if not rows:
        raise TreadctlError("bad_value", str(path), "empty")
    return np.asarray(rows, dtype=np.int16)


def convert_csv_folder(source: Path, target: Path) -> Written:
    """A folder of one .csv for each trial, described by a `dataset.toml` of your own in it (see docs/how-to/bring-your-own-recordings.md), to `target`.

    Numbers are kept as they are (float64), with the scale of the description. A file whose name does not match the pattern is counted in `left_out`, and so is
    one of an activity that [activities] does not list. Raises TreadctlError TC100 to TC104 for description, labels, and a target that is not empty.
    """
    description = read_toml(source / DATASET_FILE)
    about = validate(CsvSection, description.table, description.place)
    refused: list[Refused] = []
    labels = _labels(source, about.labels, refused) if about.labels is not None else {}
    left_out: Counter[str] = Counter()
    with Store(target, _written_as(about), ("onset_s", "impact_s")) as store:
        for path in _files(source):
            if path.suffix.lower() != ".csv" or (about.labels is not None and path == source / about.labels.file):
                continue
            name = re.fullmatch(about.files.pattern, path.relative_to(source).as_posix())
            if name is None:
                left_out["name does not match"] += 1
                continue
            person, activity, trial = (str(name[group] or "") for group in _GROUPS)
            if activity not in about.activities:
                left_out[f"activity {activity}"] += 1
                continue
            label = labels.pop((_plain(person), _plain(activity), _plain(trial)), None)
            try:
                table, frames = _csv_trial(path, about)
                more = _instants(label, about, table, frames)
                store.add(activity, person, trial, table, str(path), **more)
            except Unwritable:
                raise
            except TreadctlError as error:
                refused.append(Refused(error.place, error.detail or error.kind.sentence))
        refused.extend(Refused(label.place, "no recording belongs to it") for label in labels.values())
        return store.finish(dict(sorted(left_out.items())), tuple(refused))


def _written_as(about: CsvSection) -> DatasetSection:
    """The description of what is written: columns by number, x y z of force, of rate, then time."""
    table: dict[str, Any] = about.model_dump(include=set(DatasetSection.model_fields))
    table["force"]["columns"], table["rate"]["columns"] = (0, 1, 2), (3, 4, 5)
    table["time_column"] = None if about.time_column is None else 6
    return DatasetSection.model_validate(table)


def _csv_trial(path: Path, about: CsvSection) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """The numbers of the columns described, and the frame numbers where labels need them."""
    frame_column = about.labels.frame_column if about.labels is not None else None
    wanted = about.columns if frame_column is None else (*about.columns, frame_column)
    delimiter = {"tab": "\t"}.get(about.files.delimiter, about.files.delimiter)
    table = read_csv(path, wanted, delimiter, about.files.skip_lines)
    numbers = np.asarray(table.numbers, dtype=np.float64)
    if len(numbers) < 2:
        raise TreadctlError("bad_value", str(path), f"{len(numbers)} samples")
    width = len(about.columns)
    return numbers[:, :width], numbers[:, width] if frame_column is not None else None


def _labels(source: Path, section: LabelsSection, refused: list[Refused]) -> dict[tuple[str, str, str], _Label]:
    path = inside(source, section.file, join_place(str(source / DATASET_FILE), "labels", "file"))
    found: dict[tuple[str, str, str], _Label] = {}
    for row in read_rows(path, (*_GROUPS, "impact")):
        place = join_place(str(path), f"row {row.line}")
        names = tuple(_plain(row.fields[group]) for group in _GROUPS)
        key = names[0], names[1], names[2]
        try:
            impact, onset = (float(text) if text else None for text in (row.fields["impact"], row.fields.get("onset", "")))
        except ValueError as error:
            refused.append(Refused(place, f"not a number: {error}"))
            continue
        if row.flaw or key in found:
            refused.append(Refused(place, row.flaw or "the recording has a label already"))
            continue
        found[key] = _Label(impact, onset, place)
    return found


def _instants(label: _Label | None, about: CsvSection, table: NDArray[np.float64], frames: NDArray[np.float64] | None) -> dict[str, str]:
    """Columns onset_s and impact_s, in seconds as in the recording's time."""
    if label is None or about.labels is None:
        return {}
    time_s = table[:, 6] if about.time_column is not None else np.arange(len(table)) / about.rate_hz
    if label.onset is not None and label.impact is not None and label.onset > label.impact:
        raise TreadctlError("bad_value", label.place, "the onset comes after the impact")
    found = {}
    for name, value in (("onset_s", label.onset), ("impact_s", label.impact)):
        if value is None:
            continue
        at_s = value
        if about.labels.unit == "frame":
            numbered = np.arange(1.0, len(table) + 1.0) if frames is None else frames
            places = np.flatnonzero(numbered == value)
            if len(places) != 1:
                raise TreadctlError("bad_value", label.place, f"frame {value:g} stands {len(places)} times in the recording")
            at_s = float(time_s[places[0]])
        if not float(time_s[0]) <= at_s <= float(time_s[-1]):
            raise TreadctlError("bad_value", label.place, f"{name} {at_s:g} is outside the recording, {time_s[0]:g} to {time_s[-1]:g} s")
        found[name] = repr(float(at_s))
    return found


def _plain(name: str) -> str:
    """A name for comparing: 01 and 1 are the same trial."""
    return name.strip().lstrip("0") if name.strip().isdigit() else name.strip().casefold()


def _files(folder: Path) -> Iterator[Path]:
    """All files below, sorted. TC100 for what is no folder."""
    if not folder.is_dir():
        raise TreadctlError("file_missing", str(folder), "no such folder")
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
