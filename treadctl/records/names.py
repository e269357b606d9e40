"""The names of several people at once, for a list."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from treadctl.errors import TreadctlError
from treadctl.records.people import People
from treadctl.records.repository import storable
from treadctl.records.schema import PERSONS


async def names_of(people: People, ids: Iterable[str]) -> dict[str, str]:
    """The name of each of these people who has one that can be read, by id. Those of nobody, or locked, are left out."""
    wanted = sorted({key for key in ids if storable(key)})
    if not wanted or people.vault.locked:
        return {}
    query = select(PERSONS.c.id, PERSONS.c.name_sealed).where(PERSONS.c.id.in_(wanted), PERSONS.c.name_sealed.is_not(None))
    async with people.database.read() as connection:
        rows = (await connection.execute(query)).all()
    found: dict[str, str] = {}
    for row in rows:
        try:
            found[row.id] = people.vault.reveal(row.id, row.name_sealed)
        except TreadctlError:
            continue
    return found
