"""Writes a folder of recordings in the documented format: arrays as they come, description and index last, so that half a folder is never taken for one."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from treadctl.detector.dataset import DATASET_FILE, INDEX_FILE, DatasetSection, Refused
from treadctl.errors import TreadctlError

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Written:
    """What was written to `folder`: recordings by activity, the people's names in it, what was left out on purpose and how often, and what was refused."""

    folder: Path
    name: str
    recordings: dict[str, int]
    persons: tuple[str, ...]
    left_out: dict[str, int] = field(default_factory=dict)
    refused: tuple[Refused, ...] = ()

    @property
    def total(self) -> int:
        """All recordings."""
        return sum(self.recordings.values())


class Unwritable(TreadctlError):
    """TC100: the folder cannot be written; there is no use in going on."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__("file_missing", str(path), f"cannot be written: {error.strerror or error}")


class Store:
    """One folder being written. Raises TreadctlError TC104 where it is not empty, TC100 where nothing can be written; `finish` makes it whole.

    Leaving the context without `finish` leaves arrays without an index, which `load` refuses.
    """

    def __init__(self, target: Path, about: DatasetSection, extra: tuple[str, ...] = ()) -> None:
        self._target = target
        self._about = about
        self._extra = extra
        self._archives: dict[str, zipfile.ZipFile] = {}
        self._rows: list[dict[str, str]] = []
        self._keys: set[str] = set()
        refuse_filled(target)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for archive in self._archives.values():
            with suppress(OSError):
                archive.close()

    def add(self, activity: str, person: str, trial: str, table: NDArray[Any], place: str, **more: str) -> str:
        """Write one recording and say its key; `more` are further columns of the index. TC104 for names that no file could have, or a trial that was there."""
        for word, name in (("activity", activity), ("person", person), ("trial", trial)):
            if not _NAME.fullmatch(name):
                raise TreadctlError("bad_value", place, f"{word} {name!r}: up to 64 letters, digits, _ . and - are allowed")
        key = f"{activity}_{person}_R{trial}"
        if key in self._keys:
            raise TreadctlError("bad_value", place, f"{key} was there already")
        file = f"{activity}.npz"
        try:
            archive = self._archives.get(activity)
            if archive is None:
                self._target.mkdir(parents=True, exist_ok=True)
                archive = self._archives[activity] = zipfile.ZipFile(self._target / file, "x", zipfile.ZIP_DEFLATED)
            member = zipfile.ZipInfo(f"{key}.npy")  # with a fixed date: the same recordings make the same file
            member.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member, "w", force_zip64=True) as handle:
                np.lib.format.write_array(handle, np.ascontiguousarray(table), allow_pickle=False)
        except OSError as error:
            raise Unwritable(self._target / file, error) from error
        self._keys.add(key)
        self._rows.append({"key": key, "activity": activity, "person": person, "trial": trial, "file": file, "samples": str(len(table)), **more})
        return key

    def finish(self, left_out: Mapping[str, int] | None = None, refused: tuple[Refused, ...] = ()) -> Written:
        """Close the arrays, write description and index. TC104 where there is no recording: then nothing was written."""
        if not self._rows:
            first = f"; the first was refused: {refused[0].place}: {refused[0].reason}" if refused else ""
            raise TreadctlError("bad_value", str(self._target), f"there is no recording to write{first}")
        columns = ("key", "activity", "person", "trial", "file", "samples", *self._extra)
        try:
            for archive in self._archives.values():
                archive.close()
            (self._target / DATASET_FILE).write_text(as_toml(self._about), encoding="utf-8")
            write_csv(self._target / INDEX_FILE, columns, self._rows)
        except OSError as error:
            raise Unwritable(self._target, error) from error
        counts: dict[str, int] = {}
        for row in self._rows:
            counts[row["activity"]] = counts.get(row["activity"], 0) + 1
        persons = tuple(sorted({row["person"] for row in self._rows}))
        return Written(self._target, self._about.name, dict(sorted(counts.items())), persons, dict(left_out or {}), refused)


def refuse_filled(target: Path) -> None:
    """TC104 where `target` is something else than an empty folder or a name not yet taken."""
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise TreadctlError("bad_value", str(target), "not an empty folder; name a new one")
    except OSError as error:
        raise Unwritable(target, error) from error


def write_csv(path: Path, columns: tuple[str, ...], rows: list[dict[str, str]]) -> None:
    """A .csv with names; what a row does not have is left empty. Raises OSError."""
    with path.open("x", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def as_toml(about: DatasetSection) -> str:
    """dataset.toml of this description."""
    table = about.model_dump(mode="json", exclude_none=True, include=set(DatasetSection.model_fields))
    activities = table.pop("activities")
    sections = {"": table, "force": table.pop("force"), "rate": table.pop("rate")}
    sections |= {f"activities.{code if _BARE_KEY.fullmatch(code) else _text(code)}": section for code, section in activities.items()}
    lines: list[str] = []
    for name, section in sections.items():
        lines += [f"\n[{name}]"] if name else []
        lines += [f"{key} = {_value(value)}" for key, value in section.items()]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return _text(value) if isinstance(value, str) else repr(value)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
