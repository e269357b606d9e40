"""Where things stand in a TOML text, line by line: so that a complaint can point at its line, and one entry be changed without touching the rest.

tomllib tells no positions. This finds them with tomllib itself as the judge of what a line says, so the two cannot disagree.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

Trail = tuple[str | int, ...]
_CLOSING: Final = {'"""': '"""', "'''": "'''", "[": "]", "{": "}"}
_TRIES: Final = 30  # ends looked at for one value
_PART: Final = re.compile(r"^(?P<name>.*?)(?P<positions>(\[\d+\])*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: lines `start` to `end` (the line after), counted from 0. `path` leads to its table or value; positions in it count from 0."""

    path: Trail
    start: int
    end: int
    header: bool = False


def split_lines(text: str) -> list[str]:
    """The lines as TOML counts them: only a line feed ends one."""
    return text.split("\n")


def statements(text: str) -> tuple[Statement, ...]:
    """Every header and every key with its value, in the order of the text. What is not TOML is passed over."""
    return tuple(_walk(split_lines(text)))


def line_of(found: tuple[Statement, ...], path: Trail) -> int | None:
    """The line, counted from 1, of the value at `path`, or of the nearest table around it that is written; None where there is none."""
    for length in range(len(path), 0, -1):
        for statement in found:
            if statement.path == path[:length]:
                return statement.start + 1
    return None


def path_of(place: str) -> Trail:
    """The path of a place as errors name it, such as `file > main[2] > speed_kmh`: its first part, the file, is left out; positions from 0."""
    path: list[str | int] = []
    for part in place.split(" > ")[1:]:
        for piece in part.split("."):
            found = _PART.match(piece)
            if found is None or not found["name"]:
                continue
            path.append(found["name"])
            path.extend(int(position) - 1 for position in re.findall(r"\d+", found["positions"]))
    return tuple(path)


def _walk(lines: list[str]) -> Iterator[Statement]:
    counts: dict[tuple[str, ...], int] = {}
    table: Trail = ()
    n = 0
    while n < len(lines):
        line = lines[n].strip()
        if not line or line.startswith("#"):
            n += 1
            continue
        if line.startswith("["):
            keys = _keys(line)
            if keys:
                table = _placed(keys, counts, grows=line.startswith("[["))
                yield Statement(table, n, n + 1, header=True)
            n += 1
            continue
        end = _end(lines, n)
        if end is not None:
            yield Statement((*table, *_keys("\n".join(lines[n:end]))), n, end)
        n = end or n + 1


def _end(lines: list[str], start: int) -> int | None:
    """The line after the value that begins at `start`; None where nothing that begins there is TOML."""
    _, equals, value = lines[start].partition("=")
    if not equals:
        return None
    if _says_one(lines, start, start + 1):
        return start + 1
    closing = next((_CLOSING[mark] for mark in _CLOSING if value.lstrip().startswith(mark)), None)
    if closing is None:
        return None
    # Most often the mark that closes begins a line; a list in a list has others too.
    holding = [n for n in range(start + 1, len(lines)) if closing in lines[n]]
    beginning = [n for n in holding if lines[n].lstrip().startswith(closing)]
    ends = (n + 1 for n in (*beginning[:_TRIES], *holding[:_TRIES]))
    return next((end for end in ends if _says_one(lines, start, end)), None)


def _says_one(lines: list[str], start: int, end: int) -> bool:
    """Whether these lines are one assignment, whole and alone."""
    table = parsed("\n".join(lines[start:end]))
    return table is not None and len(table) == 1


def parsed(text: str) -> dict[str, Any] | None:
    """The table of a text, None where it is not TOML."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return None


def _keys(text: str) -> tuple[str, ...]:
    """The dotted key of one header or one assignment."""
    value: object = parsed(text)
    keys: list[str] = []
    dotted = _dots(text)
    while isinstance(value, dict | list) and len(value) == 1 and len(keys) < dotted:
        if isinstance(value, list):
            value = value[0]
            continue
        key = next(iter(value))
        keys.append(key)
        value = value[key]
    return tuple(keys)


def _dots(text: str) -> int:
    """How many names a key or header has: those before the sign of equality, or in the brackets."""
    head = text.lstrip()
    quote, names = "", 1
    for sign in head.lstrip("["):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in {'"', "'"}:
            quote = sign
        elif sign in {"=", "]"}:
            break
        elif sign == ".":
            names += 1
    return names


def _placed(keys: tuple[str, ...], counts: dict[tuple[str, ...], int], *, grows: bool) -> Trail:
    """The path of a header, with the positions of the lists it lies in."""
    if grows:
        counts[keys] = counts.get(keys, -1) + 1
        for inner in [other for other in counts if len(other) > len(keys) and other[: len(keys)] == keys]:
            del counts[inner]
    path: list[str | int] = []
    for length in range(1, len(keys) + 1):
        path.append(keys[length - 1])
        position = counts.get(keys[:length])
        if position is not None:
            path.append(position)
    return tuple(path)
