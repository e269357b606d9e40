"""The rig that the hardware-in-the-loop tests run on: a treadmill (simulated or real), the daemon as its own process, and a client of its socket.

A bench file chooses the treadmill. One of hil/benches starts the simulated one. A file with `plant_socket` and `machine` describes a real rig: a program
beside it moves contacts and measures the belt over the same control socket that docs/reference/simulated-belt.md describes; what it answers with
"unknown" cannot be done there, and the test that needs it is skipped.

Every wait has a deadline and looks for the thing waited for. No test judges milliseconds: that is the benchmark's work.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import harness_extras
import pytest

from treadctl.core.interlock import INDEX, ROWS, Clears
from treadctl.core.messages import Checklist, RequestKind
from treadctl.core.program import Block, Hands, Person, Program, Segment
from treadctl.core.prompts import PromptKind
from treadctl.core.requests import NOT_STILL
from treadctl.core.sample import Direction, Facing
from treadctl.errors import TreadctlError
from treadctl.ipc.asking import RefusedError
from treadctl.ipc.client import Client
from treadctl.ipc.messages import Accepted, ArmArgs, Event
from treadctl.ipc.snapshot import Snapshot
from treadctl.journal.verify import verify
from treadctl.testing.simulated import end_process, simulated_belt, wait_for

HERE: Final = Path(__file__).resolve().parent
BENCHES: Final = HERE / "benches"
SPEED_MPS: Final = 0.4
PERSON: Final = Person(75.0)
CHECKLIST: Final = Checklist("bench attendant", cord_clipped=True, clear_zone=True, shoes=True)
MOVING: Final = frozenset({"warm_up", "running", "hold", "cool_down", "stopping"})
REST_MPS: Final = 0.02
CONTACTS: Final = ("cord", "cord_a", "cord_b", "estop", "attendant", "harness")


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


def require(holds: object, message: str) -> None:
    """Fail the test with this message unless it holds."""
    if not holds:
        pytest.fail(message, pytrace=True)


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

    machine_file: Path

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


class RealPlant:
    """A real rig behind the same control socket. What it can't do skips the test."""

    def __init__(self, path: Path, machine_file: Path) -> None:
        self.machine_file = machine_file
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(5.0)
        self._socket.connect(str(path))
        self._file = self._socket.makefile("rw", encoding="utf-8", newline="\n")

    def ask(self, cmd: str, **keys: Any) -> dict[str, Any]:  # noqa: ANN401
        """See Plant."""
        self._file.write(json.dumps({"cmd": cmd, **keys}) + "\n")
        self._file.flush()
        answer: dict[str, Any] = json.loads(self._file.readline())
        if not answer.get("ok"):
            pytest.skip(f"this rig cannot do {cmd} {keys}: {answer.get('error')}")
        return answer

    def state(self) -> dict[str, Any]:
        """See Plant."""
        return self.ask("state")

    def runner(self, do: str) -> None:
        """See Plant."""
        self.ask("runner", do=do)

    def set(self, name: str, closed: bool) -> None:
        """See Plant."""
        self.ask("set", input=name, closed=closed)

    def fault(self, name: str, on: bool = True, **params: Any) -> None:  # noqa: ANN401
        """See Plant."""
        self.ask("fault", name=name, on=on, params=params)

    def measurements(self) -> list[dict[str, Any]]:
        """See Plant."""
        return list(self.ask("measurements")["measurements"])

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()


class Rig:
    """One treadmill and one daemon. `belt` is the plant, `client` the control socket. Made by the fixture `rig`."""

    def __init__(self, spec: Spec, bench: Path, without_row: str | None = None) -> None:
        self.spec = spec
        self.spent = False  # True: not to be used by another test
        self.cut_short = False  # the daemon was killed: its journal may end in the middle of a batch
        self.journal_lost = False  # the test took the journal away
        self._without_row = without_row
        self._stack = ExitStack()
        self.run_dir = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="hil-")))
        self._starts = 0
        self._seen_seq = 0
        self._judged = 0
        self.daemon: subprocess.Popen[str] | None = None
        try:
            self.belt: Plant = self._plant(bench)
            self._original = self.belt.machine_file.read_text(encoding="utf-8")
            self.start_daemon()
        except BaseException:
            self.close()
            raise

    def _plant(self, bench: Path) -> Plant:
        table = tomllib.loads(bench.read_text(encoding="utf-8"))
        if "plant_socket" not in table:
            belt = self._stack.enter_context(simulated_belt(bench, self.run_dir, settings=self.spec.settings))
            if belt.process.stdout is not None:
                self._stack.callback(belt.process.stdout.close)
            return belt
        if self.spec.settings or self.spec.machine:
            pytest.skip("this test changes the bench itself, which a real rig does not allow")
        real = RealPlant(Path(table["plant_socket"]), bench.parent / table["machine"])
        self._stack.callback(real.close)
        return real

    # the daemon ------------------------------------------------------------------------------------------------------------------------------
    @property
    def socket(self) -> Path:
        """The control socket."""
        return self.run_dir / "ctl.sock"

    @property
    def journal(self) -> Path:
        """The journal of the daemon that runs now, or ran last."""
        return self.run_dir / f"journal-{self._starts}"

    @property
    def log(self) -> str:
        """What this daemon wrote to standard error."""
        return (self.run_dir / f"daemon-{self._starts}.log").read_text(encoding="utf-8")

    def machine_text(self) -> str:
        """The machine file of the next daemon: this rig's socket, a fresh journal, and the overrides of the test."""
        text = self._original
        changes: Mapping[str, object] = {"socket": json.dumps(str(self.socket)), "journal_dir": json.dumps(str(self.journal)), **dict(self.spec.machine)}
        for key, value in changes.items():
            text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
            require(count == 1, f"the machine file has {count} lines {key} = …")
        return text + (harness_extras.MACHINE_SECTIONS.format(path=self.run_dir / "extras.sock") if self.spec.extras else "")

    def command(self) -> list[str]:
        """What starts a daemon for this rig: the real one, or a doctored one where the test or tools/prove-interlocks asks for it."""
        doctored = [*(["--without-row", self._without_row] if self._without_row else []), *(["--clock-switch"] if self.spec.clock_switch else [])]
        module = "harness_daemon" if doctored else "treadctl.daemon.main"
        return [sys.executable, "-m", module, *doctored, str(self.run_dir / "rig.toml")]

    def environment(self) -> dict[str, str]:
        """The daemon's environment: with this folder's modules where they are needed, and the extra channels as an installed package."""
        paths = [str(HERE)]
        if self.spec.extras:
            package = self.run_dir / "site" / "bench_extras-0.dist-info"
            package.mkdir(parents=True, exist_ok=True)
            (package / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-extras\nVersion: 0\n", encoding="utf-8")
            (package / "entry_points.txt").write_text(harness_extras.ENTRY_POINTS, encoding="utf-8")
            paths.append(str(package.parent))
        return {**os.environ, "PYTHONPATH": os.pathsep.join([*paths, os.environ.get("PYTHONPATH", "")])}

    def start_daemon(self) -> None:
        """Start the daemon and connect. It wakes up tripped and with nothing proven."""
        self._starts += 1
        (self.run_dir / "rig.toml").write_text(self.machine_text(), encoding="utf-8")
        with (self.run_dir / f"daemon-{self._starts}.log").open("w", encoding="utf-8") as out:
            self.daemon = subprocess.Popen(self.command(), stdout=out, stderr=out, text=True, env=self.environment())  # noqa: S603 - our own program
        self._seen_seq = 0
        self.cut_short = False
        self.client = wait_for(self._connected, 15.0, "the daemon")

    def _connected(self) -> Client | None:
        daemon = self.daemon
        if daemon is None or daemon.poll() is not None:
            raise TreadctlError("no_daemon", str(self.run_dir), self.log.strip())
        with suppress(TreadctlError):
            return Client(self.socket, "hil", timeout_s=5.0)
        return None

    def reconnect(self) -> None:
        """A new connection in place of one that was closed."""
        self.client = wait_for(self._connected, 5.0, "the daemon")

    @property
    def alive(self) -> bool:
        """Whether the daemon runs."""
        return self.daemon is not None and self.daemon.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the daemon."""
        require(self.daemon is not None and self.alive, "the daemon is not running")
        if self.daemon is not None:
            self.daemon.send_signal(number)
            self.cut_short = self.cut_short or number is signal.SIGKILL

    def frozen(self, seconds: float) -> None:
        """Keep the daemon from running for so long (and as much longer as this computer takes)."""
        self.signal(signal.SIGSTOP)
        time.sleep(seconds)  # this is the provocation, not a wait for its result
        self.signal(signal.SIGCONT)

    def stop_daemon(self) -> int:
        """SIGTERM, wait, and check its journal. The exit code."""
        if self.daemon is None:
            return 0
        with suppress(TreadctlError, AttributeError):
            self.client.close()
        code = end_process(self.daemon, 30.0)
        self.daemon = None
        self.check_journal()
        return code

    def restart(self) -> None:
        """End the daemon in order and start another: what a cause that never clears takes."""
        code = self.stop_daemon()
        require(code == 0, f"the daemon ended with {code}:\n{self.log}")
        self.start_daemon()

    def check_journal(self) -> None:
        """The journal is whole; after a kill nothing but its very end may be missing."""
        if self.journal_lost:
            return
        report = verify(self.journal)
        require(report.intact if self.cut_short else report.ok, f"journal of {self.run_dir}: {[str(p) for p in report.problems]}")

    def close(self) -> None:
        """End everything. The exit code of the daemon is judged by `finish`."""
        with self._stack:
            if self.daemon is not None:
                with suppress(OSError, ValueError):
                    self.daemon.send_signal(signal.SIGCONT)
                end_process(self.daemon, 30.0)
                self.daemon = None

    # what the attendant does -----------------------------------------------------------------------------------------------------------------
    def heal(self) -> None:
        """Everything on the treadmill put right, and a person on it who holds the rails lightly."""
        for name in self.belt.state()["faults"]:
            self.belt.fault(name, on=False)
        for name in CONTACTS:
            self.belt.set(name, closed=True)
        self.belt.runner("dismount")
        wait_for(self.belt_rests, 15.0, "the belt at rest")
        self.belt.runner("mount")
        self.belt.runner("hands_on")

    def fresh(self) -> None:
        """Idle, proven, healed: where most tests begin. A new daemon where the old one has ended or holds a cause that never clears."""
        self.heal()
        if not self.alive:
            self.start_daemon()
        if any(cause.clears == Clears.NEVER.value for cause in self.client.snapshot().causes):
            self.restart()
        self.prove()
        self.reset()
        self.mark_now()

    def prove(self) -> None:
        """Pull the cord and clip it on again where that has not been done since power-up."""
        if "not_proven" not in {blocker.id for blocker in self.client.snapshot().start_blockers}:
            return
        self.belt.set("cord", closed=False)
        wait_for(lambda: self.channel("cord_a") is False and self.channel("cord_b") is False, 5.0, "the open cord")
        self.belt.set("cord", closed=True)
        wait_for(lambda: self.channel("cord_a") is True and self.channel("cord_b") is True, 5.0, "the closed cord")

    def reset(self, within_s: float = 8.0) -> None:
        """Acknowledge until the daemon agrees; nothing to do where nothing is latched."""

        def granted() -> bool:
            if self.client.snapshot().state not in {"tripped", "ended"}:
                return True
            with suppress(RefusedError):
                self.request(RequestKind.RESET)
                return True
            return False

        wait_for(granted, within_s, "the reset")

    def refused(self, kind: RequestKind, **args: Any) -> str:  # noqa: ANN401 - see Client.request
        """Ask for what must be refused; the reasons. Asks again while the only reason is a belt not yet proven to stand."""
        told: list[str] = []

        def judged() -> bool:
            try:
                self.request(kind, **args)
            except RefusedError as error:
                told[:] = error.reasons
                return NOT_STILL not in error.reasons
            pytest.fail(f"{kind} was granted")

        wait_for(judged, 8.0, f"a refusal of {kind} for another reason than a moving belt")
        return " ".join(told)

    def request(self, kind: RequestKind, **args: Any) -> Accepted:  # noqa: ANN401 - see Client.request
        """Ask as the attendant at the machine. Raises RefusedError."""
        return self.client.request(kind, who="bench attendant", **args)

    def arm(self, what: Program = WALK, person: Person = PERSON, checklist: Checklist = CHECKLIST) -> None:
        """Load a program."""
        self.request(RequestKind.ARM, arm=ArmArgs(person, checklist, program=what))

    def start(self) -> None:
        """Hold the start button until the session moves."""
        wait_for(lambda: not self.client.snapshot().start_blockers, 8.0, "a clear start")

        def started() -> bool:
            with suppress(RefusedError):  # a hand lighter than a hand should be, for a moment: the button is pressed again
                return self.request(RequestKind.START_HOLD).state != "armed"
            return False

        wait_for(started, 6.0, "the start", every_s=0.1)

    def session(self, what: Program = WALK, person: Person = PERSON, to_mps: float | None = None) -> None:
        """A whole start: arm, hold start, and wait until the belt runs at `to_mps` (0.9 of the first segment's speed unless given)."""
        self.arm(what, person)
        self.start()
        goal_mps = 0.9 * what.segments[0].speed_mps if to_mps is None else to_mps
        wait_for(lambda: self.speed_mps() >= goal_mps, 12.0, f"{goal_mps:.2f} m/s")

    # what can be seen ------------------------------------------------------------------------------------------------------------------------
    def speed_mps(self) -> float:
        """The true speed of the belt, a magnitude."""
        return abs(float(self.belt.state()["belt_speed_mps"]))

    def posture(self) -> str:
        """What the person does, as the plant knows it: standing, walking, losing_balance, down, …"""
        state = self.belt.state()
        return str(state["runner"]["posture"] if "runner" in state else state["posture"])

    def belt_rests(self) -> bool:
        """Whether the belt stands."""
        return self.speed_mps() < REST_MPS

    def channel(self, name: str) -> bool | float | None:
        """A channel as the daemon has it."""
        return next((channel.value for channel in self.client.snapshot().channels if channel.id == name), None)

    def mark_now(self) -> None:
        """What happened until now is no longer looked at by `events`."""
        kept = self.client.history(self._seen_seq)
        self._seen_seq = kept[-1].seq if kept else self._seen_seq

    def events(self, kind: str) -> list[Event]:
        """Events of that kind since the last mark."""
        return [event for event in self.client.history(self._seen_seq) if event.kind == kind]

    def causes(self) -> list[str]:
        """Every cause that began to act since the last mark, in that order."""
        return [event.cause or "" for event in self.events("cause")]

    def state_is(self, *names: str, within_s: float = 10.0) -> Snapshot:
        """Wait for one of these session states."""

        def there() -> Snapshot | None:
            now = self.client.snapshot()
            return now if now.state in names else None

        return wait_for(there, within_s, f"the state {' or '.join(names)}")

    def caused(self, row: str, within_s: float = 5.0) -> Snapshot:
        """Wait until the interlock's row acts; a latched one must then stand in the snapshot."""
        wait_for(lambda: row in self.causes(), within_s, f"the cause {row}; seen: {self.causes()}")
        now = self.client.snapshot()
        if ROWS[INDEX[row]].clears is not Clears.GONE:
            require(row in {cause.id for cause in now.causes}, f"{row} acted and is not latched: {now.causes}")
        return now

    def mark(self, event: str) -> None:
        """Open a measurement at the plant now: for what is no physical edge, such as a request."""
        self.belt.ask("mark", event=event)

    def measured(self, event: str, *, dropped: bool = True) -> dict[str, Any]:
        """The newest measurement of an event, once the belt stands and, if `dropped`, the enable has opened."""

        def complete() -> dict[str, Any] | None:
            found = next((m for m in reversed(self.belt.measurements()) if m["event"] == event), None)
            ready = found is not None and found["standstill_s"] is not None and (not dropped or found["enable_dropped_s"] is not None)
            return found if ready else None

        return wait_for(complete, 10.0, f"standstill{' and enable off' if dropped else ''} after {event}")

    def tell(self, **values: bool | float) -> None:
        """Set the extra channels (console presence, heart rate) of a rig that has them."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as teller:
            teller.sendto(json.dumps(values).encode(), str(self.run_dir / "extras.sock"))

    def host_frames(self, since_s: float) -> list[bytes]:
        """Every whole frame that the daemon sent to the drive since an instant."""
        wires = self.belt.ask("wire", last=4000)["wires"]
        frames = wires["bus"] if "bus" in wires else wires["drive"]
        return [bytes.fromhex(f["hex"]) for f in frames if f["side"] == "host" and f["valid"] and f["last_s"] >= since_s]

    # the end of every test -------------------------------------------------------------------------------------------------------------------
    def come_to_rest(self) -> None:
        """However the test ended: the belt at rest and the enable off, brought about by the daemon if it lives, else by the treadmill itself."""
        for name in self.belt.state()["faults"]:
            self.belt.fault(name, on=False)
        if self.alive:
            self.signal(signal.SIGCONT)
            if self.client.snapshot().state in MOVING:
                self.request(RequestKind.END)
            state = self.state_is("tripped", "ended", "idle", "armed", within_s=15.0).state
            if state == "armed":
                self.request(RequestKind.DISARM)
            elif state == "ended":
                self.reset()
        wait_for(self.belt_rests, 15.0, "the belt at rest")
        wait_for(lambda: not self.belt.state()["enable_relay"], 5.0, "the enable off")

    def finish(self) -> None:
        """Judge a test's remains: at rest, enable off, no motion after a stop, journal whole."""
        self.come_to_rest()
        measurements = self.belt.measurements()
        late = [m for m in measurements[self._judged :] if m["frames_above_zero_after_stop"]]
        self._judged = len(measurements)
        require(not late, f"frames above zero after a stop: {late}")
        if not self.cut_short:
            self.check_journal()


def bench_file(name: str) -> Path:
    """A bench of this repository by name, or the file itself."""
    shipped = BENCHES / f"{name}.toml"
    return shipped if shipped.exists() else Path(name).resolve()


def until(holds: Callable[[], bool], within_s: float, what: str) -> None:
    """`wait_for` where only the coming about matters."""
    wait_for(holds, within_s, what)


def stop_kind(frame: bytes | str | None) -> str | None:
    """What a stop frame asks of the drive: "ramp", "fast" or "off"; None where there was no frame, or one that is no stop."""
    if frame is None:
        return None
    raw = bytes.fromhex(frame) if isinstance(frame, str) else frame
    if raw in (b"\xaa", b"\xa2"):  # the Woodway dialect
        return "ramp" if raw == b"\xaa" else "off"
    pdu = raw[7:] if raw[:1] == b"\x00" or raw[2:4] == b"\x00\x00" else raw[1:-2]  # Modbus TCP has a header, RTU a unit and a CRC
    if pdu[:3] == b"\x06\x21\x9a":  # setpoint zero
        return "ramp" if pdu[3:5] == b"\x00\x00" else None
    if pdu[:3] != b"\x06\x21\x35":
        return None
    word = int.from_bytes(pdu[3:5], "big")
    if not word & 0x02:
        return "off"
    if not word & 0x04:
        return "fast"
    return "ramp" if word & 0x0F != 0x0F and word & 0x0F != 0x06 else None


def ramped(m: Mapping[str, Any]) -> bool:
    """Category 1 as SS1 wants it: the drive's ramp first, and the enable open only when the belt stood."""
    return stop_kind(m["stop_frame_hex"]) == "ramp" and m["enable_dropped_s"] >= m["standstill_s"]


def braked_hard(m: Mapping[str, Any]) -> bool:
    """SS1_FAST: the machine's hardest braking, then the enable."""
    return stop_kind(m["stop_frame_hex"]) == "fast" and m["enable_dropped_s"] >= m["standstill_s"]


def paused(m: Mapping[str, Any]) -> bool:
    """SS2: the drive's ramp, and torque still there when the belt stands."""
    return stop_kind(m["stop_frame_hex"]) == "ramp" and (m["enable_dropped_s"] is None or m["enable_dropped_s"] > m["standstill_s"])


def cut(m: Mapping[str, Any]) -> bool:
    """STO: the enable opened while the belt still moved, within a second of the event."""
    return m["event_s"] <= m["enable_dropped_s"] <= min(m["standstill_s"], m["event_s"] + 1.0)


def told_off(rig: Rig, since_s: float) -> bool:
    """Whether the drive is also told to take its torque off: STO is said twice, by the enable and on the wire."""
    until(lambda: any(stop_kind(frame) == "off" for frame in rig.host_frames(since_s)), 1.0, "the power-off word on the wire")
    return True
