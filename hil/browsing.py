"""A real browser before the real console: Debian's Chromium by Playwright, without any request that leaves this computer."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from treadctl.console.settings import load
from treadctl.records.audit import Actor
from treadctl.records.model import Outcome, Role, Session, SessionHead, Summary
from treadctl.records.rows_in import write_sessions
from treadctl.records.store import Records
from treadctl.records.vault import make_key

FLAGS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
SIZES: Final = {"kiosk": (1280, 800), "tablet": (820, 1180), "phone": (390, 844)}
PASSWORD, PIN = "seven quiet treadmills", "519402"
SYSTEM: Final = Actor("test", "system")
DOCTOR: Final = Actor("physician", "physician")
FACTS: Final = 'format = 1\nmass_kg = 72.0\nage_years = 50\nexperience = "walker"\nown_forward_speed_kmh = 5.0\nusual_minutes = 60.0\n'
QUESTIONS: Final = ("severe_osteoporosis", "vestibular_dysfunction", "lumbar_problem", "ankle_problem", "knee_problem", "beta_blocker")
PROFILES: Final = Path(__file__).resolve().parents[1] / "profiles"


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


def fill(settings_file: Path) -> None:
    """A clinic of one user per role and one known person, who has walked three times and may walk today."""
    with ThreadPoolExecutor(1) as beside:  # this thread has the browser's own loop
        beside.submit(lambda: asyncio.run(_fill(settings_file))).result()


async def _fill(settings_file: Path) -> None:
    from argon2 import PasswordHasher  # noqa: PLC0415 - only here

    settings = load(settings_file)
    key = Path(str(settings.names_key))
    make_key(key)
    records = await Records.open(settings.database, key)
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    for role in Role:
        await records.users.add(SYSTEM, role.value, role.value.title(), role, password_hash=hasher.hash(PASSWORD), pin_hash=hasher.hash(PIN))
    person = await records.people.add(DOCTOR, facts=FACTS, name="Sample One", person_id="PKNOWN2")
    await records.screenings.add(DOCTOR, person.id, dict.fromkeys(QUESTIONS, False), signer="physician")
    text = (PROFILES / "knee-oa-retro-walk.toml").read_text(encoding="utf-8").replace("minutes = 1.5", "seconds = 2")  # limbering up takes no time here
    await records.prescriptions.new(DOCTOR, person.id, "Knee, backward walking", text)
    async with records.database.write() as connection:
        await write_sessions(connection, [walked(person.id, days) for days in (24, 17, 10)])
    await records.close()


def walked(person_id: str, days_ago: int) -> Session:
    """A session without an event, hands hardly on the rails."""
    summary = Summary(duration_s=700.0, belt_s=600.0, distance_m=500.0, peak_mps=1.0, mean_mps=0.8, rail_load_percent=2.0, max_dizziness=1.0)
    at = datetime.now(UTC) - timedelta(days=days_ago)
    head = SessionHead(
        f"{person_id}-{days_ago}", person_id, None, "altivar-rtu", "knee-oa-retro-walk", "ab" * 32, "reverse", "console", at, Outcome.COMPLETED, None, summary
    )
    return Session(head, 72.0)


def sign_on(page: Page, url: str, pin: str) -> None:
    """Pair the screen and sign the attendant on."""
    page.goto(url)
    page.get_by_label("Pairing PIN").fill(pin)
    page.get_by_role("button", name="Pair").click()
    page.get_by_label("Staff").check()
    page.get_by_label("PIN").fill(PIN)
    page.get_by_role("button", name="Sign on").click()
