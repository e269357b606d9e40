"""Every page of both doors of a console with the sample clinic: which pages there are, and how each is reached. For the tests and for the pictures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.sync_api import Page

from console_people import PASSWORD, PIN, Someone, add_people
from treadctl.console.settings import Door
from treadctl.records.model import Role
from treadctl.testing.clinic import Clinic
from treadctl.testing.seeding import Secrets, seed_records

SEED: Final = 7
WALKER: Final = Someone(90)  # limbers up in seconds, unlike the others: pictures and tests of the moving belt are of this one
TODAY, NOT_TODAY = 0, 2  # of the clinic's cast: may walk today; a rule refuses


@dataclass(frozen=True, slots=True)
class Sight:
    """One page: where it stands, and who looks at it. `role` None = nobody has signed on; `paired` counts at the machine alone."""

    name: str
    door: Door
    path: str
    role: Role | None
    paired: bool = True


def sample_clinic(into: list[Clinic]) -> Callable[[Path], None]:
    """What fills new records with the sample clinic and the walker, for `console_stand`; the clinic is put into that list."""

    def fill(settings_file: Path) -> None:
        with ThreadPoolExecutor(1) as beside:  # this thread may have a browser's loop
            into.append(beside.submit(seed_records, settings_file, SEED, Secrets(PASSWORD, PIN)).result())
            beside.submit(lambda: asyncio.run(add_people(settings_file, (WALKER,)))).result()

    return fill


def at_the_machine(clinic: Clinic) -> list[Sight]:
    """The pages of the screen beside the belt that can be looked at while it stands."""
    kiosk, staff = Door.KIOSK, Role.STAFF
    free, refused = clinic.persons[TODAY].id, clinic.persons[NOT_TODAY].id
    session = newest(clinic, free)
    return [
        Sight("kiosk-pair", kiosk, "/pair", None, paired=False),
        Sight("kiosk-sign-on", kiosk, "/sign-on", None),
        Sight("kiosk-people", kiosk, "/", staff),
        Sight("kiosk-walk", kiosk, f"/walk/{free}", staff),
        Sight("kiosk-not-today", kiosk, f"/walk/{refused}", staff),
        Sight("kiosk-live", kiosk, "/live", staff),
        Sight("kiosk-person", kiosk, f"/people/{free}", staff),
        Sight("kiosk-screening", kiosk, f"/people/{refused}/screening", staff),
        Sight("kiosk-prescriptions", kiosk, f"/people/{free}/prescriptions", staff),
        Sight("kiosk-measures", kiosk, f"/people/{free}/measures", staff),
        Sight("kiosk-overrides", kiosk, f"/people/{free}/overrides", staff),
        Sight("kiosk-all-people", kiosk, "/people", staff),
        Sight("kiosk-sessions", kiosk, "/sessions", staff),
        Sight("kiosk-session", kiosk, f"/sessions/{session}", staff),
        Sight("kiosk-service", kiosk, "/service", staff),
        Sight("kiosk-nothing-here", kiosk, "/nothing", staff),
    ]


def at_a_desk(page: Page, url: str, clinic: Clinic) -> list[Sight]:
    """The pages of a desk. `page` is one where a physician has signed on: what is prescribed is looked up there."""
    desk, physician, admin = Door.DESK, Role.PHYSICIAN, Role.ADMINISTRATOR
    free, refused = clinic.persons[TODAY].id, clinic.persons[NOT_TODAY].id
    page.goto(f"{url}/people/{free}/prescriptions")
    prescription = page.locator('main table a[href^="/prescriptions/"]').first.get_attribute("href") or ""
    page.goto(f"{url}/users")
    return [
        Sight("desk-sign-on", desk, "/sign-on", None),
        Sight("desk-live", desk, "/live", physician),
        Sight("desk-people", desk, "/people", physician),
        Sight("desk-new-person", desk, "/people/new", physician),
        Sight("desk-person", desk, f"/people/{free}", physician),
        Sight("desk-person-not-today", desk, f"/people/{refused}", physician),
        Sight("desk-facts", desk, f"/people/{free}/facts", physician),
        Sight("desk-screening", desk, f"/people/{refused}/screening", physician),
        Sight("desk-overrides", desk, f"/people/{free}/overrides", physician),
        Sight("desk-measures", desk, f"/people/{free}/measures", physician),
        Sight("desk-erase", desk, f"/people/{free}/erase", physician),
        Sight("desk-person-by-number", desk, "/people", admin),
        Sight("desk-prescriptions", desk, f"/people/{free}/prescriptions", physician),
        Sight("desk-prescription", desk, prescription, physician),
        Sight("desk-difference", desk, f"{prescription}/difference?old=1&new=2", physician),
        Sight("desk-change-prescription", desk, f"{prescription}/edit", physician),
        Sight("desk-prescribe", desk, f"/people/{free}/prescriptions/new?shipped=knee-oa-retro-walk.toml", physician),
        Sight("desk-protocols", desk, "/protocols", physician),
        Sight("desk-editor", desk, "/protocols/new?shipped=knee-oa-retro-walk.toml", physician),
        Sight("desk-editor-found", desk, f"/people/{refused}/prescriptions/new?shipped=trained-runner.toml", physician),
        Sight("desk-sessions", desk, "/sessions", physician),
        Sight("desk-session", desk, f"/sessions/{newest(clinic, free)}", physician),
        Sight("desk-session-stopped", desk, f"/sessions/{newest_stopped(clinic)}", physician),
        Sight("desk-service", desk, "/service", admin),
        Sight("desk-audit", desk, "/audit", admin),
        Sight("desk-users", desk, "/users", admin),
        Sight("desk-user", desk, "/users/1", admin),
        Sight("desk-settings", desk, "/settings", admin),
        Sight("desk-my-password", desk, "/me", admin),
        Sight("desk-nothing-here", desk, "/nothing", physician),
    ]


def newest(clinic: Clinic, person_id: str) -> str:
    """The id of the person's last session."""
    return next(head.id for head in reversed(clinic.heads) if head.person_id == person_id)


def newest_stopped(clinic: Clinic) -> str:
    """The id of the last session that a loss of balance stopped."""
    return next(session.head.id for session in reversed(clinic.sessions) if session.head.summary.imbalance_events and session.head.person_id is not None)
