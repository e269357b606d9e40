"""Cursor: how far the journal has been imported, as a value that fits into one text column."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Final

from treadctl.errors import TreadctlError

_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place of the next record to import: everything before it is in the store, nothing from it on.

    `segment` 0 = nothing was read yet; `offset` is where in it the next batch begins, 0 = at its header. `sequence` is the number of that batch and `head`
    (hex) the chain's hash before it. `skip` of its records are imported already. `memory` is what the builder must remember here, see `builder.Memory`.
    """

    segment: int = 0
    offset: int = 0
    sequence: int = 0
    head: str = ""
    skip: int = 0
    memory: str = ""

    def text(self) -> str:
        """The cursor as one line; `parse` gives it back."""
        return json.dumps({"format": _FORMAT, **asdict(self)}, separators=(",", ":"))


START: Final = Cursor()


def parse(text: str) -> Cursor:
    """The cursor of `Cursor.text`. Raises TC604 for anything else: a guess would lose sessions or repeat them."""
    try:
        fields = json.loads(text)
        if fields.pop("format") != _FORMAT:
            raise ValueError("another format")
        cursor = Cursor(**fields)
        bytes.fromhex(cursor.head)
        numbers = (cursor.segment, cursor.offset, cursor.sequence, cursor.skip)
        if not all(type(number) is int and number >= 0 for number in numbers) or not isinstance(cursor.memory, str):
            raise ValueError("a field of another type")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise TreadctlError("database_damaged", "cursor of the importer", str(error)) from error
    return cursor
