"""The rig: the world, the devices in front of it and the wires between, moved along together."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from treadctl_hil.actuator import Actuator
from treadctl_hil.altivar import Altivar, judge, judge_pdu
from treadctl_hil.bench import Bench
from treadctl_hil.board import Board
from treadctl_hil.buses import RtuBus, Station, TcpBus, WoodwayLine
from treadctl_hil.faults import Params, Switchboard
from treadctl_hil.io_module import IoModule
from treadctl_hil.line import Line
from treadctl_hil.measure import Frame, Measurement, Measurements, Verdict, WireLog
from treadctl_hil.ports import PtyPort, TcpPort
from treadctl_hil.reactor import Reactor, Scheduler, Timer
from treadctl_hil.sensors import FEEDBACK, INPUTS, RailScale, SensorFace
from treadctl_hil.woodway import Woodway
from treadctl_hil.woodway import judge as judge_woodway
from treadctl_hil.world import World

_MARKED: Final = {"loss_of_balance": "loss_of_balance", "grab": "grab", "fall": "fall", "cord_pulled": "cord"}
_CONTACT_EVENTS: Final = {"cord_a": "cord", "cord_b": "cord", "estop": "estop", "attendant": "attendant", "harness": "harness"}


class Rig:
    """Everything but the ports. `lines` and `tcp` are what ports connect to; `step()` moves the world to now."""

    def __init__(self, bench: Bench, scheduler: Scheduler) -> None:
        self.bench = bench
        self.scheduler = scheduler
        self.started_s = scheduler.now_s()
        self.world = World(bench.world, bench.seed, self.started_s)
        self.faults = Switchboard(bench.seed)
        self.faults.on_switch = self._switched
        self.measurements = Measurements()
        self.actuator = Actuator(self.world, self.faults)
        rails = bench.world.rails
        self.face = SensorFace(self.world, self.faults, RailScale(rails.zero_counts, rails.n_per_count, rails.max_counts))
        self.logs = {name: WireLog(name) for name in bench.wire}
        self.to_host: dict[str, Callable[[bytes], None]] = {}
        self.lines: dict[str, Line] = {}
        self.tcp: dict[str, TcpBus] = {}
        self.ports: dict[str, PtyPort | TcpPort] = {}
        self.drive: Altivar | Woodway
        self.io: IoModule | None = None
        self.board: Board | None = None
        self._outputs = {"io": False, "board": False, "none": True}
        self._relay_timer: Timer | None = None
        self._relay_goal = False
        self._seen_events = 0
        self._drag_n = self.world.belt.drag_n
        self._build_lines()
        self._build_devices()
        self.world.drive.enable_relay = False

    # building --------------------------------------------------------------------------------------------------------------------------------
    def _build_lines(self) -> None:
        for name, wire in self.bench.wire.items():
            if wire.kind == "pty":
                bytewise = name == self.bench.drive.wire and self.bench.drive.dialect == "woodway"
                self.lines[name] = Line(self.scheduler, wire.line(), _ToHost(self, name), bytewise=bytewise)

    def _build_devices(self) -> None:
        bench, drive = self.bench, self.bench.drive
        stations: dict[str, list[Station]] = {}
        wire = bench.wire[drive.wire]
        if drive.dialect == "altivar":
            altivar = Altivar(drive.altivar, self.actuator, self.faults)
            self.drive = altivar
            on_frame = self._rtu_frame if wire.kind == "pty" else self._tcp_frame
            stations.setdefault(drive.wire, []).append(Station("drive", drive.unit, altivar, wire.turnaround_s, wire.turnaround_max_s, on_frame))
        else:
            woodway = Woodway(drive.woodway, self.actuator, self.faults)
            self.drive = woodway
            WoodwayLine(self.scheduler, self.lines[drive.wire], self.logs[drive.wire], self.faults, woodway, wire.turnaround_s, self._woodway_frame)
        if bench.io is not None:
            self.io = IoModule(self.face, self.faults, _Output(self, "io"))
            stations.setdefault(bench.io.wire, []).append(Station("io", bench.io.unit, self.io, bench.io.turnaround_s))
        for name, group in stations.items():
            if name in self.lines:
                RtuBus(self.scheduler, self.lines[name], self.logs[name], self.faults, group, bench.seed)
            else:
                self.tcp[name] = TcpBus(self.scheduler, self.logs[name], self.faults, group, bench.seed)
        if bench.board is not None:
            line = self.lines[bench.board.wire]
            log, setting = self.logs[bench.board.wire], bench.board
            self.board = Board(self.scheduler, line, log, self.face, self.faults, setting.rate_hz, _Output(self, "board"), setting.trunk)

    # time ------------------------------------------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Begin to live."""
        if self.board is not None:
            self.board.start()
        self._tick()

    def _tick(self) -> None:
        now = self.scheduler.now_s()
        self.step()
        self.scheduler.call_at(now + self.bench.tick_s, self._tick)

    def step(self) -> None:
        """Move the world to now and let everybody look at it."""
        now = self.scheduler.now_s()
        self.world.advance(now)
        self.drive.tick(now)
        if self.io is not None:
            self.io.tick(now)
        if self.board is not None:
            self.board.poll()
        if isinstance(self.drive, Woodway):
            self.world.belt.grade_percent = self.drive.grade_percent
        self.actuator.creep()
        self._relay()
        self.measurements.belt(self.world.now_s, self.world.belt_speed_mps, self.world.belt_travel_m)
        self._events()

    def _events(self, at_s: float | None = None) -> None:
        events = self.world.events
        while self._seen_events < len(events):
            event = events[self._seen_events]
            self._seen_events += 1
            if event.name in ("enable_open", "enable_closed"):
                self.measurements.enable(event.name == "enable_closed", event.at_s)
            elif event.name == "contact_open":
                self.measurements.mark(_CONTACT_EVENTS[event.detail], event.at_s if at_s is None else at_s, merge=True)
            elif event.name in _MARKED:
                self.measurements.mark(_MARKED[event.name], event.at_s, merge=True)

    # the enable ------------------------------------------------------------------------------------------------------------------------------
    def output(self, device: str, on: bool) -> None:
        """A device's enable contact changed."""
        self._outputs[device] = on
        self._relay()

    def _relay(self) -> None:
        setting = self.bench.enable
        goal = self._outputs[setting.device]
        if setting.estop_wired:
            goal = goal and self.face.closed("estop")
        if setting.cord_wired:
            goal = goal and self.face.closed("cord_a") and self.face.closed("cord_b")
        if self.faults.params("enable_relay_welded") is not None:
            goal = goal or self.world.drive.enable_relay
        if goal == self._relay_goal:
            return
        self._relay_goal = goal
        if self._relay_timer is not None:
            self._relay_timer.cancel()
        self._relay_timer = self.scheduler.call_at(self.scheduler.now_s() + (setting.close_s if goal else setting.open_s), self._relay_moves)

    def _relay_moves(self) -> None:
        now = self.scheduler.now_s()
        self.world.advance(now)
        if self.world.drive.enable_relay != self._relay_goal:
            self.world.drive.enable_relay = self._relay_goal
            self.drive.tick(now)

    # the drive's wire ------------------------------------------------------------------------------------------------------------------------
    def _drive_frame(self, frame: Frame, verdict: Verdict) -> None:
        self.world.advance(frame.last_s)
        self.measurements.host_frame(frame, verdict)

    def _rtu_frame(self, frame: Frame) -> None:
        self._drive_frame(frame, judge(frame.data))

    def _tcp_frame(self, frame: Frame) -> None:
        self._drive_frame(frame, judge_pdu(frame.data[7:]))

    def _woodway_frame(self, frame: Frame) -> None:
        self._drive_frame(frame, judge_woodway(frame.data))

    def host_bytes(self, wire: str, data: bytes, noise: bool) -> None:
        """Bytes of the host on a pty wire."""
        wrong = self.faults.params("baud_mismatch")
        echo = self.faults.params("echo")
        if echo is not None and echo["wire"] == wire:
            self.to_host[wire](data)
        self.lines[wire].host_sends(data, noise=noise or (wrong is not None and wrong["wire"] == wire))

    # what the control socket does ------------------------------------------------------------------------------------------------------------
    def set_contact(self, name: str, closed: bool) -> float:
        """Move a contact now; returns the instant of the edge."""
        now = self.scheduler.now_s()
        self.world.advance(now)
        self._events()
        self.world.contacts.set(name, closed)
        if self.board is not None:
            self.board.poll()  # at the edge itself, as on a board with an interrupt: a moment later the contact may have bounced back
        self._events(now)
        self.step()
        return now

    def mark(self, event: str) -> Measurement:
        """Open a measurement at this instant."""
        now = self.scheduler.now_s()
        self.world.advance(now)
        self.measurements.belt(self.world.now_s, self.world.belt_speed_mps, self.world.belt_travel_m)
        return self.measurements.mark(event, now)

    def _switched(self, name: str, on: bool, params: Params) -> None:
        if on:
            self.mark(f"fault:{name}")
        plant = self.world.drive.faults
        if name == "runaway":
            plant.speed_gain = params["gain"] if on else 1.0
        elif name == "wrong_direction":
            plant.swapped_phases = on
        elif name == "weak_brake":
            plant.brake_fraction = params["fraction"] if on else 1.0
        elif name == "slow_orders":
            plant.extra_latency_s = params["ms"] / 1000.0 if on else 0.0
        elif name == "belt_drag":
            self.world.belt.drag_n = params["newton"] if on else self._drag_n
        elif name == "trip" and on:
            self.drive.trip(params["code"])
        elif name == "brownout":
            self.drive.power(not on)
        elif name == "babble" and on:
            self._babble()
        elif name == "unplug":
            self._unplug(params["wire"], on)

    def _babble(self) -> None:
        params = self.faults.params("babble")
        if params is None or params["wire"] not in self.lines:
            return
        self.lines[params["wire"]].device_sends(self.faults.random_bytes(params["bytes"]), self.scheduler.now_s())
        self.scheduler.call_at(self.scheduler.now_s() + params["period_ms"] / 1000.0, self._babble)

    def _unplug(self, wire: str, out: bool) -> None:
        port = self.ports.get(wire)
        if port is not None:
            if out:
                port.unplug()
            else:
                port.plug()

    def state(self) -> dict[str, Any]:
        """Everything there is to see, now."""
        self.step()
        world = self.world
        force_g, rate_dps = world.trunk.felt()
        return {
            "t_s": self.scheduler.now_s(),
            "belt_speed_mps": world.belt_speed_mps,
            "belt_travel_m": world.belt_travel_m,
            "runner": {"position_m": world.runner.position_m, "posture": str(world.runner.posture), "trunk_deg": world.runner.trunk_deg},
            "trunk": {"force_g": force_g, "rate_dps": rate_dps},
            "rails": {"left_n": world.rails.left_n, "right_n": world.rails.right_n},
            "inputs": {name: self.face.closed(name) for name in (*INPUTS, FEEDBACK)},
            "drive": {**self.drive.view(), "powered": self.drive.powered, "plant": world.drive.kind, "current_a": world.drive.current_a},
            "enable_relay": world.drive.enable_relay,
            "enable_output": self._outputs[self.bench.enable.device],
            "faults": [row["name"] for row in self.faults.rows() if row["on"]],
        }


class _ToHost:
    def __init__(self, rig: Rig, wire: str) -> None:
        self._rig = rig
        self._wire = wire

    def __call__(self, data: bytes) -> None:
        send = self._rig.to_host.get(self._wire)
        if send is not None:
            send(data)


class _Output:
    def __init__(self, rig: Rig, device: str) -> None:
        self._rig = rig
        self._device = device

    def __call__(self, on: bool) -> None:
        self._rig.output(self._device, on)


class _FromHost:
    def __init__(self, rig: Rig, wire: str) -> None:
        self._rig = rig
        self._wire = wire

    def __call__(self, data: bytes, noise: bool) -> None:
        self._rig.host_bytes(self._wire, data, noise)


def open_ports(rig: Rig, reactor: Reactor, run_dir: Path) -> dict[str, Any]:
    """Create the ports of all wires in `run_dir`, write ports.json, and return what it says."""
    told: dict[str, Any] = {}
    for name, wire in rig.bench.wire.items():
        if name in rig.lines:
            pty = PtyPort(reactor, run_dir / name, None if wire.any_baud else wire.baud, _FromHost(rig, name))
            rig.ports[name] = pty
            rig.to_host[name] = pty.write
            told[name] = str(run_dir / name)
        else:
            tcp = TcpPort(reactor, wire.port, rig.tcp[name].received)
            rig.ports[name] = tcp
            told[name] = {"host": "127.0.0.1", "port": tcp.port}
    (run_dir / "ports.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return told
