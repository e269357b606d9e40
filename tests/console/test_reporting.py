"""Reports and exports at the desk: each kind of file, who may have them, and what is shown while one is being made."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from console_rig import Browser, walked, walker
from fhir.resources.R4B.bundle import Bundle

from treadctl.console import reporting
from treadctl.records.model import Role, Series, Session
from treadctl.records.rows_in import write_sessions
from treadctl.records.store import Records
from treadctl.reports.session_json import read_session

KINDS = {
    "report.pdf": (b"%PDF-", "application/pdf"),
    "session.csv": (b"time_s", "text/csv"),
    "session.json": (b"{", "application/json"),
    "session.fit": (b"", "application/vnd.ant.fit"),
    "fhir.json": (b"{", "application/fhir+json"),
}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy computer takes longer to begin a process than a browser would wait."""
    monkeypatch.setattr(reporting, "PATIENCE_S", 60.0)


async def recorded(records: Records) -> Session:
    """Ten minutes of a known person at one speed, samples once a second."""
    person, _ = await walker(records)
    count = 600
    even: dict[str, tuple[float | None, ...]] = {name: (value,) * count for name, value in {
        "measured_mps": 1.0, "commanded_mps": 1.0, "grade_percent": 0.0, "rail_left_percent": 1.0, "rail_right_percent": 1.0,
        "heart_rate_per_min": 110.0, "cadence_per_min": 100.0,
    }.items()}  # fmt: skip
    session = replace(walked(person.id, 3), series=Series(tuple(float(k) for k in range(count)), **even))
    async with records.database.write() as connection:
        await write_sessions(connection, [session])
    return session


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_of_file_is_made_of_a_session(desk: Browser, records: Records, kind: str) -> None:
    session = await recorded(records)
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    answer = await desk.client.get(f"/sessions/{session.head.id}/{kind}", follow_redirects=True)
    begins, media_type = KINDS[kind]
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(media_type)
    assert begins in answer.content[:20]
    assert answer.headers["cache-control"] == "no-store"
    if kind == "session.json":
        assert read_session(answer.text).head == session.head
    if kind == "fhir.json":
        assert Bundle.model_validate_json(answer.text).type == "collection"


async def test_the_progress_of_a_person_and_the_list_of_their_sessions_are_files_too(desk: Browser, records: Records) -> None:
    session = await recorded(records)
    await desk.sign_on(Role.VIEWER)
    assert (await desk.client.get(f"/people/{session.head.person_id}/progress.pdf")).content.startswith(b"%PDF-")
    lines = (await desk.client.get(f"/people/{session.head.person_id}/sessions.csv")).text.splitlines()
    assert len(lines) == 1 + 4


@pytest.mark.parametrize(("role", "status"), [(Role.SERVICE, 403), (Role.ADMINISTRATOR, 403), (Role.STAFF, 200)])
async def test_only_those_who_see_sessions_have_reports(desk: Browser, records: Records, role: Role, status: int) -> None:
    session = await recorded(records)
    await desk.sign_on(role)
    assert (await desk.client.get(f"/sessions/{session.head.id}/session.csv")).status_code == status


async def test_nobody_at_the_machine_has_reports(kiosk: Browser, records: Records) -> None:
    session = await recorded(records)
    await kiosk.sign_on(Role.PHYSICIAN)
    assert (await kiosk.client.get(f"/sessions/{session.head.id}/session.csv")).status_code == 403


async def test_a_file_that_takes_long_is_shown_on_its_way_to_whoever_ordered_it(
    desk: Browser, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await recorded(records)
    await desk.sign_on(Role.STAFF)
    monkeypatch.setattr(reporting, "PATIENCE_S", 0.0)
    answer = await desk.client.get(f"/sessions/{session.head.id}/report.pdf")
    assert answer.status_code == 303
    job = answer.headers["location"]
    assert "Being made: session-" in (await desk.see(job))
    thief = desk.stolen("another browser")
    assert (await thief.get(job)).status_code == 401
    await desk.context.workshop.finished(job.rpartition("/")[2])
    assert (await desk.client.get(job)).content.startswith(b"%PDF-")
    await desk.send("/sign-off")
    await desk.sign_on(Role.STAFF)
    assert (await desk.client.get(job)).status_code == 404


async def test_a_session_that_is_not_there_says_so(desk: Browser) -> None:
    await desk.sign_on(Role.STAFF)
    answer = await desk.client.get("/sessions/none/report.pdf")
    assert answer.status_code == 404
    assert json.loads(answer.text)["code"] == "TC605"
