"""Reading a TOML file that a belt will obey: YAML and JSON refused with the reason, no NaN, a known format version."""

from __future__ import annotations

import hashlib
import math
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from treadctl.errors import TreadctlError

FORMAT: Final = 1
MAX_BYTES: Final = 1_000_000  # a hand-written file is a few kilobytes; more is a mistake of the path
_YAML_SUFFIXES: Final = frozenset({".yaml", ".yml"})
_YAML_LINE: Final = re.compile(r"^(---|%YAML|-\s|[\w\"'.-]+\s*:(\s|$))")


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A file as read: its path, the table in it, and the SHA-256 (hex) of its bytes."""

    path: Path
    table: dict[str, Any]
    sha256: str

    @property
    def place(self) -> str:
        """The first part of every place named in an error about this file."""
        return str(self.path)


def read_toml(path: Path) -> TomlFile:
    """Read and parse `path`, checked for everything that does not depend on what the file is about.

    Raises TreadctlError: TC100 cannot be read, TC110 YAML, TC101 not TOML, TC104 a number that is not finite, TC103 or TC111 for its `format`.
    """
    place = str(path)
    if path.suffix.lower() in _YAML_SUFFIXES:
        raise TreadctlError("yaml_refused", place)
    try:
        with path.open("rb") as handle:
            content = handle.read(MAX_BYTES + 1)
    except OSError as error:
        raise TreadctlError("file_missing", place, error.strerror or type(error).__name__) from error
    table = parse_toml(content, place, json_name=path.suffix.lower() == ".json")
    return TomlFile(path=path, table=table, sha256=hashlib.sha256(content).hexdigest())


def parse_toml(content: bytes, place: str, *, json_name: bool = False) -> dict[str, Any]:
    """The table of a file's content, which need not have come from a file. Checks and errors as for `read_toml`; `place` begins every place named."""
    if len(content) > MAX_BYTES:
        raise TreadctlError("bad_value", place, f"larger than {MAX_BYTES} bytes: this is not a file written for treadctl")
    table = _parse(content, place, json_name=json_name)
    for where, number in _numbers(table, ()):
        if not math.isfinite(number):
            raise TreadctlError("bad_value", join_place(place, *where), f"{number} is not a quantity a belt can be given")
    _check_format(table, place)
    return table


def join_place(*parts: str | int) -> str:
    """Join file, section and key into the place named by an error; list positions are counted from 1, as people count."""
    named: list[str] = []
    for part in parts:
        if isinstance(part, int) and named:
            named[-1] += f"[{part + 1}]"
        else:
            named.append(str(part))
    return " > ".join(named)


def _parse(content: bytes, place: str, *, json_name: bool) -> dict[str, Any]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TreadctlError("not_toml", place, f"byte {error.start} is not UTF-8 text") from error
    if json_name or text.lstrip()[:1] == "{":
        raise TreadctlError("not_toml", place, "JSON is not accepted: it has no comments, so nobody could note where a number comes from")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        if _looks_like_yaml(text):
            raise TreadctlError("yaml_refused", place) from error
        raise TreadctlError("not_toml", place, str(error)) from error
    except ValueError as error:  # a whole number of thousands of digits
        raise TreadctlError("not_toml", place, "a number has more digits than any quantity") from error
    except RecursionError as error:
        raise TreadctlError("not_toml", place, "lists or tables are nested too deeply") from error


def _looks_like_yaml(text: str) -> bool:
    for line in text.splitlines():
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            return _YAML_LINE.match(stripped) is not None
    return False


def _numbers(value: object, where: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], float]]:
    if isinstance(value, float):
        yield where, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, (*where, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _numbers(inner, (*where, index))


def _check_format(table: dict[str, Any], place: str) -> None:
    where = join_place(place, "format")
    if "format" not in table:
        raise TreadctlError("missing_key", where, f"write format = {FORMAT} in the first line")
    version = table["format"]
    if isinstance(version, bool) or not isinstance(version, int):
        raise TreadctlError("bad_value", where, f"must be the whole number {FORMAT}, the file has {version!r}")
    if version != FORMAT:
        age = "newer" if version > FORMAT else "older"
        raise TreadctlError("format_version", where, f"format {version} is {age} than {FORMAT}, the one this release reads")
