"""Two doors that start at the same instant in a new clinic find one key of names."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from treadctl.console.serve import _first_key
from treadctl.errors import TreadctlError
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
