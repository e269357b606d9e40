"""A session as a row of a list, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from treadctl.console.view import _
from treadctl.console.words import Words
from treadctl.core.interlock import ROWS
from treadctl.records.model import Outcome, SessionHead
from treadctl.reports.figures import goes_backward

OUTCOMES: Final = {
    Outcome.COMPLETED: ("✔", _("walked to the end")),
    Outcome.ENDED_EARLY: ("◐", _("ended early")),
    Outcome.STOPPED: ("■", _("stopped")),
    Outcome.UNKNOWN: ("?", _("record breaks off")),
}
CAUSES: Final = {row.id: row.sentence for row in ROWS}


@dataclass(frozen=True, slots=True)
class Row:
    """What a list shows of one session. Texts are whole and translated."""

    id: str
    person_id: str | None
    started: str
    machine: str
    profile: str
    gait: str
    peak: str
    time: str
    rails: str
    symmetry: str
    events: str
    dizziness: str
    rpe: str
    heart: str
    icon: str
    outcome: str
    cause: str
    bad: bool


def row_of(head: SessionHead, words: Words) -> Row:
    """The row of this session."""
    summary, say = head.summary, words.say
    icon, outcome = OUTCOMES[head.outcome]
    return Row(
        id=head.id, person_id=head.person_id, started=words.instant(head.started_at), machine=head.machine, profile=head.profile,
        gait=say(_gait(head)),
        peak=words.speed(summary.peak_mps), time=words.clock(summary.belt_s), rails=words.number(summary.rail_load_percent),
        symmetry=words.number(summary.asymmetry_percent, 0), events=str(summary.balance_events),
        dizziness=words.number(summary.max_dizziness, 0), rpe=words.number(summary.max_rpe, 0), heart=words.number(summary.max_heart_rate_per_min, 0),
        icon=icon, outcome=say(outcome), cause=say(CAUSES.get(head.cause, head.cause)) if head.cause else "", bad=head.outcome is Outcome.STOPPED,
    )  # fmt: skip


def _gait(head: SessionHead) -> str:
    if goes_backward(head):
        return _("backward")
    return _("forward") if head.direction in {"forward", "reverse"} else _("both ways")
