"""The benchmark of the console: what it adds up, what it says of a goal that is missed, and that its load is the one it says."""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import time
from collections.abc import AsyncIterator

import pytest
from typer.testing import CliRunner

from treadctl.cli import bench, bench_console
from treadctl.cli.bench_console import Row, document_of, table_of
from treadctl.cli.bench_console_stop import _result
from treadctl.cli.bench_doors import Browser, live_ages_s, percentile
from treadctl.cli.bench_load import CLIENTS

Headers = dict[str, str]


class Door:
    """A door that answers everything alike, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Headers, str]] = []
        self.port = 0
        self.open: list[asyncio.Task[None]] = []
        self.changed = asyncio.Condition()

    async def until(self, more: int) -> None:
        """Until so many more requests have come, and a report among all."""
        enough = len(self.asked) + more
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.asked) >= enough and any(path == "/jobs/1" for _method, path, *_rest in self.asked))

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task: asyncio.Task[None] | None = asyncio.current_task()
        assert task is not None
        self.open.append(task)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
                await reader.readexactly(int(headers.get("content-length", "0")))
                method, path, _ = head[0].split()
                self.asked.append((method, path, headers, writer.get_extra_info("peername")[0]))
                async with self.changed:
                    self.changed.notify_all()
                if path == "/api/v1/live":
                    await self.live(writer)
                writer.write(self.answer(path))
                await writer.drain()
        except (EOFError, OSError):
            pass
        finally:
            writer.close()

    @staticmethod
    def answer(path: str) -> bytes:
        if path.endswith(".pdf"):
            return b"HTTP/1.1 303 See Other\r\nLocation: /jobs/1\r\nContent-Length: 0\r\n\r\n"
        if path == "/jobs/1":
            return b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n%PDF-1.7"
        if path == "/page":
            body = b'<link href="/static/a.css?1"><script src="/static/a.js"></script><a href="/static/b.css">'
            return b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        if path.startswith("/static/"):
            packed = gzip.compress(b"x" * 1000)
            return b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(packed), packed)
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"

    @staticmethod
    async def live(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 500\n")
        for age_s in (0.5, 0.25):
            writer.write(b'event: event\ndata: {"kind": "other"}\n\n')
            writer.write(f"event: state\ndata: {json.dumps({'series': {'at_s': time.monotonic() - age_s}})}\n\n".encode())
        await writer.drain()
        while not writer.is_closing():
            writer.write(f"event: state\ndata: {json.dumps({'series': {'at_s': time.monotonic() - 0.25}})}\n\n".encode())
            await writer.drain()
            await asyncio.sleep(0.02)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    made = Door()
    server = await asyncio.start_server(made, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    for task in made.open:
        task.cancel()
    await asyncio.gather(*made.open, return_exceptions=True)


def test_a_percentile_is_one_of_the_values_by_nearest_rank() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.95), percentile(values, 0.99), percentile([7.0], 0.99)) == (50.0, 95.0, 99.0, 7.0)


@pytest.mark.parametrize(("met", "code"), [((True, None), 0), ((True, False), 1)])
def test_the_exit_code_says_whether_a_goal_was_missed(monkeypatch: pytest.MonkeyPatch, met: tuple[bool | None, ...], code: int) -> None:
    rows = [Row("a figure", "1 ms", "2 ms", one) for one in met]
    monkeypatch.setattr(bench_console, "run", lambda *_arguments: (rows, {}))
    result = CliRunner().invoke(bench.app, ["console", "--quick", "--json"])
    assert result.exit_code == code
    assert json.loads(result.stdout) == document_of(rows, {})


def test_a_part_that_there_is_not_is_refused() -> None:
    result = CliRunner().invoke(bench.app, ["console", "--part", "nothing"])
    assert "there are pages, lists, import, stop" in str(result.exception)


def test_a_table_names_what_was_missed() -> None:
    table = table_of([Row("one", "1", "2", True), Row("two", "3", "2", False), Row("three", "", "2", None)])
    assert list(table.columns[3].cells) == ["met", "[red]NOT MET[/]", "–"]


@pytest.mark.parametrize(("slower", "met"), [(1.0, True), (1.049, True), (1.06, False)])
def test_a_stop_that_comes_later_under_load_is_a_goal_missed(slower: float, met: bool) -> None:
    values = [0.010 + 0.0001 * n for n in range(100)]
    load = [{"lasted_s": 10.0, "junk": 9_000, "reports": 3, "report_s": [1.0, 2.0, 3.0]}, {"lasted_s": 10.0, "junk": 7_000, "reports": 0, "report_s": []}]
    found = _result({"without": [values[:50], values[50:]], "with": [[slower * v for v in values]], "load": load, "repeated": 0})
    assert (found["met"], found["junk_per_s"], found["reports"], found["report_s"]) == (met, 800.0, 3, 2.0)
    assert found["ratios"]["p50"] == pytest.approx(slower, abs=2e-3)


async def test_ages_are_of_the_states_and_of_nothing_else(door: Door) -> None:
    ages_s, per_s = await live_ages_s(door.port, "a=b", 0.4, watchers=3)
    assert all(0.24 < age_s < 1.0 for age_s in ages_s)
    assert per_s > 1.0
    assert {headers["cookie"] for _method, _path, headers, _peer in door.asked} == {"a=b"}


async def test_a_page_weighs_what_was_sent_of_it_and_of_what_it_links(door: Door) -> None:
    browser = Browser(f"http://127.0.0.1:{door.port}")
    sent, packed = await asyncio.to_thread(browser.weight, "/page")
    one = len(gzip.compress(b"x" * 1000))
    page = len(Door.answer("/page").partition(b"\r\n\r\n")[2])
    assert sent == page + 3 * one
    assert packed - 3 * one == len(gzip.compress(Door.answer("/page").partition(b"\r\n\r\n")[2]))
    assert browser.cookie == "a=b"


async def test_the_load_comes_from_many_addresses_and_says_what_it_reached(door: Door) -> None:
    chosen = {"port": door.port, "cookie": "who=me", "junk_per_s": 400.0, "reports": ["/sessions/1/report.pdf"]}

    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "treadctl.cli.bench_load", json.dumps(chosen), stdin=pipe, stdout=pipe)
    assert process.stdin is not None and process.stdout is not None
    rows = []
    for _ in range(2):
        process.stdin.write(b"on\n")
        await door.until(200)
        process.stdin.write(b"off\n")
        rows.append(json.loads(await process.stdout.readline()))
    process.stdin.close()
    assert await process.wait() == 0
    junk = [entry for entry in door.asked if "cookie" not in entry[2]]
    assert len({peer for *_rest, peer in junk}) == CLIENTS
    assert {method for method, *_ in junk} == {"GET", "POST", "PUT"}
    for row in rows:
        assert row["broken"] == []
        assert set(row["statuses"]) == {"404", "200"}
        assert sum(row["statuses"].values()) == row["junk"] > 0
    reports = [headers for _method, path, headers, _peer in door.asked if path.endswith(".pdf")]
    assert {headers["cookie"] for headers in reports} == {"who=me"}
