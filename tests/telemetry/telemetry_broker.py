"""A real Mosquitto on a free loopback port: TLS with certificates made here, passwords, and the access list that is shipped."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
USERS = {"lab-1": "machine-secret", "panel": "panel-secret", "dashboard": "dashboard-secret", "admin": "admin-secret"}
ADMIN_ACL = "\n# Only in the tests: somebody whom no access list holds back.\nuser admin\ntopic readwrite #\n"


def tool(name: str, package: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
    if found is None:
        pytest.fail(f"{name} is not installed and these tests are worth nothing without it: apt-get install {package}", pytrace=False)
    return found


def run(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, f"{command[0]}: {done.stderr}"


def make_files(directory: Path) -> None:
    """Certificates of an own authority for 127.0.0.1, the password file, the access list."""
    openssl = tool("openssl", "openssl")
    run(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=treadctl test authority",
        "-keyout", "ca.key", "-out", "ca.crt", cwd=directory)  # fmt: skip
    run(openssl, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", "server.key",
        "-out", "server.csr", cwd=directory)  # fmt: skip
    (directory / "san.cnf").write_text("subjectAltName=IP:127.0.0.1\n")
    run(openssl, "x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "san.cnf",
        "-out", "server.crt", cwd=directory)  # fmt: skip
    passwords = directory / "passwd"
    passwords.touch(0o600)
    for name, password in USERS.items():
        run(tool("mosquitto_passwd", "mosquitto"), "-b", "passwd", name, password, cwd=directory)
    acl = directory / "acl"
    acl.write_text((ROOT / "systemd/mosquitto/treadctl.acl").read_text() + ADMIN_ACL)
    acl.chmod(0o600)


class Mosquitto:
    """One broker process. `port` stays the same over restarts; nothing is persisted, so a restart forgets what was retained."""

    def __init__(self, directory: Path, files: Path) -> None:
        self.files = files
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self._config = directory / "mosquitto.conf"
        # The shipped configuration with this place's paths, so that what is recommended is what is tested.
        text = (ROOT / "systemd/mosquitto/treadctl.conf").read_text()
        text = text.replace("listener 8883", f"listener {self.port} 127.0.0.1").replace("/etc/mosquitto/certs", str(files))
        text = re.sub(r"/etc/mosquitto/treadctl\.(passwd|acl)", rf"{files}/\1", text)
        user = "user root\n" if os.geteuid() == 0 else ""
        self._config.write_text(f"{user}log_dest stderr\nlog_type all\npersistence false\n{text}")
        self._process: asyncio.subprocess.Process | None = None
        self._drain: asyncio.Task[None] | None = None
        self.log: list[str] = []
        self._logged = asyncio.Event()

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    async def start(self) -> None:
        """Start, and return when it listens."""
        self._process = await asyncio.create_subprocess_exec(
            tool("mosquitto", "mosquitto"), "-c", str(self._config), stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
        )
        stderr = self._process.stderr
        assert stderr is not None
        async with asyncio.timeout(10):
            while b" running" not in (line := await stderr.readline()):
                assert line, f"mosquitto did not start: {self.log}"
                self.log.append(line.decode())
        self._drain = asyncio.create_task(self._keep_log(stderr))

    async def _keep_log(self, stderr: asyncio.StreamReader) -> None:
        while line := await stderr.readline():
            self.log.append(line.decode())
            self._logged.set()

    async def logged(self, word: str) -> None:
        """Wait until a line with `word` stands in its log."""
        async with asyncio.timeout(20):
            while not any(word in line for line in self.log):
                self._logged.clear()
                await self._logged.wait()

    async def stop(self) -> None:
        """End it, also when it was frozen."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            await self._process.wait()
        if self._drain is not None:
            await self._drain
            self._drain = None

    def freeze(self) -> None:
        """It keeps its connections and says nothing more."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self.process.send_signal(signal.SIGCONT)
