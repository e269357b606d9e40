"""The nodes of a codec: how one type is written in full, as a change against an earlier value, and read back.

Every node keeps one promise: what is read equals, bit for bit, what was written. A change of zero bytes means "as before".
"""

from __future__ import annotations

import struct
from enum import Enum
from typing import Final

StepClock = tuple[float, float]  # now_s and the now_s of the value the change is against

_FLOAT: Final = struct.Struct("<d")
_pack_float: Final = _FLOAT.pack
_EXACT_INT_IN_FLOAT: Final = 2**53


class CodecError(ValueError):
    """A value that does not fit its declared type, or bytes that are not an encoding of it."""


class Cursor:
    """A read position in bytes. Raises CodecError instead of reading past the end."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position

    @property
    def at_end(self) -> bool:
        """Whether every byte was read."""
        return self.position >= len(self.data)

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        end = self.position + count
        if end > len(self.data):
            raise CodecError(f"{count} bytes wanted at {self.position}, {len(self.data) - self.position} left")
        part = self.data[self.position : end]
        self.position = end
        return part

    def varint(self) -> int:
        """An unsigned number, seven bits a byte, lowest first."""
        number = shift = 0
        while True:
            byte = self.take(1)[0]
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7


def varint(number: int) -> bytes:
    """The encoding `Cursor.varint` reads."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


class Node:
    """How one type travels. `moves` is True where a type holds ages, which change by themselves as the clock goes on."""

    moves: bool = False

    def full(self, value: object) -> bytes:
        """The whole value."""
        raise NotImplementedError

    def read(self, cursor: Cursor) -> object:
        """The value that `full` wrote."""
        raise NotImplementedError

    def delta(self, value: object, before: object, clock: StepClock) -> bytes:
        """What changed since `before`: nothing, or (unless a node knows better) the whole value."""
        if value is before:
            return b""
        data = self.full(value)
        return b"" if data == self.full(before) else data

    def read_delta(self, cursor: Cursor, before: object, clock: StepClock) -> object:
        """The value whose non-empty `delta` comes next."""
        return self.read(cursor)

    def advance(self, before: object, clock: StepClock) -> object:
        """The value whose `delta` was empty."""
        return before


class FloatNode(Node):
    """Eight bytes, IEEE 754, so that -0.0, infinities and the payload of a NaN survive. An int is taken as the float it equals."""

    def full(self, value: object) -> bytes:
        if type(value) is float:
            return _pack_float(value)
        if type(value) is int and -_EXACT_INT_IN_FLOAT <= value <= _EXACT_INT_IN_FLOAT:
            return _pack_float(value)
        raise CodecError(f"{value!r} is not a float")

    def delta(self, value: object, before: object, clock: StepClock) -> bytes:
        # Equal and not zero means equal bits; zeros have two signs and a NaN equals nothing, those compare as bytes.
        if type(value) is float and value == before and value != 0.0:
            return b""
        data = self.full(value)
        return b"" if data == self.full(before) else data

    def read(self, cursor: Cursor) -> float:
        (number,) = _FLOAT.unpack(cursor.take(8))
        return float(number)


class AgeNode(FloatNode):
    """A float that says how long ago something was, at the instant of the step.

    As long as the instant it points at stays, nothing is written: the reader computes `now - (now_before - age_before)`, and the writer has
    made sure that exactly this expression gives the age, to the bit. Otherwise the age itself is written.
    """

    moves = True

    def delta(self, value: object, before: object, clock: StepClock) -> bytes:
        if type(value) is float and type(before) is float:
            expected = clock[0] - (clock[1] - before)
            if value == expected and (value != 0.0 or _pack_float(value) == _pack_float(expected)):
                return b""
        return self.full(value)

    def advance(self, before: object, clock: StepClock) -> object:
        if type(before) is not float:
            raise CodecError(f"{before!r} is not an age")
        return clock[0] - (clock[1] - before)


class IntNode(Node):
    """A whole number of any size: zigzag, then a varint."""

    def full(self, value: object) -> bytes:
        if type(value) is not int:
            raise CodecError(f"{value!r} is not an int")
        return varint(value << 1 if value >= 0 else (-value << 1) - 1)

    def read(self, cursor: Cursor) -> int:
        number = cursor.varint()
        return -((number + 1) >> 1) if number & 1 else number >> 1


class BoolNode(Node):
    """One byte, 0 or 1."""

    def full(self, value: object) -> bytes:
        if value is True:
            return b"\x01"
        if value is False:
            return b"\x00"
        raise CodecError(f"{value!r} is not a bool")

    def read(self, cursor: Cursor) -> bool:
        byte = cursor.take(1)[0]
        if byte > 1:
            raise CodecError(f"{byte} is not a bool")
        return byte == 1


class NoneNode(Node):
    """No bytes. Only ever a member of a choice, whose tag says it all."""

    def full(self, value: object) -> bytes:
        return b""

    def read(self, cursor: Cursor) -> None:
        return None


class StrNode(Node):
    """Length and UTF-8; lone surrogates are kept."""

    def full(self, value: object) -> bytes:
        if type(value) is not str:
            raise CodecError(f"{value!r} is not a str")
        data = value.encode("utf-8", "surrogatepass")
        return varint(len(data)) + data

    def read(self, cursor: Cursor) -> str:
        try:
            return cursor.take(cursor.varint()).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise CodecError(str(error)) from error


class BytesNode(Node):
    """Length and bytes."""

    def full(self, value: object) -> bytes:
        if type(value) is not bytes:
            raise CodecError(f"{value!r} is not bytes")
        return varint(len(value)) + value

    def read(self, cursor: Cursor) -> bytes:
        return cursor.take(cursor.varint())


class EnumNode(Node):
    """The position of the member in its class. Names and values are part of the fingerprint, so a changed enum is another schema."""

    def __init__(self, cls: type[Enum]) -> None:
        self.cls = cls
        self.members = tuple(cls)
        self.codes = {member: varint(index) for index, member in enumerate(self.members)}

    def full(self, value: object) -> bytes:
        if type(value) is not self.cls:
            raise CodecError(f"{value!r} is not a {self.cls.__name__}")
        return self.codes[value]

    def delta(self, value: object, before: object, clock: StepClock) -> bytes:
        return b"" if value is before else self.full(value)

    def read(self, cursor: Cursor) -> Enum:
        index = cursor.varint()
        if index >= len(self.members):
            raise CodecError(f"{self.cls.__name__} has no member {index}")
        return self.members[index]


class SequenceNode(Node):
    """tuple[T, ...]: the count, then the items in full."""

    def __init__(self, item: Node) -> None:
        self.item = item

    def full(self, value: object) -> bytes:
        if type(value) is not tuple:
            raise CodecError(f"{value!r} is not a tuple")
        item = self.item.full
        return varint(len(value)) + b"".join([item(part) for part in value])

    def read(self, cursor: Cursor) -> tuple[object, ...]:
        return tuple([self.item.read(cursor) for _ in range(cursor.varint())])


class FixedTupleNode(Node):
    """tuple[A, B, C]: the items in full."""

    def __init__(self, items: tuple[Node, ...]) -> None:
        self.items = items

    def full(self, value: object) -> bytes:
        if type(value) is not tuple or len(value) != len(self.items):
            raise CodecError(f"{value!r} is not a tuple of {len(self.items)}")
        return b"".join([node.full(part) for node, part in zip(self.items, value, strict=True)])

    def read(self, cursor: Cursor) -> tuple[object, ...]:
        return tuple([node.read(cursor) for node in self.items])


class SetNode(Node):
    """frozenset[T]: the count, then the encoded items in the order of their bytes, so that equal sets are equal bytes."""

    def __init__(self, item: Node) -> None:
        self.item = item

    def full(self, value: object) -> bytes:
        if type(value) is not frozenset:
            raise CodecError(f"{value!r} is not a frozenset")
        return varint(len(value)) + b"".join(sorted([self.item.full(part) for part in value]))

    def read(self, cursor: Cursor) -> frozenset[object]:
        return frozenset([self.item.read(cursor) for _ in range(cursor.varint())])


class ChoiceNode(Node):
    """A union, told apart by the exact class of the value. Tag 0: same member as before, its change follows; n: member n - 1 in full."""

    def __init__(self, members: tuple[tuple[type, Node], ...]) -> None:
        self.nodes = tuple(node for _, node in members)
        self.by_class = {cls: (bytes((index + 1,)), node) for index, (cls, node) in enumerate(members)}
        if float in self.by_class and int not in self.by_class:
            self.by_class[int] = self.by_class[float]
        self.moves = any(node.moves for node in self.nodes)

    def _member(self, value: object) -> tuple[bytes, Node]:
        found = self.by_class.get(type(value))
        if found is None:
            raise CodecError(f"{value!r} is none of {', '.join(sorted(cls.__name__ for cls in self.by_class))}")
        return found

    def full(self, value: object) -> bytes:
        tag, node = self._member(value)
        return tag + node.full(value)

    def read(self, cursor: Cursor) -> object:
        tag = cursor.take(1)[0]
        if not 1 <= tag <= len(self.nodes):
            raise CodecError(f"{tag} is no member of the choice")
        return self.nodes[tag - 1].read(cursor)

    def delta(self, value: object, before: object, clock: StepClock) -> bytes:
        if value is before and not self.moves:
            return b""
        tag, node = self._member(value)
        if type(before) is not type(value):
            return tag + node.full(value)
        change = node.delta(value, before, clock)
        return b"\x00" + change if change else b""

    def read_delta(self, cursor: Cursor, before: object, clock: StepClock) -> object:
        if cursor.data[cursor.position : cursor.position + 1] != b"\x00":
            return self.read(cursor)
        cursor.take(1)
        return self._member(before)[1].read_delta(cursor, before, clock)

    def advance(self, before: object, clock: StepClock) -> object:
        return self._member(before)[1].advance(before, clock)
