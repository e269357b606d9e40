"""Every switch of the fault board does what its row says."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from treadctl_hil.bench import BenchError, load
from treadctl_hil.board import crc_ccitt_false
from treadctl_hil.control import answer
from treadctl_hil.faults import FAULTS, FaultKind, find
from treadctl_hil.hand import BENCHES, Hand
from treadctl_hil.machine import machine_file
from treadctl_hil.modbus import rtu, rtu_valid

READ = rtu(1, struct.pack(">BHH", 3, 3201, 2))
GOOD_READ = rtu(1, bytes.fromhex("030402500000"))
WRITE = rtu(1, struct.pack(">BHH", 6, 6005, 5))
WORDS = {"speed": 8604, "command": 8501}


def with_fault(name: str, **params: object) -> Hand:
    hand = Hand()
    hand.rig.faults.switch(name, True, params)
    return hand


def test_there_are_at_least_thirty_faults_with_names_of_their_own() -> None:
    assert len(FAULTS) >= 30
    assert len({kind.name for kind in FAULTS}) == len(FAULTS)
    assert all(kind.what and kind.expect for kind in FAULTS)


@pytest.mark.parametrize("kind", FAULTS, ids=[kind.name for kind in FAULTS])
def test_every_switch_can_be_thrown_and_taken_back(kind: FaultKind) -> None:
    hand = Hand()
    name = kind.name
    before = hand.ask(READ)
    hand.rig.faults.switch(name, True)
    hand.run(0.1)
    hand.rig.faults.switch(name, False)
    hand.run(0.3)
    if name == "trip":
        hand.write(8501, 0x80)
    assert hand.ask(READ) == before == GOOD_READ
    assert hand.rig.measurements.all[-1].event == f"fault:{name}"


# the wire --------------------------------------------------------------------------------------------------------------------------------------
def changed_value(raw: bytes) -> bool:
    return rtu_valid(raw) and raw[:3] == GOOD_READ[:3] and raw != GOOD_READ


def other_unit(raw: bytes) -> bool:
    return rtu_valid(raw) and raw[0] == 2


def other_function(raw: bytes) -> bool:
    return rtu_valid(raw) and raw[1] == 2


def fewer(raw: bytes) -> bool:
    return rtu_valid(raw) and raw[2] == 2


def refused(raw: bytes) -> bool:
    return raw == rtu(1, b"\x83\x04")


def busy(raw: bytes) -> bool:
    return raw == rtu(1, b"\x83\x06")


def one_bit(raw: bytes) -> bool:
    return len(raw) == len(GOOD_READ) and sum((a ^ b).bit_count() for a, b in zip(raw, GOOD_READ, strict=True)) == 1


def cut(raw: bytes) -> bool:
    return raw == GOOD_READ[:-2]


def longer(raw: bytes) -> bool:
    return raw == GOOD_READ + b"\x00"


def led(raw: bytes) -> bool:
    return raw == b"\x00" + GOOD_READ


def nothing(raw: bytes) -> bool:
    return raw == b""


def twice(raw: bytes) -> bool:
    return raw == 2 * GOOD_READ


def whole(raw: bytes) -> bool:
    return raw == GOOD_READ


def echoed(raw: bytes) -> bool:
    return raw == READ + GOOD_READ


def chatter(raw: bytes) -> bool:
    return len(raw) > len(GOOD_READ)


@pytest.mark.parametrize(
    ("name", "sign"),
    [
        ("wrong_value", changed_value), ("wrong_unit", other_unit), ("wrong_function", other_function), ("wrong_count", fewer),
        ("exception_code", refused), ("busy_forever", busy), ("bit_flip", one_bit), ("truncation", cut), ("extra_byte", longer), ("leading_zero", led),
        ("late_reply", nothing), ("lost_reply", nothing), ("duplicate_reply", twice), ("gap_inside", whole), ("silent", nothing),
        ("baud_mismatch", nothing), ("echo", echoed), ("brownout", nothing), ("babble", chatter),
    ],
)
def test_a_read_meets_the_fault(name: str, sign: Callable[[bytes], bool]) -> None:
    assert sign(with_fault(name).ask(READ))


@pytest.mark.parametrize(("name", "at"), [("wrong_address_echo", 3), ("wrong_value_echo", 5)])
def test_a_write_is_echoed_wrongly_and_done(name: str, at: int) -> None:
    hand = with_fault(name)
    raw = hand.ask(WRITE)
    assert rtu_valid(raw)
    assert [k for k in range(6) if raw[k] != WRITE[k]] == [at]
    assert hand.read(6005) == (5,)


def test_a_late_reply_comes_after_all() -> None:
    hand = with_fault("late_reply", ms=80)
    hand.send(READ)
    hand.run(0.2)
    assert hand.heard["drive"][0][0] - 1000.0 == pytest.approx((8 + 9) * 11 / 19200 + 0.005 + 0.080)


def test_a_gap_inside_splits_the_reply() -> None:
    hand = with_fault("gap_inside", ms=5.0)
    hand.send(READ)
    hand.run(0.1)
    (first, a), (second, b) = hand.heard["drive"]
    assert a + b == GOOD_READ
    assert second - first > 0.005


def test_lost_replies_are_done_and_silent_devices_do_nothing() -> None:
    for name, left in (("lost_reply", 5), ("silent", 100)):
        hand = with_fault(name)
        hand.ask(WRITE)
        hand.rig.faults.switch(name, False)
        assert hand.read(6005) == (left,)


def test_a_fault_can_strike_a_given_number_of_times_or_writes_only() -> None:
    hand = with_fault("lost_reply", count=2)
    assert [bool(hand.ask(READ)) for _ in range(4)] == [False, False, True, True]
    hand = with_fault("lost_reply", only="write")
    assert hand.ask(READ) == GOOD_READ
    assert hand.ask(WRITE) == b""


def test_strict_devices_ignore_a_crowded_request() -> None:
    hand = with_fault("gap_strict", wire="drive")
    hand.send(READ)
    hand.run(8 * 11 / 19200 + 0.005 + 9 * 11 / 19200)
    hand.take()
    assert hand.ask(READ) == b""


# the drive -------------------------------------------------------------------------------------------------------------------------------------
def test_watchdog_off_shows_in_the_read_back_and_watchdog_dead_does_not() -> None:
    hand = with_fault("watchdog_off")
    hand.write(6005, 5)
    assert hand.read(6005) == (100,)
    hand = Hand()
    hand.run_belt(400, watchdog_ds=5, seconds=0.0)
    hand.rig.faults.switch("watchdog_dead", True)
    assert hand.read(6005) == (5,)
    hand.run(3.0)
    assert hand.speed_mps > 0.5


def test_another_identity_is_told() -> None:
    assert b"VFD-1" in with_fault("wrong_identity").ask(rtu(1, bytes((43, 14, 1, 0))), 0.1)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("drive_ignores_stop", 0.95, 1.05), ("drive_stops_slowly", 0.7, 0.9), ("coast_after_stop", 0.5, 0.95), ("weak_brake", 0.0, 0.9),
        ("slow_orders", 0.2, 0.7),
    ],
)
def test_a_stop_is_echoed_and_not_done_as_ordered(name: str, low: float, high: float) -> None:
    hand = Hand()
    hand.run_belt(400)
    hand.rig.faults.switch(name, True)
    assert hand.write(8501, 7) == rtu(1, struct.pack(">BHH", 6, 8501, 7))
    hand.run(0.95)
    healthy = Hand()
    healthy.run_belt(400)
    healthy.write(8501, 7)
    healthy.run(0.95)
    assert healthy.speed_mps < hand.speed_mps
    assert low <= hand.speed_mps <= high


def test_the_belt_runs_away_creeps_or_goes_the_other_way() -> None:
    hand = with_fault("runaway", gain=1.2)
    hand.run_belt(400, seconds=6.0)
    assert hand.speed_mps == pytest.approx(1.2, abs=0.05)
    hand = with_fault("wrong_direction")
    hand.run_belt(200)
    assert hand.speed_mps < -0.3
    hand = Hand()
    hand.coil(True)
    hand.run(0.05)
    hand.rig.faults.switch("creep_at_standstill", True)
    hand.run(1.0)
    assert hand.speed_mps > 0.03


def test_a_frozen_speed_register_stands_still_while_the_belt_moves() -> None:
    hand = Hand()
    hand.run_belt(200)
    hand.rig.faults.switch("speed_frozen", True)
    before = hand.read(WORDS["speed"])
    hand.write(8602, 400)
    hand.run(2.0)
    assert hand.read(WORDS["speed"]) == before
    assert hand.speed_mps > 0.8


def test_a_trip_lets_the_belt_coast_and_a_brownout_forgets_everything() -> None:
    hand = Hand()
    hand.run_belt(400)
    hand.rig.faults.switch("trip", True, {"code": 9})
    assert hand.read(3201)[0] & 0x4F == 0x08
    assert hand.read(7121) == (9,)
    hand = Hand()
    hand.run_belt(400)
    hand.rig.faults.switch("brownout", True)
    assert hand.ask(READ) == b""
    hand.rig.faults.switch("brownout", False)
    assert hand.read(6005) == (100,)
    assert hand.rig.world.drive.kind == "coast"


# sensors ---------------------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("rail_stuck_on", 2000, 2000), ("rail_stuck_off", 800, 800), ("rail_short_circuit", 16383, 16383), ("rail_drift", 802, 850)],
)
def test_a_rail_shows_its_fault(name: str, low: int, high: int) -> None:
    hand = with_fault(name)
    hand.rig.face.rail_raw("left")
    hand.run(2.0)
    raw = hand.rig.face.rail_raw("left")
    assert raw is not None
    assert low <= raw <= high
    other = hand.rig.face.rail_raw("right")
    assert other is not None
    assert 780 <= other <= 820


def test_a_frozen_rail_never_moves_a_broken_one_gives_nothing() -> None:
    hand = with_fault("rail_frozen")
    seen = set()
    for _ in range(50):
        hand.run(0.01)
        seen.add(hand.rig.face.rail_raw("left"))
    assert len(seen) == 1
    hand = with_fault("rail_broken_wire")
    assert hand.rig.face.rail_raw("left") is None
    hand.run(0.1)
    assert b",!," in hand.take("board")
    assert struct.unpack(">h", hand.tcp(struct.pack(">BHH", 4, 0, 1))[2:]) == (-0x8000,)


def test_swapped_rails_trade_places_and_a_fluttering_one_jumps() -> None:
    hand = Hand()
    left, right = hand.rig.face.rail_raw("left"), hand.rig.face.rail_raw("right")
    hand.rig.faults.switch("rail_swap", True)
    assert (hand.rig.face.rail_raw("right"), hand.rig.face.rail_raw("left")) == (left, right)
    hand = with_fault("rail_flutter")
    seen = []
    for _ in range(20):
        hand.run(0.02)
        seen.append(hand.rig.face.rail_raw("left") or 0)
    assert max(seen) - min(seen) > 600


def inputs(hand: Hand) -> int:
    return hand.tcp(struct.pack(">BHH", 2, 0, 6))[2]


@pytest.mark.parametrize(("name", "bits"), [("cord_a_stuck_closed", 0x1D), ("cord_b_stuck_closed", 0x1E), ("cord_short", 0x1F)])
def test_a_pulled_cord_is_not_wholly_seen(name: str, bits: int) -> None:
    hand = with_fault(name)
    hand.rig.set_contact("cord", False)
    hand.run(0.1)
    assert inputs(hand) == bits


@pytest.mark.parametrize(("name", "bits"), [("cord_wire_open", 0x1E), ("estop_open", 0x1B), ("enable_feedback_stuck", 0x3F)])
def test_an_input_shows_its_fault(name: str, bits: int) -> None:
    assert inputs(with_fault(name)) == bits


def test_a_bouncing_cord_opens_now_and_then() -> None:
    hand = with_fault("cord_bounce")
    seen = []
    for _ in range(200):
        hand.run(0.002)
        seen.append(hand.rig.face.closed("cord_a"))
    assert 4 <= seen.count(False) <= 24


def test_an_open_chain_cuts_the_enable_and_a_welded_relay_keeps_it() -> None:
    for name, closed in (("estop_open", False), ("enable_relay_welded", True)):
        hand = Hand()
        hand.coil(True)
        hand.run(0.05)
        hand.rig.faults.switch(name, True)
        if name == "enable_relay_welded":
            hand.coil(False)
        hand.run(0.05)
        assert hand.rig.world.drive.enable_relay is closed


def test_the_encoder_freezes_or_is_lost() -> None:
    hand = Hand()
    hand.rig.faults.switch("belt_sensor_frozen", True)
    hand.rig.face.belt_mm_s()
    hand.run_belt(400)
    assert hand.rig.face.belt_mm_s() == 0
    hand.rig.faults.switch("belt_sensor_lost", True)
    assert hand.rig.face.belt_mm_s() is None


# board and I/O module --------------------------------------------------------------------------------------------------------------------------
def board_lines(name: str, seconds: float = 1.0, **params: object) -> list[bytes]:
    hand = with_fault(name, **params)
    hand.run(0.02)
    hand.take("board")
    hand.run(seconds)
    return hand.take("board").split(b"\n")[:-1]


def good(line: bytes) -> bool:
    body, _, crc = line.partition(b"*")
    return crc == f"{crc_ccitt_false(body[1:]):04X}".encode()


def test_the_board_falls_silent_or_slow() -> None:
    assert board_lines("board_silent") == []
    assert 3 <= len(board_lines("board_rate_collapse", hz=4)) <= 5


def test_the_board_sends_lines_that_can_be_refused() -> None:
    assert not any(good(line) for line in board_lines("board_bad_crc"))
    assert len({line.split(b",")[1] for line in board_lines("board_seq_repeat")}) == 1
    assert len({line.split(b",")[2] for line in board_lines("board_clock_frozen")}) == 1
    assert any(good(line[line.rfind(b"$") :]) for line in board_lines("board_garbage"))


def test_the_io_module_falls_silent_or_refuses_its_timer() -> None:
    assert with_fault("io_silent").tcp(struct.pack(">BHH", 2, 0, 1)) == b""
    hand = with_fault("io_watchdog_off")
    hand.tcp(struct.pack(">BHH", 6, 0, 150))
    assert hand.tcp(struct.pack(">BHH", 3, 0, 1)) == b"\x03\x02\x00\x00"


def test_wire_faults_can_be_turned_on_the_io_module() -> None:
    hand = with_fault("exception_code", device="io", code=2)
    assert hand.tcp(struct.pack(">BHH", 2, 0, 1)) == b"\x82\x02"
    assert hand.ask(READ) == GOOD_READ


# switchboard, control socket, bench files ------------------------------------------------------------------------------------------------------
def test_unknown_faults_and_parameters_are_refused_and_change_nothing() -> None:
    hand = Hand()
    for name, params in (("nonsense", {}), ("late_reply", {"secs": 1}), ("late_reply", {"ms": "long"}), ("bit_flip", {"count": 1.5})):
        with pytest.raises(ValueError, match="fault"):
            hand.rig.faults.switch(name, True, params)
    assert not any(row["on"] for row in hand.rig.faults.rows())
    assert find("silent").layer == "device"


@pytest.mark.parametrize(
    "command",
    [
        None, [], {}, {"cmd": "dance"}, {"cmd": "set", "input": "cord"}, {"cmd": "set", "input": "shoe", "closed": True}, {"cmd": "runner", "do": "fly"},
        {"cmd": "fault", "name": "silent", "on": 1}, {"cmd": "at", "t_s": "soon", "do": {"cmd": "state"}}, {"cmd": "at", "t_s": 1, "do": {"cmd": "x"}},
    ],
)
def test_bad_commands_are_answered_with_an_error(command: object) -> None:
    told = answer(Hand().rig, command)
    assert told["ok"] is False
    assert told["error"]


def test_a_command_can_be_given_for_later() -> None:
    hand = Hand()
    assert answer(hand.rig, {"cmd": "at", "t_s": 0.5, "do": {"cmd": "fault", "name": "silent", "on": True}})["ok"]
    hand.run(0.4)
    assert hand.ask(READ) == GOOD_READ
    hand.run(0.1)
    assert answer(hand.rig, {"cmd": "state"})["faults"] == ["silent"]


def test_state_measurements_wire_and_events_are_told() -> None:
    hand = Hand()
    hand.ask(READ)
    answer(hand.rig, {"cmd": "set", "input": "cord", "closed": False})
    told = answer(hand.rig, {"cmd": "state"})
    assert {"belt_speed_mps", "runner", "rails", "inputs", "drive", "enable_relay", "t_s"} <= told.keys()
    assert told["runner"].keys() == {"position_m", "posture", "trunk_deg"}
    assert answer(hand.rig, {"cmd": "measurements"})["measurements"][0]["event"] == "cord"
    frames = answer(hand.rig, {"cmd": "wire", "last": 2})["wires"]["drive"]
    assert [frame["hex"] for frame in frames] == [READ.hex(), GOOD_READ.hex()]
    assert answer(hand.rig, {"cmd": "events"})["events"][-1]["name"] == "contact_open"


@pytest.mark.parametrize("path", sorted(BENCHES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_bench_runs_and_has_its_machine_file(path: object) -> None:
    hand = Hand(str(getattr(path, "stem", "")))
    hand.run(0.05)
    ports = {name: f"/run/x/{name}" if name in hand.rig.lines else {"host": "127.0.0.1", "port": 1502} for name in hand.rig.logs}
    text = machine_file(hand.rig.bench, ports, BENCHES)
    assert "[drive]" in text
    assert "[enable]" in text


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("wire.drive.bauds=9600", "bauds"), ("wire.drive.baud=fast", "baud"), ("format=2", "format"), ("drive.wire=nowhere", "nowhere"),
        ("wire.x.kind=tcp", "no device"),
        ("wire.drive.framing=7E1", "framing"), ("io.wire=drive", "unit"), ("board.rate_hz=5000.0", "too much"), ("world.runner.mass=70", "mass"),
        ("enable.device=magic", "magic"), ("tick_s=1.0", "tick_s"), ("wire.drive.turnaround_s=-1.0", "turnaround_s"), ("nonsense=1", "nonsense"),
    ],
)
def test_a_bench_that_is_not_understood_is_refused_by_name(override: str, says: str) -> None:
    with pytest.raises(BenchError, match=says):
        load(BENCHES / "altivar-rtu.toml", [override])
