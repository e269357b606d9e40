"""Hold to start: a key held down in a terminal, or a stretch of time for scripts, turned into renewed requests."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from treadctl.ports import Clock

RENEW_S: Final = 0.1
FIRST_REPEAT_S: Final = 0.7  # keyboards wait up to 660 ms before a held key repeats; below the 1 s a start needs, so a tap starts nothing
NEXT_REPEAT_S: Final = 0.2  # then they repeat every 30 to 90 ms; a longer silence is a release
MOVING: Final = frozenset({"warm_up", "running", "hold", "cool_down"})


class KeyHold:
    """Whether a key is held, told from its repeats alone: a terminal never reports the release."""

    def __init__(self) -> None:
        self._until_s: float | None = None

    def pressed(self, at_s: float) -> None:
        """The key came once more."""
        first = self._until_s is None or not at_s <= self._until_s
        allowance_s = FIRST_REPEAT_S if first else NEXT_REPEAT_S
        self._until_s = at_s + allowance_s if first else max(self._until_s or 0.0, at_s + allowance_s)

    def held(self, at_s: float) -> bool:
        """Whether it counts as held now."""
        return self._until_s is not None and at_s <= self._until_s


class Keyboard:
    """The space bar of a terminal in cbreak mode. q, Escape and Ctrl-C leave."""

    def __init__(self, fd: int, clock: Clock) -> None:
        self._fd = fd
        self._clock = clock
        self._hold = KeyHold()
        self.quit = False

    def poll(self, wait_s: float) -> bool:
        """Wait up to `wait_s` for keys; whether the space bar is held now."""
        deadline_s = self._clock() + wait_s
        while (left_s := deadline_s - self._clock()) > 0.0:
            ready, _, _ = select.select([self._fd], [], [], left_s)
            if ready:
                keys = os.read(self._fd, 64)
                if b" " in keys:
                    self._hold.pressed(self._clock())
                if not keys or b"q" in keys or b"\x1b" in keys:
                    self.quit = True
                    break
        return self._hold.held(self._clock())


@contextmanager
def keyboard(clock: Clock) -> Iterator[Keyboard]:
    """The terminal on stdin, key by key and without echo; always put back as it was."""
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    try:
        tty.setcbreak(fd)
        yield Keyboard(fd, clock)
    finally:
        termios.tcsetattr(fd, termios.TCSAFLUSH, before)


def renew_while(held: Callable[[], bool], ask: Callable[[], str]) -> str | None:
    """Ask again and again while `held()` (which waits RENEW_S itself) says so. The moving state once reached; None when released before."""
    while held():
        state = ask()
        if state in MOVING:
            return state
    return None
