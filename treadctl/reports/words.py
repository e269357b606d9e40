"""Texts of ours for the values of records: outcomes, causes, stop actions, questions, roles. To be translated where they are shown."""

from __future__ import annotations

from typing import Final

from treadctl.core.interlock import INDEX, ROWS
from treadctl.records.model import Outcome, Role
from treadctl.reports.figures import N_

OUTCOMES: Final = {
    Outcome.COMPLETED: N_("Completed"),
    Outcome.ENDED_EARLY: N_("Ended early by request"),
    Outcome.STOPPED: N_("Stopped"),
    Outcome.UNKNOWN: N_("The record breaks off"),
}
ACTIONS: Final = {
    "SS2": N_("ramp to rest"),
    "SS1": N_("protective ramp"),
    "SS1_FAST": N_("hardest braking"),
    "STO": N_("power off"),
    "SLOW": N_("slower"),
    "HOLD": N_("no faster"),
    "WARN": N_("warning"),
}
QUESTIONS: Final = {
    "rpe": N_("Effort (Borg 6–20)"),
    "dizziness": N_("Dizziness (0–10)"),
    "pain": N_("Pain (0–10)"),
    "breathing": N_("Breathing (0–10)"),
}
ROLES: Final = {
    Role.VIEWER: N_("viewer"),
    Role.STAFF: N_("staff"),
    Role.PHYSIOTHERAPIST: N_("physiotherapist"),
    Role.PHYSICIAN: N_("physician"),
    Role.SERVICE: N_("service"),
    Role.ADMINISTRATOR: N_("administrator"),
}
RATIO_BASIS: Final = N_(
    "Backward gait was measured to cost about 1.3 to 1.6 times the energy of forward gait at equal speed, in small groups of healthy, mostly young adults; "
    "one person may differ."
)


def cause_words(cause: str | None) -> str:
    """The interlock's sentence for a cause; the id itself where this release does not know it; empty for none."""
    if not cause:
        return ""
    index = INDEX.get(cause)
    return cause if index is None else ROWS[index].sentence
