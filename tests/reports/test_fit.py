"""The FIT file is read back by another decoder, and holds what was measured."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from itertools import pairwise
from typing import Any

import fitdecode
import pytest
import reports_rig as rig

from treadctl.records.model import Series, Session
from treadctl.reports.fit import fit_bytes, seconds


def messages(document: bytes) -> list[Any]:
    """Every message, by a decoder that checks the checksum and refuses what it does not understand."""
    with fitdecode.FitReader(BytesIO(document), check_crc=fitdecode.CrcCheck.RAISE, error_handling=fitdecode.ErrorHandling.RAISE) as reader:
        return [frame for frame in reader if isinstance(frame, fitdecode.FitDataMessage)]


def named(document: bytes, name: str) -> list[Any]:
    return [message for message in messages(document) if message.name == name]


def test_any_session_is_a_whole_activity_for_another_decoder(any_session: Session) -> None:
    document = fit_bytes(any_session)
    kinds = [message.name for message in messages(document)]
    assert kinds[0] == "file_id"
    assert [kinds.count(kind) for kind in ("file_id", "lap", "session", "activity")] == [1, 1, 1, 1]
    assert kinds.count("record") == max(1, len(seconds(any_session)))
    assert kinds[-3:] == ["lap", "session", "activity"]


def test_records_are_a_second_apart_and_their_speed_is_a_magnitude(stopped: Session) -> None:
    records = named(fit_bytes(stopped), "record")
    times = [record.get_value("timestamp") for record in records]
    assert times[0] == rig.STARTED
    assert {later - earlier for earlier, later in pairwise(times)} == {timedelta(seconds=1)}
    speeds = [record.get_value("speed") for record in records]
    assert all(speed >= 0.0 for speed in speeds)
    assert max(speeds) == pytest.approx(0.95, abs=0.02)
    distances = [record.get_value("distance") for record in records]
    assert distances == sorted(distances)
    assert distances[-1] == pytest.approx(stopped.head.summary.distance_m, rel=0.01)


def test_heart_rate_grade_and_cadence_are_those_measured(stopped: Session) -> None:
    record = named(fit_bytes(stopped), "record")[200]
    wanted = seconds(stopped)[200]
    assert record.get_value("heart_rate") == round(wanted.heart_rate_per_min or 0.0)
    assert record.get_value("grade") == pytest.approx(1.0)
    assert record.get_value("cadence") + record.get_value("fractional_cadence") == pytest.approx((wanted.steps_per_min or 0.0) / 2.0, abs=0.01)


def test_what_was_not_measured_is_left_out(stopped: Session) -> None:
    records = named(fit_bytes(stopped), "record")
    assert not records[304].has_field("heart_rate") or records[304].get_value("heart_rate") is None
    assert not records[2].has_field("cadence") or records[2].get_value("cadence") is None


@pytest.mark.parametrize(("direction", "facing", "reverse", "rear"), [("reverse", "console", 1, 0), ("forward", "rear", 0, 1)])
def test_direction_and_facing_are_developer_fields_of_records_and_session(stopped: Session, direction: str, facing: str, reverse: int, rear: int) -> None:
    document = fit_bytes(replace(stopped, head=replace(stopped.head, direction=direction, facing=facing)))
    for message in (named(document, "record")[5], named(document, "session")[0], named(document, "lap")[0]):
        assert (message.get_value("belt_reverse"), message.get_value("facing_rear")) == (reverse, rear)


def test_a_direction_that_is_not_known_is_not_claimed() -> None:
    (record,) = named(fit_bytes(rig.empty()), "record")
    assert not record.has_field("belt_reverse")
    assert record.get_value("distance") == 0.0


def test_the_session_has_the_summarys_figures(stopped: Session) -> None:
    (session,) = named(fit_bytes(stopped), "session")
    summary = stopped.head.summary
    assert session.get_value("total_elapsed_time") == pytest.approx(summary.duration_s, abs=0.01)
    assert session.get_value("total_distance") == pytest.approx(summary.distance_m, abs=0.01)
    assert session.get_value("max_speed") == pytest.approx(summary.peak_mps, abs=0.001)
    assert (session.get_value("sport"), session.get_value("sub_sport")) == ("walking", "treadmill")
    assert not session.has_field("total_calories")


def test_fast_backward_gait_is_running(stopped: Session) -> None:
    fast = replace(stopped, head=replace(stopped.head, summary=replace(stopped.head.summary, peak_mps=1.7)))
    assert named(fit_bytes(fast), "session")[0].get_value("sport") == "running"
    forward = replace(fast, head=replace(fast.head, direction="forward"))
    assert named(fit_bytes(forward), "session")[0].get_value("sport") == "walking"


def test_the_same_session_gives_the_same_bytes_and_names_nobody(stopped: Session) -> None:
    document = fit_bytes(stopped)
    assert document == fit_bytes(stopped)
    assert b"P-0042" not in document
    assert b"therapist" not in document


def test_gaps_in_the_samples_stay_gaps(stopped: Session) -> None:
    few = replace(stopped, series=Series(time_s=(0.0, 0.5, 7.2), measured_mps=(0.2, 0.4, 0.6)))
    records = named(fit_bytes(few), "record")
    assert [(record.get_value("timestamp") - rig.STARTED).total_seconds() for record in records] == [0.0, 7.0]
    assert [record.get_value("speed") for record in records] == [pytest.approx(0.3), pytest.approx(0.6)]
