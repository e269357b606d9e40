"""The exchange scheduler: who speaks when, and which bytes count as whose reply. Virtual time, a wire in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.drivers.virtual import RTU_19200, TCP, now_s, until, virtual_bus
from treadctl.errors import TreadctlError
from treadctl_drivers._bus import STOP_PATIENCE_S, Bus, LineTiming, slack_s
from treadctl_drivers._exchange import INCOMPLETE, Answer, Exchange, ExchangeError, Failure, FailureKind, Outcome, Priority, Value, Verdict
from treadctl_drivers._line import RETRY_S, ByteLink
from treadctl_drivers._modbus import Framing, Modbus, crc16
from treadctl_drivers.altivar.simulated import SimulatedLine

looptime = pytest.mark.looptime(noop_cycles=1)
RTU = Modbus(Framing.RTU)
STOP = RTU.write_register(1, 8501, 7, priority=Priority.STOP)


def reading(frame: bytes) -> bytes:
    """A device whose register N holds N, and which echoes writes."""
    if frame[1] == 3:
        body = bytes((frame[0], 3, 2 * frame[5])) + frame[2:4] * frame[5]
        return body + crc16(body)
    return frame


def reading_tcp(frame: bytes) -> bytes:
    return frame[:4] + b"\x00\x05" + frame[6:7] + b"\x03\x02" + frame[8:10] if frame[7] == 3 else frame


@asynccontextmanager
async def wired(
    timing: LineTiming = RTU_19200, answer: Callable[[bytes], bytes] = reading, turnaround_s: float = 0.004
) -> AsyncIterator[tuple[Bus, SimulatedLine]]:
    line = SimulatedLine(answer, byte_s=timing.byte_s, turnaround_s=turnaround_s)

    async def opener() -> ByteLink:
        return line

    bus = virtual_bus(opener, timing)
    async with bus.running():
        await until(lambda: bus.is_up)
        await asyncio.sleep(0.01)
        yield bus, line


def lost(request: bytes, reply: bytes) -> list[tuple[float, bytes]]:
    return []


def read(address: int) -> Exchange[tuple[int, ...]]:
    return RTU.read_registers(1, address, 1)


# -- order and timing ------------------------------------------------------------------------------------------------------------------------------------


@looptime
async def test_a_stop_on_an_idle_line_is_written_before_submit_returns() -> None:
    async with wired() as (bus, line):
        bus.submit(STOP, lambda outcome: None)
        assert [frame for _, frame in line.sent] == [STOP.request]


@looptime
async def test_a_stop_overtakes_everything_queued_but_not_what_is_in_flight() -> None:
    async with wired() as (bus, line):
        waiting = [asyncio.create_task(bus.ask(read(address))) for address in range(5)]
        write = asyncio.create_task(bus.ask(RTU.write_register(1, 8602, 100)))
        off = asyncio.create_task(bus.ask(RTU.write_coil(2, 0, False, priority=Priority.ENABLE_OFF)))
        await asyncio.sleep(0.001)
        await bus.ask(STOP)
        await asyncio.gather(*waiting, write, off)
        functions = [(frame[1], frame[2:4]) for _, frame in line.sent]
        assert functions[:4] == [(3, b"\x00\x00"), (6, b"\x21\x35"), (5, b"\x00\x00"), (6, b"\x21\x9a")]


@looptime
async def test_only_one_exchange_is_in_flight() -> None:
    async with wired() as (bus, line):
        await asyncio.gather(*(bus.ask(read(address)) for address in range(10)))
        gaps = [after - before for (before, _), (after, _) in zip(line.sent, line.sent[1:], strict=False)]
        exchange_s = 15 * RTU_19200.byte_s + 0.004
        assert min(gaps) >= exchange_s + RTU_19200.gap_s - 1e-5
        assert max(gaps) <= exchange_s + RTU_19200.gap_s + 1e-4


@looptime
async def test_a_mute_device_holds_a_stop_for_one_capped_time_out() -> None:
    async with wired() as (bus, line):
        line.fault = lambda request, reply: [] if request[1] == 3 else [(0.0, reply)]
        asked = asyncio.create_task(bus.ask(read(1)))
        await asyncio.sleep(0.001)
        stopped_s = now_s()
        for _ in range(3):
            asyncio.get_running_loop().call_soon(bus.submit, read(9), lambda outcome: None)
        answer = await bus.ask(STOP)
        wire_s = (8 + 7) * RTU_19200.byte_s
        assert answer.sent_s - stopped_s <= wire_s + 0.05
        with pytest.raises(ExchangeError, match="timeout"):
            await asked


@looptime
async def test_slack_is_never_beyond_the_cap() -> None:
    assert slack_s(0.02) == pytest.approx(0.03)
    assert slack_s(10.0) == 0.05
    with pytest.raises(ValueError, match="slack"):
        LineTiming(0.0, 0.0, 0.2, 0.0)


@looptime
async def test_nothing_is_sent_twice_by_the_bus() -> None:
    async with wired() as (bus, line):
        line.fault = lost
        with pytest.raises(ExchangeError):
            await bus.ask(RTU.write_register(1, 8602, 400))
        await asyncio.sleep(1.0)
        assert len(line.sent) == 1


@looptime
async def test_a_stop_does_not_wait_for_the_quiet_time_after_a_lost_reply_but_a_read_does() -> None:
    async with wired() as (bus, line):
        line.fault = lost
        with pytest.raises(ExchangeError):
            await bus.ask(read(1))
        line.fault = None
        lost_s = now_s()
        later = asyncio.create_task(bus.ask(read(2)))
        stop = await bus.ask(STOP)
        assert stop.sent_s - lost_s < 0.001
        assert (await later).sent_s - lost_s >= RTU_19200.quiet_s - 1e-5


@looptime
async def test_a_babbling_line_delays_a_stop_by_its_patience_at_most() -> None:
    async with wired() as (bus, line):

        async def babble() -> None:
            while True:
                line.inject(b"\x55")
                await asyncio.sleep(0.0005)

        babbler = asyncio.create_task(babble())
        await asyncio.sleep(0.1)
        asked_s = now_s()
        bus.submit(STOP, lambda outcome: None)
        await until(lambda: bool(line.sent))
        assert line.sent[0][0] - asked_s <= STOP_PATIENCE_S + 0.001
        babbler.cancel()


@looptime
async def test_cancelling_a_waiter_takes_back_what_has_not_left_and_never_cuts_an_exchange_short() -> None:
    async with wired() as (bus, line):
        flying = asyncio.create_task(bus.ask(read(50)))
        queued = asyncio.create_task(bus.ask(read(51)))
        await asyncio.sleep(0.001)
        flying.cancel()
        queued.cancel()
        await asyncio.sleep(0)
        answer = await bus.ask(RTU.write_register(1, 8501, 7))
        assert answer.value is None
        await asyncio.sleep(0.2)
        assert [frame[1] for _, frame in line.sent] == [3, 6], "the queued read never left"
        assert answer.sent_s - line.sent[0][0] >= 15 * RTU_19200.byte_s + 0.004
        assert bus.stats().mismatches == 0


@looptime
async def test_a_withdrawn_request_never_leaves_and_one_that_left_says_so() -> None:
    async with wired() as (bus, line):
        outcomes: list[Outcome[Any]] = []
        first = bus.submit(read(1), outcomes.append)
        second = bus.submit(RTU.write_register(1, 8602, 400), outcomes.append)
        assert second.withdraw()
        assert not first.withdraw()
        await asyncio.sleep(0.5)
        assert len(line.sent) == 1
        assert [type(outcome) for outcome in outcomes] == [Answer]


@looptime
async def test_a_callback_that_fails_does_not_stop_the_bus() -> None:
    async with wired() as (bus, _):
        errors: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(context))

        def broken(outcome: Outcome[Any]) -> None:
            raise RuntimeError("a defect")

        bus.submit(read(1), broken)
        assert (await bus.ask(read(2))).value == (2,)
        assert len(errors) == 1


# -- which reply counts ----------------------------------------------------------------------------------------------------------------------------------


@looptime
async def test_a_late_reply_is_drained_and_counted_and_credited_to_nobody() -> None:
    async with wired() as (bus, line):
        line.fault = lambda request, reply: [(0.045, reply)]
        with pytest.raises(ExchangeError):
            await bus.ask(read(0))
        line.fault = None
        assert (await bus.ask(read(50))).value == (50,)
        assert bus.stats().late_replies == 1
        assert bus.stats().mismatches == 0


@looptime
async def test_a_reply_later_than_the_quiet_time_meets_a_question_it_does_not_fit() -> None:
    """RTU replies to reads of equal length look alike: register 50 is asked only when the reply of register 0 can no longer come."""
    async with wired() as (bus, line):
        line.fault = lambda request, reply: [(0.067, reply)]
        with pytest.raises(ExchangeError):
            await bus.ask(read(0))
        line.fault = None
        lost_s = now_s()
        answer = await bus.ask(read(50))
        assert answer.value == (50,)
        assert answer.sent_s - lost_s >= RTU_19200.latest_s - 1e-5
        assert bus.stats().late_replies == 1


@looptime
async def test_an_answer_of_another_length_releases_the_questions_held_back() -> None:
    async with wired() as (bus, line):
        line.fault = lambda request, reply: [(0.067, reply)]
        with pytest.raises(ExchangeError):
            await bus.ask(read(0))
        line.fault = None
        lost_s = now_s()
        held = asyncio.create_task(bus.ask(read(50)))
        await asyncio.sleep(0)
        await bus.ask(RTU.read_registers(1, 7, 2))
        answer = await held
        assert answer.value == (50,)
        assert answer.sent_s - lost_s < 0.15
        assert bus.stats().mismatches == 1


@looptime
async def test_another_devices_answer_does_not_release_them() -> None:
    async with wired() as (bus, line):
        line.fault = lambda request, reply: [] if request[0] == 1 else [(0.0, reply)]
        with pytest.raises(ExchangeError):
            await bus.ask(read(0))
        line.fault = None
        lost_s = now_s()
        await bus.ask(RTU.read_registers(2, 7, 2))
        assert (await bus.ask(read(50))).sent_s - lost_s >= RTU_19200.latest_s - 1e-5


@looptime
async def test_a_reply_garbled_or_from_elsewhere_is_not_credited() -> None:
    def other(*, index: int, value: int) -> Callable[[bytes, bytes], list[tuple[float, bytes]]]:
        def change(request: bytes, reply: bytes) -> list[tuple[float, bytes]]:
            body = bytearray(reply[:-2])
            body[index] = value
            return [(0.0, bytes(body) + crc16(bytes(body)))]

        return change

    cases = {
        "unit": other(index=0, value=2),
        "function": other(index=1, value=4),
        "count": lambda request, reply: [(0.0, reply[:2] + b"\x04" + reply[3:5] * 2 + crc16(reply[:2] + b"\x04" + reply[3:5] * 2))],
        "checksum": lambda request, reply: [(0.0, reply[:-1] + bytes((reply[-1] ^ 1,)))],
        "cut": lambda request, reply: [(0.0, reply[:-1])],
        "one byte more": lambda request, reply: [(0.0, reply + b"\x00")],
        "one byte before": lambda request, reply: [(0.0, b"\x00" + reply)],
    }
    for name, fault in cases.items():
        async with wired() as (bus, line):
            line.fault = fault
            with pytest.raises(ExchangeError, match="timeout"):
                await bus.ask(read(7))
            assert name == "cut" or bus.stats().mismatches + bus.stats().crc_errors == 1, name
            line.fault = None
            assert (await bus.ask(read(8))).value == (8,)


@looptime
@pytest.mark.parametrize("index", [2, 3, 4, 5], ids=["address high", "address low", "value high", "value low"])
async def test_the_echo_of_a_write_must_repeat_address_and_value(index: int) -> None:
    def change(request: bytes, reply: bytes) -> list[tuple[float, bytes]]:
        body = bytearray(reply[:-2])
        body[index] ^= 1
        return [(0.0, bytes(body) + crc16(bytes(body)))]

    async with wired() as (bus, line):
        line.fault = change
        with pytest.raises(ExchangeError):
            await bus.ask(STOP)
        assert bus.stats().mismatches == 1


@looptime
async def test_a_wrong_frame_before_the_right_one_does_not_cost_the_right_one() -> None:
    stray = reading(read(3).request)
    async with wired() as (bus, line):
        line.fault = lambda request, reply: [(-0.002, stray), (0.0, reply)]
        assert (await bus.ask(STOP)).value is None
        line.fault = lambda request, reply: [(0.0, stray + reply)]
        assert (await bus.ask(STOP)).value is None
        assert bus.stats().mismatches == 2


@looptime
async def test_a_refusal_ends_the_exchange_with_its_code() -> None:
    def refuse(frame: bytes) -> bytes:
        body = bytes((frame[0], frame[1] | 0x80, 6))
        return body + crc16(body)

    async with wired(answer=refuse) as (bus, _):
        with pytest.raises(ExchangeError) as caught:
            await bus.ask(STOP)
        assert (caught.value.failure.kind, caught.value.failure.code) == (FailureKind.REFUSED, 6)


@looptime
async def test_bytes_nobody_asked_for_are_counted_once_a_burst() -> None:
    async with wired() as (bus, line):
        line.inject(b"\x01")
        line.inject(b"\x02")
        assert bus.stats().late_replies == 1
        assert (await bus.ask(read(1))).value == (1,)


@looptime
async def test_the_echo_of_a_two_wire_adapter_is_swallowed_and_verified() -> None:
    timing = LineTiming(RTU_19200.byte_s, RTU_19200.gap_s, RTU_19200.slack_s, RTU_19200.quiet_s, echo=True)
    async with wired(timing) as (bus, line):
        line.fault = lambda request, reply: [(-0.004, request[:3]), (-0.003, request[3:]), (0.0, reply)]
        assert (await bus.ask(read(5))).value == (5,)
        assert (await bus.ask(STOP)).value is None
        line.fault = lambda request, reply: [(-0.003, request[:-1] + b"\x00"), (0.0, reply)]  # somebody else spoke at the same time
        with pytest.raises(ExchangeError):
            await bus.ask(read(5))
        line.fault = lambda request, reply: [(-0.003, request)]  # only our own voice: no answer to a write
        with pytest.raises(ExchangeError):
            await bus.ask(STOP)


@looptime
async def test_on_tcp_every_exchange_has_its_own_number_and_a_late_one_is_told_apart() -> None:
    modbus = Modbus(Framing.TCP)
    same = modbus.read_registers(1, 8604, 1)
    async with wired(TCP, reading_tcp) as (bus, line):
        line.fault = lambda request, reply: [(0.06, reply)]
        with pytest.raises(ExchangeError):
            await bus.ask(same)
        line.fault = lambda request, reply: [(0.02, reply)]
        assert (await bus.ask(same)).value == (8604,)
        assert bus.stats().late_replies == 1
        numbers = [frame[:2] for _, frame in line.sent]
        assert len(set(numbers)) == 2


@looptime
async def test_a_tcp_stream_out_of_step_is_connected_anew() -> None:
    lines: list[SimulatedLine] = []

    async def opener() -> ByteLink:
        lines.append(SimulatedLine(reading_tcp))
        return lines[-1]

    bus = virtual_bus(opener, TCP)
    modbus = Modbus(Framing.TCP)
    async with bus.running():
        await until(lambda: bus.is_up)
        lines[0].fault = lambda request, reply: [(0.0, b"HTTP/1.1 400 Bad Request")]
        with pytest.raises(ExchangeError, match="down"):
            await bus.ask(modbus.read_registers(1, 1, 1))
        await until(lambda: bus.is_up)
        assert (await bus.ask(modbus.read_registers(1, 1, 1))).value == (1,)
        assert bus.stats().reconnects == 1


@looptime
async def test_a_fixed_length_ascii_protocol_runs_on_the_same_bus() -> None:
    def verify(buffer: bytes, number: int) -> Verdict[int]:
        return Value(int(buffer[1:5]), 5) if len(buffer) >= 5 else INCOMPLETE

    speed = Exchange(b"\xc1", verify, 5, Priority.READ, "speed")
    timing = LineTiming(10 / 4800, 0.0, 0.03, 0.05)
    async with wired(timing, lambda frame: b"\xd10032") as (bus, _):
        assert (await bus.ask(speed)).value == 32


# -- the link --------------------------------------------------------------------------------------------------------------------------------------------


@looptime
async def test_a_lost_link_fails_everything_at_once_and_comes_back_within_a_second() -> None:
    lines: list[SimulatedLine] = []
    refusals = 0

    async def opener() -> ByteLink:
        nonlocal refusals
        if lines and refusals < 3:
            refusals += 1
            raise TreadctlError("port_absent", "wire")
        lines.append(SimulatedLine(reading, byte_s=RTU_19200.byte_s))
        return lines[-1]

    bus = virtual_bus(opener)
    seen: list[bool] = []
    unwatch = bus.watch(seen.append)
    async with bus.running():
        await until(lambda: bus.is_up)
        asked = [asyncio.create_task(bus.ask(read(address))) for address in range(3)]
        await asyncio.sleep(0.001)
        cut_s = now_s()
        lines[0].cut()
        results = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(result, ExchangeError) and result.failure.kind is FailureKind.DOWN for result in results)
        assert now_s() - cut_s < 0.001
        with pytest.raises(ExchangeError, match="down"):
            await bus.ask(STOP)
        await until(lambda: bus.is_up)
        assert now_s() - cut_s <= 4 * RETRY_S + 0.01
        assert seen == [True, False, True]
        assert [frame for _, frame in lines[1].sent] == [], "nothing is kept for later"
        unwatch()


@looptime
async def test_two_devices_share_one_line_and_the_last_one_out_closes_it() -> None:
    opened: list[SimulatedLine] = []

    async def opener() -> ByteLink:
        opened.append(SimulatedLine(reading, byte_s=RTU_19200.byte_s))
        return opened[-1]

    bus = virtual_bus(opener)
    leave_first, leave_second = asyncio.Event(), asyncio.Event()

    async def device(leave: asyncio.Event) -> None:
        async with bus.running():
            await leave.wait()

    tasks = [asyncio.create_task(device(leave)) for leave in (leave_first, leave_second)]
    await until(lambda: bus.is_up)
    leave_first.set()
    await tasks[0]
    assert (await bus.ask(read(1))).value == (1,)
    leave_second.set()
    await tasks[1]
    assert len(opened) == 1
    assert opened[0].closed
    assert not bus.is_up


# -- the property ----------------------------------------------------------------------------------------------------------------------------------------


class Mangler:
    """Does to each reply what the next symbol of a script says."""

    def __init__(self, script: list[tuple[str, float]]) -> None:
        self.script = list(script)

    def __call__(self, request: bytes, reply: bytes) -> list[tuple[float, bytes]]:
        what, late_s = self.script.pop(0) if self.script else ("right", 0.0)
        match what:
            case "lost":
                return []
            case "late":
                return [(late_s, reply)]
            case "doubled":
                return [(0.0, reply), (0.005 * late_s, reply)]  # at once after: later than that, RTU itself cannot tell
            case "garbled":
                return [(0.0, bytes((reply[0], reply[1] ^ 0x10, *reply[2:])))]
            case "cut":
                return [(0.0, reply[: len(reply) // 2]), (late_s, reply[len(reply) // 2 :])]
            case "noisy":
                return [(0.0, b"\xff\x00" + reply)]
            case _:
                return [(0.0, reply)]


SCRIPTS = st.lists(
    st.tuples(st.sampled_from(["right", "lost", "late", "doubled", "garbled", "cut", "noisy"]), st.floats(0.0, 0.25)), min_size=1, max_size=12
)
QUESTIONS = st.lists(st.sampled_from(["read", "write", "stop"]), min_size=4, max_size=16)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=SCRIPTS, questions=QUESTIONS, framing=st.sampled_from(Framing), at_once=st.booleans())
def test_no_interleaving_of_bad_replies_is_credited_to_another_request(
    script: list[tuple[str, float]], questions: list[str], framing: Framing, at_once: bool
) -> None:
    """Every request differs from the others; whatever the wire does, an answer is the asked register's own, or a failure."""

    async def scenario() -> None:
        modbus = Modbus(framing)
        timing, answer = (RTU_19200, reading) if framing is Framing.RTU else (TCP, reading_tcp)
        async with wired(timing, answer) as (bus, line):
            line.fault = Mangler(script)
            credited: list[tuple[int, Any]] = []

            async def ask(number: int, question: str) -> None:
                exchange: Exchange[Any]
                if question == "read":
                    exchange = modbus.read_registers(1, 1000 + number, 1)
                else:
                    exchange = modbus.write_register(1, 2000 + number, number, priority=Priority.STOP if question == "stop" else Priority.WRITE)
                try:
                    credited.append((number, (await bus.ask(exchange)).value))
                except ExchangeError as error:
                    assert error.failure.kind in {FailureKind.TIMEOUT, FailureKind.DOWN}
                    assert error.failure.kind is FailureKind.TIMEOUT or framing is Framing.TCP, "only a TCP stream can be out of step"

            for number, question in enumerate(questions):
                if at_once:
                    continue
                await ask(number, question)
            if at_once:
                await asyncio.gather(*(ask(number, question) for number, question in enumerate(questions)))
            for number, value in credited:
                assert value == ((1000 + number,) if questions[number] == "read" else None)
            frames = [frame[2:] if framing is Framing.TCP else frame for _, frame in line.sent]
            assert len(frames) == len(set(frames)), "nothing is asked twice, whatever happened"

    run_virtual(scenario())


def run_virtual(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run in a fresh loop of virtual time: hypothesis calls its function many times within one test."""
    from looptime import new_event_loop

    loop = new_event_loop(noop_cycles=1)
    try:
        loop.run_until_complete(coroutine)
    finally:
        loop.close()


@looptime
async def test_an_outcome_is_reported_exactly_once_when_the_link_breaks_in_flight() -> None:
    async with wired() as (bus, line):
        outcomes: list[Outcome[Any]] = []
        bus.submit(read(1), outcomes.append)
        line.cut()
        await asyncio.sleep(0.2)
        assert len(outcomes) == 1
        assert isinstance(outcomes[0], Failure)
