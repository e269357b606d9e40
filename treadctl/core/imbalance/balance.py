"""Balance: the three detectors fed with one step's measurements, and fused into one level with its reasons.

The level is that of the worst detector; two that are unsteady at about the same time are losing balance together. Latching is the interlock's work.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from treadctl.core.imbalance import footfalls as belt
from treadctl.core.imbalance import rails as handrails
from treadctl.core.imbalance import trunk as waist
from treadctl.core.imbalance.calibration import TrunkTuning
from treadctl.core.imbalance.footfalls import FootfallState
from treadctl.core.imbalance.rails import RailState
from treadctl.core.imbalance.trunk import TrunkState, Trust
from treadctl.core.imbalance.verdict import LEVEL, Imbalance, Level
from treadctl.core.program import Hands
from treadctl.core.sample import Sample
from treadctl.core.thresholds import DetectorThresholds
from treadctl.core.units import STANDARD_GRAVITY_MPS2

_QUIET: Final = (Imbalance.NONE, Imbalance.NONE, Imbalance.NONE)


@dataclass(frozen=True, slots=True)
class Scene:
    """What the controller knows of this step."""

    now_s: float
    mass_kg: float
    hands: Hands
    learning: bool
    expected_mps: float
    ramping: bool
    age_limit_s: float


@dataclass(frozen=True, slots=True)
class Balance:
    """The detectors' memory, and what they say at this step. `unsteady_s` holds when hands, trunk and feet were last unsteady."""

    rails: RailState = RailState()
    trunk: TrunkState = TrunkState()
    footfalls: FootfallState = FootfallState()
    level: Level = Level.STEADY
    reasons: tuple[Imbalance, ...] = ()
    unsteady_s: tuple[float, float, float] = (-math.inf, -math.inf, -math.inf)

    def rested(self) -> Balance:
        """Between walks of one person: what was learnt stays, all else begins anew."""
        trust = Trust.LOST if self.trunk.trust is Trust.LOST else Trust.ABSENT
        return Balance(RailState(self.rails.baseline), TrunkState(trust, self.trunk.calibration.spoil()))


def watch(balance: Balance, sample: Sample, scene: Scene, tuning: TrunkTuning | None, limits: DetectorThresholds) -> Balance:
    """The balance after this step's samples. What is stale or missing feeds nothing: the interlock judges that by its own rows."""
    footfalls = _feet(balance.footfalls, sample, scene, limits)
    rails = _hands(balance.rails, sample, scene, footfalls, limits)
    trunk = balance.trunk
    if tuning is not None:
        motion, walks = sample.trunk.fresh(scene.age_limit_s), scene.expected_mps > limits.footfalls.min_speed_mps
        trunk = waist.update(trunk, scene.now_s - (sample.trunk.age_s if motion is not None else 0.0), motion, scene.learning, walks, tuning, limits.trunk)
    verdicts = (rails.verdict, trunk.verdict, footfalls.verdict)
    if verdicts == _QUIET:
        return Balance(rails, trunk, footfalls, unsteady_s=balance.unsteady_s)
    first, second, third = (scene.now_s if LEVEL[v] >= Level.UNSTEADY else last for v, last in zip(verdicts, balance.unsteady_s, strict=True))
    level = max(LEVEL[v] for v in verdicts)
    if level is Level.UNSTEADY and sum(scene.now_s - last <= limits.together_s for last in (first, second, third)) > 1:
        level = Level.LOSING_BALANCE
    reasons = sorted((v for v in verdicts if v is not Imbalance.NONE), key=LEVEL.__getitem__, reverse=True)
    return Balance(rails, trunk, footfalls, level, tuple(reasons), (first, second, third))


def _hands(state: RailState, sample: Sample, scene: Scene, footfalls: FootfallState, limits: DetectorThresholds) -> RailState:
    left, right = sample.rail_left.fresh(scene.age_limit_s), sample.rail_right.fresh(scene.age_limit_s)
    if left is None or right is None or not (math.isfinite(left) and math.isfinite(right)):
        return state
    percent = 100.0 / (scene.mass_kg * STANDARD_GRAVITY_MPS2)
    at_s = scene.now_s - min(sample.rail_left.age_s, sample.rail_right.age_s)
    return handrails.update(state, at_s, left * percent, right * percent, scene.hands, scene.learning, limits.rails, footfalls.beat)


def _feet(state: FootfallState, sample: Sample, scene: Scene, limits: DetectorThresholds) -> FootfallState:
    """The belt's own encoder where it is fitted, else the drive's measurement."""
    status, motion, age_s = sample.drive.status, sample.belt.value, sample.belt.age_s
    if motion is None and status.value is not None:
        motion, age_s = status.value.motion, status.age_s
    if motion is None or not (math.isfinite(motion.speed_mps) and 0.0 <= age_s < math.inf):
        return state
    return belt.update(state, scene.now_s - age_s, motion.speed_mps, scene.expected_mps, scene.ramping, scene.learning, limits.footfalls)
