"""Making a page: a template, what every page shows, and who looks at it."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse

from treadctl.console.accounts import Visitor
from treadctl.console.context import context_of
from treadctl.console.rights import Command

RELEASE: Final = version("treadctl")


def page(
    request: Request,
    template: str,
    *,
    who: Visitor | None = None,
    status: int = 200,
    message: tuple[str, str] | None = None,
    **values: Any,  # noqa: ANN401 - whatever the template wants
) -> HTMLResponse:
    """One page. `message` is (kind, text), kind `good` or `bad`. Never kept by a browser: what it shows is of this instant.

    A template asks `allowed('view_audit')` before it shows what the visitor may not do; the routes demand it again.
    """
    context = context_of(request)
    shown = {
        "live": context.live(),
        "door": context.door.value,
        "release": RELEASE,
        "who": who,
        "csrf": who.csrf if who is not None else "",
        "message": {"kind": message[0], "text": message[1]} if message else None,
        "path": request.url.path,
        "allowed": lambda command: who is not None and context.allows(who, Command(command)),
    }
    body = context.pages.get_template(template).render(**{**shown, **values})
    return HTMLResponse(body, status_code=status, headers={"Cache-Control": "no-store"})
