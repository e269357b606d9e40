"""From records to what the daemon arms: the person file put together from its parts, and what preflight says of it on this machine today."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Any, Final

import tomli_w

from treadctl.config.problems import validate
from treadctl.config.toml_file import parse_toml
from treadctl.core.messages import Checklist
from treadctl.errors import TreadctlError
from treadctl.ipc.messages import ArmArgs, Prescribed
from treadctl.prescription.frame import MachineFrame
from treadctl.prescription.history import PastSession, history_of, history_table
from treadctl.prescription.person import Override, Person, person_of
from treadctl.prescription.preflight import Finding, preflight
from treadctl.prescription.profile import Profile, profile_of
from treadctl.records.model import Outcome, OverrideRecord, Screening, SessionHead
from treadctl.records.model import Person as PersonRecord

PARTS_WITH_TABLES: Final = ("screening", "overrides", "sessions_last_7_days", "history")  # never taken from the facts: the record itself has them


@dataclass(frozen=True, slots=True)
class Known:
    """What the record holds of a person that bears on a start: `sessions` are the heads of their backward ones, the newest first."""

    person: PersonRecord
    screening: Screening | None
    overrides: tuple[OverrideRecord, ...]
    sessions: tuple[SessionHead, ...]


def person_text(known: Known, day: date, zone: tzinfo) -> str:
    """The person file of this record on this day, as the daemon reads it. TC101 for facts that are no TOML."""
    facts, screening = parse_toml(known.person.facts.encode(), "person"), known.screening
    table = {key: value for key, value in facts.items() if key not in PARTS_WITH_TABLES}
    if screening is not None:
        table["screening"] = {**screening.answers, "answered_on": screening.at.astimezone(zone).date()}
    table["history"] = history_table(history_of((past_session(head, zone) for head in known.sessions), day))
    in_force = [o for o in known.overrides if o.withdrawn_at is None]
    table["overrides"] = [{"rule": o.rule, "by": o.by, "role": o.role.value, "reason": o.reason} for o in in_force]
    return tomli_w.dumps(table)


def past_session(head: SessionHead, zone: tzinfo) -> PastSession:
    """A session as the rules look back at it."""
    summary = head.summary
    return PastSession(
        day=head.started_at.astimezone(zone).date(), peak_mps=summary.peak_mps, belt_s=summary.belt_s,
        events=summary.balance_events, rail_load_percent=summary.rail_load_percent, max_dizziness=summary.max_dizziness,
        max_pain=summary.max_pain, max_rpe=summary.max_rpe, completed=head.outcome is Outcome.COMPLETED,
    )  # fmt: skip


def facts_text(fields: Mapping[str, Any]) -> str:
    """The facts of a person as kept, from single values; None = not given. Raises TreadctlError TC102 to TC104 with the key that is wrong."""
    table = {"format": 1} | {key: value for key, value in fields.items() if value is not None and value != {}}
    validate(Person, table, "person")
    return tomli_w.dumps(table)


def override_of(rule: str, by: str, role: str, reason: str) -> Override:
    """Checked as the person file checks it: only a physician sets some rules aside, nobody others."""
    return validate(Override, {"rule": rule, "by": by, "role": role, "reason": reason}, "override")


@dataclass(frozen=True, slots=True)
class Ready:
    """A person and a prescription put together: what would be armed, what forbids it, and what staff should know."""

    person: Person
    profile: Profile
    person_text: str
    profile_text: str
    findings: tuple[Finding, ...]

    @property
    def refusals(self) -> tuple[Finding, ...]:
        """Those that forbid a start."""
        return tuple(finding for finding in self.findings if finding.refuses)

    def arm(self, checklist: Checklist) -> ArmArgs:
        """What the ARM request carries."""
        texts = Prescribed(_lines(self.profile_text), _lines(self.person_text))
        return ArmArgs(self.person.core(), checklist, prescribed=texts)


def make_ready(person: str, profile: str, frame: MachineFrame, day: date) -> Ready:
    """Read both texts and look the person over. Raises TreadctlError TC101 to TC121 for a text that is not right."""
    who, what = person_of(person, "person"), profile_of(profile, "prescription")
    return Ready(who, what, person, profile, preflight(what, who, frame, day=day))


def _lines(text: str) -> tuple[str, ...]:
    """The lines as the socket carries them. A tab inside TOML means a space, but in a multi-line text; there it is one for whoever reads it."""
    lines = tuple(line.replace("\t", " ") for line in text.splitlines())
    if any(len(line) > 1000 or not line.isprintable() for line in lines):
        raise TreadctlError("bad_value", "prescription", "a line is longer than 1,000 characters, or holds characters that do not print")
    return lines
