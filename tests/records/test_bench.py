from __future__ import annotations

import random
from pathlib import Path

import pytest
from records_rig import PHYSIO, Place, refusal

from treadctl.records.bench import made_up, main, run, share
from treadctl.records.database import sqlite_url
from treadctl.records.store import Records


async def test_the_bench_fills_a_new_database_and_times_every_list(database_url: Place) -> None:
    said: list[str] = []
    await run(database_url.url, sessions=40, people=8, repeats=2, seed=3, say=said.append)
    figures = [line for line in said if line[:8] in {"sessions", "people, ", "people b", "one pers", "one sess"}]
    assert len(figures) == 10
    assert all(float(p50) <= float(p95) for p50, p95 in (line[32:].split() for line in figures))
    assert await database_url.rows("SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM persons)") == [(40, 8)]


async def test_the_bench_touches_no_database_that_is_in_use(made: Place, records: Records) -> None:
    await records.people.add(PHYSIO)
    error = await refusal(run(made.url, sessions=10, people=2, repeats=1, seed=1, say=print))
    assert error.kind.code == "TC607"
    assert await made.rows("SELECT count(*) FROM persons") == [(1,)]


def test_the_same_seed_makes_the_same_sessions() -> None:
    first, again, other = (made_up(7, 100, 10, random.Random(seed)) for seed in (1, 1, 2))  # noqa: S311 - made-up records
    assert first == again != other


def test_a_share_of_values_is_one_of_them() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert (share(values, 0.5), share(values, 0.95), share([1.0], 0.95)) == (51.0, 96.0, 1.0)


def test_the_command_says_what_is_wrong_and_ends_with_1(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--url", sqlite_url(tmp_path / "nowhere" / "b.sqlite")]) == 1
    assert "TC600" in capsys.readouterr().err
