"""Prescriptions: profile files, the person's caps, preflight, and the program they compile to."""

from treadctl.prescription.compile import check_program, compile_program
from treadctl.prescription.frame import REFERENCE, MachineFrame, frame_of
from treadctl.prescription.history import History, PastSession, history_of, history_table
from treadctl.prescription.person import Person, load_person, person_from_options, person_limits, session_limits
from treadctl.prescription.plan import Plan, make_plan
from treadctl.prescription.preflight import Finding, preflight, refusals
from treadctl.prescription.prepare import Prepared, prepare
from treadctl.prescription.profile import Profile, load_profile, profile_sha256

__all__ = [
    "REFERENCE",
    "Finding",
    "History",
    "MachineFrame",
    "PastSession",
    "Person",
    "Plan",
    "Prepared",
    "Profile",
    "check_program",
    "compile_program",
    "frame_of",
    "history_of",
    "history_table",
    "load_person",
    "load_profile",
    "make_plan",
    "person_from_options",
    "person_limits",
    "preflight",
    "prepare",
    "profile_sha256",
    "refusals",
    "session_limits",
]
