"""The commanded grade approaches the segment's no faster than the limit, from where the deck is."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from core_rig import LIMITS, Rig, make_setup, program, segment

from treadctl.core.messages import DriveMode, RequestKind
from treadctl.core.sample import Sample

HILL = program(segment(20.0, 0.5), segment(60.0, 0.5, grade_percent=3.0), segment(60.0, 0.5, grade_percent=1.0))


def deck_at(grade_percent: float) -> Rig:
    """A deck that reports this grade, and stays there."""

    def raised(sample: Sample) -> Sample:
        status = sample.drive.status
        assert status.value is not None
        return replace(sample, drive=replace(sample.drive, status=replace(status, value=replace(status.value, grade_percent=grade_percent))))

    return Rig(make_setup(), spoil=raised)


def test_the_grade_is_approached_at_the_limit_and_met() -> None:
    rig = deck_at(0.0)
    rig.start(HILL)
    rig.run(130.0)
    grades = [output.order.grade_percent for output in rig.outputs if output.order.mode is DriveMode.RUN]
    known = [grade for grade in grades if grade is not None]
    assert len(known) == len(grades)
    assert max(abs(after - before) for before, after in pairwise(known)) <= LIMITS.max_grade_rate_percent_per_s * rig.dt_s + 1e-12
    assert max(known) == 3.0
    assert known[-1] == 1.0


def test_a_deck_left_raised_comes_down_from_where_it_is() -> None:
    rig = deck_at(4.0)
    rig.start(HILL)
    first = next(output.order.grade_percent for output in rig.outputs if output.order.mode is DriveMode.RUN)
    assert first == pytest.approx(4.0, abs=0.01)
    rig.run(10.0)
    assert rig.last.order.grade_percent == pytest.approx(4.0 - 11.2 * 0.1, abs=0.1)


def test_a_stop_leaves_the_grade_as_it_is() -> None:
    rig = deck_at(0.0)
    rig.start(HILL)
    rig.run(30.0)
    rig.ask(RequestKind.STOP)
    rig.run(0.1)
    assert rig.last.order.mode is DriveMode.STOP
    assert rig.last.order.grade_percent is None
