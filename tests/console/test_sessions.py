"""Lists of sessions, the page of one, trends over many, and where the plan lies over a recording."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from console_rig import FACTS, NOW, Browser, walked, walker

from treadctl.console.plan_band import planned, thinned, window
from treadctl.console.session_view import drawing_of
from treadctl.console.words import Words
from treadctl.records.audit import Actor
from treadctl.records.model import AnswerRecord, BlackBox, Measure, Outcome, PlannedStretch, Role, Series, Session, SessionEvent, StopRecord
from treadctl.records.rows_in import write_sessions
from treadctl.records.store import Records
from treadctl.reports.plan_band import planned_mps

DOCTOR = Actor("physician", "physician")
PLAN = (
    PlannedStretch("hips and ankles", "warm_up", 0.0, 20.0, 0.0, 0.0, "free"),
    PlannedStretch("slow", "main", 20.0, 60.0, 0.5, 0.0, "on"),
    PlannedStretch("faster", "main", 60.0, 120.0, 1.0, 0.0, "on"),
)


def recorded(seconds: int, speeds: dict[int, float], **columns: dict[int, float]) -> Series:
    """Ten samples a second; each dict says from which second on which value holds."""
    times = tuple(index / 10 for index in range(seconds * 10))

    def column(steps: dict[int, float], rest: float | None) -> tuple[float | None, ...]:
        return tuple(next((value for start, value in sorted(steps.items(), reverse=True) if at >= start), rest) for at in times)

    none = column({}, None)
    named = {name: column(steps, None) for name, steps in columns.items()}
    speed = column(speeds, 0.0)
    return Series(times, speed, speed, none, named.get("left", none), named.get("right", none), none, none)


def stopped_session(person_id: str) -> Session:
    series = recorded(100, {20: 0.5, 60: 1.0, 91: 0.0}, left={0: 3.0, 89: 40.0, 90: 4.0}, right={0: 2.0})
    base = walked(person_id, 2)
    head = replace(base.head, id="S-stopped", outcome=Outcome.STOPPED, cause="imbalance", summary=replace(base.head.summary, imbalance_events=1, stops=1))
    return Session(
        head, 70.0, PLAN,
        (SessionEvent(20.0, "segment", "Segment 2: slow.", {"segment": 1.0}), SessionEvent(85.0, "cause", "The person is not <steady>.", {})),
        (AnswerRecord(70.0, "dizziness", 4.0, 4.0), AnswerRecord(71.0, "pain", None, 5.0)),
        (StopRecord(90.0, "imbalance", "ss1", "The person is losing balance.", 1.0, 1.2, 0.7, 0.9),),
        ("weekly: Physician, physician: A third session a week.",), "Staff", series, BlackBox("00000007.tcj", "boot-1", 10.0, 110.0, "ef" * 32),
    )  # fmt: skip


async def keep(records: Records, *sessions: Session) -> None:
    async with records.database.write() as connection:
        await write_sessions(connection, sessions)


# --- the list ----------------------------------------------------------------------------------------------------------


async def test_the_list_shows_sessions_newest_first_with_names_and_goes_on_by_pages(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    await keep(records, *(walked(person.id, days) for days in range(30, 150)))
    await desk.sign_on(Role.VIEWER)
    seen: list[str] = []
    address: str | None = "/sessions"
    while address is not None:
        page = await desk.see(address)
        assert "Sample One" in page
        seen += re.findall(r'href="/sessions/([\w-]+)"', page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = following[1].replace("&amp;", "&") if following else None
    assert len(seen) == len(set(seen)) == 123
    assert [int(one.rpartition("-")[2]) for one in seen] == sorted([10, 17, 24, *range(30, 150)])


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("", {"S-stopped", "A-1", "A-3"}),
        ("outcome=stopped", {"S-stopped"}),
        ("outcome=completed", {"A-1", "A-3"}),
        ("machine=altivar-rtu", {"S-stopped", "A-1", "A-3"}),
        ("machine=other", set()),
        ("person=B", {"S-stopped"}),
        ("since=2026-11-25", {"S-stopped", "A-1"}),
        ("until=2026-11-24", {"A-3"}),
        ("since=2026-11-25&until=2026-11-25", {"S-stopped"}),
        ("person=%00", set()),
    ],
)
async def test_each_filter_narrows_the_list(desk: Browser, records: Records, question: str, found: set[str]) -> None:
    for key in ("A", "B"):
        await records.people.add(DOCTOR, facts=FACTS, person_id=key)
    await keep(records, walked("A", 1), walked("A", 3), stopped_session("B"))
    await desk.sign_on(Role.STAFF)
    assert set(re.findall(r'href="/sessions/([\w-]+)"', await desk.see(f"/sessions?{question}"))) == found


@pytest.mark.parametrize("question", ["outcome=great", "since=yesterday", "until=99999-01-01", "since=0001-01-01", "until=9999-12-31"])
async def test_a_filter_that_cannot_be_read_is_said_and_the_rest_still_shown(desk: Browser, records: Records, question: str) -> None:
    await records.people.add(DOCTOR, facts=FACTS, person_id="A")
    await keep(records, walked("A", 1))
    await desk.sign_on(Role.STAFF)
    page = await desk.see(f"/sessions?{question}", 422)
    assert 'role="status"' in page
    assert 'href="/sessions/A-1"' in page


async def test_those_who_serve_the_machine_see_no_sessions(desk: Browser, records: Records) -> None:
    await records.people.add(DOCTOR, facts=FACTS, person_id="A")
    await keep(records, walked("A", 1))
    await desk.sign_on(Role.SERVICE)
    for path in ("/sessions", "/sessions/A-1"):
        assert "Your role is service" in await desk.see(path, 403)
    await desk.ask("/api/v1/sessions/A-1/drawing", method="GET", status=403)
    await desk.ask("/api/v1/people/A/trends", method="GET", status=403)


# --- one session ---------------------------------------------------------------------------------------------------------


async def test_the_page_of_a_session_tells_all_of_it_without_scripts(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    await keep(records, stopped_session(person.id))
    await desk.sign_on(Role.VIEWER)
    page = await desk.see("/sessions/S-stopped")
    for text in (
        "Sample One", "stopped: The person is losing balance.", "hips and ankles", "1:00–2:00", "Stop at 1:30", "0.70 m", "0.90 m/s²", "1.20 s", "not answered",
        "weekly: Physician", "00000007.tcj", "boot-1", "ef" * 32, "attended by Staff", "The person is not &lt;steady&gt;.", "-5.0 s",
    ):  # fmt: skip
        assert text in page, text
    assert re.search(r'<td class="refuses">4 ■</td><td>4</td>', page)  # the answer that stops the belt is marked by more than its colour
    seconds = re.findall(r"<tr><td>([+-]\d+) s</td><td>([\d.]+)</td><td>[\d.]+</td><td>([\d.]+)</td><td>[\d.]+</td></tr>", page)
    assert [int(one[0]) for one in seconds] == list(range(-30, 3))
    assert seconds[0][1:] == ("3.6", "3.0")
    assert seconds[29][1:] == ("3.6", "40.0")  # the grab in the second before the stop
    assert seconds[-1][1] == "0.0"


async def test_a_session_without_samples_or_black_box_has_a_page_too(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    await desk.sign_on(Role.VIEWER)
    page = await desk.see(f"/sessions/{person.id}-10")
    assert "The record does not say where the journal holds this session." in page
    drawing = await desk.ask(f"/api/v1/sessions/{person.id}-10/drawing", method="GET")
    assert drawing["whole"]["t"] == drawing["stops"] == []
    assert "there is no such record" in await desk.see("/sessions/nothing", 404)
    await desk.ask("/api/v1/sessions/nothing/drawing", method="GET", status=404)


async def test_a_replay_has_every_sample_from_thirty_seconds_before_the_stop_to_rest(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    await keep(records, stopped_session(person.id))
    await desk.sign_on(Role.VIEWER)
    (stop,) = (await desk.ask("/api/v1/sessions/S-stopped/drawing", method="GET"))["stops"]
    track = stop["track"]
    assert (stop["at"], track["t"][0], track["t"][-1], len(track["t"])) == (90.0, 60.0, 92.2, 323)
    assert {len(column) for column in track.values()} == {323}
    assert track["measured"][track["t"].index(90.0)] == 3.6
    assert track["left"][track["t"].index(89.5)] == 40.0
    assert [mark["t"] for mark in stop["marks"]] == [85.0]


async def test_each_file_that_is_offered_is_made(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    await desk.sign_on(Role.VIEWER)
    offered = set()
    for page in (f"/sessions/{person.id}-10", f"/people/{person.id}"):
        offered |= set(re.findall(r'href="(/(?:sessions|people)/[^"/]+/[\w-]+\.\w+)"', await desk.see(page)))
    assert {address.rpartition("/")[2] for address in offered} >= {"report.pdf", "session.csv", "session.json", "session.fit", "fhir.json", "progress.pdf"}
    for address in offered:
        assert (await desk.client.get(address)).status_code in {200, 303}


# --- trends --------------------------------------------------------------------------------------------------------------


async def test_trends_are_drawn_in_the_zone_the_clinic_chose_last(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    await records.settings.put(Actor("administrator", "administrator"), "house", {"zone": "Europe/Berlin"})
    await desk.sign_on(Role.VIEWER)
    assert (await desk.ask(f"/api/v1/people/{person.id}/trends", method="GET"))["zone"] == "Europe/Berlin"


async def test_trends_hold_each_figure_of_the_backward_sessions_and_the_measures(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    forward = walked(person.id, 1, peak_mps=3.0)
    backward = walked(person.id, 5, asymmetry_percent=12.0, max_rpe=13.0, imbalance_events=2, unsteady_events=3)
    await keep(records, Session(replace(forward.head, direction="forward"), 70.0), backward)
    await records.measures.add(DOCTOR, person.id, Measure.BACKWARD_WALK_3M_S, 4.4, (NOW - timedelta(days=3)).date())
    await desk.sign_on(Role.VIEWER)
    answer = await desk.ask(f"/api/v1/people/{person.id}/trends", method="GET")
    figures = {one["id"]: one for one in answer["figures"]}
    assert list(figures) == ["peak", "time", "rails", "symmetry", "events", "dizziness", "rpe", "heart", "walk_3m", "abc"]
    assert answer["sessions"] == 4
    assert figures["peak"]["v"] == [3.6, 3.6, 3.6, 3.6]
    assert figures["peak"]["t"] == sorted(figures["peak"]["t"])
    assert figures["events"]["v"] == [0.0, 0.0, 0.0, 5.0]
    assert figures["symmetry"]["v"] == [12.0]
    assert figures["rpe"]["v"] == [13.0]
    assert figures["walk_3m"]["v"] == [4.4]
    assert figures["heart"]["v"] == figures["abc"]["v"] == []
    page = await desk.see(f"/people/{person.id}")
    assert page.count("data-trend=") == 10
    assert re.search(r"3-m backward walk</span> <b>4.4</b>", page)


async def test_a_person_with_a_thousand_sessions_opens_within_a_third_of_a_second(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    await keep(records, *(walked(person.id, days) for days in range(30, 1030)))
    await desk.sign_on(Role.VIEWER)
    path = f"/people/{person.id}"
    await desk.see(path)
    taken = []
    for address in (path, path, path, f"/api/v1{path}/trends", f"/api/v1{path}/trends", f"/api/v1{path}/trends"):
        begin = time.perf_counter()
        answer = await desk.client.get(address, headers={"Accept": "text/html"})
        taken.append(time.perf_counter() - begin)
        assert answer.status_code == 200
        await asyncio.sleep(0)
    assert len(answer.json()["figures"][0]["t"]) == 1003
    assert min(taken[:3]) <= 0.3, taken
    assert min(taken[3:]) <= 0.3, taken


async def test_trends_read_no_samples(desk: Browser, records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object) -> None:
        raise AssertionError("samples were read")

    person, _ = await walker(records)
    await desk.sign_on(Role.VIEWER)
    monkeypatch.setattr("treadctl.records.sessions.unpack_series", read)
    await desk.see(f"/people/{person.id}")
    await desk.ask(f"/api/v1/people/{person.id}/trends", method="GET")


# --- for programs --------------------------------------------------------------------------------------------------------


async def test_programs_read_what_the_pages_show_with_the_same_rights(desk: Browser, records: Records) -> None:
    person, revision = await walker(records)
    await keep(records, stopped_session(person.id))
    paths = ("/api/v1/people", f"/api/v1/people/{person.id}", "/api/v1/sessions", "/api/v1/sessions/S-stopped")
    for path in paths:
        await desk.ask(path, method="GET", status=401)
    await desk.sign_on(Role.VIEWER)
    listed = await desk.ask("/api/v1/people?q=sample&size=1", method="GET")
    assert [one["name"] for one in listed["items"]] == ["Sample One"]
    one = await desk.ask(f"/api/v1/people/{person.id}", method="GET")
    assert one["screening"]["answers"]["knee_problem"] is False
    assert [entry["id"] for entry in one["prescriptions"]] == [revision.id]
    first = await desk.ask("/api/v1/sessions?size=3", method="GET")
    rest = await desk.ask(f"/api/v1/sessions?size=3&after={first['next']}", method="GET")
    assert ([len(first["items"]), len(rest["items"]), rest["next"]]) == [3, 1, None]
    assert len((await desk.ask("/api/v1/sessions/S-stopped", method="GET"))["series"]["time_s"]) == 1000
    for path in ("/api/v1/sessions?outcome=great", "/api/v1/people?size=501", "/api/v1/people?after=abc"):
        await desk.ask(path, method="GET", status=422)
    await desk.sign_on(Role.SERVICE)
    for path in paths:
        await desk.ask(path, method="GET", status=403)


# --- where the plan lies -------------------------------------------------------------------------------------------------


def test_the_plan_is_walked_with_its_ramps() -> None:
    found = [planned_mps(PLAN, at) for at in (0.0, 19.9, 20.0, 22.0, 25.0, 59.0, 61.0, 65.0)]
    assert found == pytest.approx([0.0, 0.0, 0.0, 0.2, 0.5, 0.5, 0.6, 1.0])
    assert planned_mps(PLAN, 120.0) is None
    assert planned_mps((), 0.0) is None


def test_the_plan_stands_still_while_the_belt_is_held() -> None:
    series = recorded(130, {20: 0.5, 40: 0.0, 50: 0.5, 70: 1.0})  # held from 40 s to 50 s
    plan = planned(Session(walked("A", 1).head, 70.0, PLAN, series=series))
    assert plan.mps[690] == 0.5  # at 69 s the program is at 59 s
    assert plan.mps[760] == 1.0


def test_the_plan_begins_anew_where_the_record_says_a_stretch_was_entered() -> None:
    series = recorded(100, {20: 0.5})
    entered = (SessionEvent(30.0, "segment", "", {"segment": 2.0}), SessionEvent(1.0, "segment", "", {"segment": 9.0}))
    plan = planned(Session(walked("A", 1).head, 70.0, PLAN, entered, series=series))
    assert plan.mps[295] == 0.5
    assert plan.mps[360] == 1.0
    assert plan.mps[950] is None
    assert plan.band(360) == (0.85, 1.15)
    assert plan.band(100) == (0.0, 0.0)
    assert plan.band(950) is None


def test_the_plan_is_over_when_the_belt_is_stopped() -> None:
    plan = planned(stopped_session("A"))
    assert plan.mps[899] == 1.0
    assert set(plan.mps[901:]) == {None}


def test_thinning_loses_no_peak() -> None:
    series = recorded(3600, {0: 0.5}, left={0: 1.0}, right={0: 1.0})
    measured, left = list(series.measured_mps), list(series.rail_left_percent)
    measured[12345], measured[30001], left[20007] = 2.0, 0.1, 55.0
    series = replace(series, measured_mps=tuple(measured), rail_left_percent=tuple(left))
    kept = thinned(series)
    assert {12345, 30001, 20007, 0, 35999} <= set(kept)
    assert len(kept) <= 1501
    assert kept == sorted(kept)
    assert thinned(recorded(60, {})) == list(range(600))
    assert thinned(Series()) == []


def test_a_window_holds_both_its_ends() -> None:
    series = recorded(10, {})
    assert list(window(series, 1.0, 1.2)) == [10, 11, 12]
    assert list(window(series, -5.0, 0.05)) == [0]
    assert list(window(series, 20.0, 30.0)) == []


def test_a_stop_without_a_measured_rest_is_still_drawn() -> None:
    session = stopped_session("A")
    session = replace(session, stops=(StopRecord(2.0, "gone", "sto", "Unknown."),))
    (stop,) = drawing_of(session, Words()).stops
    assert (stop.track.t[0], stop.track.t[-1]) == (0.0, 12.0)
