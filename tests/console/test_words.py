"""The clinic's language, units and time zone: catalogues are whole, German pages hold no English of ours, and a language is one file."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from console_rig import PIN, SYSTEM, Browser, Machine, routes_of, walked, walker

from treadctl.console import catalogues, words
from treadctl.console.house import KEY
from treadctl.console.words import Words
from treadctl.core.interlock import ROWS
from treadctl.errors import TreadctlError
from treadctl.ipc.snapshot import CauseView, RailsView
from treadctl.records.audit import Actor
from treadctl.records.model import AnswerRecord, BlackBox, Measure, Outcome, PlannedStretch, Role, Series, Session, SessionEvent, StopRecord
from treadctl.records.rows_in import write_sessions
from treadctl.records.store import Records
from treadctl.reports.catalogue import Catalogue
from treadctl.reports.figures import Units

DOCTOR = Actor("physician", "physician")
TEXTS = catalogues.gathered()
GERMAN = Words("de")
SHOWN_AS = ("title", "aria-label", "placeholder", "data-held", "data-released", "data-locked", "data-silent", "data-unheard", "data-failed", "alt")
SAME = {source for source in TEXTS if GERMAN.catalogue.texts[source] == source}
ENGLISH = set(TEXTS) - SAME - set(GERMAN.catalogue.texts.values())  # what is a German text as well (`Person`, `Service`) proves nothing
LONG = {source for source in ENGLISH if len(source) > 24}  # a sentence of ours within a longer text
WITH_LOGINS = ("/me", "/users", "/audit")  # in the tests a login is the English name of the role
OWN = ("format = 1",)  # text nodes that hold a profile: it is what the clinic wrote


# --- catalogues -----------------------------------------------------------------------------------------------------------


def test_every_catalogue_has_each_text_once_translated_and_with_its_places() -> None:
    found = [fault for language in words.languages()[1:] for fault in catalogues.faults(language, TEXTS)]
    assert found == []
    assert len(TEXTS) > 1000
    assert catalogues.main(["--check"]) == 0


def test_texts_of_templates_code_tables_and_patterns_are_all_gathered() -> None:
    for source in (
        "Who walks?",  # a template
        "Armed",  # marked in code
        ROWS[0].sentence, ROWS[0].remedy,  # a table
        "The screening questions have not been answered.",
        "the value is not allowed",
        "Name and secret do not belong together.",  # a refusal
        "No program is armed.",  # a sentence of the core
        "Session report",  # a report
    ):  # fmt: skip
        assert source in TEXTS, source
    assert TEXTS["Try again in {whole} s."].made
    assert not TEXTS["{time} of at most {most}"].made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of catalogues with German in it, to be changed."""
    monkeypatch.setattr(words, "FOLDER", tmp_path)
    (tmp_path / "de.po").write_bytes((Path(words.__file__).parent / "locale" / "de.po").read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('msgstr "Wer geht?"', 'msgstr ""', "not translated"),
        ('msgid "Who walks?"', '#, fuzzy\nmsgid "Who walks?"', "not sure"),
        ('msgid "Who walks?"', 'msgid "Who walked?"', "not there"),
        ('msgid "Who walks?"', 'msgid "Who walked?"', "no longer used"),
        ('msgid "Who walks?"', '#~ msgid "Gone"\n#~ msgstr "Weg"\n\nmsgid "Who walks?"', "obsolete"),
        ("Versuchen Sie es in {whole} s noch einmal.", "Versuchen Sie es in {wohle} s noch einmal.", "its places differ"),
        ("Versuchen Sie es in {whole} s noch einmal.", "Versuchen Sie es in {whole s noch einmal.", "its places differ"),
    ],
)
def test_each_fault_of_a_catalogue_is_found_and_named(folder: Path, before: str, after: str, said: str) -> None:
    path = folder / "de.po"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    assert any(said in fault for fault in catalogues.faults("de", TEXTS))
    assert catalogues.main(["--check"]) == 1


def test_merging_keeps_translations_and_gives_the_same_bytes_again(folder: Path) -> None:
    before = (folder / "de.po").read_bytes()
    assert catalogues.main([]) == 0
    assert (folder / "de.po").read_bytes() == before


def test_a_language_is_added_by_one_empty_file_and_its_translations(folder: Path) -> None:
    (folder / "nl.po").touch()
    assert words.languages() == ("en", "de", "nl")
    catalogues.main([])
    assert len([fault for fault in catalogues.faults("nl", TEXTS) if "not translated" in fault]) == len(TEXTS)
    path = folder / "nl.po"
    path.write_text(path.read_text(encoding="utf-8").replace('msgid "Who walks?"\nmsgstr ""', 'msgid "Who walks?"\nmsgstr "Wie loopt?"'), encoding="utf-8")
    dutch = Words("nl")
    assert dutch.say("Who walks?") == "Wie loopt?"
    assert dutch.say("Armed") == "Armed"
    assert dutch.number(2.5) == "2,5"
    assert dutch.language_name("nl") == "Nederlands"


def test_what_is_not_sure_is_shown_in_english(folder: Path) -> None:
    path = folder / "de.po"
    path.write_text(path.read_text(encoding="utf-8").replace('msgid "Who walks?"', '#, fuzzy\nmsgid "Who walks?"'), encoding="utf-8")
    assert Words("de").say("Who walks?") == "Who walks?"


def test_a_language_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(TreadctlError, match=r"'fr'; there are en, de"):
        Words("fr")


# --- sentences with parts in them -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "german"),
    [
        ("The session is now cool down.", "Zustand der Einheit jetzt: Cool-down."),
        ("Segment 3: my own words.", "Abschnitt 3: my own words."),
        ("No longer: The person is dizzy.", "Nicht mehr: Der Person ist schwindlig."),
        ("The belt has not been proven to stand still. Reset first.", "Es ist nicht bewiesen, dass das Band steht. Quittieren Sie zuerst."),
        ("Your role is viewer; this may be done by: physician, staff.", "Ihre Rolle ist Einsicht; das dürfen: Ärztin/Arzt, Team."),
        ("slow: speed 3.00 km/h (0.833 m/s) reverse, the limit of the person is 2.00 km/h (0.556 m/s).",
         "slow: Geschwindigkeit 3,00 km/h (0,833 m/s) rückwärts, Grenze (Person): 2,00 km/h (0,556 m/s)."),
        ("TC605 person X: there is no such record. Remedy: go back to the list and choose again.",
         "TC605 person X: einen solchen Eintrag gibt es nicht. Abhilfe: gehen Sie zurück zur Liste und wählen Sie neu."),
        ("A note of somebody, with words of its own.", "A note of somebody, with words of its own."),
        ("{", "{"), ("", ""),
    ],
)  # fmt: skip
def test_sentences_put_together_elsewhere_are_known_by_their_patterns(said: str, german: str) -> None:
    assert GERMAN.say(said) == german


def test_every_pattern_is_known_again_with_its_places_filled() -> None:
    for source, text in TEXTS.items():
        if text.made:
            names = catalogues.places(source) or []
            filled = source.format(**{name: f"4{index}" for index, name in enumerate(names)})
            assert GERMAN.say(filled) != filled, source


def test_a_long_text_of_somebody_is_not_looked_at_piece_by_piece() -> None:
    assert GERMAN.say("The person is dizzy. " * 200) == "The person is dizzy. " * 200


def test_english_needs_no_catalogue() -> None:
    assert Words().catalogue == Catalogue()
    assert Words().say("Segment 3: slow.") == "Segment 3: slow."


# --- numbers, units, zone -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "units", "speed"),
    [("en", Units.KMH, "3.6 km/h"), ("de", Units.KMH, "3,6 km/h"), ("en", Units.MPS, "1.00 m/s"), ("de", Units.MPS, "1,00 m/s"), ("de", Units.MPH, "2,2 mph")],
)
def test_a_speed_is_shown_in_the_clinics_unit_and_decimals(language: str, units: Units, speed: str) -> None:
    assert Words(language, units).speed(1.0) == speed


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (datetime(2026, 11, 27, 8, 0, tzinfo=UTC), "27.11.26, 09:00 CET"),
        (datetime(2026, 7, 1, 22, 30, tzinfo=UTC), "02.07.26, 00:30 CEST"),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "25.10.26, 02:30 CEST"),  # the hour that comes twice is told apart
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "25.10.26, 02:30 CET"),
    ],
)
def test_an_instant_is_on_the_clinics_clock_and_names_its_zone(at: datetime, shown: str) -> None:
    assert Words("de", zone="Europe/Berlin").instant(at) == shown


def test_dates_and_large_numbers_are_written_as_the_language_does() -> None:
    assert GERMAN.calendar(date(2026, 3, 5)) == "05.03.2026"
    assert GERMAN.number(12345.6) == "12.345,6"
    assert Words().number(12345.6) == "12,345.6"


# --- pages ----------------------------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Collects what somebody sees or hears of a page: text nodes, and attributes that are read out or shown later."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in SHOWN_AS]
        if tag not in {"meta", "link", "input", "br", "hr", "option"}:
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._inside and tag in self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not {"style", "script", "code"} & set(self._inside):
            self.found.append(data)


def english_of(page: str, address: str = "") -> list[str]:
    """What of the page is a text of ours in English."""
    logins = {role.value for role in Role} if address.startswith(WITH_LOGINS) else set()
    reader = Reader()
    reader.feed(page)
    found = []
    for raw in reader.found:
        text = " ".join(raw.split()).strip("■▶✘✔·○›+|: ")
        within = (part for part in LONG if f" {part} " in f" {text} ")
        if text and text not in logins and not raw.strip().startswith(OWN) and (text in ENGLISH or any(within)):
            found.append(text)
    return found


async def speak_german(browser: Browser, **more: str) -> None:
    await browser.records.settings.put(SYSTEM, KEY, {"language": "de", "units": "km/h", "zone": "Europe/Berlin", **more})
    browser.context.house.read_s = None


def stopped(person_id: str, revision_id: int) -> Session:
    """A session with a stop, answers, events and samples."""
    times = tuple(index / 10 for index in range(1000))
    speed = tuple(0.5 if 20.0 <= at < 91.0 else 0.0 for at in times)
    none: tuple[float | None, ...] = (None,) * 1000
    base = walked(person_id, 2)
    head = replace(base.head, id="S-stopped", revision_id=revision_id, outcome=Outcome.STOPPED, cause="imbalance")
    return Session(
        head, 70.0, (PlannedStretch("langsam", "main", 0.0, 120.0, 0.5, 0.0, "on"),),
        (SessionEvent(20.0, "segment", "Segment 1: langsam.", {"segment": 0.0}), SessionEvent(89.0, "cause", "The person is losing balance.", {})),
        (AnswerRecord(70.0, "dizziness", 4.0, 4.0), AnswerRecord(71.0, "pain", None, 5.0)),
        (StopRecord(90.0, "imbalance", "SS1", "The person is losing balance.", 0.5, 1.2, 0.7, 0.9),),
        ("weekly",), "Staff", Series(times, speed, speed, none, speed, speed, none, none), BlackBox("00000007.tcj", "boot-1", 10.0, 110.0, "ef" * 32),
    )  # fmt: skip


async def filled(records: Records) -> dict[str, str]:
    """A clinic with something on every page; what the places of addresses stand for."""
    person, revision = await walker(records, knee_problem=True)
    other, _ = await walker(records, facts='format = 1\nmass_kg = 70.0\nexperience = "first"\n', severe_osteoporosis=True)
    async with records.database.write() as connection:
        await write_sessions(connection, [stopped(person.id, revision.id)])
    await records.overrides.add(DOCTOR, person.id, "weekly", "Eine dritte Einheit wie in der Studie.", by="Muster 3")
    for kind in Measure:
        await records.measures.add(DOCTOR, person.id, kind, 40.0, date(2026, 11, 20), by="Muster 3")
    again = revision.text.replace('for_whom = "', 'for_whom = "Neu. ')
    await records.prescriptions.revise(DOCTOR, revision.prescription_id, 1, "Backward walking", again, note="Neu")
    await records.prescriptions.new(DOCTOR, None, "Eine Vorlage", revision.text)
    users = await records.users.all()
    for number, one in enumerate(users):  # else their names would be those of their roles
        await records.users.rename(SYSTEM, one.id, f"Muster {number}")
    return {
        "person_id": person.id, "other": other.id, "key": str(revision.prescription_id), "prescription_id": str(revision.prescription_id),
        "session_id": "S-stopped", "user_id": str(users[0].id),
    }  # fmt: skip


def addresses(browser: Browser, places: dict[str, str]) -> list[str]:
    """Every page of this door, its places filled in."""
    found = []
    for route in routes_of(browser.app):
        if "GET" not in (route.methods or ()) or route.path.startswith("/api/") or re.search(r"\.\w+$|/file$|^/jobs/|^/metrics|z$|^/person$", route.path):
            continue
        found.append(re.sub(r"\{(\w+)(?::\w+)?\}", lambda match: places[match[1]], route.path))
        if "{person_id}" in route.path:
            found.append(route.path.replace("{person_id}", places["other"]))
    return sorted({address if address != "/prescriptions/new" else f"{address}?person={places['person_id']}" for address in found})


def busy(machine: Machine) -> None:
    """The machine with something to say in every place."""
    tripped = next(row for row in ROWS if row.id == "imbalance")
    machine.show(
        state="tripped", rails=RailsView(20.0, 14.0, 3.0, 2.0, 0.01, 0.01),
        causes=(CauseView(tripped.id, tripped.action.name, tripped.sentence, 1.0, tripped.clears.value, present=True),),
    )  # fmt: skip


@pytest.mark.parametrize("role", list(Role))
async def test_no_page_of_the_desk_holds_english_of_ours_in_a_german_clinic(desk: Browser, records: Records, role: Role) -> None:
    places = await filled(records)
    await speak_german(desk)
    await desk.sign_on(role)
    found = addresses(desk, places)
    assert len(found) > 30
    left, seen = {}, 0
    for address in found:
        answer = await desk.client.get(address, headers={"Accept": "text/html"}, follow_redirects=True)
        assert answer.status_code in {200, 403, 409}, address
        if "text/html" in answer.headers["content-type"]:
            assert '<html lang="de">' in answer.text, address
            seen += answer.status_code == 200
            if english := english_of(answer.text, address):
                left[address] = english
    assert left == {}
    assert seen >= 4


@pytest.mark.parametrize("state", ["idle", "tripped", "away"])
async def test_no_page_of_the_machine_holds_english_of_ours_in_a_german_clinic(kiosk: Browser, records: Records, machine: Machine, state: str) -> None:
    places = await filled(records)
    await speak_german(kiosk)
    pages = {"/pair": await kiosk.see("/pair")}
    await kiosk.pair()
    pages["/sign-on"] = await kiosk.see("/sign-on")
    await kiosk.send("/sign-on", login=Role.STAFF.value, secret=PIN)
    if state == "tripped":
        busy(machine)
        await kiosk.until("tripped")
    if state == "away":
        await machine.leave()
        link = kiosk.context.link
        async with asyncio.timeout(5.0):
            while link.moment.up:
                await link.changed_since(link.moment.number, link.event_number, 5.0)
    for address in addresses(kiosk, places):
        answer = await kiosk.client.get(address, headers={"Accept": "text/html"}, follow_redirects=True)
        if "text/html" in answer.headers["content-type"]:
            pages[address] = answer.text
    assert {address: english for address, page in pages.items() if (english := english_of(page, address))} == {}
    assert len(pages) > 20


async def test_the_walk_over_the_pages_would_notice_english(desk: Browser, records: Records) -> None:
    await filled(records)
    await desk.sign_on(Role.PHYSICIAN)
    assert "Sessions" in english_of(await desk.see("/sessions"))


async def test_refusals_and_what_was_done_are_in_the_clinics_language(desk: Browser, records: Records) -> None:
    await speak_german(desk)
    await desk.see("/sign-on")
    wrong = await desk.client.post("/sign-on", data={"login": "staff", "secret": "wrong"}, headers={"Accept": "text/html"})
    assert "Name und Geheimnis gehören nicht zusammen." in wrong.text
    await desk.sign_on(Role.STAFF)
    assert "Ihre Rolle ist Team; das dürfen: Administration." in await desk.see("/users", 403)
    assert "einen solchen Eintrag gibt es nicht" in await desk.see("/people/P-nobody", 404)
    refused = await desk.ask("/api/v1/session/hold", {}, status=403)
    assert refused["title"] == "Nicht erlaubt"
    assert refused["detail"].startswith("Zustand der Einheit: bereit;")


async def test_the_live_view_and_the_scripts_words_are_translated(desk: Browser, records: Records, machine: Machine) -> None:
    await speak_german(desk)
    busy(machine)
    await desk.sign_on(Role.VIEWER)
    await desk.until("tripped")
    live = await desk.ask("/api/v1/state", None, "GET")
    assert live["word"] == "Stopp ausgelöst"
    assert live["causes"][0]["sentence"] == "Die Person verliert das Gleichgewicht."
    assert live["steps"][0]["text"] == "Das Band steht."
    page = await desk.see("/live")
    assert 'data-silent="Nicht aktuell: ' in page
    assert 'data-unheard="Die Konsole antwortet nicht."' in page
