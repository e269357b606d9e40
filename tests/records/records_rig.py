"""What the tests of the records share: both databases, a clock that is set by hand, samples of everything."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from records_postgresql import Cluster

from treadctl.errors import TreadctlError
from treadctl.records.audit import Actor
from treadctl.records.database import Database, sqlite_url
from treadctl.records.model import AnswerRecord, BlackBox, Outcome, PlannedStretch, Role, Series, Session, SessionEvent, SessionHead, StopRecord, Summary
from treadctl.records.rows_in import write_sessions
from treadctl.records.store import Records
from treadctl.records.vault import Vault, make_key

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    cluster = Cluster()
    cluster.start()
    yield cluster
    cluster.stop()


@dataclass(frozen=True)
class Place:
    """One empty database, and a way to its tables that does not go through the code under test."""

    kind: str
    url: str
    path: Path | None = None
    cluster: Cluster | None = None
    name: str = ""
    template: str | None = None

    async def run(self, *statements: str) -> None:
        """Run each statement, committed."""
        if self.path is not None:
            with closing(sqlite3.connect(self.path)) as connection:
                for statement in statements:
                    connection.execute(statement)
                connection.commit()
            return
        assert self.cluster is not None
        connection = await self.cluster.connect(self.name)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def rows(self, query: str) -> list[tuple[object, ...]]:
        if self.path is not None:
            with closing(sqlite3.connect(self.path)) as connection:
                return list(connection.execute(query))
        assert self.cluster is not None
        connection = await self.cluster.connect(self.name)
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    async def remove(self) -> None:
        if self.cluster is not None and self.template is not None:
            await self.cluster.give_back(self.name, self.template)
        elif self.cluster is not None:
            await self.cluster.drop_database(self.name)

    async def everything(self) -> str:
        """Every value of every column of every table, as text."""
        catalogue = "sqlite_master WHERE type = 'table'" if self.path is not None else "pg_tables WHERE schemaname = 'public'"
        column = "name" if self.path is not None else "tablename"
        tables = sorted(str(name) for (name,) in await self.rows(f"SELECT {column} FROM {catalogue}"))  # noqa: S608
        lines = []
        for table in tables:
            lines += sorted(f"{table}: {row!r}" for row in await self.rows(f'SELECT * FROM "{table}"'))  # noqa: S608
        return "\n".join(lines)


async def empty_place(kind: str, request: pytest.FixtureRequest, tmp_path: Path, template: str | None = None) -> Place:
    if kind == "sqlite":
        path = tmp_path / "records.sqlite"
        if template is not None:
            shutil.copyfile(template, path)
        return Place("sqlite", sqlite_url(path), path=path)
    cluster: Cluster = request.getfixturevalue("postgresql")
    name = await (cluster.database_like(template) if template is not None else cluster.make_database())
    return Place("postgresql", cluster.url(name), cluster=cluster, name=name, template=template)


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """A new, empty place for a database; every test that takes it runs on both kinds."""
    place = await empty_place(request.param, request, tmp_path)
    yield place
    await place.remove()


@pytest.fixture(scope="session")
def templates() -> dict[str, str]:
    """A database of each kind in the present form, made when it is first wanted: copying one is quicker than making it."""
    return {}


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def made(request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, templates: dict[str, str]) -> AsyncIterator[Place]:
    """A place with an empty database of the present form."""
    kind = request.param
    if kind not in templates:
        first = await empty_place(kind, request, tmp_path_factory.mktemp("template"))
        await (await Database.open(first.url)).close()
        templates[kind] = str(first.path) if first.path is not None else first.name
    place = await empty_place(kind, request, tmp_path, templates[kind])
    yield place
    await place.remove()


@pytest_asyncio.fixture
async def database(made: Place) -> AsyncIterator[Database]:
    opened = await Database.open(made.url, busy_s=2.0)
    yield opened
    await opened.close()


class Clock:
    """The time of day, set by hand; each look at it is a second later, so that no two things happen at once."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


PHYSIO = Actor("physio", Role.PHYSIOTHERAPIST)
DOCTOR = Actor("doctor", Role.PHYSICIAN)
CHIEF = Actor("chief", Role.ADMINISTRATOR)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "names.key"
    make_key(path)
    return path


@pytest_asyncio.fixture
async def records(database: Database, key_file: Path, clock: Clock) -> Records:
    """Records in a new database of each kind, with a key of names."""
    return Records(database, Vault.open(key_file), clock)


def a_series(samples: int = 5) -> Series:
    """Values that 32 bits keep exactly, and a heart rate that is not known."""
    ramp = tuple(0.25 * number for number in range(samples))
    unknown: tuple[None, ...] = (None,) * samples
    return Series(ramp, ramp, ramp, unknown, ramp, ramp, unknown, (*ramp[:-1], None) if samples else ())


def a_session(key: str = "s1", *, started_at: datetime = NOON, details: bool = True, **changes: str | int | Outcome | Summary | None) -> Session:
    head = SessionHead(
        id=key, person_id=None, revision_id=None, machine="lab", profile="first-steps", profile_sha256="ab" * 32, direction="reverse", facing="console",
        started_at=started_at, outcome=Outcome.COMPLETED, cause=None, summary=Summary(duration_s=300.0, belt_s=240.5, distance_m=110.0, peak_mps=0.75,
        mean_mps=0.5, hands_on_share=0.25, unsteady_events=1, stops=1, max_rpe=13.0, cadence_per_min=95.5, cadence_cv_percent=4.25),
    )  # fmt: skip
    head = replace(head, **changes)  # type: ignore[arg-type]  # each test names fields of a head
    if not details:
        return Session(head, mass_kg=70.0)
    return Session(
        head,
        mass_kg=71.5,
        plan=(PlannedStretch("Walk in", "warm_up", 0.0, 30.0, 0.25, 0.0, "on"), PlannedStretch("Walk", "main", 30.0, 300.0, 0.75, 2.5, "free")),
        events=(SessionEvent(12.5, "unsteady", "The person was unsteady.", {"left": 3.5, "kind": "grab", "held": True, "cell": None}),),
        answers=(AnswerRecord(60.0, "rpe", 13.0, 17.0), AnswerRecord(90.0, "dizziness", None)),
        stops=(StopRecord(299.0, "end", "SS2", "The program has ended.", 0.25, 0.5, 0.0625, 0.5),),
        overrides=("age by a clinician",),
        attendant="physio",
        series=a_series(),
        black_box=BlackBox("000017.tcj", "boot-1", 1.5, 301.5, "cd" * 32),
    )


async def write(records: Records, *sessions: Session) -> int:
    """Write sessions as the importer does."""
    async with records.database.write() as connection:
        return await write_sessions(connection, sessions)


async def refusal(doing: Awaitable[object]) -> TreadctlError:
    """The error that this ends with."""
    with pytest.raises(TreadctlError) as caught:
        await doing
    return caught.value


async def actions(records: Records) -> list[str]:
    """What the audit trail says was done, oldest first."""
    return [entry.action for entry in reversed((await records.audit.entries(size=500)).items)]
