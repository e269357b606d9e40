"""Routes of coming and going: signing on and off, pairing the kiosk, the first administrator. They are forms that work without scripts."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from treadctl.console.accounts import Visitor
from treadctl.console.context import Context, context_of
from treadctl.console.pages import page
from treadctl.console.problems import Problem
from treadctl.console.rights import Command
from treadctl.console.settings import Door
from treadctl.console.view import _
from treadctl.console.visiting import KIOSK, SESSIONS, checked, drop_cookie, put_cookie, visitor

ROUTES: Final = APIRouter(include_in_schema=False)
PAIRED_FOR_S: Final = 400 * 24 * 3600  # the longest a browser keeps a cookie

Ctx = Annotated[Context, Depends(context_of)]
Whom = Annotated[Visitor, Depends(visitor)]
Checked = Annotated[Visitor, Depends(checked)]
Field = Annotated[str, Form(max_length=200)]


@ROUTES.get("/sign-on")
async def sign_on_page(request: Request, context: Ctx, who: Whom, done: str = "") -> Response:
    """The form. `done`: somebody has just changed their own password or PIN."""
    if context.door is Door.DESK and await context.accounts.first_code() is not None:
        return RedirectResponse("/first-run", status_code=303)
    attendants = await context.records.users.with_pin() if context.door is Door.KIOSK else ()
    message = ("good", context.words.say(_("Changed. Sign on with it."))) if done else None
    return page(request, "sign_on.html", who=who, attendants=attendants, message=message)


@ROUTES.post("/sign-on")
async def sign_on(request: Request, context: Ctx, login: Field, secret: Field) -> Response:
    """Sign on; a refusal shows the form again with its reason."""
    try:
        token = await context.accounts.sign_on(login, secret, request.headers.get("user-agent", ""))
    except Problem as problem:
        attendants = await context.records.users.with_pin() if context.door is Door.KIOSK else ()
        answer = page(request, "sign_on.html", status=problem.status, message=("bad", context.words.say(problem.detail)), attendants=attendants)
        answer.headers.update(problem.headers)
        return answer
    answer_to = RedirectResponse("/", status_code=303)
    put_cookie(answer_to, SESSIONS[context.door], token)
    return answer_to


@ROUTES.post("/sign-off")
async def sign_off(context: Ctx, who: Checked) -> Response:
    """Sign off."""
    await context.accounts.sign_off(who)
    answer = RedirectResponse("/sign-on", status_code=303)
    drop_cookie(answer, SESSIONS[context.door])
    return answer


@ROUTES.get("/pair")
async def pair_page(request: Request, who: Whom) -> HTMLResponse:
    """The form that makes this screen the machine's own."""
    return page(request, "pair.html", who=who)


@ROUTES.post("/pair")
async def pair(request: Request, context: Ctx, who: Whom, pin: Field) -> Response:
    """Pair."""
    context.demand(who, Command.PAIR)
    try:
        token = await context.accounts.pair(pin, request.headers.get("user-agent", ""))
    except Problem as problem:
        return page(request, "pair.html", status=problem.status, who=who, message=("bad", context.words.say(problem.detail)))
    answer = RedirectResponse("/", status_code=303)
    put_cookie(answer, KIOSK, token, PAIRED_FOR_S)
    return answer


@ROUTES.get("/leave")
async def leave_page(request: Request, context: Ctx, who: Whom) -> HTMLResponse:
    """The form that ends the pairing of this screen, for who looks after the machine."""
    context.demand(who, Command.LEAVE_KIOSK)
    return page(request, "leave.html", who=who)


@ROUTES.post("/leave")
async def leave(request: Request, context: Ctx, who: Checked) -> Response:
    """End the pairing, and sign off. A new PIN is printed when the kiosk's door is started again."""
    context.demand(who, Command.LEAVE_KIOSK)
    await context.accounts.unpair(request.cookies.get(KIOSK, ""), request.headers.get("user-agent", ""))
    await context.accounts.sign_off(who)
    answer = RedirectResponse("/pair", status_code=303)
    drop_cookie(answer, KIOSK)
    drop_cookie(answer, SESSIONS[context.door])
    return answer


@ROUTES.get("/first-run")
async def first_run_page(request: Request, context: Ctx) -> Response:
    """The form that makes the first administrator, for as long as there is none."""
    if context.door is not Door.DESK or await context.accounts.first_code() is None:
        return RedirectResponse("/sign-on", status_code=303)
    return page(request, "first_run.html", given={})


@ROUTES.post("/first-run")
async def first_run(request: Request, context: Ctx, code: Field, login: Field, name: Field, password: Field) -> Response:
    """Make the first administrator, and go on to signing on."""
    try:
        if context.door is not Door.DESK:
            raise Problem(403, "Not here", _("This can only be done at a desk, not at the machine."))
        await context.accounts.first_run(code, login, name, password)
    except Problem as problem:
        given = {"code": code, "login": login, "name": name}
        return page(request, "first_run.html", status=problem.status, message=("bad", context.words.say(problem.detail)), given=given)
    return RedirectResponse("/sign-on", status_code=303)
