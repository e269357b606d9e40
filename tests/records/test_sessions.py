from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from records_rig import CHIEF, NOON, PHYSIO, Place, a_series, a_session, actions, refusal, write
from sqlalchemy import event, text, update

from treadctl.records.armings import find_arming
from treadctl.records.database import Database
from treadctl.records.model import Outcome, ProofTest, Role, SessionEvent, Summary, Week
from treadctl.records.rows_in import move_cursor, read_cursor, write_proof_tests, write_sessions
from treadctl.records.schema import SESSION_DETAILS, SESSIONS, USERS
from treadctl.records.sessions import Filter
from treadctl.records.store import Records

HOUR = timedelta(hours=1)


async def ids(records: Records, which: Filter | None = None) -> list[str]:
    return [head.id for head in (await records.sessions.heads(which or Filter(), size=500)).items]


async def test_a_session_comes_back_as_it_was_written(records: Records) -> None:
    person = await records.people.add(PHYSIO)
    revision = await records.prescriptions.new(PHYSIO, person.id, "t", "t")
    whole = a_session("s1", person_id=person.id, revision_id=revision.id, cause="cord_open", outcome=Outcome.STOPPED)
    assert await write(records, whole, a_session("bare", details=False)) == 2
    assert await records.sessions.get("s1") == whole
    assert await records.sessions.get("bare") == a_session("bare", details=False)
    assert (await records.sessions.heads()).items == (whole.head, a_session("bare").head)


def test_the_table_has_a_column_for_each_figure_of_the_summary() -> None:
    assert {field.name for field in fields(Summary)} <= {column.name for column in SESSIONS.c}


async def test_a_session_that_is_written_twice_is_there_once_as_it_was_written_last(records: Records) -> None:
    begun = a_session("s1", outcome=Outcome.UNKNOWN, summary=Summary(duration_s=12.0))
    await write(records, begun)
    ended = replace(a_session("s1"), series=a_series(9), events=())
    await write(records, a_session("s1", details=False), ended)  # of one id in one batch the last counts
    await write(records, ended)
    assert await records.sessions.get("s1") == ended
    assert await ids(records) == ["s1"]


async def test_whom_a_session_was_of_stays_known(records: Records) -> None:
    person = await records.people.add(PHYSIO)
    await write(records, a_session("s1", person_id=person.id))
    await write(records, a_session("s1"))
    assert (await records.sessions.get("s1")).head.person_id == person.id


async def test_who_is_not_there_is_not_named_and_stops_no_import(records: Records) -> None:
    assert await write(records, a_session("s1", person_id="nobody", revision_id=99)) == 1
    head = (await records.sessions.get("s1")).head
    assert (head.person_id, head.revision_id) == (None, None)


async def test_signs_that_cannot_be_kept_stop_no_import(records: Records) -> None:
    odd = replace(a_session("s1", machine="l\0ab", profile="\ud800"), attendant="\0", events=(SessionEvent(0.0, "odd", "a\0\ud800b"),))
    assert await write(records, odd) == 1
    back = await records.sessions.get("s1")
    assert (back.head.machine, back.head.profile, back.attendant) == ("lab", "?", "")
    assert back.events == (SessionEvent(0.0, "odd", "a\0\ud800b"),)


async def test_more_sessions_than_one_statement_takes_are_written(records: Records) -> None:
    assert await write(records, *(a_session(f"s{number:04}", details=False) for number in range(450))) == 450
    assert len(await ids(records)) == 450
    assert await write(records) == 0


async def test_sessions_and_the_place_in_the_journal_are_there_together_or_not_at_all(records: Records, database: Database) -> None:
    async with database.write() as connection:
        assert await read_cursor(connection, "lab") is None
        await write_sessions(connection, [a_session("s1")])
        assert await move_cursor(connection, "lab", None, {"segment": "000001", "offset": 17}, NOON)
    with pytest.raises(KeyError):
        async with database.write() as connection:
            await write_sessions(connection, [a_session("s2")])
            assert await move_cursor(connection, "lab", {"segment": "000001", "offset": 17}, {"segment": "000002", "offset": 0}, NOON)
            raise KeyError
    assert await ids(records) == ["s1"]
    async with database.read() as connection:
        assert await read_cursor(connection, "lab") == {"segment": "000001", "offset": 17}


async def test_lists_show_the_newest_first_and_go_on_where_they_were(records: Records) -> None:
    await write(records, *(a_session(f"s{number:02}", started_at=NOON + (number // 2) * HOUR) for number in range(10)))
    shown, page = [], None
    while True:
        part = await records.sessions.heads(page=page, size=3)
        shown += [head.id for head in part.items]
        await write(records, a_session(f"new-{len(shown)}", started_at=NOON + 1000 * HOUR))  # newer ones disturb nothing
        if part.next is None:
            break
        page = part.next
    assert shown == [f"s{number:02}" for number in reversed(range(10))]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hours=st.lists(st.integers(0, 3), max_size=12), size=st.integers(1, 5))
async def test_pages_put_together_are_the_list(records: Records, hours: list[int], size: int) -> None:
    async with records.database.write() as connection:
        await connection.execute(text("DELETE FROM sessions"))
        await write_sessions(connection, [a_session(f"s{n:02}", started_at=NOON + hour * HOUR, details=False) for n, hour in enumerate(hours)])
    shown, page = [], None
    while True:
        part = await records.sessions.heads(page=page, size=size)
        shown += [head.id for head in part.items]
        page = part.next
        if page is None:
            break
    assert shown == [key for _, key in sorted(((hour, f"s{n:02}") for n, hour in enumerate(hours)), reverse=True)]


async def test_lists_are_narrowed_by_person_machine_outcome_and_time(records: Records) -> None:
    person = await records.people.add(PHYSIO)
    await write(
        records,
        a_session("a", person_id=person.id),
        a_session("b", machine="gym", started_at=NOON + HOUR),
        a_session("c", outcome=Outcome.STOPPED, started_at=NOON + 2 * HOUR, person_id=person.id),
    )
    assert await ids(records, Filter(person_id=person.id)) == ["c", "a"]
    assert await ids(records, Filter(machine="gym")) == ["b"]
    assert await ids(records, Filter(outcome=Outcome.STOPPED)) == ["c"]
    assert await ids(records, Filter(since=NOON + HOUR)) == ["c", "b"]
    assert await ids(records, Filter(until=NOON + HOUR)) == ["a"]
    assert await ids(records, Filter(person_id=person.id, outcome=Outcome.COMPLETED, machine="lab")) == ["a"]
    assert await ids(records, Filter(person_id="nobody")) == await ids(records, Filter(machine="\0")) == await ids(records, Filter(person_id="\ud800")) == []


async def test_a_list_reads_nothing_large(records: Records, database: Database) -> None:
    await write(records, a_session("s1"))
    said: list[str] = []
    event.listen(database._engine.sync_engine, "before_cursor_execute", lambda *details: said.append(details[2]))
    await records.sessions.heads()
    assert any("FROM sessions" in statement for statement in said)
    assert not any("session_details" in statement for statement in said)


@pytest.mark.parametrize("made", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("which", "index"),
    [
        (Filter(), "ix_sessions_started"),
        (Filter(person_id="P1"), "ix_sessions_person"),
        (Filter(machine="lab"), "ix_sessions_machine"),
        (Filter(outcome=Outcome.STOPPED), "ix_sessions_outcome"),
    ],
)
async def test_each_list_goes_along_an_index_and_sorts_nothing(records: Records, database: Database, which: Filter, index: str) -> None:
    await write(records, *(a_session(f"s{number}", details=False) for number in range(3)))
    page = (await records.sessions.heads(size=1)).next
    asked: list[tuple[str, object]] = []
    event.listen(database._engine.sync_engine, "before_cursor_execute", lambda *details: asked.append((details[2], details[3])))
    await records.sessions.heads(which, page=page)
    statement, values = next((statement, values) for statement, values in asked if "FROM sessions" in statement)
    async with database.read() as connection:
        plan = [row[3] for row in await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    assert len(plan) == 1
    assert f"USING INDEX {index}" in plan[0]
    assert "started_at" in plan[0]


async def test_a_week_counts_the_seven_days_before_an_instant(records: Records) -> None:
    person = await records.people.add(PHYSIO)
    microsecond = timedelta(microseconds=1)
    instants = {"now": NOON, "just now": NOON - microsecond, "a week ago": NOON - timedelta(days=7), "longer ago": NOON - timedelta(days=7) - microsecond}
    await write(records, *(a_session(key, started_at=at, person_id=person.id) for key, at in instants.items()), a_session("of nobody", started_at=NOON - HOUR))
    assert await records.sessions.week(person.id, NOON) == Week(2, 481.0)
    assert await records.sessions.week("nobody", NOON) == Week(0, 0.0)


async def test_a_session_that_is_not_there_is_told(records: Records) -> None:
    for key in ("s1", "", "\0", "\ud800"):
        assert (await refusal(records.sessions.get(key))).kind.code == "TC605"


async def test_a_damaged_series_is_told_and_the_list_still_stands(records: Records, made: Place) -> None:
    await write(records, a_session("s1"))
    await made.run(
        "UPDATE session_details SET series = (SELECT CAST('TCSR' AS BLOB))" if made.kind == "sqlite" else "UPDATE session_details SET series = 'TCSR'"
    )
    error = await refusal(records.sessions.get("s1"))
    assert (error.kind.code, error.place) == ("TC604", "series of session s1")
    assert await ids(records) == ["s1"]


async def test_a_session_without_its_details_is_told_as_missing(records: Records, database: Database) -> None:
    await write(records, a_session("s1"))
    async with database.write() as connection:
        await connection.execute(SESSION_DETAILS.delete())
    assert (await refusal(records.sessions.get("s1"))).kind.code == "TC605"


async def test_no_more_than_a_month_of_the_oldest_goes_at_once(records: Records) -> None:
    await write(records, *(a_session(f"s{days}", started_at=NOON - timedelta(days=days)) for days in (0, 10, 100, 110, 125, 140, 900)))
    assert await records.retention.retire(CHIEF, NOON) == 0  # nobody has used these records
    await records.users.add(CHIEF, "first", "First", Role.STAFF)
    async with records.database.write() as connection:
        await connection.execute(update(USERS).values(created_at=NOON - timedelta(days=200)))
    ahead = NOON + timedelta(days=9000)
    assert await records.retention.retire(CHIEF, NOON - timedelta(days=200)) == 0
    assert await records.retention.retire(CHIEF, NOON - timedelta(days=120)) == 2
    assert await records.retention.retire(CHIEF, ahead) == 2
    assert await ids(records) == ["s0", "s10", "s900"]  # the last one is of a clock that was behind
    assert await records.retention.retire(CHIEF, NOON - timedelta(days=10)) == 0


async def test_old_sessions_go_and_stay_away(records: Records) -> None:
    person = await records.people.add(PHYSIO)
    await records.armings.add(PHYSIO, "request-1", person.id)
    await write(records, *(a_session(f"s{days}", started_at=NOON - timedelta(days=days)) for days in range(5)))
    assert await records.retention.apply(CHIEF, NOON - timedelta(days=2)) == 2
    assert await ids(records) == ["s0", "s1", "s2"]
    assert await write(records, a_session("s4"), a_session("s5")) == 1
    assert await records.armings.find("request-1") is not None
    assert await records.retention.apply(CHIEF, NOON - timedelta(days=2)) == 0
    assert await records.retention.apply(CHIEF, NOON + timedelta(days=1)) == 4
    assert await records.armings.find("request-1") is None
    assert (await actions(records))[-2:] == ["sessions.retired", "sessions.retired"]


async def test_the_importer_finds_what_an_arming_says(records: Records, database: Database) -> None:
    person = await records.people.add(PHYSIO)
    arming = await records.armings.add(PHYSIO, "request-1", person.id)
    async with database.read() as connection:
        assert await find_arming(connection, "request-1") == arming
        assert await find_arming(connection, "request-2") is None


async def test_proof_tests_are_kept_once_and_read_newest_first(records: Records, database: Database) -> None:
    tests = [ProofTest(NOON + number * HOUR, "lab", kind, kind == "cord", f"{number}\0") for number in range(3) for kind in ("cord", "rails")]
    for _ in range(2):
        async with database.write() as connection:
            await write_proof_tests(connection, [*tests, ProofTest(NOON, "gym", "cord", passed=True)])
            await write_proof_tests(connection, [])
    first = await records.proof_tests.of("lab", size=4)
    rest = await records.proof_tests.of("lab", size=4, page=first.next)
    assert [(test.at, test.kind) for test in (*first.items, *rest.items)] == sorted(((test.at, test.kind) for test in tests), reverse=True)
    assert rest.next is None
    last = await records.proof_tests.latest("lab", "cord")
    assert last == ProofTest(NOON + 2 * HOUR, "lab", "cord", passed=True, detail="2")
    assert await records.proof_tests.latest("lab", "harness") is None
