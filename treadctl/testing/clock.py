"""A clock that only the test moves. Time is an argument everywhere in treadctl, so no test has to sleep."""

from __future__ import annotations


class FakeClock:
    """A `treadctl.ports.Clock`: calling it gives the time in seconds, which stands still until the test advances it."""

    def __init__(self, start_s: float = 1000.0) -> None:
        self.now_s = start_s

    def __call__(self) -> float:
        """The time, s."""
        return self.now_s

    def advance(self, seconds: float) -> float:
        """Let `seconds` pass and return the new time. Raises ValueError for a step back: use `jump` for a clock that misbehaves."""
        if not seconds >= 0.0:
            raise ValueError(f"time cannot advance by {seconds!r} s")
        self.now_s += seconds
        return self.now_s

    def jump(self, to_s: float) -> float:
        """Set the time to anything, also backward or NaN: the fault the core must survive."""
        self.now_s = to_s
        return self.now_s
