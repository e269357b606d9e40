from __future__ import annotations

import asyncio
import os
import socket
import stat
from pathlib import Path

import pytest

from treadctl.core.messages import Origin, RequestKind
from treadctl.errors import TreadctlError
from treadctl.ipc import aio
from treadctl.ipc.asking import RefusedError
from treadctl.ipc.client import Client
from treadctl.ipc.connection import Connection
from treadctl.ipc.listening import SocketFile
from treadctl.ipc.memory import memory_dial
from treadctl.ipc.messages import Event, SnapshotMessage
from treadctl.ipc.server import ControlServer

from .conftest import SNAPSHOT, Daemon


class Served:
    """A server on a real path, with the real clock; it accepts everything but RESET."""

    def __init__(self, path: Path) -> None:
        self.requests: list[object] = []
        self.server = ControlServer(path, self._take, lambda: SNAPSHOT)

    def _take(self, received: object) -> None:
        self.requests.append(received)
        reasons = ["The belt moves."] if received.kind is RequestKind.RESET else []
        self.server.reply(received.id, reasons, "running")


def name_of(error: pytest.ExceptionInfo[TreadctlError]) -> str:
    return error.value.kind.name


def test_the_socket_file_is_for_owner_and_group_only_whatever_the_umask(tmp_path: Path) -> None:
    for umask in (0o000, 0o077):
        before = os.umask(umask)
        try:
            file = SocketFile(tmp_path / "ctl.sock")
            file.claim().close()
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "ctl.sock").stat().st_mode) == 0o660
        file.release()
        assert not (tmp_path / "ctl.sock").exists()


def test_a_second_daemon_is_refused_and_the_first_keeps_its_socket(tmp_path: Path) -> None:
    path = tmp_path / "ctl.sock"
    first = SocketFile(path)
    with first.claim():
        with pytest.raises(TreadctlError) as caught:
            SocketFile(path).claim()
        assert name_of(caught) == "instance_running"
        assert path.exists()
    first.release()


def test_a_living_daemon_keeps_its_place_even_when_its_socket_file_was_removed(tmp_path: Path) -> None:
    path = tmp_path / "ctl.sock"
    first = SocketFile(path)
    with first.claim():
        path.unlink()
        with pytest.raises(TreadctlError) as caught:
            SocketFile(path).claim()
        assert name_of(caught) == "instance_running"
    first.release()


def test_a_living_listener_without_a_lock_is_respected(tmp_path: Path) -> None:
    path = tmp_path / "ctl.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(TreadctlError) as caught:
            SocketFile(path).claim()
    assert name_of(caught) == "instance_running"


def test_the_socket_file_of_a_dead_daemon_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "ctl.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    file = SocketFile(path)
    with file.claim(), socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(path))
    file.release()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ctl.sock"
    path.write_text("precious")
    with pytest.raises(TreadctlError) as caught:
        SocketFile(path).claim()
    assert name_of(caught) == "bad_value"
    assert path.read_text() == "precious"


@pytest.mark.parametrize(("path", "name"), [("absent/ctl.sock", "file_missing"), ("x" * 120, "bad_value")])
def test_a_path_that_cannot_be_is_named(tmp_path: Path, path: str, name: str) -> None:
    with pytest.raises(TreadctlError) as caught:
        SocketFile(tmp_path / path).claim()
    assert name_of(caught) == name
    assert path in str(caught.value)


def test_release_leaves_the_socket_of_a_successor(tmp_path: Path) -> None:
    path = tmp_path / "ctl.sock"
    first = SocketFile(path)
    first.claim().close()
    path.rename(tmp_path / "moved")
    path.touch()
    first.release()
    assert path.exists()


async def test_the_blocking_client_asks_stops_and_reads(tmp_path: Path) -> None:
    served = Served(tmp_path / "ctl.sock")
    await served.server.start()
    served.server.publish_event("note", "one")

    def work() -> None:
        with Client(tmp_path / "ctl.sock") as client:
            client.subscribe(50.0)
            assert client.snapshot().state == "running"
            assert client.request(RequestKind.HOLD, origin=Origin.LOCAL).state == "running"
            with pytest.raises(RefusedError, match="The belt moves"):
                client.request(RequestKind.RESET)
            assert client.stop().state == "running"
            assert [event.sentence for event in client.history()] == ["one"]
            assert any(isinstance(message, SnapshotMessage) for message, _ in zip(client.messages(2.0), range(3), strict=False))

    try:
        await asyncio.to_thread(work)
        assert served.requests[0].peer.pid == os.getpid()
        assert served.requests[0].peer.uid == os.getuid()
    finally:
        await served.server.close()
    assert not (tmp_path / "ctl.sock").exists()


def test_no_daemon_is_a_numbered_error_that_names_the_path(tmp_path: Path) -> None:
    with pytest.raises(TreadctlError) as caught:
        Client(tmp_path / "ctl.sock")
    assert name_of(caught) == "no_daemon"
    assert str(tmp_path) in str(caught.value)


def test_a_daemon_that_hangs_ends_in_an_error_and_not_in_a_wait(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(tmp_path / "ctl.sock"))
        mute.listen()
        with pytest.raises(TreadctlError, match="no answer within"):
            Client(tmp_path / "ctl.sock", timeout_s=0.05)


async def test_all_that_was_asked_before_the_end_of_input_is_answered(tmp_path: Path) -> None:
    served = Served(tmp_path / "ctl.sock")
    await served.server.start()
    try:
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "ctl.sock"))
        writer.write(b'{"type":"hello","version":1,"client":"pipe"}\n' + b'{"type":"status"}\n' * 40)
        writer.write_eof()
        async with asyncio.timeout(5):
            lines = (await reader.read()).splitlines()
        assert len(lines) == 41
        writer.close()
        await writer.wait_closed()
    finally:
        await served.server.close()


async def test_a_hung_up_client_does_not_disturb_the_daemon(tmp_path: Path) -> None:
    served = Served(tmp_path / "ctl.sock")
    await served.server.start()
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
    try:
        for _ in range(5):
            reader, writer = await asyncio.open_unix_connection(str(tmp_path / "ctl.sock"))
            writer.write(b'{"type":"hello","version":1,"client":"x"}\n{"type":"subscribe","rate_hz":50}\nstop\n')
            await reader.readline()
            writer.transport.abort()
        async with asyncio.timeout(5):
            while served.server.clients or len(served.requests) < 5:
                served.server.publish_event("note", "to nobody")
                await asyncio.sleep(0.001)
        assert complaints == []
    finally:
        await served.server.close()


async def test_a_follower_sees_the_loss_comes_back_and_gets_each_event_once(daemon: Daemon) -> None:
    fail_next = [False]
    real = memory_dial(daemon.server)
    waits: list[float] = []

    async def dial(factory: object) -> object:
        if fail_next[0]:
            fail_next[0] = False
            raise TreadctlError("no_daemon", "here")
        return await real(factory)

    async def sleep(wait_s: float) -> None:
        waits.append(wait_s)
        await asyncio.sleep(0)

    daemon.server.publish_event("note", "one")
    live: list[object] = []
    seen: list[object] = []
    stream = aio.follow(dial, 0.0, on_client=live.append, sleep=sleep)
    async with asyncio.timeout(5):
        async for message in stream:
            seen.append(message)
            if isinstance(message, Event) and message.sentence == "one":
                fail_next[0] = True
                for connection in list(daemon.server._connections):
                    connection.abort()
                daemon.server.publish_event("note", "two, while away")
            if isinstance(message, Event) and message.sentence.startswith("two"):
                break
    await stream.aclose()
    assert [m.sentence for m in seen if isinstance(m, Event)] == ["one", "two, while away"]
    assert [m.up for m in seen if isinstance(m, aio.Link)] == [True, False, True]
    assert waits == [0.1, 0.2]
    assert live[0] is not None
    assert live[-1] is None


async def test_an_event_that_comes_both_live_and_as_history_is_told_once(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    real = daemon.server.history_for

    def late(connection: Connection, since_seq: int) -> None:
        daemon.server.publish_event("note", "between")
        real(connection, since_seq)

    monkeypatch.setattr(daemon.server, "history_for", late)
    stream = aio.follow(memory_dial(daemon.server), 0.0)
    sentences: list[str] = []
    async with asyncio.timeout(5):
        async for message in stream:
            if isinstance(message, Event):
                sentences.append(message.sentence)
                if message.sentence == "between":
                    daemon.server.publish_event("note", "last")
                if message.sentence == "last":
                    break
    await stream.aclose()
    assert sentences == ["between", "last"]
