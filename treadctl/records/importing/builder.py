"""SessionBuilder: a pure, incremental reader of steps that gives sessions and proof tests when they are whole."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Final

from treadctl.core.controller import Inputs, Output, State
from treadctl.core.messages import RequestKind
from treadctl.core.session import MOVING, SessionState
from treadctl.errors import TreadctlError
from treadctl.journal.reader import Checkpoint, Event, Step
from treadctl.records.importing.findings import Finding, Gap
from treadctl.records.importing.proofs import ProofState, watch
from treadctl.records.importing.recording import Arming, Recording
from treadctl.records.importing.where import Where
from treadctl.records.model import ProofTest

Record = Step[Inputs, Output] | Event | Checkpoint[State]

_ARMED: Final = MOVING | {SessionState.ARMED}


@dataclass(frozen=True, slots=True)
class Memory:
    """All a builder knows while nothing is armed or running: which run of the daemon it is in, and how far its proof tests are."""

    run: str = ""
    proofs: ProofState = ProofState()

    def text(self) -> str:
        """As one line; `recall` gives it back."""
        return json.dumps(asdict(self), separators=(",", ":"))


def recall(text: str) -> Memory:
    """The memory of `Memory.text`; an empty text is that of a builder that has seen nothing. Raises TC604 for anything else."""
    if not text:
        return Memory()
    try:
        fields = json.loads(text)
        return Memory(fields["run"], ProofState(**fields["proofs"]))
    except (ValueError, TypeError, KeyError) as error:
        raise TreadctlError("database_damaged", "cursor of the importer > memory", str(error)) from error


class SessionBuilder:
    """Feed `batch` at each batch, then its records to `record`, in the order of the journal; `take` gives what is whole by then.

    A session begins with the first moving step and ends when the belt stands again and no question is open, or when its run breaks off. While something is
    armed or recorded, findings are kept back, so that all `take` gave was found before `opened_at`: reading again from there, with that memory, gives the
    rest and nothing twice. The same records give the same sessions with the same ids, in whatever pieces they come.
    """

    def __init__(self, memory: Memory | None = None) -> None:
        self._memory = memory or Memory()
        self._where: Where | None = None
        self._next_step: int | None = None
        self._arming: Arming | None = None
        self._recording: Recording | None = None
        self._ready: list[Finding] = []
        self._kept: list[Finding] = []
        self.openings = 0
        self.opened_at = self._memory

    @property
    def quiet(self) -> bool:
        """Whether nothing is armed or being recorded: what is remembered then is `memory` and nothing else."""
        return self._arming is None and self._recording is None

    @property
    def memory(self) -> Memory:
        """What to begin with after the last record, while `quiet`. `opened_at` is the same before the record with which the last of `openings` began."""
        return self._memory

    def take(self) -> list[Finding]:
        """What became whole since the last call."""
        ready, self._ready = self._ready, []
        return ready

    def batch(self, where: Where) -> None:
        """The next batch begins. Another run ends what was going on; a hole in the numbers of the steps is entered in the session."""
        self._where = where
        if where.run.key != self._memory.run:
            self.end()
            self._memory = Memory(where.run.key)
        elif self._recording is not None:
            self._recording.batch(where)
            if self._next_step is not None and where.first_step != self._next_step:
                self._recording.missing(f"{where.first_step - self._next_step} steps are missing from the journal here.")
        self._next_step = where.first_step

    def record(self, record: Record) -> None:
        """One record of the batch."""
        if isinstance(record, Step):
            self._step(record)
            self._prove(record)  # after the session, so that what is found at the step that arms is kept back with it
        elif isinstance(record, Checkpoint):
            self._checkpoint(record.state)
        elif self._recording is not None:
            self._recording.event(record)

    def hole(self, gap: Gap) -> None:
        """Part of the journal is missing before the next batch."""
        if self._recording is not None:
            self._recording.missing(f"The journal has a hole here: {gap.sentence}.")
        self._next_step = None
        self._tell(gap)

    def end(self) -> None:
        """Nothing more will come of this run: what is going on breaks off."""
        recording, self._recording, self._arming = self._recording, None, None
        self._ready += self._kept
        self._kept = []
        if recording is not None:
            self._ready.append(recording.finish())

    def _open(self, arming: Arming) -> None:
        self.end()
        self._arming = arming
        self.openings += 1
        self.opened_at = self._memory

    def _step(self, step: Step[Inputs, Output]) -> None:
        where = self._where
        if where is None:
            raise RuntimeError("a step before its batch")
        self._next_step = step.index + 1
        if step.output.replies:
            self._arm(step)
        if self._recording is not None and self._is_another(self._recording, step):
            self.end()
        moves = step.output.session in MOVING
        if moves and self.quiet:
            self._open(Arming(None, None))
        if self._recording is not None:
            self._recording.step(step)
            if self._recording.done:
                self.end()
        elif self._arming is not None:
            if moves:
                self._recording, self._arming = Recording(where, self._arming, step), None
            else:
                self._arming.step(step)
                if step.output.session is not SessionState.ARMED:
                    self.end()

    def _arm(self, step: Step[Inputs, Output]) -> None:
        """A program armed at this step takes the place of what was before."""
        granted = {reply.request_id for reply in step.output.replies if reply.granted}
        for request in step.inputs.requests:
            if request.kind is RequestKind.ARM and request.request_id in granted and request.arm is not None:
                self._open(Arming(request.arm, request.request_id))

    def _is_another(self, recording: Recording, step: Step[Inputs, Output]) -> bool:
        """Whether this step cannot be of the session being recorded: the end of that one is missing from the journal."""
        if recording.silent_for(step.now_s):
            return True
        return step.output.session in MOVING and (recording.over or step.output.elapsed_s < recording.elapsed_s)

    def _checkpoint(self, state: State) -> None:
        """A checkpoint says what is armed, where a hole has swallowed the arming."""
        order = state.walk.arm
        if order is None or state.session not in _ARMED:
            return
        known, recording = self._recording or self._arming, self._recording
        another = recording is not None and (recording.over or state.walk.elapsed_s < recording.elapsed_s)
        if known is None or another or (known.order is not None and (known.order != order or known.request_id != state.walk.arming)):
            self._open(Arming(order, state.walk.arming))
        elif known.order is None:
            known.learn(order, state.walk.arming)

    def _prove(self, step: Step[Inputs, Output]) -> None:
        where = self._where
        if where is not None:
            proofs = watch(self._memory.proofs, where, step, self._recording is None, self._tell)
            if proofs is not self._memory.proofs:
                self._memory = Memory(self._memory.run, proofs)

    def _tell(self, finding: ProofTest | Gap) -> None:
        (self._ready if self.quiet else self._kept).append(finding)
