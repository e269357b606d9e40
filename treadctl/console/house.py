"""What the clinic has set for itself on the settings page: it stands above console.toml, at both doors, from the next page on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from treadctl.console.problems import Problem
from treadctl.console.settings import zone_known
from treadctl.console.view import _
from treadctl.console.words import languages
from treadctl.records.audit import Actor
from treadctl.reports.figures import Units

if TYPE_CHECKING:
    from treadctl.console.context import Context

KEY: Final = "house"
FRESH_S: Final = 1.0  # the other door may have changed it; asked no more often than this
LONGEST_CLINIC: Final = 80


@dataclass(slots=True)
class House:
    """What is in force now, and when it was last read. `clinic` None = as console.toml says."""

    clinic: str | None = None
    read_s: float | None = None
    kept: object = None


async def refresh(context: Context) -> None:
    """Take over what is set, unless it was read this second. What cannot be understood is left as console.toml says. Raises what the records raise."""
    now_s = context.clock()
    if context.house.read_s is not None and 0.0 <= now_s - context.house.read_s < FRESH_S:
        return
    context.house.read_s = now_s
    found = await context.records.settings.get(KEY)
    if found != context.house.kept:
        context.house.kept = found
        _take(context, found if isinstance(found, dict) else {})


async def change(context: Context, actor: Actor, clinic: str, language: str, units: str, zone: str) -> None:
    """Set all four. Raises Problem 422 for what cannot be used."""
    reasons = _reasons(context, clinic, language, units, zone)
    if reasons:
        raise Problem(422, "Not understood", " ".join(reasons), "not_understood", reasons)
    found = {"clinic": clinic.strip(), "language": language, "units": units, "zone": zone}
    await context.records.settings.put(actor, KEY, found)
    context.house.kept = found
    _take(context, found)


def _reasons(context: Context, clinic: str, language: str, units: str, zone: str) -> tuple[str, ...]:
    say = context.words.say
    wrong = (
        (len(clinic) > LONGEST_CLINIC or "\0" in clinic, _("The name of the clinic has at most 80 letters.")),
        (language not in languages(), _("There are no texts in this language.")),
        (units not in {unit.value for unit in Units}, _("Speeds are shown in km/h, m/s or mph.")),
        (not zone_known(zone), _("This computer knows no such time zone; write it as in Europe/Berlin.")),
    )
    return tuple(say(sentence) for is_wrong, sentence in wrong if is_wrong)


def _take(context: Context, found: dict[str, Any]) -> None:
    settings = context.settings
    kept = {key: value for key, value in found.items() if isinstance(value, str)}
    language, units, zone = (kept.get(key, "") for key in ("language", "units", "zone"))
    context.house.clinic = kept.get("clinic")
    context.words.become(
        language if language in languages() else settings.language,
        Units(units) if units in {unit.value for unit in Units} else settings.units,
        zone if zone_known(zone) else settings.zone,
    )
