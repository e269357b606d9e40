from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from records_rig import CHIEF, DOCTOR, PHYSIO, Place, refusal
from sqlalchemy.exc import DBAPIError

from treadctl.errors import TreadctlError
from treadctl.records.audit import digest_of
from treadctl.records.database import Database
from treadctl.records.store import Records

FREE = {
    "sqlite": ("DROP TRIGGER audit_stays", "DROP TRIGGER audit_is_kept"),
    "postgresql": ("DROP TRIGGER audit_stays ON audit",),
}


async def filled(records: Records, count: int = 5) -> None:
    for number in range(1, count + 1):
        await records.audit.add(PHYSIO, "looked", f"P{number}", "at a page")


async def verified(records: Records) -> str:
    error = await refusal(records.audit.verify())
    assert error.kind.code == "TC609"
    return error.place


async def test_an_empty_trail_is_whole(records: Records) -> None:
    assert await records.audit.verify() == 0


async def test_each_entry_is_chained_to_the_one_before(records: Records) -> None:
    await filled(records)
    entries = list(reversed((await records.audit.entries()).items))
    assert [entry.number for entry in entries] == [1, 2, 3, 4, 5]
    before = ""
    for entry in entries:
        assert entry.digest == digest_of(before, entry.number, entry.at, entry.who, entry.role, entry.action, entry.subject, entry.detail)
        before = entry.digest
    assert await records.audit.verify() == 5


async def test_the_digest_is_that_of_this_very_json() -> None:
    from datetime import UTC, datetime
    from hashlib import sha256

    text = '{"action":"a","at_us":1000000,"before":"00","detail":"\\u00e4","number":7,"role":"staff","subject":"P1","who":"w"}'
    assert digest_of("00", 7, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), "w", "staff", "a", "P1", "ä") == sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ("UPDATE audit SET detail = 'nothing' WHERE number = 3", "audit entry 3"),
        ("UPDATE audit SET who = 'somebody' WHERE number = 1", "audit entry 1"),
        ("UPDATE audit SET role = 'physician' WHERE number = 2", "audit entry 2"),
        ("UPDATE audit SET action = 'left' WHERE number = 2", "audit entry 2"),
        ("UPDATE audit SET subject = 'P9' WHERE number = 4", "audit entry 4"),
        ("UPDATE audit SET at = at + 1 WHERE number = 5", "audit entry 5"),
        ("UPDATE audit SET digest = '00' WHERE number = 4", "audit entry 4"),
        ("DELETE FROM audit WHERE number = 1", "audit entry 1"),
        ("DELETE FROM audit WHERE number = 3", "audit entry 3"),
        ("DELETE FROM audit WHERE number >= 4", "audit entry 4"),
        ("DELETE FROM audit", "audit entry 1"),
        ("UPDATE audit SET number = 6 WHERE number = 5", "audit entry 5"),
        ("UPDATE audit_head SET digest = '00'", "audit entry 6"),
        ("UPDATE audit_head SET number = 4", "audit entry 5"),
    ],
)
async def test_what_was_altered_is_found_and_named(records: Records, made: Place, change: str, place: str) -> None:
    await filled(records)
    await made.run(*FREE[made.kind], change)
    assert await verified(records) == place


async def test_a_chain_reckoned_anew_is_found_by_who_noted_its_head(records: Records, made: Place) -> None:
    await filled(records, 2)
    noted = await records.audit.head()
    await filled(records, 1)
    assert await records.audit.verify(noted) == 3
    first, second, third = reversed((await records.audit.entries()).items)
    forged = replace(second, detail="nothing")
    digest = digest_of(first.digest, 2, forged.at, forged.who, forged.role, forged.action, forged.subject, forged.detail)
    last = digest_of(digest, 3, third.at, third.who, third.role, third.action, third.subject, third.detail)
    await made.run(
        *FREE[made.kind],
        f"UPDATE audit SET detail = 'nothing', digest = '{digest}' WHERE number = 2",  # noqa: S608
        f"UPDATE audit SET digest = '{last}' WHERE number = 3",  # noqa: S608
        f"UPDATE audit_head SET digest = '{last}'",  # noqa: S608
    )
    assert await records.audit.verify() == 3
    with pytest.raises(TreadctlError, match="audit entry 2"):
        await records.audit.verify(noted)


async def test_a_trail_cut_with_its_head_is_found_by_who_noted_it(records: Records, made: Place) -> None:
    await filled(records, 3)
    noted = await records.audit.head()
    second = (await records.audit.entries()).items[1]
    await made.run(*FREE[made.kind], "DELETE FROM audit WHERE number = 3", f"UPDATE audit_head SET number = 2, digest = '{second.digest}'")  # noqa: S608
    assert await records.audit.verify() == 2
    with pytest.raises(TreadctlError, match="audit entry 3"):
        await records.audit.verify(noted)


@pytest.mark.parametrize("change", ["UPDATE audit SET detail = ''", "DELETE FROM audit"])
async def test_the_database_itself_refuses_to_change_the_trail(records: Records, database: Database, change: str) -> None:
    await filled(records)
    with pytest.raises(DBAPIError, match="never changed"):
        async with database.write() as connection:
            await connection.exec_driver_sql(change)
    assert await records.audit.verify() == 5


async def test_many_who_write_at_once_make_one_chain(records: Records, made: Place) -> None:
    other = await Database.open(made.url)
    second = Records(other, records.people.vault, records.people.now)
    await asyncio.gather(*(each.audit.add(PHYSIO, "looked", f"P{number}") for number in range(10) for each in (records, second)))
    await other.close()
    assert await records.audit.verify() == 20


async def test_a_change_that_is_taken_back_leaves_no_entry(records: Records) -> None:
    person = await records.people.add(PHYSIO)
    before = await records.audit.head()
    assert (await refusal(records.people.change(PHYSIO, person.id, 7, note="late"))).kind.code == "TC606"
    assert await records.audit.head() == before


async def test_the_trail_is_read_by_who_by_subject_and_in_pages(records: Records) -> None:
    await filled(records)
    await records.audit.add(DOCTOR, "looked", "P3")
    assert [entry.number for entry in (await records.audit.entries(who="doctor")).items] == [6]
    assert [entry.number for entry in (await records.audit.entries(subject="P3")).items] == [6, 3]
    first = await records.audit.entries(size=4)
    second = await records.audit.entries(size=4, page=first.next)
    assert [entry.number for entry in (*first.items, *second.items)] == [6, 5, 4, 3, 2, 1]
    assert second.next is None


async def test_a_long_trail_is_proven_in_parts(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("treadctl.records.audit._CHUNK", 2)
    await filled(records)
    await records.audit.add(CHIEF, "looked", "P1")
    assert await records.audit.verify() == 6
