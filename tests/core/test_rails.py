"""The handrail detector: what it takes for a loss of balance, what it must not, and that each of its rules is needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadctl.core.imbalance import rails
from treadctl.core.imbalance.rails import RailState, update
from treadctl.core.imbalance.verdict import LEVEL, Beat, Imbalance, Level
from treadctl.core.program import Hands
from treadctl.core.thresholds import RailThresholds

LIMITS = RailThresholds()
STEP_HZ = 2.0
Loads = Callable[[float], tuple[float, float]]  # seconds from the start -> left, right, in percent of body weight
NONE: set[Imbalance] = set()


def ramp(at_s: float, begin_s: float, lasts_s: float) -> float:
    """0 before, 1 after, a smooth step between."""
    p = min(1.0, max(0.0, (at_s - begin_s) / lasts_s))
    return p * p * (3.0 - 2.0 * p)


@cache
def held(mean: float, ripple: float = 0.2, step_hz: float = STEP_HZ) -> Loads:
    """Both hands hold `mean` in all, rippling at the step."""

    def loads(at_s: float) -> tuple[float, float]:
        each = 0.5 * mean * (1.0 + ripple * math.sin(2.0 * math.pi * step_hz * at_s))
        return each, each

    return loads


def pressed(hold: Loads, left: float, right: float, rise_s: float, at_s: float = 2.0) -> Loads:
    """More load from an instant on."""

    def loads(now_s: float) -> tuple[float, float]:
        share, (a, b) = ramp(now_s, at_s, rise_s), hold(now_s)
        return a + left * share, b + right * share

    return loads


def absent(hold: Loads, hands: tuple[bool, bool], from_s: float, until_s: float = math.inf, over_s: float = 0.1) -> Loads:
    """Hands (left, right) off from one instant to another, taken off and put back within `over_s`."""

    def loads(now_s: float) -> tuple[float, float]:
        on = 1.0 - ramp(now_s, from_s, over_s) + ramp(now_s, until_s - over_s, over_s)
        left, right = hold(now_s)
        return left * (on if hands[0] else 1.0), right * (on if hands[1] else 1.0)

    return loads


def feed(
    loads: Loads, seconds: float, state: RailState | None = None, *, hands: Hands = Hands.FREE, learning: bool = False,
    limits: RailThresholds = LIMITS, hz: float = 100.0, beat: bool = False,
) -> Iterator[tuple[float, RailState]]:  # fmt: skip
    """Instants from the start, and the states after each sample. Phases of the step go on from one stretch to the next if it lasts whole steps."""
    state = state or RailState()
    start_s = state.recent[-1][0] if state.recent else 50.0
    for k in range(1, round(seconds * hz) + 1):
        at_s = k / hz
        rhythm = Beat(STEP_HZ, at_s * STEP_HZ % 1.0) if beat else None
        state = update(state, start_s + at_s, *loads(at_s), hands, learning, limits, rhythm)
        yield at_s, state


def after(loads: Loads, seconds: float, state: RailState | None = None, **how: object) -> RailState:
    """The last state."""
    return [state for _, state in feed(loads, seconds, state, **how)][-1]  # type: ignore[arg-type]


def verdicts(loads: Loads, seconds: float, state: RailState | None = None, **how: object) -> set[Imbalance]:
    """All that was said, nothing left out."""
    return {state.verdict for _, state in feed(loads, seconds, state, **how)} - {Imbalance.NONE}  # type: ignore[arg-type]


def first(verdict: Imbalance, loads: Loads, seconds: float, state: RailState | None = None, **how: object) -> float:
    """When it was said first; infinite if never."""
    return next((at_s for at_s, state in feed(loads, seconds, state, **how) if state.verdict is verdict), math.inf)  # type: ignore[arg-type]


@cache
def learnt(hold: Loads, seconds: float = 20.0, **how: object) -> RailState:
    """The state after a warm-up."""
    return after(hold, seconds, learning=True, **how)


LIGHT, FIRM = held(3.0), held(15.0, 0.3)


# A grab


@pytest.mark.parametrize("hz", [100.0, 200.0])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("left", "right", "rise_s"), [(20.0, 0.0, 0.15), (10.0, 10.0, 0.15), (0.0, 50.0, 0.05), (30.0, 15.0, 0.1)])
def test_a_grab_is_seen_within_60_ms_of_its_first_percent(hz: float, known: bool, left: float, right: float, rise_s: float) -> None:
    state = learnt(LIGHT, hz=hz) if known else None
    grab = pressed(LIGHT, left, right, rise_s)
    onset_s = next(k / 1000.0 for k in range(2000, 3000) if (left + right) * ramp(k / 1000.0, 2.0, rise_s) > 1.0)
    assert first(Imbalance.GRAB, grab, 3.0, state, hz=hz) - onset_s <= 0.06


def test_without_the_steep_rule_the_same_grab_is_seen_later() -> None:
    grab = pressed(LIGHT, 10.0, 10.0, 0.15)
    assert first(Imbalance.GRAB, grab, 3.0, learnt(LIGHT), limits=replace(LIMITS, snatch_percent=14.0)) > 2.09


def test_a_grab_too_slow_for_the_steep_rule_is_seen_by_level_and_rate() -> None:
    grab = pressed(LIGHT, 14.0, 14.0, 0.3)
    assert first(Imbalance.GRAB, grab, 3.0, learnt(LIGHT)) < 2.25
    for spoilt in ({"grab_percent": 30.0}, {"rise_percent": 30.0}, {"grab_rate_percent_per_s": 150.0}):
        assert verdicts(grab, 3.0, learnt(LIGHT), limits=replace(LIMITS, **spoilt)) == NONE


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("lasts_s", [1.0, 2.0, 4.0])
def test_leaning_slowly_is_no_grab(known: bool, lasts_s: float) -> None:
    lean = pressed(LIGHT, 18.0, 12.0, lasts_s)
    state = learnt(LIGHT) if known else None
    assert verdicts(lean, 8.0, state) == NONE
    steep_or_not = replace(LIMITS, grab_rate_percent_per_s=10.0, floor_creep_percent_per_s=0.1)
    assert not known or verdicts(lean, 8.0, state, limits=steep_or_not) == {Imbalance.GRAB}


def test_leaning_long_is_counted_as_overload_instead() -> None:
    state = after(pressed(LIGHT, 18.0, 12.0, 2.0), 10.0)
    assert state.overload_s == pytest.approx(6.5, abs=0.5)
    assert RailState().overload_s == 0.0


@pytest.mark.parametrize("hz", [100.0, 200.0])
@pytest.mark.parametrize("over_s", [0.2, 0.3, 0.4])
@pytest.mark.parametrize("hold", [LIGHT, held(4.9, 0.3), FIRM])
@pytest.mark.parametrize("known", [True, False])
def test_hands_put_on_and_taken_off_normally_say_nothing(hz: float, over_s: float, hold: Loads, known: bool) -> None:
    state = learnt(hold, hz=hz) if known else None
    for both in ((True, True), (True, False), (False, True)):
        assert verdicts(absent(hold, both, 1.0, 3.0, over_s), 4.0, state, hz=hz) == NONE


def test_a_firm_hold_put_on_at_once_needs_each_rule_that_spares_it() -> None:
    put_on = absent(held(15.0, 0.0), (True, True), -1.0, 2.0, 0.2)
    assert verdicts(put_on, 4.0) == NONE
    assert verdicts(put_on, 4.0, limits=replace(LIMITS, snatch_rate_percent_per_s=100.0)) == {Imbalance.GRAB}
    firmer = absent(held(24.0, 0.0), (True, True), -1.0, 2.0, 0.25)
    assert verdicts(firmer, 4.0) == NONE
    assert verdicts(firmer, 4.0, limits=replace(LIMITS, firm_percent=LIMITS.rise_percent)) == {Imbalance.GRAB}


def test_a_known_firm_hold_put_back_very_fast_is_no_grab_and_a_grab_by_its_owner_is() -> None:
    firm = held(15.0, 0.0)
    back = absent(firm, (True, True), -1.0, 5.0, 0.12)
    assert verdicts(back, 7.0, learnt(firm)) == NONE
    assert verdicts(back, 7.0, learnt(firm), limits=replace(LIMITS, put_on_per_s=0.0)) == {Imbalance.GRAB}
    assert first(Imbalance.GRAB, pressed(held(0.0), 12.0, 12.0, 0.12), 3.0, learnt(firm)) < 2.09


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("step_hz", [1.4, 2.0, 3.2])
def test_a_firm_hold_with_its_ripple_says_nothing(known: bool, step_hz: float) -> None:
    firm = held(15.0, 0.3, step_hz)
    assert verdicts(firm, 10.0, learnt(firm) if known else None) == NONE


@pytest.mark.parametrize("known", [True, False])
def test_a_quick_new_grip_is_measured_against_the_hold_before_it(known: bool) -> None:
    grip = absent(held(15.0, 0.1), (True, True), 2.0, 2.3, 0.1)
    assert verdicts(grip, 3.0, learnt(held(15.0, 0.1)) if known else None) == NONE


def test_a_grab_on_top_of_a_firm_hold_is_seen() -> None:
    for beat in (True, False):
        assert first(Imbalance.GRAB, pressed(FIRM, 12.0, 12.0, 0.1), 3.0, learnt(FIRM, beat=beat), beat=beat) < 2.1


def test_one_wrong_sample_is_no_grab_and_two_are() -> None:
    def wrong(samples: int) -> Loads:
        return lambda at_s: (60.0, 1.5) if 2.0 <= at_s < 2.0 + samples * 0.01 - 0.005 else LIGHT(at_s)

    assert verdicts(wrong(1), 4.0) == NONE
    assert Imbalance.GRAB in verdicts(wrong(2), 4.0)


def test_one_empty_sample_is_no_grab() -> None:
    assert verdicts(lambda at_s: (0.0, 0.0) if 2.0 <= at_s < 2.005 else FIRM(at_s), 4.0, learnt(FIRM)) == NONE


def test_a_tap_while_leaning_is_no_grab() -> None:
    tap = pressed(pressed(held(3.0, 0.0), 10.0, 10.0, 1.0), 3.25, 3.25, 0.02, at_s=2.55)
    assert verdicts(tap, 4.0) == NONE


def test_a_cough_at_the_height_of_an_unknown_firm_ripple_is_no_grab() -> None:
    cough = pressed(FIRM, 3.5, 3.5, 0.05, at_s=4.04)
    assert verdicts(cough, 4.2) == NONE
    assert verdicts(cough, 4.2, limits=replace(LIMITS, unknown_spread=0.0)) == {Imbalance.GRAB}


# What was learnt


def test_the_bare_thresholds_hold_until_enough_was_learnt() -> None:
    assert learnt(LIGHT, 7.0).baseline.at(None, LIMITS.baseline_min_s) is None
    known = learnt(LIGHT, 9.0).baseline.at(None, LIMITS.baseline_min_s)
    assert known is not None
    assert known.total == pytest.approx(3.0, abs=0.2)
    assert math.sqrt(known.total_var) == pytest.approx(0.2 * 3.0 / math.sqrt(2.0), rel=0.15)


def test_a_baseline_locked_to_the_step_knows_the_ripple_and_a_plain_one_widens() -> None:
    shaky = held(15.0, 0.6)
    plain, locked = learnt(shaky).baseline, learnt(shaky, beat=True).baseline
    beat = Beat(STEP_HZ, 1.5 / 8.0)
    at_crest = locked.at(beat, LIMITS.baseline_min_s)
    whole = plain.at(beat, LIMITS.baseline_min_s)
    assert at_crest is not None
    assert whole is plain.whole
    assert at_crest.total == pytest.approx(15.0 + 9.0 * math.sin(2.0 * math.pi * 1.5 / 8.0), abs=0.7)
    assert at_crest.total_var < 0.2 * whole.total_var
    grab = pressed(shaky, 7.5, 7.5, 0.08, at_s=2.3)
    assert first(Imbalance.GRAB, grab, 3.0, learnt(shaky, beat=True), beat=True) < 2.4
    assert verdicts(grab, 3.0, learnt(shaky)) == NONE


def test_a_lost_beat_falls_back_on_the_plain_baseline() -> None:
    state = learnt(FIRM, beat=True)
    assert state.baseline.at(None, LIMITS.baseline_min_s) is state.baseline.whole
    assert verdicts(FIRM, 10.0, state) == NONE
    assert learnt(FIRM).baseline.at(Beat(STEP_HZ, 0.3), LIMITS.baseline_min_s) is not None


@pytest.mark.parametrize("phase", [0.0, 0.999, 1.0, -0.2, 7.3])
def test_any_phase_has_its_place(phase: float) -> None:
    baseline = rails.Baseline().learn(3.0, 0.0, 0.01, Beat(2.0, phase))
    assert sum(moments.seconds > 0.0 for moments in baseline.by_phase) == 1


def test_the_less_was_learnt_the_wider_it_is() -> None:
    uneven = held(15.0, 0.5)
    grab = pressed(uneven, 6.5, 6.5, 0.12, at_s=2.0)  # at the mean of the ripple, rising
    assert verdicts(grab, 2.5, learnt(uneven, 80.0)) == {Imbalance.GRAB}
    assert verdicts(grab, 2.5, learnt(uneven, 8.5)) == NONE


def test_nothing_is_learnt_outside_the_warm_up_nor_from_empty_rails_nor_from_trouble() -> None:
    assert after(LIGHT, 20.0).baseline == rails.Baseline()
    assert learnt(held(0.0)).baseline.whole.seconds == 0.0
    state = learnt(LIGHT)
    grabbed = [s for _, s in feed(pressed(LIGHT, 40.0, 0.0, 0.1, at_s=0.1), 0.19, state, learning=True) if s.suspect is not Imbalance.NONE]
    assert grabbed[-1].verdict is Imbalance.GRAB
    assert grabbed[0].baseline is grabbed[-1].baseline


def test_an_infinite_spread_is_capped_so_that_nobody_is_out_of_reach() -> None:
    wild = learnt(held(20.0, 1.0), 60.0)
    assert first(Imbalance.GRAB, pressed(held(20.0, 0.0), 40.0, 0.0, 0.1), 3.0, wild) < 2.1


# Asymmetry


def lurch(at_s: float) -> tuple[float, float]:
    share, (left, right) = ramp(at_s, 2.0, 0.12), held(8.0)(at_s)
    return left * (1.0 - share), right + 12.0 * share


def transfer(at_s: float) -> tuple[float, float]:
    """All of a firm hold goes to one hand at once: the sum stays."""
    share, (left, right) = ramp(at_s, 2.0, 0.1), held(16.0, 0.05)(at_s)
    return left * (1.0 - share), right + left * share


@pytest.mark.parametrize("known", [True, False])
def test_the_load_going_to_one_side_at_once_is_an_asymmetry(known: bool) -> None:
    assert first(Imbalance.ASYMMETRY, transfer, 3.0, learnt(held(16.0, 0.05)) if known else None) < 2.1
    for spoilt in ({"asymmetry_jump_percent": 17.0}, {"asymmetry_rate_percent_per_s": 400.0}):
        assert verdicts(transfer, 3.0, learnt(held(16.0, 0.05)), limits=replace(LIMITS, **spoilt)) == NONE


def test_a_lurch_to_one_side_is_seen_as_something() -> None:
    assert verdicts(lurch, 3.0, learnt(held(8.0))) & {Imbalance.GRAB, Imbalance.ASYMMETRY}


def test_a_hand_that_merely_lets_go_is_no_asymmetry() -> None:
    assert verdicts(absent(held(30.0, 0.0), (True, False), 2.0, over_s=0.08), 3.0) == NONE


def test_one_who_holds_with_one_hand_is_judged_by_that() -> None:
    def one(at_s: float) -> tuple[float, float]:
        return 0.0, FIRM(at_s)[1] * 2.0

    assert verdicts(one, 20.0) == NONE
    assert verdicts(absent(one, (True, True), 1.0, 3.0, 0.2), 4.0, learnt(one)) == NONE


def test_one_firm_hand_put_on_at_once_is_no_asymmetry_though_nothing_is_known_of_it() -> None:
    def one(at_s: float) -> tuple[float, float]:
        return 0.0, 15.0 * ramp(at_s, 2.0, 0.15)

    assert verdicts(one, 4.0) == NONE
    assert verdicts(one, 4.0, limits=replace(LIMITS, snatch_rate_percent_per_s=130.0)) & {Imbalance.GRAB, Imbalance.ASYMMETRY}


def test_an_asymmetry_leaves_both_the_usual_and_the_present() -> None:
    def right_only(at_s: float) -> tuple[float, float]:
        return 0.0, 16.0 + 0.5 * math.sin(2.0 * math.pi * STEP_HZ * at_s)

    def back(at_s: float) -> tuple[float, float]:
        share = ramp(at_s, 0.0, 2.0) - ramp(at_s, 12.0, 0.1)
        return 8.0 * share, 16.0 - 8.0 * share

    one_handed = learnt(right_only)
    assert verdicts(back, 13.0, one_handed) == NONE
    assert verdicts(back, 13.0) == {Imbalance.ASYMMETRY}
    tap = pressed(absent(right_only, (True, True), 0.0, over_s=0.3), 6.8, 0.0, 0.02, at_s=12.0)
    assert verdicts(tap, 13.0, one_handed) == NONE


# A hold that is lost


def test_a_lost_hold_counts_where_hands_are_wanted_only() -> None:
    gone = absent(LIGHT, (True, True), 3.0)
    assert 3.4 < first(Imbalance.HOLD_LOST, gone, 5.0, hands=Hands.ON) < 3.65
    assert verdicts(gone, 5.0, hands=Hands.FREE) == NONE
    assert verdicts(gone, 5.0, hands=Hands.OFF) == NONE
    assert verdicts(gone, 3.9, hands=Hands.ON, limits=replace(LIMITS, hold_lost_s=1.0)) == NONE


@pytest.mark.parametrize("hold", [LIGHT, FIRM])
def test_a_hand_at_the_nose_and_a_quick_new_grip_are_no_lost_hold(hold: Loads) -> None:
    assert verdicts(absent(hold, (True, False), 3.0, 3.38), 5.0, hands=Hands.ON) == NONE
    assert verdicts(absent(hold, (True, True), 3.0, 3.3), 5.0, hands=Hands.ON) == NONE


def test_hands_never_put_on_are_a_lost_hold() -> None:
    assert first(Imbalance.HOLD_LOST, held(0.0), 2.0, hands=Hands.ON) < 0.45


@pytest.mark.parametrize("shift", [0.9, -0.9])
def test_a_shifted_zero_neither_hides_an_empty_rail_nor_empties_a_held_one(shift: float) -> None:
    """3 N at 35 kg, on both cells: with the bare contact alone the first would never be seen, the second always."""

    def shifted(at_s: float) -> tuple[float, float]:
        left, right = absent(held(3.2), (True, True), 10.0)(at_s)
        return left + shift, right + shift

    assert 10.4 < first(Imbalance.HOLD_LOST, shifted, 12.0, hands=Hands.ON) < 10.8


def test_a_hold_of_one_hand_is_lost_though_the_idle_cell_has_shifted() -> None:
    def one(at_s: float) -> tuple[float, float]:
        return absent(held(6.0), (True, True), 10.0)(at_s)[0], 0.5

    assert 10.4 < first(Imbalance.HOLD_LOST, one, 12.0, hands=Hands.ON) < 10.8


def test_a_very_light_hold_that_was_learnt_is_believed_from_the_first_sample() -> None:
    faint = held(0.9, 0.1)
    state = replace(learnt(faint, 40.0), recent=(), hold=None)
    assert verdicts(faint, 5.0, state, hands=Hands.ON) == NONE


def test_the_noise_of_a_cell_does_not_hide_an_empty_rail() -> None:
    def noisy(at_s: float) -> tuple[float, float]:
        left, right = absent(held(4.0), (True, True), 5.0)(at_s)
        more = 1.2 if round(at_s * 100.0) % 3 == 0 else -0.6
        return left + more, right - 0.5 * more

    assert first(Imbalance.HOLD_LOST, noisy, 7.0, hands=Hands.ON) < 5.8


def test_a_firm_hold_that_eases_to_a_light_one_is_not_lost() -> None:
    def eases(at_s: float) -> tuple[float, float]:
        each = 7.5 - 5.5 * ramp(at_s, 5.0, 0.3)
        return each, each

    assert verdicts(eases, 10.0, hands=Hands.ON) == NONE


def test_a_hold_not_seen_for_long_enough_is_judged_by_the_bare_contact() -> None:
    def eases(at_s: float) -> tuple[float, float]:
        each = 5.0 - 4.4 * ramp(at_s, 1.0, 0.3)
        return each, each

    assert verdicts(eases, 1.9, hands=Hands.ON) == NONE
    assert verdicts(eases, 1.9, hands=Hands.ON, limits=replace(LIMITS, grip_min_s=0.5)) == {Imbalance.HOLD_LOST}


def test_a_rail_long_empty_is_still_known_to_be_empty() -> None:
    def left_alone(at_s: float) -> tuple[float, float]:
        left, right = absent(LIGHT, (True, True), 5.0)(at_s)
        return left + 0.1, right + 0.1

    assert first(Imbalance.HOLD_LOST, lambda _: (0.1, 0.1), 1.0, after(left_alone, 60.0), hands=Hands.ON) < 0.5


def test_what_was_learnt_tells_an_empty_rail_from_the_first_sample() -> None:
    def shifted(at_s: float) -> tuple[float, float]:
        left, right = held(3.2)(at_s)
        return left + 0.9, right + 0.9

    state = replace(learnt(shifted), recent=(), hold=None)
    assert first(Imbalance.HOLD_LOST, lambda _: (0.9, 0.9), 1.0, state, hands=Hands.ON) < 0.5


def test_a_gap_forgets_slopes_and_not_the_hold() -> None:
    state = after(LIGHT, 5.0)
    last_s = state.recent[-1][0]
    state = update(state, last_s + 0.15, 30.0, 30.0, Hands.ON, False, LIMITS)
    assert (state.verdict, len(state.recent)) == (Imbalance.NONE, 1)
    assert state.hold is not None
    assert state.hold.seconds > 4.0


def test_the_same_sample_again_changes_nothing() -> None:
    state = after(LIGHT, 5.0)
    last_s = state.recent[-1][0]
    for at_s in (last_s, last_s - 1.0, last_s + 0.0001, math.nan):
        assert update(state, at_s, 90.0, 90.0, Hands.ON, True, LIMITS) is state


# Pumping


def swinging(sizes: list[float], both: bool = True, half_s: float = 0.5) -> Loads:
    """One half stride after the other, each hand in turn loaded by the next size."""

    def loads(at_s: float) -> tuple[float, float]:
        left, right = LIGHT(at_s)
        k = int((at_s - 2.0) / half_s)
        if at_s < 2.0 or k >= len(sizes):
            return left, right
        more = sizes[k] * math.sin(math.pi * ((at_s - 2.0) / half_s - k)) ** 2
        return (left + more, right) if k % 2 == 0 else (left, right + (more if both else 0.0))

    return loads


GROWING = [2.0 * 1.3**k for k in range(9)]


def test_hands_that_load_in_turns_ever_harder_are_unsteady_and_no_more() -> None:
    said = verdicts(swinging(GROWING), 8.0, learnt(LIGHT))
    assert said == {Imbalance.PUMPING}
    assert LEVEL[Imbalance.PUMPING] is Level.UNSTEADY


@pytest.mark.parametrize(
    "loads",
    [
        swinging([12.0] * 9), swinging(GROWING, both=False), swinging(GROWING[:5]), swinging([0.3 * size for size in GROWING]),
        swinging(GROWING, half_s=1.7), swinging([3.0 * size for size in GROWING], half_s=0.12),
        swinging([2.0, 2.2, 8.0, 4.0, 9.0, 10.0, 0.0]), swinging([6.0, 9.0, 6.0, 12.0, 6.0, 14.0, 6.0, 14.0]),
    ],
    ids=["steady", "one hand", "two strides", "small", "too slow for a stride", "too quick for one", "with a break", "unequal"],
)  # fmt: skip
def test_other_swinging_is_no_pumping(loads: Loads) -> None:
    assert Imbalance.PUMPING not in verdicts(loads, 18.0, learnt(LIGHT))


def test_pumping_ends_when_the_swinging_does() -> None:
    assert after(swinging(GROWING), 12.0, learnt(LIGHT)).verdict is Imbalance.NONE


@pytest.mark.parametrize("spoilt", [{"pumping_percent": 20.0}, {"pumping_growth": 6.0}])
def test_pumping_needs_size_and_growth(spoilt: dict[str, float]) -> None:
    assert verdicts(swinging(GROWING), 8.0, learnt(LIGHT), limits=replace(LIMITS, **spoilt)) == NONE


# Any input


NUMBER = st.floats(allow_nan=False, allow_infinity=False)
LOAD = st.one_of(st.floats(-50.0, 200.0), NUMBER)


def numbers(thing: object) -> Iterator[float]:
    if isinstance(thing, float):
        yield thing
    elif isinstance(thing, tuple):
        for part in thing:
            yield from numbers(part)
    elif is_dataclass(thing):
        for part in fields(thing):
            yield from numbers(getattr(thing, part.name))


def size(thing: object) -> int:
    return sum(1 for _ in numbers(thing))


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.floats(0.001, 0.2), NUMBER), LOAD, LOAD, st.sampled_from(Hands), st.booleans(),
            st.one_of(st.none(), st.builds(Beat, NUMBER, NUMBER)),
        ),
        max_size=120,
    )
)  # fmt: skip
def test_whatever_finite_comes_the_state_stays_finite_and_small(samples: list[tuple[float, float, float, Hands, bool, Beat | None]]) -> None:
    state, at_s = RailState(), 0.0
    for dt_s, left, right, hands, learning, beat in samples:
        at_s = at_s + dt_s if abs(dt_s) < 1e300 else dt_s
        state = update(state, at_s, left, right, hands, learning, LIMITS, beat)
        assert all(map(math.isfinite, numbers(state)))
        assert size(state) < 110


@settings(max_examples=25, deadline=None)
@given(
    st.floats(1.6, 4.8), st.floats(0.05, 0.3), st.floats(20.0, 50.0), st.floats(0.0, 1.0), st.floats(0.05, 0.15), st.floats(2.0, 2.5),
    st.sampled_from([100.0, 200.0]),
)  # fmt: skip
def test_every_grab_of_a_fifth_of_body_weight_is_seen(mean: float, ripple: float, peak: float, share: float, rise_s: float, at_s: float, hz: float) -> None:
    hold = held(mean, ripple)
    grab = pressed(hold, peak * share, peak * (1.0 - share), rise_s, at_s)
    assert first(Imbalance.GRAB, grab, 3.0, learnt(hold, 9.0, hz=hz), hz=hz) < at_s + 0.11


def test_the_memory_is_constant() -> None:
    sizes = {size(state) for at_s, state in feed(swinging(GROWING), 25.0, learning=True, beat=True, hz=200.0) if at_s > 10.0}
    assert max(sizes) < 110
    assert len(after(LIGHT, 0.5, hz=2000.0).recent) <= rails.SLOPE_SAMPLES + 1
