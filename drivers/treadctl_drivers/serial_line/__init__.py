"""The enable output on a control line (RTS or DTR) of a serial port. Entry point: `family`."""

from __future__ import annotations

from typing import Any

from treadctl.errors import TreadctlError
from treadctl.ports import Clock
from treadctl_drivers.links import SerialLine
from treadctl_drivers.serial_line.config import SerialLineConfig
from treadctl_drivers.serial_line.output import ControlLine

__all__ = ["ControlLine", "SerialLineConfig", "family"]


class _SerialLineFamily:
    """See ports.DeviceFamily."""

    role: str = "enable"
    config_model: type[Any] = SerialLineConfig
    link_kinds = frozenset({"serial"})

    def address(self, config: SerialLineConfig) -> None:
        """None: the port carries nothing else."""
        del config

    def build(self, config: SerialLineConfig, link: object, clock: Clock) -> ControlLine:
        """A control line of `link`, a serial link that opens with its lines down. Raises TreadctlError bad_value for one that does not."""
        if not isinstance(link, SerialLine):
            raise TypeError(f"a control line lives on a SerialLine, not on {type(link).__name__}")
        if link.settings.lines_at_open:
            raise TreadctlError("bad_value", link.settings.port, "set lines_at_open = false on this link: opening the port must not enable the drive")
        return ControlLine(config, link.open_line, clock)


family = _SerialLineFamily()
