"""The FHIR bundle is valid R4 by another's models, whole in itself, and names nobody."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import reports_rig as rig
from fhir.resources.R4B.bundle import Bundle

from treadctl.records.model import BlackBox, Outcome, Session
from treadctl.reports.fhir import Harm, HarmSeverity, fhir_bundle, fhir_json
from treadctl.reports.fhir_codes import CONCEPTS, OWN

MADE = datetime(2026, 3, 12, 11, 0, tzinfo=UTC)
HARM = Harm(0, "Bruise of the left knee", HarmSeverity.MILD, False, MADE)


def resources(bundle: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]


def everything(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from everything(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from everything(inner)


def observation(bundle: dict[str, Any], code: str) -> dict[str, Any]:
    (found,) = [one for one in resources(bundle, "Observation") if any(coding["code"] == code for coding in one["code"]["coding"])]
    return found


def test_any_session_is_a_valid_bundle_by_the_reference_models(any_session: Session) -> None:
    harms = [HARM] if any_session.stops else []
    text = fhir_json(replace(any_session, black_box=BlackBox("segment-1", "boot", 1.0, 2.0)), MADE, harms=harms, energy=rig.ENERGY)
    bundle = Bundle.model_validate_json(text)
    assert bundle.type == "collection"
    assert len(bundle.entry) == len(json.loads(text)["entry"])


def test_a_bundle_that_is_wrong_would_be_noticed(stopped: Session) -> None:
    broken = fhir_bundle(stopped, MADE)
    del resources(broken, "Procedure")[0]["subject"]
    with pytest.raises(ValueError, match="subject"):
        Bundle.model_validate_json(json.dumps(broken))


def test_every_reference_resolves_inside_the_bundle(any_session: Session) -> None:
    bundle = fhir_bundle(any_session, MADE, harms=[HARM] if any_session.stops else [])
    addresses = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(addresses)) == len(addresses)
    assert all(entry["fullUrl"] == f"urn:uuid:{entry['resource']['id']}" for entry in bundle["entry"])
    pointed = {part["reference"] for part in everything(bundle) if "reference" in part}
    assert pointed
    assert pointed <= set(addresses)


def test_the_parts_are_all_there(stopped: Session) -> None:
    bundle = fhir_bundle(stopped, MADE)
    kinds = {entry["resource"]["resourceType"] for entry in bundle["entry"]}
    assert kinds == {"CodeSystem", "Device", "Patient", "ServiceRequest", "Procedure", "Observation", "Provenance"}


def test_the_panel_has_every_other_observation_as_a_member(stopped: Session) -> None:
    bundle = fhir_bundle(stopped, MADE, energy=rig.ENERGY)
    panel = observation(bundle, "PAPanel")
    assert "valueQuantity" not in panel
    members = {member["reference"].removeprefix("urn:uuid:") for member in panel["hasMember"]}
    assert members == {one["id"] for one in resources(bundle, "Observation")} - {panel["id"]}


@pytest.mark.parametrize(
    ("code", "value", "unit"),
    [
        ("55411-3", 524.0 / 60.0, "min"),
        ("peak-speed", 0.9935, "m/s"),
        ("8454247", None, "m"),
        ("steepest-incline", 1.0, "%"),
        ("8454255", 112.0, "/min"),
        ("rail-load", 9.4, "%"),
        ("hands-on-share", 83.0, "%"),
        ("55426-1", None, "/min"),
        ("imbalance-events", 1.0, "{events}"),
    ],
)
def test_a_figure_has_its_code_and_its_unit(stopped: Session, code: str, value: float | None, unit: str) -> None:
    found = observation(fhir_bundle(stopped, MADE), code)["valueQuantity"]
    assert (found["system"], found["code"]) == ("http://unitsofmeasure.org", unit)
    assert value is None or found["value"] == pytest.approx(value, abs=0.02)


def test_backward_gait_has_a_code_of_our_own_and_walking_that_of_loinc(stopped: Session) -> None:
    codes = {part["code"] for part in observation(fhir_bundle(stopped, MADE), "73985-4")["valueCodeableConcept"]["coding"]}
    assert codes == {"backward-gait", "LA11834-1"}
    fast = replace(stopped, head=replace(stopped.head, summary=replace(stopped.head.summary, peak_mps=2.5)))
    codes = {part["code"] for part in observation(fhir_bundle(fast, MADE), "73985-4")["valueCodeableConcept"]["coding"]}
    assert codes == {"backward-gait", "LA11836-6"}


def test_every_code_of_our_own_is_explained_in_the_bundle(any_session: Session) -> None:
    bundle = fhir_bundle(any_session, MADE, harms=[HARM] if any_session.stops else [])
    used = {part["code"] for part in everything(bundle) if part.get("system") == OWN}
    (system,) = resources(bundle, "CodeSystem")
    assert used <= {one["code"] for one in system["concept"]} == set(CONCEPTS)


def test_heart_rate_under_a_grip_says_that_it_reads_low(stopped: Session) -> None:
    assert "reads low" in observation(fhir_bundle(stopped, MADE), "55426-1")["note"][0]["text"]
    free = replace(stopped, head=replace(stopped.head, summary=replace(stopped.head.summary, hands_on_share=0.0)))
    assert "note" not in observation(fhir_bundle(free, MADE), "55426-1")


def test_energy_is_a_range_or_is_not_there(stopped: Session) -> None:
    assert observation(fhir_bundle(stopped, MADE, energy=rig.ENERGY), "55424-6")["valueRange"]["high"]["value"] == 55.0
    assert "55424-6" not in fhir_json(stopped, MADE, energy=rig.SUPPRESSED)
    assert "55424-6" not in fhir_json(stopped, MADE, energy=replace(rig.ENERGY, gross_kcal=(math.nan, 1.0)))


def test_a_stop_is_an_adverse_event_only_where_harm_is_recorded(stopped: Session) -> None:
    assert resources(fhir_bundle(stopped, MADE), "AdverseEvent") == []
    (event,) = resources(fhir_bundle(stopped, MADE, harms=[HARM]), "AdverseEvent")
    assert event["event"]["text"] == "Bruise of the left knee"
    assert event["severity"]["coding"][0]["code"] == "mild"
    assert event["date"] == "2026-03-12T09:38:40.000Z"


def test_a_harm_of_a_stop_that_was_not_is_refused(finished: Session) -> None:
    with pytest.raises(IndexError):
        fhir_bundle(finished, MADE, harms=[HARM])


def test_nobody_is_named(stopped: Session) -> None:
    text = fhir_json(replace(stopped, attendant="Pseudonym Nine"), MADE)
    assert "Nine" not in text
    (patient,) = resources(json.loads(text), "Patient")
    assert set(patient) == {"resourceType", "id", "identifier"}
    assert patient["identifier"][0]["value"] == "P-0042"


def test_ids_are_the_same_each_time_and_shared_by_a_persons_sessions(stopped: Session) -> None:
    once, again = fhir_json(stopped, MADE), fhir_json(stopped, MADE)
    assert once == again
    other = fhir_bundle(replace(stopped, head=replace(stopped.head, id="s-9")), MADE + timedelta(days=1))
    first = json.loads(once)
    for kind in ("Patient", "Device"):
        assert resources(first, kind)[0]["id"] == resources(other, kind)[0]["id"]
    for kind in ("Procedure", "ServiceRequest", "Provenance", "Observation"):
        assert {one["id"] for one in resources(first, kind)}.isdisjoint({one["id"] for one in resources(other, kind)})


@pytest.mark.parametrize(
    ("outcome", "status"), [(Outcome.COMPLETED, "completed"), (Outcome.ENDED_EARLY, "stopped"), (Outcome.STOPPED, "stopped"), (Outcome.UNKNOWN, "unknown")]
)
def test_the_procedure_says_how_the_session_ended(stopped: Session, outcome: Outcome, status: str) -> None:
    (procedure,) = resources(fhir_bundle(replace(stopped, head=replace(stopped.head, outcome=outcome)), MADE), "Procedure")
    assert procedure["status"] == status
    assert "belt travel 0.43 m, at rest after 1.02 s" in procedure["note"][0]["text"]
    assert ("statusReason" in procedure) == (outcome is Outcome.STOPPED)


def test_the_provenance_names_the_journal_it_rests_on(stopped: Session) -> None:
    bundle = fhir_bundle(replace(stopped, black_box=BlackBox("segment-1", "boot", 1.0, 2.0)), MADE)
    assert resources(bundle, "Provenance")[0]["entity"][0]["what"]["identifier"]["value"] == "segment-1"
