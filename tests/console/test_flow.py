"""From the list of people to a held start, and what refuses it on the way."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from console_rig import Browser, Machine, walker

from treadctl.core.messages import Origin, RequestKind
from treadctl.ipc.snapshot import CauseView
from treadctl.records.model import Role
from treadctl.records.store import Records

CHECKED = {"cord_clipped": True, "shoes": True, "clear_zone": True}


async def arm(browser: Browser, person: str, revision: int, status: int = 200, **changes: bool) -> dict[str, object]:
    return await browser.ask("/api/v1/session/arm", {"person_id": person, "revision_id": revision, **CHECKED, **changes}, status=status)


async def test_a_screen_that_is_not_paired_is_asked_to_pair_and_shows_nobody(kiosk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    text = await kiosk.see("/")
    assert "Pair this screen" in text
    assert person.id not in text


async def test_a_known_person_is_walking_within_five_touches_of_the_list(kiosk: Browser, machine: Machine, records: Records) -> None:
    person, revision = await walker(records)
    await kiosk.sign_on(Role.STAFF)
    assert person.id in await kiosk.see("/")  # touch 1: the person
    page = await kiosk.see(f"/walk/{person.id}")
    assert page.count('type="checkbox"') == 3  # touches 2 to 4: the checklist, which arms by itself when complete
    arming = (await arm(kiosk, person.id, revision.id))["arming"]
    order = machine.asked[-1]
    assert order.kind is RequestKind.ARM
    assert order.arm is not None
    assert order.arm.prescribed is not None
    assert order.arm.checklist.complete
    assert order.who == "staff (staff, machine)"
    machine.show_armed()
    await kiosk.until("armed")
    hold = (await kiosk.ask("/api/v1/session/start", {"arming": arming}))["hold"]  # touch 5: hold to start
    for n in range(1, 11):
        machine.clock.later(0.1)
        if n == 10:
            machine.says[RequestKind.START_HOLD] = "warm_up"
        answer = await kiosk.ask(f"/api/v1/session/start/{hold}", {"n": n}, "PUT")
        assert answer["done"] is (n == 10)
    held = [request for request in machine.asked if request.kind is RequestKind.START_HOLD]
    assert len(held) == 10
    assert all(request.origin is Origin.LOCAL for request in held)


async def test_the_record_knows_whose_session_it_will_be_before_the_machine_is_asked(kiosk: Browser, machine: Machine, records: Records) -> None:
    person, revision = await walker(records)
    await kiosk.sign_on(Role.STAFF)
    machine.reasons = ("The journal cannot be written.",)
    refused = await arm(kiosk, person.id, revision.id, status=409)
    assert refused["reasons"] == ["The journal cannot be written."]
    arming = await records.armings.find(machine.asked[-1].id)
    assert arming is not None
    assert (arming.person_id, arming.revision_id) == (person.id, revision.id)


@pytest.mark.parametrize("point", ["cord_clipped", "shoes", "clear_zone"])
async def test_an_open_point_of_the_checklist_arms_nothing(kiosk: Browser, machine: Machine, records: Records, point: str) -> None:
    person, revision = await walker(records)
    await kiosk.sign_on(Role.STAFF)
    answer = await arm(kiosk, person.id, revision.id, 422, **{point: False})
    assert len(answer["reasons"]) == 1  # type: ignore[arg-type]
    assert machine.asked == []


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({"severe_osteoporosis": True}, "osteoporosis"),
        ({"vestibular_dysfunction": True}, "sense of balance"),
        ({"lumbar_problem": True}, "lower back"),
    ],
)
async def test_what_preflight_forbids_is_shown_and_refused(
    kiosk: Browser, machine: Machine, records: Records, answers: dict[str, bool], says: str
) -> None:
    person, revision = await walker(records, **answers)
    await kiosk.sign_on(Role.STAFF)
    page = await kiosk.see(f"/walk/{person.id}")
    assert says in page
    assert "data-hold=" not in page
    assert says in str((await arm(kiosk, person.id, revision.id, 409))["detail"])
    assert machine.asked == []


async def test_somebody_elses_prescription_cannot_be_walked(kiosk: Browser, machine: Machine, records: Records) -> None:
    person, _ = await walker(records)
    _, others = await walker(records)
    await kiosk.sign_on(Role.STAFF)
    await arm(kiosk, person.id, others.id, 409)
    assert machine.asked == []


async def test_a_replayed_renewal_starts_nothing(kiosk: Browser, machine: Machine, records: Records) -> None:
    person, revision = await walker(records)
    await kiosk.sign_on(Role.STAFF)
    arming = (await arm(kiosk, person.id, revision.id))["arming"]
    machine.show_armed()
    await kiosk.until("armed")
    hold = (await kiosk.ask("/api/v1/session/start", {"arming": arming}))["hold"]
    await kiosk.ask(f"/api/v1/session/start/{hold}", {"n": 1}, "PUT")
    before = len(machine.asked)
    for _ in range(2):
        await kiosk.ask(f"/api/v1/session/start/{hold}", {"n": 1}, "PUT", status=409)
    assert len(machine.asked) == before


async def test_stop_needs_nothing_and_says_so_when_it_did_not_get_through(kiosk: Browser, desk: Browser, machine: Machine) -> None:
    bare = httpx.AsyncClient(transport=kiosk.client._transport, base_url="https://evil.example", headers={"Origin": "https://evil.example"})
    assert (await bare.post("/api/v1/stop")).json() == {"accepted": True, "state": "tripped"}
    assert machine.asked[-1].origin is Origin.LOCAL
    assert "Stop asked for, and taken" in (await desk.client.post("/stop/")).text
    assert machine.asked[-1].origin is Origin.REMOTE
    await machine.server.close()
    kiosk.context.link._where = _nobody
    answer = await kiosk.client.post("/stop")
    assert answer.status_code == 503
    assert "Pull the cord or press the emergency stop now." in answer.text


async def _nobody(_factory: object) -> None:
    from treadctl.errors import TreadctlError

    raise TreadctlError("no_daemon", "test", "gone")


async def test_a_stop_does_not_touch_the_database(kiosk: Browser, records: Records, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise AssertionError("the database was asked")

    await kiosk.sign_on(Role.STAFF)
    monkeypatch.setattr(records.database, "read", broken)
    monkeypatch.setattr(records.database, "write", broken)
    assert (await kiosk.client.post("/api/v1/stop")).status_code == 200
    assert (await kiosk.client.post("/stop")).status_code == 200
    assert [request.kind for request in machine.asked[-2:]] == [RequestKind.STOP, RequestKind.STOP]


async def test_a_desk_can_hold_and_end_but_never_start(desk: Browser, machine: Machine, records: Records) -> None:
    person, revision = await walker(records)
    await desk.sign_on(Role.PHYSICIAN)
    await arm(desk, person.id, revision.id, 403)
    machine.show(state="armed")
    await desk.until("armed")
    await desk.ask("/api/v1/session/start", {"arming": "0" * 32}, status=403)
    machine.show(state="running")
    await desk.until("running")
    for kind in ("hold", "end"):
        assert (await desk.ask(f"/api/v1/session/{kind}"))["accepted"] is True
    for kind in ("resume", "reset", "disarm"):
        await desk.ask(f"/api/v1/session/{kind}", status=403)
    assert {request.origin for request in machine.asked} == {Origin.REMOTE}


async def held(browser: Browser, kind: str, seconds: float = 1.0, status: int = 200) -> dict[str, Any]:
    """A button held for so long; the answer to its last renewal."""
    path = f"/api/v1/session/{kind}"
    hold = (await browser.ask(path))["hold"]
    answer: dict[str, Any] = {}
    for n in range(1, round(seconds / 0.1) + 1):
        browser.clock.later(0.1001)
        answer = await browser.ask(f"{path}/{hold}", {"n": n}, "PUT", status=status if n * 0.1 >= 1.0 else 200)
    return answer


@pytest.mark.parametrize(("state", "kind", "then"), [("hold", "resume", "running"), ("running", "resume", "running"), ("tripped", "reset", "idle")])
async def test_faster_and_un_latched_only_by_a_button_that_is_held(kiosk: Browser, machine: Machine, state: str, kind: str, then: str) -> None:
    await kiosk.sign_on(Role.STAFF)
    machine.show(state=state)
    await kiosk.until(state)
    assert (await held(kiosk, kind, 0.9))["done"] is False
    assert machine.asked == []
    assert await held(kiosk, kind) == {"done": True, "state": then}
    assert [(request.kind.value, request.origin) for request in machine.asked] == [(kind, Origin.LOCAL)]
    assert machine.asked[0].expires_s - machine.asked[0].issued_s <= 0.26


@pytest.mark.parametrize(("state", "kind"), [("hold", "resume"), ("tripped", "reset")])
async def test_neither_one_touch_nor_a_form_resumes_or_resets(kiosk: Browser, machine: Machine, state: str, kind: str) -> None:
    await kiosk.sign_on(Role.STAFF)
    machine.show(state=state)
    await kiosk.until(state)
    page = await kiosk.see("/live")
    assert f'data-hold="/api/v1/session/{kind}"' in page
    assert f'action="/ask/{kind}"' not in page
    await kiosk.send(f"/ask/{kind}", 404)
    await kiosk.ask(f"/api/v1/session/{kind}")
    assert machine.asked == []


async def test_a_belt_that_was_slowed_can_be_let_go_on(kiosk: Browser, machine: Machine) -> None:
    await kiosk.sign_on(Role.STAFF)
    machine.show(state="running")
    await kiosk.until("running")
    assert kiosk.context.live()["resumable"] is False
    cause = CauseView("rail_overload", "SLOW", "The person leans on the rails: tired.", 1.0, "resume", present=False)
    machine.show(state="cool_down", causes=(cause,))
    await kiosk.until("cool_down")
    assert kiosk.context.live()["resumable"] is True


async def test_a_refusal_of_the_machine_comes_back_in_its_own_words(kiosk: Browser, machine: Machine) -> None:
    await kiosk.sign_on(Role.STAFF)
    machine.show(state="tripped")
    await kiosk.until("tripped")
    machine.reasons = ("The pull cord is open.", "The belt is not at rest.")
    answer = await held(kiosk, "reset", status=409)
    assert answer["reasons"] == list(machine.reasons)
    assert answer["code"] == "TC402"


async def test_an_answer_off_the_scale_is_refused_with_the_scale(kiosk: Browser, machine: Machine) -> None:
    await kiosk.sign_on(Role.STAFF)
    machine.show(state="running")
    await kiosk.until("running")
    for prompt, score, status in (("rpe", 21, 422), ("rpe", 5, 422), ("dizziness", 11, 422), ("rpe", 13, 200), ("pain", 0, 200), ("mood", 1, 422)):
        await kiosk.ask("/api/v1/session/answer", {"prompt": prompt, "score": score}, status=status)
    assert [request.answer.score for request in machine.asked if request.answer] == [13.0, 0.0]


async def test_the_forms_do_the_same_without_scripts(kiosk: Browser, machine: Machine, records: Records) -> None:
    person, revision = await walker(records)
    await kiosk.sign_on(Role.STAFF)
    await kiosk.see(f"/walk/{person.id}")
    answer = await kiosk.send(f"/walk/{person.id}/arm", 422, revision=str(revision.id), shoes="true")
    assert "The pull cord is clipped to the person." in answer.text
    await kiosk.send(f"/walk/{person.id}/arm", revision=str(revision.id), **dict.fromkeys(CHECKED, "true"))
    assert machine.asked[-1].kind is RequestKind.ARM
    machine.show(state="running")
    await kiosk.until("running")
    await kiosk.see("/live")
    await kiosk.send("/ask/hold")
    await kiosk.send("/ask/answer", prompt="dizziness", score="3")
    await kiosk.send("/ask/answer", 409, prompt="dizziness", score="x")
    await kiosk.send("/ask/fly", 404)
    assert [request.kind for request in machine.asked[1:]] == [RequestKind.HOLD, RequestKind.ANSWER]
