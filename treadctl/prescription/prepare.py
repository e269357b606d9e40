"""Everything an ARM request needs, from a profile, a machine and a person, in one call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from treadctl.core.limits import Limits
from treadctl.core.program import Block, Program
from treadctl.core.program import Person as CorePerson
from treadctl.errors import TreadctlError
from treadctl.prescription.compile import compile_program
from treadctl.prescription.frame import MachineFrame
from treadctl.prescription.history import History
from treadctl.prescription.person import Person, session_limits
from treadctl.prescription.plan import guard_findings
from treadctl.prescription.predicates import Case
from treadctl.prescription.preflight import Finding, full_case, preflight, refusals
from treadctl.prescription.profile import Profile
from treadctl.prescription.rules import ROWS, Kind, Row, Stage


@dataclass(frozen=True, slots=True)
class Prepared:
    """What goes into an ArmOrder. `limits` are the tighter of machine and person and finite; `preflight` holds the sentences that forbid a start."""

    program: Program
    person: CorePerson
    limits: Limits
    preflight: tuple[str, ...]
    findings: tuple[Finding, ...]


def prepare(
    profile: Profile,
    frame: MachineFrame,
    person: Person,
    *,
    allowance_s: float | None = None,
    history: History | None = None,
    day: date | None = None,
) -> Prepared:
    """Compile for the machine and look the person over.

    Raises TC120 / TC121 where the machine itself forbids the profile (limits, a guard not fitted, a stop longer than the deck without harness). What
    the person forbids is no error but a sentence in `preflight`, so that it can be shown, and overruled by name where the rules allow it.
    The program asks what the rules ask of this person, besides the questions of the profile. `allowance_s` is what the record says is left of the
    person's week, s; `history` and `day` as for `preflight`.
    """
    program = compile_program(profile, frame.limits)
    guards = guard_findings(profile, frame)
    if guards:
        raise TreadctlError("beyond_machine", profile.name, guards[0].rstrip("."))
    findings = preflight(profile, person, frame, history, day)
    asked = with_questions(program, full_case(profile, person, frame, history, day))
    limits = session_limits(frame.limits, person, profile.facing, history, day)
    return Prepared(asked, person.core(allowance_s, history), limits, refusals(findings), findings)


def with_questions(program: Program, case: Case, rows: tuple[Row, ...] = ROWS) -> Program:
    """The program with the questions of every asking row that applies, put behind those of the profile; nothing else of it changes."""
    wanted = [row for row in rows if row.kind is Kind.ASK and row.asks and row.predicate(case)]
    segments = list(program.segments)
    stretches = [n for n, segment in enumerate(segments) if segment.block is Block.MAIN and segment.speed_mps > 0.0]
    for row in wanted:
        places = stretches[-1:] if row.stage is Stage.END else [*stretches, len(segments) - 1]
        for n in places:
            added = tuple(kind for kind in row.asks if kind not in segments[n].prompts)
            segments[n] = replace(segments[n], prompts=(*segments[n].prompts, *added))
    return replace(program, segments=tuple(segments))
