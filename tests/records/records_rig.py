"""What the tests of the records share: both databases, a clock that is set by hand, samples of everything."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from records_postgresql import Cluster

from treadctl.records.database import Database, sqlite_url

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
        if self.cluster is not None:
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
    name = await cluster.make_database(template or "template0")
    return Place("postgresql", cluster.url(name), cluster=cluster, name=name)


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
