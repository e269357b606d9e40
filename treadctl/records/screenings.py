"""The screening of a person, and the rules a clinician has set aside for them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, insert, select, update

from treadctl.records.audit import Actor, append
from treadctl.records.model import OverrideRecord, Role, Screening
from treadctl.records.repository import Repository, missing, require_person, require_text
from treadctl.records.schema import OVERRIDES, SCREENINGS


class Screenings(Repository):
    """Answers are added and never changed: the last ones count."""

    async def add(self, actor: Actor, person_id: str, answers: dict[str, bool], *, signer: str | None = None) -> Screening:
        """The answers of today, signed. `signer` is the name of the actor as the records show it; without it, their login. TC605."""
        at, signed = self.now(), require_text("screening > signer", signer or actor.login, 200)
        values = {"person_id": person_id, "at": at, "signer": signed, "role": Role(actor.role).value, "answers": answers}
        async with self.database.write() as connection:
            await require_person(connection, person_id)
            number = (await connection.execute(insert(SCREENINGS).values(values).returning(SCREENINGS.c.id))).scalar_one()
            await append(connection, at, actor, "screening.added", person_id, f"screening {number}")
        return Screening(number, person_id, at, signed, Role(actor.role), dict(answers))

    async def latest(self, person_id: str) -> Screening | None:
        """The answers that count; None for somebody who was never asked."""
        query = select(SCREENINGS).where(SCREENINGS.c.person_id == person_id).order_by(SCREENINGS.c.at.desc(), SCREENINGS.c.id.desc()).limit(1)
        async with self.database.read() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else screening_of(row)

    async def of(self, person_id: str) -> tuple[Screening, ...]:
        """All of them, newest first."""
        query = select(SCREENINGS).where(SCREENINGS.c.person_id == person_id).order_by(SCREENINGS.c.at.desc(), SCREENINGS.c.id.desc())
        async with self.database.read() as connection:
            return tuple(map(screening_of, await connection.execute(query)))


class Overrides(Repository):
    """Whether somebody may override a rule, the console's table of rights and `treadctl.prescription` say; here it is kept."""

    async def add(self, actor: Actor, person_id: str, rule: str, reason: str, *, by: str | None = None) -> OverrideRecord:
        """A rule set aside from now on. TC605."""
        require_text("override > reason", reason, 2000)
        at, who = self.now(), require_text("override > by", by or actor.login, 200)
        values = {
            "person_id": person_id,
            "rule": require_text("override > rule", rule, 64),
            "by": who,
            "role": Role(actor.role).value,
            "reason": reason,
            "at": at,
        }
        async with self.database.write() as connection:
            await require_person(connection, person_id)
            number = (await connection.execute(insert(OVERRIDES).values(**values, withdrawn_by="").returning(OVERRIDES.c.id))).scalar_one()
            await append(connection, at, actor, "override.added", person_id, f"override {number} of {rule}")
        return OverrideRecord(number, person_id, rule, who, Role(actor.role), reason, at)

    async def withdraw(self, actor: Actor, override_id: int, *, by: str | None = None) -> None:
        """It counts no more. TC605 if there is none, or it was withdrawn before."""
        mine = (OVERRIDES.c.id == override_id, OVERRIDES.c.withdrawn_at.is_(None))
        done = update(OVERRIDES).where(*mine).values(withdrawn_at=self.now(), withdrawn_by=by or actor.login).returning(OVERRIDES.c.person_id)
        async with self.database.write() as connection:
            person_id = (await connection.execute(done)).scalar_one_or_none()
            if person_id is None:
                raise missing("override", override_id)
            await append(connection, self.now(), actor, "override.withdrawn", person_id, f"override {override_id}")

    async def in_force(self, person_id: str) -> tuple[OverrideRecord, ...]:
        """Those that count now, oldest first."""
        return tuple(record for record in await self.of(person_id) if record.withdrawn_at is None)

    async def of(self, person_id: str) -> tuple[OverrideRecord, ...]:
        """All of them, oldest first."""
        async with self.database.read() as connection:
            return tuple(map(override_of, await connection.execute(select(OVERRIDES).where(OVERRIDES.c.person_id == person_id).order_by(OVERRIDES.c.id))))


def screening_of(row: Row[Any]) -> Screening:
    """A row as a plain value."""
    return Screening(row.id, row.person_id, row.at, row.signer, Role(row.role), row.answers)


def override_of(row: Row[Any]) -> OverrideRecord:
    """A row as a plain value."""
    return OverrideRecord(row.id, row.person_id, row.rule, row.by, Role(row.role), row.reason, row.at, row.withdrawn_at, row.withdrawn_by)
