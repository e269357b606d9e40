"""The audit trail: who did what, each entry chained to the one before by SHA-256, and the last one known to a row of its own, so that a cut end shows too.

It holds ids and never a name of somebody who walks, so that an erasure need not touch it. The chain shows what was altered by somebody who did not reckon the
rest anew; who can write everything can do that too, so a clinic notes the last digest elsewhere now and then (`Audit.head`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from treadctl.errors import TreadctlError
from treadctl.records.columns import micros
from treadctl.records.model import AuditEntry
from treadctl.records.repository import Page, Repository, Token, page_of
from treadctl.records.schema import AUDIT, AUDIT_HEAD

_CHUNK: Final = 2000


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: a user's login and role, or a program's name and "system"."""

    login: str
    role: str


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain stands."""

    number: int
    digest: str


def digest_of(before: str, number: int, at: datetime, who: str, role: str, action: str, subject: str, detail: str) -> str:
    """The digest of an entry after one whose digest is `before`: SHA-256 over JSON with sorted keys and no spaces."""
    entry = {"number": number, "at_us": micros(at), "who": who, "role": role, "action": action, "subject": subject, "detail": detail, "before": before}
    return hashlib.sha256(json.dumps(entry, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()


async def append(connection: AsyncConnection, at: datetime, actor: Actor, action: str, subject: str, detail: str = "") -> None:
    """Add an entry within the caller's transaction. Call it last: from here to its end, others who write wait."""
    head = (await connection.execute(select(AUDIT_HEAD).with_for_update())).one()
    number = head.number + 1
    digest = digest_of(head.digest, number, at, actor.login, str(actor.role), action, subject, detail)
    values = {"number": number, "at": at, "who": actor.login, "role": str(actor.role), "action": action, "subject": subject, "detail": detail}
    await connection.execute(insert(AUDIT).values(**values, digest=digest))
    await connection.execute(update(AUDIT_HEAD).values(number=number, digest=digest))


class Audit(Repository):
    """Reads and proves the trail."""

    async def add(self, actor: Actor, action: str, subject: str, detail: str = "") -> None:
        """An entry of its own, for what changes nothing here: somebody signed on, looked at a person, asked the daemon for something."""
        async with self.database.write() as connection:
            await append(connection, self.now(), actor, action, subject, detail)

    async def entries(self, *, subject: str | None = None, who: str | None = None, page: Token = None, size: int = 50) -> Page[AuditEntry]:
        """Newest first."""
        query = select(AUDIT).order_by(AUDIT.c.number.desc())
        if subject is not None:
            query = query.where(AUDIT.c.subject == subject)
        if who is not None:
            query = query.where(AUDIT.c.who == who)
        return await page_of(self.database, query, (AUDIT.c.number,), page, size, entry_of, descending=True)

    async def head(self) -> Head:
        """Where the chain stands, to be noted elsewhere."""
        async with self.database.read() as connection:
            row = (await connection.execute(select(AUDIT_HEAD))).one()
        return Head(row.number, row.digest)

    async def verify(self, noted: Head | None = None) -> int:
        """The number of entries, after reckoning the chain anew. TC609 names the first entry that is altered, missing or too much.

        `noted` is a head noted before: it must be on the chain.
        """
        before = Head(0, "")
        async with self.database.read() as connection:
            head = (await connection.execute(select(AUDIT_HEAD))).one()
            while chunk := (await connection.execute(select(AUDIT).where(AUDIT.c.number > before.number).order_by(AUDIT.c.number).limit(_CHUNK))).all():
                for row in chunk:
                    before = _proven(row, before)
                    if noted is not None and noted.number == row.number and noted.digest != row.digest:
                        raise TreadctlError("audit_altered", f"audit entry {row.number}", "it is not the one that was noted")
        last = max(head.number, noted.number if noted is not None else 0)
        if before.number < last:
            raise TreadctlError("audit_altered", f"audit entry {before.number + 1}", f"it is missing, with all up to {last}")
        if before != Head(head.number, head.digest):
            raise TreadctlError("audit_altered", f"audit entry {head.number + 1}", "the trail does not end where its head says")
        return before.number


def _proven(row: Row[Any], before: Head) -> Head:
    if row.number != before.number + 1:
        raise TreadctlError("audit_altered", f"audit entry {before.number + 1}", "it is missing")
    if row.digest != digest_of(before.digest, row.number, row.at, row.who, row.role, row.action, row.subject, row.detail):
        raise TreadctlError("audit_altered", f"audit entry {row.number}", "it does not fit its digest and the entry before")
    return Head(row.number, row.digest)


def entry_of(row: Row[Any]) -> AuditEntry:
    """A row as a plain value."""
    return AuditEntry(row.number, row.at, row.who, row.role, row.action, row.subject, row.detail, row.digest)
