"""The codec gives back every bit, knows every change, and refuses what it does not understand."""

from __future__ import annotations

import contextlib
import math
import struct
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Generic, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_toy import Answer, Ask, Cell, Colour, In, Level, Out, Pair

from treadctl.core.controller import Inputs
from treadctl.core.sample import Sample
from treadctl.journal import Codec, CodecError, SchemaError
from treadctl.journal.core_schema import core_schema
from treadctl.testing.builders import healthy_sample

T = TypeVar("T")
AGES = frozenset({"age_s"})
INPUTS = Codec(In, AGES)

any_float = st.one_of(
    st.floats(),
    st.sampled_from([0.0, -0.0, math.inf, -math.inf, 5e-324]),
    st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", bits.to_bytes(8, "little"))[0]),
)
times = st.floats(1e3, 1e7)


def cells(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Cell[Any]]:
    return st.builds(Cell, st.none() | values, any_float, st.sampled_from(Level))


asks = st.builds(Ask, st.text(), st.integers()) | st.builds(Answer, any_float)
pairs = st.builds(Pair, any_float, st.none() | st.sampled_from(Colour))
samples = st.builds(In, cells(st.booleans()), cells(any_float), cells(pairs), st.lists(asks, max_size=3).map(tuple), any_float)


def untyped(cls: Any, *fields: object) -> Any:  # noqa: ANN401 - builds what the type checker would refuse
    return cls(*fields)


def bits(value: object) -> object:
    """The same value with every float as its bytes, so that == compares bits."""
    if isinstance(value, float):
        return struct.pack("<d", value)
    if isinstance(value, (In, Cell, Pair, Ask, Answer, Out)):
        return (type(value), [bits(getattr(value, name)) for name in value.__slots__])
    if isinstance(value, tuple):
        return [bits(item) for item in value]
    return (type(value), value)


@given(samples)
def test_a_value_comes_back_bit_for_bit(sample: In) -> None:
    assert bits(INPUTS.decode(INPUTS.encode(sample))) == bits(sample)


@given(samples, samples, times, times)
@settings(max_examples=300)
def test_a_change_comes_back_bit_for_bit(before: In, after: In, before_s: float, now_s: float) -> None:
    before = INPUTS.decode(INPUTS.encode(before))
    data = INPUTS.encode_change(after, before, (now_s, before_s))
    assert bits(INPUTS.decode_change(data, before, (now_s, before_s))) == bits(after)


@given(samples, st.sampled_from(["flag", "load", "motion", "asks", "lateness_s"]), samples, times)
@settings(max_examples=200)
def test_one_changed_field_comes_back_beside_unchanged_ones(before: In, name: str, other: In, now_s: float) -> None:
    after = replace(before, **{name: getattr(other, name)})
    clock = (now_s, now_s)
    assert bits(INPUTS.decode_change(INPUTS.encode_change(after, before, clock), before, clock)) == bits(after)


def test_the_very_same_object_is_older_at_the_next_step() -> None:
    sample = In(Cell(True, 0.25, Level.LOW), Cell(1.0, math.inf, Level.LOW), Cell(None, 0.5, Level.LOW))
    clock = (1000.5, 1000.0)
    data = INPUTS.encode_change(sample, sample, clock)
    assert bits(INPUTS.decode_change(data, sample, clock)) == bits(sample)


def test_an_age_that_only_grew_with_the_clock_costs_nothing() -> None:
    received_s, before_s, now_s = 1000.123, 1000.2, 1000.22
    before = In(Cell(True, before_s - received_s, Level.LOW), Cell(None, math.inf, Level.LOW), Cell(None, math.inf, Level.LOW))
    after = In(Cell(True, now_s - received_s, Level.LOW), Cell(None, math.inf, Level.LOW), Cell(None, math.inf, Level.LOW))
    assert INPUTS.encode_change(after, before, (now_s, before_s)) == b""
    assert INPUTS.decode_change(b"", before, (now_s, before_s)) == after


@dataclass(frozen=True)
class Perhaps:
    cell: Cell[float] | None


def test_an_age_inside_a_choice_grows_too() -> None:
    codec = Codec(Perhaps, AGES)
    before, clock = Perhaps(Cell(1.5, 0.25, Level.LOW)), (1000.5, 1000.0)
    older = Perhaps(Cell(1.5, 0.75, Level.LOW))
    for after in (before, older, Perhaps(None), Perhaps(Cell(2.5, 0.75, Level.LOW))):
        assert codec.decode_change(codec.encode_change(after, before, clock), before, clock) == after
    assert codec.encode_change(older, before, clock) == b""


def test_an_unchanged_output_costs_nothing_even_as_another_object() -> None:
    codec = Codec(Out, AGES)
    first = Out(1.5, 7, frozenset({Colour.RED, Colour.BLUE}), (3, "x"))
    again = Out(1.5, 7, frozenset({Colour.BLUE, Colour.RED}), (3, "x"))
    assert codec.encode_change(again, first, (2.0, 1.0)) == b""
    assert codec.encode(again) == codec.encode(first)


def test_the_sign_of_zero_is_a_change() -> None:
    codec = Codec(Answer)
    data = codec.encode_change(Answer(-0.0), Answer(0.0), (1.0, 1.0))
    assert math.copysign(1.0, codec.decode_change(data, Answer(0.0), (1.0, 1.0)).score) == -1.0


def test_an_int_in_a_float_field_is_the_float_it_equals() -> None:
    assert bits(Codec(Answer).decode(Codec(Answer).encode(Answer(3)))) == bits(Answer(3.0))


@pytest.mark.parametrize(
    "value",
    [
        Answer(2**60 + 1),
        Answer(True),
        untyped(Answer, "1"),
        untyped(Answer, None),
    ],
)
def test_what_is_no_float_is_refused(value: Answer) -> None:
    with pytest.raises(CodecError):
        Codec(Answer).encode(value)


@pytest.mark.parametrize("value", [untyped(Ask, 3, 1), untyped(Ask, "a", True), untyped(Ask, "a", 1.0), Pair(1.0, None), None, object()])
def test_a_value_of_another_type_is_refused(value: object) -> None:
    codec: Codec[Any] = Codec(Ask)
    with pytest.raises(CodecError):
        codec.encode(value)
    with pytest.raises(CodecError):
        codec.encode_change(value, Ask("b", 2), (1.0, 1.0))


def test_a_plain_string_is_no_enum_member() -> None:
    with pytest.raises(CodecError):
        Codec(Pair).encode(untyped(Pair, 1.0, "red"))


@given(st.binary(max_size=60))
def test_foreign_bytes_are_refused_or_read_never_a_crash(data: bytes) -> None:
    for read in (INPUTS.decode, lambda body: INPUTS.decode_change(body, inputs, (2.0, 1.0))):
        with contextlib.suppress(CodecError):
            read(data)


inputs = In(Cell(True, 0.1, Level.LOW), Cell(2.0, 0.1, Level.LOW), Cell(Pair(1.0, None), 0.1, Level.LOW))


def test_every_cut_of_an_encoding_is_refused() -> None:
    data = INPUTS.encode(inputs)
    for end in range(len(data)):
        with pytest.raises(CodecError):
            INPUTS.decode(data[:end])
    with pytest.raises(CodecError):
        INPUTS.decode(data + b"\0")


class One(Enum):
    A = 1


class Two(Enum):
    A = 1
    B = 2


@dataclass(frozen=True)
class HasOne:
    x: One


@dataclass(frozen=True)
class HasTwo:
    x: Two


@dataclass(frozen=True)
class Open:
    x: list[int]


@dataclass(frozen=True)
class Mixed:
    x: Cell[bool] | Cell[float]


@dataclass(frozen=True)
class Bare(Generic[T]):
    x: Cell[T]


@dataclass(frozen=True)
class Loop:
    x: Loop | None


@dataclass
class Thawed:
    x: int


@dataclass(frozen=True)
class HasThawed:
    x: Thawed


@pytest.mark.parametrize("cls", [Open, Mixed, Bare, Loop, HasThawed])
def test_a_type_that_cannot_be_journaled_is_refused_naming_the_field(cls: type) -> None:
    with pytest.raises(SchemaError, match=rf"{cls.__name__}\.x"):
        Codec(cls)


def test_the_fingerprint_changes_with_the_structure() -> None:
    assert Codec(HasOne).description.replace("HasOne", "HasTwo").replace("One", "Two") != Codec(HasTwo).description
    prints = {Codec(cls).fingerprint for cls in (HasOne, HasTwo, Ask, Answer, Pair)} | {INPUTS.fingerprint, Codec(In).fingerprint}
    assert len(prints) == 7
    assert Codec(In, AGES).fingerprint == INPUTS.fingerprint


def test_the_types_of_the_core_can_be_journaled() -> None:
    schema = core_schema()
    inputs: Codec[Inputs] = schema.inputs
    assert inputs.decode(inputs.encode(Inputs(healthy_sample(1.0)))) == Inputs(healthy_sample(1.0))
    assert inputs.decode(inputs.encode(Inputs(Sample()))) == Inputs(Sample())

    assert "age_s:age" in inputs.description
