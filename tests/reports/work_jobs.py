"""Jobs for the workshop's tests, importable by its worker processes."""

from __future__ import annotations

import os
import threading

from treadctl.errors import TreadctlError
from treadctl.reports.worker import progress


class Stubborn(Exception):
    """An error that cannot be sent to another process."""

    def __init__(self) -> None:
        super().__init__("stubborn")
        self.lock = threading.Lock()


def greet(name: str) -> str:
    return f"hello {name}"


def die() -> bytes:
    os._exit(3)


def never() -> bytes:
    progress(0.25, "a quarter")
    progress(0.5, "half")
    threading.Event().wait()
    return b""


def fail() -> bytes:
    raise TreadctlError("record_missing", "session s-1", "gone")


def stubborn() -> bytes:
    raise Stubborn


def nothing() -> bytes:
    return None  # type: ignore[return-value]


def niceness() -> str:
    return f"{os.nice(0)} {os.getpid()}"


def big(size: int) -> bytes:
    return b"x" * size
