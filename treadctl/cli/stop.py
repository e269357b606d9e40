"""`treadctl stop`: from shell to socket with nothing but the standard library's own core. Says clearly when the belt was NOT stopped.

Its constants repeat those of treadctl.ipc on purpose: importing that package would cost more time than everything else here.
"""

import _socket  # the C half of `socket`: the Python half costs a fifth of this command's time in enumerations it never uses
import errno
import os
import sys
import time

DEFAULT_SOCKET = "/run/treadctl/ctl.sock"
ANSWER_S = 0.5  # a daemon answers within a few ticks of 20 ms
ATTEMPTS = 3
LINE_LIMIT = 65536

USAGE = "usage: treadctl stop [--socket PATH]\n\nStop the belt now. Exit code 0: the daemon took the stop; 1: it did not; 2: wrong use.\n"
ALARM = """
  !!!  THE STOP WAS NOT TAKEN: {why}
  !!!  PULL THE CORD OR PRESS THE EMERGENCY STOP NOW.
"""


def stop(arguments: list[str]) -> int:
    """Send the stop and wait for the daemon to say that it took it. Never raises for what can go wrong with a socket."""
    path = os.environ.get("TREADCTL_SOCKET") or DEFAULT_SOCKET
    if arguments in (["--help"], ["-h"]):
        sys.stdout.write(USAGE)
        return 0
    if len(arguments) == 2 and arguments[0] == "--socket":
        path = arguments[1]
    elif len(arguments) == 1 and arguments[0].startswith("--socket="):
        path = arguments[0].partition("=")[2]
    elif arguments:
        # A mistyped option must not keep the belt running: stop with what is known, and complain afterwards.
        sys.stderr.write(f"TC104 treadctl stop: the argument {arguments[0]!r} is not known; stopping through {path} all the same.\n{USAGE}")
        return max(2, _stop(path))
    return _stop(path)


def _stop(path: str) -> int:
    origin = "remote" if os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY") else "local"
    line = f'{{"type":"stop","origin":"{origin}","who":"uid {os.getuid()}"}}\n'.encode()
    why = ""
    for attempt in range(ATTEMPTS):  # a stop may be asked for any number of times, so asking again is safe
        try:
            return _ask(path, line)
        except OSError as error:
            why = f"{path}: {error.strerror or error}"
            if attempt == 0:
                sys.stderr.write(ALARM.format(why=why))
            if error.errno in (errno.ENOENT, errno.ECONNREFUSED, errno.EACCES, errno.EPERM, errno.ENOTSOCK):
                break
            time.sleep(0.05)
    sys.stderr.write(f"TC400 {why}: no daemon took the stop. Remedy: PULL THE CORD.\n")
    return 1


def _ask(path: str, line: bytes) -> int:
    """The exit code, once the daemon has answered. Raises OSError when it can't be reached or does not answer in time."""
    wire = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        wire.settimeout(ANSWER_S)
        wire.connect(path)
        wire.sendall(line)
        return _await_answer(wire)
    finally:
        wire.close()


def _await_answer(wire: _socket.socket) -> int:
    deadline_s = time.monotonic() + ANSWER_S
    held = b""
    while True:
        wire.settimeout(max(0.001, deadline_s - time.monotonic()))
        data = wire.recv(LINE_LIMIT)
        if not data:
            raise ConnectionResetError(errno.ECONNRESET, "the daemon hung up without an answer")
        held += data
        *lines, held = held.split(b"\n")
        for answer in lines:
            if b'"type":"accepted"' in answer:
                sys.stdout.write(f"stop taken; the session is {_text(answer, 'state') or 'stopping'}\n")
                return 0
            if b'"type":"refused"' in answer:
                sys.stderr.write(ALARM.format(why=f"the daemon refused it ({_text(answer, 'reasons')})"))
                return 1


def _text(answer: bytes, key: str) -> str:
    import json  # noqa: PLC0415 - only after the stop has gone out

    try:
        value = json.loads(answer).get(key, "")
    except ValueError:
        return ""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
