"""The inside of a worker process: low priority, no signals of the terminal, and an end when its parent ends."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final

from treadctl.errors import TreadctlError

PR_SET_PDEATHSIG: Final = 1
LONGEST_WORDS: Final = 200

Result = bytes | str


@dataclass(frozen=True, slots=True)
class Made:
    """What a job gave, or its error as the name, place and detail of a TreadctlError: errors do not travel between processes, their parts do."""

    result: Result | None = None
    error: tuple[str, str, str] | None = None


@dataclass(slots=True)
class _Here:
    """What this process knows of itself. Empty outside a worker."""

    tell: Connection | None = None
    job_id: str = ""


_here = _Here()


def begin(niceness: int, tell: Connection) -> None:
    """Make this process a worker: called once, in it."""
    with suppress(OSError):  # a service may be forbidden to; it is then of low priority itself
        os.nice(niceness)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to act on
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _here.tell = tell


def run(job_id: str, function: Callable[..., Result], arguments: tuple[object, ...]) -> Made:
    """Do one job. Whatever it raises is the result's error."""
    _here.job_id = job_id
    try:
        result: object = function(*arguments)
    except TreadctlError as error:
        return Made(error=(error.kind.name, error.place, error.detail))
    except Exception as error:  # noqa: BLE001  a job may raise anything, and it is that job's failure alone
        return Made(error=("work_failed", "", f"{type(error).__name__}: {error}"[:LONGEST_WORDS]))
    finally:
        _here.job_id = ""
    if not isinstance(result, bytes | str):
        return Made(error=("work_failed", "", f"it gave {type(result).__name__}, not bytes or text"))
    return Made(result=result)


def progress(share: float, words: str = "") -> None:
    """For a job's function: tell how much of it is done, of 1, and what comes now. Outside a worker it does nothing."""
    if _here.tell is not None and _here.job_id:
        with suppress(OSError):
            _here.tell.send((_here.job_id, float(share), words[:LONGEST_WORDS]))
