"""What the tests of the records share: both databases, a clock that is set by hand, samples of everything."""

from __future__ import annotations

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

    async def everything(self) -> str:
        """Every value of every column of every table, as text."""
        listing = "SELECT name FROM sqlite_master WHERE type = 'table'" if self.path is not None else "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        tables = sorted(str(name) for (name,) in await self.rows(listing))
        lines = []
        for table in tables:
            lines += sorted(f"{table}: {row!r}" for row in await self.rows(f'SELECT * FROM "{table}"'))  # noqa: S608
        return "\n".join(lines)


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """A new, empty place for a database; every test that takes it runs on both kinds."""
    if request.param == "sqlite":
        path = tmp_path / "records.sqlite"
        yield Place("sqlite", sqlite_url(path), path=path)
        return
    cluster: Cluster = request.getfixturevalue("postgresql")
    name = await cluster.make_database()
    yield Place("postgresql", cluster.url(name), cluster=cluster, name=name)
    await cluster.drop_database(name)


@pytest_asyncio.fixture
async def database(database_url: Place) -> AsyncIterator[Database]:
    opened = await Database.open(database_url.url, busy_s=2.0)
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
