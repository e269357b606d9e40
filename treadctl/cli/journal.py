"""`treadctl journal`: show what was recorded, verify it, replay it. Exit code 0: all well; 1: cut, altered or diverging; 2: cannot be read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from treadctl.cli._journal_rows import Row, rows, without_repeats
from treadctl.core.controller import initial_state, step
from treadctl.errors import TreadctlError
from treadctl.journal import replay as replay_journal
from treadctl.journal import verify as verify_journal
from treadctl.journal.core_schema import core_schema

app = typer.Typer(no_args_is_help=True, help="Show, verify and replay the journal.")

DEFAULT_DIRECTORY: Final = Path("/var/lib/treadctl/journal")
EXIT_OK: Final = 0
EXIT_PROBLEM: Final = 1
EXIT_BAD_INPUT: Final = 2

JournalPath = Annotated[Path, typer.Argument(help="Journal directory, or one segment of it.", envvar="TREADCTL_JOURNAL")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output (`show`: one a line).")]


@app.command()
def show(
    path: JournalPath = DEFAULT_DIRECTORY,
    as_json: JsonOption = False,
    events: Annotated[bool, typer.Option("--events", help="Only events; readable whatever release wrote them.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Every step in the table, not only those that changed something; --json always has them all.")] = False,
    since: Annotated[str | None, typer.Option("--from", help="From this time on: 2026-11-21T09:30 (UTC unless it says otherwise).")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Up to this time.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="The last so many rows; 0 for all.")] = 0,
) -> None:
    """Show what was recorded, in order."""
    with _errors_for_people(as_json):
        first_ns, last_ns = _instant(since, "--from"), _instant(until, "--to")
        with _progress("reading", as_json) as progress:
            found: Iterator[Row] | list[Row] = rows(path, events_only=events, first_ns=first_ns, last_ns=last_ns, progress=progress)
            if not (as_json or every):
                found = without_repeats(iter(found))
            if limit:
                found = _last(found, limit)
            if as_json:
                for row in found:
                    typer.echo(json.dumps(row.as_json(), ensure_ascii=False, allow_nan=False))
                return
            table = Table("time (UTC)", "monotonic s", "what", "details", box=None, header_style="bold")
            for row in found:
                table.add_row(row.time, f"{row.now_s:.3f}", row.what, row.text)
        Console().print(table)


def _last(found: Iterator[Row] | list[Row], limit: int) -> list[Row]:
    kept: list[Row] = []
    for row in found:
        kept.append(row)
        if len(kept) > 2 * limit:
            del kept[:-limit]
    return kept[-limit:]


@app.command()
def verify(path: JournalPath = DEFAULT_DIRECTORY, as_json: JsonOption = False) -> None:
    """Check every length, checksum and hash, and that the segments continue one another."""
    with _errors_for_people(as_json):
        with _progress("verifying", as_json) as progress:
            report = verify_journal(path, progress)
        if as_json:
            problems = [
                {"code": p.code, "name": p.error, "file": str(p.path), "offset": p.offset, "sequence": p.sequence, "message": p.message}
                for p in report.problems
            ]
            fields = {name: getattr(report, name) for name in ("ok", "intact", "live", "segments", "batches", "steps", "size_bytes", "head")}
            typer.echo(json.dumps({**fields, "problems": problems, "notes": list(report.notes)}))
        else:
            console = Console(highlight=False, soft_wrap=True)
            for problem in report.problems:
                console.print(str(problem), style="red", markup=False)
            for note in report.notes:
                console.print(f"note: {note}", markup=False)
            verdict = "sound" if report.ok else "not sound"
            console.print(f"{verdict}: {report.segments} segments, {report.batches} batches, {report.steps} steps, {report.size_bytes} bytes")
            console.print(f"head {report.head}")
    raise typer.Exit(EXIT_OK if report.ok else EXIT_PROBLEM)


@app.command()
def replay(path: JournalPath = DEFAULT_DIRECTORY, as_json: JsonOption = False) -> None:
    """Compute every recorded step again with the core of this release and compare bit for bit."""
    with _errors_for_people(as_json):
        with _progress("replaying", as_json) as progress:
            report = replay_journal(path, core_schema(), step, initial_state, progress)
        different = report.divergence
        if as_json:
            found: dict[str, Any] | None = None
            if different is not None:
                found = {name: getattr(different, name) for name in ("sequence", "step", "now_s", "field", "recorded", "computed")}
                found |= {"code": "TC303", "file": str(different.path), "now_s": repr(different.now_s)}
            fields = {name: getattr(report, name) for name in ("ok", "runs", "steps", "skipped", "gaps", "release")}
            typer.echo(json.dumps({**fields, "divergence": found, "problems": [str(problem) for problem in report.problems]}))
        else:
            console = Console(highlight=False, soft_wrap=True)
            for problem in report.problems:
                console.print(str(problem), style="red", markup=False)
            if different is not None:
                place = f"{different.path} > batch {different.sequence} > step {different.step} > {different.field}"
                detail = f"recorded {different.recorded}, computed {different.computed}; written by release {report.release}"
                console.print(str(TreadctlError("journal_diverges", place, detail)), style="red", markup=False)
            verdict = "every output is the same, bit for bit" if report.ok else "not all could be shown to be the same"
            console.print(f"{verdict}: {report.steps} steps of {report.runs} runs computed again, {report.skipped} skipped, {report.gaps} gaps")
    raise typer.Exit(EXIT_OK if report.ok else EXIT_PROBLEM)


@contextmanager
def _errors_for_people(as_json: bool) -> Iterator[None]:
    try:
        yield
    except TreadctlError as error:
        if as_json:
            typer.echo(json.dumps({"ok": False, "code": error.kind.code, "error": str(error)}))
        typer.echo(str(error), err=True)
        raise typer.Exit(EXIT_BAD_INPUT) from error
    except OSError as error:
        typer.echo(str(TreadctlError("file_missing", str(error.filename), str(error.strerror))), err=True)
        raise typer.Exit(EXIT_BAD_INPUT) from error


@contextmanager
def _progress(verb: str, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, drawn only on a terminal and gone when done."""
    columns = (TextColumn(verb), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as bar:
        task = bar.add_task(verb, total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield advance


def _instant(text: str | None, option: str) -> int | None:
    """Nanoseconds since 1970 of a time as people write it. Raises TC104."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise TreadctlError("bad_value", option, f"{text!r} is not a time like 2026-11-21T09:30:00") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1e9)
