"""Who may do what, where and when: one table of command, roles, places and states. What is not in it is denied.

The daemon decides over the belt by rules of its own; a right here only lets the question through. Stop is in the table for everybody, everywhere, always; only
another site's page is turned away before (decision 10).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from treadctl.records.model import Role


class Place(StrEnum):
    """Where a browser stands. Which door it came through is known from the listener; that a kiosk is paired, from its cookie."""

    MACHINE = "machine"  # the kiosk door, paired
    SCREEN = "screen"  # the kiosk door, not paired yet
    DESK = "desk"


class Command(StrEnum):
    """Everything somebody can ask of the console."""

    STOP = "stop"
    WATCH = "watch"
    PAIR = "pair"
    ARM = "arm"
    START_HOLD = "start_hold"
    HOLD = "hold"
    RESUME = "resume"
    END = "end"
    RESET = "reset"
    ANSWER = "answer"
    DISARM = "disarm"
    LEAVE_KIOSK = "leave_kiosk"
    LIST_PEOPLE = "list_people"
    VIEW_PERSON = "view_person"
    ADD_PERSON = "add_person"
    CHANGE_PERSON = "change_person"
    SCREEN_PERSON = "screen_person"
    MEASURE = "measure"
    OVERRIDE = "override"
    EXPORT_PERSON = "export_person"
    ERASE_PERSON = "erase_person"
    VIEW_PRESCRIPTION = "view_prescription"
    PRESCRIBE = "prescribe"
    EDIT_PROTOCOL = "edit_protocol"
    VIEW_SESSIONS = "view_sessions"
    REPORT = "report"
    VIEW_SERVICE = "view_service"
    VIEW_AUDIT = "view_audit"
    MANAGE_USERS = "manage_users"
    SETTINGS = "settings"
    OWN_SECRETS = "own_secrets"
    METRICS = "metrics"


class Situation(StrEnum):
    """The session's state as the console sees it; AWAY = the daemon is not heard."""

    IDLE = "idle"
    ARMED = "armed"
    WARM_UP = "warm_up"
    RUNNING = "running"
    HOLD = "hold"
    COOL_DOWN = "cool_down"
    STOPPING = "stopping"
    TRIPPED = "tripped"
    ENDED = "ended"
    AWAY = "away"


Who = Role | None  # None = nobody has signed on


@dataclass(frozen=True, slots=True)
class Right:
    """One row: this command, for these roles, at these places, in these situations."""

    command: Command
    roles: frozenset[Who]
    places: frozenset[Place]
    situations: frozenset[Situation]


_EVERYBODY: Final[frozenset[Who]] = frozenset({None, *Role})
_SIGNED_ON: Final[frozenset[Who]] = frozenset(Role)
_CLINICIANS: Final[frozenset[Who]] = frozenset({Role.PHYSIOTHERAPIST, Role.PHYSICIAN})
_STAFF: Final[frozenset[Who]] = frozenset({Role.STAFF, *_CLINICIANS})
_SERVICE: Final[frozenset[Who]] = frozenset({Role.SERVICE, Role.ADMINISTRATOR})
_ADMIN: Final[frozenset[Who]] = frozenset({Role.ADMINISTRATOR})
_CARE: Final[frozenset[Who]] = frozenset({Role.VIEWER, *_STAFF})

_ANYWHERE: Final = frozenset(Place)
_MACHINE: Final = frozenset({Place.MACHINE})
_SIGNED_PLACES: Final = frozenset({Place.MACHINE, Place.DESK})
_DESK: Final = frozenset({Place.DESK})

_ALWAYS: Final = frozenset(Situation)
_AT_REST: Final = frozenset({Situation.IDLE, Situation.ENDED})
_MOVING: Final = frozenset({Situation.WARM_UP, Situation.RUNNING, Situation.HOLD, Situation.COOL_DOWN})

TABLE: Final = (
    Right(Command.STOP, _EVERYBODY, _ANYWHERE, _ALWAYS),
    Right(Command.WATCH, _EVERYBODY, frozenset({Place.MACHINE, Place.SCREEN}), _ALWAYS),
    Right(Command.WATCH, _SIGNED_ON, _DESK, _ALWAYS),
    Right(Command.PAIR, _EVERYBODY, frozenset({Place.SCREEN}), _ALWAYS),
    # The belt: beside the machine only, by whoever may attend. The daemon grants a desk its holds and ends as well.
    Right(Command.ARM, _STAFF, _MACHINE, _AT_REST),
    Right(Command.START_HOLD, _STAFF, _MACHINE, frozenset({Situation.ARMED})),
    Right(Command.HOLD, _STAFF, _SIGNED_PLACES, _MOVING),
    Right(Command.RESUME, _STAFF, _MACHINE, _MOVING),  # a belt that was slowed, too, waits for somebody who lets it go on
    Right(Command.END, _STAFF, _SIGNED_PLACES, _MOVING),
    Right(Command.RESET, _STAFF | _SERVICE, _MACHINE, frozenset({Situation.TRIPPED, Situation.ENDED})),
    Right(Command.ANSWER, _STAFF, _MACHINE, _MOVING | {Situation.STOPPING}),
    Right(Command.DISARM, _STAFF, _MACHINE, frozenset({Situation.ARMED, Situation.ENDED})),
    Right(Command.LEAVE_KIOSK, _SERVICE, _MACHINE, _AT_REST | {Situation.TRIPPED, Situation.AWAY}),
    # People and their care: any situation, since nothing of it reaches the belt.
    Right(Command.LIST_PEOPLE, _CARE, _SIGNED_PLACES, _ALWAYS),
    Right(Command.VIEW_PERSON, _CARE, _SIGNED_PLACES, _ALWAYS),
    Right(Command.ADD_PERSON, _STAFF, _DESK, _ALWAYS),
    Right(Command.CHANGE_PERSON, _STAFF, _DESK, _ALWAYS),
    Right(Command.SCREEN_PERSON, _STAFF, _SIGNED_PLACES, _ALWAYS),
    Right(Command.MEASURE, _STAFF, _DESK, _ALWAYS),
    Right(Command.OVERRIDE, _CLINICIANS, _DESK, _ALWAYS),
    Right(Command.EXPORT_PERSON, _CLINICIANS | _ADMIN, _DESK, _ALWAYS),
    Right(Command.ERASE_PERSON, frozenset({Role.PHYSICIAN}) | _ADMIN, _DESK, _ALWAYS),
    Right(Command.VIEW_PRESCRIPTION, _CARE, _SIGNED_PLACES, _ALWAYS),
    Right(Command.PRESCRIBE, _CLINICIANS, _DESK, _ALWAYS),
    Right(Command.EDIT_PROTOCOL, _CLINICIANS, _DESK, _ALWAYS),
    Right(Command.VIEW_SESSIONS, _CARE, _SIGNED_PLACES, _ALWAYS),
    Right(Command.REPORT, _CARE, _DESK, _ALWAYS),
    # The machine and the house.
    Right(Command.VIEW_SERVICE, _SIGNED_ON, _SIGNED_PLACES, _ALWAYS),
    Right(Command.VIEW_AUDIT, _SERVICE, _DESK, _ALWAYS),
    Right(Command.MANAGE_USERS, _ADMIN, _DESK, _ALWAYS),
    Right(Command.SETTINGS, _ADMIN, _DESK, _ALWAYS),
    Right(Command.OWN_SECRETS, _SIGNED_ON, _DESK, _ALWAYS),
    Right(Command.METRICS, _SERVICE, _DESK, _ALWAYS),
)


def may(command: Command, who: Who, place: Place, situation: Situation) -> bool:
    """Whether the table holds it."""
    return (command, who, place, situation) in _CELLS


def whenever(command: Command, who: Who, place: Place) -> tuple[str, ...]:
    """The situations in which that may be asked for, in order; none where it never may."""
    return tuple(situation.value for situation in Situation if may(command, who, place, situation))


def why_not(command: Command, who: Who, place: Place, situation: Situation) -> str:
    """What to do about a refusal, in a sentence for staff."""
    rows = [row for row in TABLE if row.command is command]
    here = [row for row in rows if place in row.places]
    if not here:
        if place is Place.SCREEN and any(Place.MACHINE in row.places for row in rows):
            return "This screen is not paired with the machine yet: enter the pairing PIN first."
        at_machine = any(Place.MACHINE in row.places for row in rows)
        return "This can only be done at the machine." if at_machine else "This can only be done at a desk, not at the machine."
    mine = [row for row in here if who in row.roles]
    if not mine:
        if who is None:
            return "Sign on first."
        allowed = sorted({role.value for row in here for role in row.roles if role is not None})
        return f"Your role is {who.value}; this may be done by: {', '.join(allowed)}."
    if situation is Situation.AWAY:
        return "The machine's control program does not answer, so nothing can be asked of it."
    states = sorted({s.value.replace("_", " ") for row in mine for s in row.situations})
    return f"The session is {situation.value.replace('_', ' ')}; this can be asked for while it is: {', '.join(states)}."


def cells() -> Iterator[tuple[Command, Who, Place, Situation, bool]]:
    """Every cell of the matrix, with its answer."""
    for command in Command:
        for who in (None, *Role):
            for place in Place:
                for situation in Situation:
                    yield command, who, place, situation, may(command, who, place, situation)


_CELLS: Final = frozenset(
    (row.command, who, place, situation) for row in TABLE for who in row.roles for place in row.places for situation in row.situations
)
