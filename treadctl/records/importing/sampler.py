"""The series of a session: at each tenth of a second what was last known then."""

from __future__ import annotations

from typing import Final

from treadctl.records.importing.channels import NOTHING, STALE_S, Seen
from treadctl.records.model import Series

RATE_HZ: Final = 10

Column = list[float | None]


class Sampler:
    """Feed every step with its time since the session's start; the times must not fall. A value is held until it is too old."""

    def __init__(self) -> None:
        self._at_s = 0.0
        self._seen = NOTHING
        self._commanded_mps: float | None = None
        self._cadence_per_min: float | None = None
        self._count = 0
        self._speed: Column = []
        self._commanded: Column = []
        self._grade: Column = []
        self._left: Column = []
        self._right: Column = []
        self._heart: Column = []
        self._cadence: Column = []

    def feed(self, at_s: float, seen: Seen, commanded_mps: float, cadence_per_min: float | None) -> None:
        """One step; everything before it is now settled."""
        if self._count < at_s * RATE_HZ:
            self._fill(at_s)
        self._at_s, self._seen, self._commanded_mps, self._cadence_per_min = at_s, seen, commanded_mps, cadence_per_min

    def finish(self, end_s: float) -> Series:
        """The series up to and with `end_s`."""
        self._fill(end_s + 1e-9)
        return Series(
            tuple(index / RATE_HZ for index in range(self._count)), tuple(self._speed), tuple(self._commanded), tuple(self._grade),
            tuple(self._left), tuple(self._right), tuple(self._heart), tuple(self._cadence),
        )  # fmt: skip

    def _fill(self, before_s: float) -> None:
        """The samples due before `before_s`, from the last step."""
        seen = self._seen
        while (due_s := self._count / RATE_HZ) < before_s:
            held_s = due_s - self._at_s
            rails = held_s <= seen.rails_left_s
            self._speed.append(seen.speed_mps if held_s <= seen.speed_left_s else None)
            self._commanded.append(self._commanded_mps if held_s <= STALE_S else None)
            self._grade.append(seen.grade_percent if held_s <= seen.grade_left_s else None)
            self._left.append(seen.rail_left_percent if rails else None)
            self._right.append(seen.rail_right_percent if rails else None)
            self._heart.append(seen.heart_per_min if held_s <= seen.heart_left_s else None)
            self._cadence.append(self._cadence_per_min if held_s <= STALE_S else None)
            self._count += 1
