"""A database of records: SQLite in a file, or PostgreSQL.

Every statement runs in a transaction of `read` or `write`; every failure of a driver leaves as TC600 to TC604.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any, Final, Self

import aiosqlite
from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from treadctl.errors import TreadctlError
from treadctl.records.failures import translated
from treadctl.records.upgrade import form_of, present_form, upgrade

DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
CONNECTIONS: Final = 5
ANSWER_S: Final = 60.0  # a server that says nothing for so long is taken for gone
FILE_MODE: Final = 0o640
CHECKPOINTS: Final = 3  # each waits for readers as long as a write waits
_WRITES: Final = "treadctl_writes"
_POOL: Final[dict[str, Any]] = {"pool_size": CONNECTIONS, "max_overflow": 0, "hide_parameters": True}  # values are of people and belong in no message


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file."""
    return URL.create("sqlite+aiosqlite", database=str(path)).render_as_string(hide_password=False)


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise TreadctlError("bad_value", "database URL", "write sqlite:////path/to/file or postgresql://user@host/name") from None
    kind = parsed.get_backend_name()
    if kind not in DRIVERS:
        raise TreadctlError("bad_value", "database URL", f"{kind} is not a database that is understood here: sqlite or postgresql")
    if kind == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise TreadctlError("bad_value", "database URL", "SQLite needs a file here: each connection would see a memory of its own")
    return parsed.set(drivername=DRIVERS[kind])


class Database:
    """One open database. Make it with `open`, end it with `close`."""

    def __init__(self, url: URL, engine: AsyncEngine) -> None:
        self.kind = url.get_backend_name()
        self.place = url.database if self.kind == "sqlite" and url.database else url.render_as_string(hide_password=True)
        self._engine = engine
        if self.kind == "sqlite":
            self._reader, self._writer = engine, engine.execution_options(**{_WRITES: True})
        else:  # what one read shows is of one instant, as SQLite does by itself
            self._reader, self._writer = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True), engine
        # SQLite has one writer at a time. Within the process they queue here, in order; its own waiting polls, and is for other processes.
        self._turn: AbstractAsyncContextManager[Any] = asyncio.Lock() if self.kind == "sqlite" else nullcontext()

    @classmethod
    async def open(cls, url: str, *, busy_s: float = 5.0, file_mode: int = FILE_MODE) -> Self:
        """The database at `url`, made if it is new, brought to the present form if it is old.

        `busy_s` is how long a lock of somebody else is waited for. A new SQLite file gets `file_mode`; give 0o660 where two users of one group write it.
        Raises TC600 to TC604; a database of a newer release (TC601) is left as it is. TC130 without the PostgreSQL driver.
        """
        parsed = _parsed(url)
        if parsed.get_backend_name() == "sqlite":
            await asyncio.to_thread(_make_file, Path(str(parsed.database)), file_mode)
        try:
            engine = _sqlite_engine(parsed, busy_s) if parsed.get_backend_name() == "sqlite" else _postgresql_engine(parsed, busy_s)
        except (NoSuchModuleError, ModuleNotFoundError):
            raise TreadctlError("extra_missing", "database URL", "treadctl[postgres]") from None
        database = cls(parsed, engine)
        try:
            await database._settle()
        except BaseException:
            await database.close()
            raise
        return database

    async def _settle(self) -> None:
        async with self.read() as connection:
            found = await connection.run_sync(form_of, self.place)
        if self.kind == "sqlite":
            await self._write_ahead()
        if found != present_form():
            async with self.write() as connection:
                await connection.run_sync(upgrade, self.place)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction that only reads, and sees one instant."""
        with translated(self.place):
            async with self._reader.begin() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction that writes: committed whole at the end of the block, or rolled back whole if it raises."""
        with translated(self.place):
            async with self._turn, self._writer.begin() as connection:
                yield connection

    async def close(self) -> None:
        """Give back every connection."""
        with translated(self.place):
            await self._engine.dispose()

    async def backup(self, path: Path) -> None:
        """A copy of the whole database as one SQLite file, of one instant, while others go on.

        TC607 if there is such a file; TC104 for PostgreSQL, which has pg_dump.
        """
        if self.kind != "sqlite":
            raise TreadctlError("bad_value", self.place, "only a SQLite file is copied here; copy a PostgreSQL database with pg_dump")
        if await asyncio.to_thread(path.exists):
            raise TreadctlError("record_exists", str(path))
        part = path.with_name(path.name + ".part")
        await asyncio.to_thread(part.unlink, missing_ok=True)
        await asyncio.to_thread(_make_file, part, FILE_MODE)
        try:
            async with self._driver() as driver:
                await driver.execute("VACUUM INTO ?", (str(part),))
            await asyncio.to_thread(_put_in_place, part, path)
        except BaseException:
            await asyncio.to_thread(part.unlink, missing_ok=True)
            raise

    async def check(self) -> None:
        """Read a SQLite file whole and compare it with itself; TC604 names the first flaw. PostgreSQL keeps its own checksums: only that it answers."""
        async with self.read() as connection:
            said = str((await connection.exec_driver_sql("PRAGMA quick_check(1)" if self.kind == "sqlite" else "SELECT 'ok'")).scalar_one())
        if said != "ok":
            raise TreadctlError("database_damaged", self.place, said.splitlines()[0])

    async def forget_deleted(self) -> None:
        """Let nothing of what was deleted stay readable in SQLite's write-ahead log. Harmless at any time; tried again while somebody reads what was before."""
        if self.kind == "sqlite":
            for _ in range(CHECKPOINTS):
                async with self._turn, self._driver() as driver:
                    ((busy, *_sizes),) = await driver.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
                if not busy:
                    break

    @asynccontextmanager
    async def _driver(self) -> AsyncIterator[aiosqlite.Connection]:
        """SQLite's own connection, outside any transaction: for what may not run in one."""
        with translated(self.place):
            async with self._engine.connect() as connection:
                driver = (await connection.get_raw_connection()).driver_connection
                assert isinstance(driver, aiosqlite.Connection)  # noqa: S101 - only called for SQLite
                yield driver

    async def _write_ahead(self) -> None:
        async with self._driver() as driver:
            rows = list(await driver.execute_fetchall("PRAGMA journal_mode=WAL"))
        if rows[0][0] != "wal":
            raise TreadctlError("database_absent", self.place, "its file system cannot hold a write-ahead log; choose a local one")


def _make_file(path: Path, mode: int) -> None:
    """An empty file of this mode, whatever the umask; one that is there stays as it is."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError:
        return
    except OSError as error:
        raise TreadctlError("database_absent", str(path), error.strerror or str(error)) from error
    try:
        os.fchmod(handle, mode)
    finally:
        os.close(handle)


def _put_in_place(part: Path, path: Path) -> None:
    """Give the finished copy its name, so that a power cut leaves a whole copy or none."""
    _to_disk(part)
    part.replace(path)
    _to_disk(path.parent)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sqlite_engine(url: URL, busy_s: float) -> AsyncEngine:
    engine = create_async_engine(url, **_POOL, pool_timeout=max(busy_s, 1.0), connect_args={"timeout": busy_s})

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:  # noqa: ANN401 - SQLAlchemy's own wrapper, untyped
        # The driver's habit of beginning transactions by itself, late and only before some statements, is turned off: `_begin` does it, always.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes the lock at once: a reader that turns writer half way would be refused without any waiting.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN")

    return engine


def _postgresql_engine(url: URL, busy_s: float) -> AsyncEngine:
    settings = {"lock_timeout": str(round(busy_s * 1000)), "jit": "off", "application_name": "treadctl"}
    return create_async_engine(
        url,
        **_POOL,
        pool_timeout=max(busy_s, 1.0),
        pool_pre_ping=True,  # a server that was restarted costs nobody a failed request
        connect_args={"timeout": max(busy_s, 1.0), "command_timeout": ANSWER_S, "server_settings": settings},
    )
