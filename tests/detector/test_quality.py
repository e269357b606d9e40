"""Each thing that can be wrong with a recording is found, at the sample where it begins, and a sound one is left in peace."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from generated import Array, waist

from treadctl.detector import quality
from treadctl.detector.quality import Flaw

RATE_HZ = 200.0


def motion(signal: Array, rate_hz: float = RATE_HZ, time_s: Array | None = None) -> Flaw | None:
    time_s = np.arange(len(signal)) / rate_hz if time_s is None else time_s
    return quality.complaints_about_motion(time_s, signal[:, :3], signal[:, 3:], rate_hz)


def turned(signal: Array, swap: Callable[[Array], Array] = lambda rate: rate) -> Flaw | None:
    return quality.axes_disagree(np.arange(len(signal)) / RATE_HZ, signal[:, :3], swap(signal[:, 3:]), 1200)


@pytest.fixture
def gait() -> Array:
    return waist(12.0)


@pytest.fixture
def fall() -> Array:
    return waist(12.0, impact_s=6.0)


@pytest.mark.parametrize("rate_hz", [50.0, 100.0, 200.0, 1000.0])
def test_a_sound_gait_has_no_flaw_at_any_rate(rate_hz: float) -> None:
    signal = waist(12.0, rate_hz)
    assert motion(signal, rate_hz) is None
    assert quality.complaints_about_turning(signal[:, :3], signal[:, 3:]) is None
    for part, word in ((signal[:, :3], "force"), (signal[:, 3:], "rate")):
        assert quality.complaints_about(part, None, word) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_is_found(gait: Array, bad: float) -> None:
    gait[700, 1] = bad
    assert quality.complaints_about(gait[:, :3], None, "force") == Flaw("force is not a number", 700)


def test_a_dead_sensor_and_a_dead_axis_are_found(gait: Array) -> None:
    flaw = quality.complaints_about(np.zeros((100, 3)), None, "rate")
    assert flaw is not None
    assert flaw.words == "rate never changes: the sensor was dead"
    gait[:, 2] = 0.7
    flaw = quality.complaints_about(gait[:, :3], None, "force")
    assert flaw is not None
    assert "along z" in flaw.words


def test_a_saturated_sensor_is_found_but_an_impact_is_not_one(gait: Array, fall: Array) -> None:
    force = fall[:, :3] * 256
    assert quality.complaints_about(np.clip(force, -400, 400), 400.0, "force") is None
    flaw = quality.complaints_about(np.clip(gait[:, :3] * 256, -280, 280), 280.0, "force")
    assert flaw is not None
    assert "saturated" in flaw.words


def test_saturation_shows_without_the_scale_being_known(gait: Array) -> None:
    flaw = quality.complaints_about(np.clip(gait[:, :3], -1.1, 1.1), None, "force")
    assert flaw is not None
    assert "cut off flat at 1.1" in flaw.words
    assert flaw.sample is not None
    assert abs(gait[flaw.sample, 2]) >= 1.1


def test_a_16_bit_overflow_is_found(gait: Array) -> None:
    large = np.rint(gait[:, 3:] * 1000.0)
    wrapped = large.astype(np.int64).astype(np.int16).astype(np.float64)
    first = int(np.argmax((large != wrapped).any(axis=1)))
    flaw = quality.complaints_about(wrapped, None, "rate")
    assert flaw is not None
    assert "overflow" in flaw.words
    assert flaw.sample == first


def test_a_narrower_register_overflows_too(gait: Array) -> None:
    rate = gait[:, 3:].copy()
    rate[500:520, 0] += 900.0
    wrapped = (rate + 500.0) % 1000.0 - 500.0
    wrapped[510, 0] = -490.0
    wrapped[511, 0] = 490.0
    flaw = quality.complaints_about(wrapped, 500.0, "rate")
    assert flaw is not None
    assert (flaw.sample, "overflow" in flaw.words) == (511, True)


def test_counts_beyond_their_scale_are_found(gait: Array) -> None:
    counts = gait[:, :3] * 256
    counts[300, 0] = 5000.0
    flaw = quality.complaints_about(counts, 4095.0, "force")
    assert flaw is not None
    assert flaw.sample == 300


def test_a_gap_is_named_with_its_length(gait: Array) -> None:
    time_s = np.arange(len(gait)) / RATE_HZ
    time_s[1000:] += 0.2
    flaw = motion(gait, time_s=time_s)
    assert flaw == Flaw("a gap of 205 ms; cut the recording there", 1000)


def test_a_gap_filled_with_the_last_value_is_found(gait: Array) -> None:
    gait[1000:1040] = gait[999]
    flaw = motion(gait)
    assert flaw is not None
    assert (flaw.sample, "gap filled up" in flaw.words) == (1000, True)


def test_one_sensor_that_freezes_alone_is_found(gait: Array) -> None:
    gait[1000:1150, 3:] = 0.0
    flaw = motion(gait)
    assert flaw is not None
    assert "rate stands still" in flaw.words


def test_a_time_that_contradicts_the_rate_is_found_and_milliseconds_are_guessed(gait: Array) -> None:
    flaw = motion(gait, time_s=np.arange(len(gait)) / 100.0)
    assert flaw is not None
    assert flaw.words == "its times say 100 samples a second, rate_hz says 200"
    flaw = motion(gait, time_s=np.arange(len(gait)) * 5.0)
    assert flaw is not None
    assert flaw.words.endswith("ms? the column must be seconds")


def test_a_time_that_goes_back_or_is_none_is_found(gait: Array) -> None:
    time_s = np.arange(len(gait)) / RATE_HZ
    time_s[400] = time_s[399]
    assert motion(gait, time_s=time_s) == Flaw("the time stands still or goes back", 400)
    time_s[400] = np.nan
    assert motion(gait, time_s=time_s) == Flaw("the time is not a number", 400)


def test_jitter_of_the_time_is_no_flaw(gait: Array) -> None:
    time_s = (np.arange(len(gait)) + np.random.default_rng(2).uniform(0.0, 0.8, len(gait))) / RATE_HZ
    assert motion(gait, time_s=time_s) is None


@pytest.mark.parametrize("samples", [0, 1, 2, 500])
def test_a_recording_too_short_is_refused(gait: Array, samples: int) -> None:
    assert motion(gait[:samples]) is not None


@pytest.mark.parametrize(("factor", "hint"), [(9.80665, "0.10197"), (1000.0, "beyond 64 g"), (0.1, "gravity"), (3.0, "wrong scale")])
def test_a_wrong_scale_of_force_is_found_with_a_hint(gait: Array, factor: float, hint: str) -> None:
    gait[:, :3] *= factor
    flaw = motion(gait)
    assert flaw is not None
    assert hint in flaw.words


def test_radians_are_found_in_gait_and_in_a_fall(gait: Array, fall: Array) -> None:
    for signal in (gait, fall):
        flaw = quality.complaints_about_turning(signal[:, :3], np.radians(signal[:, 3:]))
        assert flaw is not None
        assert "rad/s" in flaw.words
        assert quality.complaints_about_turning(signal[:, :3], signal[:, 3:]) is None


def test_raw_counts_taken_for_degrees_are_found(gait: Array) -> None:
    flaw = quality.complaints_about_turning(gait[:, :3], gait[:, 3:] * 65536 / 4000)
    assert flaw is None or "wrong scale" in flaw.words
    flaw = quality.complaints_about_turning(gait[:, :3], gait[:, 3:] * 131.0)
    assert flaw is not None
    assert "wrong scale" in flaw.words


def test_somebody_standing_still_may_turn_little() -> None:
    rng = np.random.default_rng(3)
    force = rng.normal([0.0, 0.0, 1.0], 0.01, (2000, 3))
    assert quality.complaints_about_turning(force, rng.normal(0.0, 0.3, (2000, 3))) is None


def test_a_sound_fall_turns_as_its_force_says(fall: Array) -> None:
    assert turned(fall) is None


SWAPS: list[Callable[[Array], Array]] = [lambda r: r[:, [1, 0, 2]], lambda r: r[:, [0, 2, 1]], lambda r: -r, lambda r: r * [1.0, -1.0, 1.0]]


@pytest.mark.parametrize("swap", SWAPS, ids=["x-y swapped", "y-z swapped", "all mirrored", "y mirrored"])
def test_swapped_and_mirrored_axes_show_in_a_fall(fall: Array, swap: Callable[[Array], Array]) -> None:
    flaw = turned(fall, swap)
    assert flaw is not None
    assert "axes" in flaw.words


@pytest.mark.parametrize("order", [[1, 2, 0], [2, 0, 1]])
def test_gravity_on_another_axis_is_no_flaw(gait: Array, fall: Array, order: list[int]) -> None:
    both = [*order, *(3 + axis for axis in order)]
    assert motion(gait[:, both]) is None
    assert turned(fall[:, both]) is None
    assert turned(fall[:, both] * [-1.0, -1.0, 1.0, -1.0, -1.0, 1.0]) is None


def test_a_fall_needs_an_impact_and_something_before_it(gait: Array, fall: Array) -> None:
    time_s = np.arange(len(fall)) / RATE_HZ
    assert quality.complaints_about_impact(time_s, fall[:, :3], 1200, labelled=False) is None
    flaw = quality.complaints_about_impact(time_s, gait[:, :3], 1200, labelled=False)
    assert flaw is not None
    assert "impact_s" in flaw.words
    assert quality.complaints_about_impact(time_s, gait[:, :3], 1200, labelled=True) is None
    flaw = quality.complaints_about_impact(time_s, fall[:, :3], 300, labelled=True)
    assert flaw is not None
    assert "1.5 s after the beginning" in flaw.words
