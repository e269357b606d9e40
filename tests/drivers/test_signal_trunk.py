"""The worn sensor's counts become force and rate, or a verdict; an impact costs only its own samples."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from treadctl.core.sample import ChannelId, Quality, TrunkMotion
from treadctl_drivers._signal import TrunkConfig, TrunkScaler

GOOD, ABSENT, IMPLAUSIBLE, FROZEN = Quality.GOOD, Quality.ABSENT, Quality.IMPLAUSIBLE, Quality.FROZEN
KEYS = {"g_per_count": 16 / 32768, "dps_per_count": 2000 / 32768}
CONFIG = TrunkConfig.model_validate(KEYS)
STANDING = (0, 0, 2048, 0, 0, 0)


def qualities(samples: list[tuple[int | None, ...]], period_s: float = 0.01, config: TrunkConfig = CONFIG) -> list[Quality]:
    scaler = TrunkScaler(config)
    return [scaler.reading(counts, 100.0 + n * period_s).quality for n, counts in enumerate(samples)]


def along_x(*counts: int) -> list[tuple[int | None, ...]]:
    """Samples that differ in the first axis alone."""
    return [(count, 0, 2048, 0, 0, 0) for count in counts]


def test_counts_are_scaled_axis_by_axis_with_their_signs() -> None:
    reading = TrunkScaler(CONFIG).reading((2048, -4096, 1024, 16384, -8192, 0), 0.0)
    assert reading.channel is ChannelId.TRUNK
    assert reading.value == TrunkMotion((1.0, -2.0, 0.5), (1000.0, -500.0, 0.0))


def test_no_counts_at_all_are_an_absent_sensor() -> None:
    reading = TrunkScaler(CONFIG).reading((), 0.0)
    assert (reading.value, reading.quality) == (None, ABSENT)


@pytest.mark.parametrize("axis", range(6))
@pytest.mark.parametrize("count", [None, 32767, -32767, -32768, 999999999])
def test_one_missing_or_saturated_count_makes_the_whole_reading_implausible(axis: int, count: int | None) -> None:
    counts = [*STANDING]
    reading = TrunkScaler(CONFIG).reading((*counts[:axis], count, *counts[axis + 1 :]), 0.0)
    assert (reading.value, reading.quality) == (None, IMPLAUSIBLE)


@pytest.mark.parametrize("count", [32766, -32766])
def test_the_last_count_before_full_scale_is_a_measurement(count: int) -> None:
    assert qualities(along_x(count)) == [GOOD]


def test_full_scale_is_that_of_the_sensor() -> None:
    config = TrunkConfig.model_validate(KEYS | {"g_per_count": 1 / 256, "dps_per_count": 1.0, "full_scale_counts": 4095})
    assert qualities(along_x(4094, 4095, 4094), config=config) == [GOOD, IMPLAUSIBLE, GOOD]


def test_an_impact_that_saturates_costs_its_own_samples_only() -> None:
    assert qualities(along_x(200, 15000, 32767, 32767, 30000, -12000, 300)) == [GOOD, GOOD, IMPLAUSIBLE, IMPLAUSIBLE, GOOD, GOOD, GOOD]


def test_an_impact_from_one_end_of_the_range_to_the_middle_of_the_other_is_a_measurement() -> None:
    assert qualities(along_x(-16384, 32766, -16384)) == [GOOD, GOOD, GOOD]


def test_a_wrapped_register_is_not_believed_for_as_long_as_it_is_wrapped() -> None:
    true = [12000, 25000, 34000, 36000, 31000, 9000]
    sent = [(count + 32768) % 65536 - 32768 for count in true]
    assert sent[2] < 0 > sent[3]
    assert qualities(along_x(*sent)) == [GOOD, GOOD, IMPLAUSIBLE, IMPLAUSIBLE, GOOD, GOOD]


@pytest.mark.parametrize("axis", range(6))
def test_a_register_may_wrap_on_any_axis(axis: int) -> None:
    high, low = [*STANDING], [*STANDING]
    high[axis], low[axis] = 30000, -30000
    assert qualities([tuple(high), tuple(low), tuple(high)]) == [GOOD, IMPLAUSIBLE, GOOD]


def test_a_new_state_after_a_jump_is_believed_once_the_old_one_is_too_old() -> None:
    got = qualities(along_x(30000, *(-30000 - n for n in range(40))))
    assert set(got[1:20]) == {IMPLAUSIBLE}
    assert set(got[22:]) == {GOOD}


def test_six_counts_unmoved_for_longer_than_a_fifth_of_a_second_are_frozen_until_one_moves() -> None:
    got = qualities([STANDING] * 30 + [(0, 0, 2048, 0, 0, 1)])
    assert set(got[:20]) == {GOOD}
    assert set(got[22:30]) == {FROZEN}
    assert got[30] is GOOD


def test_one_moving_axis_keeps_the_sensor_alive() -> None:
    assert set(qualities([(*STANDING[:5], n // 15 % 2) for n in range(300)])) == {GOOD}


def test_samples_repeated_by_a_slower_radio_do_not_freeze() -> None:
    assert set(qualities([(n // 5, 0, 2048, 0, 0, 0) for n in range(300)])) == {GOOD}


def test_a_sensor_that_comes_back_with_the_same_counts_after_a_gap_is_still_frozen() -> None:
    lost = (None,) * 6
    assert qualities([STANDING] * 15 + [lost] * 10 + [STANDING])[-1] is FROZEN


def test_a_clock_that_steps_back_neither_freezes_nor_doubts() -> None:
    scaler = TrunkScaler(CONFIG)
    assert scaler.reading((30000, 0, 0, 0, 0, 0), 100.0).quality is GOOD
    assert scaler.reading((-30000, 0, 0, 0, 0, 0), 50.0).quality is GOOD


def test_after_a_lost_link_the_time_before_it_is_not_held_against_the_sensor() -> None:
    scaler = TrunkScaler(CONFIG)
    assert scaler.reading((30000, 0, 0, 0, 0, 0), 0.0).quality is GOOD
    scaler.reset()
    assert scaler.reading((-30000, 0, 0, 0, 0, 0), 0.01).quality is GOOD
    scaler.reset()
    assert scaler.reading((-30000, 0, 0, 0, 0, 0), 9.0).quality is GOOD


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"g_per_count": 0.0}, "g_per_count"),
        ({"g_per_count": -0.1}, "g_per_count"),
        ({"g_per_count": math.nan}, "g_per_count"),
        ({"g_per_count": math.inf}, "g_per_count"),
        ({"g_per_count": 0.488}, "g_per_count × full_scale_counts is 15990.3 g"),  # written in mg
        ({"g_per_count": 16 / 32768, "full_scale_counts": 2048}, "g_per_count × full_scale_counts is 1 g"),
        ({"g_per_count": 0.00479}, "g_per_count × full_scale_counts is 156.954 g"),  # written in m/s²
        ({"g_per_count": 1 / 256}, "g_per_count × full_scale_counts is 127.996 g"),  # 13 bits, and full scale left at that of 16
        ({"dps_per_count": 61.0}, "dps_per_count × full_scale_counts"),  # written in millidegrees/s
        ({"dps_per_count": 0.001}, "dps_per_count × full_scale_counts"),  # written in rad/s
        ({"dps_per_count": "0.06"}, "dps_per_count"),
        ({"full_scale_counts": 0}, "full_scale_counts"),
        ({"full_scale_counts": 32767.0}, "full_scale_counts"),
        ({"frozen_after_s": 0.01}, "frozen_after_s"),
        ({"frozen_after_s": math.nan}, "frozen_after_s"),
        ({"offset": 1}, "offset"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused_with_one_error_that_names_the_key(keys: dict[str, object], named: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TrunkConfig.model_validate(KEYS | keys)
    (error,) = caught.value.errors()
    assert named in f"{error['loc']} {error['msg']}"


@pytest.mark.parametrize("key", ["g_per_count", "dps_per_count"])
def test_a_missing_scale_is_named(key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        TrunkConfig.model_validate({name: value for name, value in KEYS.items() if name != key})
