"""Kinds of columns that both databases keep alike: instants, JSON texts, numbers that are never given twice."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)

RowNumber: Final = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts up an INTEGER PRIMARY KEY only


def micros(at: datetime) -> int:
    """Microseconds since the epoch, exact. A naive datetime is a mistake of the caller: ValueError."""
    if at.tzinfo is None or at.utcoffset() is None:
        raise ValueError(f"an instant needs a time zone: {at.isoformat()}")
    return (at - EPOCH) // MICROSECOND


def instant(at_us: int) -> datetime:
    """The aware UTC datetime of so many microseconds since the epoch."""
    return EPOCH + at_us * MICROSECOND


class Instant(TypeDecorator[datetime]):
    """An instant as microseconds since the epoch: the same number in each database, whatever time zone either believes in."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """The number that is stored; ValueError for a naive datetime."""
        return None if value is None else micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """The stored number as an aware UTC datetime."""
        return None if value is None else instant(value)


class JsonText(TypeDecorator[Any]):
    """A plain value as JSON in a text column, in ASCII, so that no sign within stops either database. NaN is refused: JSON has none."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: object, dialect: Dialect) -> str | None:
        """The text that is stored; ValueError for NaN and infinity."""
        return None if value is None else json.dumps(value, allow_nan=False, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ANN401 - whatever was stored
        """The stored text as a plain value."""
        return None if value is None else json.loads(value)
