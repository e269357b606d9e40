from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from treadctl.core.sample import BeltMotion, ChannelId, Direction, Quality
from treadctl.testing.clock import FakeClock
from treadctl_drivers._enable import LEASE_S, EnableLease
from treadctl_drivers._signal import BeltScaler, FrozenDetector, LevelScaler, RailConfig

RAIL = RailConfig(zero=800, n_per_count=0.25, raw_min=100, raw_max=8000)


def scaler() -> LevelScaler:
    return LevelScaler(ChannelId.RAIL_LEFT, RAIL, frozen_after_s=2.0)


@pytest.mark.parametrize(("raw", "newton"), [(800, 0.0), (1200, 100.0), (400, 100.0), (8000, 1800.0), (100, 175.0)])
def test_a_count_within_range_is_a_load_whichever_way_the_rail_is_pulled(raw: int, newton: float) -> None:
    reading = scaler().reading(raw, 0.0)
    assert (reading.channel, reading.value, reading.quality) == (ChannelId.RAIL_LEFT, newton, Quality.GOOD)


@pytest.mark.parametrize("raw", [None, 99, 8001, -32768, 32767])
def test_a_broken_wire_or_a_short_circuit_is_implausible_and_has_no_value(raw: int | None) -> None:
    reading = scaler().reading(raw, 0.0)
    assert (reading.value, reading.quality) == (None, Quality.IMPLAUSIBLE)


def test_a_count_that_does_not_move_for_two_seconds_is_frozen_until_it_moves() -> None:
    cell = scaler()
    qualities = [cell.reading(812, n * 0.01).quality for n in range(250)]
    assert set(qualities[:201]) == {Quality.GOOD}
    assert set(qualities[202:]) == {Quality.FROZEN}
    assert cell.reading(812, 2.5).value is None
    assert cell.reading(813, 2.51).quality is Quality.GOOD


def test_one_count_of_noise_keeps_a_cell_alive() -> None:
    cell = scaler()
    assert all(cell.reading(812 + (n // 150) % 2, n * 0.01).quality is Quality.GOOD for n in range(2000))


def test_after_a_lost_link_the_time_before_it_is_not_held_against_the_cell() -> None:
    cell = scaler()
    cell.reading(812, 0.0)
    cell.reset()
    assert cell.reading(812, 10.0).quality is Quality.GOOD


def test_a_clock_that_steps_back_does_not_freeze() -> None:
    detector = FrozenDetector(2.0)
    detector.frozen(5, 100.0)
    assert not detector.frozen(5, 50.0)
    assert detector.frozen(5, 52.1)


@pytest.mark.parametrize(
    ("mm_per_s", "motion"),
    [
        (833, BeltMotion(0.833, Direction.FORWARD)),
        (-833, BeltMotion(0.833, Direction.REVERSE)),
        (0, BeltMotion(0.0, None)),
        (9, BeltMotion(0.009, None)),
        (-10, BeltMotion(0.010, Direction.REVERSE)),
    ],
)
def test_belt_speed_is_a_magnitude_with_a_direction(mm_per_s: int, motion: BeltMotion) -> None:
    assert BeltScaler(12.0).reading(mm_per_s, 0.0).value == motion


@pytest.mark.parametrize("mm_per_s", [None, 12001, -12001, 32767, -32768])
def test_an_impossible_belt_speed_is_implausible(mm_per_s: int | None) -> None:
    reading = BeltScaler(12.0).reading(mm_per_s, 0.0)
    assert (reading.value, reading.quality) == (None, Quality.IMPLAUSIBLE)


def test_a_belt_speed_freezes_only_while_it_claims_to_move() -> None:
    belt = BeltScaler(12.0, frozen_after_s=1.0)
    assert [belt.reading(500, t).quality for t in (0.0, 0.9, 1.1)] == [Quality.GOOD, Quality.GOOD, Quality.FROZEN]
    assert [belt.reading(0, t).quality for t in (2.0, 9.0)] == [Quality.GOOD, Quality.GOOD]
    assert BeltScaler(12.0).reading(500, 1e9).quality is Quality.GOOD


@pytest.mark.parametrize(
    "keys",
    [
        {"raw_min": 900},
        {"raw_min": 9000},
        {"n_per_count": 0.0},
        {"n_per_count": -1.0},
        {"n_per_count": math.nan},
        {"n_per_count": math.inf},
        {"zero": "800"},
        {"gain": 1},
    ],
)
def test_a_rail_that_cannot_be_scaled_is_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RailConfig.model_validate({"zero": 800, "n_per_count": 0.25, "raw_min": 100, "raw_max": 8000} | keys)


@given(raw=st.integers(100, 8000))
def test_no_load_is_negative_or_infinite(raw: int) -> None:
    value = scaler().reading(raw, 0.0).value
    assert isinstance(value, float)
    assert 0.0 <= value < 1e6


def test_the_wish_for_power_expires() -> None:
    clock = FakeClock()
    lease = EnableLease(clock)
    wanted = [lease.wanted]
    changes = [lease.renew(True), lease.renew(True)]
    clock.advance(LEASE_S - 0.001)
    wanted.append(lease.wanted)
    clock.advance(0.002)
    wanted.append(lease.wanted)
    changes += [lease.renew(True), lease.renew(False)]
    wanted.append(lease.wanted)
    assert wanted == [False, True, False, False]
    assert changes == [True, False, True, True], "coming back after an expiry is a change"


@pytest.mark.parametrize("to_s", [math.nan, 0.0, math.inf])
def test_a_broken_clock_ends_the_wish_for_power(to_s: float) -> None:
    clock = FakeClock()
    lease = EnableLease(clock)
    lease.renew(True)
    clock.jump(to_s)
    assert not lease.wanted
