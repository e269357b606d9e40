"""TCP connections as byte links: no delay, and dead peers noticed within a second instead of a quarter of an hour."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

from treadctl.errors import TreadctlError
from treadctl_drivers._fd import READ_SIZE, DescriptorLink
from treadctl_drivers._line import Opener

CONNECT_DEADLINE_S: Final = 1.0
UNACKNOWLEDGED_MS: Final = 1000  # sent bytes without an acknowledgement for so long: the connection is dead


class TcpLink(DescriptorLink):
    """An open TCP connection."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection.fileno())
        self._socket = connection

    def _read(self) -> bytes:
        return self._socket.recv(READ_SIZE)

    def _write(self, data: bytes) -> int:
        return self._socket.send(data)

    def _shut(self) -> None:
        self._socket.close()


async def open_tcp(host: str, port: int) -> TcpLink:
    """Connect within one second. Raises TreadctlError: port_absent where nobody answers or listens, port_failed otherwise."""
    place = f"{host}:{port}"
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_DEADLINE_S):
            family, kind, protocol, _, address = (await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))[0]
            connection = socket.socket(family, kind, protocol)
            try:
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
                await loop.sock_connect(connection, address)
            except BaseException:
                connection.close()
                raise
    except TimeoutError as error:
        raise TreadctlError("port_absent", place, "no connection within 1 s") from error
    except (ConnectionRefusedError, socket.gaierror) as error:
        raise TreadctlError("port_absent", place, error.strerror or str(error)) from error
    except OSError as error:
        raise TreadctlError("port_failed", place, error.strerror or str(error)) from error
    return TcpLink(connection)


def tcp_opener(host: str, port: int) -> Opener:
    """An opener for Line."""

    async def connect() -> TcpLink:
        return await open_tcp(host, port)

    return connect
