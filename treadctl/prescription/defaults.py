"""The numbers the rules use, each with its source and how sure it is: read, derived (our arithmetic or judgement) or unverified.

All are defaults; the table in `rules` says who may set which of them aside.
"""

from __future__ import annotations

from typing import Final

from treadctl.core.units import mps_from_kmh

# Speeds and slopes
START_MPS: Final = mps_from_kmh(0.8)  # derived: our default for a belt started under somebody who stands on the side rails
STEP_MPS: Final = mps_from_kmh(0.3)  # derived: our default, steps of 0.2 to 0.3 km/h
SESSION_RISE_MPS: Final = mps_from_kmh(0.5)  # derived: our default for the rise from one session to the next
BEGINNER_CAP_MPS: Final = mps_from_kmh(3.0)  # derived: our default
WALKER_CAP_MPS: Final = mps_from_kmh(5.5)  # derived: below the backward walk-to-run change at 5.9 km/h (Hreljac 2005)
OWN_SPEED_SHARE: Final = 0.70  # read, Sterzing 2016: backward running done at 70 % of the own preferred forward speed
BEGINNER_ACCELERATION_MPS2: Final = 0.10  # derived: our default
GRADE_RATE_PERCENT_PER_S: Final = 1.0 / 30.0  # derived: our default, 1 % of grade in 30 s

# The mini ramp of a first session
MINI_RAMP_CAP_MPS: Final = mps_from_kmh(2.0)  # derived: the lower end of a start at 2 to 3 km/h, as 5 km/h was 84 % of the highest heart rate (Kim & Choi 2001)
MINI_RAMP_S: Final = 600.0  # derived: no longer than the published session of 10 min in osteoarthritis of the knee (Alghadir 2019)
HOLD_S: Final = 60.0  # derived: our default
SLOWING_S: Final = 120.0  # derived: our default for the belt's part of the cool-down

# Counting sessions
EARLY_SESSIONS: Final = 3  # derived: our default for "the first sessions"
WEANING_SESSIONS: Final = 3  # derived: our default, sessions in a row
LIGHT_HOLD_PERCENT: Final = 5.0  # read, Hinton: a light hold is below 5 % of body weight
SESSIONS_PER_WEEK: Final = 2  # read in the articles; trials used 3 (Alghadir 2019), hence the override
HALF_OF_USUAL: Final = 0.5  # read in the articles
CLEAN_SESSIONS: Final = 2  # derived: our default, sessions in a row without an event before the next step
BREAK_DAYS: Final = 28  # unverified: our default

# Age, heart and effort
OLDER_FROM_YEARS: Final = 65  # unverified: our default
SCREENING_DAYS: Final = 183  # unverified: our default, half a year
BACKWARD_HEART_SHARE: Final = 0.75  # derived: ten below 85 % forward (unverified): a grip on the rail makes heart rate read 10 to 15 % low (Berling 2006)
BETA_BLOCKER_RPE: Final = 15.0  # unverified: Borg 6-20, where staff would stop
HARD_RPE: Final = 15.0  # unverified: Borg 6-20, no step up from here


def highest_heart_rate_per_min(age_years: float) -> float:
    """The expected highest heart rate by age, 1/min: 208 - 0.7 · age (Tanaka)."""
    return 208.0 - 0.7 * age_years
