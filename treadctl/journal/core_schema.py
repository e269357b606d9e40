"""The schema of this release's core."""

from __future__ import annotations

from functools import cache

from treadctl.core.controller import Inputs, Output, State
from treadctl.core.setup import Setup
from treadctl.journal.schema import Schema


@cache
def core_schema() -> Schema[Inputs, Output, Setup, State]:
    """The types of `treadctl.core.controller.step`."""
    return Schema(Inputs, Output, Setup, State)
