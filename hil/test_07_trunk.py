"""The worn sensor on the simulated board: S2 lines, its faults, and the bench and machine file that fit; read by the driver they are meant for."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import pytest

from treadctl.config import MachineConfig, load_machine
from treadctl.core.sample import ChannelId, Quality, TrunkMotion
from treadctl.ports import ChannelReading, SensorFrame
from treadctl_drivers.sensor_board import SensorBoard
from treadctl_hil.bench import BenchError, load
from treadctl_hil.board import crc_ccitt_false
from treadctl_hil.control import answer
from treadctl_hil.hand import BENCHES, Hand
from treadctl_hil.machine import machine_file
from treadctl_hil.sensors import SensorFace

FULL = 32767


def fields(hand: Hand) -> list[list[bytes]]:
    """The board's lines since the last look, each with a right check sum, as fields."""
    rows = []
    for line in hand.take("board").splitlines():
        body, _, crc = line.partition(b"*")
        assert crc == f"{crc_ccitt_false(body[1:]):04X}".encode()
        rows.append(body.split(b","))
    return rows


def counts(hand: Hand, seconds: float = 0.1) -> list[tuple[int | None, ...]]:
    """The six counts of each line that comes from now on."""
    hand.take("board")
    hand.run(seconds)
    return [tuple(None if text == b"!" else int(text) for text in row[7:]) for row in fields(hand)]


# lines


def test_a_board_with_the_sensor_sends_s2_lines_only_and_numbers_them() -> None:
    hand = Hand("trunk")
    hand.run(0.5)
    hand.rig.set_contact("attendant", False)
    hand.run(0.5)
    rows = fields(hand)
    assert {(row[0], len(row)) for row in rows} == {(b"$S2", 13)}
    assert [int(row[1]) for row in rows] == list(range(len(rows)))
    assert len(rows) > 100


def test_a_board_without_it_sends_what_it_always_sent() -> None:
    hand = Hand()
    hand.run(0.1)
    assert {(row[0], len(row)) for row in fields(hand)} == {(b"$S1", 7)}


def test_lines_of_somebody_walking_are_no_longer_than_the_protocol_reckons_with() -> None:
    hand = Hand("trunk")
    hand.rig.world.runner.mount()
    hand.run_belt(400)
    hand.take("board")
    hand.run(5.0)
    lengths = [len(line) + 1 for line in hand.take("board").splitlines()]
    assert min(lengths) > 45
    assert max(lengths) <= 80


@pytest.mark.parametrize(("baud", "rate_hz", "fits"), [(115200, 100, True), (115200, 200, False), (230400, 200, True), (57600, 100, False)])
def test_the_bench_wants_the_baud_rate_the_protocol_says(baud: int, rate_hz: int, fits: bool) -> None:
    overrides = (f"wire.board.baud={baud}", f"board.rate_hz={rate_hz}")
    if fits:
        assert load(BENCHES / "trunk.toml", overrides).board is not None
    else:
        with pytest.raises(BenchError, match="rate_hz"):
            load(BENCHES / "trunk.toml", overrides)


# faults


def struck(name: str, **params: object) -> Hand:
    hand = Hand("trunk")
    hand.rig.world.runner.mount()
    hand.run(0.2)
    hand.rig.faults.switch(name, True, params)
    hand.run(0.002)  # a line may have been on its way
    return hand


def test_a_lost_link_repeats_for_50_ms_and_is_then_told_until_it_comes_back() -> None:
    hand = struck("trunk_lost")
    rows = counts(hand, 0.2)
    repeated = [row for row in rows if None not in row]
    assert len(set(repeated)) == 1
    assert 3 <= len(repeated) <= 6
    assert set(rows[len(repeated) :]) == {(None,) * 6}
    hand.rig.faults.switch("trunk_lost", False)
    assert None not in counts(hand)[-1]


def test_a_frozen_sensor_repeats_one_sample() -> None:
    hand = struck("trunk_frozen")
    assert len(set(counts(hand, 1.0))) == 1
    hand.rig.faults.switch("trunk_frozen", False)
    assert len(set(counts(hand, 0.3))) > 20


@pytest.mark.parametrize("field", range(6))
def test_a_saturated_field_reads_full_scale_and_the_others_live_on(field: int) -> None:
    rows = counts(struck("trunk_saturated", field=field), 0.3)
    assert {row[field] for row in rows} == {FULL}
    assert all(len({row[k] for row in rows}) > 5 for k in range(6) if k != field)


def near(one: tuple[int | None, ...], other: tuple[int | None, ...]) -> bool:
    return all(a is not None and b is not None and abs(a - b) < 150 for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("name", "turned"),
    [
        ("trunk_swapped_axes", lambda c: (c[2], c[1], c[0], c[5], c[4], c[3])),
        ("trunk_upside_down", lambda c: (c[0], -c[1], -c[2], c[3], -c[4], -c[5])),
    ],
)
def test_a_sensor_worn_otherwise_measures_the_same_on_other_axes(name: str, turned: Callable[[tuple[int | None, ...]], tuple[int | None, ...]]) -> None:
    hand = Hand("trunk")
    hand.rig.world.runner.mount()
    before = counts(hand)[-1]
    hand.rig.faults.switch(name, True)
    assert near(counts(hand)[-1], turned(before))
    assert not near(counts(hand)[-1], before)


def test_a_register_nobody_guards_wraps_at_the_height_of_a_knock() -> None:
    rows = [row[0] for row in counts(struck("trunk_overflow"), 0.1)]
    jumps = [b - a for a, b in pairwise(rows) if a is not None and b is not None]
    assert min(jumps) < -1.5 * FULL
    assert max(jumps) > 1.5 * FULL


def test_the_state_tells_what_the_waist_feels() -> None:
    hand = Hand("trunk")
    hand.rig.world.runner.mount()
    told = answer(hand.rig, {"cmd": "state"})["trunk"]
    assert told["force_g"] == pytest.approx([0.0, 0.0, 1.0], abs=0.05)
    assert told["rate_dps"] == pytest.approx([0.0, 0.0, 0.0], abs=3.0)


# bench, machine file and driver together


class Read:
    """The driver as the machine file of the bench builds it, listening to the board's wire in the bench's own time."""

    def __init__(self, folder: Path, *overrides: str) -> None:
        self.hand = Hand("trunk", *overrides)
        self.hand.rig.world.runner.mount()
        self.machine = machine_of(self.hand, folder)
        (device,) = [device for device in self.machine.devices if device.driver == "sensor_board"]
        self.frames: list[SensorFrame] = []
        self.board = SensorBoard(device.config, _no_line, self.hand.time.now_s)
        self.board._sink = self.frames.append  # noqa: SLF001 - the port is never opened: bytes come from the bench
        self.hand.rig.to_host["board"] = self.board.line_bytes

    def run(self, seconds: float) -> list[ChannelReading]:
        """What the driver made of the trunk in this time."""
        seen = len(self.frames)
        self.hand.run(seconds)
        return [reading for frame in self.frames[seen:] for reading in frame.readings if reading.channel is ChannelId.TRUNK]


def _no_line(user: object) -> Any:  # noqa: ANN401 - stands where a line would, and is never used
    return _Nothing()


class _Nothing:
    reconnects = 0

    def running(self) -> NoReturn:
        raise AssertionError("nothing opens a port here")


def machine_of(hand: Hand, folder: Path) -> MachineConfig:
    ports = {name: str(folder / name) if name in hand.rig.lines else {"host": "127.0.0.1", "port": 1502} for name in hand.rig.logs}
    path = folder / "machine.toml"
    path.write_text(machine_file(hand.rig.bench, ports, folder), encoding="utf-8")
    return load_machine(path)


def forces(readings: list[ChannelReading]) -> list[float]:
    return [math.hypot(*reading.value.force_g) for reading in readings if isinstance(reading.value, TrunkMotion)]


def test_the_machine_file_of_the_bench_fits_the_trunk(tmp_path: Path) -> None:
    machine = machine_of(Hand("trunk"), tmp_path)
    assert ChannelId.TRUNK in machine.fitted
    assert machine.remarks() == ()
    assert ChannelId.TRUNK not in machine_of(Hand(), tmp_path).fitted


def test_the_driver_reads_force_and_rate_of_somebody_standing_then_walking(tmp_path: Path) -> None:
    it = Read(tmp_path)
    still = it.run(1.0)
    assert {reading.quality for reading in still} == {Quality.GOOD}
    assert forces(still) == pytest.approx([1.0] * len(still), abs=0.08)
    it.hand.run_belt(400, reverse=True)
    walking = it.run(5.0)
    assert {reading.quality for reading in walking} == {Quality.GOOD}
    assert max(forces(walking)) > 1.2
    assert min(forces(walking)) < 0.8
    truth = it.hand.rig.world.trunk.motion()
    last = it.run(0.02)[-1].value
    assert isinstance(last, TrunkMotion)
    assert last.rate_dps == pytest.approx(truth[1], abs=60.0)


def test_a_fall_is_good_throughout_on_a_sensor_whose_range_it_stays_within(tmp_path: Path) -> None:
    it = Read(tmp_path)
    it.hand.run_belt(400, reverse=True)
    it.hand.rig.world.runner.fall()
    readings = it.run(1.5)
    assert {reading.quality for reading in readings} == {Quality.GOOD}
    assert min(forces(readings)) < 0.5
    assert max(forces(readings)) > 5.0


def test_an_impact_beyond_the_range_costs_its_own_samples_only(tmp_path: Path) -> None:
    it = Read(tmp_path, "world.trunk.g_per_count=0.000244")  # 8 g
    it.hand.run_belt(400, reverse=True)
    it.hand.rig.world.runner.fall()
    qualities = [reading.quality for reading in it.run(1.5)]
    bad = [k for k, quality in enumerate(qualities) if quality is not Quality.GOOD]
    assert {qualities[k] for k in bad} == {Quality.IMPLAUSIBLE}
    assert 1 <= len(bad) <= 7
    assert bad[-1] - bad[0] <= 7


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("trunk_lost", Quality.IMPLAUSIBLE), ("trunk_frozen", Quality.FROZEN), ("trunk_saturated", Quality.IMPLAUSIBLE),
     ("trunk_swapped_axes", Quality.GOOD), ("trunk_upside_down", Quality.GOOD)],
)
def test_the_driver_calls_a_fault_by_its_name_within_a_quarter_of_a_second(tmp_path: Path, name: str, verdict: Quality) -> None:
    it = Read(tmp_path)
    assert it.run(0.5)[-1].quality is Quality.GOOD
    it.hand.rig.faults.switch(name, True)
    it.run(0.25)
    assert {reading.quality for reading in it.run(1.0)} == {verdict}
    it.hand.rig.faults.switch(name, False)
    assert {reading.quality for reading in it.run(0.5)[1:]} == {Quality.GOOD}


def test_the_driver_believes_no_wrapped_count_and_every_other(tmp_path: Path) -> None:
    it = Read(tmp_path)
    it.run(0.5)
    it.hand.rig.faults.switch("trunk_overflow", True)
    readings = it.run(5.0)
    along = [reading.value.force_g[0] for reading in readings if isinstance(reading.value, TrunkMotion)]
    bad = sum(reading.quality is Quality.IMPLAUSIBLE for reading in readings)
    assert 5 <= bad <= 30
    assert {reading.quality for reading in readings} == {Quality.GOOD, Quality.IMPLAUSIBLE}
    assert min(along) > -2.0, "a wrapped count would be near -16 g"
    assert max(along) > 8.0, "the knock itself is a measurement"


def test_other_channels_of_the_board_know_nothing_of_the_sensors_faults(tmp_path: Path) -> None:
    it = Read(tmp_path)
    it.run(0.5)
    it.hand.rig.faults.switch("trunk_lost", True)
    it.run(0.5)
    others = [reading for frame in it.frames[-20:] for reading in frame.readings if reading.channel is not ChannelId.TRUNK]
    assert {reading.quality for reading in others} == {Quality.GOOD}
    assert it.board.stats().mismatches == 0
    assert isinstance(it.hand.rig.face, SensorFace)
