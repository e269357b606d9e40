"""The simulated person behaves as published: gait, hands, stumbles, falls, and what a cord and a harness make of them.

Sizes marked unverified in the parameters are only checked to be what they claim to be, not to be true.
"""

from __future__ import annotations

import itertools
import math
import statistics
from dataclasses import replace

import pytest

from treadctl_hil.world import OrderKind, RunnerParams, World, WorldParams, home_machine
from treadctl_hil.world.gait import SAMPLES, gait_at

PROMPT = replace(home_machine(), command_latency=0.0)
WEIGHT_N = 75.0 * 9.80665
SEEDS = range(24)


def person(params: RunnerParams) -> WorldParams:
    return replace(PROMPT, runner=params)


def posture_of(world: World) -> str:
    return world.runner.posture


def moving(speed_mps: float, seed: int = 1, *, facing: str = "console", hands: bool = True, params: WorldParams = PROMPT) -> World:
    """A person settled on a belt at a speed."""
    world = World(params, seed, 0.0)
    world.runner.mount("rear" if facing == "rear" else "console")
    if hands:
        world.runner.hands_on()
    world.drive.order("run", speed_mps, 0.5)
    world.advance(2.0 * abs(speed_mps) + 3.0)
    return world


def happened(world: World, since_s: float) -> dict[str, float]:
    """Event names with the time of the first of each after an instant."""
    out: dict[str, float] = {}
    for event in world.events:
        if event.at_s >= since_s:
            out.setdefault(event.name, event.at_s - since_s)
    return out


def loads(world: World, seconds: float, period_s: float = 0.005) -> list[tuple[float, float]]:
    start = world.now_s
    out = []
    for k in range(1, round(seconds / period_s) + 1):
        world.advance(start + k * period_s)
        out.append((world.rails.left_n, world.rails.right_n))
    return out


def end_of_lost_balance(world: World, order: OrderKind | None, after_grab_s: float = 0.1) -> dict[str, float]:
    """Let the person lose balance; give an order some time after the grab, as an interlock would; see how it ends."""
    at_s = world.now_s
    world.runner.lose_balance()
    while "grab" not in happened(world, at_s) and world.now_s < at_s + 0.5:
        world.advance(world.now_s + 0.005)
    world.advance(world.now_s + after_grab_s)
    if order is not None:
        world.drive.order(order)
    world.advance(at_s + 6.0)
    return happened(world, at_s)


# Gait


@pytest.mark.parametrize("speed_mps", [0.3, 1.0, 1.6])
@pytest.mark.parametrize("backward", [False, True])
def test_walking_feet_carry_exactly_the_body_and_never_leave_the_belt(speed_mps: float, backward: bool) -> None:
    gait = gait_at(speed_mps, backward, running=False)
    assert statistics.fmean(gait.vertical_bw) == pytest.approx(1.0)
    assert statistics.fmean(gait.fore_aft_bw) == pytest.approx(0.0, abs=1e-9)
    assert min(gait.vertical_bw) > 0.5


def test_backward_running_steps_faster_and_flies_longer_at_lower_peaks_than_forward() -> None:
    forward, backward = gait_at(2.5, False, running=True), gait_at(2.5, True, running=True)
    assert statistics.fmean(backward.vertical_bw) == pytest.approx(1.0)
    assert backward.step_hz > 1.1 * forward.step_hz
    flight_s = [sum(z == 0.0 for z in g.vertical_bw) / SAMPLES / g.step_hz for g in (forward, backward)]
    assert flight_s[1] > flight_s[0]
    assert flight_s[1] == pytest.approx(0.098, abs=0.015)
    assert max(backward.vertical_bw) == pytest.approx(2.4, abs=0.25)


def test_steps_vary_a_little_in_time_and_in_force() -> None:
    world = moving(-1.0)
    times_s, forces_n, last, peak_n = [], [], world.runner.phase, 0.0
    for _ in range(30000):
        world.advance(world.now_s + 0.001)
        peak_n = max(peak_n, world.runner.fz_n)
        if world.runner.phase < last:
            times_s.append(world.now_s)
            forces_n.append(peak_n)
            peak_n = 0.0
        last = world.runner.phase
    lasted_s = [b - a for a, b in itertools.pairwise(times_s)]
    assert 0.008 < statistics.pstdev(lasted_s) / statistics.fmean(lasted_s) < 0.05
    assert 0.008 < statistics.pstdev(forces_n[1:]) / statistics.fmean(forces_n[1:]) < 0.05


@pytest.mark.parametrize(
    ("speed_mps", "facing", "posture"),
    [(-1.55, "console", "walking"), (-1.75, "console", "running"), (1.75, "console", "walking"), (1.75, "rear", "running"), (2.3, "console", "running")],
)
def test_gait_changes_at_the_published_speed_for_the_direction(speed_mps: float, facing: str, posture: str) -> None:
    heavy = replace(PROMPT, belt=replace(PROMPT.belt, inertia_kg=300.0))
    assert moving(speed_mps, facing=facing, params=heavy).runner.posture == posture


def test_person_stands_on_a_still_belt_and_keeps_place_on_a_moving_one() -> None:
    world = World(PROMPT, 1, 0.0)
    assert posture_of(world) == "off"
    world.runner.mount()
    world.advance(1.0)
    assert posture_of(world) == "standing"
    world.drive.order("run", -1.0)
    world.advance(120.0)
    assert posture_of(world) == "walking"
    assert 0.4 < world.runner.position_m < 1.0


# Hands


def test_light_hold_stays_under_five_percent_of_body_weight() -> None:
    for seed in range(10):
        total = [left + right for left, right in loads(moving(-1.0, seed), 10.0)]
        assert max(total) < 0.05 * WEIGHT_N
        assert min(total) > 0.005 * WEIGHT_N


def test_light_hold_ripples_with_the_steps_and_repeats_each_stride() -> None:
    world = moving(-1.0, 4)
    steps, last = 0, world.runner.phase
    by_phase: list[list[float]] = [[] for _ in range(40)]
    for _ in range(4000):
        world.advance(world.now_s + 0.005)
        steps += world.runner.phase < last
        last = world.runner.phase
        by_phase[int((steps % 2 + last) * 20) % 40].append(world.rails.left_n)
    means = [statistics.fmean(bin_) for bin_ in by_phase]
    within = statistics.fmean(statistics.pstdev(bin_) for bin_ in by_phase)
    assert statistics.pstdev(means) > 0.05 * statistics.fmean(means)
    assert within < 0.25 * statistics.pstdev(means)


def test_light_hold_differs_between_persons() -> None:
    means = {round(statistics.fmean(left for left, _ in loads(moving(-1.0, seed), 4.0)), 1) for seed in range(8)}
    assert len(means) >= 6


def test_empty_rail_reads_zero_with_half_to_two_newtons_of_noise() -> None:
    world = moving(-1.0, hands=False)
    assert loads(world, 0.1)[0] == (0.0, 0.0)
    counts = []
    for _ in range(2000):
        world.advance(world.now_s + 0.005)
        counts.append(world.rails.raw_left)
    assert statistics.fmean(counts) == pytest.approx(800.0, abs=12.0)  # 3 N of drift at most
    assert 0.5 <= 0.25 * statistics.pstdev(counts) <= 2.0


def test_cells_drift_by_a_few_tenths_of_a_newton_a_minute() -> None:
    world = World(PROMPT, 2, 0.0)
    means_n = []
    for minute in range(8):
        world.advance(60.0 * minute + 10.0)
        means_n.append(0.25 * statistics.fmean(world.rails.raw_right for _ in range(2000) if loads(world, 0.005)))
    assert 0.2 < max(means_n) - min(means_n) < 6.0


def test_counts_follow_the_load_and_a_broken_wire_reads_the_floor() -> None:
    world = moving(-1.0)
    n = [(world.rails.raw_left - 800) * 0.25 - world.rails.left_n for _ in range(200) if loads(world, 0.005)]
    assert statistics.fmean(n) == pytest.approx(0.0, abs=3.0)
    world.rails.broken.add("left")
    world.rails.offset_n[1] = 100.0
    assert world.rails.raw_left == 0
    assert (world.rails.raw_right - 800) * 0.25 - world.rails.right_n == pytest.approx(100.0, abs=7.0)


# Losing balance


@pytest.mark.parametrize("hands", [True, False])
def test_grab_comes_late_rises_fast_and_pulls_one_side(hands: bool) -> None:
    for seed in SEEDS:
        world = moving(-0.8, seed, hands=hands)
        at_s = world.now_s
        world.runner.lose_balance()
        trace = loads(world, 0.9, 0.001)
        onset_s = happened(world, at_s)["grab"]
        assert 0.30 <= onset_s <= 0.50
        sums = [left + right for left, right in trace]
        peak = max(range(len(sums)), key=sums.__getitem__)
        assert max(sums[: int(onset_s * 1000) - 1]) < 0.05 * WEIGHT_N
        assert 0.15 * WEIGHT_N < sums[peak] < 0.56 * WEIGHT_N
        assert 0.04 <= peak / 1000.0 - onset_s <= 0.17
        assert max(trace[peak]) > 1.5 * min(trace[peak])


def test_stumble_is_short_small_and_always_recovered() -> None:
    for seed in SEEDS:
        world = moving(-0.8, seed)
        at_s = world.now_s
        world.runner.stumble()
        assert posture_of(world) == "stumbling"
        sums = [left + right for left, right in loads(world, 1.0)]
        assert 0.06 * WEIGHT_N < max(sums) < 0.16 * WEIGHT_N
        assert posture_of(world) == "walking"
        assert max(left + right for left, right in loads(world, 1.0)) < 0.05 * WEIGHT_N
        world.advance(at_s + 5.0)
        assert set(happened(world, at_s)) == {"stumble"}


def test_rocking_goes_from_hand_to_hand_ever_harder_and_ends() -> None:
    world = moving(-0.8)
    world.runner.rock()
    sides = loads(world, 3.0)
    assert 0.10 * WEIGHT_N < max(max(pair) for pair in sides) < 0.16 * WEIGHT_N
    assert all(max(side) > 0.08 * WEIGHT_N for side in zip(*sides, strict=True))
    assert max(left + right for left, right in loads(world, 1.0)) < 0.05 * WEIGHT_N
    assert posture_of(world) == "walking"


def test_stumble_brakes_the_belt() -> None:
    world = moving(-1.0)
    usual_n = max(world.runner.fx_n for _ in range(2000) if loads(world, 0.001, 0.001))
    world.runner.stumble()
    assert max(world.runner.fx_n for _ in range(70) if loads(world, 0.001, 0.001)) > usual_n + 20.0


def test_after_recovery_the_grab_is_let_go() -> None:
    world = moving(-0.5)
    assert "recovered" in end_of_lost_balance(world, "ramp_stop")
    assert max(left + right for left, right in loads(world, 1.0)) < 0.05 * WEIGHT_N


@pytest.mark.parametrize("speed_mps", [-0.5, -1.0, 1.5])
def test_belt_that_runs_on_ends_in_a_fall(speed_mps: float) -> None:
    for seed in SEEDS:
        assert "impact" in end_of_lost_balance(moving(speed_mps, seed), None)


@pytest.mark.parametrize("order", ["ramp_stop", "fast_stop"])
def test_person_holding_on_recovers_at_slow_speed_if_the_belt_slows_soon(order: OrderKind) -> None:
    ends = [end_of_lost_balance(moving(-0.8, seed), order) for seed in SEEDS]
    assert sum("recovered" in end for end in ends) >= 0.9 * len(ends)


def test_late_stop_saves_fewer_than_an_early_one() -> None:
    early, late = (sum("recovered" in end_of_lost_balance(moving(-1.0, seed), "ramp_stop", delay) for seed in SEEDS) for delay in (0.05, 0.6))
    assert early > 2 * late


def test_no_stop_saves_somebody_at_running_speed_but_it_slows_the_impact() -> None:
    speeds = []
    for order in (None, "fast_stop"):
        world = moving(-2.0, 3)
        assert "impact" in end_of_lost_balance(world, order, 0.0)
        detail = next(e.detail for e in world.events if e.name == "impact")
        speeds.append(abs(float(detail.split()[1])))
    assert speeds[1] < speeds[0] - 0.2


def test_without_a_rail_to_grab_fewer_recover() -> None:
    with_rail = [end_of_lost_balance(moving(-1.0, seed), "fast_stop") for seed in SEEDS]
    without = [end_of_lost_balance(moving(-1.0, seed, params=person(RunnerParams(grab_rail=False))), "fast_stop") for seed in SEEDS]
    assert not any("grab" in end for end in without)
    assert sum("recovered" in end for end in without) < 0.5 * sum("recovered" in end for end in with_rail)


def test_fall_takes_the_hands_off_and_ends_in_an_impact_whatever_the_belt_does() -> None:
    world = moving(-0.5)
    at_s = world.now_s
    world.drive.enable_relay = False
    world.runner.fall()
    world.advance(at_s + 2.0)
    assert 0.1 < happened(world, at_s)["impact"] < 0.8
    assert posture_of(world) == "down"
    assert world.runner.trunk_deg == pytest.approx(90.0)
    assert world.rails.left_n == world.rails.right_n == 0.0


def test_body_on_a_running_belt_is_carried_off_its_end() -> None:
    world = moving(1.0, facing="rear")
    world.runner.fall()
    world.advance(world.now_s + 4.0)
    assert posture_of(world) == "off_belt"
    assert world.runner.fz_n == 0.0
    other = moving(-1.0)
    other.runner.fall()
    other.advance(other.now_s + 4.0)
    assert posture_of(other) == "down"  # against the console
    assert other.runner.position_m < 0.3


def test_body_on_the_belt_shortens_a_coast() -> None:
    lying, walking, empty = moving(1.5, facing="rear"), moving(1.5, facing="rear"), moving(1.5, facing="rear")
    lying.runner.fall()
    empty.runner.dismount()
    times, paths = [], []
    for world in (lying, walking, empty):
        while world is lying and world.runner.posture != "down":
            world.advance(world.now_s + 0.005)
        at_s, path_m = world.now_s, world.belt_travel_m
        world.drive.enable_relay = False
        world.advance(at_s + 15.0)
        times.append(happened(world, at_s)["standstill"])
        paths.append(world.belt_travel_m - path_m)
    assert times[0] < 0.25 * times[2]
    assert paths[0] < 0.8 * paths[1] < 0.25 * paths[2]


@pytest.mark.parametrize(("decel_mps2", "steps"), [(1.0, False), (2.5, True)])
def test_braking_at_one_costs_no_step_and_at_two_and_a_half_does(decel_mps2: float, steps: bool) -> None:
    for seed in range(10):
        world = moving(-1.2, seed, hands=False)
        at_s = world.now_s
        world.drive.order("fast_stop", ramp_mps2=decel_mps2)
        world.advance(at_s + 3.0)
        assert ("stumble" in happened(world, at_s)) == steps


# Cord and harness


def test_braking_throws_a_backward_runner_off_the_rear_and_pulls_the_cord_when_facing_the_console() -> None:
    world = moving(-2.2, hands=False)
    at_s, place_m = world.now_s, world.runner.position_m
    world.drive.order("fast_stop", ramp_mps2=3.0)
    world.advance(at_s + 3.0)
    assert world.runner.position_m > place_m + 0.3
    assert "cord_pulled" in happened(world, at_s)
    assert not world.contacts.closed("cord_a")
    assert not world.contacts.closed("cord_b")


def test_cord_goes_slack_and_never_fires_when_facing_the_rear() -> None:
    world = moving(2.2, facing="rear", hands=False)
    at_s, place_m = world.now_s, world.runner.position_m
    world.drive.order("fast_stop", ramp_mps2=3.0)
    world.advance(at_s + 3.0)
    assert world.runner.position_m < place_m - 0.3
    assert "cord_pulled" not in happened(world, at_s)
    assert world.contacts.closed("cord_a")


def test_cord_is_pulled_at_seventy_percent_of_the_deck_and_not_if_unclipped() -> None:
    places = []
    for clipped in (True, False):
        world = moving(1.0, facing="rear", params=replace(PROMPT, contacts=replace(PROMPT.contacts, cord_clipped=clipped)))
        world.runner.fall()
        world.advance(world.now_s + 4.0)
        places += [float(e.detail.split()[1]) for e in world.events if e.name == "cord_pulled"]
    assert len(places) == 1
    assert math.hypot(places[0], 0.8) == pytest.approx(0.7 * 1.5, abs=0.02)  # lying, the clip is 0.8 m lower


def test_harness_catches_a_fall_opens_its_contact_and_nobody_hits_the_belt() -> None:
    world = moving(-1.0, params=person(RunnerParams(harness_fitted=True)))
    at_s = world.now_s
    world.runner.fall()
    world.advance(at_s + 3.0)
    seen = happened(world, at_s)
    assert "harness_loaded" in seen
    assert "impact" not in seen
    assert not world.contacts.closed("harness")
    assert posture_of(world) == "down"
    assert world.runner.fz_n < 0.5 * WEIGHT_N


def test_person_can_leave_and_come_back_after_a_fall() -> None:
    world = moving(-0.8)
    world.runner.fall()
    world.advance(world.now_s + 1.0)
    world.drive.order("ramp_stop")
    world.advance(world.now_s + 3.0)
    world.runner.dismount()
    world.advance(world.now_s + 1.0)
    assert posture_of(world) == "off"
    assert world.runner.fz_n == 0.0
    world.runner.mount("rear")
    world.advance(world.now_s + 1.0)
    assert posture_of(world) == "standing"
    assert world.runner.facing == "rear"
    assert world.runner.trunk_deg == 0.0
