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
