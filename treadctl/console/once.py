"""Idempotency-Key: what is asked twice with one key is done once, and answered twice alike.

A router takes it by `APIRouter(route_class=Once)`. It counts for whatever changes something under /api/v1 and for the user who asks; never for a stop, an end
or a hold, which are always carried out, and never for a held button, whose renewals may not come twice. An answer is kept in the records, so it must hold ids
and no names.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, Final
from weakref import WeakValueDictionary

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from treadctl.console.context import Context, context_of
from treadctl.console.guard import SAFE_METHODS, STOP_PATHS
from treadctl.console.problems import Problem, problem_from, problem_response
from treadctl.console.visiting import checked, visitor
from treadctl.errors import TreadctlError

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
LONGEST_KEY: Final = 128
PREFIX: Final = "/api/v1/"
HELD: Final = ("/api/v1/session/start", "/api/v1/session/resume", "/api/v1/session/reset")
ALWAYS_DONE: Final = STOP_PATHS | {"/api/v1/session/end", "/api/v1/session/hold"}  # what slows the belt is never answered from memory
NOT_DONE: Final = frozenset({401, 403, 408, 413, 428, 429})  # nothing was begun: it may be asked again with the same key. So with each 5xx
KEPT_FOR: Final = timedelta(hours=24)
FORGET_EVERY_S: Final = 3600.0
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def takes_key(method: str, path: str) -> bool:
    """Whether a route of this method and path honours a key."""
    return path.startswith(PREFIX) and method not in SAFE_METHODS and path not in ALWAYS_DONE and not path.startswith(HELD)


class Once(APIRoute):
    """A route that honours the key."""

    def get_route_handler(self) -> Handler:
        """The route's own handler, behind what is kept of it."""
        handler = super().get_route_handler()

        async def once(request: Request) -> Response:
            key = request.headers.get(HEADER) if takes_key(request.method, request.url.path) else None
            return await handler(request) if key is None else await _once(request, key, handler)

        return once


_turns: WeakValueDictionary[tuple[int, str, str], asyncio.Lock] = WeakValueDictionary()


async def _once(request: Request, key: str, handler: Handler) -> Response:
    if not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise Problem(400, "Not understood", f"An {HEADER} has 1 to {LONGEST_KEY} printable ASCII characters.", "bad_key")
    context = context_of(request)
    who = await checked(request, await visitor(request, context))
    if who.user is None:
        return await handler(request)
    digest = _digest(request, await request.body())
    user = f"{context.door.value}:{who.user.login}"  # a door is one process, so that the lock below is the only one needed
    turn = _turns.setdefault((id(context), user, key), asyncio.Lock())
    async with turn:
        kept = await context.records.answers.find(user, key)
        if kept is not None:
            if kept.request_digest != digest:
                text = "Another request came with this key before. Take a new key for each new request."
                raise Problem(422, "Key used before", text, "key_used")
            return _restored(kept.answer)
        answer = await _answered(request, handler)
        if answer.status_code < 500 and answer.status_code not in NOT_DONE:
            await context.records.answers.keep(user, key, digest, _kept(answer))
            await _tidy(context)
        return answer


def _digest(request: Request, body: bytes) -> str:
    asked = (request.method, request.url.path, request.url.query, request.headers.get("if-match", ""))
    return hashlib.sha256(json.dumps(asked).encode() + b"\n" + body).hexdigest()


async def _answered(request: Request, handler: Handler) -> Response:
    """The answer, also where it is a refusal."""
    try:
        return await handler(request)
    except (Problem, TreadctlError, RequestValidationError, HTTPException) as error:
        return problem_response(problem_from(error, context_of(request).words.say))


def _kept(answer: Response) -> str:
    headers = {name: value for name, value in answer.headers.items() if name in {"content-type", "etag", "location"}}
    return json.dumps({"status": answer.status_code, "headers": headers, "body": bytes(answer.body).decode()})


def _restored(kept: str) -> Response:
    found = json.loads(kept)
    return Response(found["body"], found["status"], headers={**found["headers"], REPLAYED: "true", "Cache-Control": "no-store"})


async def _tidy(context: Context) -> None:
    """Let go of old answers, now and then."""
    now_s = context.clock()
    if now_s - context.rendered.get("forgot_s", -FORGET_EVERY_S) >= FORGET_EVERY_S:
        context.rendered["forgot_s"] = now_s
        await context.records.answers.forget(context.now() - KEPT_FOR)
