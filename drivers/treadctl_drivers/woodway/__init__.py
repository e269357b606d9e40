"""Woodway treadmills, the 4800-baud dialect."""

from treadctl_drivers.woodway.config import WoodwayConfig
from treadctl_drivers.woodway.drive import WoodwayDrive
from treadctl_drivers.woodway.family import family

__all__ = ["WoodwayConfig", "WoodwayDrive", "family"]
