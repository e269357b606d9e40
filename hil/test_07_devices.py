"""The simulated devices: drives, I/O module, sensor board, the enable between them, and the measuring of a stop."""

from __future__ import annotations

import struct

import pytest

from treadctl_hil.altivar import judge
from treadctl_hil.board import crc_ccitt_false, framed
from treadctl_hil.hand import Hand
from treadctl_hil.measure import Verdict
from treadctl_hil.modbus import rtu
from treadctl_hil.woodway import judge as judge_woodway

CMD, ETA, RFRD, LFRD, TTO = 8501, 3201, 8604, 8602, 6005
REVERSE = 0x8000


def eta(hand: Hand) -> int:
    return hand.read(ETA)[0]


def plant(hand: Hand) -> str:
    return hand.rig.world.drive.kind


# Altivar ---------------------------------------------------------------------------------------------------------------------------------------
def test_a_drive_wakes_up_disabled_and_slow_to_notice_silence() -> None:
    hand = Hand()
    assert eta(hand) & 0x4F == 0x40
    assert hand.read(TTO) == (100,)


def test_identification_names_vendor_and_model() -> None:
    raw = Hand().ask(rtu(1, bytes((43, 14, 1, 0))), 0.1)
    assert b"Schneider Electric" in raw
    assert b"ATV320" in raw


def test_enabling_takes_the_three_words_in_order() -> None:
    hand = Hand()
    hand.coil(True)
    hand.run(0.05)
    hand.write(CMD, 0x0F)
    assert eta(hand) & 0x4F == 0x40
    for word, state in ((0x06, 0x21), (0x07, 0x23), (0x0F, 0x27)):
        hand.write(CMD, word)
        assert eta(hand) & 0x6F == state


def test_without_the_enable_input_no_word_enables() -> None:
    hand = Hand()
    for word in (6, 7, 0x0F):
        hand.write(CMD, word)
    assert eta(hand) & 0x4F == 0x40


def test_bit_eleven_turns_the_belt_around_and_the_read_back_is_signed() -> None:
    hand = Hand()
    hand.run_belt(300, reverse=True)
    assert hand.speed_mps == pytest.approx(-0.75, abs=0.02)
    assert hand.read(RFRD)[0] == pytest.approx(0x10000 - 300, abs=8)
    assert eta(hand) & REVERSE


def test_0007_ramps_down_and_0002_faster() -> None:
    times = {}
    for word in (7, 2):
        hand = Hand()
        hand.run_belt(400)
        hand.rig.mark("stop")
        hand.write(CMD, word)
        hand.run(3.0)
        m = hand.rig.measurements.all[-1]
        assert m.standstill_s is not None
        times[word] = m.standstill_s - m.event_s
    assert times[7] == pytest.approx(1.0 / 0.9, abs=0.2)
    assert times[2] < 0.75 * times[7]


def test_0000_lets_an_empty_belt_coast_longer_than_any_ramp() -> None:
    hand = Hand()
    hand.run_belt(400)
    hand.write(CMD, 0)
    hand.run(1.5)
    assert eta(hand) & 0x4F == 0x40
    assert hand.speed_mps > 0.3


def test_a_silent_host_is_noticed_and_the_belt_ramped_down() -> None:
    hand = Hand()
    hand.run_belt(400, watchdog_ds=5, seconds=0.0)
    for _ in range(80):
        hand.run(0.05)
        hand.read(ETA)
    assert eta(hand) & 0x6F == 0x27
    hand.run(0.48)
    assert plant(hand) == "run"
    hand.run(0.1)
    assert plant(hand) == "ramp_stop"
    hand.run(2.5)
    assert hand.speed_mps == 0.0
    assert eta(hand) & 0x4F == 0x08
    assert hand.read(7121) == (5,)


def test_a_fault_is_reset_by_the_rising_bit_alone() -> None:
    hand = Hand()
    hand.rig.faults.switch("trip", True)
    hand.write(CMD, 6)
    assert eta(hand) & 0x4F == 0x08
    hand.write(CMD, 0x80)
    assert eta(hand) & 0x4F == 0x40


def test_frames_for_other_units_do_not_feed_the_watchdog() -> None:
    hand = Hand()
    hand.run_belt(400, watchdog_ds=5, seconds=0.0)
    for _ in range(15):
        hand.ask(rtu(9, struct.pack(">BHH", 3, ETA, 1)))
    assert hand.read(7121) == (5,)


@pytest.mark.parametrize(("pdu", "code"), [("0600630001", 2), ("0300630001", 2), ("0400000001", 1), ("030C81007E", 3), ("06177501FF", 3), ("0C", 1)])
def test_what_the_drive_does_not_know_it_refuses(pdu: str, code: int) -> None:
    request = bytes.fromhex(pdu)
    assert Hand().ask(rtu(1, request)) == rtu(1, bytes((request[0] | 0x80, code)))


def test_several_registers_are_written_at_once() -> None:
    hand = Hand()
    raw = hand.ask(rtu(1, struct.pack(">BHHBHH", 16, 9001, 2, 4, 100, 30)))
    assert raw == rtu(1, struct.pack(">BHH", 16, 9001, 2))
    assert hand.read(9001, 2) == (100, 30)


def test_opening_the_enable_takes_the_torque_away() -> None:
    hand = Hand()
    hand.run_belt(400)
    hand.coil(False)
    hand.run(0.05)
    assert not hand.rig.world.drive.enable_relay
    assert eta(hand) & 0x4F == 0x40


@pytest.mark.parametrize(
    ("frame", "verdict"),
    [
        ("010621350007D23A", Verdict(stop=True)),
        ("0106213500021239", Verdict(stop=True)),
        ("01062135000093F8", Verdict(stop=True)),
        ("010621350006" + "13FA", Verdict(stop=True, arms=True)),
        ("01062135000FD3FC", Verdict(moves=True)),
        ("01062135080FD43C", Verdict(moves=True)),
        ("0106219A01C223D8", Verdict(moves=True)),
        ("01030C810001D772", Verdict()),
        ("0106213500070000", Verdict()),
    ],
)
def test_stop_frames_are_told_from_others(frame: str, verdict: Verdict) -> None:
    assert judge(bytes.fromhex(frame)) == verdict


def test_a_zero_setpoint_is_a_stop_frame_and_a_halt_bit_too() -> None:
    assert judge(rtu(1, struct.pack(">BHH", 6, LFRD, 0))) == Verdict(stop=True)
    assert judge(rtu(1, struct.pack(">BHH", 6, CMD, 0x010F))) == Verdict(stop=True)


# Woodway ---------------------------------------------------------------------------------------------------------------------------------------
def a_woodway() -> Hand:
    hand = Hand("woodway")
    hand.coil(True)
    hand.run(0.05)
    return hand


def test_woodway_replies_are_byte_exact() -> None:
    hand = a_woodway()
    for command, reply in (("A0", "B0"), ("A333303230", "B3"), ("C0", "D032"), ("C3", "D300010203"), ("A2", "B2"), ("C0", "D031"), ("AA", "BA"), ("55", "BF")):
        assert hand.ask(bytes.fromhex(command)).hex().upper() == reply


def test_digit_three_runs_the_belt_in_reverse() -> None:
    hand = a_woodway()
    hand.ask(b"\xa0")
    hand.ask(b"\xa33020")
    for _ in range(80):
        hand.ask(b"\xc0")
    assert hand.speed_mps == pytest.approx(-0.894, abs=0.03)
    assert hand.ask(b"\xc1") in (b"\xd13020", b"\xd13019", b"\xd13021")


@pytest.mark.parametrize("digits", [b"1020", b"0300", b"0a20", b"-020"])
def test_impossible_digits_are_refused(digits: bytes) -> None:
    hand = a_woodway()
    hand.ask(b"\xa0")
    assert hand.ask(b"\xa3" + digits) == b"\xbe"


def test_half_a_second_of_silence_stops_a_belt_started_with_the_timer() -> None:
    for start, stopped in ((b"\xa0", True), (b"\xa9", False)):
        hand = a_woodway()
        hand.ask(start)
        hand.ask(b"\xa30020")
        hand.run(0.6)
        assert (hand.rig.world.drive.kind == "ramp_stop") is stopped
        assert (hand.ask(b"\xc0") == b"\xbd") is stopped


@pytest.mark.parametrize(("strict", "state"), [("false", b"\xd0\x32"), ("true", b"\xd0\x31")])
def test_a_start_with_the_enable_open_is_kept_or_forgotten_as_the_bench_says(strict: str, state: bytes) -> None:
    hand = Hand("woodway", f"drive.woodway.start_needs_enable={strict}")
    assert hand.ask(b"\xa0") == b"\xb0"
    assert hand.ask(b"\xc0") == state


def test_losing_the_enable_ends_a_start() -> None:
    hand = a_woodway()
    hand.ask(b"\xa0")
    hand.ask(b"\xa30020", 0.3)
    hand.coil(False)
    hand.run(0.05)
    assert hand.ask(b"\xc0") == b"\xd0\x31"
    hand.coil(True)
    hand.run(0.05)
    assert hand.ask(b"\xc0") == b"\xd0\x31"
    assert plant(hand) == "coast"


def test_an_unfinished_payload_is_given_up() -> None:
    hand = a_woodway()
    hand.ask(b"\xa300", 0.7)
    assert hand.ask(b"\xc0") == b"\xd0\x31"


def test_woodway_stop_frames_are_told_from_others() -> None:
    assert judge_woodway(b"\xaa") == judge_woodway(b"\xa2") == judge_woodway(b"\xa33000") == Verdict(stop=True)
    assert judge_woodway(b"\xa33020") == Verdict(moves=True)
    assert judge_woodway(b"\xa0") == Verdict(moves=True, arms=True)
    assert judge_woodway(b"\xc0") == Verdict()


# I/O module ------------------------------------------------------------------------------------------------------------------------------------
def test_inputs_rails_and_belt_follow_the_documented_map() -> None:
    hand = Hand()
    assert hand.tcp(struct.pack(">BHH", 2, 0, 6)) == b"\x02\x01\x1f"  # all closed, no enable
    hand.rig.set_contact("estop", False)
    hand.run(0.05)
    assert hand.tcp(struct.pack(">BHH", 2, 2, 1)) == b"\x02\x01\x00"
    left, right, belt = struct.unpack(">hhh", hand.tcp(struct.pack(">BHH", 4, 0, 3))[2:])
    assert left == pytest.approx(800, abs=20)
    assert right == pytest.approx(800, abs=20)
    assert belt == 0
    assert hand.tcp(struct.pack(">BHH", 4, 3, 1)) == b"\x84\x02"


def test_the_output_opens_when_not_renewed() -> None:
    hand = Hand()
    hand.tcp(struct.pack(">BHH", 6, 0, 150))
    assert hand.tcp(struct.pack(">BHH", 3, 0, 1)) == b"\x03\x02\x00\x96"
    for _ in range(5):
        hand.coil(True)
        hand.run(0.1)
    assert hand.rig.world.drive.enable_relay
    hand.run(0.1)
    assert not hand.rig.world.drive.enable_relay


def test_an_open_emergency_stop_cuts_the_enable_without_anybody() -> None:
    hand = Hand()
    hand.coil(True)
    hand.run(0.05)
    hand.rig.set_contact("estop", False)
    hand.run(0.05)
    assert not hand.rig.world.drive.enable_relay
    assert hand.tcp(struct.pack(">BHH", 1, 0, 1)) == b"\x01\x01\x01"


# sensor board ----------------------------------------------------------------------------------------------------------------------------------
def lines(hand: Hand) -> list[list[bytes]]:
    rows = []
    for line in hand.take("board").splitlines():
        body, _, crc = line.partition(b"*")
        assert crc == f"{crc_ccitt_false(body[1:]):04X}".encode()
        rows.append(body.split(b","))
    return rows


def test_the_check_sum_is_the_catalogued_one() -> None:
    assert crc_ccitt_false(b"123456789") == 0x29B1


def test_lines_come_at_their_rate_and_are_numbered() -> None:
    hand = Hand()
    hand.run(1.0)
    rows = lines(hand)
    assert len(rows) == pytest.approx(100, abs=2)
    assert [int(row[1]) for row in rows] == list(range(len(rows)))
    assert rows[0][0] == b"$S1"
    assert rows[0][3] == b"001F"


def test_an_edge_is_told_at_once_between_two_lines() -> None:
    hand = Hand()
    hand.run(0.0133)
    hand.take("board")
    hand.rig.set_contact("attendant", False)
    hand.run(0.0009)
    assert int(lines(hand)[0][3], 16) & 0x08 == 0


def test_the_board_closes_its_relay_only_for_renewed_lines() -> None:
    hand = Hand("altivar-rtu", "enable.device=board")
    for n in (7, 8):
        hand.send(framed(f"E1,1,{n}"), "board")
        hand.run(0.1)
    assert hand.rig.world.drive.enable_relay
    hand.send(framed("E1,1,8"), "board")  # the same number is no renewal
    hand.run(0.1)
    assert not hand.rig.world.drive.enable_relay


@pytest.mark.parametrize("line", [b"$E1,1,9*0000\n", framed("E1,2,9"), framed("E1,1,256"), framed("E1,1"), b"E1,1,9\n"])
def test_the_board_ignores_lines_that_are_not_whole(line: bytes) -> None:
    hand = Hand("altivar-rtu", "enable.device=board")
    hand.send(line, "board")
    hand.run(0.05)
    assert not hand.rig.world.drive.enable_relay


# measuring -------------------------------------------------------------------------------------------------------------------------------------
def test_a_pulled_cord_is_measured_to_the_last_byte_of_the_first_stop_frame() -> None:
    hand = Hand()
    hand.run_belt(400)
    event_s = hand.rig.set_contact("cord", False)
    hand.run(0.020)
    sent_s = hand.time.now_s()
    hand.write(CMD, 7)
    hand.run(2.0)
    m = hand.rig.measurements.all[-1]
    assert (m.event, m.event_s) == ("cord", event_s)
    assert m.first_stop_frame_s == pytest.approx(sent_s + 8 * 11 / 19200)
    assert m.stop_frame_hex == "010621350007d23a"
    assert m.frames_above_zero_after_stop == 0
    assert m.speed_at_event_mps == pytest.approx(1.0, abs=0.02)
    assert m.standstill_s is not None
    assert m.belt_travel_m == pytest.approx(0.5 / 0.9 + 0.05, abs=0.1)


def test_a_stop_already_under_way_is_not_the_answer_to_an_event() -> None:
    hand = Hand()
    hand.run_belt(400)
    hand.send(rtu(1, struct.pack(">BHH", 6, CMD, 7)))
    hand.run(0.002)
    hand.rig.mark("late")
    hand.run(0.05)
    assert hand.rig.measurements.all[-1].first_stop_frame_s is None


def test_moving_frames_after_a_stop_are_counted_until_armed_anew() -> None:
    hand = Hand()
    hand.run_belt(400)
    hand.rig.mark("stop")
    hand.write(CMD, 7)
    hand.write(LFRD, 100)
    hand.write(CMD, 0x0F)
    hand.write(CMD, 7)
    hand.run(2.0)
    hand.write(CMD, 6)
    hand.write(CMD, 7)
    hand.write(CMD, 0x0F)
    assert hand.rig.measurements.all[-1].frames_above_zero_after_stop == 2


def test_a_start_after_an_event_at_rest_belongs_to_nobody() -> None:
    hand = Hand()
    hand.rig.set_contact("cord", False)
    hand.run(0.2)
    hand.rig.set_contact("cord", True)
    hand.run_belt(200)
    m = hand.rig.measurements.all[0]
    assert (m.first_stop_frame_s, m.frames_above_zero_before_stop, m.frames_above_zero_after_stop) == (None, 0, 0)


def test_marks_are_measured_each_for_itself_and_a_bouncing_cord_once() -> None:
    hand = Hand()
    hand.rig.mark("edge")
    hand.run(0.01)
    hand.rig.mark("edge")
    hand.rig.set_contact("cord", False)
    hand.run(0.1)
    assert [m.event for m in hand.rig.measurements.all] == ["edge", "edge", "cord"]


def test_opening_the_enable_during_a_fault_reaction_keeps_the_fault() -> None:
    hand = Hand()
    hand.run_belt(400, watchdog_ds=5, seconds=1.0)
    hand.coil(False)
    hand.run(0.1)
    assert eta(hand) & 0x4F == 0x08
    assert hand.read(7121) == (5,)


def test_the_instant_the_enable_drops_is_measured() -> None:
    hand = Hand()
    hand.run_belt(400)
    m = hand.rig.mark("off")
    hand.coil(False)
    hand.run(0.05)
    assert m.enable_dropped_s == pytest.approx(m.event_s + 0.005, abs=0.002)


def test_loss_of_balance_and_grab_open_measurements_by_themselves() -> None:
    hand = Hand()
    hand.rig.world.runner.mount()
    hand.run_belt(300)
    hand.rig.world.runner.lose_balance()
    hand.run(1.5)
    assert {"loss_of_balance", "grab"} <= {m.event for m in hand.rig.measurements.all}
