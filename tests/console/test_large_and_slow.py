"""Bodies that are too large, too deep or too slow: refused by name, and nothing is changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from console_rig import Browser, Machine

from treadctl.console.guard import MAX_BODY, Guard, Message
from treadctl.records.model import Role
from treadctl.records.store import Records


async def test_ten_megabytes_of_json_are_refused_before_they_are_understood(kiosk: Browser, machine: Machine) -> None:
    await kiosk.sign_on(Role.STAFF)
    body = b'{"person_id": "' + b"x" * 10_000_000 + b'"}'

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    for content in (body, pieces()):
        headers = {"Content-Type": "application/json", "X-CSRF-Token": kiosk.csrf}
        answer = await kiosk.client.post("/api/v1/session/arm", content=content, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert len(body) > MAX_BODY
    assert machine.asked == []


async def test_deeply_nested_json_is_refused_and_not_a_defect(kiosk: Browser) -> None:
    await kiosk.sign_on(Role.STAFF)
    headers = {"Content-Type": "application/json", "X-CSRF-Token": kiosk.csrf}
    answer = await kiosk.client.post("/api/v1/session/arm", content=b"[" * 100_000, headers=headers)
    assert 400 <= answer.status_code < 500


async def test_a_client_that_stalls_half_way_is_let_go_and_has_changed_nothing(desk: Browser, records: Records) -> None:
    await desk.sign_on(Role.ADMINISTRATOR)
    sent: list[Message] = []
    first = [{"type": "http.request", "body": b"clinic=Stalled&langu", "more_body": True}]

    async def receive() -> Message:
        if first:
            return first.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    guard = Guard(desk.app, frozenset({"127.0.0.1"}), clock=desk.clock, patience_s=0.0)
    cookie = "; ".join(f"{name}={value}" for name, value in desk.client.cookies.items())
    headers = [
        (b"host", b"127.0.0.1"), (b"content-type", b"application/x-www-form-urlencoded"), (b"cookie", cookie.encode()), (b"user-agent", b"test browser"),
    ]  # fmt: skip
    scope = {
        "type": "http", "method": "POST", "path": "/settings", "raw_path": b"/settings", "query_string": b"", "root_path": "", "scheme": "https",
        "http_version": "1.1", "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8481),
    }  # fmt: skip
    await guard(scope, receive, send)
    assert [message.get("status") for message in sent if message["type"] == "http.response.start"] == [408]
    assert await records.settings.get("house") is None
