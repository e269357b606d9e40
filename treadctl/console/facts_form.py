"""The facts of a person as a form: what is asked, how an entry becomes the text that is kept, and what is wrong with it in plain words.

Speeds are entered in the clinic's unit. A field left empty is not known, or not limited.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from treadctl.config.toml_file import parse_toml
from treadctl.console.prescribing import facts_text
from treadctl.console.view import _
from treadctl.console.words import Words
from treadctl.core.units import mps_from_kmh
from treadctl.errors import TreadctlError
from treadctl.prescription.words import Experience
from treadctl.reports.figures import Units

NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?")
CAPS: Final = "caps"
SPEEDS: Final = {"own_speed": "own_forward_speed", "max_speed": "max_speed"}
LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `id` is its key in the facts, but for speeds, whose key follows the unit. `caps`: a clinician's, in the section of that name."""

    id: str
    label: str
    unit: str = ""
    hint: str = ""
    caps: bool = False
    whole: bool = False
    required: bool = False


FIELDS: Final = (
    Field("mass_kg", _("Body mass"), "kg", _("20 to 250. The load on the rails is judged in percent of it."), required=True),
    Field("age_years", _("Age"), _("years"), _("5 to 110. Without it there is no caution for age and no ceiling of heart rate."), whole=True),
    Field("own_speed", _("Own usual forward speed"), hint=_("Backward at most 70 % of it.")),
    Field("usual_minutes", _("Usual length of an own session"), "min", _("Half of it is the most.")),
    Field("max_speed", _("Highest belt speed"), caps=True),
    Field("max_grade_percent", _("Steepest grade"), "%", caps=True),
    Field("max_acceleration_mps2", _("Steepest speeding-up"), "m/s²", caps=True),
    Field("max_minutes", _("Longest time on the moving belt"), "min", caps=True),
    Field("max_rpe", _("Exertion at which the belt stops"), "6–20", _("Empty: 17"), caps=True),
    Field("max_dizziness", _("Dizziness at which the belt stops"), "0–10", _("Empty: 4"), caps=True),
    Field("max_pain", _("Pain at which the belt stops"), "0–10", _("Empty: 5"), caps=True),
    Field("max_breathing", _("Breathlessness at which the belt stops"), "0–10", _("Empty: 7"), caps=True),
    Field("max_heart_rate_per_min", _("Heart rate at which the belt stops"), "1/min", _("40 to 240"), caps=True),
)
EXPERIENCES: Final = {
    Experience.FIRST.value: _("first sessions"),
    Experience.WALKER.value: _("walks backward"),
    Experience.RUNNER.value: _("runs backward"),
}
LABELS: Final = {field.id: field.label for field in FIELDS} | {"experience": _("Experience with going backward"), "name": _("Name"), "note": _("Note")}


class WrongEntry(Exception):
    """An entry that cannot be kept: in which field, and what is wrong with it as a whole sentence."""

    def __init__(self, field: str, sentence: str) -> None:
        self.field = field
        self.sentence = sentence
        super().__init__(sentence)


def entries_of(facts: str, words: Words) -> dict[str, str]:
    """What stands in the fields for facts as kept. TC101 to TC103 for a text that cannot be read."""
    table = parse_toml(facts.encode(), "person") if facts.strip() else {}
    caps = table.get(CAPS, {})
    found = {field.id: _shown((caps if field.caps else table).get(field.id)) for field in FIELDS}
    for id_, stem in SPEEDS.items():
        found[id_] = _speed_shown(caps if id_ == "max_speed" else table, stem, words.units)
    found["experience"] = str(table.get("experience", Experience.FIRST.value))
    found["keep_gait"] = "true" if table.get("keep_gait") is True else ""
    return found


def facts_of(entries: Mapping[str, str], words: Words, caps_from: str | None = None) -> str:
    """The facts to be kept. `caps_from`: facts whose caps are taken over, whatever was entered for them. Raises WrongEntry."""
    table: dict[str, Any] = {"experience": entries.get("experience", ""), "keep_gait": entries.get("keep_gait") == "true" or None}
    caps: dict[str, Any] = {}
    for field in FIELDS:
        value = _number(entries.get(field.id, ""), field, words)
        if value is not None and not (field.caps and caps_from is not None):
            key, value = _kept(field.id, value, words.units)
            (caps if field.caps else table)[key] = value
    if caps_from is not None:
        kept = parse_toml(caps_from.encode(), "person").get(CAPS, {}) if caps_from.strip() else {}
        caps = dict(kept) if isinstance(kept, dict) else {}
    try:
        return facts_text({**table, CAPS: caps})
    except TreadctlError as error:
        raise _wrong(error, words) from error


def _number(entry: str, field: Field, words: Words) -> float | int | None:
    text = entry.strip()
    if not text:
        if field.required:
            raise WrongEntry(field.id, _sentence(words, field.id, words.say(_("it is needed"))))
        return None
    if NUMBER.fullmatch(text) is None:
        raise WrongEntry(field.id, _sentence(words, field.id, words.say(_("{entry} is not a number")).format(entry=repr(text[:20]))))
    number = float(text.replace(",", "."))
    return int(number) if field.whole and number.is_integer() and abs(number) < 1e6 else number


def _kept(id_: str, value: float, units: Units) -> tuple[str, float]:
    stem = SPEEDS.get(id_)
    if stem is None:
        return id_, value
    return (f"{stem}_kmh", value) if units is Units.KMH else (f"{stem}_mps", round(value / units.speed(1.0), 4))


def _speed_shown(table: Mapping[str, Any], stem: str, units: Units) -> str:
    mps, kmh = table.get(f"{stem}_mps"), table.get(f"{stem}_kmh")
    if isinstance(kmh, int | float):
        return _shown(kmh if units is Units.KMH else round(units.speed(mps_from_kmh(kmh)), 2))
    return _shown(round(units.speed(mps), 2)) if isinstance(mps, int | float) else ""


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _wrong(error: TreadctlError, words: Words) -> WrongEntry:
    """The same in the words of the form: the label for the key, and without what a file would need."""
    key = error.place.rpartition(" > ")[2]
    stem = next((id_ for id_, stem in SPEEDS.items() if key in {f"{stem}_kmh", f"{stem}_mps"}), key)
    demand = error.detail.partition(", the file has")[0].partition("; it is ")[0]
    if key.endswith("_mps"):
        demand = f"{demand} (m/s)"
    return WrongEntry(stem, _sentence(words, stem, demand or error.kind.sentence))


def _sentence(words: Words, id_: str, demand: str) -> str:
    return f"{words.say(LABELS.get(id_, id_))}: {words.say(demand)}."


def differences(theirs: Mapping[str, str], mine: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Each field that two entries of one form disagree on: its label, what is kept now, what was entered."""
    labels = {**LABELS, "keep_gait": _("Consent to keep figures of the gait")}
    return [(labels[key], theirs.get(key, ""), mine.get(key, "")) for key in labels if theirs.get(key, "") != mine.get(key, "")]
