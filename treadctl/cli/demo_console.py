"""The console beside the demo: a sample clinic in the records, both doors open, and a stage hand who keeps the simulated person on the belt."""

from __future__ import annotations

import secrets
import select
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from treadctl.testing.console_stand import Doors, is_free, write_settings
from treadctl.testing.simulated import SimulatedBelt

PORTS: Final = (8480, 8481)
WORDS: Final = ("amber", "birch", "canal", "delta", "ember", "fjord", "glade", "heron", "inlet", "juniper", "kelp", "lagoon", "meadow", "north", "ocean")
LOOKS_EVERY_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Sample:
    """The settings of a console whose records hold the sample clinic, and what its users sign on with."""

    settings: Path
    password: str
    pin: str


def sample_console(machine_file: Path, run_dir: Path, seed: int) -> Sample:
    """Fill new records with the sample clinic of this seed; the doors will open at the usual ports where they are free."""
    from treadctl.console.accounts import new_pin  # noqa: PLC0415 - only where a console is wanted
    from treadctl.testing.seeding import Secrets, seed_records  # noqa: PLC0415

    settings = write_settings(run_dir, machine_file, ports=PORTS if all(map(is_free, PORTS)) else None)
    sample = Sample(settings, " ".join(secrets.choice(WORDS) for _ in range(4)), new_pin())
    seed_records(sample.settings, seed, Secrets(sample.password, sample.pin))
    return sample


def tell(console: Console, sample: Sample, doors: Doors) -> None:
    """Where it is, and how one gets in."""
    console.print(f"[bold]At the machine[/] {doors.kiosk_url}/  pairing PIN [bold]{doors.pairing_pin}[/] (good once); attendants' PIN [bold]{sample.pin}[/]")
    console.print(f"[bold]At a desk[/]      {doors.desk_url}/  login physiotherapist, physician or administrator; password: [bold]{sample.password}[/]")
    console.print("People, prescriptions and sessions in it are made from a seed; nobody is real.")


def stay(console: Console, belt: SimulatedBelt) -> None:
    """Keep it all running until q or Ctrl-C; meanwhile act what is typed, and help the simulated person up whenever the belt stands."""
    console.print("\nThe console stays open. Type c = pull the cord, g = lose balance, then Enter; q ends.")
    console.print("Once the belt stands the person is helped up and the cord clipped on; the reset is yours, at the machine's page.")
    try:
        while True:
            typed = _line(LOOKS_EVERY_S)
            if typed in {"q", None}:
                return
            if typed == "c":
                belt.set("cord", closed=False)
            elif typed == "g":
                belt.runner("lose_balance")
            else:
                _help_up(belt)
    except KeyboardInterrupt:
        return


def _line(limit_s: float) -> str | None:
    """What was typed within so long, empty for nothing, None at the end of input."""
    if not select.select([sys.stdin], [], [], limit_s)[0]:
        return ""
    line = sys.stdin.readline()
    return line.strip().lower() if line else None


def _help_up(belt: SimulatedBelt) -> None:
    """Once the belt stands: the person on it again, hands on the rails, the cord clipped on; a reset is left to whoever sits at the console."""
    state = belt.state()
    if abs(float(state["belt_speed_mps"])) >= 0.01:
        return
    if state["runner"]["posture"] != "standing":
        belt.runner("mount")
        belt.runner("hands_on")
    if not (state["inputs"]["cord_a"] and state["inputs"]["cord_b"]):
        belt.set("cord", closed=True)
