"""Controller: `step(state, inputs, now) -> (state, output)`. Pure; everything the belt does is an output of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from treadctl.core import motion as motions
from treadctl.core import ramp as ramps
from treadctl.core.imbalance.balance import Balance, Scene, watch
from treadctl.core.imbalance.trunk import TrunkState, Trust
from treadctl.core.imbalance.verdict import Imbalance, Level
from treadctl.core.interlock import ROWS, Action, Cause, acknowledge, evaluate, release, verdict
from treadctl.core.messages import DriveMode, DriveOrder, Reply, Request
from treadctl.core.motion import Motion
from treadctl.core.predicates import View
from treadctl.core.program import Hands
from treadctl.core.prompts import PromptKind
from treadctl.core.ramp import Ramp
from treadctl.core.requests import Asked, Walk, serve, stops_among
from treadctl.core.sample import ChannelId, Direction, DriveState, DriveStatus, Sample
from treadctl.core.session import MOVING, Event, SessionState, follow
from treadctl.core.setup import Setup

SETTLED_MPS: Final = 0.01  # of the command from what the belt should have followed: no ramp any more
FOLLOW_TAU_S: Final = 0.3  # how a belt lags its command, for judging "following"
DISMOUNT_S: Final = 5.0  # torque holds the belt still this long after a normal end, while the person steps off
SLOWED: Final = 0.5  # SLOW leads to this part of the segment's speed
CLOCK_STILL_STEPS: Final = 5
FIRST_ORDER: Final = 1  # the id of the order at power-up: as long as it stands, nothing has been started
AFTER_END: Final = frozenset({SessionState.ENDED, SessionState.IDLE, SessionState.ARMED})  # putting the program away does not let the belt go
WALKING: Final = MOVING | {SessionState.STOPPING}  # from the start to standstill


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that one step is told: the sample, the requests since the last step, and whether the journal can be written."""

    sample: Sample
    requests: tuple[Request, ...] = ()
    journal_ok: bool = True


@dataclass(frozen=True, slots=True)
class Output:
    """All that one step decides. `commanded_mps` is the ramp's value; `prompts` are waiting for an answer."""

    order: DriveOrder
    enable: bool
    session: SessionState
    action: Action
    causes: tuple[Cause, ...]
    replies: tuple[Reply, ...]
    commanded_mps: float
    segment: int | None
    elapsed_s: float
    prompts: tuple[PromptKind, ...]
    balance: Level
    imbalance: Imbalance


@dataclass(frozen=True, slots=True)
class State:
    """The memory between two steps. Instants are seconds on the monotonic clock of the caller."""

    setup: Setup
    now_s: float
    session: SessionState
    order: DriveOrder
    causes: tuple[Cause, ...] = ()
    motion: Motion = Motion()
    balance: Balance = Balance()
    walk: Walk = Walk()
    ramp: Ramp = ramps.REST
    expected_mps: float = 0.0
    enable: bool = False
    order_at_s: float = 0.0
    stop_from_mps: float = 0.0
    seen_open: frozenset[ChannelId] = frozenset()
    proven: frozenset[ChannelId] = frozenset()
    proven_at_s: float = 0.0  # since when they all are
    still_steps: int = 0
    ended_at_s: float = 0.0
    cords_apart_since_s: float | None = None
    capped: bool = False  # this segment is walked below the speed of somebody whose gait is not known


def initial_state(setup: Setup, now_s: float) -> State:
    """The state at power-up: tripped, nothing proven, enable off. A belt still moving is ramped down first, then loses its torque."""
    return State(setup, now_s, SessionState.TRIPPED, DriveOrder(DriveMode.STOP, 0.0, Direction.FORWARD, None, FIRST_ORDER), order_at_s=now_s)


def step(state: State, inputs: Inputs, now_s: float) -> tuple[State, Output]:
    """Decide once. Call it at every safety-relevant sample and at least every `setup.tick_s`; about 30 µs.

    `now_s` is monotonic seconds. A clock that is not finite, stands still or goes back trips; time then counts as unchanged.
    """
    setup, sample = state.setup, inputs.sample
    clock_ok = math.isfinite(now_s) and now_s >= state.now_s
    now, dt = (now_s, now_s - state.now_s) if clock_ok else (state.now_s, 0.0)
    still_steps = 0 if dt > 0.0 else state.still_steps + 1

    fastest, slowest, direction = motions.measured(sample, setup)
    commanded = state.order.mode is DriveMode.RUN and state.ramp.speed_mps > 0.0
    motion = motions.follow(state.motion, fastest, now, dt, setup.standstill_mps, commanded)
    bad = motions.untrusted(sample, setup)
    seen_open, proven, proven_at_s = _prove(state, sample, now)
    status = sample.drive.status.fresh(setup.drive_age_limit_s)
    powered = status is not None and status.state in {DriveState.ENABLED, DriveState.STOPPING}
    asked = stops_among(inputs.requests)
    walk = state.walk
    walking = state.session in WALKING
    engaged = walking or (state.order.order_id > FIRST_ORDER and not motion.settled)
    balance = _watch(state, sample, now, engaged)
    apart_since = motions.cords_apart_since(state.cords_apart_since_s, sample, now, setup.sensor_age_limit_s)
    apart_s = 0.0 if apart_since is None else now - min(sample.cord_a.age_s, sample.cord_b.age_s) - apart_since
    view = View(
        setup, sample, walk.person if walking else None, state.order, state.enable, balance, state.capped, _hands(state), walk.answers,
        clock_ok and still_steps < CLOCK_STILL_STEPS, dt - setup.tick_s, apart_s, proven, bad,
        fastest, slowest, direction, motion.slope_mps2, state.expected_mps, walk.limits or setup.limits, powered,
        powered and state.order.mode is DriveMode.RUN, motion.settled, now - state.order_at_s, state.stop_from_mps,
        walk.moving_s if walking else 0.0, walking and walk.finished, asked.local_stop, asked.remote_stop, asked.end, inputs.journal_ok,
    )  # fmt: skip
    causes = evaluate(state.causes, view, engaged, now)
    action = verdict(causes)
    session = _judge(state.session, action, asked, motion.settled, not (now - walk.armed_at_s <= setup.arm_valid_s))
    walk = walk.put_away() if session is SessionState.IDLE and state.session is SessionState.ARMED else walk

    granted = serve(session, walk, causes, motion, view, inputs.requests, now)
    session, walk = granted.session, granted.walk
    if walk.arm is not state.walk.arm:
        kept = walk.arm.gait if walk.arm is not None else None
        balance = Balance(trunk=TrunkState(calibration=kept.aged())) if kept is not None else Balance()  # perhaps another person: all is learnt anew
    if granted.reset:
        causes = acknowledge(causes)
    if granted.resumed:
        causes = release(causes)
    if action is Action.HOLD and session in MOVING:
        session = follow(session, Event.HOLD)
    elif session in MOVING and walk.held_at_s is None:
        session = follow(session, walk.block_event)

    walk, ramp, mode, direction_now = _walk_on(session, walk, state, action, motion, powered, dt)
    capped = _cap(state, session, walk.segment)
    ended_at_s = now if session is SessionState.ENDED and state.session is not SessionState.ENDED else state.ended_at_s
    enable, mode = _power(session, mode, state, causes, action, motion.settled, now - ended_at_s)
    order = _order(state.order, mode, ramp, direction_now, _grade(state, walk, status, dt))
    changed = order.order_id != state.order.order_id
    if changed and mode is not DriveMode.RUN and (mode is not DriveMode.POWER_OFF or state.order.mode is DriveMode.RUN):
        motion = replace(motion, settled=False, still_since_s=None)
    stop_from = fastest if fastest is not None else max(motion.smooth_mps, state.expected_mps)
    weight = 1.0 - math.exp(-dt / FOLLOW_TAU_S)
    expected = state.expected_mps + weight * (ramp.speed_mps - state.expected_mps)
    if ramp.speed_mps == 0.0 and expected < 1e-3:
        expected = 0.0

    after = State(
        setup, now, session, order, causes, motion, balance, walk, ramp, expected, enable,
        now if changed else state.order_at_s, stop_from if changed and state.order.mode is DriveMode.RUN else state.stop_from_mps,
        seen_open, proven, proven_at_s, still_steps, ended_at_s, apart_since, capped,
    )  # fmt: skip
    segment = walk.segment if walk.arm is not None else None
    output = Output(
        order, enable, session, action, causes, granted.replies, ramp.speed_mps, segment, walk.elapsed_s, walk.prompts,
        balance.level, (*balance.reasons, Imbalance.NONE)[0],
    )  # fmt: skip
    return after, output


def _prove(state: State, sample: Sample, now_s: float) -> tuple[frozenset[ChannelId], frozenset[ChannelId], float]:
    """Which proof channels have been seen open, which of those closed again, and since when all have; a proof grows old, but not while there is power."""
    if len(state.proven) == len(state.setup.proof):
        if state.enable or now_s - state.proven_at_s <= state.setup.proof_valid_s:
            return state.seen_open, state.proven, state.proven_at_s
        return frozenset(), frozenset(), now_s
    seen, proven = state.seen_open, state.proven
    for channel in state.setup.proof:
        closed = getattr(sample, channel).fresh(state.setup.sensor_age_limit_s)
        if closed is False:
            seen = seen | {channel}
        elif closed is True and channel in seen:
            proven = proven | {channel}
    return seen, proven, now_s


def _watch(state: State, sample: Sample, now_s: float, engaged: bool) -> Balance:
    """The detectors of lost balance fed with this step's measurements, until the belt is proven to stand; quiet while nobody is being moved."""
    person, setup = state.walk.person, state.setup
    if person is None or not engaged or not (person.mass_kg > 0.0):
        return state.balance.rested() if person is not None else Balance()
    lifting = state.walk.current is not None and state.order.grade_percent not in (None, state.walk.current.grade_percent)
    changing = state.ramp.acceleration_mps2 != 0.0 or abs(state.ramp.speed_mps - state.expected_mps) > SETTLED_MPS
    ramping = changing or lifting or state.session is SessionState.STOPPING
    learning = state.session is SessionState.WARM_UP and state.expected_mps > 0.1
    scene = Scene(now_s, person.mass_kg, _hands(state), learning, state.expected_mps, ramping, setup.sensor_age_limit_s)
    return watch(state.balance, sample, scene, setup.trunk_tuning, setup.detectors)


def _cap(state: State, session: SessionState, segment: int) -> bool:
    """Whether this segment keeps below the speed of an unknown gait: decided as it begins, so that no belt speeds up within one; a lost sensor holds first."""
    trunk = state.balance.trunk
    if ChannelId.TRUNK not in state.setup.fitted:
        return False
    if segment == state.walk.segment and state.session in MOVING:
        return state.capped or (trunk.trust is Trust.LOST and session is not SessionState.HOLD)
    return trunk.trust <= Trust.LOST or trunk.calibration.blocks < state.setup.detectors.trunk.calibrated_s


def _hands(state: State) -> Hands:
    """What the program wants of the hands now; nothing is wanted of a person on a standing belt."""
    segment = state.walk.current
    return segment.hands if segment is not None and state.session in MOVING and state.expected_mps > 0.05 else Hands.FREE


def _judge(session: SessionState, action: Action, asked: Asked, settled: bool, expired: bool) -> SessionState:
    """The session after the interlock's verdict; what was armed too long ago is put away."""
    if action >= Action.SS1:
        return follow(session, Event.TRIP)
    if action is Action.SS2 or (asked != Asked() and session is SessionState.ARMED):
        session = follow(session, Event.STOP)
    elif expired:
        session = follow(session, Event.EXPIRE)
    if session is SessionState.STOPPING and settled:
        session = follow(session, Event.STANDSTILL)
    return session


def _walk_on(
    session: SessionState, walk: Walk, state: State, action: Action, motion: Motion, powered: bool, dt: float
) -> tuple[Walk, Ramp, DriveMode, Direction]:
    """One step along the program: its clock, the ramp toward the segment's speed, and a change of direction at proven standstill."""
    direction = state.order.direction
    if session not in MOVING or walk.limits is None:
        mode = DriveMode.STOP if session is SessionState.STOPPING else state.order.mode
        return walk, ramps.REST, mode, direction
    segment = walk.current
    speed = segment.speed_mps if segment is not None else 0.0
    turning = segment is not None and segment.direction is not direction
    if turning and segment is not None:
        speed = 0.0
        if state.ramp.speed_mps == 0.0 and (motion.settled or state.order.mode is not DriveMode.RUN):
            direction, turning = segment.direction, False
    if session is SessionState.HOLD:
        speed = min(speed, state.ramp.speed_mps)
    if action is Action.SLOW:
        speed = min(state.ramp.speed_mps, SLOWED * speed)
    if state.capped:
        speed = min(speed, state.setup.detectors.trunk.uncalibrated_max_mps)
    limits = walk.limits
    ready = powered and state.order.mode is DriveMode.RUN and direction is state.order.direction
    speed = min(speed, limits.max_speed_mps(direction)) if ready else 0.0
    ramp = ramps.advance(state.ramp, speed, dt, limits.max_acceleration_mps2, limits.max_deceleration_mps2, limits.max_jerk_mps3)
    moving_s = walk.moving_s + (dt if state.ramp.speed_mps > 0.0 else 0.0)
    elapsed_s = walk.elapsed_s + (dt if ready and not turning and session is not SessionState.HOLD else 0.0)
    return walk.at(elapsed_s, moving_s), ramp, DriveMode.RUN, direction


def _power(
    session: SessionState, mode: DriveMode, state: State, causes: tuple[Cause, ...], action: Action, settled: bool, ended_s: float
) -> tuple[bool, DriveMode]:
    """Torque and enable for this session state: stops only grow more severe until standstill, then power goes (category 1)."""
    if session in MOVING:
        return True, DriveMode.RUN
    if session is SessionState.STOPPING:
        return state.enable, DriveMode.STOP
    if session in AFTER_END and state.order.mode is DriveMode.STOP and state.enable and ended_s < DISMOUNT_S:
        return True, DriveMode.STOP
    if session is not SessionState.TRIPPED:
        return False, DriveMode.POWER_OFF
    wanted = {Action.SS1_FAST: DriveMode.FAST_STOP, Action.STO: DriveMode.POWER_OFF}.get(action, DriveMode.STOP)
    mode = max(state.order.mode, wanted)
    if settled or mode is DriveMode.POWER_OFF:
        return False, DriveMode.POWER_OFF
    dropped = any(cause.active and ROWS[cause.row].drops_enable for cause in causes)
    return state.enable and not dropped, mode


def _grade(state: State, walk: Walk, status: DriveStatus | None, dt: float) -> float | None:
    """The commanded grade, percent: from where the deck is toward the segment's, no faster than the limit. None = leave it."""
    segment = walk.current
    if segment is None or walk.limits is None:
        return None
    measured = status.grade_percent if status is not None else None
    last = state.order.grade_percent
    before = last if last is not None else measured if measured is not None else 0.0
    most = walk.limits.max_grade_rate_percent_per_s * dt
    return min(max(segment.grade_percent, before - most), before + most)


def _order(last: DriveOrder, mode: DriveMode, ramp: Ramp, direction: Direction, grade_percent: float | None) -> DriveOrder:
    """The order that follows `last`: a new id when mode or direction changes, a speed and a grade only when running."""
    speed = ramp.speed_mps if mode is DriveMode.RUN else 0.0
    grade = grade_percent if mode is DriveMode.RUN else None
    same = mode is last.mode and direction is last.direction
    if same and speed == last.speed_mps and grade == last.grade_percent:
        return last
    return DriveOrder(mode, speed, direction, grade, last.order_id if same else last.order_id + 1)

