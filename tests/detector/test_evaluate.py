"""The evaluation, the fit and the baselines on generated people: leave-one-out is kept, scores are the live detector's, every report says what was seen."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from generated import Folder, counts, waist

from treadctl.cli.app import run
from treadctl.config.tuning import FittedOn, load_tuning, tuning_text
from treadctl.core.imbalance.calibration import TrunkTuning
from treadctl.core.imbalance.trunk import TrunkState, update
from treadctl.core.imbalance.verdict import LEVEL, Level
from treadctl.core.thresholds import TrunkThresholds
from treadctl.detector import dataset, evaluate, report
from treadctl.detector.baselines import kfall_alarms, two_feature_alarms
from treadctl.detector.dataset import Kind, Recording
from treadctl.detector.faulty import FAULTS, spoil
from treadctl.detector.fit import Person, Tail, Unseen, fit, regress, scores_of, tail_of
from treadctl.detector.page import page
from treadctl.detector.score import CAUGHT_WITHIN_S, alarms_above, outcome, row, upper_bound
from treadctl.detector.traces import Trace, calibrated, motions, trace
from treadctl.errors import TreadctlError

CALIBRATION_S = 20.0
RATE_HZ = 100.0


def people_folder(path: Path, persons: int = 5) -> Path:
    """People who walk, jog, stumble a little and fall twice."""
    folder = Folder(path)
    for k in range(persons):
        name, seed = f"SA{k + 1:02d}", 10 * k
        folder.add("D01", name, counts(waist(60.0, RATE_HZ, seed=seed, lively=0.20 + 0.02 * k)), rate_hz="100")
        folder.add("D03", name, counts(waist(60.0, RATE_HZ, seed=seed + 1, lively=0.95)), rate_hz="100")
        folder.add("D18", name, counts(waist(12.0, RATE_HZ, seed=seed + 2, lively=0.40)), rate_hz="100")
        folder.add("F01", name, counts(waist(12.0, RATE_HZ, impact_s=7.0, seed=seed + 3)), rate_hz="100")
        folder.add("F05", name, counts(waist(12.0, RATE_HZ, impact_s=6.5, seed=seed + 4, lively=0.6)), rate_hz="100")
    return folder.write()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return people_folder(tmp_path_factory.mktemp("people") / "recordings")


@pytest.fixture(scope="module")
def recordings(folder: Path) -> dataset.Dataset:
    return dataset.load(folder)


@pytest.fixture(scope="module")
def people(recordings: dataset.Dataset) -> list[Person]:
    return evaluate.people_of(recordings, CALIBRATION_S)


@pytest.fixture(scope="module")
def folds(people: list[Person]) -> list[evaluate.Fold]:
    return evaluate.leave_one_out(people, CALIBRATION_S)


def test_generated_falls_are_caught_and_generated_gait_is_left_alone(folds: Sequence[evaluate.Fold]) -> None:
    outcomes = [o for fold in folds for o in fold.outcomes[evaluate.DETECTOR]]
    falls = row("falls", [o for o in outcomes if o.kind is Kind.FALL])
    gait = row("gait", [o for o in outcomes if o.kind in {Kind.WALK, Kind.JOG}])
    assert falls.trials == 10
    assert falls.caught == 10
    assert gait.hours == pytest.approx(10 * (60.0 - 22.0) / 3600.0, rel=0.01)
    assert gait.alarms == 0


def test_the_model_of_a_fold_is_that_of_the_others(people: list[Person], folds: Sequence[evaluate.Fold]) -> None:
    for index in (0, 3):
        assert folds[index].person == people[index].name
        assert numbers(folds[index].tuning) == pytest.approx(numbers(fit([p for p in people if p is not people[index]])), rel=1e-6)
        assert numbers(folds[index].tuning) != pytest.approx(numbers(fit(people)), rel=1e-3)


def numbers(tuning: TrunkTuning) -> list[float]:
    """All of it, less the weights that rounding moves."""
    return [tuning.bias, *tuning.walking, *tuning.running, *tuning.losing]


def test_too_few_people_are_refused(people: list[Person]) -> None:
    with pytest.raises(TreadctlError, match=r"TC104.*never be scored on whom it was fitted to"):
        evaluate.leave_one_out(people[:3], CALIBRATION_S)


def test_people_without_a_fall_or_with_little_gait_cannot_teach(people: list[Person]) -> None:
    def only(*kinds: Kind) -> list[Person]:
        return [Person(p.name, tuple(t for t in p.traces if t.recording.kind in kinds), p.calibration, CALIBRATION_S) for p in people]

    with pytest.raises(ValueError, match="class"):
        regress(only(Kind.WALK, Kind.JOG))
    with pytest.raises(ValueError, match="s of walk to choose a threshold on"):
        fit([Person(p.name, tuple(t for t in p.traces if t.recording.kind is not Kind.WALK), p.calibration, CALIBRATION_S) for p in people])


def test_the_scores_are_those_of_the_live_detector(people: list[Person]) -> None:
    tuning, person = fit(people[1:]), people[0]
    one = next(t for t in person.traces if t.recording.kind is Kind.FALL)
    expected = scores_of(one, person.calibration.limits(tuning), tuning)
    state = TrunkState(calibration=person.calibration)
    found, worst = [], Level.STEADY
    for at_s, motion in motions(one.recording):
        state = update(state, at_s, motion, False, False, tuning, TrunkThresholds())
        found.append(state.score)
        worst = max(worst, LEVEL[state.verdict])
    assert np.max(np.abs(np.array(found)[200:] - expected[200:])) < 0.1  # the first step of the filters differs by what is known of its length
    assert worst is Level.DOWN


def test_calibration_is_learnt_from_the_first_part_of_the_calibrating_recordings_only(people: list[Person]) -> None:
    calibration = people[0].calibration
    assert 17 <= calibration.walking.blocks <= 20
    assert 17 <= calibration.running.blocks <= 20
    assert calibrated(people[0].traces, 10.0, evaluate.WALK_ONLY).running.blocks == 0


@pytest.mark.parametrize(("events", "bound"), [(0, 2.996), (1, 4.744), (3, 7.754), (10, 16.962)])
def test_the_bound_is_that_of_the_poisson_tables(events: int, bound: float) -> None:
    assert upper_bound(events) == pytest.approx(bound, abs=2e-3)


def recording(kind: Kind, impact_s: float = 8.0, calibration: bool = False) -> Recording:
    time_s = np.arange(2000) / 200.0
    return Recording("P", "X", "01", kind, calibration, "x", time_s, np.zeros((2000, 3)), np.zeros((2000, 3)), impact_s)


@pytest.mark.parametrize(
    ("alarms", "lead_s", "early"),
    [([7.7], 0.3, False), ([7.0, 7.9], 1.0, False), ([], None, False), ([8.2], None, False), ([8.0 - CAUGHT_WITHIN_S - 0.1, 7.9], None, True)],
)
def test_what_counts_as_caught(alarms: list[float], lead_s: float | None, early: bool) -> None:
    found = outcome(recording(Kind.FALL), alarms, 2.0)
    assert found.early is early
    assert found.lead_s == (None if lead_s is None else pytest.approx(lead_s))


def test_alarms_in_the_warm_up_do_not_count_and_those_within_the_refractory_time_are_one() -> None:
    assert outcome(recording(Kind.WALK, calibration=True), [3.0, 8.5], 7.0).alarms == 1
    excess = np.zeros(2000)
    excess[[500, 900, 1700]] = 1.0
    assert alarms_above(np.arange(2000) / 200.0, excess, 2.0) == [2.5, 8.5]


def test_the_tail_says_the_threshold_of_a_rate(people: list[Person]) -> None:
    rng = np.random.default_rng(1)
    walks = [t for p in people for t in p.traces if t.recording.kind is Kind.WALK]
    tail = tail_of([Unseen(t, rng.normal(0.0, 1.0, len(t.intensity)), 2.0) for t in walks], Kind.WALK)
    assert tail.threshold(tail.per_hour / math.e) == pytest.approx(tail.from_score + tail.scale)
    assert tail.threshold(0.1) > tail.threshold(1.0) > tail.from_score
    assert Tail(1.0, 72.0, 0.5, 2.0).threshold(72.0 * 10) == 1.0


def test_the_baselines_see_a_fall(people: list[Person]) -> None:
    traces = people[0].traces
    falls = [k for k, t in enumerate(traces) if t.recording.kind is Kind.FALL]
    for alarms in (two_feature_alarms(traces, False, CALIBRATION_S), two_feature_alarms(traces, True, CALIBRATION_S)):
        assert all(alarms[k] for k in falls)
    uncalibrated = [t for t in traces if not t.recording.calibration]
    assert two_feature_alarms(uncalibrated, False, CALIBRATION_S) == [[] for _ in uncalibrated]
    dropping = falling_freely()
    assert kfall_alarms(dropping, CALIBRATION_S)
    assert kfall_alarms(traces[0].recording, CALIBRATION_S) == []


def falling_freely() -> Recording:
    """4 s upright, then 0.3 s of little weight while turning at 300 degrees/s, then lying."""
    rate_hz = 100.0
    angle = np.concatenate([np.zeros(400), np.linspace(0.0, np.pi / 2, 30), np.full(200, np.pi / 2)])
    size = np.concatenate([np.ones(400), np.full(30, 0.3), np.ones(200)])
    force = size[:, None] * np.stack([-np.sin(angle), np.zeros_like(angle), np.cos(angle)], axis=1)
    rate = np.zeros((len(angle), 3))
    rate[:, 1] = np.degrees(np.gradient(angle, 1.0 / rate_hz))
    return Recording("P", "F01", "01", Kind.FALL, False, "x", np.arange(len(angle)) / rate_hz, force, rate, 4.3)


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_a_stream_of_the_same_instants(name: str, people: list[Person]) -> None:
    one = next(t for t in people[0].traces if t.recording.kind is Kind.WALK).recording
    instants = [at_s for at_s, _ in spoil(one, name)]
    assert instants == sorted(instants)
    assert len(one.time_s) // 4 <= len(instants) <= len(one.time_s)
    changed = any(a != b for a, b in zip(spoil(one, name), spoil(one, "none"), strict=False))
    assert changed == (name not in {"none", "4 g and 250 degrees/s sensor"})


def test_the_report_holds_every_table_in_text_values_and_page(recordings: dataset.Dataset, folds: list[evaluate.Fold]) -> None:
    found = report.summarise(recordings, folds, CALIBRATION_S)
    lines = report.as_lines(found)
    text = "\n".join(lines)
    assert max(map(len, lines)) <= 160
    for name in (*report.FULL, evaluate.UNSTEADY, evaluate.UNCALIBRATED, "20 s of walking", *FAULTS, "F01 slip, forward fall, walking", "µs a sample"):
        assert name in text
    body = json.loads(json.dumps(report.as_dict(found), allow_nan=False))
    assert body["sha256"] == recordings.sha256
    assert len(body["leads_s"]) == 10
    assert len(body["roc"]) == len(evaluate.OFFSETS)
    html = page(found)
    assert html.count("<svg") == 3
    assert not re.search(r"""(src|href)\s*=\s*["']?http""", html)


def test_a_tuning_is_read_back_to_the_bit(people: list[Person], tmp_path: Path) -> None:
    tuning = fit(people)
    path = tmp_path / "tuning.toml"
    about = FittedOn(dataset='a "quoted" name', sha256="0" * 64, persons=5, recordings=25, release="1")
    path.write_text(tuning_text(tuning, about), encoding="utf-8")
    loaded = load_tuning(path)
    assert loaded.core == tuning
    assert loaded.fitted_on == about


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('kind = "trunk"', 'kind = "rail"', "kind"),
        ("format = 1", "format = 2", "TC111"),
        ("losing = [", "losing = [-99.0, -99.0]\nunsteady = [0.0, 0.0]\nwas = [", "TC10"),
        ("bias = ", "bias = nan # ", "TC104"),
        ("running = [", "running = [0.0, ", "running"),
        ("walking = [", "walking = [1e-300, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0] # [", "walking"),
        ("rows = [", "rows = [\n  [1.0],", "rows"),
    ],
)
def test_a_tuning_that_is_not_right_is_one_error_that_names_the_key(people: list[Person], tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / "tuning.toml"
    text = tuning_text(regress(people[:4]), FittedOn(dataset="d", sha256="0" * 64, persons=4, recordings=20, release="1"))
    text = text.replace("losing = [0.0, 0.0]", "losing = [2.0, 3.0]")
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(TreadctlError, match=told):
        load_tuning(path)


def test_the_command_line_judges_and_fits(
    folder: Path, people: list[Person], folds: list[evaluate.Fold], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "people_of", lambda recordings, calibration_s: people)  # computed once for all tests
    monkeypatch.setattr(evaluate, "leave_one_out", lambda people, calibration_s: folds)
    out, html, leads = tmp_path / "tuning.toml", tmp_path / "page.html", tmp_path / "leads.json"
    assert run(["detector", "fit", "--data", str(folder), "--out", str(out), "--calibration-s", "20"]) == 0
    assert load_tuning(out).fitted_on.persons == 5
    capsys.readouterr()
    monkeypatch.setenv("TREADCTL_DATA", str(folder.parent))
    assert run(["detector", "evaluate", "--json", "--html", str(html), "--leads", str(leads), "--calibration-s", "20"]) == 0
    assert json.loads(capsys.readouterr().out)["recordings"] == 25
    assert "<html" in html.read_text(encoding="utf-8")
    assert len(json.loads(leads.read_text(encoding="utf-8"))) == 10


def test_the_command_line_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TREADCTL_DATA", raising=False)
    assert run(["detector", "evaluate"]) == 2
    assert "TREADCTL_DATA" in capsys.readouterr().err
    assert run(["detector", "evaluate", "--data", str(tmp_path)]) == 2
    assert "TC100" in capsys.readouterr().err
    monkeypatch.setattr("treadctl.cli.detector.find_spec", lambda name: None)
    assert run(["detector", "evaluate", "--data", str(tmp_path)]) == 2
    assert "TC130" in capsys.readouterr().err


def test_a_trace_is_what_the_core_computes(people: list[Person]) -> None:
    one = people[0].traces[0].recording
    again: Trace = trace(one)
    assert np.array_equal(again.features, people[0].traces[0].features)
    assert np.isfinite(again.features).all()
