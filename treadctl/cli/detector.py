"""`treadctl detector`: judge and fit the detector of lost balance, away from the belt."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from treadctl.cli.common import JsonOption, print_json
from treadctl.errors import TreadctlError

app = typer.Typer(help="Judge and fit the detector of lost balance, on recordings. Never needed to run the belt.", no_args_is_help=True)

DEFAULT_DATA: Final = "TREADCTL_DATA"
LEAST_KEPT_S: Final = 20
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


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="Folder with the recordings as published.")],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="New or empty folder.")],
    kind: Annotated[str, typer.Option("--from", metavar="sisfall|csv", help="How they were published; csv: with a dataset.toml that describes them.")],
) -> None:
    """Convert published recordings to the format that `evaluate` and `fit` read."""
    _needs_extra()
    from treadctl.detector.convert import convert_csv_folder, convert_sisfall  # noqa: PLC0415

    converters = {"sisfall": convert_sisfall, "csv": convert_csv_folder}
    if kind not in converters:
        raise TreadctlError("bad_value", "--from", f"{kind!r}: know {', '.join(converters)}")
    _say_written(converters[kind](source, to))


@app.command()
def extract(
    journal: Annotated[Path, typer.Argument(metavar="JOURNAL", help="Journal directory, or one segment.")],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="New or empty folder.")],
) -> None:
    """Take the waist sensor's recordings out of a journal, to label and refit on. Names nobody; works offline."""
    _needs_extra()
    from treadctl.detector.extract import extract as extract_journal  # noqa: PLC0415

    _say_written(extract_journal(journal, to))


@app.command("keep-gait")
def keep_gait(
    journal: Annotated[Path, typer.Argument(metavar="JOURNAL", help="Journal directory, or one segment: the last session in it is taken.")],
    person: Annotated[Path, typer.Option("--person", metavar="FILE", help="Person file whose consent is asked, and beside which the gait is kept.")],
) -> None:
    """Keep what the last session taught of a person's gait, with their consent, so that the next one begins with it."""
    from treadctl.prescription.gait import gait_of_journal, gait_path, gait_text  # noqa: PLC0415
    from treadctl.prescription.person import load_person  # noqa: PLC0415

    if not load_person(person).keep_gait:
        raise TreadctlError("bad_value", f"{person} > keep_gait", "the person has not consented: nothing is kept")
    gait = gait_of_journal(journal)
    if gait.blocks < LEAST_KEPT_S:
        raise TreadctlError("bad_value", str(journal), f"the last session taught {gait.blocks} s of steady gait; {LEAST_KEPT_S} are needed")
    _write(gait_path(person), gait_text(gait))
    print(f"{gait_path(person)}: {gait.blocks} s of steady gait. Delete it when the person withdraws their consent.")


@app.command()
def rails(
    hours: Annotated[float, typer.Option("--hours", min=0.01, max=1000.0, help="Simulated hours of steady gait.")] = 1.0,
    people: Annotated[int, typer.Option("--people", min=1, max=10000, help="Simulated people.")] = 20,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the simulation.")] = 1,
    events: Annotated[int, typer.Option("--events", min=0, max=10000, help="People with five events of each kind.")] = 200,
    cells: Annotated[int, typer.Option("--cells", min=0, max=1000, help="People with each fault of a load cell.")] = 20,
    hard: Annotated[bool, typer.Option("--hard", help="One in ten holds firmly, with 60 % ripple.")] = False,
) -> None:
    """Judge the handrail detector on simulated hands: no public recording of real ones is known."""
    from treadctl.detector.rail_loads import HARD, USUAL  # noqa: PLC0415
    from treadctl.detector.rail_score import judged  # noqa: PLC0415

    for line in judged(hours, people, events, cells, seed, HARD if hard else USUAL):
        print(line)


@app.command("closed-loop")
def closed_loop(
    leads: Annotated[Path, typer.Option("--leads", metavar="FILE", help="Leads in s, a JSON list as `evaluate --leads` writes it; null = missed.")],
    belt: Annotated[Literal["clinic", "laboratory"], typer.Option("--belt", help="Which simulated belt.")] = "clinic",
    as_json: JsonOption = False,
) -> None:
    """Play falls into the simulated treadmill: belt speed and travel at impact, with these leads and without a detector."""
    from treadctl.detector.closed_loop import Setting  # noqa: PLC0415
    from treadctl.detector.closed_loop import closed_loop as play  # noqa: PLC0415
    from treadctl.detector.closed_loop_text import as_dict, as_lines  # noqa: PLC0415

    try:
        found = json.loads(leads.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TreadctlError("file_missing", str(leads), str(error)) from error
    if not isinstance(found, list):
        raise TreadctlError("bad_value", str(leads), "must be a list of seconds and nulls")
    _show(play(found, setting=Setting(belt=belt)), as_dict, as_lines, as_json)


def _say_written(written: Any) -> None:  # noqa: ANN401 - of the optional part
    """What was written, and what was refused, a line each."""
    for refused in written.refused:
        print(f"refused: {refused.place}: {refused.reason}")
    for reason, count in written.left_out.items():
        print(f"left out: {count} x {reason}")
    print(f"{written.folder}: {written.total} recordings of {len(written.persons)} people.")


def _needs_extra() -> None:
    """TC130 where the optional packages are missing."""
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
