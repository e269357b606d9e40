"""Serial ports as byte links. The only module that imports pyserial.

pyserial opens, locks and configures the port; bytes then go straight through the descriptor on the event loop. Its own read, write, flush and close
are not used: flush waits for the wire, and closing a tty can block for seconds at low speeds or on a dead adapter, so that a short-lived thread closes it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import termios
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import serial

from treadctl.errors import TreadctlError
from treadctl_drivers._fd import READ_SIZE, DescriptorLink
from treadctl_drivers._line import Opener

Parity = Literal["N", "E", "O"]
_ABSENT: Final = frozenset({errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.ENOTDIR})
_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM})


@dataclass(frozen=True, slots=True)
class SerialSettings:
    """How a port is opened. `lines_at_open`: RTS and DTR asserted when the port opens (false where one of them switches something)."""

    port: str
    baud: int
    parity: Parity = "N"
    stopbits: Literal[1, 2] = 1
    lines_at_open: bool = True

    @property
    def byte_s(self) -> float:
        """The time of one character on the wire, in seconds: start bit, eight data bits, parity, stop bits."""
        return (9 + (self.parity != "N") + self.stopbits) / self.baud


class SerialLink(DescriptorLink):
    """An open serial port. `low_latency` tells whether the driver took the request (a pseudo-terminal does not; FTDI chips then deliver each 16 ms)."""

    def __init__(self, port: serial.Serial) -> None:
        descriptor = port.fileno()
        super().__init__(descriptor)
        self._port = port
        self.low_latency = _ask_low_latency(port)

    def set_rts(self, on: bool) -> bool:
        """Drive the RTS line. False where the port has none or is gone."""
        return self._set_modem_line(termios.TIOCM_RTS, on)

    def set_dtr(self, on: bool) -> bool:
        """Drive the DTR line. False where the port has none or is gone."""
        return self._set_modem_line(termios.TIOCM_DTR, on)

    def _set_modem_line(self, line: int, on: bool) -> bool:
        if not self._open:
            return False
        try:
            fcntl.ioctl(self._descriptor, termios.TIOCMBIS if on else termios.TIOCMBIC, line.to_bytes(4, "little"))
        except OSError:
            return False
        return True

    def _read(self) -> bytes:
        return os.read(self._descriptor, READ_SIZE)

    def _write(self, data: bytes) -> int:
        return os.write(self._descriptor, data)

    def _shut(self) -> None:
        # The lock and the bytes that were not sent are given up at once; only the close itself may block, and does so alone.
        with suppress(OSError, termios.error):
            fcntl.ioctl(self._descriptor, termios.TIOCNXCL)
        with suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        with suppress(OSError, termios.error):
            termios.tcflush(self._descriptor, termios.TCIOFLUSH)
        threading.Thread(target=_close, args=(self._port,), name="close serial port", daemon=True).start()


def _close(port: serial.Serial) -> None:
    with suppress(OSError, serial.SerialException):
        port.close()


def _ask_low_latency(port: serial.Serial) -> bool:
    try:
        port.set_low_latency_mode(True)
    except (OSError, ValueError, NotImplementedError):
        return False
    return True


def _is_pseudo_terminal(port: str) -> bool:
    """True for a Unix 98 pty: major numbers 136-143. It has no parity, and setting one on it a second time fails."""
    try:
        status = Path(port).stat()
    except OSError:
        return False
    return stat.S_ISCHR(status.st_mode) and 136 <= os.major(status.st_rdev) <= 143


def _trouble(settings: SerialSettings, error: OSError) -> TreadctlError:
    number = error.errno
    if number in _ABSENT:
        name = "port_absent"
    elif number in (errno.EBUSY, errno.EAGAIN):  # held by TIOCEXCL, by flock
        name = "port_busy"
    elif number in _FORBIDDEN:
        name = "port_permission"
    else:
        name = "port_failed"
    return TreadctlError(name, settings.port, os.strerror(number) if number else str(error))


def open_serial(settings: SerialSettings) -> SerialLink:
    """Open the port for this process alone (flock and TIOCEXCL). Raises TreadctlError: port_absent, port_busy, port_permission or port_failed.

    Must be called from the loop. The path may be a link such as /dev/serial/by-id/...; it is resolved anew at each call.
    """
    pseudo = _is_pseudo_terminal(settings.port)
    port = serial.Serial(
        baudrate=settings.baud,
        parity="N" if pseudo else settings.parity,
        stopbits=1 if pseudo else settings.stopbits,
        timeout=0,
        write_timeout=0,
        exclusive=True,
    )
    port.port = settings.port
    port.rts = port.dtr = settings.lines_at_open
    try:
        port.open()
        fcntl.ioctl(port.fileno(), termios.TIOCEXCL)
    except (OSError, termios.error, ValueError) as error:  # pyserial's own exception is an OSError
        _close(port)
        if isinstance(error, OSError):
            raise _trouble(settings, error) from error
        raise TreadctlError("port_failed", settings.port, str(error)) from error
    return SerialLink(port)


def serial_opener(settings: SerialSettings) -> Opener:
    """An opener for Line."""

    async def open_port() -> SerialLink:
        return open_serial(settings)

    return open_port
