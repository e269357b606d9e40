"""Preflight: may this person do this profile on this machine today? Findings in words for staff; a refusal forbids the start."""

from __future__ import annotations

from dataclasses import dataclass

from treadctl.core.program import Hands
from treadctl.errors import TreadctlError
from treadctl.prescription.compile import compile_program, flatten
from treadctl.prescription.frame import MachineFrame
from treadctl.prescription.person import SESSIONS_PER_WEEK, Experience, Person, Rule, person_limits
from treadctl.prescription.plan import guard_findings
from treadctl.prescription.profile import Profile


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: the rule, what it is, and whether it forbids the start. `set_aside_by` names the clinician who decided otherwise."""

    rule: Rule
    sentence: str
    refuses: bool
    set_aside_by: str = ""


def preflight(profile: Profile, person: Person | None, frame: MachineFrame) -> tuple[Finding, ...]:
    """Every finding, refusals first. Without a person nothing is known of them, and that alone refuses."""
    if person is None:
        return (Finding(Rule.SCREENING, "Nobody is named: mass and screening of the person are needed.", refuses=True),)
    findings = [*_screening(person), *_habits(profile, person), *_fits(profile, person, frame)]
    findings += [Finding(Rule.GUARDS, sentence, refuses=True) for sentence in guard_findings(profile, frame)]
    decided = [_decide(finding, person) for finding in findings]
    return tuple(sorted(decided, key=_refusals_first))


def refusals(findings: tuple[Finding, ...]) -> tuple[str, ...]:
    """The sentences that still forbid a start, as the daemon takes them with an ARM request."""
    return tuple(finding.sentence for finding in findings if finding.refuses)


def _refusals_first(finding: Finding) -> bool:
    return not finding.refuses


def _decide(finding: Finding, person: Person) -> Finding:
    override = next((entry for entry in person.overrides if entry.rule is finding.rule), None)
    if not finding.refuses or override is None:
        return finding
    return Finding(finding.rule, finding.sentence, refuses=False, set_aside_by=f"{override.by}, {override.role}: {override.reason}")


def _screening(person: Person) -> list[Finding]:
    answers = person.screening
    if answers is None:
        return [Finding(Rule.SCREENING, "The screening questions have not been answered.", refuses=True)]
    found: list[Finding] = []
    if answers.severe_osteoporosis:
        found.append(Finding(Rule.OSTEOPOROSIS, "Severe osteoporosis: no backward training.", refuses=True))
    if answers.vestibular_dysfunction:
        found.append(Finding(Rule.VESTIBULAR, "A disorder of the sense of balance: no backward training.", refuses=True))
    if answers.lumbar_problem:
        found.append(Finding(Rule.LUMBAR, "Trouble of the lower back: a clinician decides.", refuses=True))
    if answers.ankle_problem:
        found.append(Finding(Rule.ANKLE, "Trouble of an ankle: ask about ankle pain during and after.", refuses=False))
    return found


def _habits(profile: Profile, person: Person) -> list[Finding]:
    found: list[Finding] = []
    if person.sessions_last_7_days is None:
        found.append(Finding(Rule.WEEKLY, "How many sessions there were in the last seven days is not known.", refuses=False))
    elif person.sessions_last_7_days >= SESSIONS_PER_WEEK:
        sentence = f"{person.sessions_last_7_days} sessions in the last seven days; the default is at most {SESSIONS_PER_WEEK}, published trials used 3."
        found.append(Finding(Rule.WEEKLY, sentence, refuses=True))
    if person.experience is Experience.FIRST:
        for item in flatten(profile):
            if item.moves and item.segment.hands is not Hands.ON:
                found.append(Finding(Rule.HANDS, f"First sessions are walked with both hands on the rails; {item.place} wants otherwise.", refuses=True))
                break
    return found


def _fits(profile: Profile, person: Person, frame: MachineFrame) -> list[Finding]:
    try:
        compile_program(profile, frame.limits, person_limits(person, profile.facing))
    except TreadctlError as error:
        return [Finding(Rule.CAPS, str(error), refuses=True)]
    return []
