"""The list of people and the record of one: what is shown to whom, how facts are entered, and what is said about a wrong entry."""

from __future__ import annotations

import re

import pytest
from console_rig import FACTS, PASSWORD, SYSTEM, Browser, walker

from treadctl.errors import TreadctlError
from treadctl.records.audit import Actor
from treadctl.records.model import Role
from treadctl.records.store import Records
from treadctl.records.vault import Vault
from treadctl.reports.figures import Units

DOCTOR = Actor("physician", "physician")
ENTERED = {"name": "Sample Two", "note": "", "mass_kg": "82,5", "age_years": "61", "own_speed": "4.5", "experience": "first", "usual_minutes": "40"}
CARE = (Role.VIEWER, Role.STAFF, Role.PHYSIOTHERAPIST, Role.PHYSICIAN)


def version_in(page: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', page)
    assert found is not None
    return found[1]


async def test_a_person_is_added_by_a_form_and_stands_in_the_list(desk: Browser, records: Records) -> None:
    await desk.sign_on(Role.PHYSIOTHERAPIST)
    await desk.see("/people/new")
    made = await desk.send("/people/new", **ENTERED, max_speed="3.5", max_rpe="15", keep_gait="true")
    page = await desk.see(made.headers["location"])
    assert "Added." in page
    assert "Sample Two" in await desk.see("/people")
    (person,) = (await records.people.search("two")).items
    assert person.facts == (
        'format = 1\nexperience = "first"\nkeep_gait = true\nmass_kg = 82.5\nage_years = 61\nown_forward_speed_kmh = 4.5\nusual_minutes = 40.0\n\n'
        "[caps]\nmax_speed_kmh = 3.5\nmax_rpe = 15.0\n"
    )


async def test_the_form_sent_twice_adds_one_person(desk: Browser, records: Records) -> None:
    await desk.sign_on(Role.STAFF)
    key = re.search(r'name="once" value="([^"]+)"', await desk.see("/people/new"))
    assert key is not None
    first = await desk.send("/people/new", **ENTERED, once=key[1])
    second = await desk.send("/people/new", **ENTERED, once=key[1])
    assert first.headers["location"] == second.headers["location"]
    assert len((await records.people.search()).items) == 1


@pytest.mark.parametrize(
    ("field", "entry", "says"),
    [
        ("mass_kg", "", "Body mass: it is needed."),
        ("mass_kg", "seventy", "Body mass: &#39;seventy&#39; is not a number."),
        ("mass_kg", "nan", "is not a number"),
        ("mass_kg", "1e2", "is not a number"),
        ("mass_kg", "5", "Body mass: must be at least 20.0."),
        ("age_years", "61.5", "Age: must be a whole number."),
        ("age_years", "999999999999", "Age: must be"),
        ("own_speed", "90", "Own usual forward speed: must be at most 40.0."),
        ("own_speed", "-1", "Own usual forward speed: must be greater than 0.0."),
        ("usual_minutes", "0", "Usual length of an own session: must be greater than 0.0."),
        ("experience", "expert", "Experience with going backward: must be one of"),
        ("max_dizziness", "11", "Dizziness at which the belt stops: must be at most 10.0."),
    ],
)
async def test_a_wrong_entry_is_said_in_the_words_of_the_form_and_nothing_is_lost(
    desk: Browser, records: Records, field: str, entry: str, says: str
) -> None:
    await desk.sign_on(Role.PHYSICIAN)
    answer = await desk.send("/people/new", 422, **{**ENTERED, field: entry})
    assert says in answer.text
    assert 'value="Sample Two"' in answer.text
    assert (await records.people.search()).items == ()


@pytest.mark.parametrize(("units", "kept"), [(Units.MPS, "own_forward_speed_mps = 1.5"), (Units.MPH, "own_forward_speed_mps = 0.6706")])
async def test_a_speed_is_entered_and_shown_in_the_unit_of_the_clinic(desk: Browser, records: Records, units: Units, kept: str) -> None:
    await records.settings.put(SYSTEM, "house", {"units": units.value})
    await desk.sign_on(Role.PHYSICIAN)
    made = await desk.send("/people/new", **{**ENTERED, "own_speed": "1.5"})
    address = made.headers["location"].partition("?")[0]
    (person,) = (await records.people.search()).items
    assert kept in person.facts
    assert 'name="own_speed" value="1.5"' in await desk.see(f"{address}/facts")
    answer = await desk.send("/people/new", 422, **{**ENTERED, "own_speed": "99"})
    assert "must be at most 12.0 (m/s)" in answer.text


async def test_of_two_who_change_at_once_the_second_sees_both_and_decides(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    await desk.sign_on(Role.PHYSICIAN)
    old = version_in(await desk.see(f"/people/{person.id}/facts"))
    await records.people.change(DOCTOR, person.id, person.version, facts=FACTS.replace("70.0", "77.0"))
    answer = await desk.send(f"/people/{person.id}/facts", 412, version=old, **{**ENTERED, "mass_kg": "71"})
    assert "Somebody else has changed this meanwhile" in answer.text
    assert re.search(r"Body mass</th><td>77</td><td>71</td>", answer.text)
    assert (await records.people.get(person.id)).facts == FACTS.replace("70.0", "77.0")
    await desk.send(f"/people/{person.id}/facts", version=version_in(answer.text), **{**ENTERED, "mass_kg": "71"})
    assert "mass_kg = 71.0" in (await records.people.get(person.id)).facts


async def test_facts_that_cannot_be_read_are_shown_and_can_be_entered_again(desk: Browser, records: Records) -> None:
    broken = 'format = 1\nmass_kg = 70.0\nmass_kg = 71.0\nnote = "<b>"\n'
    person = await records.people.add(DOCTOR, facts=broken, name="Sample Three")
    await desk.sign_on(Role.PHYSICIAN)
    assert "The facts cannot be read; enter them again." in await desk.see(f"/people/{person.id}")
    page = await desk.see(f"/people/{person.id}/facts")
    assert "mass_kg = 71.0" in page
    assert "&lt;b&gt;" in page
    await desk.send(f"/people/{person.id}/facts", version=version_in(page), **ENTERED)
    assert "mass_kg = 82.5" in (await records.people.get(person.id)).facts
    assert "May walk" not in await desk.see(f"/people/{person.id}")


async def test_both_units_in_one_record_are_a_conflict_that_the_page_survives(desk: Browser, records: Records) -> None:
    both = "format = 1\nmass_kg = 70.0\nown_forward_speed_kmh = 5.0\nown_forward_speed_mps = 1.0\n"
    person = await records.people.add(DOCTOR, facts=both)
    await desk.sign_on(Role.PHYSICIAN)
    page = await desk.see(f"/people/{person.id}")
    assert "own_forward_speed_kmh is already there; give only one" in page
    form = await desk.see(f"/people/{person.id}/facts")
    await desk.send(f"/people/{person.id}/facts", version=version_in(form), **ENTERED)
    assert "own_forward_speed_mps" not in (await records.people.get(person.id)).facts


async def test_staff_change_facts_but_not_what_a_clinician_lowered(desk: Browser, records: Records) -> None:
    person = await records.people.add(DOCTOR, facts=FACTS + "[caps]\nmax_speed_kmh = 2.0\nmax_pain = 2.0\n")
    await desk.sign_on(Role.STAFF)
    page = await desk.see(f"/people/{person.id}/facts")
    assert "<fieldset disabled>" in page
    await desk.send(f"/people/{person.id}/facts", version=version_in(page), **ENTERED, max_speed="9", max_pain="9")
    facts = (await records.people.get(person.id)).facts
    assert "mass_kg = 82.5" in facts
    assert facts.endswith("[caps]\nmax_speed_kmh = 2.0\nmax_pain = 2.0\n")
    await desk.see("/people/new")
    made = await desk.send("/people/new", **ENTERED, max_speed="9")
    assert "caps" not in (await records.people.get(made.headers["location"].split("/")[2].partition("?")[0])).facts


async def test_what_a_person_is_called_or_noted_as_stays_text(desk: Browser, records: Records) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    person = await records.people.add(DOCTOR, facts=FACTS, name=evil, note=evil)
    await records.overrides.add(DOCTOR, person.id, "weekly", evil, by=evil)
    await records.screenings.add(DOCTOR, person.id, {"knee_problem": True}, signer=evil)
    await records.prescriptions.new(DOCTOR, person.id, evil, "format = 1\n", note=evil)
    await desk.sign_on(Role.PHYSICIAN)
    for path in ("", "/facts", "/screening", "/overrides", "/measures", "/erase"):
        page = await desk.see(f"/people/{person.id}{path}")
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in await desk.see(f"/people/{person.id}")
    assert "<img src=x" not in await desk.see("/people?q=" + "%3Cimg%20src%3Dx%3E")


async def test_the_list_goes_on_page_by_page_and_shows_each_person_once(desk: Browser, records: Records) -> None:
    for number in range(120):
        await records.people.add(DOCTOR, facts=FACTS, person_id=f"N{number:03d}")
    await desk.sign_on(Role.VIEWER)
    seen: list[str] = []
    address: str | None = "/people"
    while address is not None:
        page = await desk.see(address)
        seen += re.findall(r'href="/people/(N\d+)"', page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        address = following[1].replace("&amp;", "&") if following else None
    assert seen == [f"N{number:03d}" for number in range(120)]


async def test_somebody_put_away_is_found_among_those_only_and_comes_back(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    await desk.sign_on(Role.STAFF)
    page = await desk.see(f"/people/{person.id}")
    await desk.send(f"/people/{person.id}/archive", version=version_in(page))
    assert person.id not in await desk.see("/people")
    assert person.id in await desk.see("/people?away=true")
    page = await desk.see(f"/people/{person.id}")
    await desk.send(f"/people/{person.id}/archive", 412, version="1")
    await desk.send(f"/people/{person.id}/restore", version=version_in(page))
    assert person.id in await desk.see("/people")


async def test_without_the_key_of_names_people_are_found_by_id_and_their_names_stay_sealed(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    vault, records.people.vault = records.people.vault, Vault(None, "nowhere")
    await desk.sign_on(Role.STAFF)
    page = await desk.see(f"/people?q={person.id}")
    assert "Names are locked" in page
    assert f'href="/people/{person.id}"' in page
    form = await desk.see(f"/people/{person.id}/facts")
    await desk.send(f"/people/{person.id}/facts", version=version_in(form), **{**ENTERED, "name": "Somebody Else"})
    answer = await desk.send("/people/new", 409, **ENTERED)
    assert "names cannot be read or written" in answer.text
    records.people.vault = vault
    assert (await records.people.get(person.id)).name == "Sample One"


async def test_the_page_says_what_is_to_be_settled_today_and_what_comes_next(desk: Browser, records: Records) -> None:
    person, revision = await walker(records)
    await records.prescriptions.revise(DOCTOR, revision.prescription_id, 1, revision.title, revision.text + "\n", note="again")
    await desk.sign_on(Role.VIEWER)
    page = await desk.see(f"/people/{person.id}")
    assert "May walk today." in page
    assert "Next step" in page
    assert "Slower: at most 3.5 km/h" in page
    assert "caps allow 3.5 km/h." in page
    assert f'href="/prescriptions/{revision.prescription_id}"' in page
    assert page.count('<li value="') == 2
    other, _ = await walker(records, severe_osteoporosis=True)
    page = await desk.see(f"/people/{other.id}")
    assert "Not today." in page
    assert "Severe osteoporosis: no backward training." in page


async def test_a_person_without_prescription_or_screening_is_told_what_is_missing(desk: Browser, records: Records) -> None:
    person = await records.people.add(DOCTOR, facts=FACTS)
    await desk.sign_on(Role.STAFF)
    page = await desk.see(f"/people/{person.id}")
    assert "Nothing is prescribed for this person. A physiotherapist prescribes at a desk." in page
    assert "Not screened yet." in page
    assert "No earlier session with a known speed" in page


async def test_the_trail_notes_who_looked_at_whom(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    await desk.sign_on(Role.VIEWER)
    await desk.see(f"/people/{person.id}")
    (entry,) = (await records.audit.entries(subject=person.id, who="viewer")).items
    assert (entry.action, entry.detail) == ("person.viewed", "")


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_sees_only_the_entries_it_may_use(desk: Browser, records: Records, role: Role) -> None:
    person, _ = await walker(records)
    await desk.sign_on(role)
    cares = role in CARE
    menu = await desk.see("/live")
    assert ('href="/people"' in menu) is (cares or role is Role.ADMINISTRATOR)
    assert ('href="/sessions"' in menu) is cares
    assert ('href="/audit"' in menu) is (role in {Role.SERVICE, Role.ADMINISTRATOR})
    assert ('href="/users"' in menu) is (role is Role.ADMINISTRATOR)
    page = await desk.see(f"/people/{person.id}", 200 if cares else 403)
    assert ("Sample One" in page) is cares
    assert ("/facts" in page) is (cares and role is not Role.VIEWER)
    assert (f"/people/{person.id}/erase" in page) is (role is Role.PHYSICIAN)
    assert ("/export" in page) is (role in {Role.PHYSIOTHERAPIST, Role.PHYSICIAN})


@pytest.mark.parametrize("path", ["", "/facts", "/screening", "/overrides", "/measures", "/erase"])
async def test_nobody_who_has_not_signed_on_sees_anything_of_a_person(desk: Browser, records: Records, path: str) -> None:
    person, _ = await walker(records)
    page = await desk.see(f"/people/{person.id}{path}")
    assert 'name="secret"' in page
    assert "Sample One" not in page
    await desk.ask(f"/api/v1/people/{person.id}/trends", method="GET", status=401)


async def test_every_form_needs_the_token_of_its_page(desk: Browser, records: Records) -> None:
    person, _ = await walker(records)
    await desk.sign_on(Role.PHYSICIAN)
    desk.csrf = "guessed"
    for path in ("facts", "screening", "overrides", "measures", "archive", "export", "erase"):
        await desk.send(f"/people/{person.id}/{path}", 403, version="1", typed=person.id, sessions="keep")
    await desk.send("/people/new", 403, **ENTERED)
    assert (await records.people.get(person.id)).version == 1


async def test_somebody_who_is_not_there_is_a_page_that_says_so(desk: Browser) -> None:
    await desk.sign_on(Role.PHYSICIAN)
    for path in ("", "/facts", "/screening", "/overrides", "/measures", "/erase"):
        assert "there is no such record" in (await desk.see(f"/people/PNOBODY{path}", 404)).lower()
    assert "this is no page of this list" in await desk.see("/people?after=abc", 422)


async def test_the_page_of_a_refusal_keeps_the_menu_unless_the_database_is_away(desk: Browser, records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise TreadctlError("database_absent", "test", "unplugged")

    await desk.sign_on(Role.VIEWER)
    assert 'href="/sessions"' in await desk.see("/people/new", 403)
    monkeypatch.setattr(records.database, "read", away)
    page = await desk.see("/people", 503)
    assert "the database cannot be reached" in page
    assert 'href="/sessions"' not in page


async def test_a_browser_tells_where_our_own_forms_come_from(desk: Browser) -> None:
    """With `no-referrer` a browser sends "Origin: null" with a form, which the guard refuses: nobody could sign on."""
    answer = await desk.client.get("/sign-on")
    assert answer.headers["referrer-policy"] == "same-origin"
    sent = await desk.client.post("/sign-on", data={"login": "physician", "secret": PASSWORD}, headers={"Origin": "null", "Accept": "text/html"})
    assert sent.status_code == 403
