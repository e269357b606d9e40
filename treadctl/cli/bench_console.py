"""The figures of the console, each with its goal. Everything is measured on processes as a clinic runs them; records are made up."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from treadctl.cli.bench_doors import OFTEN, PASSWORD, PIN, WATCHERS, Browser, cpu_s, fill, live_ages_s, percentile, start_s
from treadctl.config.paths import shipped
from treadctl.testing.console_stand import console_stand

START_S: Final = 2.0
AGE_S: Final = 0.1
PAGE_S: Final = 0.3
WEIGHT_B: Final = 200_000
RATE_LEAST: Final = 0.95  # of ten states a second: an age is worth nothing where states are left out


@dataclass(frozen=True, slots=True)
class Length:
    """How long each part goes on."""

    starts: int = 5
    live_s: float = 30.0
    repeats: int = 40
    list_sessions: int = 100_000
    list_people: int = 2000
    list_repeats: int = 50
    hours: float = 24.0
    pairs: int = 4


FULL: Final = Length()
QUICK: Final = Length(starts=2, live_s=5.0, repeats=8, list_sessions=5_000, list_people=200, list_repeats=10, hours=1.5, pairs=1)


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `met` None = not measured, with the reason in `measured`."""

    figure: str
    measured: str
    goal: str
    met: bool | None


Say = Callable[[Row], None]


def run(console: Console, length: Length, postgresql: tuple[str, ...], parts: frozenset[str]) -> tuple[list[Row], dict[str, Any]]:
    """Every part that is wanted, each row printed as soon as it is known; and the details of the stop."""
    rows: list[Row] = []
    details: dict[str, Any] = {}

    def say(row: Row) -> None:
        rows.append(row)
        console.print(f"{row.figure}: {row.measured} (goal: {row.goal}){'  [red]NOT MET[/]' if row.met is False else ''}", highlight=False, soft_wrap=True)

    if "pages" in parts:
        with _folder() as folder:
            _pages(folder, length, say)
    if "lists" in parts:
        with _folder() as folder:
            for kind, url in (("SQLite", f"sqlite:///{folder}/lists.sqlite"), ("PostgreSQL", postgresql[0] if postgresql else "")):
                _lists(kind, url, length, say)
    if "import" in parts:
        with _folder() as folder:
            _imports(folder, postgresql[1] if len(postgresql) > 1 else "", length, say, lambda line: console.print(line, highlight=False))
    if "stop" in parts:  # the last: it takes a real-time priority and keeps it
        details = _stop(length, say)
    return rows, details


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="treadctl-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pages(folder: Path, length: Length, say: Say) -> None:
    """On a whole stand: simulated treadmill, daemon, both doors."""
    ids: list[str] = []
    with console_stand(shipped("hil", "benches", "altivar-rtu.toml"), folder, prepare=lambda settings: ids.extend(fill(settings, 1000))) as stand:
        kiosk, desk = Browser(stand.doors.kiosk_url), Browser(stand.doors.desk_url)
        kiosk.sign_on("attendant", PIN, stand.doors.pairing_pin)
        desk.sign_on("physiotherapist", PASSWORD)
        ages_s, per_s = asyncio.run(live_ages_s(kiosk.port, kiosk.cookie, length.live_s))
        p50, p95 = (1e3 * percentile(ages_s, part) for part in (0.5, 0.95))
        text = f"p95 {p95:.0f} ms, median {p50:.0f} ms, at most {1e3 * max(ages_s):.0f} ms; {per_s:.1f} states a second each"
        say(Row(f"age of the live state at {WATCHERS} watchers", text, "p95 100 ms at 10 a second", p95 <= 1e3 * AGE_S and per_s >= 10.0 * RATE_LEAST))
        for name, path in (
            ("page of a person with 1,000 sessions", f"/people/{OFTEN}"), ("list of their sessions", f"/sessions?person={OFTEN}"),
            ("figures of their history", f"/api/v1/people/{OFTEN}/trends"), ("page of a session", f"/sessions/{ids[0]}"),
        ):  # fmt: skip
            desk.seen(path)
            before_s = cpu_s(stand.doors.processes["desk"].pid)
            took_s = desk.timed(path, length.repeats)
            cpu_ms = 1e3 * (cpu_s(stand.doors.processes["desk"].pid) - before_s) / (length.repeats + 1)
            p50, p95 = (1e3 * percentile(took_s, part) for part in (0.5, 0.95))
            say(Row(name, f"p95 {p95:.0f} ms, median {p50:.0f} ms, of which {cpu_ms:.0f} ms of computing", "300 ms", p95 <= 1e3 * PAGE_S))
        say(_weight(kiosk, desk, ids[0]))
        settings, url = folder / "console.toml", stand.doors.kiosk_url
    starts = start_s(settings, url, length.starts)
    longest_s, computing_s = max(starts)
    median_s = percentile([took_s for took_s, _computing_s in starts], 0.5)
    text = f"at most {longest_s:.2f} s of {len(starts)}, of which {computing_s:.2f} s of computing; median {median_s:.2f} s"
    say(Row("start of a door to its first page", text, f"{START_S:g} s", longest_s <= START_S))


def _weight(kiosk: Browser, desk: Browser, session_id: str) -> Row:
    pages = {
        "/live": kiosk, "/": kiosk, "/people": desk, f"/people/{OFTEN}": desk, "/sessions": desk, f"/sessions/{session_id}": desk,
        "/protocols": desk, "/protocols/new": desk, "/prescriptions/new": desk, f"/people/{OFTEN}/prescriptions/new": desk,
    }  # fmt: skip
    weights = {path: browser.weight(path) for path, browser in pages.items() if browser.ask(path).status == 200}
    path, (sent, packed) = max(weights.items(), key=lambda entry: entry[1][0])
    text = f"{sent / 1e3:.0f} kB as sent ({packed / 1e3:.0f} kB were the page packed too), {path.replace(session_id, '…')}, of {len(weights)} pages"
    return Row("heaviest page with its styles and scripts", text, f"{WEIGHT_B / 1e3:.0f} kB", sent <= WEIGHT_B)


def _lists(kind: str, url: str, length: Length, say: Say) -> None:
    name, goal = f"lists and search, {length.list_sessions:,} sessions, {kind}", "300 ms"
    if not url:
        say(Row(name, "not measured: give --postgresql", goal, None))
        return
    from treadctl.records.bench import LIMIT_MS, measured, share  # noqa: PLC0415 - loads SQLAlchemy

    times = asyncio.run(measured(url, length.list_sessions, length.list_people, length.list_repeats, 1, lambda _line: None))
    slowest, values = max(times.items(), key=lambda entry: share(entry[1], 0.95))
    text = f"slowest of {len(times)}: {slowest}, p95 {share(values, 0.95):.0f} ms, median {share(values, 0.5):.0f} ms"
    say(Row(name, text, goal, share(values, 0.95) <= LIMIT_MS))


def _imports(folder: Path, postgresql: str, length: Length, say: Say, tell: Callable[[str], None]) -> None:
    from treadctl.records.importing.bench import GOAL_PER_S, stored, written  # noqa: PLC0415 - loads SQLAlchemy

    steps, walked = written(length.hours, folder / "journal", tell)
    for kind, url in (("SQLite", f"sqlite:///{folder}/import.sqlite"), ("PostgreSQL", postgresql)):
        name, goal = f"{length.hours:g} h of journal imported, killed in the middle, {kind}", f"{GOAL_PER_S:,.0f} records/s, nothing lost or twice"
        if not url:
            say(Row(name, "not measured: give --postgresql twice", goal, None))
            continue
        found = stored(url, folder / "journal", steps, walked)
        text = f"{found.per_s:,.0f} records/s, {found.sessions} of {walked} sessions, each once" if not found.wrong else found.wrong
        say(Row(name, text, goal, found.per_s >= GOAL_PER_S and not found.wrong))


def _stop(length: Length, say: Say) -> dict[str, Any]:
    from treadctl.cli.bench_console_stop import REPORTS, stop_under_load  # noqa: PLC0415 - only where it is wanted

    found = stop_under_load(length.pairs, lambda: None)
    ratios, with_load = found["ratios"], found["with"]
    text = (
        f"median {ratios['p50']:.3f}, p99 {ratios['p99']:.3f}, maximum {ratios['max']:.3f} of that without ({with_load['stops']} stops each, median "
        f"{with_load['p50_ms']:.1f} ms); {found['junk_per_s']:.0f} requests/s reached beside {REPORTS} reports at a time, {found['reports']} made"
    )
    say(Row("stop latency of the daemon while its console is loaded", text, "median and p99 within 5 %", found["met"]))
    return found


def table_of(rows: list[Row]) -> Table:
    """All rows, for people."""
    table = Table("figure", "measured", "goal", "")
    for row in rows:
        table.add_row(row.figure, row.measured, row.goal, {True: "met", False: "[red]NOT MET[/]", None: "–"}[row.met])
    return table


def document_of(rows: list[Row], details: dict[str, Any]) -> dict[str, Any]:
    """The same, for programs."""
    return {"simulated": True, "rows": [asdict(row) for row in rows], "stop": details, "met": all(row.met is not False for row in rows)}
