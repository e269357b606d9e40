"""What the reports are drawn with: words of figures, right-to-left lines, lists that do not grow, and a collision check that can fail."""

from __future__ import annotations

import gettext
import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import reports_rig as rig

from treadctl.reports.bidi import visual
from treadctl.reports.chart import Frame, ceiling, envelopes, runs, ticks, time_ticks
from treadctl.reports.figures import Setting, Units, clock, gait_words, number
from treadctl.reports.page import Page
from treadctl.reports.plan_band import band, planned_mps
from treadctl.reports.text import plain
from treadctl.reports.typeface import BUILT_IN, drawable

FRAME = Frame(0.0, 0.0, 100.0, 50.0, 0.0, 10.0, 0.0, 5.0)


def test_overlapping_texts_would_be_noticed() -> None:
    page = Page(BUILT_IN, "t", "s")
    page.text(100.0, 100.0, "one text", 10.0)
    page.text(120.0, 104.0, "another text", 10.0)
    assert rig.collisions(page.finish()) != []


@pytest.mark.parametrize(
    ("value", "digits", "unit", "shown"),
    [
        (None, 1, "m", "–"),
        (math.nan, 1, "m", "–"),
        (-math.inf, 0, "", "–"),
        (-0.04, 1, "", "0.0"),
        (2.345, 2, "m", "2.35 m"),
        (1e9, 0, "", "1.0e+09"),
    ],
)
def test_a_number_is_shown_or_a_dash(value: float | None, digits: int, unit: str, shown: str) -> None:
    assert number(value, digits, unit) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(75.0, "1:15"), (59.6, "1:00"), (3675.0, "1:01:15"), (-5.0, "-0:05"), (math.nan, "–"), (1e12, "–"), (None, "–")]
)
def test_a_time_is_shown_or_a_dash(seconds: float | None, shown: str) -> None:
    assert clock(seconds) == shown


def test_distances_follow_the_unit() -> None:
    assert [Units.KMH.distance_words(metres) for metres in (310.4, 12_345.0, None)] == ["310 m", "12.3 km", "–"]
    assert Units.MPH.distance_words(1609.344) == "1.00 mi"


def test_the_offset_is_that_of_the_day() -> None:
    setting = Setting(datetime(2026, 1, 1, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
    assert setting.offset(datetime(2026, 1, 1, tzinfo=UTC)) == "UTC+01:00"
    assert setting.offset(datetime(2026, 7, 1, tzinfo=UTC)) == "UTC+02:00"


def test_an_empty_text_is_never_looked_up() -> None:
    asked = gettext.NullTranslations().gettext
    assert Setting(datetime(2026, 1, 1, tzinfo=UTC), translate=asked).word("") == ""


@pytest.mark.parametrize(
    ("direction", "facing", "gait"),
    [("reverse", "console", "backward"), ("forward", "rear", "backward"), ("forward", "console", "forward"), ("", "", "unknown")],
)
def test_the_gait_is_backward_where_belt_and_facing_say_so(direction: str, facing: str, gait: str) -> None:
    assert gait_words(direction, facing) == gait


def test_latin_lines_stay_as_they_are() -> None:
    assert visual("Plain (text) 12") == "Plain (text) 12"


def test_hebrew_runs_from_right_to_left_and_its_numbers_do_not() -> None:
    assert visual("אבג 12") == "12 גבא"
    assert visual("id אבג (ד) end") == "id (ד) גבא end"


def test_arabic_letters_join_and_lam_takes_its_alef() -> None:
    assert visual("سلام") == "\ufee1\ufefc\ufeb3"  # final forms at the left: meem isolated, lam-alef final, seen initial


def test_a_missing_letter_is_drawn_as_something_seen() -> None:
    assert drawable("a\u4e2d", BUILT_IN.regular) == "a?"


def test_what_cannot_be_seen_is_taken_out_of_a_line() -> None:
    assert plain("a\u202e\x00b\n\tc\u200d\ud800") == "ab c"
    assert len(plain("x" * 10_000)) == 4001


def test_a_word_wider_than_its_line_is_broken_and_the_end_cut() -> None:
    page = Page(BUILT_IN, "t", "s")
    lines = page.wrap("W" * 100, 60.0, 10.0, 3)
    assert len(lines) == 3
    assert lines[-1].endswith("…")
    assert all(page.width(line, 10.0) <= 60.0 for line in lines)
    assert page.wrap("", 60.0, 10.0, 3) == [""]
    assert page.wrap("W", 1.0, 10.0, 2) == ["W"]


def test_axes_are_marked_at_round_values() -> None:
    assert ticks(0.0, 4.3, 4) == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert time_ticks(720.0, 12)[:3] == [0.0, 60.0, 120.0]
    assert len(time_ticks(86_400.0 * 30, 12)) <= 13


def test_an_axis_keeps_air_and_ignores_the_absurd() -> None:
    assert ceiling([math.nan, None, 10.0], 1.0, 100.0) == pytest.approx(10.8)
    assert ceiling([1e9], 1.0, 100.0) == 100.0
    assert ceiling([], 1.0, 100.0) == 1.0


def test_a_line_keeps_a_spike_of_one_sample_and_breaks_where_nothing_is_known() -> None:
    times = [index / 1000.0 for index in range(10_000)]
    values: list[float | None] = [1.0] * 10_000
    values[5_000] = 5.0
    values[7_000:8_000] = [None] * 1_000
    lines = runs(FRAME, times, values)
    assert len(lines) == 2
    assert min(y for _, y in lines[0]) == 0.0
    assert sum(map(len, lines)) < 900
    shells = envelopes(FRAME, times, values)
    assert len(shells) == 2
    assert min(y for _, y in shells[0].greatest) == 0.0


def test_the_planned_speed_ramps_at_the_beginning_of_a_stretch() -> None:
    plan = rig.plan()
    assert planned_mps(plan, 10.0) == 0.0
    assert planned_mps(plan, 21.0) == pytest.approx(0.1)
    assert planned_mps(plan, 60.0) == pytest.approx(0.3)
    assert planned_mps(plan, 720.0) is None


def test_the_clock_of_the_plan_stands_while_the_belt_stands_against_it() -> None:
    made = rig.session()
    series = made.series
    walked, rest = band(made.plan, series, 1.0)
    assert walked[60] == (60.0, pytest.approx(0.3))
    assert rest[0][0] == pytest.approx(series.time_s[-1])
    assert rest[-1][0] == pytest.approx(720.0, abs=6.0)
