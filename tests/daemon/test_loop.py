"""The control loop steps at every sample that matters and at every tick, and nothing stands between verdict and drive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from core_rig import make_setup

from treadctl.core.controller import Inputs, Output, State, initial_state
from treadctl.core.messages import DriveMode, DriveOrder, Origin, Request, RequestKind
from treadctl.core.sample import ChannelId, Direction, Quality
from treadctl.daemon.loop import ControlLoop
from treadctl.ports import ChannelReading, DriveCapabilities, DriveReport, LinkStats, SensorFrame


class Deed:
    """Records in one list what drive, enable output and journal were told, in order."""

    def __init__(self) -> None:
        self.done: list[tuple[str, object]] = []
        self.healthy = True

    @property
    def capabilities(self) -> DriveCapabilities:
        raise NotImplementedError

    async def run(self, sink: Callable[[DriveReport], None]) -> None:
        raise NotImplementedError

    def stats(self) -> LinkStats:
        return LinkStats()

    def apply(self, order: DriveOrder) -> None:
        self.done.append(("drive", order))

    def set_enable(self, on: bool) -> None:
        self.done.append(("enable", on))

    def append_step(self, now_s: float, inputs: Inputs, output: Output, state: State) -> None:
        self.done.append(("journal", now_s))


class Clock:
    def __init__(self) -> None:
        self.now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def deed() -> Deed:
    return Deed()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def control(deed: Deed, clock: Clock) -> ControlLoop:
    return ControlLoop(initial_state(make_setup(), clock()), deed, deed, deed, clock)


def cord_frame(at_s: float, closed: bool) -> SensorFrame:
    return SensorFrame(at_s, (ChannelReading(ChannelId.CORD_A, closed, Quality.GOOD),))


def test_a_changed_contact_is_decided_within_the_call_and_drive_comes_before_journal(control: ControlLoop, deed: Deed, clock: Clock) -> None:
    clock.now_s += 0.005
    control.on_frame(cord_frame(clock.now_s, False))
    assert [what for what, _ in deed.done] == ["drive", "enable", "journal"]


def test_an_unchanged_contact_waits_for_the_tick(control: ControlLoop, deed: Deed, clock: Clock) -> None:
    control.on_frame(cord_frame(clock.now_s, True))
    deed.done.clear()
    clock.now_s += 0.01
    control.on_frame(cord_frame(clock.now_s, True))
    assert deed.done == []


def test_a_request_is_decided_within_the_call_and_only_once(control: ControlLoop, clock: Clock) -> None:
    outputs: list[Output] = []
    control._observer = lambda before, after, output: outputs.append(output)
    clock.now_s += 0.01
    control.ask(Request(RequestKind.STOP, "a", "somebody", Origin.LOCAL, clock.now_s))
    clock.now_s += 0.01
    control.step()
    assert [[r.request_id for r in output.replies] for output in outputs] == [["a"], []]


async def test_silence_is_noticed_by_the_tick(deed: Deed) -> None:
    loop = asyncio.get_running_loop()
    control = ControlLoop(initial_state(make_setup(), loop.time()), deed, deed, deed, loop.time)
    ticked = asyncio.Event()
    control._observer = lambda before, after, output: ticked.set() if control.steps >= 3 else None
    control.start()
    await asyncio.wait_for(ticked.wait(), 5.0)
    control.close()
    orders = [order for what, order in deed.done if what == "drive"]
    assert len(orders) >= 3
    assert all(isinstance(order, DriveOrder) and order.mode is not DriveMode.RUN for order in orders)


def test_a_sick_journal_is_told_to_the_core(control: ControlLoop, deed: Deed, clock: Clock) -> None:
    deed.healthy = False
    clock.now_s += 0.01
    control.step()
    assert control.output is not None
    assert "journal_unhealthy" in {cause.id for cause in control.output.causes}


class Answering(Deed):
    """A drive that does `meanwhile` while it takes its order, and says when it took `wanted` of them."""

    def __init__(self, wanted: int = 0) -> None:
        super().__init__()
        self.meanwhile: list[Callable[[], None]] = []
        self.wanted = wanted
        self.reached = asyncio.Event()

    def apply(self, order: DriveOrder) -> None:
        super().apply(order)
        if self.meanwhile:
            self.meanwhile.pop()()
        self.wanted -= 1
        if self.wanted <= 0:
            self.reached.set()


def test_a_report_pushed_while_the_drive_takes_its_order_waits_until_the_step_is_recorded(clock: Clock) -> None:
    deed = Answering()
    control = ControlLoop(initial_state(make_setup(), clock()), deed, deed, deed, clock)

    def push() -> None:
        clock.now_s += 0.001
        control.on_report(DriveReport(clock.now_s, None, Quality.ABSENT, False, None, 0))

    deed.meanwhile.append(push)
    clock.now_s += 0.01
    control.step()
    assert [what for what, _ in deed.done] == ["drive", "enable", "journal"] * 2
    instants = [at_s for what, at_s in deed.done if what == "journal"]
    assert instants == sorted(instants)


class Broken(Answering):
    """A journal that raises, which it must not."""

    def append_step(self, now_s: float, inputs: Inputs, output: Output, state: State) -> None:
        raise RuntimeError("the journal has a defect")


async def test_a_defect_in_the_journal_is_told_once_and_the_belt_goes_on_being_controlled(caught: list[str]) -> None:
    loop, deed = asyncio.get_running_loop(), Broken(4)
    control = ControlLoop(initial_state(make_setup(), loop.time()), deed, deed, deed, loop.time)
    control.start()
    await asyncio.wait_for(deed.reached.wait(), 5.0)
    control.close()
    assert caught == ["defect in the journal or in a watcher"]


async def test_a_defect_in_the_core_stops_the_belt_past_it_at_every_tick(caught: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    loop, deed = asyncio.get_running_loop(), Answering(3)
    running = initial_state(make_setup(), loop.time())
    running = replace(running, order=DriveOrder(DriveMode.RUN, 0.8, Direction.REVERSE, None, 7), enable=True)
    control = ControlLoop(running, deed, deed, deed, loop.time)

    def defect(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("treadctl.daemon.loop.step", defect)
    control.start()
    await asyncio.wait_for(deed.reached.wait(), 5.0)
    control.close()
    assert caught == ["defect in a step of the core or a port"]
    assert set(deed.done) == {("enable", False), ("drive", DriveOrder(DriveMode.STOP, 0.0, Direction.REVERSE, None, 8))}


@pytest.fixture
async def caught() -> list[str]:
    messages: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: messages.append(context["message"]))
    return messages
