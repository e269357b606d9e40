from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from pydantic import ValidationError

from treadctl.core.sample import BeltMotion, ChannelId, Direction, Quality, TrunkMotion
from treadctl.ports import ChannelReading, EnableOutput, SensorFrame
from treadctl.testing.clock import FakeClock
from treadctl.testing.wire import MemoryWire
from treadctl_drivers._line import Line
from treadctl_drivers.sensor_board import SensorBoard, SensorBoardConfig, family
from treadctl_drivers.sensor_board.simulated import SimulatedBoard

pytestmark = pytest.mark.looptime  # time passes only inside the tests

RAIL = {"zero": 800, "n_per_count": 0.25, "raw_min": 100, "raw_max": 8000}
CONFIG = SensorBoardConfig.model_validate({"channels": ("cord_a", "cord_b", "rail_left", "rail_right", "belt"), "rails": {"left": RAIL, "right": RAIL}})

TRUNK = {"g_per_count": 1 / 2048, "dps_per_count": 1 / 16}
WORN = SensorBoardConfig.model_validate({"channels": ("cord_a", "trunk"), "trunk": TRUNK})


@dataclass
class Rig:
    simulated: SimulatedBoard
    wire: MemoryWire
    board: SensorBoard
    frames: list[SensorFrame] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """From within the test, not its fixture: only there time is simulated."""
        self.task = asyncio.create_task(self.board.run(self.frames.append))
        await asyncio.sleep(0.01)

    @property
    def now_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def stream(self, seconds: float, enable: bool | None = None) -> None:
        if self.task is None:
            await self.begin()
        until_s = self.now_s + seconds
        while self.now_s < until_s - 1e-9:
            if enable is not None:
                self.board.set_enable(enable)
            await asyncio.sleep(0.01)
            self.wire.inject(self.simulated.line(self.now_s))

    def reading(self, channel: ChannelId) -> ChannelReading:
        return next(reading for reading in self.frames[-1].readings if reading.channel is channel)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    loop = asyncio.get_running_loop()
    simulated = SimulatedBoard()
    wire = MemoryWire(simulated)
    board = SensorBoard(CONFIG, lambda user: Line("wire", wire.open, user), loop.time)
    rig = Rig(simulated, wire, board)
    yield rig
    assert rig.task is not None
    rig.task.cancel()
    await asyncio.gather(rig.task, return_exceptions=True)


async def test_a_line_becomes_a_frame_in_the_call_that_brought_its_last_byte(rig: Rig) -> None:
    await rig.begin()
    line = rig.simulated.line(rig.now_s)
    rig.wire.inject(line[:-1])
    assert not rig.frames
    rig.wire.inject(line[-1:])
    assert len(rig.frames) == 1
    assert rig.frames[0].at_s == pytest.approx(rig.now_s, abs=0.005)
    assert {reading.channel for reading in rig.frames[0].readings} == rig.board.channels


async def test_contacts_rails_and_belt_are_read(rig: Rig) -> None:
    rig.simulated.inputs = 0x3D  # cord B open
    rig.simulated.rail_left, rig.simulated.belt_mm_per_s = 1200, -833
    rig.simulated.noise = False
    await rig.stream(0.02)
    assert rig.reading(ChannelId.CORD_A) == ChannelReading(ChannelId.CORD_A, True, Quality.GOOD)
    assert rig.reading(ChannelId.CORD_B) == ChannelReading(ChannelId.CORD_B, False, Quality.GOOD)
    assert rig.reading(ChannelId.RAIL_LEFT) == ChannelReading(ChannelId.RAIL_LEFT, 100.0, Quality.GOOD)
    assert rig.reading(ChannelId.BELT).value == BeltMotion(0.833, Direction.REVERSE)


async def test_a_converter_fault_is_implausible(rig: Rig) -> None:
    rig.simulated.rail_right = None
    await rig.stream(0.02)
    assert rig.reading(ChannelId.RAIL_RIGHT).quality is Quality.IMPLAUSIBLE
    assert rig.reading(ChannelId.RAIL_LEFT).quality is Quality.GOOD


async def test_a_rail_that_repeats_the_same_count_freezes(rig: Rig) -> None:
    await rig.stream(3.0)
    assert rig.reading(ChannelId.RAIL_LEFT).quality is Quality.GOOD
    rig.simulated.noise = False
    await rig.stream(2.2)
    assert rig.reading(ChannelId.RAIL_LEFT).quality is Quality.FROZEN


def worn() -> tuple[SimulatedBoard, SensorBoard, list[SensorFrame], FakeClock]:
    """A board with the worn sensor, fed line by line on a clock of the test's own."""
    simulated, clock, frames = SimulatedBoard(), FakeClock(100.0), []
    board = SensorBoard(WORN, lambda user: Line("none", MemoryWire(simulated).open, user), clock)
    board._sink = frames.append
    simulated.trunk = (0, 0, 2048, 0, 160, -16)
    return simulated, board, frames, clock


def told(simulated: SimulatedBoard, board: SensorBoard, frames: list[SensorFrame], clock: FakeClock) -> ChannelReading:
    """What the next line says of the trunk."""
    board.line_bytes(simulated.line(clock.advance(0.01)))
    return next(reading for reading in frames[-1].readings if reading.channel is ChannelId.TRUNK)


def test_an_s2_line_becomes_force_and_rate_on_the_sensors_axes() -> None:
    rig = worn()
    rig[0].noise = False
    assert told(*rig) == ChannelReading(ChannelId.TRUNK, TrunkMotion((0.0, 0.0, 1.0), (0.0, 10.0, -1.0)), Quality.GOOD)
    assert rig[1].channels == family.channels(WORN) == {ChannelId.CORD_A, ChannelId.TRUNK}


def test_an_s1_line_from_a_board_with_the_worn_sensor_means_it_is_absent() -> None:
    rig = worn()
    good, rig[0].trunk = told(*rig).quality, ()
    assert (good, told(*rig)) == (Quality.GOOD, ChannelReading(ChannelId.TRUNK, None, Quality.ABSENT))
    assert rig[2][-1].readings[0] == ChannelReading(ChannelId.CORD_A, True, Quality.GOOD)
    rig[0].trunk = (0, 0, 2048, 0, 0, 0)
    assert told(*rig).quality is Quality.GOOD
    assert rig[1].stats().mismatches == 0


def test_a_lost_radio_link_is_implausible_and_takes_nothing_else_along() -> None:
    rig = worn()
    rig[0].trunk = (None,) * 6
    assert told(*rig) == ChannelReading(ChannelId.TRUNK, None, Quality.IMPLAUSIBLE)
    assert rig[2][-1].readings[0].quality is Quality.GOOD


def test_a_worn_sensor_that_repeats_itself_freezes_and_a_reopened_port_starts_afresh() -> None:
    rig = worn()
    rig[0].noise = False
    got = [told(*rig).quality for _ in range(25)]
    assert (set(got[:19]), set(got[22:])) == ({Quality.GOOD}, {Quality.FROZEN})
    rig[1].line_up(MemoryWire(rig[0]))
    assert told(*rig).quality is Quality.GOOD


def test_a_board_without_the_channel_ignores_what_s2_lines_carry() -> None:
    simulated, frames = SimulatedBoard(), []
    simulated.trunk = (1, 2, 3, 4, 5, 6)
    board = SensorBoard(CONFIG, lambda user: Line("none", MemoryWire(simulated).open, user), FakeClock())
    board._sink = frames.append
    board.line_bytes(simulated.line(1.0))
    assert {reading.channel for reading in frames[0].readings} == board.channels


async def test_repeated_and_damaged_lines_give_no_frame(rig: Rig) -> None:
    await rig.stream(0.1)
    count = len(rig.frames)
    line = rig.simulated.line(rig.now_s)
    rig.wire.inject(line)
    rig.wire.inject(line)
    rig.wire.inject(rig.simulated.line(rig.now_s).replace(b",", b";", 1))
    assert len(rig.frames) == count + 1
    assert rig.board.stats().mismatches == 1
    assert rig.board.stats().crc_errors == 1


async def test_a_held_up_line_is_old(rig: Rig) -> None:
    await rig.stream(0.5)
    line = rig.simulated.line(rig.now_s)
    await asyncio.sleep(0.15)
    rig.wire.inject(line)
    assert rig.now_s - rig.frames[-1].at_s == pytest.approx(0.15, abs=0.002)


async def test_a_lost_link_makes_every_channel_absent_at_once(rig: Rig) -> None:
    await rig.stream(0.1)
    rig.wire.cut()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert {reading.quality for reading in rig.frames[-1].readings} == {Quality.ABSENT}
    assert len(rig.frames[-1].readings) == 5
    rig.wire.mend()
    await rig.stream(1.0)
    assert rig.reading(ChannelId.CORD_A).quality is Quality.GOOD
    assert rig.board.stats().reconnects == 1


async def test_nothing_is_sent_before_anybody_asked_for_the_output(rig: Rig) -> None:
    await rig.stream(1.0)
    assert rig.wire.frames == []


async def test_the_relay_stays_closed_while_power_is_wanted_and_renewals_are_50_ms_apart(rig: Rig) -> None:
    await rig.stream(1.0, enable=True)
    assert rig.simulated.relay_closed(rig.now_s)
    sent = [at_s for at_s, _, _ in rig.simulated.enable_lines]
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert max(gaps) <= 0.06
    assert [n for _, _, n in rig.simulated.enable_lines][:3] == [1, 2, 3]


async def test_power_off_leaves_before_set_enable_returns(rig: Rig) -> None:
    await rig.stream(0.2, enable=True)
    count = len(rig.wire.frames)
    rig.board.set_enable(False)
    assert rig.wire.frames[count].at_s == rig.now_s
    assert rig.wire.frames[count].data.startswith(b"$E1,0,")
    await rig.stream(0.5, enable=False)
    assert not rig.simulated.relay_closed(rig.now_s)
    assert all(not on for _, on, _ in rig.simulated.enable_lines[count:])


async def test_a_control_loop_that_falls_silent_drops_the_relay(rig: Rig) -> None:
    await rig.stream(0.5, enable=True)
    assert rig.simulated.relay_closed(rig.now_s)
    silent_from_s = rig.now_s
    await rig.stream(0.5)
    assert not rig.simulated.relay_closed(rig.now_s)
    last_on_s = max(at_s for at_s, on, _ in rig.simulated.enable_lines if on)
    assert last_on_s <= silent_from_s + 0.2


async def test_a_dead_process_drops_the_relay_within_150_ms_of_its_last_line(rig: Rig) -> None:
    await rig.stream(0.5, enable=True)
    assert rig.simulated.relay_closed(rig.now_s)
    last_s = rig.simulated.enable_lines[-1][0]
    assert not rig.simulated.relay_closed(last_s + 0.1501)


async def test_after_a_lost_link_the_output_is_renewed_again(rig: Rig) -> None:
    await rig.stream(0.2, enable=True)
    rig.wire.cut()
    await rig.stream(0.5, enable=True)
    rig.wire.mend()
    await rig.stream(0.5, enable=True)
    assert rig.simulated.relay_closed(rig.now_s)


@pytest.mark.parametrize("config", [CONFIG, WORN], ids=["S1", "S2"])
def test_one_line_costs_at_most_30_microseconds_from_bytes_to_frame(config: SensorBoardConfig) -> None:
    received: list[SensorFrame] = []
    board = SensorBoard(config, lambda user: Line("none", MemoryWire(SimulatedBoard()).open, user), time.monotonic)
    board._sink = received.append
    simulated = SimulatedBoard()
    simulated.trunk = (100, -50, 2048, 1, 2, 3) if config is WORN else ()
    costs_s = []
    for batch in range(40):  # the cheapest of many short batches, in CPU time: what else the computer does is not the parser's cost
        lines = [simulated.line(batch + n * 0.005) for n in range(200)]
        begin_s = time.thread_time()
        for line in lines:
            board.line_bytes(line)
        costs_s.append((time.thread_time() - begin_s) / len(lines))
    assert received
    assert min(costs_s) <= 30e-6


def test_the_board_carries_the_enable_output() -> None:
    board = SensorBoard(CONFIG, lambda user: Line("none", MemoryWire(SimulatedBoard()).open, user), time.monotonic)
    assert isinstance(board, EnableOutput)
    assert family.channels(CONFIG) == board.channels


@pytest.mark.parametrize(
    "keys",
    [
        {"channels": ("rail_left",)},
        {"channels": ("rail_right",), "rails": {"left": RAIL}},
        {"channels": ("trunk",)},
        {"channels": ("trunk",), "trunk": {"g_per_count": 0.001}},
        {"channels": ("cord_a", "cord_a")},
        {"channels": ("cord_c",)},
        {"channels": ("cord_a",), "baud": 115200},
        {},
    ],
)
def test_a_table_that_cannot_work_is_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SensorBoardConfig.model_validate(keys)
