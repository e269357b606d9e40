"""The simulated hands are what they say they are, and the score counts what it says it counts. Short runs; the long ones are run by hand."""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from treadctl.core.imbalance.verdict import Imbalance
from treadctl.core.program import Hands
from treadctl.core.thresholds import RailThresholds
from treadctl.detector import rail_loads as loads
from treadctl.detector import rail_score as scoring
from treadctl.detector.rail_figures import lines, validate
from treadctl.detector.rail_loads import HARD, USUAL, Plan, Population, Walker
from treadctl.detector.rail_score import Caught, FalseAlarms, Report, catch, faults, judged, lost_with_shift, score, told


def dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - a seed, no secret


def walker(seed: int = 1, of: Population = USUAL) -> Walker:
    rng = dice(seed)
    return Walker(loads.draw(rng, of), rng)


def test_the_simulated_hands_match_the_published_figures() -> None:
    figures = validate(30, 1)
    assert [figure.name for figure in figures if not figure.ok] == []
    assert all(line.startswith("ok") for line in lines(figures))


@pytest.mark.parametrize(
    ("spoilt", "name"),
    [
        (replace(USUAL, cycle_sd=3.0, wander_sd=1.0, step_ripple=(0.0, 0.01), stride_ripple=(0.0, 0.01)), "repeats at the stride"),
        (replace(USUAL, light_mean=(3.0, 3.01), firm_share=0.0), "mean load"),
        (replace(USUAL, step_ripple=(0.2, 0.201), light_mean=(3.0, 3.01), firm_share=0.0), "ripple"),
        (replace(USUAL, light_mean=(2.0, 7.0)), "light holders"),
        (replace(USUAL, grab_rise_s=(0.06, 0.3)), "50-150 ms"),
        (replace(USUAL, grab_peak=(20.0, 70.0)), "peak of 15-50"),
        (replace(USUAL, grab_rise_s=(0.5, 0.9)), "500 N/s"),
        (replace(USUAL, reach_s=(0.1, 0.5)), "after the disturbance"),
    ],
)
def test_a_spoilt_figure_is_noticed(spoilt: Population, name: str) -> None:
    bad = [figure.name for figure in validate(20, 1, spoilt) if not figure.ok]
    assert any(name in figure for figure in bad)


def test_a_seed_gives_the_same_people_and_the_same_loads() -> None:
    first, again, other = (list(walker(seed).episode(2.0, Hands.FREE)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_people_are_of_every_kind() -> None:
    rng = dice(3)
    people = [loads.draw(rng) for _ in range(400)]
    assert {who.rate_hz for who in people} == {100.0, 200.0}
    assert min(who.mass_kg for who in people) < 45.0
    assert max(who.mass_kg for who in people) > 150.0
    assert 0.05 < sum(who.firm for who in people) / len(people) < 0.25
    assert any(min(who.means) == 0.0 for who in people)
    assert not any(who.shaky for who in people)
    assert 0.05 < sum(loads.draw(rng, HARD).shaky for _ in range(400)) / 400 < 0.16


def test_stamps_rise_though_they_jitter_and_now_and_then_a_sample_is_missing() -> None:
    for seed in range(12):
        stream = list(walker(seed).episode(20.0, Hands.ON))
        steps = [b[0] - a[0] for a, b in pairwise(stream)]
        assert min(steps) > 0.0
        assert max(steps) < 0.1
        assert len(stream) < 20.0 * walker(seed).who.rate_hz


def test_hands_that_come_off_leave_the_noise_and_the_shift_of_the_cells() -> None:
    someone = walker(4)
    list(someone.episode(2.0, Hands.FREE, Plan(loads.put(dice(1), 0.1, 0.0))))
    percent = 100.0 / (someone.who.mass_kg * 9.80665)
    left = [sample[1] for sample in someone.episode(10.0, Hands.FREE)]
    assert abs(sum(left) / len(left)) < percent * (1.5 + someone.who.drift_n + 0.3)


def test_the_onset_of_a_grab_is_its_first_percent() -> None:
    someone = walker(5)
    someone.who = replace(someone.who, noise_n=0.0, offsets_n=(0.0, 0.0), drift_n=0.0, jitter_s=0.0, missing=0.0)
    someone = Walker(someone.who, dice(1))
    someone.on[:] = [0.0, 0.0]
    stream = list(someone.episode(3.0, Hands.FREE, loads.grab(dice(2), 1.0, weak=False, holding=False), "grab", 1.0))
    k = next(k for k, sample in enumerate(stream) if sample[5])
    assert stream[k][1] + stream[k][2] >= 1.0 > stream[k - 1][1] + stream[k - 1][2]
    assert all(sample[5] == "grab" for sample in stream[k:])


def test_a_short_run_has_no_false_stop_and_is_the_same_twice() -> None:
    first, again = score(0.1, 3, 11), score(0.1, 3, 11)
    assert (first.stops, first.samples, first.hours) == (0, again.samples, again.hours)
    assert first.hours >= 0.1
    assert first.people == 3
    assert first.bound_per_hour == pytest.approx(3.0 / first.hours, rel=0.01)


def test_a_detector_that_fires_at_anything_is_told_so() -> None:
    jumpy = replace(RailThresholds(), snatch_percent=2.0, snatch_rate_percent_per_s=20.0, grab_rate_percent_per_s=20.0, unknown_spread=0.0, spreads=0.5)
    out = score(0.2, 4, 11, limits=jumpy)
    assert out.stops > 1
    assert out.bound_per_hour > out.stops / out.hours


def test_parts_of_a_run_add_up() -> None:
    total = FalseAlarms()
    for part in (FalseAlarms(1.0, 2, 3, 4.0, Counter({("grab", "on"): 1})), FalseAlarms(2.0, 3, 4, 5.0, Counter({("pumping", "on"): 2}))):
        total.add(part)
    assert (total.hours, total.people, total.samples, total.seconds, total.stops) == (3.0, 5, 7, 9.0, 1)
    assert total.bound_per_hour == pytest.approx(4.744 / 3.0, rel=0.02)  # Poisson's own bound for one event
    assert FalseAlarms().bound_per_hour == math.inf


def test_grabs_are_caught_within_60_ms() -> None:
    caught = catch("grab", 6, 6, 11)
    assert caught.events == len(caught.latencies_ms) == 36
    assert caught.early == 0
    assert caught.quantile(0.99) <= 60.0
    assert caught.quantile(0.5) < caught.quantile(1.0)


@pytest.mark.parametrize(
    ("kind", "least", "most"), [("weak_grab", 0.9, 1.0), ("lurch", 0.8, 1.0), ("lean", 0.0, 0.0), ("hold_lost", 0.95, 1.0), ("pumping", 0.9, 1.0)]
)
def test_each_event_is_caught_as_often_as_it_should(kind: str, least: float, most: float) -> None:
    caught = catch(kind, 5, 6, 11)
    assert least <= caught.share <= most
    assert caught.events == 30 == len(caught.latencies_ms) + sum(caught.missed.values())


def test_a_deaf_detector_catches_nothing() -> None:
    deaf = replace(RailThresholds(), grab_rate_percent_per_s=1e9, asymmetry_rate_percent_per_s=1e9)
    caught = catch("grab", 2, 3, 11, limits=deaf)
    assert (caught.share, sum(caught.missed.values())) == (0.0, 6)
    assert math.isnan(caught.quantile(0.5))
    assert math.isnan(Caught().share)


def test_a_broken_cell_is_told_by_kind() -> None:
    found = faults(2, 11)
    assert set(found) == set(scoring.FAULTS)
    assert found["left reads 500 N"][Imbalance.GRAB] == 2
    for harmless in ("one sample zero each 300", "one sample +100 N each 300", "left jumps by 20 N", "both drift 1 N/s to +10 N"):
        assert found[harmless]["grab seen after"] == found[harmless]["people"] == 2
        assert not found[harmless][Imbalance.GRAB]


def test_a_lost_hold_of_a_light_person_is_seen_though_the_cells_shifted() -> None:
    assert lost_with_shift(0.0, 6, 11) == (6, 6)
    seen, of = lost_with_shift(3.0, 6, 11)
    assert 0 < seen <= of


def test_the_report_says_what_was_counted() -> None:
    text = told(Report(FalseAlarms(100.0, 5, 6, 7.0), {"grab": Caught(2, 0, [10.0, 20.0])}, {"left stuck": Counter(people=1)}))
    assert "0 in 100.00 simulated hours of 5 people: at most 0.030 per hour" in text
    assert "grab: 2 of 2 (100.00 %), ms: p50 10 p90 20" in text
    assert "cell, left stuck" in text


def test_the_report_begins_with_the_figures_of_the_generator() -> None:
    out = "\n".join(judged(0.02, 1, 0, 0, 1, HARD))
    assert "autocorrelation peak" in out
    assert "false stops: " in out
