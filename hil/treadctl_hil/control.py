"""The control socket: one JSON object a line in, one a line out."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from treadctl_hil.reactor import Reactor
from treadctl_hil.rig import Rig

Command = dict[str, Any]
Answer = dict[str, Any]
T = TypeVar("T")


class CommandError(ValueError):
    """A command that can't be done; its text is the answer."""


def _need(command: Command, key: str, kind: type[T]) -> T:
    value: object = command.get(key)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise CommandError(f"{command.get('cmd')}: {key} must be {kind.__name__}")
    return value


def do_state(rig: Rig, command: Command) -> Answer:
    """Everything there is to see."""
    return rig.state()


def do_set(rig: Rig, command: Command) -> Answer:
    """Move a contact."""
    return {"event_s": rig.set_contact(_need(command, "input", str), _need(command, "closed", bool))}


def do_runner(rig: Rig, command: Command) -> Answer:
    """Act the person."""
    runner = rig.world.runner
    deeds: dict[str, Callable[[], None]] = {
        "mount": runner.mount, "dismount": runner.dismount, "stumble": runner.stumble, "rock": runner.rock, "lose_balance": runner.lose_balance,
        "fall": runner.fall, "hands_on": runner.hands_on, "hands_off": runner.hands_off,
    }
    name = _need(command, "do", str)
    if name not in deeds:
        raise CommandError(f"runner can't {name!r}; known: {', '.join(deeds)}")
    rig.step()
    if name == "mount" and "facing" in command:
        if command["facing"] not in ("console", "rear"):
            raise CommandError("facing must be console or rear")
        runner.mount(command["facing"])
    else:
        deeds[name]()
    rig.step()
    return {"event_s": rig.scheduler.now_s()}


def do_fault(rig: Rig, command: Command) -> Answer:
    """Throw a switch of the fault board."""
    rig.step()
    params = command.get("params", {})
    if not isinstance(params, dict):
        raise CommandError("fault: params must be an object")
    rig.faults.switch(_need(command, "name", str), _need(command, "on", bool), params)
    rig.step()
    return {"event_s": rig.scheduler.now_s()}


def do_faults(rig: Rig, command: Command) -> Answer:
    """The table of faults."""
    return {"faults": rig.faults.rows()}


def do_at(rig: Rig, command: Command) -> Answer:
    """Do a command later; what it answers then is lost."""
    later = _need(command, "do", dict)
    if later.get("cmd") not in COMMANDS:
        raise CommandError(f"at: unknown command {later.get('cmd')!r}")
    at_s = rig.scheduler.now_s() + max(0.0, _need(command, "t_s", float))
    rig.scheduler.call_at(at_s, _Later(rig, later))
    return {"at_s": at_s}


class _Later:
    def __init__(self, rig: Rig, command: Command) -> None:
        self._rig = rig
        self._command = command

    def __call__(self) -> None:
        answer(self._rig, self._command)


def do_mark(rig: Rig, command: Command) -> Answer:
    """Open a measurement."""
    return {"event_s": rig.mark(_need(command, "event", str)).event_s}


def do_measurements(rig: Rig, command: Command) -> Answer:
    """Every measurement so far, or only the `last` ones."""
    rig.step()
    last = command.get("last", len(rig.measurements.all))
    if not isinstance(last, int) or last < 0:
        raise CommandError("measurements: last must be a whole number")
    newest = list(islice(reversed(rig.measurements.all), last))
    return {"measurements": [m.as_json() for m in reversed(newest)]}


def do_wire(rig: Rig, command: Command) -> Answer:
    """The last frames of each wire."""
    last = command.get("last", 50)
    if not isinstance(last, int):
        raise CommandError("wire: last must be int")
    return {"wires": {name: log.last(last) for name, log in rig.logs.items()}}


def do_events(rig: Rig, command: Command) -> Answer:
    """Everything that physically happened."""
    rig.step()
    return {"events": [{"at_s": e.at_s, "name": e.name, "detail": e.detail} for e in rig.world.events]}


COMMANDS: Final[dict[str, Callable[[Rig, Command], Answer]]] = {
    "state": do_state, "set": do_set, "runner": do_runner, "fault": do_fault, "faults": do_faults, "at": do_at, "mark": do_mark,
    "measurements": do_measurements, "wire": do_wire, "events": do_events,
}


def answer(rig: Rig, command: object) -> Answer:
    """Do one command. Never raises for what it says."""
    if not isinstance(command, dict):
        return {"ok": False, "error": "a command is a JSON object"}
    deed = COMMANDS.get(str(command.get("cmd")))
    if deed is None:
        return {"ok": False, "error": f"unknown command {command.get('cmd')!r}; known: {', '.join(COMMANDS)}, quit"}
    try:
        return {"ok": True, **deed(rig, command)}
    except ValueError as error:
        return {"ok": False, "error": str(error)}


class ControlSocket:
    """Listens at `path`."""

    def __init__(self, reactor: Reactor, rig: Rig, path: Path) -> None:
        self._reactor = reactor
        self._rig = rig
        self._path = path
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(8)
        self._listener.setblocking(False)
        reactor.add_reader(self._listener.fileno(), self._accept)

    def _accept(self) -> None:
        with suppress(BlockingIOError, ConnectionError):
            connection, _ = self._listener.accept()
            connection.setblocking(False)
            _Session(self._reactor, self._rig, connection)

    def close(self) -> None:
        """Stop listening."""
        self._reactor.remove_reader(self._listener.fileno())
        self._listener.close()
        self._path.unlink(missing_ok=True)


class _Session:
    """One client. Long answers go out piece by piece so that they never hold up the simulation."""

    def __init__(self, reactor: Reactor, rig: Rig, connection: socket.socket) -> None:
        self._reactor = reactor
        self._rig = rig
        self._socket = connection
        self._in = bytearray()
        self._out = bytearray()
        self._closed = False
        self._flushing = False
        reactor.add_reader(connection.fileno(), self._readable)

    def _readable(self) -> None:
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data or len(self._in) > 1_000_000:
            self._close()
            return
        self._in += data
        while (end := self._in.find(b"\n")) >= 0:
            line = bytes(self._in[:end])
            del self._in[: end + 1]
            self._line(line)

    def _line(self, line: bytes) -> None:
        try:
            command = json.loads(line)
        except ValueError:
            command = None
        quitting = isinstance(command, dict) and command.get("cmd") == "quit"
        told = {"ok": True} if quitting else answer(self._rig, command)
        self._out += json.dumps(told).encode("utf-8") + b"\n"
        if not self._flushing:
            self._flush()
        if quitting:
            self._reactor.stop()

    def _flush(self) -> None:
        self._flushing = False
        if self._closed or not self._out:
            return
        try:
            sent = self._socket.send(self._out[:65536])
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close()
            return
        del self._out[:sent]
        if self._out:
            self._flushing = True
            self._reactor.call_at(self._reactor.now_s() + (0.0 if sent else 0.001), self._flush)

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            self._reactor.remove_reader(self._socket.fileno())
            self._socket.close()
