"""What is kept of a person's gait, with their consent: a small file beside the person file, written after a session from its own record.

It holds no name and no recording: for walking and for running the mean and variance of nine features, and over how many seconds. On the next day it counts
for a first impression only (`core.imbalance.calibration.Calibration.aged`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from treadctl.config.problems import Strict, complaint, validate
from treadctl.config.toml_file import parse_toml, read_toml
from treadctl.core.imbalance.calibration import MEMORY_BLOCKS, Calibration, Gait
from treadctl.core.imbalance.inertia import FEATURES
from treadctl.errors import TreadctlError
from treadctl.journal import Checkpoint, Place, read_batches, read_records
from treadctl.journal.core_schema import core_schema

SUFFIX: Final = ".gait.toml"

Numbers = Annotated[tuple[Annotated[float, Field(ge=0.0, le=1e6)], ...], Field(strict=False)]


class GaitSection(Strict):
    """[walking] or [running]."""

    blocks: Annotated[int, Field(ge=1, le=MEMORY_BLOCKS)] = Field(description="seconds of steady gait it rests on")
    mean: Numbers = Field(description="mean of the largest value of each feature in a second")
    var: Numbers = Field(description="variance of the same")

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        for name in ("mean", "var"):
            if len(getattr(self, name)) != len(FEATURES):
                raise complaint(name, f"must be {len(FEATURES)} numbers, none below zero")
        return self

    def core(self) -> Gait:
        """The same as the core's `Gait`."""
        return Gait(self.blocks, self.mean, self.var)


class GaitFile(Strict):
    """PERSON.gait.toml, format 1."""

    format: Literal[1] = Field(description="version of this format")
    walking: GaitSection | None = Field(None, description="their walking")
    running: GaitSection | None = Field(None, description="their running")


def gait_path(person: Path) -> Path:
    """Where the gait of that person file is kept."""
    return person.with_name(person.stem + SUFFIX)


def load_gait(person: Path) -> Calibration | None:
    """What is kept beside this person file, None where nothing is. Raises TreadctlError TC101 to TC104 or TC111 for a file that is not right."""
    path = gait_path(person)
    if not path.is_file():  # a pipe would keep the loop waiting
        return None
    source = read_toml(path)
    return _calibration(validate(GaitFile, source.table, source.place))


def gait_of(text: str, place: str) -> Calibration:
    """A gait that came as text; the same checks and errors, which name `place`."""
    return _calibration(validate(GaitFile, parse_toml(text.encode("utf-8"), place), place))


def _calibration(file: GaitFile) -> Calibration:
    nothing = Gait()
    return Calibration(file.walking.core() if file.walking else nothing, file.running.core() if file.running else nothing)


def gait_text(calibration: Calibration) -> str:
    """The file that `load_gait` reads back."""
    parts = ["# Kept with the person's consent; delete this file when they withdraw it. Written by `treadctl detector keep-gait`.", "format = 1"]
    for name, gait in (("walking", calibration.walking), ("running", calibration.running)):
        if gait.blocks > 0:
            parts += ["", f"[{name}]", f"blocks = {gait.blocks}", f"mean = {list(gait.mean)!r}", f"var = {list(gait.var)!r}"]
    return "\n".join(parts) + "\n"


def gait_of_journal(path: Path) -> Calibration:
    """What the last person who walked in a journal taught, by their last checkpoint. Raises TreadctlError TC100 or TC302 for the journal."""
    schema = core_schema()
    found = Calibration()
    for place in read_batches(path):
        if not isinstance(place, Place):
            continue
        if place.header.schema != schema.fingerprint:
            raise TreadctlError("journal_version", str(place.path), f"written by release {place.header.release}, whose records have another structure")
        for record in read_records(place.batch, schema):
            if isinstance(record, Checkpoint) and record.state.walk.moving_s > 0.0:  # a person only armed has taught nothing yet
                found = record.state.balance.trunk.calibration
    return found
