"""Idempotency-Key: once for each key, the same answer again, and never before a stop."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from console_rig import Browser, Machine, routes_of, walker
from test_flow import arm

from treadctl.console.once import ALWAYS_DONE, HELD, Once, takes_key
from treadctl.core.messages import RequestKind
from treadctl.records.model import Role
from treadctl.records.store import Records

DISARM = "/api/v1/session/disarm"
KEY = {"Idempotency-Key": "a1"}


@pytest.fixture
async def attended(kiosk: Browser, machine: Machine) -> Browser:
    """An attendant while a program is armed."""
    machine.show(state="armed")
    await kiosk.until("armed")
    return await kiosk.sign_on(Role.STAFF)


async def test_a_request_sent_again_is_done_once_and_answered_alike(attended: Browser, machine: Machine) -> None:
    first = await attended.client.post(DISARM, headers={**KEY, "X-CSRF-Token": attended.csrf})
    again = await attended.client.post(DISARM, headers={**KEY, "X-CSRF-Token": attended.csrf})
    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (200, {"accepted": True, "state": "idle"})
    assert first.headers["content-type"] == again.headers["content-type"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert [request.kind for request in machine.asked] == [RequestKind.DISARM]


async def test_without_a_key_and_with_another_it_is_done_again(attended: Browser, machine: Machine) -> None:
    await attended.ask(DISARM)
    await attended.ask(DISARM)
    await attended.ask(DISARM, **KEY)
    await attended.ask(DISARM, **{"Idempotency-Key": "a2"})
    assert len(machine.asked) == 4


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/session/answer", {"prompt": "pain", "score": 2}), (DISARM, None),
        ("/api/v1/session/answer?x=1", {"prompt": "pain", "score": 1}),
    ],
)  # fmt: skip
async def test_another_request_with_a_key_used_before_is_refused(attended: Browser, machine: Machine, path: str, body: object) -> None:
    machine.show(state="running")
    await attended.until("running")
    await attended.ask("/api/v1/session/answer", {"prompt": "pain", "score": 1}, **KEY)
    answer = await attended.ask(path, body, status=422, **KEY)
    assert answer["code"] == "key_used"
    assert len(machine.asked) == 1


async def test_a_refusal_of_the_machine_is_kept_too(attended: Browser, machine: Machine) -> None:
    machine.reasons = ("Not now.",)
    first = await attended.ask(DISARM, status=409, **KEY)
    machine.reasons = ()
    assert await attended.ask(DISARM, status=409, **KEY) == first
    assert len(machine.asked) == 1
    await attended.ask(DISARM, **{"Idempotency-Key": "a2"})


async def test_what_was_not_begun_may_be_asked_again_with_the_same_key(kiosk: Browser, machine: Machine) -> None:
    machine.show(state="armed")
    await kiosk.until("armed")
    await kiosk.ask(DISARM, status=401, **KEY)
    await kiosk.sign_on(Role.VIEWER)
    await kiosk.ask(DISARM, status=403, **KEY)
    await kiosk.send("/sign-off")
    await kiosk.see("/sign-on")
    await kiosk.send("/sign-on", login="staff", secret="519402")  # noqa: S106 - the PIN of the rig
    await kiosk.see("/live")
    csrf, kiosk.csrf = kiosk.csrf, "old"
    await kiosk.ask(DISARM, status=403, **KEY)
    kiosk.csrf = csrf
    await kiosk.ask(DISARM, **KEY)
    assert len(machine.asked) == 1


async def test_what_never_reached_the_machine_may_be_asked_again_with_the_same_key(attended: Browser, machine: Machine) -> None:
    link = attended.context.link
    client, link._client = link._client, None
    assert (await attended.ask(DISARM, status=503, **KEY))["code"] == "TC400"
    link._client = client
    await attended.ask(DISARM, **KEY)
    assert len(machine.asked) == 1


async def test_keys_of_two_users_and_two_doors_have_nothing_to_do_with_each_other(attended: Browser, desk: Browser, machine: Machine) -> None:
    body = {"text": "no profile"}
    await attended.ask(DISARM, **KEY)
    for role in (Role.PHYSICIAN, Role.PHYSIOTHERAPIST):
        await desk.see("/sign-on")
        await desk.sign_on(role)
        for replayed in (None, "true"):
            answer = await desk.client.post("/api/v1/prescriptions", json=body, headers={**KEY, "X-CSRF-Token": desk.csrf})
            assert (answer.status_code, answer.headers.get("idempotent-replayed")) == (422, replayed)
        await desk.send("/sign-off")
    assert len(machine.asked) == 1


async def test_two_at_once_with_one_key_are_one(attended: Browser, machine: Machine) -> None:
    answers = await asyncio.gather(*(attended.ask(DISARM, **KEY) for _ in range(8)))
    assert len(machine.asked) == 1
    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize("path", ["/api/v1/stop", "/stop"])
async def test_a_stop_is_carried_out_each_time_whatever_its_key(attended: Browser, machine: Machine, path: str) -> None:
    for _ in range(3):
        answer = await attended.client.post(path, headers=KEY)
        assert answer.status_code == 200
        assert "idempotent-replayed" not in answer.headers
    assert [request.kind for request in machine.asked] == [RequestKind.STOP] * 3


@pytest.mark.parametrize("kind", [RequestKind.END, RequestKind.HOLD])
async def test_what_slows_the_belt_is_never_answered_from_memory(attended: Browser, machine: Machine, kind: RequestKind) -> None:
    await attended.ask(DISARM, **KEY)
    machine.show(state="running")
    await attended.until("running")
    for _ in range(2):
        await attended.ask(f"/api/v1/session/{kind.value}", **KEY)
    assert [request.kind for request in machine.asked] == [RequestKind.DISARM, kind, kind]


async def test_a_held_start_knows_no_key(kiosk: Browser, machine: Machine, records: Records) -> None:
    person, revision = await walker(records)
    await kiosk.sign_on(Role.STAFF)
    arming = (await arm(kiosk, person.id, revision.id))["arming"]
    machine.show_armed()
    await kiosk.until("armed")
    first = (await kiosk.ask("/api/v1/session/start", {"arming": arming}, **KEY))["hold"]
    hold = (await kiosk.ask("/api/v1/session/start", {"arming": arming}, **KEY))["hold"]
    assert first != hold
    await kiosk.ask(f"/api/v1/session/start/{hold}", {"n": 1}, "PUT", **KEY)
    await kiosk.ask(f"/api/v1/session/start/{hold}", {"n": 1}, "PUT", status=409, **KEY)
    assert [request.kind for request in machine.asked] == [RequestKind.ARM, RequestKind.START_HOLD]


async def test_an_arming_sent_again_makes_one_arming(kiosk: Browser, machine: Machine, records: Records) -> None:
    person, revision = await walker(records)
    await kiosk.sign_on(Role.STAFF)
    body = {"person_id": person.id, "revision_id": revision.id, "cord_clipped": True, "shoes": True, "clear_zone": True}
    for _ in range(2):
        await kiosk.ask("/api/v1/session/arm", body, **KEY)
    assert [request.kind for request in machine.asked] == [RequestKind.ARM]
    kept = await records.answers.find("kiosk:staff", "a1")
    assert kept is not None
    assert "Sample" not in kept.answer


@pytest.mark.parametrize("key", ["", "x" * 129, "with\ttab", "ünïcødé"])
async def test_a_key_that_is_none_is_refused(attended: Browser, machine: Machine, key: str) -> None:
    headers = [(b"X-CSRF-Token", attended.csrf.encode()), (b"Idempotency-Key", key.encode())]
    answer = await attended.client.post(DISARM, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert machine.asked == []


async def test_answers_are_let_go_of_after_a_day(attended: Browser, machine: Machine, records: Records) -> None:
    await attended.ask(DISARM, **KEY)
    machine.clock.now += timedelta(hours=25)
    machine.clock.now_s += 3601.0
    await attended.ask(DISARM, **{"Idempotency-Key": "a2"})
    assert await records.answers.find("kiosk:staff", "a1") is None
    assert await records.answers.find("kiosk:staff", "a2") is not None


async def test_every_route_of_the_interface_that_changes_something_takes_a_key(desk: Browser) -> None:
    exempt = {*ALWAYS_DONE, *HELD, *(path + "/{hold}" for path in HELD), "/api/v1/plan"}  # the last draws what was sent and changes nothing
    seen = []
    for route in routes_of(desk.app):
        changes = (route.methods or set()) & {"POST", "PUT", "PATCH", "DELETE"}
        if changes and route.path.startswith("/api/v1/") and route.path not in exempt:
            assert isinstance(route, Once), route.path
            assert all(takes_key(method, route.path) for method in changes)
            seen.append(route.path)
    assert "/api/v1/session/arm" in seen
