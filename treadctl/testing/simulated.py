"""The simulated treadmill as a process: start it, speak to its control socket, end it. See docs/reference/simulated-belt.md."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from treadctl.errors import TreadctlError

READY_LIMIT_S: Final = 15.0
T = TypeVar("T")


class BeltSocket:
    """The control socket of a treadmill that can be acted upon: one JSON object out, one back. What is refused raises TreadctlError."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(5.0)
        self._socket.connect(str(path))
        self._file = self._socket.makefile("rw", encoding="utf-8", newline="\n")

    def ask(self, cmd: str, **keys: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON is of no one type
        """One command and its answer."""
        self._file.write(json.dumps({"cmd": cmd, **keys}) + "\n")
        self._file.flush()
        line = self._file.readline()
        if not line:
            raise TreadctlError("bad_message", f"simulated belt > {cmd}", "it hung up")
        answer: dict[str, Any] = json.loads(line)
        if not answer.get("ok"):
            self.refused(cmd, keys, str(answer.get("error")))
        return answer

    def refused(self, cmd: str, keys: dict[str, Any], error: str) -> NoReturn:
        """What a refusal leads to."""
        raise TreadctlError("bad_message", f"simulated belt > {cmd}", error)

    def state(self) -> dict[str, Any]:
        """Speed, runner, rails, inputs, drive: the truth of the treadmill."""
        return self.ask("state")

    def runner(self, do: str) -> None:
        """Act the person: mount, hands_on, lose_balance, ..."""
        self.ask("runner", do=do)

    def set(self, name: str, closed: bool) -> None:
        """Open or close a contact; `cord` is both channels."""
        self.ask("set", input=name, closed=closed)

    def fault(self, name: str, on: bool = True, **params: Any) -> None:  # noqa: ANN401
        """Throw one switch of the fault board."""
        self.ask("fault", name=name, on=on, params=params)

    def measurements(self) -> list[dict[str, Any]]:
        """Every measurement so far, oldest first."""
        return list(self.ask("measurements")["measurements"])

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()


class SimulatedBelt(BeltSocket):
    """A running simulated treadmill, and its process."""

    def __init__(self, run_dir: Path, process: subprocess.Popen[str]) -> None:
        self.run_dir = run_dir
        self.process = process
        super().__init__(run_dir / "hil.sock")

    @property
    def machine_file(self) -> Path:
        """The machine file that fits this bench."""
        return self.run_dir / "machine.toml"

    def close(self) -> None:
        """End the process and wait for it."""
        super().close()
        end_process(self.process)
        if self.process.stdout is not None:
            self.process.stdout.close()


def end_process(process: subprocess.Popen[str], limit_s: float = 10.0) -> int:
    """SIGTERM, then, past the limit, SIGKILL. The exit code."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.wait(limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


@contextmanager
def simulated_belt(bench: Path, run_dir: Path, *, seed: int = 1, settings: Sequence[str] = ()) -> Iterator[SimulatedBelt]:
    """Start the simulated treadmill of a bench file in `run_dir`, ready to be opened. `settings` are "section.key=value"."""
    command = [sys.executable, "-m", "treadctl_hil.main", "--bench", str(bench), "--run-dir", str(run_dir), "--seed", str(seed)]
    command += ["--machine-out", str(run_dir / "machine.toml")]
    for setting in settings:
        command += ["--set", setting]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own interpreter and module
    try:
        line = process.stdout.readline() if process.stdout is not None else ""
        if line.strip() != "ready":
            raise TreadctlError("port_failed", "simulated belt", f"it did not get ready: {line.strip() or 'it ended'}")
        belt = SimulatedBelt(run_dir, process)
    except BaseException:
        end_process(process)
        raise
    try:
        yield belt
    finally:
        belt.close()


def wait_for(look: Callable[[], T | None], limit_s: float, what: str, every_s: float = 0.02) -> T:
    """The first result of `look` that is neither None nor False, looked for until `limit_s` have passed; then TreadctlError naming `what`."""
    deadline_s = time.monotonic() + limit_s
    while True:
        found = look()
        if found is not None and found is not False:
            return found
        if time.monotonic() > deadline_s:
            raise TreadctlError("refused", what, f"it did not come about within {limit_s:g} s")
        time.sleep(every_s)
