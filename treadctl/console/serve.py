"""`python -m treadctl.console`: one door, from its settings to its end."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import uvicorn

from treadctl.config.machine import load_machine
from treadctl.console.accounts import Accounts
from treadctl.console.connections import Connection
from treadctl.console.context import Backlog, Context, environment
from treadctl.console.holds import Holds
from treadctl.console.link import DaemonLink
from treadctl.console.settings import DEFAULT_PATH, Door, Settings, load
from treadctl.console.web import create_app, guarded
from treadctl.console.words import Words
from treadctl.core.messages import Origin
from treadctl.errors import TreadctlError
from treadctl.ipc.aio import Dial
from treadctl.prescription.frame import frame_of
from treadctl.records.audit import Actor
from treadctl.records.importing import START, Importer
from treadctl.records.importing.backlog import waiting_bytes
from treadctl.records.importing.cursor import parse
from treadctl.records.importing.intake import Intake
from treadctl.records.store import Records
from treadctl.records.vault import Vault, make_key
from treadctl.reports.work import Workshop

LOG: Final = logging.getLogger("treadctl.console")
EXIT_INPUT: Final = 2
DAY_S, YEAR_DAYS = 86400.0, 366.0
RETIRES_AFTER_S: Final = 3600.0  # not as a door opens: whoever starts it at 8 in the morning waits for pages
RETIRES: Final = Actor("retention", "system")
SHARED: Final = 0o660  # both doors, two users of one group, write one database


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@asynccontextmanager
async def opened(settings: Settings, door: Door, dial: Path | Dial | None = None) -> AsyncIterator[Context]:
    """Everything one door works with, from its settings. Raises TreadctlError for a machine file or a database that cannot be used."""
    frame = frame_of(load_machine(Path(settings.machine)))
    words = Words(settings.language, settings.units, settings.zone)
    key = Path(settings.names_key) if settings.names_key is not None else None
    records = await Records.open(settings.database, key, file_mode=SHARED)
    try:
        if key is not None and records.people.vault.locked and not (await records.people.search(size=1)).items:
            records.people.vault = await _first_key(key)  # a new clinic: its names are locked with a key of its own, made before there is one
        # What the kiosk asks may count as local; the daemon looks at the user behind the socket as well, and takes a desk for remote whatever it claims.
        link = DaemonLink(dial or Path(settings.socket), origin=Origin.LOCAL if door is Door.KIOSK else Origin.REMOTE)
        accounts = Accounts(records, door, settings.idle, utc_now, time.monotonic)
        pages, holds, workshop = environment(words), Holds(time.monotonic), Workshop(time.monotonic)
        yield Context(settings, door, link, records, accounts, words, time.monotonic, utc_now, pages, frame, holds, workshop)
    finally:
        await records.close()


async def _first_key(path: Path, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> Vault:
    """Make the key of names and open it. The other door may be doing the same at this very moment: then its key is waited for. Raises as Vault.open does."""
    try:
        await asyncio.to_thread(make_key, path, SHARED & ~0o020)
    except TreadctlError as error:
        if error.kind.name != "record_exists":
            raise
    for _ in range(20):
        try:
            return await asyncio.to_thread(Vault.open, path)
        except TreadctlError:  # there, and not yet written
            await sleep(0.05)
    return await asyncio.to_thread(Vault.open, path)


def server(context: Context) -> uvicorn.Server:
    """The web server of a door, not yet running."""
    listener = context.settings.door(context.door)
    app = guarded(create_app(context), context)
    config = uvicorn.Config(
        app, host=listener.host, port=listener.port, ssl_certfile=listener.tls_cert, ssl_keyfile=listener.tls_key, access_log=False, server_header=False,
        log_level="warning", http=Connection, ws="none", timeout_keep_alive=15, timeout_graceful_shutdown=2, h11_max_incomplete_event_size=16 * 1024,
    )  # fmt: skip
    return uvicorn.Server(config)


async def serve(settings: Settings, door: Door) -> None:
    """Serve one door until SIGTERM or SIGINT."""
    async with opened(settings, door) as bare, importing(bare) as context, retiring(context):
        await announce(context)
        await server(context).serve()


@asynccontextmanager
async def importing(context: Context) -> AsyncIterator[Context]:
    """Fill the records from the journal meanwhile, where this door is to do it; the context then knows how much waits.

    A session is in the records two seconds after its end, or whenever the console is there again.
    """
    if context.settings.imports is not context.door:
        yield context
        return
    journal = Path(context.settings.journal_dir)
    intake, reading, told = Intake(context.records, str(journal)), Intake(context.records, str(journal)), _Told()

    async def backlog() -> Backlog:
        position = await reading.cursor()
        waiting = await asyncio.to_thread(waiting_bytes, journal, parse(position) if position else START)
        return Backlog(waiting, await reading.imported_at(), told.last)

    task = asyncio.create_task(Importer(journal, intake).watch(told=told), name="importer")
    try:
        yield replace(context, backlog=backlog)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def retiring(context: Context, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> AsyncIterator[None]:
    """Remove each day what is older than the clinic keeps, where that is set and this door is the one that fills the records."""
    years = context.settings.retention.sessions_years
    if years is None or context.settings.imports is not context.door:
        yield
        return
    task = asyncio.create_task(_retire(context, timedelta(days=YEAR_DAYS * years), sleep), name="retention")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _retire(context: Context, kept: timedelta, sleep: Callable[[float], Awaitable[None]]) -> None:
    await sleep(RETIRES_AFTER_S)
    while True:
        try:
            await context.records.retention.retire(RETIRES, context.now() - kept)
        except TreadctlError as error:
            LOG.warning("old sessions cannot be removed now: %s", error)
        await sleep(DAY_S)


class _Told:
    """Says once what is wrong with the import, and again when it is something else. `last` is what it said last."""

    def __init__(self) -> None:
        self.last = ""

    def __call__(self, error: TreadctlError | None) -> None:
        if error is None:
            self.last = ""
        elif str(error) != self.last:
            self.last = str(error)
            LOG.warning("the journal cannot be imported now: %s", error)


async def announce(context: Context) -> None:
    """Print where it is, and the one-time secrets of this start."""
    listener = context.settings.door(context.door)
    scheme = "https" if listener.tls_cert else "http"
    out = sys.stdout
    out.write(f"{context.door.value}: {scheme}://{listener.host}:{listener.port}/\n")
    if context.door is Door.KIOSK:
        out.write(f"pairing PIN, good once: {context.accounts.pairing_pin}\n")
    code = await context.accounts.first_code()
    if code is not None and context.door is Door.DESK:
        out.write(f"one-time code for the first administrator: {code}\n")
    out.write(f"the {context.door.value} door is open\n")
    out.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 in order, 2 for settings that are not right."""
    parser = argparse.ArgumentParser(prog="treadctl-console", description="The console of one door.")
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH)
    parser.add_argument("--door", type=Door, choices=list(Door), required=True)
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        asyncio.run(serve(load(arguments.config), arguments.door))
    except TreadctlError as error:
        LOG.error("%s", error)
        return EXIT_INPUT
    return 0
