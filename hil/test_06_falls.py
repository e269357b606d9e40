"""Falls played into the simulated treadmill: what a stop does to the belt before and after the impact, against closed forms where there are any."""

from __future__ import annotations

import io
import json
import math
import statistics
from itertools import pairwise
from typing import Any

import pytest

from treadctl_hil.fall_play import _at_speed, _Play, event_of, params_of, play
from treadctl_hil.falls import InputError, answer, cases_of, main

CASE: dict[str, Any] = {
    "id": "a", "speed_mps": 1.5, "direction": "reverse", "facing": "console", "stop": "ramp_stop", "lead_s": 0.4, "belt": "laboratory", "command_latency": 0.0,
}  # fmt: skip
LOST: dict[str, Any] = {key: value for key, value in CASE.items() if key != "lead_s"} | {"onset_s": 0.45, "belt": "clinic", "command_latency": 0.03}
WAYS = [("reverse", "console"), ("forward", "rear"), ("forward", "console")]


def fall(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON is of no one type
    return falls({**CASE, **changes})[0]


def falls(*cases: dict[str, Any], seed: int = 1) -> list[dict[str, Any]]:
    named = [{**case, "id": str(k)} for k, case in enumerate(cases)]
    told: list[dict[str, Any]] = answer({"format": 1, "seed": seed, "cases": named})["cases"]
    return told


# Before the impact


@pytest.mark.parametrize(("stop", "decel_mps2"), [("ramp_stop", 0.9), ("fast_stop", 2.0)])
@pytest.mark.parametrize("speed_mps", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("lead_s", [0.3, 0.6, 0.9])
def test_belt_slows_by_the_ramp_as_v_minus_at_and_its_way_is_the_closed_form(stop: str, decel_mps2: float, speed_mps: float, lead_s: float) -> None:
    got = fall(stop=stop, speed_mps=speed_mps, lead_s=lead_s)
    speed = max(0.0, speed_mps - decel_mps2 * lead_s)
    lag_s = 0.08  # of the speed loop
    assert speed - 0.05 <= got["speed_at_impact_mps"] <= speed + lag_s * decel_mps2 + 0.05
    path_m = (speed_mps**2 - speed**2) / (2.0 * decel_mps2)
    assert path_m - 0.02 <= got["travel_order_to_impact_m"] <= path_m + decel_mps2 * lag_s * lead_s + 0.03
    if speed > 0.0:
        seen_mps2 = (got["speed_at_order_mps"] ** 2 - got["speed_at_impact_mps"] ** 2) / (2.0 * got["travel_order_to_impact_m"])
        assert decel_mps2 * (1.0 - lag_s / lead_s) - 0.15 <= seen_mps2 <= decel_mps2 + 0.15


def test_early_fast_stop_halves_the_speed_and_an_earlier_one_ends_it() -> None:
    assert fall(stop="fast_stop", speed_mps=1.0, lead_s=0.28)["speed_at_impact_mps"] == pytest.approx(0.5, abs=0.1)
    still = fall(stop="fast_stop", speed_mps=1.0, lead_s=0.8)
    assert (still["speed_at_impact_mps"], still["travel_impact_to_rest_m"], still["impact_to_rest_s"]) == pytest.approx((0.0, 0.0, 0.0), abs=0.01)


@pytest.mark.parametrize(("direction", "facing"), WAYS)
@pytest.mark.parametrize("lead", [None, 0.5])
def test_without_a_stop_the_belt_keeps_its_speed(direction: str, facing: str, lead: float | None) -> None:
    got = fall(direction=direction, facing=facing, stop="none" if lead else "fast_stop", lead_s=lead)
    assert got["speed_at_impact_mps"] == pytest.approx(1.5, rel=0.04)
    assert got["speed_at_order_mps"] is got["travel_order_to_impact_m"] is got["order_before_impact_s"] is None


@pytest.mark.parametrize("stop", ["ramp_stop", "fast_stop", "coast"])
@pytest.mark.parametrize("belt", ["clinic", "laboratory"])
@pytest.mark.parametrize(("direction", "facing"), WAYS)
def test_a_later_alarm_is_never_better(stop: str, belt: str, direction: str, facing: str) -> None:
    leads = (1.2, 0.8, 0.6, 0.4, 0.3, 0.2, 0.1, 0.0)
    got = falls(*({**CASE, "stop": stop, "belt": belt, "direction": direction, "facing": facing, "lead_s": lead_s} for lead_s in leads))
    speeds = [one["speed_at_impact_mps"] for one in got]
    ripple = 0.03 if belt == "laboratory" else 0.13  # of the belt under a step
    assert all(early <= late + ripple for early, late in pairwise(speeds))
    assert speeds[0] < 0.75 * speeds[-1]


def test_latency_and_decision_cost_as_much_as_a_shorter_lead() -> None:
    plain, late, slow = falls(CASE, {**CASE, "command_latency": 0.2}, {**CASE, "decision_s": 0.2})
    for one in (late, slow):
        assert one["speed_at_impact_mps"] == pytest.approx(plain["speed_at_impact_mps"] + 0.2 * 0.9, abs=0.07)
    assert slow["order_before_impact_s"] == pytest.approx(0.2, abs=0.006)
    after = fall(decision_s=0.5)
    assert after["order_before_impact_s"] == pytest.approx(-0.1, abs=0.006)
    assert after["travel_order_to_impact_m"] is None


@pytest.mark.parametrize("lead_s", [0.05, 0.3, 0.5, 1.0])
def test_the_lead_is_held_though_a_slower_belt_delays_the_impact(lead_s: float) -> None:
    got = fall(stop="fast_stop", speed_mps=3.0, lead_s=lead_s)
    assert got["order_before_impact_s"] == pytest.approx(lead_s, abs=0.006)
    assert 0.0 <= got["impact_delayed_s"] <= 0.05
    assert bool(got["notes"]) == (lead_s > got["fall_s"])


# After it


def test_ramp_after_impact_takes_the_closed_form_s_way() -> None:
    got = fall(stop="fast_stop", lead_s=0.2, mass_kg=60.0, cord="none")
    v, a = got["speed_at_impact_mps"], 2.0
    assert got["travel_impact_to_rest_m"] == pytest.approx(v**2 / (2.0 * a), abs=0.08)
    assert got["impact_to_rest_s"] == pytest.approx(v / a, abs=0.15)


def test_a_belt_whose_body_has_gone_coasts_longer_than_one_that_bears_it() -> None:
    bearing, gone = falls(
        {**CASE, "belt": "clinic", "stop": "coast", "speed_mps": 2.0, "lead_s": 0.3, "cord": "none"},
        {**CASE, "belt": "clinic", "stop": "coast", "speed_mps": 3.0, "lead_s": -0.5, "direction": "forward", "cord": "none"},
    )
    assert (bearing["body"], gone["body"]) == ("on_belt", "off_belt")
    assert bearing["travel_under_body_m"] == bearing["travel_impact_to_rest_m"]
    assert gone["travel_impact_to_rest_m"] > 3.0 * gone["travel_under_body_m"]
    assert gone["impact_to_rest_s"] > 5.0 * bearing["impact_to_rest_s"]


def test_power_off_is_the_slower_stop_on_a_heavy_belt() -> None:
    ramp, coast = falls({**CASE, "stop": "fast_stop", "speed_mps": 2.0}, {**CASE, "stop": "coast", "speed_mps": 2.0})
    assert coast["speed_at_impact_mps"] > ramp["speed_at_impact_mps"] + 0.2


def test_reverse_belt_carries_the_body_to_the_console_where_no_cord_pulls_and_only_somebody_stops_it() -> None:
    got, alone = falls({**CASE, "lead_s": None}, {**CASE, "lead_s": None, "attendant_s": None, "limit_s": 5.0})
    assert (got["ended_by"], got["cord_pulled"], got["at_rest"]) == ("attendant", False, True)
    assert got["position_at_end_m"] == pytest.approx(0.15, abs=0.01)
    assert got["travel_impact_to_rest_m"] > 1.5 * 1.5
    assert (alone["ended_by"], alone["cord_pulled"], alone["at_rest"], alone["impact_to_rest_s"]) == ("limit", False, False, None)
    assert alone["travel_impact_to_rest_m"] == pytest.approx(5.0 * 1.5, rel=0.05)


def test_facing_the_rear_no_cord_pulls_before_the_impact_and_afterwards_the_belt_carries_the_body_into_it() -> None:
    got, unclipped = falls(*({**CASE, "direction": "forward", "facing": "rear", "lead_s": None, "cord": cord} for cord in ("power_cut", "none")))
    assert got["ended_by"] == "cord"
    assert got["cord_after_impact_s"] > 0.0
    assert (unclipped["ended_by"], unclipped["cord_pulled"], unclipped["body"]) == ("attendant", False, "off_belt")
    slack = [
        fall(direction="forward", facing="rear", stop=stop, lead_s=1.0, speed_mps=speed_mps, seed=seed)
        for stop in ("ramp_stop", "fast_stop") for speed_mps in (0.8, 1.5) for seed in (1, 2)
    ]  # fmt: skip
    assert not any(one["cord_pulled"] and one["cord_after_impact_s"] <= 0.0 for one in slack)
    assert not any(one["cord_pulled"] for one in slack if one["speed_at_impact_mps"] < 0.1)


def test_a_pulled_cord_brakes_by_the_drive_where_it_is_only_an_input() -> None:
    cut, input_only = falls(*({**CASE, "direction": "forward", "lead_s": None, "cord": cord} for cord in ("power_cut", "fast_stop")))
    assert cut["ended_by"] == input_only["ended_by"] == "cord"
    assert input_only["impact_to_rest_s"] < 0.6 * cut["impact_to_rest_s"]


# Loss of balance, which a stop in time may end well


def share_recovered(**changes: Any) -> float:  # noqa: ANN401 - JSON is of no one type
    got = falls(*({**LOST, **changes, "seed": seed} for seed in range(1, 16)))
    return statistics.fmean(one["outcome"] == "recovered" for one in got)


def test_somebody_losing_balance_recovers_only_on_a_belt_that_slows_and_the_sooner_the_likelier() -> None:
    early, late = share_recovered(speed_mps=1.0, onset_s=0.2), share_recovered(speed_mps=1.0, onset_s=0.9)
    assert share_recovered(speed_mps=1.0, onset_s=None) == 0.0
    assert early > late
    assert early > 0.5
    assert share_recovered(speed_mps=3.0) == 0.0


def test_who_was_not_caught_falls_onto_a_slower_belt() -> None:
    stopped, plain = falls({**LOST, "speed_mps": 2.0}, {**LOST, "speed_mps": 2.0, "onset_s": None})
    assert stopped["outcome"] == plain["outcome"] == "impact"
    assert stopped["speed_at_impact_mps"] < plain["speed_at_impact_mps"] - 0.2


# The machinery


def test_the_same_document_gives_the_same_answer_and_another_seed_another() -> None:
    assert falls(CASE, LOST) == falls(CASE, LOST)
    assert falls(CASE, LOST) != falls(CASE, LOST, seed=2)


def test_playing_from_a_copy_equals_playing_the_belt_itself() -> None:
    case = cases_of({"format": 1, "cases": [{**LOST, "command_latency": "measured"}]})[1][0]
    first = play(case)
    world = _at_speed.__wrapped__(params_of(case), -1.5, True, case.seed)
    world.advance(event_of(case))
    world.runner.lose_balance()
    world.advance(event_of(case) + 0.45)
    assert abs(world.belt_speed_mps) == first.speed_at_order_mps
    assert _Play(case, None).world.belt_speed_mps == _at_speed(params_of(case), -1.5, True, case.seed).belt_speed_mps


@pytest.mark.parametrize(("change", "place"), [
    ({"speed_mps": -1.0}, r"cases\[0\]\.speed_mps = -1\.0: must be a number from 0\.3 to 6"),
    ({"speed_mps": math.nan}, r"cases\[0\]\.speed_mps = nan"),
    ({"speed_mps": True}, r"cases\[0\]\.speed_mps = True"),
    ({"direction": "back"}, r"cases\[0\]\.direction = 'back': must be one of forward, reverse"),
    ({"facing": ["rear"]}, r"cases\[0\]\.facing"),
    ({"lead_s": 3.0}, r"cases\[0\]\.lead_s = 3\.0"),
    ({"mass_kg": None}, r"cases\[0\]\.mass_kg = None"),
    ({"command_latency": "quick"}, r"cases\[0\]\.command_latency = 'quick'"),
    ({"onset_s": 0.4}, r"cases\[0\]: give lead_s .* or onset_s"),
    ({"id": ""}, r"cases\[0\]\.id"),
    ({"hands": 1}, r"cases\[0\]\.hands"),
    ({"seed": 1.5}, r"cases\[0\]\.seed"),
    ({"colour": "red"}, r"cases\[0\]\.colour: not known"),
])  # fmt: skip
def test_a_case_that_is_not_understood_is_refused_by_its_place(change: dict[str, Any], place: str) -> None:
    with pytest.raises(InputError, match=place):
        cases_of({"format": 1, "cases": [{**CASE, **change}]})


@pytest.mark.parametrize(("document", "place"), [
    ([], "must be an object"),
    ({"format": 2, "cases": []}, "format = 2"),
    ({"format": 1}, "cases"),
    ({"format": 1, "cases": [1]}, r"cases\[0\]"),
    ({"format": 1, "cases": [CASE, CASE]}, r"cases\[1\]\.id = 'a': given twice"),
    ({"format": 1, "cases": [{"id": "a"}]}, r"cases\[0\]\.speed_mps: is missing"),
    ({"format": 1, "cases": [], "sead": 1}, "sead: not known"),
    ({"format": 1, "cases": [], "seed": "x"}, "seed = 'x'"),
])  # fmt: skip
def test_a_document_that_is_not_understood_is_refused_by_its_place(document: object, place: str) -> None:
    with pytest.raises(InputError, match=place):
        cases_of(document)


@pytest.mark.parametrize("text", ["{", json.dumps({"format": 1, "cases": [{**CASE, "stop": "brake"}]})])
def test_the_command_says_one_line_and_ends_with_two(text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert main([]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("treadctl-hil falls: ")
    assert said.err.count("\n") == 1


def test_the_command_answers_with_one_document_that_says_simulated(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps({"format": 1, "seed": 4, "cases": [CASE]})))
    assert main([]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["format"], told["simulated"], told["seed"], [one["id"] for one in told["cases"]]) == (1, True, 4, ["a"])
