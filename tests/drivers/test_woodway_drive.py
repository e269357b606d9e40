"""What is the Woodway's own: fingerprint, timed start, its errors, its grade. The rest is in the conformance suite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from pydantic import ValidationError

from tests.drivers.test_conformance import woodway_bench, woodway_config
from treadctl.core.messages import DriveMode, DriveOrder
from treadctl.core.sample import Direction, DriveState
from treadctl.errors import TreadctlError
from treadctl.testing.conformance import DriveBench
from treadctl_drivers.links import SerialConfig, SerialLine
from treadctl_drivers.woodway import WoodwayDrive, family
from treadctl_drivers.woodway.simulated import SimulatedWoodway

pytestmark = pytest.mark.looptime  # time passes only inside the tests


@pytest.fixture
def device() -> SimulatedWoodway:
    return SimulatedWoodway()


@pytest.fixture
async def bench(device: SimulatedWoodway) -> AsyncIterator[DriveBench]:
    bench = woodway_bench(device, max_grade_percent=10.0)
    yield bench
    await bench.end()


def sent(bench: DriveBench) -> list[bytes]:
    return [frame.data for frame in bench.wire.frames]


async def test_only_bytes_harmless_on_every_sibling_are_sent_before_the_identity(bench: DriveBench) -> None:
    await bench.ready()
    before = sent(bench)[: sent(bench).index(b"\xaa")]
    assert set(before) == {b"\xc0", b"\xc3"}


async def test_a_trackmaster_that_answers_the_same_byte_with_its_set_speed_is_only_read(bench: DriveBench, device: SimulatedWoodway) -> None:
    device.trackmaster = True
    await bench.keep(bench.order(DriveMode.RUN, 1.0), 3.0)
    assert set(sent(bench)) == {b"\xc0", b"\xc3"}
    assert isinstance(bench.drive, WoodwayDrive)
    assert bench.drive.firmware_seen == "30303030"


async def test_another_firmware_is_reported_and_never_moved(bench: DriveBench, device: SimulatedWoodway) -> None:
    device.firmware = bytes.fromhex("0102000B")
    await bench.keep(bench.order(DriveMode.RUN, 1.0), 3.0)
    assert set(sent(bench)) == {b"\xc0", b"\xc3"}
    assert isinstance(bench.drive, WoodwayDrive)
    assert bench.drive.firmware_seen == "0102000B"
    assert not bench.last.identified


async def test_the_belt_starts_once_with_its_timer_after_an_acknowledged_auto_stop(bench: DriveBench) -> None:
    await bench.up_to_speed(1.0, Direction.REVERSE)
    frames = sent(bench)
    start = frames.index(b"\xa0")
    assert frames.count(b"\xa0") == 1
    assert b"\xa9" not in {frame[:1] for frame in frames}
    assert b"\xaa" in frames[:start]
    assert not [frame for frame in frames[:start] if frame[0] == 0xA3]
    assert bench.belt_mps < -0.9


async def test_polls_renew_the_machines_timer_well_before_it_runs_out(bench: DriveBench, device: SimulatedWoodway) -> None:
    await bench.up_to_speed(0.5)
    at_s = bench.now_s
    await bench.keep(bench.order(DriveMode.RUN, 0.5), 2.0)
    times = [frame.at_s for frame in bench.since(at_s)]
    assert max(later - earlier for earlier, later in pairwise(times)) <= 0.2
    assert device.timeouts == 0


async def test_a_dead_host_is_stopped_by_the_machines_own_timer(bench: DriveBench, device: SimulatedWoodway) -> None:
    await bench.up_to_speed(1.0)
    await bench.end()
    await asyncio.sleep(3.0)
    assert bench.belt_mps == 0.0
    assert device.timeouts == 1


async def test_the_machines_report_of_its_time_out_is_a_fault_and_voids_the_order(bench: DriveBench, device: SimulatedWoodway) -> None:
    run = await bench.up_to_speed(1.0)
    device._timed_out, device._engaged, at_s = True, False, bench.now_s
    await bench.keep(run, 3.0)
    assert 0xBD in {report.status.fault_code for report in bench.reports if report.status is not None and report.at_s >= at_s}
    assert DriveState.FAULT in {report.status.state for report in bench.reports if report.status is not None and report.at_s >= at_s}
    later = [frame for frame in bench.since(at_s) if frame.data[0] in (0xA0, 0xA3)]
    assert [frame for frame in later if frame.at_s > at_s + 0.1] == []
    assert b"\xaa" in [frame.data for frame in bench.since(at_s)]


async def test_a_time_out_reported_unasked_is_heard_too(bench: DriveBench) -> None:
    run = await bench.up_to_speed(1.0)
    at_s = bench.now_s
    assert isinstance(bench.drive, WoodwayDrive)
    for _ in range(200):  # into the pause between two polls
        if not bench.drive._out:
            break
        await asyncio.sleep(0.0005)
    assert not bench.drive._out
    bench.wire.inject(b"\xbd")
    await bench.keep(run, 1.0)
    assert b"\xaa" in [frame.data for frame in bench.since(at_s)]


async def test_a_machine_that_refuses_the_timed_start_is_not_attested_and_gets_no_speed(bench: DriveBench, device: SimulatedWoodway) -> None:
    device.knows_timer = False
    await bench.ready()
    await bench.keep(bench.order(DriveMode.RUN, 1.0), 3.0)
    assert bench.last.watchdog_s is None
    assert sent(bench).count(b"\xa0") == 1
    assert not [frame for frame in sent(bench) if frame[0] == 0xA3]


async def test_a_start_that_is_not_acknowledged_is_never_repeated(bench: DriveBench) -> None:
    await bench.ready()
    bench.wire.tamper = lambda request, reply: b"" if request == b"\xa0" else reply
    run = bench.order(DriveMode.RUN, 1.0)
    await bench.keep(run, 3.0)
    assert sent(bench).count(b"\xa0") == 1
    assert not [frame for frame in sent(bench) if frame[0] == 0xA3]
    assert bench.last.confirmed_order < run.order_id


async def test_a_start_that_was_not_taken_is_sent_again_and_no_speed_before_the_machine_says_started(bench: DriveBench, device: SimulatedWoodway) -> None:
    device.forgets_starts = 2
    await bench.up_to_speed(0.5)
    starts = [frame.at_s for frame in bench.wire.frames if frame.data == b"\xa0"]
    assert len(starts) == 3
    assert min(later - earlier for earlier, later in pairwise(starts)) >= 0.1
    frames = sent(bench)
    speed = next(index for index, frame in enumerate(frames) if frame[0] == 0xA3)
    last_start = len(frames) - 1 - frames[::-1].index(b"\xa0")
    assert b"\xc0" in frames[last_start:speed]


async def test_a_machine_that_takes_no_start_gets_three_and_no_speed_and_is_reported_as_not_running(bench: DriveBench, device: SimulatedWoodway) -> None:
    await bench.ready()
    device.forgets_starts = 100
    run = bench.order(DriveMode.RUN, 0.5)
    await bench.keep(run, 3.0)
    assert sent(bench).count(b"\xa0") == 3
    assert not [frame for frame in sent(bench) if frame[0] == 0xA3]
    assert bench.last.confirmed_order < run.order_id
    assert bench.last.status is not None
    assert bench.last.status.state is DriveState.DISABLED


async def test_a_start_that_was_not_taken_is_not_sent_again_once_a_stop_is_ordered(bench: DriveBench, device: SimulatedWoodway) -> None:
    await bench.ready()
    device.forgets_starts = 100
    await bench.keep(bench.order(DriveMode.RUN, 0.5), 0.08)
    assert sent(bench).count(b"\xa0") == 1
    await bench.keep(bench.order(DriveMode.STOP), 1.0)
    assert sent(bench).count(b"\xa0") == 1


async def test_grade_is_sent_in_tenths_truncated_and_read_back(bench: DriveBench, device: SimulatedWoodway) -> None:
    run = await bench.up_to_speed(0.5)
    graded = DriveOrder(DriveMode.RUN, 0.5, run.direction, 3.19, run.order_id)
    await bench.keep(graded, 2.0)
    assert device.elevation_tenths == 31
    assert bench.last.status is not None
    assert bench.last.status.grade_percent == 3.1
    steep = DriveOrder(DriveMode.RUN, 0.5, run.direction, 40.0, run.order_id)
    await bench.keep(steep, 1.0)
    assert device.elevation_tenths == 100, "never above the configured grade"


async def test_elevation_is_never_touched_where_it_is_not_configured(device: SimulatedWoodway) -> None:
    bench = woodway_bench(device)
    run = await bench.up_to_speed(0.5)
    await bench.keep(DriveOrder(DriveMode.RUN, 0.5, run.direction, 3.0, run.order_id), 1.0)
    assert not [frame for frame in sent(bench) if frame[0] in (0xA4, 0xC2)]
    await bench.end()


async def test_reverse_is_refused_where_it_is_not_configured(device: SimulatedWoodway) -> None:
    bench = woodway_bench(device, reverse=False)
    await bench.ready()
    await bench.keep(bench.order(DriveMode.RUN, 0.5, Direction.REVERSE), 2.0)
    assert not [frame for frame in sent(bench) if frame[0] in (0xA0, 0xA3)]
    await bench.end()


async def test_speed_never_exceeds_the_configured_maximum(device: SimulatedWoodway) -> None:
    bench = woodway_bench(device, max_speed_mps=1.0)
    await bench.ready()
    await bench.keep(bench.order(DriveMode.RUN, 3.0), 4.0)
    assert 0.9 < bench.belt_mps <= 1.0
    await bench.end()


async def test_power_off_then_run_zeroes_the_machines_own_setpoint_before_it_starts(bench: DriveBench) -> None:
    await bench.up_to_speed(1.0)
    await bench.to_rest(bench.order(DriveMode.POWER_OFF))
    at_s = bench.now_s
    await bench.keep(bench.order(DriveMode.RUN, 0.3), 1.0)
    writes = [frame.data[0] for frame in bench.writes(bench.since(at_s))]
    assert writes[:2] == [0xAA, 0xA0], "a setpoint kept through a disengage must not start the belt"


async def test_a_state_byte_not_seen_at_commissioning_confirms_no_stop(device: SimulatedWoodway) -> None:
    bench = woodway_bench(device, state_bytes=(0x31, 0x32))
    await bench.up_to_speed(0.5)
    bench.wire.tamper = lambda request, reply: b"\xd0\x55" if request == b"\xc0" else reply
    stop = bench.order(DriveMode.STOP)
    await bench.keep(stop, 2.0)
    assert bench.last.confirmed_order < stop.order_id
    await bench.end()


async def test_a_machine_that_acknowledges_but_does_not_slow_down_hears_the_stop_every_50_ms(bench: DriveBench) -> None:
    await bench.up_to_speed(1.0)
    bench.wire.tamper = lambda request, reply: b"\xd10022" if request == b"\xc1" else reply
    at_s = bench.now_s
    stop = bench.order(DriveMode.STOP)
    await bench.keep(stop, 1.0)
    stops = [frame.at_s for frame in bench.since(at_s) if frame.data == b"\xaa"]
    assert max(later - earlier for earlier, later in pairwise(stops)) <= 0.07, "50 ms and the poll in flight"
    assert len(stops) >= 15
    assert bench.last.confirmed_order < stop.order_id


async def test_a_belt_that_speeds_up_after_a_confirmed_stop_is_stopped_again(bench: DriveBench) -> None:
    await bench.up_to_speed(1.0)
    stop = bench.order(DriveMode.STOP)
    await bench.to_rest(stop)
    assert bench.last.confirmed_order >= stop.order_id
    await bench.keep(stop, 0.5)
    bench.wire.tamper = lambda request, reply: b"\xd10022" if request == b"\xc1" else reply
    at_s = bench.now_s
    await bench.keep(stop, 0.5)
    assert b"\xaa" in [frame.data for frame in bench.since(at_s)]


async def test_a_stop_is_on_an_idle_wire_before_apply_returns(bench: DriveBench) -> None:
    await bench.up_to_speed(0.5)
    assert isinstance(bench.drive, WoodwayDrive)
    for _ in range(200):
        if not bench.drive._out:
            break
        await asyncio.sleep(0.0005)
    assert not bench.drive._out
    count = len(bench.wire.frames)
    bench.drive.apply(bench.order(DriveMode.STOP))
    assert [frame.data for frame in bench.wire.frames[count:]] == [b"\xaa"]


async def test_a_disengage_chosen_at_commissioning_is_the_fast_stop(device: SimulatedWoodway) -> None:
    bench = woodway_bench(device, fast_stop="disengage")
    await bench.up_to_speed(0.5)
    at_s = bench.now_s
    await bench.keep(bench.order(DriveMode.FAST_STOP), 0.1)
    assert bench.writes(bench.since(at_s))[0].data == b"\xa2"
    await bench.end()


@pytest.mark.parametrize(
    "keys",
    [
        {"firmware": "30303132"},
        {"firmware": "0102000a"},
        {"speed_unit": "km/h"},
        {"watchdog_s": 0.0},
        {"max_speed_mps": 13.4},
        {"max_grade_percent": 30.0},
        {"timer": False},
    ],
)
def test_a_table_that_cannot_be_right_is_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        woodway_config(**keys)


@pytest.mark.parametrize("keys", [{"baud": 9600}, {"parity": "E"}, {"stopbits": 2}, {"echo": True}])
def test_a_line_that_is_not_4800_8n1_is_refused(keys: dict[str, object]) -> None:
    link = SerialLine(SerialConfig.model_validate({"port": "/dev/null", "baud": 4800} | keys), lambda: 0.0)
    with pytest.raises(TreadctlError, match="4800"):
        family.build(woodway_config(), link, lambda: 0.0)
