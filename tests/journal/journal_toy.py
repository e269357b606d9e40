"""A small core with everything a codec can meet, and a journal of it, for the tests of this folder."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from itertools import count
from pathlib import Path
from typing import Generic, TypeVar

from treadctl.journal import JournalWriter, MachineInfo, Schema, WriterOptions
from treadctl.journal.storage import Storage

T = TypeVar("T")


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 0
    HIGH = 1


@dataclass(frozen=True, slots=True)
class Cell(Generic[T]):
    value: T | None
    age_s: float
    level: Level


@dataclass(frozen=True, slots=True)
class Pair:
    speed: float
    colour: Colour | None


@dataclass(frozen=True, slots=True)
class Ask:
    text: str
    number: int


@dataclass(frozen=True, slots=True)
class Answer:
    score: float


@dataclass(frozen=True, slots=True)
class In:
    flag: Cell[bool]
    load: Cell[float]
    motion: Cell[Pair]
    asks: tuple[Ask | Answer, ...] = ()
    lateness_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Out:
    total: float
    count: int
    colours: frozenset[Colour] = frozenset()
    spot: tuple[int, str] = (0, "")


@dataclass(frozen=True, slots=True)
class Conf:
    gain: float
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Memory:
    conf: Conf
    total: float = 0.0
    count: int = 0
    last: Pair | None = None
    started_s: float = field(default=0.0)


SCHEMA: Schema[In, Out, Conf, Memory] = Schema(In, Out, Conf, Memory)
CONF = Conf(0.1, ("a", "ß"))
START_S = 1000.125
INFO = MachineInfo("test bench", "0.0.0", "boot")
OPTIONS = WriterOptions(batch_s=0.05, retry_s=0.001, min_free_bytes=0)


def initial(conf: Conf, now_s: float) -> Memory:
    return Memory(conf, started_s=now_s)


def step(memory: Memory, inputs: In, now_s: float) -> tuple[Memory, Out]:
    total = memory.total + memory.conf.gain * (inputs.load.value or 0.0) + now_s * 1e-9
    number = memory.count + 1 + len(inputs.asks)
    motion = inputs.motion.value
    colours = frozenset({motion.colour}) if motion is not None and motion.colour is not None else frozenset()
    return Memory(memory.conf, total, number, motion or memory.last, memory.started_s), Out(total, number, colours, (number, str(number)))


def inputs_at(number: int, now_s: float) -> In:
    """A different sample each step, with every kind of change somewhere among them."""
    received_s = now_s - 0.0007 if number % 3 else START_S - 0.3
    motion = None if number % 7 == 0 else Pair(number / 3, (Colour.RED, None, Colour.BLUE)[number % 3])
    asks: tuple[Ask | Answer, ...] = (Ask("Grüße" * (number % 4), -number), Answer(math.nan)) if number % 5 == 0 else ()
    return In(
        Cell(number % 4 != 0, now_s - received_s, Level.LOW),
        Cell(None, math.inf, Level.HIGH) if number % 11 == 0 else Cell(number * 1.1, now_s - received_s, Level.LOW),
        Cell(motion, 0.0 if number % 2 else -0.0, Level.LOW),
        asks,
        number * 1e-6,
    )


class Session:
    """Drives the toy core and a writer together."""

    def __init__(
        self, directory: Path, *, start_s: float = START_S, options: WriterOptions = OPTIONS, storage: Storage | None = None, wall_s: float = 1.7e9
    ) -> None:
        self.directory = directory
        self.now_s = start_s
        self.wall_offset_s = wall_s - start_s
        self.memory = initial(CONF, start_s)
        self._numbers = count()
        self.writer = JournalWriter(
            directory, SCHEMA, CONF, self.memory, start_s, INFO, options=options, storage=storage, clock=self._clock, wall_ns=self._wall_ns
        )

    def _clock(self) -> float:
        return self.now_s

    def _wall_ns(self) -> int:
        return int((self.now_s + self.wall_offset_s) * 1e9) if math.isfinite(self.now_s) else 0

    def run(self, steps: int, tick_s: float = 0.01) -> None:
        for _ in range(steps):
            self.now_s += tick_s
            inputs = inputs_at(next(self._numbers), self.now_s)
            self.memory, output = step(self.memory, inputs, self.now_s)
            self.writer.append_step(self.now_s, inputs, output, self.memory)

    def event(self, name: str, *, stop: bool = False) -> None:
        self.writer.append_event(self.now_s, name, {"note": "x"}, stop=stop)

    def flush(self) -> None:
        assert self.writer.flush(10.0)

    def close(self) -> None:
        assert self.writer.close(10.0)


def write_journal(directory: Path, steps: int = 60, *, options: WriterOptions = OPTIONS) -> Path:
    """A closed journal of one run."""
    session = Session(directory, options=options)
    session.run(steps // 2)
    session.event("stop", stop=True)
    session.run(steps - steps // 2)
    session.close()
    return directory
