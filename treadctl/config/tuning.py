"""The tuning of the trunk detector: a TOML file that a command writes and the daemon reads, with the hash of the recordings it was fitted on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from treadctl.config.problems import Strict, complaint, validate
from treadctl.config.toml_file import read_toml
from treadctl.core.imbalance.calibration import TrunkTuning
from treadctl.core.imbalance.inertia import FEATURES

INPUTS: Final = 2 * len(FEATURES) + 1
LEAST_LIMIT: Final = 1e-6
MOST_LIMIT: Final = 1e6  # of a feature, whatever its unit: beyond them nothing of a person is measured
SHIPPED: Final = Path(__file__).resolve().parent / "trunk-tuning.toml"

Numbers = Annotated[tuple[float, ...], Field(strict=False)]
Pair = Annotated[tuple[float, float], Field(strict=False)]


class FittedOn(Strict):
    """[fitted_on]: what the numbers were fitted on."""

    dataset: str = Field(description="name of the recordings")
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] = Field(description="hash of the recordings' bytes, as the evaluation prints it")
    persons: Annotated[int, Field(ge=1)] = Field(description="how many people")
    recordings: Annotated[int, Field(ge=1)] = Field(description="how many recordings")
    release: str = Field(description="the release that fitted it")


class TuningFile(Strict):
    """trunk-tuning.toml, format 1."""

    format: Literal[1] = Field(description="version of this format")
    kind: Literal["trunk"] = Field(description="which detector")
    fitted_on: FittedOn = Field(description="what the numbers were fitted on")
    bias: float = Field(description="log-odds with all inputs zero")
    rows: Annotated[tuple[Numbers, ...], Field(strict=False)] = Field(
        description="row i: the weight of input i, then of its products with inputs i, i + 1, ..."
    )
    walking: Numbers = Field(description="other people's limits, walking")
    running: Numbers = Field(description="other people's limits, running")
    losing: Pair = Field(description="log-odds at which the belt stops, walking and running")
    unsteady: Pair = Field(description="log-odds at which the belt is held, walking and running")

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        if [len(row) for row in self.rows] != [INPUTS + 1 - i for i in range(INPUTS)]:
            raise complaint("rows", f"must be {INPUTS} rows of {INPUTS + 1}, {INPUTS}, ... 2 numbers")
        for name in ("walking", "running"):
            limits = getattr(self, name)
            if len(limits) != len(FEATURES) or not all(LEAST_LIMIT <= x <= MOST_LIMIT for x in limits):
                raise complaint(name, f"must be {len(FEATURES)} numbers from {LEAST_LIMIT:g} to {MOST_LIMIT:g}")
        if any(low >= high for low, high in zip(self.unsteady, self.losing, strict=True)):
            raise complaint("unsteady", "must be below losing: the belt is held before it is stopped")
        return self

    def core(self) -> TrunkTuning:
        """The same as the core's `TrunkTuning`."""
        return TrunkTuning(self.bias, self.rows, self.walking, self.running, self.losing, self.unsteady)


@dataclass(frozen=True, slots=True)
class Tuning:
    """A tuning file as read; `sha256` is of its bytes."""

    path: Path
    sha256: str
    fitted_on: FittedOn
    core: TrunkTuning


def load_tuning(path: Path = SHIPPED) -> Tuning:
    """Read a tuning file. Raises TreadctlError TC100 to TC104 or TC111, naming the key."""
    source = read_toml(path)
    file = validate(TuningFile, source.table, source.place)
    return Tuning(path, source.sha256, file.fitted_on, file.core())


def tuning_text(tuning: TrunkTuning, fitted_on: FittedOn) -> str:
    """The file that `load_tuning` reads back to the same numbers, to the bit."""
    rows = "\n".join(f"  {_list(row)}," for row in tuning.rows)
    return f"""\
# Written by `treadctl detector fit`. Do not edit: fit again, and judge it by `treadctl detector evaluate`.
format = 1
kind = "trunk"
bias = {tuning.bias!r}
walking = {_list(tuning.walking)}
running = {_list(tuning.running)}
losing = {_list(tuning.losing)}
unsteady = {_list(tuning.unsteady)}
rows = [
{rows}
]

[fitted_on]
dataset = {json.dumps(fitted_on.dataset)}
sha256 = "{fitted_on.sha256}"
persons = {fitted_on.persons}
recordings = {fitted_on.recordings}
release = {json.dumps(fitted_on.release)}
"""


def _list(numbers: tuple[float, ...]) -> str:
    return "[" + ", ".join(repr(float(x)) for x in numbers) + "]"
