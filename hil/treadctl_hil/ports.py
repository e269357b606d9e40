"""The ends the host holds: pseudo-terminals under a stable name, and TCP listeners on the loopback."""

from __future__ import annotations

import os
import select
import socket
import termios
import tty
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from treadctl_hil.reactor import Reactor, Timer

_SPEEDS: Final = {getattr(termios, f"B{baud}"): baud for baud in (4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)}
_LOOK_S: Final = 0.01  # how often an unopened terminal is looked at


class PtyPort:
    """A pseudo-terminal behind a symbolic link. While nobody has it open, what devices say is lost, as on a real port.

    `on_bytes(data, noise)` gets the host's bytes; `noise` is true where the host's baud rate is not the wire's.
    """

    def __init__(self, reactor: Reactor, link: Path, baud: int | None, on_bytes: Callable[[bytes, bool], None]) -> None:
        self._reactor = reactor
        self.link = link
        self._baud = baud  # None = any rate will do, as on USB
        self._on_bytes = on_bytes
        self._master = -1
        self._open = False
        self._timer: Timer | None = None
        self.dropped = 0
        self.plug()

    @property
    def plugged(self) -> bool:
        """Whether the port exists."""
        return self._master >= 0

    def plug(self) -> None:
        """Make the port appear."""
        if self.plugged:
            return
        self._master, slave = os.openpty()
        tty.setraw(slave)
        name = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self._master, False)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(name)
        self._look()

    def unplug(self) -> None:
        """Make it vanish: a host that holds it gets an error."""
        if not self.plugged:
            return
        self._reactor.remove_reader(self._master)
        if self._timer is not None:
            self._timer.cancel()
        self._open = False
        self.link.unlink(missing_ok=True)
        os.close(self._master)
        self._master = -1

    def _look(self) -> None:
        poller = select.poll()
        poller.register(self._master, select.POLLIN)
        if any(event & select.POLLHUP for _, event in poller.poll(0)):
            self._timer = self._reactor.call_at(self._reactor.now_s() + _LOOK_S, self._look)
            return
        self._open = True
        self._reactor.add_reader(self._master, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self._master, 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._on_bytes(data, self._noisy())
        else:  # the host has closed it
            self._open = False
            self._reactor.remove_reader(self._master)
            self._timer = self._reactor.call_at(self._reactor.now_s() + _LOOK_S, self._look)

    def _noisy(self) -> bool:
        if self._baud is None:
            return False
        with suppress(termios.error):
            return _SPEEDS.get(termios.tcgetattr(self._master)[5]) != self._baud
        return False

    def write(self, data: bytes) -> None:
        """Bytes for the host; dropped and counted if nobody takes them."""
        if not self._open:
            return
        try:
            sent = os.write(self._master, data)
        except OSError:
            sent = 0
        self.dropped += len(data) - sent


class TcpPort:
    """A listener on 127.0.0.1. `on_bytes(buffer, send)` is called with what each connection has collected; False closes it."""

    def __init__(self, reactor: Reactor, port: int, on_bytes: Callable[[bytearray, Callable[[bytes], None]], bool]) -> None:
        self._reactor = reactor
        self._on_bytes = on_bytes
        self._clients: set[_Client] = set()
        self._listener: socket.socket | None = None
        self.port = port
        self.plug()

    def plug(self) -> None:
        """Listen."""
        if self._listener is not None:
            return
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(8)
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._reactor.add_reader(listener.fileno(), self._accept)

    def unplug(self) -> None:
        """Drop every connection and refuse new ones."""
        if self._listener is None:
            return
        for client in list(self._clients):
            client.close()
        self._reactor.remove_reader(self._listener.fileno())
        self._listener.close()
        self._listener = None

    def _accept(self) -> None:
        if self._listener is None:
            return
        with suppress(BlockingIOError, ConnectionError):
            connection, _ = self._listener.accept()
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._clients.add(_Client(self._reactor, connection, self._on_bytes, self._clients))


class _Client:
    def __init__(self, reactor: Reactor, connection: socket.socket, on_bytes: Callable[[bytearray, Callable[[bytes], None]], bool],
                 siblings: set[_Client]) -> None:
        self._reactor = reactor
        self._socket = connection
        self._on_bytes = on_bytes
        self._siblings = siblings
        self._buffer = bytearray()
        self._closed = False
        reactor.add_reader(connection.fileno(), self._readable)

    def _readable(self) -> None:
        try:
            data = self._socket.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._buffer += data
        if not data or not self._on_bytes(self._buffer, self.send):
            self.close()

    def send(self, data: bytes) -> None:
        """Bytes for this connection; lost if it is gone."""
        if self._closed:
            return
        with suppress(OSError):
            self._socket.send(data)

    def close(self) -> None:
        """Drop it."""
        if not self._closed:
            self._closed = True
            self._reactor.remove_reader(self._socket.fileno())
            self._socket.close()
            self._siblings.discard(self)
