"""Bench files: which wires, which devices on them, how the enable is wired. Checked strictly: what is not understood is refused."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from treadctl_hil.altivar import AltivarSetting
from treadctl_hil.line import FRAMINGS, LineSetting
from treadctl_hil.woodway import WoodwaySetting
from treadctl_hil.world import WorldParams, home_machine, lab_machine, with_table

_LONGEST_LINE: Final = 48  # bytes of a usual sensor line …
_LONGEST_TRUNK_LINE: Final = 90  # … and of one with the worn sensor
T = TypeVar("T")


class BenchError(ValueError):
    """A bench file or override that is not understood: names section and key."""


@dataclass(frozen=True, slots=True)
class WireSetting:
    """One wire. On a pty bytes take their time; on TCP only the devices' turnaround counts."""

    kind: str = "pty"
    port: int = 0  # TCP, 0 = any free one
    baud: int = 19200
    framing: str = "8E1"
    half_duplex: bool = True
    any_baud: bool = False  # a USB device takes whatever rate the host sets
    turnaround_s: float = 0.005
    turnaround_max_s: float = 0.0  # above turnaround_s: drawn evenly between the two
    echo: bool = False
    chunk_bytes: int = 0
    usb_frame_s: float = 0.0

    def line(self) -> LineSetting:
        """The part the line itself needs."""
        return LineSetting(self.baud, self.framing, self.half_duplex, self.echo, self.chunk_bytes, self.usb_frame_s)


@dataclass(frozen=True, slots=True)
class DriveSetting:
    """The drive: its dialect, and where it is."""

    dialect: str = "altivar"
    wire: str = "drive"
    unit: int = 1
    altivar: AltivarSetting = field(default_factory=AltivarSetting)
    woodway: WoodwaySetting = field(default_factory=WoodwaySetting)


@dataclass(frozen=True, slots=True)
class IoSetting:
    """The I/O module."""

    wire: str = "io"
    unit: int = 1
    turnaround_s: float = 0.001


@dataclass(frozen=True, slots=True)
class BoardSetting:
    """The sensor board."""

    wire: str = "board"
    rate_hz: float = 100.0
    trunk: bool = False  # an inertial sensor at the person's waist, by cable or radio, is the board's too


@dataclass(frozen=True, slots=True)
class EnableSetting:
    """What stands in the line to the drive's safe-torque-off input. The contactor's delays are ordinary values for a small relay [U]."""

    device: str = "io"  # "io", "board", or "none": the input is bridged
    estop_wired: bool = True
    cord_wired: bool = False
    open_s: float = 0.005
    close_s: float = 0.010


@dataclass(frozen=True, slots=True)
class Bench:
    """A whole bench."""

    name: str
    drive: DriveSetting
    wire: Mapping[str, WireSetting]
    io: IoSetting | None = None
    board: BoardSetting | None = None
    enable: EnableSetting = field(default_factory=EnableSetting)
    world: WorldParams = field(default_factory=WorldParams)
    seed: int = 1
    tick_s: float = 0.002


def load(path: Path, overrides: Sequence[str] = ()) -> Bench:
    """Read a bench file and apply `key.key=value` overrides. Raises BenchError, OSError."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise BenchError(f"{path}: not TOML: {error}") from error
    for text in overrides:
        _override(table, text)
    return from_table(table)


def _override(table: dict[str, Any], text: str) -> None:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise BenchError(f"--set {text}: write KEY.KEY=VALUE")
    try:
        parsed = tomllib.loads(f"x = {value}")["x"]
    except tomllib.TOMLDecodeError:
        parsed = value
    *path, last = key.split(".")
    for part in path:
        inner = table.setdefault(part, {})
        if not isinstance(inner, dict):
            raise BenchError(f"--set {text}: {part} is not a section")
        table = inner
    table[last] = parsed


def from_table(table: Mapping[str, Any]) -> Bench:
    """A bench from a parsed file. Raises BenchError."""
    rest = dict(table)
    if rest.pop("format", None) != 1:
        raise BenchError("format must be 1")
    wires = {name: _fill(WireSetting(), inner, f"wire.{name}") for name, inner in _section(rest, "wire").items()}
    world = _world(_section(rest, "world"))
    drive = _fill(DriveSetting(), _section(rest, "drive"), "drive")
    io = _fill(IoSetting(), rest.pop("io"), "io") if "io" in rest else None
    board = _fill(BoardSetting(), rest.pop("board"), "board") if "board" in rest else None
    enable = _fill(EnableSetting(), _section(rest, "enable"), "enable")
    name = rest.pop("name", None)
    if not isinstance(name, str):
        raise BenchError("name is missing")
    bench = _fill(Bench(name, drive, wires, io, board, enable, world), rest, "bench")
    _check(bench)
    return bench


def _section(table: dict[str, Any], name: str) -> dict[str, Any]:
    inner = table.pop(name, {})
    if not isinstance(inner, dict):
        raise BenchError(f"[{name}] must be a section")
    return dict(inner)


def _world(table: dict[str, Any]) -> WorldParams:
    preset = table.pop("preset", "home")
    if preset not in ("home", "lab"):
        raise BenchError(f"[world] preset must be home or lab, not {preset!r}")
    try:
        return with_table(lab_machine() if preset == "lab" else home_machine(), table)
    except ValueError as error:
        raise BenchError(str(error)) from error


def _fill(into: T, table: object, where: str) -> T:
    """`into` with the table's keys put in; types must fit, nested settings are tables."""
    if not isinstance(table, Mapping) or not is_dataclass(into) or isinstance(into, type):
        raise BenchError(f"[{where}] must be a section")
    known = {f.name for f in fields(into)}
    changes: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise BenchError(f"[{where}] has no key {key!r}; known: {', '.join(sorted(known))}")
        old = getattr(into, key)
        if hasattr(old, "__dataclass_fields__"):
            changes[key] = _fill(old, value, f"{where}.{key}")
        else:
            changes[key] = _value(old, value, f"[{where}] {key}")
    return replace(into, **changes)


def _value(old: object, value: object, where: str) -> object:
    if isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not type(old) or (isinstance(value, float) and not (math.isfinite(value) and value >= 0.0)):
        raise BenchError(f"{where} = {value!r} does not fit; expected something like {old!r}")
    return value


def _one_of(value: str, allowed: Sequence[str], where: str) -> None:
    if value not in allowed:
        raise BenchError(f"{where} = {value!r}; allowed: {', '.join(allowed)}")


def _check(bench: Bench) -> None:
    for name, wire in bench.wire.items():
        _one_of(wire.kind, ("pty", "tcp"), f"[wire.{name}] kind")
        _one_of(wire.framing, FRAMINGS, f"[wire.{name}] framing")
        if wire.baud <= 0:
            raise BenchError(f"[wire.{name}] baud must be positive")
    _one_of(bench.drive.dialect, ("altivar", "woodway"), "[drive] dialect")
    _one_of(bench.drive.altivar.loss_action, ("ramp", "coast"), "[drive.altivar] loss_action")
    _one_of(bench.enable.device, ("io", "board", "none"), "[enable] device")
    used = {"drive": bench.drive.wire}
    used |= {"io": bench.io.wire} if bench.io else {}
    used |= {"board": bench.board.wire} if bench.board else {}
    for device, name in used.items():
        if name not in bench.wire:
            raise BenchError(f"[{device}] wire = {name!r}: there is no [wire.{name}]")
    if bench.io and bench.io.wire == bench.drive.wire and (bench.io.unit == bench.drive.unit or bench.drive.dialect != "altivar"):
        raise BenchError("[io] shares the drive's wire: it needs another unit number, and a drive that speaks Modbus")
    if bench.board is not None:
        _check_board(bench, bench.board)
    for name in bench.wire:
        if name not in used.values():
            raise BenchError(f"[wire.{name}] has no device")
    if bench.drive.dialect == "woodway" and bench.wire[bench.drive.wire].kind != "pty":
        raise BenchError("[drive] the woodway dialect needs a pty")
    if bench.enable.device != "none" and getattr(bench, bench.enable.device) is None:
        raise BenchError(f"[enable] device = {bench.enable.device!r}: there is no such device on this bench")
    if not 0.0005 <= bench.tick_s <= 0.02:
        raise BenchError("tick_s must lie between 0.0005 and 0.02")


def _check_board(bench: Bench, board: BoardSetting) -> None:
    wire = bench.wire[board.wire]
    if wire.kind != "pty" or [bench.drive.wire, bench.io.wire if bench.io else ""].count(board.wire):
        raise BenchError("[board] needs a pty of its own")
    if board.rate_hz <= 0.0 or board.rate_hz * (_LONGEST_TRUNK_LINE if board.trunk else _LONGEST_LINE) * wire.line().char_s > 0.8:
        raise BenchError(f"[board] rate_hz = {board.rate_hz}: too much for {wire.baud} baud")
