from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from uuid import uuid4

import pytest

from treadctl.core.messages import Origin, RequestKind
from treadctl.core.prompts import Answer, PromptKind
from treadctl.errors import TreadctlError
from treadctl.ipc.aio import Client
from treadctl.ipc.asking import RefusedError
from treadctl.ipc.connection import LINES_PER_PASS, MAX_BACKLOG, MAX_QUEUE
from treadctl.ipc.framing import encode
from treadctl.ipc.memory import memory_dial
from treadctl.ipc.messages import MAX_LINE, Event, Peer, SnapshotMessage
from treadctl.ipc.server import MAX_CLIENTS, MAX_CONNECTIONS, UNANSWERED_PER_CLIENT

from .conftest import SNAPSHOT, Daemon, RawClient

HELLO = b'{"type":"hello","version":1,"client":"test"}\n'


async def passes(count: int = 10) -> None:
    """Let the loop go round; nothing here waits for time."""
    for _ in range(count):
        await asyncio.sleep(0)


def asking(daemon: Daemon, **changes: object) -> bytes:
    body = {"type": "request", "id": uuid4().hex, "kind": "hold", "who": "ada", "origin": "local", "issued_s": daemon.now_s, "ttl_s": 1.0}
    return json.dumps({**body, **changes}).encode() + b"\n"


def client(daemon: Daemon, peer: Peer | None = None) -> Client:
    return Client(memory_dial(daemon.server, peer), clock=daemon.clock)


async def test_the_first_line_of_the_server_carries_the_protocol_version(daemon: Daemon, raw: RawClient) -> None:
    await raw.connect()
    await passes()
    (welcome,) = raw.lines()
    assert (welcome["type"], welcome["version"], welcome["release"]) == ("welcome", 1, "9.9")


async def test_a_request_reaches_the_daemon_stamped_with_its_clock_and_the_peer(daemon: Daemon) -> None:
    daemon.accept_at_once = True
    async with client(daemon, Peer(77, 1001, 1002)) as one:
        accepted = await one.request(RequestKind.ANSWER, who="ada", origin=Origin.LOCAL, ttl_s=0.5, answer=Answer(PromptKind.RPE, 13.0))
    (got,) = daemon.requests
    assert accepted.state == "running"
    assert (got.kind, got.who, got.origin, got.answer) == (RequestKind.ANSWER, "ada", Origin.LOCAL, Answer(PromptKind.RPE, 13.0))
    assert (got.received_s, got.expires_s) == (1000.0, 1000.5)
    assert (got.peer.pid, got.peer.uid) == (77, 1001)


async def test_a_refusal_brings_every_reason(daemon: Daemon) -> None:
    async with client(daemon) as one:
        waiting = asyncio.create_task(one.request(RequestKind.RESET))
        await passes()
        daemon.server.reply(daemon.requests[0].id, ["The belt moves.", "Nobody is present."], "tripped")
        with pytest.raises(RefusedError) as caught:
            await waiting
    assert caught.value.reasons == ("The belt moves.", "Nobody is present.")
    assert caught.value.state == "tripped"
    assert caught.value.kind.code == "TC402"


async def test_a_late_request_never_reaches_the_daemon(daemon: Daemon) -> None:
    async with client(daemon) as one:
        one._clock = lambda: daemon.now_s - 1.5  # its bytes lay in the socket while the daemon stood still
        with pytest.raises(RefusedError, match="TC403"):
            await one.request(RequestKind.START_HOLD, ttl_s=1.0)
        one._clock = lambda: daemon.now_s + 10.0
        with pytest.raises(RefusedError, match="future"):
            await one.request(RequestKind.START_HOLD)
    assert daemon.requests == []


async def test_a_request_repeated_with_the_same_id_is_taken_once(daemon: Daemon, raw: RawClient) -> None:
    await raw.connect()
    same = asking(daemon)
    raw.transport.write(HELLO + same + same)
    await passes()
    assert len(daemon.requests) == 1
    assert raw.lines()[-1]["type"] == "refused"


@pytest.mark.parametrize("line", [b"stop\n", b'{"type":"stop"}\n', b'{"type":"stop","ttl_s":0,"issued_s":1}\n'])
async def test_a_stop_needs_no_hello_and_never_expires(daemon: Daemon, raw: RawClient, line: bytes) -> None:
    await raw.connect()
    raw.transport.write(line)
    await passes()
    (got,) = daemon.requests
    assert (got.kind, got.origin, got.expires_s) == (RequestKind.STOP, Origin.LOCAL, float("inf"))
    daemon.server.reply(got.id, state="tripped")
    await passes()
    assert raw.lines()[-1] == {"type": "accepted", "id": got.id, "state": "tripped"}


async def test_a_stop_dressed_as_a_request_is_taken_however_old(daemon: Daemon, raw: RawClient) -> None:
    await raw.connect()
    line = asking(daemon, kind="stop", issued_s=1.0)
    raw.transport.write(HELLO + line + line)
    await passes()
    assert [r.kind for r in daemon.requests] == [RequestKind.STOP, RequestKind.STOP]


async def test_a_stop_overtakes_everything_its_sender_has_queued(daemon: Daemon, raw: RawClient) -> None:
    await raw.connect()
    raw.transport.write(HELLO + b"".join(asking(daemon) for _ in range(LINES_PER_PASS * 2)) + b"stop\n")
    await passes(3)
    assert daemon.requests[0].kind is RequestKind.STOP


async def test_a_stop_is_taken_from_a_client_of_another_protocol_version(daemon: Daemon, raw: RawClient) -> None:
    await raw.connect()
    raw.transport.write(b'{"type":"hello","version":99,"client":"new"}\n{"type":"status"}\n{"type":"stop"}\n')
    await passes()
    assert [r.kind for r in daemon.requests] == [RequestKind.STOP]
    errors = [line for line in raw.lines() if line["type"] == "error"]
    assert len(errors) == 2
    assert "version 99" in str(errors[0]["sentence"])


async def test_who_has_not_said_hello_may_only_stop(daemon: Daemon, raw: RawClient) -> None:
    await raw.connect()
    raw.transport.write(asking(daemon) + b'{"type":"status"}\n')
    await passes()
    assert daemon.requests == []
    assert daemon.snapshots == 0
    assert {line["code"] for line in raw.lines() if line["type"] == "error"} == {"TC401"}


async def test_a_remote_service_cannot_pass_for_local(daemon: Daemon) -> None:
    daemon.accept_at_once = True
    async with client(daemon, Peer(1, 4242)) as one:
        await one.request(RequestKind.HOLD, origin=Origin.LOCAL)
        await one.stop(origin=Origin.LOCAL)
    assert [r.origin for r in daemon.requests] == [Origin.REMOTE, Origin.REMOTE]


async def test_nonsense_is_answered_and_the_connection_goes_on(daemon: Daemon, raw: RawClient) -> None:
    await raw.connect()
    raw.transport.write(HELLO + b"{nonsense\n" + b"x" * (MAX_LINE + 5) + b'\n{"type":"status"}\n')
    await passes()
    kinds = [line["type"] for line in raw.lines()]
    assert kinds.count("error") == 2
    assert kinds[-1] == "snapshot"
    assert not raw.wire.lost


async def test_a_flood_of_lines_ends_the_flooder_and_nobody_else(daemon: Daemon, raw: RawClient) -> None:
    await raw.connect()
    async with client(daemon) as other:
        raw.transport.write(HELLO + b"{}\n" * (MAX_BACKLOG * 4))
        await passes()
        assert raw.wire.lost
        assert (await other.snapshot()).state == "running"


async def test_questions_left_open_are_limited_but_never_for_a_stop(daemon: Daemon, raw: RawClient) -> None:
    await raw.connect()
    raw.transport.write(HELLO)
    for _ in range(UNANSWERED_PER_CLIENT + 1):
        raw.transport.write(asking(daemon))
        await passes(4)
    assert len(daemon.requests) == UNANSWERED_PER_CLIENT
    raw.transport.write(b"stop\n")
    await passes(4)
    assert daemon.requests[-1].kind is RequestKind.STOP
    for request in list(daemon.requests):
        daemon.server.reply(request.id)
    raw.transport.write(asking(daemon))
    await passes(4)
    assert len(daemon.requests) == UNANSWERED_PER_CLIENT + 2


async def test_one_pass_of_the_loop_reads_a_bounded_number_of_lines(daemon: Daemon, raw: RawClient) -> None:
    await raw.connect()
    raw.transport.write(HELLO + b"".join(asking(daemon) for _ in range(50)))
    await passes(2)
    assert 0 < len(daemon.requests) <= LINES_PER_PASS
    await asyncio.sleep(0.1)  # pauses of 5 ms between the passes
    assert len(daemon.requests) == 50


async def test_snapshots_come_at_the_rate_asked_for_built_once_for_all(daemon: Daemon) -> None:
    loop = asyncio.get_running_loop()
    async with client(daemon) as one, client(daemon) as two:
        one.subscribe(50.0)
        two.subscribe(50.0)
        began_s = loop.time()
        got = [await asyncio.wait_for(one.next_message(), 5) for _ in range(6)]
        assert loop.time() - began_s >= 0.08  # 6 at 50 Hz, the first at once
        assert all(isinstance(message, SnapshotMessage) for message in got)
        assert daemon.snapshots <= 8  # two watchers, one snapshot each turn


async def test_nobody_watching_costs_no_snapshots(daemon: Daemon) -> None:
    async with client(daemon) as one:
        one.subscribe(50.0)
        await asyncio.wait_for(one.next_message(), 5)
    await passes()
    seen = daemon.snapshots
    await asyncio.sleep(0.05)
    assert daemon.snapshots == seen


async def test_events_reach_subscribers_in_order_and_are_kept_for_the_late(daemon: Daemon) -> None:
    daemon.server.publish_event("state", "Before anybody came.")
    async with client(daemon) as one:
        one.subscribe(0.0)
        await passes()
        daemon.server.publish_event("cause", "It tripped.", cause="imbalance", who="ada", detail={"n": 3.0})
        event = await asyncio.wait_for(one.next_message(), 5)
        assert isinstance(event, Event)
        assert (event.seq, event.cause, event.detail) == (2, "imbalance", {"n": 3.0})
        assert [e.seq for e in await one.history(0)] == [1, 2]
        assert [e.seq for e in await one.history(1)] == [2]
        assert await one.history(2) == []
        assert await one.history(99) == []


async def test_a_long_history_comes_in_pages_and_forgets_the_oldest(daemon: Daemon) -> None:
    for number in range(1500):
        daemon.server.publish_event("note", f"Event {number} " + "x" * 500)
    async with client(daemon) as one:
        assert [e.seq for e in await one.history(0)] == list(range(1500 - 1024 + 1, 1501))


async def test_a_client_that_does_not_read_loses_snapshots_and_is_told_how_many(daemon: Daemon, raw: RawClient) -> None:
    await raw.connect(silent=True)
    raw.transport.write(HELLO + b'{"type":"subscribe","rate_hz":50}\n')
    await passes()
    (slow,) = daemon.server._connections
    for _ in range(60):
        slow.offer_snapshot(b'{"x":"' + b"y" * 1000 + b'"}\n')
    dropped = slow.dropped
    assert dropped > 20
    raw.transport.resume_reading()
    await passes()
    assert len(raw.lines()) <= 60 - dropped + 3  # some of the oldest, then only the newest
    assert not raw.wire.lost


async def test_a_client_that_never_reads_is_disconnected_before_it_costs_memory(daemon: Daemon, raw: RawClient) -> None:
    await raw.connect(silent=True)
    raw.transport.write(HELLO + b'{"type":"subscribe","rate_hz":0}\n')
    await passes()
    for _ in range(MAX_QUEUE * 3):
        daemon.server.publish_event("note", "x" * 500)
    await passes()
    assert daemon.server.clients == 0
    assert daemon.server.disconnected_slow == 1


async def test_a_crowd_of_clients_cannot_keep_a_stop_out(daemon: Daemon) -> None:
    crowd = [RawClient(daemon) for _ in range(MAX_CONNECTIONS + 20)]
    for one in crowd:
        await one.connect()
        await passes(2)
    assert daemon.server.clients <= MAX_CONNECTIONS
    late = RawClient(daemon)
    await late.connect()
    late.transport.write(b"stop\n")
    await passes()
    assert [r.kind for r in daemon.requests] == [RequestKind.STOP]
    assert not crowd[MAX_CLIENTS - 1].wire.lost


async def test_beyond_the_limit_of_clients_nothing_but_stop_is_taken(daemon: Daemon) -> None:
    for _ in range(MAX_CLIENTS):
        await RawClient(daemon).connect()
    with pytest.raises(TreadctlError):
        async with client(daemon) as one:
            await one.snapshot()
    assert daemon.snapshots == 0


async def test_an_answer_to_one_who_has_gone_is_no_error(daemon: Daemon, raw: RawClient) -> None:
    await raw.connect()
    raw.transport.write(b"stop\n")
    await passes()
    raw.transport.abort()
    await passes()
    daemon.server.reply(daemon.requests[0].id, state="tripped")
    daemon.server.reply("never asked")
    assert daemon.server.clients == 0


async def test_bytes_sent_right_before_hanging_up_are_still_acted_on(daemon: Daemon, raw: RawClient) -> None:
    await raw.connect()
    raw.transport.write(b"stop\n")
    raw.transport.close()
    await passes()
    assert [r.kind for r in daemon.requests] == [RequestKind.STOP]


async def test_a_question_without_an_answer_ends_in_a_numbered_error(daemon: Daemon) -> None:
    one = Client(memory_dial(daemon.server), clock=daemon.clock, timeout_s=0.02)
    await one.connect()
    with pytest.raises(TreadctlError, match="TC400"):
        await one.request(RequestKind.HOLD)
    assert not one.connected


async def test_a_watcher_that_lags_is_shown_the_newest_snapshot_only(daemon: Daemon) -> None:
    async with client(daemon) as one:
        for at_s in (1.0, 2.0, 3.0):
            one.data_received(encode(SnapshotMessage(replace(SNAPSHOT, at_s=at_s))))
        message = await one.next_message()
        assert isinstance(message, SnapshotMessage)
        assert message.snapshot.at_s == 3.0
        assert one.dropped == 2
