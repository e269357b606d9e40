"""What stands beside people and sessions: screening, overrides, measures, settings, answers that are kept."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import pytest
from records_rig import CHIEF, DOCTOR, PHYSIO, Clock, actions, refusal
from sqlalchemy.exc import StatementError

from treadctl.records.audit import Actor
from treadctl.records.model import Measure, Role, StopRecord
from treadctl.records.plain import plain, restored
from treadctl.records.store import Records


async def test_the_last_screening_counts_and_the_older_ones_stay(records: Records) -> None:
    person = await records.people.add(PHYSIO)
    assert await records.screenings.latest(person.id) is None
    first = await records.screenings.add(PHYSIO, person.id, {"lumbar_problem": True, "ankle_problem": False})
    second = await records.screenings.add(DOCTOR, person.id, {"lumbar_problem": False, "ankle_problem": False}, signer="The Doctor")
    assert (second.signer, second.role, first.signer) == ("The Doctor", Role.PHYSICIAN, "physio")
    assert await records.screenings.latest(person.id) == second
    assert await records.screenings.of(person.id) == (second, first)


async def test_who_has_no_role_of_the_clinic_signs_nothing(records: Records) -> None:
    person = await records.people.add(PHYSIO)
    with pytest.raises(ValueError, match="system"):
        await records.screenings.add(Actor("importer", "system"), person.id, {})


async def test_an_override_counts_until_it_is_withdrawn(records: Records) -> None:
    person = await records.people.add(PHYSIO)
    first = await records.overrides.add(DOCTOR, person.id, "lumbar", "seen and judged today")
    second = await records.overrides.add(PHYSIO, person.id, "age", "walks every day", by="The Physio")
    assert await records.overrides.in_force(person.id) == (first, second)
    await records.overrides.withdraw(DOCTOR, first.id)
    assert await records.overrides.in_force(person.id) == (second,)
    withdrawn = (await records.overrides.of(person.id))[0]
    assert (withdrawn.withdrawn_by, withdrawn.withdrawn_at is not None) == ("doctor", True)
    for number in (first.id, 99):
        assert (await refusal(records.overrides.withdraw(DOCTOR, number))).kind.code == "TC605"
    assert (await refusal(records.overrides.add(DOCTOR, person.id, "age", " "))).kind.code == "TC104"
    entries = (await records.audit.entries(subject=person.id)).items
    assert not any("judged" in entry.detail for entry in entries)


async def test_measures_are_read_by_day_whatever_day_they_were_entered(records: Records) -> None:
    person = await records.people.add(PHYSIO)
    late = await records.measures.add(PHYSIO, person.id, Measure.ABC_PERCENT, 80.0, date(2026, 3, 2))
    early = await records.measures.add(PHYSIO, person.id, Measure.ABC_PERCENT, 71.5, date(2025, 12, 31))
    other = await records.measures.add(PHYSIO, person.id, Measure.BODY_MASS_KG, 70.0, date(2026, 1, 1))
    assert await records.measures.of(person.id) == (early, other, late)
    assert await records.measures.of(person.id, Measure.ABC_PERCENT) == (early, late)
    await records.measures.remove(PHYSIO, early.id)
    assert await records.measures.of(person.id) == (other, late)
    assert (await refusal(records.measures.remove(PHYSIO, early.id))).kind.code == "TC605"
    assert (await actions(records))[-2:] == ["measure.added", "measure.removed"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
async def test_a_measure_is_a_number(records: Records, value: float) -> None:
    person = await records.people.add(PHYSIO)
    assert (await refusal(records.measures.add(PHYSIO, person.id, Measure.BODY_MASS_KG, value, date(2026, 3, 2)))).kind.code == "TC104"


async def test_settings_are_put_and_read_and_the_trail_has_the_key_only(records: Records) -> None:
    assert await records.settings.get("clinic", {"name": ""}) == {"name": ""}
    await records.settings.put(CHIEF, "clinic", {"name": "Ålesund", "beds": [1, 2.5, None, True]})
    await records.settings.put(CHIEF, "clinic", {"name": "Other"})
    await records.settings.put(CHIEF, "pairing", "x")
    await records.settings.put(CHIEF, "pairing", None)
    assert await records.settings.get("clinic") == {"name": "Other"}
    assert await records.settings.get("pairing", "not there") == "not there"
    assert await records.settings.all() == {"clinic": {"name": "Other"}}
    assert {(entry.subject, entry.detail) for entry in (await records.audit.entries()).items} == {("clinic", ""), ("pairing", "")}


async def test_an_answer_is_kept_for_its_user_and_key_and_the_first_counts(records: Records, clock: Clock) -> None:
    assert await records.answers.find("physio", "k") is None
    first, again = await asyncio.gather(records.answers.keep("physio", "k", "d1", "one"), records.answers.keep("physio", "k", "d2", "two"))
    assert first == again
    assert await records.answers.find("physio", "k") == first
    assert await records.answers.find("doctor", "k") is None
    clock.now += timedelta(days=1)
    await records.answers.keep("doctor", "k", "d3", "three")
    assert await records.answers.forget(clock.now - timedelta(hours=1)) == 1
    assert await records.answers.find("physio", "k") is None
    assert await records.answers.find("doctor", "k") is not None


def test_a_field_of_a_later_release_is_passed_over_and_one_that_is_missing_has_its_default() -> None:
    stop = StopRecord(1.5, "cord_open", "STO", "The cord is open.")
    assert restored(StopRecord, plain(stop) | {"later": 1}) == stop
    assert restored(StopRecord, {key: value for key, value in plain(stop).items() if key != "travel_m"}) == stop


async def test_what_json_does_not_know_is_put_nowhere(records: Records) -> None:
    with pytest.raises(StatementError):
        await records.settings.put(CHIEF, "clinic", float("inf"))
    assert await records.settings.all() == {}


async def test_records_open_by_their_url_and_close(records: Records) -> None:
    url = records.database._engine.url.render_as_string(hide_password=False)
    again = await Records.open(url)
    assert again.people.vault.locked
    assert (await again.people.search()).items == ()
    await again.close()
