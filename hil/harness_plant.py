"""Who is on the other side of the daemon in a hardware-in-the-loop test: the treadmill's plant, simulated or real, and what it is asked to walk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol

import pytest

from treadctl.core.messages import Checklist
from treadctl.core.program import Block, Hands, Person, Program, Segment
from treadctl.core.prompts import PromptKind
from treadctl.core.sample import Direction, Facing
from treadctl.testing.simulated import BeltSocket

HERE: Final = Path(__file__).resolve().parent
BENCHES: Final = HERE / "benches"
SPEED_MPS: Final = 0.4
PERSON: Final = Person(75.0)
CHECKLIST: Final = Checklist("bench attendant", cord_clipped=True, clear_zone=True, shoes=True)


def segment(
    duration_s: float = 300.0,
    speed_mps: float = SPEED_MPS,
    *,
    direction: Direction = Direction.REVERSE,
    hands: Hands = Hands.FREE,
    block: Block = Block.MAIN,
    prompts: tuple[PromptKind, ...] = (),
) -> Segment:
    """One stretch of a test's program."""
    return Segment(block, f"{block.value} {speed_mps:g} m/s", duration_s, speed_mps, direction, 0.0, hands, prompts)


def program(*segments: Segment, facing: Facing = Facing.CONSOLE) -> Program:
    """A program of these segments."""
    return Program("bench", facing, segments, "0" * 64)


WALK: Final = program(segment())


def bench_file(name: str) -> Path:
    """A bench of this repository by name, or the file itself."""
    shipped = BENCHES / f"{name}.toml"
    return shipped if shipped.exists() else Path(name).resolve()


@dataclass(frozen=True, slots=True)
class Spec:
    """What a test wants of its rig. `machine` overrides keys of the machine file, `settings` those of the bench."""

    bench: str = "board-only"
    settings: tuple[str, ...] = ()
    machine: tuple[tuple[str, float], ...] = ()
    extras: bool = False
    clock_switch: bool = False
    options: tuple[str, ...] = ()


class Plant(Protocol):
    """The treadmill seen from outside the daemon: its truth, its contacts, its person, its faults."""

    @property
    def machine_file(self) -> Path:
        """The machine file that fits this treadmill."""
        ...

    def ask(self, cmd: str, **keys: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON is of no one type
        """One command and its answer."""
        ...

    def state(self) -> dict[str, Any]:
        """Speed, runner, rails, inputs, drive."""
        ...

    def runner(self, do: str) -> None:
        """Act the person."""
        ...

    def set(self, name: str, closed: bool) -> None:
        """Move a contact."""
        ...

    def fault(self, name: str, on: bool = True, **params: Any) -> None:  # noqa: ANN401
        """Throw a switch of the fault board."""
        ...

    def measurements(self) -> list[dict[str, Any]]:
        """Every measurement so far."""
        ...


class RealPlant(BeltSocket):
    """A real rig behind the same control socket. What it can't do skips the test."""

    def __init__(self, path: Path, machine_file: Path) -> None:
        super().__init__(path)
        self._machine_file = machine_file

    @property
    def machine_file(self) -> Path:
        """See Plant."""
        return self._machine_file

    def refused(self, cmd: str, keys: dict[str, Any], error: str) -> NoReturn:
        """A rig of steel has no switch for every fault."""
        pytest.skip(f"this rig cannot do {cmd} {keys}: {error}")
