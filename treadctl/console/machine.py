"""Routes of the machine: stop, what it does now, and what may be asked of it. The database says who asks, no more; of a stop nobody asks that."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from treadctl.console.accounts import Visitor
from treadctl.console.armed import whose
from treadctl.console.context import Context, context_of, require_timely
from treadctl.console.once import Once
from treadctl.console.pages import page
from treadctl.console.problems import Problem, problem_of
from treadctl.console.rights import Command, whenever
from treadctl.console.view import QUESTIONS, _, live
from treadctl.console.visiting import checked, visitor
from treadctl.core.messages import RequestKind
from treadctl.core.prompts import Answer, PromptKind
from treadctl.errors import TreadctlError
from treadctl.prescription.plan import make_plan
from treadctl.prescription.plot import BAND_MPS, speed_points
from treadctl.prescription.profile import profile_of, profile_sha256

ROUTES: Final = APIRouter(route_class=Once)
TRACK_STEP: Final = 5
QUIET_S: Final = 5.0  # an empty line goes out after so much silence, so that a dead connection is noticed
PLAIN: Final = {
    Command.HOLD: (RequestKind.HOLD, _("Hold")),
    Command.END: (RequestKind.END, _("End the session")),
    Command.DISARM: (RequestKind.DISARM, _("Put away")),
}
HELD: Final = {  # faster, and un-latched: by a held button only, which a browser without scripts does not have
    Command.RESUME: (RequestKind.RESUME, _("Hold to go on")),
    Command.RESET: (RequestKind.RESET, _("Hold to reset")),
}

SLOWING: Final = frozenset({RequestKind.HOLD, RequestKind.END})  # good at any time; whatever else was asked for long ago may no longer be wanted

Ctx = Annotated[Context, Depends(context_of)]
Whom = Annotated[Visitor, Depends(visitor)]
Checked = Annotated[Visitor, Depends(checked)]


class Taken(BaseModel):
    """The machine has taken it; `state` is the session's from now on."""

    accepted: bool
    state: str


class Shown(BaseModel):
    """What the live view shows. All texts are whole, in the clinic's language; further keys come where the machine is heard, and `series` has plain numbers."""

    model_config = ConfigDict(extra="allow")
    number: int
    state: str
    word: str
    icon: str
    look: str
    stale: bool
    unit: str
    banner: str


class Reached(BaseModel):
    """What answers."""

    daemon: bool
    database: bool


# --- stop: nothing is asked of whoever asks for it ---------------------------------------------------------------------


@ROUTES.post("/stop", include_in_schema=False)
async def stop_form(request: Request, context: Ctx) -> HTMLResponse:
    """The stop bar of every page, as a form. The answer says whether the daemon took it, and if not, what to do this second."""
    try:
        await context.link.stop(_stopper(context))
    except TreadctlError as error:
        return page(request, "stopped.html", status=503, accepted=False, reason=context.words.say(str(error)))
    return page(request, "stopped.html", accepted=True, reason="")


@ROUTES.post("/api/v1/stop", response_model=Taken)
async def stop(context: Ctx) -> dict[str, Any]:
    """Stop the belt. No session, no body, no confirmation; refused to another site's page only. At the machine SS1 at once, from a desk SS2."""
    try:
        taken = await context.link.stop(_stopper(context))
    except TreadctlError as error:
        problem = problem_of(error, context.words.say)
        title = context.words.say(_("The stop did not get through: pull the cord or press the emergency stop now."))
        raise Problem(503, title, problem.detail, problem.code) from error
    return {"accepted": True, "state": taken.state}


def _stopper(context: Context) -> str:
    """Who stopped, for the record: which door is known at once, who stands there would have to be looked up first."""
    return f"console, {context.door.value}"


# --- what it does now ------------------------------------------------------------------------------------------------


@ROUTES.get("/live", include_in_schema=False)
async def live_page(request: Request, context: Ctx, who: Whom) -> HTMLResponse:
    """The live view."""
    context.demand(who, Command.WATCH)
    say = context.words.say
    questions = {kind.value: {"text": say(text), "low": low, "high": high} for kind, (text, low, high) in QUESTIONS.items()}
    buttons, held_buttons = (
        [(kind.value, say(text), when) for command, (kind, text) in table.items() if (when := whenever(command, who.role, who.place))]
        for table in (PLAIN, HELD)
    )
    held = await whose(context, who)
    return page(
        request, "live.html", who=who, held=held, questions=questions, buttons=buttons, held_buttons=held_buttons,
        may_answer=bool(whenever(Command.ANSWER, who.role, who.place)),
    )  # fmt: skip


@ROUTES.get("/api/v1/state", response_model=Shown)
async def state(context: Ctx, who: Whom) -> dict[str, Any]:
    """What the live view shows, once."""
    context.demand(who, Command.WATCH)
    return context.live()


@ROUTES.get("/api/v1/live/series")
async def series(context: Ctx, who: Whom) -> dict[str, Any]:
    """What the chart begins with: the plan of the armed program where its prescription is in the record, and the measured speed since it began, 2 a second."""
    context.demand(who, Command.WATCH)
    snapshot = context.link.moment.snapshot
    times_s, speeds_mps = await _plan(context, snapshot.program.profile_sha256) if snapshot is not None and snapshot.program is not None else ([], [])
    track = context.link.track[::TRACK_STEP]
    return {
        "per_mps": context.words.units.speed(1.0), "unit": context.words.units.value, "band_mps": BAND_MPS,
        "plan": {"t": times_s, "mps": speeds_mps}, "past": {"t": [t for t, _mps in track], "mps": [mps for _t, mps in track]},
    }  # fmt: skip


async def _plan(context: Context, sha256: str) -> tuple[list[float], list[float]]:
    """Program time, s, and planned speed, m/s; nothing where what is walked was not armed from a prescription here, or does not fit the machine any more."""
    try:
        arming = await context.records.armings.latest()
        if arming is None or arming.revision_id is None:
            return [], []
        profile = profile_of((await context.records.prescriptions.revision(arming.revision_id)).text, "prescription")
        return speed_points(make_plan(profile, context.frame)) if profile_sha256(profile) == sha256 else ([], [])
    except TreadctlError:
        return [], []


@ROUTES.get("/api/v1/live", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}})
async def feed(context: Ctx, who: Whom, last_event_id: Annotated[str | None, Header()] = None) -> StreamingResponse:
    """Server-sent events: `state` with each snapshot (10 a second at most), `event` numbered by its id; Last-Event-ID goes on after it."""
    context.demand(who, Command.WATCH)
    since = int(last_event_id) if last_event_id is not None and last_event_id.isdecimal() and len(last_event_id) < 12 else context.link.event_number
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_stream(context, min(since, context.link.event_number)), media_type="text/event-stream", headers=headers)


async def _stream(context: Context, event: int) -> AsyncIterator[str]:
    moment = context.link.moment
    yield f"retry: 500\n{_state(context)}"
    while True:
        later = await context.link.changed_since(moment.number, event, QUIET_S)
        for number, happened in context.link.events_since(event):
            body = {"at_utc": happened.at_utc, "kind": happened.kind, "sentence": context.words.say(happened.sentence), "cause": happened.cause}
            yield f"id: {number}\nevent: event\ndata: {json.dumps(body)}\n\n"
            event = number
        if later.number == moment.number:
            yield ": still here\n\n"
        moment = later
        yield _state(context)


def _state(context: Context) -> str:
    moment = context.link.moment
    kept = context.rendered
    if kept.get("number") != moment.number or not moment.up:
        kept["text"] = f"event: state\ndata: {json.dumps(live(moment, context.clock(), context.words))}\n\n"
        kept["number"] = moment.number
    return str(kept["text"])


# --- what may be asked ------------------------------------------------------------------------------------------------


class Nothing(BaseModel):
    """No content."""

    model_config = ConfigDict(extra="ignore")


class Said(BaseModel):
    """An answer of the person."""

    model_config = ConfigDict(extra="ignore")
    prompt: PromptKind
    score: Annotated[float, Field(ge=0.0, le=20.0)]


@ROUTES.post("/api/v1/session/answer", response_model=Taken)
async def answer(said: Said, context: Ctx, who: Checked) -> dict[str, Any]:
    """Enter what the person said."""
    _text, low, high = QUESTIONS[said.prompt]
    if not low <= said.score <= high:
        raise Problem(422, "Not on the scale", context.words.say(_("The answer must be from {low} to {high}.")).format(low=low, high=high))
    context.demand(who, Command.ANSWER)
    taken = await context.link.ask(RequestKind.ANSWER, who.named, answer=Answer(said.prompt, said.score))
    return {"accepted": True, "state": taken.state}


def _add(command: Command, kind: RequestKind) -> None:
    async def ask(request: Request, context: Ctx, who: Checked, _body: Nothing | None = None) -> dict[str, Any]:
        context.demand(who, command)
        if kind not in SLOWING:
            require_timely(context, request)
        taken = await context.link.ask(kind, who.named)
        return {"accepted": True, "state": taken.state}

    ROUTES.post(f"/api/v1/session/{kind.value}", name=kind.value, summary=f"Ask for {kind.value}.", response_model=Taken)(ask)


for _command, (_kind, _words) in PLAIN.items():
    _add(_command, _kind)


class Opened(BaseModel):
    """The id of a held button."""

    hold: str


class Renewal(BaseModel):
    """One renewal of a held button; `n` grows by one each time."""

    model_config = ConfigDict(extra="forbid")
    n: int


class Renewed(BaseModel):
    """Whether what it is held for has come; until then it is to be held on."""

    done: bool
    state: str


def _add_held(command: Command, kind: RequestKind) -> None:
    async def press(context: Ctx, who: Checked, _body: Nothing | None = None) -> dict[str, Any]:
        context.demand(who, command)
        return {"hold": context.holds.open(who.token, command)}

    async def renew(hold: str, body: Renewal, request: Request, context: Ctx, who: Checked) -> dict[str, Any]:
        context.demand(who, command)
        require_timely(context, request)
        if not context.holds.renew(hold, who.token, command, body.n).complete:
            return {"done": False, "state": context.live()["state"]}
        context.holds.end(hold)
        taken = await context.link.ask(kind, who.named, ttl_s=0.25)
        return {"done": True, "state": taken.state}

    path = f"/api/v1/session/{kind.value}"
    ROUTES.post(path, name=f"press_{kind.value}", summary=f"The button held for {kind.value} is pressed.", response_model=Opened)(press)
    ROUTES.put(path + "/{hold}", name=f"renew_{kind.value}", summary="It is still pressed; in the end it is done.", response_model=Renewed)(renew)


for _command, (_kind, _words) in HELD.items():
    _add_held(_command, _kind)


@ROUTES.post("/ask/{kind}", include_in_schema=False)
async def ask_form(kind: str, request: Request, context: Ctx, who: Checked) -> Response:
    """The same for a browser without scripts: a form, answered by the live page or by the reasons why not."""
    fields = await request.form()
    try:
        if kind == RequestKind.ANSWER.value:
            await answer(Said.model_validate({"prompt": fields.get("prompt"), "score": fields.get("score")}), context, who)
        else:
            command = next((c for c, (k, _text) in PLAIN.items() if k.value == kind), None)
            if command is None:
                raise Problem(404, "Not found", context.words.say(_("There is nothing of this name to ask for.")))
            context.demand(who, command)
            if PLAIN[command][0] not in SLOWING:
                require_timely(context, request)
            await context.link.ask(PLAIN[command][0], who.named)
    except (TreadctlError, ValueError) as error:
        text = problem_of(error, context.words.say).detail if isinstance(error, TreadctlError) else context.words.say(_("The answer is not on the scale."))
        return page(request, "message.html", status=409, who=who, title=context.words.say(_("Not done")), text=text)
    return RedirectResponse("/live", status_code=303)


@ROUTES.get("/healthz")
async def health() -> dict[str, str]:
    """Answers for as long as the process lives."""
    return {"status": "ok"}


@ROUTES.get("/readyz", response_model=Reached, responses={503: {"description": "Daemon or database is not reached.", "model": Reached}})
async def ready(context: Ctx) -> JSONResponse:
    """Whether daemon and database are reached."""
    try:
        await context.records.settings.get("")
        database = True
    except TreadctlError:
        database = False
    found = {"daemon": context.link.moment.up, "database": database}
    return JSONResponse(found, status_code=200 if all(found.values()) else 503)
