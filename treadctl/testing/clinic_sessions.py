"""One made-up session: a program walked to its end or not, with what happens on the way."""

from __future__ import annotations

import hashlib
import random
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from treadctl.core.interlock import INDEX, ROWS, Action
from treadctl.core.program import Block, Hands, Segment
from treadctl.core.program import Person as CorePerson
from treadctl.core.prompts import PromptKind
from treadctl.core.session import SessionState
from treadctl.prescription import REFERENCE
from treadctl.records.model import AnswerRecord, Arming, Outcome, PlannedStretch, Session, SessionEvent, SessionHead, StopRecord, Summary
from treadctl.testing.clinic_cast import Ending
from treadctl.testing.clinic_profiles import Edited
from treadctl.testing.clinic_series import RATE_HZ, Tape, Walker

HANDS: Final = {Hands.ON: 1.0, Hands.FREE: 0.45, Hands.OFF: 0.12}
STATES: Final = {Block.WARM_UP: SessionState.WARM_UP, Block.MAIN: SessionState.RUNNING, Block.COOL_DOWN: SessionState.COOL_DOWN}
GRAB_PERCENT: Final = (20.0, 32.0)
STOP_MPS2: Final = (0.66, 0.72)  # in the mean; at its hardest a quarter more: the protective deceleration of the reference machine
UNANSWERED: Final = 0.03
Detail = dict[str, str | float | bool | None]
LEVEL: Final = {PromptKind.RPE: 6.0}  # where a scale begins; the others at 0


@dataclass(frozen=True, slots=True)
class Feeling:
    """How a person feels in one session: the exertion at their highest speed, and the highest of the other answers."""

    rpe: float
    dizziness: float
    pain: float


@dataclass(frozen=True, slots=True)
class Order:
    """Everything one session is made of. `ending` None = it goes its way; `unsteady` = how often it is held; `wish` = it is ended early."""

    number: int
    person_id: str
    revision_id: int
    edited: Edited
    machine: str
    started_at: datetime
    attendant: str
    core: CorePerson
    slope_mps2: float
    walker: Walker
    feeling: Feeling
    overrides: tuple[str, ...] = ()
    ending: Ending | None = None
    unsteady: int = 0
    wish: bool = False


def walk(order: Order, seed: str) -> tuple[Session, Arming]:
    """The session and what links it to its person. The same order and seed give the same."""
    return _Walk(order, random.Random(seed), _name(seed)).session()  # noqa: S311 - believable, not secret


def _name(seed: str) -> str:
    return hashlib.sha256(seed.encode()).hexdigest()[:32]


class _Walk:
    """The state of one session while it is made."""

    def __init__(self, order: Order, dice: random.Random, name: str) -> None:
        self._order = order
        self._dice = dice
        self._id = name
        self._tape = Tape(order.walker, dice)
        self._events: list[SessionEvent] = []
        self._answers: list[AnswerRecord] = []
        self._stop: StopRecord | None = None
        self._state: SessionState | None = None

    def session(self) -> tuple[Session, Arming]:
        order, program = self._order, self._order.edited.program
        arming = Arming(_name(f"{self._id} arm"), order.person_id, order.revision_id, order.attendant, order.started_at)
        self._begin(arming)
        main = [number for number, segment in enumerate(program.segments) if segment.block is Block.MAIN]
        early = order.ending is not None or order.wish
        last = self._dice.choice(main[len(main) // 2 :]) if early else len(program.segments) - 1
        whole = main[: main.index(last)] if early else main
        held = set(self._dice.sample(whole, min(order.unsteady, len(whole))))
        for number, segment in enumerate(program.segments[: last + 1]):
            share = self._dice.uniform(0.4, 0.8) if early and number == last else 1.0
            self._stretch(number, segment, share, held=number in held)
        outcome, cause = self._end()
        figures = self._tape.figures()
        summary = Summary(
            duration_s=self._tape.at_s - 1.0 / RATE_HZ, imbalance_events=int(order.ending is Ending.IMBALANCE), unsteady_events=len(held),
            stops=int(self._stop is not None), max_rpe=self._worst("rpe"), max_dizziness=self._worst("dizziness"), max_pain=self._worst("pain"),
            max_breathing=self._worst("breathing"), **asdict(figures),
        )  # fmt: skip
        profile = order.edited.profile
        head = SessionHead(
            self._id, order.person_id, order.revision_id, order.machine, profile.name, program.profile_sha256, profile.direction.value, profile.facing.value,
            order.started_at, outcome, cause, summary,
        )  # fmt: skip
        session = Session(
            head, order.core.mass_kg, planned(program.segments), tuple(sorted(self._events, key=_event_time)), tuple(sorted(self._answers, key=_answer_time)),
            (self._stop,) if self._stop is not None else (), order.overrides, order.attendant, self._tape.series(),
        )  # fmt: skip
        return session, arming

    def _begin(self, arming: Arming) -> None:
        detail: Detail = {"request": "arm", "request_id": arming.request_id, "who": arming.by, "origin": "local"}
        self._tell("granted", f"Arming was asked for by {arming.by}: granted.", detail | {"before_start_s": round(self._dice.uniform(20.0, 90.0), 3)})
        self._enter(SessionState.ARMED)
        start: Detail = {"request": "start_hold", "request_id": _name(f"{self._id} start"), "who": arming.by, "origin": "local"}
        self._tell("granted", f"Start was asked for by {arming.by}: granted.", start)

    def _stretch(self, number: int, segment: Segment, share: float, *, held: bool) -> None:
        at_s = self._tape.at_s
        self._enter(STATES[segment.block])
        self._tell("segment", f"Segment {number + 1}: {segment.label}.", {"segment": float(number), "label": segment.label})
        duration_s = segment.duration_s * share
        for prompt in segment.prompts:
            self._ask(at_s, prompt, segment, duration_s)
        slope = self._order.slope_mps2 if segment.speed_mps > 0.0 else REFERENCE.limits.max_deceleration_mps2
        hold_s = float(self._dice.randint(6, 14)) if held else 0.0
        if held:
            self._hold(at_s + 0.6 * duration_s, hold_s, STATES[segment.block])
        self._tape.walk(segment.speed_mps, duration_s + hold_s, slope, HANDS[segment.hands])

    def _ask(self, at_s: float, prompt: PromptKind, segment: Segment, duration_s: float) -> None:
        self._tell("prompt", f"Ask the person: {prompt.value}.", {"prompt": prompt.value})
        if self._dice.random() < UNANSWERED:
            self._answers.append(AnswerRecord(at_s, prompt.value, None, _limit(self._order.core, prompt)))
        else:
            answered_s = round(at_s + min(self._dice.uniform(4.0, 20.0), 0.8 * duration_s), 2)
            self._answers.append(AnswerRecord(answered_s, prompt.value, self._felt(prompt, segment), _limit(self._order.core, prompt)))

    def _felt(self, prompt: PromptKind, segment: Segment) -> float:
        """A whole number of the scale, always below what would stop the belt."""
        effort = segment.speed_mps / self._order.edited.program.max_speed_mps
        feeling = self._order.feeling
        highest = {PromptKind.RPE: feeling.rpe, PromptKind.DIZZINESS: feeling.dizziness, PromptKind.PAIN: feeling.pain, PromptKind.BREATHING: feeling.rpe / 4.0}
        base = LEVEL.get(prompt, 0.0)
        felt = base + (highest[prompt] - base) * (0.4 + 0.6 * effort) + self._dice.gauss(0.0, 0.5)
        return float(max(base, min(round(felt), _limit(self._order.core, prompt) - 1.0)))

    def _hold(self, at_s: float, lasts_s: float, back_to: SessionState) -> None:
        row = ROWS[INDEX["unsteady"]]
        self._tell("cause", row.sentence, {"cause": row.id, "action": row.action.name.lower(), "remedy": row.remedy}, at_s)
        self._enter(SessionState.HOLD, at_s)
        over_s = at_s + lasts_s
        detail: Detail = {"request": "resume", "who": self._order.attendant, "origin": "local"}
        self._tell("granted", f"Resume was asked for by {self._order.attendant}: granted.", detail, over_s)
        self._tell("cause_over", f"No longer: {row.sentence}", {"cause": row.id}, over_s)
        self._enter(back_to, over_s)

    def _end(self) -> tuple[Outcome, str]:
        order = self._order
        if order.ending is None and not order.wish:
            self._act("program_end")
            self._enter(SessionState.STOPPING)
            self._enter(SessionState.ENDED)
            return Outcome.COMPLETED, "program_end"
        cause = order.ending.value if order.ending is not None else "end_requested"
        hold_percent = order.walker.rail_percent * (1.5 if order.ending is not None else 0.7)
        if order.ending is Ending.DIZZINESS:
            limit = _limit(order.core, PromptKind.DIZZINESS)
            self._answers.append(AnswerRecord(round(self._tape.at_s - 0.05, 2), "dizziness", limit + float(self._dice.randint(0, 1)), limit))
        action, at_s, from_mps = self._act(cause), self._tape.at_s, self._tape.measured_now_mps()
        deceleration_mps2 = self._dice.uniform(*STOP_MPS2)
        rest_s = round(from_mps / deceleration_mps2, 2)
        self._enter(SessionState.TRIPPED if action >= Action.SS1 else SessionState.STOPPING)
        self._tape.brake(rest_s, hold_percent)
        if order.ending is Ending.IMBALANCE:
            self._tape.grab(self._dice.uniform(*GRAB_PERCENT), 2.5, (self._tape.at_s - at_s) + 0.3)
        if action < Action.SS1:
            self._enter(SessionState.ENDED, at_s + rest_s)
        if order.ending is None:
            return Outcome.ENDED_EARLY, cause
        travel_m = round(from_mps * rest_s / 2.0 * self._dice.uniform(0.98, 1.02), 3)
        row = ROWS[INDEX[cause]]
        self._stop = StopRecord(at_s, cause, action.name.lower(), row.sentence, from_mps, rest_s, travel_m, round(from_mps / rest_s, 3))
        return Outcome.STOPPED, cause

    def _act(self, cause: str) -> Action:
        row = ROWS[INDEX[cause]]
        self._tell("cause", row.sentence, {"cause": row.id, "action": row.action.name.lower(), "remedy": row.remedy})
        return row.action

    def _enter(self, state: SessionState, at_s: float | None = None) -> None:
        if state is self._state:
            return
        before, self._state = self._state, state
        detail: Detail = {"from": before.value if before is not None else None, "to": state.value}
        self._tell("state", f"The session is now {state.value.replace('_', ' ')}.", detail, at_s)

    def _tell(self, kind: str, sentence: str, detail: Detail, at_s: float | None = None) -> None:
        self._events.append(SessionEvent(round(self._tape.at_s if at_s is None else at_s, 2), kind, sentence, detail))

    def _worst(self, kind: str) -> float | None:
        return max((answer.value for answer in self._answers if answer.kind == kind and answer.value is not None), default=None)


def planned(segments: tuple[Segment, ...]) -> tuple[PlannedStretch, ...]:
    """The program as the records keep it."""
    stretches: list[PlannedStretch] = []
    from_s = 0.0
    for segment in segments:
        to_s = from_s + segment.duration_s
        stretches.append(PlannedStretch(segment.label, segment.block.value, from_s, to_s, segment.speed_mps, segment.grade_percent, segment.hands.value))
        from_s = to_s
    return tuple(stretches)


def _limit(person: CorePerson, prompt: PromptKind) -> float:
    return {
        PromptKind.RPE: person.max_rpe,
        PromptKind.DIZZINESS: person.max_dizziness,
        PromptKind.PAIN: person.max_pain,
        PromptKind.BREATHING: person.max_breathing,
    }[prompt]


def _event_time(event: SessionEvent) -> float:
    return event.at_s


def _answer_time(answer: AnswerRecord) -> float:
    return answer.at_s
