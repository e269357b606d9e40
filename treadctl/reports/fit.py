"""A session as a FIT activity: what sports programs read. One record a second, speeds as magnitudes, belt direction and facing in developer fields.

FIT has no backward gait: a program that ignores those fields shows a walk or run at that speed. Energy is left out: FIT has room for one figure only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid5
from zlib import crc32

from fit_tool.base_type import BaseType
from fit_tool.developer_field import DeveloperField
from fit_tool.fit_file_builder import FitFileBuilder
from fit_tool.profile.messages.activity_message import ActivityMessage
from fit_tool.profile.messages.developer_data_id_message import DeveloperDataIdMessage
from fit_tool.profile.messages.event_message import EventMessage
from fit_tool.profile.messages.field_description_message import FieldDescriptionMessage
from fit_tool.profile.messages.file_id_message import FileIdMessage
from fit_tool.profile.messages.lap_message import LapMessage
from fit_tool.profile.messages.record_message import RecordMessage
from fit_tool.profile.messages.session_message import SessionMessage
from fit_tool.profile.profile_type import Activity, Event, EventType, FileType, Manufacturer, SessionTrigger, Sport, SubSport

from treadctl.records.model import Session, Summary
from treadctl.reports.figures import finite, runs_at

APPLICATION: Final = uuid5(UUID("6f0f2f52-1d0b-5f0e-9f5c-0c1a6f4f7d11"), "fit-developer-fields-1").bytes
LONGEST_S: Final = 86_400
FASTEST_MPS: Final = 65.0
"""The greatest speed that the format's 16 bits hold, a little less."""
STEEPEST_PERCENT: Final = 100.0
FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
BELT_REVERSE: Final = ("belt_reverse", {"forward": 0, "reverse": 1})
FACING_REAR: Final = ("facing_rear", {"console": 0, "rear": 1})


@dataclass(frozen=True, slots=True)
class Second:
    """One second of a session: means of what was measured in it, and the distance up to its end."""

    at_s: int
    speed_mps: float | None
    distance_m: float
    grade_percent: float | None
    heart_rate_per_min: float | None
    steps_per_min: float | None


def seconds(session: Session) -> list[Second]:
    """The samples as seconds, in order; seconds without any sample are left out, and so are instants outside the first day."""
    series = session.series
    bins: dict[int, list[int]] = defaultdict(list)
    for index, time_s in enumerate(series.time_s):
        known = finite(time_s)
        if known is not None and 0.0 <= known < LONGEST_S:
            bins[int(known)].append(index)
    out: list[Second] = []
    distance_m = 0.0
    for at_s in sorted(bins):
        indices = bins[at_s]
        speed = _mean(series.measured_mps, indices, 0.0, FASTEST_MPS)
        distance_m += speed or 0.0
        out.append(
            Second(
                at_s,
                speed,
                distance_m,
                _mean(series.grade_percent, indices, -STEEPEST_PERCENT, STEEPEST_PERCENT),
                _mean(series.heart_rate_per_min, indices, 1.0, 250.0),
                _mean(series.cadence_per_min, indices, 0.0, 500.0),
            )
        )
    return out


def fit_bytes(session: Session) -> bytes:
    """The activity file. A session without samples has one record, at its start. The same session gives the same bytes."""
    head, summary = session.head, session.head.summary
    started_ms = round(max(head.started_at, FIRST).timestamp()) * 1000
    rows = seconds(session) or [Second(0, None, 0.0, None, None, None)]
    lasted_s = _within(summary.duration_s, 0.0, float(LONGEST_S)) or float(rows[-1].at_s)
    lasted_s = max(lasted_s, float(rows[-1].at_s))
    ended_ms = started_ms + round(lasted_s) * 1000
    extra = _extra(session)
    builder = FitFileBuilder(auto_define=True)
    add = builder.add
    add(
        _filled(
            FileIdMessage(local_id=0),
            type=FileType.ACTIVITY,
            manufacturer=Manufacturer.DEVELOPMENT.value,
            product=1,
            time_created=started_ms,
            serial_number=_serial(head.machine),
        )
    )
    _describe(builder)
    add(_filled(EventMessage(local_id=3), timestamp=started_ms, event=Event.TIMER, event_type=EventType.START))
    for row in rows:
        add(_record(row, started_ms, extra))
    add(_filled(EventMessage(local_id=3), timestamp=ended_ms, event=Event.TIMER, event_type=EventType.STOP_ALL))
    figures = _figures(summary, rows, lasted_s) | {
        "sport": _sport(session),
        "sub_sport": SubSport.TREADMILL,
        "timestamp": ended_ms,
        "start_time": started_ms,
        "message_index": 0,
    }
    add(_filled(LapMessage(local_id=5, developer_fields=_fields(extra)), event=Event.LAP, event_type=EventType.STOP, **figures))
    session_only = {"first_lap_index": 0, "num_laps": 1, "trigger": SessionTrigger.ACTIVITY_END}
    add(_filled(SessionMessage(local_id=6, developer_fields=_fields(extra)), event=Event.SESSION, event_type=EventType.STOP, **figures, **session_only))
    closing = {"total_timer_time": lasted_s, "num_sessions": 1, "type": Activity.MANUAL, "event": Event.ACTIVITY, "event_type": EventType.STOP}
    add(_filled(ActivityMessage(local_id=7), timestamp=ended_ms, **closing))
    return bytes(builder.build().to_bytes())


def _record(row: Second, started_ms: int, extra: Sequence[tuple[int, str, int]]) -> Any:  # noqa: ANN401  the FIT library brings no types
    """Cadence in strides a minute, as FIT has it for walking and running: half the steps, the other half in its fraction."""
    strides = None if row.steps_per_min is None else row.steps_per_min / 2.0
    return _filled(
        RecordMessage(local_id=4, developer_fields=_fields(extra)),
        timestamp=started_ms + row.at_s * 1000,
        distance=round(row.distance_m, 2),
        speed=row.speed_mps,
        grade=row.grade_percent,
        heart_rate=None if row.heart_rate_per_min is None else round(row.heart_rate_per_min),
        cadence=None if strides is None else int(strides),
        fractional_cadence=None if strides is None else strides % 1.0,
    )


def _figures(summary: Summary, rows: Sequence[Second], lasted_s: float) -> dict[str, object]:
    grades = [row.grade_percent for row in rows if row.grade_percent is not None]
    cadence = _within(summary.cadence_per_min, 0.0, 500.0)
    distance_m = _within(summary.distance_m, 0.0, 1e6)
    heart, highest = _within(summary.mean_heart_rate_per_min, 1.0, 250.0), _within(summary.max_heart_rate_per_min, 1.0, 250.0)
    return {
        "total_elapsed_time": lasted_s,
        "total_timer_time": lasted_s,
        "total_distance": rows[-1].distance_m if distance_m is None else distance_m,
        "avg_speed": _within(summary.mean_mps, 0.0, FASTEST_MPS),
        "max_speed": _within(summary.peak_mps, 0.0, FASTEST_MPS),
        "avg_heart_rate": None if heart is None else round(heart),
        "max_heart_rate": None if highest is None else round(highest),
        "avg_cadence": None if cadence is None else int(cadence / 2.0),
        "max_pos_grade": max(grades, default=None),
    }


def _sport(session: Session) -> Sport:
    """Walking or running by the peak speed; training where the gait is not known."""
    runs = runs_at(session.head.direction, session.head.facing, session.head.summary.peak_mps)
    return Sport.TRAINING if runs is None else Sport.RUNNING if runs else Sport.WALKING


def _extra(session: Session) -> tuple[tuple[int, str, int], ...]:
    """Developer fields that are known: number, name, value."""
    pairs = ((BELT_REVERSE, session.head.direction), (FACING_REAR, session.head.facing))
    return tuple((number, name, values[word]) for number, ((name, values), word) in enumerate(pairs) if word in values)


def _fields(extra: Iterable[tuple[int, str, int]]) -> list[DeveloperField]:
    out = []
    for number, name, value in extra:
        field = DeveloperField(developer_data_index=0, field_id=number, size=1, base_type=BaseType.UINT8, name=name, units="bool")
        field.set_value(0, value)
        out.append(field)
    return out


def _describe(builder: FitFileBuilder) -> None:
    builder.add(_filled(DeveloperDataIdMessage(local_id=1), developer_data_index=0, application_id=APPLICATION, application_version=1))
    for number, (name, _) in enumerate((BELT_REVERSE, FACING_REAR)):
        described = {"developer_data_index": 0, "field_definition_number": number, "fit_base_type_id": BaseType.UINT8.value}
        builder.add(_filled(FieldDescriptionMessage(local_id=2), **described, field_name=name, units="bool"))


def _filled(message: Any, **values: object) -> Any:  # noqa: ANN401  the FIT library brings no types
    """The message with these fields set; what is None is left out."""
    for name, value in values.items():
        if value is not None:
            setattr(message, name, value)
    return message


def _mean(values: Sequence[float | None], indices: Iterable[int], low: float, high: float) -> float | None:
    """The mean of the believable values at these places, None without any."""
    found = [known for index in indices if index < len(values) and (known := _within(values[index], low, high)) is not None]
    return sum(found) / len(found) if found else None


def _within(value: float | None, low: float, high: float) -> float | None:
    known = finite(value)
    return known if known is not None and low <= known <= high else None


def _serial(machine: str) -> int:
    """A number for the machine's name; 0 means none in this format."""
    return crc32(machine.encode("utf-8", "replace")) or 1
