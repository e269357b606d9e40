"""What the record knows of a person today, gathered; and a draft looked over for them."""

from __future__ import annotations

import asyncio
from itertools import count, islice

from treadctl.console.context import Context
from treadctl.console.drafts import Draft, look_over
from treadctl.console.prescribing import Known, person_text
from treadctl.errors import TreadctlError
from treadctl.prescription.person import Person, person_of
from treadctl.records.model import SessionHead
from treadctl.records.repository import LARGEST_PAGE
from treadctl.records.sessions import Filter
from treadctl.reports.figures import goes_backward


async def known_of(context: Context, person_id: str) -> Known:
    """The person with all that bears on a start. Raises TreadctlError(record_missing)."""
    records = context.records
    person = await records.people.get(person_id)
    backward = tuple(head for head in await heads_of(context, person_id, most_pages=1) if goes_backward(head))
    return Known(person, await records.screenings.latest(person_id), await records.overrides.in_force(person_id), backward)


async def heads_of(context: Context, person_id: str, most_pages: int | None = None) -> list[SessionHead]:
    """The heads of a person's sessions, newest first: all, or so many pages of LARGEST_PAGE."""
    found: list[SessionHead] = []
    token: str | None = None
    for _page in islice(count(), most_pages):
        part = await context.records.sessions.heads(Filter(person_id=person_id), page=token, size=LARGEST_PAGE)
        found += part.items
        token = part.next
        if token is None:
            break
    return found


async def draft_of(context: Context, text: str, person_id: str | None) -> Draft:
    """Look a text over, for a person as they are today, or for the library. A long text is worked on in a thread, so that others are served meanwhile."""
    day = context.words.local(context.now()).date()
    person: Person | None = None
    unreadable = ""
    if person_id is not None:
        known = await known_of(context, person_id)
        try:
            person = person_of(person_text(known, day, context.words.zone), "person")
        except TreadctlError as error:
            unreadable = f"The limits of this person are not known: {error.place}: {error.kind.sentence} ({error.detail})."
    return await asyncio.to_thread(look_over, text, context.frame, person, day, unreadable)
