"""`treadctl detector`: judge and fit the detector of lost balance, away from the belt."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from treadctl.cli.common import JsonOption, print_json
from treadctl.errors import TreadctlError

app = typer.Typer(help="Judge and fit the detector of lost balance, on recordings. Never needed to run the belt.", no_args_is_help=True)

DEFAULT_DATA: Final = "TREADCTL_DATA"
DataOption = Annotated[Path | None, typer.Option("--data", metavar="DIR", help="Folder of recordings; default: $TREADCTL_DATA.")]
CalibrationOption = Annotated[float, typer.Option("--calibration-s", min=5.0, max=300.0, help="Seconds of each calibrating gait taken as the warm-up.")]


@app.command()
def evaluate(
    data: DataOption = None,
    as_json: JsonOption = False,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page with tables and plots, too.")] = None,
    leads: Annotated[Path | None, typer.Option("--leads", metavar="FILE", help="Write the leads for `treadctl detector closed-loop`, too.")] = None,
    calibration_s: CalibrationOption = 50.0,
) -> None:
    """Judge the trunk detector and the baselines, leaving one person out at a time. Takes some minutes."""
    _needs_extra()
    from treadctl.detector import dataset, report  # noqa: PLC0415 - an optional extra, and heavy
    from treadctl.detector.evaluate import leave_one_out, people_of  # noqa: PLC0415

    recordings = dataset.load(_folder(data))
    folds = leave_one_out(people_of(recordings, calibration_s), calibration_s)
    found = report.summarise(recordings, folds, calibration_s)
    if html is not None:
        from treadctl.detector.page import page  # noqa: PLC0415

        _write(html, page(found))
    if leads is not None:
        _write(leads, json.dumps(found.leads_s))
    _show(found, report.as_dict, report.as_lines, as_json)


@app.command()
def fit(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The tuning file to write (TOML).")],
    data: DataOption = None,
    calibration_s: CalibrationOption = 50.0,
) -> None:
    """Fit the trunk detector on everybody in a folder of recordings, and write its tuning file with their hash."""
    _needs_extra()
    from importlib.metadata import version  # noqa: PLC0415

    from treadctl.config.tuning import FittedOn, tuning_text  # noqa: PLC0415
    from treadctl.detector import dataset  # noqa: PLC0415
    from treadctl.detector.evaluate import people_of  # noqa: PLC0415
    from treadctl.detector.fit import fit as fit_people  # noqa: PLC0415

    folder = _folder(data)
    recordings = dataset.load(folder)
    try:
        tuning = fit_people(people_of(recordings, calibration_s))
    except ValueError as error:
        raise TreadctlError("bad_value", str(folder), str(error)) from error
    about = FittedOn(
        dataset=recordings.name, sha256=recordings.sha256, persons=len(recordings.persons), recordings=len(recordings.recordings), release=version("treadctl")
    )
    _write(out, tuning_text(tuning, about))
    print(f"{out}: fitted on {about.recordings} recordings of {about.persons} people; judge it with `treadctl detector evaluate` before it guards anybody.")


def _needs_extra() -> None:
    """TC130 where the optional packages are missing."""
    from importlib.util import find_spec  # noqa: PLC0415

    missing = [name for name in ("numpy", "sklearn", "matplotlib") if find_spec(name) is None]
    if missing:
        raise TreadctlError("extra_missing", "treadctl detector", f"{', '.join(missing)} missing: pip install 'treadctl[detector]'")


def _folder(data: Path | None) -> Path:
    if data is not None:
        return data
    named = os.environ.get(DEFAULT_DATA)
    if not named:
        raise TreadctlError("file_missing", "--data", f"name a folder of recordings, or set {DEFAULT_DATA}")
    return Path(named)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise TreadctlError("file_missing", str(path), error.strerror or type(error).__name__) from error


def _show(found: Any, as_dict: Callable[[Any], dict[str, Any]], as_lines: Callable[[Any], list[str]], as_json: bool) -> None:  # noqa: ANN401 - a report of any kind
    if as_json:
        print_json(as_dict(found))
    else:
        print("\n".join(as_lines(found)))
