"""Fixtures of console_rig, under a name of its own so that no other folder's conftest is meant by an import."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from console_rig import _no_stray_loop, clinic, desk, kiosk, machine, records

__all__ = ["_no_stray_loop", "clinic", "desk", "kiosk", "machine", "records"]
