"""The figures of a session, summed up step by step from what was measured."""

from __future__ import annotations

from dataclasses import dataclass

from treadctl.records.importing.channels import NOTHING, Seen

HOLE_S = 1.0  # what lies between two steps further apart is not known and adds nothing


@dataclass(slots=True)
class Figures:
    """Sums over the time in which the belt moved, that is was measured above `standstill_mps`. A hand is on from `contact_percent` of body weight on."""

    standstill_mps: float
    contact_percent: float
    belt_s: float = 0.0
    distance_m: float = 0.0
    peak_mps: float = 0.0
    imbalance_events: int = 0
    unsteady_events: int = 0
    _seen: Seen = NOTHING
    _rails_s: float = 0.0
    _hands_s: float = 0.0
    _left: float = 0.0  # percent of body weight times s
    _right: float = 0.0
    _heart: float = 0.0
    _heart_s: float = 0.0
    _heart_max: float | None = None

    def feed(self, dt_s: float, seen: Seen) -> None:
        """What was measured at this step, `dt_s` after the last one."""
        before, self._seen = self._seen, seen
        speed = seen.speed_mps
        if speed is not None and speed > self.peak_mps:
            self.peak_mps = speed
        if before.speed_mps is None or not (0.0 < dt_s <= HOLE_S):
            return
        if speed is not None:
            self.distance_m += 0.5 * (before.speed_mps + speed) * dt_s
        if before.speed_mps <= self.standstill_mps:
            return
        self.belt_s += dt_s
        left, right = before.rail_left_percent, before.rail_right_percent
        if left is not None and right is not None:
            self._rails_s += dt_s
            self._left += left * dt_s
            self._right += right * dt_s
            if left >= self.contact_percent or right >= self.contact_percent:
                self._hands_s += dt_s
        heart = before.heart_per_min
        if heart is not None and heart > 0.0:
            self._heart += heart * dt_s
            self._heart_s += dt_s
            self._heart_max = heart if self._heart_max is None else max(heart, self._heart_max)

    @property
    def mean_mps(self) -> float:
        """Distance over belt time."""
        return self.distance_m / self.belt_s if self.belt_s > 0.0 else 0.0

    @property
    def rail_load_percent(self) -> float | None:
        """The mean load on both rails together."""
        return (self._left + self._right) / self._rails_s if self._rails_s > 0.0 else None

    @property
    def hands_on_share(self) -> float | None:
        """The part of the time with at least one hand on, 0 to 1."""
        return self._hands_s / self._rails_s if self._rails_s > 0.0 else None

    @property
    def asymmetry_percent(self) -> float | None:
        """The difference of the two mean loads in percent of their sum, 0 = even; None where the hands did not load the rails."""
        both = self._left + self._right
        return 100.0 * abs(self._left - self._right) / both if both > self.contact_percent * self._rails_s and both > 0.0 else None

    @property
    def mean_heart_rate_per_min(self) -> float | None:
        """Mean heart rate."""
        return self._heart / self._heart_s if self._heart_s > 0.0 else None

    @property
    def max_heart_rate_per_min(self) -> float | None:
        """Highest heart rate."""
        return self._heart_max
