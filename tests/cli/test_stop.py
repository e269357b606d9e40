from __future__ import annotations

import asyncio
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import treadctl
from treadctl.cli import stop as stop_module
from treadctl.core.messages import Origin, RequestKind
from treadctl.ipc import messages

from .conftest import Served

COMMAND = str(Path(sys.executable).parent / "treadctl")
HEAVY = {"typer", "rich", "pydantic", "click", "asyncio", "treadctl.ipc", "treadctl.errors", "dataclasses", "typing", "json", "re", "enum", "selectors"}


async def test_a_stop_that_was_taken_ends_with_0_and_shows_the_state(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert await asyncio.to_thread(stop_module.stop, ["--socket", str(served.path)]) == 0
    assert capsys.readouterr().out == "stop taken; the session is tripped\n"
    (got,) = served.requests
    assert (got.kind, got.origin) == (RequestKind.STOP, Origin.LOCAL)


async def test_a_stop_over_ssh_says_that_it_is_remote(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22")
    assert await asyncio.to_thread(stop_module.stop, []) == 0
    assert served.requests[0].origin is Origin.REMOTE


async def test_a_mistyped_option_stops_all_the_same_and_complains(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert await asyncio.to_thread(stop_module.stop, ["--now"]) == 2
    assert [request.kind for request in served.requests] == [RequestKind.STOP]
    assert "TC104" in capsys.readouterr().err


async def test_a_refused_stop_is_loud_and_ends_with_1(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    served.refuse[RequestKind.STOP] = ["It cannot."]
    assert await asyncio.to_thread(stop_module.stop, []) == 1
    error = capsys.readouterr().err
    assert "PULL THE CORD" in error
    assert "It cannot." in error


async def test_a_silent_daemon_is_asked_again_and_then_the_cord_is_called_for(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served.silent = True
    monkeypatch.setattr(stop_module, "ANSWER_S", 0.05)
    assert await asyncio.to_thread(stop_module.stop, []) == 1
    assert len(served.requests) == stop_module.ATTEMPTS
    assert "PULL THE CORD" in capsys.readouterr().err


def test_without_a_daemon_the_cord_is_called_for_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    began_s = time.monotonic()
    assert stop_module.stop([f"--socket={tmp_path}/none"]) == 1
    assert time.monotonic() - began_s < 0.5
    error = capsys.readouterr().err
    assert "PULL THE CORD" in error
    assert "TC400" in error


def test_the_constants_it_repeats_are_those_of_the_protocol() -> None:
    assert stop_module.DEFAULT_SOCKET == messages.DEFAULT_SOCKET
    assert stop_module.LINE_LIMIT == messages.MAX_LINE


def test_the_stop_path_loads_nothing_heavy(tmp_path: Path) -> None:
    root = str(Path(treadctl.__file__).parent.parent)
    code = f"""import sys
sys.path.insert(0, {root!r})
sys.argv = ["treadctl", "stop", "--socket", {str(tmp_path / "none")!r}]
from treadctl.cli.entry import main
main()
print(*sys.modules)"""
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - our own interpreter
    loaded = set(done.stdout.split())
    assert "treadctl.cli.stop" in loaded, done.stderr
    assert loaded & HEAVY == set()


def shell_to_socket_s(path: str, rounds: int) -> list[float]:
    """From starting the installed command to the stop's bytes on the socket, s."""
    taken_s: list[float] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def serve() -> None:
            for _ in range(rounds):
                wire, _ = listener.accept()
                with wire:
                    assert b"stop" in wire.recv(4096)
                    taken_s.append(time.monotonic())
                    wire.sendall(b'{"type":"accepted","id":"","state":"tripped"}\n')

        thread = threading.Thread(target=serve)
        thread.start()
        delays = []
        for _ in range(rounds):
            began_s = time.monotonic()
            subprocess.run([COMMAND, "stop", "--socket", path], check=True, capture_output=True)  # noqa: S603 - our own command
            delays.append(taken_s[-1] - began_s)
        thread.join()
    return delays


def bare_interpreter_s() -> float:
    """What starting Python and doing nothing takes here and now, s: the floor that no console script gets under."""
    began_s = time.monotonic()
    subprocess.run([sys.executable, "-c", "pass"], check=True, capture_output=True)
    return time.monotonic() - began_s


def test_shell_to_socket_costs_little_more_than_starting_python(tmp_path: Path) -> None:
    """Judged against the bare interpreter, best of several rounds each: a busy machine slows both alike."""
    bare = min(bare_interpreter_s() for _ in range(8))
    delay = min(shell_to_socket_s(str(tmp_path / "ctl.sock"), 8))
    assert delay <= 3.0 * bare


@pytest.mark.bench
def test_shell_to_socket_takes_at_most_60_ms_on_a_quiet_machine(tmp_path: Path) -> None:
    bare = statistics.median(bare_interpreter_s() for _ in range(30))
    delays = shell_to_socket_s(str(tmp_path / "ctl.sock"), 30)
    best, middle, worst = (1000 * value for value in (min(delays), statistics.median(delays), max(delays)))
    sys.stdout.write(f"treadctl stop, shell to socket: best {best:.0f} ms, median {middle:.0f} ms, worst {worst:.0f} ms; bare Python {bare * 1000:.0f} ms\n")
    assert middle <= 60.0
