"""The people who walk."""

from __future__ import annotations

import re
import secrets
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from treadctl.errors import TreadctlError
from treadctl.records.audit import Actor, append
from treadctl.records.database import Database
from treadctl.records.erasure import erase_person
from treadctl.records.export import export_person
from treadctl.records.model import Person
from treadctl.records.names_key import write_name
from treadctl.records.repository import Clock, Page, Repository, Token, missing, page_of, require_text, storable, utc_now
from treadctl.records.schema import PERSON_WORDS, PERSONS
from treadctl.records.vault import Vault, words_of

ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # no two that are read for each other
ID_FORM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_TRIES: Final = 5


def new_pseudonym() -> str:
    """An id that says nothing: P and six signs, 729 million of them."""
    return "P" + "".join(secrets.choice(ALPHABET) for _ in range(6))


class People(Repository):
    """Adds, changes, finds, exports and erases people."""

    def __init__(self, database: Database, vault: Vault, now: Clock = utc_now) -> None:
        super().__init__(database, now)
        self.vault = vault

    async def add(self, actor: Actor, *, facts: str = "", name: str | None = None, note: str = "", person_id: str | None = None) -> Person:
        """A new person. Without `person_id` they get one. TC607 if it is taken, TC608 for a name without the key, TC104 for texts that cannot be kept."""
        _require(facts, name, note)
        if person_id is not None and ID_FORM.fullmatch(person_id) is None:
            raise TreadctlError("bad_value", "person > id", "up to 32 letters, digits, '.', '_' and '-', the first a letter or digit")
        for _ in range(_TRIES):
            key = person_id or new_pseudonym()
            try:
                return await self._add(actor, key, facts, name, note)
            except IntegrityError:
                if person_id is not None:
                    break
        raise TreadctlError("record_exists", f"person {key}")

    async def _add(self, actor: Actor, key: str, facts: str, name: str | None, note: str) -> Person:
        at = self.now()
        async with self.database.write() as connection:
            values = {"facts": facts, "note": note, "version": 1, "archived": False, "created_at": at, "changed_at": at}
            await connection.execute(insert(PERSONS).values(id=key, **values))
            if name:
                await write_name(connection, self.vault, key, name)
            await append(connection, at, actor, "person.added", key)
            return self._person(await _row(connection, key))

    async def change(
        self, actor: Actor, person_id: str, expected: int, *, facts: str | None = None, name: str | None = None, note: str | None = None
    ) -> Person:
        """Change what is given; None leaves as it is, the empty name takes the name away. TC606 unless `expected` is the present version, TC605, TC608."""
        _require(facts, name, note)
        given = {key: value for key, value in (("facts", facts), ("note", note)) if value is not None}
        async with self.database.write() as connection:
            await self._step(connection, person_id, expected, given)
            if name is not None:
                await write_name(connection, self.vault, person_id, name or None)
            changed = sorted([*given, *(["name"] if name is not None else [])])
            await append(connection, self.now(), actor, "person.changed", person_id, f"version {expected + 1}: {', '.join(changed)}")
            return self._person(await _row(connection, person_id))

    async def archive(self, actor: Actor, person_id: str, expected: int, *, archived: bool = True) -> Person:
        """Put a person away from the lists, or back. TC605, TC606 as in `change`."""
        async with self.database.write() as connection:
            await self._step(connection, person_id, expected, {"archived": archived})
            await append(connection, self.now(), actor, "person.archived" if archived else "person.restored", person_id)
            return self._person(await _row(connection, person_id))

    async def get(self, person_id: str) -> Person:
        """TC605 if there is none. Of somebody who was erased only the id and the instants are left."""
        async with self.database.read() as connection:
            return self._person(await _row(connection, person_id))

    async def search(self, text: str = "", *, archived: bool = False, page: Token = None, size: int = 50) -> Page[Person]:
        """Those whose id holds `text`, or whose name has each of its words, by id; all for an empty text. `archived` shows those who were put away instead."""
        query = select(PERSONS).where(PERSONS.c.archived.is_(archived), PERSONS.c.erased_at.is_(None)).order_by(PERSONS.c.id)
        if text.strip():
            query = query.where(self._matches(require_text("search", text.strip(), 200)))
        return await page_of(self.database, query, (PERSONS.c.id,), page, size, self._person, descending=False)

    async def export(self, actor: Actor, person_id: str, *, series: bool = True) -> dict[str, Any]:
        """Everything that is kept of one person, as JSON knows it; `series` with the samples of each session. TC605.

        Two transactions: first the trail notes that it is taken, then it is read, so that nobody who writes waits for a long reading.
        """
        async with self.database.write() as connection:
            await _row(connection, person_id)
            await append(connection, self.now(), actor, "person.exported", person_id)
        async with self.database.read() as connection:
            return await export_person(connection, self._person(await _row(connection, person_id)), series=series)

    async def erase(self, actor: Actor, person_id: str, *, sessions_too: bool = False) -> int:
        """Forget a person for good: name, facts, notes, screenings, overrides, prescriptions, measures, and what links sessions to them. TC605.

        Their sessions stay as nobody's, or go too. The id stays, and the trail, which holds nothing else of them. Returns how many sessions were theirs.
        """
        async with self.database.write() as connection:
            await _row(connection, person_id)
            count = await erase_person(connection, person_id, self.now(), sessions_too=sessions_too)
            what = "removed" if sessions_too else "kept as nobody's"
            await append(connection, self.now(), actor, "person.erased", person_id, f"{count} sessions {what}")
        await self.database.forget_deleted()
        return count

    def _matches(self, text: str) -> ColumnElement[bool]:
        by_id = func.lower(PERSONS.c.id).contains(text.lower(), autoescape=True)
        words = words_of(text)
        if self.vault.locked or not words:
            return by_id
        tokens = self.vault.tokens(text)
        having = select(PERSON_WORDS.c.person_id).where(PERSON_WORDS.c.token.in_(tokens)).group_by(PERSON_WORDS.c.person_id)
        return or_(by_id, PERSONS.c.id.in_(having.having(func.count() == len(tokens))))

    async def _step(self, connection: AsyncConnection, person_id: str, expected: int, values: dict[str, Any]) -> None:
        """Write the next version, if the present one is as expected."""
        mine = (PERSONS.c.id == person_id, PERSONS.c.version == expected, PERSONS.c.erased_at.is_(None))
        done = await connection.execute(update(PERSONS).where(*mine).values(version=expected + 1, changed_at=self.now(), **values))
        if done.rowcount == 1:
            return
        row = await _row(connection, person_id)
        if row.erased_at is not None:
            raise missing("person", person_id)
        raise TreadctlError("record_changed", f"person {person_id}", f"it is at version {row.version}, not {expected}")

    def _person(self, row: Row[Any]) -> Person:
        return Person(
            id=row.id, facts=row.facts, version=row.version, created_at=row.created_at, changed_at=row.changed_at, name=self._name(row), note=row.note,
            archived=row.archived, erased_at=row.erased_at,
        )  # fmt: skip

    def _name(self, row: Row[Any]) -> str | None:
        """None too where the key does not open it: a list must not fail for a name."""
        if row.name_sealed is None or self.vault.locked:
            return None
        try:
            return self.vault.reveal(row.id, row.name_sealed)
        except TreadctlError:
            return None


def _require(facts: str | None, name: str | None, note: str | None) -> None:
    require_text("person > facts", facts or "", empty=True)
    require_text("person > name", name or "", 200, empty=True)
    require_text("person > note", note or "", empty=True)


async def _row(connection: AsyncConnection, person_id: str) -> Row[Any]:
    row = (await connection.execute(select(PERSONS).where(PERSONS.c.id == person_id))).first() if storable(person_id) else None
    if row is None:
        raise missing("person", person_id)
    return row
