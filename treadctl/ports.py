"""The ports between the daemon and the outside: narrow protocols with units, timing and errors.

Time everywhere is CLOCK_MONOTONIC in seconds (`time.monotonic()`); a driver gets it as a callable and never reads a clock itself.
All callbacks run on the daemon's event loop and return within microseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from treadctl.core.messages import DriveOrder
from treadctl.core.sample import BeltMotion, ChannelId, Direction, DriveStatus, Quality, TrunkMotion

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class DriveCapabilities:
    """What this drive on this machine can do. Speeds are magnitudes in m/s; a program outside them is refused before arming."""

    directions: frozenset[Direction]
    min_speed_mps: float
    max_speed_mps: float
    speed_step_mps: float
    has_grade: bool
    max_grade_percent: float


@dataclass(frozen=True, slots=True)
class DriveReport:
    """One push of a drive: after each completed poll, and whenever identity, attestation, confirmation or link changes.

    `at_s` is the instant the reply's last byte was received. `status` None = no valid status (link down, implausible reply).
    """

    at_s: float
    status: DriveStatus | None
    quality: Quality
    identified: bool
    watchdog_s: float | None
    confirmed_order: int


@dataclass(frozen=True, slots=True)
class LinkStats:
    """Counters of one bus or stream since it was opened, for the service page, doctor and telemetry."""

    exchanges: int = 0
    timeouts: int = 0
    mismatches: int = 0  # wrong unit, function, address, value or count
    crc_errors: int = 0
    late_replies: int = 0
    reconnects: int = 0
    round_trip_p50_s: float = 0.0
    round_trip_max_s: float = 0.0


class BeltDrive(Protocol):
    """A treadmill drive.

    `run` owns the device until it is cancelled: it connects (and reconnects, never giving up, at most 1 s apart), identifies the machine, attests
    its watchdog, then polls as fast as the wire allows with reads of at most 4 registers while moving. It never raises for trouble on the wire:
    trouble is a report. Until the identity matched, nothing is ever written.
    """

    @property
    def capabilities(self) -> DriveCapabilities:
        """What this drive can do on this machine."""
        ...

    async def run(self, sink: Callable[[DriveReport], None]) -> None:
        """Own the device until cancelled; push reports."""
        ...

    def apply(self, order: DriveOrder) -> None:
        """Take the newest order. Synchronous and cheap; called at every step, also when nothing changed.

        A new stop is written before this returns if the bus is idle; otherwise it is the very next frame, ahead of everything queued. It is
        repeated at most 50 ms apart until echo and read-back agree. A motion write is never retried by the link. An order is a lease: if `apply`
        has not been called for `lease_s` (0.2 s) the driver goes on as if DriveMode.STOP had been ordered.
        """

    def stats(self) -> LinkStats:
        """Counters of its link."""
        ...


@dataclass(frozen=True, slots=True)
class ChannelReading:
    """One channel of one sensor frame. `value` is bool for contacts, float for levels, BeltMotion, TrunkMotion, None unless GOOD."""

    channel: ChannelId
    value: bool | float | BeltMotion | TrunkMotion | None
    quality: Quality


@dataclass(frozen=True, slots=True)
class SensorFrame:
    """What one source measured at one instant. `at_s` is the acquisition instant as far as the source can know it, never later than receipt."""

    at_s: float
    readings: tuple[ChannelReading, ...]


class SensorSource(Protocol):
    """A source of channels. `run` owns the device until cancelled, reconnects by itself, pushes every frame as soon as its last byte is in."""

    @property
    def channels(self) -> frozenset[ChannelId]:
        """The channels it provides."""
        ...

    async def run(self, sink: Callable[[SensorFrame], None]) -> None:
        """Own the device until cancelled; push frames."""
        ...

    def stats(self) -> LinkStats:
        """Counters of its link."""
        ...


@runtime_checkable
class EnableOutput(Protocol):
    """The enable output to the drive's STO input. It drops by itself when not renewed: the far end holds the timer.

    `set_enable(True)` is called at every step while power is wanted; the device renews the far end at most 100 ms apart, and only while the last
    `set_enable(True)` is younger than 0.2 s. `set_enable(False)` goes ahead of every queued read.
    """

    def set_enable(self, on: bool) -> None:
        """Want power, or not."""
        ...


class LinkFamily(Protocol):
    """A kind of link (entry-point group `treadctl.links`): checks its table of the machine file, then builds the shared bus."""

    config_model: type[Any]  # a strict, frozen pydantic model

    def least_exchange_s(self, config: Any) -> float:  # noqa: ANN401 - each family has a model of its own
        """The least time, s, that a device which answers at once needs the wire for two registers, silence included; 0 where bytes are not paced."""
        ...

    def build(self, config: Any, clock: Clock) -> object:  # noqa: ANN401 - each family has a model of its own
        """Build the bus; opens nothing."""
        ...


class DeviceFamily(Protocol):
    """A kind of device (entry-point group `treadctl.drivers`).

    `role` is "drive", "sensor" or "enable" (a sensor device may also be an EnableOutput: the daemon asks with isinstance). `link_kinds` names
    the links it can live on. `address(config)` is what must be unique on one link, or None for a device that owns its link alone.
    """

    role: str
    config_model: type[Any]
    link_kinds: frozenset[str]

    def address(self, config: Any) -> int | None:  # noqa: ANN401 - each family has a model of its own
        """Its address on the link."""
        ...

    def build(self, config: Any, link: object, clock: Clock) -> object:  # noqa: ANN401
        """Build the device on a link of one of its kinds; opens nothing."""
        ...

