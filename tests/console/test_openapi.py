"""The description of the interface is valid OpenAPI 3.1, and no input that it allows or forbids makes the console fail or answer what it does not describe."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from console_rig import Browser, Machine, routes_of
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import content_type_conformance, response_headers_conformance, response_schema_conformance, status_code_conformance

from treadctl.console.openapi import ADDRESS
from treadctl.records.model import Role

EXAMPLES = 6  # of each kind for each operation
CHECKS = [status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance]
ENDLESS = {"/api/v1/live"}  # the feed; its refusals are asked in test_matrix
UNDER_WAY = ["armed", "running", "hold", "stopping", "tripped", "ended"]


async def described(browser: Browser) -> dict[str, Any]:
    answer = await browser.client.get(ADDRESS)
    found: dict[str, Any] = answer.json()
    return found


async def test_the_description_is_valid(desk: Browser) -> None:
    found = await described(desk)
    schema = schemathesis.openapi.from_dict(found)
    schema.validate()
    assert found["openapi"].startswith("3.1")
    assert sum(1 for _ in schema.get_all_operations()) > 10


async def test_every_route_of_the_interface_is_described_with_its_refusals(desk: Browser) -> None:
    found = await described(desk)
    refusal = found["components"]["responses"]["Refusal"]["content"]["application/problem+json"]["schema"]
    assert refusal == {"$ref": "#/components/schemas/Problem"}
    for route in routes_of(desk.app):
        if route.path.startswith("/api/v1/"):
            for method in route.methods or ():
                responses = found["paths"][route.path][method.lower()]["responses"]
                assert responses["4XX"] == {"$ref": "#/components/responses/Refusal"}
                assert "503" in responses
                assert "422" not in responses
    assert "HTTPValidationError" not in str(found)


async def test_each_operation_says_what_it_needs(desk: Browser) -> None:
    paths = (await described(desk))["paths"]
    assert paths["/api/v1/stop"]["post"]["security"] == []
    assert "parameters" not in paths["/api/v1/stop"]["post"]
    assert paths["/api/v1/session/hold"]["post"]["security"] == [{"session": []}]

    def parameters(path: str) -> list[str]:
        return [parameter["$ref"].rpartition("/")[2] for parameter in paths[path]["post"]["parameters"]]

    assert parameters("/api/v1/prescriptions") == ["Csrf", "Key"]
    assert parameters("/api/v1/session/hold") == ["Csrf"]  # always carried out, never answered from memory
    assert {"$ref": "#/components/parameters/Key"} not in paths["/api/v1/session/start"]["post"]["parameters"]


@lru_cache
def cases_of(method: str, path: str, text: str) -> tuple[Case, ...]:
    """The same examples each time, allowed ones and forbidden ones."""
    operation: APIOperation[Any] = schemathesis.openapi.from_dict(json.loads(text))[path][method]
    found: list[Case] = []
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

        @settings(max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(generation_mode=mode))
        def collect(case: Case) -> None:
            found.append(case)

        if mode is GenerationMode.POSITIVE or operation.body or operation.query or operation.headers or operation.path_parameters:
            collect()
    return tuple(found)


async def sent(browser: Browser, case: Case) -> httpx.Response:
    """One example as it goes over the wire, with the cookie and the token of the browser."""
    browser.clock.later(0.03)
    wanted = case.as_transport_kwargs(base_url=browser.base)
    allowed = {key: wanted[key] for key in ("method", "url", "headers", "params", "data", "json", "files") if key in wanted}
    ready = requests.Request(**allowed).prepare()
    headers = {key: value for key, value in ready.headers.items() if key.lower() not in {"cookie", "x-csrf-token", "user-agent"}}
    return await browser.client.request(str(ready.method), str(ready.url), content=ready.body, headers={**headers, "X-CSRF-Token": browser.csrf})


async def fuzz(browser: Browser) -> int:
    """Send every example of every operation; how many there were."""
    text, count = json.dumps(await described(browser), sort_keys=True), 0
    for path, methods in json.loads(text)["paths"].items():
        for method in methods if path not in ENDLESS else ():
            for case in cases_of(method, path, text):
                if count % 3:  # most examples without a key: the same one for another operation is refused before the operation sees it
                    case.headers.pop("Idempotency-Key", None)
                answer = await sent(browser, case)
                count += 1
                assert answer.status_code < 500, f"{answer.request.method} {answer.request.url} {answer.request.content!r}: {answer.text}"
                case.validate_response(answer, checks=CHECKS)
    return count


@pytest.mark.parametrize("role", [None, *Role])
async def test_no_input_of_any_role_is_a_defect(kiosk: Browser, desk: Browser, machine: Machine, role: Role | None) -> None:
    machine.show(state="running")
    await kiosk.until("running")
    await desk.until("running")
    total = 0
    for browser in (kiosk, desk):
        if role is not None:
            await browser.sign_on(role)
        total += await fuzz(browser)
    print(f"{role}: {total} examples")  # noqa: T201 - shown with -s
    assert total > 100


@pytest.mark.parametrize("state", UNDER_WAY)
async def test_no_input_is_a_defect_in_any_situation(kiosk: Browser, machine: Machine, state: str) -> None:
    await kiosk.sign_on(Role.PHYSIOTHERAPIST)
    machine.show(state=state)
    await kiosk.until(state)
    await fuzz(kiosk)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("answer", b'{"prompt": "pain", "score": NaN}'), ("answer", b'{"prompt": "pain", "score": 1e999}'),
        ("answer", b'{"prompt": "pain", "score": -Infinity}'),
        ("answer", b'{"prompt": "pain", "score": ' + b"9" * 5000 + b"}"), ("answer", b'{"prompt": ["pain"], "score": {}}'), ("answer", b"\xff\xfe"),
        ("arm", b'{"person_id": "\\ud800", "revision_id": 1, "cord_clipped": true, "shoes": true, "clear_zone": true}'),
        ("arm", b'{"person_id": "\\u0000", "revision_id": 1, "cord_clipped": true, "shoes": true, "clear_zone": true}'),
        ("arm", b'{"person_id": "P", "revision_id": ' + b"9" * 400 + b', "cord_clipped": true, "shoes": true, "clear_zone": true}'),
        ("arm", b'{"person_id": "' + b"x" * 300_000 + b'", "revision_id": 1, "cord_clipped": true, "shoes": true, "clear_zone": true}'),
        ("start/%00", b'{"n": 1}'), ("start/%ff", b'{"n": 1}'), ("start/..%2f..", b'{"n": ' + b"9" * 400 + b"}"), ("start/x", b'{"n": 1e3}'),
    ],
)  # fmt: skip
async def test_hostile_bodies_are_refused_as_described(kiosk: Browser, machine: Machine, path: str, body: bytes) -> None:
    await kiosk.sign_on(Role.STAFF)
    state = {"answer": "running", "arm": "idle"}.get(path, "armed")
    machine.show(state=state)
    await kiosk.until(state)
    method = "PUT" if path.startswith("start") else "POST"
    headers = {"Content-Type": "application/json", "X-CSRF-Token": kiosk.csrf}
    answer = await kiosk.client.request(method, f"/api/v1/session/{path}", content=body, headers=headers)
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code
    assert machine.asked == []


async def test_while_the_machine_is_away_each_answer_says_so_as_described(kiosk: Browser, machine: Machine) -> None:
    await kiosk.sign_on(Role.STAFF)
    await machine.leave()
    while kiosk.context.link.moment.up:
        await kiosk.context.link.changed_since(kiosk.context.link.moment.number, kiosk.context.link.event_number, 5.0)
    schema = schemathesis.openapi.from_dict(await described(kiosk))
    for method, path, status in (("POST", "/api/v1/stop", 503), ("GET", "/readyz", 503), ("GET", "/healthz", 200), ("GET", "/api/v1/state", 200)):
        answer = await kiosk.client.request(method, path)
        assert answer.status_code == status
        schema[path][method].Case().validate_response(answer, checks=CHECKS)


async def test_a_defect_is_answered_as_a_problem_that_tells_nothing_of_its_inside(kiosk: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(type(kiosk.context), "live", broken)
    answer = await kiosk.client.get("/api/v1/state")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in answer.text


async def test_an_answer_that_is_not_described_would_be_found(kiosk: Browser) -> None:
    found = await described(kiosk)
    found["components"]["schemas"]["Shown"]["properties"]["number"] = {"type": "string"}
    schema = schemathesis.openapi.from_dict(found)
    answer = await kiosk.client.get("/api/v1/state")
    with pytest.raises(FailureGroup):
        schema["/api/v1/state"]["GET"].Case().validate_response(answer, checks=CHECKS)
