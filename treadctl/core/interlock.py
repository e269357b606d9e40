"""The interlock: one table of causes, and the few lines that debounce, latch and clear them. Worst action wins.

The table is the truth: console texts, `treadctl explain` and the documentation are made from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

from treadctl.core import predicates as p
from treadctl.core.predicates import View


class Action(IntEnum):
    """What a cause demands of the belt, in order of severity (stop functions as in IEC 61800-5-2)."""

    RUN = 0
    WARN = 1
    HOLD = 2  # no faster
    SLOW = 3  # toward a lower speed
    SS2 = 4  # ramp to standstill, power stays
    SS1 = 5  # protective ramp, then STO
    SS1_FAST = 6  # the machine's hardest braking, then STO
    STO = 7  # power off at once


class Clears(StrEnum):
    """How a cause ends."""

    GONE = "gone"  # by itself, when the fault is gone
    RESUME = "resume"  # by somebody resuming at the machine, the fault gone; or with the session
    ACK = "ack"  # by a reset at standstill, the fault gone, somebody present
    NEVER = "never"  # by a restart and a new proof test


class Scope(StrEnum):
    """When a cause counts. Outside its scope a present fault only blocks the start."""

    ALWAYS = "always"
    ENGAGED = "engaged"  # from the start until standstill is proven


@dataclass(frozen=True, slots=True)
class Row:
    """One cause. `requirement` is the id that tests, hazards and documents refer to."""

    id: str
    predicate: Callable[[View], bool]
    action: Action
    debounce_s: float
    clears: Clears
    scope: Scope
    sentence: str
    remedy: str
    requirement: str
    drops_enable: bool = False

    @property
    def blocks_start(self) -> bool:
        """Whether this fault, present, forbids a start even though it is not latched."""
        return self.action >= Action.HOLD or self.predicate is p.journal_unhealthy


A, C, S = Action, Clears, Scope
ALL, ENG = S.ALWAYS, S.ENGAGED
_SENSOR = "Check cable, plug and power of the channel named; watch its age on the status page."
_SERVICE = "Keep people off the belt. Restart the service, repeat the proof test, and have the cause found first."
_RECLIP = "Help the person, clip the cord on, then reset."
_LINK = "Check the drive's power and cable; `treadctl doctor` shows the link."
_COMPUTER = "Close other programs; see `treadctl doctor`; then reset."
_NONE = "Nothing to do."
_ASK = "Let the person step off and rest; ask again before a new start."

ROWS: Final[tuple[Row, ...]] = (
    Row("clock_fault", p.clock_broken, A.STO, 0.0, C.ACK, ALL, "The computer's clock stood still or jumped.", "Change the computer if it recurs.", "IL-01"),
    Row("not_proven", p.not_proven, A.SS1, 0.0, C.ACK, ALL, "The pull cord is not yet proven.", "Pull the cord, clip it on, then reset.", "IL-02"),
    Row("pull_cord_cut", p.cord_open_wired, A.STO, 0.0, C.ACK, ENG, "The pull cord was pulled; it cut the power.", _RECLIP, "IL-03"),
    Row("pull_cord", p.cord_open, A.SS1_FAST, 0.0, C.ACK, ENG, "The pull cord was pulled.", _RECLIP, "IL-04"),
    Row("cord_discrepancy", p.cord_discrepancy, A.STO, 0.0, C.NEVER, ALL, "The two contacts of the pull cord disagree.", _SERVICE, "IL-05"),
    Row("estop_open", p.estop_open, A.STO, 0.0, C.ACK, ENG, "The emergency stop is pressed.", "Find out why, release it, then reset.", "IL-06"),
    Row("enable_mismatch", p.enable_mismatch, A.STO, 0.15, C.NEVER, ALL, "The drive's enable does not follow us.", _SERVICE, "IL-07"),
    Row("imbalance", p.losing_balance, A.SS1, 0.0, C.ACK, ENG, "The person is losing balance.", "Help the person; go on only if well.", "IL-08"),
    Row("person_down", p.person_down, A.SS1_FAST, 0.0, C.ACK, ENG, "The person is down: the harness is loaded.", "Help the person.", "IL-09"),
    Row("fallen", p.fallen, A.SS1_FAST, 0.0, C.ACK, ENG, "The person is down, or off the belt.", "Help the person.", "IL-43"),
    Row("unsteady", p.unsteady, A.HOLD, 0.15, C.RESUME, ENG, "The person is not steady.", "Ask; then resume or end.", "IL-44"),
    Row("trunk_lost", p.trunk_given_up, A.HOLD, 0.0, C.RESUME, ENG, "The waist sensor is lost.", "Watch the person; resume goes on slower, or end.", "IL-45"),
    Row("gait_unknown", p.gait_unknown, A.WARN, 0.0, C.GONE, ENG, "This gait is not yet known: slower.", "Nothing to do: walk the warm-up.", "IL-46"),
    Row("sensor_untrusted", p.sensor_untrusted, A.SS1, 0.0, C.ACK, ENG, "A safety sensor is silent or not believable.", _SENSOR, "IL-10"),
    Row("sensor_lost", p.sensor_lost, A.STO, 3.0, C.ACK, ENG, "A safety sensor stayed silent while moving.", _SENSOR, "IL-11"),
    Row("drive_lost", p.drive_lost, A.SS1, 0.0, C.ACK, ENG, "The drive does not answer.", _LINK, "IL-12", True),
    Row("drive_fault", p.drive_fault, A.SS1, 0.0, C.ACK, ENG, "The drive reports a fault.", "Read the code on the drive; clear it.", "IL-13", True),
    Row("drive_unidentified", p.drive_unidentified, A.SS1, 0.0, C.ACK, ENG, "The drive is not the one configured.", "Compare the nameplate.", "IL-14", True),
    Row("watchdog_unattested", p.watchdog_unattested, A.SS1, 0.0, C.ACK, ENG, "The drive's watchdog is off or too long.", "Set it there.", "IL-15", True),
    Row("overspeed", p.overspeed, A.STO, 0.1, C.NEVER, ALL, "The belt ran faster than allowed.", _SERVICE, "IL-16"),
    Row("wrong_direction", p.wrong_direction, A.STO, 0.04, C.NEVER, ALL, "The belt moved in the wrong direction.", _SERVICE, "IL-17"),
    Row("standstill_motion", p.standstill_motion, A.STO, 0.1, C.NEVER, ALL, "The belt moved although it should stand.", _SERVICE, "IL-18"),
    Row("acceleration", p.acceleration, A.SS1, 0.1, C.ACK, ENG, "The belt sped up too hard.", "Have the drive's ramps checked.", "IL-19"),
    Row("not_following", p.not_following, A.SS1, 0.5, C.ACK, ENG, "The belt's speed does not follow the command.", "Check belt, load and scaling.", "IL-20"),
    Row("stop_envelope", p.stop_envelope, A.STO, 0.05, C.NEVER, ENG, "The belt did not slow as it must.", _SERVICE, "IL-21"),
    Row("stop_unconfirmed", p.stop_unconfirmed, A.STO, 0.0, C.ACK, ENG, "The drive did not confirm the stop.", _LINK, "IL-22"),
    Row("attendant_released", p.attendant_released, A.SS1, 0.0, C.ACK, ENG, "The attendant let go.", "Hold the switch again, then reset.", "IL-23"),
    Row("presence_lost", p.presence_lost, A.HOLD, 0.0, C.RESUME, ENG, "The console at the machine is gone.", "Mend the console; then resume.", "IL-24"),
    Row("presence_lost_long", p.presence_lost, A.SS2, 10.0, C.ACK, ENG, "The console stayed away.", "Bring it back, then reset.", "IL-25"),
    Row("loop_late", p.late_20_ms, A.HOLD, 0.0, C.GONE, ENG, "The control computer is slow.", _COMPUTER, "IL-26"),
    Row("loop_late_stop", p.late_50_ms, A.SS1, 0.0, C.ACK, ENG, "The control computer was too slow.", _COMPUTER, "IL-27"),
    Row("loop_late_cut", p.late_100_ms, A.STO, 0.0, C.ACK, ENG, "The control computer stood still.", _COMPUTER, "IL-28"),
    Row("local_stop", p.local_stop, A.SS1, 0.0, C.ACK, ENG, "Stop was pressed at the machine.", "Ask the person; reset when ready.", "IL-29"),
    Row("remote_stop", p.remote_stop, A.SS2, 0.0, C.ACK, ENG, "A stop came over the network.", "Ask who stopped and why; reset when ready.", "IL-30"),
    Row("end_requested", p.end_requested, A.SS2, 0.0, C.GONE, ENG, "Staff ended the session.", _NONE, "IL-31"),
    Row("dizziness", p.dizzy, A.SS2, 0.0, C.ACK, ENG, "The person is dizzy.", _ASK, "IL-32"),
    Row("pain", p.in_pain, A.SS2, 0.0, C.ACK, ENG, "The person has pain.", _ASK, "IL-33"),
    Row("exertion", p.overexerted, A.SS2, 0.0, C.ACK, ENG, "The effort is too hard for the person.", _ASK, "IL-34"),
    Row("breathing", p.breathless, A.SS2, 0.0, C.ACK, ENG, "The person is out of breath.", _ASK, "IL-35"),
    Row("heart_rate", p.heart_rate_high, A.SS2, 0.0, C.ACK, ENG, "The heart rate is at the person's limit.", _ASK, "IL-36"),
    Row("time_cap", p.time_cap, A.SS2, 0.0, C.GONE, ENG, "The longest time on the belt is over.", _NONE, "IL-37"),
    Row("weekly_cap", p.weekly_cap, A.SS2, 0.0, C.GONE, ENG, "The person's weekly allowance is used up.", _NONE, "IL-38"),
    Row("program_end", p.program_finished, A.SS2, 0.0, C.GONE, ENG, "The program is done.", _NONE, "IL-39"),
    Row("rail_overload", p.rails_overloaded, A.SLOW, 0.0, C.RESUME, ENG, "The person leans on the rails: tired.", "Ask; then resume or end.", "IL-40"),
    Row("hands_unwanted", p.hands_unwanted, A.WARN, 1.0, C.GONE, ENG, "The program wants hands off the rails.", "Remind the person.", "IL-41"),
    Row("journal_unhealthy", p.journal_unhealthy, A.WARN, 0.0, C.GONE, ALL, "The journal cannot be written.", "Free space on its disk.", "IL-42"),
)
INDEX: Final = {row.id: index for index, row in enumerate(ROWS)}
_PREDICATES: Final = tuple((index, row.predicate) for index, row in enumerate(ROWS))


@dataclass(frozen=True, slots=True)
class Cause:
    """One row that is not quiet: since when (s, monotonic), whether its fault is present now, and whether it acts."""

    row: int
    since_s: float
    present: bool
    active: bool

    @property
    def id(self) -> str:
        """The id of its row."""
        return ROWS[self.row].id


def evaluate(causes: tuple[Cause, ...], view: View, engaged: bool, now_s: float) -> tuple[Cause, ...]:
    """All causes after this step, in table order. A latched one keeps its first instant; a quiet row is not in the result."""
    unlatched = {Clears.GONE} if engaged else {Clears.GONE, Clears.RESUME}
    wrong = [index for index, predicate in _PREDICATES if predicate(view)]
    if not wrong and not causes:
        return ()
    after = {c.row: c if not c.present else Cause(c.row, c.since_s, False, True) for c in causes if c.active and ROWS[c.row].clears not in unlatched}
    before = {cause.row: cause for cause in causes}
    for index in wrong:
        row, old = ROWS[index], before.get(index)
        in_scope = engaged or row.scope is Scope.ALWAYS
        if old is None or not (old.active or old.present):
            after[index] = Cause(index, now_s, True, in_scope and row.debounce_s <= 0.0)
        elif old.active:
            after[index] = old if old.present else Cause(index, old.since_s, True, True)
        else:
            acts = in_scope and now_s - old.since_s >= row.debounce_s
            after[index] = Cause(index, now_s, True, True) if acts else old
    return tuple(after[index] for index in sorted(after))


def verdict(causes: tuple[Cause, ...]) -> Action:
    """The worst action of all active causes."""
    return max((ROWS[cause.row].action for cause in causes if cause.active), default=Action.RUN)


def acknowledge(causes: tuple[Cause, ...]) -> tuple[Cause, ...]:
    """The causes that a reset leaves: those whose fault is still present, and those that never clear."""
    return tuple(c for c in causes if c.present or ROWS[c.row].clears is Clears.NEVER)


def release(causes: tuple[Cause, ...]) -> tuple[Cause, ...]:
    """The causes that a resume leaves."""
    return tuple(c for c in causes if c.present or ROWS[c.row].clears is not Clears.RESUME)


def blockers(causes: tuple[Cause, ...]) -> tuple[Cause, ...]:
    """What forbids a start or a reset's success: every latched cause, and every present fault that would stop a moving belt."""
    return tuple(c for c in causes if (c.active and ROWS[c.row].action >= Action.SS2) or (c.present and ROWS[c.row].blocks_start))
