"""The person on the belt: where they are, how they move, what their feet do to the belt, and how they come to grief."""

from __future__ import annotations

import math
import random
from collections import deque
from typing import Final, Literal

from treadctl_hil.world.balance import Balance
from treadctl_hil.world.clock import SLOW_STEPS, STEP_S, Clock
from treadctl_hil.world.gait import SAMPLES, gait_at
from treadctl_hil.world.hands import Hands
from treadctl_hil.world.params import GRAVITY_MPS2, FacingName, RunnerParams

Posture = Literal["off", "standing", "walking", "running", "stumbling", "losing_balance", "down", "off_belt"]
_STEPPING: Final = frozenset({"walking", "running", "stumbling", "losing_balance"})
_UPRIGHT: Final = frozenset({"standing", "walking", "running"})
_LOOK_S: Final = STEP_S * SLOW_STEPS
_WALK_FROM_MPS: Final = 0.10
_HOME: Final = 0.45  # where a person likes to be, as a share of the deck from the console
STUMBLE_LEAN_DEG: Final = 11.0  # furthest lean of a missed step
_CONSOLE_M: Final = 0.15  # the body meets the console or the front rail


class Runner:
    """`mount()`, `dismount()`, `stumble()`, `rock()`, `lose_balance()`, `fall()`, `hands_on()`, `hands_off()` act the person, each at once.

    `position_m` is the distance of the hips from the console end of the deck; `trunk_deg` the lean along the direction of travel.
    `fz_n` presses on the belt, `fx_n` is the fore-aft force, positive against the belt's motion. `facing` may be changed while off.
    """

    __slots__ = (
        "_backward",
        "_balance",
        "_body_mps",
        "_calm_from_s",
        "_clock",
        "_deck_m",
        "_delayed",
        "_drift_mps",
        "_foot_share",
        "_fore_aft",
        "_gait_hz", "_grab_onset_s",
        "_hands",
        "_left_step",
        "_loads",
        "_loads_step",
        "_p",
        "_rng",
        "_running",
        "_scale",
        "_stumble_from_s",
        "_stumble_until_s",
        "_trip_n",
        "_vertical",
        "_weight_n",
        "facing",
        "fx_n",
        "fz_n",
        "gait_mps",
        "hanging",
        "phase",
        "position_m",
        "posture",
        "speed_mps",
        "steps",
    )

    def __init__(self, params: RunnerParams, deck_length_m: float, rng: random.Random, clock: Clock) -> None:
        self._p = params
        self._rng = rng
        self._clock = clock
        self._deck_m = deck_length_m
        self._weight_n = params.mass_kg * GRAVITY_MPS2
        self._hands = Hands(self._weight_n, rng)
        self._balance = Balance(params.fall_time_constant_s)
        self._foot_share = 1.0 + rng.uniform(-0.02, 0.02)  # this person's left foot against the right
        self._delayed: deque[float] = deque([0.0], maxlen=max(2, round(params.reaction_s / _LOOK_S)))
        self._drift_mps = 0.0
        self._calm_from_s = clock.now_s
        self._stumble_from_s = self._stumble_until_s = clock.now_s
        self._trip_n = 0.0
        self._grab_onset_s = math.inf
        self._body_mps = 0.0
        self._loads = (0.0, 0.0)
        self._loads_step = -1
        self._left_step = False
        self._running = self._backward = False
        self._scale = self._weight_n
        self.steps = 0  # begun so far
        self.gait_mps = 0.0  # belt speed, magnitude, to which the present step was fitted
        self._take_gait(0.0)
        self.facing: FacingName = params.facing
        self.posture: Posture = "off"
        self.position_m = _HOME * deck_length_m
        self.speed_mps = 0.0  # of the feet along the belt, signed like the belt: keeping pace = belt speed
        self.phase = 0.0  # of the present step, 0 to 1
        self.fz_n = self.fx_n = 0.0
        self.hanging = False  # in the harness

    # What a person can be made to do

    def mount(self, facing: FacingName | None = None) -> None:
        """Step onto the belt at the usual place, keeping pace with it if it runs. Raises ValueError for an unknown facing."""
        if facing is not None:
            if facing not in ("console", "rear"):
                raise ValueError(f"facing must be 'console' or 'rear', not {facing!r}")
            self.facing = facing
        self.posture = "standing"
        self.position_m = _HOME * self._deck_m
        self.speed_mps = self._delayed[-1]
        self._balance.begin(0.0, 0.0, 0.0, 0.0)
        self.hanging = False
        self._clock.note("mount", self.facing)

    def dismount(self) -> None:
        """Step off to the side."""
        self._lose_rail()
        self.posture = "off"
        self.fz_n = self.fx_n = 0.0
        self._balance.begin(0.0, 0.0, 0.0, 0.0)
        self._clock.note("dismount")

    def hands_on(self) -> None:
        """Hold the rails lightly."""
        if self.posture in _UPRIGHT:
            self._hands.hold(True, self._clock.now_s)
            self._clock.note("hands_on")

    def hands_off(self) -> None:
        """Let go of the rails."""
        self._hands.hold(False, self._clock.now_s)
        self._hands.release(self._clock.now_s)
        self._clock.note("hands_off")

    def rock(self) -> None:
        """Not steady, and still walking: rocks from hand to hand, ever harder, eight times."""
        if self.posture in _UPRIGHT:
            self._hands.rock(self._clock.now_s, min(0.34, 1.0 / self._gait_hz))
            self._clock.note("rock")

    def stumble(self, why: str = "") -> None:
        """A missed step: recovered within a second by the person alone. Nothing happens to somebody not upright."""
        if self.posture not in _UPRIGHT:
            return
        now = self._clock.now_s
        self.posture = "stumbling"
        self._stumble_from_s = now
        self._stumble_until_s = now + self._rng.uniform(0.5, 0.8)
        self._trip_n = self._rng.uniform(0.15, 0.25) * self._weight_n
        self._clock.note("stumble", why)
        self._hands.touch(now + self._rng.uniform(0.15, 0.30))

    def lose_balance(self, why: str = "") -> None:
        """Loss of balance: a grab for the rail 0.3-0.5 s later; then a fall, unless the belt slows in time."""
        if self.posture not in _UPRIGHT and self.posture != "stumbling":
            return
        now = self._clock.now_s
        grip_bw = 0.0
        if self._p.grab_rail:
            onset_s = now + (self._rng.uniform(0.30, 0.42) if self._hands.on else self._rng.uniform(0.36, 0.50))
            grip_bw = self._hands.grab(onset_s)
            self._grab_onset_s = onset_s
        self._balance.begin(math.radians(self._rng.uniform(3.0, 5.0)), self._rng.uniform(0.03, 0.12), grip_bw,
                            now + self._rng.uniform(0.20, 0.30), abs(self._delayed[-1]))
        self.posture = "losing_balance"
        self._clock.note("loss_of_balance", why)

    def fall(self) -> None:
        """A fall nothing can prevent: knees give way, hands slip."""
        if self.posture in ("off", "off_belt", "down"):
            return
        self._lose_rail()
        self._balance.begin(0.25, 1.5, 0.0, math.inf, hopeless=True)
        self.posture = "losing_balance"
        self._clock.note("fall")

    # What can be seen of them

    @property
    def on_belt(self) -> bool:
        """Upright or lying, on the belt."""
        return self.posture not in ("off", "off_belt")

    @property
    def backward(self) -> bool:
        """Moving backward: belt in reverse facing the console, or forward facing the rear."""
        return self._backward

    @property
    def trunk_deg(self) -> float:
        """Lean of the trunk along the direction of travel, degrees."""
        lean = math.degrees(self._balance.lean_rad)
        if self.posture == "stumbling":
            lean += STUMBLE_LEAN_DEG * math.sin(math.pi * self.stumble_course[0])
        if self.posture in _STEPPING:
            lean += 2.0 * math.sin(2.0 * math.pi * self.phase)
        return lean

    @property
    def lean_rad(self) -> float:
        """Lean of somebody falling or down; 0 while upright."""
        return self._balance.lean_rad

    @property
    def lean_motion(self) -> tuple[float, float]:
        """Rate (rad/s) and acceleration (rad/s²) of that lean; nothing while nobody is falling."""
        return (self._balance.rate_rad_per_s, self._balance.accel_rad_per_s2) if self.posture == "losing_balance" else (0.0, 0.0)

    @property
    def stumble_course(self) -> tuple[float, float]:
        """How far a stumble has come, 0 to 1, and how long it takes, s; means something only while stumbling."""
        whole_s = self._stumble_until_s - self._stumble_from_s
        return (min(1.0, (self._clock.now_s - self._stumble_from_s) / whole_s) if whole_s else 1.0), whole_s

    @property
    def stepping(self) -> bool:
        """The feet are moving in a gait."""
        return self.posture in _STEPPING

    @property
    def running(self) -> bool:
        """The present gait has a flight."""
        return self._running

    @property
    def step_hz(self) -> float:
        """Steps per second of the present step."""
        return self._gait_hz

    @property
    def stride(self) -> float:
        """Phase of the present stride (two steps, the left foot's first), 0 to 1."""
        return 0.5 * (self.phase + (0.0 if self._left_step else 1.0))

    @property
    def against_console(self) -> bool:
        """As far forward as the console lets anybody."""
        return self.position_m <= _CONSOLE_M

    @property
    def load_bw(self) -> tuple[float, float]:
        """What the feet do in body weights: vertical, and fore-aft positive against the belt's motion; the person is pushed the other way."""
        return self.fz_n / self._weight_n, self.fx_n / self._weight_n

    def hand_loads_n(self) -> tuple[float, float]:
        """Load of the left and the right hand now."""
        if self._loads_step != self._clock.steps:
            self._loads_step = self._clock.steps
            self._loads = self._hands.loads_n(self._clock.now_s, self.stride, self.posture in _STEPPING)
        return self._loads

    # Physics

    def step(self, belt_mps: float) -> None:
        """One step of 1 ms: the forces on the belt."""
        posture = self.posture
        if posture in _STEPPING:
            phase = self.phase + self._gait_hz * STEP_S
            if phase >= 1.0:
                phase -= 1.0
                self._next_step(belt_mps)
            self.phase = phase
            k = int(phase * SAMPLES)
            self.fz_n = self._scale * self._vertical[k]
            self.fx_n = self._scale * self._fore_aft[k] + self._trip_n
        elif posture == "standing":
            self.fz_n = self._weight_n
            self.fx_n = 0.0
        elif posture == "down":
            self._slide(belt_mps)

    def look(self, belt_mps: float) -> None:
        """Every 5 ms: pace, posture, balance."""
        self._delayed.append(belt_mps)
        posture = self.posture
        if posture in ("off", "off_belt", "down"):
            return
        if self._grab_onset_s <= self._clock.now_s:
            self._clock.note("grab", at_s=self._grab_onset_s)
            self._grab_onset_s = math.inf
        if posture == "losing_balance":
            self._try_balance(belt_mps)
        elif posture == "stumbling":
            if self._clock.now_s > self._stumble_from_s + 0.08:
                self._trip_n = 0.0
            if self._clock.now_s >= self._stumble_until_s:
                self._calm(belt_mps)
        else:
            self._take_posture(belt_mps)
            self._feel_braking(belt_mps)
        self._keep_pace(belt_mps)

    def _take_posture(self, belt_mps: float) -> None:
        speed = abs(belt_mps)
        self._backward = (belt_mps < 0.0) == (self.facing == "console") and speed > 0.0
        limit = self._p.backward_run_mps if self._backward else self._p.forward_run_mps
        self._running = speed > (limit - 0.08 if self._running else limit + 0.02)  # nobody changes gait twice a second
        if speed < (0.05 if self.posture in _STEPPING else _WALK_FROM_MPS):
            self.posture = "standing"
            return
        if self.posture == "standing":
            self._take_gait(speed)
        self.posture = "running" if self._running else "walking"

    def _take_gait(self, speed_mps: float) -> None:
        self.gait_mps = speed_mps
        gait = gait_at(speed_mps, self._backward, self._running)
        self._gait_hz = gait.step_hz * (1.0 + self._rng.gauss(0.0, 0.015))
        self._vertical, self._fore_aft = gait.vertical_bw, gait.fore_aft_bw

    def _next_step(self, belt_mps: float) -> None:
        """The other foot lands: a little sooner or later, harder or softer than the last."""
        self._left_step = not self._left_step
        self.steps += 1
        self._take_gait(abs(belt_mps))
        share = self._foot_share if self._left_step else 2.0 - self._foot_share
        self._scale = self._weight_n * share * (1.0 + self._rng.gauss(0.0, 0.02))

    def _calm(self, belt_mps: float) -> None:
        self.posture = "walking"
        self._trip_n = 0.0
        self._calm_from_s = self._clock.now_s + 0.7
        self._take_posture(belt_mps)

    def _feel_braking(self, belt_mps: float) -> None:
        """Braking beyond what legs follow costs a step; hands on the rail help."""
        braking_mps2 = (abs(self._delayed[0]) - abs(belt_mps)) / (len(self._delayed) * _LOOK_S)
        limit = self._p.brake_stumble_mps2 * (1.6 if self._hands.on else 1.0)
        if braking_mps2 > limit and len(self._delayed) == self._delayed.maxlen and self._clock.now_s >= self._calm_from_s:
            self._calm_from_s = self._clock.now_s + 1.5
            self.stumble("braking")

    def _try_balance(self, belt_mps: float) -> None:
        now = self._clock.now_s
        outcome = self._balance.step(_LOOK_S, now, abs(belt_mps), self._hands.grip_level(now))
        if outcome == "recovered":
            self._hands.release(now + 0.5)
            self._clock.note("recovered")
            self._calm(belt_mps)
        elif self._p.harness_fitted and self._balance.lean_rad > 0.6:
            self._go_down("harness_loaded", belt_mps)
            self.hanging = True
        elif outcome == "down":
            self._go_down("impact", belt_mps)

    def _go_down(self, name: str, belt_mps: float) -> None:
        self._lose_rail()
        self.posture = "down"
        self._body_mps = 0.0
        self._trip_n = 0.0
        self._clock.note(name, f"belt {belt_mps:+.3f} m/s")

    def _keep_pace(self, belt_mps: float) -> None:
        """Follow the belt as it was a reaction time ago, and go back to the usual place."""
        if self.posture == "standing" and belt_mps == 0.0:
            self.speed_mps = 0.0
            return
        self._drift_mps += self._rng.gauss(0.0, 0.006) - 0.01 * self._drift_mps
        gain = 1.2 if self._hands.on else 0.6
        wanted = self._delayed[0] + gain * (self.position_m - _HOME * self._deck_m) + self._drift_mps
        change = 4.0 * _LOOK_S
        self.speed_mps += max(-change, min(change, wanted - self.speed_mps))
        self.position_m += (belt_mps - self.speed_mps) * _LOOK_S
        if self.position_m > self._deck_m:
            self._leave_belt()
        elif self.position_m < _CONSOLE_M:
            if self.speed_mps - belt_mps > 0.3:
                self._clock.note("console_contact", f"{self.speed_mps - belt_mps:.2f} m/s")
            self.position_m = _CONSOLE_M
            self.speed_mps = belt_mps

    def _slide(self, belt_mps: float) -> None:
        """Lying on the belt: dragged up to its speed, then carried along to an end of it; in a harness only brushing it."""
        weight_n = self._weight_n * (0.3 if self.hanging else 1.0)
        grip_n = self._p.body_friction * weight_n
        rub_n = max(-grip_n, min(grip_n, 0.2 * 25.0 / STEP_S * (belt_mps - self._body_mps)))
        if not self.hanging:
            self._body_mps += rub_n / self._p.mass_kg * STEP_S
            self.position_m += self._body_mps * STEP_S
            if self.position_m < _CONSOLE_M:  # against the console's foot
                self.position_m = _CONSOLE_M
                self._body_mps = max(0.0, self._body_mps)
        self.fz_n = weight_n
        self.fx_n = rub_n if belt_mps > 0.0 else -rub_n
        if self.position_m > self._deck_m:
            self._leave_belt()

    def _lose_rail(self) -> None:
        self._hands.tear_off(self._clock.now_s)
        self._grab_onset_s = math.inf

    def _leave_belt(self) -> None:
        self._lose_rail()
        self.posture = "off_belt"
        self.fz_n = self.fx_n = self._trip_n = 0.0
        self._clock.note("off_belt", "rear")
