"""Inertia: what the waist does, from specific force and angular rate, in features that do not depend on how the sensor is turned.

Gravity is followed by the gyroscope and corrected by the accelerometer; every feature is a length, an angle or a projection about it. Filters are
first-order lags with the share dt / tau; the slow ones begin as plain means.
"""

from __future__ import annotations

import math
from typing import Final

from treadctl.core.sample import TrunkMotion
from treadctl.core.units import STANDARD_GRAVITY_MPS2

TAU_GRAVITY_S, TAU_BIAS_S = 2.0, 20.0  # how fast the accelerometer corrects the gyroscope's gravity; how fast the gyroscope's zero is followed
TAU_UPRIGHT_S, TAU_LEANING_S = 5.0, 60.0  # a person leaning beyond LEANING_COS is not taken for upright so soon
LEANING_COS: Final = math.cos(math.radians(35.0))
TAU_FALL_S, TAU_FALL_FAST_S, TAU_TREND_S = 0.4, 0.2, 2.0  # forget the speed of a step, keep that of a fall
TAU_ROTATION_S, TAU_ROTATION_FAST_S = 0.5, 0.15
TAU_SMOOTH_S, TAU_JERK_S, TAU_INTENSITY_S, TAU_WEIGHT_S = 0.03, 0.05, 1.5, 1.0
DIRECTION_FLOOR_G: Final = 0.3  # in free fall the accelerometer shows no direction

FEATURES: Final = (
    "speed of fall against its trend", "rotation of half a second", "tilt from upright", "rate of rotation", "lack of weight", "horizontal speed",
    "rotation of 150 ms", "speed of fall, fast", "jerk",
)  # fmt: skip
"""In m/s, degrees, degrees, degrees/s, g, m/s, degrees, m/s, g/s; rotations are about horizontal axes."""

Memory = tuple[float, ...]
REST: Final[Memory] = (*(0.0,) * 24, 1.0, 1.0, 0.0, 0.0, 1.0)
"""The filters at the start, flat for speed; `follow` unpacks them."""


AGE, SINCE, WEIGHT = 0, 1, -1
"""Places in the memory: seconds the filters have run, and since a hole; the mean force along gravity over a second, g (1 in whoever does not rise or sink)."""


def intensity(memory: Memory) -> float:
    """How lively the gait is: root mean square of |force| - 1 over some 1.5 s, g. Walking about 0.1 to 0.35, running above 0.6."""
    return math.sqrt(memory[-2])


def bridged(memory: Memory) -> Memory:
    """The filters after a hole: upright and zero stay, what is fast begins anew, and gravity is taken from the accelerometer."""
    return (memory[0], 0.0, *memory[2:11], *REST[11:27], *memory[27:])


def follow(memory: Memory, motion: TrunkMotion, dt: float) -> tuple[Memory, tuple[float, ...]]:
    """The memory after one more sample taken `dt` s after the last, and the features in the order of FEATURES. All numbers must be finite."""
    (
        age, since, gx, gy, gz, ux, uy, uz, bx, by, bz, fall, trend, fall_fast, hx, hy, hz, rx, ry, rz, qx, qy, qz,
        rate, force, last, jerk, liveliness, heavy,
    ) = memory  # fmt: skip
    ax, ay, az = motion.force_g
    size = math.sqrt(ax * ax + ay * ay + az * az)
    jerk += ((abs(size - last) / dt if since > 0.0 else 0.0) - jerk) * dt / TAU_JERK_S
    age, since = age + dt, since + dt

    k = dt / min(TAU_BIAS_S, age + 1.0)
    wx, wy, wz = motion.rate_dps
    bx, by, bz = bx + (wx - bx) * k, by + (wy - by) * k, bz + (wz - bz) * k
    wx, wy, wz = wx - bx, wy - by, wz - bz

    turn = math.radians(dt)
    gx, gy, gz = gx - (wy * gz - wz * gy) * turn, gy - (wz * gx - wx * gz) * turn, gz - (wx * gy - wy * gx) * turn
    if size > DIRECTION_FLOOR_G:
        k = dt / min(TAU_GRAVITY_S, since)
        gx, gy, gz = gx + (ax / size - gx) * k, gy + (ay / size - gy) * k, gz + (az / size - gz) * k
    length = math.sqrt(gx * gx + gy * gy + gz * gz)
    if length > 1e-9:
        gx, gy, gz = gx / length, gy / length, gz / length

    upright = math.sqrt(ux * ux + uy * uy + uz * uz)
    cosine = (gx * ux + gy * uy + gz * uz) / upright if upright > 1e-9 else 1.0
    k = dt / (min(TAU_UPRIGHT_S, age) if cosine > LEANING_COS or age < 1.0 else TAU_LEANING_S)
    ux, uy, uz = ux + (gx - ux) * k, uy + (gy - uy) * k, uz + (gz - uz) * k

    along = ax * gx + ay * gy + az * gz
    lack = (1.0 - along) * STANDARD_GRAVITY_MPS2
    fall += (lack - fall / TAU_FALL_S) * dt
    trend += (fall - trend) * dt / TAU_TREND_S
    fall_fast += (lack - fall_fast / TAU_FALL_FAST_S) * dt
    k, push = 1.0 - dt / TAU_FALL_S, STANDARD_GRAVITY_MPS2 * dt
    hx, hy, hz = hx * k + (ax - along * gx) * push, hy * k + (ay - along * gy) * push, hz * k + (az - along * gz) * push

    spin = wx * gx + wy * gy + wz * gz
    px, py, pz = wx - spin * gx, wy - spin * gy, wz - spin * gz
    k = 1.0 - dt / TAU_ROTATION_S
    rx, ry, rz = rx * k + px * dt, ry * k + py * dt, rz * k + pz * dt
    k = 1.0 - dt / TAU_ROTATION_FAST_S
    qx, qy, qz = qx * k + px * dt, qy * k + py * dt, qz * k + pz * dt
    rate += (math.sqrt(px * px + py * py + pz * pz) - rate) * dt / TAU_SMOOTH_S
    force += (size - force) * dt / TAU_SMOOTH_S
    liveliness += ((size - 1.0) ** 2 - liveliness) * dt / TAU_INTENSITY_S
    heavy += (along - heavy) * dt / TAU_WEIGHT_S

    after = (
        age, since, gx, gy, gz, ux, uy, uz, bx, by, bz, fall, trend, fall_fast, hx, hy, hz, rx, ry, rz, qx, qy, qz,
        rate, force, size, jerk, liveliness, heavy,
    )  # fmt: skip
    tilt = math.degrees(math.acos(min(1.0, max(-1.0, cosine))))
    rotation, quick = math.sqrt(rx * rx + ry * ry + rz * rz), math.sqrt(qx * qx + qy * qy + qz * qz)
    return after, (fall - trend, rotation, tilt, rate, 1.0 - force, math.sqrt(hx * hx + hy * hy + hz * hz), quick, fall_fast, jerk)
