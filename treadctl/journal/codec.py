"""An exact, compact binary codec for frozen dataclasses, derived once from their type hints.

Understood: float, int, bool, str, bytes, None, enums, tuple[T, ...], fixed tuples, frozenset[T], dataclasses (nested, generic with their
parameters given) and unions whose members differ by class. Anything else is a SchemaError that names the field, at start-up.

Exactness: a value read back equals the value written in every bit; floats keep the sign of zero and the payload of a NaN. The one liberty: an int
in a field declared float is written as the float it equals. A value that does not fit its declaration is a CodecError, never a guess.
"""

from __future__ import annotations

import hashlib
import struct
import types
import typing
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from treadctl.journal._nodes import (
    AgeNode,
    BoolNode,
    BytesNode,
    ChoiceNode,
    CodecError,
    Cursor,
    EnumNode,
    FixedTupleNode,
    FloatNode,
    IntNode,
    Node,
    NoneNode,
    SequenceNode,
    SetNode,
    StepClock,
    StrNode,
)
from treadctl.journal._struct import StructNode

__all__ = ["Codec", "CodecError", "Cursor", "SchemaError", "StepClock"]

V = TypeVar("V")

_ERRORS = (TypeError, AttributeError, KeyError, ValueError, OverflowError, struct.error)


class SchemaError(TypeError):
    """A type the codec does not understand; the message names the field."""


class Codec(Generic[V]):
    """Writes and reads values of one type.

    `ages` names the float fields, anywhere in the type but not inside tuples and sets, that hold an age in seconds at the instant of the step;
    an age that only grew with the clock costs nothing (see `AgeNode`). `fingerprint` is the SHA-256 of the structure: class names, field names, types,
    enum members, ages. Two types of one fingerprint read each other's bytes.
    """

    def __init__(self, cls: type[V], ages: frozenset[str] = frozenset()) -> None:
        builder = _Builder(ages)
        self._root, self.description = builder.node(cls, {}, cls.__name__, in_step=True)
        self.fingerprint = hashlib.sha256(self.description.encode()).digest()

    def encode(self, value: V) -> bytes:
        """The whole value. Raises CodecError."""
        try:
            return self._root.full(value)
        except CodecError:
            raise
        except _ERRORS as error:
            raise CodecError(f"{type(value).__name__} cannot be written: {error}") from error

    def decode(self, data: bytes) -> V:
        """The value of `encode`; every byte must be used. Raises CodecError."""
        cursor = Cursor(data)
        value = self.read(cursor)
        if not cursor.at_end:
            raise CodecError(f"{len(data) - cursor.position} bytes too many")
        return value

    def read(self, cursor: Cursor) -> V:
        """The value of `encode` at the cursor. Raises CodecError."""
        return typing.cast("V", self._root.read(cursor))

    def encode_change(self, value: V, before: V, clock: StepClock) -> bytes:
        """What changed since `before`; no bytes at all if nothing did. `clock` is (now_s, now_s of before). Raises CodecError."""
        try:
            return self._root.delta(value, before, clock)
        except CodecError:
            raise
        except _ERRORS as error:
            raise CodecError(f"{type(value).__name__} cannot be written: {error}") from error

    def decode_change(self, data: bytes, before: V, clock: StepClock) -> V:
        """The value of `encode_change`. Raises CodecError."""
        if not data:
            return typing.cast("V", self._root.advance(before, clock))
        cursor = Cursor(data)
        value = self._root.read_delta(cursor, before, clock)
        if not cursor.at_end:
            raise CodecError(f"{len(data) - cursor.position} bytes too many")
        return typing.cast("V", value)


_LEAVES: dict[object, type[Node]] = {int: IntNode, bool: BoolNode, str: StrNode, bytes: BytesNode, type(None): NoneNode}

_Env = dict[Any, object]  # type variable -> the type it stands for here


class _Builder:
    """Walks type hints once. Returns each type's node with its description, from which the fingerprint is made."""

    def __init__(self, ages: frozenset[str]) -> None:
        self._ages = ages
        self._open: list[object] = []

    def node(self, hint: object, env: _Env, place: str, *, in_step: bool, is_age: bool = False) -> tuple[Node, str]:
        if isinstance(hint, TypeVar):
            if hint not in env:
                raise SchemaError(f"{place}: the type parameter {hint} is not given")
            hint = env[hint]
        origin = typing.get_origin(hint)
        if hint is float:
            return (AgeNode(), "age") if is_age else (FloatNode(), "float")
        if hint in _LEAVES:
            return _LEAVES[hint](), getattr(hint, "__name__", "None")
        if origin in (typing.Union, types.UnionType):
            return self._choice(typing.get_args(hint), env, place, in_step)
        if origin is tuple:
            return self._tuple(typing.get_args(hint), env, place)
        if origin is frozenset:
            item, text = self.node(typing.get_args(hint)[0], env, place, in_step=False)
            return SetNode(item), f"set[{text}]"
        if isinstance(hint, type) and issubclass(hint, Enum):
            return EnumNode(hint), f"{hint.__name__}({','.join(f'{member.name}={member.value!r}' for member in hint)})"
        if is_dataclass(origin if origin is not None else hint):
            return self._struct(hint, origin, env, place, in_step)
        raise SchemaError(f"{place}: {hint!r} cannot be journaled")

    def _tuple(self, args: tuple[object, ...], env: _Env, place: str) -> tuple[Node, str]:
        if len(args) == 2 and args[1] is Ellipsis:
            item, text = self.node(args[0], env, place, in_step=False)
            return SequenceNode(item), f"[{text}]"
        pairs = [self.node(arg, env, place, in_step=False) for arg in args]
        return FixedTupleNode(tuple(node for node, _ in pairs)), f"({','.join(text for _, text in pairs)})"

    def _choice(self, args: tuple[object, ...], env: _Env, place: str, in_step: bool) -> tuple[Node, str]:
        resolved: list[object] = []
        for arg in args:
            actual = env.get(arg, arg) if isinstance(arg, TypeVar) else arg
            inner = typing.get_args(actual) if typing.get_origin(actual) in (typing.Union, types.UnionType) else (actual,)
            resolved.extend(part for part in inner if part not in resolved)
        members: list[tuple[type, Node]] = []
        texts = []
        for part in resolved:
            cls = typing.get_origin(part) or part
            if not isinstance(cls, type) or any(cls is seen for seen, _ in members):
                raise SchemaError(f"{place}: the members of {args!r} cannot be told apart by class")
            node, text = self.node(part, env, place, in_step=in_step)
            members.append((cls, node))
            texts.append(text)
        return ChoiceNode(tuple(members)), f"<{'|'.join(texts)}>"

    def _struct(self, hint: object, origin: object, env: _Env, place: str, in_step: bool) -> tuple[Node, str]:
        cls: Any = origin if origin is not None else hint
        if hint in self._open:
            raise SchemaError(f"{place}: {cls.__name__} contains itself")
        if not cls.__dataclass_params__.frozen:
            raise SchemaError(f"{place}: {cls.__name__} is not frozen")
        inner: _Env = {}
        if origin is not None:
            given = [env.get(arg, arg) if isinstance(arg, TypeVar) else arg for arg in typing.get_args(hint)]
            inner = dict(zip(cls.__parameters__, given, strict=True))
        hints = typing.get_type_hints(cls)
        self._open.append(hint)
        nodes = []
        texts = []
        for field in fields(cls):
            where = f"{place}.{field.name}"
            if not field.init or field.kw_only:
                raise SchemaError(f"{where}: fields outside __init__ and keyword-only fields cannot be journaled")
            node, text = self.node(hints[field.name], inner, where, in_step=in_step, is_age=in_step and field.name in self._ages)
            nodes.append(node)
            texts.append(f"{field.name}:{text}")
        self._open.pop()
        return StructNode(cls, tuple(field.name for field in fields(cls)), tuple(nodes), cls), f"{cls.__name__}{{{';'.join(texts)}}}"
