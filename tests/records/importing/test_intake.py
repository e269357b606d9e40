"""The importer's sink in the database: what it adds to a session, and that cursor and sessions are there together or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from records_rig import DOCTOR, NOON, PHYSIO, Clock, Place, a_session, refusal

import treadctl.records.importing.intake as intake_module
from treadctl.errors import TreadctlError
from treadctl.records.importing import Gap, Importer
from treadctl.records.importing.intake import Intake
from treadctl.records.model import ProofTest, Session
from treadctl.records.store import Records

GAP = Gap("000002.tcj > byte 512", "journal_cut", "3 batches are lost")


def a_proof_test(minute: int = 0) -> ProofTest:
    return ProofTest(NOON + timedelta(minutes=minute), "lab", "pull_cord", passed=True, detail="Seen open and closed again.")


def of(person_id: str | None, key: str = "s1", **head: object) -> Session:
    session = a_session(key, details=False)
    return replace(session, head=replace(session.head, person_id=person_id, **head))  # type: ignore[arg-type]  # each test names fields of a head


async def gaps_of(records: Records) -> list[tuple[str, str, str]]:
    entries = (await records.audit.entries(size=500)).items
    return [(entry.who, entry.subject, entry.detail) for entry in reversed(entries) if entry.action == "journal.gap"]


async def test_a_session_has_the_rules_that_were_set_aside_when_it_began_and_no_others(records: Records, clock: Clock) -> None:
    person = await records.people.add(PHYSIO)
    other = await records.people.add(PHYSIO)
    before, during = NOON - timedelta(days=20), NOON - timedelta(days=10)
    clock.now = before
    withdrawn = await records.overrides.add(DOCTOR, person.id, "PR-11", "seen by us")
    await records.overrides.add(DOCTOR, person.id, "PR-12", "seen by us")
    await records.overrides.add(DOCTOR, other.id, "PR-14", "somebody else's")
    clock.now = during
    await records.overrides.withdraw(DOCTOR, withdrawn.id)
    await records.overrides.add(DOCTOR, person.id, "PR-13", "seen by us")
    clock.now = NOON
    intake = Intake(records, "lab")
    sessions = [
        of(person.id, "earliest", started_at=before - timedelta(days=1)), of(person.id, "early", started_at=before + timedelta(days=1)),
        of(person.id, "late", started_at=during + timedelta(days=1)), of(None, "nobody"),
    ]  # fmt: skip
    await intake.commit(sessions, (), (), "1")
    found = {session.head.id: (await records.sessions.get(session.head.id)).overrides for session in sessions}
    assert found == {"earliest": (), "early": ("PR-11", "PR-12"), "late": ("PR-12", "PR-13"), "nobody": ()}


async def test_at_the_very_instant_of_withdrawal_a_rule_holds_again(records: Records, clock: Clock) -> None:
    person = await records.people.add(PHYSIO)
    added = await records.overrides.add(DOCTOR, person.id, "PR-11", "seen by us")
    await records.overrides.withdraw(DOCTOR, added.id)
    (record,) = await records.overrides.of(person.id)
    assert record.withdrawn_at is not None
    sessions = [of(person.id, "added", started_at=record.at), of(person.id, "withdrawn", started_at=record.withdrawn_at)]
    await Intake(records, "lab").commit(sessions, (), (), "1")
    assert [(await records.sessions.get(key)).overrides for key in ("added", "withdrawn")] == [("PR-11",), ()]


async def test_gaps_of_the_journal_stand_in_the_audit_trail_once_each(records: Records) -> None:
    intake = Intake(records, "lab")
    other = replace(GAP, place="000004.tcj", error="journal_version", sentence="of another release")
    await intake.commit((), (), [GAP, other], "1")
    await intake.commit((), (), (), "2")
    assert await gaps_of(records) == [
        ("importer", "000002.tcj > byte 512", "journal_cut: 3 batches are lost"), ("importer", "000004.tcj", "journal_version: of another release"),
    ]  # fmt: skip
    await records.audit.verify()


async def test_the_cursor_is_there_with_what_was_committed_and_belongs_to_one_journal(records: Records) -> None:
    lab, gym = Intake(records, "lab"), Intake(records, "gym")
    assert await lab.cursor() is None
    await lab.commit([of(None)], [a_proof_test()], (), "after one")
    await gym.commit((), (), (), "elsewhere")
    assert (await lab.cursor(), await gym.cursor(), await Intake(records, "lab").cursor()) == ("after one", "elsewhere", "after one")
    assert [head.id for head in (await records.sessions.heads()).items] == ["s1"]


@pytest.mark.parametrize("broken", ["write_sessions", "write_proof_tests", "append"])
async def test_a_fault_within_a_commit_leaves_nothing_of_it(records: Records, made: Place, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    """The fault comes after the real thing was done, so that what it wrote is there to be taken back."""
    intake = Intake(records, "lab")
    await intake.commit([of(None, "first")], [a_proof_test()], [GAP], "1")
    before = await made.everything()
    real = getattr(intake_module, broken)

    async def done_then_gone(*arguments: object) -> None:
        await real(*arguments)
        raise TreadctlError("database_full", "test")

    with monkeypatch.context() as patch:
        patch.setattr(intake_module, broken, done_then_gone)
        error = await refusal(intake.commit([of(None, "second")], [a_proof_test(1)], [replace(GAP, place="later")], "2"))
    assert error.kind.name == "database_full"
    assert await made.everything() == before
    assert await intake.cursor() == "1"
    await intake.commit([of(None, "second")], [a_proof_test(1)], [replace(GAP, place="later")], "2")
    assert [head.id for head in (await records.sessions.heads()).items] == ["second", "first"]
    assert len(await gaps_of(records)) == 2


async def test_of_two_importers_of_one_journal_one_enters_and_the_other_begins_again(records: Records) -> None:
    one, other = Intake(records, "lab"), Intake(records, "lab")
    await one.commit((), (), (), "1")
    assert [await one.cursor(), await other.cursor()] == ["1", "1"]
    await one.commit([of(None)], (), [GAP], "2")
    error = await refusal(other.commit([of(None)], (), [GAP], "2"))
    assert error.kind.name == "database_busy"
    assert await other.cursor() == "2"
    await other.commit((), (), (), "3")
    assert await one.cursor() == "3"
    assert len(await gaps_of(records)) == 1


async def test_at_the_beginning_of_a_journal_too_only_one_importer_enters(records: Records) -> None:
    one, other = Intake(records, "lab"), Intake(records, "lab")
    assert [await one.cursor(), await other.cursor()] == [None, None]
    await one.commit((), (), [GAP], "1")
    assert (await refusal(other.commit((), (), [GAP], "1"))).kind.name == "database_busy"
    assert len(await gaps_of(records)) == 1


async def test_an_arming_at_the_console_gives_a_session_its_person_and_revision(records: Records, journals: dict[str, Path]) -> None:
    person = await records.people.add(PHYSIO)
    await records.overrides.add(DOCTOR, person.id, "PR-11", "seen by us")
    intake = Intake(records, "lab")
    importer = Importer(journals["completed"], intake)
    assert (await importer.run_once()).sessions == 1
    (head,) = (await records.sessions.heads()).items
    assert head.person_id is None
    (event,) = [event for event in (await records.sessions.get(head.id)).events if event.detail.get("request") == "arm"]
    await records.armings.add(PHYSIO, str(event.detail["request_id"]), person.id)
    again = Intake(records, "read again from its beginning")
    assert (await Importer(journals["completed"], again).run_once()).sessions == 1
    (head,) = (await records.sessions.heads()).items
    assert head.person_id == person.id
    assert (await records.sessions.get(head.id)).overrides == ("PR-11",)
