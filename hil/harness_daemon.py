"""A daemon doctored for one test: `python -m harness_daemon [--without-row ROW] [--clock-switch] MACHINE_FILE`.

Nothing in the product can be switched off from outside; that is why this exists. It changes its own process only, then runs the real daemon:

- `--without-row ROW` takes that row's predicate out of the interlock, to show that the row's test fails without it (tools/prove-interlocks).
- `--clock-switch` gives the service a clock that stands still on SIGUSR1 and goes on, at the right time, on SIGUSR2. asyncio keeps the true one.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType, SimpleNamespace

from treadctl.core import interlock
from treadctl.daemon import service
from treadctl.daemon.main import run


class SwitchClock:
    """A monotonic clock that can be made to stand."""

    def __init__(self) -> None:
        self._stands_at_s: float | None = None

    def __call__(self) -> float:
        """Now, or the instant at which it was stopped."""
        return time.monotonic() if self._stands_at_s is None else self._stands_at_s

    def stand(self, number: int, frame: FrameType | None) -> None:
        """Stand still from now on."""
        self._stands_at_s = time.monotonic()

    def go(self, number: int, frame: FrameType | None) -> None:
        """Go on as if nothing had been."""
        self._stands_at_s = None


def remove_row(row: str) -> None:
    """Take the predicate of `row` out of this process's interlock. Raises KeyError for an unknown row."""
    index = interlock.INDEX[row]
    kept = tuple(pair for pair in interlock._PREDICATES if pair[0] != index)  # noqa: SLF001 - the very point: it can't be done by any other way
    setattr(interlock, "_PREDICATES", kept)  # noqa: B010 - the name is Final for everybody else


def switch_clock() -> None:
    """Give the service a clock that SIGUSR1 stops."""
    clock = SwitchClock()
    signal.signal(signal.SIGUSR1, clock.stand)
    signal.signal(signal.SIGUSR2, clock.go)
    setattr(service, "time", SimpleNamespace(monotonic=clock))  # noqa: B010 - replaces the module only where the service looks


def main() -> int:
    """Doctor, then serve."""
    parser = argparse.ArgumentParser(prog="harness_daemon", description=__doc__)
    parser.add_argument("--without-row", metavar="ROW")
    parser.add_argument("--clock-switch", action="store_true")
    parser.add_argument("machine_file", type=Path)
    chosen = parser.parse_args()
    if chosen.without_row is not None:
        remove_row(chosen.without_row)
    if chosen.clock_switch:
        switch_clock()
    return run(chosen.machine_file)


if __name__ == "__main__":
    sys.exit(main())
