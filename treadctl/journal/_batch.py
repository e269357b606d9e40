"""The half of the writer that runs on the control loop: it turns steps and events into records and gathers them into batches."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from treadctl.journal._format import Kinds, Record
from treadctl.journal._nodes import varint
from treadctl.journal.schema import Schema

I = TypeVar("I")  # noqa: E741 - as in schema.py
O = TypeVar("O")  # noqa: E741
C = TypeVar("C")
S = TypeVar("S")

Scalar = str | int | float | bool | None
Details = Mapping[str, Scalar]

_NOW: Final = struct.Struct("<Bd")
_LENGTHS: Final = tuple(varint(number) for number in range(4096))


@dataclass(slots=True)
class Batch(Generic[S]):
    """Records on their way to the disk. `state` is the core's state before the first step, None where nobody supplied one."""

    first_step: int
    state: S | None
    wall_ns: int
    first_s: float
    last_s: float
    kinds: Kinds = Kinds(0)
    steps: int = 0
    size: int = 0
    records: list[bytes] = field(default_factory=list)


class BatchBuilder(Generic[I, O, C, S]):
    """Gathers records. The first step of a batch is written in full, each other as its changes. Raises CodecError, and is then as before."""

    def __init__(self, schema: Schema[I, O, C, S], state: S | None) -> None:
        self._schema = schema
        self._state = state
        self._steps = 0
        self._batch: Batch[S] | None = None
        self._last: tuple[float, I, O] | None = None

    @property
    def steps(self) -> int:
        """How many steps were taken in, since the run began."""
        return self._steps

    @property
    def open_since_s(self) -> float | None:
        """The `now_s` of the first record of the batch being gathered."""
        return None if self._batch is None else self._batch.first_s

    @property
    def size(self) -> int:
        """Bytes gathered."""
        return 0 if self._batch is None else self._batch.size

    @property
    def batch_steps(self) -> int:
        """Steps gathered."""
        return 0 if self._batch is None else self._batch.steps

    def add_step(self, now_s: float, inputs: I, output: O, state: S | None, wall_ns: int) -> None:
        """One step and the state after it."""
        if self._last is None:
            head, body = self._schema.inputs.encode(inputs), self._schema.output.encode(output)
            kind = Record.STEP_KEY
        else:
            before_s, inputs_before, output_before = self._last
            clock = (now_s, before_s)
            head = self._schema.inputs.encode_change(inputs, inputs_before, clock)
            body = self._schema.output.encode_change(output, output_before, clock)
            kind = Record.STEP
        count = len(head)
        length = _LENGTHS[count] if count < 4096 else varint(count)
        record = b"".join((_NOW.pack(kind, now_s), length, head, body))
        batch = self._add(now_s, record, Kinds.STEPS, wall_ns)
        batch.steps += 1
        self._steps += 1
        self._last = (now_s, inputs, output)
        self._state = state

    def add_event(self, now_s: float, name: str, details: Details, wall_ns: int, *, stop: bool) -> None:
        """One event."""
        self._add(now_s, event_record(now_s, name, details), Kinds.EVENTS | (Kinds.STOP if stop else Kinds(0)), wall_ns)

    def skip_step(self, state: S | None) -> None:
        """Count a step that could not be written, so that the gap shows. The next one is written in full, in a batch of its own state."""
        self._steps += 1
        self._last = None
        self._state = state

    def take(self) -> Batch[S] | None:
        """The batch gathered so far, if any; the next record begins another."""
        batch, self._batch, self._last = self._batch, None, None
        return batch

    def _add(self, now_s: float, record: bytes, kinds: Kinds, wall_ns: int) -> Batch[S]:
        batch = self._batch
        if batch is None:
            batch = self._batch = Batch(self._steps, self._state, wall_ns, now_s, now_s)
        count = len(record)
        batch.records.append(_LENGTHS[count] if count < 4096 else varint(count))
        batch.records.append(record)
        batch.size += count + 2
        batch.last_s = now_s
        if kinds not in batch.kinds:
            batch.kinds |= kinds
        return batch


def event_record(now_s: float, name: str, details: Details) -> bytes:
    """The bytes of an event: readable without any schema. Numbers that JSON has no word for (NaN, infinities) become their names."""
    text = json.dumps({"name": name, **_plain(details)}, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _NOW.pack(Record.EVENT, now_s) + text.encode("utf-8", "surrogatepass")


def _plain(details: Details) -> dict[str, Scalar]:
    return {key: repr(item) if isinstance(item, float) and not abs(item) < float("inf") else item for key, item in details.items()}


def state_record(now_s: float, state: bytes) -> bytes:
    """The bytes of a checkpoint."""
    return _NOW.pack(Record.STATE, now_s) + state
