"""Between a drive's dialect and its shaft: where a drive can say one thing and do another."""

from __future__ import annotations

from typing import Final

from treadctl_hil.faults import Switchboard
from treadctl_hil.world import OrderKind, World

STANDING_MPS: Final = 0.01
_KINDS: Final[dict[str, OrderKind]] = {"run": "run", "ramp_stop": "ramp_stop", "fast_stop": "fast_stop", "coast": "coast"}


class Actuator:
    """Passes orders to the plant and speed back from it, both through the fault switchboard. Speeds are signed, forward positive."""

    def __init__(self, world: World, faults: Switchboard) -> None:
        self._world = world
        self._faults = faults
        self._frozen_mps: float | None = None
        self._ordered_mps = 0.0

    def order(self, kind: str, target_mps: float, ramp_mps2: float | None = None) -> None:
        """Order the plant: run, ramp_stop, fast_stop or coast."""
        stop = kind != "run" or target_mps == 0.0
        if self._faults.params("drive_ignores_stop") is not None and (stop or abs(target_mps) < abs(self._ordered_mps)):
            return
        self._ordered_mps = 0.0 if stop else target_mps
        slow = self._faults.params("drive_stops_slowly")
        if slow is not None and kind in ("ramp_stop", "fast_stop"):
            ramp_mps2 = slow["mps2"]
        if kind in ("ramp_stop", "fast_stop") and self._faults.params("coast_after_stop") is not None:
            kind = "coast"
        self._world.drive.order(_KINDS[kind], target_mps, ramp_mps2)

    def creep(self) -> None:
        """The creep fault: at standstill, with nothing ordered, the belt sets off by itself."""
        fault = self._faults.params("creep_at_standstill")
        if fault is not None and self._ordered_mps == 0.0 and abs(self.speed_mps) < fault["mps"] / 2.0:
            self._world.drive.order("run", fault["mps"])

    @property
    def relay_closed(self) -> bool:
        """The safe-torque-off input."""
        return self._world.drive.enable_relay

    @property
    def speed_mps(self) -> float:
        """What the drive's own encoder sees."""
        return self._world.drive.measured_speed_mps

    @property
    def reported_speed_mps(self) -> float:
        """What it tells of it."""
        if self._faults.params("speed_frozen") is not None:
            if self._frozen_mps is None:
                self._frozen_mps = self.speed_mps
            return self._frozen_mps
        self._frozen_mps = None
        return self.speed_mps

    @property
    def current_a(self) -> float:
        """Motor current."""
        return self._world.drive.current_a

    @property
    def standing(self) -> bool:
        """Whether the belt is at rest."""
        return abs(self._world.drive.measured_speed_mps) < STANDING_MPS

    @property
    def at_target(self) -> bool:
        """Whether the speed is near the one ordered."""
        return abs(self.speed_mps - self._ordered_mps) < 0.05
