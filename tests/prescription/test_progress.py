"""The next step: up by one step only after sessions without an event, down after one, and nothing unknown leads up."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rule_cases import DAY, FIRST, first_main, past, person, record

from treadctl.core.sample import Facing
from treadctl.prescription import PastSession, load_profile
from treadctl.prescription.progress import Move, Proposal, propose, step_of

KMH = 1.0 / 3.6
READY = record(past(9), past(8), past(7))


def proposed(*sessions: PastSession, **options: object) -> Proposal:
    return propose(person(**options), record(*sessions), DAY, FIRST)


def test_two_sessions_in_a_row_without_an_event_lead_up_by_the_profiles_step() -> None:
    found = proposed(past(9), past(8))
    assert (found.move, found.peak_mps) == (Move.UP, pytest.approx(0.55 + 0.3 * KMH))
    assert "without an event" in found.reasons[0]


def test_the_step_is_the_profiles_smallest_and_never_above_half_a_kilometre_per_hour() -> None:
    assert step_of(FIRST) == pytest.approx(0.3 * KMH)
    assert step_of(None) == step_of(first_main()) == pytest.approx(0.3 * KMH)
    stair = {"label": "Stair", "minutes": None, "speed_kmh": None, "steps": {"from_kmh": 2.0, "to_kmh": 4.0, "by_kmh": 1.0, "hold_s": 60.0}}
    assert step_of(first_main(**stair)) == pytest.approx(0.5 * KMH)


def test_with_nothing_on_record_the_profile_stays_as_it_is() -> None:
    for history in (record(), record(past(5, peak_mps=None)), record(past(5, peak_mps=math.nan))):
        found = propose(person(), history, DAY, FIRST)
        assert (found.move, found.peak_mps, found.hands_free) == (Move.SAME, None, False)


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"events": 1}, "had an event"),
        ({"events": None}, "not known"),
        ({"max_dizziness": 4.0}, "Dizziness reached 4"),
        ({"max_pain": 5.0}, "Pain reached 5"),
        ({"max_rpe": 17.0}, "Exertion reached 17"),
    ],
)
def test_a_session_that_went_badly_leads_down_by_a_step(figures: dict[str, Any], words: str) -> None:
    found = proposed(past(9), past(8, **figures))
    assert (found.move, found.peak_mps) == (Move.DOWN, pytest.approx(0.55 - 0.3 * KMH))
    assert words in found.reasons[0]


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"completed": False}, "not walked to its end"),
        ({"completed": None}, "not walked to its end"),
        ({"max_dizziness": 2.0}, "Dizziness was 2"),
        ({"max_pain": 2.5}, "Pain was 2.5"),
        ({"max_rpe": 15.0}, "Exertion was 15"),
        ({"max_rpe": None}, "Exertion was not answered"),
        ({"max_dizziness": math.nan}, "Dizziness was not answered"),
        ({"max_pain": None}, "Pain was not answered"),
    ],
)
@pytest.mark.parametrize("newest", [True, False])
def test_what_is_not_good_or_not_known_keeps_the_speed(figures: dict[str, Any], words: str, newest: bool) -> None:
    found = proposed(past(9), past(8, **figures)) if newest else proposed(past(9, **figures), past(8))
    assert (found.move, found.peak_mps) == (Move.SAME, 0.55)
    assert words in found.reasons[0]


def test_one_good_session_is_not_enough() -> None:
    assert proposed(past(8)).move is Move.SAME
    assert proposed(past(9, events=1), past(8)).move is Move.SAME


def test_down_stops_at_the_slowest_start() -> None:
    assert proposed(past(8, peak_mps=0.25, events=1)).peak_mps == pytest.approx(0.8 * KMH)


@pytest.mark.parametrize(("days", "move"), [(28, Move.UP), (29, Move.DOWN), (-1, Move.DOWN)])
def test_after_a_long_break_begin_lower(days: int, move: Move) -> None:
    assert proposed(past(days + 1), past(days)).move is move


def test_a_cap_ends_the_way_up_and_a_new_one_leads_down() -> None:
    reached = proposed(past(9), past(8), caps={"max_speed_mps": 0.55})
    assert (reached.move, reached.reasons) == (Move.SAME, ("The person's cap is reached.",))
    short = proposed(past(9), past(8), caps={"max_speed_mps": 0.6})
    assert (short.move, short.peak_mps) == (Move.UP, 0.6)
    lowered = proposed(past(9), past(8), caps={"max_speed_mps": 0.4})
    assert (lowered.move, lowered.peak_mps) == (Move.DOWN, 0.4)


def test_after_an_event_the_proposal_is_never_above_what_preflight_allows() -> None:
    found = proposed(past(9, peak_mps=1.2), past(8, peak_mps=0.6, events=1))
    assert found.peak_mps is not None
    assert found.peak_mps <= 0.6


def test_the_hands_come_off_by_the_same_measure_as_in_preflight() -> None:
    assert propose(person(), READY, DAY, FIRST).hands_free
    held = replace(READY, recent=(*READY.recent[:2], past(7, rail_load_percent=12.0)))
    assert not propose(person(), held, DAY, FIRST).hands_free


def test_the_direction_is_the_profiles() -> None:
    assert propose(person(own_forward_speed_kmh=3.0), READY, DAY, facing=Facing.REAR).peak_mps == pytest.approx(0.7 * 3.0 * KMH)


def test_every_shipped_profile_has_a_step() -> None:
    paths = sorted((Path(__file__).resolve().parents[2] / "profiles").glob("*.toml"))
    assert len(paths) >= 5
    assert all(0.0 < step_of(load_profile(path)) <= 0.5 * KMH + 1e-9 for path in paths)
