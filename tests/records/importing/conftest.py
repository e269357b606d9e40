"""Lets the tests of this folder import the machine that stands beside them, and writes the journals they read."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from importing_rig import JOURNALS


@pytest.fixture(scope="session")
def journals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A journal of each kind; read them, never write them."""
    root = tmp_path_factory.mktemp("journals")
    for name, write in JOURNALS.items():
        (root / name).mkdir()
        write(root / name)
    return {name: root / name for name in JOURNALS}
