"""Metrics: their names, that nothing old is exposed as if it were now, that no label names anybody, and who is given them."""

from __future__ import annotations

import httpx
import pytest
from console_rig import Browser, Machine, walker
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from treadctl.console.metrics import Metrics
from treadctl.ipc.messages import Event
from treadctl.ipc.snapshot import BeltView, LinkView, LoopView
from treadctl.records.model import Role
from treadctl.records.store import Records


async def scraped(browser: Browser) -> list[Sample]:
    answer = await browser.client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    return [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]


def value(samples: list[Sample], name: str, **labels: str) -> float | None:
    found = [sample.value for sample in samples if sample.name == name and labels.items() <= sample.labels.items()]
    assert len(found) < 2
    return found[0] if found else None


async def test_the_machine_is_exposed_under_the_agreed_names(desk: Browser, machine: Machine) -> None:
    links = (LinkView("a", exchanges=90, timeouts=7, mismatches=2, crc_errors=1), LinkView("b", exchanges=10, late_replies=3))
    machine.show(
        state="running", belt=BeltView(1.25, 1.3, "reverse", "reverse", 2.5, 0.01), links=links, loop=LoopView(0.0004, 0.002, 0.03, 99),
    )  # fmt: skip
    await desk.until("running")
    found = await scraped(desk)
    for name, labels, expected in (
        ("treadctl_up", {}, 1.0),
        ("treadctl_belt_speed_meters_per_second", {"direction": "reverse"}, 1.25), ("treadctl_belt_speed_meters_per_second", {"direction": "forward"}, 0.0),
        ("treadctl_belt_grade_ratio", {}, 0.025),
        ("treadctl_loop_lateness_seconds", {"quantile": "0.5"}, 0.0004), ("treadctl_loop_lateness_seconds", {"quantile": "0.99"}, 0.002),
        ("treadctl_loop_lateness_seconds", {"quantile": "1"}, 0.03),
        ("treadctl_link_exchanges_total", {"result": "answered"}, 100.0), ("treadctl_link_exchanges_total", {"result": "timeout"}, 7.0),
        ("treadctl_link_faults_total", {"kind": "mismatch"}, 2.0), ("treadctl_link_faults_total", {"kind": "damaged"}, 1.0),
        ("treadctl_link_faults_total", {"kind": "late_reply"}, 3.0),
        ("treadctl_build_info", {"component": "console"}, 1.0), ("treadctl_build_info", {"component": "daemon"}, 1.0),
    ):  # fmt: skip
        assert value(found, name, **labels) == expected, (name, labels)


@pytest.mark.parametrize("why", ["old", "away"])
async def test_a_machine_that_is_not_heard_has_no_speed(desk: Browser, machine: Machine, why: str) -> None:
    machine.show(belt=BeltView(1.25, 1.3, "reverse", "reverse", 2.5, 0.01), state="running")
    await desk.until("running")
    if why == "away":
        await machine.leave()
        while desk.context.link.moment.up:
            await desk.context.link.changed_since(desk.context.link.moment.number, desk.context.link.event_number, 5.0)
        found = await scraped(desk)
    else:  # asked with the clock of one second later, before the next snapshot can come
        body, _ = desk.context.metrics.exposition("", desk.context.link.moment, machine.clock() + 1.1)
        found = [sample for family in text_string_to_metric_families(body.decode()) for sample in family.samples]
    assert value(found, "treadctl_up") == 0.0
    assert not [sample for sample in found if sample.name.startswith(("treadctl_belt", "treadctl_loop", "treadctl_link"))]


async def test_a_measurement_that_is_old_is_not_exposed(desk: Browser, machine: Machine) -> None:
    machine.show(belt=BeltView(1.25, 1.3, "reverse", "reverse", None, 1.5), state="running")
    await desk.until("running")
    found = await scraped(desk)
    assert value(found, "treadctl_belt_speed_meters_per_second", direction="reverse") is None
    assert value(found, "treadctl_belt_grade_ratio") is None


def cause(name: str, action: str) -> Event:
    return Event(1, 0.0, "", "cause", "", name, detail={"action": action})


def session(before: str, after: str) -> Event:
    return Event(1, 0.0, "", "session", "", detail={"from": before, "to": after})


def stops(metrics: Metrics) -> dict[str, float]:
    families = metrics._registry.collect()
    return {sample.labels["cause"]: sample.value for family in families for sample in family.samples if sample.name == "treadctl_safety_stops_total"}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([cause("pull_cord", "STO"), cause("drive_lost", "SS1"), session("running", "tripped")], {"pull_cord": 1.0}),
        ([cause("pull_cord", "STO"), session("running", "tripped"), session("tripped", "idle"), cause("drive_lost", "SS1"), session("hold", "tripped")],
         {"pull_cord": 1.0, "drive_lost": 1.0}),
        ([cause("pull_cord", "STO"), session("idle", "tripped")], {}),  # nobody was under way
        ([cause("program_end", "SS2"), session("running", "stopping"), session("stopping", "ended")], {}),
        ([cause("program_end", "SS2"), session("running", "stopping"), cause("drive_lost", "SS1"), session("stopping", "tripped")], {"drive_lost": 1.0}),
        ([session("running", "tripped")], {"other": 1.0}),
        ([cause("a row nobody knows", "STO"), session("running", "tripped")], {"other": 1.0}),
    ],
)  # fmt: skip
def test_a_stop_is_counted_once_by_its_first_cause(events: list[Event], expected: dict[str, float]) -> None:
    metrics = Metrics()
    for event in events:
        metrics.hear(event)
    assert stops(metrics) == expected


async def test_a_stop_that_the_machine_tells_is_in_the_next_scrape(desk: Browser, machine: Machine) -> None:
    number = desk.context.link.event_number
    machine.server.publish_event("cause", "The pull cord is open.", cause="pull_cord", detail={"action": "STO"})
    machine.server.publish_event("session", "The session is now tripped.", detail={"from": "running", "to": "tripped"})
    while desk.context.link.event_number < number + 2:
        await desk.context.link.changed_since(10**9, desk.context.link.event_number, 5.0)
    assert value(await scraped(desk), "treadctl_safety_stops_total", cause="pull_cord") == 1.0


async def test_requests_are_counted_by_route_and_never_by_address(kiosk: Browser, desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    await kiosk.sign_on(Role.STAFF)
    await kiosk.see(f"/walk/{person.id}")
    body, _ = kiosk.context.metrics.exposition("", kiosk.context.link.moment, kiosk.clock())
    assert b'route="/walk/{person_id}"' in body
    assert person.id.encode() not in body
    assert b"Sample" not in body
    for path in ("/no/such/place", "/static/none.css", f"/{person.id}"):
        await desk.client.get(path)
    found = await scraped(desk)
    assert value(found, "treadctl_console_request_duration_seconds_count", method="GET", route="other", status="4xx") is not None
    assert not [sample for sample in found if person.id in str(sample.labels)]


async def test_a_collector_on_this_computer_needs_no_sign_on_and_a_remote_one_does(desk: Browser) -> None:
    assert (await desk.client.get("/metrics")).status_code == 200
    for headers in ({"X-Forwarded-For": "192.0.2.7"}, {"Forwarded": "for=192.0.2.7"}, {"Via": "1.1 proxy"}, {"X-Real-IP": "192.0.2.7"}):
        assert (await desk.client.get("/metrics", headers=headers)).status_code == 401
    for role in Role:
        await desk.sign_on(role)
        answer = await desk.client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"})
        assert answer.status_code == (200 if role in {Role.SERVICE, Role.ADMINISTRATOR} else 403)
        await desk.send("/sign-off")


async def test_a_client_from_elsewhere_and_the_machines_own_screen_are_refused(desk: Browser, kiosk: Browser) -> None:
    far = httpx.ASGITransport(app=desk.client._transport.app, client=("192.0.2.7", 1))  # type: ignore[attr-defined]
    async with httpx.AsyncClient(transport=far, base_url=desk.base) as browser:
        assert (await browser.get("/metrics")).status_code == 401
    await kiosk.sign_on(Role.SERVICE)
    assert (await kiosk.client.get("/metrics")).status_code == 403


async def test_the_newer_form_is_spoken_to_who_asks_for_it(desk: Browser) -> None:
    answer = await desk.client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


async def test_methods_that_somebody_makes_up_do_not_fill_the_memory(desk: Browser) -> None:
    for method in ("BREW", "WHEN", "PROPFIND"):
        await desk.client.request(method, "/people")
    assert {sample.labels.get("method") for sample in await scraped(desk)} - {None} <= {"GET", "POST", "other"}
