"""What a held button may start: the program its page shows, armed by whoever holds it, and still allowed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from console_rig import HEALTHY, PIN, Browser, Machine, walker
from test_flow import arm

from treadctl.core.messages import RequestKind
from treadctl.ipc.messages import ReceivedRequest
from treadctl.records.audit import Actor
from treadctl.records.model import Person, Revision, Role
from treadctl.records.store import Records

START = "/api/v1/session/start"
DOCTOR = Actor("physician", "physician")


async def armed(kiosk: Browser, machine: Machine, person: Person, revision: Revision) -> str:
    """Armed for them by the staff of the rig."""
    arming = str((await arm(kiosk, person.id, revision.id))["arming"])
    machine.show_armed(arming)
    await kiosk.until("armed")
    return arming


async def test_a_page_of_one_person_cannot_start_what_is_armed_for_another(kiosk: Browser, machine: Machine, records: Records) -> None:
    first, other = await walker(records), await walker(records)
    await kiosk.sign_on(Role.STAFF)
    stale = await armed(kiosk, machine, *first)
    machine.show(state="idle", program=None)
    await kiosk.until("idle")
    await armed(kiosk, machine, *other)
    refused = await kiosk.ask(START, {"arming": stale}, status=409)
    assert refused["code"] == "armed_other"
    await kiosk.ask(START, status=422)
    page = await kiosk.see(f"/walk/{first[0].id}")
    assert "data-hold=" not in page
    assert "not for what this page shows" in page
    assert f"<b>{other[0].name}</b>" in page


async def test_a_hold_ends_when_another_program_is_armed_under_it(kiosk: Browser, machine: Machine, records: Records) -> None:
    first, other = await walker(records), await walker(records)
    await kiosk.sign_on(Role.STAFF)
    hold = (await kiosk.ask(START, {"arming": await armed(kiosk, machine, *first)}))["hold"]
    await kiosk.ask(f"{START}/{hold}", {"n": 1}, "PUT")
    machine.show(state="idle", program=None)
    await kiosk.until("idle")
    await armed(kiosk, machine, *other)
    before = len(machine.asked)
    assert (await kiosk.ask(f"{START}/{hold}", {"n": 2}, "PUT", status=409))["code"] == "armed_other"
    assert len(machine.asked) == before


async def test_the_page_of_whoever_is_armed_can_be_opened_anew_and_started(kiosk: Browser, machine: Machine, records: Records) -> None:
    person, revision = await walker(records)
    await kiosk.sign_on(Role.STAFF)
    arming = await armed(kiosk, machine, person, revision)
    page = await kiosk.see(f"/walk/{person.id}")
    assert f'data-arming="{arming}"' in page
    assert page.count("checked disabled") == 3
    await kiosk.ask(START, {"arming": arming})


async def test_who_starts_is_who_went_through_the_checklist(kiosk: Browser, machine: Machine, records: Records) -> None:
    person, revision = await walker(records)
    await kiosk.sign_on(Role.STAFF)
    arming = await armed(kiosk, machine, person, revision)
    await kiosk.send("/sign-off")
    await kiosk.send("/sign-on", login="physiotherapist", secret=PIN)
    await kiosk.see("/live")
    assert (await kiosk.ask(START, {"arming": arming}, status=409))["code"] == "armed_by_other"


async def screened(records: Records, person: Person, _revision: Revision) -> None:
    await records.screenings.add(DOCTOR, person.id, {**HEALTHY, "severe_osteoporosis": True}, signer="physician")


async def revised(records: Records, _person: Person, revision: Revision) -> None:
    await records.prescriptions.revise(DOCTOR, revision.prescription_id, revision.number, revision.title, revision.text + "\n# shorter")


async def erased(records: Records, person: Person, _revision: Revision) -> None:
    await records.people.erase(DOCTOR, person.id)


@pytest.mark.parametrize(("change", "code"), [(screened, "preflight"), (revised, "preflight"), (erased, "armed_elsewhere")])
async def test_a_record_that_changed_after_arming_starts_nothing(
    kiosk: Browser, machine: Machine, records: Records, change: Callable[[Records, Person, Revision], Awaitable[None]], code: str
) -> None:
    person, revision = await walker(records)
    await kiosk.sign_on(Role.STAFF)
    arming = await armed(kiosk, machine, person, revision)
    await change(records, person, revision)
    assert (await kiosk.ask(START, {"arming": arming}, status=409))["code"] == code
    assert machine.asked[-1].kind is RequestKind.ARM


async def test_the_live_page_names_whose_program_it_is_to_whoever_may_know(kiosk: Browser, desk: Browser, machine: Machine, records: Records) -> None:
    person, revision = await walker(records)
    await kiosk.sign_on(Role.STAFF)
    arming = await armed(kiosk, machine, person, revision)
    assert f"<b>{person.name}</b> · {revision.title}" in await kiosk.see("/live")
    assert (await kiosk.ask("/api/v1/session/whose", method="GET"))["name"] == person.name
    await desk.until("armed")
    await desk.sign_on(Role.SERVICE)
    assert str(person.name) not in await desk.see("/live")
    assert await desk.ask("/api/v1/session/whose", method="GET") == {"arming": arming, "person_id": "", "name": "", "title": ""}
    await kiosk.send("/sign-off")
    assert str(person.name) not in await kiosk.see("/live")


async def test_whoever_is_told_that_it_is_armed_may_press_at_once(
    kiosk: Browser, machine: Machine, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, revision = await walker(records)
    await kiosk.sign_on(Role.STAFF)
    take = machine.take

    def armed_later(request: ReceivedRequest) -> None:
        take(request)
        if request.kind is RequestKind.ARM:
            machine.show_armed(request.id)  # heard with the next state only

    monkeypatch.setattr(machine.server, "_on_request", armed_later)
    arming = (await arm(kiosk, person.id, revision.id))["arming"]
    await kiosk.ask(START, {"arming": arming})
