"""`treadctl doctor`: is this computer fit to watch over a belt? Reads only; opens no serial port."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from treadctl.cli.common import REFUSED, JsonOption, SocketOption, open_client, print_json
from treadctl.cli.host import HOST_CHECKS, Finding, Lateness, Level, disk, judge, summarise
from treadctl.errors import TreadctlError
from treadctl.ports import Clock

SLEEP_S: Final = 0.002
SIGNS: Final = {Level.OK: "[green]✔[/]", Level.INFO: "[cyan]i[/]", Level.WARN: "[yellow]▲[/]", Level.BAD: "[bold red]✘[/]"}
JOURNAL_FOLDER: Final = Path("/var/lib/treadctl/journal")
ROOT: Final = Path("/")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(
    seconds: Annotated[float, typer.Option("--seconds", min=0.0, max=600.0, help="How long to measure how late a thread wakes; 0 = skip.")] = 3.0,
    journal_folder: Annotated[Path, typer.Option("--journal-dir", metavar="PATH", help="Where the journal lies.")] = JOURNAL_FOLDER,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at ports, adapters, real-time rights, waking delays, disk, services and the daemon. Exit code 1 when something is bad."""
    findings = [finding for check in HOST_CHECKS for finding in check(ROOT)]
    findings += disk(journal_folder)
    findings.append(_daemon(socket))
    lateness = _measured(seconds, as_json) if seconds > 0.0 else None
    if lateness is not None:
        findings.append(judge(lateness))
    bad = any(finding.level is Level.BAD for finding in findings)
    if as_json:
        print_json({"ok": not bad, "findings": [_as_json(finding) for finding in findings], "lateness": _lateness_json(lateness)})
    else:
        _print(findings, lateness)
    if bad:
        raise typer.Exit(REFUSED)


def measure(seconds: float, clock: Clock, sleep: Callable[[float], None], progress: Callable[[float], None]) -> Lateness:
    """Sleep 2 ms again and again for `seconds`; how late each waking was. `progress` gets the seconds passed, some ten times a second."""
    late_s: list[float] = []
    began_s = shown_s = clock()
    now_s = began_s
    while now_s - began_s < seconds or not late_s:
        due_s = now_s + SLEEP_S
        sleep(SLEEP_S)
        now_s = clock()
        late_s.append(max(0.0, now_s - due_s))
        if now_s - shown_s >= 0.1:
            progress(now_s - began_s)
            now_s = shown_s = clock()  # drawing is not the computer's lateness
    return summarise(late_s)


def _measured(seconds: float, as_json: bool) -> Lateness:
    with Progress(console=Console(stderr=True), transient=True, disable=as_json, auto_refresh=False) as bar:
        task = bar.add_task("measuring how late a thread wakes", total=seconds)

        def show(passed_s: float) -> None:
            bar.update(task, completed=passed_s, refresh=True)

        return measure(seconds, time.monotonic, time.sleep, show)


def _daemon(socket: Path | None) -> Finding:
    try:
        with open_client(socket) as client:
            snapshot = client.snapshot()
    except TreadctlError as error:
        return Finding("daemon", Level.WARN, f"{error.place}: {error.kind.sentence} ({error.detail})", error.kind.remedy)
    loop = snapshot.loop
    text = f"the daemon {snapshot.versions.release} answers; it is {snapshot.state}; its loop was at most {loop.lateness_max_s * 1000:.1f} ms late"
    return Finding("daemon", Level.OK, text)


def _as_json(finding: Finding) -> dict[str, str]:
    return {"id": finding.id, "level": finding.level.value, "text": finding.text, "remedy": finding.remedy}


def _lateness_json(lateness: Lateness | None) -> dict[str, object] | None:
    """Times in ms; the last bound of the histogram is null: everything later."""
    if lateness is None:
        return None
    return {
        "count": lateness.count,
        "p50_ms": round(lateness.p50_s * 1000, 3),
        "p99_ms": round(lateness.p99_s * 1000, 3),
        "max_ms": round(lateness.max_s * 1000, 3),
        "histogram": [{"up_to_ms": round(bound * 1000, 3) if math.isfinite(bound) else None, "count": count} for bound, count in lateness.histogram],
    }


def _print(findings: list[Finding], lateness: Lateness | None) -> None:
    console = Console(highlight=False)
    for finding in findings:
        console.print(f"{SIGNS[finding.level]} {escape(finding.text)}")
        if finding.remedy:
            console.print(f"    {escape(finding.remedy)}", style="bright_black")
    if lateness is None:
        return
    most = max(count for _, count in lateness.histogram)
    for bound, count in lateness.histogram:
        if count:
            label = f"≤ {bound * 1000:g} ms" if math.isfinite(bound) else "later"
            console.print(f"    {label:>10} {count:>7} {'█' * max(1, round(40 * count / most))}")
