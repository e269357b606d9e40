"""Screening, rules set aside, measures; exporting and erasing: who may, what is refused and in which words."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from console_rig import FACTS, HEALTHY, NOW, Browser, walked, walker

from treadctl.console.care import QUESTIONS, SCALES
from treadctl.prescription.person import Screening
from treadctl.prescription.rules import may_set_aside
from treadctl.prescription.words import Rule
from treadctl.records.audit import Actor
from treadctl.records.model import Measure, Role, Series
from treadctl.records.rows_in import write_sessions
from treadctl.records.store import Records

DOCTOR = Actor("physician", "physician")
NO = dict.fromkeys(QUESTIONS, "no")
REASON = "A third session a week, as in the published trials."


def test_every_question_of_the_screening_is_asked() -> None:
    assert set(QUESTIONS) == set(Screening.model_fields) - {"answered_on"}
    assert set(QUESTIONS) == set(HEALTHY)
    assert set(SCALES) == set(Measure)


# --- screening -----------------------------------------------------------------------------------------------------------


async def test_a_screening_is_dated_and_signed_by_who_asked(desk: Browser, records: Records) -> None:
    person = await records.people.add(DOCTOR, facts=FACTS)
    await desk.sign_on(Role.STAFF)
    page = await desk.see(f"/people/{person.id}/screening")
    assert "I asked these questions today, Nov 27, 2026, and sign:" in page
    made = await desk.send(f"/people/{person.id}/screening", **{**NO, "knee_problem": "yes"}, signed="true")
    assert "The screening is signed and kept." in await desk.see(made.headers["location"])
    kept = await records.screenings.latest(person.id)
    assert kept is not None
    assert (kept.signer, kept.role, kept.at) == ("Staff", Role.STAFF, NOW)
    assert kept.answers == {**dict.fromkeys(QUESTIONS, False), "knee_problem": True}


@pytest.mark.parametrize("missing", list(QUESTIONS))
async def test_no_question_may_be_left_out(desk: Browser, records: Records, missing: str) -> None:
    person = await records.people.add(DOCTOR, facts=FACTS)
    await desk.sign_on(Role.STAFF)
    await desk.see(f"/people/{person.id}/screening")
    given = {key: value for key, value in NO.items() if key != missing}
    answer = await desk.send(f"/people/{person.id}/screening", 422, **given, signed="true")
    assert f"Not answered yet: {QUESTIONS[missing][0]}" in answer.text
    assert answer.text.count("checked") == len(QUESTIONS) - 1
    assert await records.screenings.latest(person.id) is None


async def test_answers_without_a_signature_are_not_kept_and_earlier_ones_never_filled_in(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    await desk.sign_on(Role.PHYSICIAN)
    page = await desk.see(f"/people/{person.id}/screening")
    assert "checked" not in page
    assert "Earlier" in page
    answer = await desk.send(f"/people/{person.id}/screening", 422, **NO)
    assert "Not signed" in answer.text
    assert len(await records.screenings.of(person.id)) == 1


async def test_a_screening_can_be_signed_at_the_machine_but_not_before_it_is_paired(kiosk: Browser, records: Records) -> None:
    person = await records.people.add(DOCTOR, facts=FACTS)
    await kiosk.send(f"/people/{person.id}/screening", 303, **NO, signed="true")
    assert await records.screenings.latest(person.id) is None
    await kiosk.sign_on(Role.STAFF)
    await kiosk.see(f"/people/{person.id}/screening")
    await kiosk.send(f"/people/{person.id}/screening", **NO, signed="true")
    assert await records.screenings.latest(person.id) is not None
    await kiosk.send(f"/people/{person.id}/measures", 403, kind="body_mass_kg", value="70")


# --- rules set aside ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.PHYSIOTHERAPIST, Role.PHYSICIAN])
async def test_exactly_the_rules_of_the_table_can_be_set_aside_by_each_clinician(desk: Browser, records: Records, role: Role) -> None:
    person = await records.people.add(DOCTOR, facts=FACTS)
    await desk.sign_on(role)
    page = await desk.see(f"/people/{person.id}/overrides")
    offered = set(re.findall(r'<option value="(\w+)"', page))
    assert offered == {rule.value for rule in Rule if may_set_aside(rule, role.value)}
    for rule in Rule:
        allowed = may_set_aside(rule, role.value)
        await desk.send(f"/people/{person.id}/overrides", 303 if allowed else 422 if "never" in _who(page, rule) else 403, rule=rule.value, reason=REASON)
    assert {one.rule for one in await records.overrides.in_force(person.id)} == offered


def _who(page: str, rule: Rule) -> str:
    found = re.search(rf'<th scope="row">{rule.value.replace("_", " ")}</th>.*?<td>([^<]*)</td></tr>', page, re.DOTALL)
    assert found is not None
    return found[1].replace("nobody", "never")


async def test_a_rule_set_aside_counts_at_once_and_again_when_it_is_withdrawn(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    async with records.database.write() as connection:
        await write_sessions(connection, [walked(person.id, 1), walked(person.id, 3)])
    await desk.sign_on(Role.PHYSICIAN)
    assert "Not today." in await desk.see(f"/people/{person.id}")
    await desk.send(f"/people/{person.id}/overrides", rule="weekly", reason=REASON)
    page = await desk.see(f"/people/{person.id}")
    assert "May walk today." in page
    assert f"Physician, physician: {REASON}" in page
    (override,) = await records.overrides.in_force(person.id)
    await desk.send(f"/people/{person.id}/overrides/{override.id}/withdraw")
    assert "Not today." in await desk.see(f"/people/{person.id}")
    assert "withdrawn by Physician" in await desk.see(f"/people/{person.id}/overrides")


@pytest.mark.parametrize(
    ("rule", "reason", "status", "says"),
    [
        ("", REASON, 422, "Choose the rule"),
        ("gravity", REASON, 422, "Choose the rule"),
        ("weekly", "", 422, "Write the reason in a sentence"),
        ("weekly", "because", 422, "Write the reason in a sentence"),
        ("weekly", "x" * 501, 422, "At most 500 letters"),
        ("weekly", "hidden \u200b signs in it", 422, "At most 500 letters"),
        ("osteoporosis", REASON, 403, "This rule may be set aside by: physician."),
        ("screening", REASON, 422, "This rule is never set aside."),
    ],
)
async def test_what_cannot_be_set_aside_is_said_and_what_was_written_stays(
    desk: Browser, records: Records, rule: str, reason: str, status: int, says: str
) -> None:
    person = await records.people.add(DOCTOR, facts=FACTS)
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    await desk.see(f"/people/{person.id}/overrides")
    answer = await desk.send(f"/people/{person.id}/overrides", status, rule=rule, reason=reason)
    assert says in answer.text
    assert reason in answer.text
    assert await records.overrides.of(person.id) == ()


async def test_a_rule_is_set_aside_once_and_withdrawn_only_where_it_belongs(desk: Browser, records: Records) -> None:
    person, other = await records.people.add(DOCTOR, facts=FACTS), await records.people.add(DOCTOR, facts=FACTS)
    await desk.sign_on(Role.PHYSICIAN)
    await desk.see(f"/people/{person.id}/overrides")
    await desk.send(f"/people/{person.id}/overrides", rule="weekly", reason=REASON)
    assert "set aside already" in (await desk.send(f"/people/{person.id}/overrides", 409, rule="weekly", reason=REASON)).text
    (override,) = await records.overrides.in_force(person.id)
    await desk.send(f"/people/{other.id}/overrides/{override.id}/withdraw", 404)
    await desk.send(f"/people/{person.id}/overrides/{override.id}/withdraw")
    await desk.send(f"/people/{person.id}/overrides/{override.id}/withdraw", 404)


async def test_staff_see_what_is_set_aside_and_decide_nothing(desk: Browser, records: Records) -> None:
    person = await records.people.add(DOCTOR, facts=FACTS)
    override = await records.overrides.add(DOCTOR, person.id, "weekly", REASON, by="Physician")
    await desk.sign_on(Role.STAFF)
    page = await desk.see(f"/people/{person.id}/overrides")
    assert REASON in page
    assert "Withdraw" not in page
    refused = await desk.send(f"/people/{person.id}/overrides", 403, rule="weekly", reason=REASON)
    assert "Your role is staff; this may be done by: physician, physiotherapist." in refused.text
    await desk.send(f"/people/{person.id}/overrides/{override.id}/withdraw", 403)


# --- measures ----------------------------------------------------------------------------------------------------------


async def test_a_measure_is_entered_shown_and_removed(desk: Browser, records: Records) -> None:
    person = await records.people.add(DOCTOR, facts=FACTS)
    await desk.sign_on(Role.STAFF)
    await desk.see(f"/people/{person.id}/measures")
    await desk.send(f"/people/{person.id}/measures", kind="backward_walk_3m_s", value="4,2", day="2026-11-20")
    await desk.send(f"/people/{person.id}/measures", kind="body_mass_kg", value="74")
    page = await desk.see(f"/people/{person.id}/measures")
    assert "4.2 s" in page
    assert "Nov 20, 2026" in page
    assert "Weighed at 74.0 kg on Nov 27, 2026; the rails are still judged by 70 kg." in await desk.see(f"/people/{person.id}")
    first, second = await records.measures.of(person.id)
    assert (first.value, first.by, first.day.isoformat(), second.day.isoformat()) == (4.2, "Staff", "2026-11-20", "2026-11-27")
    other = await records.people.add(DOCTOR, facts=FACTS)
    await desk.send(f"/people/{other.id}/measures/{first.id}/remove", 404)
    await desk.send(f"/people/{person.id}/measures/{first.id}/remove")
    assert await records.measures.of(person.id) == (second,)


@pytest.mark.parametrize(
    ("kind", "value", "day", "says"),
    [
        ("", "4", "2026-11-20", "Choose what was measured."),
        ("height", "4", "2026-11-20", "Choose what was measured."),
        ("backward_walk_3m_s", "0.4", "2026-11-20", "0.5 to 120 s"),
        ("backward_walk_3m_s", "inf", "2026-11-20", "0.5 to 120 s"),
        ("abc_percent", "100.1", "2026-11-20", "0 to 100"),
        ("body_mass_kg", "", "2026-11-20", "20 to 250 kg"),
        ("resting_heart_rate_per_min", "24", "2026-11-20", "25 to 220"),
        ("abc_percent", "60", "20.11.2026", "The day is not a date"),
        ("abc_percent", "60", "2026-11-28", "The day lies in the future, or before 1990."),
        ("abc_percent", "60", "1989-12-31", "The day lies in the future, or before 1990."),
    ],
)
async def test_a_measure_off_its_scale_is_said_and_not_kept(desk: Browser, records: Records, kind: str, value: str, day: str, says: str) -> None:
    person = await records.people.add(DOCTOR, facts=FACTS)
    await desk.sign_on(Role.STAFF)
    await desk.see(f"/people/{person.id}/measures")
    answer = await desk.send(f"/people/{person.id}/measures", 422, kind=kind, value=value, day=day)
    assert says in answer.text
    assert await records.measures.of(person.id) == ()


# --- a copy, and erasing -------------------------------------------------------------------------------------------------


async def test_a_copy_holds_everything_of_a_person_with_the_samples_on_wish(desk: Browser, records: Records) -> None:
    person, revision = await walker(records)
    await records.measures.add(DOCTOR, person.id, Measure.ABC_PERCENT, 70.0, NOW.date())
    long = walked(person.id, 2)
    series = Series((0.0, 0.5), (1.0, None), (1.0, 1.0), (None, None), (2.0, 2.0), (2.0, 2.0), (None, None), (None, None))
    async with records.database.write() as connection:
        await write_sessions(connection, [type(long)(long.head, 70.0, series=series)])
    await desk.sign_on(Role.ADMINISTRATOR)
    page = await desk.see(f"/people/{person.id}/erase")
    assert "Sample One" not in page
    short = await desk.send(f"/people/{person.id}/export", 200)
    assert short.headers["content-disposition"] == f'attachment; filename="treadctl-{person.id}.json"'
    whole = short.json()
    assert whole["person"]["name"] == "Sample One"
    assert [one["sha256"] for one in whole["prescriptions"]] == [revision.sha256]
    assert len(whole["sessions"]) == 4
    full = (await desk.send(f"/people/{person.id}/export", 200, samples="true")).json()
    assert {key: value for key, value in full.items() if key not in {"sessions", "audit"}} == {
        key: value for key, value in whole.items() if key not in {"sessions", "audit"}
    }
    assert [one["head"]["id"] for one in full["sessions"]] == [one["head"]["id"] for one in whole["sessions"]]
    assert [one["series"]["measured_mps"] for one in full["sessions"]][-1] == [1.0, None]
    assert [entry.action for entry in (await records.audit.entries(subject=person.id, who="administrator")).items] == ["person.exported"] * 2


@pytest.mark.parametrize(
    ("typed", "sessions", "says"),
    [("", "keep", "Nothing was erased."), ("P", "keep", "Nothing was erased."), ("ID", "", "Choose what becomes of the sessions.")],
)
async def test_erasing_asks_for_the_id_and_what_becomes_of_the_sessions(desk: Browser, records: Records, typed: str, sessions: str, says: str) -> None:
    person, _ = await walker(records)
    await desk.sign_on(Role.PHYSICIAN)
    await desk.see(f"/people/{person.id}/erase")
    answer = await desk.send(f"/people/{person.id}/erase", 422, typed=typed.replace("ID", person.id), sessions=sessions)
    assert says in answer.text
    assert (await records.people.get(person.id)).name == "Sample One"


@pytest.mark.parametrize("sessions", ["keep", "remove"])
async def test_who_was_erased_is_named_on_no_page(desk: Browser, records: Records, sessions: str) -> None:
    person, _ = await walker(records)
    await records.people.change(DOCTOR, person.id, 1, note="left knee, prefers mornings")
    await desk.sign_on(Role.PHYSICIAN)
    await desk.see(f"/people/{person.id}")
    assert (await desk.client.get(f"/people/{person.id}/progress.pdf")).status_code == 200
    assert desk.context.workshop.jobs() != ()
    made = await desk.send(f"/people/{person.id}/erase", typed=f" {person.id} ", sessions=sessions)
    page = await desk.see(made.headers["location"])
    assert "Erased." in page
    assert desk.context.workshop.jobs() == ()  # nor in a report that was made of them
    session = f"/sessions/{person.id}-10"
    pages = [page, await desk.see("/people?away=true"), await desk.see("/people?q=sample"), await desk.see("/sessions")]
    pages += [await desk.see(f"/people/{person.id}", 410), await desk.see(session, 200 if sessions == "keep" else 404)]
    for one in pages:
        assert "Sample One" not in one
        assert "prefers mornings" not in one
    assert ("nobody’s" in pages[-1]) is (sessions == "keep")
    for path in ("facts", "screening", "overrides", "measures", "erase"):
        assert "This person was erased on Nov 27, 2026." in await desk.see(f"/people/{person.id}/{path}", 410)
    await desk.see("/live")
    forms = {"screening": {**NO, "signed": "true"}, "measures": {"kind": "abc_percent", "value": "60"}, "overrides": {"rule": "weekly", "reason": REASON}}
    for path, form in forms.items():
        await desk.send(f"/people/{person.id}/{path}", 410, **form)


async def test_only_a_physician_or_an_administrator_erases(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    await desk.see(f"/people/{person.id}/erase", 403)
    await desk.send(f"/people/{person.id}/erase", 403, typed=person.id, sessions="keep")
    assert (await records.people.get(person.id)).erased_at is None


async def test_an_administrator_comes_to_a_record_by_its_id_only(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    await desk.sign_on(Role.ADMINISTRATOR)
    page = await desk.see("/people")
    assert person.id not in page
    assert "Your role sees no records." in page
    assert person.id in await desk.see(f"/person?person_id={person.id}")
    assert "there is no such record" in await desk.see("/person?person_id=PNOBODY", 404)
    await desk.see(f"/people/{person.id}/erase")
    await desk.send(f"/people/{person.id}/erase", typed=person.id, sessions="keep")
    assert (await records.people.get(person.id)).erased_at is not None


async def test_a_new_screening_replaces_one_that_is_too_old(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    desk.clock.later(timedelta(days=200).total_seconds())
    await desk.sign_on(Role.PHYSICIAN)
    assert "The screening is too old or wrongly dated: ask again." in await desk.see(f"/people/{person.id}")
    await desk.send(f"/people/{person.id}/screening", **NO, signed="true")
    assert "too old" not in await desk.see(f"/people/{person.id}")
