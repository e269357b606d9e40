"""A real PostgreSQL for the tests: a cluster in a directory of its own, reached by a Unix socket only, gone when the tests end."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import asyncpg
import pytest

INSTALLED = Path("/usr/lib/postgresql")
INSTALL = "these tests are worth nothing without a PostgreSQL server: apt-get install postgresql"
TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname"
SEQUENCES = "SELECT relname FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace"
END_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()"
SCHEMA = """SELECT md5(string_agg(line, E'\\n' ORDER BY line)) FROM (
    SELECT concat_ws(' ', 'column', c.relname, a.attname, a.attnum, a.atttypid::regtype, a.attnotnull) AS line
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(' ', 'index', pg_get_indexdef(indexrelid)) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(' ', 'trigger', tgrelid::regclass, tgname, tgenabled, pg_get_triggerdef(oid)) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT concat_ws(' ', 'function', proname, prosrc) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
) AS lines"""


def binaries() -> Path:
    """Where the newest installed server's programs are."""
    found = sorted((int(path.parent.parent.name), path.parent) for path in INSTALLED.glob("[0-9]*/bin/initdb"))
    if found:
        return found[-1][1]
    on_path = shutil.which("initdb")
    if on_path is None:
        pytest.fail(INSTALL, pytrace=False)
    return Path(on_path).parent


class Cluster:
    """One server. It refuses to run as root, so root starts it as the system's user postgres."""

    def __init__(self) -> None:
        self._programs = binaries()
        self._user: str | None = None
        if os.geteuid() == 0:
            try:
                self._user = pwd.getpwnam("postgres").pw_name
            except KeyError:
                pytest.fail(INSTALL, pytrace=False)
        self.directory = Path(tempfile.mkdtemp(prefix="treadctl-pg-"))
        if self._user is not None:
            shutil.chown(self.directory, self._user)
        self._data = self.directory / "data"
        self._count = 0
        self._free: dict[str, list[str]] = {}
        self._templates: dict[str, tuple[str, dict[str, list[str]]]] = {}

    def start(self) -> None:
        """Make the cluster and return when it answers. Nothing is written to disk in earnest: the cluster lives for one run."""
        self._run("initdb", "-D", str(self._data), "-U", "treadctl", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        options = f"-F -c listen_addresses='' -c unix_socket_directories={self.directory} -c full_page_writes=off -c max_connections=60"
        self._run("pg_ctl", "-D", str(self._data), "-l", str(self.directory / "log"), "-o", options, "-w", "-t", "60", "start")

    def stop(self) -> None:
        """End the server by the process id in its own file, and remove everything."""
        try:
            self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)

    def url(self, name: str) -> str:
        return f"postgresql://treadctl@/{name}?host={self.directory}"

    async def connect(self, name: str = "postgres") -> asyncpg.Connection:
        return await asyncpg.connect(user="treadctl", database=name, host=str(self.directory))

    async def make_database(self, template: str = "template0") -> str:
        """The name of a new database, a copy of `template`."""
        self._count += 1
        name = f"records_{self._count}"
        connection = await self.connect()
        try:
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        finally:
            await connection.close()
        return name

    async def database_like(self, template: str) -> str:
        """The name of a database that is as `template` is: one that was given back, or a copy, which takes the server twenty times as long."""
        free = self._free.get(template)
        return free.pop() if free else await self.make_database(template)

    async def give_back(self, name: str, template: str) -> None:
        """Bring a copy of `template` back to what that is, for another test; one with another schema is dropped."""
        schema, rows = await self._known(template)
        connection = await self.connect(name)
        try:
            await connection.execute(END_OTHERS, name)
            same = await connection.fetchval(SCHEMA) == schema
            if same:
                await connection.execute("SET session_replication_role = replica")  # no triggers, no order among the tables
                await connection.execute(";".join(f'DELETE FROM "{table}"' for table in rows))  # noqa: S608
                for table, kept in rows.items():
                    for row in kept:
                        await connection.execute(f'INSERT INTO "{table}" SELECT * FROM json_populate_record(NULL::"{table}", $1)', row)  # noqa: S608
                for (sequence,) in await connection.fetch(SEQUENCES):
                    await connection.execute(f'ALTER SEQUENCE "{sequence}" RESTART')
        finally:
            await connection.close()
        if same:
            self._free.setdefault(template, []).append(name)
        else:
            await self.drop_database(name)

    async def _known(self, template: str) -> tuple[str, dict[str, list[str]]]:
        """The schema of a template, and what each of its tables holds, a JSON text for each row."""
        if template not in self._templates:
            connection = await self.connect(template)
            try:
                tables = [str(table) for (table,) in await connection.fetch(TABLES)]
                rows = {t: [str(row) for (row,) in await connection.fetch(f'SELECT to_json(t)::text FROM "{t}" t')] for t in tables}  # noqa: S608
                self._templates[template] = (str(await connection.fetchval(SCHEMA)), rows)
            finally:
                await connection.close()
        return self._templates[template]

    async def drop_database(self, name: str) -> None:
        connection = await self.connect()
        try:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        finally:
            await connection.close()

    def _run(self, program: str, *arguments: str) -> None:
        with tempfile.TemporaryFile() as said:  # a file: a pipe would stay open in the server and be waited for
            # The list of groups is given up with the user: as root it would hold root's.
            groups = None if self._user is None else []
            command = [str(self._programs / program), *arguments]
            done = subprocess.run(command, stdout=said, stderr=said, user=self._user, extra_groups=groups, cwd=self.directory, check=False)  # noqa: S603
            said.seek(0)
            assert done.returncode == 0, f"{program}: {said.read().decode(errors='replace')}"
