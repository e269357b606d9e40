"""What the terminal shows of a session, as a pure function of a snapshot: state, speeds, direction, rails, interlocks, causes, events.

Nothing old is shown as if it were now: a value older than one second is grey and carries its age. Colour is never the only sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.align import Align
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from treadctl.core.sample import ChannelId
from treadctl.core.units import kmh_from_mps
from treadctl.ipc.messages import Event
from treadctl.ipc.snapshot import BalanceView, CauseView, ChannelView, Snapshot

STALE_S: Final = 1.0
EVENTS_SHOWN: Final = 6
FULL_RAIL_PERCENT: Final = 30.0  # of body weight, at the end of the bar

# state -> (icon, colour); chosen to differ in brightness as well as in hue
STATES: Final = {
    "idle": ("○", "white"),
    "armed": ("◎", "cyan"),
    "warm_up": ("▶", "green"),
    "running": ("▶", "green"),
    "cool_down": ("▶", "green"),
    "hold": ("‖", "yellow"),
    "stopping": ("▼", "yellow"),
    "tripped": ("■", "bright_red"),
    "ended": ("●", "white"),
}
ARROWS: Final = {"forward": "→ forward", "reverse": "← reverse"}
ENDS: Final = {"gone": "ends by itself", "resume": "resume when gone", "ack": "reset when gone", "never": "needs restart and proof test"}
WARNINGS: Final = frozenset({"WARN", "HOLD", "SLOW"})
ENABLE_FEEDBACK: Final = ChannelId.ENABLE_FEEDBACK.value
GREY: Final = "bright_black"
LEVELS: Final = {"steady": "green", "unsteady": "yellow"}
TRUSTS: Final = {
    "absent": "no waist sensor worn",
    "lost": "waist sensor LOST",
    "settling": "waist (settling)",
    "population": "waist (learning this gait, {:.0f} of 20 s)",
    "personal": "waist",
}


def render(snapshot: Snapshot, events: Sequence[Event] = (), behind_s: float = 0.0, lost: str = "") -> RenderableType:
    """The whole screen. `behind_s` is how long ago the snapshot was made; `lost` says why no newer one comes."""
    parts: list[RenderableType] = [_headline(snapshot, behind_s, lost), _figures(snapshot, behind_s), _rails(snapshot, behind_s)]
    parts.append(_interlocks(snapshot, behind_s))
    parts.append(_causes(snapshot, behind_s))
    if snapshot.prompts:
        parts.append(Text("?  Ask the person: " + ", ".join(prompt.kind for prompt in snapshot.prompts), style="bold cyan"))
    if events:
        parts.append(_events(events))
    return Group(*parts)


def age_text(age_s: float | None) -> str:
    """An age in the unit that reads best: ms below one second, s below two minutes, then minutes."""
    if age_s is None:
        return "never"
    if age_s < 1.0:
        return f"{age_s * 1000:.0f} ms"
    return f"{age_s:.1f} s" if age_s < 120.0 else f"{age_s / 60:.0f} min"


def dated(text: str, age_s: float | None, behind_s: float, style: str = "") -> Text:
    """`text` in `style` while it is current; grey and with its age once it is older than STALE_S, or of unknown age."""
    if age_s is not None and age_s + behind_s <= STALE_S:
        return Text(text, style=style)
    note = f" ({age_text(age_s + behind_s)} old)" if age_s is not None else " (no value)"
    return Text(text + note, style=GREY)


def _headline(snapshot: Snapshot, behind_s: float, lost: str) -> RenderableType:
    icon, colour = STATES.get(snapshot.state, ("?", "magenta"))
    word = f"{icon}  {snapshot.state.replace('_', ' ').upper()}  {icon}"
    stale = bool(lost) or behind_s > STALE_S
    text = Text(word, style=GREY if stale else f"bold {colour}")
    for_s = max(0.0, snapshot.at_s - snapshot.since_s)
    text.append(f"\nfor {_clock(for_s)}", style="default")
    if stale:
        text.append(f"\n⚠ NOT CURRENT: {age_text(behind_s)} old{'; ' + lost if lost else ''}", style="bold reverse")
    title = f"treadctl {snapshot.versions.release} · {snapshot.versions.machine}".strip(" ·")
    return Panel(Align.center(text), title=title, border_style=GREY if stale else colour)


def _figures(snapshot: Snapshot, behind_s: float) -> RenderableType:
    belt, program = snapshot.belt, snapshot.program
    table = Table.grid(padding=(0, 3))
    table.add_row("measured", dated(_speed(belt.measured_mps), belt.age_s, behind_s, "bold"), "commanded", dated(_speed(belt.commanded_mps), 0.0, behind_s))
    direction = belt.direction or belt.commanded_direction or ""
    grade = "–" if belt.grade_percent is None else f"{belt.grade_percent:.1f} %"
    facing = f"facing {program.facing}" if program else ""
    arrow = ARROWS.get(direction, "· at rest or unknown")
    table.add_row("belt", dated(arrow, belt.age_s, behind_s, "bold"), "grade", dated(grade, belt.age_s, behind_s))
    if program is not None:
        table.add_row("program", Text(f"{program.name}, {facing}"), "segment", Text(f"{program.segment + 1} of {program.segments}: {program.label}"))
        table.add_row("elapsed", dated(_clock(program.elapsed_s), 0.0, behind_s), "left", dated(_clock(program.remaining_s), 0.0, behind_s, "bold"))
    return table


def _rails(snapshot: Snapshot, behind_s: float) -> RenderableType:
    rails = snapshot.rails
    table = Table.grid(padding=(0, 2))
    for side, load_n, percent, age_s in (
        ("left rail", rails.left_n, rails.left_percent_bw, rails.left_age_s),
        ("right rail", rails.right_n, rails.right_percent_bw, rails.right_age_s),
    ):
        text = "–" if load_n is None else f"{load_n:5.0f} N" + ("" if percent is None else f"  {percent:4.1f} % BW")
        current = age_s is not None and age_s + behind_s <= STALE_S
        filled = min(percent or 0.0, FULL_RAIL_PERCENT) if current else 0.0
        bar = ProgressBar(FULL_RAIL_PERCENT, filled, width=30, complete_style="cyan", finished_style="yellow")
        table.add_row(side, bar, dated(text, age_s, behind_s))
    table.add_row("balance", dated(_balance(snapshot.balance), 0.0, behind_s, LEVELS.get(snapshot.balance.level, "bold red")))
    return table


def _balance(balance: BalanceView) -> str:
    """The level with its reasons, and how far the detectors see."""
    said = balance.level.replace("_", " ") + (f" ({', '.join(balance.reasons)})" if balance.reasons else "").replace("_", " ")
    sees = ["hands"] + (["feet"] if balance.feet == "clear" else []) + ([TRUSTS[balance.trunk].format(balance.learnt_s)] if balance.trunk in TRUSTS else [])
    return f"{said}; watched by {', '.join(sees)}{'; slower until the gait is known' if balance.capped else ''}"


def _interlocks(snapshot: Snapshot, behind_s: float) -> RenderableType:
    drive, loop = snapshot.drive, snapshot.loop
    watchdog = "not attested" if drive.watchdog_s is None else f"watchdog {drive.watchdog_s * 1000:.0f} ms"
    proven = drive.identified and drive.watchdog_s is not None
    items = [_channel(channel, snapshot.enable.wanted, behind_s) for channel in snapshot.channels]
    items.append(_mark(f"drive {drive.state}, {watchdog}", proven, behind_s))
    items.append(dated(f"⏻ enable {'on' if snapshot.enable.wanted else 'off'}", 0.0, behind_s))
    items.append(_mark("journal", snapshot.journal.ok, behind_s))
    items.append(dated(f"loop p99 {loop.lateness_p99_s * 1000:.1f} ms, max {loop.lateness_max_s * 1000:.1f} ms", 0.0, behind_s))
    return Panel(Columns(items, padding=(0, 3)), title="interlocks", title_align="left")


def _mark(text: str, good: bool, behind_s: float, age_s: float | None = 0.0) -> Text:
    return dated(f"{'✔' if good else '✘'} {text}", age_s, behind_s, "green" if good else "bold red")


def _channel(channel: ChannelView, enable_wanted: bool, behind_s: float) -> Text:
    """Icon, name, value and age. A contact is healthy when closed, the enable feedback when it follows the output, a level when it is there."""
    right = enable_wanted if channel.id == ENABLE_FEEDBACK else True
    good = channel.quality == "good" and channel.value is not None and (not isinstance(channel.value, bool) or channel.value is right)
    if isinstance(channel.value, bool):
        value = "closed" if channel.value else "OPEN"
    else:
        value = f"{channel.value:.2f}" if channel.value is not None else channel.quality
    current = channel.age_s is not None and channel.age_s + behind_s <= STALE_S
    age = f" {age_text(channel.age_s)}" if current else ""
    return _mark(f"{channel.id} {value}{age}", good, behind_s, channel.age_s)


def _causes(snapshot: Snapshot, behind_s: float) -> RenderableType:
    lines: list[RenderableType] = [_cause(cause, snapshot.at_s, behind_s) for cause in snapshot.causes]
    if snapshot.start_blockers and snapshot.state in {"idle", "armed", "ended", "tripped"}:
        lines.append(Text("Why it cannot start now:", style="bold"))
        lines += [Text(f"  · {blocker.sentence}") for blocker in snapshot.start_blockers]
    return Group(*lines) if lines else Text("✔ no cause in force", style=GREY if behind_s > STALE_S else "green")


def _cause(cause: CauseView, at_s: float, behind_s: float) -> Text:
    icon, style = ("▲", "yellow") if cause.action in WARNINGS else ("■", "bold bright_red")
    ends = ENDS.get(cause.clears, cause.clears)
    still = "present" if cause.present else "gone"
    text = f"{icon} {cause.action}  {cause.sentence}  [{cause.id}; {still}; {ends}; {_clock(max(0.0, at_s - cause.since_s))} ago]"
    return dated(text, 0.0, behind_s, style)


def _events(events: Sequence[Event]) -> RenderableType:
    lines = Text()
    for event in list(events)[-EVENTS_SHOWN:]:
        lines.append(f"{event.at_utc[11:19]}  ", style=GREY).append(f"{event.sentence}\n")
    lines.rstrip()
    return Panel(lines, title="last events (UTC)", title_align="left")


def _speed(speed_mps: float | None) -> str:
    return "–" if speed_mps is None else f"{speed_mps:.2f} m/s ({kmh_from_mps(speed_mps):.1f} km/h)"


def _clock(time_s: float) -> str:
    minutes, seconds = divmod(int(time_s), 60)
    return f"{minutes}:{seconds:02d}"
