"""The device family `woodway_4800` (entry-point group `treadctl.drivers`)."""

from __future__ import annotations

from typing import Any, Final

from treadctl.errors import TreadctlError
from treadctl.ports import Clock
from treadctl_drivers.links import SerialLine
from treadctl_drivers.woodway.config import WoodwayConfig
from treadctl_drivers.woodway.drive import QUIET_S, WoodwayDrive
from treadctl_drivers.woodway.frames import BAUD


class _WoodwayFamily:
    """Builds a WoodwayDrive on a serial link of 4800 8N1."""

    role: str = "drive"
    config_model: type[Any] = WoodwayConfig
    link_kinds: Final = frozenset({"serial"})

    def address(self, config: WoodwayConfig) -> None:
        """None: RS-232, the treadmill is alone on its link."""
        del config

    def build(self, config: WoodwayConfig, link: SerialLine, clock: Clock) -> WoodwayDrive:
        """See ports.DeviceFamily. Raises TreadctlError bad_value for a link that is not 4800 8N1 without echo."""
        settings = link.settings
        if (settings.baud, settings.parity, settings.stopbits, link.echo) != (BAUD, "N", 1, False):
            found = f"{settings.baud} baud, parity {settings.parity}, {settings.stopbits} stop bits"
            raise TreadctlError("bad_value", settings.port, f"{found}; this dialect is 4800 baud, parity N, one stop bit, no echo")
        return WoodwayDrive(config, link.open_bus(quiet_s=QUIET_S), clock)


family = _WoodwayFamily()
