"""What an inertial sensor at the person's waist feels: specific force and angular rate, made from what the world does with the person.

Axes of the trunk: x forward, y left, z up along it; pitch is positive leaning forward. Standing, the force is 1 g along z; in the flight of a running
step it is nothing. Of the feet come the vertical force and the fore-aft push; of the gait a sway and three rates at step and stride frequency, and a
short shaking at each footfall. Somebody who falls turns about the feet: hips at height l cos(lean) are thrown forward and down by the lean's
own acceleration and pulled in by its rate, so that a free fall takes the weight from the sensor long before the impact. Then gravity lies
along another axis. Off the belt nothing moves.
"""

from __future__ import annotations

import math
import random
from typing import Final

from treadctl_hil.world.clock import STEP_S, Clock
from treadctl_hil.world.params import GRAVITY_MPS2, TrunkParams
from treadctl_hil.world.runner import STUMBLE_LEAN_DEG, Runner

Vector = tuple[float, float, float]

_TAU: Final = 2.0 * math.pi
_TABLES: Final = (4099, 3001)  # primes, so that the noise repeats only after hours
_STEPS: Final = 97
_SETTLE_S: Final = (0.06, 0.30)  # least and longest time over which a body that has hit something comes to lie
_RISE_S: Final = 0.6  # over which somebody straightens up
_JUMP_RAD: Final = 0.02  # a lean that has moved by so much more than its rate explains was set, not reached
_JOLT_S: Final = 0.06
_LANDING: Final = 0.4  # of a stumble: the hurried foot lands
_OFF: Final = frozenset({"off", "off_belt"})


def rotation(roll_rad: float, pitch_rad: float, yaw_rad: float) -> tuple[Vector, Vector, Vector]:
    """The matrix that turns a vector on trunk axes into one on the axes of something turned against it about x, then y, then z."""
    cr, sr, cp, sp, cy, sy = (f(a) for a in (roll_rad, pitch_rad, yaw_rad) for f in (math.cos, math.sin))
    return (
        (cy * cp, cy * sp * sr + sy * cr, sy * sr - cy * sp * cr),
        (-sy * cp, cy * cr - sy * sp * sr, cy * sr + sy * sp * cr),
        (sp, -cp * sr, cp * cr),
    )


class Trunk:
    """`felt()` is the truth on the trunk's axes, `motion()` on the sensor's; `counts()` is what its registers hold, with bias, noise and saturation.

    Values belong to the instant `now_s`: reading twice gives the same, and not reading changes nothing.
    """

    __slots__ = ("_absorbed_s", "_bias", "_blow", "_blow_s", "_blow_until_s", "_clock", "_from_s", "_gains", "_hit", "_lean", "_mount", "_noise", "_offset_rad",
                 "_p", "_phases", "_posture", "_rate", "_runner", "_sign", "_sizes")

    def __init__(self, params: TrunkParams, runner: Runner, rng: random.Random, clock: Clock) -> None:
        p = params
        self._p = p
        self._runner = runner
        self._clock = clock
        self._mount = rotation(math.radians(p.mount_roll_deg), math.radians(p.mount_pitch_deg), math.radians(p.mount_yaw_deg))
        self._bias = [rng.gauss(0.0, p.force_bias_g) for _ in range(3)] + [rng.gauss(0.0, p.rate_bias_dps) for _ in range(3)]
        self._noise = [[rng.gauss(0.0, math.sqrt(0.5)) for _ in range(size)] for size in _TABLES]
        self._gains = [max(0.5, rng.gauss(1.0, p.step_spread)) for _ in range(_STEPS)]
        self._sizes = [rng.uniform(0.85, 1.15) for _ in range(4)]  # this person's yaw, roll, pitch and sideways sway
        self._phases = [rng.uniform(0.0, _TAU) for _ in range(10)]
        self._posture: str = runner.posture
        self._sign = 1.0  # of the fore-aft push on the person
        self._lean = self._rate = 0.0  # at the last look
        self._offset_rad = 0.0  # of the lean shown from the one it goes to
        self._from_s, self._absorbed_s, self._hit = clock.now_s, _RISE_S, False
        self._blow: tuple[float, float] = (0.0, 0.0)  # speed forward and upward that a blow gives the hips, m/s
        self._blow_s, self._blow_until_s = p.impact_s, -math.inf

    # What happens to the body

    def look(self, belt_mps: float) -> None:
        """Every 5 ms: note falls, impacts, and leans that were set."""
        runner, posture = self._runner, self._runner.posture
        rate = runner.lean_motion[0]
        lean = runner.lean_rad
        self._sign = (1.0 if belt_mps > 0.0 else -1.0) * (-1.0 if runner.facing == "console" else 1.0)
        jump = lean - self._lean
        if posture in _OFF:
            self._offset_rad = 0.0
        elif abs(jump) > _JUMP_RAD + 0.01 * abs(rate):
            self._offset_rad = lean - self._shown()[0]
            self._from_s = self._clock.now_s
            self._hit = posture == "down" and self._rate > 0.0
            settling_s = min(_SETTLE_S[1], max(_SETTLE_S[0], 2.0 * self._offset_rad / self._rate)) if self._hit else _RISE_S
            self._absorbed_s = self._p.onset_s if posture == "losing_balance" else settling_s
        if posture == "down" and self._posture == "losing_balance":
            self._strike()
        self._posture, self._lean, self._rate = posture, lean, rate

    def _strike(self) -> None:
        """The hips come to rest from the speed they had at the last look."""
        hips_mps = self._p.hip_height_m * self._rate
        self._blow_s = self._p.catch_s if self._runner.hanging else self._p.impact_s
        self._blow = (-self._way * hips_mps * math.cos(self._lean), hips_mps * math.sin(self._lean))
        self._blow_until_s = self._clock.now_s + self._blow_s

    @property
    def _way(self) -> float:
        """Where somebody falls to, who leans along the direction of travel: 1 on the face, -1 on the back."""
        return -1.0 if self._runner.backward else 1.0

    def _shown(self) -> tuple[float, float]:
        """The lean shown, and what is added to its rate. A lean that was set is reached over some time: from rest to rest, after an impact from its rate."""
        offset, whole_s = self._offset_rad, self._absorbed_s
        since = (self._clock.now_s - self._from_s) / whole_s
        if since >= 1.0 or offset == 0.0:
            return self._lean, 0.0
        if self._hit:
            return self._lean - offset * (1.0 - since) ** 2, 2.0 * offset * (1.0 - since) / whole_s
        return self._lean - offset * (1.0 - since * since * (3.0 - 2.0 * since)), offset * 6.0 * since * (1.0 - since) / whole_s

    # What the sensor feels of it

    def felt(self) -> tuple[Vector, Vector]:
        """Specific force (g) and angular rate (degrees/s) on the trunk's axes."""
        runner = self._runner
        if runner.posture in _OFF:
            lean = self._way * runner.lean_rad
            return (-math.sin(lean), 0.0, math.cos(lean)), (0.0, 0.0, 0.0)
        roll, pitch, rates = self.turning()
        forward, left, up = self._pushed()
        ahead = forward * math.cos(pitch) - up * math.sin(pitch)
        along = forward * math.sin(pitch) + up * math.cos(pitch)
        return (ahead, left * math.cos(roll) + along * math.sin(roll), along * math.cos(roll) - left * math.sin(roll)), rates

    def _pushed(self) -> Vector:
        """Specific force along the deck (forward of the person), to the left, and up, in g."""
        p, runner = self._p, self._runner
        vertical, fore_aft = runner.load_bw
        forward, left, up = 0.0, 0.0, 1.0
        if runner.stepping:
            speed = runner.gait_mps
            gain = 1.0 if runner.running else min(p.ripple_most, 1.0 + p.ripple_per_mps2 * speed * speed)
            gain *= max(0.0, 1.0 - runner.lean_rad)  # somebody who topples no longer walks
            up += gain * (vertical - 1.0) + p.footfall_g_per_mps * speed * self._shaking()
            forward = self._sign * gain * fore_aft
            left = self._swing(p.lateral_g_per_mps * self._sizes[3], ((1, 1.0, 0), (3, 0.5, 1)))[0]
        elif runner.posture == "down" and not runner.against_console:  # whose foot takes what the belt drags
            forward = self._sign * fore_aft
        if runner.posture == "stumbling":
            up += p.trip_g * sum(self._jolt(at) for at in (0.0, _LANDING))
            forward -= self._way * 0.5 * p.trip_g * self._jolt(0.0)
        if runner.posture == "losing_balance":
            rate, accel = runner.lean_motion
            length, sine, cosine = p.hip_height_m / GRAVITY_MPS2, math.sin(runner.lean_rad), math.cos(runner.lean_rad)
            forward += self._way * length * (cosine * accel - sine * rate * rate)
            up -= length * (sine * accel + cosine * rate * rate)
        left_s = self._blow_until_s - self._clock.now_s
        if left_s > 0.0:
            size = 0.5 * math.pi / self._blow_s / GRAVITY_MPS2 * math.sin(math.pi * left_s / self._blow_s)
            forward += self._blow[0] * size
            up += self._blow[1] * size
        return forward, left, up

    def turning(self) -> tuple[float, float, Vector]:
        """Roll and pitch (rad) of the trunk, and its three rates (degrees/s)."""
        p, runner = self._p, self._runner
        lean, added = self._shown()
        pitch = self._way * lean
        pitch_dps = self._way * math.degrees(runner.lean_motion[0] + added)
        roll = roll_dps = yaw_dps = 0.0
        if runner.stepping:
            yaw_dps, _ = self._swing(p.yaw_dps_per_mps * self._sizes[0], ((1, 1.0, 2), (3, 0.4, 3)))
            roll_dps, roll_deg = self._swing(p.roll_dps_per_mps * self._sizes[1], ((1, 1.0, 4), (3, 2.0, 5)))
            gait_dps, gait_deg = self._swing(p.pitch_dps_per_mps * self._sizes[2], ((2, 1.0, 6), (4, 0.5, 7)))
            pitch_dps += gait_dps + p.footfall_dps_per_mps * runner.gait_mps * self._shaking()
            pitch, roll = pitch + math.radians(gait_deg), math.radians(roll_deg)
        if runner.posture == "stumbling":
            share, whole_s = runner.stumble_course
            pitch += self._way * math.radians(STUMBLE_LEAN_DEG) * math.sin(math.pi * share)
            pitch_dps += self._way * STUMBLE_LEAN_DEG * math.pi / whole_s * math.cos(math.pi * share)
        elif runner.posture == "standing":
            elapsed_s = self._clock.steps * STEP_S
            for k, hz in enumerate((0.23, 0.41)):
                angle = _TAU * hz * elapsed_s + self._phases[8 + k]
                tilt, rate = p.sway_deg * math.sin(angle), p.sway_deg * _TAU * hz * math.cos(angle)
                pitch, pitch_dps = pitch + math.radians(tilt), pitch_dps + rate
                roll, roll_dps = roll + 0.6 * math.radians(tilt), roll_dps + 0.6 * rate
        return roll, pitch, (roll_dps, pitch_dps, yaw_dps)

    def _swing(self, per_mps: float, parts: tuple[tuple[int, float, int], ...]) -> tuple[float, float]:
        """A sum of harmonics of the stride, and its integral over time; a part is the harmonic, its share and which phase is its own."""
        runner = self._runner
        size = per_mps * min(runner.gait_mps, self._p.gait_most_mps) * self._gains[runner.steps % _STEPS]
        value = integral = 0.0
        for harmonic, share, phase in parts:
            angle = _TAU * harmonic * runner.stride + self._phases[phase]
            value += size * share * math.cos(angle)
            integral += size * share * math.sin(angle) / (math.pi * harmonic * runner.step_hz)
        return value, integral

    def _shaking(self) -> float:
        """A landing foot: a short oscillation of size 1 that begins at rest and whose integral is nothing, so that it leaves neither speed nor tilt."""
        p, runner = self._p, self._runner
        since_s = runner.phase / runner.step_hz
        turn = _TAU * p.footfall_hz * since_s
        wave = math.sin(turn) - (1.0 - math.cos(turn)) / (_TAU * p.footfall_hz * p.footfall_decay_s)
        return self._gains[runner.steps % _STEPS] * math.exp(-since_s / p.footfall_decay_s) * wave

    def _jolt(self, at: float) -> float:
        """Half a wave of 60 ms that begins at this share of a stumble."""
        share, whole_s = self._runner.stumble_course
        since_s = (share - at) * whole_s
        return math.sin(math.pi * since_s / _JOLT_S) if 0.0 < since_s < _JOLT_S else 0.0

    # What its registers hold

    def motion(self) -> tuple[Vector, Vector]:
        """The truth on the sensor's own axes."""
        force, rate = self.felt()
        return self._turned(force), self._turned(rate)

    def _turned(self, v: Vector) -> Vector:
        x, y, z = (a * v[0] + b * v[1] + c * v[2] for a, b, c in self._mount)
        return x, y, z

    def counts(self) -> tuple[int, ...]:
        """Force x, y, z, then rate x, y, z, as converted."""
        p = self._p
        force, rate = self.motion()
        scales = ((p.g_per_count, p.force_noise_g), (p.dps_per_count, p.rate_noise_dps))
        counts = []
        for k, value in enumerate((*force, *rate)):
            per_count, noise = scales[k // 3]
            at = self._clock.steps + k * 509
            raw = round((value + self._bias[k] + noise * sum(table[at % len(table)] for table in self._noise)) / per_count)
            counts.append(max(-p.full_scale_counts, min(p.full_scale_counts, raw)))
        return tuple(counts)
