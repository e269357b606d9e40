"""The table of a detector's outcome: what is asked of the simulated treadmill, how its answers are weighed, what is shown."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from treadctl.detector import closed_loop as module
from treadctl.detector.closed_loop import STOPS, WAYS, Cell, Setting, Table, Way, closed_loop, quantile, simulated
from treadctl.detector.closed_loop_text import as_dict, as_lines
from treadctl.errors import TreadctlError

DECEL = {"ramp_stop": 0.9, "fast_stop": 2.0, "coast": 1.5, "none": 0.0}
SMALL = Setting(speeds_mps=(1.0, 2.0), draws=4)
LEADS: list[float | None] = [0.1, 0.2, 0.3, 0.4]


class Belt:
    """A treadmill of closed forms: v - a t, and everybody with an onset under 0.5 s recovers where a stop came."""

    def __init__(self) -> None:
        self.documents: list[dict[str, Any]] = []

    def __call__(self, document: dict[str, Any]) -> dict[str, Any]:
        self.documents.append(json.loads(json.dumps(document, allow_nan=False)))
        return {"format": 1, "simulated": True, "cases": [self.play(case) for case in document["cases"]]}

    @staticmethod
    def play(case: dict[str, Any]) -> dict[str, Any]:
        at_s = case.get("lead_s", case.get("onset_s"))
        stopped = case["stop"] != "none" and at_s is not None
        row = {"id": case["id"], "outcome": "impact", "at_rest": True, "cord_pulled": not stopped, "body": "on_belt", "travel_order_to_impact_m": None}
        if "onset_s" in case and stopped and at_s < 0.5:
            figures = dict.fromkeys(("speed_at_impact_mps", "travel_under_body_m", "travel_impact_to_rest_m", "impact_to_rest_s"))
            return row | figures | {"outcome": "recovered"}
        speed = max(0.0, case["speed_mps"] - DECEL[case["stop"]] * (at_s if stopped else 0.0))
        row["travel_order_to_impact_m"] = case["speed_mps"] * at_s if stopped else None
        return row | {"speed_at_impact_mps": speed, "travel_under_body_m": speed, "travel_impact_to_rest_m": 2.0 * speed, "impact_to_rest_s": speed}


@pytest.fixture
def belt() -> Belt:
    return Belt()


def cell(cells: tuple[Cell, ...], stop: str, speed_mps: float = 1.0, way: Way = WAYS[0]) -> Cell:
    (found,) = (it for it in cells if (it.way, it.speed_mps, it.stop) == (way, speed_mps, stop))
    return found


def test_the_grid_holds_each_way_speed_and_stop_once_and_the_belt_is_asked_once(belt: Belt) -> None:
    table = closed_loop(LEADS, setting=SMALL, process=belt)
    assert [(it.way, it.speed_mps, it.stop) for it in table.falls] == [(way, v, stop) for way in WAYS for v in (1.0, 2.0) for stop in STOPS]
    assert table.losses == ()
    (document,) = belt.documents
    assert (document["format"], document["seed"], len(document["cases"])) == (1, 1, 3 * 2 * 4 * 4)
    assert len({case["id"] for case in document["cases"]}) == len(document["cases"])
    assert {(case["direction"], case["facing"]) for case in document["cases"]} == {("reverse", "console"), ("forward", "rear"), ("forward", "console")}
    assert {case["stop"] for case in document["cases"]} == {"none", "ramp_stop", "fast_stop", "coast"}


def test_a_setting_reaches_the_belt(belt: Belt) -> None:
    setting = Setting(
        belt="laboratory", speeds_mps=(0.7,), ways=WAYS[:1], deck_m=1.8, mass_kg=60.0, command_latency="measured", decision_s=0.05, ramp_stop_mps2=1.0,
        fast_stop_mps2=2.5, cord="none", attendant_s=None, draws=2, seed=7,
    )  # fmt: skip
    closed_loop(LEADS, setting=setting, process=belt)
    first, last = belt.documents[0]["cases"][0], belt.documents[0]["cases"][-1]
    assert first == {
        "id": "lead_s reverse console 0.7 none 0", "speed_mps": 0.7, "direction": "reverse", "facing": "console", "stop": "none", "lead_s": None, "seed": 7,
        "belt": "laboratory", "deck_m": 1.8, "mass_kg": 60.0, "command_latency": "measured", "decision_s": 0.05, "ramp_stop_mps2": 1.0, "fast_stop_mps2": 2.5,
        "cord": "none", "attendant_s": None,
    }  # fmt: skip
    assert (last["stop"], last["seed"]) == ("coast", 8)
    assert "command_latency" not in played(belt, Setting(draws=1))[0]


def played(belt: Belt, setting: Setting, leads: list[float | None] | None = None) -> list[dict[str, Any]]:
    closed_loop(LEADS if leads is None else leads, setting=setting, process=belt)
    return [case for case in belt.documents[-1]["cases"] if case["stop"] == "fast_stop"] or belt.documents[-1]["cases"]


def test_each_person_draws_a_lead_of_its_own_spread_over_the_quantiles(belt: Belt) -> None:
    one = Setting(speeds_mps=(1.0,), ways=WAYS[:1], draws=4)
    assert [case["lead_s"] for case in played(belt, one, [0.4, None, 0.2, 0.1, 0.3])] == [0.1, 0.2, 0.3, 0.4]
    assert [case["lead_s"] for case in played(belt, one, [0.25])] == [0.25] * 4
    assert [case["lead_s"] for case in played(belt, one, [-20.0, -0.1, 0.5, 9.0])] == [-10.0, -0.1, 0.5, 2.0]  # what is cut gives nothing away


def test_medians_and_p90_with_and_without_the_detector(belt: Belt) -> None:
    table = closed_loop(LEADS, setting=SMALL, process=belt)
    without, fast = cell(table.falls, "none"), cell(table.falls, "SS1_FAST")
    assert (without.impact_mps.p50, without.impact_mps.p90, without.impact_mps.plays) == (1.0, 1.0, 4)
    assert without.before_m.p50 is None
    assert fast.impact_mps.p50 == pytest.approx(0.4)
    assert fast.impact_mps.p90 == pytest.approx(0.8)
    assert fast.before_m.p50 == pytest.approx(0.2)
    assert fast.after_m.p50 == pytest.approx(0.8)
    assert (without.cord_share, fast.cord_share, fast.recovered_share) == (1.0, 0.0, None)


def test_the_missed_weigh_by_their_share_and_fall_as_without_a_detector(belt: Belt) -> None:
    few = cell(closed_loop([*LEADS * 24, None, None, None, None], setting=SMALL, process=belt).falls, "SS1_FAST")
    assert few.impact_mps.p90 == pytest.approx(0.8)
    assert few.cord_share == pytest.approx(0.04)
    many = closed_loop([*LEADS, None], setting=SMALL, process=belt)
    assert many.leads.missed_share == pytest.approx(0.2)
    assert cell(many.falls, "SS1_FAST").impact_mps.p90 == 1.0
    assert cell(many.falls, "SS1_FAST").impact_mps.p50 == pytest.approx(0.6)


def test_a_detector_that_missed_all_is_no_detector(belt: Belt) -> None:
    table = closed_loop([None, None], setting=SMALL, process=belt)
    assert {case["stop"] for case in belt.documents[0]["cases"]} == {"none"}
    assert cell(table.falls, "SS1").impact_mps.p50 == cell(table.falls, "none").impact_mps.p50 == 1.0
    assert table.leads.p50_s is None
    assert any("All 2 missed" in line for line in as_lines(table))


def test_losses_of_balance_tell_who_recovered_and_the_figures_are_of_the_others(belt: Belt) -> None:
    table = closed_loop([], [0.4, 0.4, 0.6, 0.6, None], setting=SMALL, process=belt)
    assert table.falls == ()
    assert cell(table.losses, "none").recovered_share == 0.0
    ramp = cell(table.losses, "SS1")
    assert ramp.recovered_share == pytest.approx(0.4)  # half of the four in five that were caught
    assert (ramp.impact_mps.plays, ramp.impact_mps.p50) == (2, pytest.approx(1.0 - 0.9 * 0.6))
    late = [case["onset_s"] for case in belt.documents[0]["cases"] if case["stop"] == "coast"]
    assert late[:4] == [0.4, 0.4, 0.6, 0.6]
    closed_loop([], [3.0], setting=SMALL, process=belt)
    assert {case["onset_s"] for case in belt.documents[1]["cases"]} == {None, 3.0}


@pytest.mark.parametrize(("leads", "onsets", "place"), [
    ([], [], "closed loop > leads"),
    ([0.1, float("nan")], [], r"closed loop > leads\[1\]"),
    ([], [None, -0.1], r"closed loop > onsets\[1\]"),
    ([], [float("inf")], r"closed loop > onsets\[0\]"),
])  # fmt: skip
def test_alarms_that_are_none_are_refused_before_anything_is_played(belt: Belt, leads: list[float | None], onsets: list[float | None], place: str) -> None:
    with pytest.raises(TreadctlError, match=place):
        closed_loop(leads, onsets, process=belt)
    assert belt.documents == []


def test_an_answer_that_lacks_a_case_or_a_figure_is_refused(belt: Belt) -> None:
    def short(document: dict[str, Any]) -> dict[str, Any]:
        return {"cases": belt(document)["cases"][:-1]}

    def blind(document: dict[str, Any]) -> dict[str, Any]:
        return {"cases": [{key: value for key, value in row.items() if key != "body"} for row in belt(document)["cases"]]}

    for process in (short, blind):
        with pytest.raises(TreadctlError, match="the answer lacks"):
            closed_loop(LEADS, setting=SMALL, process=process)


def test_every_rendering_says_simulated(belt: Belt) -> None:
    table = closed_loop(LEADS, [0.4, 0.6], setting=SMALL, process=belt)
    lines = as_lines(table)
    assert lines[0].startswith("Simulated")
    assert all("simulated" in line for line in lines if line.startswith(("Falls", "Losses")))
    told = as_dict(table)
    assert told["simulated"] is True
    assert all(row["simulated"] is True for row in told["falls"] + told["losses_of_balance"])


def test_lines_fit_a_terminal_and_the_two_parts_stand_apart(belt: Belt) -> None:
    lines = as_lines(closed_loop([*LEADS, None], [0.4, 0.6], setting=SMALL, process=belt))
    assert max(map(len, lines)) <= 160
    assert sum(line.startswith(("Falls", "Losses")) for line in lines) == 2
    assert sum(str(WAYS[0]) == line for line in lines) == 2
    (row,) = (line for line in lines[: lines.index(str(WAYS[1]))] if line.split()[:1] == ["SS1_FAST"] and "0.60 (1.00)" in line)
    assert row.split()[1:3] == ["0.60", "(1.00)"]
    assert any("20.0 % missed" in line for line in lines)


def test_a_belt_that_never_stood_still_is_told(belt: Belt) -> None:
    def runs_on(document: dict[str, Any]) -> dict[str, Any]:
        rows = belt(document)["cases"]
        return {"cases": [row | ({"at_rest": False, "impact_to_rest_s": None} if " none " in row["id"] else {}) for row in rows]}

    table = closed_loop(LEADS, setting=SMALL, process=runs_on)
    assert cell(table.falls, "none").never_at_rest_share == 1.0
    assert any("100 % still running" in line for line in as_lines(table))


def test_plain_values_go_into_json_and_name_way_speed_and_stop(belt: Belt) -> None:
    told = json.loads(json.dumps(as_dict(closed_loop(LEADS, setting=SMALL, process=belt)), allow_nan=False))
    row = told["falls"][2]
    assert (row["gait"], row["direction"], row["facing"], row["speed_mps"], row["stop"]) == ("backward", "reverse", "console", 1.0, "SS1_FAST")
    assert set(row["impact_mps"]) == {"p50", "p90", "plays"}
    assert (told["leads"]["events"], told["setting"]["belt"]) == (4, "clinic")


def test_quantiles_are_by_nearest_rank() -> None:
    assert [quantile([1.0, 2.0, 3.0, 4.0], part) for part in (0.0, 0.25, 0.5, 0.51, 1.0)] == [1.0, 1.0, 2.0, 3.0, 4.0]
    assert quantile(list(map(float, range(1, 11))), 0.9) == 9.0


# The process


def test_a_treadmill_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TreadctlError, match=r"TC130 closed loop: .*simulated treadmill"):
        simulated({})


@pytest.mark.parametrize(("out", "err", "code", "said"), [
    ("", "treadctl-hil falls: cases[0].deck_m = 9.0: must be a number\n", 2, "deck_m = 9.0"),
    ("", "", -9, "it ended with -9"),
    ("{", "", 0, "Expecting"),
    ("[]", "", 0, "another format"),
    ('{"format": 2}', "", 0, "another format"),
])  # fmt: skip
def test_a_treadmill_that_refuses_or_talks_nonsense_is_quoted(monkeypatch: pytest.MonkeyPatch, out: str, err: str, code: int, said: str) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(module.subprocess, "run", lambda *args, **keys: subprocess.CompletedProcess(args, code, out, err))
    with pytest.raises(TreadctlError, match=said):
        simulated({})


def test_the_real_treadmill_answers_for_two_persons() -> None:
    table: Table = closed_loop([0.4, 0.5], setting=Setting(speeds_mps=(1.0,), ways=WAYS[:1], draws=2))
    without, fast = cell(table.falls, "none"), cell(table.falls, "SS1_FAST")
    assert without.impact_mps.p50 == pytest.approx(1.0, abs=0.15)
    assert fast.impact_mps.p90 is not None
    assert fast.impact_mps.p90 < 0.6
