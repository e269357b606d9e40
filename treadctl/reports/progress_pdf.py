"""The report of one person's progress: ten trends over all their sessions on one A4 page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from treadctl.records.model import MeasureRecord, Outcome, SessionHead
from treadctl.reports.chart import SMALL, Frame, ceiling, draw_y_axis
from treadctl.reports.figures import UNKNOWN, Setting, clock, finite, goes_backward
from treadctl.reports.listing import Block, Column, Listing, share_rows
from treadctl.reports.page import ACCENT, ALARM, HEIGHT, INK, INNER, MARGIN, RULE, SOFT, Align, Page
from treadctl.reports.trends import Trend, course, trends
from treadctl.reports.typeface import BUILT_IN, Typeface
from treadctl.reports.words import OUTCOMES, cause_words

PANEL: Final = 106.0
GUTTER: Final = 22.0
FOOT: Final = 62.0
FEW: Final = 60
"""Values up to which each gets a round dot."""
DAY_S: Final = 86_400.0


def progress_pdf(
    heads: Sequence[SessionHead],
    measures: Sequence[MeasureRecord],
    setting: Setting,
    *,
    person_id: str,
    name: str | None = None,
    typeface: Typeface = BUILT_IN,
) -> bytes:
    """One A4 page as PDF, for the backward sessions and the measures of one person in any order. The same arguments give the same bytes.

    No name is in the metadata.
    """
    ordered = sorted(filter(goes_backward, heads), key=_started)
    page = Page(typeface, setting.say("Progress report"), setting.say("Trends over sessions"), setting.language)
    top = _draw_head(page, setting, ordered, person_id, name)
    panels = trends(ordered, measures, setting.units, setting.zone)
    instants = [dot.at_s for panel in panels for dot in panel.dots] + [_started(head) for head in ordered]
    first, last = (min(instants), max(instants)) if instants else (setting.made_at.timestamp(),) * 2
    span = (first, last) if last - first >= DAY_S else (first - DAY_S, last + DAY_S)
    width = (INNER - GUTTER) / 2.0
    for index, panel in enumerate(panels):
        _draw_panel(page, setting, panel, MARGIN + (width + GUTTER) * (index % 2), top + PANEL * (index // 2), width, span)
    top += PANEL * ((len(panels) + 1) // 2) + 2.0
    block = Block(page, setting, _latest(setting, ordered), INNER)
    ((shown,),) = share_rows([[block]], HEIGHT - FOOT - top, 4.0)
    block.draw(MARGIN, top, shown)
    _draw_foot(page, setting)
    return page.finish()


def _started(head: SessionHead) -> float:
    return head.started_at.timestamp()


def _draw_head(page: Page, setting: Setting, ordered: Sequence[SessionHead], person_id: str, name: str | None) -> float:
    say = setting.say
    page.text(MARGIN, 48.0, say("Progress report"), 16.0, bold=True)
    who = page.fit(person_id, 0.4 * INNER, 10.0, True)
    page.text(MARGIN, 64.0, who, 10.0, bold=True)
    if name:
        left = MARGIN + page.width(who, 10.0, True) + 8.0
        page.text(left, 64.0, page.fit(name, MARGIN + INNER - left, 10.0), 10.0)
    page.line((MARGIN, 71.0), (MARGIN + INNER, 71.0), INK, 0.9)
    if ordered:
        first, last = setting.day(ordered[0].started_at), setting.day(ordered[-1].started_at)
        counts = Counter(head.outcome for head in ordered)
        ends = ", ".join(f"{_within(setting, OUTCOMES[outcome])}: {counts[outcome]}" for outcome in Outcome if counts[outcome])
        belt_s = sum(known for head in ordered if (known := finite(head.summary.belt_s)) is not None)
        distance_m = sum(known for head in ordered if (known := finite(head.summary.distance_m)) is not None)
        words = say("Sessions: {count}, from {first} to {last} ({ends}).", count=len(ordered), first=first, last=last, ends=ends)
        words += " " + say("In all {time} on the moving belt, {distance}.", time=clock(belt_s), distance=setting.distance(distance_m))
    else:
        words = say("No session is on record.")
    y = 83.0
    for line in page.wrap(words, INNER, 8.0, 2):
        page.text(MARGIN, y, line, 8.0)
        y += 10.5
    return 101.0


def _draw_panel(page: Page, setting: Setting, trend: Trend, left: float, top: float, width: float, span: tuple[float, float]) -> None:
    values = [dot.value for dot in trend.dots]
    high = ceiling(values, *trend.highs)
    frame = Frame(left + 22.0, top + 25.0, width - 22.0, PANEL - 46.0, span[0], span[1], trend.figure.low, high)
    title = f"{setting.say(trend.figure.title)}, {setting.word(trend.unit)}"
    ends = ""
    if values:
        ends = setting.say("first {first}, latest {latest}", first=setting.number(values[0], trend.digits), latest=setting.number(values[-1], trend.digits))
    ends = page.fit(ends, width * 0.48, 7.0)
    page.text(left + width, top + 9.0, ends, 7.0, colour=SOFT, align="right")
    page.text(left, top + 9.0, page.fit(title, width - page.width(ends, 7.0) - 6.0, 7.5, True), 7.5, bold=True)
    page.text(left, top + 18.0, page.fit(setting.word(trend.figure.hint), width, SMALL), SMALL, colour=SOFT)
    draw_y_axis(page, setting, frame, 3)
    _draw_days(page, setting, frame)
    if not values:
        page.text(frame.left + frame.width / 2.0, frame.top + frame.height / 2.0, setting.say("not recorded"), 7.5, colour=SOFT, align="centre")
        return
    line = [(frame.x(at_s), frame.y(value)) for at_s, value in course(trend)]
    faint = "#8fb4cc" if line else ACCENT
    for dot in trend.dots:
        x, y, colour = frame.x(dot.at_s), frame.y(dot.value), ALARM if dot.stopped else faint
        if len(values) <= FEW:
            page.dot(x, y, 1.7, colour, hollow=dot.held)
        else:
            page.box(x - 0.7, y - 0.7, 1.4, 1.4, colour)
    page.polyline(line, ACCENT, 1.1)


def _draw_days(page: Page, setting: Setting, frame: Frame) -> None:
    page.line((frame.left, frame.bottom), (frame.right, frame.bottom), RULE, 0.5)
    places: tuple[tuple[float, Align], ...] = ((0.0, "left"), (0.5, "centre"), (1.0, "right"))
    for share, align in places:
        at_s = frame.x_low + share * (frame.x_high - frame.x_low)
        x = frame.x(at_s)
        page.line((x, frame.bottom), (x, frame.bottom + 2.5), RULE, 0.6)
        day = setting.day(datetime.fromtimestamp(at_s, setting.zone))
        page.text(x, frame.bottom + 9.0, day, SMALL - 0.5, colour=SOFT, align=align)


def _latest(setting: Setting, ordered: Sequence[SessionHead]) -> Listing:
    say = setting.say
    columns = (
        Column(say("Started"), 2.1),
        Column(say("Profile"), 2.6),
        Column(say("Ended"), 4.0),
        Column(say("On the belt"), 1.7, "right"),
        Column(say("Peak"), 1.45, "right"),
        Column(say("Rail load"), 1.3, "right"),
        Column(say("Events"), 1.35, "right"),
    )
    rows = tuple(
        (
            setting.local(head.started_at),
            head.profile or UNKNOWN,
            _ended(setting, head),
            clock(head.summary.belt_s),
            setting.speed(head.summary.peak_mps),
            setting.number(head.summary.rail_load_percent, 1, "%"),
            str(head.summary.balance_events),
        )
        for head in reversed(ordered)
    )
    return Listing(say("Latest sessions"), columns, rows, say("No session is on record."), lines=1)


def _within(setting: Setting, text: str) -> str:
    """A text as it stands within a sentence; other languages than English have capitals of their own."""
    return setting.say(text).lower() if setting.language.startswith("en") else setting.say(text)


def _ended(setting: Setting, head: SessionHead) -> str:
    words = setting.say(OUTCOMES[head.outcome])
    return f"{words}: {setting.word(cause_words(head.cause))}" if head.outcome is Outcome.STOPPED and head.cause else words


def _draw_foot(page: Page, setting: Setting) -> None:
    y = HEIGHT - FOOT + 8.0
    page.line((MARGIN, y - 8.0), (MARGIN + INNER, y - 8.0), RULE, 0.6)
    notes = setting.say(
        "One dot is one session or test, red where the interlock stopped it; the line is the running median, of imbalance events the mean. "
        "Heart rate reads low while the rails are held. "
        "Trends show change, not its cause: profile, shoes, hands and the day differ between sessions."
    )
    for line in page.wrap(notes, INNER, 6.8, 3):
        page.text(MARGIN, y, line, 6.8, colour=SOFT)
        y += 8.8
    zone = setting.say("Made {at} {offset} ({zone})", at=setting.local(setting.made_at), offset=setting.offset(setting.made_at), zone=setting.zone)
    page.text(MARGIN, HEIGHT - 24.0, page.fit(zone, INNER - 70.0, 6.5), 6.5, colour=SOFT)
    page.text(MARGIN + INNER, HEIGHT - 24.0, setting.say("page 1 of 1"), 6.5, colour=SOFT, align="right")
