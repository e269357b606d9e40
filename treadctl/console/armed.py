"""Whose program is armed, and whether the one who holds the button may start it: what was prepared by them, not long ago, and would be armed again today."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from treadctl.console.accounts import Visitor
from treadctl.console.context import Context
from treadctl.console.problems import Problem
from treadctl.console.rights import Command
from treadctl.console.view import _
from treadctl.errors import TreadctlError
from treadctl.records.model import Arming

SHOWN_S: Final = 0.4  # states come ten times a second
LONGEST_S: Final = 15 * 60.0  # a checklist is of a person who stands there now; the daemon says so too, but its clock stands while a computer sleeps
PUT_AWAY: Final = _("Put it away on the page of the machine, then open the person again.")


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose program the machine holds, as the visitor may see it; empty texts where it was armed elsewhere, or is not theirs to see."""

    arming: str = ""
    person_id: str = ""
    name: str = ""
    title: str = ""


def armed_now(context: Context) -> str:
    """The id of the request that armed what the machine holds now; empty where nothing is, or it is not known."""
    moment = context.link.moment
    program = moment.snapshot.program if moment.up and moment.snapshot is not None else None
    return program.arming if program is not None else ""


async def shown(context: Context, arming_id: str) -> None:
    """Wait until it is heard here that the machine holds this, but not for long: whoever was told so may press the button at once."""
    link = context.link
    with suppress(TimeoutError):
        async with asyncio.timeout(SHOWN_S):
            while armed_now(context) != arming_id:
                await link.changed_since(link.moment.number, link.event_number, SHOWN_S)


async def whose(context: Context, who: Visitor) -> Whose:
    """For the page of the machine. Names only to whoever may see the list of people; never an error, since the page shows more than this."""
    arming_id = armed_now(context)
    if not arming_id or not context.allows(who, Command.LIST_PEOPLE):
        return Whose(arming_id)
    try:
        arming = await context.records.armings.find(arming_id)
        if arming is None:
            return Whose(arming_id)
        person = await context.records.people.get(arming.person_id)
        title = (await context.records.prescriptions.revision(arming.revision_id)).title if arming.revision_id is not None else ""
    except TreadctlError:
        return Whose(arming_id)
    return Whose(arming_id, person.id, person.name or person.id, title)


async def require_startable(context: Context, who: Visitor, arming_id: str, refusals: Callable[[Arming], Awaitable[tuple[str, ...]]]) -> None:
    """Raises Problem 409 unless the machine holds what was armed by `arming_id`, by this visitor and not long ago, and `refusals` finds nothing against it."""
    say = context.words.say
    require_armed(context, arming_id)
    arming = await context.records.armings.find(arming_id)
    if arming is None:
        raise Problem(409, "Armed elsewhere", say(_("What the machine holds was not armed from this record.")) + " " + say(PUT_AWAY), "armed_elsewhere")
    if who.user is None or arming.by != who.user.login:
        text = say(_("The checklist was gone through by somebody else.")) + " " + say(PUT_AWAY)
        raise Problem(409, "Armed by somebody else", text, "armed_by_other")
    if not (-1.0 <= (context.now() - arming.at).total_seconds() <= LONGEST_S):
        raise Problem(409, "Armed long ago", say(_("The checklist was gone through too long ago.")) + " " + say(PUT_AWAY), "armed_long_ago")
    reasons = await refusals(arming)
    if reasons:
        raise Problem(409, "Not any more", " ".join(reasons), "preflight", reasons)


def require_armed(context: Context, arming_id: str) -> None:
    """Raises Problem 409 unless the machine holds what was armed by that request."""
    if not arming_id or arming_id != armed_now(context):
        text = context.words.say(_("The machine holds another program than this page shows.")) + " " + context.words.say(PUT_AWAY)
        raise Problem(409, "Another program", text, "armed_other")
