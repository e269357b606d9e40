"""A replay gives every output again, bit for bit, and finds the first one that differs."""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from pathlib import Path

import core_rig
import pytest
from core_rig import Rig, make_setup
from journal_toy import CONF, OPTIONS, SCHEMA, START_S, Conf, In, Memory, Out, Session, initial, step, write_journal

from treadctl.core import controller
from treadctl.core.controller import Inputs, Output, State
from treadctl.core.sample import Channel, ChannelId, Quality, Sample, TrunkMotion
from treadctl.core.session import SessionState
from treadctl.errors import TreadctlError
from treadctl.journal import JournalWriter, MachineInfo, Schema, WriterOptions, replay, verify
from treadctl.journal.core_schema import core_schema


def test_every_output_is_the_same(tmp_path: Path) -> None:
    report = replay(write_journal(tmp_path), SCHEMA, step, initial)
    assert report.ok
    assert (report.runs, report.steps, report.skipped, report.gaps) == (1, 60, 0, 0)


def test_several_runs_are_each_replayed_from_their_own_beginning(tmp_path: Path) -> None:
    for number in range(3):
        session = Session(tmp_path, start_s=START_S + number)
        session.run(10)
        session.close()
    report = replay(tmp_path, SCHEMA, step, initial)
    assert (report.ok, report.runs, report.steps) == (True, 3, 30)


def test_a_difference_in_the_last_bit_is_found_where_it_first_appears(tmp_path: Path) -> None:
    write_journal(tmp_path)

    def drifted(memory: Memory, inputs: In, now_s: float) -> tuple[Memory, Out]:
        after, output = step(memory, inputs, now_s)
        return after, replace(output, total=math.nextafter(output.total, math.inf)) if after.count > 40 else output

    report = replay(tmp_path, SCHEMA, drifted, initial)
    assert not report.ok
    assert report.divergence is not None
    assert report.divergence.field == "output.total"
    assert report.divergence.step == report.steps - 1
    assert 0 < report.steps < 60


def test_a_negative_zero_is_a_difference(tmp_path: Path) -> None:
    def still(memory: Memory, inputs: In, now_s: float) -> tuple[Memory, Out]:
        return memory, Out(0.0, 0)

    def other(memory: Memory, inputs: In, now_s: float) -> tuple[Memory, Out]:
        return memory, Out(-0.0, 0)

    session = Session(tmp_path)
    for number in range(3):
        session.writer.append_step(START_S + number, core_inputs(), still(session.memory, core_inputs(), 0.0)[1], session.memory)
    session.close()
    assert replay(tmp_path, SCHEMA, still, initial).ok
    assert replay(tmp_path, SCHEMA, other, initial).divergence is not None


def core_inputs() -> In:
    from journal_toy import inputs_at

    return inputs_at(1, START_S)


def test_another_initial_state_is_found_at_the_first_checkpoint(tmp_path: Path) -> None:
    def elsewhere(conf: Conf, now_s: float) -> Memory:
        return replace(initial(conf, now_s), total=1e-300)

    write_journal(tmp_path)
    report = replay(tmp_path, SCHEMA, step, elsewhere)
    assert report.divergence is not None
    assert report.divergence.field == "state.total"


def test_a_journal_of_another_schema_is_refused_never_misread(tmp_path: Path) -> None:
    write_journal(tmp_path)
    swapped: Schema[In, Out, Conf, Conf] = Schema(In, Out, Conf, Conf)

    def never(conf: Conf, inputs: In, now_s: float) -> tuple[Conf, Out]:
        raise AssertionError

    with pytest.raises(TreadctlError, match="TC302"):
        replay(tmp_path, swapped, never, lambda conf, now_s: conf)
    assert verify(tmp_path).ok


def test_a_changed_journal_is_reported_and_not_replayed_past_the_change(tmp_path: Path) -> None:
    write_journal(tmp_path)
    (path,) = tmp_path.glob("*.tcj")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    report = replay(tmp_path, SCHEMA, step, initial)
    assert not report.ok
    assert [problem.code for problem in report.problems] == ["TC301"]
    assert report.steps < 60


def test_a_run_without_states_is_replayed_from_its_setup(tmp_path: Path) -> None:
    session = Session(tmp_path, options=replace(OPTIONS, segment_bytes=2500))
    memory = initial(CONF, START_S)
    for number in range(80):
        now_s = START_S + 0.01 * number
        inputs = replace(core_inputs(), lateness_s=number * 0.1)
        memory, output = step(memory, inputs, now_s)
        session.writer.append_step(now_s, inputs, output)
        if number % 10 == 0:
            session.flush()
    session.close()
    assert len(list(tmp_path.glob("*.tcj"))) > 1
    report = replay(tmp_path, SCHEMA, step, initial)
    assert (report.ok, report.steps) == (True, 80)


def journaled_rig(
    directory: Path, monkeypatch: pytest.MonkeyPatch, options: WriterOptions
) -> tuple[Rig, JournalWriter[Inputs, Output, controller.Setup, State]]:
    """The rig of the core's tests with every step of the real core going into a journal."""
    rig = Rig(make_setup())
    writer = JournalWriter(directory, core_schema(), rig.setup, rig.state, rig.now_s, MachineInfo("rig", "0", "boot"), options=options)

    def step_and_record(state: State, inputs: Inputs, now_s: float) -> tuple[State, Output]:
        after, output = controller.step(state, inputs, now_s)
        writer.append_step(now_s, inputs, output, after)
        return after, output

    monkeypatch.setattr(core_rig, "step", step_and_record)
    return rig, writer


def test_a_session_of_the_real_core_replays_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig, writer = journaled_rig(tmp_path, monkeypatch, WriterOptions(segment_bytes=40_000, min_free_bytes=0))
    rig.to_speed(8.0)
    assert writer.flush(10.0)
    rig.closed[ChannelId.CORD_A] = rig.closed[ChannelId.CORD_B] = False
    rig.run(1.0)
    writer.append_event(rig.now_s, "trip", {"cause": "pull_cord"}, stop=True)
    rig.spoil = strange
    rig.run(3.0)
    assert rig.last.session is SessionState.TRIPPED
    assert writer.flush(10.0)
    rig.run(1.0)
    assert writer.healthy, writer.reason
    assert writer.close(10.0)
    assert verify(tmp_path).ok
    assert len(list(tmp_path.glob("*.tcj"))) > 1
    report = replay(tmp_path, core_schema(), controller.step, controller.initial_state)
    assert report.divergence is None
    assert report.ok
    assert report.steps == len(rig.outputs)


def strange(sample: Sample) -> Sample:
    """Values no sensor should give, which the journal must keep all the same."""
    (odd_nan,) = struct.unpack("<d", bytes.fromhex("010000000000f87f"))
    return replace(
        sample,
        rail_left=Channel(odd_nan, math.nan, Quality.GOOD),
        rail_right=Channel(-0.0, -math.inf, Quality.FROZEN),
        heart_rate=Channel(5e-324, 0.0, Quality.GOOD),
        trunk=Channel(TrunkMotion((0.0, -0.0, odd_nan), (math.inf, 5e-324, -12.5)), 0.01, Quality.GOOD),
    )


def test_another_decision_of_the_real_core_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig, writer = journaled_rig(tmp_path, monkeypatch, WriterOptions(min_free_bytes=0))
    rig.to_speed(3.0)
    assert writer.close(10.0)

    def eager(state: State, inputs: Inputs, now_s: float) -> tuple[State, Output]:
        after, output = controller.step(state, inputs, now_s)
        return after, replace(output, enable=True)

    report = replay(tmp_path, core_schema(), eager, controller.initial_state)
    assert report.divergence is not None
    assert (report.divergence.field, report.divergence.step) == ("output.enable", 0)
