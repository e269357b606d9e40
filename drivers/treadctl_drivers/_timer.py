"""Alarm: one precise deadline on the event loop.

asyncio rounds its timers up to whole milliseconds (the selector's time-out), which is as long as the silence between two Modbus frames. The kernel's
timerfd wakes the selector through a file descriptor instead, some tens of microseconds after the deadline and at no cost while waiting.
Python 3.11 has no binding for it, so that the two calls are made through ctypes; where they are missing the loop's own timer serves, up to 1-2 ms late.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Callable
from typing import Final, Protocol

_CLOCK_MONOTONIC: Final = 1
_TFD_TIMER_ABSTIME: Final = 1
_TFD_FLAGS: Final = os.O_NONBLOCK | os.O_CLOEXEC


class Alarm(Protocol):
    """One deadline at a time. Setting it again replaces it; it may ring once too often, never too early by the caller's clock plus 1 µs."""

    def set(self, at_s: float) -> None:
        """Ring at `at_s` (CLOCK_MONOTONIC, s); at once, from the loop, when that has passed."""

    def clear(self) -> None:
        """Do not ring."""

    def close(self) -> None:
        """Give up the timer for good."""


AlarmFactory = Callable[[Callable[[], None]], Alarm]


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


class TimerfdAlarm:
    """Alarm on a timerfd. Raises OSError where the kernel gives none."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = self._libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_FLAGS)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._ring = ring
        self._spec = _TimerSpec()
        self._spec_at = ctypes.byref(self._spec)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._expired)

    def set(self, at_s: float) -> None:
        """Ring at `at_s`."""
        nanoseconds = max(1, int(at_s * 1e9) + 1)  # an all-zero time would disarm; the extra one undoes the truncation
        self._spec.value.seconds, self._spec.value.nanoseconds = divmod(nanoseconds, 1_000_000_000)
        self._libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, self._spec_at, None)

    def clear(self) -> None:
        """Disarm."""
        self._spec.value.seconds = self._spec.value.nanoseconds = 0
        self._libc.timerfd_settime(self._fd, 0, self._spec_at, None)

    def close(self) -> None:
        """Leave the loop and free the descriptor; harmless when done twice."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _expired(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return  # set anew between the wake-up and here
        self._ring()


class LoopAlarm:
    """Alarm on the event loop's own timer: the fallback where there is no timerfd."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None

    def set(self, at_s: float) -> None:
        """Ring at `at_s`; the loop's clock is CLOCK_MONOTONIC too."""
        self.clear()
        self._handle = self._loop.call_at(at_s, self._ring)

    def clear(self) -> None:
        """Disarm."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def close(self) -> None:
        """Disarm."""
        self.clear()


def precise_alarm(ring: Callable[[], None]) -> Alarm:
    """The most precise alarm this system has. Must be called from the loop."""
    try:
        return TimerfdAlarm(ring)
    except (OSError, AttributeError):
        return LoopAlarm(ring)
