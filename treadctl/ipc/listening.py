"""The socket file: one daemon at a time, a dead one's file replaced, nobody else's file touched."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from treadctl.errors import TreadctlError

MODE: Final = 0o660
BACKLOG: Final = 64


class SocketFile:
    """Owns a path from `claim` to `release`. A lock file beside it (PATH.lock, never removed) settles who came first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock_fd: int | None = None
        self._inode: int | None = None

    def claim(self) -> socket.socket:
        """A listening socket with mode 0660. Raises TreadctlError: instance_running, file_missing, bad_value."""
        if len(os.fsencode(self._path)) > 107:
            raise TreadctlError("bad_value", str(self._path), "the path of a Unix socket holds at most 107 bytes")
        self._lock()
        try:
            self._clear()
            return self._bind()
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Remove the socket file if it is still ours, and let the lock go."""
        if self._inode is not None:
            with suppress(OSError):
                if self._path.lstat().st_ino == self._inode:
                    self._path.unlink()
            self._inode = None
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def _lock(self) -> None:
        lock = f"{self._path}.lock"
        try:
            self._lock_fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise TreadctlError("instance_running", str(self._path)) from None
        except OSError as error:
            self.release()
            raise TreadctlError("file_missing", lock, error.strerror or str(error)) from None

    def _clear(self) -> None:
        """Make way: a live listener or a file that is no socket is refused, a dead socket file is removed."""
        try:
            mode = self._path.lstat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(mode):
            raise TreadctlError("bad_value", str(self._path), "something that is not a socket is there")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            try:
                probe.connect(str(self._path))
            except ConnectionRefusedError:
                self._path.unlink()
            except BlockingIOError:  # its queue of connections is full: alive
                raise TreadctlError("instance_running", str(self._path)) from None
            else:
                raise TreadctlError("instance_running", str(self._path))

    def _bind(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            os.fchmod(listener.fileno(), MODE)  # Linux takes this, less the umask, for the file: at no instant is it wider
            listener.bind(str(self._path))
            self._path.chmod(MODE)
            self._inode = self._path.lstat().st_ino
            listener.listen(BACKLOG)
        except OSError as error:
            listener.close()
            raise TreadctlError("file_missing", str(self._path), error.strerror or str(error)) from None
        return listener
