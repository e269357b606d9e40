"""The judge of the balance detector's paths works, and what it shows on a few people: fused, nothing is told later than by the best path alone."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

import judge_balance
from judge_balance import KINDS, Event, Normal, normal_rows, person, play, rows, stroll, text
from judged_walk import PATHS, STEP_S, Walk
from treadctl.core.imbalance.verdict import Level


@pytest.fixture(scope="module")
def events() -> list[Event]:
    """Two people, every kind of event."""
    return [*person((1.0, 0, 11, 62.0, KINDS)), *person((0.8, 2, 12, 90.0, KINDS))]


def of(events: list[Event], kind: str) -> list[Event]:
    return [event for event in events if event.kind == kind]


def test_every_kind_of_event_is_played_for_each_person(events: list[Event]) -> None:
    assert sorted(event.kind for event in events) == sorted(2 * KINDS)
    assert all(event.ready for event in events)
    assert {event.kind for event in events if event.down_s is not None} == {kind for kind in KINDS if kind.startswith(("loss", "fall"))}


def test_fused_is_never_later_than_the_best_path_alone(events: list[Event]) -> None:
    for event in events:
        alone = min((at for path, at in event.told_s.items() if path != "fused" and at is not None), default=math.inf)
        fused = event.told_s["fused"]
        assert (math.inf if fused is None else fused) <= alone + STEP_S, event


def test_each_path_sees_what_it_is_there_for(events: list[Event]) -> None:
    for path, kind in (("rails", "loss, holding"), ("rails", "lets go"), ("waist", "fall, free"), ("belt", "steps off, free")):
        assert all(event.told_s[path] is not None for event in of(events, kind)), (path, kind)
    assert all(event.told_s["rails"] is None for event in of(events, "steps off, free")), "no hand was there"
    assert all(event.unsteady_s["rails"] is not None and event.told_s["fused"] is None for event in of(events, "rocks, holding"))


def test_two_walks_of_one_seed_are_the_same_walk() -> None:
    def fallen() -> tuple[object, ...]:
        walk = Walk(3, 70.0, 0, twin=True)
        walk.target_mps = 0.5
        walk.run(5.0)
        return play(walk.fork(grabs=False), "loss, free, no grab", ready=True)

    assert fallen() == fallen()


def test_a_short_stroll_is_counted_and_stops_nobody() -> None:
    normal = stroll((0, 0.8))
    assert normal.hours == pytest.approx(0.8 / 60.0)
    assert sum(normal.stops.values()) == 0
    assert normal.left_belt == 0
    assert normal_rows(normal)[0]["stops_bound_per_h"] == pytest.approx(3.0 / normal.hours, rel=0.01)


def test_the_tables_name_every_kind_and_path_and_say_simulated(events: list[Event]) -> None:
    table = rows(events)
    assert [(row["kind"], row["path"]) for row in table] == [(kind, path) for kind in KINDS for path in PATHS]
    told = text(events, Normal(hours=1.0, people=1))
    assert told.count("simulated") == 2
    assert all(f"| {kind} |" in told for kind in KINDS)


def test_the_command_writes_what_it_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked = "judge_balance --persons 0 --hours 0.01 --minutes 0.6 --jobs 1 --json"
    monkeypatch.setattr("sys.argv", [*asked.split(), str(tmp_path / "x.json")])
    assert judge_balance.main() == 0
    document = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    assert document["simulated"] is True
    assert [row["path"] for row in document["normal"]] == list(PATHS)
    assert "false stops" in capsys.readouterr().out


def test_levels_are_told_for_every_path() -> None:
    assert Walk(1, 70.0, 2).levels() == dict.fromkeys(PATHS, Level.STEADY)
