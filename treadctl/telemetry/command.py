"""Judging what arrives on the command topics. Sans-I/O: a message and the time in, a verdict out.

Only one command can be accepted, the graded stop. A command is an action, not a state: a retained one is a replay by the broker and is refused
like every other replay (the same id twice, older than 2 s, from before this process started).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from treadctl.telemetry.topics import ROOT

MAX_PAYLOAD: Final = 1024  # bytes
MAX_AGE: Final = timedelta(seconds=2)  # after that it is no longer what somebody wants now
CLOCK_SLACK: Final = timedelta(milliseconds=500)  # how far the sender's clock may run ahead of ours; our choice, NTP keeps hosts far closer
REMEMBERED_IDS: Final = 1024  # more than can be accepted within MAX_AGE at the rate allowed
MAX_STOPS: Final = 5  # accepted within STOP_WINDOW; the first has already stopped the belt
STOP_WINDOW: Final = timedelta(seconds=10)
KEYS: Final = frozenset({"id", "issued_at", "expires_at", "actor", "mac"})
_ID: Final = re.compile(r"[0-9a-f]{32}")
_ACTOR: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MAC: Final = re.compile(r"[0-9a-f]{64}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message on a command topic as it came from the broker."""

    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class StopCommand:
    """A stop that passed every check and is to be handed to the daemon."""

    id: str
    actor: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A command that was not taken. `reason` is a fixed word, `sentence` is for people; `id` is "" where it cannot be told."""

    topic: str
    reason: str
    sentence: str
    id: str = ""


SENTENCES: Final[Mapping[str, str]] = {
    "no_such_command": "Only a graded stop is taken over MQTT; nothing that starts, speeds up, reverses or resets exists.",
    "retained": "A retained command was refused: a command is an action and must not be stored in the broker.",
    "oversized": f"A command of more than {MAX_PAYLOAD} bytes was refused.",
    "malformed": "A command was refused because its payload is not the JSON object described.",
    "no_key": "A stop was refused because no key is configured for commands.",
    "bad_mac": "A stop was refused because its signature does not match.",
    "from_future": "A stop was refused because it is dated in the future; check the sender's clock.",
    "too_old": f"A stop was refused because it is older than {MAX_AGE.total_seconds():g} s.",
    "expired": "A stop was refused because it has expired.",
    "long_expiry": f"A stop was refused because it expires more than {MAX_AGE.total_seconds():g} s after it was issued, or before.",
    "before_start": "A stop was refused because it was issued before this process started.",
    "duplicate": "A stop was refused because its id was already used.",
    "too_many": f"A stop was refused: {MAX_STOPS} were already taken within {STOP_WINDOW.total_seconds():g} s.",
}


def time_text(at: datetime) -> str:
    """An instant as it is written in commands: UTC with milliseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def mac_of(key: bytes, machine: str, command_id: str, issued_at: str, expires_at: str, actor: str) -> str:
    """HMAC-SHA256, in hex, over the lines: root, machine, "stop", id, issued_at, expires_at, actor. The texts are signed exactly as sent."""
    text = "\n".join((ROOT, machine, "stop", command_id, issued_at, expires_at, actor))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def signed_stop(key: bytes, machine: str, command_id: str, actor: str, now: datetime, lifetime: timedelta = MAX_AGE) -> bytes:
    """The payload of a stop command, for senders written in Python and for the tests."""
    issued_at, expires_at = time_text(now), time_text(now + lifetime)
    mac = mac_of(key, machine, command_id, issued_at, expires_at, actor)
    return json.dumps({"id": command_id, "issued_at": issued_at, "expires_at": expires_at, "actor": actor, "mac": mac}).encode()


class Gate:
    """Decides about every incoming command. Remembers ids; time is an argument (wall time, UTC)."""

    def __init__(self, machine: str, key: bytes | None, started: datetime) -> None:
        self._machine = machine
        self._stop_topic = f"{ROOT}/{machine}/cmd/stop"
        self._key = key
        self._started = started
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._taken: deque[datetime] = deque()

    def judge(self, message: Incoming, now: datetime) -> StopCommand | Refusal:
        """The verdict. What nobody signed is refused before it can use up memory or the allowance of those who can sign."""
        if message.topic != self._stop_topic:
            return self._no(message, "no_such_command")
        if message.retained:
            return self._no(message, "retained")
        if len(message.payload) > MAX_PAYLOAD:
            return self._no(message, "oversized")
        fields = _fields(message.payload)
        if fields is None:
            return self._no(message, "malformed")
        command_id = fields["id"]
        if self._key is None:
            return self._no(message, "no_key", command_id)
        wanted = mac_of(self._key, self._machine, command_id, fields["issued_at"], fields["expires_at"], fields["actor"])
        if not hmac.compare_digest(wanted, fields["mac"]):
            return self._no(message, "bad_mac", command_id)
        reason = self._time_reason(fields, now) or self._replay_reason(command_id, now)
        if reason:
            return self._no(message, reason, command_id)
        return StopCommand(command_id, fields["actor"])

    def _time_reason(self, fields: Mapping[str, str], now: datetime) -> str:
        try:
            issued, expires = datetime.fromisoformat(fields["issued_at"]), datetime.fromisoformat(fields["expires_at"])
        except ValueError:
            return "malformed"
        if issued > now + CLOCK_SLACK:
            return "from_future"
        if now - issued > MAX_AGE:
            return "too_old"
        if not timedelta(0) < expires - issued <= MAX_AGE:
            return "long_expiry"
        if now > expires:
            return "expired"
        # The ids of an earlier life of this process are not known any more.
        return "before_start" if issued < self._started - CLOCK_SLACK else ""

    def _replay_reason(self, command_id: str, now: datetime) -> str:
        if command_id in self._seen:
            return "duplicate"
        while self._taken and now - self._taken[0] > STOP_WINDOW:
            self._taken.popleft()
        if len(self._taken) >= MAX_STOPS:
            return "too_many"
        self._taken.append(now)
        self._seen[command_id] = None
        if len(self._seen) > REMEMBERED_IDS:
            self._seen.popitem(last=False)
        return ""

    def _no(self, message: Incoming, reason: str, command_id: str = "") -> Refusal:
        return Refusal(message.topic, reason, SENTENCES[reason], command_id)


def _fields(payload: bytes) -> dict[str, str] | None:
    try:
        body: Any = json.loads(payload, object_pairs_hook=_no_twins)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or body.keys() != KEYS or not all(isinstance(value, str) for value in body.values()):
        return None
    shapes = ((_ID, "id"), (_TIME, "issued_at"), (_TIME, "expires_at"), (_ACTOR, "actor"), (_MAC, "mac"))
    return body if all(shape.fullmatch(body[name]) for shape, name in shapes) else None


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise ValueError("a key stands twice")
    return body
