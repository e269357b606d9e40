"""Writes the reference pages that follow from tables of the code: `python -m treadctl.cli.reference docs/reference [--check]`.

The code is the truth and the pages are printed from it; with `--check` nothing is written and a page that differs ends in exit code 1.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from treadctl.cli.evidence import Evidence, evidence
from treadctl.cli.explain import CLEARS
from treadctl.cli.reference_rules import rules_page, sources_page
from treadctl.config.channels import RECOMMENDED, REQUIRED
from treadctl.core.interlock import ROWS, Action, Clears, Row, Scope
from treadctl.core.sample import CONTACT_CHANNELS, ChannelId, Quality
from treadctl.core.session import MOVING, TRANSITIONS, Event, SessionState
from treadctl.core.setup import safety_channels
from treadctl.errors import ERRORS, ErrorKind
from treadctl.prescription.rules import ROWS as PRESCRIPTION_RULES
from treadctl.prescription.sources import STATEMENTS

ACTIONS: Final = {
    Action.RUN: ("none", "The belt follows its program."),
    Action.WARN: ("none", "The belt follows its program; staff are told."),
    Action.HOLD: ("none", "No faster than now; the program's clock stands."),
    Action.SLOW: ("none", "Toward half the segment's speed, within the ordinary deceleration."),
    Action.SS2: ("SS2, safe stop 2 (stop category 2)", "The drive ramps down to standstill; power stays on."),
    Action.SS1: (
        "SS1, safe stop 1 (stop category 1)",
        "The drive ramps down at the protective deceleration, its measured speed held against that envelope; at standstill power goes. The person is upright.",
    ),
    Action.SS1_FAST: (
        "SS1 with the hardest ramp the machine has (stop category 1)",
        "The drive's own quick stop, supervised in the same way, then power off. The person is down or off the belt.",
    ),
    Action.STO: ("STO, safe torque off (stop category 0)", "Power off at once. An unloaded belt then coasts; see [stops](../explanation/stops.md)."),
}
SCOPES: Final = {Scope.ALWAYS: "at any time", Scope.ENGAGED: "from the start until standstill is proven; before, it only forbids the start"}
CHANNELS: Final = {
    ChannelId.CORD_A: "pull cord, first contact; closed = in place",
    ChannelId.CORD_B: "pull cord, second contact; closed = in place",
    ChannelId.ESTOP: "emergency-stop chain; closed = healthy",
    ChannelId.ATTENDANT: "attendant's enabling switch; closed = held",
    ChannelId.HARNESS: "harness; closed = not loaded, the person is upright",
    ChannelId.ENABLE_FEEDBACK: "the drive's enable, read back; closed = power may flow",
    ChannelId.PRESENCE: "the console at the machine; closed = alive",
    ChannelId.RAIL_LEFT: "hand load on the left rail, magnitude, N",
    ChannelId.RAIL_RIGHT: "hand load on the right rail, magnitude, N",
    ChannelId.BELT: "belt motion measured without the drive: magnitude in m/s, and direction",
    ChannelId.HEART_RATE: "heart rate, 1/min",
    ChannelId.TRUNK: "inertial sensor worn at the waist: specific force, g, and angular rate, degrees/s, on its three axes",
}
_HINT: Final = "<!-- Printed by `make docs` from the code. Change the table named below, not this page. -->\n"


def interlock_page(rows: Sequence[Row], proofs: dict[str, list[Evidence]], scenarios: frozenset[str], root: Path) -> str:
    """The interlock: actions, every row, and where each row is shown to work."""
    actions = [(f"`{action.name}`", *ACTIONS[action]) for action in Action]
    summary = [(r.requirement, f"`{r.id}`", r.sentence, _action(r), _ms(r.debounce_s), f"`{r.clears.value}`", f"`{r.scope.value}`") for r in rows]
    shown = [
        (r.requirement, f"`{r.id}`", _first_line(r.predicate.__doc__), r.remedy, _scenario(r.id, scenarios), _tests(proofs.get(r.id, []), root)) for r in rows
    ]
    return "\n".join(
        (
            "# The interlock table",
            _HINT,
            "Source: `ROWS` in [`treadctl/core/interlock.py`](../../treadctl/core/interlock.py). Several causes may be present; the worst action wins. A stop",
            "keeps the cause that came first. `treadctl explain CAUSE` prints the same sentences.",
            "",
            "Neither this table nor the names of the stop functions in it claim a safety integrity or performance level: see [SAFETY](../../SAFETY.md).",
            "",
            "## Actions, mildest first",
            _table(("action", "as IEC 61800-5-2 / IEC 60204-1 name it", "what the belt does"), actions),
            f"## The {len(rows)} causes",
            "- `after`: how long the fault must last before it acts; 0 = in the same step.",
            "- `ends`: " + "; ".join(f"`{clears.value}` {CLEARS[clears.value]}" for clears in Clears) + ".",
            "- `acts`: " + "; ".join(f"`{scope.value}` {text}" for scope, text in SCOPES.items()) + ".",
            "",
            _table(("", "cause", "what staff read", "action", "after", "ends", "acts"), summary),
            "## What each asks, and where it is shown",
            "The core scenario brings the cause about in the pure core and fails when the row is removed. The test on the simulated treadmill does it end to",
            "end: through a wire, a daemon and a belt with inertia.",
            "",
            _table(("", "cause", "fires when", "what to do", "core scenario", "test on the simulated treadmill"), shown),
        )
    )


def session_page() -> str:
    """The session: its diagram and its table."""
    known = [(state, event) for state in SessionState for event in Event if (state, event) in TRANSITIONS]
    inner, outer = _edges(known)
    rows = [(f"`{state.value}`", *(f"`{TRANSITIONS[state, event].value}`" if (state, event) in known else "" for event in Event)) for state in SessionState]
    return "\n".join(
        (
            "# The session",
            _HINT,
            "Source: `TRANSITIONS` in [`treadctl/core/session.py`](../../treadctl/core/session.py). What is not in the table does not happen.",
            "",
            "`trip` leads from every state to `tripped` and is left out of the picture. `tripped` is also the state of power-up. Events that lead back to",
            "their own state are in the table only.",
            "",
            "```mermaid",
            "stateDiagram-v2",
            f"    [*] --> {SessionState.TRIPPED.value}: power-up",
            "    state moving {",
            *(f"        {edge}" for edge in inner),
            "    }",
            *(f"    {edge}" for edge in outer),
            "```",
            "",
            _table(("state", *(event.value for event in Event)), rows),
        )
    )


def _edges(known: Sequence[tuple[SessionState, Event]]) -> tuple[list[str], list[str]]:
    """The edges of the picture: those among the moving states, and the others. What every moving state shares leaves from their common frame."""
    inner: dict[tuple[str, str], list[str]] = {}
    outer: dict[tuple[str, str], list[str]] = {}
    for state, event in known:
        target = TRANSITIONS[state, event]
        if target is state or event is Event.TRIP:
            continue
        inside = state in MOVING and target in MOVING
        shared = state in MOVING and not inside and all(TRANSITIONS.get((other, event)) is target for other in MOVING)
        names = (inner if inside else outer).setdefault(("moving" if shared else state.value, target.value), [])
        if event.value not in names:
            names.append(event.value)
    first, second = ([f"{a} --> {b}: {', '.join(events)}" for (a, b), events in edges.items()] for edges in (inner, outer))
    return first, second


def errors_page(kinds: Iterable[ErrorKind]) -> str:
    """The numbered errors."""
    rows = [(k.code, f"`{k.name}`", k.sentence, k.remedy, k.fault.value) for k in kinds]
    return "\n".join(
        (
            "# Errors",
            _HINT,
            "Source: `ERRORS` in [`treadctl/errors.py`](../../treadctl/errors.py). A number never changes its meaning. `local`: what treadctl was given or",
            "asked; `remote`: a device, a broker, the other end of a socket. `treadctl explain TC204` prints one.",
            "",
            _table(("number", "name", "what is wrong", "what to do", "whose"), rows),
        )
    )


def channels_page() -> str:
    """The measured channels."""
    every = frozenset(ChannelId)
    safety = safety_channels(every)
    rows = [
        (
            f"`{channel.value}`",
            "contact" if channel in CONTACT_CHANNELS else "motion" if channel in {ChannelId.BELT, ChannelId.TRUNK} else "level",
            CHANNELS[channel],
            "required" if channel in REQUIRED else "optional" + (f"; without it, {RECOMMENDED[channel]}" if channel in RECOMMENDED else ""),
            "stops the belt" if channel in safety else "see its rows of the interlock",
        )
        for channel in ChannelId
    ]
    return "\n".join(
        (
            "# Channels",
            _HINT,
            "Sources: `ChannelId` in [`treadctl/core/sample.py`](../../treadctl/core/sample.py) and",
            "[`treadctl/config/channels.py`](../../treadctl/config/channels.py). The names are the same in machine files, journal, console and telemetry.",
            "",
            f"A channel is a value with an age and a quality ({', '.join(f'`{quality.name.lower()}`' for quality in Quality)}). A safety channel older than",
            "`sensor_age_limit_s` of the machine file (at most 100 ms) counts as missing, and missing is a fault. A channel that is fitted must be healthy;",
            "one that is not fitted is not asked for.",
            "",
            _table(("channel", "kind", "meaning", "fitted", "when it is missing while the belt moves"), rows),
        )
    )


def pages(folder: Path) -> dict[Path, str]:
    """Every generated page of `folder` (docs/reference of a checkout) that comes from this package."""
    root = folder.resolve().parents[1]
    scenarios = _scenarios(root / "tests" / "core" / "core_scenarios.py")
    return {
        folder / "interlock.md": interlock_page(ROWS, evidence(root / "hil"), scenarios, root),
        folder / "session.md": session_page(),
        folder / "errors.md": errors_page(ERRORS.values()),
        folder / "channels.md": channels_page(),
        folder / "rules.md": rules_page(PRESCRIPTION_RULES, _HINT, _table),
        folder / "sources.md": sources_page(STATEMENTS, _HINT, _table),
    }


def main(arguments: Sequence[str]) -> int:
    """Write or check the pages; 0 done or fresh, 1 stale."""
    parser = argparse.ArgumentParser(prog="python -m treadctl.cli.reference", description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page differs")
    chosen = parser.parse_args(arguments)
    stale = [path for path, text in pages(chosen.folder).items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        print(f"{path}: stale, run `make docs`" if chosen.check else f"wrote {path}")
    if not chosen.check:
        for path in stale:
            path.write_text(pages(chosen.folder)[path], encoding="utf-8")
    # The faults belong to the simulated treadmill, which shares no code with this package: it prints its own page.
    faults = subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "treadctl_hil.faults_reference", str(chosen.folder / "faults.md"), *(["--check"] if chosen.check else [])], check=False
    )
    return 1 if faults.returncode or (chosen.check and stale) else 0


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def _action(row: Row) -> str:
    return f"`{row.action.name}`" + (" + enable off" if row.drops_enable else "")


def _ms(seconds: float) -> str:
    if seconds == 0.0:
        return "0"
    return f"{1000.0 * seconds:.0f} ms" if seconds < 1.0 else f"{seconds:g} s"


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n")[0]


def _scenarios(path: Path) -> frozenset[str]:
    """The rows that have a core scenario; empty outside a checkout."""
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.exists() else ast.Module([], [])
    assigned = (node for node in tree.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "SCENARIOS")
    keys = (key for node in assigned if isinstance(node.value, ast.Dict) for key in node.value.keys)
    return frozenset(key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str))


def _scenario(row: str, scenarios: frozenset[str]) -> str:
    return f"[`{row}`](../../tests/core/core_scenarios.py)" if row in scenarios else "**none**"


def _tests(proofs: Sequence[Evidence], root: Path) -> str:
    if not proofs:
        return "none yet"
    return "<br>".join(f"[`{p.path.name}::{p.test}`](../../{p.path.resolve().relative_to(root).as_posix()})" for p in proofs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
