"""Requests: what people ask for, granted or refused with every reason. Stops are taken before anything is judged; the rest after the verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from treadctl.core.interlock import ROWS, Cause, Clears, acknowledge, blockers
from treadctl.core.limits import Limits, tighter
from treadctl.core.messages import ArmOrder, Origin, Reply, Request, RequestKind
from treadctl.core.motion import Motion
from treadctl.core.predicates import View
from treadctl.core.program import Block, Hands, Person, Segment
from treadctl.core.prompts import PromptKind
from treadctl.core.sample import Sample
from treadctl.core.session import MOVING, Event, SessionState, follow
from treadctl.core.setup import Setup
from treadctl.core.units import newton_from_percent_body_weight

HOLD_GAP_S: Final = 0.3  # a start button not renewed for so long counts as released
NOT_STILL: Final = "The belt has not been proven to stand still."
STOPPING_REQUESTS: Final = frozenset({RequestKind.STOP, RequestKind.END})
REMOTE_REQUESTS: Final = frozenset({RequestKind.STOP, RequestKind.END, RequestKind.HOLD})

BLOCK_EVENTS: Final = {Block.WARM_UP: Event.WARM_UP, Block.MAIN: Event.MAIN, Block.COOL_DOWN: Event.COOL_DOWN}


@dataclass(frozen=True, slots=True)
class Walk:
    """The run as armed: how far the program is, what is asked and answered, and the start button."""

    arm: ArmOrder | None = None
    arming: str = ""  # the id of the request that armed it
    armed_at_s: float = 0.0
    limits: Limits | None = None
    segment: int = 0
    elapsed_s: float = 0.0
    moving_s: float = 0.0
    finished: bool = False
    held_at_s: float | None = None  # when somebody last asked for a hold that still is
    prompts: tuple[PromptKind, ...] = ()
    answers: tuple[tuple[PromptKind, float], ...] = ()
    pressed_since_s: float | None = None
    pressed_last_s: float = 0.0
    released: bool = False  # the start button was seen released since arming: one that is stuck or tied down starts nothing

    @property
    def person(self) -> Person | None:
        """The person of this run."""
        return self.arm.person if self.arm is not None else None

    @property
    def current(self) -> Segment | None:
        """The segment the program is in, None before arming and past the end."""
        return self.arm.program.segments[self.segment] if self.arm is not None and not self.finished else None

    @property
    def block_event(self) -> Event:
        """The event that names the block the program is in; past its end that is the cool-down."""
        segment = self.current
        return BLOCK_EVENTS[segment.block] if segment is not None else Event.COOL_DOWN

    def put_away(self) -> Walk:
        """No run; a start button that is still pressed stays known."""
        return Walk(pressed_last_s=self.pressed_last_s)

    def at(self, elapsed_s: float, moving_s: float) -> Walk:
        """The run at another program time: a new segment brings its prompts, past the end it is finished."""
        if self.arm is None:
            return self
        index = self.arm.program.index_at(elapsed_s)
        if index is None:
            return replace(self, elapsed_s=elapsed_s, moving_s=moving_s, finished=True)
        prompts = self.prompts if index == self.segment else (*self.prompts, *(p for p in self.arm.program.segments[index].prompts if p not in self.prompts))
        return Walk(
            self.arm, self.arming, self.armed_at_s, self.limits, index, elapsed_s, moving_s, False, self.held_at_s, prompts, self.answers,
            self.pressed_since_s, self.pressed_last_s,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """The stops among the requests of one step."""

    local_stop: bool = False
    remote_stop: bool = False
    end: bool = False


def stops_among(requests: tuple[Request, ...]) -> Asked:
    """The stops among `requests`. A late one is taken all the same: a stop is never refused."""
    stops = [r for r in requests if r.kind is RequestKind.STOP]
    local = any(r.origin is Origin.LOCAL for r in stops)
    return Asked(local, bool(stops) and not local, any(r.kind is RequestKind.END for r in requests))


@dataclass(slots=True)
class Desk:
    """Working copy while the requests of one step are served in order: what they changed, and what was answered."""

    session: SessionState
    walk: Walk
    causes: tuple[Cause, ...]
    motion: Motion
    view: View
    now_s: float
    reset: bool = False
    resumed: bool = False
    replies: tuple[Reply, ...] = ()


def start_blockers(walk: Walk, causes: tuple[Cause, ...], stands: bool, setup: Setup, sample: Sample) -> tuple[tuple[str, str], ...]:
    """Every reason why the belt may not start now, as (id, sentence); empty when it may."""
    reasons = [(cause.id, ROWS[cause.row].sentence) for cause in blockers(causes)]
    if not stands:
        reasons.append(("standstill", NOT_STILL))
    if walk.arm is None:
        return (*reasons, ("not_armed", "No program is armed."))
    reasons.extend(("preflight", sentence) for sentence in walk.arm.preflight)
    if not walk.arm.checklist.complete:
        reasons.append(("checklist", "The attendant has not confirmed every point of the checklist."))
    first = walk.arm.program.segments[0]
    if first.hands is Hands.ON and first.speed_mps > 0.0 and not _hands_on(setup, sample, walk.arm.person):
        reasons.append(("hands", "The program wants both hands on the rails."))
    return tuple(reasons)


def _hands_on(setup: Setup, sample: Sample, person: Person) -> bool:
    least = newton_from_percent_body_weight(setup.detectors.rails.contact_percent, person.mass_kg)
    left, right = sample.rail_left.fresh(setup.sensor_age_limit_s), sample.rail_right.fresh(setup.sensor_age_limit_s)
    return left is not None and right is not None and left >= least and right >= least


def serve(
    session: SessionState, walk: Walk, causes: tuple[Cause, ...], motion: Motion, view: View, requests: tuple[Request, ...], now_s: float
) -> Desk:
    """Grant or refuse each request in its order. Nothing here can make the belt move but a start held at the machine."""
    desk = Desk(session, walk, causes, motion, view, now_s)
    for request in requests:
        if request.kind in STOPPING_REQUESTS:
            reasons: tuple[str, ...] = ()
        elif not (now_s <= request.expires_s):
            reasons = ("The request came too late; ask again.",)
        elif request.origin is not Origin.LOCAL and request.kind not in REMOTE_REQUESTS:
            reasons = ("This can only be asked for at the machine.",)
        else:
            reasons = _SERVE[request.kind](desk, request)
        desk.replies += (Reply(request.request_id, not reasons, reasons),)
    return desk


def _arm(desk: Desk, request: Request) -> tuple[str, ...]:
    order = request.arm
    if desk.session not in {SessionState.IDLE, SessionState.ENDED}:
        return (f"A program can be armed at rest only; the session is {desk.session.value}.",)
    if order is None or not order.program.segments or not (0.0 < order.person.mass_kg < math.inf):
        return ("The request carries no program, or no body mass.",)
    latched = _latched(desk)
    if latched:
        return (*latched, "Reset first.")
    limits = tighter(desk.view.setup.limits, order.person_limits)
    for number, segment in enumerate(order.program.segments, start=1):
        if not (0.0 <= segment.speed_mps <= limits.max_speed_mps(segment.direction)) or not (0.0 < segment.duration_s < 86400.0):
            return (f"Segment {number} ({segment.label}) is beyond the limits of the machine or the person.",)
        if not (0.0 <= segment.grade_percent <= limits.max_grade_percent):
            return (f"Segment {number} ({segment.label}) asks for a grade this machine or person may not have.",)
    desk.walk = Walk(order, request.request_id, desk.now_s, limits, prompts=order.program.segments[0].prompts, pressed_last_s=desk.walk.pressed_last_s)
    desk.session = follow(desk.session, Event.ARM)
    return ()


def _latched(desk: Desk) -> tuple[str, ...]:
    return tuple(ROWS[c.row].sentence for c in desk.causes if c.active)


def _start_hold(desk: Desk, request: Request) -> tuple[str, ...]:
    now, last_s = desk.now_s, desk.walk.pressed_last_s
    pressed_anew = not (now - last_s <= HOLD_GAP_S)
    walk = desk.walk = replace(desk.walk, pressed_last_s=now)
    if desk.session is not SessionState.ARMED and desk.session not in MOVING:
        return ("No program is armed.",)
    if request.arming != walk.arming:
        desk.walk = replace(walk, pressed_since_s=None)
        return ("The machine holds another program than the one to be started.",)
    if desk.session in MOVING:
        return ()  # the button is still held a moment after the start
    if not (walk.released or pressed_anew):
        return ("Release the start button first.",)
    reasons = start_blockers(walk, desk.causes, desk.motion.stands, desk.view.setup, desk.view.sample)
    if reasons:
        desk.walk = replace(walk, pressed_since_s=None, released=True)
        return tuple(sentence for _, sentence in reasons)
    since = now if pressed_anew or walk.pressed_since_s is None else walk.pressed_since_s
    desk.walk = replace(walk, pressed_since_s=since, released=True)
    if now - since >= desk.view.setup.start_hold_s:
        desk.session = follow(desk.session, walk.block_event)
    return ()


def _hold(desk: Desk, request: Request) -> tuple[str, ...]:
    if desk.session not in MOVING:
        return ("Nothing is running.",)
    desk.walk = replace(desk.walk, held_at_s=desk.now_s)
    desk.session = follow(desk.session, Event.HOLD)
    return ()


def _resume(desk: Desk, request: Request) -> tuple[str, ...]:
    waiting = [c for c in desk.causes if c.active and ROWS[c.row].clears is Clears.RESUME]
    if desk.session not in MOVING or not (desk.walk.held_at_s is not None or waiting):
        return ("Nothing is held.",)
    still = tuple(f"{ROWS[c.row].sentence} {ROWS[c.row].remedy}" for c in waiting if c.present)
    if not still and not (desk.now_s - max(desk.walk.held_at_s or 0.0, 0.0, *(c.since_s for c in waiting)) >= desk.view.setup.start_hold_s):
        return ("It was held just now; look at why, and ask again.",)  # whoever resumes had decided before
    if not still:
        desk.walk, desk.resumed = replace(desk.walk, held_at_s=None), True
    return still


def _reset(desk: Desk, request: Request) -> tuple[str, ...]:
    if desk.session not in {SessionState.TRIPPED, SessionState.ENDED}:
        return ("There is nothing to reset.",)
    if not desk.motion.settled:
        return (NOT_STILL,)
    left = [c for c in acknowledge(desk.causes) if c.active]
    if left:
        return tuple(ROWS[c.row].sentence + " " + ROWS[c.row].remedy for c in left)
    desk.session = follow(desk.session, Event.RESET)
    desk.walk = desk.walk.put_away()
    desk.reset = True
    return ()


def _answer(desk: Desk, request: Request) -> tuple[str, ...]:
    answer = request.answer
    if answer is None or not (0.0 <= answer.score <= 20.0):
        return ("The answer carries no score on its scale.",)
    kept = tuple(a for a in desk.walk.answers if a[0] is not answer.prompt)
    waiting = tuple(p for p in desk.walk.prompts if p is not answer.prompt)
    desk.walk = replace(desk.walk, answers=(*kept, (answer.prompt, answer.score)), prompts=waiting)
    return ()


def _disarm(desk: Desk, request: Request) -> tuple[str, ...]:
    if desk.session not in {SessionState.ARMED, SessionState.ENDED}:
        return ("No program is armed.",)
    latched = _latched(desk)
    if latched:  # put away unseen, it would block the next session and could no longer be reset
        return (*latched, "Reset first.")
    desk.session = follow(desk.session, Event.DISARM)
    desk.walk = desk.walk.put_away()
    return ()


_SERVE: Final = {
    RequestKind.ARM: _arm,
    RequestKind.START_HOLD: _start_hold,
    RequestKind.HOLD: _hold,
    RequestKind.RESUME: _resume,
    RequestKind.RESET: _reset,
    RequestKind.ANSWER: _answer,
    RequestKind.DISARM: _disarm,
}
