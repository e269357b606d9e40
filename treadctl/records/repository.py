"""What every repository is made of: the database, the time of day, lists in pages, and the checks of what comes in."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Column, Row, Select, Table, literal, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from treadctl.errors import TreadctlError
from treadctl.records.columns import Instant, instant, micros
from treadctl.records.database import Database
from treadctl.records.schema import PERSONS

T = TypeVar("T")
Clock = Callable[[], datetime]
Token = str | None
LARGEST_PAGE: Final = 500
_TEXT: Final = 200_000


def utc_now() -> datetime:
    """The time of day."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of a list. `next` asks for what follows; None = this is the end."""

    items: tuple[T, ...]
    next: Token = None


class Repository:
    """One kind of record. Each public method is one transaction."""

    def __init__(self, database: Database, now: Clock = utc_now) -> None:
        self.database = database
        self.now = now


def insert_into(connection: AsyncConnection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows what to do about a row that is there, in the words of this database."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


async def page_of(
    database: Database,
    query: Select[Any],
    keys: Sequence[Column[Any]],
    page: Token,
    size: int,
    make: Callable[[Row[Any]], T],
    *,
    descending: bool,
) -> Page[T]:
    """A page of `query`, which is ordered by `keys` and selects them. It goes on after the last row shown, so that a deep page costs what the first costs."""
    if not 1 <= size <= LARGEST_PAGE:
        raise TreadctlError("bad_value", "page > size", f"1 to {LARGEST_PAGE}")
    if page is not None:
        here = tuple_(*keys)
        last = tuple_(*(literal(value, key.type) for key, value in zip(keys, _position(page, keys), strict=True)))
        query = query.where(here < last if descending else here > last)
    async with database.read() as connection:
        rows = (await connection.execute(query.limit(size + 1))).all()
    shown = rows[:size]
    more = _token([getattr(shown[-1], key.name) for key in keys]) if len(rows) > size else None
    return Page(tuple(map(make, shown)), more)


def _token(values: Sequence[object]) -> str:
    plain = [micros(value) if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode().rstrip("=")


def _position(token: str, keys: Sequence[Column[Any]]) -> list[object]:
    try:
        values = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars="-_", validate=True))
        if not isinstance(values, list) or len(values) != len(keys):
            raise ValueError
        return [_key_value(value, key) for value, key in zip(values, keys, strict=True)]
    except (ValueError, OverflowError, RecursionError, binascii.Error):
        raise TreadctlError("bad_value", "page", "this is no page of this list") from None


def _key_value(value: object, key: Column[Any]) -> object:
    if key.type.python_type is str:
        if not isinstance(value, str) or not storable(value):
            raise ValueError
        return value
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise ValueError
    return instant(value) if isinstance(key.type, Instant) else value


def storable(text: str) -> bool:
    """Whether both databases can keep this text: PostgreSQL takes no NUL, and neither takes half a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def require_text(place: str, text: str, longest: int = _TEXT, *, empty: bool = False) -> str:
    """The text, or TC104: too long, empty where it may not be, or with signs that cannot be kept."""
    if not storable(text):
        raise TreadctlError("bad_value", place, "it holds signs that cannot be kept")
    if len(text) > longest:
        raise TreadctlError("bad_value", place, f"{len(text)} signs; at most {longest}")
    if not empty and not text.strip():
        raise TreadctlError("bad_value", place, "it is empty")
    return text


async def require_person(connection: AsyncConnection, person_id: str) -> None:
    """TC605 if there is no such person, or they were erased. They stay until the caller's transaction ends."""
    alive = select(PERSONS.c.id).where(PERSONS.c.id == person_id, PERSONS.c.erased_at.is_(None)).with_for_update(read=True)
    if not storable(person_id) or (await connection.execute(alive)).first() is None:
        raise TreadctlError("record_missing", f"person {person_id}")


def missing(what: str, key: object) -> TreadctlError:
    """TC605 for a record of this kind and key."""
    return TreadctlError("record_missing", f"{what} {key}")
