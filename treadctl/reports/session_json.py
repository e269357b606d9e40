"""A session as JSON, version 1, with a published schema: what other programs read, and what this one reads back.

`python -m treadctl.reports.session_json` writes the schema beside this module; with `--check` it only says whether it is fresh.
Figures that are no numbers (NaN, infinities) are written as null and read back as not known, or as NaN where a value must stand.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from treadctl.errors import TreadctlError
from treadctl.records.model import (
    AnswerRecord,
    BlackBox,
    Outcome,
    PlannedStretch,
    Series,
    Session,
    SessionEvent,
    SessionHead,
    StopRecord,
    Summary,
)

VERSION: Final = 1
FORMAT: Final = "treadctl-session"
SCHEMA_FILE: Final = Path(__file__).with_name("session.schema.json")


def _number(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Known = Annotated[float | None, BeforeValidator(_number)]
"""A finite number, or null where nothing is known."""
Count = Annotated[int, Field(ge=0)]
Column = Annotated[tuple[Known, ...], Field(strict=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


class SummaryPart(_Part):
    """The measured figures of the session. Heart rate reads low while the rails are held."""

    duration_s: Known
    belt_s: Known = Field(description="time on the moving belt")
    distance_m: Known
    peak_mps: Known
    mean_mps: Known
    rail_load_percent: Known = Field(description="mean load on both rails, percent of body weight")
    hands_on_share: Known = Field(description="share of the time with the hands on the rails, 0 to 1")
    asymmetry_percent: Known = Field(description="left-right asymmetry of the rail loads")
    imbalance_events: Count
    unsteady_events: Count
    stops: Count
    max_rpe: Known = Field(description="Borg 6-20")
    max_dizziness: Known = Field(description="0-10")
    max_pain: Known = Field(description="0-10")
    max_breathing: Known = Field(description="0-10")
    mean_heart_rate_per_min: Known
    max_heart_rate_per_min: Known
    cadence_per_min: Known = Field(description="steps a minute")
    cadence_cv_percent: Known = Field(description="coefficient of variation of the step time")


class StretchPart(_Part):
    """One stretch of the program as armed."""

    label: str
    block: str
    from_s: Known
    to_s: Known
    speed_mps: Known
    grade_percent: Known
    hands: str


class EventPart(_Part):
    """Something that happened, `at_s` from the session's start."""

    at_s: Known
    kind: str
    sentence: str
    detail: dict[str, str | bool | Known]


class AnswerPart(_Part):
    """A question and what the person said; a null value = it was not answered."""

    at_s: Known
    kind: str
    value: Known
    limit: Known


class StopPart(_Part):
    """One stop: its cause and how the belt came to rest, counted from the cause on."""

    at_s: Known
    cause: str
    action: str
    sentence: str
    from_mps: Known
    rest_s: Known
    travel_m: Known
    deceleration_mps2: Known


class SeriesPart(_Part):
    """The samples, columns of equal length."""

    time_s: Column
    measured_mps: Column
    commanded_mps: Column
    grade_percent: Column
    rail_left_percent: Column = Field(description="percent of body weight")
    rail_right_percent: Column = Field(description="percent of body weight")
    heart_rate_per_min: Column
    cadence_per_min: Column


class BlackBoxPart(_Part):
    """Where the journal holds this session."""

    segment: str
    boot_id: str
    from_s: Known
    to_s: Known
    head: str


class SessionDocument(_Part):
    """One session. SI units, instants in UTC, `person` is a pseudonym."""

    format: Literal["treadctl-session"]
    version: Literal[1]
    id: str
    person: str | None
    revision: int | None = Field(description="the revision of the prescription")
    machine: str
    profile: str
    profile_sha256: str
    direction: str = Field(description="of the belt")
    facing: str = Field(description="of the person")
    started_at: datetime
    outcome: Outcome
    cause: str | None
    mass_kg: Known
    attendant: str
    overrides: tuple[str, ...] = Field(strict=False, description="rules set aside for the person")
    summary: SummaryPart
    plan: tuple[StretchPart, ...]
    events: tuple[EventPart, ...]
    answers: tuple[AnswerPart, ...]
    stops: tuple[StopPart, ...]
    series: SeriesPart
    black_box: BlackBoxPart | None


def session_json(session: Session) -> str:
    """A session as JSON text that keeps to the schema, whatever its figures are. The same session gives the same text."""
    head = session.head
    document = SessionDocument.model_validate(
        {
            "format": FORMAT,
            "version": VERSION,
            "id": head.id,
            "person": head.person_id,
            "revision": head.revision_id,
            **{name: getattr(head, name) for name in ("machine", "profile", "profile_sha256", "direction", "facing", "outcome", "cause", "summary")},
            **{name: getattr(session, name) for name in ("mass_kg", "attendant", "overrides", "plan", "events", "answers", "stops", "black_box")},
            "started_at": head.started_at.astimezone(UTC),
            "series": _even(session.series),
        }
    )
    text = json.dumps(document.model_dump(), default=_plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
    return text.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair cannot be written; it becomes a question mark


def read_session(text: str, place: str = "session") -> Session:
    """A session back from its JSON. Raises TreadctlError TC111 for another format or version, TC104 for one that breaks the schema."""
    try:
        raw: Any = json.loads(text)
    except ValueError as error:
        raise TreadctlError("bad_value", place, f"not JSON: {error}") from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT or raw.get("version") != VERSION:
        raise TreadctlError("format_version", place, f"{FORMAT} version {VERSION} is read")
    try:
        document = SessionDocument.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = " > ".join([place, *map(str, first["loc"])])
        raise TreadctlError("bad_value", where, first["msg"]) from error
    return _session(document)


def schema_text() -> str:
    """The schema as committed: JSON Schema 2020-12, indented, with a newline at its end."""
    schema = SessionDocument.model_json_schema(mode="serialization")
    header = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"treadctl session, version {VERSION}"}
    return json.dumps(header | {key: value for key, value in schema.items() if key != "title"}, indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the schema, or with --check say whether it is stale. Returns the exit code."""
    if arguments == ["--check"]:
        fresh = SCHEMA_FILE.is_file() and SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()
        sys.stdout.write("" if fresh else f"stale: {SCHEMA_FILE.name}\n")
        return 0 if fresh else 1
    if arguments:
        sys.stderr.write("usage: python -m treadctl.reports.session_json [--check]\n")
        return 2
    SCHEMA_FILE.write_text(schema_text(), encoding="utf-8")
    return 0


def _plain(value: object) -> str:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)


def _even(series: Series) -> dict[str, tuple[float | None, ...]]:
    """The columns as long as the times: a short one is filled with None, a long one cut."""
    length = len(series)
    columns = {field.name: getattr(series, field.name) for field in fields(Series)}
    return {name: (*column[:length], *(None,) * (length - len(column))) for name, column in columns.items()}


def _given(part: BaseModel, kind: type[Any]) -> dict[str, Any]:
    """The fields of a part for a record; a null where a number must stand is NaN."""
    types = {field.name: str(field.type) for field in fields(kind)}
    values = {name: getattr(part, name) for name in types}
    return {name: math.nan if value is None and types[name] == "float" else value for name, value in values.items()}


def _session(document: SessionDocument) -> Session:
    head = SessionHead(
        id=document.id,
        person_id=document.person,
        revision_id=document.revision,
        summary=Summary(**_given(document.summary, Summary)),
        **{name: getattr(document, name) for name in ("machine", "profile", "profile_sha256", "direction", "facing", "started_at", "outcome", "cause")},
    )
    columns = {field.name: getattr(document.series, field.name) for field in fields(Series)}
    columns["time_s"] = tuple(math.nan if value is None else value for value in columns["time_s"])
    return Session(
        head=head,
        mass_kg=math.nan if document.mass_kg is None else document.mass_kg,
        plan=tuple(PlannedStretch(**_given(part, PlannedStretch)) for part in document.plan),
        events=tuple(SessionEvent(**_given(part, SessionEvent)) for part in document.events),
        answers=tuple(AnswerRecord(**_given(part, AnswerRecord)) for part in document.answers),
        stops=tuple(StopRecord(**_given(part, StopRecord)) for part in document.stops),
        overrides=document.overrides,
        attendant=document.attendant,
        series=Series(**columns),
        black_box=None if document.black_box is None else BlackBox(**_given(document.black_box, BlackBox)),
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
