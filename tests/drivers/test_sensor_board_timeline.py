from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadctl_drivers.sensor_board.lines import SensorLine
from treadctl_drivers.sensor_board.timeline import BoardTimeline, Verdict

PERIOD_MS = 10


def line(seq: int, t_ms: int) -> SensorLine:
    return SensorLine(seq % 65536, t_ms % (1 << 32), 0x3F, 800, 800, 0)


class Board:
    """A board with a host clock beside it; `late_s` is the way's delay."""

    def __init__(self, t_ms: int = 5000, seq: int = 0) -> None:
        self.timeline = BoardTimeline()
        self.t_ms, self.seq, self.host_s = t_ms, seq, 100.0

    def next(self, late_s: float = 0.002, jump_ms: int = 0, skip: int = 0) -> tuple[Verdict, float]:
        """The verdict on the next line and its age at receipt."""
        self.host_s += PERIOD_MS / 1000
        self.t_ms += PERIOD_MS + jump_ms
        self.seq += 1 + skip
        verdict, at_s = self.timeline.place(line(self.seq, self.t_ms), self.host_s + late_s)
        return verdict, self.host_s + late_s - at_s

    def settle(self, n: int = 100) -> None:
        for _ in range(n):
            assert self.next()[0] is Verdict.ACCEPTED


def test_a_punctual_board_has_no_age() -> None:
    board = Board()
    board.settle()
    assert board.next()[1] == pytest.approx(0.0, abs=1e-4)


def test_a_held_up_line_is_as_old_as_it_was_held_up() -> None:
    board = Board()
    board.settle()
    verdict, age_s = board.next(late_s=0.082)
    assert verdict is Verdict.ACCEPTED
    assert age_s == pytest.approx(0.080, abs=1e-3)


def test_a_delay_that_stays_is_not_forgiven_within_a_minute() -> None:
    board = Board()
    board.settle()
    ages = [board.next(late_s=0.102)[1] for _ in range(6000)]
    assert min(ages) > 0.06


@given(delays=st.lists(st.floats(0.0, 5.0), min_size=1, max_size=80))
def test_no_line_is_ever_dated_after_its_receipt(delays: list[float]) -> None:
    board = Board()
    for late_s in delays:
        verdict, age_s = board.next(late_s=late_s)
        assert verdict is not Verdict.ACCEPTED or age_s >= 0.0


def test_lines_of_a_board_clock_that_stands_still_grow_old() -> None:
    board = Board()
    board.settle()
    ages = [board.next(jump_ms=-PERIOD_MS)[1] for _ in range(20)]
    assert ages == sorted(ages)
    assert ages[-1] > 0.19


def test_a_board_clock_that_jumps_ahead_is_refused_until_lines_were_missing_long_enough_to_trip() -> None:
    board = Board()
    board.settle()
    assert board.next(jump_ms=500)[0] is Verdict.CLOCK_JUMPED
    verdicts = [board.next()[0] for _ in range(110)]
    assert Verdict.ACCEPTED not in verdicts[:95]
    assert verdicts[-1] is Verdict.ACCEPTED
    assert board.timeline.counters.resyncs == 1


def test_a_board_clock_that_steps_back_is_refused() -> None:
    board = Board()
    board.settle()
    assert board.next(jump_ms=-500)[0] is Verdict.STEPPED_BACK


def test_a_repeated_line_is_refused_and_leaves_the_order_alone() -> None:
    board = Board()
    board.settle()
    repeated = line(board.seq, board.t_ms)
    assert board.timeline.place(repeated, board.host_s + 0.005)[0] is Verdict.REPEATED
    assert board.next()[0] is Verdict.ACCEPTED
    assert board.timeline.counters.refused == 1


def test_an_earlier_line_is_refused() -> None:
    board = Board()
    board.settle()
    assert board.timeline.place(line(board.seq - 3, board.t_ms - 30), board.host_s)[0] is Verdict.STEPPED_BACK


def test_missing_lines_are_counted() -> None:
    board = Board()
    board.settle()
    assert board.next(skip=4)[0] is Verdict.ACCEPTED
    assert board.timeline.counters.gaps == 4


def test_both_counters_wrap_without_a_gap() -> None:
    board = Board(t_ms=(1 << 32) - 500, seq=65530)
    board.settle(200)
    assert board.timeline.counters.gaps == 0
    assert board.next()[1] == pytest.approx(0.0, abs=1e-3)


def test_two_lines_of_one_millisecond_are_both_taken() -> None:
    board = Board()
    board.settle()
    assert board.timeline.place(line(board.seq + 1, board.t_ms), board.host_s + 0.0025)[0] is Verdict.ACCEPTED


def test_a_board_that_restarts_is_refused_for_a_second_then_taken_again() -> None:
    board = Board(seq=3000)
    board.settle()
    board.seq, board.t_ms = 0, 0
    verdicts = [board.next()[0] for _ in range(110)]
    assert Verdict.ACCEPTED not in verdicts[:95]
    assert verdicts[-1] is Verdict.ACCEPTED


def test_after_a_reset_the_first_line_is_taken_whatever_its_numbers() -> None:
    board = Board()
    board.settle()
    board.timeline.reset()
    assert board.timeline.place(line(7, 7), board.host_s)[0] is Verdict.ACCEPTED
