"""The diary of a session: what happened when, in words, and what the person answered. It is kept from the arming on."""

from __future__ import annotations

from typing import Final

from treadctl.core.controller import Output
from treadctl.core.interlock import ROWS
from treadctl.core.messages import ArmOrder, Reply, Request, RequestKind
from treadctl.core.program import Person
from treadctl.core.prompts import PromptKind
from treadctl.core.session import SessionState
from treadctl.records.model import AnswerRecord, SessionEvent

MOST_EVENTS: Final = 5000  # a contact that chatters for an hour must not fill the store

Detail = dict[str, str | float | bool | None]

_ASKED: Final = {
    RequestKind.ARM: "Arming",
    RequestKind.START_HOLD: "Start",
    RequestKind.HOLD: "Hold",
    RequestKind.RESUME: "Resume",
    RequestKind.STOP: "Stop",
    RequestKind.END: "End",
    RequestKind.RESET: "Reset",
    RequestKind.ANSWER: "An answer",
    RequestKind.DISARM: "Putting the program away",
}


class Diary:
    """Times are those of the daemon's clock until `start`; then they count from there, and what came before stands at 0 with how long before in its detail."""

    def __init__(self, order: ArmOrder | None) -> None:
        self.order = order
        self._events: list[SessionEvent] = []
        self._left_out = 0
        self._answers: list[AnswerRecord] = []
        self._waiting: dict[PromptKind, float] = {}
        self._state: SessionState | None = None
        self._segment: int | None = None
        self._start_told: tuple[str, ...] | None = None
        self.acting: frozenset[int] = frozenset()

    def start(self, start_s: float) -> None:
        """The belt's program begins: time counts from here."""
        before = [(event, start_s - event.at_s) for event in self._events]
        self._events = [SessionEvent(0.0, e.kind, e.sentence, {**e.detail, "before_start_s": round(ago_s, 3)}) for e, ago_s in before]
        self._answers = [AnswerRecord(0.0, a.kind, a.value, a.limit) for a in self._answers]
        self._waiting = dict.fromkeys(self._waiting, 0.0)

    def tell(self, at_s: float, kind: str, sentence: str, detail: Detail | None = None) -> None:
        """Enter something."""
        if len(self._events) < MOST_EVENTS:
            self._events.append(SessionEvent(at_s, kind, sentence, detail or {}))
        else:
            self._left_out += 1

    def step(self, at_s: float, requests: tuple[Request, ...], output: Output) -> list[int]:
        """Enter what is new at this step; the rows that began to act come back."""
        began = self._causes(at_s, output)
        if output.replies:
            self._replies(at_s, requests, output.replies, output.session)
        if output.session is not self._state:
            self._session(at_s, output.session)
        if output.segment != self._segment:
            self._segment = output.segment
            self._enter_segment(at_s)
        if self._waiting or output.prompts:
            self._prompts(at_s, output.prompts)
        return began

    def _causes(self, at_s: float, output: Output) -> list[int]:
        if not output.causes and not self.acting:
            return []
        acting = frozenset(cause.row for cause in output.causes if cause.active)
        if acting == self.acting:
            return []
        before, self.acting = self.acting, acting
        began = sorted(acting - before)
        for number in began:
            row = ROWS[number]
            self.tell(at_s, "cause", row.sentence, {"cause": row.id, "action": row.action.name.lower(), "remedy": row.remedy})
        for number in sorted(before - acting):
            row = ROWS[number]
            self.tell(at_s, "cause_over", f"No longer: {row.sentence}", {"cause": row.id})
        return began

    def _session(self, at_s: float, state: SessionState) -> None:
        before, self._state = self._state, state
        words = state.value.replace("_", " ")
        self.tell(at_s, "state", f"The session is now {words}.", {"from": before.value if before is not None else None, "to": state.value})

    def _enter_segment(self, at_s: float) -> None:
        segments = self.order.program.segments if self.order is not None else ()
        if self._segment is not None and self._segment < len(segments):
            label = segments[self._segment].label
            self.tell(at_s, "segment", f"Segment {self._segment + 1}: {label}.", {"segment": float(self._segment), "label": label})

    def _replies(self, at_s: float, requests: tuple[Request, ...], replies: tuple[Reply, ...], state: SessionState) -> None:
        asked = {request.request_id: request for request in requests}
        for reply in replies:
            request = asked.get(reply.request_id)
            if request is None:
                continue
            if request.kind is RequestKind.START_HOLD:
                if reply.reasons == self._start_told:
                    continue  # renewed ten times a second while the button is held
                self._start_told = reply.reasons
            if request.kind is RequestKind.ANSWER and reply.granted and request.answer is not None:
                self._answer(at_s, request.answer.prompt, request.answer.score)
            self._reply(at_s, request, reply)

    def _reply(self, at_s: float, request: Request, reply: Reply) -> None:
        detail: Detail = {"request": request.kind.value, "request_id": request.request_id, "who": request.who, "origin": request.origin.value}
        words = f"{_ASKED[request.kind]} was asked for by {request.who}"
        if reply.granted:
            self.tell(at_s, "granted", f"{words}: granted.", detail)
        else:
            self.tell(at_s, "refused", f"{words}: refused. {' '.join(reply.reasons)}", detail)

    def _answer(self, at_s: float, kind: PromptKind, score: float) -> None:
        limit = limit_of(self.order.person, kind) if self.order is not None else None
        self._answers.append(AnswerRecord(at_s, kind.value, score, limit))
        self._waiting.pop(kind, None)

    def _prompts(self, at_s: float, prompts: tuple[PromptKind, ...]) -> None:
        for kind in prompts:
            if kind not in self._waiting:
                self._waiting[kind] = at_s
                self.tell(at_s, "prompt", f"Ask the person: {kind.value}.", {"prompt": kind.value})

    def answers(self) -> tuple[AnswerRecord, ...]:
        """The answers in order of time, and the questions nobody answered."""
        person = self.order.person if self.order is not None else None
        open_ones = [AnswerRecord(at_s, kind.value, None, limit_of(person, kind) if person else None) for kind, at_s in self._waiting.items()]
        return tuple(sorted((*self._answers, *open_ones), key=lambda answer: answer.at_s))

    def events(self, end_s: float) -> tuple[SessionEvent, ...]:
        """The events in order of time."""
        if not self._left_out:
            return tuple(self._events)
        words = f"{self._left_out} more events are in the journal only."
        return (*self._events, SessionEvent(end_s, "left_out", words, {"events": float(self._left_out)}))


def limit_of(person: Person, kind: PromptKind) -> float:
    """The answer from which on the belt stops for this person."""
    return {
        PromptKind.RPE: person.max_rpe,
        PromptKind.DIZZINESS: person.max_dizziness,
        PromptKind.PAIN: person.max_pain,
        PromptKind.BREATHING: person.max_breathing,
    }[kind]
