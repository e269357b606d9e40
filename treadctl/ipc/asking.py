"""What both clients share: making requests, and turning answers into results or errors."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from uuid import uuid4

from treadctl.core.messages import Origin, RequestKind
from treadctl.core.prompts import Answer
from treadctl.errors import TreadctlError
from treadctl.ipc.messages import DEFAULT_SOCKET, SOCKET_VARIABLE, Accepted, ArmArgs, Refused, Request

DEFAULT_TTL_S = 1.0


class RefusedError(TreadctlError):
    """The daemon said no. `reasons` are its sentences, at least one."""

    def __init__(self, kind: str, refused: Refused) -> None:
        self.reasons = refused.reasons
        self.state = refused.state
        super().__init__("refused", kind, " ".join(refused.reasons))


def default_socket() -> Path:
    """The control socket: TREADCTL_SOCKET, else /run/treadctl/ctl.sock."""
    return Path(os.environ.get(SOCKET_VARIABLE) or DEFAULT_SOCKET)


def user_name() -> str:
    """Who runs this process, for the record."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def origin_here() -> Origin:
    """REMOTE inside an SSH session, else LOCAL. It keeps an honest person from starting a belt out of sight; it is no defence against a liar."""
    remote = any(os.environ.get(name) for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"))
    return Origin.REMOTE if remote else Origin.LOCAL


def new_request(
    kind: RequestKind,
    issued_s: float,
    *,
    who: str = "",
    origin: Origin | None = None,
    ttl_s: float = DEFAULT_TTL_S,
    arm: ArmArgs | None = None,
    answer: Answer | None = None,
    arming: str = "",
    request_id: str | None = None,
) -> Request:
    """A request with a fresh id, or `request_id` (32 hexadecimal digits, never used before). Raises TreadctlError(bad_value) for what can never be accepted."""
    try:
        return Request(request_id or uuid4().hex, kind, who or user_name(), origin or origin_here(), issued_s, ttl_s, arm, answer, arming)
    except ValueError as error:
        raise TreadctlError("bad_value", f"request {kind}", str(error)) from None


def granted(kind: str, answer: Accepted | Refused) -> Accepted:
    """`answer` if it is a yes. Raises RefusedError."""
    if isinstance(answer, Refused):
        raise RefusedError(kind, answer)
    return answer
