"""Everything that is kept of one person, in one value: what they may ask for (a copy of their data), and what another system may read."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from treadctl.records.armings import arming_of
from treadctl.records.audit import entry_of
from treadctl.records.measures import measure_of
from treadctl.records.model import Person
from treadctl.records.plain import plain
from treadctl.records.prescriptions import REVISION_ROWS, revision_of
from treadctl.records.schema import ARMINGS, AUDIT, MEASURES, OVERRIDES, PRESCRIPTIONS, REVISIONS, SCREENINGS, SESSIONS
from treadctl.records.screenings import override_of, screening_of
from treadctl.records.sessions import full_sessions

FORMAT: Final = 1


async def export_person(connection: AsyncConnection, person: Person, *, series: bool) -> dict[str, Any]:
    """All of it, oldest first. The trail's entries about them are part of it: who did what with their records."""
    whole: dict[str, Any] = {"format": FORMAT, "person": plain(person)}
    for name, table, order, make in (
        ("screenings", SCREENINGS, SCREENINGS.c.id, screening_of),
        ("overrides", OVERRIDES, OVERRIDES.c.id, override_of),
        ("measures", MEASURES, MEASURES.c.id, measure_of),
        ("armings", ARMINGS, ARMINGS.c.at, arming_of),
    ):
        rows = await connection.execute(select(table).where(table.c.person_id == person.id).order_by(order))
        whole[name] = [plain(make(row)) for row in rows]
    revisions = await connection.execute(REVISION_ROWS.where(PRESCRIPTIONS.c.person_id == person.id).order_by(REVISIONS.c.id))
    whole["prescriptions"] = [plain(revision_of(row)) for row in revisions]
    sessions = await full_sessions(connection, SESSIONS.c.person_id == person.id, series=series)
    whole["sessions"] = await asyncio.to_thread(plain, sessions)
    entries = await connection.execute(select(AUDIT).where(AUDIT.c.subject == person.id).order_by(AUDIT.c.number))
    whole["audit"] = [plain(entry_of(row)) for row in entries]
    return whole
