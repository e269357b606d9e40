"""Energy is a range, holds what others measured within the error it states, and is silent where the equations mean nothing."""

from __future__ import annotations

import math

import pytest

from treadctl.prescription.energy import ERROR, REST, RUN_RATIO, WALK_RATIO, Span, Stretch, acsm_forward, energy, oxygen, runs

KMH = 1.0 / 3.6
M_PER_MIN = 1.0 / 60.0


def gross(speed_mps: float, grade_percent: float = 0.0, *, backward: bool = True) -> Span:
    found = oxygen(speed_mps, grade_percent, 0.0, backward=backward).gross
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("speed_mps", "grade_percent", "running", "expected"),
    [
        (80.0 * M_PER_MIN, 0.0, False, 11.5),
        (80.0 * M_PER_MIN, 10.0, False, 25.9),
        (160.0 * M_PER_MIN, 0.0, True, 35.5),
        (160.0 * M_PER_MIN, 5.0, True, 42.7),
        (5.0 * KMH, 0.0, False, 11.83),
    ],
)
def test_the_forward_equations_give_their_own_arithmetic(speed_mps: float, grade_percent: float, running: bool, expected: float) -> None:
    assert acsm_forward(speed_mps, grade_percent, running=running) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("speed_mps", "grade_percent", "backward", "measured"),
    [
        (5.0 * KMH, 0.0, False, 15.9),  # Kim & Choi 2001, forward
        (5.0 * KMH, 0.0, True, 23.6),  # Kim & Choi 2001, backward
        (93.8 * M_PER_MIN, 0.0, True, 6.0 * REST),  # Compendium, unverified
        (93.8 * M_PER_MIN, 5.0, True, 8.0 * REST),  # Compendium, unverified
    ],
)
def test_what_others_measured_lies_in_the_range(speed_mps: float, grade_percent: float, backward: bool, measured: float) -> None:
    assert measured in gross(speed_mps, grade_percent, backward=backward)


def test_the_equation_alone_would_be_a_third_and_more_too_low_backward() -> None:
    assert acsm_forward(5.0 * KMH, 0.0, running=False) * (1.0 + ERROR) < 23.6


def test_measured_ratios_lie_in_the_ratios_used() -> None:
    assert (23.6 - REST) / (15.9 - REST) in WALK_RATIO  # Kim & Choi 2001
    assert all(ratio in RUN_RATIO for ratio in (1.35, 1.29, 1.41))  # Wright & Weyand 2001 at 3.0 m/s: 35 ± 6 %


def test_the_range_is_ratio_and_error_and_net_is_without_rest() -> None:
    found = oxygen(1.5, 0.0, 0.0)
    assert found.gross is not None
    assert found.net is not None
    assert found.gross.low == pytest.approx((3.5 + 1.2 * 9.0) * 0.65)
    assert found.gross.high == pytest.approx((3.5 + 1.8 * 9.0) * 1.35)
    assert (found.net.low, found.net.high) == (found.gross.low - 3.5, found.gross.high - 3.5)


@pytest.mark.parametrize("speed_mps", [0.9, 1.2, 1.6, 1.7, 2.2, 3.0])
@pytest.mark.parametrize("backward", [True, False])
def test_there_is_never_one_number(speed_mps: float, backward: bool) -> None:
    found = oxygen(speed_mps, 0.0, 0.0, backward=backward)
    for span in (found.gross, found.net):
        assert span is not None
        assert 0.0 <= span.low < span.high


@pytest.mark.parametrize(
    ("speed_mps", "backward", "running"), [(1.62, True, False), (1.63, True, False), (1.64, True, True), (1.9, False, False), (2.3, False, True)]
)
def test_gait_changes_at_the_speed_of_its_direction(speed_mps: float, backward: bool, running: bool) -> None:
    assert runs(speed_mps, backward=backward) is running


@pytest.mark.parametrize(
    ("speed_mps", "load", "words"),
    [
        (49.9 * M_PER_MIN, 0.0, "slower than 50 m/min"),
        (0.0, 0.0, "slower than 50 m/min"),
        (-1.5, 0.0, "slower than 50 m/min"),
        (1.2, 5.1, "more than 5 %"),
        (1.2, None, "load on the rails is not known"),
        (1.2, math.nan, "load on the rails is not known"),
        (math.nan, 0.0, "speed or grade is not known"),
        (math.inf, 0.0, "speed or grade is not known"),
    ],
)
def test_no_figure_is_given_and_the_reason_is(speed_mps: float, load: float | None, words: str) -> None:
    found = oxygen(speed_mps, 0.0, load)
    assert (found.gross, found.net) == (None, None)
    assert words in found.reason


def test_a_light_hold_and_fifty_metres_a_minute_are_enough() -> None:
    assert oxygen(50.0 * M_PER_MIN, 0.0, 5.0).gross is not None
    assert oxygen(1.2, math.nan, 0.0).gross is None


def test_kcal_are_litres_times_five_over_the_time_that_could_be_judged() -> None:
    walk, held = Stretch(600.0, 1.5, 0.0, 2.0), Stretch(300.0, 1.5, 0.0, 12.0)
    found = energy(70.0, [walk, held, held])
    rate = gross(1.5)
    assert found.gross_kcal is not None
    assert found.net_kcal is not None
    assert found.gross_kcal.low == pytest.approx(rate.low * 70.0 / 1000.0 * 10.0 * 5.0)
    assert found.gross_kcal.high == pytest.approx(rate.high * 70.0 / 1000.0 * 10.0 * 5.0)
    assert found.net_kcal.high == pytest.approx((rate.high - 3.5) * 3.5)
    assert (found.covered_s, found.left_out_s, len(found.reasons)) == (600.0, 600.0, 1)


@pytest.mark.parametrize(("mass_kg", "duration_s"), [(math.nan, 60.0), (70.0, math.nan), (-70.0, 60.0)])
def test_without_mass_or_length_there_is_no_energy(mass_kg: float, duration_s: float) -> None:
    found = energy(mass_kg, [Stretch(duration_s, 1.5, 0.0, 0.0)])
    assert (found.gross_kcal, found.net_kcal, found.covered_s) == (None, None, 0.0)
    assert found.reasons
