"""Reading the index and the trials of a folder of recordings: numbers and nothing else, each mistake named by file and row. Nothing read is executed."""

from __future__ import annotations

import csv
import lzma
import stat
import struct
import tokenize
import zipfile
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from treadctl.config.toml_file import join_place
from treadctl.errors import TreadctlError

MAX_TABLE_BYTES: Final = 1 << 29  # one trial: more than 15 hours at 200 Hz
MAX_INDEX_BYTES: Final = 1 << 26
_UNREADABLE: Final = (
    OSError, ValueError, EOFError, LookupError, ArithmeticError, RuntimeError, TypeError, MemoryError, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
    struct.error, csv.Error, SyntaxError, tokenize.TokenError,
)  # fmt: skip
"""What numpy and zipfile raise on bytes that are no archive or no array; a header of an array is read as a Python literal, hence the last two."""


Column = int | str


@dataclass(frozen=True)
class Table:
    """`numbers` (n, columns wanted) and what the file calls the row of the first sample: 1 in an array, 2 below a line of names."""

    numbers: NDArray[Any]
    first_row: int


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a .csv with names: its line in the file, its fields by name, stripped, and what is wrong with the row as such, else nothing."""

    line: int
    fields: dict[str, str]
    flaw: str = ""


def inside(folder: Path, name: str, place: str) -> Path:
    """The file `name` of `folder`. TC104 for a name that leads out of it."""
    path = PurePosixPath(name)
    if path.is_absolute() or PureWindowsPath(name).drive or "\\" in name or ".." in path.parts or "\0" in name:
        raise TreadctlError("bad_value", place, f"file {name!r} leads out of the folder")
    return folder / path


def read_rows(path: Path, wanted: Sequence[str], other_names: dict[str, str] | None = None) -> Iterator[Row]:
    """The rows of a .csv with a line of names; `other_names` are names meant as ours. Empty lines are passed over.

    Raises TreadctlError: TC100 unreadable, TC103 a column of `wanted` is not there, TC104 names that stand twice.
    """
    with _readable(path, str(path)):
        if _size(path) > MAX_INDEX_BYTES:
            raise TreadctlError("bad_value", str(path), f"larger than {MAX_INDEX_BYTES >> 20} MiB")
        with path.open(newline="", encoding="utf-8-sig") as handle:
            reader = csv.reader(handle)
            renamed = other_names or {}
            names = [renamed.get(name.strip(), name.strip()) for name in next(reader, [])]
            for name in wanted:
                if name not in names:
                    hint = "; its separator must be a comma" if len(names) == 1 and ";" in names[0] else ""
                    raise TreadctlError("missing_key", join_place(str(path), "row 1"), f"no column {name}{hint}")
            twice = next((name for name in names if name and names.count(name) > 1), None)
            if twice is not None:
                raise TreadctlError("bad_value", join_place(str(path), "row 1"), f"two columns {twice}")
            for fields in reader:
                if not any(field.strip() for field in fields):
                    continue
                flaw = "" if len(fields) == len(names) else f"{len(fields)} fields below {len(names)} names"
                yield Row(reader.line_num, {name: field.strip() for name, field in zip_longest(names, fields[: len(names)], fillvalue="") if name}, flaw)


class Tables:
    """The trials of a folder; .npz files stay open from one to the next. Use as a context manager."""

    def __init__(self) -> None:
        self._archives: dict[Path, zipfile.ZipFile] = {}

    def __enter__(self) -> Tables:
        return self

    def __exit__(self, *_: object) -> None:
        for archive in self._archives.values():
            archive.close()

    def trial(self, path: Path, key: str, wanted: Sequence[Column], place: str) -> Table:
        """The columns `wanted` of the array `key` of an .npz, or of a .csv. TC100 unreadable, TC104 not such a table; `place` is the index's row."""
        suffix = path.suffix.lower()
        if suffix == ".csv":
            return read_csv(path, wanted, place=place)
        if suffix != ".npz":
            raise TreadctlError("bad_value", place, f"{path.name} is neither .npz nor .csv")
        here = join_place(str(path), key)
        with _readable(path, place):
            archive = self._archives.get(path)
            if archive is None:
                _size(path)
                archive = self._archives[path] = zipfile.ZipFile(path)
            try:
                member = archive.getinfo(f"{key}.npy")
            except KeyError:
                raise TreadctlError("bad_value", place, f"{path.name} holds no array {key}") from None
            if member.file_size > MAX_TABLE_BYTES:
                raise TreadctlError("bad_value", here, f"larger than {MAX_TABLE_BYTES >> 20} MiB")
            with archive.open(member) as handle:
                table = np.lib.format.read_array(handle, allow_pickle=False)
        if table.ndim != 2 or table.dtype.kind not in "iuf":
            raise TreadctlError("bad_value", here, f"must be a table of numbers, not {table.dtype} of shape {table.shape}")
        columns = [column for column in wanted if isinstance(column, int) and 0 <= column < table.shape[1]]
        if len(columns) < len(wanted):
            missing = next(column for column in wanted if column not in columns)
            raise TreadctlError("bad_value", here, f"there is no column {missing!r}: an array's have numbers, here 0 to {table.shape[1] - 1}")
        return Table(table[:, columns], 1)


def read_csv(path: Path, wanted: Sequence[Column], delimiter: str = ",", skip_lines: int = 0, place: str = "") -> Table:
    """The columns `wanted`, by number from 0 or by name, of a file with a line of names or without. Other columns may hold anything.

    Raises TreadctlError: TC100 unreadable (said at `place`), TC104 no such column, or a row that is not so many numbers.
    """
    with _readable(path, place or str(path)):
        if _size(path) > MAX_TABLE_BYTES:
            raise TreadctlError("bad_value", str(path), f"larger than {MAX_TABLE_BYTES >> 20} MiB")
        with path.open(newline="", encoding="utf-8-sig") as handle:
            return _parse(path, handle, wanted, delimiter, skip_lines)


def _parse(path: Path, handle: IO[str], wanted: Sequence[Column], delimiter: str, skip_lines: int) -> Table:
    for _ in range(skip_lines):
        handle.readline()
    reader = csv.reader(handle, delimiter=delimiter)
    values = array("d")
    columns: list[int] = []
    width, first_row, empty = 0, 0, 0
    for fields in reader:
        line = skip_lines + reader.line_num
        if not fields or (len(fields) == 1 and not fields[0].strip()):
            empty = empty or line
            continue
        if empty and columns:
            raise TreadctlError("bad_value", join_place(str(path), f"row {empty}"), "an empty line within the recording")
        if not columns:
            columns, width = _columns(path, line, fields, wanted), len(fields)
            empty, first_row = 0, line
            if not _are_numbers(fields[at] for at in columns):
                first_row += 1
                continue
        if len(fields) != width:
            raise TreadctlError("bad_value", join_place(str(path), f"row {line}"), f"{len(fields)} fields where there were {width}")
        try:
            values.extend([float(fields[at]) for at in columns])
        except ValueError as error:
            raise TreadctlError("bad_value", join_place(str(path), f"row {line}"), f"not a number: {error}") from error
    if not columns:
        raise TreadctlError("bad_value", str(path), "empty")
    return Table(np.frombuffer(values, dtype=np.float64).reshape(-1, len(columns)), first_row)


def _columns(path: Path, line: int, fields: Sequence[str], wanted: Sequence[Column]) -> list[int]:
    names = [name.strip() for name in fields]
    found = []
    for column in wanted:
        if isinstance(column, str) and names.count(column) != 1:
            detail = f"two columns {column!r}" if column in names else f"there is no column {column!r}; there are {', '.join(names)[:200]}"
            raise TreadctlError("bad_value", join_place(str(path), f"row {line}"), detail)
        at = names.index(column) if isinstance(column, str) else column
        if not 0 <= at < len(names):
            raise TreadctlError("bad_value", join_place(str(path), f"row {line}"), f"there is no column {column}: it has {len(names)}, counted from 0")
        found.append(at)
    return found


def _are_numbers(fields: Iterable[str]) -> bool:
    try:
        for field in fields:
            float(field)
    except ValueError:
        return False
    return True


def _size(path: Path) -> int:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError("no ordinary file")
    return status.st_size


@contextmanager
def _readable(path: Path, place: str) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
        raise TreadctlError("file_missing", place, why if place == str(path) else f"{path}: {why}") from error
