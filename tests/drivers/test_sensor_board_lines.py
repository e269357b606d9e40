from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadctl_drivers.sensor_board import lines
from treadctl_drivers.sensor_board.lines import LineParser, SensorLine

EXAMPLE = SensorLine(17, 170, 0x003F, 812, 790, -833)
WORN = SensorLine(18, 180, 0x003F, 812, 790, -833, (12, -2048, 77, -3, 40, 0))
WORN_BODY = b"S2,18,180,003F,812,790,-833,12,-2048,77,-3,40,0"
counts = st.none() | st.integers(-999999999, 999999999)
sensor_lines = st.builds(
    SensorLine,
    seq=st.integers(0, 65535),
    t_ms=st.integers(0, 4294967295),
    inputs=st.integers(0, 0xFFFF),
    rail_left=st.none() | st.integers(-99999999, 99999999),
    rail_right=st.none() | st.integers(-99999999, 99999999),
    belt_mm_per_s=st.none() | st.integers(-9999, 9999),
    trunk=st.just(()) | st.tuples(counts, counts, counts, counts, counts, counts),
)


def bitwise_crc(data: bytes) -> int:
    """The same CRC, one bit at a time, straight from its definition."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def line_with_crc(body: bytes, end: bytes = b"\n") -> bytes:
    return b"$%b*%04X%b" % (body, bitwise_crc(body), end)


def test_crc_is_ccitt_false() -> None:
    assert lines.crc16(b"123456789") == 0x29B1 == bitwise_crc(b"123456789")


def test_the_documented_example_is_read() -> None:
    assert LineParser().feed(line_with_crc(b"S1,17,170,003F,812,790,-833")) == [EXAMPLE]
    assert lines.encode_line(EXAMPLE) == line_with_crc(b"S1,17,170,003F,812,790,-833")


def test_an_s2_line_carries_six_counts_more() -> None:
    assert LineParser().feed(line_with_crc(WORN_BODY)) == [WORN]
    assert lines.encode_line(WORN) == line_with_crc(WORN_BODY)
    assert EXAMPLE.trunk == ()


def test_s1_and_s2_lines_may_come_in_turn() -> None:
    parser = LineParser()
    assert parser.feed(lines.encode_line(EXAMPLE) + lines.encode_line(WORN) + lines.encode_line(EXAMPLE)) == [EXAMPLE, WORN, EXAMPLE]
    assert (parser.counters.lines, parser.counters.form_errors) == (3, 0)


def test_a_missing_count_of_the_worn_sensor_is_no_number() -> None:
    (line,) = LineParser().feed(line_with_crc(b"S2,18,180,003F,812,790,-833,!,-2048,77,!,40,0"))
    assert line.trunk == (None, -2048, 77, None, 40, 0)
    assert line.rail_left == 812


def test_the_longest_line_the_forms_allow_fits_however_it_is_cut() -> None:
    far = -999999999
    longest = SensorLine(65535, 4294967295, 0xFFFF, far, far, far, (far,) * 6)
    stream = lines.encode_line(longest)[:-1] + b"\r\n"
    assert 120 < len(stream) - 1 <= lines.MAX_LINE
    parser = LineParser()
    assert [line for byte in stream for line in parser.feed(bytes((byte,)))] == [longest]


@given(sent=st.lists(sensor_lines, max_size=5), cuts=st.lists(st.integers(1, 40), max_size=20))
def test_lines_are_the_same_however_the_stream_is_cut(sent: list[SensorLine], cuts: list[int]) -> None:
    stream = b"".join(lines.encode_line(line) for line in sent)
    parser = LineParser()
    got: list[SensorLine] = []
    for cut in cuts:
        got += parser.feed(stream[:cut])
        stream = stream[cut:]
    got += parser.feed(stream)
    assert got == sent


def test_a_line_is_there_with_its_last_byte_and_not_before() -> None:
    stream = lines.encode_line(EXAMPLE)
    parser = LineParser()
    assert parser.feed(stream[:-1]) == []
    assert parser.feed(stream[-1:]) == [EXAMPLE]


def test_a_carriage_return_before_the_line_feed_is_ignored() -> None:
    assert LineParser().feed(line_with_crc(b"S1,17,170,003F,812,790,-833", b"\r\n")) == [EXAMPLE]


@given(line=st.sampled_from((EXAMPLE, WORN)), position=st.integers(0, 200), bit=st.integers(0, 7))
def test_no_single_flipped_bit_gives_another_line(line: SensorLine, position: int, bit: int) -> None:
    stream = bytearray(lines.encode_line(line))
    stream[position % len(stream)] ^= 1 << bit
    assert LineParser().feed(bytes(stream)) in ([], [line])


@settings(max_examples=200)
@given(noise=st.binary(max_size=400))
def test_after_any_garbage_the_second_line_is_read_again(noise: bytes) -> None:
    parser = LineParser()
    parser.feed(noise)
    parser.feed(b"\n")
    assert parser.feed(lines.encode_line(EXAMPLE)) == [EXAMPLE]


def test_a_lost_line_feed_costs_one_line_only() -> None:
    cut = lines.encode_line(SensorLine(16, 160, 0x3F, 1, 2, 3))[:-1]
    parser = LineParser()
    assert parser.feed(cut + lines.encode_line(EXAMPLE)) == [EXAMPLE]


def test_a_line_cut_short_is_a_crc_error_and_the_next_is_read() -> None:
    parser = LineParser()
    assert parser.feed(b"$S1,16,16\n" + lines.encode_line(EXAMPLE)) == [EXAMPLE]
    assert parser.counters.crc_errors == 1


@pytest.mark.parametrize(
    "body",
    [
        b"S2,17,170,003F,812,790,-833",
        b"S1,17,170,003F,812,790,-833,1,2,3,4,5,6",
        b"S2,17,170,003F,812,790,-833,1,2,3,4,5",
        b"S2,17,170,003F,812,790,-833,1,2,3,4,5,6,7",
        b"S2,17,170,003F,812,790,-833,1,2,3,4,5,0x6",
        b"S2,17,170,003F,812,790,-833,1,2,3.0,4,5,6",
        b"S2,17,170,003F,812,790,-833,1,2,,4,5,6",
        b"S2,17,170,003F,812,790,-833,1,2,!!,4,5,6",
        b"S2,17,170,003F,812,790,-833,1,2,--3,4,5,6",
        b"S2,65536,170,003F,812,790,-833,1,2,3,4,5,6",
        b"S3,17,170,003F,812,790,-833,1,2,3,4,5,6",
        b"S1,65536,170,003F,812,790,-833",
        b"S1,17,4294967296,003F,812,790,-833",
        b"S1,17,170,003f,812,790,-833",
        b"S1,17,170,03F,812,790,-833",
        b"S1,17,170,003F,8 12,790,-833",
        b"S1,17,170,003F,+812,790,-833",
        b"S1,17,170,003F,8_12,790,-833",
        b"S1,17,170,003F,812,790",
        b"S1,17,170,003F,812,790,-833,1",
        b"S1,-1,170,003F,812,790,-833",
        b"S1,17,170,003F,,790,-833",
        b"S1,17,170,003F,nan,790,-833",
        b"E1,1,5",
    ],
)
def test_a_right_crc_around_a_wrong_line_is_refused(body: bytes) -> None:
    parser = LineParser()
    assert parser.feed(line_with_crc(body)) == []
    assert parser.counters.form_errors == 1


def test_a_line_longer_than_the_protocol_allows_is_dropped() -> None:
    parser = LineParser()
    assert parser.feed(line_with_crc(b"S1,17,170,003F,812,790,-833" + b"0" * lines.MAX_LINE)) == []
    assert parser.feed(line_with_crc(WORN_BODY + b"," + b"0" * lines.MAX_LINE)) == []
    assert parser.counters.form_errors == 0, "cut before it was a line"
    assert parser.feed(lines.encode_line(EXAMPLE)) == [EXAMPLE]


def test_a_babbling_port_does_not_grow_the_buffer() -> None:
    parser = LineParser()
    for _ in range(1000):
        parser.feed(b"\x00\xff$" * 100)
    assert len(parser._buffer) <= lines.MAX_LINE


def test_a_converter_fault_is_no_number() -> None:
    (line,) = LineParser().feed(line_with_crc(b"S1,1,2,0000,!,5,!"))
    assert (line.rail_left, line.rail_right, line.belt_mm_per_s) == (None, 5, None)


@pytest.mark.parametrize(("on", "n", "body"), [(True, 0, b"E1,1,0"), (False, 255, b"E1,0,255"), (True, 256, b"E1,1,0")])
def test_enable_lines_are_byte_exact(on: bool, n: int, body: bytes) -> None:
    assert lines.encode_enable(on, n) == line_with_crc(body)


@pytest.mark.parametrize("trunk", [(), (12, -2048, 77, -3, 40, 0)])
def test_one_line_costs_at_most_30_microseconds(trunk: tuple[int, ...]) -> None:
    stream = [lines.encode_line(SensorLine(n & 0xFFFF, n * 5, 0x3F, 800 + n % 7, 790, -833, trunk)) for n in range(200)]
    best_s = min(parse_time_s(stream) for _ in range(40))
    assert best_s / len(stream) <= 30e-6


def parse_time_s(stream: list[bytes]) -> float:
    parser = LineParser()
    begin_s = time.thread_time()
    for line in stream:
        parser.feed(line)
    return time.thread_time() - begin_s
