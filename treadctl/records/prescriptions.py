"""Prescriptions: each a line of revisions that are never changed. One without a person is a protocol of the clinic's library."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from treadctl.errors import TreadctlError
from treadctl.records.audit import Actor, append
from treadctl.records.model import Revision, Role
from treadctl.records.repository import Repository, missing, require_person, require_text
from treadctl.records.schema import PRESCRIPTIONS, REVISIONS

REVISION_ROWS: Final = select(REVISIONS, PRESCRIPTIONS.c.person_id, PRESCRIPTIONS.c.withdrawn_at).join(PRESCRIPTIONS)


class Prescriptions(Repository):
    """Writes and reads them. What a profile file may say, `treadctl.prescription` checks before."""

    async def new(self, actor: Actor, person_id: str | None, title: str, text: str, *, note: str = "", by: str | None = None) -> Revision:
        """The first revision of a new prescription; of a library protocol where `person_id` is None. TC605."""
        _require(title, text, note)
        at = self.now()
        async with self.database.write() as connection:
            if person_id is not None:
                await require_person(connection, person_id)
            made = insert(PRESCRIPTIONS).values(person_id=person_id, number=1, created_at=at).returning(PRESCRIPTIONS.c.id)
            prescription_id = (await connection.execute(made)).scalar_one()
            return await self._write(connection, actor, at, prescription_id, 1, title=title, text=text, note=note, by=by)

    async def revise(self, actor: Actor, prescription_id: int, expected: int, title: str, text: str, *, note: str = "", by: str | None = None) -> Revision:
        """The revision after number `expected`. TC606 unless that is the current one, and the prescription is not withdrawn; TC605."""
        _require(title, text, note)
        mine = (PRESCRIPTIONS.c.id == prescription_id, PRESCRIPTIONS.c.number == expected, PRESCRIPTIONS.c.withdrawn_at.is_(None))
        async with self.database.write() as connection:
            # Of two who revise at once, the second waits here for the first and then finds another number.
            done = await connection.execute(update(PRESCRIPTIONS).where(*mine).values(number=expected + 1))
            if done.rowcount != 1:
                raise await self._refusal(connection, prescription_id, expected)
            return await self._write(connection, actor, self.now(), prescription_id, expected + 1, title=title, text=text, note=note, by=by)

    async def withdraw(self, actor: Actor, prescription_id: int) -> None:
        """It is no more for use; its revisions can still be read. TC605 if there is none, or it was withdrawn before."""
        mine = (PRESCRIPTIONS.c.id == prescription_id, PRESCRIPTIONS.c.withdrawn_at.is_(None))
        async with self.database.write() as connection:
            done = await connection.execute(update(PRESCRIPTIONS).where(*mine).values(withdrawn_at=self.now()).returning(PRESCRIPTIONS.c.person_id))
            row = done.first()
            if row is None:
                raise missing("prescription", prescription_id)
            await append(connection, self.now(), actor, "prescription.withdrawn", *_subject(row.person_id, prescription_id, ""))

    async def revision(self, revision_id: int) -> Revision:
        """TC605 if there is none."""
        async with self.database.read() as connection:
            return await _revision(connection, revision_id)

    async def revisions(self, prescription_id: int) -> tuple[Revision, ...]:
        """All of a prescription, newest first. TC605 if there is none."""
        query = REVISION_ROWS.where(PRESCRIPTIONS.c.id == prescription_id).order_by(REVISIONS.c.number.desc())
        async with self.database.read() as connection:
            rows = (await connection.execute(query)).all()
        if not rows:
            raise missing("prescription", prescription_id)
        return tuple(map(revision_of, rows))

    async def current(self, person_id: str) -> tuple[Revision, ...]:
        """The current revision of each prescription of a person that is not withdrawn; the one written last comes first."""
        return await self._current(PRESCRIPTIONS.c.person_id == person_id)

    async def library(self) -> tuple[Revision, ...]:
        """The current revision of each protocol of the clinic, the same way."""
        return await self._current(PRESCRIPTIONS.c.person_id.is_(None))

    async def _current(self, whose: ColumnElement[bool]) -> tuple[Revision, ...]:
        query = REVISION_ROWS.where(whose, PRESCRIPTIONS.c.withdrawn_at.is_(None), REVISIONS.c.number == PRESCRIPTIONS.c.number)
        async with self.database.read() as connection:
            return tuple(map(revision_of, await connection.execute(query.order_by(REVISIONS.c.at.desc(), REVISIONS.c.id.desc()))))

    async def _write(
        self, connection: AsyncConnection, actor: Actor, at: datetime, prescription_id: int, number: int, *, title: str, text: str, note: str, by: str | None
    ) -> Revision:
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        who = require_text("prescription > by", by or actor.login, 200)
        values = {"prescription_id": prescription_id, "number": number, "title": title, "text": text, "sha256": sha256, "by": who, "role": str(actor.role)}
        made = insert(REVISIONS).values(**values, at=at, note=note).returning(REVISIONS.c.id)
        revision = await _revision(connection, (await connection.execute(made)).scalar_one())
        detail = f"revision {number}, sha256 {sha256[:16]}"
        await append(connection, at, actor, "prescription.written", *_subject(revision.person_id, prescription_id, detail))
        return revision

    async def _refusal(self, connection: AsyncConnection, prescription_id: int, expected: int) -> TreadctlError:
        row = (await connection.execute(select(PRESCRIPTIONS).where(PRESCRIPTIONS.c.id == prescription_id))).first()
        if row is None:
            return missing("prescription", prescription_id)
        now = "it was withdrawn" if row.withdrawn_at is not None else f"its current revision is {row.number}, not {expected}"
        return TreadctlError("record_changed", f"prescription {prescription_id}", now)


def _subject(person_id: str | None, prescription_id: int, detail: str) -> tuple[str, str]:
    """Subject and detail for the trail: what is of a person is found under the person."""
    what = f"prescription {prescription_id}"
    return (what, detail) if person_id is None else (person_id, f"{what} {detail}".strip())


def _require(title: str, text: str, note: str) -> None:
    require_text("prescription > title", title, 200)
    require_text("prescription > text", text)
    require_text("prescription > note", note, empty=True)


async def _revision(connection: AsyncConnection, revision_id: int) -> Revision:
    row = (await connection.execute(REVISION_ROWS.where(REVISIONS.c.id == revision_id))).first()
    if row is None:
        raise missing("revision", revision_id)
    return revision_of(row)


def revision_of(row: Row[Any]) -> Revision:
    """A row of REVISION_ROWS as a plain value."""
    return Revision(
        id=row.id, prescription_id=row.prescription_id, number=row.number, person_id=row.person_id, title=row.title, text=row.text, sha256=row.sha256,
        by=row.by, role=Role(row.role), at=row.at, note=row.note, withdrawn_at=row.withdrawn_at,
    )  # fmt: skip
