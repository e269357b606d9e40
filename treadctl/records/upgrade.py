"""The form of the tables: which one a database has, and the way to the present one. Alembic does it, inside the caller's transaction."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from treadctl.errors import TreadctlError
from treadctl.records.schema import METADATA

MIGRATIONS: Final = Path(__file__).resolve().parent / "migrations"
UPGRADE_LOCK: Final = 8480_8481  # advisory lock of PostgreSQL: one process upgrades, the other waits and finds it done


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def present_form() -> str:
    """The form this release works with."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None  # noqa: S101 - the wheel would be without its steps
    return head


def form_of(connection: Connection, place: str) -> str | None:
    """The form found; None for an empty database. TC601 for one we do not know, TC604 for tables that say no form. Changes nothing."""
    heads = MigrationContext.configure(connection).get_current_heads()
    known = {step.revision for step in ScriptDirectory.from_config(_config()).walk_revisions()}
    if unknown := sorted(set(heads) - known):
        raise TreadctlError("database_newer", place, f"its form is {', '.join(unknown)}, ours is {present_form()}")
    if not heads and set(inspect(connection).get_table_names()) & set(METADATA.tables):
        raise TreadctlError("database_damaged", place, "there are tables of treadctl but not the one that says their form")
    return heads[0] if heads else None


def upgrade(connection: Connection, place: str, to: str = "head") -> None:
    """Bring the tables to `to`. All or nothing: it is the caller's transaction that ends it."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": UPGRADE_LOCK})
    form_of(connection, place)  # again, now that nobody else can change it
    command.upgrade(_config(connection), to)
