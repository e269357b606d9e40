"""Routes of the house: who may sign on and as what, one's own password and PIN, and what the clinic has set for itself."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated, Any, Final
from zoneinfo import available_timezones

from fastapi import APIRouter, Depends, Form, Path, Request
from fastapi.responses import RedirectResponse, Response

from treadctl.console import house
from treadctl.console.accounts import Visitor
from treadctl.console.context import Context, context_of
from treadctl.console.pages import page
from treadctl.console.problems import Problem, problem_from
from treadctl.console.rights import Command
from treadctl.console.view import _
from treadctl.console.visiting import SESSIONS, checked, drop_cookie, visitor
from treadctl.console.words import languages
from treadctl.errors import TreadctlError
from treadctl.records.model import Role
from treadctl.reports.figures import Units

ROUTES: Final = APIRouter(include_in_schema=False)
ROLES: Final = {
    Role.VIEWER: (_("Viewer"), _("sees people, sessions and reports; changes nothing")),
    Role.STAFF: (_("Staff"), _("adds people, attends at the machine, starts what is prescribed")),
    Role.PHYSIOTHERAPIST: (_("Physiotherapist"), _("staff; prescribes, edits protocols and sets rules aside with a reason")),
    Role.PHYSICIAN: (_("Physician"), _("physiotherapist; erases people")),
    Role.SERVICE: (_("Service"), _("sees the machine and the audit trail, resets and proves; sees nobody who walks")),
    Role.ADMINISTRATOR: (_("Administrator"), _("manages users and settings, exports and erases people")),
}

Ctx = Annotated[Context, Depends(context_of)]
Whom = Annotated[Visitor, Depends(visitor)]
Checked = Annotated[Visitor, Depends(checked)]
Field = Annotated[str, Form(max_length=200)]
UserId = Annotated[int, Path(ge=1, le=2**31 - 1)]
REFUSALS: Final = (TreadctlError, Problem)


def _roles(context: Context) -> list[tuple[str, str, str]]:
    return [(role.value, context.words.say(name), context.words.say(what)) for role, (name, what) in ROLES.items()]


def _bad(context: Context, error: TreadctlError | Problem) -> Problem:
    return problem_from(error, context.words.say)


# --- everybody ----------------------------------------------------------------------------------------------------------


async def _list(request: Request, context: Context, who: Visitor, refused: Problem | None = None, given: dict[str, str] | None = None) -> Response:
    users = await context.records.users.all()
    pins = {user.id for user in await context.records.users.with_pin()}
    return page(
        request, "users.html", who=who, status=refused.status if refused else 200, message=("bad", refused.detail) if refused else None,
        users=users, pins=pins, roles=_roles(context), given=given or {},
    )  # fmt: skip


@ROUTES.get("/users")
async def users_page(request: Request, context: Ctx, who: Whom) -> Response:
    """Everybody who may sign on, and the form that adds one."""
    context.demand(who, Command.MANAGE_USERS)
    return await _list(request, context, who)


@ROUTES.post("/users")
async def add_user(
    request: Request, context: Ctx, who: Checked, login: Field, name: Field, role: Annotated[Role, Form()], password: Field, pin: Field = ""
) -> Response:
    """Add a user; the PIN may be left empty."""
    context.demand(who, Command.MANAGE_USERS)
    try:
        password_hash = await context.accounts.hash(password, "password")
        pin_hash = await context.accounts.hash(pin, "pin") if pin else None
        user = await context.records.users.add(
            who.actor, login.strip().lower(), name.strip(), role, password_hash=password_hash, pin_hash=pin_hash
        )
    except REFUSALS as error:
        return await _list(request, context, who, _bad(context, error), {"login": login, "name": name, "role": role.value})
    return RedirectResponse(f"/users/{user.id}?done=added", status_code=303)


# --- one of them --------------------------------------------------------------------------------------------------------

DONE: Final = {
    "added": _("Added. Tell them their password; they can change it themselves."),
    "name": _("The name is changed."),
    "role": _("The role is changed; they were signed off."),
    "password": _("The password is set; they were signed off."),
    "pin": _("The PIN is set; they were signed off."),
    "no_pin": _("The PIN is taken away: they cannot sign on at the machine."),
    "off": _("They may not sign on any more, and were signed off."),
    "on": _("They may sign on again."),
}


async def _one(request: Request, context: Context, who: Visitor, user_id: int, *, done: str = "", refused: Problem | None = None) -> Response:
    user = await context.records.users.get(user_id)
    has_pin = any(user_id == other.id for other in await context.records.users.with_pin())
    message = ("bad", refused.detail) if refused else ("good", context.words.say(DONE[done])) if done in DONE else None
    return page(
        request, "user.html", who=who, status=refused.status if refused else 200, message=message,
        user=user, has_pin=has_pin, roles=_roles(context), own=who.user is not None and who.user.id == user_id,
    )  # fmt: skip


@ROUTES.get("/users/{user_id}")
async def user_page(user_id: UserId, request: Request, context: Ctx, who: Whom, done: str = "") -> Response:
    """One user, with all that can be changed of them."""
    context.demand(who, Command.MANAGE_USERS)
    return await _one(request, context, who, user_id, done=done)


async def _change(request: Request, context: Context, who: Visitor, user_id: int, done: str, change: Awaitable[object]) -> Response:
    """Wait for a change, then show the user with what was done or why not. Whoever changed themselves may have to sign on again."""
    try:
        await change
    except REFUSALS as error:
        return await _one(request, context, who, user_id, refused=_bad(context, error))
    return RedirectResponse(f"/users/{user_id}?done={done}", status_code=303)


@ROUTES.post("/users/{user_id}/name")
async def rename(user_id: UserId, request: Request, context: Ctx, who: Checked, name: Field) -> Response:
    """Change the name that others see."""
    context.demand(who, Command.MANAGE_USERS)
    return await _change(request, context, who, user_id, "name", context.records.users.rename(who.actor, user_id, name.strip()))


@ROUTES.post("/users/{user_id}/role")
async def change_role(user_id: UserId, request: Request, context: Ctx, who: Checked, role: Annotated[Role, Form()]) -> Response:
    """Change what they may do."""
    context.demand(who, Command.MANAGE_USERS)
    return await _change(request, context, who, user_id, "role", context.records.users.change_role(who.actor, user_id, role))


@ROUTES.post("/users/{user_id}/password")
async def set_password(user_id: UserId, request: Request, context: Ctx, who: Checked, password: Field) -> Response:
    """Give them a new password."""
    context.demand(who, Command.MANAGE_USERS)
    return await _change(request, context, who, user_id, "password", _password(context, who, user_id, password))


@ROUTES.post("/users/{user_id}/pin")
async def set_pin(user_id: UserId, request: Request, context: Ctx, who: Checked, pin: Field = "") -> Response:
    """Give them a PIN for the machine; an empty one takes it away."""
    context.demand(who, Command.MANAGE_USERS)
    return await _change(request, context, who, user_id, "pin" if pin else "no_pin", _pin(context, who, user_id, pin))


@ROUTES.post("/users/{user_id}/active")
async def activate(user_id: UserId, request: Request, context: Ctx, who: Checked, active: Annotated[bool, Form()]) -> Response:
    """Let them sign on, or no longer. Nobody is removed: the audit trail names them."""
    context.demand(who, Command.MANAGE_USERS)
    users = context.records.users
    change = users.activate(who.actor, user_id) if active else users.deactivate(who.actor, user_id)
    return await _change(request, context, who, user_id, "on" if active else "off", change)


async def _password(context: Context, who: Visitor, user_id: int, password: str) -> None:
    await context.records.users.set_password_hash(who.actor, user_id, await context.accounts.hash(password, "password"))


async def _pin(context: Context, who: Visitor, user_id: int, pin: str) -> None:
    await context.records.users.set_pin_hash(who.actor, user_id, await context.accounts.hash(pin, "pin") if pin else None)


# --- oneself ------------------------------------------------------------------------------------------------------------


@ROUTES.get("/me")
async def me_page(request: Request, context: Ctx, who: Whom) -> Response:
    """Who I am, and the forms for my own password and PIN."""
    context.demand(who, Command.OWN_SECRETS)
    return _me(request, context, who)


def _me(request: Request, context: Context, who: Visitor, refused: Problem | None = None) -> Response:
    values: dict[str, Any] = {"status": refused.status, "message": ("bad", refused.detail)} if refused else {}
    answer = page(request, "me.html", who=who, roles={value: (name, what) for value, name, what in _roles(context)}, **values)
    if refused:
        answer.headers.update(refused.headers)
    return answer


@ROUTES.post("/me/password")
async def own_password(request: Request, context: Ctx, who: Checked, now: Field, password: Field) -> Response:
    """Change my own password; the present one shows that it is me."""
    return await _own(request, context, who, now, _password, password)


@ROUTES.post("/me/pin")
async def own_pin(request: Request, context: Ctx, who: Checked, now: Field, pin: Field = "") -> Response:
    """Change my own PIN for the machine; an empty one takes it away."""
    return await _own(request, context, who, now, _pin, pin)


async def _own(request: Request, context: Context, who: Visitor, now: str, change: Any, secret: str) -> Response:  # noqa: ANN401 - _password or _pin
    context.demand(who, Command.OWN_SECRETS)
    assert who.user is not None  # noqa: S101 - the table of rights has no nobody here
    try:
        await context.accounts.prove(who.user.login, now)
        await change(context, who, who.user.id, secret)
    except REFUSALS as error:
        problem = _bad(context, error)
        if problem.code == "wrong_secret":
            problem = Problem(403, problem.title, context.words.say(_("The present password is not right; nothing was changed.")), problem.code)
        return _me(request, context, who, problem)
    answer = RedirectResponse("/sign-on?done=changed", status_code=303)
    drop_cookie(answer, SESSIONS[context.door])
    return answer


# --- the clinic ---------------------------------------------------------------------------------------------------------


@ROUTES.get("/settings")
async def settings_page(request: Request, context: Ctx, who: Whom, done: str = "") -> Response:
    """What the clinic has set for itself."""
    context.demand(who, Command.SETTINGS)
    message = ("good", context.words.say(_("Set. Every page shows it from now on."))) if done else None
    return _settings(request, context, who, message)


def _settings(
    request: Request, context: Context, who: Visitor, message: tuple[str, str] | None = None, status: int = 200, given: dict[str, str] | None = None
) -> Response:
    words = context.words
    shown = given or {"clinic": context.clinic, "language": words.language, "units": words.units.value, "zone": words.zone.key}
    return page(
        request, "settings.html", who=who, status=status, message=message, given=shown,
        languages=languages(), units=[unit.value for unit in Units], zones=sorted(available_timezones()),
    )  # fmt: skip


@ROUTES.post("/settings")
async def change_settings(request: Request, context: Ctx, who: Checked, language: Field, units: Field, zone: Field, clinic: Field = "") -> Response:
    """Set them."""
    context.demand(who, Command.SETTINGS)
    try:
        await house.change(context, who.actor, clinic, language, units, zone.strip())
    except Problem as problem:
        given = {"clinic": clinic, "language": language, "units": units, "zone": zone}
        return _settings(request, context, who, ("bad", problem.detail), problem.status, given)
    return RedirectResponse("/settings?done=1", status_code=303)
