from __future__ import annotations

import struct
import zlib
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records_rig import a_series

from treadctl.errors import TreadctlError
from treadctl.records.model import Series
from treadctl.records.series import COLUMNS, pack_series, unpack_series

VALUES = st.floats(width=32, allow_nan=False, allow_infinity=False)
# One second of the form, written by hand: it must be read for ever.
FORM_1 = b"TCSR\x01\x08" + struct.pack("<I", 2) + zlib.compress(struct.pack("<16f", 0.0, 0.5, 1.5, *[float("nan")] * 13))


@st.composite
def any_series(draw: st.DrawFn) -> Series:
    count = draw(st.integers(0, 12))
    time_s = tuple(draw(st.lists(VALUES, min_size=count, max_size=count)))
    rest = [tuple(draw(st.lists(st.none() | VALUES, min_size=count, max_size=count))) for _ in COLUMNS[1:]]
    return Series(time_s, *rest)


def code(data: bytes) -> str:
    with pytest.raises(TreadctlError) as caught:
        unpack_series(data, "session s1")
    assert "session s1" in str(caught.value)
    return caught.value.kind.code


@given(series=any_series())
def test_what_32_bits_can_hold_comes_back_as_it_was(series: Series) -> None:
    assert unpack_series(pack_series(series)) == series


@given(value=st.floats(-1e30, 1e30))
def test_every_other_value_comes_back_as_near_as_32_bits_are(value: float) -> None:
    back = unpack_series(pack_series(Series(*[(value,)] * len(COLUMNS)))).measured_mps[0]
    assert back == struct.unpack("<f", struct.pack("<f", value))[0]


@given(data=st.binary(max_size=200))
def test_bytes_of_anything_are_refused_and_never_crash(data: bytes) -> None:
    assert code(data) == "TC604"


@given(series=any_series(), where=st.floats(0.0, 1.0, exclude_max=True), flip=st.integers(1, 255))
def test_a_byte_that_changed_is_noticed_or_changes_nothing(series: Series, where: float, flip: int) -> None:
    data = bytearray(pack_series(series))
    data[int(where * len(data))] ^= flip
    try:
        assert unpack_series(bytes(data)) == series
    except TreadctlError as error:
        assert error.kind.code in {"TC604", "TC601"}


@given(series=any_series(), where=st.floats(0.0, 1.0, exclude_max=True))
def test_a_series_that_was_cut_is_damaged(series: Series, where: float) -> None:
    data = pack_series(series)
    assert code(data[: int(where * len(data))]) == "TC604"


def test_what_follows_a_series_is_damage() -> None:
    assert code(pack_series(a_series()) + b"\0") == "TC604"


def test_the_first_form_is_read_for_ever() -> None:
    unknown = (None, None)
    assert unpack_series(FORM_1) == Series((0.0, 0.5), (1.5, None), *[unknown] * 6)
    assert tuple(field.name for field in fields(Series)) == COLUMNS
    assert len(COLUMNS) == 8


def test_a_form_of_later_is_told_as_such() -> None:
    assert code(b"TCSR\x02" + FORM_1[5:]) == "TC601"


def test_what_claims_less_than_it_unfolds_to_is_not_unfolded() -> None:
    assert code(FORM_1[:10] + zlib.compress(bytes(100_000_000))) == "TC604"


def test_a_length_beyond_a_day_is_given_no_memory() -> None:
    assert code(b"TCSR\x01\x08\xff\xff\xff\xff" + FORM_1[10:]) == "TC604"


def test_a_sample_without_an_instant_is_damage() -> None:
    assert code(b"TCSR\x01\x08" + struct.pack("<I", 1) + zlib.compress(struct.pack("<8f", *[float("nan")] * 8))) == "TC604"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e39])
def test_what_is_no_number_is_not_stored(value: float) -> None:
    with pytest.raises(TreadctlError, match="grade_percent") as caught:
        pack_series(replace(a_series(1), grade_percent=(value,)))
    assert caught.value.kind.code == "TC104"


def test_columns_of_unequal_length_are_not_stored() -> None:
    with pytest.raises(TreadctlError, match="cadence_per_min"):
        pack_series(replace(a_series(3), cadence_per_min=()))


def test_an_hour_takes_less_than_the_floats_it_is_made_of() -> None:
    assert len(pack_series(a_series(36_000))) < 36_000 * 8 * 4 / 2
