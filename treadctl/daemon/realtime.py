"""Real-time set-up of the process where the system permits it, and plain words where it does not."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from typing import Final

FIFO_PRIORITY: Final = 20
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4


def lock_memory() -> str | None:
    """Lock every page the process touches into memory (mlockall, on fault). Returns the reason in words where it is not permitted."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0:
        return None
    return f"memory is not locked: {os.strerror(ctypes.get_errno())} (LimitMEMLOCK=infinity in the unit)"


def schedule_fifo(priority: int = FIFO_PRIORITY) -> str | None:
    """Put the calling thread under SCHED_FIFO. Returns the reason in words where it is not permitted."""
    if os.sched_getscheduler(0) == os.SCHED_FIFO:
        return None
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except OSError as error:
        return f"no real-time scheduling: {error.strerror} (CPUSchedulingPolicy=fifo in the unit)"
    return None


def short_turns() -> None:
    """Let a waiting thread have the interpreter after half a millisecond: the journal's thread must not keep the loop waiting for the usual five."""
    sys.setswitchinterval(0.0005)


def freeze_heap() -> None:
    """Take all that start-up built out of the garbage collector's sight, so that a collection during a session is short."""
    gc.collect()
    gc.freeze()


def prepare() -> tuple[str, ...]:
    """To be called before any thread is started: a thread inherits the scheduling, and one that holds the interpreter must not be pushed aside by others.

    Returns what was not permitted, for the log and the status page.
    """
    short_turns()
    return tuple(reason for reason in (lock_memory(), schedule_fifo()) if reason)
