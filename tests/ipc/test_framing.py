from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadctl.core.messages import Checklist, Origin, RequestKind
from treadctl.core.program import Block, Hands, Person, Program, Segment
from treadctl.core.prompts import Answer, PromptKind
from treadctl.core.sample import Direction, Facing
from treadctl.errors import TreadctlError
from treadctl.ipc.framing import LineBuffer, decode_client, decode_server, encode
from treadctl.ipc.messages import (
    MAX_LINE,
    Accepted,
    ArmArgs,
    Event,
    Hello,
    HistoryQuery,
    Prescribed,
    Refused,
    Request,
    SnapshotMessage,
    Status,
    Stop,
    Subscribe,
)

from .conftest import SNAPSHOT

PROGRAM = Program(
    "mini", Facing.CONSOLE, (Segment(Block.MAIN, "slow", 60.0, 0.3, Direction.REVERSE, 0.0, Hands.ON, (PromptKind.RPE,)),), "00" * 32
)
CHECKLIST = Checklist("B. Attendant", cord_clipped=True, clear_zone=True, shoes=True)
GOOD = {"type": "request", "id": "0" * 32, "kind": "hold", "who": "ada", "origin": "local", "issued_s": 1.0, "ttl_s": 1.0}
ARM = {"person": {"mass_kg": 70}, "checklist": {"attendant": "b", "cord_clipped": True, "clear_zone": True, "shoes": True}, "profile_path": "/p.toml"}

PRESCRIBED = Prescribed(("format = 1", "", "# a comment, with an umlaut: ä"), ("format = 1",), ())


def line(**changes: object) -> bytes:
    return json.dumps({key: value for key, value in {**GOOD, **changes}.items() if value is not ...}).encode()


@pytest.mark.parametrize(
    "message",
    [
        Hello(1, "test"),
        Request("a" * 32, RequestKind.ARM, "ada", Origin.LOCAL, 1.5, 2.0, arm=ArmArgs(Person(70.0), CHECKLIST, program=PROGRAM)),
        Request("d" * 32, RequestKind.ARM, "ada", Origin.LOCAL, 1.5, 2.0, arm=ArmArgs(Person(70.0), CHECKLIST, prescribed=PRESCRIBED)),
        Request("b" * 32, RequestKind.ANSWER, "ada", Origin.REMOTE, 1.5, 0.1, answer=Answer(PromptKind.PAIN, 3.0)),
        Stop("c" * 32, "ada", Origin.REMOTE),
        Stop(),
        Status(),
        Subscribe(50.0),
        HistoryQuery(7),
    ],
    ids=str,
)
def test_every_message_of_a_client_survives_the_wire(message: Hello) -> None:
    assert decode_client(encode(message)) == message


def test_every_field_of_a_snapshot_survives_the_wire_and_infinite_ages_become_none() -> None:
    got = decode_server(encode(SnapshotMessage(SNAPSHOT, 3)))
    assert isinstance(got, SnapshotMessage)
    assert got.dropped == 3
    assert got.snapshot.channels[1].age_s is None
    assert got.snapshot.channels[0] == SNAPSHOT.channels[0]
    for name in ("state", "program", "belt", "rails", "causes", "start_blockers", "prompts", "drive", "links", "journal", "versions", "loop"):
        assert getattr(got.snapshot, name) == getattr(SNAPSHOT, name)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"[]", "not a JSON object"),
        (b'{"type":"launch"}', "'launch' is not one of"),
        (b'{"type":["stop"]}', "is not one of"),
        (b'{"type":"accepted","id":"x","state":"y"}', "is not one of"),
        (b"[" * 5000, "nested too deeply"),
        (b'{"type":"subscribe","rate_hz":NaN}', "NaN"),
        (b'{"type":"subscribe","rate_hz":1e400}', "finite"),
        (b'{"type":"subscribe","rate_hz":-1}', "between 0 and 50"),
        (b'{"type":"subscribe","rate_hz":51}', "between 0 and 50"),
        (b'{"type":"subscribe","rate_hz":true}', "a number"),
        (b'{"type":"subscribe","rate_hz":1,"rate_hz":2}', "twice"),
        (b'{"type":"status","verbose":1}', "'verbose' is not a key"),
        (b'{"type":"history"}', "'since_seq' is missing"),
        (b'{"type":"history","since_seq":1.5}', "whole number"),
        (line(kind="launch"), "kind must be one of"),
        (line(kind=...), "'kind' is missing"),
        (line(origin="moon"), "origin must be one of"),
        (line(ttl_s=2.1), "ttl_s"),
        (line(ttl_s=0), "ttl_s"),
        (line(id="short"), "uuid"),
        (line(who=""), "who"),
        (line(who="ada\u001b[2J"), "do not print"),
        (line(who="\ud800"), "do not print"),
        (line(who="x" * 1001), "longer"),
        (line(kind="arm"), "arm belongs"),
        (line(arm=ARM), "arm belongs"),
        (line(kind="arm", arm={**ARM, "profile_path": "p.toml"}), "absolute"),
        (line(kind="arm", arm={key: value for key, value in ARM.items() if key != "profile_path"}), "exactly one"),
        (line(kind="arm", arm={**ARM, "person": {"mass_kg": 0}}), "between 20 and 300"),
        (line(kind="arm", arm={**ARM, "person": {"mass_kg": 70, "height": 1}}), "arm.person.height"),
        (line(kind="arm", arm={**ARM, "checklist": {**ARM["checklist"], "shoes": 1}}), "arm.checklist.shoes must be true or false"),
    ],
)
def test_a_bad_line_is_refused_by_number_and_the_fault_is_named(bad: bytes, says: str) -> None:
    with pytest.raises(TreadctlError) as caught:
        decode_client(bad)
    assert caught.value.kind.code == "TC401"
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        b"stop",
        b"  stop \r",
        b'{"type":"stop"}',
        b'{ "type" : "stop" }',
        b'{"type":"stop","origin":"moon","who":7,"extra":[1]}',
        b'{"type":"stop"',
        b'{"type":"stop",garbage',
        b'{"who":"ada","type":"stop"}',
        b'{"type":"stop","x":' + b"[" * 5000,
    ],
)
def test_whatever_asks_to_stop_is_a_stop(text: bytes) -> None:
    assert isinstance(decode_client(text), Stop)


def test_a_damaged_stop_counts_as_the_immediate_local_one() -> None:
    assert decode_client(b'{"type":"stop","origin":"moon"}') == Stop(origin=Origin.LOCAL)


def test_a_name_that_speaks_of_stopping_stops_nothing() -> None:
    assert isinstance(decode_client(line(who='"type":"stop"')), Request)


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_the_numbered_error(junk: bytes) -> None:
    for decode in (decode_client, decode_server):
        try:
            decode(junk)
        except TreadctlError as error:
            assert error.kind.name == "bad_message"


@given(st.lists(st.integers(1, 40), max_size=30))
def test_lines_come_out_whole_however_the_bytes_are_cut(cuts: list[int]) -> None:
    wanted = [b"one", b"", b'{"type":"status"}', b"x" * 60]
    stream = b"\n".join(wanted) + b"\n"
    buffer, got = LineBuffer(), []
    for cut in cuts:
        got += buffer.feed(stream[:cut])
        stream = stream[cut:]
    assert got + buffer.feed(stream) == wanted


def test_a_line_too_long_is_thrown_away_and_the_next_one_is_read() -> None:
    buffer = LineBuffer()
    assert buffer.feed(b"x" * MAX_LINE) == []
    assert buffer.feed(b"x" * MAX_LINE) == []
    assert buffer.feed(b"tail\nnext\n") == [b"next"]
    assert buffer.too_long == 1
    assert buffer.feed(b"y" * MAX_LINE + b"\nlast\n") == [b"last"]
    assert buffer.too_long == 2


def test_a_stop_in_a_line_too_long_is_still_a_stop() -> None:
    for text in (b'{"type":"stop","who":"' + b"x" * MAX_LINE, b'{"type":"stop","who":"' + b"x" * MAX_LINE + b'"}\n'):
        (head,) = LineBuffer().feed(text)
        assert isinstance(decode_client(head), Stop)


def test_a_message_too_long_to_be_accepted_is_not_sent() -> None:
    with pytest.raises(TreadctlError, match="TC401"):
        encode(Refused("a", tuple("x" * 1000 for _ in range(70))))


def test_texts_of_ours_are_cleaned_so_that_every_client_can_read_them() -> None:
    got = decode_server(encode(Refused("a", ("two\nlines\x1b", "y" * 5000))))
    assert isinstance(got, Refused)
    assert got.reasons == ("two lines ", "y" * 1000)


def test_details_of_an_event_keep_their_types() -> None:
    event = Event(1, 2.0, "2030-01-01T00:00:00.000+00:00", "cause", "It tripped.", "imbalance", None, {"n": 1.5, "ok": True, "t": "x", "none": None})
    assert decode_server(encode(event)) == event


def test_a_server_message_is_none_a_client_may_send() -> None:
    with pytest.raises(TreadctlError):
        decode_client(encode(Accepted("a", "idle")))
