"""What is published: JSON made from the daemon's snapshots and events. No number that is not finite, and nothing that names a person."""

from __future__ import annotations

import json
import math
from typing import Any

from treadctl.core.sample import CONTACT_CHANNELS
from treadctl.ipc.messages import Event
from treadctl.ipc.snapshot import Snapshot


def encode(body: object) -> bytes:
    """JSON without NaN and infinities: they become null."""
    return json.dumps(finite(body), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def finite(value: object) -> object:
    """`value` with every number that is not finite replaced by None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value


def state(snapshot: Snapshot) -> dict[str, Any]:
    """The retained state. Holds only what changes rarely, so that it is published at changes."""
    causes = [{"id": c.id, "action": c.action, "sentence": c.sentence, "clears": c.clears, "present": c.present} for c in snapshot.causes]
    program = snapshot.program
    return {
        "state": snapshot.state,
        "tripped": snapshot.state == "tripped",
        "cause": snapshot.causes[0].id if snapshot.causes else None,
        "causes": causes,
        "start_blockers": [b.id for b in snapshot.start_blockers],
        "program": program.name if program else None,
        "direction": program.direction if program else None,
        "facing": program.facing if program else None,
        "drive": {"state": snapshot.drive.state, "identified": snapshot.drive.identified, "watchdog_s": snapshot.drive.watchdog_s},
        "enable": {"wanted": snapshot.enable.wanted, "feedback": snapshot.enable.feedback},
        "journal_ok": snapshot.journal.ok,
        "release": snapshot.versions.release,
    }


def telemetry(snapshot: Snapshot, at_utc: str, sequence: int, dropped: int) -> dict[str, Any]:
    """One set of measurements. Ages are seconds at the instant of the snapshot; `dropped` counts messages lost to a slow broker."""
    belt, rails, loop = snapshot.belt, snapshot.rails, snapshot.loop
    heart_rate = next((c.value for c in snapshot.channels if c.id == "heart_rate"), None)
    return {
        "seq": sequence,
        "at_utc": at_utc,
        "at_s": snapshot.at_s,
        "state": snapshot.state,
        "belt": {
            "measured_mps": belt.measured_mps,
            "commanded_mps": belt.commanded_mps,
            "direction": belt.direction,
            "grade_percent": belt.grade_percent,
            "age_s": belt.age_s,
        },
        "rails": {"left_n": rails.left_n, "right_n": rails.right_n, "left_age_s": rails.left_age_s, "right_age_s": rails.right_age_s},
        "heart_rate_per_min": heart_rate,
        "contacts": {c.id: c.value for c in snapshot.channels if c.id in CONTACT_CHANNELS},
        "loop": {"lateness_p99_s": loop.lateness_p99_s, "lateness_max_s": loop.lateness_max_s, "ticks": loop.ticks},
        "links": {v.name: {"exchanges": v.exchanges, "timeouts": v.timeouts, "mismatches": v.mismatches, "reconnects": v.reconnects} for v in snapshot.links},
        "dropped": dropped,
    }


def session(snapshot: Snapshot) -> dict[str, Any] | None:
    """Where the program stands; None without one."""
    program = snapshot.program
    if program is None:
        return None
    return {
        "state": snapshot.state,
        "program": program.name,
        "profile_sha256": program.profile_sha256,
        "direction": program.direction,
        "facing": program.facing,
        "segment": program.segment,
        "segments": program.segments,
        "label": program.label,
        "elapsed_s": program.elapsed_s,
        "remaining_s": program.remaining_s,
        "duration_s": program.duration_s,
    }


def session_key(snapshot: Snapshot) -> tuple[object, ...] | None:
    """What must change for the session to be published again."""
    program = snapshot.program
    return None if program is None else (snapshot.state, program.name, program.segment, program.profile_sha256)


def event(happened: Event, boot: str) -> dict[str, Any]:
    """An event of the daemon without who did it; a name that stands in its sentence is replaced. `boot` and `seq` make it unique."""
    sentence = happened.sentence.replace(happened.who, "somebody") if happened.who else happened.sentence
    return {
        "source": "daemon",
        "boot": boot,
        "seq": happened.seq,
        "at_utc": happened.at_utc,
        "kind": happened.kind,
        "sentence": sentence,
        "cause": happened.cause,
    }
