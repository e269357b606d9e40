"""What the commands share: reaching the daemon, speaking to people, and turning errors into exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from treadctl.core.messages import Origin
from treadctl.errors import TreadctlError
from treadctl.ipc.asking import RefusedError, default_socket, origin_here
from treadctl.ipc.client import Client

OK: Final = 0
REFUSED: Final = 1
BAD_INPUT: Final = 2

SocketOption = Annotated[Path | None, typer.Option("--socket", metavar="PATH", help="Control socket; default: $TREADCTL_SOCKET, else /run/treadctl/ctl.sock.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def open_client(path: Path | None, timeout_s: float = 2.0) -> Client:
    """A connection to the daemon. Raises TreadctlError(no_daemon)."""
    return Client(path or default_socket(), timeout_s=timeout_s)


def exit_code_of(error: TreadctlError) -> int:
    """1 for what somebody or something else refused or failed to do, 2 for input that is wrong here."""
    return REFUSED if isinstance(error, RefusedError) or 400 <= error.kind.number < 500 else BAD_INPUT


def say_error(error: TreadctlError) -> None:
    """One message on stderr; every reason of a refusal on a line of its own."""
    if isinstance(error, RefusedError):
        print(f"{error.kind.code} {error.place}: {error.kind.sentence}.", file=sys.stderr)
        for reason in error.reasons:
            print(f"  - {reason}", file=sys.stderr)
        return
    print(error, file=sys.stderr)


def print_json(body: Any) -> None:  # noqa: ANN401 - JSON is of no one type
    """One JSON object on stdout."""
    print(json.dumps(body, ensure_ascii=False, allow_nan=False))


def warn_if_remote() -> None:
    """Say beforehand why a request from an SSH session will be refused."""
    if origin_here() is Origin.REMOTE:
        print("This is an SSH session: it counts as remote, and the daemon takes this only at the machine.", file=sys.stderr)


def with_client(path: Path | None, work: Callable[[Client], None]) -> None:
    """Run `work` with a connection and hang up."""
    with open_client(path) as client:
        work(client)
