"""Proof tests of the machines, as the journal tells them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, select

from treadctl.records.model import ProofTest
from treadctl.records.repository import Page, Repository, Token, page_of
from treadctl.records.schema import PROOF_TESTS


class ProofTests(Repository):
    """Reads them; `importing` writes them."""

    async def of(self, machine: str, *, page: Token = None, size: int = 50) -> Page[ProofTest]:
        """Of one machine, newest first."""
        query = select(PROOF_TESTS).where(PROOF_TESTS.c.machine == machine).order_by(PROOF_TESTS.c.at.desc(), PROOF_TESTS.c.kind.desc())
        return await page_of(self.database, query, (PROOF_TESTS.c.at, PROOF_TESTS.c.kind), page, size, test_of, descending=True)

    async def latest(self, machine: str, kind: str) -> ProofTest | None:
        """The last one of a kind; None if there never was one."""
        query = select(PROOF_TESTS).where(PROOF_TESTS.c.machine == machine, PROOF_TESTS.c.kind == kind).order_by(PROOF_TESTS.c.at.desc()).limit(1)
        async with self.database.read() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else test_of(row)


def test_of(row: Row[Any]) -> ProofTest:
    """A row as a plain value."""
    return ProofTest(row.at, row.machine, row.kind, row.passed, row.detail)
