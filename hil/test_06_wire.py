"""The simulated wire takes as long as a real one, and two talkers spoil each other."""

from __future__ import annotations

import struct

import pytest

from treadctl_hil.hand import START_S, Hand
from treadctl_hil.line import Burst, Line, LineSetting, char_s, garbled, silence_s
from treadctl_hil.modbus import crc16, rtu, rtu_valid
from treadctl_hil.reactor import ManualTime

READ_STATE = bytes.fromhex("01030C810001D772")
READ_FOUR = rtu(1, struct.pack(">BHH", 3, 3201, 4))


class Ears:
    def __init__(self) -> None:
        self.bursts: list[Burst] = []

    def received(self, burst: Burst) -> None:
        self.bursts.append(burst)


def a_line(setting: LineSetting, *, bytewise: bool = False) -> tuple[ManualTime, Line, Ears, list[tuple[float, bytes]]]:
    time, ears = ManualTime(), Ears()
    heard: list[tuple[float, bytes]] = []

    def to_host(data: bytes) -> None:
        heard.append((time.now_s(), data))

    line = Line(time, setting, to_host, bytewise=bytewise)
    line.receiver = ears
    return time, line, ears, heard


@pytest.mark.parametrize(("baud", "ms"), [(9600, 1.1458), (19200, 0.5729), (38400, 0.2865), (115200, 0.0955)])
def test_a_character_with_parity_takes_eleven_bits(baud: int, ms: float) -> None:
    assert char_s(baud, "8E1") * 1000.0 == pytest.approx(ms, abs=1e-4)


def test_silence_between_frames_is_fixed_above_19200_baud() -> None:
    assert silence_s(19200, "8E1") == pytest.approx(3.5 * 11 / 19200)
    assert silence_s(115200, "8E1") == pytest.approx(0.00175)


def test_the_device_hears_a_frame_only_when_its_last_byte_is_through() -> None:
    time, line, ears, _ = a_line(LineSetting(9600, "8E1"))
    line.host_sends(bytes(8))
    time.run_until(8 * 11 / 9600 - 1e-6)
    assert ears.bursts == []
    time.run_until(8 * 11 / 9600 + 1e-6)
    assert ears.bursts[0].last_s == pytest.approx(8 * 11 / 9600)


def test_bytes_handed_over_together_follow_each_other_on_the_wire() -> None:
    time, line, ears, _ = a_line(LineSetting(19200, "8N1"))
    line.host_sends(bytes(10))
    line.host_sends(bytes(10))
    time.run_until(1.0)
    assert ears.bursts[1].first_s == pytest.approx(ears.bursts[0].last_s)
    assert ears.bursts[1].last_s == pytest.approx(20 * 10 / 19200)


def test_without_frames_each_byte_arrives_by_itself() -> None:
    time, line, ears, _ = a_line(LineSetting(4800, "8N1", half_duplex=False), bytewise=True)
    line.host_sends(b"\xa30020")
    time.run_until(1.0)
    assert [b.data for b in ears.bursts] == [b"\xa3", b"0", b"0", b"2", b"0"]
    assert ears.bursts[-1].last_s == pytest.approx(5 * 10 / 4800)


def test_a_reply_is_never_handed_over_before_its_last_byte() -> None:
    time, line, _, heard = a_line(LineSetting(19200, "8E1"))
    end = line.device_sends(bytes(13), 0.005)
    time.run_until(1.0)
    assert end == pytest.approx(0.005 + 13 * 11 / 19200)
    [(at, data)] = heard
    assert at == pytest.approx(end)
    assert data == bytes(13)


def test_in_chunks_each_piece_comes_at_its_own_last_byte() -> None:
    time, line, _, heard = a_line(LineSetting(19200, "8E1", chunk_bytes=5))
    line.device_sends(bytes(range(13)), 0.0)
    time.run_until(1.0)
    assert [len(piece) for _, piece in heard] == [5, 5, 3]
    assert [at for at, _ in heard] == pytest.approx([n * 11 / 19200 for n in (5, 10, 13)])


def test_a_usb_adapter_hands_over_on_its_grid_and_never_early() -> None:
    time, line, _, heard = a_line(LineSetting(921600, "8N1", half_duplex=False, usb_frame_s=0.001))
    line.device_sends(bytes(40), 0.0102)
    time.run_until(1.0)
    assert heard[0][0] == pytest.approx(0.011)


def test_talking_into_a_reply_spoils_both() -> None:
    time, line, ears, heard = a_line(LineSetting(19200, "8E1"))
    line.device_sends(bytes(13), 0.0)
    time.run_until(0.003)
    line.host_sends(READ_STATE)
    time.run_until(1.0)
    assert ears.bursts[0].collided
    assert ears.bursts[0].data == garbled(READ_STATE)
    assert heard[0][1] != bytes(13)
    assert heard[0][1][:5] == bytes(5)  # what was through before the host began is whole
    assert line.stats.collisions == 1


def test_full_duplex_lines_do_not_collide() -> None:
    time, line, ears, heard = a_line(LineSetting(19200, "8E1", half_duplex=False))
    line.device_sends(bytes(13), 0.0)
    time.run_until(0.003)
    line.host_sends(READ_STATE)
    time.run_until(1.0)
    assert ears.bursts[0].data == READ_STATE
    assert heard[0][1] == bytes(13)


def test_with_echo_the_host_hears_itself_when_the_frame_is_through() -> None:
    time, line, _, heard = a_line(LineSetting(19200, "8E1", echo=True))
    line.host_sends(READ_STATE)
    time.run_until(1.0)
    [(at, data)] = heard
    assert at == pytest.approx(8 * 11 / 19200)
    assert data == READ_STATE


def test_the_check_sum_is_that_of_known_frames() -> None:
    assert crc16(bytes.fromhex("010621350006")) == bytes.fromhex("13FA")
    assert rtu(1, bytes.fromhex("030C810001")) == READ_STATE
    assert not rtu_valid(READ_STATE[:-1] + b"\x00")


@pytest.mark.parametrize(("baud", "turnaround_s"), [(9600, 0.0), (19200, 0.005), (38400, 0.02), (115200, 0.0)])
def test_an_exchange_takes_request_turnaround_and_reply(baud: int, turnaround_s: float) -> None:
    hand = Hand("altivar-rtu", f"wire.drive.baud={baud}", f"wire.drive.turnaround_s={turnaround_s}")
    hand.send(READ_FOUR)
    hand.run(0.2)
    at, raw = hand.heard["drive"][0]
    assert rtu_valid(raw)
    assert at - START_S == pytest.approx((8 + 13) * 11 / baud + turnaround_s)


def test_a_frame_split_by_a_short_pause_is_still_one() -> None:
    hand = Hand()
    hand.send(READ_STATE[:3])
    hand.run(4 * 11 / 19200)
    hand.send(READ_STATE[3:])
    hand.run(0.1)
    assert rtu_valid(hand.take())


def test_a_frame_split_by_silence_is_two_fragments_and_no_answer() -> None:
    hand = Hand()
    hand.send(READ_STATE[:3])
    hand.run(3 * 11 / 19200 + 0.003)
    hand.send(READ_STATE[3:])
    hand.run(0.1)
    assert hand.take() == b""
    assert [f.valid for f in hand.rig.logs["drive"].frames] == [False, False]


def test_another_unit_is_not_answered_for() -> None:
    hand = Hand()
    assert hand.ask(rtu(9, READ_STATE[1:-2])) == b""
    assert hand.rig.logs["drive"].frames[-1].valid


def test_broadcast_is_obeyed_and_not_answered() -> None:
    hand = Hand()
    assert hand.ask(rtu(0, struct.pack(">BHH", 6, 6005, 5))) == b""
    assert hand.read(6005) == (5,)


def test_a_request_during_the_turnaround_collides_with_the_reply() -> None:
    hand = Hand("altivar-rtu", "wire.drive.turnaround_s=0.004")
    hand.send(READ_FOUR)
    hand.run(8 * 11 / 19200 + 0.002)
    hand.send(READ_FOUR)
    hand.run(0.1)
    assert not rtu_valid(hand.take())
    assert hand.rig.lines["drive"].stats.collisions == 1


def test_a_request_without_silence_before_it_is_counted() -> None:
    hand = Hand()
    hand.send(READ_STATE)
    hand.run(8 * 11 / 19200 + 0.005 + 7 * 11 / 19200)
    hand.send(READ_STATE)
    hand.run(0.1)
    assert hand.rig.lines["drive"].stats.short_gaps == 1


def test_two_units_share_one_bus() -> None:
    hand = Hand("shared-bus")
    assert hand.read(3201, unit=1) == (0x0250,)
    assert hand.ask(rtu(2, struct.pack(">BHH", 2, 0, 5))) == rtu(2, b"\x02\x01\x1f")


def test_at_a_wrong_baud_rate_nobody_is_understood() -> None:
    hand = Hand()
    hand.rig.host_bytes("drive", READ_STATE, noise=True)
    hand.run(0.1)
    assert hand.take() == b""
    assert hand.rig.lines["drive"].stats.baud_mismatches == 1


@pytest.mark.parametrize("junk", [b"\x00\x01\x00\x09\x00\x06\x01\x03\x0c\x81\x00\x01", b"GET / HTTP/1.0\r\n\r\n", b"\x00\x01\x00\x00\xff\xff\x01"])
def test_what_is_not_modbus_tcp_is_hung_up_on(junk: bytes) -> None:
    hand = Hand("altivar-tcp")
    sent: list[bytes] = []
    assert not hand.rig.tcp["drive"].received(bytearray(junk), sent.append)


def test_tcp_requests_in_pieces_wait_for_the_rest() -> None:
    hand = Hand("altivar-tcp")
    whole = bytes.fromhex("000100000006") + READ_STATE[:-2]
    got: list[bytes] = []
    buffer = bytearray(whole[:9])
    assert hand.rig.tcp["drive"].received(buffer, got.append)
    buffer += whole[9:]
    assert hand.rig.tcp["drive"].received(buffer, got.append)
    hand.run(0.01)
    assert got == [bytes.fromhex("00010000000501030202") + b"\x50"]
