"""The cost of one core step, on a session that is walking, every channel fitted and fresh."""

from __future__ import annotations

import math
import time

from treadctl.cli.bench_stand import ARM, LONG
from treadctl.config.tuning import load_tuning
from treadctl.core.controller import Inputs, State, initial_state, step
from treadctl.core.messages import DriveMode, Origin, Request, RequestKind
from treadctl.core.sample import (
    ABSENT_TRUNK,
    BeltMotion,
    Channel,
    ChannelId,
    DriveSample,
    DriveState,
    DriveStatus,
    Quality,
    Sample,
    TrunkMotion,
)
from treadctl.core.session import SessionState
from treadctl.core.setup import CordWiring, Setup

DT_S = 0.01


def median_step_s(steps: int, waist: bool = False) -> float:
    """The median over `steps` steps, s; with `waist`, every one brings a sample of the waist sensor too."""
    state, now_s = _running(waist)
    costs = []
    for number in range(steps):
        now_s += DT_S
        inputs = Inputs(_sample(state, waist=_motion(number) if waist else ABSENT_TRUNK))
        began = time.perf_counter()
        state, _ = step(state, inputs, now_s)
        costs.append(time.perf_counter() - began)
    if state.session is not SessionState.RUNNING:
        raise RuntimeError(f"the session left {SessionState.RUNNING.value}: {[c.id for c in state.causes]}")
    return sorted(costs)[steps // 2]


def _motion(number: int) -> Channel[TrunkMotion]:
    """A waist that bounces at 2 steps a second."""
    swing = math.sin(4.0 * math.pi * number * DT_S)
    return Channel(TrunkMotion((0.05 * swing, -1.0 - 0.2 * swing, 0.1), (10.0 * swing, 20.0 * swing, 5.0)), 0.0, Quality.GOOD)


def _running(waist: bool) -> tuple[State, float]:
    fitted = frozenset(ChannelId) - {ChannelId.HEART_RATE, ChannelId.PRESENCE}
    setup = Setup(LONG, fitted if waist else fitted - {ChannelId.TRUNK}, CordWiring.INPUT_ONLY, trunk_tuning=load_tuning().core if waist else None)
    now_s = 100.0
    state = initial_state(setup, now_s)
    wanted = [(RequestKind.RESET, SessionState.IDLE), (RequestKind.ARM, SessionState.ARMED), (RequestKind.START_HOLD, SessionState.RUNNING)]
    for number in range(2000):
        now_s += DT_S
        cord = not 20 < number < 40
        asks: tuple[Request, ...] = ()
        if number > 80 and wanted and state.session is not wanted[0][1]:
            kind = wanted[0][0]
            asks = (Request(kind, "bench", "bench", Origin.LOCAL, now_s + 1.0, ARM if kind is RequestKind.ARM else None, arming=state.walk.arming),)
        state, _ = step(state, Inputs(_sample(state, cord), asks), now_s)
        if wanted and state.session is wanted[0][1]:
            wanted.pop(0)
    return state, now_s


def _sample(state: State, cord: bool = True, waist: Channel[TrunkMotion] = ABSENT_TRUNK) -> Sample:
    order = state.order
    powered = state.enable and order.mode is not DriveMode.POWER_OFF
    motion = BeltMotion(order.speed_mps, order.direction if order.speed_mps > 0.0 else None)
    status = DriveStatus(DriveState.ENABLED if powered else DriveState.DISABLED, motion)

    def contact(closed: bool) -> Channel[bool]:
        return Channel(closed, 0.0, Quality.GOOD)

    load: Channel[float] = Channel(20.0, 0.0, Quality.GOOD)
    return Sample(
        DriveSample(Channel(status, 0.0, Quality.GOOD), True, 0.5, order.order_id), contact(cord), contact(cord), contact(True), contact(True),
        contact(True), contact(state.enable), rail_left=load, rail_right=load, belt=Channel(motion, 0.0, Quality.GOOD), trunk=waist,
    )  # fmt: skip
