"""What the demo does while its console stays open: the person is helped up and the cord clipped on once the belt stands, and not before."""

from __future__ import annotations

from typing import Any, cast

import pytest

from treadctl.cli.demo_console import _help_up
from treadctl.testing.simulated import SimulatedBelt


class Belt:
    """A simulated belt as far as helping somebody up goes."""

    def __init__(self, speed_mps: float, posture: str, cord: bool) -> None:
        self.done: list[object] = []
        self._state = {"belt_speed_mps": speed_mps, "runner": {"posture": posture}, "inputs": {"cord_a": cord, "cord_b": True}}

    def state(self) -> dict[str, Any]:
        return self._state

    def runner(self, action: str) -> None:
        self.done.append(action)

    def set(self, name: str, *, closed: bool) -> None:
        self.done.append((name, closed))


@pytest.mark.parametrize(
    ("speed_mps", "posture", "cord", "done"),
    [
        (0.3, "fallen", False, []),
        (0.0, "fallen", False, ["mount", "hands_on", ("cord", True)]),
        (0.0, "standing", False, [("cord", True)]),
        (0.0, "standing", True, []),
    ],
)
def test_somebody_is_helped_up_once_the_belt_stands(speed_mps: float, posture: str, cord: bool, done: list[object]) -> None:
    belt = Belt(speed_mps, posture, cord)
    _help_up(cast("SimulatedBelt", belt))
    assert belt.done == done
