"""Who is in the records before a browser opens: one user for each role, and people made so that each is what a test needs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher

from treadctl.console.settings import load
from treadctl.records.audit import Actor
from treadctl.records.model import Outcome, Role, Session, SessionHead, Summary
from treadctl.records.rows_in import write_sessions
from treadctl.records.store import Records
from treadctl.records.vault import make_key

PASSWORD, PIN = "seven quiet treadmills", "519402"
SYSTEM: Final = Actor("test", "system")
DOCTOR: Final = Actor("physician", "physician")
FACTS: Final = 'format = 1\nmass_kg = 72.0\nage_years = 50\nexperience = "walker"\nown_forward_speed_kmh = 5.0\nusual_minutes = 60.0\n'
HEALTHY: Final[Mapping[str, bool]] = dict.fromkeys(
    ("severe_osteoporosis", "vestibular_dysfunction", "lumbar_problem", "ankle_problem", "knee_problem", "beta_blocker"), False
)
PROFILES: Final = Path(__file__).resolve().parents[1] / "profiles"
KNEE: Final = (PROFILES / "knee-oa-retro-walk.toml").read_text(encoding="utf-8").replace("minutes = 1.5", "seconds = 2")  # limbering up takes no time here
TITLE: Final = "Knee, backward walking"


@dataclass(frozen=True)
class Someone:
    """A person of the records. As it stands: somebody who may walk today, with three sessions without an event, hands hardly on the rails.

    `walked` are the days since those sessions, `screened` the days since the screening, None for never; `asides` are rules that a physician set aside.
    """

    number: int
    facts: str = FACTS
    screened: int | None = 7
    yes: tuple[str, ...] = ()
    walked: tuple[int, ...] = (24, 17, 10)
    asides: tuple[str, ...] = ()
    rail_load_percent: float = 2.0
    profile: str = KNEE
    edit: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As staff see it."""
        return f"Sample {self.number:02d}"

    @property
    def id(self) -> str:
        """The number in the records."""
        return f"PTEST{self.number:02d}"

    @property
    def prescribed(self) -> str:
        """The text of the prescription."""
        text = self.profile
        for old, new in self.edit.items():
            if old not in text:
                raise ValueError(f"nothing to edit: {old!r}")
            text = text.replace(old, new)
        return text


def filled(people: Iterable[Someone]) -> Callable[[Path], None]:
    """What fills new records with these people, for `console_stand`."""
    them = tuple(people)

    def fill(settings_file: Path) -> None:
        with ThreadPoolExecutor(1) as beside:  # this thread has the browser's own loop
            beside.submit(lambda: asyncio.run(_fill(settings_file, them))).result()

    return fill


async def _fill(settings_file: Path, people: tuple[Someone, ...]) -> None:
    settings = load(settings_file)
    key = Path(str(settings.names_key))
    make_key(key)
    records = await Records.open(settings.database, key)
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    for role in Role:
        await records.users.add(SYSTEM, role.value, role.value.title(), role, password_hash=hasher.hash(PASSWORD), pin_hash=hasher.hash(PIN))
    await records.close()
    await add_people(settings_file, people)


async def add_people(settings_file: Path, people: Iterable[Someone]) -> None:
    """Put these people into records that have users and a key already."""
    settings, now = load(settings_file), datetime.now(UTC)
    clock = [now]
    records = await Records.open(settings.database, Path(str(settings.names_key)), now=lambda: clock[0])
    for person in people:
        clock[0] = now - timedelta(days=400)
        await records.people.add(DOCTOR, facts=person.facts, name=person.name, person_id=person.id)
        if person.screened is not None:
            clock[0] = now - timedelta(days=person.screened)
            await records.screenings.add(DOCTOR, person.id, {**HEALTHY, **dict.fromkeys(person.yes, True)}, signer="physician")
        clock[0] = now
        for rule in person.asides:
            await records.overrides.add(DOCTOR, person.id, rule, "Several times a day on this bench.", by="physician")
        await records.prescriptions.new(DOCTOR, person.id, TITLE, person.prescribed)
        async with records.database.write() as connection:
            await write_sessions(connection, [walked(person, days) for days in person.walked])
    await records.close()


def walked(person: Someone, days_ago: int) -> Session:
    """A session without an event."""
    summary = Summary(
        duration_s=700.0, belt_s=600.0, distance_m=500.0, peak_mps=1.0, mean_mps=0.8, rail_load_percent=person.rail_load_percent, max_dizziness=1.0,
    )  # fmt: skip
    at = datetime.now(UTC) - timedelta(days=days_ago)
    head = SessionHead(
        f"{person.id}-{days_ago}", person.id, None, "altivar-rtu", "knee-oa-retro-walk", "ab" * 32, "reverse", "console", at, Outcome.COMPLETED, None, summary
    )
    return Session(head, 72.0)
