"""Connections that ask nothing: they end, and never keep out the one that stops."""

from __future__ import annotations

import asyncio
import socket

import pytest
import uvicorn
from console_rig import Browser

from treadctl.console import connections, serve


async def served(door: Browser, monkeypatch: pytest.MonkeyPatch) -> tuple[uvicorn.Server, asyncio.Task[None], int]:
    """The door, over real sockets of loopback."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = serve.server(door.context)
    monkeypatch.setattr(server.config, "lifespan", "off")  # the rig runs the link itself
    task = asyncio.create_task(server.serve(sockets=[listener]))
    port: int = listener.getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    assert b"200 OK" in await reader.read()
    writer.close()
    return server, task, port


STOP = b"POST /api/v1/stop HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


async def test_a_head_that_never_ends_is_not_waited_for(desk: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.05)
    server, task, port = await served(desk, monkeypatch)
    for begun in (b"", b"POST /sign-on HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        async with asyncio.timeout(5.0):
            assert await reader.read() == b""
        writer.close()
    server.should_exit = True
    await task


async def test_a_stop_is_taken_whatever_number_of_connections_stand_open(desk: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST", 8)
    server, task, port = await served(desk, monkeypatch)
    idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(STOP)
    async with asyncio.timeout(5.0):
        assert b'{"accepted":true,"state":"tripped"}' in await reader.read()
    assert len(connections._OPEN) <= 8
    for _reader, other in [*idle, (reader, writer)]:
        other.close()
    server.should_exit = True
    await task
