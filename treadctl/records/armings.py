"""Which person and which revision an ARM request in the journal was for."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from treadctl.errors import TreadctlError
from treadctl.records.audit import Actor, append
from treadctl.records.model import Arming
from treadctl.records.repository import Repository, missing, require_person, require_text
from treadctl.records.schema import ARMINGS, PRESCRIPTIONS, REVISIONS


class Armings(Repository):
    """Written before the request goes to the daemon, so that no session is ever nobody's by accident."""

    async def add(self, actor: Actor, request_id: str, person_id: str, revision_id: int | None = None, *, by: str | None = None) -> Arming:
        """TC605 for a person or revision that is not there, or a revision that is somebody else's; TC607 for a request that was written before."""
        at, who = self.now(), require_text("arming > by", by or actor.login, 200)
        arming = Arming(require_text("arming > request", request_id, 128), person_id, revision_id, who, at)
        try:
            async with self.database.write() as connection:
                await require_person(connection, person_id)
                if revision_id is not None:
                    await _require_revision(connection, revision_id, person_id)
                await connection.execute(insert(ARMINGS).values(request_id=request_id, person_id=person_id, revision_id=revision_id, by=who, at=at))
                await append(connection, at, actor, "session.arm_asked", person_id, f"request {request_id}")
        except IntegrityError:
            raise TreadctlError("record_exists", f"request {request_id}") from None
        return arming

    async def find(self, request_id: str) -> Arming | None:
        """None for a request that came from elsewhere, as from the command line."""
        async with self.database.read() as connection:
            return await find_arming(connection, request_id)

    async def latest(self) -> Arming | None:
        """What was asked for last."""
        async with self.database.read() as connection:
            row = (await connection.execute(select(ARMINGS).order_by(ARMINGS.c.at.desc()).limit(1))).first()
        return None if row is None else arming_of(row)


async def find_arming(connection: AsyncConnection, request_id: str) -> Arming | None:
    """The same within the caller's transaction, for the importer."""
    row = (await connection.execute(select(ARMINGS).where(ARMINGS.c.request_id == request_id))).first()
    return None if row is None else arming_of(row)


async def _require_revision(connection: AsyncConnection, revision_id: int, person_id: str) -> None:
    query = select(PRESCRIPTIONS.c.person_id).join(REVISIONS).where(REVISIONS.c.id == revision_id)
    row = (await connection.execute(query)).first()
    if row is None or row.person_id not in {None, person_id}:
        raise missing("revision", revision_id)


def arming_of(row: Row[Any]) -> Arming:
    """A row as a plain value."""
    return Arming(row.request_id, row.person_id, row.revision_id, row.by, row.at)
