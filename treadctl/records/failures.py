"""What a driver of either database says went wrong, as one of our numbered errors. Everything that is not named here is a defect and goes up as it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from treadctl.errors import TreadctlError

ABSENT: Final = "database_absent"
BUSY: Final = "database_busy"
FULL: Final = "database_full"
DAMAGED: Final = "database_damaged"
UNFIT: Final = "bad_value"  # what the driver says of it may quote it

_SQLITE: Final = {
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
    sqlite3.SQLITE_PROTOCOL: BUSY,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_READONLY: FULL,
    sqlite3.SQLITE_CANTOPEN: ABSENT,
    sqlite3.SQLITE_PERM: ABSENT,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_IOERR: DAMAGED,
    sqlite3.SQLITE_ERROR: DAMAGED,  # a table or column that is not there: the statements themselves are tested
}
_SQLITE_EXTENDED: Final = dict.fromkeys(
    (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC, sqlite3.SQLITE_IOERR_TRUNCATE, sqlite3.SQLITE_IOERR_SHMSIZE), FULL
)

# Classes and single codes of SQLSTATE; the longest that fits is taken.
_POSTGRESQL: Final = {
    "08": ABSENT,
    "28": ABSENT,  # who we are is not accepted
    "3D": ABSENT,  # no database of this name
    "57P": ABSENT,  # shut down, starting, dropped
    "53300": ABSENT,  # too many connections
    "57014": BUSY,  # the statement took longer than we wait
    "55P03": BUSY,  # a lock was not to be had in time
    "40": BUSY,  # deadlock or serialization: rolled back whole
    "53100": FULL,
    "53": FULL,
    "22": UNFIT,  # a sign or number that its kind of column cannot hold
    "25006": FULL,  # read-only
    "42501": FULL,  # no right to write
    "58": FULL,  # an error of the system beneath, for example of its disk
    "XX": DAMAGED,
    "42P01": DAMAGED,  # a table that is not there
    "42P07": DAMAGED,  # one that is there and should not be
    "42701": DAMAGED,  # the same of columns
    "42703": DAMAGED,
}


def _of_sqlite(error: sqlite3.Error) -> str | None:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    return _SQLITE_EXTENDED.get(code) or _SQLITE.get(code & 0xFF)


def _of_postgresql(state: str) -> str | None:
    return next((_POSTGRESQL[state[:size]] for size in range(5, 1, -1) if state[:size] in _POSTGRESQL), None)


def kind_of(error: BaseException) -> str | None:
    """The name of our error for what a driver raised, or None where it is none of ours."""
    if isinstance(error, IntegrityError):
        return None
    found: BaseException | None = error
    while found is not None:
        state = getattr(found, "sqlstate", None)
        if isinstance(state, str) and state:
            return _of_postgresql(state)
        if isinstance(found, sqlite3.Error):
            return _of_sqlite(found)
        if isinstance(found, OverflowError | UnicodeError):
            return UNFIT
        if isinstance(found, PoolTimeout):
            return BUSY
        if isinstance(found, OSError):  # TimeoutError too: nobody answered in time
            return ABSENT
        found = getattr(found, "orig", None) or found.__cause__
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return ABSENT
    return None


def first_line(error: BaseException) -> str:
    """What the driver said, without the statement and its values: those may hold what a log must not."""
    said = getattr(error, "orig", None) or error
    lines = str(said).splitlines()
    return lines[0] if lines else type(said).__name__


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Turn what drivers raise within into TC600 to TC604 at `place`."""
    try:
        yield
    except Exception as error:
        kind = None if isinstance(error, TreadctlError) else kind_of(error)
        if kind is None:
            raise
        raise TreadctlError(kind, place, "a sign or a number that it cannot keep" if kind == UNFIT else first_line(error)) from error
