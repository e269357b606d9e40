"""Which key seals the names of this database, and its change for another."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from treadctl.errors import TreadctlError
from treadctl.records.audit import Actor, append
from treadctl.records.repository import Repository, insert_into
from treadctl.records.schema import PERSON_WORDS, PERSONS, SETTINGS
from treadctl.records.vault import Vault, make_key

SETTING: Final = "names.key"


async def key_in_use(connection: AsyncConnection) -> str | None:
    """The id of the key that seals the names here; None while no name was ever written."""
    found = (await connection.execute(select(SETTINGS.c.value).where(SETTINGS.c.key == SETTING))).scalar_one_or_none()
    return None if found is None else str(found)


async def require_key(connection: AsyncConnection, vault: Vault) -> None:
    """TC608 unless the vault has the key of this database: names under two keys would be half unreadable. The first name decides."""
    mine = vault.require()
    await connection.execute(insert_into(connection, SETTINGS).values(key=SETTING, value=mine).on_conflict_do_nothing())
    # Held until the caller is done: a change of keys waits for names that are being written, and sees them.
    held = select(SETTINGS.c.value).where(SETTINGS.c.key == SETTING).with_for_update(read=True)
    if (theirs := (await connection.execute(held)).scalar_one()) != mine:
        raise TreadctlError("names_locked", "key of names", f"this database uses the key {theirs}, this one is {mine}")


async def write_name(connection: AsyncConnection, vault: Vault, person_id: str, name: str | None) -> None:
    """Seal a name, or take it away (None), with its words."""
    if name is not None:
        await require_key(connection, vault)
    sealed = None if name is None else vault.seal(person_id, name)
    await connection.execute(update(PERSONS).where(PERSONS.c.id == person_id).values(name_sealed=sealed))
    await connection.execute(delete(PERSON_WORDS).where(PERSON_WORDS.c.person_id == person_id))
    if name is not None and (tokens := vault.tokens(name)):
        await connection.execute(insert(PERSON_WORDS), [{"person_id": person_id, "token": token} for token in sorted(tokens)])


class NamesKey(Repository):
    """The change of keys."""

    async def change(self, actor: Actor, path: Path) -> Vault:
        """Seal all names anew with a new key, which takes the place of the file `path`; the vault to go on with.

        The new key is on disk before the first name needs it, as `path` with .new at its end. Killed at any instant, one of the two files opens the names, and
        a second call ends what the first began. Other programs that hold the old key are locked out until they start again.
        """
        fresh = path.with_name(path.name + ".new")
        old, new = await asyncio.to_thread(Vault.open, path), await asyncio.to_thread(Vault.open, fresh)
        async with self.database.read() as connection:
            used = await key_in_use(connection)
        if new.locked or new.key_id != used:  # nothing is sealed with what an earlier call may have left
            old.require()
            await asyncio.to_thread(fresh.unlink, missing_ok=True)
            await asyncio.to_thread(make_key, fresh)
            new = await asyncio.to_thread(Vault.open, fresh)
            await self._seal_anew(actor, old, new)
        await asyncio.to_thread(fresh.replace, path)
        return await asyncio.to_thread(Vault.open, path)

    async def _seal_anew(self, actor: Actor, old: Vault, new: Vault) -> None:
        async with self.database.write() as connection:
            await require_key(connection, old)
            await connection.execute(update(SETTINGS).where(SETTINGS.c.key == SETTING).values(value=new.require()))
            query = select(PERSONS.c.id, PERSONS.c.name_sealed).where(PERSONS.c.name_sealed.is_not(None)).order_by(PERSONS.c.id)
            people = (await connection.execute(query)).all()
            for row in people:
                await write_name(connection, new, row.id, old.reveal(row.id, row.name_sealed))
            await append(connection, self.now(), actor, "names.key_changed", "names", f"{len(people)} names from {old.key_id} to {new.key_id}")
