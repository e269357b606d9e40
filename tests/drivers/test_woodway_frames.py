from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadctl.core.sample import Direction
from treadctl_drivers.woodway import frames
from treadctl_drivers.woodway.frames import Command, ErrorCode, MismatchError


@pytest.mark.parametrize(
    ("frame", "golden"),
    [
        (frames.START_FRAME, "a0"),
        (frames.DISENGAGE_FRAME, "a2"),
        (frames.AUTO_STOP_FRAME, "aa"),
        (frames.READ_STATE_FRAME, "c0"),
        (frames.READ_SPEED_FRAME, "c1"),
        (frames.READ_ELEVATION_FRAME, "c2"),
        (frames.READ_FIRMWARE_FRAME, "c3"),
        (frames.encode_speed(20, Direction.REVERSE), "a333303230"),
        (frames.encode_speed(20, Direction.FORWARD), "a330303230"),
        (frames.encode_speed(0, Direction.FORWARD), "a330303030"),
        (frames.encode_speed(0, Direction.REVERSE), "a333303030"),
        (frames.encode_speed(125, Direction.REVERSE), "a333313235"),
        (frames.encode_speed(299, Direction.FORWARD), "a330323939"),
        (frames.encode_elevation(0), "a430303030"),
        (frames.encode_elevation(105), "a430313035"),
    ],
)
def test_every_frame_is_byte_exact(frame: bytes, golden: str) -> None:
    assert frame.hex() == golden


@given(tenths=st.integers(0, 299), direction=st.sampled_from(Direction))
def test_a_speed_frame_is_always_five_bytes_and_reads_back_the_same(tenths: int, direction: Direction) -> None:
    frame = frames.encode_speed(tenths, direction)
    assert len(frame) == 5
    assert frames.decode_speed(frame[1:]) == (tenths, direction)


@pytest.mark.parametrize("tenths", [-1, 300, -125])
def test_a_speed_that_does_not_fit_is_refused(tenths: int) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        frames.encode_speed(tenths, Direction.FORWARD)
    with pytest.raises(ValueError, match="outside"):
        frames.encode_elevation(tenths)


def test_start_without_timer_is_not_a_command_here() -> None:
    assert 0xA9 not in set(Command)


def test_a_reply_to_another_command_is_never_credited() -> None:
    replies = {c: bytes((frames.reply_code(c), *b"0000"[: frames.reply_length(c) - 1])) for c in Command}
    for asked in Command:
        for answered, received in replies.items():
            if asked is answered:
                reply = frames.decode_reply(asked, received)
                assert reply is not None
                assert reply.error is None
            else:
                with pytest.raises(MismatchError):
                    frames.decode_reply(asked, received)


@pytest.mark.parametrize("code", list(ErrorCode))
def test_an_error_reply_is_complete_with_one_byte_and_names_itself(code: ErrorCode) -> None:
    reply = frames.decode_reply(Command.READ_SPEED, bytes((code,)))
    assert reply is not None
    assert reply.error is code


@pytest.mark.parametrize("received", ["b0", "d031", "d131303230", "d1303a3230", "00"])
def test_a_foreign_or_meaningless_speed_reply_is_a_mismatch(received: str) -> None:
    with pytest.raises(MismatchError):
        frames.decode_reply(Command.READ_SPEED, bytes.fromhex(received))


@pytest.mark.parametrize("data", [b"1020", b"0 20", b"00-1", b"0\xb220", b"", b"30"])
def test_a_speed_with_a_foreign_digit_is_a_mismatch(data: bytes) -> None:
    with pytest.raises(MismatchError):
        frames.decode_speed(data)


@pytest.mark.parametrize("received", ["", "d1", "d1303230"])
def test_an_incomplete_reply_waits_for_its_last_byte(received: str) -> None:
    assert frames.decode_reply(Command.READ_SPEED, bytes.fromhex(received)) is None
    assert frames.decode_reply(Command.READ_SPEED, bytes.fromhex("d130303230")) is not None
