"""The schema of this release's core."""

from __future__ import annotations

from functools import cache

from treadctl.core.controller import Inputs, Output, State
from treadctl.core.interlock import ROWS
from treadctl.core.setup import Setup
from treadctl.journal.schema import Schema


@cache
def core_schema() -> Schema[Inputs, Output, Setup, State]:
    """The types of `treadctl.core.controller.step`; a cause is the number of its row, so that the order of the rows belongs to them."""
    return Schema(Inputs, Output, Setup, State, tuple(row.id for row in ROWS))
