"""Exchange: one request and the only reply that may be credited to it. Plain data, no I/O; the bus (`_bus.py`) carries it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Priority(IntEnum):
    """What goes first when several exchanges wait. Within one priority: first come, first served."""

    STOP = 0  # overtakes everything, and cuts the quiet time after a lost reply
    ENABLE_OFF = 1
    WRITE = 2
    READ = 3


class WrongKind(StrEnum):
    """Why bytes are not the reply that was asked for."""

    CRC = "crc"  # damaged
    MISMATCH = "mismatch"  # a whole frame, but with another unit, function, address, value, count or length
    LATE = "late"  # the reply of an earlier exchange, told by its number
    EXCEPTION = "exception"  # the device's own refusal of this request
    DESYNC = "desync"  # the stream is out of step: only a new connection helps


@dataclass(frozen=True, slots=True)
class Incomplete:
    """Could still become the reply: wait for more bytes."""


@dataclass(frozen=True, slots=True)
class Value(Generic[T_co]):
    """The reply, verified whole. `used` bytes of the buffer belong to it."""

    value: T_co
    used: int


@dataclass(frozen=True, slots=True)
class Wrong:
    """Not the reply. The first `used` bytes are dropped and counted; only an EXCEPTION ends the exchange, all else may be followed by the true reply."""

    kind: WrongKind
    detail: str
    used: int
    code: int = 0  # of an EXCEPTION


INCOMPLETE = Incomplete()
Verdict = Incomplete | Value[T] | Wrong
Verify = Callable[[bytes, int], Verdict[T]]
"""Judges the bytes received since the request left, given the exchange's number. Pure, and cheap: it runs on every chunk."""


@dataclass(frozen=True, slots=True)
class Exchange(Generic[T]):
    """A request ready to be written and the judge of its reply. May be submitted any number of times: stop frames are built once, at start.

    `reply_length` is the length of the longest right reply in bytes, for the time-out. With `numbered`, the first two bytes of `request` are
    replaced by a number that is fresh for each submission (Modbus TCP's transaction identifier), which `verify` must find in the reply.

    `party` is the device asked. `shape` tells all that a reply shows of its question, where that is less than the question itself: a Modbus RTU reply to
    a read names neither register nor request, only unit, function and length. After a lost reply the bus holds back questions of equal shape.
    """

    request: bytes
    verify: Verify[T]
    reply_length: int
    priority: Priority
    label: str
    numbered: bool = False
    party: int = 0
    shape: tuple[int, ...] | None = None


class FailureKind(StrEnum):
    """How an exchange ended without an answer."""

    TIMEOUT = "timeout"  # nothing, or nothing right, came in time; whether the device acted is unknown
    REFUSED = "refused"  # the device answered with an exception; `code` says which
    DOWN = "down"  # the link is gone; the request may or may not have left
    WITHDRAWN = "withdrawn"  # taken back while it was still queued: it never left


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """The verified reply. `sent_s` and `at_s` are the instants of the request's write and of the reply's last byte, CLOCK_MONOTONIC."""

    value: T
    sent_s: float
    at_s: float


@dataclass(frozen=True, slots=True)
class Failure:
    """No verified reply."""

    kind: FailureKind
    detail: str
    code: int = 0


Outcome = Answer[T] | Failure


class ExchangeError(Exception):
    """Raised by `Bus.ask` when an exchange ends in a Failure. Stays inside the drivers: beyond their border trouble is a report."""

    def __init__(self, label: str, failure: Failure) -> None:
        self.failure = failure
        super().__init__(f"{label}: {failure.kind}, {failure.detail}")
