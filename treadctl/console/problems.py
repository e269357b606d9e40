"""Refusals of the web side: RFC 9457 problem documents for programs, a page with the same words for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from treadctl.errors import Fault, TreadctlError
from treadctl.ipc.asking import RefusedError

MEDIA_TYPE: Final = "application/problem+json"


class Problem(Exception):
    """One refusal. `detail` says what is wrong and what to do; `reasons` where there are several."""

    def __init__(
        self, status: int, title: str, detail: str, code: str = "", reasons: tuple[str, ...] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        self.status = status
        self.title = title
        self.detail = detail
        self.code = code
        self.reasons = reasons
        self.headers = dict(headers or {})
        super().__init__(f"{status} {title}: {detail}")

    def told(self, say: Callable[[str], str]) -> Problem:
        """The same in other words. What is in the clinic's language already stays as it is."""
        reasons = tuple(say(reason) for reason in self.reasons)
        detail = " ".join(reasons) if self.reasons and self.detail == " ".join(self.reasons) else say(self.detail)
        return Problem(self.status, say(self.title), detail, self.code, reasons, self.headers)

    def document(self) -> dict[str, Any]:
        """The body of the answer."""
        body: dict[str, Any] = {"type": f"about:blank#{self.code}" if self.code else "about:blank", "title": self.title, "status": self.status}
        if self.detail:
            body["detail"] = self.detail
        if self.code:
            body["code"] = self.code
        if self.reasons:
            body["reasons"] = list(self.reasons)
        return body


_STATUS: Final = {
    "no_daemon": HTTPStatus.SERVICE_UNAVAILABLE,
    "refused": HTTPStatus.CONFLICT,
    "expired": HTTPStatus.CONFLICT,
    "record_missing": HTTPStatus.NOT_FOUND,
    "record_changed": HTTPStatus.PRECONDITION_FAILED,
    "record_exists": HTTPStatus.CONFLICT,
    "database_busy": HTTPStatus.SERVICE_UNAVAILABLE,
    "database_absent": HTTPStatus.SERVICE_UNAVAILABLE,
    "database_full": HTTPStatus.INSUFFICIENT_STORAGE,
    "names_locked": HTTPStatus.CONFLICT,
}


def _as_it_is(text: str) -> str:
    return text


def problem_of(error: TreadctlError, say: Callable[[str], str] = _as_it_is) -> Problem:
    """The problem that an error of ours is to the one who asked, in the words that `say` has for it."""
    fallback = HTTPStatus.UNPROCESSABLE_ENTITY if error.kind.fault is Fault.LOCAL else HTTPStatus.BAD_GATEWAY
    status = _STATUS.get(error.kind.name, fallback)
    headers = {"Retry-After": "1"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    if isinstance(error, RefusedError):
        reasons = tuple(say(reason) for reason in error.reasons)
        return Problem(status, say("The machine refused"), " ".join(reasons), error.kind.code, reasons)
    sentence, remedy = say(error.kind.sentence), say(error.kind.remedy)
    found = f" ({say(error.detail)})" if error.detail else ""
    detail = f"{say(error.place)}: {sentence}{found}. {remedy[:1].upper()}{remedy[1:]}."
    return Problem(status, sentence[:1].upper() + sentence[1:], detail, error.kind.code, (), headers)


def problem_from(error: Exception, say: Callable[[str], str] = _as_it_is) -> Problem:
    """The problem that any error on the way to an answer is."""
    if isinstance(error, Problem):
        return error.told(say)
    if isinstance(error, TreadctlError):
        return problem_of(error, say)
    if isinstance(error, RequestValidationError):
        found = list(error.errors())
        reasons = tuple(f"{' > '.join(str(part) for part in one['loc'][1:]) or 'body'}: {one['msg']}" for one in found[:20])
        return Problem(422, say("Not understood"), "; ".join(reasons), "not_understood", reasons)
    if isinstance(error, HTTPException):
        known = {404: "There is nothing at this address.", 405: "That cannot be done at this address."}
        title = say("Not here") if error.status_code in known else say("Not understood")
        return Problem(error.status_code, title, say(known.get(error.status_code, str(error.detail))), headers=error.headers)
    return Problem(500, say("Defect"), say("This is a defect of the console; nothing more is known here. Stop works as ever."))


def problem_response(problem: Problem) -> Response:
    """The answer to a program."""
    headers = {"Cache-Control": "no-store", **problem.headers}
    return Response(json.dumps(problem.document()), problem.status, media_type=MEDIA_TYPE, headers=headers)
