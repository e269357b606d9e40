"""What the records hold, as plain values. No database is seen from here: reports and pages are made of these.

Instants are aware UTC datetimes. Speeds are magnitudes in m/s, distances in m, times in s, loads in percent of body weight. None = not known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class Role(StrEnum):
    """What a user of the console may do; `treadctl.console.rights` has the table."""

    VIEWER = "viewer"
    STAFF = "staff"
    PHYSIOTHERAPIST = "physiotherapist"
    PHYSICIAN = "physician"
    SERVICE = "service"
    ADMINISTRATOR = "administrator"


class Outcome(StrEnum):
    """How a session ended."""

    COMPLETED = "completed"
    ENDED_EARLY = "ended_early"  # by the person's or the staff's wish
    STOPPED = "stopped"  # by a latched stop
    UNKNOWN = "unknown"  # the record breaks off


class Measure(StrEnum):
    """A measure taken beside the sessions."""

    BACKWARD_WALK_3M_S = "backward_walk_3m_s"  # 3-m backward walk test, s
    ABC_PERCENT = "abc_percent"  # Activities-specific Balance Confidence scale, 0-100
    BODY_MASS_KG = "body_mass_kg"
    RESTING_HEART_RATE_PER_MIN = "resting_heart_rate_per_min"


@dataclass(frozen=True, slots=True)
class User:
    """One who may sign on."""

    id: int
    login: str
    name: str
    role: Role
    active: bool = True
    created_at: datetime | None = None
    last_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """One who walks. `id` is a pseudonym and all that sessions know of them; `name` is kept encrypted and is None where unknown or locked.

    `facts` is a person file (docs/reference/person.md) without screening and overrides, which have tables of their own. `version` grows with each change.
    """

    id: str
    facts: str
    version: int
    created_at: datetime
    changed_at: datetime
    name: str | None = None
    note: str = ""
    archived: bool = False
    erased_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Screening:
    """The screening questions as answered on a day, and who signed."""

    id: int
    person_id: str
    at: datetime
    signer: str
    role: Role
    answers: dict[str, bool]


@dataclass(frozen=True, slots=True)
class OverrideRecord:
    """A rule set aside for one person by a named clinician, until it is withdrawn."""

    id: int
    person_id: str
    rule: str
    by: str
    role: Role
    reason: str
    at: datetime
    withdrawn_at: datetime | None = None
    withdrawn_by: str = ""


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a prescription, never changed after. `text` is the profile file; `person_id` None = a protocol of the clinic's library."""

    id: int
    prescription_id: int
    number: int
    person_id: str | None
    title: str
    text: str
    sha256: str
    by: str
    role: Role
    at: datetime
    note: str = ""
    withdrawn_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Arming:
    """What links an ARM request in the journal to the person and the revision it was for."""

    request_id: str
    person_id: str
    revision_id: int | None
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Series:
    """The measured samples of a session at 10 Hz, each a list of equal length; None = not known at that instant. `time_s` counts from the session's start."""

    time_s: tuple[float, ...] = ()
    measured_mps: tuple[float | None, ...] = ()
    commanded_mps: tuple[float | None, ...] = ()
    grade_percent: tuple[float | None, ...] = ()
    rail_left_percent: tuple[float | None, ...] = ()
    rail_right_percent: tuple[float | None, ...] = ()
    heart_rate_per_min: tuple[float | None, ...] = ()
    cadence_per_min: tuple[float | None, ...] = ()

    def __len__(self) -> int:
        return len(self.time_s)


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """Something that happened, `at_s` from the session's start."""

    at_s: float
    kind: str
    sentence: str
    detail: dict[str, str | float | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """A question and what the person said; `value` None = it was not answered."""

    at_s: float
    kind: str
    value: float | None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class StopRecord:
    """One stop: its cause and how the belt came to rest. `travel_m` is the belt's from the cause on."""

    at_s: float
    cause: str
    action: str
    sentence: str
    from_mps: float | None = None
    rest_s: float | None = None
    travel_m: float | None = None
    deceleration_mps2: float | None = None


@dataclass(frozen=True, slots=True)
class PlannedStretch:
    """One stretch of the program as armed: it ends at `to_s` of belt time with this speed."""

    label: str
    block: str
    from_s: float
    to_s: float
    speed_mps: float
    grade_percent: float
    hands: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The measured figures of a session. Heart rate under a grip reads low and is marked so by the reports."""

    duration_s: float = 0.0
    belt_s: float = 0.0
    distance_m: float = 0.0
    peak_mps: float = 0.0
    mean_mps: float = 0.0
    rail_load_percent: float | None = None
    hands_on_share: float | None = None
    asymmetry_percent: float | None = None
    imbalance_events: int = 0
    unsteady_events: int = 0
    stops: int = 0
    max_rpe: float | None = None
    max_dizziness: float | None = None
    max_pain: float | None = None
    max_breathing: float | None = None
    mean_heart_rate_per_min: float | None = None
    max_heart_rate_per_min: float | None = None
    cadence_per_min: float | None = None
    cadence_cv_percent: float | None = None

    @property
    def balance_events(self) -> int:
        """How often the person lost balance or was not steady."""
        return self.imbalance_events + self.unsteady_events


@dataclass(frozen=True, slots=True)
class BlackBox:
    """Where the journal holds this session: the run's first batch and the instants of the daemon's own clock."""

    segment: str
    boot_id: str
    from_s: float
    to_s: float
    head: str = ""


@dataclass(frozen=True, slots=True)
class SessionHead:
    """A session as a list shows it."""

    id: str
    person_id: str | None
    revision_id: int | None
    machine: str
    profile: str
    profile_sha256: str
    direction: str
    facing: str
    started_at: datetime
    outcome: Outcome
    cause: str | None
    summary: Summary


@dataclass(frozen=True, slots=True)
class Session:
    """A session in full."""

    head: SessionHead
    mass_kg: float
    plan: tuple[PlannedStretch, ...] = ()
    events: tuple[SessionEvent, ...] = ()
    answers: tuple[AnswerRecord, ...] = ()
    stops: tuple[StopRecord, ...] = ()
    overrides: tuple[str, ...] = ()
    attendant: str = ""
    series: Series = field(default_factory=Series)
    black_box: BlackBox | None = None


@dataclass(frozen=True, slots=True)
class MeasureRecord:
    """A measure of one person on a day."""

    id: int
    person_id: str
    measure: Measure
    value: float
    day: date
    by: str


@dataclass(frozen=True, slots=True)
class ProofTest:
    """A safety input shown to work, or not."""

    at: datetime
    machine: str
    kind: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit trail. `digest` chains it to the one before; ids only, no names of people."""

    number: int
    at: datetime
    who: str
    role: str
    action: str
    subject: str
    detail: str
    digest: str


@dataclass(frozen=True, slots=True)
class Week:
    """What a person did in the seven days before an instant."""

    sessions: int
    belt_s: float
