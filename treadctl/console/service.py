"""Routes of service: the state of the machine, its buses and its records; the audit trail and its proof; the metrics."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import Response

from treadctl.console.accounts import Visitor
from treadctl.console.context import Context, context_of
from treadctl.console.guard import LOOPBACK, host_of
from treadctl.console.pages import page
from treadctl.console.problems import problem_of
from treadctl.console.rights import Command
from treadctl.console.settings import Door
from treadctl.console.view import _
from treadctl.console.visiting import checked, visitor
from treadctl.console.words import NONE, Words
from treadctl.errors import TreadctlError
from treadctl.ipc.snapshot import LinkView, Snapshot
from treadctl.records.audit import Head
from treadctl.records.state import state_of

ROUTES: Final = APIRouter(include_in_schema=False)
PROOFS_SHOWN: Final = 20
ENTRIES_SHOWN: Final = 100
WELL_PERCENT: Final = 99.0  # of exchanges answered; below it a cable or an adapter is worth a look
FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")

Ctx = Annotated[Context, Depends(context_of)]
Whom = Annotated[Visitor, Depends(visitor)]
Checked = Annotated[Visitor, Depends(checked)]
Text = Annotated[str, Query(max_length=400)]


# --- the service page -----------------------------------------------------------------------------------------------------


@ROUTES.get("/service")
async def service_page(request: Request, context: Ctx, who: Whom) -> Response:
    """Everything that somebody asks who looks after the machine."""
    context.demand(who, Command.VIEW_SERVICE)
    words, moment = context.words, context.link.moment
    heard = moment.snapshot if moment.up else None  # what was heard last is not what is
    proofs = await context.records.proof_tests.of(context.frame.name, size=PROOFS_SHOWN)
    return page(
        request, "service.html", who=who, at=words.instant(context.now()), detail=moment.detail,
        machine=_machine(heard, words) if heard is not None else None, links=[_link(link, words) for link in heard.links] if heard is not None else [],
        proofs=proofs.items, frame=context.frame, console=await _console(context),
    )  # fmt: skip


def _machine(snapshot: Snapshot, words: Words) -> dict[str, list[tuple[str, str, bool | None]]]:
    """Rows of (what, value, whether it is well; None = no judgement), by card."""
    say, drive, loop, journal, enable = words.say, snapshot.drive, snapshot.loop, snapshot.journal, snapshot.enable
    attested = say(_("not attested: motion is refused")) if drive.watchdog_s is None else _ms(drive.watchdog_s, words)
    return {
        "drive": [
            (say(_("State")), say(drive.state), None),
            (say(_("Identity")), say(_("as the machine file says")) if drive.identified else say(_("not proven: motion is refused")), drive.identified),
            (say(_("Its own watchdog, read back")), attested, drive.watchdog_s is not None),
            (say(_("Enable wanted")), say(_("on")) if enable.wanted else say(_("off")), None),
            (say(_("Enable read back")), {None: say(_("not known")), True: say(_("on")), False: say(_("off"))}[enable.feedback],
             None if enable.feedback is None else enable.feedback is enable.wanted),
        ],
        "loop": [
            (say(_("Half of the steps at most")), _ms(loop.lateness_p50_s, words), None),
            (say(_("99 of 100 at most")), _ms(loop.lateness_p99_s, words), loop.lateness_p99_s < 0.02),
            (say(_("The latest")), _ms(loop.lateness_max_s, words), loop.lateness_max_s < 0.05),
            (say(_("Steps since the start")), words.number(loop.ticks, 0), None),
        ],
        "journal": [
            (say(_("Can be written")), say(_("yes")) if journal.ok else say(_("no: no session starts")), journal.ok),
            (say(_("Records")), words.number(journal.records, 0), None),
            (say(_("Its last hash")), journal.head[:16] or NONE, None),
        ],
        "versions": [
            (say(_("Control program")), snapshot.versions.release or NONE, None),
            (say(_("Machine file")), snapshot.versions.machine or NONE, None),
            (say(_("Protocol of its socket")), str(snapshot.versions.protocol), None),
        ],
    }  # fmt: skip


def _link(link: LinkView, words: Words) -> dict[str, Any]:
    asked = link.exchanges + link.timeouts
    share = None if not asked else 100.0 * link.exchanges / asked
    counts = (link.exchanges, link.timeouts, link.mismatches, link.crc_errors, link.late_replies, link.reconnects)
    return {
        "name": link.name, "share": NONE if share is None else f"{words.number(share, 2)} %", "good": share is not None and share >= WELL_PERCENT,
        "counts": [words.number(count, 0) for count in counts], "typical": _ms(link.round_trip_p50_s, words), "longest": _ms(link.round_trip_max_s, words),
    }  # fmt: skip


def _ms(seconds: float, words: Words) -> str:
    return f"{words.number(seconds * 1000.0)} ms"


async def _console(context: Context) -> list[tuple[str, str, bool | None]]:
    words, say = context.words, context.words.say
    database, locked = await state_of(context.records.database), context.records.people.vault.locked
    rows: list[tuple[str, str, bool | None]] = [
        (say(_("Database")), {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(database.kind, database.kind), None),
        (say(_("Size")), f"{words.number(database.size_bytes / 1e6)} MB", None),
        (say(_("Form of its tables")), database.form, None),
        (say(_("Names of people")), say(_("locked: the key is missing")) if locked else say(_("readable")), not locked),
    ]
    if context.backlog is None:
        return [*rows, (say(_("Import of the journal")), say(_("done by another process")), None)]
    backlog = await context.backlog()
    waiting = f"{words.number(backlog.waiting_bytes / 1e6)} MB"
    rows += [
        (say(_("Journal not imported yet")), waiting, backlog.trouble == ""),
        (say(_("Last imported")), words.instant(backlog.imported_at), None),
    ]
    return [*rows, (say(_("Import")), say(backlog.trouble), False)] if backlog.trouble else rows


# --- the audit trail ------------------------------------------------------------------------------------------------------


@ROUTES.get("/audit")
async def audit_page(request: Request, context: Ctx, who: Whom, by: Text = "", subject: Text = "", after: Text = "") -> Response:
    """The trail, newest first, a page at a time; of one user or one subject where asked."""
    context.demand(who, Command.VIEW_AUDIT)
    return await _audit(request, context, who, by, subject, after)


async def _audit(
    request: Request, context: Context, who: Visitor, by: str = "", subject: str = "", after: str = "", message: tuple[str, str] | None = None
) -> Response:
    by, subject = by.replace("\0", "").strip(), subject.replace("\0", "").strip()
    entries = await context.records.audit.entries(who=by or None, subject=subject or None, page=after or None, size=ENTRIES_SHOWN)
    head = await context.records.audit.head()
    return page(
        request, "audit.html", who=who, message=message, entries=entries.items, following=entries.next, by=by, subject=subject, first=not after, head=head,
    )  # fmt: skip


@ROUTES.post("/audit")
async def verify(
    request: Request, context: Ctx, who: Checked, noted: Annotated[str, Form(max_length=100)] = ""
) -> Response:
    """Reckon the whole chain anew and say whether it is sound, or which is the first entry that is not."""
    context.demand(who, Command.VIEW_AUDIT)
    try:
        count = await context.records.audit.verify(_head(noted, context))
    except TreadctlError as error:
        if error.kind.name != "audit_altered":
            return await _audit(request, context, who, message=("bad", problem_of(error, context.words.say).detail))
        text = context.words.say(_("The trail is NOT sound. {place}: {detail}. Treat everything from there on as unproven, and keep the database as it is."))
        return await _audit(request, context, who, message=("bad", text.format(place=error.place, detail=error.detail)))
    await context.records.audit.add(who.actor, "audit.verified", "audit", f"{count} entries, sound")
    text = context.words.say(_("The trail is sound: {count} entries, each fits the one before."))
    return await _audit(request, context, who, message=("good", text.format(count=count)))


def _head(noted: str, context: Context) -> Head | None:
    """The head of the chain as somebody noted it: its number, then its digest. None where nothing was noted. Raises TreadctlError(bad_value)."""
    if not noted.strip():
        return None
    number, _space, digest = noted.strip().partition(" ")
    if not (number.isascii() and number.isdecimal() and len(number) < 16 and digest.strip()):
        raise TreadctlError("bad_value", "noted", context.words.say(_("write the number, a space, and the digest")))
    return Head(int(number), digest.strip())


# --- metrics --------------------------------------------------------------------------------------------------------------


@ROUTES.get("/metrics")
async def metrics(request: Request, context: Ctx, who: Whom) -> Response:
    """For Prometheus: to a collector on this computer, or to whoever may see it signed on."""
    if not (context.door is Door.DESK and _from_here(request)):
        context.demand(who, Command.METRICS)
    body, kind = context.metrics.exposition(request.headers.get("accept", ""), context.link.moment, context.clock())
    return Response(body, media_type=kind, headers={"Cache-Control": "no-store"})


def _from_here(request: Request) -> bool:
    """Whether it comes from this computer itself. What a proxy on this computer passes on does not: it says for whom, or by what name it was reached."""
    client = request.client.host if request.client is not None else ""
    return client in LOOPBACK and host_of(request.headers.get("host", "")) in LOOPBACK and not any(name in request.headers for name in FORWARDED)
