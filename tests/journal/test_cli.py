"""The commands' exit codes and their JSON: 0 all well, 1 cut, altered or diverging, 2 cannot be read."""

from __future__ import annotations

import json
from pathlib import Path

import core_rig
import pytest
from core_rig import Rig, make_setup
from journal_toy import write_journal
from typer.testing import CliRunner

from treadctl.cli import journal as command
from treadctl.core import controller
from treadctl.core.controller import Inputs, Output, State
from treadctl.core.sample import ChannelId
from treadctl.journal import JournalWriter, MachineInfo, WriterOptions
from treadctl.journal.core_schema import core_schema

runner = CliRunner()


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rig = Rig(make_setup())
    with JournalWriter(
        tmp_path,
        core_schema(),
        rig.setup,
        rig.state,
        rig.now_s,
        MachineInfo("rig", "0", "boot"),
        options=WriterOptions(min_free_bytes=0),
        wall_ns=lambda: int((1.7e9 + rig.now_s) * 1e9),
    ) as writer:

        def step_and_record(state: State, inputs: Inputs, now_s: float) -> tuple[State, Output]:
            after, output = controller.step(state, inputs, now_s)
            writer.append_step(now_s, inputs, output, after)
            return after, output

        monkeypatch.setattr(core_rig, "step", step_and_record)
        rig.to_speed(3.0)
        rig.closed[ChannelId.CORD_A] = rig.closed[ChannelId.CORD_B] = False
        rig.run(1.0)
        writer.append_event(rig.now_s, "trip", {"cause": "pull_cord"}, stop=True)
    return tmp_path


def damage(directory: Path, *, cut: bool) -> None:
    (path,) = directory.glob("*.tcj")
    data = bytearray(path.read_bytes())
    if cut:
        del data[-50:]
    else:
        data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_verify_and_replay_of_a_sound_journal_exit_0(session: Path) -> None:
    for name in ("verify", "replay"):
        result = runner.invoke(command.app, [name, str(session), "--json"])
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["ok"] is True
        assert runner.invoke(command.app, [name, str(session)]).exit_code == 0


@pytest.mark.parametrize(("cut", "code"), [(True, "TC300"), (False, "TC301")])
def test_verify_of_a_damaged_journal_exits_1_and_says_where(session: Path, cut: bool, code: str) -> None:
    damage(session, cut=cut)
    result = runner.invoke(command.app, ["verify", str(session), "--json"])
    assert result.exit_code == 1
    (problem,) = json.loads(result.stdout)["problems"]
    assert problem["code"] == code
    assert problem["offset"] > 0
    assert code in runner.invoke(command.app, ["verify", str(session)]).stdout


def test_replay_of_another_decision_exits_1_with_its_number(session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hesitant(state: State, inputs: Inputs, now_s: float) -> tuple[State, Output]:
        after, output = controller.step(state, inputs, now_s)
        return after, core_rig.replace(output, commanded_mps=output.commanded_mps * 0.5)

    monkeypatch.setattr(command, "step", hesitant)
    result = runner.invoke(command.app, ["replay", str(session), "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["divergence"]["field"] == "output.commanded_mps"
    assert "TC303" in runner.invoke(command.app, ["replay", str(session)]).stdout


@pytest.mark.parametrize("name", ["show", "verify", "replay"])
def test_nothing_to_read_exits_2_with_its_number(tmp_path: Path, name: str) -> None:
    result = runner.invoke(command.app, [name, str(tmp_path / "nowhere")])
    assert result.exit_code == 2
    assert "TC100" in result.stderr


def test_steps_of_another_schema_exit_2_but_events_are_shown(tmp_path: Path) -> None:
    write_journal(tmp_path)
    for name in ("show", "replay"):
        result = runner.invoke(command.app, [name, str(tmp_path)])
        assert result.exit_code == 2
        assert "TC302" in result.stderr
    result = runner.invoke(command.app, ["show", str(tmp_path), "--events", "--json"])
    assert result.exit_code == 0
    assert [json.loads(line)["what"] for line in result.stdout.splitlines()] == ["run_began", "stop"]


def test_show_has_every_step_as_json_and_the_changes_as_a_table(session: Path) -> None:
    result = runner.invoke(command.app, ["show", str(session), "--json"])
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    steps = [line for line in lines if line["what"] == "step"]
    assert len(steps) > 500
    assert steps[-1]["output"]["session"] == "tripped"
    assert steps[0]["inputs"]["sample"]["heart_rate"]["age_s"] == 0.0
    table = runner.invoke(command.app, ["show", str(session)], env={"COLUMNS": "250"})
    assert "pull_cord" in table.stdout
    assert 5 < len(table.stdout.splitlines()) < 100


def test_show_keeps_to_the_time_asked_for(session: Path) -> None:
    def steps(*options: str) -> list[str]:
        result = runner.invoke(command.app, ["show", str(session), "--json", *options])
        assert result.exit_code == 0, result.output
        return [json.loads(line)["time"] for line in result.stdout.splitlines()]

    times = steps()
    middle = times[len(times) // 2].removesuffix("Z")
    before, after = steps("--to", middle), steps("--from", middle)
    assert 0 < len(before) < len(times)
    assert 0 < len(after) < len(times)
    assert max(before) <= middle + "Z" <= min(after)[:-1] + "Z"
    assert steps("--limit", "3") == times[-3:]
    assert runner.invoke(command.app, ["show", str(session), "--from", "yesterday"]).exit_code == 2
