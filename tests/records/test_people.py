from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records_rig import CHIEF, DOCTOR, NOON, PHYSIO, Place, a_session, actions, refusal, write
from sqlalchemy import update

from treadctl.errors import TreadctlError
from treadctl.records.columns import micros
from treadctl.records.database import Database
from treadctl.records.model import Measure, Role
from treadctl.records.people import ID_FORM, new_pseudonym
from treadctl.records.repository import _position
from treadctl.records.schema import SESSION_DETAILS, SESSIONS
from treadctl.records.store import Records

FACTS = 'age_years = 71\nexperience = "first"'
SECRETS = (
    "Wilhelmina",
    "Ostrander",
    "FACTS-OF-HERS",
    "NOTE-OF-HERS",
    "REASON-OF-HERS",
    "PROFILE-OF-HERS",
    "TITLE-OF-HERS",
    "ANSWER-OF-HERS",
    "OVERRIDE-IN-SESSION",
)


async def test_a_person_comes_back_as_entered(records: Records) -> None:
    made = await records.people.add(PHYSIO, name="Some Body", facts=FACTS, note="comes on Mondays")
    assert ID_FORM.fullmatch(made.id)
    assert (made.version, made.archived, made.erased_at, made.created_at) == (1, False, None, made.changed_at)
    assert made.created_at.tzinfo is UTC
    assert await records.people.get(made.id) == made
    assert (made.name, made.facts, made.note) == ("Some Body", FACTS, "comes on Mondays")


def test_pseudonyms_say_nothing_and_are_not_read_for_each_other() -> None:
    drawn = {new_pseudonym() for _ in range(200)}
    assert len(drawn) > 190
    assert all(ID_FORM.fullmatch(each) and not set("IOU01L") & set(each[1:]) for each in drawn)


async def test_an_id_of_ones_own_choice_is_taken_once(records: Records) -> None:
    assert (await records.people.add(PHYSIO, person_id="Study-7.b")).id == "Study-7.b"
    assert (await refusal(records.people.add(PHYSIO, person_id="Study-7.b"))).kind.code == "TC607"
    for bad in ("", " ", "a b", "ä", "-a", "x" * 33, "a\0"):
        assert (await refusal(records.people.add(PHYSIO, person_id=bad))).kind.code == "TC104"


async def test_a_pseudonym_that_is_taken_is_drawn_again(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["PTAKEN", "PTAKEN", "PFREE", *["PTAKEN"] * 9])
    monkeypatch.setattr("treadctl.records.people.new_pseudonym", lambda: next(drawn))
    assert [(await records.people.add(PHYSIO)).id for _ in range(2)] == ["PTAKEN", "PFREE"]
    assert (await refusal(records.people.add(PHYSIO))).kind.code == "TC607"
    assert await actions(records) == ["person.added", "person.added"]


async def test_only_what_is_given_is_changed(records: Records) -> None:
    made = await records.people.add(PHYSIO, name="Some Body", facts=FACTS, note="a")
    noted = await records.people.change(PHYSIO, made.id, 1, note="")
    assert (noted.name, noted.facts, noted.note, noted.version) == ("Some Body", FACTS, "", 2)
    assert noted.changed_at > made.changed_at
    renamed = await records.people.change(PHYSIO, made.id, 2, name="Any Body", facts="")
    assert (renamed.name, renamed.facts, renamed.version) == ("Any Body", "", 3)
    assert (await records.people.search("some")).items == ()
    nameless = await records.people.change(PHYSIO, made.id, 3, name="")
    assert nameless.name is None
    assert (await records.people.search("body")).items == ()


async def test_who_looked_at_an_older_version_is_told(records: Records) -> None:
    made = await records.people.add(PHYSIO, note="first")
    await records.people.change(PHYSIO, made.id, 1, note="second")
    error = await refusal(records.people.change(DOCTOR, made.id, 1, note="third"))
    assert (error.kind.code, error.detail) == ("TC606", "it is at version 2, not 1")
    assert (await refusal(records.people.archive(DOCTOR, made.id, 1))).kind.code == "TC606"
    assert (await records.people.get(made.id)).note == "second"


async def test_of_two_who_change_at_once_one_is_told(records: Records, made: Place) -> None:
    person = await records.people.add(PHYSIO, note="first")
    other = await Database.open(made.url)
    second = Records(other, records.people.vault)
    done = await asyncio.gather(*(each.people.change(PHYSIO, person.id, 1, note=f"{n}") for n, each in enumerate((records, second))), return_exceptions=True)
    await other.close()
    assert sorted(type(each).__name__ for each in done) == ["Person", "TreadctlError"]
    assert [each.kind.code for each in done if isinstance(each, TreadctlError)] == ["TC606"]
    assert (await records.people.get(person.id)).version == 2


@pytest.mark.parametrize("person_id", ["nobody", "", "a\0b", "\ud800"])
async def test_nobody_is_told_as_missing(records: Records, person_id: str) -> None:
    for doing in (
        records.people.get(person_id),
        records.people.change(PHYSIO, person_id, 1, note="x"),
        records.people.archive(PHYSIO, person_id, 1),
        records.people.erase(CHIEF, person_id),
        records.people.export(CHIEF, person_id),
        records.screenings.add(PHYSIO, person_id, {}),
        records.prescriptions.new(PHYSIO, person_id, "t", "t"),
    ):
        assert (await refusal(doing)).kind.code in {"TC605", "TC104"}


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 200_001])
async def test_texts_that_cannot_be_kept_are_refused_alike(records: Records, text: str) -> None:
    for doing in (records.people.add(PHYSIO, note=text), records.people.add(PHYSIO, facts=text), records.people.add(PHYSIO, name=text)):
        assert (await refusal(doing)).kind.code == "TC104"
    assert (await refusal(records.people.search(text))).kind.code == "TC104"


async def test_people_are_found_by_part_of_the_id_and_by_whole_words_of_the_name(records: Records) -> None:
    for person_id, name in (("A1", "Some Body"), ("A2", "Any Body"), ("B1", "Any One"), ("B_2", None)):
        await records.people.add(PHYSIO, person_id=person_id, name=name)

    async def found(text: str) -> list[str]:
        return [person.id for person in (await records.people.search(text)).items]

    assert await found("") == await found("  ") == ["A1", "A2", "B1", "B_2"]
    assert await found("a") == ["A1", "A2"]
    assert await found("1") == ["A1", "B1"]
    assert await found("_") == ["B_2"]
    assert await found("%") == []
    assert await found("BODY") == ["A1", "A2"]
    assert await found("body any") == ["A2"]
    assert await found("bod") == []
    assert await found("body nobody") == []


async def test_who_was_put_away_is_in_a_list_of_their_own(records: Records) -> None:
    first, second = [await records.people.add(PHYSIO, person_id=key) for key in ("A1", "A2")]
    put_away = await records.people.archive(PHYSIO, first.id, 1)
    assert (put_away.archived, put_away.version) == (True, 2)
    assert [each.id for each in (await records.people.search()).items] == [second.id]
    assert [each.id for each in (await records.people.search(archived=True)).items] == [first.id]
    await records.people.archive(PHYSIO, first.id, 2, archived=False)
    assert len((await records.people.search()).items) == 2
    assert (await actions(records))[-2:] == ["person.archived", "person.restored"]


async def test_pages_hold_everybody_once_even_while_others_are_added(records: Records) -> None:
    for number in range(10):
        await records.people.add(PHYSIO, person_id=f"P{number}")
    first = await records.people.search(size=4)
    await records.people.add(PHYSIO, person_id="P00")  # before what is shown next
    second = await records.people.search(size=4, page=first.next)
    third = await records.people.search(size=4, page=second.next)
    assert [person.id for page in (first, second, third) for person in page.items] == [f"P{number}" for number in range(10)]
    assert third.next is None


async def test_a_page_that_just_fits_is_the_last(records: Records) -> None:
    for number in range(4):
        await records.people.add(PHYSIO, person_id=f"P{number}")
    assert (await records.people.search(size=4)).next is None
    assert (await records.people.search("nobody")).next is None


@pytest.mark.parametrize("page", ["", "x", "!!", "W10", "WzFd", "bnVsbA", "ä", "W251bGxd", "WyJhIiwiYiJd", "WyJcdTAwMDAiXQ"])
async def test_a_page_of_nowhere_is_refused(records: Records, page: str) -> None:
    assert (await refusal(records.people.search(page=page))).kind.code == "TC104"


@given(token=st.text() | st.binary().map(lambda data: __import__("base64").urlsafe_b64encode(data).decode()))
def test_no_text_makes_a_page_crash(token: str) -> None:
    try:
        at, key = _position(token, (SESSIONS.c.started_at, SESSIONS.c.id))
    except TreadctlError as error:
        assert error.kind.code == "TC104"
    else:
        assert micros(at) is not None  # type: ignore[arg-type]
        assert isinstance(key, str)


@pytest.mark.parametrize("size", [0, -1, 501])
async def test_a_page_has_a_size_that_makes_sense(records: Records, size: int) -> None:
    assert (await refusal(records.people.search(size=size))).kind.code == "TC104"


async def filled(records: Records) -> str:
    """Somebody with something in every place that can hold something of them; each text of theirs is one of SECRETS."""
    person = await records.people.add(PHYSIO, name=f"{SECRETS[0]} {SECRETS[1]}", facts=SECRETS[2], note=SECRETS[3], person_id="P1")
    await records.screenings.add(PHYSIO, person.id, {"ankle_problem": True})
    await records.overrides.add(DOCTOR, person.id, "age", SECRETS[4])
    revision = await records.prescriptions.new(PHYSIO, person.id, SECRETS[6], SECRETS[5], note=SECRETS[5])
    await records.prescriptions.revise(PHYSIO, revision.prescription_id, 1, SECRETS[6], SECRETS[5])
    await records.measures.add(PHYSIO, person.id, Measure.ABC_PERCENT, 71.25, date(2026, 3, 1))
    await records.armings.add(PHYSIO, "request-1", person.id, revision.id)
    await records.answers.keep("physio", "key-1", "00", json.dumps({"person": person.id, "said": SECRETS[7]}))
    theirs = a_session("s1", person_id=person.id, revision_id=revision.id)
    await write(records, theirs, a_session("s2", person_id=person.id, started_at=NOON + timedelta(days=1)), a_session("other"))
    async with records.database.write() as connection:
        await connection.execute(update(SESSION_DETAILS).where(SESSION_DETAILS.c.session_id == "s1").values(overrides=[SECRETS[8]]))
    return person.id


async def test_an_export_has_everything_and_is_json(records: Records) -> None:
    person_id = await filled(records)
    whole = await records.people.export(CHIEF, person_id)
    text = json.dumps(whole, allow_nan=False)
    missing = [secret for secret in SECRETS if secret not in text]
    assert missing == ["ANSWER-OF-HERS"]  # what is kept for a repeated request for an hour is a copy of what is here
    assert {key: len(whole[key]) for key in ("screenings", "overrides", "prescriptions", "measures", "armings", "sessions")} == {
        "screenings": 1,
        "overrides": 1,
        "prescriptions": 2,
        "measures": 1,
        "armings": 1,
        "sessions": 2,
    }
    assert whole["sessions"][0]["series"]["measured_mps"] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert whole["sessions"][0]["head"]["started_at"] == "2026-03-02T12:00:00+00:00"
    assert whole["person"]["name"] == "Wilhelmina Ostrander"
    assert [entry["action"] for entry in whole["audit"]][:2] == ["person.added", "screening.added"]
    assert (await actions(records))[-1] == "person.exported"
    without = await records.people.export(CHIEF, person_id, series=False)
    assert without["sessions"][0]["series"]["measured_mps"] == []


@pytest.mark.parametrize("sessions_too", [False, True])
async def test_an_erasure_leaves_no_trace_and_the_trail_whole(records: Records, made: Place, sessions_too: bool) -> None:
    person_id = await filled(records)
    before = await made.everything()
    assert [secret for secret in SECRETS[2:] if secret not in before] == []
    assert [secret for secret in SECRETS[:2] if secret in before] == []  # the name is sealed
    tokens = await made.rows("SELECT token FROM person_words")
    assert len(tokens) == 2

    assert await records.people.erase(CHIEF, person_id, sessions_too=sessions_too) == 2

    after = await made.everything()
    assert [secret for secret in (*SECRETS, *(str(token) for (token,) in tokens)) if secret in after] == []
    mentions = {line.partition(":")[0] for line in after.splitlines() if f"'{person_id}'" in line}
    assert mentions == {"persons", "audit"}
    assert await records.audit.verify() == len(await actions(records))
    person = await records.people.get(person_id)
    assert (person.name, person.facts, person.note, person.archived) == (None, "", "", True)
    assert person.erased_at is not None
    kept = [head.id for head in (await records.sessions.heads()).items]
    assert kept == (["other"] if sessions_too else ["s2", "s1", "other"])
    if not sessions_too:
        session = await records.sessions.get("s1")
        assert (session.head.person_id, session.head.revision_id, session.overrides) == (None, None, ())
        assert session.series.measured_mps == (0.0, 0.25, 0.5, 0.75, 1.0)


@pytest.mark.parametrize("made", ["sqlite"], indirect=True)  # a server's files are its own: old rows end with its next vacuum
async def test_what_was_erased_is_in_no_byte_of_the_files(records: Records, made: Place) -> None:
    assert made.path is not None
    person_id = await filled(records)
    await records.people.erase(CHIEF, person_id)
    stored = b"".join(path.read_bytes() for path in made.path.parent.glob(made.path.name + "*"))
    assert b"person.erased" in stored
    assert [secret for secret in SECRETS if secret.encode() in stored] == []


async def test_who_was_erased_is_in_no_list_and_takes_nothing_more(records: Records) -> None:
    person_id = await filled(records)
    await records.people.erase(CHIEF, person_id)
    version = (await records.people.get(person_id)).version
    assert (await records.people.search("P1")).items == (await records.people.search("P1", archived=True)).items == ()
    for doing in (
        records.people.change(PHYSIO, person_id, version, note="x"),
        records.people.archive(PHYSIO, person_id, version),
        records.screenings.add(PHYSIO, person_id, {}),
        records.overrides.add(DOCTOR, person_id, "age", "because of this"),
        records.measures.add(PHYSIO, person_id, Measure.ABC_PERCENT, 1.0, date(2026, 3, 1)),
        records.prescriptions.new(PHYSIO, person_id, "t", "t"),
        records.armings.add(PHYSIO, "request-2", person_id),
    ):
        assert (await refusal(doing)).kind.code == "TC605"
    assert (await refusal(records.people.add(PHYSIO, person_id=person_id))).kind.code == "TC607"


async def test_erasing_twice_keeps_the_first_day(records: Records) -> None:
    person_id = await filled(records)
    await records.people.erase(CHIEF, person_id)
    first = (await records.people.get(person_id)).erased_at
    assert await records.people.erase(CHIEF, person_id) == 0
    assert (await records.people.get(person_id)).erased_at == first


async def test_the_journal_read_again_brings_nothing_back(records: Records) -> None:
    person_id = await filled(records)
    await records.people.erase(CHIEF, person_id, sessions_too=True)
    again = [a_session(key, person_id=person_id, revision_id=1) for key in ("s1", "s2", "s3")]
    assert await write(records, *again) == 1
    assert [(head.id, head.person_id, head.revision_id) for head in (await records.sessions.heads()).items] == [("s3", None, None), ("other", None, None)]


async def test_who_reads_the_trail_of_a_person_finds_what_was_done_about_them(records: Records) -> None:
    person_id = await filled(records)
    entries = (await records.audit.entries(subject=person_id)).items
    assert {entry.action for entry in entries} >= {
        "person.added",
        "screening.added",
        "override.added",
        "prescription.written",
        "measure.added",
        "session.arm_asked",
    }
    assert all(secret not in entry.detail for entry in entries for secret in SECRETS)
    assert {entry.role for entry in entries} == {Role.PHYSIOTHERAPIST, Role.PHYSICIAN}
