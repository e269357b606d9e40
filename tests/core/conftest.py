"""Fixtures of the core tests."""

from __future__ import annotations

import pytest
from core_rig import Rig, make_setup


@pytest.fixture
def rig() -> Rig:
    return Rig(make_setup())
