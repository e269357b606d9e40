"""Codes of the FHIR export: HL7 Physical Activity, LOINC, IEEE 11073 (MDC), UCUM, and a code system of our own where none of these has a word."""

from __future__ import annotations

from typing import Any, Final

LOINC: Final = "http://loinc.org"
UCUM: Final = "http://unitsofmeasure.org"
MDC: Final = "urn:iso:std:iso:11073:10101"
PA: Final = "http://hl7.org/fhir/us/physical-activity/CodeSystem/pa-temporary-codes"
CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
PARTICIPANT: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
OPERATION: Final = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
SERIOUSNESS: Final = "http://terminology.hl7.org/CodeSystem/adverse-event-seriousness"
SEVERITY: Final = "http://terminology.hl7.org/CodeSystem/adverse-event-severity"
OWN: Final = "urn:treadctl:codesystem:session"
OWN_VERSION: Final = "1"
"""Grows with each change of the concepts; none is ever removed or given another meaning."""

MDC_DISTANCE: Final = "8454247"
MDC_SPEED: Final = "8454254"
MDC_CADENCE: Final = "8454255"
MDC_INCLINE: Final = "8454256"

CONCEPTS: Final = {
    "treadmill": ("Instrumented treadmill", "A motor-driven treadmill with a safety interlock and instrumented handrails."),
    "treadmill-session": ("Treadmill session", "One supervised session on an instrumented treadmill."),
    "backward-gait": ("Backward gait", "The person walked or ran backward: belt in reverse facing the console, or belt forward facing the rear."),
    "forward-gait": ("Forward gait", "The person walked or ran forward."),
    "unknown-gait": ("Gait not known", "Belt direction and facing do not tell how the person went."),
    "belt-time": ("Time on the moving belt", "Time during which the belt moved."),
    "peak-speed": ("Peak belt speed", "The highest measured speed of the belt, a magnitude."),
    "mean-speed": ("Mean belt speed", "The mean measured speed of the moving belt, a magnitude."),
    "steepest-incline": ("Steepest incline", "The incline of greatest magnitude, percent."),
    "rail-load": ("Mean handrail load", "The mean load on both handrails in percent of body weight."),
    "hands-on-share": ("Hands on the rails", "The share of the time with the hands on the rails, percent."),
    "rail-asymmetry": ("Left-right asymmetry of the rail loads", "The difference of the two rail loads as a share of their sum, percent."),
    "imbalance-events": ("Imbalance events", "How often the interlock found the person losing balance."),
    "safety-stops": ("Stops by the interlock", "How many latched stops there were."),
    "highest-rpe": ("Highest rating of perceived exertion", "Borg scale 6 to 20."),
    "highest-dizziness": ("Highest dizziness", "Numeric rating 0 to 10."),
    "safety-stop": ("Safety stop", "The interlock brought the belt to rest."),
}


def coding(system: str, code: str, display: str) -> dict[str, str]:
    """One Coding."""
    return {"system": system, "code": code, "display": display}


def concept(*codings: dict[str, str], text: str = "") -> dict[str, Any]:
    """A CodeableConcept."""
    return {"coding": list(codings), **({"text": text} if text else {})}


def own(code: str) -> dict[str, str]:
    """A Coding of our own system. KeyError for one that it does not hold."""
    return coding(OWN, code, CONCEPTS[code][0])


def quantity(value: float, unit: str, code: str) -> dict[str, Any]:
    """A Quantity with its UCUM code."""
    return {"value": value, "unit": unit, "system": UCUM, "code": code}


def code_system() -> dict[str, Any]:
    """Our own code system as a resource, so that a bundle explains itself."""
    return {
        "resourceType": "CodeSystem",
        "url": OWN,
        "version": OWN_VERSION,
        "name": "TreadctlSession",
        "title": "treadctl: treadmill sessions and backward gait",
        "status": "active",
        "experimental": False,
        "description": "What LOINC, IEEE 11073 and the HL7 Physical Activity guide have no code for.",
        "caseSensitive": True,
        "content": "complete",
        "count": len(CONCEPTS),
        "concept": [{"code": code, "display": display, "definition": definition} for code, (display, definition) in CONCEPTS.items()],
    }
