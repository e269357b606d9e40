"""The state of the database itself, for the service page."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from treadctl.records.database import Database


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """`form` is the step of the migrations it stands at; `size_bytes` includes SQLite's write-ahead log."""

    kind: str
    form: str
    size_bytes: int


async def state_of(database: Database) -> DatabaseState:
    """As it is now. Raises what the database raises."""
    async with database.read() as connection:
        form = str((await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one())
        if database.kind != "sqlite":
            size = int((await connection.execute(text("SELECT pg_database_size(current_database())"))).scalar_one())
            return DatabaseState(database.kind, form, size)
    return DatabaseState(database.kind, form, await asyncio.to_thread(_size, Path(database.place)))


def _size(path: Path) -> int:
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
