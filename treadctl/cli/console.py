"""`treadctl console`: serve one door of the console."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_PATH = Path("/etc/treadctl/console.toml")


class DoorName(StrEnum):
    """Which listener."""

    KIOSK = "kiosk"
    DESK = "desk"


def command(
    door: Annotated[DoorName, typer.Option("--door", help="kiosk: the screen at the machine; desk: everybody else.")] = DoorName.DESK,
    config: Annotated[Path, typer.Option("--config", metavar="FILE", help="Settings of the console (TOML).")] = DEFAULT_PATH,
) -> None:
    """Serve the web pages of one door: people, prescriptions, the live view, records and reports. It opens no port to the machine."""
    from treadctl.console.serve import serve  # noqa: PLC0415 - half a second that no other command should wait for
    from treadctl.console.settings import Door, load  # noqa: PLC0415

    asyncio.run(serve(load(config), Door(door.value)))
