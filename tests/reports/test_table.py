"""The CSV files: as RFC 4180 wants them, units in the header, and no cell that a spreadsheet would execute."""

from __future__ import annotations

import csv
import math
from dataclasses import fields, replace
from io import StringIO

import pytest
import reports_rig as rig
from hypothesis import example, given
from hypothesis import strategies as st

from treadctl.records.model import Session, Summary
from treadctl.reports.table import FIGURES, SAMPLES, cell, samples_csv, sessions_csv, stops_csv


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text, newline=""), strict=True))


def test_samples_are_a_row_each_with_units_in_the_header(stopped: Session) -> None:
    text = samples_csv(stopped)
    assert text.splitlines()[0] == ",".join(SAMPLES)
    assert text.count("\r\n") == len(stopped.series) + 1
    found = rows(text)
    assert [float(row["time_s"]) for row in found] == list(stopped.series.time_s)
    assert [float(row["heart_rate_per_min"]) if row["heart_rate_per_min"] else None for row in found] == list(stopped.series.heart_rate_per_min)


def test_any_session_can_be_written(any_session: Session) -> None:
    found = rows(samples_csv(any_session))
    assert len(found) == len(any_session.series)
    assert all(set(row) == set(SAMPLES) for row in found)
    assert all(value == "" or math.isfinite(float(value)) for row in found for value in row.values())
    assert len(rows(stops_csv([any_session]))) == len(any_session.stops)


def test_a_list_of_sessions_holds_every_figure_of_a_summary() -> None:
    assert set(FIGURES) == {field.name for field in fields(Summary)}
    heads = rig.heads(20)
    found = rows(sessions_csv(heads))
    assert [row["session"] for row in found] == [head.id for head in heads]
    assert [float(row["peak_mps"]) for row in found] == [head.summary.peak_mps for head in heads]
    assert found[0]["started_at"] == "2026-03-12T09:30:00.000Z"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1", "'=1", "\n=cmd|' /C calc'!A0"])
def test_a_formula_is_disarmed(text: str) -> None:
    assert cell(text) == "'" + text
    written = rows(sessions_csv([rig.head(machine=text)]))[0]["machine"]
    assert written == "'" + text


def test_a_negative_number_stays_a_number() -> None:
    assert cell(-1.5) == "-1.5"


@given(st.text(max_size=60))
@example("\x1f=")
@example("\tx")
def test_any_text_comes_back_as_one_cell(text: str) -> None:
    head = replace(rig.head(), machine=text, cause=text)
    found = rows(sessions_csv([head, rig.head(9)]))
    assert [row["session"] for row in found] == [head.id, "s-0009-7f3a"]
    assert found[0]["machine"].removeprefix("'") in {text.replace("\x00", ""), text.replace("\x00", "").removeprefix("'")}
    assert not found[0]["machine"].lstrip().startswith(("=", "+", "-", "@"))


def test_a_broken_character_is_replaced_and_not_fatal() -> None:
    assert cell("a\ud800b") == "a?b"
