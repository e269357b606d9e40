"""Snapshot: everything a watcher may show of the daemon, at one instant. A value that is not known is None, never the last value."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ProgramView:
    """Where the program stands. `segment` counts from 0; `remaining_s` is of the whole program, holds excluded; `arming`: id of the ARM request."""

    name: str
    direction: str
    facing: str
    segment: int
    segments: int
    label: str
    elapsed_s: float
    remaining_s: float
    duration_s: float
    profile_sha256: str = ""
    arming: str = ""


@dataclass(frozen=True, slots=True)
class BeltView:
    """Measured beside commanded: magnitudes in m/s. `direction` and `age_s` belong to the measurement."""

    measured_mps: float | None = None
    commanded_mps: float | None = None
    direction: str | None = None
    commanded_direction: str | None = None
    grade_percent: float | None = None
    age_s: float | None = None


@dataclass(frozen=True, slots=True)
class RailsView:
    """Hand loads in newtons and in percent of body weight (None until a person's mass is known)."""

    left_n: float | None = None
    right_n: float | None = None
    left_percent_bw: float | None = None
    right_percent_bw: float | None = None
    left_age_s: float | None = None
    right_age_s: float | None = None


@dataclass(frozen=True, slots=True)
class BalanceView:
    """What the detectors of lost balance say, and with what: `level` steady, unsteady, losing_balance or down, `reasons` worst first.

    `trunk` is not_fitted, absent, lost, settling, population or personal; `learnt_s` of 20 s of steady gait; `feet` unknown, clear or blind;
    `capped`: this segment stays below the speed of somebody whose gait is not known.
    """

    level: str = "steady"
    reasons: tuple[str, ...] = ()
    trunk: str = "not_fitted"
    learnt_s: float = 0.0
    feet: str = "unknown"
    capped: bool = False


@dataclass(frozen=True, slots=True)
class ChannelView:
    """One measured channel. A contact is a bool (closed = true), a level a float, the belt its speed in m/s, the trunk the size of its force in g.

    `quality` is the name in lower case.
    """

    id: str
    value: bool | float | None
    age_s: float | None
    quality: str


@dataclass(frozen=True, slots=True)
class CauseView:
    """One cause in force or latched. `clears` is gone, resume, ack or never; `present` says whether the reason is still there."""

    id: str
    action: str
    sentence: str
    since_s: float
    clears: str
    present: bool


@dataclass(frozen=True, slots=True)
class BlockerView:
    """One reason why the belt cannot be started now."""

    id: str
    sentence: str


@dataclass(frozen=True, slots=True)
class PromptView:
    """A question the person has not answered yet."""

    kind: str
    asked_s: float


@dataclass(frozen=True, slots=True)
class DriveView:
    """What is known of the drive. `watchdog_s` None = not attested."""

    state: str = "unknown"
    identified: bool = False
    watchdog_s: float | None = None
    confirmed_order: int = 0


@dataclass(frozen=True, slots=True)
class EnableView:
    """The enable output as wanted, and as read back (None = no feedback is fitted, or it is not known)."""

    wanted: bool = False
    feedback: bool | None = None


@dataclass(frozen=True, slots=True)
class LoopView:
    """How late the control loop's ticks were, s, and how many there have been."""

    lateness_p50_s: float = 0.0
    lateness_p99_s: float = 0.0
    lateness_max_s: float = 0.0
    ticks: int = 0


@dataclass(frozen=True, slots=True)
class LinkView:
    """Counters of one bus or stream since it was opened (see `treadctl.ports.LinkStats`)."""

    name: str
    exchanges: int = 0
    timeouts: int = 0
    mismatches: int = 0
    crc_errors: int = 0
    late_replies: int = 0
    reconnects: int = 0
    round_trip_p50_s: float = 0.0
    round_trip_max_s: float = 0.0


@dataclass(frozen=True, slots=True)
class JournalView:
    """Whether the journal can be written, how many records it holds, and the hash of its last one."""

    ok: bool = False
    records: int = 0
    head: str = ""


@dataclass(frozen=True, slots=True)
class VersionsView:
    """What is running: the release, the name of the machine file, and the protocol of this socket."""

    release: str = ""
    machine: str = ""
    protocol: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One coherent view. Every time is in seconds of the daemon's monotonic clock, ages and durations in seconds.

    Numbers that are not finite leave the daemon as null and arrive as None, so an absent channel has `age_s` None.
    """

    at_s: float
    state: str
    since_s: float
    program: ProgramView | None = None
    belt: BeltView = field(default_factory=BeltView)
    rails: RailsView = field(default_factory=RailsView)
    balance: BalanceView = field(default_factory=BalanceView)
    channels: tuple[ChannelView, ...] = ()
    causes: tuple[CauseView, ...] = ()
    start_blockers: tuple[BlockerView, ...] = ()
    prompts: tuple[PromptView, ...] = ()
    drive: DriveView = field(default_factory=DriveView)
    enable: EnableView = field(default_factory=EnableView)
    loop: LoopView = field(default_factory=LoopView)
    links: tuple[LinkView, ...] = ()
    journal: JournalView = field(default_factory=JournalView)
    versions: VersionsView = field(default_factory=VersionsView)
