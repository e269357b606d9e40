"""What the tests of prescriptions share: a short text, ways to spoil it, and people to prescribe it for."""

from __future__ import annotations

from console_rig import HEALTHY, PROFILES, Browser, walker

from treadctl.records.audit import Actor
from treadctl.records.model import Person, Revision
from treadctl.records.store import Records

DOCTOR = Actor("physician", "physician")
GOOD = (PROFILES / "knee-oa-retro-walk.toml").read_text(encoding="utf-8")
SHORT = """format = 1
name = "short"
title = "Short"
for_whom = "Anybody."
facing = "console"
direction = "reverse"
requires = ["attendant"]

[[sources]]
cite = "Clinic"
says = "By judgement."
mark = "derived"

[[warm_up]]
kind = "floor"
label = "Ankles"
minutes = 1

[[warm_up]]
label = "Step on"
minutes = 2
speed_kmh = 0.8

[[main]]
label = "Walk"
minutes = 5
speed_kmh = 1.0  # as slow as it gets

[[cool_down]]
label = "Slower"
minutes = 2
speed_kmh = 0.8

[[cool_down]]
kind = "floor"
label = "Stretch"
minutes = 1
"""


def changed(old: str, new: str) -> str:
    assert SHORT.count(old) == 1
    return SHORT.replace(old, new)


FAST = changed("speed_kmh = 1.0", "speed_kmh = 7.0")
STEEP = changed("minutes = 5\nspeed_kmh = 1.0", "seconds = 1\nspeed_kmh = 3.0")
ABRUPT = changed("minutes = 5\nspeed_kmh = 1.0", "seconds = 2\nspeed_kmh = 1.9")


async def newcomer(records: Records) -> Person:
    """A person in their first sessions: at most 3 km/h, ramps of at most 0.1 m/s²."""
    person = await records.people.add(DOCTOR, facts='format = 1\nmass_kg = 70.0\nexperience = "first"\n', name="Sample Two")
    await records.screenings.add(DOCTOR, person.id, HEALTHY, signer="physician")
    return person


async def prescribed(records: Records, text: str = SHORT) -> tuple[Person, Revision]:
    person, _ = await walker(records)
    return person, await records.prescriptions.new(DOCTOR, person.id, "Short", text)


async def written(desk: Browser, person: Person) -> int:
    """How many prescriptions the record has of somebody."""
    return len(await desk.records.prescriptions.current(person.id))
