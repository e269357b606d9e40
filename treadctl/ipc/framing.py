"""Lines: one JSON object each, UTF-8, newline at the end, at most 64 KiB. Sans-I/O: bytes in, lines out; messages in, bytes out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from treadctl.core.messages import Origin
from treadctl.errors import TreadctlError
from treadctl.ipc import shape
from treadctl.ipc.messages import CLIENT_TYPES, MAX_LINE, SERVER_TYPES, TYPE_NAMES, ClientMessage, Message, ServerMessage, Stop

M = TypeVar("M", ClientMessage, ServerMessage)

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
STOP_MARK: Final = b'"type":"stop"'
STOP_HEAD: Final = 200  # bytes in which the mark must stand


class LineBuffer:
    """Cuts a stream of bytes into lines. A line longer than `limit` bytes is thrown away up to its newline and counted."""

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._held = bytearray()
        self._skipping = False
        self.too_long = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines completed by `data`, without their newlines. Of a line that is too long and asks to stop, the beginning is kept."""
        self._held += data
        lines: list[bytes] = []
        if b"\n" in data:
            *whole, rest = bytes(self._held).split(b"\n")
            self._held = bytearray(rest)
            for line in whole:
                if self._skipping:
                    self._skipping = False  # the tail of a line that was too long
                elif len(line) >= self._limit:
                    self._refuse(line, lines)
                else:
                    lines.append(line)
        if self._skipping:
            self._held.clear()
        elif len(self._held) >= self._limit:
            self._refuse(bytes(self._held), lines)
            self._skipping = True
            self._held.clear()
        return lines

    def _refuse(self, line: bytes, lines: list[bytes]) -> None:
        self.too_long += 1
        if looks_like_stop(line):
            lines.append(line[:STOP_HEAD])


def encode(message: Message) -> bytes:
    """The line of a message, newline included. Raises TreadctlError(bad_message) where it would be too long to be accepted."""
    kind = TYPE_NAMES[type(message)]
    line = dump({"type": kind, **shape.write(message)}) + b"\n"
    if len(line) > MAX_LINE:
        raise TreadctlError("bad_message", f"message {kind}", f"it would take {len(line)} bytes, {MAX_LINE} are allowed")
    return line


def dump(body: object) -> bytes:
    """Compact JSON as UTF-8, without a newline."""
    return _ENCODER.encode(body).encode()


def looks_like_stop(line: bytes) -> bool:
    """Whether a line asks to stop: the bare word, or an object that says so, however damaged the rest. Cheap, and wrong only toward stopping."""
    return STOP_MARK in line[:STOP_HEAD].replace(b" ", b"") or line.strip() == b"stop"


def decode_stop(line: bytes) -> Stop:
    """The stop that `line` asks for. Never raises: what cannot be read falls back to the local, immediate stop without a name."""
    try:
        body = json.loads(line.decode())
        origin = Origin.REMOTE if body.get("origin") == "remote" else Origin.LOCAL
        given = {key: value for key in ("id", "who") if isinstance(value := body.get(key), str) and value.isprintable() and len(value) <= 100}
        return Stop(origin=origin, **given)
    except (ValueError, AttributeError, RecursionError):
        return Stop()


def decode_client(line: bytes) -> ClientMessage:
    """A client's line as a message. Raises TreadctlError(bad_message) that names the fault."""
    if looks_like_stop(line):
        return decode_stop(line)
    return _decode(line, CLIENT_TYPES)


def decode_server(line: bytes) -> ServerMessage:
    """A server's line as a message. Raises TreadctlError(bad_message) that names the fault."""
    return _decode(line, SERVER_TYPES)


def _decode(line: bytes, types: Mapping[str, type[M]]) -> M:
    try:
        body = json.loads(line.decode(), parse_constant=_no_constant, object_pairs_hook=_no_twins)
    except RecursionError:
        raise _bad("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise _bad("it is not UTF-8") from None
    except shape.ShapeError as error:
        raise _bad(str(error)) from None
    except ValueError as error:
        raise _bad(f"it is not JSON: {error}"[:200]) from None
    if not isinstance(body, dict):
        raise _bad("it is not a JSON object")
    kind = body.pop("type", None)
    if not isinstance(kind, str) or kind not in types:
        raise _bad(f"its type {kind!r:.40} is not one of {', '.join(types)}")
    try:
        return shape.read(types[kind], body)
    except shape.ShapeError as error:
        raise TreadctlError("bad_message", f"message {kind}", str(error)) from None


def _bad(detail: str) -> TreadctlError:
    return TreadctlError("bad_message", "control socket", detail)


def _no_constant(text: str) -> float:
    raise shape.ShapeError(f"{text} is not a number that can be sent")


def _no_twins(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for key, value in pairs:
        if key in body:
            raise shape.ShapeError(f"the key {key[:40]!r} stands twice")
        body[key] = value
    return body
