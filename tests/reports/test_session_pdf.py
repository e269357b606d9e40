"""The report of one session fits one page whatever the session holds, and says what it can know."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import reports_rig as rig

from treadctl.records.model import Session
from treadctl.reports.figures import Catalogue, EnergyRange, Units
from treadctl.reports.session_pdf import session_pdf
from treadctl.reports.typeface import BUILT_IN, find_typeface

RIGHT_TO_LEFT = "ليلى שרה"
PICTURES = "Kim 😀🏃🏽‍♀️ Ω"


def text(session: Session, **changes: object) -> str:
    return " ".join(rig.text_of(session_pdf(session, replace(rig.SETTING, **changes), overrides=(rig.OVERRIDE,))).split())  # type: ignore[arg-type]


def test_any_session_is_one_sheet_of_a4_and_nothing_lies_on_anything(any_session: Session) -> None:
    document = session_pdf(any_session, rig.SETTING, name="W" * 400, overrides=(rig.OVERRIDE,) * 3, energy=rig.ENERGY)
    assert rig.shape_of(document) == (1, 595, 842)
    assert rig.collisions(document) == []
    assert all(left >= 0.0 and right <= 595.3 and bottom >= 0.0 and top <= 841.9 for left, bottom, right, top in rig.rectangles(document))
    assert 0.01 < rig.ink_share(document) < 0.5


def test_any_session_fits_in_every_typeface_unit_and_with_lengthy_translations(any_session: Session) -> None:
    class Lengthy:
        def __call__(self, words: str) -> str:
            return words + " " + words

    setting = replace(rig.SETTING, units=Units.MPH, translate=Lengthy())
    document = session_pdf(any_session, setting, energy=rig.SUPPRESSED, typeface=find_typeface())
    assert rig.shape_of(document) == (1, 595, 842)
    assert rig.collisions(document) == []


def test_any_session_fits_in_german_with_its_words_dates_and_decimals(any_session: Session) -> None:
    for typeface in (BUILT_IN, find_typeface()):
        document = session_pdf(any_session, rig.GERMAN, name="Muster", overrides=(rig.OVERRIDE,), energy=rig.ENERGY, typeface=typeface)
        assert rig.shape_of(document) == (1, 595, 842)
        assert rig.collisions(document) == []
        words = " ".join(rig.text_of(document).split())
        assert "Bericht der Einheit" in words
        assert "12.03.2026" in words
        assert not {"Session", "Stops", "Answers", "Effort", "Distance"} & set(re.findall(r"[A-Za-z]+", words))
    assert "3,6 km/h" in rig.GERMAN.speed(1.0)


def test_the_same_session_gives_the_same_bytes(stopped: Session) -> None:
    once, again = (session_pdf(stopped, rig.SETTING, overrides=(rig.OVERRIDE,), energy=rig.ENERGY) for _ in range(2))
    assert once == again
    assert once != session_pdf(replace(stopped, mass_kg=72.0), rig.SETTING, overrides=(rig.OVERRIDE,), energy=rig.ENERGY)


def test_a_stop_is_told_with_cause_travel_and_time_to_rest(stopped: Session) -> None:
    words = text(stopped)
    assert "S1 8:40 The person is losing balance. protective ramp (SS1) 2.9 km/h 0.43 m 1.02 s 0.91 m/s²" in words


def test_forty_stops_are_cut_with_how_many_more() -> None:
    words = text(rig.crowded())
    shown = len(set(re.findall(r"\bS\d+ \d+:\d\d ", words)))
    assert shown >= 2
    assert f"and {40 - shown} more; the exports hold all" in words


def test_an_override_is_told_with_rule_person_role_and_reason(stopped: Session) -> None:
    assert "weekly therapist-3, physiotherapist 2026-03-09 Three sessions a week as in the published trial" in text(stopped)


def test_an_override_without_its_record_is_not_hidden(stopped: Session) -> None:
    words = rig.text_of(session_pdf(stopped, rig.SETTING))
    assert "no record of it was handed to this report" in words


def test_questions_are_told_with_their_answers_and_what_was_not_answered(stopped: Session) -> None:
    words = text(stopped)
    assert "Effort (Borg 6–20)" in words
    assert "11 at 2:01, 12 at 5:02, 14 at 8:01" in words
    assert "no answer at 8:03" in words


def test_an_event_that_only_repeats_a_stop_is_told_once(stopped: Session) -> None:
    words = text(stopped)
    assert words.count("The person is losing balance.") == 2  # beside the outcome, and in the list of stops
    assert "Segment 3" not in words


def test_energy_is_a_range_gross_and_net_or_the_reason_why_not(stopped: Session) -> None:
    said = rig.text_of(session_pdf(stopped, rig.SETTING, energy=rig.ENERGY))
    assert "gross 38–55 kcal; net of rest 26–43 kcal" in said
    refused = rig.text_of(session_pdf(stopped, rig.SETTING, energy=rig.SUPPRESSED))
    assert "no figure is given. The rails carried more than 5 % of body weight" in refused
    assert "kcal" not in refused
    assert "not estimated" in rig.text_of(session_pdf(stopped, rig.SETTING))


def test_an_energy_that_is_not_a_number_is_not_shown(stopped: Session) -> None:
    broken = EnergyRange((float("nan"), 50.0), (float("inf"), 1.0), "Speed unknown.")
    assert "kcal" not in rig.text_of(session_pdf(stopped, rig.SETTING, energy=broken))


def test_claims_are_worded_as_what_was_measured(any_session: Session) -> None:
    words = text(any_session)
    assert "reads low while the rails are held" in words
    assert "about 1.3 to 1.6 times" in words
    assert "2 to 3" not in words


@pytest.mark.parametrize(("units", "peak"), [(Units.KMH, "3.6 km/h"), (Units.MPS, "1.00 m/s"), (Units.MPH, "2.2 mph")])
def test_speeds_are_in_the_unit_asked_for(stopped: Session, units: Units, peak: str) -> None:
    walked = replace(stopped, head=replace(stopped.head, summary=replace(stopped.head.summary, peak_mps=1.0)))
    assert peak in text(walked, units=units)


def test_times_are_local_and_name_their_zone(stopped: Session) -> None:
    words = text(stopped)
    assert "2026-03-12 10:30 UTC+01:00" in words
    assert "Europe/Berlin" in words
    assert "made 2026-03-12 12:00" in words


def test_a_name_is_on_the_page_and_never_in_the_metadata(stopped: Session) -> None:
    document = session_pdf(stopped, rig.SETTING, name="Pseudonym Nine")
    assert "Pseudonym Nine" in rig.text_of(document)
    assert "Pseudonym Nine" not in rig.text_of(session_pdf(stopped, rig.SETTING))
    assert all("Nine" not in value and "P-0042" not in value for value in rig.metadata_of(document).values())


@pytest.mark.parametrize("name", [RIGHT_TO_LEFT, PICTURES, "\u202eevil\x00\x07\ud800", "{0} {nobody} %s", "\n\n\t", "a" * 100_000], ids=repr)
def test_any_name_can_be_printed(stopped: Session, name: str) -> None:
    for typeface in (find_typeface(),):
        document = session_pdf(stopped, rig.SETTING, name=name, typeface=typeface)
        assert rig.shape_of(document) == (1, 595, 842)
        assert "P-0042" in rig.text_of(document)


def test_texts_go_through_the_translation(stopped: Session) -> None:
    german = Catalogue(
        {"Session report": "Bericht der Sitzung", "The person is losing balance.": "Die Person verliert das Gleichgewicht.", "Stopped": "Angehalten"}
    )
    words = text(stopped, translate=german)
    assert "Bericht der Sitzung" in words
    assert "Angehalten Die Person verliert das Gleichgewicht." in words


def test_a_translation_whose_places_are_wrong_costs_nothing_but_the_translation(stopped: Session) -> None:
    assert "Session s-0001-7f3a" in text(stopped, translate=Catalogue({"Session {id} · profile {sha} · made {at}": "{oops} {0} {"}))


def test_a_session_without_samples_says_so() -> None:
    words = text(rig.empty())
    assert "No samples were recorded." in words
    assert "The record breaks off" in words


def test_fonts_are_embedded(stopped: Session) -> None:
    document = session_pdf(stopped, rig.SETTING)
    assert document.count(b"/FontFile2") >= 2
