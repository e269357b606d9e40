"""What the sensors of the machine show, faults included: the one face that board and I/O module read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from treadctl_hil.faults import Params, Switchboard
from treadctl_hil.world import World

INPUTS: Final = ("cord_a", "cord_b", "estop", "attendant", "harness")  # bits 0 to 4, discrete inputs 0 to 4
FEEDBACK: Final = "enable_feedback"  # bit 5


@dataclass(frozen=True, slots=True)
class RailScale:
    """Converter counts of a load cell."""

    zero: int = 800
    n_per_count: float = 0.25
    full_scale: int = 16383


class SensorFace:
    """Contacts, rails and the independent encoder as they are wired to the electronics."""

    def __init__(self, world: World, faults: Switchboard, scale: RailScale) -> None:
        self._world = world
        self._faults = faults
        self._scale = scale
        self._held: dict[str, Any] = {}
        self._since_s: dict[str, float] = {}

    def closed(self, name: str) -> bool:
        """The electrical state of one input."""
        on = self._faults.params
        if name == FEEDBACK:
            stuck = on("enable_feedback_stuck")
            return self._world.drive.enable_relay if stuck is None else bool(stuck["closed"])
        if name in ("cord_a", "cord_b"):
            if on(f"{name}_stuck_closed") is not None or on("cord_short") is not None:
                return True
            if name == "cord_a" and on("cord_wire_open") is not None:
                return False
            bounce = on("cord_bounce")
            if bounce is not None and self._world.now_s * 1000.0 % bounce["period_ms"] < bounce["ms"]:
                return False
        if name == "estop" and on("estop_open") is not None:
            return False
        return self._world.contacts.closed(name)

    def bits(self) -> int:
        """All inputs as the board's line and the I/O module number them."""
        word = 0
        for k, name in enumerate((*INPUTS, FEEDBACK)):
            if self.closed(name):
                word |= 1 << k
        return word

    def rail_raw(self, side: str) -> int | None:
        """Counts of one load cell; None = the converter knows that its wire is broken."""
        source = side if self._faults.params("rail_swap") is None else {"left": "right", "right": "left"}[side]
        raw = self._world.rails.raw_left if source == "left" else self._world.rails.raw_right
        return self._spoilt(side, raw)

    def _strikes(self, name: str, side: str) -> Params | None:
        params = self._faults.params(name)
        if params is None or params["side"] not in (side, "both"):
            self._held.pop(name + side, None)
            self._since_s.pop(name + side, None)
            return None
        return params

    def _spoilt(self, side: str, raw: int) -> int | None:
        zero, scale = self._scale.zero, self._scale.n_per_count
        now = self._world.now_s
        if (fault := self._strikes("rail_drift", side)) is not None:
            raw += round(fault["n_per_s"] * (now - self._since_s.setdefault("rail_drift" + side, now)) / scale)
        if (fault := self._strikes("rail_flutter", side)) is not None and int(now * 20.0) % 2:
            raw += round(fault["newton"] / scale)
        if (fault := self._strikes("rail_stuck_on", side)) is not None:
            raw = round(zero + fault["newton"] / scale)
        if self._strikes("rail_stuck_off", side) is not None:
            raw = zero
        if self._strikes("rail_frozen", side) is not None:
            raw = int(self._held.setdefault("rail_frozen" + side, raw))
        if self._strikes("rail_short_circuit", side) is not None:
            raw = self._scale.full_scale
        return None if self._strikes("rail_broken_wire", side) is not None else raw

    def trunk_raw(self) -> tuple[int | None, ...]:
        """Six counts of the worn sensor, force and rate; all None = the board has lost it."""
        counts = self._wrapped(self._world.trunk.counts())
        if self._faults.params("trunk_swapped_axes") is not None:
            counts = (counts[2], counts[1], counts[0], counts[5], counts[4], counts[3])
        if self._faults.params("trunk_upside_down") is not None:
            counts = tuple(count if k % 3 == 0 else -count for k, count in enumerate(counts))
        if (saturated := self._faults.params("trunk_saturated")) is not None:
            counts = tuple(self._world.params.trunk.full_scale_counts if k == saturated["field"] else count for k, count in enumerate(counts))
        if self._faults.params("trunk_frozen") is not None:
            counts = self._held.setdefault("trunk_frozen", counts)
        else:
            self._held.pop("trunk_frozen", None)
        lost = self._faults.params("trunk_lost")
        if lost is None:
            self._since_s.pop("trunk_lost", None)
            self._held["trunk_lost"] = counts
            return counts
        since_s = self._world.now_s - self._since_s.setdefault("trunk_lost", self._world.now_s)
        held: tuple[int, ...] = self._held.setdefault("trunk_lost", counts)
        return held if since_s * 1000.0 < lost["repeat_ms"] else (None,) * len(counts)

    def _wrapped(self, counts: tuple[int, ...]) -> tuple[int, ...]:
        """Knocks along the first axis, of half a wave each, added as a 16-bit register that nobody guards adds them."""
        knock = self._faults.params("trunk_overflow")
        if knock is None:
            self._since_s.pop("trunk_overflow", None)
            return counts
        now_s = self._world.now_s
        into_ms = (now_s - self._since_s.setdefault("trunk_overflow", now_s)) * 1000.0 % knock["period_ms"]
        size = knock["g"] * math.sin(math.pi * into_ms / knock["ms"]) if into_ms < knock["ms"] else 0.0
        first = counts[0] + round(size / self._world.params.trunk.g_per_count)
        return ((first + 0x8000) % 0x10000 - 0x8000, *counts[1:])

    def belt_mm_s(self) -> int | None:
        """The independent encoder: signed mm/s, forward positive; None = nothing."""
        if self._faults.params("belt_sensor_lost") is not None:
            return None
        now = round(self._world.belt_speed_mps * 1000.0)
        if self._faults.params("belt_sensor_frozen") is None:
            self._held.pop("belt", None)
            return now
        return int(self._held.setdefault("belt", now))
