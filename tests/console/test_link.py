"""A stop that the daemon does not answer: tried twice, and owned up to while there is still time to pull the cord."""

from __future__ import annotations

import asyncio

import pytest
from console_rig import Browser, Machine

from treadctl.console import link
from treadctl.core.messages import RequestKind
from treadctl.ipc.messages import ReceivedRequest


def deaf(machine: Machine, monkeypatch: pytest.MonkeyPatch, answers: int) -> list[ReceivedRequest]:
    """It takes what is asked, and says nothing until the `answers`-th."""
    taken: list[ReceivedRequest] = []

    def take(request: ReceivedRequest) -> None:
        taken.append(request)
        if len(taken) == answers:
            machine.server.reply(request.id, state="tripped")

    monkeypatch.setattr(machine.server, "_on_request", take)
    return taken


@pytest.mark.parametrize("path", ["/stop", "/api/v1/stop"])
async def test_a_stop_that_nobody_answers_is_owned_up_to_within_a_second(
    kiosk: Browser, machine: Machine, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    assert 2 * link.STOP_ANSWER_S < 1.0
    monkeypatch.setattr(link, "STOP_ANSWER_S", 0.02)
    taken = deaf(machine, monkeypatch, answers=0)
    async with asyncio.timeout(1.0):
        answer = await kiosk.client.post(path)
    assert answer.status_code == 503
    assert "ull the cord or press the emergency stop now" in answer.text
    assert [request.kind for request in taken] == [RequestKind.STOP, RequestKind.STOP]  # by both connections


async def test_a_stop_goes_by_a_connection_of_its_own_where_the_shared_one_is_silent(
    kiosk: Browser, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf(machine, monkeypatch, answers=2)
    answer = await kiosk.client.post("/api/v1/stop")
    assert answer.json() == {"accepted": True, "state": "tripped"}
