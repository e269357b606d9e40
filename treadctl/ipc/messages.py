"""The closed set of messages on the control socket: frozen dataclasses, one JSON object each, told apart by the key "type".

Times are CLOCK_MONOTONIC seconds of this host, the same clock in every process. See docs/reference/control-socket.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from treadctl.core.messages import Checklist, Origin, RequestKind
from treadctl.core.program import Person, Program
from treadctl.core.prompts import Answer
from treadctl.ipc.snapshot import Snapshot

PROTOCOL: Final = 1
MAX_LINE: Final = 64 * 1024  # bytes, newline included
MAX_TTL_S: Final = 2.0  # ARCHITECTURE: a command that is older than this is no longer what somebody wants now
MAX_RATE_HZ: Final = 50.0
DEFAULT_SOCKET: Final = "/run/treadctl/ctl.sock"
SOCKET_VARIABLE: Final = "TREADCTL_SOCKET"

Scalar = bool | float | str | None


@dataclass(frozen=True, slots=True)
class Prescribed:
    """A profile file and a person file as texts, for a client that shares no files with the daemon: line by line, as a line holds no line break.

    `gait` is what was kept of the person's gait with their consent; it counts only where the person file says `keep_gait`.
    """

    profile: tuple[str, ...]
    person: tuple[str, ...]
    gait: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.profile and self.person):
            raise ValueError("profile and person must not be empty")


@dataclass(frozen=True, slots=True)
class ArmArgs:
    """What to walk, by whom, and what the attendant confirmed. Exactly one of `profile_path` (absolute), `program` and `prescribed` is given.

    `person_path` (absolute, goes with a profile) names the person file whose caps and screening are then held; its mass is that of `person`.
    """

    person: Person
    checklist: Checklist
    profile_path: str | None = None
    program: Program | None = None
    person_path: str | None = None
    prescribed: Prescribed | None = None

    def __post_init__(self) -> None:
        if sum(given is not None for given in (self.profile_path, self.program, self.prescribed)) != 1:
            raise ValueError("exactly one of profile_path, program and prescribed must be given")
        if self.profile_path is not None and not self.profile_path.startswith("/"):
            raise ValueError("profile_path must be absolute")
        if self.person_path is not None and (self.profile_path is None or not self.person_path.startswith("/")):
            raise ValueError("person_path must be absolute, and goes with profile_path")
        if not 20.0 <= self.person.mass_kg <= 300.0:
            raise ValueError("person.mass_kg must be between 20 and 300 kg")


# --- client to server -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello:
    """The first line of a client."""

    version: int
    client: str
    release: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A person's wish. `id` is a fresh uuid (32 hex digits) for each; `issued_s` is when it was made; it expires `ttl_s` (≤ 2.0) after.

    `arm` goes with kind arm, `answer` with kind answer, and `arming` with kind start_hold: the id of the arm request that is to be started.
    The other kinds have no arguments.
    """

    id: str
    kind: RequestKind
    who: str
    origin: Origin
    issued_s: float
    ttl_s: float
    arm: ArmArgs | None = None
    answer: Answer | None = None
    arming: str = ""

    def __post_init__(self) -> None:
        if len(self.id) != 32 or not set(self.id) <= set("0123456789abcdef"):
            raise ValueError("id must be a uuid of 32 hexadecimal digits in lower case")
        if not self.who:
            raise ValueError("who must not be empty")
        if not 0.0 < self.ttl_s <= MAX_TTL_S:
            raise ValueError(f"ttl_s must be above 0 and at most {MAX_TTL_S}")
        if (self.arm is not None) != (self.kind is RequestKind.ARM):
            raise ValueError("arm belongs to kind arm and to no other")
        if (self.answer is not None) != (self.kind is RequestKind.ANSWER):
            raise ValueError("answer belongs to kind answer and to no other")
        if self.arming and self.kind is not RequestKind.START_HOLD:
            raise ValueError("arming belongs to kind start_hold and to no other")


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the belt. Every key may be left out; whatever else the line holds, it is taken as a stop. It is never refused and never expires."""

    id: str = ""
    who: str = ""
    origin: Origin = Origin.LOCAL


@dataclass(frozen=True, slots=True)
class Status:
    """Ask for one snapshot."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Ask for events, and for snapshots at `rate_hz` (0 = events only, at most 50)."""

    rate_hz: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.rate_hz <= MAX_RATE_HZ:
            raise ValueError(f"rate_hz must be between 0 and {MAX_RATE_HZ:g}")


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Ask for kept events with a number above `since_seq`; the answer is one page, oldest first."""

    since_seq: int


# --- server to client -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Welcome:
    """The first line of the server, sent as soon as a client connects."""

    version: int
    release: str
    pid: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Accepted:
    """The request was granted by the core; `state` is the session state after it."""

    id: str
    state: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The request was not granted. `reasons` are whole sentences for a person; never empty."""

    id: str
    reasons: tuple[str, ...]
    state: str = ""


@dataclass(frozen=True, slots=True)
class SnapshotMessage:
    """One snapshot. `dropped` counts the snapshots this client was too slow to get since it connected."""

    snapshot: Snapshot
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `seq` grows by one from 1 at each start of the daemon; `at_utc` is wall time, ISO 8601, for people only."""

    seq: int
    at_s: float
    at_utc: str
    kind: str
    sentence: str
    cause: str | None = None
    who: str | None = None
    detail: dict[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Kept events after the number asked for. `oldest_seq` above that number plus one means that some are no longer kept; `more`: ask again."""

    events: tuple[Event, ...]
    oldest_seq: int
    newest_seq: int
    more: bool


@dataclass(frozen=True, slots=True)
class ErrorMessage:
    """Something the other side sent could not be understood. `code` is a TCnnn; the connection stays open unless `closing`."""

    code: str
    sentence: str
    closing: bool = False


ClientMessage = Hello | Request | Stop | Status | Subscribe | HistoryQuery
ServerMessage = Welcome | Accepted | Refused | SnapshotMessage | Event | HistoryPage | ErrorMessage
Message = ClientMessage | ServerMessage

CLIENT_TYPES: Final[dict[str, type[ClientMessage]]] = {
    "hello": Hello,
    "request": Request,
    "stop": Stop,
    "status": Status,
    "subscribe": Subscribe,
    "history": HistoryQuery,
}
SERVER_TYPES: Final[dict[str, type[ServerMessage]]] = {
    "welcome": Welcome,
    "accepted": Accepted,
    "refused": Refused,
    "snapshot": SnapshotMessage,
    "event": Event,
    "history": HistoryPage,
    "error": ErrorMessage,
}
TYPE_NAMES: Final[dict[type[Message], str]] = {
    **{kind: name for name, kind in CLIENT_TYPES.items()},
    **{kind: name for name, kind in SERVER_TYPES.items()},
}


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, as the kernel says (SO_PEERCRED); -1 = not known."""

    pid: int
    uid: int
    gid: int = -1


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request as the daemon gets it: stamped with the daemon's own clock and with the peer. A stop never expires (`expires_s` is inf).

    `received_s` is the instant its line was complete; `issued_s` is the client's word. The daemon answers with `ControlServer.reply(id, …)`.
    """

    id: str
    kind: RequestKind
    who: str
    origin: Origin
    issued_s: float
    received_s: float
    expires_s: float
    peer: Peer
    arm: ArmArgs | None = None
    answer: Answer | None = None
    arming: str = ""

