"""The file operations of the journal, as a protocol, so that tests can record them, cut the power between them, or fill the disk."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Protocol


class Storage(Protocol):
    """Append-only files. Every method may raise OSError; nothing is ever rewritten."""

    def create(self, path: Path) -> int:
        """A handle to a new, locked, empty file; FileExistsError if it exists. The name is durable after `sync_directory`."""

    def append(self, handle: int, data: bytes) -> None:
        """All of `data` at the end of the file, or OSError with some part of it written."""

    def sync(self, handle: int) -> None:
        """Return when everything appended is on the medium."""

    def close(self, handle: int) -> None:
        """Give the handle and its lock back."""

    def sync_directory(self, directory: Path) -> None:
        """Return when the names in `directory` are on the medium."""

    def remove(self, path: Path) -> None:
        """Remove a segment: retention, or a file created a moment ago that could not be begun."""

    def free_bytes(self, directory: Path) -> int:
        """Bytes this process may still write there."""


class DiskStorage:
    """The real thing."""

    def create(self, path: Path) -> int:
        """Opened for appending only, and locked: `verify` sees by the lock that the file is still being written."""
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o640)
        with suppress(BlockingIOError):  # somebody is just asking whether it is locked: the mark is missing then, nothing else
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return handle

    def append(self, handle: int, data: bytes) -> None:
        """Writes until all is taken."""
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]

    def sync(self, handle: int) -> None:
        """fdatasync: the length is part of what it brings to the medium."""
        os.fdatasync(handle)

    def close(self, handle: int) -> None:
        """Closes."""
        os.close(handle)

    def sync_directory(self, directory: Path) -> None:
        """Fsync of the directory."""
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def remove(self, path: Path) -> None:
        """Unlinks."""
        path.unlink()

    def free_bytes(self, directory: Path) -> int:
        """As the file system tells."""
        return shutil.disk_usage(directory).free


def is_being_written(path: Path) -> bool:
    """Whether a writer holds the file open."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
