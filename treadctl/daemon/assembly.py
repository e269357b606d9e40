"""Assembly: from a checked machine file to running devices. Links are built once and shared by the devices that name them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

from treadctl.config.machine import MachineConfig
from treadctl.errors import TreadctlError
from treadctl.ports import BeltDrive, Clock, EnableOutput, SensorSource


class Runnable(Protocol):
    """A device that only carries an output, and keeps it alive while it runs."""

    async def run(self) -> None:
        """Own the device until cancelled."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The devices of one treadmill, not yet opened: `sources` includes the one that carries the enable output if it also measures."""

    drive: BeltDrive
    sources: tuple[tuple[str, SensorSource], ...]
    enable: EnableOutput
    outputs: tuple[Runnable, ...]


def assemble(config: MachineConfig, clock: Clock) -> Machine:
    """Build every link and device. Opens nothing. Raises TreadctlError where the enable device is not an enable output."""
    links = {name: entry.family.build(entry.config, clock) for name, entry in config.links.items()}
    drive = cast("BeltDrive", config.drive.family.build(config.drive.config, links[config.drive.link], clock))
    built = {entry.name: entry.family.build(entry.config, links[entry.link], clock) for entry in config.devices}
    enable = built[config.enable.device]
    if not isinstance(enable, EnableOutput):
        raise TreadctlError("bad_value", f"{config.path} > enable > device", f"{config.enable.device} carries no enable output")
    sources = tuple((entry.name, cast("SensorSource", built[entry.name])) for entry in config.devices if entry.channels)
    outputs = tuple(cast("Runnable", built[entry.name]) for entry in config.devices if not entry.channels)
    return Machine(drive, sources, enable, outputs)
