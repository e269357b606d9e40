"""One session being recorded, from its arming until the belt stands again and the last question is answered."""

from __future__ import annotations

import math
from typing import Final

from treadctl.core.controller import Inputs, Output
from treadctl.core.interlock import INDEX
from treadctl.core.messages import ArmOrder
from treadctl.core.prompts import PromptKind
from treadctl.journal.reader import Event, Step
from treadctl.records.importing.cadence import Cadence
from treadctl.records.importing.channels import STALE_S, see
from treadctl.records.importing.diary import Diary
from treadctl.records.importing.ending import Ending
from treadctl.records.importing.figures import Figures
from treadctl.records.importing.findings import Built
from treadctl.records.importing.sampler import Sampler
from treadctl.records.importing.where import Where, digest
from treadctl.records.model import AnswerRecord, BlackBox, PlannedStretch, Session, SessionHead, Summary

CLOCK_STEP_S: Final = 2.0  # the two clocks drift apart by less than this in a session; more is somebody who set one of them
SILENCE_S: Final = 600.0  # after so long a silence of the journal nobody can say that this is still the same session
IMBALANCE: Final = frozenset({INDEX["imbalance"], INDEX["fallen"], INDEX["person_down"]})
UNSTEADY: Final = INDEX["unsteady"]


class Arming:
    """A program that was armed and has not been started."""

    def __init__(self, order: ArmOrder | None, request_id: str | None) -> None:
        self.order = order
        self.request_id = request_id
        self.diary = Diary(order)

    def learn(self, order: ArmOrder, request_id: str) -> None:
        """What is armed and by which request, told by a checkpoint."""
        self.order = self.diary.order = order
        self.request_id = request_id

    def step(self, step: Step[Inputs, Output]) -> None:
        """A step before the start."""
        self.diary.step(step.now_s, step.inputs.requests, step.output)


class Recording:
    """A session from its first moving step on. All times count from that step on the daemon's own clock, which nobody can set."""

    def __init__(self, where: Where, arming: Arming, step: Step[Inputs, Output]) -> None:
        setup = where.run.setup
        self._where = self._last_where = where
        self._id = digest(where.run.key, str(step.index))
        self._arming = arming
        self._diary = arming.diary
        self._start_s = step.now_s
        self._last_s = step.now_s
        self._at_s = 0.0
        self._offset_s = where.offset_s
        self._direction = step.output.order.direction
        self._sampler = Sampler()
        self._figures = Figures(setup.standstill_mps, setup.detectors.rails.contact_percent)
        self._cadence = Cadence(setup.detectors.footfalls)
        self._ending = Ending(setup.standstill_mps)
        self.elapsed_s = 0.0
        self._diary.start(step.now_s)
        self.step(step)

    @property
    def done(self) -> bool:
        """Whether nothing more is to be recorded."""
        return self._ending.done

    @property
    def over(self) -> bool:
        """Whether the session has ended, the belt perhaps not yet at rest."""
        return self._ending.over_s is not None

    @property
    def order(self) -> ArmOrder | None:
        """What was armed, where the journal holds it."""
        return self._arming.order

    @property
    def request_id(self) -> str | None:
        """By which request it was armed, where the journal says so."""
        return self._arming.request_id

    def learn(self, order: ArmOrder, request_id: str) -> None:
        """What was armed, told later than it should have been: the arming itself is missing."""
        self._arming.learn(order, request_id)

    def batch(self, where: Where) -> None:
        """A new batch of the same run: somebody may have set the wall clock meanwhile."""
        self._last_where = where
        stepped_s = where.offset_s - self._offset_s
        if abs(stepped_s) > CLOCK_STEP_S:
            self._offset_s = where.offset_s
            way = "forward" if stepped_s > 0.0 else "back"
            words = f"The computer's clock was set {way} by {abs(stepped_s):.0f} s; times here count on as before."
            self._diary.tell(self._at_s, "clock", words, {"by_s": stepped_s})

    def silent_for(self, now_s: float) -> bool:
        """Whether the journal was silent for too long before `now_s`."""
        return now_s - self._last_s > SILENCE_S

    def missing(self, sentence: str) -> None:
        """Part of the record is missing here."""
        self._diary.tell(self._at_s, "gap", sentence)

    def event(self, event: Event) -> None:
        """An event of the journal's own or of the daemon; what the steps tell anyway is not repeated."""
        if event.name in {"journal_gap", "journal_found_damaged"}:
            self._diary.tell(self._at_s, "journal", f"The journal says: {event.name.replace('_', ' ')}.", {k: _scalar(v) for k, v in event.details.items()})

    def step(self, step: Step[Inputs, Output]) -> None:
        """One step, the first included."""
        output, at_s = step.output, step.now_s - self._start_s
        if not (math.isfinite(at_s) and at_s > self._at_s):
            at_s = self._at_s
        dt_s, self._at_s, self._last_s = at_s - self._at_s, at_s, step.now_s
        self.elapsed_s = output.elapsed_s
        order, ending = self._arming.order, self._ending
        seen = see(step.inputs.sample, order.person.mass_kg if order is not None else 0.0)
        if ending.end_s is None:
            self._cadence.feed(at_s, dt_s, seen.speed_mps, STALE_S - seen.speed_left_s, output)
            self._sampler.feed(at_s, seen, output.commanded_mps, self._cadence.per_min)
            self._figures.feed(dt_s, seen)
        acted = self._diary.acting
        began = self._diary.step(at_s, step.inputs.requests, output)
        if began:
            ending.began(at_s, began, seen.speed_mps)
            if ending.end_s is None:
                self._figures.imbalance_events += bool(IMBALANCE.intersection(began)) and not IMBALANCE & acted
                self._figures.unsteady_events += UNSTEADY in began
        ending.feed(at_s, dt_s, seen.speed_mps, output)

    def finish(self) -> Built:
        """The session as far as it is known."""
        ending, order = self._ending, self.order
        end_s = ending.end_s if ending.end_s is not None else self._at_s
        stops = ending.stops()
        answers = self._diary.answers()
        head = SessionHead(
            self._id, None, None, self._where.run.machine,
            order.program.name if order is not None else "", order.program.profile_sha256 if order is not None else "",
            _direction(order) or self._direction.value, order.program.facing.value if order is not None else "",
            self._where.instant(self._start_s), ending.outcome, ending.cause, self._summary(end_s, answers, len(stops)),
        )  # fmt: skip
        box = BlackBox(self._where.segment, self._where.run.boot_id, self._start_s, self._start_s + self._at_s, self._last_where.head)
        session = Session(
            head, order.person.mass_kg if order is not None else 0.0, _plan(order), self._diary.events(self._at_s), answers, stops,
            attendant=order.checklist.attendant if order is not None else "", series=self._sampler.finish(end_s), black_box=box,
        )  # fmt: skip
        return Built(session, self._arming.request_id)

    def _summary(self, end_s: float, answers: tuple[AnswerRecord, ...], stops: int) -> Summary:
        figures = self._figures
        return Summary(
            duration_s=end_s, belt_s=figures.belt_s, distance_m=figures.distance_m, peak_mps=figures.peak_mps, mean_mps=figures.mean_mps,
            rail_load_percent=figures.rail_load_percent, hands_on_share=figures.hands_on_share, asymmetry_percent=figures.asymmetry_percent,
            imbalance_events=figures.imbalance_events, unsteady_events=figures.unsteady_events, stops=stops,
            max_rpe=_worst(answers, PromptKind.RPE), max_dizziness=_worst(answers, PromptKind.DIZZINESS),
            max_pain=_worst(answers, PromptKind.PAIN), max_breathing=_worst(answers, PromptKind.BREATHING),
            mean_heart_rate_per_min=figures.mean_heart_rate_per_min, max_heart_rate_per_min=figures.max_heart_rate_per_min,
            cadence_per_min=self._cadence.mean_per_min, cadence_cv_percent=self._cadence.variation_percent,
        )  # fmt: skip


def _scalar(value: object) -> str | float | bool | None:
    return value if value is None or isinstance(value, str | float | bool | int) else str(value)


def _worst(answers: tuple[AnswerRecord, ...], kind: PromptKind) -> float | None:
    return max((answer.value for answer in answers if answer.kind == kind.value and answer.value is not None), default=None)


def _direction(order: ArmOrder | None) -> str:
    """The belt's direction; "both" for a program that changes it."""
    directions = sorted({segment.direction.value for segment in order.program.segments if segment.speed_mps > 0.0}) if order is not None else []
    return directions[0] if len(directions) == 1 else "both" if directions else ""


def _plan(order: ArmOrder | None) -> tuple[PlannedStretch, ...]:
    stretches: list[PlannedStretch] = []
    from_s = 0.0
    for segment in order.program.segments if order is not None else ():
        to_s = from_s + segment.duration_s
        stretches.append(PlannedStretch(segment.label, segment.block.value, from_s, to_s, segment.speed_mps, segment.grade_percent, segment.hands.value))
        from_s = to_s
    return tuple(stretches)
