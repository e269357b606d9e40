"""The Altivar driver against a simulated drive on a 19200-baud wire, in virtual time."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from pydantic import ValidationError

from tests.drivers.virtual import CONFIG, Bench, altivar_bench, now_s, until
from treadctl.core.messages import DriveMode, DriveOrder
from treadctl.core.sample import Direction, DriveState, Quality
from treadctl_drivers._modbus import Framing, crc16
from treadctl_drivers.altivar import frames
from treadctl_drivers.altivar.config import AltivarConfig
from treadctl_drivers.altivar.frames import PowerState

pytestmark = pytest.mark.looptime(noop_cycles=1)

CMD_WRITE = bytes.fromhex("01062135")
SETPOINT_WRITE = bytes.fromhex("0106219a")
RAMP_STOP = bytes.fromhex("010621350007d23a")


def moves(frame: bytes) -> bool:
    """Whether a frame could make the belt move: a run word, or a setpoint above zero."""
    if frame.startswith(CMD_WRITE):
        return frame[5] & 0x0F == 0x0F
    return frame.startswith(SETPOINT_WRITE) and frame[4:6] != b"\x00\x00"


def written(bench: Bench, since_s: float = 0.0) -> list[tuple[int, int]]:
    return [(address, word) for at_s, address, word in bench.device.writes if at_s >= since_s]


async def ready(bench: Bench) -> None:
    await until(lambda: bench.last.identified and bench.last.watchdog_s == 0.5)


# -- recognising and attesting ---------------------------------------------------------------------------------------------------------------------------


async def test_the_identity_is_read_before_anything_is_written() -> None:
    async with altivar_bench() as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        functions = [frame[1] for _, frame in bench.line.sent]
        assert functions[0] == 0x2B
        assert 6 in functions


@pytest.mark.parametrize(
    "device",
    [{"product": "ATV12H075M2"}, {"vendor": "Somebody"}, {"knows_identity": False}],
    ids=["other product", "other vendor", "tells nothing"],
)
async def test_an_unknown_machine_is_read_and_never_written(device: dict[str, object]) -> None:
    async with altivar_bench(device=device) as bench:
        bench.give(DriveMode.STOP)
        await asyncio.sleep(1.0)
        bench.give(DriveMode.RUN, 1.0)
        await asyncio.sleep(1.0)
        bench.give(DriveMode.POWER_OFF)
        await asyncio.sleep(10.0)
        assert bench.device.writes == []
        assert not bench.last.identified
        assert bench.last.status is not None, "it is still read"
        assert bench.last.watchdog_s is None


async def test_identity_by_registers_serves_where_the_function_is_missing() -> None:
    device = {"knows_identity": False, "registers": {11300: 320}}
    right = {"identity": None, "identity_registers": [{"register": 11300, "value": 320}]}
    async with altivar_bench(device=device, **right) as bench:
        await ready(bench)
    wrong = {"identity": None, "identity_registers": [{"register": 11300, "value": 12}]}
    async with altivar_bench(device=device, **wrong) as bench:
        bench.give(DriveMode.STOP)
        await asyncio.sleep(3.0)
        assert not bench.last.identified
        assert bench.device.writes == []


async def test_a_lost_identity_reply_is_asked_for_again() -> None:
    async with altivar_bench() as bench:
        bench.line.fault = lambda request, reply: [] if request[1] == 0x2B else [(0.0, reply)]
        await asyncio.sleep(1.3)
        bench.line.fault = None
        await ready(bench)


async def test_the_watchdog_is_set_at_standstill_and_reported_as_read_back() -> None:
    async with altivar_bench() as bench:
        await ready(bench)
        assert (6005, 5) in written(bench)
        assert bench.device.registers[6005] == 5


async def test_a_watchdog_that_does_not_take_is_reported_as_it_is_and_nothing_runs() -> None:
    async with altivar_bench(device={"frozen_registers": {6005}}) as bench:
        bench.give(DriveMode.STOP)
        await until(lambda: bench.last.watchdog_s == 10.0)
        bench.give(DriveMode.RUN, 1.0)
        await asyncio.sleep(2.0)
        assert not any(moves(frame) for _, frame in bench.line.sent)


@pytest.mark.parametrize("registers", [{6005: 0}], ids=["off"])
async def test_a_watchdog_that_is_off_is_not_attested(registers: dict[int, int]) -> None:
    async with altivar_bench(device={"registers": registers, "frozen_registers": {6005}}) as bench:
        await until(lambda: bench.last.identified)
        await asyncio.sleep(2.0)
        assert bench.last.watchdog_s is None


async def test_the_watchdog_is_never_written_while_the_belt_moves() -> None:
    async with altivar_bench(device={"rpm": 800.0, "ramp_rpm_per_s": 200.0}) as bench:
        bench.give(DriveMode.STOP)
        await until(lambda: bench.device.rpm == 0.0)
        stood_s = now_s()
        assert 6005 not in {address for _, address, _ in bench.device.writes}
        assert bench.last.watchdog_s == 10.0, "it is read meanwhile"
        await ready(bench)
        assert now_s() - stood_s < 1.5


async def test_the_watchdog_changed_behind_our_back_is_noticed_before_the_next_session() -> None:
    async with altivar_bench() as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        bench.device.registers[6005] = 100
        bench.device.frozen_registers.add(6005)
        await until(lambda: bench.last.watchdog_s == 10.0, 10.0)


async def test_another_ramp_than_commissioned_refuses_motion_but_not_the_stop() -> None:
    async with altivar_bench(deceleration={"register": 9002, "value": 25}) as bench:
        bench.give(DriveMode.STOP)
        await until(lambda: bench.last.confirmed_order == bench.order_id)
        bench.give(DriveMode.RUN, 1.0)
        await asyncio.sleep(2.0)
        assert not bench.last.identified
        assert not any(moves(frame) for _, frame in bench.line.sent)


# -- running ---------------------------------------------------------------------------------------------------------------------------------------------


async def test_a_run_walks_6_7_then_setpoint_then_run_word() -> None:
    async with altivar_bench() as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        started_s = now_s()
        await bench.run_at(1.0)
        commands = [(address, word) for address, word in written(bench, started_s) if address in (frames.CMD, frames.LFRD)]
        assert commands == [(frames.CMD, 6), (frames.CMD, 7), (frames.LFRD, 400), (frames.CMD, 0x0F)]
        await until(lambda: bench.speed_mps == pytest.approx(1.0))
        status = bench.last.status
        assert status is not None
        assert status.state is DriveState.ENABLED
        assert status.motion.speed_mps == pytest.approx(1.0)
        assert status.motion.direction is Direction.FORWARD


async def test_reverse_is_a_bit_and_never_a_sign_on_the_wire() -> None:
    async with altivar_bench() as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        await bench.run_at(0.5, Direction.REVERSE)
        assert (frames.CMD, 0x080F) in written(bench)
        assert all(word < 0x8000 for address, word in written(bench) if address == frames.LFRD)
        await until(lambda: bench.speed_mps == pytest.approx(0.5))
        status = bench.last.status
        assert status is not None
        assert status.motion.direction is Direction.REVERSE
        assert status.motion.speed_mps == pytest.approx(0.5)


async def test_the_setpoint_is_written_only_when_its_rpm_changes() -> None:
    async with altivar_bench() as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        await bench.run_at(1.0)
        await asyncio.sleep(2.0)
        bench.give(DriveMode.RUN, 1.0009)  # still 400 rpm
        await asyncio.sleep(0.5)
        assert [word for address, word in written(bench) if address == frames.LFRD and word] == [400]
        bench.give(DriveMode.RUN, 1.0025)
        await until(lambda: bench.device.registers[frames.LFRD] == 401)


async def test_orders_at_200_hz_do_not_crowd_out_the_polls() -> None:
    async with altivar_bench() as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        await bench.run_at(0.5)
        before, speed = len(bench.reports), 0.5
        for _ in range(200):
            await asyncio.sleep(0.005)
            speed += 0.0025
            bench.give(DriveMode.RUN, speed)
        assert len(bench.reports) - before > 15
        await until(lambda: bench.device.registers[frames.LFRD] == 400)


async def test_a_drive_found_running_is_stopped_before_anything_else_is_made_of_it() -> None:
    """Somebody else left it in operation at setpoint zero: a new setpoint must not meet the old run word."""
    device = {"state": PowerState.ENABLED, "registers": {frames.CMD: 0x080F}}
    async with altivar_bench(device=device) as bench:
        await ready(bench)
        bench.give(DriveMode.RUN, 0.5)
        await until(lambda: bench.device.rpm == 200)
        words = [(address, word) for address, word in written(bench) if address in (frames.CMD, frames.LFRD)]
        assert words[0] == (frames.CMD, frames.RAMP_STOP)


async def test_speed_beyond_the_machine_is_cut_to_its_limit() -> None:
    async with altivar_bench() as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        bench.give(DriveMode.RUN, 9.0)
        await until(lambda: bench.device.registers[frames.LFRD] == 1600)


async def test_a_turning_belt_is_ramped_down_before_it_is_reversed() -> None:
    async with altivar_bench() as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        await bench.run_at(1.0)
        turned_s = now_s()
        bench.give(DriveMode.RUN, 0.5, Direction.REVERSE)
        await until(lambda: bench.device.rpm == -200)
        later = written(bench, turned_s)
        assert later[0] == (frames.CMD, frames.RAMP_STOP)
        setpoint_at = next(at_s for at_s, address, word in bench.device.writes if at_s >= turned_s and address == frames.LFRD and word)
        assert setpoint_at - turned_s >= 0.9, "400 rpm at 400 rpm/s take a second to vanish"


async def test_a_reversed_order_at_standstill_never_meets_the_old_run_word() -> None:
    async with altivar_bench() as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        await bench.run_at(0.0)
        turned_s = now_s()
        bench.give(DriveMode.RUN, 0.5, Direction.REVERSE)
        await until(lambda: bench.device.rpm == -200)
        word = 0x0F
        for address, value in written(bench, turned_s):
            word = value if address == frames.CMD else word
            assert not (address == frames.LFRD and value and word == 0x0F)


async def test_a_drive_that_drops_out_is_not_started_again_without_a_new_order() -> None:
    async with altivar_bench() as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        await bench.run_at(1.0)
        bench.device.state = PowerState.SWITCH_ON_DISABLED
        dropped_s = now_s()
        await asyncio.sleep(3.0)
        assert (frames.CMD, 6) not in written(bench, dropped_s)
        assert bench.device.rpm == 0.0


async def test_nothing_runs_from_a_fault() -> None:
    async with altivar_bench(device={"state": PowerState.FAULT, "fault_code": 9}) as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        bench.give(DriveMode.RUN, 1.0)
        await asyncio.sleep(2.0)
        assert not any(moves(frame) for _, frame in bench.line.sent)
        status = bench.last.status
        assert status is not None
        assert (status.state, status.fault_code) == (DriveState.FAULT, 9)
        assert (frames.CMD, frames.FAULT_RESET) not in written(bench), "a person looks at an overcurrent first"


# -- stopping --------------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "word"), [(DriveMode.STOP, 7), (DriveMode.FAST_STOP, 2), (DriveMode.POWER_OFF, 0)], ids=["ramp", "quick stop", "power off"]
)
async def test_each_stop_is_its_own_word_then_setpoint_zero_then_read_back(mode: DriveMode, word: int) -> None:
    async with altivar_bench() as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        await bench.run_at(1.0)
        stopped_s = now_s()
        order = bench.give(mode)
        await until(lambda: bench.last.confirmed_order == order.order_id)
        assert now_s() - stopped_s < 0.15
        assert written(bench, stopped_s)[:2] == [(frames.CMD, word), (frames.LFRD, 0)]
        read_back = bench.link.modbus.read_registers(1, frames.CMD, 1).request
        assert read_back in [frame for _, frame in bench.frames_after(stopped_s)]


async def test_a_stop_on_an_idle_bus_is_on_the_wire_before_apply_returns() -> None:
    async with altivar_bench(poll_interval_s=0.1) as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        await bench.run_at(1.0)
        polls = len(bench.reports)
        await until(lambda: len(bench.reports) > polls)
        await asyncio.sleep(0.05)  # the poll is over, the next one is not due
        count = len(bench.line.sent)
        bench.give(DriveMode.STOP)
        assert [frame for _, frame in bench.line.sent[count:]] == [RAMP_STOP]


async def test_a_stop_is_the_very_next_frame_behind_a_poll_in_flight() -> None:
    async with altivar_bench(poll_interval_s=0.005) as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        for offset in range(20):
            await bench.run_at(0.5)
            await asyncio.sleep(0.0013 * offset)
            stopped_s = now_s()
            bench.give(DriveMode.STOP)
            await until(lambda: bench.last.confirmed_order == bench.order_id)
            first_at_s, first = bench.frames_after(stopped_s)[0]
            assert first == RAMP_STOP
            assert first_at_s - stopped_s < 0.016  # one exchange of FC03x1 at 19200 Bd plus 4 ms turnaround and the gap
            await until(lambda: bench.device.rpm == 0.0)
            await asyncio.sleep(0.2)


async def test_no_frame_above_zero_leaves_after_a_stop() -> None:
    """At any phase of a ramp full of queued setpoints."""
    for offset in range(25):
        async with altivar_bench(poll_interval_s=0.005) as bench:
            bench.give(DriveMode.STOP)
            await ready(bench)
            await bench.run_at(0.3)
            for step in range(8):
                bench.give(DriveMode.RUN, 0.3 + 0.01 * step)
                await asyncio.sleep(0.003)
            await asyncio.sleep(0.0011 * offset)
            stopped_s = now_s()
            bench.give(DriveMode.STOP)
            count = len(bench.line.sent)
            await asyncio.sleep(3.0)
            assert not [frame for _, frame in bench.line.sent[count:] if moves(frame)]
            assert [frame for _, frame in bench.frames_after(stopped_s)].count(RAMP_STOP) >= 1
            assert bench.device.rpm == 0.0


async def test_a_stop_repeats_until_the_read_back_agrees() -> None:
    async with altivar_bench() as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        await bench.run_at(1.0)
        bench.device.frozen_registers.add(frames.CMD)  # echoes every write, takes none
        stopped_s = now_s()
        order = bench.give(DriveMode.STOP)
        await asyncio.sleep(1.0)
        assert bench.last.confirmed_order != order.order_id
        instants = [at_s for at_s, frame in bench.frames_after(stopped_s) if frame == RAMP_STOP]
        assert len(instants) > 10
        assert bench.last.at_s > now_s() - 0.15, "polls go on between the repetitions"
        bench.device.frozen_registers.clear()
        await until(lambda: bench.last.confirmed_order == order.order_id)


async def test_a_stop_repeats_at_most_50_ms_apart_into_a_mute_drive() -> None:
    async with altivar_bench() as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        await bench.run_at(1.0)
        bench.line.fault = lambda request, reply: []
        stopped_s = now_s()
        bench.give(DriveMode.FAST_STOP)
        await asyncio.sleep(2.0)
        instants = [at_s for at_s, frame in bench.frames_after(stopped_s) if frame.startswith(CMD_WRITE)]
        gaps = [after - before for before, after in itertools.pairwise(instants)]
        assert instants[0] - stopped_s < 0.05
        assert max(gaps) <= 0.0501


async def test_a_harder_stop_overtakes_a_softer_one_that_is_not_done() -> None:
    async with altivar_bench() as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        await bench.run_at(1.0)
        bench.give(DriveMode.STOP)
        order = bench.give(DriveMode.POWER_OFF)
        await until(lambda: bench.last.confirmed_order == order.order_id)
        assert bench.device.registers[frames.CMD] == 0


async def test_orders_are_a_lease() -> None:
    async with altivar_bench() as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        await bench.run_at(1.0)
        bench.renewing = False
        lapsed_s = now_s()
        await until(lambda: bench.device.registers[frames.CMD] == frames.RAMP_STOP)
        assert 0.18 < now_s() - lapsed_s < 0.27
        bench.renewing = True  # the same order again is not a new order
        await asyncio.sleep(3.0)
        assert bench.device.rpm == 0.0
        assert not [frame for at_s, frame in bench.frames_after(lapsed_s + 0.27) if moves(frame)]


async def test_a_stop_reaches_the_drive_after_the_link_came_back() -> None:
    async with altivar_bench() as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        await bench.run_at(1.0)
        bench.plugged = False
        bench.line.cut()
        await asyncio.sleep(0.01)
        assert bench.last.status is None
        assert not bench.last.identified
        order = bench.give(DriveMode.STOP)
        await asyncio.sleep(0.3)
        bench.plugged = True
        await until(lambda: bench.last.confirmed_order == order.order_id, 1.5)


async def test_a_run_does_not_survive_a_lost_link() -> None:
    async with altivar_bench() as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        await bench.run_at(1.0)
        cut_s = now_s()
        bench.line.cut()
        await asyncio.sleep(5.0)
        assert not [frame for at_s, frame in bench.frames_after(cut_s) if moves(frame)]
        assert bench.device.rpm == 0.0
        assert bench.drive.stats().reconnects == 1
        await ready(bench)
        bench.give(DriveMode.STOP)
        await bench.run_at(1.0)


async def test_the_drives_own_trip_for_silence_is_acknowledged_at_standstill_only() -> None:
    async with altivar_bench() as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        await bench.run_at(1.0)
        bench.line.deaf = True
        bench.give(DriveMode.STOP)
        await asyncio.sleep(1.5)
        bench.device.settle()
        assert bench.device.fault_code == 5
        bench.line.deaf = False
        await until(lambda: bench.device.state is PowerState.SWITCH_ON_DISABLED)
        assert bench.device.rpm == 0.0
        await until(lambda: bench.last.status is not None and bench.last.status.state is DriveState.DISABLED)


async def test_the_trip_for_silence_is_not_acknowledged_while_the_belt_turns() -> None:
    device = {"state": PowerState.FAULT, "fault_code": 5, "rpm": 800.0, "ramp_rpm_per_s": 200.0}
    async with altivar_bench(device=device) as bench:
        bench.give(DriveMode.STOP)
        await until(lambda: bench.device.state is PowerState.SWITCH_ON_DISABLED, 10.0)
        reset_at_s = next(at_s for at_s, address, word in bench.device.writes if (address, word) == (frames.CMD, frames.FAULT_RESET))
        stood = next(report.at_s for report in bench.reports if report.status is not None and report.status.motion.speed_mps == 0.0)
        assert reset_at_s >= stood


# -- what is reported ------------------------------------------------------------------------------------------------------------------------------------


async def test_a_sign_against_the_direction_bit_is_implausible() -> None:
    async with altivar_bench() as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        await bench.run_at(1.0)

        def swap(request: bytes, reply: bytes) -> list[tuple[float, bytes]]:
            if request[2:4] == frames.RFRD.to_bytes(2, "big"):
                body = reply[:3] + (-400 & 0xFFFF).to_bytes(2, "big")
                reply = body + crc16(body)
            return [(0.0, reply)]

        bench.line.fault = swap
        await until(lambda: bench.last.quality is Quality.IMPLAUSIBLE, 0.2)
        assert bench.last.status is None


async def test_a_motor_that_begins_to_turn_in_reverse_is_never_called_implausible() -> None:
    async with altivar_bench() as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        await bench.run_at(1.0, Direction.REVERSE)
        bench.give(DriveMode.STOP)
        await until(lambda: bench.device.rpm == 0.0)
        assert not [report for report in bench.reports if report.quality is Quality.IMPLAUSIBLE]


async def test_a_speed_no_belt_can_have_is_implausible_but_an_overspeed_is_reported() -> None:
    async with altivar_bench() as bench:
        await ready(bench)
        bench.device.state = PowerState.ENABLED
        bench.device.ramp_rpm_per_s = 0.0
        bench.device.rpm = 2000.0  # 5 m/s of at most 4
        await until(lambda: bench.last.status is not None and bench.last.status.motion.speed_mps == 5.0)
        bench.device.rpm = 20000.0
        await until(lambda: bench.last.quality is Quality.IMPLAUSIBLE)


async def test_a_silent_drive_loses_its_attestation_and_gets_it_back_by_being_asked() -> None:
    async with altivar_bench() as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        bench.line.fault = lambda request, reply: []
        await until(lambda: not bench.last.identified, 2.0)
        assert bench.last.watchdog_s is None
        assert bench.last.status is None
        bench.line.fault = None
        await ready(bench)


async def test_the_same_driver_runs_over_tcp() -> None:
    async with altivar_bench(framing=Framing.TCP) as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        await bench.run_at(1.0, Direction.REVERSE)
        order = bench.give(DriveMode.FAST_STOP)
        await until(lambda: bench.last.confirmed_order == order.order_id)
        await until(lambda: bench.device.rpm == 0.0)


async def test_polls_come_as_fast_as_the_wire_allows() -> None:
    async with altivar_bench() as bench:
        await ready(bench)
        count = len(bench.reports)
        await asyncio.sleep(2.0)
        # at 19200 8E1 with 4 ms turnaround a speed takes 14.6 ms, a state word 15.8 ms; a pair of polls with one state word between: 45 ms
        assert (len(bench.reports) - count) / 2.0 > 0.85 * 2 / 0.045


# -- configuration ---------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"identity": None}, id="no identity"),
        pytest.param({"unit": 0}, id="broadcast"),
        pytest.param({"watchdog_s": 0.25}, id="not in tenths"),
        pytest.param({"surprise": 1}, id="unknown key"),
        pytest.param({"m_per_s_per_rpm": 0.0}, id="no scale"),
        pytest.param({"m_per_s_per_rpm": float("nan")}, id="nan"),
        pytest.param({"m_per_s_per_rpm": 0.0001}, id="beyond the register"),
    ],
)
def test_a_configuration_that_could_hurt_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AltivarConfig.model_validate({**CONFIG, **change})


async def test_an_order_made_before_the_link_is_up_is_kept() -> None:
    order = DriveOrder(DriveMode.STOP, 0.0, Direction.FORWARD, None, 1)

    async with altivar_bench(early=order) as bench:
        await until(lambda: bench.last.confirmed_order == 1)


async def test_a_drive_whose_state_word_is_no_longer_read_grows_old() -> None:
    async with altivar_bench() as bench:
        bench.give(DriveMode.STOP)
        await ready(bench)
        await bench.run_at(0.5)
        bench.line.fault = lambda request, reply: [] if request[2:4] == b"\x0c\x81" else [(0.0, reply)]
        await asyncio.sleep(1.0)
        reports = len(bench.reports)
        await asyncio.sleep(0.5)
        assert len(bench.reports) > reports, "the speed is still read and reported"
        assert now_s() - bench.last.at_s > 1.0
        bench.line.fault = None
        await asyncio.sleep(0.3)
        assert now_s() - bench.last.at_s < 0.1
