"""What a page shows of the machine, in words: made once for each snapshot and language, the same for the first page and for every update after it.

Nothing old is shown as if it were now: what is older than STALE_S says so. Colour is never the only sign.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from treadctl.console.link import STALE_S, Moment
from treadctl.console.rights import Situation
from treadctl.console.words import NONE, Words
from treadctl.core.interlock import ROWS, Clears
from treadctl.core.prompts import PromptKind
from treadctl.core.sample import ChannelId
from treadctl.ipc.snapshot import CauseView, ChannelView, Snapshot


def _(text: str) -> str:
    """Marks a text for the catalogues."""
    return text


STATES: Final = {
    Situation.IDLE: (_("Ready"), "○", "calm"),
    Situation.ARMED: (_("Armed"), "◎", "armed"),
    Situation.WARM_UP: (_("Warm-up"), "▶", "moving"),
    Situation.RUNNING: (_("Walking"), "▶", "moving"),
    Situation.COOL_DOWN: (_("Cool-down"), "▶", "moving"),
    Situation.HOLD: (_("Hold"), "‖", "held"),
    Situation.STOPPING: (_("Stopping"), "▼", "held"),
    Situation.TRIPPED: (_("Stopped"), "■", "tripped"),
    Situation.ENDED: (_("Ended"), "●", "calm"),
    Situation.AWAY: (_("No contact"), "?", "away"),
}
DIRECTIONS: Final = {"forward": ("↑", _("belt forward")), "reverse": ("↓", _("belt in reverse"))}
FACINGS: Final = {"console": _("facing the console"), "rear": _("facing the rear")}
CHANNELS: Final = {
    ChannelId.CORD_A: _("cord A"),
    ChannelId.CORD_B: _("cord B"),
    ChannelId.ESTOP: _("emergency stop"),
    ChannelId.ATTENDANT: _("attendant's switch"),
    ChannelId.HARNESS: _("harness"),
    ChannelId.PRESENCE: _("console alive"),
    ChannelId.HEART_RATE: _("heart rate"),
    ChannelId.RAIL_LEFT: _("left rail"),
    ChannelId.RAIL_RIGHT: _("right rail"),
    ChannelId.ENABLE_FEEDBACK: _("enable"),
    ChannelId.BELT: _("belt sensor"),
    ChannelId.TRUNK: _("waist sensor"),
}
QUESTIONS: Final = {
    PromptKind.RPE: (_("How hard is it? (6 no effort – 20 the most)"), 6, 20),
    PromptKind.DIZZINESS: (_("Dizzy? (0 not at all – 10 the most)"), 0, 10),
    PromptKind.PAIN: (_("Any pain? (0 none – 10 the worst)"), 0, 10),
    PromptKind.BREATHING: (_("Short of breath? (0 not at all – 10 the most)"), 0, 10),
}
LEVELS: Final = {
    "steady": _("steady"),
    "unsteady": _("unsteady"),
    "losing_balance": _("losing balance"),
    "down": _("person down"),
}
REMEDIES: Final = {row.id: row.remedy for row in ROWS}
STEPS: Final = (_("The belt has stopped."), _("Help the person; see what happened."), _("Remove the cause."), _("Reset."))
ANSWERED_IN: Final = frozenset({Situation.WARM_UP, Situation.RUNNING, Situation.HOLD, Situation.COOL_DOWN, Situation.STOPPING})
STILL_MPS: Final = 0.02
FULL_RAIL_PERCENT: Final = 30.0  # of body weight, at the end of the bar


def situation(moment: Moment) -> Situation:
    """The session's state; AWAY where the daemon is not heard."""
    if not moment.up or moment.snapshot is None:
        return Situation.AWAY
    return Situation(moment.snapshot.state)


def live(moment: Moment, now_s: float, words: Words) -> dict[str, Any]:
    """Everything the live view shows, fit for JSON. Texts are whole and translated; `series` has the numbers of the chart (m/s, s)."""
    say, snapshot = words.say, moment.snapshot
    state = situation(moment)
    word, icon, look = STATES[state]
    behind_s = max(0.0, now_s - moment.received_s)
    stale = state is Situation.AWAY or behind_s > STALE_S
    shown: dict[str, Any] = {
        "number": moment.number, "state": state.value, "word": say(word), "icon": icon, "look": look, "stale": stale, "unit": words.units.value,
        "banner": _banner(moment, behind_s, stale, words),
    }  # fmt: skip
    if snapshot is None:
        return shown
    belt, program = snapshot.belt, snapshot.program
    direction = belt.direction or belt.commanded_direction or ""
    arrow, direction_word = DIRECTIONS.get(direction, ("·", _("at rest")))
    shown |= {
        "measured": words.bare_speed(belt.measured_mps), "commanded": words.bare_speed(belt.commanded_mps),
        "old_belt": belt.age_s is None or belt.age_s + behind_s > STALE_S,
        "arrow": arrow, "direction": say(direction_word), "facing": say(FACINGS[program.facing]) if program else "",
        "grade": f"{words.number(belt.grade_percent)} %" if belt.grade_percent is not None else NONE,
        "left": words.clock(program.remaining_s) if program else NONE,
        "program": program.name if program else "", "arming": program.arming if program else "",
        "segment": f"{program.segment + 1} / {program.segments} · {program.label}" if program else "",
        "rails": [_rail(load, age_s, behind_s, words) for load, age_s in
                  ((snapshot.rails.left_percent_bw, snapshot.rails.left_age_s), (snapshot.rails.right_percent_bw, snapshot.rails.right_age_s))],
        "balance": say(LEVELS.get(snapshot.balance.level, snapshot.balance.level)), "level": snapshot.balance.level,
        "interlocks": interlocks(snapshot, behind_s, words),
        "causes": [_cause(cause, say) for cause in snapshot.causes],
        "blockers": [say(blocker.sentence) for blocker in snapshot.start_blockers],
        "prompt": next((prompt.kind for prompt in snapshot.prompts), "") if state in ANSWERED_IN else "",  # one at a time
        "resumable": state is Situation.HOLD or any(cause.clears == Clears.RESUME.value for cause in snapshot.causes),
        "steps": _steps(snapshot, say) if state is Situation.TRIPPED else [],
        "series": {"at_s": snapshot.at_s, "measured": belt.measured_mps, "commanded": belt.commanded_mps, "elapsed_s": program.elapsed_s if program else None},
    }  # fmt: skip
    return shown


def interlocks(snapshot: Snapshot, behind_s: float, words: Words) -> list[dict[str, Any]]:
    """One mark for each thing that guards: name, whether it is well, and its age in words."""
    say, drive = words.say, snapshot.drive
    marks = [_channel(channel, snapshot.enable.wanted, behind_s, words) for channel in snapshot.channels]
    marks.append({"name": say(_("drive")), "good": drive.identified, "age": say(drive.state)})
    watchdog = say(_("not attested")) if drive.watchdog_s is None else f"{drive.watchdog_s * 1000:.0f} ms"
    marks.append({"name": say(_("drive watchdog")), "good": drive.watchdog_s is not None, "age": watchdog})
    marks.append({"name": say(_("journal")), "good": snapshot.journal.ok, "age": ""})
    return marks


def _banner(moment: Moment, behind_s: float, stale: bool, words: Words) -> str:
    if not stale:
        return ""
    if moment.snapshot is None:
        return words.say(_("The machine's control program does not answer. The pull cord and the emergency stop work without it."))
    text = words.say(_("Not current: what is shown is {age} old. The pull cord and the emergency stop work without this screen."))
    return text.format(age=words.age(behind_s))


def _rail(percent: float | None, age_s: float | None, behind_s: float, words: Words) -> dict[str, Any]:
    old = age_s is None or age_s + behind_s > STALE_S
    text = NONE if percent is None else f"{words.number(percent)} %"
    return {"text": text, "percent": 0.0 if old or percent is None else max(0.0, min(percent, FULL_RAIL_PERCENT)), "old": old}


def _channel(channel: ChannelView, enabled: bool, behind_s: float, words: Words) -> dict[str, Any]:
    current = channel.age_s is not None and channel.age_s + behind_s <= STALE_S
    good = current and channel.quality == "good" and channel.value is not False
    if channel.id == ChannelId.ENABLE_FEEDBACK.value:  # open is right while the enable is off
        good = current and channel.quality == "good" and channel.value is enabled
    return {"name": words.say(CHANNELS[ChannelId(channel.id)]), "good": good, "age": words.age(None if channel.age_s is None else channel.age_s + behind_s)}


def _cause(cause: CauseView, say: Callable[[str], str]) -> dict[str, Any]:
    return {"id": cause.id, "sentence": say(cause.sentence), "remedy": say(REMEDIES.get(cause.id, "")), "present": cause.present, "action": cause.action}


def _steps(snapshot: Snapshot, say: Callable[[str], str]) -> list[dict[str, Any]]:
    """The way back from a stop: each step with whether it is done."""
    rest = snapshot.belt.measured_mps is not None and snapshot.belt.measured_mps < STILL_MPS
    gone = not any(cause.present for cause in snapshot.causes if cause.clears != "never")
    done = (rest, rest, rest and gone, False)
    return [{"text": say(text), "done": is_done} for text, is_done in zip(STEPS, done, strict=True)]
