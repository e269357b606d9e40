"""The rules of prescription: one table, from which preflight, caps, questions and documentation follow.

As in the interlock, a rule and the sentence staff read stand in one row. Nothing else in the package knows a rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from treadctl.core.prompts import PromptKind
from treadctl.core.sample import Facing
from treadctl.prescription import predicates as p
from treadctl.prescription.claims import claim
from treadctl.prescription.predicates import Case, Found
from treadctl.prescription.words import Authority, Cap, Rule


class Kind(StrEnum):
    """What a row does where its predicate finds something."""

    REFUSE = "refuse"  # forbids the start
    LIMIT = "limit"  # lowers a limit of the session
    ASK = "ask"  # staff are told what to ask or do; questions are put into the program
    CLAIM = "claim"  # a sentence people may read, with its evidence


class Stage(StrEnum):
    """Where a row's questions are put."""

    NONE = "none"
    EACH = "each"  # every stretch on the belt in the main block, and the last entry of all
    END = "end"  # the last stretch of the main block: the highest effort


@dataclass(frozen=True, slots=True)
class Row:
    """One rule. `articles` are the rows of the two source articles it answers, `reference` says where its number comes from and how sure it is."""

    id: str
    rule: Rule
    kind: Kind
    predicate: Callable[[Case], Found]
    sentence: str
    authority: Authority
    articles: tuple[str, ...]
    reference: str
    asks: tuple[PromptKind, ...] = ()
    stage: Stage = Stage.NONE


R, K, A, Q = Rule, Kind, Authority, PromptKind
_NO, _MD, _CLIN = A.NOBODY, A.PHYSICIAN, A.CLINICIAN
_ARTICLES = "the two articles"
_OURS = "derived: our default"
_UNVERIFIED = "unverified: our default"
_LEVEL = "Trouble of an ankle: level and at most 3 km/h."
_KIM = "read: Kim & Choi 2001, 84 % of the highest heart rate at 5 km/h"

ROWS: Final[tuple[Row, ...]] = (
    Row("PR-01", R.SCREENING, K.REFUSE, p.unscreened, "The screening questions have not been answered.", _NO, ("B13", "A7"), _ARTICLES),
    Row("PR-02", R.SCREENING, K.REFUSE, p.screening_old, "The screening is too old or wrongly dated: ask again.", _NO, ("B13",), f"{_UNVERIFIED}, 183 days"),
    Row("PR-03", R.SCREENING, K.ASK, p.screening_incomplete, "Ask what the screening lacks, and write it down.", _NO, ("B2", "B4", "B13"), _OURS),
    Row("PR-04", R.OSTEOPOROSIS, K.REFUSE, p.osteoporosis, "Severe osteoporosis: no backward training.", _MD, ("B13",), _ARTICLES),
    Row("PR-05", R.VESTIBULAR, K.REFUSE, p.vestibular, "A disorder of the sense of balance: no backward training.", _MD, ("B13",), _ARTICLES),
    Row("PR-06", R.LUMBAR, K.REFUSE, p.lumbar, "Trouble of the lower back: a clinician decides.", _CLIN, ("B9",), _ARTICLES),
    Row("PR-07", R.LUMBAR_LIMITS, K.LIMIT, p.lumbar_limits, "Trouble of the lower back: level and at most 3 km/h.", _CLIN, ("B9",), _OURS),
    Row(
        "PR-08",
        R.ANKLE,
        K.ASK,
        p.ankle,
        "Trouble of an ankle: ask about ankle pain during and after.",
        _CLIN,
        ("B2",),
        _ARTICLES,
        (Q.PAIN,),
        Stage.EACH,
    ),
    Row("PR-09", R.ANKLE, K.LIMIT, p.ankle_limits, _LEVEL, _CLIN, ("B2", "B6"), _OURS),
    Row(
        "PR-10",
        R.KNEE,
        K.ASK,
        p.knee,
        "Trouble of a knee: ask about knee pain during and after.",
        _CLIN,
        ("B4",),
        "read: Alghadir 2019, pain is the trial's outcome",
        (Q.PAIN,),
        Stage.EACH,
    ),
    Row(
        "PR-11",
        R.KNEE,
        K.LIMIT,
        p.knee_limits,
        "Trouble of a knee: walking only.",
        _CLIN,
        ("B4",),
        "derived: no dose of backward running for patients was found",
    ),
    Row("PR-12", R.KNEE, K.CLAIM, p.knee, claim("A4").sentence, _NO, ("A4", "B4"), "read: Roos 2012, 3.4 against 4.5 times body weight, not in all subjects"),
    Row(
        "PR-13",
        R.BETA_BLOCKER,
        K.ASK,
        p.beta_blocker,
        "A beta-blocker is taken: no limit of heart rate follows from age; go by exertion, which is asked at each stage.",
        _MD,
        ("B7",),
        "unverified: usual practice",
        (Q.RPE,),
        Stage.EACH,
    ),
    Row("PR-14", R.BETA_BLOCKER, K.LIMIT, p.beta_blocker_limits, "A beta-blocker is taken: stop at exertion 15.", _MD, ("B7",), _UNVERIFIED),
    Row(
        "PR-15",
        R.HEART_RATE,
        K.LIMIT,
        p.heart_ceiling,
        "Heart rate: at most 75 % of 208 - 0.7 times age, lower than forward.",
        _MD,
        ("B7",),
        f"{_KIM}; derived: 10 points below 85 % (unverified), as a grip lowers the reading by 10 to 15 % (Berling 2006)",
    ),
    Row("PR-16", R.AGE, K.ASK, p.age_unknown, "Ask the age: without it there is no caution for age and no ceiling of heart rate.", _CLIN, ("A7", "B7"), _OURS),
    Row("PR-17", R.AGE, K.LIMIT, p.age_limits, "65 years or older: at most 3 km/h, gentle ramps.", _CLIN, ("A7",), _UNVERIFIED),
    Row(
        "PR-18",
        R.ATTENDANCE,
        K.REFUSE,
        p.unattended,
        "Somebody must stand beside the person and hold the switch: use a profile that requires the attendant.",
        _NO,
        ("A7", "B10"),
        _ARTICLES,
    ),
    Row("PR-19", R.EXPERIENCE, K.LIMIT, p.newcomer_limits, "First sessions: at most 3 km/h, gentle ramps.", _CLIN, ("B8",), f"{_KIM}; {_OURS}"),
    Row(
        "PR-20",
        R.EXPERIENCE,
        K.LIMIT,
        p.walker_limits,
        "Walking: at most 5.5 km/h; of a runner the own forward speed must be known.",
        _CLIN,
        ("B8",),
        "derived: below the change to running at 5.9 km/h (read: Hreljac 2005)",
    ),
    Row(
        "PR-21",
        R.EXPERIENCE,
        K.LIMIT,
        p.own_speed_limits,
        "At most 70 % of the own forward speed backward, and that speed forward.",
        _CLIN,
        ("B8",),
        "read: Sterzing 2016",
    ),
    Row("PR-22", R.GRADE, K.LIMIT, p.beginner_grade, "First sessions are level.", _NO, ("B6",), f"{_ARTICLES}; {_OURS}"),
    Row("PR-23", R.GRADE, K.LIMIT, p.grade_rate, "Grade changes by at most 1 % in 30 s.", _NO, ("B6",), _OURS),
    Row("PR-24", R.MINI_RAMP, K.LIMIT, p.mini_ramp_limits, "A first session: at most 2 km/h and 10 minutes on the belt.", _CLIN, ("B5", "B8"), _OURS),
    Row(
        "PR-25",
        R.MINI_RAMP,
        K.REFUSE,
        p.no_mini_ramp,
        "A first session is a mini ramp: start at 0.8 km/h, steps of 0.3 km/h, each for a minute, two minutes of slowing.",
        _CLIN,
        ("B5", "B8"),
        _OURS,
    ),
    Row(
        "PR-26",
        R.QUESTIONS,
        K.ASK,
        p.early_session,
        "First sessions: ask about dizziness and about pain, the ankles first, at each stage.",
        _NO,
        ("B2", "B5"),
        f"{_ARTICLES}; {_OURS}",
        (Q.DIZZINESS, Q.PAIN),
        Stage.EACH,
    ),
    Row(
        "PR-27",
        R.QUESTIONS,
        K.ASK,
        p.early_session,
        "First sessions: ask about exertion and breathing at the highest stage.",
        _NO,
        ("B7",),
        f"{_ARTICLES}; {_OURS}",
        (Q.RPE, Q.BREATHING),
        Stage.END,
    ),
    Row(
        "PR-28",
        R.BLOCKS,
        K.REFUSE,
        p.blocks_missing,
        "Warm-up and cool-down each need a timed exercise for hips and ankles and a stretch on the belt.",
        _NO,
        ("B11",),
        _ARTICLES,
    ),
    Row(
        "PR-29",
        R.HANDS,
        K.REFUSE,
        p.hands_off_too_soon,
        "First sessions are walked with both hands on the rails, until three in a row had no event and a mean load below 5 % of body weight.",
        _CLIN,
        ("B10",),
        "read: a light hold is below 5 % (Hinton); derived: three sessions",
    ),
    Row("PR-30", R.HALF_TIME, K.LIMIT, p.half_time, "At most half of the own usual session.", _CLIN, ("B11",), _ARTICLES),
    Row("PR-31", R.HALF_TIME, K.ASK, p.usual_unknown, "Ask how long the person usually trains: half of it is the most.", _CLIN, ("B11",), _ARTICLES),
    Row(
        "PR-32",
        R.WEEKLY,
        K.REFUSE,
        p.week_full,
        "At most two sessions in seven days; published trials used three, which a clinician may allow.",
        _CLIN,
        ("B12",),
        f"{_ARTICLES}; read: three a week in Alghadir 2019 and others",
    ),
    Row("PR-33", R.WEEKLY, K.ASK, p.week_unknown, "Ask how many sessions there were in the last seven days.", _CLIN, ("B12",), _ARTICLES),
    Row("PR-34", R.RECORD, K.ASK, p.record_stale, "The record's figures are not of today: ask about sessions since.", _NO, ("B12", "B8"), _OURS),
    Row("PR-35", R.PROGRESS, K.LIMIT, p.no_faster_after_event, "The last session had an event: no faster than it.", _CLIN, ("B8",), f"{_ARTICLES}; {_OURS}"),
    Row("PR-36", R.PROGRESS, K.LIMIT, p.no_great_rise, "At most 0.5 km/h faster than the sessions without an event.", _CLIN, ("B8",), f"{_ARTICLES}; {_OURS}"),
    Row(
        "PR-37",
        R.PROGRESS,
        K.ASK,
        p.last_had_event,
        "Ask what happened in the last session: it had an event, or the record does not say that it had none.",
        _CLIN,
        ("B1", "B8"),
        _ARTICLES,
    ),
    Row("PR-38", R.CAPS, K.LIMIT, p.clinician_caps, "Lowered by a clinician.", _NO, ("B8",), "the person file"),
    Row("PR-39", R.CAPS, K.REFUSE, p.beyond_caps, "The program asks for more than machine or person may have.", _NO, ("B8",), "the rows above"),
    Row(
        "PR-40", R.GUARDS, K.REFUSE, p.guard_missing, "The machine lacks what guards this profile.", _NO, ("A7", "B1"), "the machine file and the stop's travel"
    ),
)


def may_set_aside(rule: Rule, role: str, rows: tuple[Row, ...] = ROWS) -> bool:
    """Whether somebody of that role may set the rule aside: every row of it must allow it. A rule without rows is set aside by nobody."""
    mine = [row for row in rows if row.rule is rule and row.kind is not Kind.CLAIM]
    return bool(mine) and all(row.authority.allows(role) for row in mine)


def authority_of(rule: Rule, rows: tuple[Row, ...] = ROWS) -> Authority:
    """Who may set the rule aside, as the table says."""
    return next((row.authority for row in rows if row.rule is rule and row.kind is not Kind.CLAIM), Authority.NOBODY)


def caps_of(case: Case, facing: Facing, rows: tuple[Row, ...] = ROWS) -> tuple[Cap, ...]:
    """Every cap of the limiting rows, those of rules set aside left out. Backward is the belt's reverse for who faces the console, else its forward."""
    backward, ahead = ("max_speed_reverse_mps", "max_speed_forward_mps")[:: 1 if facing is Facing.CONSOLE else -1]
    names = {p.BACKWARD: backward, p.AHEAD: ahead}
    return tuple(
        Cap(names.get(hit.field, hit.field), hit.value, row.rule, row.sentence)
        for row in rows
        if row.kind is Kind.LIMIT and not case.person.sets_aside(row.rule)
        for hit in row.predicate(case)
    )


def claims_for(case: Case, rows: tuple[Row, ...] = ROWS) -> tuple[str, ...]:
    """The sentences that this person may be told with their evidence."""
    return tuple(row.sentence for row in rows if row.kind is Kind.CLAIM and row.predicate(case))
