"""What every page and command of one door works with."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from treadctl.console.accounts import Accounts, Visitor
from treadctl.console.guard import ARRIVED
from treadctl.console.holds import Holds
from treadctl.console.house import House
from treadctl.console.link import DaemonLink
from treadctl.console.metrics import Metrics
from treadctl.console.problems import Problem
from treadctl.console.rights import Command, may, why_not
from treadctl.console.settings import Door, Settings
from treadctl.console.view import live, situation
from treadctl.console.words import Words
from treadctl.ports import Clock
from treadctl.prescription.frame import MachineFrame
from treadctl.records.store import Records
from treadctl.reports.work import Workshop

HERE: Final = Path(__file__).parent
WISH_S: Final = 1.0  # as long as the daemon itself takes a wish
ASSETS: Final = HERE / "static"


@dataclass(frozen=True, slots=True)
class Backlog:
    """What the importer has still to read. `trouble` is a sentence, empty where there is none."""

    waiting_bytes: int
    imported_at: datetime | None = None
    trouble: str = ""


@dataclass(frozen=True)
class Context:
    """One per process. `now` is the wall clock, `clock` the monotonic one, which is the daemon's too."""

    settings: Settings
    door: Door
    link: DaemonLink
    records: Records
    accounts: Accounts
    words: Words
    clock: Clock
    now: Callable[[], datetime]
    pages: Environment
    frame: MachineFrame
    holds: Holds
    workshop: Workshop
    orders: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # of files: job id to name, media type, and whose session ordered it
    rendered: dict[str, Any] = field(default_factory=dict)  # the newest state as it goes to every watcher
    house: House = field(default_factory=House)
    metrics: Metrics = field(default_factory=Metrics)
    backlog: Callable[[], Awaitable[Backlog]] | None = None  # of the importer, where it runs in this process

    @property
    def clinic(self) -> str:
        """The name of the clinic, as set on the settings page or in console.toml."""
        return self.settings.clinic if self.house.clinic is None else self.house.clinic

    def live(self) -> dict[str, Any]:
        """What the live view shows now."""
        return live(self.link.moment, self.clock(), self.words)

    def allows(self, visitor: Visitor, command: Command) -> bool:
        """Whether the table of rights lets this visitor ask for that now."""
        return may(command, visitor.role, visitor.place, situation(self.link.moment))

    def demand(self, visitor: Visitor, command: Command) -> None:
        """Raises Problem 401 or 403 where the table of rights denies it, with what to do about it."""
        now = situation(self.link.moment)
        if not may(command, visitor.role, visitor.place, now):
            status = 401 if visitor.role is None else 403
            raise Problem(status, "Not allowed", self.words.say(why_not(command, visitor.role, visitor.place, now)), "not_allowed")


def require_timely(context: Context, request: Request) -> None:
    """Raises Problem 409 for a wish that waited: by then whoever had it may want something else, and the belt must not move by itself.

    What is counted is the time since the request came, for example behind a database that was busy.
    """
    waited_s = context.clock() - request.scope.get(ARRIVED, -math.inf)
    if not waited_s <= WISH_S:
        raise Problem(409, "Too late", context.words.say("It waited too long here, so it was not done. Press again if it is still wanted."), "too_late")


def environment(words: Words) -> Environment:
    """The templates, in the language of the clinic; a name that is not there is an error, not an empty text."""
    pages = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=select_autoescape(), undefined=StrictUndefined, extensions=["jinja2.ext.i18n"],
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    # Asked for each text, not once: the clinic may choose another language while this runs.
    pages.install_gettext_callables(words.say, words.say_count)  # type: ignore[attr-defined]  # the extension adds it
    pages.globals["words"] = words
    return pages


def context_of(request: Request) -> Context:
    """The context of the process that serves this request."""
    context: Context = request.app.state.context
    return context
