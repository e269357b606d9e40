"""The node of a dataclass: the one place where the codec is written for speed, because the control loop pays for it at every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter

from treadctl.journal._nodes import AgeNode, CodecError, Cursor, Node, StepClock


class StructNode(Node):
    """A dataclass. In full: its fields in order. As a change: a mask with one bit a leaf, then the changes of the leaves whose bit is set.

    The leaves are the fields, with dataclasses among them replaced by their own leaves, however deep: one attrgetter fetches them all, and almost
    every comparison of a step is one `is`. That is what keeps a step of some sixty leaves within the time the control loop has for it.
    """

    def __init__(self, cls: type, names: tuple[str, ...], nodes: tuple[Node, ...], build: Callable[..., object]) -> None:
        self.cls = cls
        self.nodes = nodes
        self.build = build
        self.moves = any(node.moves for node in nodes)
        self._get = _fields_getter(names)
        self.leaves: tuple[tuple[str, Node], ...] = tuple(leaf for name, node in zip(names, nodes, strict=True) for leaf in _leaves(name, node))
        self._get_leaves = _fields_getter(tuple(name for name, _ in self.leaves))
        self._leaf_nodes = tuple(node for _, node in self.leaves)
        self._ages = tuple(index for index, node in enumerate(self._leaf_nodes) if isinstance(node, AgeNode))
        self._moving = tuple(index for index, node in enumerate(self._leaf_nodes) if node.moves and not isinstance(node, AgeNode))
        self._deltas = tuple(node.delta for node in self._leaf_nodes)
        self._bits = tuple(1 << index for index in range(len(self.leaves)))
        self._indexes = tuple(range(len(self.leaves)))
        self.mask_size = (len(self.leaves) + 7) // 8

    def full(self, value: object) -> bytes:
        if type(value) is not self.cls:
            raise CodecError(f"{value!r} is not a {self.cls.__name__}")
        return b"".join([node.full(part) for node, part in zip(self.nodes, self._get(value), strict=True)])

    def read(self, cursor: Cursor) -> object:
        return self._make([node.read(cursor) for node in self.nodes])

    def delta(self, value: object, before: object, clock: StepClock) -> bytes:
        if value is before and not self.moves:
            return b""
        if type(value) is not self.cls:
            raise CodecError(f"{value!r} is not a {self.cls.__name__}")
        new, old = self._get_leaves(value), self._get_leaves(before)
        suspects = self._suspects(new, old, clock)
        if not suspects:
            return b""
        deltas, bits = self._deltas, self._bits
        mask = 0
        parts = []
        for index in suspects:
            change = deltas[index](new[index], old[index], clock)
            if change:
                mask |= bits[index]
                parts.append(change)
        return mask.to_bytes(self.mask_size, "little") + b"".join(parts) if mask else b""

    def _suspects(self, new: tuple[object, ...], old: tuple[object, ...], clock: StepClock) -> list[int]:
        """The leaves that may have changed: another object than before, or an age that did not simply grow with the clock."""
        suspects = [index for index, after, before in zip(self._indexes, new, old) if after is not before]  # noqa: B905 - same getter, same length
        if not self.moves:
            return suspects
        found = set(suspects)
        now_s, before_s = clock
        for index in self._ages:
            age_s, age_before_s = new[index], old[index]
            if type(age_s) is float and type(age_before_s) is float and age_s == now_s - (before_s - age_before_s) and age_s != 0.0:
                found.discard(index)
            else:
                found.add(index)
        found.update(self._moving)
        return sorted(found)

    def read_delta(self, cursor: Cursor, before: object, clock: StepClock) -> object:
        mask = int.from_bytes(cursor.take(self.mask_size), "little")
        if mask == 0 or mask >> len(self.leaves):
            raise CodecError(f"{mask:#x} is no mask of {self.cls.__name__}")
        pairs = zip(self._leaf_nodes, self._get_leaves(before), self._bits, strict=True)
        return self.assemble(iter([node.read_delta(cursor, old, clock) if mask & bit else node.advance(old, clock) for node, old, bit in pairs]))

    def advance(self, before: object, clock: StepClock) -> object:
        if not self.moves:
            return before
        return self.assemble(iter([node.advance(old, clock) for node, old in zip(self._leaf_nodes, self._get_leaves(before), strict=True)]))

    def assemble(self, leaves: Iterator[object]) -> object:
        """The value with these leaves; takes as many as it has."""
        return self._make([node.assemble(leaves) if isinstance(node, StructNode) else next(leaves) for node in self.nodes])

    def _make(self, parts: list[object]) -> object:
        try:
            return self.build(*parts)
        except (TypeError, ValueError) as error:
            raise CodecError(f"{self.cls.__name__} refuses its recorded fields: {error}") from error


def _leaves(name: str, node: Node) -> tuple[tuple[str, Node], ...]:
    if isinstance(node, StructNode):
        return tuple((f"{name}.{inner}", leaf) for inner, leaf in node.leaves)
    return ((name, node),)


def _fields_getter(names: tuple[str, ...]) -> Callable[[object], tuple[object, ...]]:
    """A function from a value to the tuple of its fields."""
    if len(names) > 1:
        return attrgetter(*names)
    if not names:

        def nothing(value: object) -> tuple[object, ...]:
            return ()

        return nothing
    only = attrgetter(names[0])

    def one(value: object) -> tuple[object, ...]:
        return (only(value),)

    return one
