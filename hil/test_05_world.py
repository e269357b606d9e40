"""The simulated world behaves as published or measured: belt, drive and contacts. The person is in test_05_runner.py.

Figures marked "recorded" are compared with public recordings where these are at hand (environment variable TREADCTL_DATA, default ../shared/data).
"""

from __future__ import annotations

import cmath
import csv
import math
import os
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from treadctl_hil.world import BeltParams, ContactParams, World, WorldParams, home_machine, lab_machine, with_table
from treadctl_hil.world.drive import draw_latency_s
from treadctl_hil.world.gait import SAMPLES, gait_at

DATA = Path(os.environ.get("TREADCTL_DATA", "../shared/data"))
PROMPT = replace(home_machine(), command_latency=0.0)


def recording(path: str) -> Path:
    """The file of a recording, or the test is skipped, saying so."""
    if not (DATA / path).is_file():
        pytest.skip(f"recording {path} is not in {DATA.resolve()} (set TREADCTL_DATA)")
    return DATA / path


def running(params: WorldParams, speed_mps: float, *, person: bool = True, seed: int = 1, settle_s: float = 6.0) -> World:
    """A world whose belt has settled at a speed, a person holding on lightly or nobody on it."""
    world = World(params, seed, 1000.0)
    if person:
        world.runner.mount()
        world.runner.hands_on()
    world.drive.order("run", speed_mps, 1.0)
    world.advance(1000.0 + abs(speed_mps) + settle_s)
    return world


def speeds(world: World, seconds: float = 20.0, period_s: float = 0.01) -> list[float]:
    start = world.now_s
    out = []
    for k in range(1, round(seconds / period_s) + 1):
        world.advance(start + k * period_s)
        out.append(world.belt_speed_mps)
    return out


def strongest_hz(values: list[float], period_s: float, low_hz: float, high_hz: float) -> float:
    """Frequency of the largest component between two frequencies, in steps of 0.05 Hz."""
    mean = statistics.fmean(values)

    def size(hz: float) -> float:
        return abs(sum((v - mean) * cmath.exp(-2j * math.pi * hz * k * period_s) for k, v in enumerate(values)))

    return max((low_hz + 0.05 * k for k in range(round((high_hz - low_hz) / 0.05) + 1)), key=size)


def stop(world: World, act: Callable[[], None]) -> tuple[float, float, float]:
    """Stop by `act`: speed just before (the mean over two steps), time to standstill, path."""
    before = statistics.fmean(abs(v) for v in speeds(world, 1.1))
    at_s, path_m, seen = world.now_s, world.belt_travel_m, len(world.events)
    act()
    world.advance(at_s + 30.0)
    still = next(e.at_s for e in world.events[seen:] if e.name == "standstill")
    return before, still - at_s, world.belt_travel_m - path_m


def names(world: World, since_s: float) -> list[str]:
    return [e.name for e in world.events if e.at_s >= since_s]


# The belt under the feet


def test_walking_ripples_a_heavy_belt_as_little_as_the_recorded_one() -> None:
    v = speeds(running(lab_machine(), 0.99))
    mean = statistics.fmean(v)
    assert 0.010 <= statistics.pstdev(v) / mean <= 0.023  # recorded: 1.63 %
    assert 1.0 - min(v) / mean <= 0.069
    assert max(v) / mean - 1.0 <= 0.038


def test_ripple_of_walking_is_strongest_at_step_frequency() -> None:
    v = speeds(running(lab_machine(), 0.99))
    assert strongest_hz(v, 0.01, 0.5, 8.0) == pytest.approx(1.75, abs=0.1)
    assert strongest_hz(v, 0.01, 2.5, 4.4) == pytest.approx(3.5, abs=0.2)


def test_ripple_agrees_with_the_recorded_belt() -> None:
    lines = recording("belt/rmill_belt_speed_walking_100Hz.csv").read_text().splitlines()
    recorded = [float(v) for t, v in (line.split(",") for line in lines) if 10.0 <= float(t) < 30.0]
    simulated = speeds(running(lab_machine(), statistics.fmean(recorded)))
    spread = [statistics.pstdev(v) / statistics.fmean(v) for v in (recorded, simulated)]
    assert spread[1] == pytest.approx(spread[0], rel=0.35)
    assert strongest_hz(simulated, 0.01, 0.5, 8.0) == pytest.approx(strongest_hz(recorded, 0.01, 0.5, 8.0), abs=0.1)


@pytest.mark.parametrize("speed_mps", [3.0, 4.0])
def test_running_step_dips_a_light_belt_more_than_five_percent_near_mid_stance(speed_mps: float) -> None:
    world = running(home_machine(), speed_mps)
    stance = 1.0 - sum(z == 0.0 for z in gait_at(speed_mps, False, True).vertical_bw) / SAMPLES
    phases, dips, last = [], [], 0.0
    low, low_phase = math.inf, 0.0
    for _ in range(5000):
        world.advance(world.now_s + 0.001)
        if world.runner.phase < last:
            phases.append(low_phase / stance)
            dips.append(1.0 - low / speed_mps)
            low = math.inf
        last = world.runner.phase
        if world.belt_speed_mps < low:
            low, low_phase = world.belt_speed_mps, world.runner.phase
    assert 0.05 < statistics.fmean(dips[1:]) < 0.12
    assert 0.35 < statistics.fmean(phases[1:]) < 0.60


def test_running_step_dips_a_heavy_belt_less_than_three_percent() -> None:
    v = speeds(running(lab_machine(), 4.0))
    assert 0.005 < 1.0 - min(v) / 4.0 < 0.03


def test_dip_grows_with_body_mass() -> None:
    def dip(mass_kg: float) -> float:
        params = replace(home_machine(), runner=replace(home_machine().runner, mass_kg=mass_kg))
        return 1.0 - min(speeds(running(params, 3.5), 5.0)) / 3.5

    assert dip(50.0) < 0.8 * dip(75.0) < 0.8 * dip(100.0)


@pytest.mark.parametrize("speed_mps", [0.8, -1.0, 3.0, -2.0])
def test_mean_speed_is_within_two_percent_of_target(speed_mps: float) -> None:
    assert statistics.fmean(speeds(running(home_machine(), speed_mps))) / speed_mps == pytest.approx(1.0, abs=0.02)


def test_running_takes_about_half_a_kilowatt() -> None:
    world = running(home_machine(), 4.0)
    power_w = []
    for _ in range(1000):
        world.advance(world.now_s + 0.01)
        power_w.append(world.drive.force_n * world.belt_speed_mps)
    assert 450.0 < statistics.fmean(power_w) < 770.0  # computed elsewhere: 490 W at friction 0.1, 770 W at 0.2


def test_uphill_the_weight_helps_the_motor() -> None:
    def force_n(grade_percent: float) -> float:
        params = replace(home_machine(), belt=replace(BeltParams(), grade_percent=grade_percent))
        world = running(params, 1.0)
        return statistics.fmean(world.drive.force_n for _ in range(500) if speeds(world, 0.01))

    assert force_n(0.0) - force_n(5.0) == pytest.approx(0.05 * 75.0 * 9.81, rel=0.15)


def test_person_on_the_belt_costs_current() -> None:
    def amperes(person: bool) -> float:
        world = running(home_machine(), 1.0, person=person)
        return statistics.fmean(world.drive.current_a for _ in range(500) if speeds(world, 0.01))

    assert amperes(True) > 1.2 * amperes(False) > 0.0


def test_running_forces_agree_with_the_recorded_runner() -> None:
    table = recording("grf/rajagopal_grf_run_1000Hz.mot").read_text().split("endheader")[1].strip().splitlines()[1:]
    rows = [[float(x) for x in line.split()] for line in table]
    weight_n = 72.84 * 9.80665
    vertical = [(r[2] + r[8]) / weight_n for r in rows]
    fore_aft = [-(r[1] + r[7]) / weight_n for r in rows]
    gait = gait_at(4.0, backward=False, running=True)
    assert max(gait.vertical_bw) == pytest.approx(max(vertical), rel=0.1)
    assert max(gait.fore_aft_bw) == pytest.approx(max(fore_aft), rel=0.1)
    assert min(gait.fore_aft_bw) == pytest.approx(min(fore_aft), rel=0.2)
    assert sum(z == 0.0 for z in gait.vertical_bw) / SAMPLES == pytest.approx(sum(z < 0.03 for z in vertical) / len(vertical), abs=0.03)


# The drive


def test_measured_latency_has_the_published_spread() -> None:
    rng = random.Random(5)  # noqa: S311 - repeatable numbers are wanted
    ms = sorted(1000.0 * draw_latency_s("measured", rng) for _ in range(4000))
    assert 77.0 <= ms[0] < 85.0
    assert 345.0 < ms[-1] <= 355.0
    assert statistics.median(ms) == pytest.approx(201.0, abs=8.0)
    assert statistics.pstdev(ms) == pytest.approx(68.0, abs=5.0)


def test_measured_latency_agrees_with_the_recorded_commands() -> None:
    with recording("belt/bertec_command_latency_2018-07-17.csv").open() as file:
        recorded = sorted(float(r["cmd_to_motion_ms"]) for r in csv.DictReader(file) if r["cmd_to_motion_ms"] not in ("", "nan"))
    rng = random.Random(5)  # noqa: S311 - repeatable numbers are wanted
    drawn = sorted(1000.0 * draw_latency_s("measured", rng) for _ in range(4000))
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert drawn[int(share * len(drawn))] == pytest.approx(recorded[int(share * len(recorded))], abs=20.0)


@pytest.mark.parametrize("latency_s", [0.0, 0.05, 0.25])
def test_belt_moves_no_sooner_than_the_latency_and_soon_after(latency_s: float) -> None:
    world = World(replace(home_machine(), command_latency=latency_s), 1, 0.0)
    world.drive.order("run", 1.0, 1.0)
    world.advance(latency_s - 0.002)
    assert world.belt_speed_mps == 0.0
    world.advance(latency_s + 0.3)
    assert world.belt_speed_mps > 0.05


def test_stop_is_never_undone_by_an_older_order_under_way() -> None:
    for seed in range(30):
        world = World(replace(home_machine(), command_latency="measured"), seed, 0.0)
        world.drive.order("run", 1.0, 1.0)
        world.advance(4.0)
        for k in range(10):
            world.drive.order("run", 1.0 + 0.01 * k, 1.0)
            world.advance(4.02 + 0.02 * k)
        world.drive.order("ramp_stop")
        world.advance(8.0)
        assert world.belt_speed_mps == 0.0
        assert world.drive.kind == "ramp_stop"


def test_repeating_an_order_is_no_new_order() -> None:
    world = World(replace(home_machine(), command_latency="measured"), 1, 0.0)
    latencies_s = set()
    for k in range(100):
        world.drive.order("run", 1.0, 1.0)
        latencies_s.add(world.drive.last_latency_s)
        world.advance(0.01 * (k + 1))
    assert world.belt_speed_mps > 0.5
    assert len(latencies_s) == 1


def test_drive_catches_a_spinning_belt_without_a_jerk() -> None:
    world = running(PROMPT, 1.5, person=False)
    world.drive.order("coast")
    world.advance(world.now_s + 1.0)
    speed = world.belt_speed_mps
    world.drive.order("run", 1.5, 0.2)
    assert max(speeds(world, 0.5)) < speed + 0.15
    assert min(speeds(world, 1.0)) > speed - 0.05


@pytest.mark.parametrize(("kind", "decel_mps2"), [("ramp_stop", 0.9), ("fast_stop", 2.0)])
@pytest.mark.parametrize("speed_mps", [0.8, -1.2, 2.2])
@pytest.mark.parametrize("person", [True, False])
def test_stop_takes_its_ramps_time_and_path(kind: str, decel_mps2: float, speed_mps: float, person: bool) -> None:
    world = running(PROMPT, speed_mps, person=person)
    speed, took_s, path_m = stop(world, lambda: world.drive.order("ramp_stop" if kind == "ramp_stop" else "fast_stop"))
    slack_s = 0.20  # the speed loop's lag and a foot's push
    assert speed / decel_mps2 - slack_s <= took_s <= speed / decel_mps2 + slack_s
    assert path_m == pytest.approx(speed**2 / (2.0 * decel_mps2), abs=speed * 0.12)


def test_unloaded_belt_coasts_far_longer_than_a_loaded_one() -> None:
    loaded, empty = running(PROMPT, 1.5), running(PROMPT, 1.5, person=False)
    speed, took_s, path_m = stop(loaded, lambda: loaded.drive.order("coast"))
    _, empty_took_s, empty_path_m = stop(empty, lambda: empty.drive.order("coast"))
    friction_mps2 = (0.15 * 75.0 * 9.81 + 12.0) / 60.0
    assert took_s == pytest.approx(speed / friction_mps2, abs=0.2)
    assert empty_took_s > 5.0 * took_s
    assert empty_path_m > 5.0 * path_m


def test_unloaded_belt_stops_sooner_by_ramp_than_by_coasting() -> None:
    ramped, coasting = running(PROMPT, 1.5, person=False), running(PROMPT, 1.5, person=False)
    assert stop(ramped, lambda: ramped.drive.order("ramp_stop"))[1] < 0.5 * stop(coasting, lambda: coasting.drive.order("coast"))[1]


def test_open_enable_takes_the_torque_at_once_and_closing_it_starts_nothing() -> None:
    world = running(replace(home_machine(), command_latency=0.3), 1.0, person=False)
    world.drive.order("run", 2.0)
    world.advance(world.now_s + 0.01)
    world.drive.enable_relay = False
    assert not world.drive.enabled
    assert world.drive.force_n == 0.0
    speed = world.belt_speed_mps
    world.advance(world.now_s + 0.5)
    assert world.belt_speed_mps < speed
    world.drive.order("run", 1.0)
    world.drive.enable_relay = True
    world.advance(world.now_s + 20.0)
    assert world.belt_speed_mps == 0.0


def test_drive_measures_speed_in_encoder_counts() -> None:
    world = running(home_machine(), -1.0)
    assert world.drive.measured_speed_mps < 0.0
    assert world.drive.measured_speed_mps == pytest.approx(world.belt_speed_mps, abs=0.01)
    assert world.drive.measured_speed_mps / 0.0028 == pytest.approx(round(world.drive.measured_speed_mps / 0.0028))


def test_defective_drive_runs_away_turns_wrong_and_ignores_stops() -> None:
    world = World(PROMPT, 1, 0.0)
    world.drive.faults.speed_gain = 1.5
    world.drive.order("run", 1.0, 1.0)
    world.advance(4.0)
    assert world.belt_speed_mps == pytest.approx(1.5, abs=0.03)
    world.drive.faults.ignore_orders = True
    world.drive.order("fast_stop")
    world.advance(8.0)
    assert world.belt_speed_mps == pytest.approx(1.5, abs=0.03)
    other = World(PROMPT, 1, 0.0)
    other.drive.faults.swapped_phases = True
    other.drive.order("run", 1.0, 1.0)
    other.advance(4.0)
    assert other.belt_speed_mps == pytest.approx(-1.0, abs=0.03)


def test_drive_without_brakes_misses_its_envelope() -> None:
    world = running(PROMPT, 1.5, person=False)
    world.drive.faults.brake_fraction = 0.1
    speed, took_s, _ = stop(world, lambda: world.drive.order("fast_stop"))
    assert took_s > 1.3 * speed / 2.0


# Contacts


def test_contact_bounces_between_one_and_twenty_milliseconds() -> None:
    lengths_ms = []
    for seed in range(60):
        world = World(home_machine(), seed, 0.0)
        world.contacts.set("estop", False)
        assert not world.contacts.closed("estop")
        edges = [(0, False)]
        for ms in range(1, 40):
            world.advance(ms / 1000.0)
            if world.contacts.closed("estop") != edges[-1][1]:
                edges.append((ms, world.contacts.closed("estop")))
        assert edges[-1][1] is False
        lengths_ms.append(edges[-1][0])
    assert max(lengths_ms) <= 21
    assert max(lengths_ms) > 10
    assert len(set(lengths_ms)) > 5


def test_cord_opens_both_channels_within_milliseconds_and_says_when() -> None:
    world = World(home_machine(), 3, 50.0)
    world.advance(51.0)
    world.contacts.set("cord", False)
    world.advance(51.1)
    edges = {e.detail: e.at_s for e in world.events if e.name == "contact_open"}
    assert min(edges.values()) == pytest.approx(51.0)
    assert abs(edges["cord_a"] - edges["cord_b"]) <= ContactParams().channel_skew_max_s
    assert not world.contacts.closed("cord_a")
    assert not world.contacts.closed("cord_b")
    world.contacts.set("cord", True)
    world.advance(51.2)
    assert world.contacts.closed("cord_a")
    assert world.contacts.closed("cord_b")


def test_welded_contact_stays_closed_and_unknown_name_is_refused() -> None:
    world = World(home_machine(), 3, 0.0)
    world.contacts.stuck.add("cord_b")
    world.contacts.set("cord", False)
    world.advance(0.1)
    assert not world.contacts.closed("cord_a")
    assert world.contacts.closed("cord_b")
    with pytest.raises(ValueError, match="unknown contact 'chord'"):
        world.contacts.set("chord", False)


# The simulation itself


def test_same_seed_gives_the_same_world_however_it_is_stepped_or_read() -> None:
    def play(pieces: int, read: bool) -> tuple[object, ...]:
        world = World(replace(home_machine(), command_latency="measured"), 9, 5.0)
        world.runner.mount()
        world.runner.hands_on()
        world.drive.order("run", -1.0, 0.5)
        for leg, act in enumerate((world.runner.stumble, world.runner.lose_balance, world.runner.hands_off)):
            for k in range(pieces):
                world.advance(5.0 + 4.0 * leg + 4.0 * (k + 1) / pieces)
                if read:
                    assert world.rails.raw_left >= 0
            act()
        return world.belt_speed_mps, world.belt_travel_m, world.rails.raw_left, world.rails.raw_right, world.runner.position_m, tuple(world.events)

    assert play(1, read=False) == play(400, read=True) == play(37, read=True)


def test_another_seed_gives_another_world() -> None:
    assert running(home_machine(), 1.0, seed=1).belt_travel_m != running(home_machine(), 1.0, seed=2).belt_travel_m


def test_an_instant_in_the_past_does_nothing_and_nan_is_refused() -> None:
    world = running(home_machine(), 1.0)
    before = (world.now_s, world.belt_travel_m)
    world.advance(world.now_s - 5.0)
    assert (world.now_s, world.belt_travel_m) == before
    with pytest.raises(ValueError, match="nan"):
        world.advance(math.nan)


def test_a_simulated_second_costs_less_than_two_percent_of_a_core() -> None:
    world = running(home_machine(), 1.0)
    costs_s = []
    for _ in range(5):
        start = time.process_time()
        speeds(world, 1.0, 0.005)
        costs_s.append(time.process_time() - start)
    assert min(costs_s) < 0.02


def test_bench_table_changes_parameters_and_refuses_what_it_does_not_know() -> None:
    params = with_table(WorldParams(), {"command_latency": "measured", "belt": {"inertia_kg": 200}, "runner": {"facing": "rear"}})
    assert params.command_latency == "measured"
    assert params.belt == replace(BeltParams(), inertia_kg=200.0)
    assert params.runner.facing == "rear"
    with pytest.raises(ValueError, match=r"\[world.belt\] has no key 'mass'"):
        with_table(WorldParams(), {"belt": {"mass": 1.0}})
    with pytest.raises(ValueError, match="friction = nan"):
        with_table(WorldParams(), {"belt": {"friction": math.nan}})
    with pytest.raises(ValueError, match="facing"):
        with_table(WorldParams(), {"runner": {"facing": "left"}})
