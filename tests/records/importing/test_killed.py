"""An import that is killed again and again gives what an undisturbed one gives; and what the proof of it would say of a store that does not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from records_rig import Place
from sqlalchemy import delete, update

from treadctl.records.database import Database
from treadctl.records.importing.killing import Death, Kept, Life, fork_server, live
from treadctl.records.importing.prove_kill import _differences, contents, import_all, make_journal, prepare, prove
from treadctl.records.schema import IMPORT_CURSOR, SESSION_DETAILS, SESSIONS

KILLS = 5


async def test_an_import_killed_again_and_again_loses_nothing_and_repeats_nothing(made: Place, tmp_path: Path) -> None:
    said: list[str] = []
    proof = await asyncio.to_thread(prove, made.url, KILLS, tmp_path, 3, said.append)
    assert proof.flaws == ()
    assert proof.kills == KILLS
    assert proof.kept.sessions > 2 * KILLS - 4
    assert (proof.kept.proof_tests > 2, proof.kept.gaps) == (True, 1)
    assert await made.rows("SELECT count(*) FROM sessions WHERE person_id IS NOT NULL") != [(0,)]
    assert await made.rows("SELECT count(*) FROM session_details WHERE overrides <> '[]'") != [(0,)]


async def test_the_proof_sees_what_is_lost(made: Place, tmp_path: Path) -> None:
    make_journal(tmp_path, 2)
    await prepare(made.url, 8)
    await import_all(made.url, tmp_path)
    whole = await contents(made.url)
    assert _differences(whole, whole) == []
    database = await Database.open(made.url)
    async with database.write() as connection:
        await connection.execute(delete(SESSION_DETAILS))
        await connection.execute(update(SESSIONS).values(distance_m=0.0))
    await database.close()
    (sessions, details) = _differences(await contents(made.url), whole)
    assert sessions.startswith("sessions: ")
    assert "are missing" in details


async def test_a_cursor_that_went_back_is_seen_by_the_next_importer(made: Place, tmp_path: Path) -> None:
    make_journal(tmp_path, 2)
    context = fork_server()
    first = await asyncio.to_thread(live, context, made.url, tmp_path, Life(killed=False, kept=Kept()), Death(0.0, 3), piece_batches=4)
    assert (first.killed, first.wrong) == (True, "")
    database = await Database.open(made.url)
    async with database.write() as connection:
        await connection.execute(update(IMPORT_CURSOR).values(position="lost", at=datetime(2026, 11, 27, tzinfo=UTC)))
    await database.close()
    second = await asyncio.to_thread(live, context, made.url, tmp_path, first, None, piece_batches=4)
    assert "was acknowledged" in second.wrong


async def test_an_importer_that_cannot_begin_is_told_and_not_waited_for(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/nowhere/records.sqlite"
    life = await asyncio.to_thread(live, fork_server(), url, tmp_path, Life(killed=False, kept=Kept()), None, piece_batches=4)
    assert "TC600" in life.wrong


@pytest.mark.parametrize("wait_s", [0.0, 0.05])
async def test_an_importer_may_be_killed_before_it_has_said_anything(made: Place, tmp_path: Path, wait_s: float) -> None:
    make_journal(tmp_path, 1)
    life = await asyncio.to_thread(live, fork_server(), made.url, tmp_path, Life(killed=False, kept=Kept()), Death(wait_s), piece_batches=4)
    assert (life.killed, life.wrong) == (True, "")
