"""The samples of a session as bytes: magic, form, length, then the columns one after the other as 32-bit floats, compressed. NaN stands for not known.

A float of 32 bits keeps 7 digits: 0.25 ms of an hour, and more than any sensor here tells.
"""

from __future__ import annotations

import math
import struct
import sys
import zlib
from array import array
from dataclasses import fields
from typing import Final

from treadctl.errors import TreadctlError
from treadctl.records.model import Series

MAGIC: Final = b"TCSR"
FORM: Final = 1
COLUMNS: Final = tuple(field.name for field in fields(Series))  # form 1 holds these, in this order; another order or number is another form
_HEAD: Final = struct.Struct("<4sBBI")
_LONGEST: Final = 10 * 3600 * 24  # a day at 10 Hz: a length beyond it is damage, and is not given memory
_LARGEST: Final = float.fromhex("0x1.fffffep127")


def pack_series(series: Series) -> bytes:
    """The bytes of a series. TC104 for columns of unequal length, and for a value that is no number."""
    count = len(series)
    if count > _LONGEST:
        raise TreadctlError("bad_value", "series", f"{count} samples are more than a day at 10 Hz")
    packed = bytearray()
    for name in COLUMNS:
        column = getattr(series, name)
        if len(column) != count:
            raise TreadctlError("bad_value", f"series > {name}", f"{len(column)} values for {count} instants")
        if not all((value is None and name != "time_s") or (value is not None and abs(value) <= _LARGEST) for value in column):
            raise TreadctlError("bad_value", f"series > {name}", "each value is a number, or is not there")
        values = array("f", (math.nan if value is None else value for value in column))
        if sys.byteorder == "big":
            values.byteswap()
        packed += values.tobytes()
    return _HEAD.pack(MAGIC, FORM, len(COLUMNS), count) + zlib.compress(bytes(packed), 6)


def unpack_series(data: bytes, place: str = "series") -> Series:
    """The series of these bytes, each value as a 32-bit float keeps it. TC604 for damaged bytes, TC601 for a form this release does not know."""
    if len(data) < _HEAD.size or data[:4] != MAGIC:
        raise TreadctlError("database_damaged", place, "these bytes are no series")
    _, form, width, count = _HEAD.unpack_from(data)
    if form != FORM:
        raise TreadctlError("database_newer", place, f"a series of form {form}, this release reads form {FORM}")
    if width != len(COLUMNS) or count > _LONGEST:
        raise TreadctlError("database_damaged", place, f"a series of {width} columns and {count} samples")
    values = array("f")
    values.frombytes(_inflated(data[_HEAD.size :], 4 * width * count, place))
    if sys.byteorder == "big":
        values.byteswap()
    columns = [tuple(None if math.isnan(value) else value for value in values[n * count : (n + 1) * count]) for n in range(width)]
    time_s = tuple(value for value in columns[0] if value is not None)
    if len(time_s) != count:
        raise TreadctlError("database_damaged", place, "a sample without an instant")
    return Series(time_s, *columns[1:])


def _inflated(data: bytes, size: int, place: str) -> bytes:
    """Exactly `size` bytes and nothing after; what claims less than it unfolds to is not unfolded further."""
    machine = zlib.decompressobj()
    try:
        # One byte more than may come, so that the end of the stream, with its checksum, is reached.
        unfolded = machine.decompress(data, size + 1)
    except zlib.error as error:
        raise TreadctlError("database_damaged", place, str(error)) from None
    if len(unfolded) != size or not machine.eof or machine.unused_data:
        raise TreadctlError("database_damaged", place, "the series does not end where it should")
    return unfolded
