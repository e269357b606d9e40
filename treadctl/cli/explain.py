"""`treadctl explain`: a cause of the interlock or a numbered error, in words, from the tables that the code itself uses."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from treadctl.cli.common import JsonOption, print_json
from treadctl.core.interlock import ROWS, Row
from treadctl.errors import ERRORS, ErrorKind, TreadctlError

ACTIONS: Final = {
    "RUN": "the belt runs on",
    "WARN": "the belt runs on, with a warning",
    "HOLD": "the belt gets no faster",
    "SLOW": "the belt goes toward a lower speed",
    "SS2": "the belt ramps down to rest, power stays on (SS2)",
    "SS1": "the belt ramps down at the protective rate, watched, then power off (SS1)",
    "SS1_FAST": "the belt brakes as hard as this machine can, then power off (SS1, fast)",
    "STO": "power off at once (STO)",
}
CLEARS: Final = {
    "gone": "by itself, when the reason is gone",
    "resume": "when somebody resumes at the machine, the reason being gone",
    "ack": "with a reset, at rest, when the reason is gone",
    "never": "only with a restart of the service and a new proof test",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    word: Annotated[str | None, typer.Argument(metavar="CAUSE", help="A cause (pull_cord), a requirement (IL-04) or an error (TC204); none = list.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a cause or an error means, and what to do."""
    if word is None:
        _list(as_json)
        return
    key = word.strip().lower().replace("-", "_")
    row = next((r for r in ROWS if key in (r.id, r.requirement.lower().replace("-", "_"))), None)
    error = next((e for e in ERRORS.values() if key in (e.code.lower(), e.name)), None)
    if row is not None:
        _say(_cause(row), as_json)
    elif error is not None:
        _say(_error(error), as_json)
    else:
        raise TreadctlError("bad_value", f"explain {word!r}", "no cause or error has this name; `treadctl explain` lists them")


def _cause(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": "cause",
        "sentence": row.sentence,
        "remedy": row.remedy,
        "action": row.action.name,
        "clears": row.clears.value,
        "requirement": row.requirement,
    }


def _error(error: ErrorKind) -> dict[str, Any]:
    return {"id": error.code, "kind": "error", "name": error.name, "sentence": error.sentence, "remedy": error.remedy, "fault": error.fault.value}


def _say(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    name = f" {found['name']}" if "name" in found else ""
    sentence, remedy = (str(found[key]).rstrip(".") for key in ("sentence", "remedy"))
    print(f"{found['id']}{name}: {sentence[0].upper()}{sentence[1:]}.")
    if "action" in found:
        print(f"  What happens: {ACTIONS[found['action']]}.")
        print(f"  How it ends:  {CLEARS[found['clears']]}.")
    print(f"  What to do:   {remedy[0].upper()}{remedy[1:]}.")
    if "requirement" in found:
        print(f"  Requirement:  {found['requirement']}")


def _list(as_json: bool) -> None:
    causes, errors = [_cause(row) for row in ROWS], [_error(error) for error in ERRORS.values()]
    if as_json:
        print_json({"causes": causes, "errors": errors})
        return
    for found in (*causes, *errors):
        print(f"{found['id']:<20} {found['sentence']}")
