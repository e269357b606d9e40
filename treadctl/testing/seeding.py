"""Puts a sample clinic into records, each entry at its own instant, as if it had been written then."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher

from treadctl.console.settings import load
from treadctl.console.words import Words
from treadctl.records.audit import Actor
from treadctl.records.model import Role, Session
from treadctl.records.rows_in import write_proof_tests, write_sessions
from treadctl.records.store import Records
from treadctl.records.vault import make_key
from treadctl.testing.clinic import Clinic, make_clinic

SYSTEM: Final = Actor("sample clinic", "system")


@dataclass(frozen=True, slots=True)
class Secrets:
    """What every user of the sample clinic signs on with: the password at a desk, the PIN at the machine."""

    password: str
    pin: str


@dataclass
class _Clock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now


def seed_records(settings_file: Path, seed: int, secrets: Secrets) -> Clinic:
    """Make the clinic of that seed as of now in the new records that these settings name."""
    settings = load(settings_file)
    key = Path(settings.names_key) if settings.names_key is not None else None
    if key is not None:
        make_key(key)
    now = datetime.now(UTC)
    clinic = make_clinic(seed, now, Words(zone=settings.zone).zone)
    asyncio.run(_fill(settings.database, key, clinic, secrets))
    return clinic


async def _fill(url: str, key: Path | None, clinic: Clinic, secrets: Secrets) -> None:
    clock = _Clock(min(person.created_at for person in clinic.persons))
    records = await Records.open(url, key, now=clock)
    try:
        await _users(records, clinic, secrets)
        roles = {user.login: user.role for user in clinic.users}
        revisions = await _people(records, clinic, clock, roles)
        await _sessions(records, clinic, clock, revisions)
    finally:
        await records.close()


async def _users(records: Records, clinic: Clinic, secrets: Secrets) -> None:
    hasher = PasswordHasher()
    password, pin = hasher.hash(secrets.password), hasher.hash(secrets.pin)
    for user in clinic.users:
        await records.users.add(SYSTEM, user.login, user.name, user.role, password_hash=password, pin_hash=pin)


async def _people(records: Records, clinic: Clinic, clock: _Clock, roles: dict[str, Role]) -> dict[int, int]:
    """Everything about people but their sessions, in the order of time; which revision of the clinic became which of the records."""

    def actor(login: str) -> Actor:
        return Actor(login, roles[login].value if login in roles else "system")

    for person in clinic.persons:
        clock.now = person.created_at
        await records.people.add(SYSTEM, facts=person.facts, name=person.name, note=person.note, person_id=person.id)
        if person.archived:
            await records.people.archive(SYSTEM, person.id, 1)
    for screening in clinic.screenings:
        clock.now = screening.at
        await records.screenings.add(actor(screening.signer), screening.person_id, screening.answers, signer=screening.signer)
    for override in clinic.overrides:
        clock.now = override.at
        written = await records.overrides.add(actor(override.by), override.person_id, override.rule, override.reason, by=override.by)
        if override.withdrawn_at is not None:
            clock.now = override.withdrawn_at
            await records.overrides.withdraw(actor(override.withdrawn_by), written.id, by=override.withdrawn_by)
    found: dict[int, int] = {}
    prescriptions: dict[int, int] = {}
    for revision in sorted(clinic.revisions, key=lambda r: (r.at, r.number)):
        clock.now = revision.at
        who = actor(revision.by)
        if revision.number == 1:
            kept = await records.prescriptions.new(who, revision.person_id, revision.title, revision.text, note=revision.note, by=revision.by)
            prescriptions[revision.prescription_id] = kept.prescription_id
        else:
            mine = prescriptions[revision.prescription_id]
            kept = await records.prescriptions.revise(who, mine, revision.number - 1, revision.title, revision.text, note=revision.note, by=revision.by)
        found[revision.id] = kept.id
    newest = {revision.prescription_id: revision for revision in sorted(clinic.revisions, key=lambda r: r.number)}
    for revision in newest.values():
        if revision.withdrawn_at is not None:
            clock.now = revision.withdrawn_at
            await records.prescriptions.withdraw(actor(revision.by), prescriptions[revision.prescription_id])
    for measure in clinic.measures:
        await records.measures.add(actor(measure.by), measure.person_id, measure.measure, measure.value, measure.day, by=measure.by)
    return found


async def _sessions(records: Records, clinic: Clinic, clock: _Clock, revisions: dict[int, int]) -> None:
    def renumbered(session: Session) -> Session:
        number = session.head.revision_id
        return replace(session, head=replace(session.head, revision_id=revisions.get(number) if number is not None else None))

    clock.now = clinic.now
    async with records.database.write() as connection:
        await write_sessions(connection, [renumbered(session) for session in clinic.sessions])
        await write_proof_tests(connection, clinic.proof_tests)
