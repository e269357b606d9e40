"""`treadctl status`: one look, a JSON object, or a view that goes on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.live import Live

from treadctl.cli.common import JsonOption, SocketOption, open_client, print_json
from treadctl.cli.live import EVENTS_SHOWN, render
from treadctl.errors import TreadctlError
from treadctl.ipc import shape
from treadctl.ipc.messages import Event, SnapshotMessage
from treadctl.ipc.snapshot import Snapshot

WATCH_HZ: Final = 10.0
RETRY_S: Final = 0.5


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(
    as_json: JsonOption = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on showing until Ctrl-C. With --json: one object per line, 10 a second.")] = False,
    socket: SocketOption = None,
) -> None:
    """Show the session: state, speeds, rails, interlocks, causes, last events."""
    if watch and as_json:
        for snapshot in _stream(socket):
            print_json(shape.write(snapshot))
    elif watch:
        _watch(socket)
    else:
        with open_client(socket) as client:
            snapshot = client.snapshot()
            if as_json:
                print_json(shape.write(snapshot))
            else:
                Console().print(render(snapshot, client.history()[-EVENTS_SHOWN:]))


def _stream(socket: Path | None) -> Iterator[Snapshot]:
    with open_client(socket) as client:
        client.subscribe(WATCH_HZ)
        for message in client.messages():
            if isinstance(message, SnapshotMessage):
                yield message.snapshot


def _watch(socket: Path | None) -> None:
    """Redraw on every snapshot, and while none comes: the last one, greyed and dated."""
    events: deque[Event] = deque(maxlen=EVENTS_SHOWN)
    snapshot: Snapshot | None = None
    with open_client(socket):
        pass  # no daemon at all is an error; one that goes away later is waited for
    with Live(console=Console(), screen=True, auto_refresh=False) as view:
        while True:
            lost = ""
            try:
                with open_client(socket) as client:
                    events.clear()
                    events.extend(client.history()[-EVENTS_SHOWN:])
                    client.subscribe(WATCH_HZ)
                    last_s = time.monotonic()
                    while time.monotonic() - last_s < 3.0:
                        for message in client.messages(RETRY_S):
                            last_s = time.monotonic()
                            if isinstance(message, Event):
                                events.append(message)
                            elif isinstance(message, SnapshotMessage):
                                snapshot = message.snapshot
                                view.update(render(snapshot, events), refresh=True)
                        _redraw(view, snapshot, events, "the daemon is silent")
                    lost = "the daemon is silent"
            except TreadctlError as error:
                lost = str(error)
            _redraw(view, snapshot, events, lost)
            time.sleep(RETRY_S)


def _redraw(view: Live, snapshot: Snapshot | None, events: deque[Event], lost: str) -> None:
    if snapshot is not None:
        view.update(render(snapshot, events, max(0.0, time.monotonic() - snapshot.at_s), lost), refresh=True)
