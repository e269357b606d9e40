"""A console in memory: both doors over one database in a file, a machine that is told what it is doing, and browsers that follow the rules of a browser."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any, Self
from weakref import WeakValueDictionary

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.routing import APIRoute

from treadctl.console.accounts import Accounts
from treadctl.console.context import Context, environment
from treadctl.console.holds import Holds
from treadctl.console.link import DaemonLink
from treadctl.console.settings import Door, Settings
from treadctl.console.web import create_app, guarded
from treadctl.console.words import Words
from treadctl.core.messages import Origin, RequestKind
from treadctl.errors import TreadctlError
from treadctl.ipc.memory import memory_dial
from treadctl.ipc.messages import ReceivedRequest
from treadctl.ipc.server import ControlServer
from treadctl.ipc.snapshot import BeltView, ChannelView, JournalView, ProgramView, Snapshot
from treadctl.prescription.frame import REFERENCE
from treadctl.records.audit import Actor
from treadctl.records.database import sqlite_url
from treadctl.records.model import Outcome, Person, Revision, Role, Session, SessionHead, Summary
from treadctl.records.rows_in import write_sessions
from treadctl.records.store import Records
from treadctl.records.vault import make_key
from treadctl.reports.work import Workshop

PROFILES = Path(__file__).resolve().parents[2] / "profiles"
NOW = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD, PIN = "seven quiet treadmills", "519402"
SYSTEM = Actor("test", "system")
ASKED_AS = {
    RequestKind.ARM: "armed", RequestKind.HOLD: "hold", RequestKind.RESUME: "running", RequestKind.END: "stopping", RequestKind.RESET: "idle",
    RequestKind.DISARM: "idle", RequestKind.STOP: "tripped",
}  # fmt: skip
FACTS = 'format = 1\nmass_kg = 70.0\nage_years = 50\nexperience = "walker"\nown_forward_speed_kmh = 5.0\nusual_minutes = 60.0\n'
HEALTHY = dict.fromkeys(("severe_osteoporosis", "vestibular_dysfunction", "lumbar_problem", "ankle_problem", "knee_problem", "beta_blocker"), False)


@pytest.fixture(scope="session", autouse=True)
def _no_stray_loop() -> None:
    """looptime's plugin asks the policy for a loop in synchronous tests; unless told that there is none, 3.11 makes one that nobody closes."""
    asyncio.set_event_loop(None)


class Clock:
    """Wall clock and monotonic clock, moved by the test."""

    def __init__(self) -> None:
        self.now = NOW
        self.now_s = 1000.0

    def wall(self) -> datetime:
        return self.now

    def __call__(self) -> float:
        return self.now_s

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.now_s += seconds


class Machine:
    """The daemon as the console meets it: it shows the state it is told, notes what is asked, and grants it unless told to refuse."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.asked: list[ReceivedRequest] = []
        self.reasons: tuple[str, ...] = ()
        self.says = dict(ASKED_AS)
        self.shown = Snapshot(
            at_s=1.0, state="idle", since_s=0.0, belt=BeltView(0.0, 0.0, None, "forward", 0.0, 0.01),
            channels=(ChannelView("cord_a", True, 0.01, "good"),), journal=JournalView(ok=True),
        )  # fmt: skip
        self.server = ControlServer(None, self.take, lambda: self.shown, clock=clock, release="test")
        self.away = False

    async def dial(self, factory: Callable[[], asyncio.Protocol]) -> Any:  # noqa: ANN401 - as memory_dial has it
        """Reach it, unless it is away."""
        if self.away:
            raise TreadctlError("no_daemon", "control socket", "gone")
        return await memory_dial(self.server)(factory)

    async def leave(self) -> None:
        """It ends, and does not come back."""
        self.away = True
        await self.server.close()

    def take(self, request: ReceivedRequest) -> None:
        self.asked.append(request)
        if self.reasons and request.kind is not RequestKind.STOP:
            self.server.reply(request.id, state=self.shown.state, reasons=self.reasons)
            return
        self.server.reply(request.id, state=self.says.get(request.kind, self.shown.state))

    def show_armed(self, arming: str = "") -> str:
        """Armed by the last ARM request, or by another one; which one."""
        arming = arming or next(request.id for request in reversed(self.asked) if request.kind is RequestKind.ARM)
        self.show(state="armed", program=ProgramView("knee-oa-retro-walk", "reverse", "console", 0, 3, "walk in", 0.0, 600.0, 600.0, arming=arming))
        return arming

    def show(self, **changes: object) -> None:
        """What it does from now on; the console hears of it with the next snapshot."""
        self.shown = replace(self.shown, **changes)  # type: ignore[arg-type]


APPS: WeakValueDictionary[int, FastAPI] = WeakValueDictionary()


def app_of(context: Context) -> FastAPI:
    """The application of a door: one, however many browsers come. It keeps the context, so that no other can have its number meanwhile."""
    app = APPS.get(id(context))
    if app is None:
        app = APPS[id(context)] = create_app(context)
    return app


class Browser:
    """A browser at one door. It keeps cookies, says where its requests come from, and finds the token of its page, as a real one does."""

    def __init__(self, context: Context, machine: Machine) -> None:
        self.context = context
        self.machine = machine
        self.clock = machine.clock
        self.records = context.records
        self.app = app_of(context)
        port = context.settings.door(context.door).port
        self.base = f"https://127.0.0.1:{port}"
        self.client = self._client()
        self.csrf = ""

    def _client(self, agent: str = "test browser") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=guarded(self.app, self.context), raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=self.base, headers={"User-Agent": agent, "Origin": self.base})

    def stolen(self, agent: str = "test browser") -> httpx.AsyncClient:
        """Another client with the same cookies."""
        other = self._client(agent)
        other.cookies = httpx.Cookies(self.client.cookies)
        return other

    async def see(self, path: str, status: int = 200) -> str:
        """A page, followed to where it leads."""
        answer = await self.client.get(path, headers={"Accept": "text/html"}, follow_redirects=True)
        assert answer.status_code == status, answer.text
        found = re.search(r'data-csrf="([^"]+)"', answer.text)
        self.csrf = found[1] if found else ""
        return answer.text

    async def send(self, path: str, status: int = 303, **fields: str) -> httpx.Response:
        """A form, with the token of the last page."""
        answer = await self.client.post(path, data={"csrf": self.csrf, **fields}, headers={"Accept": "text/html"})
        assert answer.status_code == status, answer.text
        return answer

    async def ask(self, path: str, body: object = None, method: str = "POST", status: int = 200, **headers: str) -> dict[str, Any]:
        """A call of the programming interface."""
        answer = await self.client.request(method, path, json=body, headers={"X-CSRF-Token": self.csrf, **headers})
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def sign_on(self, role: Role) -> Self:
        """Sign on as the user of that role, pairing first where it is a kiosk."""
        if self.context.door is Door.KIOSK:
            await self.pair()
            await self.send("/sign-on", login=role.value, secret=PIN)
        else:
            await self.send("/sign-on", login=role.value, secret=PASSWORD)
        await self.see("/live")
        return self

    async def pair(self) -> None:
        await self.send("/pair", pin=self.context.accounts.pairing_pin)

    async def until(self, state: str) -> None:
        """Until the console has heard that the machine is in this state."""
        link = self.context.link
        async with asyncio.timeout(5.0):
            while link.moment.snapshot is None or not link.moment.up or link.moment.snapshot.state != state:
                await link.changed_since(link.moment.number, link.event_number, 5.0)


@pytest.fixture
async def machine() -> Machine:
    return Machine(Clock())


@pytest.fixture(scope="session")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with records and their key of names, one user per role, each with the same password and PIN: copying it is quicker than making it."""
    folder = tmp_path_factory.mktemp("clinic")
    make_key(folder / "names.key")

    async def fill() -> None:
        store = await Records.open(sqlite_url(folder / "records.db"), folder / "names.key", now=Clock().wall)
        for role in Role:
            await store.users.add(SYSTEM, role.value, role.value.title(), role, password_hash=QUICK.hash(PASSWORD), pin_hash=QUICK.hash(PIN))
        await store.close()

    thread = Thread(target=asyncio.run, args=(fill(),))  # asyncio.run takes away the loop of the thread it is called in
    thread.start()
    thread.join()
    return folder


@pytest.fixture
async def records(tmp_path: Path, machine: Machine, clinic: Path) -> AsyncIterator[Records]:
    """The records of the clinic, for one test."""
    for name in ("records.db", "names.key"):
        shutil.copy2(clinic / name, tmp_path / name)
    store = await Records.open(sqlite_url(tmp_path / "records.db"), tmp_path / "names.key", now=machine.clock.wall)
    yield store
    await store.close()


async def _door(records: Records, machine: Machine, door: Door) -> AsyncIterator[Browser]:
    settings = Settings.model_validate({"format": 1})
    origin = Origin.LOCAL if door is Door.KIOSK else Origin.REMOTE
    link = DaemonLink(machine.dial, origin=origin, clock=machine.clock)
    accounts = Accounts(records, door, settings.idle, machine.clock.wall, machine.clock, QUICK)
    words = Words()
    context = Context(
        settings, door, link, records, accounts, words, machine.clock, machine.clock.wall, environment(words), REFERENCE, Holds(machine.clock),
        Workshop(machine.clock),
    )
    browser = Browser(context, machine)
    async with link.running(), context.workshop, browser.client:
        await browser.until(machine.shown.state)
        yield browser


@pytest.fixture
async def kiosk(records: Records, machine: Machine) -> AsyncIterator[Browser]:
    """A browser at the machine's own screen, not paired yet."""
    async for browser in _door(records, machine, Door.KIOSK):
        yield browser


@pytest.fixture
async def desk(records: Records, machine: Machine) -> AsyncIterator[Browser]:
    """A browser at a desk."""
    async for browser in _door(records, machine, Door.DESK):
        yield browser


def routes_of(app: FastAPI) -> list[APIRoute]:
    """Every route of ours, also those of routers, which FastAPI keeps behind a wrapper."""
    found: list[APIRoute] = []
    for entry in app.routes:
        router = getattr(entry, "original_router", None)
        found += [route for route in (router.routes if router is not None else [entry]) if isinstance(route, APIRoute)]
    return found


def walked(person_id: str, days_ago: int, **figures: float) -> Session:
    """A session without an event, hands hardly on the rails."""
    summary = Summary(duration_s=700.0, belt_s=600.0, distance_m=500.0, peak_mps=1.0, mean_mps=0.8, rail_load_percent=2.0, max_dizziness=1.0)
    head = SessionHead(
        f"{person_id}-{days_ago}", person_id, None, "altivar-rtu", "knee-oa-retro-walk", "ab" * 32, "reverse", "console", NOW - timedelta(days=days_ago),
        Outcome.COMPLETED, None, replace(summary, **figures),  # type: ignore[arg-type]
    )  # fmt: skip
    return Session(head, 70.0)


async def walker(records: Records, *, profile: str = "knee-oa-retro-walk", facts: str = FACTS, **answers: bool) -> tuple[Person, Revision]:
    """A person who may walk today, screened and prescribed for."""
    doctor = Actor("physician", "physician")
    person = await records.people.add(doctor, facts=facts, name="Sample One")
    await records.screenings.add(doctor, person.id, {**HEALTHY, **answers}, signer="physician")
    async with records.database.write() as connection:
        await write_sessions(connection, [walked(person.id, days) for days in (24, 17, 10)])
    text = (PROFILES / f"{profile}.toml").read_text(encoding="utf-8")
    return person, await records.prescriptions.new(doctor, person.id, "Backward walking", text)
