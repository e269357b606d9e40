"""How long the lists of the console take with years of sessions in the database: `python -m treadctl.records.bench --url sqlite:////path/to/new.sqlite`.

The database must be new: what is made up here belongs beside nothing real. The same seed makes the same records.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from treadctl.errors import TreadctlError
from treadctl.records.audit import Actor
from treadctl.records.model import Outcome, Series, Session, SessionEvent, SessionHead, Summary
from treadctl.records.rows_in import write_sessions
from treadctl.records.sessions import Filter
from treadctl.records.store import Records
from treadctl.records.vault import KEY_BYTES, Vault

BENCH: Final = Actor("bench", "system")
NEWEST: Final = datetime(2026, 1, 1, tzinfo=UTC)
LIMIT_MS: Final = 300.0
OFTEN: Final = "P000000"  # the person with many sessions
OF_ONE: Final = 1000
SAMPLES: Final = 300
WORDS: Final = ("ash", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine", "rowan", "willow")
Say = Callable[[str], None]


def made_up(number: int, total: int, people: int, dice: random.Random) -> Session:
    """Session `number` of `total`; half an hour apart, spread over people, with half a minute of samples."""
    speed = tuple(round(dice.uniform(0.2, 1.2), 2) for _ in range(SAMPLES))
    none: tuple[None, ...] = (None,) * SAMPLES
    series = Series(tuple(n / 10 for n in range(SAMPLES)), speed, speed, none, none, none, none, none)
    often = number % max(1, total // OF_ONE) == 0
    summary = Summary(duration_s=1200.0, belt_s=900.0, distance_m=dice.uniform(200, 1500), peak_mps=max(speed), mean_mps=0.7, stops=1)
    head = SessionHead(
        id=f"{number:08d}", person_id=OFTEN if often else f"P{dice.randrange(1, people):06d}", revision_id=None, machine=dice.choice(("lab", "gym")),
        profile="bench", profile_sha256="00" * 32, direction="reverse", facing="console", started_at=NEWEST - timedelta(minutes=30 * number),
        outcome=Outcome.STOPPED if dice.random() < 0.01 else Outcome.COMPLETED, cause=None, summary=summary,
    )  # fmt: skip
    events = tuple(SessionEvent(float(at), "segment", "The next stretch begins.", {"number": at}) for at in range(20))
    return Session(head, mass_kg=70.0, events=events, series=series)


async def fill(records: Records, sessions: int, people: int, seed: int, say: Say) -> None:
    """People with names of two words, then sessions."""
    dice = random.Random(seed)  # noqa: S311 - made-up records, not secrets
    for number in range(people):
        await records.people.add(BENCH, person_id=f"P{number:06d}", name=f"{dice.choice(WORDS)} {dice.choice(WORDS)}{dice.randrange(100)}")
    say(f"{people} people")
    for start in range(0, sessions, 1000):
        batch = [made_up(number, sessions, people, dice) for number in range(start, min(start + 1000, sessions))]
        async with records.database.write() as connection:
            await write_sessions(connection, batch)
        if (start + 1000) % 20_000 == 0:
            say(f"{start + 1000} sessions")


async def timed(records: Records, sessions: int, repeats: int, seed: int) -> dict[str, list[float]]:
    """Milliseconds of each list, `repeats` times each, by turns, so that what else the computer does falls on all of them."""
    dice = random.Random(seed)  # noqa: S311
    deep = (await records.sessions.heads(Filter(until=NEWEST - timedelta(minutes=30 * (sessions * 9 // 10))), size=1)).next
    person_pages = await records.people.search(size=500)
    asked: dict[str, Callable[[], Awaitable[object]]] = {
        "sessions, first page": records.sessions.heads,
        "sessions, deep page": lambda: records.sessions.heads(page=deep),
        "sessions that were stopped": lambda: records.sessions.heads(Filter(outcome=Outcome.STOPPED)),
        "people by a word of the name": lambda: records.people.search(dice.choice(WORDS)),
        "people by part of the id": lambda: records.people.search(f"{dice.randrange(1000):03d}"),
        "people, a later page": lambda: records.people.search(page=person_pages.next),
        "one person, first page": lambda: records.sessions.heads(Filter(person_id=OFTEN)),
        "one person, 500 sessions": lambda: records.sessions.heads(Filter(person_id=OFTEN), size=500),
        "one person, the week": lambda: records.sessions.week(OFTEN, NEWEST - timedelta(days=dice.randrange(1000))),
        "one session in full": lambda: records.sessions.get(f"{dice.randrange(sessions):08d}"),
    }
    found: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(repeats):
        for name, ask in asked.items():
            began = time.perf_counter()
            await ask()
            found[name].append((time.perf_counter() - began) * 1000.0)
    return found


def share(values: list[float], part: float) -> float:
    """The value that this part of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


async def measured(url: str, sessions: int, people: int, repeats: int, seed: int, say: Say) -> dict[str, list[float]]:
    """Make up, measure: milliseconds of each list. TC607 for a database that has people in it."""
    records = await Records.open(url)
    try:
        if (await records.people.search(size=1)).items or (await records.sessions.heads(size=1)).items:
            raise TreadctlError("record_exists", url.rpartition("@")[2], "made-up records go into a new database only")
        records.people.vault = Vault(secrets.token_bytes(KEY_BYTES))
        began = time.perf_counter()
        await fill(records, sessions, people, seed, say)
        say(f"made in {time.perf_counter() - began:.0f} s on {records.database.kind}; {repeats} times each, ms:")
        return await timed(records, sessions, repeats, seed)
    finally:
        await records.close()


async def run(url: str, sessions: int, people: int, repeats: int, seed: int, say: Say) -> bool:
    """The same, printed; whether every p95 keeps within the limit."""
    times = await measured(url, sessions, people, repeats, seed, say)
    say(f"{'':32}{'p50':>9}{'p95':>9}")
    for name, values in times.items():
        say(f"{name:32}{share(values, 0.5):9.1f}{share(values, 0.95):9.1f}")
    return all(share(values, 0.95) <= LIMIT_MS for values in times.values())


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """0, or 1 where a list takes longer than 300 ms (p95)."""
    parser = argparse.ArgumentParser(prog="python -m treadctl.records.bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", required=True, help="a new database: sqlite:////path or postgresql://user@host/name")
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    try:
        kept = asyncio.run(run(chosen.url, chosen.sessions, chosen.people, chosen.repeats, chosen.seed, _print))
    except TreadctlError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
