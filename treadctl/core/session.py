"""Session: the states one run goes through, as a table. What is not in the table does not happen."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class SessionState(StrEnum):
    """Where the run stands. TRIPPED is the state of power-up and of every latched stop."""

    IDLE = "idle"
    ARMED = "armed"
    WARM_UP = "warm_up"
    RUNNING = "running"
    HOLD = "hold"
    COOL_DOWN = "cool_down"
    STOPPING = "stopping"  # SS2 under way
    TRIPPED = "tripped"
    ENDED = "ended"


class Event(StrEnum):
    """What moves a session on. Each is decided by the controller, at most one of a kind a step."""

    ARM = "arm"
    DISARM = "disarm"
    WARM_UP = "enter_warm_up"
    MAIN = "enter_main"
    COOL_DOWN = "enter_cool_down"
    HOLD = "hold"
    STOP = "stop"  # verdict SS2
    TRIP = "trip"  # verdict SS1 or harder
    STANDSTILL = "standstill"
    EXPIRE = "expire"  # armed too long ago
    RESET = "reset"


S, E = SessionState, Event

MOVING: Final = frozenset({S.WARM_UP, S.RUNNING, S.HOLD, S.COOL_DOWN})

_BLOCKS: Final = {E.WARM_UP: S.WARM_UP, E.MAIN: S.RUNNING, E.COOL_DOWN: S.COOL_DOWN}

TRANSITIONS: Final[dict[tuple[SessionState, Event], SessionState]] = {
    (S.IDLE, E.ARM): S.ARMED,
    (S.ENDED, E.ARM): S.ARMED,
    (S.ARMED, E.DISARM): S.IDLE,
    (S.ENDED, E.DISARM): S.IDLE,
    (S.ENDED, E.RESET): S.IDLE,
    (S.TRIPPED, E.RESET): S.IDLE,
    (S.ARMED, E.STOP): S.IDLE,
    (S.ARMED, E.EXPIRE): S.IDLE,
    (S.STOPPING, E.STANDSTILL): S.ENDED,
    **{(S.ARMED, event): state for event, state in _BLOCKS.items()},
    **{(state, event): target for state in MOVING for event, target in _BLOCKS.items()},
    **{(state, E.HOLD): S.HOLD for state in MOVING},
    **{(state, E.STOP): S.STOPPING for state in MOVING},
    **{(state, E.TRIP): S.TRIPPED for state in S},
}


def follow(state: SessionState, event: Event) -> SessionState:
    """The state after `event`; an event the table does not know in this state changes nothing."""
    return TRANSITIONS.get((state, event), state)
