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
    calm_share: float = 0.6  # of the learnt ripple of the current, where it must speak for the speed: its noise is a large part of it [D]
    patience: float = 2.5  # times as long is waited short of silence: somebody may step more gently, at another rhythm [D]
    flat_s: float = 0.2  # a reading that stands still for longer, [D]
    flat_steps: float = 0.4  # and for longer than this part of a step: none is that flat, [D]
    frozen_steps: float = 1.5  # and has done so from so soon after a footfall on, is a frozen one [D]
    missing_s: float = 1.2  # [D]
    missing_steps: float = 3.0  # [D]
    same_share: float = 0.1  # a step frequency that moves by more is a new gait, not an unsteady one [D]
    rough: float = 2.0  # times the learnt ripple or size, or half the size or the changes: no step to be timed, but a stumble or a bad reading [D]
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
