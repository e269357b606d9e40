"""The table of rights, asked over HTTP: each command by each role at each place in each situation, at the routes that carry it out.

A command whose pages are still being made stands in ROUTES_TO_COME; one that is new and stands nowhere fails here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import httpx
import pytest
from console_rig import PASSWORD, PIN, SYSTEM, Browser, Machine, routes_of, walker

from treadctl.console.rights import TABLE, Command, Place, Situation, Who, cells, may
from treadctl.console.visiting import KIOSK
from treadctl.records.audit import Actor
from treadctl.records.model import Role
from treadctl.records.store import Records


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `{person}`, `{revision}` and `{user}` in path, form and JSON become those of the test."""

    method: str
    path: str
    form: dict[str, str] | None = None
    json: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)


T = TypeVar("T")
CHECKED: Final = {"cord_clipped": True, "shoes": True, "clear_zone": True}
SETTINGS: Final = {"clinic": "Hill", "language": "en", "units": "km/h", "zone": "UTC"}
ROUTES_OF: Final[dict[Command, tuple[Ask, ...]]] = {
    Command.STOP: (Ask("POST", "/api/v1/stop"), Ask("POST", "/stop")),
    Command.WATCH: (Ask("GET", "/api/v1/state"), Ask("GET", "/live"), Ask("GET", "/api/v1/live/series"), Ask("GET", "/api/v1/session/whose")),
    Command.LEAVE_KIOSK: (Ask("GET", "/leave"),),  # carried out it would end the pairing of all: see test_access
    Command.PAIR: (Ask("POST", "/pair", {"pin": "no PIN"}),),
    Command.ARM: (
        Ask("POST", "/api/v1/session/arm", json={"person_id": "{person}", "revision_id": "{revision}", **CHECKED}),
        Ask("POST", "/walk/{person}/arm", {"revision": "{revision}"}),
    ),
    Command.START_HOLD: (Ask("POST", "/api/v1/session/start", json={"arming": "none"}), Ask("PUT", "/api/v1/session/start/none", json={"n": 1})),
    Command.HOLD: (Ask("POST", "/api/v1/session/hold"), Ask("POST", "/ask/hold", {})),
    Command.RESUME: (Ask("POST", "/api/v1/session/resume"), Ask("PUT", "/api/v1/session/resume/none", json={"n": 1})),
    Command.END: (Ask("POST", "/api/v1/session/end"), Ask("POST", "/ask/end", {})),
    Command.RESET: (Ask("POST", "/api/v1/session/reset"), Ask("PUT", "/api/v1/session/reset/none", json={"n": 1})),
    Command.DISARM: (Ask("POST", "/api/v1/session/disarm"), Ask("POST", "/ask/disarm", {})),
    Command.ANSWER: (Ask("POST", "/api/v1/session/answer", json={"prompt": "pain", "score": 1}), Ask("POST", "/ask/answer", {"prompt": "pain", "score": "1"})),
    Command.LIST_PEOPLE: (Ask("GET", "/api/v1/people"),),  # the page /people is another one for who may only erase
    Command.VIEW_PERSON: (
        Ask("GET", "/people/{person}"), Ask("GET", "/people/{person}/overrides"), Ask("GET", "/people/{person}/measures"),
        Ask("GET", "/api/v1/people/{person}"), Ask("GET", "/api/v1/people/{person}/trends"),
    ),
    Command.ADD_PERSON: (Ask("GET", "/people/new"), Ask("POST", "/people/new", {})),
    Command.CHANGE_PERSON: (
        Ask("GET", "/people/{person}/facts"), Ask("POST", "/people/{person}/facts", {"version": "0"}),
        Ask("POST", "/people/{person}/archive", {"version": "0"}), Ask("POST", "/people/{person}/restore", {"version": "0"}),
    ),
    Command.SCREEN_PERSON: (Ask("GET", "/people/{person}/screening"), Ask("POST", "/people/{person}/screening", {})),
    Command.MEASURE: (Ask("POST", "/people/{person}/measures", {}), Ask("POST", "/people/{person}/measures/{number}/remove", {})),
    Command.OVERRIDE: (Ask("POST", "/people/{person}/overrides", {}), Ask("POST", "/people/{person}/overrides/{number}/withdraw", {})),
    Command.EXPORT_PERSON: (Ask("POST", "/people/{person}/export", {}),),
    Command.ERASE_PERSON: (Ask("GET", "/person"), Ask("GET", "/people/{person}/erase"), Ask("POST", "/people/{person}/erase", {"typed": "not the number"})),
    Command.VIEW_PRESCRIPTION: (
        Ask("GET", "/walk/{person}"), Ask("GET", "/protocols"), Ask("GET", "/people/{person}/prescriptions"), Ask("GET", "/prescriptions/{prescription}"),
        Ask("GET", "/prescriptions/{prescription}/difference"), Ask("GET", "/prescriptions/{prescription}/file"),
        Ask("POST", "/api/v1/plan", json={"text": ""}), Ask("GET", "/api/v1/prescriptions"), Ask("GET", "/api/v1/prescriptions/{prescription}"),
        Ask("GET", "/api/v1/prescriptions/{prescription}/revisions"), Ask("GET", "/api/v1/prescriptions/{prescription}/difference?old=1&new=1"),
    ),
    Command.PRESCRIBE: (
        Ask("GET", "/prescriptions/new?person={person}"), Ask("GET", "/people/{person}/prescriptions/new"),
        Ask("POST", "/people/{person}/prescriptions/new", {}), Ask("POST", "/people/{person}/prescriptions/import", {}),
        Ask("GET", "/prescriptions/{prescription}/edit"), Ask("POST", "/prescriptions/{prescription}/edit", {"expected": "1"}),
        Ask("POST", "/prescriptions/{another}/withdraw", {"sure": "true"}), Ask("POST", "/api/v1/prescriptions", json={"text": "", "person_id": "{person}"}),
        Ask("PUT", "/api/v1/prescriptions/{prescription}", json={"text": ""}, headers={"If-Match": '"1"'}),
    ),
    Command.EDIT_PROTOCOL: (
        Ask("GET", "/protocols/new"), Ask("POST", "/protocols/new", {}), Ask("POST", "/protocols/import", {}), Ask("GET", "/prescriptions/{protocol}/edit"),
        Ask("POST", "/prescriptions/{protocol}/edit", {"expected": "1"}), Ask("POST", "/prescriptions/{protocol}/withdraw", {"sure": "true"}),
        Ask("POST", "/api/v1/prescriptions", json={"text": ""}),
        Ask("PUT", "/api/v1/prescriptions/{protocol}", json={"text": ""}, headers={"If-Match": '"1"'}), Ask("DELETE", "/api/v1/prescriptions/{protocol}"),
    ),
    Command.VIEW_SESSIONS: (
        Ask("GET", "/sessions"), Ask("GET", "/sessions/{session}"), Ask("GET", "/api/v1/sessions"), Ask("GET", "/api/v1/sessions/{session}"),
        Ask("GET", "/api/v1/sessions/{session}/drawing"),
    ),
    Command.REPORT: (
        Ask("GET", "/sessions/{session}/session.csv"), Ask("GET", "/people/{person}/sessions.csv"), Ask("GET", "/jobs/{number}"),
        Ask("GET", "/sessions/{session}/report.pdf"), Ask("GET", "/sessions/{session}/session.json"), Ask("GET", "/sessions/{session}/session.fit"),
        Ask("GET", "/sessions/{session}/fhir.json"), Ask("GET", "/people/{person}/progress.pdf"),
    ),
    Command.MANAGE_USERS: (
        Ask("GET", "/users"), Ask("GET", "/users/{user}"),
        Ask("POST", "/users", {"login": "once", "name": "Once", "role": "viewer", "password": PASSWORD}),
        Ask("POST", "/users/{user}/name", {"name": "Renamed"}), Ask("POST", "/users/{user}/role", {"role": "service"}),
        Ask("POST", "/users/{user}/password", {"password": PASSWORD}), Ask("POST", "/users/{user}/pin", {"pin": PIN}),
        Ask("POST", "/users/{user}/active", {"active": "true"}),
    ),
    Command.SETTINGS: (Ask("GET", "/settings"), Ask("POST", "/settings", SETTINGS)),
    Command.OWN_SECRETS: (
        Ask("GET", "/me"), Ask("POST", "/me/password", {"now": PASSWORD, "password": "short"}), Ask("POST", "/me/pin", {"now": PASSWORD, "pin": "1"}),
    ),
    Command.VIEW_SERVICE: (Ask("GET", "/service"),),
    Command.VIEW_AUDIT: (Ask("GET", "/audit"), Ask("POST", "/audit", {"noted": "none"})),
    Command.METRICS: (Ask("GET", "/metrics", headers={"Via": "1.1 a proxy"}),),  # without it this computer's own collector is served
}  # fmt: skip
ROUTES_TO_COME: Final[tuple[Command, ...]] = ()
OPEN: Final = {
    ("GET", "/sign-on"), ("POST", "/sign-on"), ("POST", "/sign-off"), ("GET", "/pair"), ("POST", "/pair"), ("GET", "/first-run"), ("POST", "/first-run"),
    ("POST", "/stop"), ("POST", "/api/v1/stop"), ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/api/v1/openapi.json"), ("GET", "/"),
}  # fmt: skip
DEPENDING: Final = {row.command for row in TABLE if row.situations != set(Situation)}  # at all their routes in each situation, the others in one
AWAY_LAST: Final = [*(situation for situation in Situation if situation is not Situation.AWAY), Situation.AWAY]
ASKED: Final[Counter[str]] = Counter()


@dataclass
class House:
    """A browser for everybody who can come, at every place."""

    browsers: dict[tuple[Place, Who], Browser]
    machine: Machine
    names: dict[str, str]

    async def become(self, situation: Situation) -> None:
        """Bring both doors into a situation; AWAY cannot be left again."""
        if situation is Situation.AWAY:
            await self.machine.leave()
        else:
            self.machine.show(state=situation.value)
        for place in (Place.MACHINE, Place.DESK):
            link = self.browsers[place, None].context.link
            while not (link.moment.up is False if situation is Situation.AWAY else link.moment.snapshot and link.moment.snapshot.state == situation.value):
                await link.changed_since(link.moment.number, link.event_number, 5.0)

    async def ask(self, place: Place, who: Who, ask: Ask) -> httpx.Response:
        browser = self.browsers[place, who]
        self.machine.clock.later(0.03)  # slower than the limit of one address
        form = None if ask.form is None else {"csrf": browser.csrf, **{key: self._named(value) for key, value in ask.form.items()}}
        body = None if ask.json is None else {key: self._named(value) for key, value in ask.json.items()}
        return await browser.client.request(ask.method, str(self._named(ask.path)), data=form, json=body, headers={"X-CSRF-Token": browser.csrf, **ask.headers})

    def _named(self, value: T) -> T | str:
        return value.format(**self.names) if isinstance(value, str) else value


@pytest.fixture
async def house(kiosk: Browser, desk: Browser, machine: Machine, records: Records) -> AsyncIterator[House]:
    """Everybody signed on everywhere, and somebody who may walk."""
    person, revision = await walker(records)
    doctor = Actor("physician", "physician")
    protocol = await records.prescriptions.new(doctor, None, "Protocol", revision.text)
    another = await records.prescriptions.new(doctor, person.id, "Another", revision.text)
    spare = await records.users.add(SYSTEM, "spare", "Spare", Role.SERVICE)
    await kiosk.pair()
    browsers: dict[tuple[Place, Who], Browser] = {}
    for place in Place:
        for who in (None, *Role):
            browser = Browser((desk if place is Place.DESK else kiosk).context, machine)
            if place is Place.MACHINE:
                browser.client.cookies.set(KIOSK, kiosk.client.cookies[KIOSK], domain="127.0.0.1")
            if who is not None:
                await browser.send("/sign-on", login=who.value, secret=PASSWORD if place is Place.DESK else PIN)
                await browser.see("/live" if place is not Place.DESK or who is not None else "/sign-on")
            browsers[place, who] = browser
    names = {
        "person": person.id, "revision": str(revision.id), "user": str(spare.id), "number": "1", "prescription": str(revision.prescription_id),
        "protocol": str(protocol.prescription_id), "session": f"{person.id}-24", "another": str(another.prescription_id),
    }  # fmt: skip
    yield House(browsers, machine, names)
    for browser in browsers.values():
        await browser.client.aclose()


def denied(answer: httpx.Response) -> bool:
    """Whether it was the table of rights that refused, rather than something else that was wrong with the request."""
    if answer.status_code not in {401, 403}:
        return False
    return answer.headers["content-type"] == "application/problem+json" and answer.json().get("code") == "not_allowed"


@pytest.mark.parametrize("situation", AWAY_LAST)
async def test_each_cell_is_answered_as_the_table_says(house: House, situation: Situation) -> None:
    await house.become(situation)
    wrong: list[str] = []
    for command, who, place, now, allowed in cells():
        if now is not situation or command in ROUTES_TO_COME:
            continue
        ASKED["cells"] += 1
        for ask in ROUTES_OF[command] if situation is Situation.IDLE or command in DEPENDING else ROUTES_OF[command][:1]:
            answer = await house.ask(place, who, ask)
            ASKED["requests"] += 1
            expected = 401 if who is None else 403
            in_order = answer.status_code < 500 or (answer.status_code == 503 and situation is Situation.AWAY)
            if denied(answer) is allowed or not in_order or (not allowed and answer.status_code != expected):
                wrong.append(f"{ask.method} {ask.path} as {who} at {place} while {now}: {answer.status_code}, allowed: {allowed} {answer.text[:80]}")
    print(f"{situation.value}: so far {ASKED['cells']} of {len(list(cells()))} cells by {ASKED['requests']} requests")  # noqa: T201 - shown with -s
    assert not wrong, "\n".join([f"{len(wrong)} cells", *wrong[:12]])


def test_every_command_has_its_routes_or_is_known_to_come() -> None:
    assert set(ROUTES_OF) | set(ROUTES_TO_COME) == set(Command)
    assert not set(ROUTES_OF) & set(ROUTES_TO_COME)


def shape(path: str) -> str:
    """A path without the names of what stands in braces."""
    return re.sub(r"{[^}]+}", "{}", path)


async def test_a_route_that_carries_out_a_command_is_asked_by_the_matrix(house: House) -> None:
    """A route that is neither open to all nor asked above would escape the table unseen."""
    known = {(ask.method, shape(ask.path.partition("?")[0])) for asks in ROUTES_OF.values() for ask in asks} | OPEN
    # Asked above, below or elsewhere: the end of a pairing, the held buttons, the forms of requests, the feed, which never ends, and the list of people.
    held = {("PUT", f"/api/v1/session/{button}/{{}}") for button in ("start", "resume", "reset")}
    known |= {("POST", "/leave"), *held, ("GET", "/api/v1/live"), ("POST", "/ask/{}"), ("GET", "/people")}
    routes = {(method, shape(route.path)) for route in routes_of(house.browsers[Place.DESK, None].app) for method in route.methods or ()}
    assert len(routes) > len(OPEN)
    assert routes - known == set()


async def test_the_page_of_people_shows_the_list_to_who_may_see_it_and_to_nobody_else(house: House) -> None:
    for (place, who), browser in house.browsers.items():
        answer = await house.ask(place, who, Ask("GET", "/people"))
        seen = answer.status_code == 200 and house.names["person"] in answer.text
        assert seen is may(Command.LIST_PEOPLE, who, place, Situation.IDLE), (place, who, browser.csrf)


async def test_the_feed_is_not_given_to_a_stranger_at_the_desk(house: House) -> None:
    assert not may(Command.WATCH, None, Place.DESK, Situation.IDLE)
    assert denied(await house.ask(Place.DESK, None, Ask("GET", "/api/v1/live")))
