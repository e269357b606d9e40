"""What is kept of a person's gait: with their consent only, beside their file, and never more than figures."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import core_rig
import pytest
from core_rig import Rig, make_setup, program, segment
from core_scenarios import with_trunk
from core_waist import Waist

from treadctl.cli.app import run
from treadctl.core import controller
from treadctl.core.controller import Inputs, Output, State
from treadctl.core.imbalance.calibration import Calibration, Gait
from treadctl.core.imbalance.inertia import FEATURES
from treadctl.core.messages import ArmOrder, RequestKind
from treadctl.core.program import Block
from treadctl.errors import TreadctlError
from treadctl.journal import JournalWriter, MachineInfo, WriterOptions
from treadctl.journal.core_schema import core_schema
from treadctl.prescription.gait import gait_of_journal, gait_path, gait_text, load_gait

PERSON = """format = 1
mass_kg = 70.0
experience = "walker"
keep_gait = {consent}
[screening]
severe_osteoporosis = false
vestibular_dysfunction = false
lumbar_problem = false
ankle_problem = false
"""
LEARNT = Calibration(Gait(23, tuple(0.1 * k for k in range(9)), tuple(0.01 * k for k in range(9))))


def person(folder: Path, consent: bool = True) -> Path:
    path = folder / "p17.toml"
    path.write_text(PERSON.format(consent=str(consent).lower()), encoding="utf-8")
    return path


def walked(folder: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, then: Callable[[Rig], None] | None = None) -> Path:
    """A journal of a session in which the waist was seen for `seconds`, and of what somebody did then."""
    rig = Rig(with_trunk(make_setup()))
    rig.waist = Waist()
    options = WriterOptions(segment_bytes=60_000, min_free_bytes=0)
    writer = JournalWriter(folder, core_schema(), rig.setup, rig.state, rig.now_s, MachineInfo("rig", "0", "boot"), options=options)

    def recorded(state: State, inputs: Inputs, now_s: float) -> tuple[State, Output]:
        after, output = controller.step(state, inputs, now_s)
        writer.append_step(now_s, inputs, output, after)
        return after, output

    monkeypatch.setattr(core_rig, "step", recorded)
    rig.start(program(segment(60.0, 0.6, block=Block.WARM_UP), segment(10.0, 0.6)))
    for _ in range(round(seconds)):
        rig.run(1.0)
        assert writer.flush(10.0)
    if then is not None:
        then(rig)
        for _ in range(20):
            rig.run(1.0)
            assert writer.flush(10.0)
    assert writer.close(10.0)
    return folder


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = person(tmp_path)
    assert load_gait(path) is None
    gait_path(path).write_text(gait_text(LEARNT), encoding="utf-8")
    assert load_gait(path) == LEARNT


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("blocks = 23", "blocks = 0", "blocks"),
        ("mean = [0.0, ", "mean = [", "mean"),
        ("format = 1", "format = 9", "TC111"),
        ("var = [0.0", "var = [-1.0", "var"),
        ("mean = [0.0", "mean = [1e200", "mean"),
        ("[walking]", "[hopping]", "hopping"),
    ],
)
def test_a_gait_that_is_not_right_is_one_error_that_names_the_key(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = person(tmp_path)
    gait_path(path).write_text(gait_text(LEARNT).replace(old, new), encoding="utf-8")
    with pytest.raises(TreadctlError, match=told):
        load_gait(path)


def test_a_session_is_kept_with_consent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    journal, path = walked(tmp_path / "journal", monkeypatch, 32.0), person(tmp_path)
    assert gait_of_journal(journal).blocks >= 20
    assert run(["detector", "keep-gait", str(journal), "--person", str(path)]) == 0
    assert "Delete it when the person withdraws their consent" in capsys.readouterr().out
    kept = load_gait(path)
    assert kept is not None
    assert kept.walking.blocks >= 20
    assert len(kept.walking.mean) == len(FEATURES)


def test_without_consent_or_with_too_little_gait_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    journal = walked(tmp_path / "journal", monkeypatch, 12.0)
    for consent, told in ((False, "has not consented"), (True, "20 are needed")):
        path = person(tmp_path, consent)
        assert run(["detector", "keep-gait", str(journal), "--person", str(path)]) == 2
        assert told in capsys.readouterr().err
        assert not gait_path(path).exists()


def another(rig: Rig, walks: bool) -> None:
    """Somebody else comes after, whose gait was kept: without a sensor, or without walking."""
    rig.ask(RequestKind.END)
    rig.run(8.0)
    kept = Calibration(*(Gait(60, (1.0,) * len(FEATURES), (0.0,) * len(FEATURES)),) * 2)
    assert rig.asked(RequestKind.ARM, arm=ArmOrder(core_rig.WALK, core_rig.PERSON, core_rig.LIMITS, core_rig.CHECKED, gait=None if walks else kept))[0]
    rig.waist = None
    if walks:
        rig.hold_start()


def test_nobodys_gait_is_taken_for_that_of_the_next_who_taught_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = walked(tmp_path, monkeypatch, 32.0, lambda rig: another(rig, walks=True))
    assert gait_of_journal(journal) == Calibration()


def test_somebody_only_armed_is_no_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = walked(tmp_path, monkeypatch, 32.0, lambda rig: another(rig, walks=False))
    assert gait_of_journal(journal).walking.mean != (1.0,) * len(FEATURES)


def test_what_is_no_ordinary_file_is_not_read(tmp_path: Path) -> None:
    path = person(tmp_path)
    os.mkfifo(gait_path(path))
    assert load_gait(path) is None
