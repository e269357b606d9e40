"""The cost of one core step, on a session that is walking, every channel fitted and fresh."""

from __future__ import annotations

import time

from treadctl.cli.bench_stand import ARM, LONG
from treadctl.core.controller import Inputs, State, initial_state, step
from treadctl.core.messages import DriveMode, Origin, Request, RequestKind
from treadctl.core.sample import BeltMotion, Channel, ChannelId, DriveSample, DriveState, DriveStatus, Quality, Sample
from treadctl.core.session import SessionState
from treadctl.core.setup import CordWiring, Setup

DT_S = 0.01


def median_step_s(steps: int) -> float:
    """The median over `steps` steps, s."""
    state, now_s = _running()
    inputs = Inputs(_sample(state))
    costs = []
    for _ in range(steps):
        now_s += DT_S
        began = time.perf_counter()
        state, _ = step(state, inputs, now_s)
        costs.append(time.perf_counter() - began)
    if state.session is not SessionState.RUNNING:
        raise RuntimeError(f"the session left {SessionState.RUNNING.value}: {[c.id for c in state.causes]}")
    return sorted(costs)[steps // 2]


def _running() -> tuple[State, float]:
    setup = Setup(LONG, frozenset(ChannelId) - {ChannelId.HEART_RATE, ChannelId.PRESENCE, ChannelId.TRUNK}, CordWiring.INPUT_ONLY)
    now_s = 100.0
    state = initial_state(setup, now_s)
    wanted = [(RequestKind.RESET, SessionState.IDLE), (RequestKind.ARM, SessionState.ARMED), (RequestKind.START_HOLD, SessionState.RUNNING)]
    for number in range(2000):
        now_s += DT_S
        cord = not 20 < number < 40
        asks: tuple[Request, ...] = ()
        if number > 80 and wanted and state.session is not wanted[0][1]:
            kind = wanted[0][0]
            asks = (Request(kind, "bench", "bench", Origin.LOCAL, now_s + 1.0, ARM if kind is RequestKind.ARM else None),)
        state, _ = step(state, Inputs(_sample(state, cord), asks), now_s)
        if wanted and state.session is wanted[0][1]:
            wanted.pop(0)
    return state, now_s


def _sample(state: State, cord: bool = True) -> Sample:
    order = state.order
    powered = state.enable and order.mode is not DriveMode.POWER_OFF
    motion = BeltMotion(order.speed_mps, order.direction if order.speed_mps > 0.0 else None)
    status = DriveStatus(DriveState.ENABLED if powered else DriveState.DISABLED, motion)

    def contact(closed: bool) -> Channel[bool]:
        return Channel(closed, 0.0, Quality.GOOD)

    load: Channel[float] = Channel(20.0, 0.0, Quality.GOOD)
    return Sample(
        DriveSample(Channel(status, 0.0, Quality.GOOD), True, 0.5, order.order_id), contact(cord), contact(cord), contact(True), contact(True),
        contact(True), contact(state.enable), rail_left=load, rail_right=load, belt=Channel(motion, 0.0, Quality.GOOD),
    )  # fmt: skip
