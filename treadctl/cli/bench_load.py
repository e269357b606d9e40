"""A load on one door of the console, as a process of its own: reports asked for one after the other, and requests that are worth nothing.

`python -m treadctl.cli.bench_load '{"port": ..., "cookie": ..., "reports": ["/sessions/1/report.pdf", ...], "junk_per_s": 1000}'`. It begins at each line
"on" of its input and pauses at each "off", then prints one line of JSON with what it reached in between. The end of its input ends it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

HOST: Final = "127.0.0.1"
AGENT: Final = "treadctl-bench"
CLIENTS: Final = 40  # each with an address of its own, or the guard of the door would refuse nearly all of it before it costs anything
PATIENCE_S: Final = 30.0
ARREARS_S: Final = 0.5
POLL_S: Final = 0.3
JUNK: Final = (
    ("GET", "/no/such/page", b""), ("GET", "/people/nobody", b""), ("GET", "/api/v1/state", b""), ("POST", "/api/v1/session/arm", b'{"person_id": 7}'),
    ("GET", "/static/none.js", b""), ("POST", "/sign-on", b"login=x"), ("GET", "/sessions?since=never", b""), ("PUT", "/api/v1/plan", b"[" * 500),
)  # fmt: skip


@dataclass
class Reached:
    """What one time under load came to."""

    began_s: float
    statuses: Counter[int] = field(default_factory=Counter)
    failed: int = 0
    reports: int = 0
    report_s: list[float] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """For JSON."""
        lasted_s = time.monotonic() - self.began_s
        junk = sum(self.statuses.values())
        return {
            "lasted_s": round(lasted_s, 2), "junk": junk, "junk_per_s": round(junk / lasted_s, 1), "statuses": {str(k): v for k, v in self.statuses.items()},
            "failed": self.failed, "reports": self.reports, "report_s": [round(s, 2) for s in self.report_s],
        }  # fmt: skip


class Line:
    """One connection that is kept, from an address of loopback that others do not use."""

    def __init__(self, port: int, source: str, cookie: str = "") -> None:
        self._port = port
        self._source = source
        self._cookie = f"Cookie: {cookie}\r\n" if cookie else ""
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body. OSError or EOFError where the other end hangs up; the next call dials again."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(HOST, self._port, local_addr=(self._source, 0))
        reader, writer = self._streams
        try:
            kind = "application/json" if path.startswith("/api/") else "application/x-www-form-urlencoded"
            writer.write(
                f"{method} {path} HTTP/1.1\r\nHost: {HOST}:{self._port}\r\nUser-Agent: {AGENT}\r\nAccept: text/html\r\n{self._cookie}"
                f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
            )
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
            content = await reader.readexactly(int(headers.get("content-length", "0")))
        except BaseException:
            self.close()
            raise
        if headers.get("connection", "").lower() == "close":
            self.close()
        return int(head[0].split()[1]), headers, content

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def junk(port: int, source: str, every_s: float, offset: int, reached: Reached) -> None:
    """Worthless requests for ever, one each `every_s`; what is late is made up for, up to ARREARS_S of it."""
    line, number, due_s = Line(port, source), offset, time.monotonic() + every_s * (offset % 16) / 16.0
    try:
        while True:
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            due_s = max(due_s + every_s, time.monotonic() - ARREARS_S)
            method, path, body = JUNK[number % len(JUNK)]
            number += 1
            try:
                async with asyncio.timeout(PATIENCE_S):
                    status, _headers, _body = await line.ask(method, path, body)
                reached.statuses[status] += 1
            except (OSError, EOFError, TimeoutError):
                reached.failed += 1
    finally:
        line.close()


async def report(port: int, source: str, cookie: str, path: str, reached: Reached) -> None:
    """The same report for ever, fetched as a browser does: where it takes a while, its page is looked at until it is there."""
    line = Line(port, source, cookie)
    try:
        while True:
            began_s, asked = time.monotonic(), path
            while True:
                try:
                    status, headers, body = await line.ask("GET", asked)
                except (OSError, EOFError):
                    reached.failed += 1
                    await asyncio.sleep(POLL_S)
                    continue
                if status == 200 and body.startswith(b"%PDF"):
                    break
                if status not in {200, 303}:
                    reached.failed += 1
                    await asyncio.sleep(POLL_S)
                    asked = path
                    continue
                asked = headers.get("location", asked)
                await asyncio.sleep(POLL_S)
            reached.reports += 1
            reached.report_s.append(time.monotonic() - began_s)
    finally:
        line.close()


async def _under_load(chosen: dict[str, Any], stop: asyncio.Event) -> dict[str, Any]:
    reached, port = Reached(time.monotonic()), int(chosen["port"])
    every_s = CLIENTS / float(chosen["junk_per_s"])
    tasks = [asyncio.create_task(junk(port, f"127.0.1.{n + 1}", every_s, n, reached)) for n in range(CLIENTS)]
    tasks += [asyncio.create_task(report(port, f"127.0.2.{n + 1}", chosen["cookie"], path, reached)) for n, path in enumerate(chosen["reports"])]
    await stop.wait()
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    broken = [repr(error) for error in ended if not isinstance(error, asyncio.CancelledError)]
    return {**reached.row(), "broken": broken}


async def _serve(chosen: dict[str, Any]) -> None:
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while (await reader.readline()).strip() == b"on":
        stop = asyncio.Event()
        work = asyncio.create_task(_under_load(chosen, stop))
        await reader.readline()
        stop.set()
        sys.stdout.write(json.dumps(await work) + "\n")
        sys.stdout.flush()


def main() -> int:
    """The command."""
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(json.loads(sys.argv[1])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
