"""The application of one door: routes, refusals, static files, and what is started and ended with it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from treadctl.console import (
    access,
    care,
    kiosk,
    leaving,
    machine,
    people,
    prescriptions,
    prescriptions_api,
    protocols,
    reading,
    reporting,
    service,
    sessions,
    trends,
    users,
)
from treadctl.console.accounts import Visitor
from treadctl.console.context import ASSETS, Context, context_of
from treadctl.console.guard import LOOPBACK, Guard
from treadctl.console.metrics import Measured
from treadctl.console.pages import RELEASE, page
from treadctl.console.problems import MEDIA_TYPE, Problem, problem_of
from treadctl.console.settings import Door
from treadctl.console.visiting import visitor
from treadctl.errors import TreadctlError

MODULES: Final = (
    machine, access, kiosk, people, care, leaving, trends, sessions, reading, protocols, prescriptions, prescriptions_api, users, service, reporting,
)  # fmt: skip


def create_app(context: Context) -> FastAPI:
    """The application without its guard: `guarded` puts it before."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with context.link.running(), context.workshop:
            yield

    app = FastAPI(
        title="treadctl console", version=RELEASE, openapi_url="/api/v1/openapi.json", docs_url=None, redoc_url=None, lifespan=lifespan,
        responses={"4XX": {"description": "A refusal, with what to do.", "content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}},
    )  # fmt: skip
    app.state.context = context
    context.link.heard.append(context.metrics.hear)
    for module in MODULES:
        app.include_router(module.ROUTES)
    app.mount("/static", StaticFiles(directory=ASSETS, check_dir=False), name="static")
    app.add_exception_handler(Problem, _refuse)
    app.add_exception_handler(TreadctlError, _refuse)
    app.add_exception_handler(RequestValidationError, _misunderstood)
    app.add_exception_handler(HTTPException, _missing)
    return app


def guarded(app: FastAPI, context: Context) -> Guard:
    """The application as it is served."""
    listener = context.settings.door(context.door)
    names = LOOPBACK if context.door is Door.KIOSK else LOOPBACK | {name.lower() for name in (*listener.names, listener.host)}
    return Guard(Measured(app, context.metrics, context.clock), names, clock=context.clock)


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")


async def _asking(request: Request) -> Visitor | None:
    """Who asked, so that the page of a refusal keeps their menu; None where that cannot be found out now."""
    with suppress(TreadctlError):
        return await visitor(request, context_of(request))
    return None


async def _answer(request: Request, problem: Problem) -> Response:
    if _wants_page(request):
        who = await _asking(request)
        answer: Response = page(request, "message.html", who=who, status=problem.status, title=problem.title, text=problem.detail)
        if problem.status == 401:
            answer = HTMLResponse("", status_code=303, headers={"Location": "/sign-on"})
    else:
        answer = Response(json.dumps(problem.document()), problem.status, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})
    answer.headers.update(problem.headers)
    return answer


async def _refuse(request: Request, error: Exception) -> Response:
    problem = error if isinstance(error, Problem) else problem_of(error) if isinstance(error, TreadctlError) else Problem(500, "Defect", str(error))
    return await _answer(request, problem)


async def _misunderstood(request: Request, error: Exception) -> Response:
    found: list[Any] = list(error.errors()) if isinstance(error, RequestValidationError) else []
    reasons = tuple(f"{' > '.join(str(part) for part in one['loc'][1:]) or 'body'}: {one['msg']}" for one in found[:20])
    return await _answer(request, Problem(422, "Not understood", "; ".join(reasons), "not_understood", reasons))


async def _missing(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = {404: "There is nothing at this address.", 405: "That cannot be done at this address."}.get(status, str(getattr(error, "detail", "")))
    return await _answer(request, Problem(status, "Not here", detail))
