"""Measures taken beside the sessions."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

from sqlalchemy import Row, delete, insert, select

from treadctl.errors import TreadctlError
from treadctl.records.audit import Actor, append
from treadctl.records.model import Measure, MeasureRecord
from treadctl.records.repository import Repository, missing, require_person, require_text
from treadctl.records.schema import MEASURES


class Measures(Repository):
    """A measure that was entered wrongly is removed and entered again; the trail keeps both steps."""

    async def add(self, actor: Actor, person_id: str, measure: Measure, value: float, day: date, *, by: str | None = None) -> MeasureRecord:
        """TC605; TC104 for a value that is no number."""
        if not math.isfinite(value):
            raise TreadctlError("bad_value", f"measure > {measure.value}", "it is a number")
        who = require_text("measure > by", by or actor.login, 200)
        values = {"person_id": person_id, "measure": measure.value, "value": value, "day": day, "by": who}
        async with self.database.write() as connection:
            await require_person(connection, person_id)
            number = (await connection.execute(insert(MEASURES).values(values).returning(MEASURES.c.id))).scalar_one()
            await append(connection, self.now(), actor, "measure.added", person_id, f"measure {number}: {measure.value}")
        return MeasureRecord(number, person_id, measure, value, day, who)

    async def remove(self, actor: Actor, measure_id: int) -> None:
        """TC605 if there is none."""
        async with self.database.write() as connection:
            gone = (await connection.execute(delete(MEASURES).where(MEASURES.c.id == measure_id).returning(MEASURES.c.person_id))).scalar_one_or_none()
            if gone is None:
                raise missing("measure", measure_id)
            await append(connection, self.now(), actor, "measure.removed", gone, f"measure {measure_id}")

    async def of(self, person_id: str, measure: Measure | None = None) -> tuple[MeasureRecord, ...]:
        """By day, oldest first; of one kind or of all."""
        query = select(MEASURES).where(MEASURES.c.person_id == person_id).order_by(MEASURES.c.day, MEASURES.c.id)
        if measure is not None:
            query = query.where(MEASURES.c.measure == measure.value)
        async with self.database.read() as connection:
            return tuple(map(measure_of, await connection.execute(query)))


def measure_of(row: Row[Any]) -> MeasureRecord:
    """A row as a plain value."""
    return MeasureRecord(row.id, row.person_id, Measure(row.measure), row.value, row.day, row.by)
