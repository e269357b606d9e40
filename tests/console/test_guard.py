"""What every request passes: host, origin, size, patience and rate; and a stop that passes whatever is wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from console_rig import Clock

from treadctl.console.guard import BURST, MAX_BODY, RATE_PER_S, Guard, Message, Rates, Receive, Scope, Send

ORIGIN = {"Origin": "http://127.0.0.1:8480"}


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that reads all there is and says how much it was."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


def client(guard: Guard) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=guard), base_url="http://127.0.0.1:8480")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guard(clock: Clock) -> Guard:
    return Guard(echo, frozenset({"127.0.0.1", "localhost", "::1"}), clock=clock)


async def test_every_answer_carries_the_strict_headers(guard: Guard) -> None:
    async with client(guard) as browser:
        for answer in (await browser.get("/"), await browser.post("/stop"), await browser.get("/", headers={"Host": "evil.example"})):
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "http" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "127.0.0.2"])
async def test_an_unknown_host_is_refused(guard: Guard, host: str) -> None:
    async with client(guard) as browser:
        answer = await browser.get("/", headers={"Host": host})
        assert answer.status_code == 421
        assert "console.toml" in answer.json()["detail"]


@pytest.mark.parametrize("host", ["localhost:8480", "[::1]:8480", "LOCALHOST"])
async def test_a_known_host_is_taken_with_or_without_its_port(guard: Guard, host: str) -> None:
    async with client(guard) as browser:
        assert (await browser.get("/", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (ORIGIN, 200),
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin", **ORIGIN}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", **ORIGIN}, 403),
    ],
)
async def test_what_changes_something_must_come_from_a_page_of_ours(guard: Guard, headers: dict[str, str], status: int) -> None:
    async with client(guard) as browser:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert (await browser.request(method, "/people", headers=headers)).status_code == status
        assert (await browser.get("/people", headers=headers)).status_code == 200


@pytest.mark.parametrize("path", ["/stop", "/api/v1/stop", "/stop/"])
async def test_another_sites_page_cannot_stop_the_belt(guard: Guard, path: str) -> None:
    async with client(guard) as browser:
        answer = await browser.post(path, headers={"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"})
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign_stop")
        assert "pull the cord" in answer.json()["detail"]


async def test_a_body_beyond_the_limit_is_refused_said_or_not(guard: Guard) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY // 1000 + 2):
            yield b"x" * 1000

    async with client(guard) as browser:
        assert (await browser.post("/people", content=b"x" * (MAX_BODY + 1), headers=ORIGIN)).status_code == 413
        assert (await browser.post("/people", content=pieces(), headers=ORIGIN)).status_code == 413
        assert (await browser.post("/people", content=b"x" * MAX_BODY, headers=ORIGIN)).text == str(MAX_BODY)


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    sent: list[Message] = []

    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    guard = Guard(echo, frozenset({"127.0.0.1"}), patience_s=0.0)
    scope = {"type": "http", "method": "POST", "path": "/people", "headers": [(b"host", b"127.0.0.1")], "client": ("127.0.0.1", 1)}
    await guard(scope, never, send)
    assert sent[0]["status"] == 408


async def test_too_many_requests_are_refused_and_taken_again_later(guard: Guard, clock: Clock) -> None:
    async with client(guard) as browser:
        answers = [(await browser.get("/")).status_code for _ in range(int(BURST) + 5)]
        assert answers == [200] * int(BURST) + [429] * 5
        clock.now_s += 2.0 / RATE_PER_S
        assert (await browser.get("/")).status_code == 200


@pytest.mark.parametrize("path", ["/stop", "/api/v1/stop", "/stop/"])
async def test_a_stop_passes_whatever_is_wrong_with_it(guard: Guard, path: str) -> None:
    async with client(guard) as browser:
        for _ in range(int(BURST) + 5):
            await browser.get("/")
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "same-site"}, {"Content-Length": "x"}):
            assert (await browser.post(path, headers=headers)).status_code == 200
        assert (await browser.post(path, content=b"x" * (MAX_BODY + 1))).text == "0"  # not even read
        assert (await browser.get("/")).status_code == 429


def test_the_longest_silent_client_is_forgotten_first(clock: Clock) -> None:
    rates = Rates(clock, per_s=0.0, burst=1.0)
    assert rates.takes("a")
    assert not rates.takes("a")
    for index in range(5000):
        rates.takes(str(index))
    assert rates.takes("a")
