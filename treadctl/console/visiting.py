"""Who is asking: found from cookies for each request, and checked against forged forms."""

from __future__ import annotations

import hmac
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.responses import Response

from treadctl.console.accounts import Visitor
from treadctl.console.context import Context, context_of
from treadctl.console.house import refresh
from treadctl.console.problems import Problem
from treadctl.console.settings import Door

SESSIONS: Final = {Door.KIOSK: "__Host-treadctl-attendant", Door.DESK: "__Host-treadctl"}  # cookies know no ports: a browser may be at both doors
KIOSK: Final = "__Host-treadctl-kiosk"
FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")


async def visitor(request: Request, context: Annotated[Context, Depends(context_of)]) -> Visitor:
    """Who this is, by the cookies; nobody where they are worth nothing."""
    browser = request.headers.get("user-agent", "")
    await refresh(context)
    return await context.accounts.visit(request.cookies.get(SESSIONS[context.door]), request.cookies.get(KIOSK), browser)


async def checked(request: Request, who: Annotated[Visitor, Depends(visitor)]) -> Visitor:
    """The same, for whatever changes something: with a session the page must show that it is ours. Raises Problem 403."""
    if who.csrf:
        given = request.headers.get("x-csrf-token", "")
        if not given and request.headers.get("content-type", "").startswith(FORMS):
            given = str((await request.form()).get("csrf") or "")
        if not hmac.compare_digest(given.encode(), who.csrf.encode()):
            raise Problem(403, "Old page", "This page was opened before somebody signed on or off. Load it again, then repeat.", "old_page")
    return who


def put_cookie(answer: Response, name: str, value: str, lasts_s: int | None = None) -> None:
    """A cookie that scripts cannot read and other sites cannot send."""
    answer.set_cookie(name, value, max_age=lasts_s, path="/", secure=True, httponly=True, samesite="strict")


def drop_cookie(answer: Response, name: str) -> None:
    """Take it back."""
    answer.delete_cookie(name, path="/", secure=True, httponly=True, samesite="strict")
