"""`python -m treadctl_hil.falls`: falls played into the simulated treadmill, one JSON document in and one out. See docs/explanation/closed-loop.md."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from treadctl_hil.fall_play import LONGEST_LEAD_S, Case, Result, play

FORMAT: Final = 1
BAD_INPUT: Final = 2
_NAMES: Final = {
    "direction": ("forward", "reverse"),
    "facing": ("console", "rear"),
    "stop": ("ramp_stop", "fast_stop", "coast", "none"),
    "belt": ("clinic", "laboratory"),
    "cord": ("power_cut", "fast_stop", "none"),
    "attendant_stop": ("ramp_stop", "fast_stop", "coast", "none"),
}
_RANGES: Final = {
    "speed_mps": (0.3, 6.0),
    "lead_s": (-10.0, LONGEST_LEAD_S),
    "onset_s": (0.0, 10.0),
    "decision_s": (0.0, 5.0),
    "command_latency": (0.0, 2.0),
    "mass_kg": (30.0, 200.0),
    "deck_m": (1.0, 3.0),
    "ramp_stop_mps2": (0.1, 5.0),
    "fast_stop_mps2": (0.1, 10.0),
    "attendant_s": (0.0, 20.0),
    "limit_s": (1.0, 120.0),
}
_MAY_BE_NULL: Final = frozenset({"lead_s", "onset_s", "attendant_s"})
_REQUIRED: Final = ("id", "speed_mps", "direction", "facing", "stop")


class InputError(ValueError):
    """Input that is not understood; the message names the place."""


def cases_of(document: object) -> tuple[int, list[Case]]:
    """Seed and cases of a parsed input document. Raises InputError."""
    if not isinstance(document, Mapping):
        raise InputError("the document must be an object")
    unknown = set(document) - {"format", "seed", "cases"}
    if unknown:
        raise InputError(f"{min(unknown)}: not known; known: cases, format, seed")
    if type(document.get("format")) is not int or document["format"] != FORMAT:
        raise InputError(f"format = {document.get('format')!r}: must be {FORMAT}")
    seed = _whole(document.get("seed", 1), "seed")
    rows = document.get("cases")
    if not isinstance(rows, list):
        raise InputError("cases: must be a list")
    cases = [_case(row, f"cases[{k}]", seed) for k, row in enumerate(rows)]
    seen: set[str] = set()
    for k, case in enumerate(cases):
        if case.id in seen:
            raise InputError(f"cases[{k}].id = {case.id!r}: given twice")
        seen.add(case.id)
    return seed, cases


def _case(row: object, where: str, seed: int) -> Case:
    if not isinstance(row, Mapping):
        raise InputError(f"{where}: must be an object")
    for key in _REQUIRED:
        if key not in row:
            raise InputError(f"{where}.{key}: is missing")
    if ("lead_s" in row) == ("onset_s" in row):
        raise InputError(f"{where}: give lead_s (of a fall) or onset_s (after a loss of balance), one of the two")
    values = {key: _value(key, value, f"{where}.{key}") for key, value in row.items()}
    return Case(**{"seed": seed, "onset": "onset_s" in row, **values})


def _value(key: str, value: object, where: str) -> Any:  # noqa: ANN401 - of the type the key wants
    if key == "id":
        if not isinstance(value, str) or not value:
            raise InputError(f"{where} = {value!r}: must be a text")
        return value
    if key == "seed":
        return _whole(value, where)
    if key == "hands":
        if not isinstance(value, bool):
            raise InputError(f"{where} = {value!r}: must be true or false")
        return value
    if key in _NAMES:
        if value not in _NAMES[key]:
            raise InputError(f"{where} = {value!r}: must be one of {', '.join(_NAMES[key])}")
        return value
    if key not in _RANGES:
        raise InputError(f"{where}: not known; known: {', '.join(sorted(('id', 'seed', 'hands', *_NAMES, *_RANGES)))}")
    if (value is None and key in _MAY_BE_NULL) or (key == "command_latency" and value == "measured"):
        return value
    low, high = _RANGES[key]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or not low <= value <= high:
        raise InputError(f"{where} = {value!r}: must be a number from {low:g} to {high:g}")
    return float(value)


def _whole(value: object, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{where} = {value!r}: must be a whole number")
    return value


def told(case: Case, result: Result) -> dict[str, Any]:
    """One case of the output document: numbers in SI units, to a tenth of a millimetre or millisecond."""
    row = {key: round(value, 4) if isinstance(value, float) else value for key, value in asdict(result).items()}
    return {"id": case.id, **row}


def answer(document: object) -> dict[str, Any]:
    """The output document for a parsed input document. Raises InputError."""
    seed, cases = cases_of(document)
    return {"format": FORMAT, "simulated": True, "seed": seed, "cases": [told(case, play(case)) for case in cases]}


def main(argv: Sequence[str] | None = None) -> int:
    """Read standard input, answer on standard output. Exit code 2: the input is not understood."""
    about = "Falls played into the simulated treadmill, in simulated time. Reads one JSON document on standard input, writes one on standard output."
    argparse.ArgumentParser(prog="python -m treadctl_hil.falls", description=about).parse_args(argv)
    try:
        told_all = answer(json.load(sys.stdin))
    except (InputError, json.JSONDecodeError, UnicodeDecodeError) as error:
        place = "not JSON: " if not isinstance(error, InputError) else ""
        print(f"treadctl-hil falls: {place}{error}", file=sys.stderr)  # noqa: T201 - the command's own output
        return BAD_INPUT
    json.dump(told_all, sys.stdout, allow_nan=False)
    print()  # noqa: T201 - as above
    return 0


if __name__ == "__main__":
    sys.exit(main())
