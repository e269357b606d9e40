"""What was asked for some time ago: a belt does not move for it, and a number is not taken in another unit than it was entered in."""

from __future__ import annotations

import asyncio

import pytest
from console_rig import SYSTEM, Browser, Machine, walker

from treadctl.console import prescriptions_api
from treadctl.console.accounts import Accounts
from treadctl.console.problems import Problem
from treadctl.core.messages import RequestKind
from treadctl.records.model import Role
from treadctl.records.store import Records


def slow(browser: Browser, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """The record takes so long to say who asks."""
    visit = browser.context.accounts.visit

    async def late(token: str | None, pairing: str | None, agent: str) -> object:
        browser.clock.later(seconds)
        return await visit(token, pairing, agent)

    monkeypatch.setattr(browser.context.accounts, "visit", late)


async def test_a_wish_that_waited_behind_the_record_is_not_carried_out(kiosk: Browser, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    await kiosk.sign_on(Role.STAFF)
    machine.show(state="armed")
    await kiosk.until("armed")
    slow(kiosk, monkeypatch, 1.5)
    assert (await kiosk.ask("/api/v1/session/disarm", status=409))["code"] == "too_late"
    await kiosk.send("/ask/disarm", 409)
    assert machine.asked == []


@pytest.mark.parametrize(("state", "kind"), [("hold", "resume"), ("tripped", "reset")])
async def test_a_held_button_whose_renewals_wait_behind_the_record_does_nothing(
    kiosk: Browser, machine: Machine, monkeypatch: pytest.MonkeyPatch, state: str, kind: str
) -> None:
    await kiosk.sign_on(Role.STAFF)
    machine.show(state=state)
    await kiosk.until(state)
    hold = (await kiosk.ask(f"/api/v1/session/{kind}"))["hold"]
    slow(kiosk, monkeypatch, 1.5)
    assert (await kiosk.ask(f"/api/v1/session/{kind}/{hold}", {"n": 1}, "PUT", status=409))["code"] == "too_late"
    assert machine.asked == []


@pytest.mark.parametrize("kind", [RequestKind.HOLD, RequestKind.END])
async def test_what_only_slows_is_carried_out_however_late(kiosk: Browser, machine: Machine, monkeypatch: pytest.MonkeyPatch, kind: RequestKind) -> None:
    await kiosk.sign_on(Role.STAFF)
    machine.show(state="running")
    await kiosk.until("running")
    slow(kiosk, monkeypatch, 1.5)
    await kiosk.ask(f"/api/v1/session/{kind.value}")
    assert [request.kind for request in machine.asked] == [kind]


async def test_a_speed_entered_in_a_unit_that_was_changed_meanwhile_is_not_kept(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    page = await desk.see(f"/people/{person.id}/facts")
    assert '<input type="hidden" name="unit" value="km/h">' in page
    entered = {"name": "Sample One", "mass_kg": "70", "own_speed": "5", "experience": "walker", "version": str(person.version), "unit": "km/h"}
    await records.settings.put(SYSTEM, "house", {"units": "m/s"})
    desk.clock.later(2.0)
    answer = await desk.send(f"/people/{person.id}/facts", 422, **entered)
    assert "Speeds are now in m/s" in answer.text
    assert 'name="own_speed" value=""' in answer.text
    assert (await records.people.get(person.id)).facts == person.facts


async def test_of_two_first_administrators_at_once_one_is_made(desk: Browser, records: Records) -> None:
    empty = records.users.all
    accounts: Accounts = desk.context.accounts

    async def nobody() -> tuple[object, ...]:
        return tuple(user for user in await empty() if user.role is not Role.ADMINISTRATOR or user.login.startswith("first"))

    records.users.all = nobody  # type: ignore[method-assign, assignment]  # as if the rig had made no administrator
    code = await accounts.first_code()
    assert code is not None
    both = await asyncio.gather(*(accounts.first_run(code, f"first{n}", "First", "seven quiet treadmills") for n in (1, 2)), return_exceptions=True)
    assert sorted(isinstance(one, Problem) for one in both) == [False, True]


async def test_a_long_text_is_edited_beside_the_loop(desk: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wants to stop meanwhile is heard."""
    await desk.sign_on(Role.VIEWER)
    loops: list[bool] = []

    def edit(text: str, _edit: object) -> str:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            loops.append(False)
        else:
            loops.append(True)
        return text

    monkeypatch.setattr(prescriptions_api, "apply_edit", edit)
    await desk.ask("/api/v1/plan", {"text": "format = 1", "edits": [{"op": "set", "at": ["main", 0], "key": "label", "value": "x"}]})
    assert loops == [False]
