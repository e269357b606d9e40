"""What the importer finds in a journal: sessions, proof tests, and the places where something is missing."""

from __future__ import annotations

from dataclasses import dataclass

from treadctl.records.model import ProofTest, Session


@dataclass(frozen=True, slots=True)
class Built:
    """A finished session, with the ARM request that began it; None where the journal no longer holds that."""

    session: Session
    request_id: str | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Part of the journal that could not be imported: where, which row of `errors.py` says what it is, and the fact in words. Nothing is passed by silently."""

    place: str
    error: str
    sentence: str


Finding = Built | ProofTest | Gap
