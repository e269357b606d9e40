"""Every file that is made of records, as jobs of a workshop. What makes them is loaded where they are made: whoever orders them starts without it."""

# ruff: noqa: PLC0415 - that is what this module is for

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from treadctl.records.model import MeasureRecord, OverrideRecord, Session, SessionHead
from treadctl.reports.figures import Setting

if TYPE_CHECKING:
    from treadctl.reports.typeface import Typeface


def session_report(session: Session, setting: Setting, name: str | None, overrides: tuple[OverrideRecord, ...]) -> bytes:
    """The report of a session, one page (PDF)."""
    from treadctl.reports.energy_range import energy_of
    from treadctl.reports.session_pdf import session_pdf

    return session_pdf(session, setting, name=name, overrides=overrides, energy=energy_of(session), typeface=_typeface())


def progress_report(heads: tuple[SessionHead, ...], measures: tuple[MeasureRecord, ...], setting: Setting, person_id: str, name: str | None) -> bytes:
    """The trends of a person, one page (PDF)."""
    from treadctl.reports.progress_pdf import progress_pdf

    return progress_pdf(heads, measures, setting, person_id=person_id, name=name, typeface=_typeface())


def fhir_bundle(session: Session, setting: Setting) -> str:
    """A session as an HL7 FHIR R4 bundle."""
    from treadctl.reports.energy_range import energy_of
    from treadctl.reports.fhir import fhir_json

    return fhir_json(session, setting.made_at, energy=energy_of(session))


def activity(session: Session) -> bytes:
    """A session as an activity file (FIT)."""
    from treadctl.reports.fit import fit_bytes

    return fit_bytes(session)


def document(session: Session) -> str:
    """All of a session, with a published schema (JSON)."""
    from treadctl.reports.session_json import session_json

    return session_json(session)


def samples(session: Session) -> str:
    """The samples of a session (CSV)."""
    from treadctl.reports.table import samples_csv

    return samples_csv(session)


def session_list(heads: tuple[SessionHead, ...]) -> str:
    """The sessions of a person, a line for each (CSV)."""
    from treadctl.reports.table import sessions_csv

    return sessions_csv(heads)


@cache
def _typeface() -> Typeface:
    from treadctl.reports.typeface import find_typeface

    return find_typeface()
