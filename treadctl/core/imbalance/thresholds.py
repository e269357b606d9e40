"""The thresholds of every detector, in one place, each with the source of its number. Machine files may change those of the rails."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RailThresholds:
    """Hand-load thresholds in percent of body weight (science: light hold < 5 %, grab > 15 % with more than 500 N/s, overload 20-25 %).

    The rate of rise is in percent of body weight per second: 500 N/s of a 70 kg person is about 73 %/s. All are derived, to be tuned on records.
    """

    grab_percent: float = 15.0
    grab_rate_percent_per_s: float = 73.0
    asymmetry_jump_percent: float = 12.0
    contact_percent: float = 0.7
    hold_lost_s: float = 0.4
    overload_percent: float = 25.0
    baseline_min_s: float = 8.0
