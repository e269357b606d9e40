"""The device family `sensor_board` (entry-point group `treadctl.drivers`)."""

from __future__ import annotations

from typing import Any, Final

from treadctl.core.sample import ChannelId
from treadctl.ports import Clock
from treadctl_drivers.links import SerialLine
from treadctl_drivers.sensor_board.board import SensorBoard
from treadctl_drivers.sensor_board.config import SensorBoardConfig


class _SensorBoardFamily:
    """Builds a SensorBoard on a serial link; the baud rate is the link's."""

    role: str = "sensor"
    config_model: type[Any] = SensorBoardConfig
    link_kinds: Final = frozenset({"serial"})

    def address(self, config: SensorBoardConfig) -> None:
        """None: the board speaks without being asked, so that it is alone on its line."""
        del config

    def channels(self, config: SensorBoardConfig) -> frozenset[ChannelId]:
        """The channels taken from the board."""
        return frozenset(ChannelId(name) for name in config.channels)

    def build(self, config: SensorBoardConfig, link: SerialLine, clock: Clock) -> SensorBoard:
        """See ports.DeviceFamily."""
        return SensorBoard(config, link.open_line, clock)


family = _SensorBoardFamily()
