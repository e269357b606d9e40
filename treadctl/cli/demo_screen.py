"""The demo's screen: the status view with the plan and the measured speed drawn above it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from treadctl.cli.live import render
from treadctl.core.program import Program
from treadctl.core.units import kmh_from_mps
from treadctl.ipc.messages import Event
from treadctl.ipc.snapshot import Snapshot

WIDTH: Final = 76
HEIGHT: Final = 9
PLAN: Final = "░"
MEASURED: Final = "●"


def screen(now: Snapshot, events: Sequence[Event], program: Program, track: Sequence[tuple[float, float, float]]) -> RenderableType:
    """Speed against plan, then everything `treadctl status` shows."""
    return Group(chart(program, track), render(now, events))


def chart(program: Program, track: Sequence[tuple[float, float, float]]) -> RenderableType:
    """The plan as a shaded band over program time, the measured speed as dots on it. `track` holds (elapsed s, measured m/s, commanded m/s)."""
    top_mps = max(program.max_speed_mps * 1.15, 0.1)
    cells = [[" "] * WIDTH for _ in range(HEIGHT)]
    for column in range(WIDTH):
        index = program.index_at((column + 0.5) / WIDTH * program.duration_s)
        planned_mps = program.segments[index].speed_mps if index is not None else 0.0
        for row in range(round(planned_mps / top_mps * HEIGHT)):
            cells[HEIGHT - 1 - row][column] = PLAN
    for elapsed_s, measured_mps, _ in track:
        column = min(WIDTH - 1, int(elapsed_s / program.duration_s * WIDTH))
        row = min(HEIGHT - 1, max(0, round(measured_mps / top_mps * HEIGHT) - 1))
        cells[HEIGHT - 1 - row][column] = MEASURED
    text = Text()
    for number, row_cells in enumerate(cells):
        speed_mps = (HEIGHT - number) / HEIGHT * top_mps
        text.append(f"{kmh_from_mps(speed_mps):4.1f} ", style="bright_black")
        for cell in row_cells:
            text.append(cell, style="bold cyan" if cell == MEASURED else "blue")
        text.append("\n")
    text.append(f"km/h 0:00{'':{WIDTH - 9}}{int(program.duration_s) // 60}:{int(program.duration_s) % 60:02d}", style="bright_black")
    return Panel(text, title=f"{program.name}: ░ plan  ● measured", title_align="left")
