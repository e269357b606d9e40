from __future__ import annotations

import asyncio
import hashlib

import pytest
from records_rig import CHIEF, DOCTOR, PHYSIO, Place, refusal
from sqlalchemy.exc import DBAPIError

from treadctl.errors import TreadctlError
from treadctl.records.database import Database
from treadctl.records.model import Revision, Role
from treadctl.records.store import Records


async def prescribed(records: Records, *, library: bool = False) -> Revision:
    person_id = None if library else (await records.people.add(PHYSIO)).id
    return await records.prescriptions.new(PHYSIO, person_id, "First steps", 'name = "first"', note="gently")


async def test_a_revision_comes_back_as_written_with_its_digest(records: Records) -> None:
    first = await prescribed(records)
    assert (first.number, first.title, first.text, first.note) == (1, "First steps", 'name = "first"', "gently")
    assert (first.by, first.role) == ("physio", Role.PHYSIOTHERAPIST)
    assert first.sha256 == hashlib.sha256(b'name = "first"').hexdigest()
    assert await records.prescriptions.revision(first.id) == first


async def test_a_revision_follows_and_the_old_one_stays(records: Records) -> None:
    first = await prescribed(records)
    second = await records.prescriptions.revise(DOCTOR, first.prescription_id, 1, "Steps", "faster", by="Dr. of the day")
    assert (second.number, second.prescription_id, second.person_id) == (2, first.prescription_id, first.person_id)
    assert (second.by, second.role) == ("Dr. of the day", Role.PHYSICIAN)
    assert await records.prescriptions.revisions(first.prescription_id) == (second, first)
    assert first.person_id is not None
    assert await records.prescriptions.current(first.person_id) == (second,)


async def test_who_revises_what_is_no_more_current_is_told(records: Records) -> None:
    first = await prescribed(records)
    await records.prescriptions.revise(PHYSIO, first.prescription_id, 1, "t", "second")
    for expected in (0, 1, 3):
        error = await refusal(records.prescriptions.revise(DOCTOR, first.prescription_id, expected, "t", "late"))
        assert (error.kind.code, error.detail) == ("TC606", f"its current revision is 2, not {expected}")


async def test_of_two_staff_who_revise_at_once_one_is_told_and_nothing_is_lost(records: Records, made: Place) -> None:
    first = await prescribed(records)
    other = await Database.open(made.url)
    second = Records(other, records.people.vault)
    for number in range(1, 6):
        done = await asyncio.gather(
            records.prescriptions.revise(PHYSIO, first.prescription_id, number, "t", "by the physio"),
            second.prescriptions.revise(DOCTOR, first.prescription_id, number, "t", "by the doctor"),
            return_exceptions=True,
        )
        assert sorted(type(each).__name__ for each in done) == ["Revision", "TreadctlError"]
        assert [each.kind.code for each in done if isinstance(each, TreadctlError)] == ["TC606"]
    await other.close()
    assert [each.number for each in await records.prescriptions.revisions(first.prescription_id)] == [6, 5, 4, 3, 2, 1]
    assert await records.audit.verify() == 1 + 1 + 5


async def test_what_is_withdrawn_is_read_but_no_more_used_nor_revised(records: Records) -> None:
    first = await prescribed(records)
    await records.prescriptions.withdraw(DOCTOR, first.prescription_id)
    assert first.person_id is not None
    assert await records.prescriptions.current(first.person_id) == ()
    assert (await records.prescriptions.revision(first.id)).withdrawn_at is not None
    error = await refusal(records.prescriptions.revise(PHYSIO, first.prescription_id, 1, "t", "again"))
    assert (error.kind.code, error.detail) == ("TC606", "it was withdrawn")
    assert (await refusal(records.prescriptions.withdraw(DOCTOR, first.prescription_id))).kind.code == "TC605"


async def test_the_library_is_everybodys_and_a_persons_prescription_is_not_in_it(records: Records) -> None:
    protocol, own = await prescribed(records, library=True), await prescribed(records)
    later = await records.prescriptions.new(PHYSIO, None, "Other", "other")
    assert await records.prescriptions.library() == (later, protocol)
    assert own.person_id is not None
    assert await records.prescriptions.current(own.person_id) == (own,)
    person = await records.people.add(PHYSIO)
    assert await records.prescriptions.current(person.id) == ()
    await records.people.erase(CHIEF, own.person_id)
    assert await records.prescriptions.library() == (later, protocol)
    assert (await refusal(records.prescriptions.revision(own.id))).kind.code == "TC605"


async def test_what_is_not_there_is_told(records: Records) -> None:
    for doing in (
        records.prescriptions.revise(PHYSIO, 7, 1, "t", "t"),
        records.prescriptions.withdraw(PHYSIO, 7),
        records.prescriptions.revision(7),
        records.prescriptions.revisions(7),
        records.prescriptions.new(PHYSIO, "nobody", "t", "t"),
    ):
        assert (await refusal(doing)).kind.code == "TC605"


@pytest.mark.parametrize("number", [2**63, -(2**70)])
async def test_a_number_that_no_database_has_is_told(records: Records, number: int) -> None:
    assert (await refusal(records.prescriptions.revision(number))).kind.code == "TC104"


@pytest.mark.parametrize(("title", "text"), [("", "t"), (" ", "t"), ("t", ""), ("x" * 201, "t"), ("t", "x" * 200_001), ("t\0", "t")])
async def test_what_says_nothing_or_too_much_is_refused(records: Records, title: str, text: str) -> None:
    assert (await refusal(records.prescriptions.new(PHYSIO, None, title, text))).kind.code == "TC104"


async def test_the_database_itself_refuses_to_change_a_revision(records: Records, database: Database) -> None:
    first = await prescribed(records)
    with pytest.raises(DBAPIError, match="never changed"):
        async with database.write() as connection:
            await connection.exec_driver_sql("UPDATE revisions SET text = 'faster'")
    assert await records.prescriptions.revision(first.id) == first


async def test_ids_are_never_given_twice(records: Records) -> None:
    first = await prescribed(records)
    assert first.person_id is not None
    await records.people.erase(CHIEF, first.person_id)
    second = await prescribed(records)
    assert (second.id, second.prescription_id) > (first.id, first.prescription_id)


async def test_an_arming_links_a_request_to_person_and_revision_once(records: Records) -> None:
    first = await prescribed(records)
    assert first.person_id is not None
    arming = await records.armings.add(PHYSIO, "request-1", first.person_id, first.id)
    assert await records.armings.find("request-1") == arming
    assert await records.armings.find("request-2") is None
    assert (await refusal(records.armings.add(PHYSIO, "request-1", first.person_id))).kind.code == "TC607"
    assert (await records.armings.add(PHYSIO, "request-2", first.person_id)).revision_id is None


async def test_nobody_is_armed_with_the_prescription_of_somebody_else(records: Records) -> None:
    theirs, own = await prescribed(records), await prescribed(records)
    protocol = await prescribed(records, library=True)
    assert own.person_id is not None
    assert (await refusal(records.armings.add(PHYSIO, "request-1", own.person_id, theirs.id))).kind.code == "TC605"
    assert (await refusal(records.armings.add(PHYSIO, "request-1", own.person_id, 99))).kind.code == "TC605"
    assert (await refusal(records.armings.add(PHYSIO, "request-1", "nobody"))).kind.code == "TC605"
    assert (await records.armings.add(PHYSIO, "request-1", own.person_id, protocol.id)).revision_id == protocol.id
