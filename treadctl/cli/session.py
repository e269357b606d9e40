"""Commands that ask something of the session: arm, start, hold, resume, reset, end, disarm, answer. The daemon decides; these only ask."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer

from treadctl.cli.common import OK, REFUSED, JsonOption, SocketOption, open_client, print_json, say_error, warn_if_remote
from treadctl.cli.holding import RENEW_S, keyboard, renew_while
from treadctl.core.messages import Checklist, RequestKind
from treadctl.core.program import Person
from treadctl.core.prompts import Answer, PromptKind
from treadctl.errors import TreadctlError
from treadctl.ipc.asking import RefusedError
from treadctl.ipc.client import Client
from treadctl.ipc.messages import Accepted, ArmArgs
from treadctl.prescription.person import load_person

START_TTL_S: Final = 0.25  # a renewal that is older than this is no longer a held button
SCALES: Final = {PromptKind.RPE: (6.0, 20.0), PromptKind.DIZZINESS: (0.0, 10.0), PromptKind.PAIN: (0.0, 10.0), PromptKind.BREATHING: (0.0, 10.0)}
QUESTIONS: Final = (
    "Is the pull cord clipped to the person",
    "Are the shoes laced and the clothing clear of the belt",
    "Is the zone behind the belt clear for 2 m",
)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for name, command in (("arm", arm), ("start", start), ("answer", answer)):
        app.command(name)(command)
    for kind, text in (
        (RequestKind.HOLD, "Hold the program: no faster than now."),
        (RequestKind.RESUME, "Leave hold."),
        (RequestKind.RESET, "Acknowledge the causes that are gone. Never moves the belt."),
        (RequestKind.END, "End the session early: ramp down to rest."),
        (RequestKind.DISARM, "Put an armed program away."),
    ):
        app.command(kind.value, help=text)(_plain(kind))


def _plain(kind: RequestKind) -> Callable[..., None]:
    def command(socket: SocketOption = None, as_json: JsonOption = False) -> None:
        with open_client(socket) as client:
            _show(kind, client, as_json)

    return command


def arm(
    profile: Annotated[Path, typer.Option("--profile", metavar="FILE", help="Profile file (TOML).")],
    attendant: Annotated[str, typer.Option("--attendant", metavar="NAME", help="Who attends.")],
    person: Annotated[Path | None, typer.Option("--person", metavar="FILE", help="Person file (TOML): caps and screening are then held.")] = None,
    mass_kg: Annotated[float | None, typer.Option("--mass-kg", min=20.0, max=300.0, help="Body mass, kg, where there is no person file.")] = None,
    yes_checklist: Annotated[bool, typer.Option("--yes-checklist", help="Cord, shoes and clear zone: all confirmed by the attendant.")] = False,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load a program for a person. Nothing moves."""
    if not profile.is_file():
        raise TreadctlError("file_missing", str(profile))
    if not attendant.strip():
        raise TreadctlError("bad_value", "--attendant", "a name is needed")
    if (person is None) == (mass_kg is None):
        raise TreadctlError("bad_value", "--person", "give a person file, or --mass-kg where there is none")
    who = load_person(person).core() if person is not None else Person(mass_kg or 0.0)
    checklist = _checklist(attendant.strip(), yes_checklist)
    warn_if_remote()
    with open_client(socket) as client:
        path = str(person.resolve()) if person is not None else None
        _show(RequestKind.ARM, client, as_json, arm=ArmArgs(who, checklist, profile_path=str(profile.resolve()), person_path=path))


def _checklist(attendant: str, all_yes: bool) -> Checklist:
    if not all_yes and not sys.stdin.isatty():
        raise TreadctlError("bad_value", "--yes-checklist", "without a terminal the checklist cannot be asked; give it only when every point was checked")
    cord, shoes, zone = (all_yes or typer.confirm(question + "?") for question in QUESTIONS)
    return Checklist(attendant, cord_clipped=cord, clear_zone=zone, shoes=shoes)


def start(
    hold_seconds: Annotated[
        float | None, typer.Option("--hold-seconds", min=0.1, max=10.0, help="Hold for this long, no space bar; for scripts at the machine.")
    ] = None,
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start the armed program: hold the space bar until the belt is started. Works only at the machine."""
    warn_if_remote()
    if hold_seconds is None and not sys.stdin.isatty():
        raise TreadctlError("bad_value", "--hold-seconds", "without a terminal there is no key to hold")
    with open_client(socket) as client:
        now = client.snapshot()
        program = now.program
        if program is not None and now.state == "armed" and not as_json:
            print(f"Armed: {program.name}, {program.duration_s / 60.0:.1f} min.", file=sys.stderr)
        ask = _renewal(client, program.arming if program is not None else "")
        try:
            state = _hold_for(hold_seconds, ask) if hold_seconds is not None else _hold_key(ask)
        except RefusedError as error:
            _verdict(RequestKind.START_HOLD, error.state, error.reasons, as_json)
            raise typer.Exit(REFUSED) from None
    reasons = () if state else ("Released before the start was complete; nothing moved.",)
    _verdict(RequestKind.START_HOLD, state or "armed", reasons, as_json)
    raise typer.Exit(OK if state else REFUSED)


def _renewal(client: Client, arming: str) -> Callable[[], str]:
    def ask() -> str:
        return client.request(RequestKind.START_HOLD, ttl_s=START_TTL_S, arming=arming).state

    return ask


def _hold_for(hold_s: float, ask: Callable[[], str]) -> str | None:
    began_s = time.monotonic()
    rounds = 0

    def held() -> bool:
        nonlocal rounds
        time.sleep(max(0.0, began_s + rounds * RENEW_S - time.monotonic()))
        rounds += 1
        return time.monotonic() - began_s <= hold_s

    return renew_while(held, ask)


def _hold_key(ask: Callable[[], str]) -> str | None:
    print("Hold the SPACE bar to start; let go to stop asking; q leaves. The pull cord and `treadctl stop` stop the belt.", file=sys.stderr)
    with keyboard(time.monotonic) as keys:

        def held() -> bool:
            return keys.poll(RENEW_S) and not keys.quit

        while not keys.quit and not keys.poll(RENEW_S):
            continue
        return renew_while(held, ask) if not keys.quit else None


def answer(
    kind: Annotated[PromptKind, typer.Argument(help="What was asked.")],
    score: Annotated[float, typer.Argument(help="RPE 6 to 20 (Borg); the others 0 to 10.")],
    socket: SocketOption = None,
    as_json: JsonOption = False,
) -> None:
    """Enter the person's answer to a question."""
    low, high = SCALES[kind]
    if not low <= score <= high:
        raise TreadctlError("bad_value", f"answer {kind.value}", f"the score must be between {low:g} and {high:g}")
    with open_client(socket) as client:
        _show(RequestKind.ANSWER, client, as_json, answer=Answer(kind, score))


def _show(kind: RequestKind, client: Client, as_json: bool, *, arm: ArmArgs | None = None, answer: Answer | None = None) -> None:
    try:
        accepted: Accepted = client.request(kind, arm=arm, answer=answer)
    except RefusedError as error:
        if as_json:
            _verdict(kind, error.state, error.reasons, as_json)
        else:
            say_error(error)
        raise typer.Exit(REFUSED) from None
    _verdict(kind, accepted.state, (), as_json)


def _verdict(kind: RequestKind, state: str, reasons: tuple[str, ...], as_json: bool) -> None:
    """The stable JSON of every request command: kind, accepted, state, reasons."""
    if as_json:
        print_json({"kind": kind.value, "accepted": not reasons, "state": state, "reasons": list(reasons)})
    elif reasons:
        print(f"{kind.value}: refused", file=sys.stderr)
        for reason in reasons:
            print(f"  - {reason}", file=sys.stderr)
    else:
        print(f"{kind.value}: accepted; the session is {state.replace('_', ' ')}")
