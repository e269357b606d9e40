"""The ramp keeps its limits for any target, and stopping distances are v²/2a plus the reaction."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadctl.core.ramp import REST, Ramp, advance, stopping_distance_m, stopping_time_s

DT = 0.01


@given(st.lists(st.floats(0.0, 4.0), min_size=1, max_size=6), st.floats(0.05, 1.0), st.floats(0.05, 1.0), st.floats(0.3, 3.0))
def test_slope_and_jerk_stay_within_their_limits_whatever_the_target_does(targets: list[float], up: float, down: float, jerk: float) -> None:
    ramp = REST
    for target in targets:
        for _ in range(200):
            after = advance(ramp, target, DT, up, down, jerk)
            assert 0.0 <= after.speed_mps <= max(target, ramp.speed_mps) + 1e-9
            assert -down - 1e-9 <= after.acceleration_mps2 <= up + 1e-9
            arrived = after.acceleration_mps2 == 0.0
            no_faster = target < ramp.speed_mps and ramp.acceleration_mps2 > 0.0
            assert arrived or no_faster or abs(after.acceleration_mps2 - ramp.acceleration_mps2) <= jerk * DT + 1e-9
            ramp = after


@pytest.mark.parametrize("target", [0.05, 0.4, 1.6, 2.2])
def test_the_target_is_reached_exactly_and_kept(target: float) -> None:
    ramp = REST
    for _ in range(2000):
        ramp = advance(ramp, target, DT, 0.25, 0.8, 1.0)
    assert ramp == Ramp(target, 0.0)


def test_reaching_the_target_takes_as_long_as_the_limits_say() -> None:
    ramp, steps = REST, 0
    while ramp.speed_mps < 1.0:
        ramp, steps = advance(ramp, 1.0, DT, 0.25, 0.8, 1.0), steps + 1
    ideal_s = 1.0 / 0.25 + 0.25 / 1.0  # v/a + a/j
    assert ideal_s <= steps * DT <= ideal_s + 0.25


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_anything_not_finite_gives_rest(bad: float) -> None:
    moving = Ramp(1.0, 0.1)
    assert advance(moving, bad, DT, 0.25, 0.8, 1.0) == REST
    assert advance(moving, 1.0, bad, 0.25, 0.8, 1.0) == REST
    assert advance(Ramp(bad, 0.0), 1.0, DT, 0.25, 0.8, 1.0) == REST
    assert advance(moving, 1.0, DT, bad, 0.8, 1.0) == REST


@pytest.mark.parametrize(("kmh", "decel", "seconds", "metres"), [(3, 1.0, 0.83, 0.35), (6, 1.0, 1.67, 1.39), (9, 2.5, 1.0, 1.25), (12, 1.0, 3.33, 5.56)])
def test_stop_table_of_the_science_notes(kmh: float, decel: float, seconds: float, metres: float) -> None:
    assert stopping_time_s(kmh / 3.6, decel) == pytest.approx(seconds, abs=0.01)
    assert stopping_distance_m(kmh / 3.6, decel) == pytest.approx(metres, abs=0.01)


def test_reaction_adds_its_travel_and_no_braking_never_stops() -> None:
    assert stopping_distance_m(2.0, 1.0, 0.1) == pytest.approx(2.2)
    assert stopping_distance_m(1.0, 0.0) == stopping_time_s(1.0, 0.0) == math.inf
