"""The watchdog chain to systemd: a datagram on $NOTIFY_SOCKET, fed by the control loop's own progress and by nothing else."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from treadctl.ports import Clock


class Notifier:
    """Speaks sd_notify(3). Without $NOTIFY_SOCKET every call does nothing. Never blocks, never raises."""

    def __init__(self, clock: Clock, environment: Mapping[str, str] | None = None) -> None:
        env = os.environ if environment is None else environment
        self._clock = clock
        self._address = env.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        mine = env.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        usec = env.get("WATCHDOG_USEC", "")
        self._every_s = int(usec) / 1e6 / 4.0 if mine and usec.isdigit() and int(usec) > 0 else 0.0
        self._last_s = -1e9
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) if self._address else None

    def send(self, text: str) -> None:
        """Send one notification such as "READY=1"; a manager that does not take it is no reason to stop working."""
        if self._socket is not None:
            try:
                self._socket.sendto(text.encode(), self._address)
            except OSError:
                return

    def alive(self) -> None:
        """Called by every step of the control loop: a ping at a quarter of the watchdog's time."""
        if self._every_s and self._clock() - self._last_s >= self._every_s:
            self._last_s = self._clock()
            self.send("WATCHDOG=1")

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
