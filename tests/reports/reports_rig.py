"""Believable sessions, built from a seed: a 12-minute backward walk at 10 Hz with what happens in one."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pypdfium2

from treadctl.console.words import Words
from treadctl.records.model import (
    AnswerRecord,
    Measure,
    MeasureRecord,
    Outcome,
    OverrideRecord,
    PlannedStretch,
    Role,
    Series,
    Session,
    SessionEvent,
    SessionHead,
    StopRecord,
    Summary,
)
from treadctl.reports.figures import EnergyRange, Setting

STARTED = datetime(2026, 3, 12, 9, 30, tzinfo=UTC)
SETTING = Setting(datetime(2026, 3, 12, 11, 0, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
GERMAN = replace(SETTING, translate=Words("de").catalogue, language="de")
ENERGY = EnergyRange((38.0, 55.0), (26.0, 43.0), "Walking equations with a backward ratio of 1.2 to 1.8; single persons differ by a third.")
SUPPRESSED = EnergyRange(None, None, "The rails carried more than 5 % of body weight, so a figure would be wrong.")
PLAN = (
    ("Stand and breathe", "warm_up", 20.0, 0.0),
    ("Walk in", "warm_up", 100.0, 0.3),
    ("Step 1", "main", 180.0, 0.55),
    ("Step 2", "main", 180.0, 0.8),
    ("Step 3", "main", 120.0, 0.95),
    ("Walk out", "cool_down", 120.0, 0.35),
)


def plan() -> tuple[PlannedStretch, ...]:
    out: list[PlannedStretch] = []
    at_s = 0.0
    for label, block, lasts_s, speed_mps in PLAN:
        out.append(PlannedStretch(label, block, at_s, at_s + lasts_s, speed_mps, 0.0 if block != "main" else 1.0, "on"))
        at_s += lasts_s
    return tuple(out)


def series(seed: int = 1, ends_s: float = 720.0) -> Series:
    """Samples of that plan: the belt follows with ripple, the rails swing with the steps, the heart follows slowly. A stop at `ends_s` ramps down."""
    dice = random.Random(seed)  # noqa: S311 - believable, not secret
    columns: list[list[float | None]] = [[] for _ in range(7)]
    times: list[float] = []
    speed, heart = 0.0, 78.0
    stretches = plan()
    for index in range(int((ends_s + 4.0) * 10.0)):
        time_s = index / 10.0
        wanted = next((stretch.speed_mps for stretch in stretches if stretch.from_s <= time_s < stretch.to_s), 0.0)
        wanted = 0.0 if time_s >= ends_s else wanted
        rate = 0.1 if time_s >= ends_s else 0.01
        speed += max(-rate, min(rate, wanted - speed))
        heart += (78.0 + 62.0 * speed - heart) * 0.002
        step = math.sin(2.0 * math.pi * 0.9 * time_s)
        lean = 3.0 + 5.0 * math.exp(-time_s / 240.0) + (16.0 * math.exp(-((time_s - 400.0) ** 2) / 8.0))
        times.append(time_s)
        ripple = dice.gauss(0.0, 0.012) if speed > 0.0 else 0.0
        values = (
            round(max(0.0, speed + ripple * (0.4 + speed)), 4),
            round(wanted, 3),
            1.0 if 120.0 < time_s < 600.0 else 0.0,
            round(max(0.0, lean + 1.6 * step + dice.gauss(0.0, 0.4)), 2),
            round(max(0.0, lean * 0.82 - 1.6 * step + dice.gauss(0.0, 0.4)), 2),
            None if 300.0 < time_s < 308.0 else round(heart + dice.gauss(0.0, 0.5), 1),
            None if speed < 0.1 else round(96.0 + 22.0 * speed + dice.gauss(0.0, 1.0), 1),
        )
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return Series(tuple(times), *(tuple(column) for column in columns))


def summary(of: Series, **changes: float | int | None) -> Summary:
    measured = [value or 0.0 for value in of.measured_mps]
    moving = [value for value in measured if value > 0.02]
    hearts = [value for value in of.heart_rate_per_min if value is not None]
    drawn = Summary(
        duration_s=of.time_s[-1],
        belt_s=len(moving) / 10.0,
        distance_m=sum(measured) / 10.0,
        peak_mps=max(measured),
        mean_mps=sum(moving) / len(moving),
        rail_load_percent=9.4,
        hands_on_share=0.83,
        asymmetry_percent=9.8,
        imbalance_events=1,
        unsteady_events=2,
        stops=1,
        max_rpe=14.0,
        max_dizziness=2.0,
        max_pain=1.0,
        max_breathing=3.0,
        mean_heart_rate_per_min=sum(hearts) / len(hearts),
        max_heart_rate_per_min=max(hearts),
        cadence_per_min=112.0,
        cadence_cv_percent=4.1,
    )
    return replace(drawn, **changes)


def head(number: int = 1, at: datetime = STARTED, **changes: object) -> SessionHead:
    made = SessionHead(
        id=f"s-{number:04d}-7f3a",
        person_id="P-0042",
        revision_id=7,
        machine="clinic-belt-2",
        profile="knee-oa-retro-walk",
        profile_sha256="9c1f" * 16,
        direction="reverse",
        facing="console",
        started_at=at,
        outcome=Outcome.COMPLETED,
        cause="program_end",
        summary=Summary(),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


ANSWERS = tuple(
    AnswerRecord(at_s, kind, value, limit)
    for at_s, kind, value, limit in (
        (121.0, "rpe", 11.0, 17.0),
        (122.0, "dizziness", 0.0, 4.0),
        (302.0, "rpe", 12.0, 17.0),
        (304.0, "dizziness", 2.0, 4.0),
        (305.0, "pain", 1.0, 5.0),
        (481.0, "rpe", 14.0, 17.0),
        (483.0, "dizziness", None, 4.0),
        (484.0, "breathing", 3.0, 7.0),
    )
)
EVENTS = (
    SessionEvent(0.0, "session", "The session is now running."),
    SessionEvent(120.0, "segment", "Segment 3: Step 1."),
    SessionEvent(399.5, "cause", "The person is not steady.", {"cause": "unsteady"}),
    SessionEvent(402.0, "resume", "Resumed at the machine."),
    SessionEvent(455.2, "cause", "The program wants hands off the rails.", {"cause": "hands_unwanted"}),
    SessionEvent(520.0, "cause", "The person is losing balance.", {"cause": "imbalance"}),
)
STOP = StopRecord(520.0, "imbalance", "SS1", "The person is losing balance.", 0.8, 1.02, 0.43, 0.91)
OVERRIDE = OverrideRecord(
    1,
    "P-0042",
    "weekly",
    "therapist-3",
    Role.PHYSIOTHERAPIST,
    "Three sessions a week as in the published trial; seen on 2026-03-09.",
    STARTED - timedelta(days=3),
)


def session(seed: int = 1, ends_s: float = 520.0) -> Session:
    """A walk that the interlock stopped at `ends_s`."""
    samples = series(seed, ends_s)
    return Session(
        head=head(outcome=Outcome.STOPPED, cause="imbalance", summary=summary(samples)),
        mass_kg=71.5,
        plan=plan(),
        events=EVENTS,
        answers=ANSWERS,
        stops=(replace(STOP, at_s=ends_s),),
        overrides=("weekly",),
        attendant="therapist-3",
        series=samples,
    )


def finished(seed: int = 2) -> Session:
    """A walk to the end, nothing amiss."""
    samples = series(seed)
    return Session(
        head=head(2, summary=summary(samples, stops=0, imbalance_events=0, unsteady_events=0)),
        mass_kg=71.5,
        plan=plan(),
        attendant="therapist-3",
        series=samples,
    )


def empty() -> Session:
    """A session of which nothing was recorded."""
    bare = head(3, person_id=None, revision_id=None, machine="", profile="", profile_sha256="", direction="", facing="", outcome=Outcome.UNKNOWN, cause=None)
    return Session(head=bare, mass_kg=0.0)


def heads(count: int, seed: int = 5) -> list[SessionHead]:
    """Sessions of months, two to three a week: faster and steadier with time, some stopped, heart rate and answers sometimes missing."""
    dice = random.Random(seed)  # noqa: S311 - believable, not secret
    out: list[SessionHead] = []
    at = STARTED
    for index in range(count):
        gain = 1.0 - math.exp(-index / 12.0)
        stopped = dice.random() < 0.12
        figures = Summary(
            duration_s=700.0,
            belt_s=240.0 + 420.0 * gain + dice.uniform(-40.0, 40.0),
            distance_m=180.0 + 300.0 * gain,
            peak_mps=0.5 + 0.7 * gain + dice.gauss(0.0, 0.04),
            mean_mps=0.4 + 0.5 * gain,
            rail_load_percent=max(0.5, 14.0 - 10.0 * gain + dice.gauss(0.0, 1.0)),
            hands_on_share=max(0.0, 0.95 - 0.6 * gain),
            asymmetry_percent=max(0.0, 16.0 - 9.0 * gain + dice.gauss(0.0, 1.5)),
            imbalance_events=int(dice.random() < 0.35 * (1.2 - gain)) + int(stopped),
            unsteady_events=dice.randrange(3),
            stops=int(stopped),
            max_rpe=None if dice.random() < 0.1 else float(dice.choice((11, 12, 13, 14))),
            max_dizziness=float(max(0, round(3.0 - 3.0 * gain + dice.uniform(-1.0, 1.0)))),
            mean_heart_rate_per_min=None if dice.random() < 0.15 else 96.0 + dice.gauss(0.0, 3.0),
            max_heart_rate_per_min=None if dice.random() < 0.15 else 116.0 + 8.0 * gain + dice.gauss(0.0, 3.0),
        )
        outcome = Outcome.STOPPED if stopped else Outcome.COMPLETED
        out.append(head(index, at, outcome=outcome, cause="imbalance" if stopped else "program_end", summary=figures))
        at += timedelta(days=dice.choice((2, 3, 3, 4)))
    return out


def measures() -> list[MeasureRecord]:
    """The 3-m backward walk and the ABC scale, each month."""
    out: list[MeasureRecord] = []
    for month, (walk_s, abc) in enumerate(((5.6, 61.0), (4.9, 66.0), (4.3, 71.0), (3.9, 74.0))):
        day = date(2026, 3 + month, 10)
        out.append(MeasureRecord(2 * month, "P-0042", Measure.BACKWARD_WALK_3M_S, walk_s, day, "therapist-3"))
        out.append(MeasureRecord(2 * month + 1, "P-0042", Measure.ABC_PERCENT, abc, day, "therapist-3"))
    return out


def absurd() -> Session:
    """Figures that no machine could mean: NaN, infinities, huge and negative ones, columns of unequal length."""
    nan, inf = math.nan, math.inf
    made = session()
    figures = replace(
        made.head.summary, peak_mps=inf, mean_mps=nan, distance_m=1e300, belt_s=-5.0, duration_s=1e18, rail_load_percent=nan, max_rpe=inf, hands_on_share=-3.0
    )
    rough = Series(
        time_s=(0.0, nan, 0.2, inf, 0.4, 1e12, -4.0),
        measured_mps=(0.0, 1e9, nan, -3.0, inf),
        commanded_mps=(None,),
        grade_percent=(1e9, nan),
        rail_left_percent=(1e9, -1e9, nan, inf),
        rail_right_percent=(),
        heart_rate_per_min=(0.0, -40.0, 1e6, nan),
    )
    crooked = (PlannedStretch("a", "main", nan, inf, -1.0, nan, "on"), PlannedStretch("b", "main", 5.0, 1e15, 1e9, 0.0, "on"))
    stops = (
        replace(STOP, at_s=nan, travel_m=inf, rest_s=-1.0, from_mps=nan),
        replace(STOP, at_s=-1e9),
        replace(STOP, at_s=1e15, action="", sentence="", cause="unheard_of"),
    )
    return replace(made, head=replace(made.head, summary=figures), mass_kg=nan, series=rough, plan=crooked, stops=stops)


def crowded() -> Session:
    """Forty stops, a hundred events and answers, and texts without end."""
    long = "A text that somebody typed without a thought for the page. " * 60
    made = session()
    stops = tuple(replace(STOP, at_s=12.0 * index, sentence=long if index % 3 == 0 else STOP.sentence) for index in range(1, 41))
    events = tuple(SessionEvent(5.0 * index, "note", long) for index in range(100))
    answers = tuple(AnswerRecord(5.0 * index, ("rpe", "pain", "dizziness", "breathing", "W" * 300)[index % 5], float(index), 17.0) for index in range(100))
    names = replace(made.head, machine=long, profile="W" * 500, person_id="Ü" * 400, cause="unheard_of_" * 50)
    return replace(made, head=names, stops=stops, events=events, answers=answers, overrides=("weekly", "hands", long) * 5, attendant=long)


def text_of(document: bytes) -> str:
    """What a reader can select on the only page."""
    with pypdfium2.PdfDocument(document) as pdf:
        page = pdf[0]
        text_page = page.get_textpage()
        text = str(text_page.get_text_bounded())
        text_page.close()
        page.close()
        return text


def rectangles(document: bytes) -> list[tuple[float, float, float, float]]:
    """Left, bottom, right, top of each piece of text on the page, points."""
    with pypdfium2.PdfDocument(document) as pdf:
        page = pdf[0]
        text_page = page.get_textpage()
        found = [text_page.get_rect(index) for index in range(text_page.count_rects())]
        text_page.close()
        page.close()
        return found


def collisions(document: bytes) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
    """Pieces of text that lie on each other by more than a hair."""
    boxes = rectangles(document)
    hair = 0.6
    return [
        (one, other)
        for index, one in enumerate(boxes)
        for other in boxes[index + 1 :]
        if min(one[2], other[2]) - max(one[0], other[0]) > hair and min(one[3], other[3]) - max(one[1], other[1]) > hair
    ]


def shape_of(document: bytes) -> tuple[int, int, int]:
    """Pages, and width and height in whole points."""
    with pypdfium2.PdfDocument(document) as pdf:
        width, height = pdf.get_page_size(0)
        return len(pdf), round(width), round(height)


def metadata_of(document: bytes) -> dict[str, str]:
    with pypdfium2.PdfDocument(document) as pdf:
        return dict(pdf.get_metadata_dict())


def ink_share(document: bytes) -> float:
    """The share of the rendered page that is not white."""
    with pypdfium2.PdfDocument(document) as pdf:
        page = pdf[0]
        image = page.render(scale=1.0, grayscale=True).to_pil()
        page.close()
    histogram = image.histogram()
    return sum(histogram[:250]) / sum(histogram)
