"""Writes the daemon's machine file that fits a running bench, ports filled in, socket and journal inside the run directory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from treadctl_hil.bench import Bench
from treadctl_hil.world import WorldParams

_FAMILY = {"io": "io_module", "board": "sensor_board"}


def machine_file(bench: Bench, ports: Mapping[str, Any], run_dir: Path) -> str:
    """The text of the machine file."""
    sections = [
        "# Written by the simulated treadmill for one run; the ports vanish with it.",
        "format = 1",
        "",
        "[machine]",
        f"name = {json.dumps(bench.name)}",
        f"deck_length_m = {bench.world.belt.deck_length_m}",
        "",
        _limits(bench.world),
        _safety(bench),
        *(_link(bench, name, ports[name]) for name in bench.wire),
        _drive(bench),
    ]
    if bench.board is not None:
        sections.append(_board(bench))
    if bench.io is not None:
        sections.append(_io(bench))
    if bench.enable.device in _FAMILY:
        sections.append(f'[enable]\ndevice = "{_FAMILY[bench.enable.device]}"\n')
    socket, journal = json.dumps(str(run_dir / "ctl.sock")), json.dumps(str(run_dir / "journal"))
    sections.append(f"[daemon]\ntick_s = 0.02\nsocket = {socket}\njournal_dir = {journal}\n")
    return "\n".join(sections)


def _limits(world: WorldParams) -> str:
    drive = world.drive
    return "\n".join((
        "[limits]",
        "max_speed_forward_mps = 4.0",
        "max_speed_reverse_mps = 2.2",
        f"max_acceleration_mps2 = {drive.ramp_up_mps2}",
        f"max_deceleration_mps2 = {drive.ramp_down_mps2}",
        "max_jerk_mps3 = 1.0",
        f"protective_deceleration_mps2 = {drive.ramp_stop_mps2}",
        f"fast_deceleration_mps2 = {drive.fast_stop_mps2}",
        "max_grade_percent = 0.0",
        "max_grade_rate_percent_per_s = 0.033",
        "max_duration_s = 2400.0",
        "",
    ))


def _safety(bench: Bench) -> str:
    wiring = "drive_enable" if bench.enable.cord_wired else "input_only"
    drive_age_s = 0.3 if bench.drive.dialect == "woodway" else max(0.25, (20.0 if _shared(bench) else 8.0) * _exchange_s(bench))
    return "\n".join((
        "[safety]",
        f'cord_wiring = "{wiring}"',
        'proof = ["cord_a", "cord_b"]',
        "sensor_age_limit_s = 0.1",
        f"drive_age_limit_s = {drive_age_s:.3f}",
        f"stop_confirm_limit_s = {_confirm_limit_s(bench):.3f}",
        "drive_watchdog_limit_s = 0.5",
        "",
    ))


def _confirm_limit_s(bench: Bench) -> float:
    """Time for a poll in flight, the stop's echo, the setpoint's zero and the read-back, and 30 ms: beyond 115 ms on slow wires only.

    A Woodway has no register to read back: there the falling speed confirms, in steps of a tenth of a mile per hour.
    """
    if bench.drive.dialect == "woodway":
        return 0.3
    return min(0.3, max(0.115, (8.0 if _shared(bench) else 4.0) * _exchange_s(bench) + 0.03))


def _shared(bench: Bench) -> bool:
    """Whether the I/O module's two reads go between any two exchanges of the drive."""
    return bench.io is not None and bench.io.wire == bench.drive.wire


def _exchange_s(bench: Bench) -> float:
    """About what one exchange takes on the drive's wire, s; nothing on TCP."""
    wire = bench.wire[bench.drive.wire]
    return 0.0 if wire.kind != "pty" else 16 * 11 / wire.baud + 0.004 + max(wire.turnaround_s, wire.turnaround_max_s)


def _link(bench: Bench, name: str, port: object) -> str:
    wire = bench.wire[name]
    head = f"[links.{name}_link]\n"
    if isinstance(port, dict):
        return head + f'kind = "modbus_tcp"\nhost = "{port["host"]}"\nport = {port["port"]}\n'
    text = head + f'port = {json.dumps(port)}\nbaud = {wire.baud}\nparity = "{wire.framing[1]}"\nstopbits = {wire.framing[2]}\n'
    if wire.echo:
        text += "echo = true\n"
    modbus = (name == bench.drive.wire and bench.drive.dialect == "altivar") or (bench.io is not None and name == bench.io.wire)
    if not modbus:
        return text + 'kind = "serial"\n'
    slowest_s = max(wire.turnaround_s, wire.turnaround_max_s)
    return text + f'kind = "modbus_rtu"\nturnaround_max_s = {min(0.04, slowest_s + 0.015):.4f}\n'


def _drive(bench: Bench) -> str:
    drive = bench.drive
    head = f'[drive]\nlink = "{drive.wire}_link"\nmax_speed_mps = 4.0\nreverse = true\nwatchdog_s = 0.5\n'
    if drive.dialect == "woodway":
        return head + f'driver = "woodway_4800"\nfirmware = "{drive.woodway.firmware_hex.upper()}"\nspeed_unit = "mph"\n'
    altivar = drive.altivar
    return head + "\n".join((
        'driver = "altivar"',
        f"unit = {drive.unit}",
        f"m_per_s_per_rpm = {altivar.m_per_s_per_rpm}",
        "watchdog_register = 6005",
        f"identity = {{ vendor = {json.dumps(altivar.vendor)}, product = {json.dumps(altivar.product[:6])} }}",
        "",
    ))


def _rails(bench: Bench) -> str:
    rails = bench.world.rails
    one = f"{{ zero = {rails.zero_counts}, n_per_count = {rails.n_per_count}, raw_min = 100, raw_max = 8000 }}"
    return f"rails = {{ left = {one}, right = {one} }}"


def _board(bench: Bench) -> str:
    board = bench.board
    wire = "" if board is None else board.wire
    channels = ["cord_a", "cord_b", "rail_left", "rail_right", "belt"]
    if bench.io is None:
        channels += ["estop", "attendant", "harness", "enable_feedback"]
    trunk = ""
    if board is not None and board.trunk:
        channels.append("trunk")
        worn = bench.world.trunk
        trunk = f"trunk = {{ g_per_count = {worn.g_per_count}, dps_per_count = {worn.dps_per_count}, full_scale_counts = {worn.full_scale_counts} }}\n"
    return f"""[[devices]]
driver = "sensor_board"
link = "{wire}_link"
channels = {json.dumps(channels)}
{_rails(bench)}
{trunk}"""


def _io(bench: Bench) -> str:
    io = bench.io
    if io is None:
        return ""
    text = f'[[devices]]\ndriver = "io_module"\nlink = "{io.wire}_link"\nunit = {io.unit}\n'
    if bench.board is not None:
        text += "poll_period_s = 0.02\ninputs = { estop = 2, attendant = 3, harness = 4, enable_feedback = 5 }\n"
    else:  # nobody else reads cord, rails and encoder
        text += "inputs = { cord_a = 0, cord_b = 1, estop = 2, attendant = 3, harness = 4, enable_feedback = 5 }\n"
        rails = bench.world.rails
        scale = f"zero = {rails.zero_counts}, n_per_count = {rails.n_per_count}, raw_min = 100, raw_max = 8000"
        text += f"rails = {{ left = {{ register = 0, {scale} }}, right = {{ register = 1, {scale} }} }}\nbelt_register = 2\n"
    if _shared(bench) and _exchange_s(bench) > 0.012:
        text += "output_watchdog_ms = 250\n"  # renewals are half of it apart, at most 0.1 s: a slow line has room for no more
    return text + ("enable_coil = 0\n" if bench.enable.device == "io" else "")
