"""Walks come out of a journal without names, cut at every gap, and what imbalance ended is set apart for a person to look at."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import core_rig
import numpy as np
import pytest
from core_rig import Rig, make_setup, program, segment
from generated import waist

from treadctl.core import controller
from treadctl.core.controller import Inputs, Output, State
from treadctl.core.messages import RequestKind
from treadctl.core.program import Block
from treadctl.core.sample import Channel, Quality, Sample, TrunkMotion
from treadctl.core.session import SessionState
from treadctl.detector.dataset import Kind, load
from treadctl.detector.extract import extract
from treadctl.errors import TreadctlError
from treadctl.journal import JournalWriter, MachineInfo, WriterOptions
from treadctl.journal.core_schema import core_schema

WALK = program(segment(12.0, 0.4, block=Block.WARM_UP, label="warm-up"), segment(28.0, 0.6), segment(3.0, 0.3, block=Block.COOL_DOWN))
BODY = waist(120.0, 100.0)
START_S = 100.0
Wears = Callable[[float], bool]


@contextmanager
def journaled(directory: Path, monkeypatch: pytest.MonkeyPatch, wears: Wears = lambda now_s: True, age_s: float = 0.003, every: int = 1) -> Iterator[Rig]:
    """The core's rig with a waist sensor, whose sample of `age_s` is new at each `every`-th step, and with all its steps in a journal."""
    rig = Rig(make_setup())

    def with_trunk(sample: Sample) -> Sample:
        tick = round((rig.now_s - START_S) / rig.dt_s)
        seen = tick - tick % every
        if not wears(rig.now_s) or seen <= 0:
            return sample
        row = BODY[seen % len(BODY)].tolist()
        motion = TrunkMotion((row[0], row[1], row[2]), (row[3], row[4], row[5]))
        return replace(sample, trunk=Channel(motion, age_s + (tick - seen) * rig.dt_s, Quality.GOOD))

    rig.spoil = with_trunk
    info, options = MachineInfo("rig", "0", "boot"), WriterOptions(min_free_bytes=0)

    def wall_ns() -> int:
        return int((1.7e9 + rig.now_s) * 1e9)

    with JournalWriter(directory, core_schema(), rig.setup, rig.state, rig.now_s, info, options=options, wall_ns=wall_ns) as writer:

        def step_and_record(state: State, inputs: Inputs, now_s: float) -> tuple[State, Output]:
            after, output = controller.step(state, inputs, now_s)
            writer.append_step(now_s, inputs, output, after)
            if len(rig.outputs) % 500 == 0:
                assert writer.flush(10.0)
            return after, output

        with monkeypatch.context() as patch:
            patch.setattr(core_rig, "step", step_and_record)
            yield rig
        assert writer.healthy, writer.reason


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def until(rig: Rig, state: SessionState, limit_s: float = 60.0) -> None:
    for _ in range(round(limit_s / rig.dt_s)):
        if rig.tick().session is state:
            return
    raise AssertionError(f"never {state}")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "journal"
    path.mkdir()
    return path


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal with one whole walk; read it, never write it."""
    path = tmp_path_factory.mktemp("walked")
    with pytest.MonkeyPatch.context() as monkeypatch, journaled(path, monkeypatch) as rig:
        rig.start(WALK)
        until(rig, SessionState.ENDED)
    return path


def test_a_walk_is_written_as_the_sensor_gave_it(walked: Path, tmp_path: Path) -> None:
    done = extract(walked, tmp_path / "new")
    assert (done.recordings, done.persons, done.refused, done.left_out) == ({"FIRST": 1}, ("P0001",), (), {})
    dataset = load(tmp_path / "new")
    (recording,) = dataset.recordings
    assert (recording.kind, recording.calibration, dataset.uncalibrated) == (Kind.WALK, True, ())
    assert recording.time_s[0] == 0.0
    assert recording.duration_s == pytest.approx(40.0, abs=1.5)
    begin = int(np.argmin(np.abs(BODY[:, 0] - recording.force_g[0, 0])))
    assert np.array_equal(recording.force_g, BODY[begin : begin + len(recording.time_s), :3])
    assert np.array_equal(recording.rate_dps, BODY[begin : begin + len(recording.time_s), 3:])


def test_no_name_and_no_clock_is_in_the_recordings(walked: Path, tmp_path: Path) -> None:
    extract(walked, tmp_path / "new")
    for path in (tmp_path / "new").iterdir():
        data = path.read_bytes()
        assert b"clinician" not in data
        assert (b"2023" in data) is (path.name == "sessions.csv")
    (session,) = rows(tmp_path / "new" / "sessions.csv")
    assert session["began_utc"].startswith("2023-11-14T22:1")
    assert (session["person"], session["ended"], session["recordings"]) == ("P0001", "ended", "1")


def test_a_sample_seen_at_several_steps_is_one_sample(journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with journaled(journal, monkeypatch, every=2) as rig:
        rig.start(WALK)
        until(rig, SessionState.ENDED)
    extract(journal, tmp_path / "new")
    (row,) = rows(tmp_path / "new" / "index.csv")
    assert float(row["rate_hz"]) == pytest.approx(50.0, abs=0.2)
    assert len(load(tmp_path / "new").recordings[0].time_s) == pytest.approx(2000, abs=80)


def test_a_slower_sensor_is_left_out(journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with journaled(journal, monkeypatch, every=4) as rig:
        rig.start(WALK)
        rig.run(36.0)
    with pytest.raises(TreadctlError, match="no recording to write"):
        extract(journal, tmp_path / "new")


def test_a_gap_cuts_the_walk_and_short_ends_are_left_out(journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with journaled(journal, monkeypatch, wears=lambda now_s: not 107.0 < now_s < 107.2) as rig:
        rig.start(WALK)
        until(rig, SessionState.ENDED)
    done = extract(journal, tmp_path / "new")
    assert (done.recordings, done.left_out) == ({"FIRST": 1}, {"stretch too short": 1})
    (recording,) = load(tmp_path / "new").recordings
    assert (recording.trial, np.diff(recording.time_s).max() < 0.05) == ("02", True)


def test_holding_is_no_walk(journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with journaled(journal, monkeypatch) as rig:
        rig.start(WALK)
        rig.run(33.0)
        rig.ask(RequestKind.HOLD)
        rig.run(40.0)
        assert rig.last.session is SessionState.HOLD
        rig.ask(RequestKind.RESUME)
        until(rig, SessionState.ENDED)
    done = extract(journal, tmp_path / "new")
    assert (done.recordings, done.left_out) == ({"FIRST": 1}, {"stretch too short": 1})
    assert load(tmp_path / "new").recordings[0].duration_s == pytest.approx(33.5, abs=1.0)


def test_a_session_that_imbalance_ended_is_set_apart_with_its_instants(journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with journaled(journal, monkeypatch) as rig:
        rig.start(WALK)
        rig.run(20.0)
        rig.rails_n = (160.0, 60.0)
        until(rig, SessionState.TRIPPED, 2.0)
        rig.run(15.0)
    done = extract(journal, tmp_path / "new")
    assert done.recordings == {"TRIP": 1}
    (recording,) = load(tmp_path / "new").recordings
    assert recording.kind is Kind.OTHER
    (event,) = [row for row in rows(tmp_path / "new" / "events.csv") if row["cause"] == "imbalance"]
    assert (event["key"], event["label"]) == ("TRIP_P0001_R01", "")
    assert recording.duration_s - float(event["at_s"]) == pytest.approx(10.0, abs=0.05)
    (session,) = rows(tmp_path / "new" / "sessions.csv")
    assert session["ended"] == "tripped"


def test_a_trip_can_be_labelled_as_a_fall_in_the_index(journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with journaled(journal, monkeypatch) as rig:
        rig.start(WALK)
        rig.run(20.0)
        rig.rails_n = (160.0, 60.0)
        rig.run(15.0)
    extract(journal, tmp_path / "new")
    index = tmp_path / "new" / "index.csv"
    (row,) = rows(index)
    row |= {"activity": "FALL", "impact_s": "20.5"}
    index.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n", encoding="utf-8")
    (recording,) = load(tmp_path / "new").recordings
    assert (recording.kind, recording.impact_label_s) == (Kind.FALL, 20.5)


def test_each_session_is_a_person_of_its_own(journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for start_s in (0.5, 1.0):
        with journaled(journal, monkeypatch) as rig:
            rig.run(start_s)
            rig.start(WALK)
            until(rig, SessionState.ENDED)
    assert extract(journal, tmp_path / "new").persons == ("P0001", "P0002")
    assert load(tmp_path / "new").persons == ("P0001", "P0002")


def test_a_cut_journal_gives_what_is_sound_and_says_so(walked: Path, journal: Path, tmp_path: Path) -> None:
    (path,) = walked.glob("*.tcj")
    (journal / path.name).write_bytes(path.read_bytes()[:-200])
    done = extract(journal, tmp_path / "new")
    assert done.total == 1
    assert "TC300" in done.refused[0].reason


def test_values_that_are_no_numbers_are_a_gap(journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with journaled(journal, monkeypatch) as rig:
        wearing = rig.spoil
        assert wearing is not None

        def broken(sample: Sample) -> Sample:
            nothing = Channel(TrunkMotion((math.nan, 0.0, 1.0), (0.0, 0.0, 0.0)), 0.0, Quality.GOOD)
            return replace(sample, trunk=nothing) if 106.0 < rig.now_s < 106.5 else wearing(sample)

        rig.spoil = broken
        rig.start(WALK)
        until(rig, SessionState.ENDED)
    extract(journal, tmp_path / "new")
    assert load(tmp_path / "new").recordings[0].trial == "02"


def test_no_journal_and_a_taken_target_are_refused(journal: Path, tmp_path: Path) -> None:
    with pytest.raises(TreadctlError):
        extract(tmp_path / "nowhere", tmp_path / "new")
    (journal / "x").write_text("x", encoding="utf-8")
    with pytest.raises(TreadctlError, match="not an empty folder"):
        extract(journal, journal)
