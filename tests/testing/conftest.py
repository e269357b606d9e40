"""One clinic for all tests: it costs most of a second, and nothing can change it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from treadctl.testing.clinic import Clinic, make_clinic

ZONE = ZoneInfo("Europe/Berlin")  # summer time ends within its three months
NOW = datetime(2026, 11, 27, 13, 20, tzinfo=UTC)  # a Friday


@pytest.fixture(scope="session")
def clinic() -> Clinic:
    return make_clinic(7, NOW, ZONE)
