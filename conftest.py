"""What every test gets: no event loop left over from anywhere, and a failure for a task that outlives its test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio


@pytest.fixture(scope="session", autouse=True)
def no_stray_event_loop() -> Iterator[None]:
    """Without this, the first asynchronous test makes a spare loop that nobody closes, and warnings are errors here."""
    asyncio.set_event_loop(None)
    yield
    asyncio.set_event_loop(None)


@pytest_asyncio.fixture
async def _no_leaked_task() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    leaked = [task.get_name() for task in asyncio.all_tasks() - before if not task.done() and task is not asyncio.current_task()]
    assert not leaked, f"tasks outlived their test: {leaked}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Watch every asynchronous test for leaked tasks."""
    for item in items:
        if isinstance(item, pytest.Function) and asyncio.iscoroutinefunction(item.obj):
            item.fixturenames.insert(0, "_no_leaked_task")
