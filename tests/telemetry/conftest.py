"""Fixtures of telemetry_rig, under a name of its own so that no other folder's conftest is meant by an import."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from telemetry_rig import bridge, broker, files, loaded, watcher

__all__ = ["bridge", "broker", "files", "loaded", "watcher"]
