"""A storage in memory that records every operation, so that the power can be cut after any of them; and one that fails on demand."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from treadctl.journal.storage import DiskStorage


@dataclass(frozen=True)
class Op:
    """One operation of the log. `kind`: create, append, sync, sync_directory, or acknowledged (the writer said so many steps are durable)."""

    kind: str
    name: str = ""
    data: bytes = b""
    steps: int = 0


class RecordingStorage(DiskStorage):
    """Works on the disk and keeps the log."""

    def __init__(self) -> None:
        self.log: list[Op] = []
        self._names: dict[int, str] = {}

    def create(self, path: Path) -> int:
        handle = super().create(path)
        self._names[handle] = path.name
        self.log.append(Op("create", path.name))
        return handle

    def append(self, handle: int, data: bytes) -> None:
        super().append(handle, data)
        self.log.append(Op("append", self._names[handle], data))

    def sync(self, handle: int) -> None:
        self.log.append(Op("sync", self._names[handle]))

    def sync_directory(self, directory: Path) -> None:
        self.log.append(Op("sync_directory"))

    def acknowledged(self, steps: int) -> None:
        self.log.append(Op("acknowledged", steps=steps))


def crash_images(log: list[Op]) -> Iterator[tuple[int, dict[str, bytes]]]:
    """Every state the disk can be in if the power goes after any prefix of the log, with the steps acknowledged by then.

    What was synced is there. Of what was written since: nothing; all; the last write torn at several lengths; its length there but its bytes zero.
    A file whose directory was not synced may be there or not.
    """
    for end in range(len(log) + 1):
        prefix = log[:end]
        steps = max((op.steps for op in prefix), default=0)
        synced: dict[str, bytes] = {}
        written: dict[str, bytes] = {}
        named: set[str] = set()
        for op in prefix:
            if op.kind == "create":
                written[op.name] = b""
                synced[op.name] = b""
            elif op.kind == "append":
                written[op.name] += op.data
            elif op.kind == "sync":
                synced[op.name] = written[op.name]
            elif op.kind == "sync_directory":
                named = set(written)
        yield steps, {name: synced[name] for name in named}
        yield steps, dict(written)
        for name, data in written.items():
            torn = len(data) - len(synced[name])
            for kept in {0, 1, torn // 3, torn // 2, torn - 33, torn - 1}:
                if 0 <= kept < torn:
                    cut = data[: len(synced[name]) + kept]
                    yield steps, {**synced, name: cut}
                    if torn - kept >= 4:  # fewer zeros cannot be told from an altered byte
                        yield steps, {**synced, name: cut + bytes(torn - kept)}


class FailingStorage(DiskStorage):
    """A disk that is full from `fail` on, until told otherwise. `torn` bytes of the write that fails still arrive."""

    def __init__(self) -> None:
        self.failing = False
        self.error = errno.ENOSPC
        self.torn = 0
        self.fail_sync = False
        self.free = 10**12

    def create(self, path: Path) -> int:
        if self.failing and not self.fail_sync:
            raise OSError(self.error, "no space")
        return super().create(path)

    def append(self, handle: int, data: bytes) -> None:
        if self.failing and not self.fail_sync:
            super().append(handle, data[: self.torn])
            raise OSError(self.error, "no space")
        super().append(handle, data)

    def sync(self, handle: int) -> None:
        if self.failing:
            raise OSError(errno.EIO, "input/output error")

    def free_bytes(self, directory: Path) -> int:
        return self.free
