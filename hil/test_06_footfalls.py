"""The belt path of the imbalance detector on the simulated treadmill: a few seconds of what `python hil/judge_footfalls.py` judges at length."""

from __future__ import annotations

import pytest

from judge_footfalls import EVENTS, Bench, Case, cases, happens, spoils, walk
from treadctl.core.imbalance.footfalls import Sight
from treadctl.core.imbalance.verdict import Imbalance
from treadctl_hil.world.gait import step_frequency_hz


def shows(case: Case) -> bool:
    """A drive's own speed, in whole counts, shows no footfalls of somebody who creeps on a belt of 200 kg: there the path is blind, and says so."""
    return case.sensor == "encoder" or abs(case.speed_mps) > 0.3


SMALL = [case for case in cases(1, small=True) if shows(case)]
NAMES = [f"{case.speed_mps:+.1f} m/s, {case.inertia_kg:.0f} kg, {case.sensor}" for case in SMALL]


@pytest.mark.parametrize("case", SMALL, ids=NAMES)
def test_usual_walking_brings_no_verdict_and_is_seen_most_of_the_time(case: Case) -> None:
    seconds, said, seen = walk(case, 120.0)
    assert seconds >= 120.0
    assert not said
    assert seen > 0.6


@pytest.mark.parametrize("case", SMALL, ids=NAMES)
def test_the_beat_is_the_simulated_person_s(case: Case) -> None:
    bench = Bench(case)
    bench.world.runner.mount()
    for _ in bench.run(abs(case.speed_mps) / 0.25 + 20.0, case.speed_mps):
        pass
    speed = abs(case.speed_mps)
    true_hz = step_frequency_hz(speed, case.speed_mps < 0.0, case.speed_mps > 2.0)
    assert bench.state.beat is not None
    assert bench.state.beat.step_hz == pytest.approx(true_hz, rel=0.05)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("case", SMALL, ids=NAMES)
def test_who_leaves_the_belt_or_lies_on_it_is_missed_within_seconds(case: Case, event: str) -> None:
    before, took_s, _ = happens(case, event)
    assert before is Sight.CLEAR
    assert took_s is not None
    assert 0.8 < took_s < 11.0


@pytest.mark.parametrize("fault", ["frozen", "frozen for a while", "reads zero", "gaps"])
def test_a_faulty_sensor_brings_no_verdict(fault: str) -> None:
    before, said, _ = spoils(SMALL[1], fault)
    assert before is Sight.CLEAR
    assert not said


def test_an_empty_belt_is_never_missed() -> None:
    bench = Bench(SMALL[1])
    said = {verdict for _, verdict, _ in bench.run(60.0, 1.0)}
    assert said == {Imbalance.NONE}
    assert bench.state.sight is Sight.BLIND
