"""Preflight: may this person do this profile on this machine today? Findings in words for staff; a refusal forbids the start."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from treadctl.prescription.frame import MachineFrame
from treadctl.prescription.history import History
from treadctl.prescription.person import Person, case_of
from treadctl.prescription.predicates import Case
from treadctl.prescription.profile import Profile
from treadctl.prescription.rules import ROWS, Kind, Row, caps_of
from treadctl.prescription.words import Rule


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: the rule, what it is, and whether it forbids the start. `set_aside_by` names the clinician who decided otherwise, `row` the row."""

    rule: Rule
    sentence: str
    refuses: bool
    set_aside_by: str = ""
    row: str = ""


def preflight(
    profile: Profile,
    person: Person | None,
    frame: MachineFrame,
    history: History | None = None,
    day: date | None = None,
    *,
    rows: tuple[Row, ...] = ROWS,
) -> tuple[Finding, ...]:
    """Every finding, refusals first, else in the order of the table. Without a person nothing is known of them, and that alone refuses.

    `history` is what the record knows; without it the person file's own counts. `day` is today, without which the age of the screening is not judged and
    staff are told so.
    """
    if person is None:
        return (Finding(Rule.SCREENING, "Nobody is named: mass and screening of the person are needed.", refuses=True),)
    case = full_case(profile, person, frame, history, day, rows)
    found = [_finding(row, hit.detail, person) for row in rows if row.kind in {Kind.REFUSE, Kind.ASK} for hit in row.predicate(case)]
    return tuple(sorted(found, key=_refusals_first))


def full_case(profile: Profile, person: Person, frame: MachineFrame, history: History | None, day: date | None, rows: tuple[Row, ...] = ROWS) -> Case:
    """All that the rows look at, the caps of the limiting rows included."""
    case = case_of(person, history, day)
    return replace(case, profile=profile, frame=frame, caps=caps_of(case, profile.facing, rows))


def refusals(findings: tuple[Finding, ...]) -> tuple[str, ...]:
    """The sentences that still forbid a start, as the daemon takes them with an ARM request."""
    return tuple(finding.sentence for finding in findings if finding.refuses)


def _refusals_first(finding: Finding) -> bool:
    return not finding.refuses


def _finding(row: Row, detail: str, person: Person) -> Finding:
    sentence = f"{row.sentence} {detail}" if detail else row.sentence
    override = next((entry for entry in person.overrides if entry.rule is row.rule), None)
    if row.kind is not Kind.REFUSE or override is None:
        return Finding(row.rule, sentence, row.kind is Kind.REFUSE, row=row.id)
    return Finding(row.rule, sentence, refuses=False, set_aside_by=f"{override.by}, {override.role}: {override.reason}", row=row.id)
