"""A Modbus I/O module: sensors, and the enable output on a coil. Entry point: `family`."""

from __future__ import annotations

from typing import Any

from treadctl.core.sample import ChannelId
from treadctl.ports import Clock
from treadctl_drivers.io_module.config import IoModuleConfig
from treadctl_drivers.io_module.module import IoModule
from treadctl_drivers.links import ModbusLink

__all__ = ["IoModule", "IoModuleConfig", "family"]


class _IoModuleFamily:
    """See ports.DeviceFamily."""

    role: str = "sensor"
    config_model: type[Any] = IoModuleConfig
    link_kinds = frozenset({"modbus_rtu", "modbus_tcp"})

    def address(self, config: IoModuleConfig) -> int:
        """The module's unit."""
        return config.unit

    def channels(self, config: IoModuleConfig) -> frozenset[ChannelId]:
        """The channels that have an address."""
        return frozenset(config.inputs.fitted()) | frozenset(config.registers())

    def build(self, config: IoModuleConfig, link: object, clock: Clock) -> IoModule:
        """A module on `link`, which must be a ModbusLink."""
        if not isinstance(link, ModbusLink):
            raise TypeError(f"an I/O module lives on a ModbusLink, not on {type(link).__name__}")
        return IoModule(config, link, clock)


family = _IoModuleFamily()
