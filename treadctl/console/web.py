"""The application of one door: routes, refusals, static files, and what is started and ended with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
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
from treadctl.console.openapi import ADDRESS, describe
from treadctl.console.packed import PackedFiles
from treadctl.console.pages import RELEASE, page
from treadctl.console.problems import Problem, problem_from, problem_response
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
        title="treadctl console", version=RELEASE, openapi_url=ADDRESS, docs_url=None, redoc_url=None, lifespan=lifespan,
    )  # fmt: skip
    app.openapi = describe(app)  # type: ignore[method-assign]  # FastAPI's own way to complete the document
    app.state.context = context
    context.link.heard.append(context.metrics.hear)
    for module in MODULES:
        app.include_router(module.ROUTES)
    app.mount("/static", PackedFiles(directory=ASSETS, check_dir=False), name="static")
    for kind in (Problem, TreadctlError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, _refuse)
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


async def _refuse(request: Request, error: Exception) -> Response:
    problem = problem_from(error, context_of(request).words.say)
    if not _wants_page(request):
        return problem_response(problem)
    if problem.status == 401:
        return HTMLResponse("", status_code=303, headers={"Location": "/sign-on"})
    answer = page(request, "message.html", who=await _asking(request), status=problem.status, title=problem.title, text=problem.detail)
    answer.headers.update(problem.headers)
    return answer
