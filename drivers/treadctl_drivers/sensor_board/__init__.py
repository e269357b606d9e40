"""A microcontroller board that streams sensor lines and holds the enable relay."""

from treadctl_drivers.sensor_board.board import SensorBoard
from treadctl_drivers.sensor_board.config import SensorBoardConfig
from treadctl_drivers.sensor_board.family import family

__all__ = ["SensorBoard", "SensorBoardConfig", "family"]
