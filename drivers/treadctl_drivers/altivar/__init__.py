"""Schneider Altivar drives (ATV12, 312, 320, 9xx) over Modbus RTU or TCP. Entry point: `family`."""

from __future__ import annotations

from typing import Any

from treadctl.ports import Clock
from treadctl_drivers.altivar.config import AltivarConfig
from treadctl_drivers.altivar.drive import AltivarDrive
from treadctl_drivers.links import ModbusLink

__all__ = ["AltivarConfig", "AltivarDrive", "family"]


class _AltivarFamily:
    """See ports.DeviceFamily."""

    role = "drive"
    config_model: type[Any] = AltivarConfig
    link_kinds = frozenset({"modbus_rtu", "modbus_tcp"})

    def address(self, config: AltivarConfig) -> int:
        """The station address."""
        return config.unit

    def build(self, config: AltivarConfig, link: object, clock: Clock) -> AltivarDrive:
        """A drive on `link`, which must be a ModbusLink."""
        if not isinstance(link, ModbusLink):
            raise TypeError(f"an Altivar lives on a ModbusLink, not on {type(link).__name__}")
        return AltivarDrive(config, link, clock)


family = _AltivarFamily()
