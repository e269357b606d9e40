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
from pathlib import Path
from typing import Any, Final

import pytest

import harness_extras
from harness_plant import CHECKLIST, HERE, PERSON, SPEED_MPS, WALK, Plant, RealPlant, Spec, bench_file, program, segment
from harness_wire import braked_hard, cut, paused, ramped, stop_kind
from treadctl.core.interlock import INDEX, ROWS, Clears
from treadctl.core.messages import Checklist, RequestKind
from treadctl.core.program import Person, Program
from treadctl.core.requests import NOT_STILL
from treadctl.errors import TreadctlError
from treadctl.ipc.asking import RefusedError
from treadctl.ipc.client import Client
from treadctl.ipc.messages import Accepted, ArmArgs, Event
from treadctl.ipc.snapshot import Snapshot
from treadctl.journal.verify import verify
from treadctl.testing.simulated import end_process, simulated_belt, wait_for

__all__ = [
    "CHECKLIST", "PERSON", "SPEED_MPS", "WALK", "Plant", "Rig", "Spec", "bench_file", "braked_hard", "cut", "paused", "program", "ramped", "segment",
    "stop_kind", "told_off", "until",
]  # fmt: skip
MOVING: Final = frozenset({"warm_up", "running", "hold", "cool_down", "stopping"})
REST_MPS: Final = 0.02
RELEASED_S: Final = 0.35
PASSING: Final = frozenset({NOT_STILL, "Release the start button first."})
CONTACTS: Final = ("cord", "cord_a", "cord_b", "estop", "attendant", "harness")


def require(holds: object, message: str) -> None:
    """Fail the test with this message unless it holds."""
    if not holds:
        pytest.fail(message, pytrace=True)


class Rig:
    """One treadmill and one daemon. `belt` is the plant, `client` the control socket. Made by the fixture `rig`."""

    def __init__(self, spec: Spec, bench: Path, without_row: str | None = None) -> None:
        self.spec = spec
        self.spent = False  # True: not to be used by another test
        self.cut_short = False  # the daemon was killed: its journal may end in the middle of a batch
        self.journal_lost = False  # the test took the journal away
        self.arming = ""  # the request that armed last
        self._without_row = without_row
        self._stack = ExitStack()
        self.run_dir = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="hil-")))
        self._starts = 0
        self._seen_seq = 0
        self._judged = 0
        self.daemon: subprocess.Popen[str] | None = None
        self._client: Client | None = None
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
        changes: Mapping[str, object] = {
            "max_jerk_mps3": 3.0,  # tests are to get to speed soon
            "socket": json.dumps(str(self.socket)),
            "journal_dir": json.dumps(str(self.journal)),
            **dict(self.spec.machine),
        }
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
        self._hang_up()
        if self.daemon is not None:
            self.daemon.wait(10.0)
        self._starts += 1
        (self.run_dir / "rig.toml").write_text(self.machine_text(), encoding="utf-8")
        with (self.run_dir / f"daemon-{self._starts}.log").open("w", encoding="utf-8") as out:
            self.daemon = subprocess.Popen(self.command(), stdout=out, stderr=out, text=True, env=self.environment())  # noqa: S603 - our own program
        self._seen_seq = 0
        self.cut_short = False
        self._client = wait_for(self._connected, 15.0, "the daemon")

    def _connected(self) -> Client | None:
        daemon = self.daemon
        if daemon is None or daemon.poll() is not None:
            raise TreadctlError("no_daemon", str(self.run_dir), self.log.strip())
        with suppress(TreadctlError):
            return Client(self.socket, "hil", timeout_s=5.0)
        return None

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    @property
    def client(self) -> Client:
        """The connection to the daemon."""
        if self._client is None:
            pytest.fail("there is no connection to a daemon")
        return self._client

    def reconnect(self) -> None:
        """A new connection in place of one that was closed."""
        self._hang_up()
        self._client = wait_for(self._connected, 5.0, "the daemon")

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
        self._hang_up()
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
            self._hang_up()
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
        for _ in range(4):  # a slow poll may catch the bouncing channels of the proof test apart, which only a restart clears
            if self._locked():
                self.restart()
            self.prove()
            if not self._locked():
                break
        self.reset()
        self.mark_now()

    def _locked(self) -> bool:
        return any(cause.clears == Clears.NEVER.value for cause in self.client.snapshot().causes)

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
        refusals = [""]

        def granted() -> bool:
            if self.client.snapshot().state not in {"tripped", "ended"}:
                return True
            try:
                self.request(RequestKind.RESET)
            except RefusedError as error:
                refusals[0] = str(error)
                return False
            return True

        try:
            wait_for(granted, within_s, "the reset")
        except TreadctlError:
            pytest.fail(f"no reset within {within_s:g} s: {refusals[0]}")

    def refused(self, kind: RequestKind, **args: Any) -> str:  # noqa: ANN401 - see Client.request
        """Ask for what must be refused; the reasons. Asks again while the only reason passes by itself: a belt not yet at rest, a button not let go."""
        for _ in range(20):
            try:
                self.request(kind, **args)
            except RefusedError as error:
                if not PASSING & set(error.reasons):
                    return " ".join(error.reasons)
                self.let_go()
            else:
                pytest.fail(f"{kind} was granted")
        pytest.fail(f"{kind} is refused for nothing but what should pass")

    def let_go(self) -> None:
        """Keep the hand off the start button for as long as it takes to count as released."""
        since_s = self.client.snapshot().at_s
        wait_for(lambda: self.client.snapshot().at_s > since_s + RELEASED_S, 5.0, "the start button released")

    def request(self, kind: RequestKind, **args: Any) -> Accepted:  # noqa: ANN401 - see Client.request
        """Ask as the attendant at the machine; a held start names what was armed last. Raises RefusedError."""
        if kind is RequestKind.START_HOLD:
            args = {"arming": self.arming, **args}
        return self.client.request(kind, who="bench attendant", **args)

    def arm(self, what: Program = WALK, person: Person = PERSON, checklist: Checklist = CHECKLIST) -> None:
        """Load a program."""
        self.arming = self.request(RequestKind.ARM, arm=ArmArgs(person, checklist, program=what)).id

    def start(self) -> None:
        """Hold the start button until the session moves."""
        wait_for(lambda: not self.client.snapshot().start_blockers, 8.0, "a clear start")

        def started() -> bool:
            try:
                return self.request(RequestKind.START_HOLD).state != "armed"
            except RefusedError:  # held since before, or a hand too light for a moment: let go and press again
                self.let_go()
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
        """What the person does, as the plant knows it: standing, walking, losing_balance, down."""
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

    def stays(self, name: str, for_s: float = 1.5) -> None:
        """Look for as long as that: the session is in this state at every look."""
        until_s = self.client.snapshot().at_s + for_s

        def over() -> bool:
            now = self.client.snapshot()
            require(now.state == name, f"the session went to {now.state}")
            return now.at_s > until_s

        wait_for(over, 2.0 * for_s + 5.0, f"{for_s:g} s of {name}")

    def caused(self, row: str, within_s: float = 5.0) -> Snapshot:
        """Wait until the interlock's row acts; a latched one must then stand in the snapshot."""
        try:
            wait_for(lambda: row in self.causes(), within_s, row)
        except TreadctlError:
            pytest.fail(f"{row} did not act within {within_s:g} s; seen: {self.causes()}")
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
                self.client.stop()  # not an ordinary end: after that the belt is held for another 5 s
            state = self.state_is("tripped", "ended", "idle", "armed", within_s=15.0).state
            if state == "armed":
                self.request(RequestKind.DISARM)
            elif state == "ended":
                self.reset()
        wait_for(self.belt_rests, 15.0, "the belt at rest")
        wait_for(lambda: not self.belt.state()["enable_relay"], 8.0, "the enable off")  # held for 5 s while a person steps off

    def finish(self) -> None:
        """Judge a test's remains: at rest, enable off, no motion after a stop, journal whole."""
        self.come_to_rest()
        measurements = self.belt.measurements()
        late = [m for m in measurements[self._judged :] if m["frames_above_zero_after_stop"]]
        self._judged = len(measurements)
        require(not late, f"frames above zero after a stop: {late}")
        if not self.cut_short:
            self.check_journal()


def until(holds: Callable[[], bool], within_s: float, what: str) -> None:
    """`wait_for` where only the coming about matters."""
    wait_for(holds, within_s, what)


def told_off(rig: Rig, since_s: float) -> bool:
    """Whether the drive is also told to take its torque off: STO is said twice, by the enable and on the wire."""
    until(lambda: any(stop_kind(frame) == "off" for frame in rig.host_frames(since_s)), 1.0, "the power-off word on the wire")
    return True
