"""What a door does as it opens and beside its pages: two that start at once in a new clinic find one key of names; old sessions are removed day by day."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from console_rig import NOW, Browser, walker
from sqlalchemy import update

from treadctl.console.serve import DAY_S, RETIRES_AFTER_S, _first_key, retiring
from treadctl.console.settings import Retention
from treadctl.errors import TreadctlError
from treadctl.records.model import SessionHead
from treadctl.records.schema import USERS
from treadctl.records.sessions import Filter
from treadctl.records.store import Records
from treadctl.records.vault import make_key


async def test_two_doors_at_once_make_one_key(tmp_path: Path) -> None:
    path = tmp_path / "names.key"
    first, second = await asyncio.gather(_first_key(path), _first_key(path))
    assert first.key_id == second.key_id is not None


async def test_a_key_that_the_other_door_is_just_writing_is_waited_for(tmp_path: Path) -> None:
    path, ready = tmp_path / "names.key", tmp_path / "ready.key"
    make_key(ready)
    path.touch(0o600)
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            await asyncio.to_thread(lambda: path.write_bytes(ready.read_bytes()))

    assert (await _first_key(path, sleep)).key_id is not None
    assert len(waits) == 3


async def test_a_file_that_never_becomes_a_key_is_told(tmp_path: Path) -> None:
    path = tmp_path / "names.key"
    path.touch(0o600)

    async def sleep(_: float) -> None:
        return None

    with pytest.raises(TreadctlError) as caught:
        await _first_key(path, sleep)
    assert caught.value.kind.name == "names_locked"


async def test_a_key_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(TreadctlError) as caught:
        await _first_key(tmp_path / "no such folder" / "names.key")
    assert caught.value.kind.name == "names_locked"


# --- retention ----------------------------------------------------------------------------------------------------------


async def waits_of(browser: Browser, years: float | None, days: int) -> list[float]:
    """For how long each was waited, over so many days."""
    waits: list[float] = []
    over = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) > days:
            over.set()
            await asyncio.Event().wait()

    settings = browser.context.settings.model_copy(update={"retention": Retention(sessions_years=years)})
    async with retiring(replace(browser.context, settings=settings), sleep):
        if years is not None:
            await over.wait()
    return waits


async def test_sessions_older_than_the_clinic_keeps_are_removed_each_day(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    async with records.database.write() as connection:
        await connection.execute(update(USERS).values(created_at=NOW - timedelta(days=20)))
    assert await waits_of(desk, 1.0, 1) == [RETIRES_AFTER_S, DAY_S]
    assert len(await heads(records, person.id)) == 3
    desk.clock.later(86400.0 * 366)
    assert await waits_of(desk, 1.0, 2) == [RETIRES_AFTER_S, DAY_S, DAY_S]
    assert [(NOW - head.started_at).days for head in await heads(records, person.id)] == [24]  # before the first user: of a clock that was behind


async def test_nothing_is_removed_where_no_time_is_set(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    desk.clock.later(86400.0 * 36500)
    assert await waits_of(desk, None, 0) == []
    assert len(await heads(records, person.id)) > 0


async def test_the_door_that_does_not_fill_the_records_removes_nothing(kiosk: Browser) -> None:
    settings = kiosk.context.settings.model_copy(update={"retention": Retention(sessions_years=1.0)})
    async with retiring(replace(kiosk.context, settings=settings), None):  # type: ignore[arg-type]
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "retention"]


async def heads(records: Records, person_id: str) -> tuple[SessionHead, ...]:
    return (await records.sessions.heads(Filter(person_id=person_id))).items
