"""Everything an ARM request needs, from a profile, a machine and a person, in one call."""

from __future__ import annotations

from dataclasses import dataclass

from treadctl.core.limits import Limits
from treadctl.core.program import Person as CorePerson
from treadctl.core.program import Program
from treadctl.errors import TreadctlError
from treadctl.prescription.compile import compile_program
from treadctl.prescription.frame import MachineFrame
from treadctl.prescription.person import Person, session_limits
from treadctl.prescription.plan import guard_findings
from treadctl.prescription.preflight import Finding, preflight, refusals
from treadctl.prescription.profile import Profile


@dataclass(frozen=True, slots=True)
class Prepared:
    """What goes into an ArmOrder. `limits` are the tighter of machine and person and finite; `preflight` holds the sentences that forbid a start."""

    program: Program
    person: CorePerson
    limits: Limits
    preflight: tuple[str, ...]
    findings: tuple[Finding, ...]


def prepare(profile: Profile, frame: MachineFrame, person: Person, *, allowance_s: float | None = None) -> Prepared:
    """Compile for the machine and look the person over.

    Raises TC120 / TC121 where the machine itself forbids the profile (limits, a guard not fitted, a stop longer than the deck without harness). What
    the person forbids is no error but a sentence in `preflight`, so that it can be shown, and overruled by name where the rules allow it.
    `allowance_s` is what the record says is left of the person's week, s.
    """
    program = compile_program(profile, frame.limits)
    guards = guard_findings(profile, frame)
    if guards:
        raise TreadctlError("beyond_machine", profile.name, guards[0].rstrip("."))
    findings = preflight(profile, person, frame)
    return Prepared(program, person.core(allowance_s), session_limits(frame.limits, person, profile.facing), refusals(findings), findings)
