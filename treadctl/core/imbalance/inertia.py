"""Inertia: what the waist does, from specific force and angular rate, in features that do not depend on how the sensor is turned.

Gravity is followed by the gyroscope and corrected by the accelerometer; every feature is a length, an angle or a projection about it. All filters are
first-order lags whose share is dt / tau, with the tau cut to the age at the start, so that they begin as plain means.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from treadctl.core.sample import TrunkMotion
from treadctl.core.units import STANDARD_GRAVITY_MPS2

TAU_GRAVITY_S: Final = 2.0  # how fast the accelerometer corrects the gyroscope's gravity
TAU_BIAS_S: Final = 20.0
TAU_UPRIGHT_S: Final = 5.0
TAU_LEANING_S: Final = 60.0  # a person leaning beyond LEANING_COS is not taken for upright so soon
LEANING_COS: Final = math.cos(math.radians(35.0))
TAU_FALL_S: Final = 0.4  # forgets the speed of a step, keeps that of a fall
TAU_FALL_FAST_S: Final = 0.2
TAU_TREND_S: Final = 2.0
TAU_ROTATION_S: Final = 0.5
TAU_ROTATION_FAST_S: Final = 0.15
TAU_SMOOTH_S: Final = 0.03
TAU_JERK_S: Final = 0.05
TAU_INTENSITY_S: Final = 1.5
TAU_WEIGHT_S: Final = 1.0
DIRECTION_FLOOR_G: Final = 0.3  # in free fall the accelerometer shows no direction

FEATURES: Final = (
    "speed of fall against its trend",  # m/s
    "rotation of half a second",  # degrees, about horizontal axes
    "tilt from upright",  # degrees
    "rate of rotation",  # degrees/s, about horizontal axes
    "lack of weight",  # g
    "horizontal speed",  # m/s
    "rotation of 150 ms",  # degrees
    "speed of fall, fast",  # m/s
    "jerk",  # g/s
)


class Inertia(NamedTuple):
    """The filters' memory, flat for speed. `gx gy gz` is gravity and `ux uy uz` upright in the sensor's axes; `weight` the slow mean of |force|, g."""

    age_s: float = 0.0
    gx: float = 0.0
    gy: float = 0.0
    gz: float = 0.0
    ux: float = 0.0
    uy: float = 0.0
    uz: float = 0.0
    bx: float = 0.0
    by: float = 0.0
    bz: float = 0.0
    fall: float = 0.0
    trend: float = 0.0
    fall_fast: float = 0.0
    hx: float = 0.0
    hy: float = 0.0
    hz: float = 0.0
    rx: float = 0.0
    ry: float = 0.0
    rz: float = 0.0
    qx: float = 0.0
    qy: float = 0.0
    qz: float = 0.0
    rate: float = 0.0
    force: float = 1.0
    last: float = 1.0
    jerk: float = 0.0
    liveliness: float = 0.0
    weight: float = 1.0

    @property
    def intensity(self) -> float:
        """How lively the gait is: root mean square of |force| - 1 over some 1.5 s, g. Walking about 0.1 to 0.35, running above 0.6."""
        return math.sqrt(self.liveliness)


def follow(m: Inertia, motion: TrunkMotion, dt: float) -> tuple[Inertia, tuple[float, ...]]:
    """The memory after one more sample taken `dt` s after the last, and the features in the order of FEATURES. All numbers must be finite."""
    ax, ay, az = motion.force_g
    age = m.age_s + dt
    size = math.sqrt(ax * ax + ay * ay + az * az)

    k = dt / min(TAU_BIAS_S, age + 1.0)
    wx, wy, wz = motion.rate_dps
    bx, by, bz = m.bx + (wx - m.bx) * k, m.by + (wy - m.by) * k, m.bz + (wz - m.bz) * k
    wx, wy, wz = wx - bx, wy - by, wz - bz

    turn = math.radians(dt)
    gx = m.gx - (wy * m.gz - wz * m.gy) * turn
    gy = m.gy - (wz * m.gx - wx * m.gz) * turn
    gz = m.gz - (wx * m.gy - wy * m.gx) * turn
    if size > DIRECTION_FLOOR_G:
        k = dt / min(TAU_GRAVITY_S, age)
        gx, gy, gz = gx + (ax / size - gx) * k, gy + (ay / size - gy) * k, gz + (az / size - gz) * k
    length = math.sqrt(gx * gx + gy * gy + gz * gz)
    if length > 1e-9:
        gx, gy, gz = gx / length, gy / length, gz / length

    upright = math.sqrt(m.ux * m.ux + m.uy * m.uy + m.uz * m.uz)
    cosine = (gx * m.ux + gy * m.uy + gz * m.uz) / upright if upright > 1e-9 else 1.0
    k = dt / min(TAU_UPRIGHT_S if cosine > LEANING_COS else TAU_LEANING_S, age)
    ux, uy, uz = m.ux + (gx - m.ux) * k, m.uy + (gy - m.uy) * k, m.uz + (gz - m.uz) * k

    along = ax * gx + ay * gy + az * gz
    lack = (1.0 - along) * STANDARD_GRAVITY_MPS2
    fall = m.fall + (lack - m.fall / TAU_FALL_S) * dt
    trend = m.trend + (fall - m.trend) * dt / TAU_TREND_S
    fall_fast = m.fall_fast + (lack - m.fall_fast / TAU_FALL_FAST_S) * dt
    k, push = 1.0 - dt / TAU_FALL_S, STANDARD_GRAVITY_MPS2 * dt
    hx, hy, hz = m.hx * k + (ax - along * gx) * push, m.hy * k + (ay - along * gy) * push, m.hz * k + (az - along * gz) * push

    spin = wx * gx + wy * gy + wz * gz
    px, py, pz = wx - spin * gx, wy - spin * gy, wz - spin * gz
    k = 1.0 - dt / TAU_ROTATION_S
    rx, ry, rz = m.rx * k + px * dt, m.ry * k + py * dt, m.rz * k + pz * dt
    k = 1.0 - dt / TAU_ROTATION_FAST_S
    qx, qy, qz = m.qx * k + px * dt, m.qy * k + py * dt, m.qz * k + pz * dt
    smooth = dt / TAU_SMOOTH_S
    rate = m.rate + (math.sqrt(px * px + py * py + pz * pz) - m.rate) * smooth
    force = m.force + (size - m.force) * smooth
    jerk = m.jerk + ((abs(size - m.last) / dt if m.age_s > 0.0 else 0.0) - m.jerk) * dt / TAU_JERK_S
    liveliness = m.liveliness + ((size - 1.0) ** 2 - m.liveliness) * dt / TAU_INTENSITY_S
    weight = m.weight + (size - m.weight) * dt / TAU_WEIGHT_S

    after = Inertia(
        age, gx, gy, gz, ux, uy, uz, bx, by, bz, fall, trend, fall_fast, hx, hy, hz, rx, ry, rz, qx, qy, qz, rate, force, size, jerk, liveliness, weight,
    )  # fmt: skip
    features = (
        fall - trend,
        math.sqrt(rx * rx + ry * ry + rz * rz),
        math.degrees(math.acos(min(1.0, max(-1.0, cosine)))),
        rate,
        1.0 - force,
        math.sqrt(hx * hx + hy * hy + hz * hz),
        math.sqrt(qx * qx + qy * qy + qz * qz),
        fall_fast,
        jerk,
    )
    return after, features
