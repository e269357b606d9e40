"""A real browser before the real console: Debian's Chromium by Playwright, without any request that leaves this computer."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, TimeoutError, expect, sync_playwright

from console_people import PASSWORD, PIN
from harness import CONTACTS, MOVING, REST_MPS
from treadctl.console.settings import Door
from treadctl.console.visiting import SESSIONS
from treadctl.core.messages import RequestKind
from treadctl.errors import TreadctlError
from treadctl.ipc.asking import RefusedError
from treadctl.ipc.client import Client
from treadctl.records.model import Role
from treadctl.testing.console_stand import Stand
from treadctl.testing.simulated import wait_for

FLAGS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
SIZES: Final = {"kiosk": (1280, 800), "tablet": (820, 1180), "phone": (390, 844)}
MOVING_MPS: Final = 0.1
PRESSES, HELD_MS = 3, 8000
FIRST, NEXT = -10, -5  # of the scheduler; a browser has 0
CHECKS: Final = ("clipped", "laced", "clear for 2 m")
COUNT_TOUCHES: Final = (
    "addEventListener('pointerdown', () => sessionStorage.setItem('touches', String(1 + Number(sessionStorage.getItem('touches')))), true)"  # survives a page
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, and its end."""
    found = shutil.which("chromium")
    if found is None:
        pytest.fail("chromium is not installed and opens the pages: apt-get install chromium", pytrace=False)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


@contextmanager
def visit(browser: Browser, size: str = "kiosk", **options: Any) -> Iterator[Page]:  # noqa: ANN401 - what Playwright takes
    """A page in a browser profile of its own. After it: no script failed, nothing was forbidden to the page, no request left this computer."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, locale="en", **options)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
    page.on("request", lambda request: complaints.append(request.url) if not _ours(request.url) else None)
    try:
        yield page
    finally:
        context.close()
    assert complaints == [], complaints  # noqa: S101 - part of every test that opens a page


def _ours(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "data:", "blob:", "about:"))


class House:
    """A stand and who stands before it. The screen at the machine is paired once, as a clinic does; nobody signs on twice."""

    def __init__(self, browser: Browser, stand: Stand) -> None:
        self.browser = browser
        self.stand = stand
        self._kept: dict[str, Any] = {}

    @contextmanager
    def kiosk(self, size: str = "kiosk", role: Role = Role.STAFF, **options: Any) -> Iterator[Page]:  # noqa: ANN401 - what Playwright takes
        """The screen at the machine, its first page open: paired, somebody of this role signed on."""
        url = self.stand.doors.kiosk_url
        if "paired" not in self._kept:
            with visit(self.browser) as page:
                pair(page, url, self.stand.doors.pairing_pin)
                page.wait_for_url(lambda address: "/pair" not in address)
                self._kept["paired"] = _state(page.context)
        if f"kiosk {role}" not in self._kept:
            with visit(self.browser, storage_state=self._kept["paired"]) as page:
                page.goto(url)
                attend(page, role.value.title())
                self._kept[f"kiosk {role}"] = _state(page.context)
        with visit(self.browser, size, storage_state=self._kept[f"kiosk {role}"], **options) as page:
            page.goto(url)
            yield page

    @contextmanager
    def stranger(self, **options: Any) -> Iterator[Page]:  # noqa: ANN401 - what Playwright takes
        """A browser that this house has never seen; nothing is open in it."""
        with visit(self.browser, **options) as page:
            yield page

    @contextmanager
    def desk(self, role: Role, size: str = "kiosk", **options: Any) -> Iterator[Page]:  # noqa: ANN401 - what Playwright takes
        """A desk where somebody of that role has signed on, their first page open."""
        url = self.stand.doors.desk_url
        if role.value not in self._kept:
            with visit(self.browser) as page:
                sign_on(page, url, role.value, PASSWORD)
                self._kept[role.value] = _state(page.context)
        with visit(self.browser, size, storage_state=self._kept[role.value], **options) as page:
            page.goto(url)
            yield page


    def address(self, door: Door) -> str:
        """Where this door is."""
        return self.stand.doors.kiosk_url if door is Door.KIOSK else self.stand.doors.desk_url

    @contextmanager
    def before(self, door: Door, role: Role | None, paired: bool, size: str = "kiosk", **options: Any) -> Iterator[Page]:  # noqa: ANN401 - what Playwright takes
        """Somebody of this role before this door; at the machine the attendant, or nobody, or nobody at a screen that is not paired."""
        if role is None and not (paired and door is Door.KIOSK):
            with visit(self.browser, size, **options) as page:
                yield page
        elif door is Door.DESK:
            with self.desk(role or Role.VIEWER, size, **options) as page:
                yield page
        else:
            with self.kiosk(size, role or Role.STAFF, **options) as page:
                if role is None:  # signed off in this browser only
                    page.context.clear_cookies(name=SESSIONS[Door.KIOSK])
                yield page


def _state(context: BrowserContext) -> Any:  # noqa: ANN401 - handed back as it came
    return context.storage_state()


def pair(page: Page, url: str, pin: str) -> None:
    """Make this browser the machine's own screen."""
    page.goto(url)
    page.get_by_label("Pairing PIN").fill(pin)
    page.get_by_role("button", name="Pair").click()


def attend(page: Page, name: str = "Staff", pin: str = PIN) -> None:
    """Sign an attendant on at the paired screen."""
    page.get_by_label(name).check()
    page.get_by_label("PIN").fill(pin)
    page.get_by_role("button", name="Sign on").click()
    page.wait_for_url(lambda url: "/sign-on" not in url)


def sign_on(page: Page, url: str, login: str, password: str) -> None:
    """Sign on at a desk."""
    page.goto(f"{url}/sign-on")
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign on").click()
    page.wait_for_url(lambda address: "/sign-on" not in address)


# --- walking ---------------------------------------------------------------------------------------------------------


def choose(page: Page, name: str, prescription: str = "") -> Locator:
    """Four of the five touches, from the list of people: the person, and the three points of the checklist. The button that is held then.

    `prescription`: the title of one that is not the newest of several.
    """
    page.get_by_role("link", name=name).click()
    if prescription:
        page.get_by_role("link", name=prescription).click()
    expect(page.locator("form.check")).to_be_visible()
    for text in CHECKS:
        page.get_by_label(text).check()
    expect(page.locator("form.complete")).to_be_visible(timeout=10_000)
    return page.get_by_role("button", name="Hold to start")


def walk(stand: Stand, page: Page, name: str, prescription: str = "") -> list[str]:
    """From the list of people to a moving belt; what was said each time a hold was in vain."""
    button, status = choose(page, name, prescription), page.locator("[data-hold-status]")
    vain: list[str] = []
    for _ in range(PRESSES):
        button.hover()
        page.mouse.down()
        with suppress(TimeoutError):
            page.wait_for_url("**/live", timeout=HELD_MS, wait_until="commit")
            page.mouse.up()
            break
        vain.append(status.text_content() or "")
        page.mouse.up()  # a busy computer may lose the hold; then it is pressed anew
    else:
        pytest.fail(f"the start was not granted: {vain}")
    until_belt(stand, lambda mps: mps > MOVING_MPS, "a moving belt")
    return vain


def hold(page: Page, name: str, word: str) -> None:
    """Hold the button of this name until the state says this word."""
    state, status = page.locator(".giant"), page.locator("[data-hold-status]:visible")
    for _ in range(PRESSES):  # refused until standstill is proven; and a busy computer may lose the hold
        page.get_by_role("button", name=name).hover(timeout=HELD_MS)
        page.mouse.down()
        try:
            expect(state).to_contain_text(word, timeout=HELD_MS)
        except AssertionError:
            continue
        else:
            return
        finally:
            page.mouse.up()
    pytest.fail(f"held for nothing: {status.text_content()}")


def until_belt(stand: Stand, holds: Callable[[float], bool], what: str) -> None:
    """Wait for a speed of the belt, m/s; fails at once, and says why, where something stops it."""
    wait_for(lambda: holds(speed(stand)) or _stopped(stand), 20.0, what, every_s=0.1)


def _stopped(stand: Stand) -> None:
    with Client(stand.socket, "hil", timeout_s=5.0) as client:
        causes = client.snapshot().causes
    if causes:
        pytest.fail(f"it was stopped: {' '.join(cause.sentence for cause in causes)}")


def touches(page: Page) -> int:
    """How often the screen was touched in this tab, counted by the browser; needs `count_touches` before its first page."""
    return int(page.evaluate("Number(sessionStorage.getItem('touches'))"))


def count_touches(page: Page) -> None:
    """Count from the next page on."""
    page.add_init_script(COUNT_TOUCHES)


def ask(page: Page, path: str, body: dict[str, object], method: str = "POST") -> tuple[int, dict[str, Any]]:
    """Ask what a script of the page could ask: its status and its answer."""
    found: list[Any] = page.evaluate(
        """async ([path, body, method]) => {
            const headers = { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": document.body.dataset.csrf ?? "" };
            const answer = await fetch(path, { method, headers, body: JSON.stringify(body) });
            return [answer.status, await answer.json()];
        }""",
        [path, body, method],
    )
    return int(found[0]), dict(found[1])


# --- the machine -----------------------------------------------------------------------------------------------------


def speed(stand: Stand) -> float:
    """The true speed of the belt, a magnitude, m/s."""
    return abs(float(stand.belt.state()["belt_speed_mps"]))


def rests(stand: Stand, within_s: float = 15.0) -> None:
    """Wait until the belt stands."""
    wait_for(lambda: speed(stand) < REST_MPS or None, within_s, "a belt at rest")


def stays_at_rest(stand: Stand, page: Page, for_ms: int = 1500) -> None:
    """Look for as long as that: the belt does not move."""
    for _ in range(for_ms // 100):
        page.wait_for_timeout(100)
        assert speed(stand) < REST_MPS  # noqa: S101 - this is a test's claim


def make_ready(stand: Stand) -> None:
    """However the last test ended: idle, the cord proven, somebody on the belt who holds the rails. What an attendant does in the morning."""
    _hasten(stand)
    with Client(stand.socket, "hil", timeout_s=5.0) as client:
        if client.snapshot().state in MOVING:
            client.stop()
        rests(stand)
        for name in CONTACTS:
            stand.belt.set(name, closed=True)
        for what in ("dismount", "mount", "hands_on"):
            stand.belt.runner(what)
        if "not_proven" in {blocker.id for blocker in client.snapshot().start_blockers}:
            for closed in (False, True):
                stand.belt.set("cord", closed=closed)
                wait_for(lambda closed=closed: _contact(client, "cord_a") is closed and _contact(client, "cord_b") is closed, 5.0, "the cord")
        wait_for(lambda: _idle(client), 15.0, "an idle machine", every_s=0.1)


def _hasten(stand: Stand) -> None:
    """Give belt and daemon their time before a browser that draws, where this user may; in a clinic systemd does. The doors come next: they carry holds."""
    ranks = [(stand.belt.process, FIRST), (stand.daemon, FIRST), *((door, NEXT) for door in stand.doors.processes.values())]
    with suppress(PermissionError):
        for process, rank in ranks:
            for thread in Path(f"/proc/{process.pid}/task").glob("*"):
                os.setpriority(os.PRIO_PROCESS, int(thread.name), rank)


def _idle(client: Client) -> bool:
    now = client.snapshot()
    if now.state == "idle":
        return {blocker.id for blocker in now.start_blockers} <= {"not_armed"}
    with suppress(RefusedError):
        client.request(RequestKind.DISARM if now.state == "armed" else RequestKind.RESET, who="bench attendant")
    return False


def _contact(client: Client, name: str) -> bool | float | None:
    return next((channel.value for channel in client.snapshot().channels if channel.id == name), None)


def put_away(stand: Stand) -> None:
    """Disarm from the command line, as far as the daemon can tell."""
    with Client(stand.socket, "hil", timeout_s=5.0) as client:
        client.request(RequestKind.DISARM, who="bench attendant")


def daemon_state(stand: Stand) -> str:
    """The session's state as the daemon has it."""
    with Client(stand.socket, "hil", timeout_s=5.0) as client:
        return str(client.snapshot().state)


def refused_start(stand: Stand) -> str:
    """What the daemon answers to a held start button, asked as the attendant at the machine."""
    try:
        with Client(stand.socket, "hil", timeout_s=5.0) as client:
            program = client.snapshot().program
            client.request(RequestKind.START_HOLD, who="bench attendant", arming=program.arming if program is not None else "")
    except TreadctlError as error:
        return str(error)
    pytest.fail("the daemon granted a start")
