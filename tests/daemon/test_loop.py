"""The control loop steps at every sample that matters and at every tick, and nothing stands between verdict and drive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from core_rig import make_setup

from treadctl.core.controller import Inputs, Output, State, initial_state
from treadctl.core.messages import DriveMode, DriveOrder, Origin, Request, RequestKind
from treadctl.core.sample import ChannelId, Quality
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
    output = control.step()
    assert "journal_unhealthy" in {cause.id for cause in output.causes}
