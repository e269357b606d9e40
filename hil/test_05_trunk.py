"""What the simulated waist sensor feels: the physics of standing, gait, flight and fall, and sizes as recorded.

Figures marked "recorded" are compared with public recordings where these are at hand (environment variable TREADCTL_DATA, default ../shared/data).
"""

from __future__ import annotations

import ast
import math
import os
import statistics
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from treadctl_hil.world import RunnerParams, TrunkParams, World, WorldParams, home_machine
from treadctl_hil.world.trunk import Vector, rotation

DATA = Path(os.environ.get("TREADCTL_DATA", "../shared/data"))
PROMPT = replace(home_machine(), command_latency=0.0)
BARE = replace(PROMPT, trunk=replace(TrunkParams(), mount_roll_deg=0.0, mount_pitch_deg=0.0, mount_yaw_deg=0.0, force_bias_g=0.0, rate_bias_dps=0.0))
FORCE, RATE = 16 / 32768, 2000 / 32768

Felt = tuple[float, Vector, Vector]  # instant, force in g, rate in degrees/s


def size(v: Vector) -> float:
    return math.hypot(*v)


def moving(speed_mps: float, seed: int = 1, *, facing: str = "console", params: WorldParams = PROMPT) -> World:
    """A person settled on a belt at a speed."""
    world = World(params, seed, 0.0)
    world.runner.mount("rear" if facing == "rear" else "console")
    world.runner.hands_on()
    world.drive.order("run", speed_mps, 0.5)
    world.advance(2.0 * abs(speed_mps) + 3.0)
    return world


def felt(world: World, seconds: float, period_s: float = 0.005) -> list[Felt]:
    """The truth on the trunk's axes from now on."""
    start_s = world.now_s
    out = []
    for k in range(1, round(seconds / period_s) + 1):
        world.advance(start_s + k * period_s)
        out.append((world.now_s, *world.trunk.felt()))
    return out


def told(world: World, seconds: float, period_s: float = 0.005) -> list[tuple[int, ...]]:
    """The counts from now on."""
    start_s = world.now_s
    out = []
    for k in range(1, round(seconds / period_s) + 1):
        world.advance(start_s + k * period_s)
        out.append(world.trunk.counts())
    return out


def strength(values: list[float], hz: float, period_s: float = 0.005) -> float:
    """Amplitude of one frequency."""
    mean = statistics.fmean(values)
    parts = [sum((v - mean) * f(2.0 * math.pi * hz * k * period_s) for k, v in enumerate(values)) for f in (math.cos, math.sin)]
    return 2.0 * math.hypot(*parts) / len(values)


# standing and gait


def test_somebody_standing_feels_one_g_along_the_trunk_and_hardly_turns() -> None:
    world = World(PROMPT, 1, 0.0)
    world.runner.mount()
    for _, force, rate in felt(world, 5.0):
        assert force == pytest.approx((0.0, 0.0, 1.0), abs=0.03)
        assert size(rate) < 3.0


@pytest.mark.parametrize("speed_mps", [0.8, -0.8, -1.3, 2.6, -2.2])
def test_over_whole_strides_the_force_is_one_g_along_the_trunk(speed_mps: float) -> None:
    rows = felt(moving(speed_mps), 12.0)
    assert [statistics.fmean(force[k] for _, force, _ in rows) for k in range(3)] == pytest.approx([0.0, 0.0, 1.0], abs=0.03)
    assert [statistics.fmean(rate[k] for _, _, rate in rows) for k in range(3)] == pytest.approx([0.0, 0.0, 0.0], abs=1.0)


@pytest.mark.parametrize("speed_mps", [0.8, -1.0])
def test_walking_swings_up_and_down_with_the_steps_and_turns_with_the_strides(speed_mps: float) -> None:
    world = moving(speed_mps)
    rows = felt(world, 12.0)
    up, yaw = [force[2] for _, force, _ in rows], [rate[2] for _, _, rate in rows]
    near = [0.01 * k for k in range(60, 300)]
    step_hz = max((hz for hz in near if hz > 1.2), key=lambda hz: strength(up, hz))
    assert step_hz == pytest.approx(world.runner.step_hz, rel=0.06)
    assert max(near, key=lambda hz: strength(yaw, hz)) == pytest.approx(0.5 * step_hz, rel=0.06)
    assert 20.0 < max(map(abs, yaw)) < 70.0


def test_in_the_flight_of_a_running_step_there_is_no_force() -> None:
    world = moving(2.6)
    rows = []
    for _ in range(800):
        world.advance(world.now_s + 0.005)
        if world.runner.load_bw[0] == 0.0:
            rows.append(size(world.trunk.felt()[0]))
    assert len(rows) > 100
    assert max(rows) < 0.25
    assert min(rows) < 0.1


def test_rates_and_tilts_belong_together_as_far_as_nobody_is_shaken() -> None:
    calm = replace(PROMPT, trunk=replace(TrunkParams(), footfall_dps_per_mps=0.0, step_spread=0.0))
    world = moving(-0.8, params=calm)
    start_s, turned, tilts = world.now_s, 0.0, []
    for k in range(1, 4001):
        world.advance(start_s + 0.001 * k)
        roll, _, (roll_dps, _, _) = world.trunk.turning()
        turned += roll_dps * 0.001
        tilts.append(math.degrees(roll) - turned)
    assert max(tilts) - min(tilts) < 0.6, "what the rate adds up to is the tilt, but for the change of pace from step to step"
    assert max(map(abs, tilts)) < 4.0


# coming to grief


def event_s(world: World, name: str) -> float:
    return next(e.at_s for e in world.events if e.name == name)


@pytest.mark.parametrize(("speed_mps", "facing", "way"), [(1.0, "console", 1), (-1.0, "console", -1), (1.0, "rear", -1)])
def test_somebody_falls_along_the_direction_of_travel_and_lies_on_that_side(speed_mps: float, facing: str, way: int) -> None:
    world = moving(speed_mps, facing=facing)
    world.runner.fall()
    rows = felt(world, 0.6)
    down_s = event_s(world, "impact")
    falling = [rate[1] for at, _, rate in rows if at < down_s - 0.05]
    assert statistics.fmean(falling) * way > 90.0
    assert rows[-1][1][0] == pytest.approx(-way, abs=0.02)


@pytest.mark.parametrize("seed", range(6))
def test_a_fall_takes_the_weight_off_then_strikes_then_lies_still(seed: int) -> None:
    world = moving(-1.0, seed)
    begun_s = world.now_s
    world.runner.fall()
    rows = felt(world, 2.0)
    down_s = event_s(world, "impact")
    before = [size(force) for at, force, _ in rows if at < down_s]
    blow = [size(force) for at, force, _ in rows if down_s <= at < down_s + 0.06]
    after = [(force, rate) for at, force, rate in rows if at > down_s + 0.35]
    assert 0.25 < down_s - begun_s < 1.0
    assert min(before) < 0.45
    assert 5.0 < max(blow) < 15.0
    for force, rate in after:
        assert abs(force[2]) < 0.55, "what the belt drags at the clothes"
        assert abs(force[0]) == pytest.approx(1.0, abs=0.05)
        assert rate == (0.0, 0.0, 0.0)


def test_the_impact_is_the_hips_speed_brought_to_rest() -> None:
    world = moving(-1.0, params=BARE)
    world.runner.fall()
    rows = felt(world, 1.2, 0.001)
    down_s = event_s(world, "impact")
    last = [rate[1] for at, _, rate in rows if at < down_s][-1]
    hips_mps = math.radians(abs(last)) * BARE.trunk.hip_height_m
    blow = [(size(force) - 1.0) * 9.80665 * 0.001 for at, force, _ in rows if down_s < at <= down_s + BARE.trunk.impact_s]
    assert sum(blow) == pytest.approx(hips_mps, rel=0.25)


def test_a_lost_balance_leans_the_sensor_before_the_hands_are_there() -> None:
    world = moving(-1.0)
    world.runner.lose_balance()
    leans = []
    for _ in range(60):
        world.advance(world.now_s + 0.005)
        leans.append(math.degrees(world.trunk.turning()[1]))
    assert not any(e.name == "grab" for e in world.events)
    assert statistics.fmean(leans[40:]) < -4.0, "over backward"


@pytest.mark.parametrize("act", ["lose_balance", "fall"])
def test_the_onset_of_a_fall_is_no_blow(act: str) -> None:
    world = moving(-1.0)
    getattr(world.runner, act)()
    rows = felt(world, 0.3)
    assert max(size(force) for _, force, _ in rows) < 2.0
    tilts = [math.degrees(math.atan2(force[0], force[2])) for _, force, _ in rows[:6]]
    assert max(abs(b - a) for a, b in pairwise(tilts)) < 10.0


def test_a_stumble_is_harder_than_walking_and_nothing_like_a_fall() -> None:
    world = moving(-1.0)
    quiet = max(size(force) for _, force, _ in felt(world, 4.0))
    world.runner.stumble()
    hard = max(size(force) for _, force, _ in felt(world, 0.6))
    assert quiet < 1.8 < hard < 4.0


def test_a_harness_catches_softly() -> None:
    world = moving(-1.0, params=replace(PROMPT, runner=RunnerParams(harness_fitted=True)))
    world.runner.fall()
    rows = felt(world, 2.0)
    assert max(size(force) for _, force, _ in rows) < 3.0
    assert size(rows[-1][1]) == pytest.approx(1.0, abs=0.3)


def test_off_the_belt_nothing_moves() -> None:
    world = World(PROMPT, 1, 0.0)
    world.drive.order("run", -1.0, 0.5)
    assert {(force, rate) for _, force, rate in felt(world, 2.0)} == {((0.0, 0.0, 1.0), (0.0, 0.0, 0.0))}
    world.runner.mount()
    felt(world, 1.0)
    world.runner.dismount()
    assert {(force, rate) for _, force, rate in felt(world, 1.0)} == {((0.0, 0.0, 1.0), (0.0, 0.0, 0.0))}


# the sensor


@pytest.mark.parametrize("angles", [(0.0, 0.0, 0.0), (100.0, -15.0, 35.0), (180.0, 0.0, 0.0), (12.0, 90.0, -170.0)])
def test_a_mounting_turns_and_changes_no_size(angles: Vector) -> None:
    rows = rotation(*(math.radians(angle) for angle in angles))
    for k in range(3):
        for m in range(3):
            assert sum(a * b for a, b in zip(rows[k], rows[m], strict=True)) == pytest.approx(float(k == m), abs=1e-12)
    (a, b, c), (d, e, f), (g, h, i) = rows
    assert a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g) == pytest.approx(1.0)


def test_no_axis_of_the_sensor_is_the_trunks_unless_the_parameters_say_so() -> None:
    worn, bare = (World(params, 1, 0.0) for params in (PROMPT, BARE))
    assert max(abs(v) for v in worn.trunk.motion()[0]) < 0.99
    assert size(worn.trunk.motion()[0]) == pytest.approx(1.0)
    assert bare.trunk.motion() == ((0.0, 0.0, 1.0), (0.0, 0.0, 0.0))


def test_counts_carry_bias_and_noise_of_the_sizes_set() -> None:
    world = World(PROMPT, 1, 0.0)
    rows = told(world, 10.0)
    truth = [*(v / FORCE for v in world.trunk.motion()[0]), 0.0, 0.0, 0.0]
    noise = [0.004 / FORCE] * 3 + [0.15 / RATE] * 3
    bias = [0.02 / FORCE] * 3 + [0.8 / RATE] * 3
    for k in range(6):
        column = [row[k] for row in rows]
        assert statistics.pstdev(column) == pytest.approx(noise[k], rel=0.2)
        assert 0.0 < abs(statistics.fmean(column) - truth[k]) < 4.0 * bias[k]
    assert all(one != other for one, other in pairwise(rows)), "a living sensor is never frozen"


def test_counts_stay_within_the_converter() -> None:
    narrow = replace(PROMPT, trunk=replace(TrunkParams(), g_per_count=2.0 / 32768.0))
    world = moving(-1.0, params=narrow)
    world.runner.fall()
    rows = told(world, 1.0)
    assert max(abs(count) for row in rows for count in row) == 32767


def test_the_same_seed_gives_the_same_counts_however_often_they_are_read() -> None:
    once, often, other = moving(-1.0, 5), moving(-1.0, 5), moving(-1.0, 6)
    told(often, 1.0, 0.001)
    for world in (once, other):
        world.advance(often.now_s)
    assert once.trunk.counts() == often.trunk.counts() == often.trunk.counts() != other.trunk.counts()


# as recorded


def recorded(code: str) -> Iterator[list[tuple[int, ...]]]:
    """The trials of one activity: rows of six 16-bit numbers, force × 256 / g and rate × 65536 / 4000 degrees/s. Skips, saying so, where there are none."""
    path = DATA / "sisfall" / f"{code}.npz"
    if not path.is_file():
        pytest.skip(f"recording sisfall/{code}.npz is not in {DATA.resolve()} (set TREADCTL_DATA)")
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            raw = archive.read(name)
            (length,) = struct.unpack_from("<H", raw, 8)
            header = ast.literal_eval(raw[10 : 10 + length].decode("latin-1"))
            assert (header["descr"], header["fortran_order"], header["shape"][1]) == ("<i2", False, 6)
            yield list(struct.iter_unpack("<6h", raw[10 + length :]))


def force_spread(rows: list[tuple[int, ...]], g_per_count: float) -> float:
    return statistics.pstdev(math.hypot(*row[:3]) for row in rows) * g_per_count


def mean_rate(rows: list[tuple[int, ...]], dps_per_count: float) -> float:
    return statistics.fmean(math.hypot(*row[3:]) for row in rows) * dps_per_count


@pytest.mark.parametrize(("code", "speed_mps"), [("D01", 0.77), ("D02", 1.3), ("D03", 2.3)], ids=["slow walk", "quick walk", "jog"])
def test_force_and_rate_of_gait_are_as_large_as_recorded(code: str, speed_mps: float) -> None:
    trials = [rows[2000:4400] for rows in recorded(code)]
    simulated = [told(moving(speed_mps, seed), 12.0) for seed in (1, 2, 3)]
    measures: list[tuple[Callable[[list[tuple[int, ...]], float], float], float, float]] = [
        (force_spread, 1.0 / 256.0, FORCE),
        (mean_rate, 4000.0 / 65536.0, RATE),
    ]
    for measure, of_recording, of_simulation in measures:
        real = statistics.median(measure(rows, of_recording) for rows in trials)
        for rows in simulated:
            assert real / 1.5 < measure(rows, of_simulation) < real * 1.5
