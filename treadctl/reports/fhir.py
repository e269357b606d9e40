"""A session as an HL7 FHIR R4 bundle of type collection: whole in itself, a pseudonym for the person, the same ids for the same session.

Summaries only: the Physical Activity guide warns against streams into health records. Figures that are not known are left out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID, uuid5

from treadctl.records.model import Outcome, PlannedStretch, Session, StopRecord
from treadctl.reports.fhir_codes import OPERATION, OWN, PARTICIPANT, SERIOUSNESS, SEVERITY, code_system, coding, concept, own
from treadctl.reports.fhir_observations import observations
from treadctl.reports.figures import EnergyRange, finite, gait_words, number
from treadctl.reports.text import plain
from treadctl.reports.words import cause_words

NAMESPACE: Final = UUID("6f0f2f52-1d0b-5f0e-9f5c-0c1a6f4f7d11")
"""Of all ids that this export makes. Never changed: receivers know our resources by them."""
PERSON: Final = "urn:treadctl:person"
SESSION: Final = "urn:treadctl:session"
MACHINE: Final = "urn:treadctl:machine"
REVISION: Final = "urn:treadctl:prescription-revision"
PROFILE: Final = "urn:treadctl:profile-sha256"
JOURNAL: Final = "urn:treadctl:journal"
LONGEST_S: Final = 7.0 * 86_400.0
STATUS: Final = {Outcome.COMPLETED: "completed", Outcome.ENDED_EARLY: "stopped", Outcome.STOPPED: "stopped", Outcome.UNKNOWN: "unknown"}


class HarmSeverity(StrEnum):
    """How severe a harm was, as FHIR has it."""

    MILD = "mild"
    MODERATE = "moderate"
    SEVERE = "severe"


@dataclass(frozen=True, slots=True)
class Harm:
    """A harm that somebody recorded after a stop. `stop_index` counts the stops of the session from 0. A stop without harm is no adverse event."""

    stop_index: int
    description: str
    severity: HarmSeverity
    serious: bool
    recorded_at: datetime


def fhir_json(session: Session, made_at: datetime, *, harms: Sequence[Harm] = (), energy: EnergyRange | None = None) -> str:
    """The bundle as JSON text, `application/fhir+json`."""
    return json.dumps(fhir_bundle(session, made_at, harms=harms, energy=energy), ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def fhir_bundle(session: Session, made_at: datetime, *, harms: Sequence[Harm] = (), energy: EnergyRange | None = None) -> dict[str, Any]:
    """The bundle as JSON-ready data. Raises IndexError for a harm of a stop that the session does not have."""
    head = session.head
    ids = _Ids(head.id)
    patient = ids.of("patient", head.person_id) if head.person_id else ids.of("patient")
    device = ids.of("device", head.machine or "unknown")
    request, procedure = ids.of("request"), ids.of("procedure")
    period = session_period(session)
    entries = [
        (ids.of("codes", "code-system"), code_system()),
        (device, _device(session)),
        (patient, _patient(session)),
        (request, _request(session, patient)),
        (procedure, _procedure(session, patient, device, request, period)),
    ]
    common = {"subject": _to(patient), "effectivePeriod": period, "device": _to(device), "partOf": [_to(procedure)]}
    measured = [(ids.of("observation", name), body | common) for name, body in observations(session, energy)]
    panel, members = measured[0], measured[1:]
    entries += [(panel[0], panel[1] | {"hasMember": [_to(url) for url, _ in members]}), *members]
    entries += [(ids.of("harm", str(index)), _adverse_event(session, harm, patient, procedure, device)) for index, harm in enumerate(harms)]
    targets = [_to(url) for url, resource in entries if resource["resourceType"] not in {"CodeSystem", "Device", "Patient"}]
    entries.append((ids.of("provenance"), _provenance(session, made_at, targets, device)))
    return {
        "resourceType": "Bundle",
        "identifier": {"system": SESSION, "value": _string(head.id)},
        "type": "collection",
        "timestamp": fhir_instant(made_at),
        "entry": [{"fullUrl": url, "resource": {"resourceType": body["resourceType"], "id": url.removeprefix("urn:uuid:")} | body} for url, body in entries],
    }


class _Ids:
    """Addresses of resources: what belongs to a person or a machine has the same one in every bundle."""

    def __init__(self, session_id: str) -> None:
        self._session = session_id

    def of(self, role: str, shared: str = "") -> str:
        """The address of one resource; without `shared` it is this session's own, and so are observations and harms."""
        own_parts = not shared or role in {"observation", "harm"}
        name = "\x1f".join((role, shared, self._session) if own_parts else (role, shared))
        return f"urn:uuid:{uuid5(NAMESPACE, name.encode('utf-8', 'replace').decode())}"


def fhir_instant(at: datetime) -> str:
    """An aware instant as FHIR's instant, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def session_period(session: Session) -> dict[str, str]:
    """Start and end of the session. Without a believable duration only the start."""
    started = session.head.started_at
    lasted = finite(session.head.summary.duration_s)
    period = {"start": fhir_instant(started)}
    if lasted is not None and 0.0 <= lasted <= LONGEST_S:
        period["end"] = fhir_instant(started + timedelta(seconds=lasted))
    return period


def _to(url: str) -> dict[str, str]:
    return {"reference": url}


def _string(text: str) -> str:
    """A text as FHIR's string: one line, never empty."""
    return plain(text) or "unknown"


def _device(session: Session) -> dict[str, Any]:
    machine = _string(session.head.machine)
    return {
        "resourceType": "Device",
        "identifier": [{"system": MACHINE, "value": machine}],
        "deviceName": [{"name": machine, "type": "user-friendly-name"}],
        "type": concept(own("treadmill")),
    }


def _patient(session: Session) -> dict[str, Any]:
    """Nothing but the pseudonym. A session of nobody known has the session's own id in its place."""
    value = _string(session.head.person_id) if session.head.person_id else f"unidentified:{_string(session.head.id)}"
    return {"resourceType": "Patient", "identifier": [{"use": "secondary", "system": PERSON, "value": value}]}


def _request(session: Session, patient: str) -> dict[str, Any]:
    """The prescription. Whether it still holds is not the session's to say: status unknown."""
    head = session.head
    identifiers = [{"system": REVISION, "value": str(head.revision_id)}] if head.revision_id is not None else []
    identifiers += [{"system": PROFILE, "value": _string(head.profile_sha256)}] if head.profile_sha256 else []
    stretches = [_stretch_words(stretch) for stretch in session.plan]
    return {
        "resourceType": "ServiceRequest",
        **({"identifier": identifiers} if identifiers else {}),
        "status": "unknown",
        "intent": "order" if head.revision_id is not None else "plan",
        "code": concept(own("treadmill-session"), text=_string(head.profile)),
        "orderDetail": [concept(_gait(session))],
        "subject": _to(patient),
        **({"note": [{"text": text} for text in stretches]} if stretches else {}),
    }


def _stretch_words(stretch: PlannedStretch) -> str:
    span = f"{number(stretch.from_s)} to {number(stretch.to_s)} s"
    return f"{_string(stretch.label)}: {span}, {number(stretch.speed_mps, 2)} m/s, grade {number(stretch.grade_percent, 1)} %, hands {_string(stretch.hands)}"


def _gait(session: Session) -> dict[str, str]:
    return own(f"{gait_words(session.head.direction, session.head.facing)}-gait")


def _procedure(session: Session, patient: str, device: str, request: str, period: dict[str, str]) -> dict[str, Any]:
    head = session.head
    cause = plain(cause_words(head.cause))
    stops = [_stop_words(stop) for stop in session.stops]
    return {
        "resourceType": "Procedure",
        "identifier": [{"system": SESSION, "value": _string(head.id)}],
        "basedOn": [_to(request)],
        "status": STATUS[head.outcome],
        **({"statusReason": {"coding": [coding(OWN, "safety-stop", "Safety stop")], "text": cause}} if head.outcome is Outcome.STOPPED and cause else {}),
        "code": concept(own("treadmill-session"), _gait(session)),
        "subject": _to(patient),
        "performedPeriod": period,
        "usedReference": [_to(device)],
        "outcome": {"text": head.outcome.value.replace("_", " ")},
        **({"note": [{"text": text} for text in stops]} if stops else {}),
    }


def _stop_words(stop: StopRecord) -> str:
    parts = [f"Stop: {plain(stop.sentence or cause_words(stop.cause))} ({plain(stop.action)})"]
    for value, words in (
        (stop.at_s, "at {:.1f} s"),
        (stop.from_mps, "from {:.2f} m/s"),
        (stop.travel_m, "belt travel {:.2f} m"),
        (stop.rest_s, "at rest after {:.2f} s"),
    ):
        known = finite(value)
        if known is not None:
            parts.append(words.format(known))
    return ", ".join(parts)


def _adverse_event(session: Session, harm: Harm, patient: str, procedure: str, device: str) -> dict[str, Any]:
    stop = session.stops[harm.stop_index]
    at_s = finite(stop.at_s)
    happened = session.head.started_at + timedelta(seconds=at_s) if at_s is not None and 0.0 <= at_s <= LONGEST_S else session.head.started_at
    seriousness = coding(SERIOUSNESS, "serious", "Serious") if harm.serious else coding(SERIOUSNESS, "non-serious", "Non-serious")
    return {
        "resourceType": "AdverseEvent",
        "actuality": "actual",
        "event": concept(own("safety-stop"), text=_string(harm.description)),
        "subject": _to(patient),
        "date": fhir_instant(happened),
        "recordedDate": fhir_instant(harm.recorded_at),
        "seriousness": concept(seriousness),
        "severity": concept(coding(SEVERITY, harm.severity.value, harm.severity.value.capitalize())),
        "suspectEntity": [{"instance": _to(procedure)}, {"instance": _to(device)}],
    }


def _provenance(session: Session, made_at: datetime, targets: list[dict[str, str]], device: str) -> dict[str, Any]:
    box = session.black_box
    source = (
        {"role": "source", "what": {"identifier": {"system": JOURNAL, "value": _string(box.segment)}, "display": "the journal"}} if box is not None else None
    )
    return {
        "resourceType": "Provenance",
        "target": targets,
        "recorded": fhir_instant(made_at),
        "activity": concept(coding(OPERATION, "CREATE", "create")),
        "agent": [{"type": concept(coding(PARTICIPANT, "assembler", "Assembler")), "who": _to(device)}],
        **({"entity": [source]} if source else {}),
    }
