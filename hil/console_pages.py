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
KNEE: Final = "knee-oa-retro-walk.toml"
WALKER: Final = Someone(90, asides=("weekly", "progress"))  # limbers up in seconds, unlike the others: pictures and tests of the moving belt are of this one
TODAY, WEEK_FULL, DIZZY = 0, 4, 2  # of the clinic's cast: may walk today; has walked twice this week; may not at all, and has nothing prescribed


@dataclass(frozen=True, slots=True)
class Sight:
    """One page: what it shows, where it stands, who looks at it. `role` None = nobody has signed on; `paired` counts at the machine alone."""

    name: str
    shows: str
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
    free, refused = clinic.persons[TODAY].id, clinic.persons[WEEK_FULL].id
    session = newest(clinic, free)
    return [
        Sight("kiosk-pair", "a screen that is not yet the machine's own", kiosk, "/pair", None, paired=False),
        Sight("kiosk-sign-on", "who attends, by PIN", kiosk, "/sign-on", None),
        Sight("kiosk-people", "who walks", kiosk, "/", staff),
        Sight("kiosk-walk", "today's prescription, the checklist, and the button that is held to start", kiosk, f"/walk/{free}", staff),
        Sight("kiosk-not-today", "a rule forbids the start", kiosk, f"/walk/{refused}", staff),
        Sight("kiosk-live", "the machine, ready", kiosk, "/live", staff),
        Sight("kiosk-person", "the record of a person, as the attendant may see it", kiosk, f"/people/{free}", staff),
        Sight("kiosk-screening", "the screening questions, asked at the machine", kiosk, f"/people/{refused}/screening", staff),
        Sight("kiosk-prescriptions", "what is prescribed for a person", kiosk, f"/people/{free}/prescriptions", staff),
        Sight("kiosk-measures", "what was measured", kiosk, f"/people/{free}/measures", staff),
        Sight("kiosk-overrides", "rules set aside", kiosk, f"/people/{free}/overrides", staff),
        Sight("kiosk-all-people", "everybody in the records", kiosk, "/people", staff),
        Sight("kiosk-sessions", "the sessions", kiosk, "/sessions", staff),
        Sight("kiosk-session", "one session", kiosk, f"/sessions/{session}", staff),
        Sight("kiosk-service", "interlocks, drive, buses", kiosk, "/service", staff),
        Sight("kiosk-leave", "the screen stops being the machine's own", kiosk, "/leave", Role.SERVICE),
        Sight("kiosk-nothing-here", "an address that is none", kiosk, "/nothing", staff),
    ]


def at_a_desk(page: Page, url: str, clinic: Clinic) -> list[Sight]:
    """The pages of a desk. `page` is one where a physician has signed on: what is prescribed is looked up there."""
    desk, physician, admin = Door.DESK, Role.PHYSICIAN, Role.ADMINISTRATOR
    free, refused = clinic.persons[TODAY].id, clinic.persons[DIZZY].id
    page.goto(f"{url}/people/{free}/prescriptions")
    prescription = page.locator('main table a[href^="/prescriptions/"]').first.get_attribute("href") or ""
    begin, stopped = f"/people/{refused}/prescriptions/new?shipped=", newest_stopped(clinic)
    return [
        Sight("desk-sign-on", "signing on by password", desk, "/sign-on", None),
        Sight("desk-live", "the machine seen from a desk: it can be stopped, held and ended, never started", desk, "/live", physician),
        Sight("desk-people", "everybody in the records", desk, "/people", physician),
        Sight("desk-new-person", "a person is added", desk, "/people/new", physician),
        Sight("desk-person", "a person: today, the next step, prescriptions, facts, how it went", desk, f"/people/{free}", physician),
        Sight("desk-person-not-today", "the same of somebody whom a rule refuses", desk, f"/people/{refused}", physician),
        Sight("desk-facts", "facts are changed", desk, f"/people/{free}/facts", physician),
        Sight("desk-screening", "the screening questions", desk, f"/people/{refused}/screening", physician),
        Sight("desk-overrides", "rules set aside, by whom and why", desk, f"/people/{free}/overrides", physician),
        Sight("desk-measures", "what was measured", desk, f"/people/{free}/measures", physician),
        Sight("desk-erase", "a person is exported or erased", desk, f"/people/{free}/erase", physician),
        Sight("desk-person-by-number", "what an administrator sees of people: no list", desk, "/people", admin),
        Sight("desk-prescriptions", "what is prescribed, and what to begin with", desk, f"/people/{free}/prescriptions", physician),
        Sight("desk-prescription", "a prescription with its plan and its revisions", desk, prescription, physician),
        Sight("desk-difference", "two revisions compared", desk, f"{prescription}/difference?old=1&new=2", physician),
        Sight("desk-change-prescription", "a prescription is changed", desk, f"{prescription}/edit", physician),
        Sight("desk-prescribe", "a protocol is prescribed for a person", desk, f"/people/{free}/prescriptions/new?shipped={KNEE}", physician),
        Sight("desk-protocols", "the library of the clinic", desk, "/protocols", physician),
        Sight("desk-editor", "the editor: stretches, the text, the plan", desk, f"/protocols/new?shipped={KNEE}", physician),
        Sight("desk-editor-found", "the editor: what machine and person forbid, each with its place", desk, f"{begin}trained-runner.toml", physician),
        Sight("desk-sessions", "the sessions", desk, "/sessions", physician),
        Sight("desk-session", "a session that went to its end", desk, f"/sessions/{newest(clinic, free)}", physician),
        Sight("desk-session-stopped", "a session that a loss of balance stopped: the seconds before, to be played", desk, f"/sessions/{stopped}", physician),
        Sight("desk-service", "interlocks, drive, buses, proof tests", desk, "/service", admin),
        Sight("desk-audit", "the audit trail", desk, "/audit", admin),
        Sight("desk-users", "who may sign on", desk, "/users", admin),
        Sight("desk-user", "one user", desk, "/users/1", admin),
        Sight("desk-settings", "the settings of the clinic", desk, "/settings", admin),
        Sight("desk-my-password", "changing one's own password and PIN", desk, "/me", admin),
        Sight("desk-nothing-here", "an address that is none", desk, "/nothing", physician),
    ]


def newest(clinic: Clinic, person_id: str) -> str:
    """The id of the person's last session."""
    return next(head.id for head in reversed(clinic.heads) if head.person_id == person_id)


def newest_stopped(clinic: Clinic) -> str:
    """The id of the last session that a loss of balance stopped."""
    return next(session.head.id for session in reversed(clinic.sessions) if session.head.summary.imbalance_events and session.head.person_id is not None)
