"""The thresholds of every detector, in one place, each with the source of its number. Machine files may change those of the rails.

Marks: [S] read in a source, [D] derived from one, [U] not verified; "judged" = our own choice, tried on simulated hands only.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RailThresholds:
    """Hand-load thresholds in percent of body weight. All are to be tuned on records of real hands; there are none yet.

    A machine file may set the first seven. Rates are percent of body weight per second: 500 N/s of a 70 kg person is about 73 %/s.
    """

    grab_percent: float = 15.0  # [D] three times a light hold, which is below 5 % [S]
    grab_rate_percent_per_s: float = 73.0  # [D] from 500 N/s [U] at 70 kg
    asymmetry_jump_percent: float = 12.0  # [D] judged: a whole firm hold of one hand (7.5 %) and half as much
    contact_percent: float = 0.7  # [D] judged: a sixth of a light hold, per hand
    hold_lost_s: float = 0.4  # [D] judged: longer than a hand takes to scratch and return
    overload_percent: float = 25.0  # [D] sustained load above 20-25 % is tiredness; also the most that a spread may widen a threshold
    baseline_min_s: float = 8.0  # [D] judged: some eight strides

    rise_percent: float = 12.0  # [D] judged: a grab's rise above the lowest load just before; a firm hold of 15 % rippling by 30 % rises by 6
    firm_percent: float = 20.0  # [D] the same for one whose hold is not known: a firm hold of 15 % put on at once, at the height of its ripple
    floor_creep_percent_per_s: float = 30.0  # [D] judged: what rises more slowly is leaning
    snatch_percent: float = 7.0  # [D] judged: enough for a rise so steep that no hand put on normally makes it
    snatch_rate_percent_per_s: float = 165.0  # [D] a firm hold of 15 % taken in 0.2 s rises by 118 %/s and its ripple; a grab of 20 % in 0.15 s by 200
    put_on_per_s: float = 12.0  # [D] a hold put on in 0.2 s rises by 7.9 times itself per second, its ripple and the jitter of stamps on top
    asymmetry_rate_percent_per_s: float = 125.0  # [D] the same firm hold, taken with one hand; before it is known, the steep rate above counts
    spreads: float = 3.0  # [D] judged: a sine never leaves its mean by more than 1.42 spreads
    unknown_spread: float = 0.21  # [D] of a hold that is not known, as a share of it: a sine of 30 %
    grip_min_s: float = 2.0  # [D] judged: hold seen before a lost one is judged against it
    grip_share: float = 0.5  # [D] judged: below this share of its own present hold a hand is off
    grip_least_percent: float = 0.3  # [D] 1 N at 35 kg: what the noise of a cell leaves after smoothing
    zero_shift_percent: float = 1.0  # [D] 3.4 N at 35 kg, 6.9 N at 70 kg: the shift of a cell's zero that a lost hold survives
    idle_share: float = 0.25  # [D] judged: a rail with less than this share of the other's hold is not held
    pumping_percent: float = 5.0  # [D] a light hold [S] swinging fully from hand to hand
    pumping_growth: float = 1.6  # [D] judged: over three strides


@dataclass(frozen=True, slots=True)
class FootfallThresholds:
    """How footfalls are told in the speed of the belt. Marks: [S] read, [M] measured on a recording, [D] derived or our judgement, [U] unverified.

    Sizes are amplitudes as a share of the belt's speed; the recorded laboratory belt showed 1.5 % at step frequency, the same at twice that [M].
    """

    min_speed_mps: float = 0.2  # below it people shuffle as they like [D]
    far_share: float = 0.5  # further from the expected speed, and by more than `far_mps`, is neither a footfall nor a person leaving the belt [D]
    far_mps: float = 1.0  # a light belt with a slow loop runs 0.3 to 0.6 m/s ahead when a person steps off [D]
    jump_mps2: float = 30.0  # no belt changes its speed faster: a runner's foot on the lightest belt takes 20 [D]
    count_mps: float = 0.02  # counts and noise of a reading, on top of that [U]
    floor_share: float = 0.005  # a ripple below this is taken for none: a third of the recorded one [M, D]
    floor_mps: float = 0.0042  # one and a half counts of the recorded encoder (0.00278 m/s) [M, D]
    min_changes: int = 4  # of the reading within a step; a coarser one cannot show a dip [D]
    alike: float = 0.5  # autocorrelation of successive steps that makes a rhythm [D]
    octave_share: float = 0.6  # the shortest lag that comes this near to the highest peak is the step, not the stride [D]
    footfalls: int = 6  # in an unbroken row, until they count as seen [D]
    look_s: float = 10.0  # so long without them: this belt shows none [D]
    gone_share: float = 0.25  # of the learnt size: no footfall [D]
    still_share: float = 0.4  # of the learnt ripple, of whatever rhythm: too little for footfalls, [D]
    silent_share: float = 0.25  # and of this: silence [D]
    patience: float = 2.5  # times as long is waited short of silence: somebody may step more gently, at another rhythm [D]
    flat_s: float = 0.2  # a reading that stands still for longer, [D]
    flat_steps: float = 0.4  # and for longer than this part of a step: none is that flat, [D]
    frozen_steps: float = 1.5  # and has done so from so soon after a footfall on, is a frozen one [D]
    missing_s: float = 1.2  # [D]
    missing_steps: float = 3.0  # [D]
    same_share: float = 0.1  # a step frequency that moves by more is a new gait, not an unsteady one [D]
    rough: float = 2.0  # times the learnt ripple or size, or the half of it: no step to be timed, but a stumble or a bad reading [D]
    settle_s: float = 2.0  # step times are not judged so long after a ramp [D]
    unsteady_times: float = 3.0  # the learnt spread of step times [D]
    unsteady_least: float = 0.12  # of a step: steady people scatter by 2 to 3 % [U]
    unsteady_most: float = 0.25  # and the limit while nothing is learnt [D]
    quick: float = 0.3  # weight of one footfall in what is learnt, in the warm-up and in ramps [D]
    fall: float = 0.1  # and otherwise, where it is gentler than the learnt one, [D]
    rise: float = 0.02  # and where it is harder: who ran may walk again [D]

    def floor(self, speed_mps: float) -> float:
        """The smallest ripple that counts as footfalls at this speed, as a share of it."""
        return max(self.floor_share, self.floor_mps / speed_mps)

    def unsteady(self, usual_spread: float) -> float:
        """The spread of step times that counts as unsteady in a person whose usual one this is (0 = not learnt)."""
        return min(max(self.unsteady_times * usual_spread, self.unsteady_least), self.unsteady_most) if usual_spread else self.unsteady_most

    def usual_hz(self, speed_mps: float) -> float:
        """Steps per second to start looking at: 1.75 at 1 m/s [M], with the 0.45th power of speed [U]."""
        return float(1.75 * max(0.1, min(speed_mps, 3.0)) ** 0.45)


@dataclass(frozen=True, slots=True)
class TrunkThresholds:
    """When the waist sensor is believed, and when the person is down. The thresholds of the score itself are fitted, see `calibration.TrunkTuning`.

    All derived: a sample missing for 50 ms hides a tenth of a fall's lead; half a second lying (60 degrees: KFall ends its falls beyond that) is no gait; the
    force along gravity is 1 g in the mean of a second in whoever walks, runs or lies, so one outside 0.7 to 1.4 g for half a second is a wrong scale or axes
    that changed places; 20 s of steady gait are the shortest calibration the evaluation was made with; for a gait never seen a fall must be surer by one unit
    of log-odds (2.7 to 1), less with every second; no waist turned by less than 3 degrees/s for over 0.8 s in recorded gait [M]. 0.83 m/s: beginners, 3 km/h.
    """

    max_gap_s: float = 0.05
    bridge_settle_s: float = 0.5
    lost_s: float = 1.0
    stutter_s: float = 5.0
    settle_s: float = 2.0
    calibrated_s: float = 20.0
    down_deg: float = 60.0
    down_s: float = 0.5
    least_weight_g: float = 0.7
    most_weight_g: float = 1.4
    doubt_s: float = 0.5
    still_dps: float = 3.0
    still_s: float = 5.0
    population_margin: float = 1.0
    uncalibrated_max_mps: float = 0.83


@dataclass(frozen=True, slots=True)
class DetectorThresholds:
    """The whole table. `together_s`: two detectors unsteady within so long of each other are one loss of balance (derived: a step)."""

    rails: RailThresholds = RailThresholds()
    trunk: TrunkThresholds = TrunkThresholds()
    footfalls: FootfallThresholds = FootfallThresholds()
    together_s: float = 0.6
