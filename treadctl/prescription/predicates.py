"""What the rows of the rule table ask of a case. Each predicate is pure, and answers with what it found; nothing found is ().

A figure that is not known, or is not a number, never permits more than a known one would at its best.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from treadctl.core.program import Block, Hands
from treadctl.core.units import kmh_from_mps
from treadctl.errors import TreadctlError
from treadctl.prescription import defaults as d
from treadctl.prescription.compile import TOLERANCE, PlacedSegment, compile_program, flatten
from treadctl.prescription.frame import MachineFrame
from treadctl.prescription.history import History
from treadctl.prescription.plan import guard_findings
from treadctl.prescription.profile import Profile
from treadctl.prescription.words import Cap, Experience, known, limits_of

if TYPE_CHECKING:  # the person file checks its overrides against the table that is made of these
    from treadctl.prescription.person import Person

BACKWARD: Final = "backward"  # stands for the speed limit of the direction in which this person goes backward
AHEAD: Final = "ahead"


@dataclass(frozen=True, slots=True)
class Case:
    """What the rules look at. Limiting rows see person, history and day alone; `caps` are what those rows gave."""

    person: Person
    history: History
    day: date | None = None
    profile: Profile | None = None
    frame: MachineFrame | None = None
    caps: tuple[Cap, ...] = ()

    @property
    def moving(self) -> tuple[PlacedSegment, ...]:
        """The stretches of the profile on the moving belt."""
        return tuple(item for item in flatten(self.profile) if item.moves) if self.profile is not None else ()

    @property
    def first_session(self) -> bool:
        """Whether this is the first session by the record, or without a record by the person file."""
        return self.history.sessions == 0 if self.history.sessions is not None else self.person.experience is Experience.FIRST

    @property
    def early(self) -> bool:
        """Whether this is one of the first sessions, by the record or by the person file."""
        return self.person.experience is Experience.FIRST or (self.history.sessions is not None and self.history.sessions < d.EARLY_SESSIONS)

    @property
    def older(self) -> bool:
        """Whether the caution for age applies."""
        return self.person.age_years is not None and self.person.age_years >= d.OLDER_FROM_YEARS


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing found: what it is, for the sentence; of a limiting row which limit and its value."""

    detail: str = ""
    field: str = ""  # BACKWARD, AHEAD, or a field of `Limits` or of the core's person
    value: float = 0.0


Found = tuple[Hit, ...]
NO: Final[Found] = ()


def _when(condition: bool, detail: str = "") -> Found:
    return (Hit(detail),) if condition else NO


def _cap(field: str, value: float) -> Hit:
    return Hit("", field, value)


# Screening ------------------------------------------------------------------------------------------------------------


def unscreened(case: Case) -> Found:
    """The screening questions have not been answered."""
    return _when(case.person.screening is None)


def screening_old(case: Case) -> Found:
    """The screening is older than half a year (183 days), or is dated after today."""
    answered = case.person.screening.answered_on if case.person.screening is not None else None
    if answered is None or case.day is None or 0 <= (case.day - answered).days <= d.SCREENING_DAYS:
        return NO
    return _when(True, f"It is dated {answered.isoformat()}; today is {case.day.isoformat()}.")


def screening_incomplete(case: Case) -> Found:
    """The screening lacks its date or a question added later, or nobody says which day it is."""
    answers = case.person.screening
    if answers is None:
        return NO
    lacking = [
        word for word, value in (("its date", answers.answered_on), ("knee", answers.knee_problem), ("beta-blocker", answers.beta_blocker)) if value is None
    ]
    if case.day is None and answers.answered_on is not None:
        lacking.append("today's date to judge its age by")
    return _when(bool(lacking), f"Lacking: {', '.join(lacking)}.")


def osteoporosis(case: Case) -> Found:
    """Severe osteoporosis."""
    return _when(case.person.screening is not None and case.person.screening.severe_osteoporosis)


def vestibular(case: Case) -> Found:
    """A disorder of the sense of balance."""
    return _when(case.person.screening is not None and case.person.screening.vestibular_dysfunction)


def lumbar(case: Case) -> Found:
    """Trouble of the lower back."""
    return _when(case.person.screening is not None and case.person.screening.lumbar_problem)


def lumbar_limits(case: Case) -> Found:
    """Trouble of the lower back: the beginner's speed, level."""
    return (_cap(BACKWARD, d.BEGINNER_CAP_MPS), _cap("max_grade_percent", 0.0)) if lumbar(case) else NO


def ankle(case: Case) -> Found:
    """Trouble of an ankle."""
    return _when(case.person.screening is not None and case.person.screening.ankle_problem)


def ankle_limits(case: Case) -> Found:
    """Trouble of an ankle: the beginner's speed, level."""
    return (_cap(BACKWARD, d.BEGINNER_CAP_MPS), _cap("max_grade_percent", 0.0)) if ankle(case) else NO


def knee(case: Case) -> Found:
    """Trouble of a knee."""
    return _when(case.person.screening is not None and case.person.screening.knee_problem is True)


def knee_limits(case: Case) -> Found:
    """Trouble of a knee: walking only, at most 5.5 km/h."""
    return (_cap(BACKWARD, d.WALKER_CAP_MPS),) if knee(case) else NO


def beta_blocker(case: Case) -> Found:
    """A beta-blocker is taken: limits derived from age mean nothing."""
    return _when(case.person.screening is not None and case.person.screening.beta_blocker is True)


def beta_blocker_limits(case: Case) -> Found:
    """A beta-blocker is taken: exertion stops the belt at 15 of 6-20 in place of the heart rate."""
    return (_cap("max_rpe", d.BETA_BLOCKER_RPE),) if beta_blocker(case) else NO


# Age and heart --------------------------------------------------------------------------------------------------------


def heart_ceiling(case: Case) -> Found:
    """The age is known and no beta-blocker is taken: 75 % of 208 - 0.7 · age."""
    age_years = case.person.age_years
    if age_years is None or beta_blocker(case):
        return NO
    return (_cap("max_heart_rate_per_min", d.BACKWARD_HEART_SHARE * d.highest_heart_rate_per_min(age_years)),)


def age_unknown(case: Case) -> Found:
    """The age is not known."""
    return _when(case.person.age_years is None)


def age_limits(case: Case) -> Found:
    """65 years or older: the beginner's speed and slope."""
    return (_cap(BACKWARD, d.BEGINNER_CAP_MPS), _cap("max_acceleration_mps2", d.BEGINNER_ACCELERATION_MPS2)) if case.older else NO


def unattended(case: Case) -> Found:
    """First sessions, or 65 years or older, and the profile does not require the attendant's switch."""
    wanted = case.early or case.older
    return _when(wanted and case.profile is not None and "attendant" not in case.profile.requires)


# Experience and the first sessions ------------------------------------------------------------------------------------


def newcomer_limits(case: Case) -> Found:
    """The person file says that it is a first time: 3 km/h and gentle ramps."""
    if case.person.experience is not Experience.FIRST:
        return NO
    return (_cap(BACKWARD, d.BEGINNER_CAP_MPS), _cap("max_acceleration_mps2", d.BEGINNER_ACCELERATION_MPS2))


def walker_limits(case: Case) -> Found:
    """Used to walking backward, or a runner whose own forward speed is not known: 5.5 km/h."""
    experience = case.person.experience
    walking = experience is Experience.WALKER or (experience is Experience.RUNNER and case.person.own_speed_mps is None)
    return (_cap(BACKWARD, d.WALKER_CAP_MPS),) if walking else NO


def own_speed_limits(case: Case) -> Found:
    """The own forward speed is known: 70 % of it backward, all of it ahead."""
    own_mps = case.person.own_speed_mps
    return (_cap(BACKWARD, d.OWN_SPEED_SHARE * own_mps), _cap(AHEAD, own_mps)) if own_mps is not None else NO


def beginner_grade(case: Case) -> Found:
    """One of the first sessions: level."""
    return (_cap("max_grade_percent", 0.0),) if case.early else NO


def grade_rate(case: Case) -> Found:
    """Always: at most 1 % of grade in 30 s."""
    del case  # of everybody
    return (_cap("max_grade_rate_percent_per_s", d.GRADE_RATE_PERCENT_PER_S),)


def mini_ramp_limits(case: Case) -> Found:
    """The first session: 2 km/h, ten minutes on the belt."""
    return (_cap(BACKWARD, d.MINI_RAMP_CAP_MPS), _cap("max_duration_s", d.MINI_RAMP_S)) if case.first_session else NO


def no_mini_ramp(case: Case) -> Found:
    """The first session starts faster than 0.8 km/h, rises by more than 0.3 km/h, holds a step under 60 s, or slows for less than two minutes."""
    return _mini_ramp_faults(case.moving) if case.first_session else NO


def _mini_ramp_faults(moving: tuple[PlacedSegment, ...]) -> Found:
    before_mps, found = 0.0, list[Hit]()
    for item in moving:
        segment, rise_mps = item.segment, item.segment.speed_mps - before_mps
        allowed_mps = d.START_MPS if before_mps == 0.0 else d.STEP_MPS
        if not rise_mps <= allowed_mps * (1.0 + TOLERANCE) + TOLERANCE:
            found.append(Hit(f"{item.place} rises by {kmh_from_mps(rise_mps):.1f} km/h; at most {kmh_from_mps(allowed_mps):.1f}."))
        elif rise_mps > TOLERANCE and not segment.duration_s >= d.HOLD_S:
            found.append(Hit(f"{item.place} is held for {segment.duration_s:g} s; at least {d.HOLD_S:g}."))
        before_mps = segment.speed_mps
    slowing_s = sum(item.segment.duration_s for item in moving if item.segment.block is Block.COOL_DOWN)
    if not slowing_s >= d.SLOWING_S:
        found.append(Hit(f"The cool-down has {slowing_s:g} s on the belt; at least {d.SLOWING_S:g}."))
    return tuple(found[:1])


def early_session(case: Case) -> Found:
    """One of the first sessions."""
    return _when(case.early)


def blocks_missing(case: Case) -> Found:
    """Warm-up or cool-down has no timed exercise beside the belt, or no stretch on it."""
    placed = flatten(case.profile) if case.profile is not None else ()
    for block in (Block.WARM_UP, Block.COOL_DOWN):
        kinds = {item.moves for item in placed if item.segment.block is block}
        for moves, words in ((False, "no timed exercise beside the belt"), (True, "no stretch on the belt")):
            if moves not in kinds:
                return _when(True, f"{block.value} has {words}.")
    return NO


def hands_off_too_soon(case: Case) -> Found:
    """A stretch lets the hands off the rails before the record shows a light hold; without a record: in the first sessions."""
    held = not case.history.weaned if case.history.sessions is not None else case.early
    item = next((item for item in case.moving if item.segment.hands is not Hands.ON), None)
    return _when(held and item is not None, f"{item.place} lets them off." if item is not None else "")


# Time and progress ----------------------------------------------------------------------------------------------------


def half_time(case: Case) -> Found:
    """The usual session is known: half of it on the moving belt."""
    usual = case.person.usual_minutes
    return (_cap("max_duration_s", d.HALF_OF_USUAL * usual * 60.0),) if usual is not None else NO


def usual_unknown(case: Case) -> Found:
    """The length of the usual session is not known."""
    return _when(case.person.usual_minutes is None)


def week_full(case: Case) -> Found:
    """Two or more sessions in the last seven days."""
    count = case.history.in_week(case.day)
    return _when(count is not None and count >= d.SESSIONS_PER_WEEK, f"There were {count}.")


def week_unknown(case: Case) -> Found:
    """How many sessions there were in the last seven days is not known."""
    return _when(case.history.in_week(case.day) is None)


def record_stale(case: Case) -> Found:
    """The figures of the record are of another day."""
    as_of = case.history.as_of
    if as_of is None or case.day is None or as_of == case.day:
        return NO
    return _when(True, f"They are of {as_of.isoformat()}; today is {case.day.isoformat()}.")


def no_faster_after_event(case: Case) -> Found:
    """The last session had an event, or it is not known whether: its highest speed; where that is not known, the slowest start."""
    last = case.history.last
    if last is None or last.clean:
        return NO
    return (_cap(BACKWARD, max(known(last.peak_mps) or 0.0, d.START_MPS)),)


def no_great_rise(case: Case) -> Found:
    """Earlier sessions are on record: 0.5 km/h above the fastest without an event; where none is known, above the slowest start."""
    if not case.history.sessions:
        return NO
    peaks = [known(session.peak_mps) or 0.0 for session in case.history.recent if session.clean]
    return (_cap(BACKWARD, max([*peaks, d.START_MPS]) + d.SESSION_RISE_MPS),)


def last_had_event(case: Case) -> Found:
    """The last session had an event, or it is not known whether."""
    last = case.history.last
    if last is None or last.clean:
        return NO
    return _when(True, f"{last.day.isoformat()}: events {'not known' if last.events is None else last.events}.")


# Caps and machine -----------------------------------------------------------------------------------------------------


def clinician_caps(case: Case) -> Found:
    """A clinician lowered a limit for this person."""
    caps = case.person.caps
    speed_mps = caps.speed_mps
    found = [("max_grade_percent", caps.max_grade_percent), ("max_acceleration_mps2", caps.max_acceleration_mps2)]
    found += [(BACKWARD, speed_mps), (AHEAD, speed_mps), ("max_duration_s", None if caps.max_minutes is None else caps.max_minutes * 60.0)]
    found += [(name, getattr(caps, name)) for name in ANSWER_LIMITS]
    return tuple(_cap(field, value) for field, value in found if value is not None)


ANSWER_LIMITS: Final = ("max_rpe", "max_dizziness", "max_pain", "max_breathing", "max_heart_rate_per_min")


def beyond_caps(case: Case) -> Found:
    """The program asks for more than machine and caps together allow."""
    if case.profile is None or case.frame is None:
        return NO
    try:
        compile_program(case.profile, case.frame.limits, limits_of(case.caps))
    except TreadctlError as error:
        return _when(True, f"{error}{_why(case.caps, str(error))}")
    return NO


def _why(caps: tuple[Cap, ...], message: str) -> str:
    """The reason of the tightest cap the message names."""
    named = [cap for cap in caps if cap.field in message or (cap.field == "max_duration_s" and "on the moving belt" in message)]
    tightest = min(named, key=_value, default=None) if "limit of the person" in message else None
    return f" [{tightest.rule.value}: {tightest.reason}]" if tightest is not None else ""


def _value(cap: Cap) -> float:
    return cap.value


def guard_missing(case: Case) -> Found:
    """The machine lacks a guard that the profile requires, or its deck is shorter than the worst stop without a harness."""
    if case.profile is None or case.frame is None:
        return NO
    return tuple(Hit(sentence) for sentence in guard_findings(case.profile, case.frame))
