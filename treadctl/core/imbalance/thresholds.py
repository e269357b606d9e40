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


@dataclass(frozen=True, slots=True)
class TrunkThresholds:
    """When the waist sensor is believed, and when the person is down. The thresholds of the score itself are fitted, see `calibration.TrunkTuning`.

    All derived: a sample missing for 50 ms hides a tenth of a fall's lead; half a second lying (60 degrees: KFall ends its falls beyond that) is no gait;
    the mean of |force| over a second is 1 g in anybody upright or lying, so one outside 0.7 to 1.4 g is a wrong scale or a dying sensor; 20 s of steady
    gait are the shortest calibration the evaluation was made with; without it a fall must be surer by one unit of log-odds (2.7 to 1).
    """

    max_gap_s: float = 0.05
    lost_s: float = 1.0
    settle_s: float = 2.0
    calibrated_s: float = 20.0
    down_deg: float = 60.0
    down_s: float = 0.5
    least_weight_g: float = 0.7
    most_weight_g: float = 1.4
    doubt_s: float = 1.0
    population_margin: float = 1.0
    uncalibrated_max_mps: float = 0.83


@dataclass(frozen=True, slots=True)
class DetectorThresholds:
    """The whole table. `together_s`: two detectors unsteady within so long of each other are one loss of balance (derived: a step)."""

    rails: RailThresholds = RailThresholds()
    trunk: TrunkThresholds = TrunkThresholds()
    footfalls: FootfallThresholds = FootfallThresholds()
    together_s: float = 0.6
