"""Strict translation between JSON values and frozen dataclasses, compiled once per class from its annotations.

Strict means: no key more, none missing without a default, no value of another type, no number that is not finite, no text that does not print.
A whole number is taken where a fraction is wanted, never the other way round, and true is not 1.
"""

from __future__ import annotations

import math
import sys
import types
import typing
from collections.abc import Callable, Hashable, Iterable
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, cast

Read = Callable[[object, str], Any]
T = TypeVar("T")

MAX_TEXT = 1000  # characters; a sentence, a path or a name is shorter
MAX_ITEMS = 1000  # entries of one list


class ShapeError(ValueError):
    """The value is not of the shape wanted; the text names the place and the fault, fit for a person."""


def read(wanted: type[T], value: object, place: str = "") -> T:
    """`value`, as `json.loads` gives it, as an instance of the dataclass `wanted`. Raises ShapeError."""
    result: T = _reader(cast("Hashable", wanted))(value, place)
    return result


def write(value: Any) -> Any:  # noqa: ANN401 — JSON is of no one type
    """What `json.dumps` can encode of a dataclass, such that `read` takes it: numbers that are not finite become null, text is cut and cleaned."""
    kind = type(value)
    if kind is float:
        return value if -_HUGE <= value <= _HUGE else None
    if kind is str:
        return value if len(value) <= MAX_TEXT and value.isprintable() else _printing(value)
    if kind is bool or kind is int or value is None:
        return value
    if kind is tuple:
        return [write(item) for item in value]
    names = _NAMES.get(kind)
    if names is not None:
        return {name: write(getattr(value, name)) for name in names}
    return _write_rare(value, kind)


_HUGE = sys.float_info.max
_NAMES: dict[type, tuple[str, ...]] = {}  # the fields of each dataclass met so far


def _write_rare(value: Any, kind: type[Any]) -> Any:  # noqa: ANN401 — JSON is of no one type
    if is_dataclass(kind):
        _NAMES[kind] = tuple(f.name for f in fields(kind))
        return write(value)
    if isinstance(value, dict):
        return {_printing(str(key)): write(item) for key, item in value.items()}
    if isinstance(value, (list, frozenset)):
        return [write(item) for item in value]
    for plain in (str, int, float):  # enumerations and other subclasses
        if isinstance(value, plain):
            return write(plain(value))
    raise TypeError(f"{kind.__name__} cannot be sent")


def _printing(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:MAX_TEXT])


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _wrong(place: str, wanted: str, value: object) -> ShapeError:
    shown = type(value).__name__ if isinstance(value, (dict, list)) else repr(value)[:40]
    return ShapeError(f"{place or 'message'} must be {wanted}, not {shown}")


def _read_float(value: object, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong(place, "a number", value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _wrong(place, "a finite number", value)
    return number


def _read_int(value: object, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 2**63:
        raise _wrong(place, "a whole number", value)
    return value


def _read_bool(value: object, place: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(place, "true or false", value)
    return value


def _read_text(value: object, place: str) -> str:
    if not isinstance(value, str):
        raise _wrong(place, "text", value)
    if len(value) > MAX_TEXT:
        raise ShapeError(f"{place} is longer than {MAX_TEXT} characters")
    if not value.isprintable():  # control characters would reach terminals, and lone surrogates cannot be written as UTF-8
        raise ShapeError(f"{place} holds characters that do not print")
    return value


_PLAIN: dict[object, Read] = {float: _read_float, int: _read_int, bool: _read_bool, str: _read_text}


@cache
def _reader(hint: Any) -> Read:  # noqa: ANN401 — an annotation is of no one type
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        return _union_reader(typing.get_args(hint))
    if origin is tuple:
        return _tuple_reader(_reader(typing.get_args(hint)[0]))
    if origin is dict:
        return _dict_reader(_reader(typing.get_args(hint)[1]))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _enum_reader(hint)
    if is_dataclass(hint):
        return _class_reader(cast("type[Any]", hint))
    raise TypeError(f"no reader for {hint!r}")


def _union_reader(members: Iterable[Any]) -> Read:
    """The first member that takes the value; JSON's own types keep text, numbers and truth apart, so the order does not matter."""
    optional = type(None) in members
    readers = [_reader(member) for member in members if member is not type(None)]

    def read_union(value: object, place: str) -> object:
        if value is None and optional:
            return None
        for one in readers[:-1]:
            try:
                return one(value, place)
            except ShapeError:
                continue
        return readers[-1](value, place)

    return read_union


def _tuple_reader(item: Read) -> Read:
    def read_tuple(value: object, place: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _wrong(place, "a list", value)
        if len(value) > MAX_ITEMS:
            raise ShapeError(f"{place} has more than {MAX_ITEMS} entries")
        return tuple(item(entry, f"{place}[{index}]") for index, entry in enumerate(value))

    return read_tuple


def _dict_reader(item: Read) -> Read:
    def read_dict(value: object, place: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong(place, "an object", value)
        if len(value) > MAX_ITEMS:
            raise ShapeError(f"{place} has more than {MAX_ITEMS} entries")
        return {_read_text(key, f"a key of {place}"): item(entry, _at(place, str(key))) for key, entry in value.items()}

    return read_dict


def _enum_reader(wanted: type[StrEnum]) -> Read:
    by_value = {member.value: member for member in wanted}

    def read_enum(value: object, place: str) -> StrEnum:
        if isinstance(value, str) and value in by_value:
            return by_value[value]
        raise _wrong(place, "one of " + ", ".join(by_value), value)

    return read_enum


def _class_reader(wanted: type[Any]) -> Read:
    hints = typing.get_type_hints(wanted)
    readers = {f.name: _reader(hints[f.name]) for f in fields(wanted)}
    required = frozenset(f.name for f in fields(wanted) if f.default is MISSING and f.default_factory is MISSING)

    def read_class(value: object, place: str) -> object:
        if not isinstance(value, dict):
            raise _wrong(place, "an object", value)
        for name in value:
            if name not in readers:
                raise ShapeError(f"{_at(place, str(name)[:40])!r} is not a key known here")
        for name in required:
            if name not in value:
                raise ShapeError(f"the key {_at(place, name)!r} is missing")
        try:
            return wanted(**{name: readers[name](entry, _at(place, name)) for name, entry in value.items()})
        except ShapeError:
            raise
        except ValueError as error:  # a range checked by the dataclass itself
            raise ShapeError(f"{place + ': ' if place else ''}{error}") from None

    return read_class
