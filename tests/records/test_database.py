from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from records_postgresql import Cluster
from records_rig import NOON, Place
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError, StatementError

from treadctl.errors import TreadctlError
from treadctl.records.columns import instant, micros
from treadctl.records.database import Database, sqlite_url
from treadctl.records.schema import METADATA, PERSONS, SETTINGS
from treadctl.records.upgrade import present_form, upgrade

FIRST = "0001_first"


def person(number: int = 1, **changes: object) -> dict[str, object]:
    return {"id": f"P{number}", "facts": "", "note": "", "version": 1, "archived": False, "created_at": NOON, "changed_at": NOON} | changes


async def persons(database: Database) -> int:
    async with database.read() as connection:
        return len((await connection.execute(select(PERSONS.c.id))).all())


async def refused(url: str, **options: float) -> TreadctlError:
    with pytest.raises(TreadctlError) as caught:
        await Database.open(url, **options)
    return caught.value


async def make_first_form(place: Place) -> None:
    """A database as the first release left it, with something in each of the tables that 0002 touches or leans on."""
    opened = await Database.open(place.url)
    await opened.close()
    if place.path is not None:
        for path in place.path.parent.glob(place.path.name + "*"):
            path.unlink()
    else:
        await place.run("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    blank = Database(opened._engine.url, opened._engine)
    async with blank.write() as connection:
        await connection.run_sync(upgrade, blank.place, FIRST)
    await blank.close()
    await place.run(
        "INSERT INTO persons (id, facts, note, version, archived, created_at, changed_at) VALUES ('P1', 'age_years = 70', 'älter', 1, FALSE, 1, 2)",
        "INSERT INTO sessions (id, person_id, machine, profile, profile_sha256, direction, facing, started_at, outcome, duration_s, belt_s, distance_m,"
        " peak_mps, mean_mps, imbalance_events, unsteady_events, stops) VALUES ('s1', 'P1', 'lab', 'first steps', 'ab', 'reverse', 'console',"
        " 1772452800000001, 'completed', 300, 240.5, 100, 0.5, 0.4, 0, 1, 2)",
    )


def modes(directory: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}


def differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), METADATA))


async def test_the_steps_make_the_very_tables_that_the_code_speaks_of(database: Database) -> None:
    async with database.read() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_database_of_the_first_form_is_brought_up_with_what_is_in_it(database_url: Place) -> None:
    await make_first_form(database_url)
    with_cadence = "SELECT person_id, started_at, belt_s, stops, cadence_per_min FROM sessions"
    with pytest.raises(Exception, match="cadence_per_min"):
        await database_url.rows(with_cadence)
    opened = await Database.open(database_url.url)
    await opened.close()
    assert await database_url.rows(with_cadence) == [("P1", 1772452800000001, 240.5, 2, None)]
    assert await database_url.rows("SELECT facts, note FROM persons") == [("age_years = 70", "älter")]
    assert await database_url.rows("SELECT version_num FROM alembic_version") == [(present_form(),)]


async def test_an_upgrade_that_fails_half_way_leaves_the_old_form_whole(database_url: Place) -> None:
    await make_first_form(database_url)
    await database_url.run("CREATE TABLE removed_sessions (mine TEXT)")  # the last thing that the step makes
    before = await database_url.everything()
    assert (await refused(database_url.url)).kind.code == "TC604"
    assert await database_url.everything() == before
    with pytest.raises(Exception, match="cadence_per_min"):
        await database_url.rows("SELECT cadence_per_min FROM sessions")


async def test_two_who_open_a_new_database_at_once_make_it_once(database_url: Place) -> None:
    opened = await asyncio.gather(*(Database.open(database_url.url) for _ in range(3)))
    for each in opened:
        await each.close()
    assert await database_url.rows("SELECT number FROM audit_head") == [(0,)]


async def test_a_database_of_a_newer_release_is_refused_and_left_alone(database_url: Place) -> None:
    await (await Database.open(database_url.url)).close()
    await database_url.run("UPDATE alembic_version SET version_num = '9999_later'", "CREATE TABLE later (thing TEXT)", "INSERT INTO later VALUES ('kept')")
    if database_url.path is not None:
        with closing(sqlite3.connect(database_url.path)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")  # so that the file alone is the whole database
    before = await database_url.everything()
    stored = database_url.path.read_bytes() if database_url.path is not None else b""
    error = await refused(database_url.url)
    assert error.kind.code == "TC601"
    assert "9999_later" in error.detail
    assert await database_url.everything() == before
    if database_url.path is not None:
        assert database_url.path.read_bytes() == stored
        assert [path.name for path in database_url.path.parent.iterdir()] == ["records.sqlite"]


async def test_tables_without_a_form_are_not_built_upon(database_url: Place) -> None:
    await (await Database.open(database_url.url)).close()
    await database_url.run("DROP TABLE alembic_version")
    assert (await refused(database_url.url)).kind.code == "TC604"


async def test_tables_of_others_are_no_hindrance(database_url: Place) -> None:
    await database_url.run("CREATE TABLE somebody_elses (thing TEXT)")
    await (await Database.open(database_url.url)).close()
    assert await database_url.rows("SELECT count(*) FROM somebody_elses") == [(0,)]


async def test_an_instant_comes_back_to_the_microsecond_in_utc(database: Database) -> None:
    there = datetime(2026, 3, 29, 1, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=-5, minutes=-30)))
    async with database.write() as connection:
        await connection.execute(insert(PERSONS).values(person(created_at=there)))
    async with database.read() as connection:
        back = (await connection.execute(select(PERSONS.c.created_at))).scalar_one()
    assert back == there
    assert back.tzinfo is UTC


@pytest.mark.parametrize("at_us", [0, -1, 1, 253_402_300_799_999_999, -62_135_596_800_000_000])
def test_instants_and_microseconds_are_the_same_thing(at_us: int) -> None:
    assert micros(instant(at_us)) == at_us


async def test_a_naive_instant_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="time zone"):
        async with database.write() as connection:
            await connection.execute(insert(PERSONS).values(person(created_at=datetime(2026, 3, 2))))  # noqa: DTZ001 - what is refused
    assert await persons(database) == 0


async def test_not_a_number_is_never_stored_as_json(database: Database) -> None:
    with pytest.raises(StatementError, match="JSON"):
        async with database.write() as connection:
            await connection.execute(insert(SETTINGS).values(key="k", value=float("nan")))


async def test_what_was_to_be_written_is_in_no_message(database: Database) -> None:
    for value in ("SECRET\ud800", "SECRET", None):
        with pytest.raises((TreadctlError, IntegrityError)) as caught:
            async with database.write() as connection:
                await connection.execute(insert(PERSONS), [person(1, note=value), person(1, note=value)])
        assert "SECRET" not in str(caught.value)


async def test_a_block_that_raises_leaves_nothing(database: Database) -> None:
    with pytest.raises(KeyError):
        async with database.write() as connection:
            await connection.execute(insert(PERSONS).values(person()))
            raise KeyError
    assert await persons(database) == 0


async def test_a_writer_that_is_cancelled_leaves_nothing_and_the_next_one_writes(database: Database) -> None:
    inside = asyncio.Event()

    async def write() -> None:
        async with database.write() as connection:
            await connection.execute(insert(PERSONS).values(person()))
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await persons(database) == 0
    async with database.write() as connection:
        await connection.execute(insert(PERSONS).values(person()))
    assert await persons(database) == 1


async def test_a_reader_sees_one_instant_while_others_write(database: Database) -> None:
    async with database.read() as reader:
        assert (await reader.execute(select(PERSONS.c.id))).all() == []
        async with database.write() as writer:
            await writer.execute(insert(PERSONS).values(person()))
        assert (await reader.execute(select(PERSONS.c.id))).all() == []
    assert await persons(database) == 1


async def test_writers_of_one_process_queue_and_none_is_refused(database: Database) -> None:
    async def write(number: int) -> None:
        async with database.write() as connection:
            await connection.execute(insert(PERSONS).values(person(number)))

    await asyncio.gather(*map(write, range(20)))
    assert await persons(database) == 20


async def test_links_are_kept_by_the_database_itself(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.write() as connection:
            await connection.exec_driver_sql("INSERT INTO person_words (person_id, token) VALUES ('nobody', 'x')")


async def test_a_lock_of_somebody_else_is_waited_for_and_then_told(made: Place, database: Database) -> None:
    impatient = await Database.open(made.url, busy_s=0.05)
    async with database.write() as holder:
        await holder.execute(insert(PERSONS).values(person()))
        with pytest.raises(TreadctlError) as caught:
            async with impatient.write() as connection:
                await connection.execute(insert(PERSONS).values(person()))
    assert caught.value.kind.code == "TC602"
    await impatient.close()


async def test_too_many_who_wait_are_told_that_it_is_busy(made: Place) -> None:
    database = await Database.open(made.url, busy_s=0.1)
    held = [database.read() for _ in range(5)]
    for each in held:
        await each.__aenter__()
    with pytest.raises(TreadctlError) as caught:
        await persons(database)
    assert caught.value.kind.code == "TC602"
    for each in held:
        await each.__aexit__(None, None, None)
    await database.close()


async def test_a_full_file_loses_nothing_of_before_and_keeps_nothing_of_the_half(tmp_path: Path) -> None:
    database = await Database.open(sqlite_url(tmp_path / "full.sqlite"))
    async with database.write() as connection:
        await connection.execute(insert(PERSONS).values(person(0)))
        pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 5}")
    with pytest.raises(TreadctlError) as caught:
        async with database.write() as connection:
            for number in range(1, 100):
                await connection.execute(insert(PERSONS).values(person(number, note="x" * 2000)))
    assert caught.value.kind.code == "TC603"
    assert "xxx" not in str(caught.value)
    assert await persons(database) == 1
    await database.close()


@pytest.mark.parametrize(
    ("state", "code"), [("53100", "TC603"), ("25006", "TC603"), ("XX001", "TC604"), ("40P01", "TC602"), ("57P01", "TC600"), ("58030", "TC603")]
)
async def test_what_the_server_says_is_told_by_our_numbers(postgresql: Cluster, state: str, code: str) -> None:
    name = await postgresql.make_database()
    database = await Database.open(postgresql.url(name))
    with pytest.raises(TreadctlError) as caught:
        async with database.write() as connection:
            await connection.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION 'as the server says' USING ERRCODE = '{state}'; END $$")
    assert caught.value.kind.code == code
    assert "as the server says" in caught.value.detail
    await database.close()
    await postgresql.drop_database(name)


async def test_a_server_that_was_restarted_fails_nobody_who_comes_after(postgresql: Cluster) -> None:
    name = await postgresql.make_database()
    database = await Database.open(postgresql.url(name))
    assert await persons(database) == 0
    outside = await postgresql.connect()
    await outside.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    await outside.close()
    assert await persons(database) == 0
    await database.close()
    await postgresql.drop_database(name)


async def test_a_connection_that_breaks_within_is_told(postgresql: Cluster) -> None:
    name = await postgresql.make_database()
    database = await Database.open(postgresql.url(name))
    outside = await postgresql.connect()
    with pytest.raises(TreadctlError) as caught:
        async with database.write() as connection:
            await connection.execute(select(PERSONS.c.id))
            await outside.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
            await connection.execute(select(PERSONS.c.id))
    assert caught.value.kind.code == "TC600"
    await outside.close()
    await database.close()
    await postgresql.drop_database(name)


async def test_no_server_no_database_no_directory_are_told_as_absent(postgresql: Cluster, tmp_path: Path) -> None:
    assert (await refused(f"postgresql://treadctl@/any?host={tmp_path}")).kind.code == "TC600"
    assert (await refused(postgresql.url("never_made"))).kind.code == "TC600"
    assert (await refused(sqlite_url(tmp_path / "nowhere" / "records.sqlite"))).kind.code == "TC600"
    assert (await refused(sqlite_url(tmp_path))).kind.code == "TC600"


@pytest.mark.parametrize("url", ["", "records.sqlite", "mysql://host/name", "sqlite://", "sqlite:///:memory:"])
async def test_a_url_that_is_not_understood_is_told_as_such(url: str) -> None:
    assert (await refused(url)).kind.code == "TC104"


async def test_a_password_is_in_no_message(tmp_path: Path) -> None:
    error = await refused(f"postgresql://treadctl:very-secret@/any?host={tmp_path}")
    assert "very-secret" not in str(error)


async def test_a_file_of_something_else_is_told_as_damaged_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    path.write_bytes(b"these are not the records you look for " * 200)
    before = path.read_bytes()
    assert (await refused(sqlite_url(path))).kind.code == "TC604"
    assert path.read_bytes() == before


async def test_a_file_with_a_torn_page_is_told_as_damaged(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    database = await Database.open(sqlite_url(path))
    async with database.write() as connection:
        for number in range(50):
            await connection.execute(insert(PERSONS).values(person(number, note="n" * 500)))
    await database.check()
    await database.close()
    with closing(sqlite3.connect(path)) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'persons'").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(os.urandom(4096))
    damaged = await Database.open(sqlite_url(path))
    with pytest.raises(TreadctlError) as caught:
        async with damaged.read() as reader:
            await reader.execute(select(PERSONS.c.note))
    assert caught.value.kind.code == "TC604"
    with pytest.raises(TreadctlError) as caught:
        await damaged.check()
    assert caught.value.kind.code == "TC604"
    await damaged.close()


async def test_a_file_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    await (await Database.open(sqlite_url(path))).close()
    database = await Database.open(sqlite_url(path))
    with pytest.raises(TreadctlError) as caught:
        async with database.write() as connection:
            await connection.exec_driver_sql("PRAGMA query_only=ON")
            await connection.execute(insert(PERSONS).values(person()))
    assert caught.value.kind.code == "TC603"
    await database.close()


@pytest.mark.parametrize("umask", [0o000, 0o077])
async def test_a_new_file_is_read_by_its_group_and_by_nobody_else(tmp_path: Path, umask: int) -> None:
    old = os.umask(umask)
    try:
        database = await Database.open(sqlite_url(tmp_path / "records.sqlite"))
    finally:
        os.umask(old)
    async with database.write() as connection:
        await connection.execute(insert(PERSONS).values(person()))
    assert modes(tmp_path) == dict.fromkeys(("records.sqlite", "records.sqlite-wal", "records.sqlite-shm"), 0o640)
    await database.close()


async def test_a_file_that_two_users_of_a_group_write_is_made_so_on_wish(tmp_path: Path) -> None:
    database = await Database.open(sqlite_url(tmp_path / "records.sqlite"), file_mode=0o660)
    assert set(modes(tmp_path).values()) == {0o660}
    await database.close()


async def test_a_server_without_its_driver_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    error = await refused("postgresql://treadctl@/records")
    assert (error.kind.code, error.detail) == ("TC130", "treadctl[postgres]")


async def test_each_connection_to_a_file_is_set_up(tmp_path: Path) -> None:
    database = await Database.open(sqlite_url(tmp_path / "records.sqlite"))
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000, "secure_delete": 1}
    async with database.read() as first, database.read() as second:
        for connection in (first, second):
            assert {name: (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one() for name in expected} == expected
    await database.close()


async def test_a_copy_is_whole_of_one_instant_and_opens(tmp_path: Path) -> None:
    database = await Database.open(sqlite_url(tmp_path / "records.sqlite"))
    async with database.write() as connection:
        await connection.execute(insert(PERSONS).values(person(1, note="kept")))
    copy = tmp_path / "copies" / "first.sqlite"
    copy.parent.mkdir()
    async with database.write() as connection:  # a writer at work neither disturbs the copy nor is in it
        await connection.execute(insert(PERSONS).values(person(2)))
        await database.backup(copy)
    await database.close()
    assert [path.name for path in copy.parent.iterdir()] == ["first.sqlite"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o640
    restored = await Database.open(sqlite_url(copy))
    assert await persons(restored) == 1
    await restored.close()


async def test_a_copy_never_replaces_a_file(tmp_path: Path) -> None:
    database = await Database.open(sqlite_url(tmp_path / "records.sqlite"))
    there = tmp_path / "there"
    there.write_text("precious")
    with pytest.raises(TreadctlError) as caught:
        await database.backup(there)
    assert caught.value.kind.code == "TC607"
    assert there.read_text() == "precious"
    with pytest.raises(TreadctlError) as caught:
        await database.backup(tmp_path / "nowhere" / "copy")
    assert caught.value.kind.code == "TC600"
    await database.close()


async def test_a_server_is_copied_by_its_own_tool(postgresql: Cluster, tmp_path: Path) -> None:
    name = await postgresql.make_database()
    database = await Database.open(postgresql.url(name))
    await database.check()
    await database.forget_deleted()
    with pytest.raises(TreadctlError, match="pg_dump"):
        await database.backup(tmp_path / "copy")
    await database.close()
    await postgresql.drop_database(name)


async def test_a_path_with_signs_that_files_of_settings_know_is_opened(tmp_path: Path) -> None:
    odd = tmp_path / "100% of it? yes #1.sqlite"
    await (await Database.open(sqlite_url(odd))).close()
    assert odd.exists()


async def test_the_steps_are_found_wherever_the_package_is_put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import treadctl.records.upgrade as steps

    moved = tmp_path / "50% off" / "migrations"
    shutil.copytree(steps.MIGRATIONS, moved)
    monkeypatch.setattr(steps, "MIGRATIONS", moved)
    await (await Database.open(sqlite_url(tmp_path / "records.sqlite"))).close()
