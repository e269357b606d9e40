"""Fixtures of the reports' tests; what they are built from is reports_rig, so that no other folder's conftest is meant by an import."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import reports_rig as rig

from treadctl.records.model import Session


@pytest.fixture(scope="session")
def stopped() -> Session:
    return rig.session()


@pytest.fixture(scope="session")
def finished() -> Session:
    return rig.finished()


@pytest.fixture(scope="session", params=["stopped", "finished", "empty", "absurd", "crowded"])
def any_session(request: pytest.FixtureRequest) -> Session:
    """Every kind of session there is in these tests."""
    builders = {"stopped": rig.session, "finished": rig.finished, "empty": rig.empty, "absurd": rig.absurd, "crowded": rig.crowded}
    return builders[request.param]()
