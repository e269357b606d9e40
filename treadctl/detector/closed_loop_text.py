"""The table of a detector's outcome on the simulated treadmill, as lines for people and as plain values for JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from treadctl.detector.closed_loop import Alarms, Cell, Setting, Spread, Table

_HEAD: Final = ("m/s", "stop", "at impact m/s", "order-impact m", "under body m", "impact-rest m", "to rest s", "cord", "off")
_FALLS: Final = "Falls that nothing prevents"
_LOSSES: Final = "Losses of balance, in which a belt that slows in time lets the person recover"
_BESIDE: Final = (
    "Each figure is a median, in brackets what 90 % do not exceed. Stop `none` is the treadmill without a detector. In falls the lines of the stops",
    "hold the missed by their share (order-impact: the caught alone); in losses of balance the figures are of the caught who fell all the same, and the",
    "missed count in `recovered` only. `cord` = share whose cord pulled, `off` = share carried off the belt.",
)


def as_lines(table: Table) -> list[str]:
    """The table for a terminal, without line ends."""
    lines = ["Simulated: recorded alarms, played into falls on the simulated treadmill. No person fell on a belt.", *_machine(table.setting)]
    for title, what, alarms, cells in (
        (_FALLS, "before impact", table.leads, table.falls),
        (_LOSSES, "after loss of balance", table.onsets, table.losses),
    ):
        if cells:
            lines += ["", f"{title} (simulated)", _told(alarms, what), *_block(cells)]
    return [*lines, "", *_BESIDE]


def as_dict(table: Table) -> dict[str, Any]:
    """The table as plain values."""
    return {
        "format": 1,
        "simulated": True,
        "setting": asdict(table.setting),
        "leads": asdict(table.leads),
        "onsets": asdict(table.onsets),
        "falls": [_row(cell) for cell in table.falls],
        "losses_of_balance": [_row(cell) for cell in table.losses],
    }


def _row(cell: Cell) -> dict[str, Any]:
    row = asdict(cell)
    way: dict[str, Any] = row.pop("way")
    return way | row | {"simulated": True}


def _machine(it: Setting) -> list[str]:
    latency = "its own latency" if it.command_latency is None else f"latency {it.command_latency} s"
    if it.command_latency == "measured":
        latency = "the measured latencies of a laboratory belt"
    cord = {"power_cut": "a cord that cuts the power", "fast_stop": "a cord that asks for the fast stop", "none": "no cord"}[it.cord]
    attendant = "nobody beside it" if it.attendant_s is None else f"an attendant who presses stop {it.attendant_s:g} s after impact"
    return [
        f"Belt: {it.belt}, deck {it.deck_m:g} m, {latency}, {it.decision_s:g} s from alarm to order, SS1 {it.ramp_stop_mps2:g} m/s², SS1_FAST "
        f"{it.fast_stop_mps2:g} m/s²,",
        f"{cord}, {attendant}. Person: {it.mass_kg:g} kg, {it.draws} draws a cell, seed {it.seed}.",
    ]


def _told(alarms: Alarms, what: str) -> str:
    if alarms.p50_s is None:
        return f"All {alarms.events} missed."
    return (
        f"{alarms.events} events, {100.0 * alarms.missed_share:.1f} % missed; alarm {what}: p10 {alarms.p10_s:.3f}, p50 {alarms.p50_s:.3f}, "
        f"p90 {alarms.p90_s:.3f} s."
    )


def _block(cells: tuple[Cell, ...]) -> list[str]:
    recovery = cells[0].recovered_share is not None
    lines: list[str] = []
    for k, cell in enumerate(cells):
        if k == 0 or cells[k - 1].way != cell.way:
            lines += ["", str(cell.way), _line((*_HEAD, "recovered") if recovery else _HEAD)]
        first = k == 0 or (cells[k - 1].way, cells[k - 1].speed_mps) != (cell.way, cell.speed_mps)
        words = [
            f"{cell.speed_mps:.1f}" if first else "", cell.stop, _figure(cell.impact_mps), _figure(cell.before_m), _figure(cell.under_body_m),
            _figure(cell.after_m), _figure(cell.rest_s), _percent(cell.cord_share), _percent(cell.off_belt_share),
        ]  # fmt: skip
        words += [_percent(cell.recovered_share)] if cell.recovered_share is not None else []
        never = f"  {_percent(cell.never_at_rest_share)} still running" if cell.never_at_rest_share > 0.0 else ""
        lines.append(_line(tuple(words)) + never)
    return lines


def _line(words: tuple[str, ...]) -> str:
    widths = (4, 9, 13, 14, 13, 13, 13, 6, 6, 9)
    return " ".join(f"{word:<{width}}" if k == 1 else f"{word:>{width}}" for k, (word, width) in enumerate(zip(words, widths, strict=False))).rstrip()


def _figure(spread: Spread) -> str:
    return "-" if spread.p50 is None else f"{spread.p50:.2f} ({spread.p90:.2f})"


def _percent(share: float) -> str:
    return f"{100.0 * share:.0f} %"
