"""The description of the programming interface, OpenAPI 3.1: what FastAPI knows of the routes, and what every one of them has in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from treadctl.console.guard import SAFE_METHODS, STOP_PATHS
from treadctl.console.once import HEADER, LONGEST_KEY, REPLAYED, takes_key
from treadctl.console.problems import MEDIA_TYPE
from treadctl.console.settings import Door
from treadctl.console.visiting import SESSIONS

ADDRESS: Final = "/api/v1/openapi.json"
OPEN: Final = frozenset({"/healthz", "/readyz", *STOP_PATHS})
DESCRIPTION: Final = (
    "Everything here is judged by the same table of rights as the pages. Stop needs no sign-on and no key, and is never refused. Nothing that comes over a "
    "network starts the belt: a start is held at the machine's own screen, and the control program grants it or not. Speeds are in m/s, times in s."
)
PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "description": "A refusal (RFC 9457). `detail` says what to do; `reasons` are all of them, where there are several.",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "short and stable, for programs"},
        "reasons": {"type": "array", "items": {"type": "string"}},
    },
    "additionalProperties": False,
}
RETRY: Final = {"Retry-After": {"description": "s to wait", "schema": {"type": "integer", "minimum": 1}}}


def describe(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """What `app.openapi` is to be. The document is made once."""
    made: dict[str, Any] = {}

    def document() -> dict[str, Any]:
        if not made:
            made.update(_document(app))
        return made

    return document


def _document(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, openapi_version="3.1.0")
    found["info"]["license"] = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    parts = found.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = PROBLEM
    parts["responses"] = {
        "Refusal": _problem("A refusal, with what to do."),
        "Away": _problem("The control program or the database is not reached; nothing was done, or the answer says what was."),
        "Full": _problem("The database cannot be written."),
    }
    parts["parameters"] = {
        "Key": _header(HEADER, f"Done once for each key of a user within 24 h; sent again, the answer is the first one, with {REPLAYED}.", 1, LONGEST_KEY),
        "Csrf": _header("X-CSRF-Token", "The token of the page (`data-csrf`); needed with a session.", 0, 200),
    }
    cookie = {"type": "apiKey", "in": "cookie", "name": SESSIONS[Door.DESK], "description": "the cookie of whoever has signed on; each door has its own"}
    parts["securitySchemes"] = {"session": cookie}
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            _complete(path, method.upper(), operation)
    return found


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    responses["4XX"] = {"$ref": "#/components/responses/Refusal"}
    if "content" not in responses.get("503", {}):
        responses["503"] = {"$ref": "#/components/responses/Away"}
    operation["security"] = [] if path in OPEN else [{"session": []}]
    if method in SAFE_METHODS or path in STOP_PATHS:
        return
    responses["507"] = {"$ref": "#/components/responses/Full"}
    names = ["Csrf", "Key"] if takes_key(method, path) else ["Csrf"]
    operation.setdefault("parameters", []).extend({"$ref": f"#/components/parameters/{name}"} for name in names)


def _problem(text: str) -> dict[str, Any]:
    return {"description": text, "headers": RETRY, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def _header(name: str, text: str, least: int, longest: int) -> dict[str, Any]:
    schema = {"type": "string", "minLength": least, "maxLength": longest, "pattern": "^[ -~]*$"}
    return {"name": name, "in": "header", "required": False, "description": text, "schema": schema}
