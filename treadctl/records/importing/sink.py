"""Sink: what the importer needs of the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from treadctl.records.importing.findings import Gap
from treadctl.records.model import Arming, ProofTest, Session


class Sink(Protocol):
    """The store's side of the import. Every method may raise TreadctlError TC600 to TC604; the import then goes on later from the cursor kept."""

    async def cursor(self) -> str | None:
        """The text of the cursor last committed, None before the first commit."""
        ...

    async def arming(self, request_id: str) -> Arming | None:
        """Whom and what the ARM request of that id was for; None for one that was not made at the console."""
        ...

    async def commit(self, sessions: Sequence[Session], proof_tests: Sequence[ProofTest], gaps: Sequence[Gap], cursor: str) -> None:
        """Keep all of it and the cursor in one transaction, or nothing. A session whose id is there already is the same one and takes its place."""
        ...
