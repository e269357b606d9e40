"""Random requests, faults and time against the rig: what must hold in whatever order they come."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from core_rig import CHECKED, FITTED, LIMITS, PERSON, WALK, Rig, make_setup, program, segment
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from treadctl.core.controller import Output
from treadctl.core.interlock import ROWS, Action
from treadctl.core.messages import ArmOrder, DriveMode, Origin, RequestKind
from treadctl.core.program import Block, Hands
from treadctl.core.prompts import Answer, PromptKind
from treadctl.core.sample import BeltMotion, Channel, ChannelId, Direction, DriveState, Quality, Sample
from treadctl.core.session import MOVING, SessionState

TURNING = program(
    segment(3.0, 0.3, block=Block.WARM_UP, hands=Hands.FREE),
    segment(4.0, 0.5, hands=Hands.FREE),
    segment(4.0, 0.4, hands=Hands.FREE, direction=Direction.FORWARD),
    segment(2.0, 0.0, hands=Hands.OFF),
    segment(4.0, 0.6, block=Block.COOL_DOWN),
)
SHORT = program(segment(1.0, 0.2, hands=Hands.FREE, prompts=tuple(PromptKind)))
ASKED = tuple(kind for kind in RequestKind if kind not in {RequestKind.ARM, RequestKind.ANSWER})
WHENEVER = frozenset({RequestKind.STOP, RequestKind.END})


def bad_channel(name: str, value: object, age_s: float, quality: Quality) -> Callable[[Sample], Sample]:
    def spoil(sample: Sample) -> Sample:
        return replace(sample, **{name: Channel(value, age_s, quality)})

    return spoil


def bad_drive(speed_mps: float, state: DriveState, age_s: float, quality: Quality) -> Callable[[Sample], Sample]:
    def spoil(sample: Sample) -> Sample:
        status = sample.drive.status.value
        assert status is not None
        status = replace(status, state=state, motion=BeltMotion(speed_mps, Direction.REVERSE))
        return replace(sample, drive=replace(sample.drive, status=Channel(status, age_s, quality)))

    return spoil


ages = st.sampled_from([0.0, 0.09, 0.11, 0.3, math.nan, math.inf])
levels = st.sampled_from([0.0, 1.0, 20.0, 300.0, -5.0, math.nan, math.inf])
speeds = st.sampled_from([0.0, 0.02, 0.2, 0.6, 3.0, 25.0, -1.0, math.nan])
qualities = st.sampled_from([Quality.GOOD, Quality.GOOD, *Quality])
channels = st.sampled_from(sorted(FITTED - {ChannelId.BELT, ChannelId.RAIL_LEFT, ChannelId.RAIL_RIGHT}))
spoils = st.one_of(
    st.builds(bad_channel, channels.map(str), st.sampled_from([True, False]), ages, qualities),
    st.builds(bad_channel, st.sampled_from(["rail_left", "rail_right"]), levels, ages, qualities),
    st.builds(bad_channel, st.just("belt"), st.builds(BeltMotion, speeds, st.sampled_from([None, *Direction])), ages, qualities),
    st.builds(bad_drive, speeds, st.sampled_from(DriveState), ages, qualities),
)
orders = st.builds(
    ArmOrder,
    st.sampled_from([TURNING, TURNING, WALK, SHORT, program(), program(segment(5.0, math.nan)), program(segment(5.0, 3.0))]),
    st.sampled_from([PERSON, PERSON, replace(PERSON, mass_kg=math.nan), replace(PERSON, allowance_s=2.0)]),
    st.sampled_from([LIMITS, LIMITS, replace(LIMITS, max_speed_reverse_mps=0.55), replace(LIMITS, max_jerk_mps3=math.nan)]),
    st.sampled_from([CHECKED, CHECKED, replace(CHECKED, shoes=False)]),
    st.sampled_from([(), (), ("Not today.",)]),
)
answers = st.builds(Answer, st.sampled_from(PromptKind), st.sampled_from([0.0, 3.0, 8.0, 18.0, math.nan]))


class Treadmill(RuleBasedStateMachine):
    """Every step of the rig is checked against the step before it, not only what it looks like when a rule has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig(make_setup())
        self.rig.dt_s = 0.02
        self.checked = 0
        self.previous: Output | None = None
        self.late: set[str] = set()
        self.names: dict[str, tuple[RequestKind, Origin]] = {}

    def ask(self, kind: RequestKind, origin: Origin = Origin.LOCAL, **how: object) -> None:
        name = self.rig.ask(kind, origin, **how)  # type: ignore[arg-type]
        self.names[name] = (kind, origin)

    # --- what happens -------------------------------------------------------------------------------------------------

    @initialize(ready=st.sampled_from(["no", "armed", "moving", "moving"]))
    def begin(self, ready: str) -> None:
        if ready == "no":
            return
        self.rig.run(0.4)
        for closed in (False, True):
            self.rig.closed[ChannelId.CORD_A] = self.rig.closed[ChannelId.CORD_B] = closed
            self.rig.run(0.1)
        self.ask(RequestKind.RESET)
        self.ask(RequestKind.ARM, arm=ArmOrder(TURNING, PERSON, LIMITS, CHECKED))
        self.rig.tick()
        self.ask(RequestKind.ARM, arm=ArmOrder(TURNING, PERSON, LIMITS, CHECKED))
        self.rig.tick()
        if ready == "moving":
            self.press(1.2)

    @rule(ready=st.sampled_from(["armed", "moving", "moving"]), afresh=st.booleans())
    def recover_and_begin(self, ready: str, afresh: bool) -> None:
        if afresh:
            self.every_step_was_right()
            self.rig, self.checked, self.previous = Rig(make_setup()), 0, None
            self.rig.dt_s = 0.02
            self.names.clear()
            self.late.clear()
        else:
            self.recover()
        self.begin(ready)

    @rule(kind=st.sampled_from(ASKED), origin=st.sampled_from(Origin))
    def one(self, kind: RequestKind, origin: Origin) -> None:
        self.ask(kind, origin)
        self.rig.run(0.1)

    @rule(kind=st.sampled_from([RequestKind.HOLD, RequestKind.RESUME]))
    def hold_and_wait(self, kind: RequestKind) -> None:
        self.ask(kind)
        self.rig.run(1.0)

    @rule(seconds=st.sampled_from([0.3, 1.2, 1.5]))
    def press(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.1)):
            self.ask(RequestKind.START_HOLD)
            self.rig.run(0.1)

    @rule(seconds=st.sampled_from([0.02, 0.1, 0.5, 2.0, 4.0]))
    def wait(self, seconds: float) -> None:
        self.rig.run(seconds)

    @rule(
        kinds=st.lists(st.sampled_from(ASKED), min_size=2, max_size=4),
        origin=st.sampled_from([Origin.LOCAL, Origin.LOCAL, Origin.REMOTE]),
        ttl_s=st.sampled_from([2.0, 2.0, -1.0, math.nan]),
    )
    def several_at_once(self, kinds: list[RequestKind], origin: Origin, ttl_s: float) -> None:
        for kind in kinds:
            self.ask(kind, origin, ttl_s=ttl_s)
            if not ttl_s > 0.0:
                self.late.add(f"r{self.rig.counter}")
        self.rig.tick()

    @rule(order=orders, origin=st.sampled_from([Origin.LOCAL, Origin.LOCAL, Origin.REMOTE]))
    def arm(self, order: ArmOrder, origin: Origin) -> None:
        self.ask(RequestKind.ARM, origin, arm=order)
        self.rig.tick()

    @rule(answer=answers)
    def answer(self, answer: Answer) -> None:
        self.ask(RequestKind.ANSWER, answer=answer)
        self.rig.tick()

    @rule()
    def recover(self) -> None:
        self.rig.spoil = None
        self.rig.drive_state = None
        self.rig.identified = self.rig.confirms = self.rig.follows = self.rig.obeys_stop = self.rig.journal_ok = True
        self.rig.watchdog_s = 0.5
        self.rig.rails_n = (20.0, 20.0)
        for channel in self.rig.closed:
            self.rig.closed[channel] = True
        self.rig.run(3.0)
        self.ask(RequestKind.RESET)
        self.rig.tick()

    @rule(spoil=spoils, seconds=st.sampled_from([0.02, 0.06, 0.2, 1.0]))
    def spoil(self, spoil: Callable[[Sample], Sample], seconds: float) -> None:
        self.rig.spoil = spoil
        self.rig.run(seconds)
        self.rig.spoil = None

    @rule(channel=channels, seconds=st.sampled_from([0.02, 0.1, 0.5]))
    def open_contact(self, channel: ChannelId, seconds: float) -> None:
        both = {ChannelId.CORD_A, ChannelId.CORD_B}
        for each in both if channel in both else {channel}:
            self.rig.closed[each] = not self.rig.closed[each]
        self.rig.run(seconds)

    @rule(name=st.sampled_from(["identified", "confirms", "follows", "obeys_stop", "journal_ok"]), value=st.booleans())
    def change(self, name: str, value: bool) -> None:
        setattr(self.rig, name, value)
        self.rig.run(0.2)

    @rule(watchdog_s=st.sampled_from([None, 0.0, 0.4, 9.0, math.nan]))
    def rewatch(self, watchdog_s: float | None) -> None:
        self.rig.watchdog_s = watchdog_s
        self.rig.run(0.1)

    @rule(loads=st.tuples(st.sampled_from([0.0, 20.0, 90.0, 250.0]), st.sampled_from([0.0, 20.0, 90.0])))
    def lean(self, loads: tuple[float, float]) -> None:
        self.rig.rails_n = loads
        self.rig.run(0.2)

    @rule(dt_s=st.sampled_from([0.0, 0.05, 0.08, 0.13, 3600.0, -0.5]))
    def jump(self, dt_s: float) -> None:
        before = self.rig.now_s
        self.rig.tick(dt_s)
        self.rig.now_s = max(before, self.rig.now_s)

    # --- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def every_step_was_right(self) -> None:
        for output in self.rig.outputs[self.checked :]:
            granted = {self.names[r.request_id][0] for r in output.replies if r.granted}
            for reply in output.replies:
                kind, origin = self.names[reply.request_id]
                assert not reply.granted or kind in WHENEVER or reply.request_id not in self.late
                assert reply.granted or (reply.reasons and kind not in WHENEVER)
                assert not reply.granted or origin is Origin.LOCAL or kind in WHENEVER | {RequestKind.HOLD}
            self.alone(output, granted)
            if self.previous is not None:
                self.after(self.previous, output, granted)
            self.previous = output
        self.checked = len(self.rig.outputs)

    def alone(self, output: Output, granted: set[RequestKind]) -> None:
        order, session = output.order, output.session
        assert 0.0 <= order.speed_mps <= LIMITS.max_speed_mps(order.direction)
        assert (order.mode is DriveMode.RUN) == (session in MOVING)
        assert output.enable or session not in MOVING
        if session in {SessionState.IDLE, SessionState.ARMED}:
            assert order.mode in {DriveMode.STOP, DriveMode.POWER_OFF}
            assert output.enable is (order.mode is DriveMode.STOP), "held while the person steps off, or without power"
        if session is SessionState.TRIPPED and order.mode is DriveMode.POWER_OFF:
            assert not output.enable
        if output.action >= Action.SS1 and RequestKind.RESET not in granted:  # the verdict of that step is the one before the reset
            assert session is SessionState.TRIPPED
        if session in MOVING:
            assert output.action < Action.SS2
            assert not any(c.active and ROWS[c.row].action >= Action.SS2 for c in output.causes)

    def after(self, before: Output, output: Output, granted: set[RequestKind]) -> None:
        old, new = before.order, output.order
        assert new.order_id - old.order_id in {0, 1}
        assert new.order_id > old.order_id or (new.mode is old.mode and new.direction is old.direction)
        if new.direction is not old.direction:
            assert new.speed_mps == old.speed_mps == 0.0
            assert self.rig.speed_mps == 0.0 or len(self.rig.outputs) - self.checked > 1
        if before.session not in MOVING and output.session in MOVING:
            assert before.session is SessionState.ARMED
            assert RequestKind.START_HOLD in granted
            assert not any(ROWS[c.row].blocks_start and c.present for c in output.causes)
        if before.session is SessionState.TRIPPED and output.session is not SessionState.TRIPPED:
            assert RequestKind.RESET in granted
            self.may_start(output)
        if RequestKind.STOP in granted:
            assert output.session not in MOVING
        if output.session is SessionState.HOLD:
            assert new.speed_mps <= old.speed_mps
            assert output.elapsed_s == before.elapsed_s or before.session is not SessionState.HOLD
        if old.mode is not DriveMode.RUN and new.mode is not DriveMode.RUN and output.session is SessionState.TRIPPED is before.session:
            assert new.mode >= old.mode
            assert before.enable or not output.enable

    def may_start(self, output: Output) -> None:
        arm = self.rig.state.walk.arm
        if len(self.rig.outputs) - self.checked == 1 and arm is not None:  # the state is still that of this very step
            assert arm.checklist.complete
            assert not arm.preflight
            assert self.rig.state.motion.stands
            assert output.order.speed_mps == 0.0


TestTreadmill = Treadmill.TestCase
TestTreadmill.settings = settings(max_examples=70, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
