"""Announcements: what changed between two steps, told to watchers and to the journal, after the drive has had its order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from treadctl.core.controller import Output, State
from treadctl.core.interlock import ROWS, Action
from treadctl.core.session import SessionState

Publish = Callable[..., int]
Scalar = str | int | float | bool | None
STOPS = frozenset({SessionState.TRIPPED, SessionState.STOPPING})


class EventRecorder(Protocol):
    """The journal's side for events."""

    def append_event(self, now_s: float, name: str, details: Mapping[str, Scalar] | None = None, *, urgent: bool = False, stop: bool = False) -> None:
        """Record one event; `urgent` and `stop` bring it to the disk at once."""
        ...


class Announcer:
    """Compares the states around a step. Quiet steps cost two comparisons."""

    def __init__(self, publish: Publish, recorder: EventRecorder, started_s: float) -> None:
        self._publish = publish
        self._recorder = recorder
        self.session_since_s = started_s

    def observe(self, before: State, after: State, output: Output) -> None:
        """Tell what is new: causes that began to act, the session's state, the segment, a question to the person."""
        if after.causes != before.causes:
            self._causes(before, after)
        if after.session is not before.session:
            self._session(before, after)
        if after.walk.segment != before.walk.segment and after.walk.current is not None:
            label = after.walk.current.label
            self._publish("segment", f"Segment {after.walk.segment + 1}: {label}.", detail={"segment": float(after.walk.segment), "label": label})
        for prompt in after.walk.prompts:
            if prompt not in before.walk.prompts:
                self._publish("prompt", f"Ask the person: {prompt.value}.", detail={"prompt": prompt.value})

    def _causes(self, before: State, after: State) -> None:
        acting = {cause.row for cause in before.causes if cause.active}
        for cause in after.causes:
            if cause.active and cause.row not in acting:
                row = ROWS[cause.row]
                self._recorder.append_event(after.now_s, "cause", {"cause": row.id, "action": row.action.name}, stop=row.action >= Action.SS2)
                self._publish("cause", row.sentence, cause=row.id, detail={"action": row.action.name, "remedy": row.remedy})

    def _session(self, before: State, after: State) -> None:
        self.session_since_s = after.now_s
        self._recorder.append_event(
            after.now_s, "session", {"from": before.session.value, "to": after.session.value}, urgent=True, stop=after.session in STOPS
        )
        detail = {"from": before.session.value, "to": after.session.value}
        self._publish("session", f"The session is now {after.session.value.replace('_', ' ')}.", detail=detail)
        waited_s = after.now_s - before.walk.armed_at_s
        if before.session is SessionState.ARMED and after.session is SessionState.IDLE and not (waited_s <= after.setup.arm_valid_s):
            self._publish("put_away", "What was armed waited too long for its start and was put away: go through the checklist again.")
