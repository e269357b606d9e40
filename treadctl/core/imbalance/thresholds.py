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
