"""Machine configuration: `load_machine(path)` reads a TOML file, checks it completely and opens nothing."""

from treadctl.config.machine import DeviceEntry, LinkEntry, MachineConfig, load_machine
from treadctl.config.registry import FixedRegistry, InstalledRegistry, Registry
from treadctl.config.toml_file import TomlFile, join_place, read_toml

__all__ = ["DeviceEntry", "FixedRegistry", "InstalledRegistry", "LinkEntry", "MachineConfig", "Registry", "TomlFile", "join_place", "load_machine", "read_toml"]
