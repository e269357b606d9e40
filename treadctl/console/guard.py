"""What every request passes before any page sees it: host, origin, size, patience, rate; and the headers of every answer.

A stop passes untouched: it is neither counted nor judged, its body is not even read. One thing is asked: that no other site's page sent it (decision 10).
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from treadctl.console.problems import MEDIA_TYPE, Problem
from treadctl.ports import Clock

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOG: Final = logging.getLogger("treadctl.console")
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
ARRIVED: Final = "treadctl.arrived_s"  # in the scope of a request: when it came
STOP_PATHS: Final = frozenset({"/stop", "/api/v1/stop"})
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_BODY: Final = 512 * 1024  # a profile of 500 stretches is some 100 kB
PATIENCE_S: Final = 10.0  # for a whole body
RATE_PER_S, BURST, KEPT_CLIENTS = 40.0, 160.0, 4096  # of one address: the kiosk's held start takes 10, a page some 15 at once

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'"
)
HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),  # with no-referrer a browser would send forms from the origin "null"
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=(), screen-wake-lock=(self)"),
)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at_s: float


class Rates:
    """A token bucket for each client; the longest silent are forgotten."""

    def __init__(self, clock: Clock, per_s: float = RATE_PER_S, burst: float = BURST) -> None:
        self._clock = clock
        self._per_s = per_s
        self._burst = burst
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def takes(self, client: str) -> bool:
        """Whether one more of this client is taken now."""
        now_s = self._clock()
        bucket = self._buckets.pop(client, None) or _Bucket(self._burst, now_s)
        bucket.tokens = min(self._burst, bucket.tokens + (now_s - bucket.at_s) * self._per_s)
        bucket.at_s = now_s
        self._buckets[client] = bucket
        if len(self._buckets) > KEPT_CLIENTS:
            self._buckets.popitem(last=False)
        if bucket.tokens < 1.0:
            return False
        bucket.tokens -= 1.0
        return True


class Guard:
    """ASGI middleware. `names` are the hosts by which browsers may reach this door; `secure`: the answers travel by TLS."""

    def __init__(self, app: App, names: frozenset[str], *, clock: Clock = time.monotonic, rates: Rates | None = None, patience_s: float = PATIENCE_S) -> None:
        self._app = app
        self._clock = clock
        self._names = names
        self._rates = rates or Rates(clock)
        self._patience_s = patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge one request, then hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        scope[ARRIVED] = self._clock()

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        path = scope["path"].rstrip("/")
        if scope["method"] == "POST" and path in STOP_PATHS:
            if (b"sec-fetch-site", b"cross-site") in scope["headers"]:
                LOG.warning("a stop that another site's page sent was not taken")
                await _answer(_FOREIGN_STOP, headed)
            else:
                await self._app({**scope, "path": path}, _nothing, headed)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        problem = self._wrong(scope, headers)
        if problem is not None:
            await _answer(problem, headed)
            return
        patient = _Patient(receive, self._patience_s)
        answered = False

        async def instead(message: Message) -> None:
            # What reads the body may take our exception for a body that is broken: then its answer is not the one that is given.
            nonlocal answered
            if answered or patient.problem is None:
                answered = answered or message["type"] == "http.response.start"
                await headed(message)

        try:
            await self._app(scope, patient, instead)
        except (_TooMuch, TimeoutError):
            if patient.problem is None:
                raise
        if patient.problem is not None and not answered:
            await _answer(patient.problem, headed)

    def _wrong(self, scope: Scope, headers: dict[str, str]) -> Problem | None:
        if host_of(headers.get("host", "")) not in self._names:
            return Problem(421, "Unknown host", "This console is not reached by that name. Use the address it printed, or add the name to console.toml.")
        client = (scope.get("client") or ("unknown",))[0]
        if not self._rates.takes(client):
            return Problem(429, "Too many requests", "Slow down; stop is always taken.", headers={"Retry-After": "1"})
        if scope["method"] not in SAFE_METHODS and not _same_origin(headers):
            return Problem(403, "Wrong origin", "The request came from another site's page and was not carried out. Open the console itself and try again.")
        try:
            length = int(headers.get("content-length", "0"))
        except ValueError:
            return Problem(400, "Not understood", "The length of the request is not a number.")
        return _TOO_LARGE if length > MAX_BODY else None


class _TooMuch(Exception):
    pass


_FOREIGN_STOP: Final = Problem(
    403, "Not a stop", "It came from another site's page. Press STOP on a page of this console, pull the cord, or press the emergency stop.", "foreign_stop"
)
_TOO_LARGE: Final = Problem(413, "Too large", f"At most {MAX_BODY // 1024} kB are taken.")


class _Patient:
    """Receives a body that is neither too large nor too slow. After the body only a disconnect can come, which may take for ever."""

    def __init__(self, receive: Receive, patience_s: float) -> None:
        self._receive = receive
        self._patience_s = patience_s
        self._size = 0
        self._whole = False
        self.problem: Problem | None = None

    async def __call__(self) -> Message:
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout(self._patience_s):
                message = await self._receive()
        except TimeoutError:
            self.problem = Problem(408, "Too slow", "The request did not arrive in time; nothing was changed. Try again.")
            raise
        self._size += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._size > MAX_BODY:
            self.problem = _TOO_LARGE
            raise _TooMuch
        return message


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _answer(problem: Problem, send: Send) -> None:
    body = json.dumps(problem.document()).encode()
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    headers += [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def host_of(value: str) -> str:
    """The name in a Host header, its port left off."""
    if value.startswith("["):
        return value[1:].partition("]")[0].lower()
    return value.partition(":")[0].lower()


def _same_origin(headers: dict[str, str]) -> bool:
    """Whether a browser says that the request comes from a page of ours, or no browser sent it."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    _, found, rest = origin.partition("://")
    return bool(found) and rest.lower() == headers.get("host", "").lower()
