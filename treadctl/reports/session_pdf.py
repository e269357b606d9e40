"""The report of one session: one A4 page, whatever the session holds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from treadctl.records.model import AnswerRecord, Outcome, OverrideRecord, Session
from treadctl.reports.figures import HEART_RATE_NOTE, N_, UNKNOWN, EnergyRange, Setting, clock, finite, gait_words
from treadctl.reports.listing import Block, Column, Listing, share_rows
from treadctl.reports.page import ALARM, HEIGHT, INK, INNER, MARGIN, PALE, RULE, SOFT, Page
from treadctl.reports.session_chart import draw_charts, notable, ordered_stops
from treadctl.reports.typeface import BUILT_IN, Typeface
from treadctl.reports.words import ACTIONS, OUTCOMES, QUESTIONS, RATIO_BASIS, ROLES, cause_words

CHART_LEAST: Final = 176.0
CHART_MOST: Final = 400.0
FOOT: Final = 76.0
GAP: Final = 9.0
COLUMNS: Final = 3
COLUMN_GAP: Final = 22.0
FIGURE: Final = 11.2
GROSS: Final = N_("gross {low}–{high} kcal")
NET: Final = N_("net of rest {low}–{high} kcal")


def session_pdf(
    session: Session,
    setting: Setting,
    *,
    name: str | None = None,
    overrides: Sequence[OverrideRecord] = (),
    energy: EnergyRange | None = None,
    typeface: Typeface = BUILT_IN,
) -> bytes:
    """One A4 page as PDF. The same arguments give the same bytes.

    `name` is shown beside the pseudonym and nowhere else in the file; `overrides` are the records of the rules that `session.overrides` names.
    """
    page = Page(typeface, setting.say("Session report"), setting.say("Session {id}", id=session.head.id), setting.language)
    top = _draw_head(page, setting, session, name)
    top = _draw_facts(page, setting, session, top)
    top = _draw_figures(page, setting, session, energy, top + 4.0)
    bands = _bands(page, setting, session, overrides)
    room = HEIGHT - FOOT - top - 2.0 * GAP
    shown = share_rows(bands, room - CHART_LEAST, GAP)
    lists = sum(max(block.height(count) for block, count in zip(band, counts, strict=True)) + GAP for band, counts in zip(bands, shown, strict=True))
    top = draw_charts(page, setting, session, top + GAP, min(CHART_MOST, room - lists)) + GAP
    for band, counts in zip(bands, shown, strict=True):
        lefts = (MARGIN, MARGIN + INNER * 0.5 + GAP)
        top = max(block.draw(x, top, count) for block, count, x in zip(band, counts, lefts, strict=False)) + GAP
    _draw_foot(page, setting, session)
    return page.finish()


def _draw_head(page: Page, setting: Setting, session: Session, name: str | None) -> float:
    head = session.head
    outcome = setting.say(OUTCOMES[head.outcome])
    words = setting.word(cause_words(head.cause))
    page.text(MARGIN, 48.0, setting.say("Session report"), 16.0, bold=True)
    badge = page.fit(outcome, 190.0, 11.0, True)
    colour = ALARM if head.outcome in {Outcome.STOPPED, Outcome.UNKNOWN} else INK
    page.text(MARGIN + INNER, 46.0, badge, 11.0, bold=True, colour=colour, align="right")
    page.text(MARGIN + INNER, 58.5, page.fit(words, 230.0, 8.0), 8.0, colour=SOFT, align="right")
    who = page.fit(head.person_id or setting.say("person not known"), 0.28 * INNER if name else 0.5 * INNER, 10.0, True)
    page.text(MARGIN, 64.0, who, 10.0, bold=True)
    if name:
        left = MARGIN + page.width(who, 10.0, True) + 8.0
        page.text(left, 64.0, page.fit(name, MARGIN + 0.54 * INNER - left, 10.0), 10.0)
    page.line((MARGIN, 71.0), (MARGIN + INNER, 71.0), INK, 0.9)
    return 71.0


def _draw_facts(page: Page, setting: Setting, session: Session, top: float) -> float:
    head = session.head
    at = head.started_at
    gait = setting.say(
        "{gait} (belt {direction}, facing {facing})",
        gait=setting.say(gait_words(head.direction, head.facing)),
        direction=setting.word(head.direction) or UNKNOWN,
        facing=setting.word(head.facing) or UNKNOWN,
    )
    revision = UNKNOWN if head.revision_id is None else str(head.revision_id)
    mass = setting.number(session.mass_kg if session.mass_kg > 0.0 else None, 1, "kg")
    cells = (
        (setting.say("Started ({zone})", zone=setting.zone), f"{setting.local(at)} {setting.offset(at)}"),
        (setting.say("Profile"), head.profile or UNKNOWN),
        (setting.say("Gait"), gait),
        (setting.say("Machine"), head.machine or UNKNOWN),
        (setting.say("Attendant"), session.attendant or UNKNOWN),
        (setting.say("Body mass; prescription"), setting.say("{mass}; revision {revision}", mass=mass, revision=revision)),
    )
    lefts = (0.0, 0.31 * INNER, 0.62 * INNER, INNER)
    for index, (label, value) in enumerate(cells):
        left, right = lefts[index % 3], lefts[index % 3 + 1]
        y = top + 3.0 + 22.0 * (index // 3)
        page.text(MARGIN + left, y + 8.0, page.fit(label, right - left - 8.0, 6.5), 6.5, colour=SOFT)
        page.text(MARGIN + left, y + 17.5, page.fit(value, right - left - 8.0, 8.5), 8.5)
    return top + 47.0


def _draw_figures(page: Page, setting: Setting, session: Session, energy: EnergyRange | None, top: float) -> float:
    summary, say = session.head.summary, setting.say
    grades = [abs(known) for value in session.series.grade_percent if (known := finite(value)) is not None]
    share = finite(summary.hands_on_share)
    variation = "" if finite(summary.cadence_cv_percent) is None else f" ± {setting.number(summary.cadence_cv_percent, 1)} %"
    cells = (
        (say("Time on the moving belt"), clock(summary.belt_s)),
        (say("Session"), clock(summary.duration_s)),
        (say("Distance"), setting.distance(summary.distance_m)),
        (say("Peak speed"), setting.speed(summary.peak_mps)),
        (say("Mean speed"), setting.speed(summary.mean_mps)),
        (say("Steepest grade"), setting.number(max(grades, default=None), 1, "%")),
        (say("Rail load, mean"), setting.number(summary.rail_load_percent, 1, "% BW")),
        (say("Hands on the rails"), setting.number(None if share is None else 100.0 * share, 0, "%")),
        (say("Left–right asymmetry"), setting.number(summary.asymmetry_percent, 1, "%")),
        (say("Imbalance events"), str(summary.imbalance_events)),
        (say("Unsteady moments"), str(summary.unsteady_events)),
        (say("Stops"), str(summary.stops)),
        (say("Heart rate, mean *"), setting.number(summary.mean_heart_rate_per_min, 0, "/min")),
        (say("Heart rate, highest *"), setting.number(summary.max_heart_rate_per_min, 0, "/min")),
        (say("Steps a minute"), setting.number(summary.cadence_per_min) + variation),
        (say("Highest effort (Borg 6–20)"), setting.number(summary.max_rpe)),
        (say("Highest dizziness / pain"), f"{setting.number(summary.max_dizziness)} / {setting.number(summary.max_pain)}"),
        (say("Highest breathing (0–10)"), setting.number(summary.max_breathing)),
    )
    lines = page.wrap(energy_words(setting, energy), INNER, 7.5, 2)
    rows = len(cells) // COLUMNS
    height = FIGURE * rows + 9.6 * len(lines) + 8.0
    page.box(MARGIN - 6.0, top, INNER + 12.0, height, PALE)
    width = (INNER - 2.0 * COLUMN_GAP) / COLUMNS
    for index, (label, value) in enumerate(cells):
        x, y = MARGIN + (width + COLUMN_GAP) * (index // rows), top + 10.5 + FIGURE * (index % rows)
        shown = page.fit(value, width * 0.6, 8.0, True)
        page.text(x + width, y, shown, 8.0, bold=True, align="right")
        page.text(x, y, page.fit(label, width - 5.0 - page.width(shown, 8.0, True), 8.0), 8.0, colour=SOFT)
    for index, line in enumerate(lines):
        page.text(MARGIN, top + FIGURE * rows + 12.5 + 9.6 * index, line, 7.5)
    return top + height


def energy_words(setting: Setting, energy: EnergyRange | None) -> str:
    """Energy as gross and net ranges with what they rest on, or why none is given. Never a single figure."""
    if energy is None:
        return setting.say("Energy: not estimated for this report.")
    parts = [
        setting.say(text, low=setting.number(pair[0]), high=setting.number(pair[1]))
        for text, pair in ((GROSS, energy.gross_kcal), (NET, energy.net_kcal))
        if pair is not None and finite(pair[0]) is not None and finite(pair[1]) is not None
    ]
    reason = setting.word(energy.reason)
    if not parts:
        return setting.say("Energy: no figure is given. {reason}", reason=reason)
    return setting.say("Energy, a model's range: {parts}. {reason}", parts="; ".join(parts), reason=reason)


def _bands(page: Page, setting: Setting, session: Session, overrides: Sequence[OverrideRecord]) -> list[list[Block]]:
    half = INNER * 0.5 - GAP
    return [
        [Block(page, setting, _stops(setting, session), INNER)],
        [Block(page, setting, _overrides(setting, session, overrides), INNER)],
        [Block(page, setting, _answers(setting, session), half), Block(page, setting, _events(setting, session), half)],
    ]


def _stops(setting: Setting, session: Session) -> Listing:
    say = setting.say
    columns = (
        Column("", 0.5, bold=True),
        Column(say("At"), 0.75),
        Column(say("Cause"), 4.5),
        Column(say("How"), 3.0),
        Column(say("From"), 1.35, "right"),
        Column(say("Belt travel"), 1.3, "right"),
        Column(say("To rest"), 1.05, "right"),
        Column(say("Slowing"), 1.35, "right"),
    )
    rows = tuple(
        (
            f"S{index}",
            clock(stop.at_s),
            setting.word(stop.sentence or cause_words(stop.cause)),
            f"{setting.word(ACTIONS.get(stop.action, ''))} ({stop.action})" if stop.action in ACTIONS else stop.action,
            setting.speed(stop.from_mps),
            setting.number(stop.travel_m, 2, "m"),
            setting.number(stop.rest_s, 2, "s"),
            setting.number(stop.deceleration_mps2, 2, "m/s²"),
        )
        for index, stop in enumerate(ordered_stops(session), 1)
    )
    return Listing(
        say("Stops (travel and time count from the cause until the belt rests)") if rows else say("Stops"), columns, rows, say("No stop is on record.")
    )


def _overrides(setting: Setting, session: Session, records: Sequence[OverrideRecord]) -> Listing:
    say = setting.say
    columns = (Column(say("Rule"), 1.6, bold=True), Column(say("Set aside by"), 2.8), Column(say("On"), 1.2), Column(say("Reason"), 6.4))
    rows: list[tuple[str, ...]] = []

    def named(rule: str) -> str:
        return setting.word(rule.replace("_", " "))

    for rule in dict.fromkeys(session.overrides):
        found = [record for record in records if record.rule == rule]
        rows += [(named(rule), f"{record.by}, {say(ROLES[record.role])}", setting.day(record.at), record.reason) for record in found]
        if not found:
            rows.append((named(rule), UNKNOWN, UNKNOWN, say("Named by the session; no record of it was handed to this report.")))
    return Listing(say("Rules set aside for this session"), columns, tuple(rows), say("None is on record."))


def _answers(setting: Setting, session: Session) -> Listing:
    """One row for each question: its answers in order of time, so that the list stays short."""
    say = setting.say

    order = {name: index for index, name in enumerate(QUESTIONS)}

    def kind(answer: AnswerRecord) -> tuple[int, str]:
        return order.get(answer.kind, len(order)), answer.kind

    rows: list[tuple[str, ...]] = []
    for (_, name), group in groupby(sorted(session.answers, key=kind), kind):
        answers = sorted(group, key=lambda answer: finite(answer.at_s) or 0.0)
        limits = [limit for answer in answers if (limit := finite(answer.limit)) is not None]
        given = [
            say("{value} at {time}", value=setting.number(answer.value), time=clock(answer.at_s))
            if finite(answer.value) is not None
            else say("no answer at {time}", time=clock(answer.at_s))
            for answer in answers
        ]
        rows.append((setting.word(QUESTIONS.get(name, name)), ", ".join(given), setting.number(limits[-1] if limits else None)))
    columns = (Column(say("Question"), 2.4), Column(say("Answers"), 4.6), Column(say("Stops at"), 1.25, "right"))
    return Listing(say("Questions and answers"), columns, tuple(rows), say("No answer is on record."), lines=3)


def _events(setting: Setting, session: Session) -> Listing:
    say = setting.say
    columns = (Column("", 0.5, bold=True), Column(say("At"), 0.9), Column(say("What happened"), 7.0))
    rows = tuple((str(index), clock(event.at_s), setting.word(event.sentence)) for index, event in enumerate(notable(session), 1))
    return Listing(say("Events"), columns, rows, say("Nothing out of the ordinary is on record."))


def _draw_foot(page: Page, setting: Setting, session: Session) -> None:
    head = session.head
    y = HEIGHT - FOOT + 8.0
    page.line((MARGIN, y - 8.0), (MARGIN + INNER, y - 8.0), RULE, 0.6)
    notes = setting.say("* Heart rate {note}. BW = body weight.", note=setting.say(HEART_RATE_NOTE)) + " " + setting.say(RATIO_BASIS)
    for line in page.wrap(notes, INNER, 6.8, 2):
        page.text(MARGIN, y, line, 6.8, colour=SOFT)
        y += 9.0
    page.text(MARGIN, HEIGHT - 40.0, setting.say("Read by"), 7.5, colour=SOFT)
    page.line((MARGIN + 38.0, HEIGHT - 39.0), (MARGIN + 270.0, HEIGHT - 39.0), INK, 0.5)
    page.text(MARGIN + 290.0, HEIGHT - 40.0, setting.say("Date"), 7.5, colour=SOFT)
    page.line((MARGIN + 318.0, HEIGHT - 39.0), (MARGIN + 420.0, HEIGHT - 39.0), INK, 0.5)
    made = setting.say("Session {id} · profile {sha} · made {at}", id=head.id, sha=head.profile_sha256[:12] or UNKNOWN, at=setting.local(setting.made_at))
    page.text(MARGIN, HEIGHT - 24.0, page.fit(made, INNER - 70.0, 6.5), 6.5, colour=SOFT)
    page.text(MARGIN + INNER, HEIGHT - 24.0, setting.say("page 1 of 1"), 6.5, colour=SOFT, align="right")
