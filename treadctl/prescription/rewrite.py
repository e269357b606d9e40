"""Changing one entry of a profile's text and leaving the rest as it was written, comments and order included.

The text stays the truth. Every change is proven: the new text must say exactly what the old one said, but for the change asked for; else it is refused.
"""

from __future__ import annotations

import copy
import json
import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from treadctl.config.toml_lines import Statement, Trail, parsed, split_lines, statements
from treadctl.errors import TreadctlError

BLOCKS: Final = ("warm_up", "main", "cool_down")
PARTS: Final = "parts"
NEW: Final[dict[str, dict[str, Any]]] = {
    "belt": {"label": "New stretch", "minutes": 1, "speed_kmh": 0.8, "hands": "on"},
    "stair": {"label": "New stair", "steps": {"from_kmh": 0.8, "to_kmh": 1.4, "by_kmh": 0.3, "hold_s": 60}, "hands": "on"},
    "floor": {"kind": "floor", "label": "New exercise beside the belt", "minutes": 1},
    "rounds": {"kind": "rounds", "label": "New rounds", "repeat": 2, PARTS: [{"label": "New stretch", "minutes": 1, "speed_kmh": 0.8, "hands": "on"}]},
}
"""What an added entry says until it is changed."""


class Op(StrEnum):
    """What may be done to an entry."""

    SET = "set"  # a key gets a value; None takes the key away
    ADD = "add"  # a new entry behind the one at `at`; `at` may name a block alone: at its end
    REMOVE = "remove"
    MOVE = "move"  # one place down, or up where `value` is -1


@dataclass(frozen=True, slots=True)
class Edit:
    """One change. `at` leads to an entry, such as ("main", 1) or ("main", 1, "parts", 0); () is the head of the file."""

    op: Op
    at: Trail
    key: str = ""
    value: Any = None
    also: dict[str, Any] = field(default_factory=dict)  # further keys of the same entry, set with it


def apply_edit(text: str, edit: Edit) -> str:
    """The text after the change. Raises TreadctlError(bad_profile) where it cannot be made; then it must be made in the text by hand."""
    before = parsed(text)
    if before is None:
        raise _refusal("the text cannot be read; mend it first")
    wanted = copy.deepcopy(before)
    try:
        _change(wanted, edit)
        after = {Op.SET: _set, Op.ADD: _add, Op.REMOVE: _remove, Op.MOVE: _move}[edit.op](text, edit)
    except (LookupError, TypeError, AttributeError) as error:
        raise _refusal("there is no such entry, or it is not written as a table of its own") from error
    if parsed(after) != wanted:
        raise _refusal("it is written in a way that only the text can change")
    return after


def toml_value(value: object) -> str:
    """A value as TOML in one line. Raises TreadctlError(bad_profile) for what a profile cannot hold."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, int | float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, dict) and all(isinstance(key, str) and key.isidentifier() and key.isascii() for key in value):
        return "{ " + ", ".join(f"{key} = {toml_value(item)}" for key, item in value.items()) + " }"
    raise _refusal("the value is none that a profile can hold")


# What the change means ------------------------------------------------------------------------------------------------


def _change(table: dict[str, Any], edit: Edit) -> None:
    if edit.op is Op.SET:
        entry = _inside(table, edit.at)
        for key, value in _keys_of(edit).items():
            entry.pop(key, None) if value is None else entry.__setitem__(key, value)
        return
    holder, position = _listed(edit.at)
    if edit.op is Op.ADD:
        entries = _inside(table, holder[:-1]).setdefault(str(holder[-1]), [])
        entries.insert(len(entries) if position is None else position + 1, _new(edit, holder))
        return
    entries = _inside(table, holder)
    entry = entries.pop(_index(position))
    if not entries and edit.op is Op.REMOVE:
        del _inside(table, holder[:-1])[holder[-1]]
    if edit.op is Op.MOVE:
        entries.insert(_target(edit, _index(position), len(entries) + 1), entry)


def _keys_of(edit: Edit) -> dict[str, Any]:
    return {edit.key: edit.value, **edit.also}


def _new(edit: Edit, holder: Trail) -> dict[str, Any]:
    kind = str(edit.value or "belt")
    if holder[-1] == PARTS and kind not in {"belt", "stair"}:
        raise _refusal("the parts of rounds are stretches on the belt")
    return copy.deepcopy(NEW[kind])


def _listed(at: Trail) -> tuple[Trail, int | None]:
    """The list that an entry is in, and its position there; None where the list itself is named."""
    names = tuple(part for part in at if isinstance(part, str))
    if not names or names[0] not in BLOCKS or names[1:] not in {(), (PARTS,)}:
        raise LookupError(at)
    last = at[-1]
    return (at[:-1], last) if isinstance(last, int) else (at, None)


def _inside(table: Any, path: Trail) -> Any:  # noqa: ANN401 - whatever the text holds
    for part in path:
        if isinstance(part, int) and part < 0:
            raise LookupError(part)
        table = table[part]
    return table


def _index(position: int | None) -> int:
    if position is None or position < 0:
        raise LookupError(position)
    return position


def _target(edit: Edit, position: int, count: int) -> int:
    target = position + (-1 if edit.value == -1 else 1)
    if not 0 <= target < count:
        raise _refusal("it is at the end of its block already")
    return target


# How it is written ----------------------------------------------------------------------------------------------------


def _set(text: str, edit: Edit) -> str:
    for key, value in _keys_of(edit).items():
        text = _set_one(text, edit.at, key, value)
    return text


def _set_one(text: str, at: Trail, key: str, value: object) -> str:
    lines, found = split_lines(text), statements(text)
    mine = [s for s in found if not s.header and s.path[: len(at) + 1] == (*at, key)]
    if value is None:
        for statement in reversed(mine):
            del lines[statement.start : statement.end]
        return "\n".join(lines)
    written = f"{key} = {toml_value(value)}"
    if len(mine) == 1 and mine[0].path == (*at, key):
        old = lines[mine[0].start : mine[0].end]
        lines[mine[0].start : mine[0].end] = [_indent(old[0]) + written + _comment(old)]
    else:  # not there yet, or in dotted keys that one line now takes the place of
        for statement in reversed(mine):
            del lines[statement.start : statement.end]
        lines.insert(_last_line(lines, at), written)
    return "\n".join(lines)


def _last_line(lines: list[str], at: Trail) -> int:
    """Behind the last line of the entry's own keys; for the head of the file, before the first header."""
    found = statements("\n".join(lines))
    own = [s for s in found if (s.path == at and s.header) or (not s.header and s.path[:-1] == at)]
    if not own and at:
        raise LookupError(at)
    return max((s.end for s in own), default=0)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _comment(old: list[str]) -> str:
    """The comment behind a value, with the space before it; of a value of several lines the one behind its last line."""
    whole, last = parsed("\n".join(old)), old[-1]
    for position in (n for n, sign in enumerate(last) if sign == "#"):
        if parsed("\n".join([*old[:-1], last[:position]])) == whole:
            return "  " + last[position:].rstrip()
    return ""


def _chunks(lines: list[str], holder: Trail) -> list[tuple[int, int]]:
    """The lines of each entry of a list: from the comments right above its header to those above the next header that is not its own."""
    found = statements("\n".join(lines))
    headers = [s for s in found if s.header]
    chunks: list[tuple[int, int]] = []
    for number, header in enumerate(headers):
        if header.path[:-1] != holder or not isinstance(header.path[-1], int):
            continue
        later = [h for h in headers[number + 1 :] if h.path[: len(header.path)] != header.path]
        end = _above(lines, later[0]) if later else len(lines)
        chunks.append((_above(lines, header), end))
    return chunks


def _above(lines: list[str], header: Statement) -> int:
    start = header.start
    while start > 0 and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    return start


def _add(text: str, edit: Edit) -> str:
    holder, position = _listed(edit.at)
    lines = split_lines(text)
    chunks = _chunks(lines, holder)
    written = _entry(".".join(str(part) for part in holder if isinstance(part, str)), _new(edit, holder))
    if chunks:
        end = chunks[-1 if position is None else position][1]
    elif len(holder) > 1:  # rounds without a part: behind their own lines
        end = _chunks(lines, holder[:1])[_index(holder[1] if isinstance(holder[1], int) else None)][1]
    else:
        later = [chunk for block in BLOCKS[BLOCKS.index(str(holder[0])) + 1 :] for chunk in _chunks(lines, (block,))]
        end = min((start for start, _ in later), default=len(lines))
    return _joined([lines[:end], written, lines[end:]])


def _entry(name: str, entry: dict[str, Any]) -> list[str]:
    own = [f"{key} = {toml_value(value)}" for key, value in entry.items() if key != PARTS]
    parts = [line for part in entry.get(PARTS, ()) for line in ("", *_entry(f"{name}.{PARTS}", part))]
    return [f"[[{name}]]", *own, *parts]


def _remove(text: str, edit: Edit) -> str:
    holder, position = _listed(edit.at)
    lines = split_lines(text)
    start, end = _chunks(lines, holder)[_index(position)]
    return _joined([lines[:start], lines[end:]])


def _move(text: str, edit: Edit) -> str:
    holder, position = _listed(edit.at)
    lines = split_lines(text)
    chunks = _chunks(lines, holder)
    here = _index(position)
    (a, b), (c, d) = (chunks[n] for n in sorted((here, _target(edit, here, len(chunks)))))
    return _joined([lines[:a], lines[c:d], lines[b:c], lines[a:b], lines[d:]])


def _joined(pieces: list[list[str]]) -> str:
    """Pieces with one empty line between them, and one line end at the end."""
    texts = ["\n".join(piece).strip("\n") for piece in pieces]
    return "\n\n".join(text for text in texts if text.strip()) + "\n"


def _refusal(detail: str) -> TreadctlError:
    return TreadctlError("bad_profile", "change", detail)
