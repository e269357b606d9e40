"""What the benchmarks of the console share: records with people in them, a browser without a screen, the measuring of pages, live state and starts."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from treadctl.errors import TreadctlError
from treadctl.testing.simulated import end_process

HOST: Final = "127.0.0.1"
AGENT: Final = "treadctl-bench"
WATCHERS: Final = 20
READY_S: Final = 30.0
OFTEN: Final = "P-OFTEN"  # the person with a thousand sessions
PASSWORD: Final = secrets.token_hex(12)
PIN: Final = "519402"
LINKED: Final = re.compile(r'(?:href|src)="(/static/[^"?]+\.(?:css|js|svg)[^"]*)"')


def percentile(values: Sequence[float], part: float) -> float:
    """The value that this part of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def fill(settings_file: Path, sessions: int) -> list[str]:
    """A user of each role, and a person with so many sessions, samples and all; the ids of ten of them."""
    from argon2 import PasswordHasher  # noqa: PLC0415 - what the console needs and the command line does not

    from treadctl.console.settings import load  # noqa: PLC0415
    from treadctl.records.audit import Actor  # noqa: PLC0415
    from treadctl.records.model import Role  # noqa: PLC0415
    from treadctl.records.rows_in import write_sessions  # noqa: PLC0415
    from treadctl.records.store import Records  # noqa: PLC0415
    from treadctl.records.vault import make_key  # noqa: PLC0415
    from treadctl.testing.clinic import many_sessions  # noqa: PLC0415

    settings = load(settings_file)
    key = Path(str(settings.names_key))
    make_key(key)
    system, hasher = Actor("bench", "system"), PasswordHasher()

    async def work() -> list[str]:
        records = await Records.open(settings.database, key, file_mode=0o660)
        try:
            for role in Role:
                await records.users.add(system, role.value, role.value, role, password_hash=hasher.hash(PASSWORD), pin_hash=hasher.hash(PIN))
            await records.people.add(system, person_id=OFTEN, name="Often Here")
            made = list(many_sessions(1, sessions, [OFTEN], datetime.now(UTC), series=True))
            async with records.database.write() as connection:
                await write_sessions(connection, made)
            return [session.head.id for session in made[-10:]]
        finally:
            await records.close()

    return asyncio.run(work())


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `sent` is how many bytes its body had on the way."""

    status: int
    headers: dict[str, str]
    text: str
    sent: int


class Browser:
    """Asks one door, keeps cookies. It takes packed answers, as browsers do."""

    def __init__(self, url: str) -> None:
        self.port = int(url.rpartition(":")[2])
        self.cookies: dict[str, str] = {}

    @property
    def cookie(self) -> str:
        """As a header carries them."""
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def ask(self, path: str, **fields: str) -> Answer:
        """GET, or POST of a form where there are fields. OSError where nobody listens."""
        headers = {"User-Agent": AGENT, "Accept": "text/html", "Accept-Encoding": "gzip", "Cookie": self.cookie}
        connection = http.client.HTTPConnection(HOST, self.port, timeout=30.0)
        try:
            if fields:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
                connection.request("POST", path, urlencode(fields), headers)
            else:
                connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            for line in answer.headers.get_all("set-cookie") or []:
                name, _, value = line.partition(";")[0].partition("=")
                self.cookies[name] = value
            said = {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()
        plain = gzip.decompress(body) if said.get("content-encoding") == "gzip" else body
        return Answer(answer.status, said, plain.decode("utf-8", "replace"), len(body))

    def seen(self, path: str) -> Answer:
        """A page that is there. TreadctlError for anything else."""
        answer = self.ask(path)
        if answer.status != 200:
            raise TreadctlError("refused", f"bench > {path}", f"{answer.status} {answer.headers.get('location', '')}")
        return answer

    def sign_on(self, login: str, secret: str, pairing_pin: str = "") -> None:
        """As staff do it; at the machine its screen is paired first."""
        if pairing_pin:
            self.ask("/pair", pin=pairing_pin)
        self.ask("/sign-on", login=login, secret=secret)
        self.seen("/live")

    def timed(self, path: str, repeats: int) -> list[float]:
        """How long a page takes, s, so many times. The rate that one address is allowed is kept to."""
        self.seen(path)
        took = []
        for _ in range(repeats):
            began_s = time.perf_counter()
            self.seen(path)
            took.append(time.perf_counter() - began_s)
            time.sleep(0.03)
        return took

    def weight(self, path: str) -> tuple[int, int]:
        """Bytes of a page with the styles and scripts it links: as they were sent, and with the page packed too (it is sent plain, see `console.packed`)."""
        answer = self.seen(path)
        linked = [self.seen(found) for found in dict.fromkeys(LINKED.findall(answer.text))]
        parts = sum(part.sent for part in linked)
        return answer.sent + parts, len(gzip.compress(answer.text.encode())) + parts


def start_s(settings: Path, url: str, times: int) -> list[float]:
    """From the start of a door's process to its first page, s. The door must be shut."""
    took = []
    for _ in range(times):
        began_s = time.monotonic()
        log = (settings.parent / "start.log").open("w", encoding="utf-8")
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "treadctl.console", "--config", str(settings), "--door", "kiosk"], stdout=log, stderr=log, text=True
        )
        try:
            while not _answers(url):
                if process.poll() is not None or time.monotonic() - began_s > READY_S:
                    raise TreadctlError("refused", "bench > start", (settings.parent / "start.log").read_text(encoding="utf-8")[-500:])
                time.sleep(0.005)
            took.append(time.monotonic() - began_s)
        finally:
            end_process(process)
            log.close()
    return took


def _answers(url: str) -> bool:
    try:
        return Browser(url).ask("/sign-on").status == 200
    except OSError:
        return False


async def live_ages_s(port: int, cookie: str, seconds: float, watchers: int = WATCHERS) -> tuple[list[float], float]:
    """Ages of the state as each of so many watchers has it read, s, and how many states a second a watcher got."""
    until_s = time.monotonic() + 1.0 + seconds
    ages = await asyncio.gather(*(_watch(port, cookie, until_s - seconds, until_s) for _ in range(watchers)))
    return [age for found in ages for age in found], sum(map(len, ages)) / watchers / seconds


async def _watch(port: int, cookie: str, from_s: float, until_s: float) -> list[float]:
    """One watcher: an event stream on a socket of its own, each event parsed as a page does."""
    reader, writer = await asyncio.open_connection(HOST, port)
    found: list[float] = []
    try:
        lines = ("GET /api/v1/live HTTP/1.1", f"Host: {HOST}:{port}", f"User-Agent: {AGENT}", f"Cookie: {cookie}", "Accept: text/event-stream", "", "")
        writer.write("\r\n".join(lines).encode())
        first = await reader.readline()
        if b" 200 " not in first:
            raise TreadctlError("refused", "bench > live", first.decode("latin-1").strip())
        async with asyncio.timeout(until_s + 10.0 - time.monotonic()):
            while time.monotonic() < until_s:
                line = await reader.readline()
                if not line.startswith(b"data: "):
                    continue
                at_s = json.loads(line[6:]).get("series", {}).get("at_s")
                now_s = time.monotonic()
                if at_s is not None and from_s <= now_s < until_s:
                    found.append(now_s - at_s)
    finally:
        writer.close()
    return found
