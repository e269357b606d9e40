"""The plain values of `model` as JSON, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, TypeVar

T = TypeVar("T")


def plain(value: Any) -> Any:  # noqa: ANN401 - any of the values of `model`, and what they are made of
    """The value as JSON knows it: objects, lists, texts, numbers. Instants and days in ISO 8601."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value


def restored(kind: type[T], data: Mapping[str, Any]) -> T:
    """A flat value of this kind. What is not known of it any more is left out, so that a field may go."""
    return kind(**{field.name: data[field.name] for field in fields(kind) if field.name in data})  # type: ignore[arg-type]  # T is one of the dataclasses of `model`


def restored_all(kind: type[T], data: Iterable[Mapping[str, Any]]) -> tuple[T, ...]:
    """The same for a list."""
    return tuple(restored(kind, item) for item in data)
