"""What the pages of the desk share: refusals shown on the page they belong to, words after something was done, and links to what others make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse

from treadctl.console.accounts import Visitor
from treadctl.console.context import Context, context_of
from treadctl.console.problems import Problem, problem_from
from treadctl.console.rights import Command
from treadctl.console.view import _
from treadctl.console.visiting import checked, visitor
from treadctl.errors import TreadctlError
from treadctl.records.model import Person, User

Ctx = Annotated[Context, Depends(context_of)]
Whom = Annotated[Visitor, Depends(visitor)]
Checked = Annotated[Visitor, Depends(checked)]

DONE: Final = {
    "added": _("Added."),
    "saved": _("Saved."),
    "screened": _("The screening is signed and kept."),
    "overridden": _("The rule is set aside for this person, until it is withdrawn."),
    "withdrawn": _("Withdrawn: the rule counts again."),
    "measured": _("Kept."),
    "removed": _("Removed."),
    "archived": _("Put away. Search under “put away” to find this person again."),
    "restored": _("Back in the list."),
    "erased": _("Erased. Nothing that names this person is left here."),
}
_DOWNLOADS: Final = {
    "report.pdf": _("Report (PDF)"),
    "progress.pdf": _("Progress (PDF)"),
    "sessions.csv": _("Sessions, as a table"),
    "session.json": _("Data (JSON)"),
    "session.csv": _("Samples (CSV)"),
    "session.fit": _("Activity (FIT)"),
    "fhir.json": _("For other systems (FHIR)"),
}


def done(context: Context, word: str) -> tuple[str, str] | None:
    """The message that a page shows after something was done; None for a word that is none."""
    return ("good", context.words.say(DONE[word])) if word in DONE else None


def go(path: str, word: str = "") -> RedirectResponse:
    """On to a page, which says what was done."""
    return RedirectResponse(f"{path}?done={word}" if word else path, status_code=303)


def refusal(context: Context, error: TreadctlError | Problem) -> tuple[tuple[str, str], int]:
    """What a page says about it, and its status."""
    problem = problem_from(error, context.words.say)
    return ("bad", problem.detail), problem.status


def user_of(context: Context, who: Visitor, command: Command) -> User:
    """Who acts. Raises Problem 401 or 403 unless they may."""
    context.demand(who, command)
    if who.user is None:
        raise Problem(401, "Not signed on", context.words.say(_("Sign on first.")))
    return who.user


async def person_of_desk(context: Context, person_id: str) -> Person:
    """Somebody whose record may be added to. TC605 for nobody, Problem 410 for somebody who was erased."""
    person = await context.records.people.get(person_id)
    if person.erased_at is not None:
        text = context.words.say(_("This person was erased on {day}. Nothing can be added; a new record can be made."))
        raise Problem(410, context.words.say(_("Erased")), text.format(day=context.words.day(person.erased_at)), "erased")
    return person


def downloads(request: Request, folder: str, key: str) -> list[tuple[str, str]]:
    """Address and words of each file that some route makes of this record: `/sessions/{id}/report.pdf` and its like."""
    form = re.compile(rf"/{folder}/\{{\w+\}}/([\w-]+\.\w+)")
    found = [match[1] for path in request.app.state.paths if (match := form.fullmatch(path))]
    return [(f"/{folder}/{key}/{name}", _DOWNLOADS.get(name, name)) for name in found]


def there_is(request: Request, path: str) -> bool:
    """Whether some route of this door has exactly this path."""
    return path in request.app.state.paths


def query(**values: str | None) -> str:
    """A query string of those that are given, `?` included; the empty text for none."""
    given: Mapping[str, str] = {key: value for key, value in values.items() if value}
    return f"?{urlencode(given)}" if given else ""
