"""Progress over any number of sessions is one page, and its trends are those of the records."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import reports_rig as rig

from treadctl.records.model import Measure, Outcome
from treadctl.reports.figures import Catalogue, Units
from treadctl.reports.progress_pdf import progress_pdf
from treadctl.reports.trends import course, trends
from treadctl.reports.typeface import BUILT_IN, find_typeface

TITLES = (
    "Peak belt speed",
    "Time on the moving belt",
    "Rail load",
    "asymmetry",
    "Imbalance events",
    "Dizziness",
    "Effort",
    "Heart rate",
    "3-m backward walk",
    "ABC",
)


@pytest.mark.parametrize("count", [0, 1, 2, 24, 1000])
def test_any_number_of_sessions_is_one_sheet_of_a4_and_nothing_lies_on_anything(count: int) -> None:
    document = progress_pdf(rig.heads(count), rig.measures(), rig.SETTING, person_id="P-0042", name="W" * 300)
    assert rig.shape_of(document) == (1, 595, 842)
    assert rig.collisions(document) == []
    words = " ".join(rig.text_of(document).split())
    assert all(title in words for title in TITLES)
    assert ("No session is on record." in words) == (count == 0)
    assert (f"Sessions: {count}, from" in words) == (count > 0)


def test_a_thousand_sessions_say_how_many_are_not_listed() -> None:
    words = " ".join(rig.text_of(progress_pdf(rig.heads(1000), [], rig.SETTING, person_id="P-0042")).split())
    listed = words.count("knee-oa-retro-walk")
    assert listed >= 5
    assert f"and {1000 - listed} more" in words


def test_order_of_the_records_does_not_matter_and_the_bytes_stay_the_same() -> None:
    heads, measures = rig.heads(30), rig.measures()
    once = progress_pdf(heads, measures, rig.SETTING, person_id="P-0042")
    assert once == progress_pdf(heads[::-1], measures[::-1], rig.SETTING, person_id="P-0042")
    assert once != progress_pdf(heads[1:], measures, rig.SETTING, person_id="P-0042")


def test_nothing_recorded_is_said_and_not_drawn_as_zero() -> None:
    bare = [replace(head, summary=replace(head.summary, max_dizziness=None, max_rpe=None)) for head in rig.heads(3)]
    words = rig.text_of(progress_pdf(bare, [], rig.SETTING, person_id="P-0042"))
    assert words.count("not recorded") == 4


def test_absurd_figures_are_left_out_of_trends() -> None:
    heads = rig.heads(6)
    broken = replace(heads[2], summary=replace(heads[2].summary, peak_mps=math.nan, belt_s=math.inf, rail_load_percent=-math.inf, imbalance_events=10**30))
    document = progress_pdf([*heads, broken], rig.measures(), rig.SETTING, person_id="P-0042", typeface=find_typeface())
    assert rig.shape_of(document) == (1, 595, 842)
    assert rig.collisions(document) == []
    assert len(trends([*heads, broken], [], Units.KMH)[0].dots) == 6


def test_trends_hold_the_figures_in_the_unit_asked_for_in_order_of_time() -> None:
    heads = rig.heads(12)
    speed, minutes = trends(heads[::-1], [], Units.MPH)[:2]
    assert [dot.value for dot in speed.dots] == [pytest.approx(head.summary.peak_mps / 0.44704) for head in heads]
    assert [dot.value for dot in minutes.dots] == [pytest.approx(head.summary.belt_s / 60.0) for head in heads]
    assert [dot.stopped for dot in speed.dots] == [head.outcome is Outcome.STOPPED for head in heads]


def test_a_heart_rate_under_a_grip_is_marked_as_reading_low() -> None:
    head = rig.heads(1)[0]
    held, free, unknown = (
        replace(head, summary=replace(head.summary, max_heart_rate_per_min=130.0, hands_on_share=share), started_at=head.started_at)
        for share in (0.9, 0.2, None)
    )
    assert [dot.held for dot in trends([held, free, unknown], [], Units.KMH)[7].dots] == [True, False, False]


def test_measures_are_told_apart() -> None:
    walk, abc = trends([], rig.measures(), Units.KMH)[8:]
    assert [dot.value for dot in walk.dots] == [5.6, 4.9, 4.3, 3.9]
    assert [dot.value for dot in abc.dots] == [row.value for row in rig.measures() if row.measure is Measure.ABC_PERCENT]


def test_the_line_is_the_median_and_of_counts_the_mean() -> None:
    heads = rig.heads(5)
    spiky = [
        replace(head, summary=replace(head.summary, peak_mps=peak, imbalance_events=count, unsteady_events=0))
        for head, peak, count in zip(heads, (1, 1, 9, 1, 1), (0, 0, 5, 0, 0), strict=True)
    ]
    panels = trends(spiky, [], Units.MPS)
    assert course(panels[0])[2][1] == 1.0
    assert course(panels[4])[2][1] == 1.0
    assert course(trends(heads[:4], [], Units.MPS)[0]) == []


@pytest.mark.parametrize("count", [0, 1, 5, 400])
def test_the_progress_fits_in_german(count: int) -> None:
    for typeface in (BUILT_IN, find_typeface()):
        document = progress_pdf(rig.heads(count), rig.measures(), rig.GERMAN, person_id="P-0042", name="Muster", typeface=typeface)
        assert rig.shape_of(document) == (1, 595, 842)
        assert rig.collisions(document) == []
        words = rig.text_of(document)
        assert "Verlaufsbericht" in words
        assert "12.03.2026 12:00" in words


def test_texts_go_through_the_translation_and_no_name_is_in_the_metadata() -> None:
    setting = replace(rig.SETTING, translate=Catalogue({"Progress report": "Verlauf", "Peak belt speed": "Höchste Geschwindigkeit"}))
    document = progress_pdf(rig.heads(3), [], setting, person_id="P-0042", name="Pseudonym Nine")
    words = rig.text_of(document)
    assert "Verlauf" in words
    assert "Höchste Geschwindigkeit" in words
    assert "Pseudonym Nine" in words
    assert all("Nine" not in value and "P-0042" not in value for value in rig.metadata_of(document).values())
