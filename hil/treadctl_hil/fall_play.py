"""One fall played into the simulated treadmill, in simulated time: how fast the belt was when the person went down, and how far it ran on.

The lead of a case is held exactly: the stop is ordered `lead_s - decision_s` before the impact of the play that holds the stop. A belt that slows
delays that impact by a few milliseconds, so the instant of the order is searched for, at most `_ROUNDS` times; nothing is gained from the delay.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, Literal

from treadctl_hil.world import STEP_S, World, WorldParams, home_machine, lab_machine
from treadctl_hil.world.params import FacingName, LatencySetting

StopName = Literal["ramp_stop", "fast_stop", "coast", "none"]
Outcome = Literal["impact", "recovered", "left_belt", "upright"]
EndedBy = Literal["stop", "cord", "attendant", "limit"]

LONGEST_LEAD_S: Final = 2.0
RELAY_S: Final = 0.005  # from the order to an open safe-torque-off input [U]
_TICK_S: Final = 5.0 * STEP_S  # the person is looked at as often
_RAMP_UP_MPS2: Final = 1.0
_SETTLE_S: Final = 4.0
_EVENT_AFTER_S: Final = LONGEST_LEAD_S + 0.5  # from the settled belt to the fall: room for an order that comes before it
_ROUNDS: Final = 4
_AT_REST_MPS: Final = 0.005
_SLOW_MPS: Final = 0.03  # a ramp stop ends in power off: the belt this slow for so long, or so long after the ramp's end [D]
_SLOW_FOR_S: Final = 0.3
_RAMP_OVER_FOR_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Case:
    """One fall, or one loss of balance. What is not said is the belt's own default; [U] marks habits that no source at hand gives.

    `lead_s`: alarm before impact (negative: after it), None = missed. With `onset` the person loses balance and may recover, and `onset_s` is
    the alarm after that instant. `decision_s` passes between alarm and order. A pulled cord cuts the power, or asks for the fast stop, or is
    not clipped on. Where nothing else has stopped the belt an attendant presses `attendant_s` after impact, None = nobody is there.
    """

    id: str
    speed_mps: float
    direction: Literal["forward", "reverse"]
    facing: FacingName
    stop: StopName
    onset: bool = False
    lead_s: float | None = None
    onset_s: float | None = None
    decision_s: float = 0.0
    command_latency: LatencySetting | None = None
    mass_kg: float = 75.0
    belt: Literal["clinic", "laboratory"] = "clinic"
    deck_m: float = 1.5
    ramp_stop_mps2: float | None = None
    fast_stop_mps2: float | None = None
    cord: Literal["power_cut", "fast_stop", "none"] = "power_cut"
    hands: bool = True  # on the rails, lightly, before the fall
    attendant_s: float | None = 1.5  # [U]
    attendant_stop: StopName = "fast_stop"  # [U]; the choice that is kindest to a machine without a detector
    limit_s: float = 30.0  # of the simulation, after impact
    seed: int = 1

    @property
    def warned(self) -> bool:
        """A stop is ordered because of an alarm."""
        return self.stop != "none" and (self.onset_s if self.onset else self.lead_s) is not None


@dataclass(slots=True)
class Result:
    """What became of one case. Speeds are magnitudes; every None = it did not come to that.

    `travel_under_body_m` is the belt's way from impact until it stands or the body has left it; `fall_s` runs from the first step of the fall.
    """

    outcome: Outcome = "upright"
    ended_by: EndedBy = "limit"
    at_rest: bool = False
    nominal_mps: float = 0.0
    speed_at_order_mps: float | None = None
    speed_at_impact_mps: float | None = None
    order_before_impact_s: float | None = None
    fall_s: float | None = None
    impact_delayed_s: float | None = None
    travel_order_to_impact_m: float | None = None
    travel_impact_to_rest_m: float | None = None
    travel_under_body_m: float | None = None
    travel_event_to_rest_m: float = 0.0
    impact_to_rest_s: float | None = None
    recovered_after_s: float | None = None
    cord_pulled: bool = False
    cord_after_impact_s: float | None = None
    position_at_impact_m: float | None = None
    position_at_end_m: float = 0.0
    body: Literal["on_belt", "off_belt"] = "on_belt"
    notes: list[str] = field(default_factory=list)


def params_of(case: Case) -> WorldParams:
    """The treadmill and person of a case."""
    base = home_machine() if case.belt == "clinic" else lab_machine()
    drive = base.drive
    if case.ramp_stop_mps2 is not None:
        drive = replace(drive, ramp_stop_mps2=case.ramp_stop_mps2)
    if case.fast_stop_mps2 is not None:
        drive = replace(drive, fast_stop_mps2=case.fast_stop_mps2)
    return replace(
        base,
        belt=replace(base.belt, deck_length_m=case.deck_m),
        drive=drive,
        runner=replace(base.runner, mass_kg=case.mass_kg, facing=case.facing),
        contacts=replace(base.contacts, cord_clipped=case.cord != "none"),
        command_latency=base.command_latency if case.command_latency is None else case.command_latency,
    )


@lru_cache(maxsize=4)
def _at_speed(params: WorldParams, velocity_mps: float, hands: bool, seed: int) -> World:
    """A belt that has settled at a speed under the person; played only through copies."""
    world = World(params, seed, 0.0)
    world.runner.mount()
    if hands:
        world.runner.hands_on()
    world.drive.order("run", velocity_mps, _RAMP_UP_MPS2)
    world.advance(abs(velocity_mps) / _RAMP_UP_MPS2 + _SETTLE_S)
    return world


class _Play:
    """One run of a case from the settled belt, with the stop ordered at a given instant or not at all."""

    def __init__(self, case: Case, order_at_s: float | None) -> None:
        velocity_mps = case.speed_mps if case.direction == "forward" else -case.speed_mps
        self.case = case
        self.world = copy.deepcopy(_at_speed(params_of(case), velocity_mps, case.hands, case.seed))
        self.event_at_s = event_of(case)
        self.order_at_s = math.inf if order_at_s is None else order_at_s
        self.impact_at_s = math.inf
        self.recovered_at_s = math.inf
        self.cord_at_s = math.inf
        self.attendant_at_s = math.inf
        self.left_travel_m = math.inf
        self._slow_from_s = self._ramp_over_s = math.inf
        self.order_travel_m = self.impact_travel_m = self.event_travel_m = 0.0
        self.result = Result(nominal_mps=case.speed_mps)
        self._due: list[tuple[float, Callable[[], None]]] = [(self.event_at_s, self._event)]
        if order_at_s is not None:
            self._due.append((order_at_s, self._order))

    def run(self, to_impact: bool) -> _Play:
        """Play to the impact, or until the belt stands, or to the limit."""
        while not self._over(to_impact):
            self._due.sort(key=lambda due: due[0])
            next_s = self.world.now_s + _TICK_S
            if self._due and self._due[0][0] <= next_s:
                at_s, act = self._due.pop(0)
                self.world.advance(at_s)
                act()
            else:
                self.world.advance(next_s)
            self._look()
        return self

    def _over(self, to_impact: bool) -> bool:
        now = self.world.now_s
        if now < self.event_at_s:
            return False
        if to_impact and (self.impact_at_s < math.inf or not self.world.runner.on_belt):
            return True
        settled = self.impact_at_s < math.inf or self.recovered_at_s < math.inf or not self.world.runner.on_belt
        still = abs(self.world.belt_speed_mps) < _AT_REST_MPS and self.acted
        waiting = any(at_s < math.inf for at_s, _ in self._due)
        return (settled and still and not waiting) or now >= (self.event_at_s if self.impact_at_s == math.inf else self.impact_at_s) + self.case.limit_s

    @property
    def acted(self) -> bool:
        """Something has been done to stop the belt."""
        return min(self.order_at_s, self.cord_at_s, self.attendant_at_s) <= self.world.now_s

    def _event(self) -> None:
        self.event_travel_m = self.world.belt_travel_m
        if self.case.onset:
            self.world.runner.lose_balance()
        else:
            self.world.runner.fall()

    def _order(self) -> None:
        self.order_travel_m = self.world.belt_travel_m
        self.result.speed_at_order_mps = abs(self.world.belt_speed_mps)
        self._stop(self.case.stop)

    def _stop(self, kind: StopName) -> None:
        """The ramps go through the drive and its latency; a coast is the enable line's."""
        if kind in ("ramp_stop", "fast_stop"):
            self.world.drive.order(kind)
        elif kind == "coast":
            self._due.append((self.world.now_s + RELAY_S, self._cut))

    def _cut(self) -> None:
        self.world.drive.enable_relay = False

    def _press(self) -> None:
        if not self.acted:
            self.attendant_at_s = self.world.now_s
            self._stop(self.case.attendant_stop)

    def _look(self) -> None:
        world, case = self.world, self.case
        now, runner = world.now_s, world.runner
        if case.cord != "none" and self.cord_at_s == math.inf and not world.contacts.cord_clipped:
            self.cord_at_s = now
            self._stop("coast" if case.cord == "power_cut" else "fast_stop")
        if self.impact_at_s == math.inf and runner.posture == "down":
            self.impact_at_s = now
            self.impact_travel_m = world.belt_travel_m
            self.result.speed_at_impact_mps = abs(world.belt_speed_mps)
            self.result.position_at_impact_m = runner.position_m
            if case.attendant_s is not None:
                self._due.append((now + case.attendant_s, self._press))
        if self.left_travel_m == math.inf and not runner.on_belt:
            self.left_travel_m = world.belt_travel_m
        self._end_of_ramp(now)
        lost = case.onset and self.event_at_s < now and self.impact_at_s == math.inf and self.recovered_at_s == math.inf
        if lost and runner.posture in ("standing", "walking", "running", "stumbling"):
            self.recovered_at_s = now

    def _end_of_ramp(self, now_s: float) -> None:
        """A ramp stop takes the power away when it is done: a motor must not creep on against a body that holds the belt."""
        drive = self.world.drive
        if not drive.enable_relay or drive.kind == "run" or drive.reference_mps != 0.0:
            return
        self._ramp_over_s = min(self._ramp_over_s, now_s)
        self._slow_from_s = min(self._slow_from_s, now_s) if abs(self.world.belt_speed_mps) <= _SLOW_MPS else math.inf
        if now_s - self._slow_from_s >= _SLOW_FOR_S or now_s - self._ramp_over_s >= _RAMP_OVER_FOR_S:
            self._cut()


def event_of(case: Case) -> float:
    """The instant at which the person of a case comes to grief, s of the simulation."""
    return case.speed_mps / _RAMP_UP_MPS2 + _SETTLE_S + _EVENT_AFTER_S


@lru_cache(maxsize=16)
def _impact_without_stop(case: Case) -> float:
    return _Play(case, None).run(to_impact=True).impact_at_s


def _order_instant(case: Case, impact_s: float) -> float:
    """When the stop is ordered, so that the alarm precedes the impact of that same play by the lead."""
    assert case.lead_s is not None  # noqa: S101 - for the type checker: a warned case has one
    ahead_s = case.lead_s - case.decision_s
    at_s = impact_s - ahead_s
    for _ in range(_ROUNDS):
        found_s = _Play(case, at_s).run(to_impact=True).impact_at_s
        if not math.isfinite(found_s) or abs(found_s - ahead_s - at_s) < STEP_S:
            break
        at_s = found_s - ahead_s
    return at_s


def play(case: Case) -> Result:
    """Play a case. The same case gives the same result, bit for bit."""
    plain_s = _impact_without_stop(replace(case, id="", stop="none", lead_s=None, onset_s=None, decision_s=0.0))
    order_at_s = None
    if case.warned and case.onset_s is not None:
        order_at_s = event_of(case) + case.onset_s + case.decision_s
    elif case.warned:
        order_at_s = _order_instant(case, plain_s)
    return _told(_Play(case, order_at_s).run(to_impact=False), plain_s)


def _told(played: _Play, plain_s: float) -> Result:
    """What a finished play comes to."""
    it, world, impact_s = played.result, played.world, played.impact_at_s
    it.at_rest = abs(world.belt_speed_mps) < _AT_REST_MPS
    first: tuple[tuple[float, EndedBy], ...] = ((played.order_at_s, "stop"), (played.cord_at_s, "cord"), (played.attendant_at_s, "attendant"))
    at_s, name = min(first)
    it.ended_by = name if at_s <= world.now_s else "limit"
    it.cord_pulled = math.isfinite(played.cord_at_s)
    it.body = "on_belt" if world.runner.on_belt else "off_belt"
    it.position_at_end_m = world.runner.position_m
    it.travel_event_to_rest_m = world.belt_travel_m - played.event_travel_m
    if math.isfinite(impact_s):
        it.outcome = "impact"
        it.fall_s = impact_s - played.event_at_s
        it.travel_impact_to_rest_m = world.belt_travel_m - played.impact_travel_m
        it.travel_under_body_m = min(world.belt_travel_m, played.left_travel_m) - played.impact_travel_m
        it.impact_to_rest_s = _rest_after(world, impact_s) if it.at_rest else None
        it.cord_after_impact_s = played.cord_at_s - impact_s if it.cord_pulled else None
        it.impact_delayed_s = impact_s - plain_s if math.isfinite(plain_s) else None
        if math.isfinite(played.order_at_s):
            it.order_before_impact_s = impact_s - played.order_at_s
            if played.order_at_s <= impact_s:
                it.travel_order_to_impact_m = played.impact_travel_m - played.order_travel_m
        if not played.case.onset and played.order_at_s < played.event_at_s:
            it.notes.append("ordered before the simulated fall began")
    elif not world.runner.on_belt:
        it.outcome = "left_belt"
    elif math.isfinite(played.recovered_at_s):
        it.outcome = "recovered"
        it.recovered_after_s = played.recovered_at_s - played.event_at_s
    return it


def _rest_after(world: World, impact_s: float) -> float:
    """From impact to standstill: 0 where the belt stood already."""
    stood_s = max((event.at_s for event in world.events if event.name == "standstill"), default=impact_s)
    return max(0.0, stood_s - impact_s)
