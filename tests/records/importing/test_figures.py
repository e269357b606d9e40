"""The sums behind the figures, and when a belt counts as standing, on numbers that can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from treadctl.core.controller import Output
from treadctl.core.imbalance.verdict import Imbalance, Level
from treadctl.core.interlock import INDEX, Action
from treadctl.core.messages import DriveMode, DriveOrder
from treadctl.core.prompts import PromptKind
from treadctl.core.sample import Direction
from treadctl.core.session import SessionState
from treadctl.records.importing.channels import Seen
from treadctl.records.importing.ending import Ending
from treadctl.records.importing.figures import Figures
from treadctl.records.model import Outcome

TRIPPED = Output(
    DriveOrder(DriveMode.STOP, 0.0, Direction.REVERSE, None, 2), True, SessionState.TRIPPED, Action.SS1,
    (), (), 0.0, None, 0.0, (), Level.STEADY, Imbalance.NONE,
)  # fmt: skip
RUNNING = replace(TRIPPED, session=SessionState.RUNNING, action=Action.RUN)


def figures(*seen: Seen, dt_s: float = 0.1) -> Figures:
    sums = Figures(standstill_mps=0.03, contact_percent=0.7)
    for one in seen:
        sums.feed(dt_s, one)
    return sums


def hands(left: float | None, right: float | None, speed_mps: float = 1.0) -> Seen:
    return Seen(speed_mps=speed_mps, rail_left_percent=left, rail_right_percent=right)


def test_a_ramp_from_rest_to_one_metre_a_second_in_one_second_is_half_a_metre() -> None:
    sums = figures(*(Seen(speed_mps=number / 10) for number in range(11)))
    assert sums.distance_m == pytest.approx(0.5)
    assert sums.belt_s == pytest.approx(0.9)
    assert (sums.peak_mps, sums.mean_mps) == (1.0, pytest.approx(0.5 / 0.9))


def test_what_nobody_saw_adds_nothing() -> None:
    assert figures(Seen(speed_mps=1.0), Seen(speed_mps=1.0), dt_s=1.1).distance_m == 0.0
    assert figures(Seen(speed_mps=1.0), Seen(), Seen(speed_mps=1.0)).distance_m == 0.0


def test_loads_count_only_while_the_belt_moves() -> None:
    sums = figures(hands(50.0, 50.0, speed_mps=0.0), hands(4.0, 2.0), hands(4.0, 2.0), hands(0.0, 0.0), hands(0.0, 0.0))
    assert sums.rail_load_percent == pytest.approx(4.0)
    assert sums.hands_on_share == pytest.approx(2 / 3)
    assert sums.asymmetry_percent == pytest.approx(100.0 / 3)


def test_one_hand_is_a_hand_on_and_wholly_uneven() -> None:
    sums = figures(hands(5.0, 0.0), hands(5.0, 0.0))
    assert (sums.hands_on_share, sums.asymmetry_percent) == (1.0, 100.0)


def test_free_hands_have_no_asymmetry_and_absent_rails_no_load() -> None:
    free, absent = figures(hands(0.1, 0.0), hands(0.1, 0.0)), figures(hands(None, 3.0), hands(None, 3.0))
    assert (free.hands_on_share, free.asymmetry_percent) == (0.0, None)
    assert (absent.rail_load_percent, absent.hands_on_share, absent.asymmetry_percent) == (None, None, None)


def test_a_heart_rate_of_zero_is_a_strap_without_contact() -> None:
    beats = [Seen(speed_mps=1.0, heart_per_min=rate) for rate in (100.0, 0.0, 120.0, 120.0)]
    sums = figures(*beats)
    assert (sums.mean_heart_rate_per_min, sums.max_heart_rate_per_min) == (pytest.approx(110.0), 120.0)


def ending(speeds_mps: list[float | None], output: Output = TRIPPED) -> Ending:
    """A stop by imbalance at 0.0 s from 1 m/s, then these speeds at tenths of a second."""
    end = Ending(standstill_mps=0.03)
    end.feed(0.0, 0.0, 1.0, RUNNING)
    end.began(0.0, [INDEX["imbalance"]], 1.0)
    for number, speed in enumerate(speeds_mps, start=1):
        end.feed(number / 10, 0.1, speed, output)
    return end


def test_a_belt_counts_as_standing_only_after_it_stood_for_a_while() -> None:
    assert ending([0.5, 0.0, 0.0, 0.0]).end_s is None
    assert ending([0.5, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0]).end_s is None
    assert ending([0.5, 0.0, None, 0.0, 0.0, 0.0]).end_s is None
    stood = ending([0.5, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert (stood.end_s, stood.done) == (0.2, True)


def test_the_course_of_a_stop_is_measured_from_its_cause_to_the_first_instant_at_rest() -> None:
    (stop,) = ending([0.5, 0.0, 0.0, 0.0, 0.0, 0.0]).stops()
    assert (stop.from_mps, stop.rest_s) == (1.0, 0.2)
    assert stop.travel_m == pytest.approx(0.075 + 0.025)
    assert stop.deceleration_mps2 == pytest.approx(5.0)


def test_the_first_stop_counts_and_of_several_at_once_the_hardest() -> None:
    end = Ending(standstill_mps=0.03)
    end.began(1.0, [INDEX["program_end"]], 1.0)
    end.began(1.5, [INDEX["imbalance"], INDEX["estop_open"], INDEX["unsteady"]], 1.0)
    end.began(1.6, [INDEX["overspeed"]], 1.0)
    assert (end.outcome, end.cause, [stop.at_s for stop in end.stops()]) == (Outcome.STOPPED, "estop_open", [1.5])


@pytest.mark.parametrize(("cause", "outcome"), [("program_end", Outcome.COMPLETED), ("end_requested", Outcome.ENDED_EARLY), ("time_cap", Outcome.ENDED_EARLY),
                                                ("weekly_cap", Outcome.ENDED_EARLY), ("dizziness", Outcome.STOPPED), ("remote_stop", Outcome.STOPPED),
                                                ("unsteady", Outcome.UNKNOWN)])  # fmt: skip
def test_each_end_has_its_outcome(cause: str, outcome: Outcome) -> None:
    end = Ending(standstill_mps=0.03)
    end.began(1.0, [INDEX[cause]], 1.0)
    assert end.outcome is outcome


def test_open_questions_keep_a_session_open_until_it_is_put_away() -> None:
    asking = replace(TRIPPED, prompts=(PromptKind.RPE,))
    at_rest: list[float | None] = [0.0] * 6
    assert not ending(at_rest, asking).done
    assert ending(at_rest, replace(asking, session=SessionState.IDLE)).done
    assert not ending([0.0] * 1200, asking).done
    assert ending([0.0] * 1202, asking).done
