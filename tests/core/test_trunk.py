"""The waist detector on generated gait: what it learns, when it speaks, and what it does with a sensor that cannot be believed."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from core_waist import Waist, plain_tuning
from hypothesis import given, settings
from hypothesis import strategies as st

from treadctl.core.imbalance import inertia
from treadctl.core.imbalance.calibration import KEPT_BLOCKS, Calibration, Gait
from treadctl.core.imbalance.inertia import FEATURES
from treadctl.core.imbalance.trunk import LAG_S, TrunkState, Trust, update, weigh
from treadctl.core.imbalance.verdict import Imbalance
from treadctl.core.sample import TrunkMotion
from treadctl.core.thresholds import TrunkThresholds

LIMITS = TrunkThresholds()
TUNING = plain_tuning()


class Wearer:
    """A waist, its sensor and the detector, at `rate_hz`."""

    def __init__(self, rate_hz: float = 100.0, learning: bool = True) -> None:
        self.waist = Waist()
        self.dt_s = 1.0 / rate_hz
        self.now_s = 50.0
        self.learning, self.walks = learning, True
        self.state = TrunkState()
        self.said: list[tuple[float, Imbalance]] = []

    def walk(self, seconds: float, change: object = None) -> TrunkState:
        for _ in range(round(seconds / self.dt_s)):
            self.now_s += self.dt_s
            motion = self.waist.move(self.dt_s)
            self.feed(change(motion) if callable(change) else motion)
        return self.state

    def feed(self, motion: TrunkMotion | None) -> None:
        self.state = update(self.state, self.now_s, motion, self.learning, self.walks, TUNING, LIMITS)
        if self.state.verdict is not Imbalance.NONE:
            self.said.append((self.now_s, self.state.verdict))

    def silence(self, seconds: float) -> list[TrunkState]:
        states = []
        for _ in range(round(seconds / self.dt_s)):
            self.now_s += self.dt_s
            self.feed(None)
            states.append(self.state)
        return states


@pytest.mark.parametrize("rate_hz", [50.0, 100.0, 200.0, 400.0])
def test_gait_is_learnt_within_25_seconds_and_says_nothing(rate_hz: float) -> None:
    wearer = Wearer(rate_hz)
    assert wearer.walk(1.5).trust is Trust.SETTLING
    assert wearer.walk(10.0).trust is Trust.POPULATION
    assert wearer.walk(14.0).trust is Trust.PERSONAL
    assert wearer.said == []
    assert len(wearer.state.past) <= LAG_S * rate_hz + 2


def test_a_fall_is_told_before_the_person_lies_and_lying_is_told_as_down() -> None:
    wearer = Wearer()
    wearer.walk(25.0)
    began_s = wearer.now_s
    wearer.waist.tilt_to(90.0, 150.0)
    wearer.walk(1.5)
    first = {verdict: at_s - began_s for at_s, verdict in reversed(wearer.said)}
    assert first[Imbalance.TRUNK_UNSTEADY] < first[Imbalance.TRUNK_FALLING] < 0.4 < first[Imbalance.TRUNK_DOWN] < 1.2


def test_while_the_limits_are_other_peoples_a_fall_must_be_surer() -> None:
    wearer = Wearer()
    wearer.learning = False
    wearer.walk(6.0)
    assert wearer.state.trust is Trust.POPULATION
    lean = TUNING.threshold(TUNING.losing, 0.0)
    for more, expected in ((0.5, Imbalance.TRUNK_UNSTEADY), (1.5, Imbalance.TRUNK_FALLING)):
        score = lean + more * LIMITS.population_margin
        tuning = replace(TUNING, rows=tuple((0.0,) * len(row) for row in TUNING.rows), bias=score)
        motion = wearer.waist.move(0.01)
        assert update(wearer.state, wearer.now_s + 0.01, motion, False, True, tuning, LIMITS).verdict is expected
        known = replace(wearer.state, calibration=Calibration(walking=replace(wearer.state.calibration.walking, blocks=40)))
        assert update(known, wearer.now_s + 0.01, motion, False, True, tuning, LIMITS).verdict is Imbalance.TRUNK_FALLING


def test_unsteady_gait_is_not_learnt() -> None:
    wearer = Wearer()
    wearer.walk(12.0)
    wearer.waist.tilt_to(30.0, 60.0)
    wearer.walk(0.6)
    assert wearer.said
    learnt = wearer.state.calibration.blocks
    wearer.walk(0.3)
    assert wearer.state.calibration.blocks == learnt
    assert wearer.state.calibration.block_s < 1.0


def test_a_hole_withdraws_the_verdict_and_one_second_of_silence_ends_the_trust_for_good() -> None:
    wearer = Wearer()
    wearer.walk(25.0)
    short = wearer.silence(0.3)
    assert short[-1].trust is Trust.SETTLING
    assert wearer.walk(3.0).trust is Trust.PERSONAL
    long = wearer.silence(1.3)
    assert sum(state.given_up for state in long) == 1
    assert wearer.walk(30.0).trust is Trust.LOST
    assert not wearer.state.given_up
    assert wearer.said == []


def test_after_a_short_hole_only_the_fast_filters_begin_anew() -> None:
    wearer = Wearer()
    wearer.walk(25.0)
    assert wearer.silence(0.15)[-1].trust is Trust.SETTLING
    assert wearer.walk(0.4).trust is Trust.SETTLING
    assert wearer.walk(0.2).trust is Trust.PERSONAL
    wearer.silence(0.9)
    assert wearer.walk(0.6).trust is Trust.PERSONAL
    assert wearer.said == []


@pytest.mark.parametrize(("news_s", "hole_s"), [(0.43, 0.07), (0.05, 0.95), (0.1, 0.4)])
def test_a_sensor_that_stutters_is_given_up(news_s: float, hole_s: float) -> None:
    wearer = Wearer()
    wearer.walk(25.0)
    given_up = 0
    for _ in range(14):
        wearer.walk(news_s)
        given_up += sum(state.given_up for state in wearer.silence(hole_s))
    assert wearer.state.trust is Trust.LOST
    assert wearer.said == []


@pytest.mark.parametrize("hole_s", [0.06, 0.15, 0.35, 0.6, 0.9])
def test_who_fell_during_a_hole_is_told_as_down_after_it(hole_s: float) -> None:
    wearer = Wearer()
    wearer.walk(25.0)
    wearer.waist.tilt_to(90.0, 180.0)
    for _ in range(round(hole_s / wearer.dt_s)):
        wearer.now_s += wearer.dt_s
        wearer.waist.move(wearer.dt_s)
        wearer.feed(None)
    wearer.walk(1.5)
    assert Imbalance.TRUNK_DOWN in {verdict for _, verdict in wearer.said}


def test_a_sample_exactly_like_the_last_is_no_news() -> None:
    wearer = Wearer()
    wearer.walk(25.0)
    held = wearer.state.motion
    for _ in range(20):
        wearer.now_s += wearer.dt_s
        wearer.feed(held)
    assert wearer.state.trust is Trust.SETTLING
    assert wearer.said == []


def test_what_is_no_number_counts_as_missing() -> None:
    wearer = Wearer()
    wearer.walk(5.0)
    for bad in (TrunkMotion((math.nan, -1.0, 0.0), (0.0, 0.0, 0.0)), TrunkMotion((0.0, -1.0, 0.0), (0.0, math.inf, 0.0))):
        wearer.now_s += wearer.dt_s
        before = wearer.state
        wearer.feed(bad)
        assert wearer.state is before


@pytest.mark.parametrize(
    "change",
    [
        lambda m: TrunkMotion(tuple(2.0 * x for x in m.force_g), m.rate_dps),
        lambda m: TrunkMotion(tuple(0.5 * x for x in m.force_g), m.rate_dps),
        lambda m: TrunkMotion((m.force_g[1], m.force_g[0], m.force_g[2]), (m.rate_dps[1], m.rate_dps[0], m.rate_dps[2])),
    ],
    ids=["twice", "half", "swapped"],
)
def test_a_sensor_that_changes_its_scale_or_axes_is_given_up_within_two_seconds(change: object) -> None:
    wearer = Wearer()
    wearer.walk(25.0)
    wearer.walk(2.0, change)
    assert wearer.state.trust is Trust.LOST


@pytest.mark.parametrize("zero_dps", [0.0, 8.0])
def test_a_sensor_that_lies_still_while_the_belt_moves_is_given_up(zero_dps: float) -> None:
    wearer, noise = Wearer(), random.Random(3)  # noqa: S311 - a seed, no secret

    def lie(seconds: float) -> Trust:
        for _ in range(round(seconds / wearer.dt_s)):
            wearer.now_s += wearer.dt_s
            force = (noise.gauss(0.0, 0.004), noise.gauss(0.0, 0.004), 1.0 + noise.gauss(0.0, 0.004))
            wearer.feed(TrunkMotion(force, (zero_dps + noise.gauss(0.0, 0.2), noise.gauss(0.0, 0.2), noise.gauss(0.0, 0.2))))
        return wearer.state.trust

    wearer.walks = False
    assert lie(60.0) is not Trust.LOST
    wearer.walks = True
    assert lie(LIMITS.still_s - 0.5) is not Trust.LOST
    assert lie(1.0) is Trust.LOST


def test_whoever_walks_is_never_taken_for_a_sensor_that_lies_still() -> None:
    wearer = Wearer()
    wearer.walk(60.0)
    assert wearer.state.trust is Trust.PERSONAL
    assert wearer.state.still_s < 0.5


def test_a_sample_seen_again_or_from_the_past_changes_nothing() -> None:
    wearer = Wearer()
    wearer.walk(5.0)
    before = wearer.state
    motion = wearer.waist.move(0.01)
    assert update(before, before.at_s, motion, True, True, TUNING, LIMITS) is before
    assert update(before, before.at_s - 1.0, motion, True, True, TUNING, LIMITS) is before


@given(st.tuples(*[st.floats(-math.pi, math.pi)] * 3))
@settings(max_examples=20, deadline=None)
def test_it_does_not_matter_how_the_sensor_is_turned(angles: tuple[float, float, float]) -> None:
    a, b, c = angles

    def turn(v: tuple[float, float, float]) -> tuple[float, float, float]:
        x, y, z = v
        x, y = x * math.cos(a) - y * math.sin(a), x * math.sin(a) + y * math.cos(a)
        y, z = y * math.cos(b) - z * math.sin(b), y * math.sin(b) + z * math.cos(b)
        return x * math.cos(c) - z * math.sin(c), y, x * math.sin(c) + z * math.cos(c)

    straight, turned = Wearer(), Wearer()
    straight.walk(4.0)
    turned.walk(4.0, lambda m: TrunkMotion(turn(m.force_g), turn(m.rate_dps)))
    assert turned.state.score == pytest.approx(straight.state.score, abs=1e-6)
    assert turned.state.features == pytest.approx(straight.state.features, abs=1e-6)


FINITE = st.floats(-1e4, 1e4)
MOTION = st.builds(TrunkMotion, st.tuples(FINITE, FINITE, FINITE), st.tuples(FINITE, FINITE, FINITE))


@given(st.lists(st.tuples(st.floats(0.0, 0.2), MOTION), max_size=60), st.booleans())
@settings(deadline=None)
def test_no_finite_motion_breaks_it(samples: list[tuple[float, TrunkMotion]], learning: bool) -> None:
    state, now_s = TrunkState(), 0.0
    for dt_s, motion in samples:
        now_s += dt_s
        state = update(state, now_s, motion, learning, True, TUNING, LIMITS)
        assert not math.isnan(state.score)
        assert all(map(math.isfinite, state.memory))


@pytest.mark.parametrize("value", [1e154, 1e160, 1e300, -1e300])
def test_a_number_no_sensor_shows_is_no_sample(value: float) -> None:
    wearer = Wearer()
    wearer.walk(5.0)
    before = wearer.state
    for motion in (TrunkMotion((0.0, value, 0.0), (0.0, 0.0, 0.0)), TrunkMotion((0.0, 1.0, 0.0), (0.0, value, 0.0))):
        wearer.now_s += wearer.dt_s
        wearer.feed(motion)
        assert wearer.state is before


def test_samples_that_come_late_but_without_a_hole_tell_who_lies() -> None:
    wearer = Wearer()
    wearer.walk(25.0)
    wearer.waist.tilt_to(90.0, 150.0)
    for number in range(150):
        if number % 2:  # the last one grew too old before the next came
            wearer.state = update(wearer.state, wearer.now_s + 0.11, None, False, True, TUNING, LIMITS)
        wearer.walk(wearer.dt_s)
    assert wearer.said[-1][1] is Imbalance.TRUNK_DOWN


def test_a_score_that_is_no_number_is_a_fall() -> None:
    wearer = Wearer()
    wearer.walk(5.0)
    broken = replace(TUNING, bias=math.nan)
    assert update(wearer.state, wearer.now_s + 0.01, wearer.waist.move(0.01), True, True, broken, LIMITS).verdict is Imbalance.TRUNK_FALLING


def test_the_score_is_the_quadratic_form() -> None:
    inputs = tuple(0.1 * i - 0.7 for i in range(len(TUNING.rows)))
    rows = tuple(tuple(0.01 * (i + 1) * (j + 1) for j in range(len(TUNING.rows) + 1 - i)) for i in range(len(TUNING.rows)))
    tuning = replace(TUNING, rows=rows, bias=0.5)
    expected = 0.5 + sum(
        inputs[i] * rows[i][0] + sum(inputs[i] * inputs[i + k] * rows[i][1 + k] for k in range(len(inputs) - i)) for i in range(len(inputs))
    )
    assert weigh(inputs, tuning) == pytest.approx(expected)


def test_limits_lean_on_other_people_the_more_the_less_was_seen() -> None:
    prior, own = (8.0,) * len(FEATURES), (4.0,) * len(FEATURES)
    one, many = Gait().learn(own), Gait()
    for _ in range(60):
        many = many.learn(own)
    assert own[0] < many.limits(prior)[0] < one.limits(prior)[0] < prior[0]
    assert Gait().limits(prior) == prior
    assert many.limits(prior)[0] == pytest.approx(4.0, rel=0.1)


@pytest.mark.parametrize(("own", "share"), [(0.0, 0.4), (1e6, 3.0)])
def test_limits_no_gait_has_are_not_believed(own: float, share: float) -> None:
    gait = Gait()
    for _ in range(60):
        gait = gait.learn((own,) * len(FEATURES))
    assert gait.limits((8.0,) * len(FEATURES))[0] == pytest.approx(8.0 * share, rel=0.1)


def test_a_kept_gait_of_absurd_figures_breaks_nothing() -> None:
    wearer = Wearer()
    wearer.state = TrunkState(calibration=Calibration(walking=Gait(10, (1e200,) * len(FEATURES), (0.0,) * len(FEATURES))))
    wearer.walk(8.0)
    assert wearer.state.calibration.blocks > 10.0
    assert all(limit <= 3.0 * prior for limit, prior in zip(wearer.state.limits, TUNING.walking, strict=True))


def test_what_is_kept_from_another_day_counts_for_a_first_impression_only() -> None:
    many = Gait()
    for _ in range(60):
        many = many.learn((2.0,) * len(FEATURES))
    aged = Calibration(walking=many).aged()
    assert aged.walking.blocks == KEPT_BLOCKS
    assert TrunkState(calibration=aged).calibration.blocks < LIMITS.calibrated_s


def test_standing_teaches_nothing() -> None:
    wearer = Wearer()
    wearer.waist.lively_g = wearer.waist.sway_deg = 0.0
    wearer.walk(10.0)
    assert wearer.state.calibration.blocks == 0.0


def test_filters_begin_as_means() -> None:
    memory, features = inertia.follow(inertia.REST, TrunkMotion((0.0, 0.6, 0.8), (0.0, 0.0, 0.0)), 0.01)
    assert memory[inertia.AGE] == pytest.approx(0.01)
    assert features[FEATURES.index("tilt from upright")] == pytest.approx(0.0, abs=1e-5)
    assert features[FEATURES.index("lack of weight")] == pytest.approx(0.0, abs=1e-9)
