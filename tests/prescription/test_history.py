"""The record as figures: counted once, written into a person file and read back, and held by the daemon without a store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from rule_cases import DAY, FIRST, past, person, record

from treadctl.errors import TreadctlError
from treadctl.prescription import REFERENCE, History, PastSession, history_of, history_table, load_person, person_from_options, preflight, prepare
from treadctl.prescription.history import KEPT

OLD_FILE = """
format = 1
mass_kg = 60.0
[screening]
severe_osteoporosis = false
vestibular_dysfunction = false
lumbar_problem = false
ankle_problem = false
"""
RECORD = """
[history]
as_of = 2026-11-27
sessions = 4
sessions_last_7_days = {week}
[[history.recent]]
day = 2026-11-12
peak_mps = 0.5
events = 0
rail_load_percent = 6.5
[[history.recent]]
day = 2026-11-19
peak_mps = 0.4
events = 1
"""
Write = Callable[[str], Path]


@pytest.fixture
def person_file(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        path = tmp_path / "person.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return written


def test_a_person_file_from_before_the_new_questions_still_loads_and_may_start(person_file: Write) -> None:
    old = load_person(person_file(OLD_FILE))
    assert old.record == History()
    assert prepare(FIRST, REFERENCE, old, day=DAY).preflight == ()


def test_the_record_in_a_person_file_is_held_without_a_store(person_file: Write) -> None:
    full = load_person(person_file(OLD_FILE + RECORD.format(week=2)))
    assert [f.row for f in preflight(FIRST, full, REFERENCE, day=DAY) if f.refuses] == ["PR-32", "PR-39"]
    assert prepare(FIRST, REFERENCE, full, day=DAY).limits.max_speed_reverse_mps == pytest.approx(0.4)


def test_a_record_given_goes_before_the_one_in_the_file_but_never_below_its_week(person_file: Write) -> None:
    text = OLD_FILE.replace("mass_kg = 60.0", "mass_kg = 60.0\nsessions_last_7_days = 2")
    given = record(past(9), past(8))
    found = preflight(FIRST, load_person(person_file(text + RECORD.format(week=0))), REFERENCE, given, DAY)
    assert [f.row for f in found if f.refuses] == ["PR-32"]


def test_of_two_counts_of_the_week_the_higher_counts(person_file: Write) -> None:
    text = OLD_FILE.replace("mass_kg = 60.0", "mass_kg = 60.0\nsessions_last_7_days = 3")
    assert load_person(person_file(text + RECORD.format(week=1))).record.sessions_last_7_days == 3
    assert load_person(person_file(text)).record.sessions_last_7_days == 3


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("sessions = 4", "sessions = 1", "TC104", "less than the sessions counted"),
        ("sessions_last_7_days = 0", "sessions_last_7_days = 9", "TC104", "less than the sessions counted"),
        ("2026-11-12", "2026-11-20", "TC104", "oldest session comes first"),
        ("2026-11-19", "2026-11-28", "TC104", "after as_of"),
        ("rail_load_percent = 6.5", "rail_load_percent = nan", "TC104", "nan is not a quantity"),
        ("peak_mps = 0.4", "peak_mps = -0.4", "TC104", "at least 0"),
        ("sessions = 4\n", "", "TC103", "backward sessions in all"),
        ("events = 1", "falls = 1", "TC102", "known here"),
    ],
)
def test_a_record_that_cannot_be_right_is_one_numbered_error(person_file: Write, old: str, new: str, code: str, words: str) -> None:
    text = RECORD.format(week=0)
    assert old in text
    with pytest.raises(TreadctlError) as caught:
        load_person(person_file(OLD_FILE + text.replace(old, new)))
    assert caught.value.kind.code == code
    assert words in str(caught.value)


def test_what_is_written_is_read_back() -> None:
    history = record(past(9, events=None), past(8))
    table = history_table(history)
    assert person_from_options({"mass_kg": 70.0, "history": table}).record == history


@pytest.mark.parametrize("history", [History(), History(DAY, 2), History(sessions=2, sessions_last_7_days=1)])
def test_a_record_that_is_not_known_is_not_written(history: History) -> None:
    with pytest.raises(ValueError, match="both counts"):
        history_table(history)


def test_every_session_is_counted_and_the_last_ones_are_carried_in_order() -> None:
    days = [DAY - timedelta(days=n) for n in range(12)]
    found = history_of([PastSession(day) for day in days] + [PastSession(DAY + timedelta(days=1))], DAY)
    assert (found.as_of, found.sessions, found.sessions_last_7_days) == (DAY, 12, 7)
    assert [session.day for session in found.recent] == sorted(days)[-KEPT:]
    assert found.last is not None
    assert found.last.day == DAY


def test_an_empty_record_is_known_to_be_empty() -> None:
    assert history_of([], DAY) == History(DAY, 0, 0, ())


def test_a_week_is_the_seven_days_that_end_today() -> None:
    assert record(past(7), past(6), past(0)).in_week(DAY) == 2
    assert record(past(3), sessions_last_7_days=4).in_week(DAY) == 4
    assert History().in_week(DAY) is None
    assert History(recent=(PastSession(date(2026, 11, 26)),)).in_week(DAY) == 1


def test_a_person_without_a_record_is_asked_about_the_week() -> None:
    assert [f.row for f in preflight(FIRST, person(sessions_last_7_days=None), REFERENCE, day=DAY)] == ["PR-33"]
