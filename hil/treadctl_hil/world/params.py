"""Parameters of the simulated treadmill and person, with the source or the standing of every default.

Marks: [S] read in the source named, [M] measured on public recordings, [D] derived, [U] unverified: change it where you know better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Final, Literal, TypeVar

GRAVITY_MPS2: Final = 9.80665
LatencySetting = float | Literal["measured"]
FacingName = Literal["console", "rear"]


@dataclass(frozen=True, slots=True)
class BeltParams:
    """Belt, rollers and flywheel as one mass sliding on a deck."""

    inertia_kg: float = 60.0  # home or clinic machine [D]: reproduces a stance dip above 5 %; a lab machine has 200 kg or more
    friction: float = 0.15  # belt on deck; 0.10 new, 0.18 worn [D from clamp-meter readings]
    drag_n: float = 12.0  # rollers and seals with nobody on the belt [U]
    viscous_n_per_mps: float = 3.0  # [U]
    deck_length_m: float = 1.50
    standstill_mps: float = 0.005  # below this the belt counts as standing
    grade_percent: float = 0.0


@dataclass(frozen=True, slots=True)
class DriveParams:
    """Inverter and motor, forces already referred to the belt surface."""

    motor_force_limit_n: float = 600.0  # [U]
    brake_force_limit_n: float = 400.0  # with a braking resistor [U]
    current_lag_s: float = 0.015  # 5-30 ms
    speed_loop_hz: float = 2.0  # 1-4 Hz; research belts attenuate commands above 4 Hz [S]
    ramp_up_mps2: float = 0.25
    ramp_down_mps2: float = 0.8
    ramp_stop_mps2: float = 0.9  # the protective ramp (SS1, SS2)
    fast_stop_mps2: float = 2.0  # the hardest braking the drive is set to (SS1_FAST)
    encoder_quantum_mps: float = 0.0028  # one count of a measured research belt: 0.01 km/h [M]
    n_per_ampere: float = 60.0  # [U]
    magnetising_a: float = 1.8  # [U]


@dataclass(frozen=True, slots=True)
class RunnerParams:
    """The person. Everything else about them (asymmetry, rhythm of the hands) is drawn once from the seed."""

    mass_kg: float = 75.0
    facing: FacingName = "console"
    backward_run_mps: float = 1.63  # backward walk-run transition [S]
    forward_run_mps: float = 2.0
    reaction_s: float = 0.3  # 0.2-0.4 s
    fall_time_constant_s: float = 0.31  # inverted pendulum, sqrt(l/g) with l about 0.95 m [D]
    body_friction: float = 0.5  # clothes on belt [U]
    brake_stumble_mps2: float = 1.8  # braking over 0.2 s that costs a person without hands a step: between 1.0 (fine) and 2.5 (not) [S, D]
    grab_rail: bool = True  # reaches for the rail when losing balance
    harness_fitted: bool = False  # a fall then ends hanging in it


@dataclass(frozen=True, slots=True)
class RailParams:
    """Two load cells and their converter."""

    zero_counts: int = 800
    n_per_count: float = 0.25
    noise_n: float = 0.8  # standard deviation; 0.5-2 N
    drift_n_per_min: float = 0.3  # steepest slope of a slow wander of one or two newtons [U]
    min_counts: int = 0
    max_counts: int = 16383


@dataclass(frozen=True, slots=True)
class TrunkParams:
    """An inertial sensor in a belt at the waist, and how much of the gait is felt there.

    Sizes of the gait marked [M] are such that walking at 0.77 and 1.3 m/s, whose step frequencies are the median ones of slow and of quick walking in
    a public set of waist recordings (SisFall, young adults, 200 Hz), has about the spread of force and rate recorded there.
    """

    mount_roll_deg: float = 100.0  # how the sensor is turned against the trunk (x forward, y left, z up): about x, then y, then z; arbitrary
    mount_pitch_deg: float = -15.0
    mount_yaw_deg: float = 35.0
    g_per_count: float = 16.0 / 32768.0  # 16 bits over 16 g …
    dps_per_count: float = 2000.0 / 32768.0  # … and 2000 degrees/s
    full_scale_counts: int = 32767
    force_noise_g: float = 0.004  # standard deviation [U]
    rate_noise_dps: float = 0.15  # [U]
    force_bias_g: float = 0.02  # standard deviation of what is drawn once for each axis [U]
    rate_bias_dps: float = 0.8  # [U]
    ripple_per_mps2: float = 0.9  # walking, the hips move more than the mass centre: the feet's force, times 1 + this times speed squared [M]
    ripple_most: float = 3.0  # but not more than that
    lateral_g_per_mps: float = 0.09  # at stride frequency, half of it at three times that [M]
    yaw_dps_per_mps: float = 36.0  # at stride frequency, four tenths of it at three times that [M]
    roll_dps_per_mps: float = 12.0  # at stride frequency, twice that at three times the frequency [M]
    pitch_dps_per_mps: float = 16.0  # at step frequency, half of it at twice that [M]
    footfall_g_per_mps: float = 0.25  # a landing foot shakes the hips: upward force …
    footfall_dps_per_mps: float = 45.0  # … and pitch [M]
    footfall_hz: float = 9.0  # [U]
    footfall_decay_s: float = 0.05  # [U]
    gait_most_mps: float = 1.6  # sway and rates grow no further beyond this speed [M: jogging]
    step_spread: float = 0.10  # standard deviation of all this from step to step, as a share [U]
    sway_deg: float = 0.4  # of somebody standing, slower than once in two seconds [U]
    hip_height_m: float = 0.95  # as for the fall of the whole person [D]
    onset_s: float = 0.15  # over which a loss of balance turns the trunk to its first lean [U]
    impact_s: float = 0.06  # hips on the belt: from their speed to rest [U]
    catch_s: float = 0.30  # hips in the harness [U]
    trip_g: float = 0.8  # caught foot and hard landing of a stumble, 60 ms each [U]


@dataclass(frozen=True, slots=True)
class ContactParams:
    """Switches. Bounce is drawn for each change."""

    bounce_min_s: float = 0.001
    bounce_max_s: float = 0.020
    channel_skew_max_s: float = 0.008  # second cord channel after the first [U]
    cord_clipped: bool = True
    cord_pull_fraction: float = 0.70  # released no later than at 70 % of the running surface [S]


@dataclass(frozen=True, slots=True)
class WorldParams:
    """Everything about one simulated treadmill and person.

    `command_latency`: time from order to effect. "measured" draws from the distribution seen on a research treadmill commanded over TCP
    (77/201/355 ms minimum/median/maximum [M]); a number is fixed seconds. The default is that of an inverter on a field bus [U].
    """

    belt: BeltParams = field(default_factory=BeltParams)
    drive: DriveParams = field(default_factory=DriveParams)
    runner: RunnerParams = field(default_factory=RunnerParams)
    rails: RailParams = field(default_factory=RailParams)
    trunk: TrunkParams = field(default_factory=TrunkParams)
    contacts: ContactParams = field(default_factory=ContactParams)
    command_latency: LatencySetting = 0.03


def home_machine() -> WorldParams:
    """The default: a light belt that dips under every running step."""
    return WorldParams()


def lab_machine() -> WorldParams:
    """A heavy research belt with a stiff servo: dips stay near 2 % in running, and commands come over a slow network."""
    return WorldParams(
        belt=BeltParams(inertia_kg=220.0, friction=0.15, drag_n=25.0, viscous_n_per_mps=8.0, deck_length_m=1.8),
        drive=DriveParams(motor_force_limit_n=1800.0, brake_force_limit_n=1500.0, current_lag_s=0.008, speed_loop_hz=2.0, n_per_ampere=120.0),
        command_latency="measured",
    )


T = TypeVar("T")


def with_table(params: T, table: Mapping[str, Any], where: str = "world") -> T:
    """`params` with the keys of a TOML table put in, tables nested like the dataclasses.

    Raises ValueError naming section and key for an unknown key, a wrong type or a number that is not finite.
    """
    if not is_dataclass(params) or isinstance(params, type):
        raise ValueError(f"[{where}] takes no table")
    known = {f.name for f in fields(params)}
    changes: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise ValueError(f"[{where}] has no key {key!r}; known: {', '.join(sorted(known))}")
        changes[key] = _checked(getattr(params, key), value, where, key)
    return replace(params, **changes)


def _checked(old: object, value: object, where: str, key: str) -> object:
    if is_dataclass(old):
        if not isinstance(value, Mapping):
            raise ValueError(f"[{where}] {key} must be a table")
        return with_table(old, value, f"{where}.{key}")
    if key == "command_latency" and value == "measured":
        return value
    if key == "facing":
        if value not in ("console", "rear"):
            raise ValueError(f"[{where}] facing must be 'console' or 'rear', not {value!r}")
        return value
    if isinstance(old, bool):
        if isinstance(value, bool):
            return value
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        if not isinstance(old, int):
            return float(value)
        if isinstance(value, int):
            return value
    raise ValueError(f"[{where}] {key} = {value!r} does not fit: expected something like {old!r}")
