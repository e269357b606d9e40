"""Desk: turns what came over the control socket into requests of the core. Profiles are compiled here, at rest, before anything is armed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from treadctl.config.machine import MachineConfig
from treadctl.core.imbalance.calibration import Calibration
from treadctl.core.messages import ArmOrder, Checklist, Origin, Request, RequestKind
from treadctl.core.session import SessionState
from treadctl.errors import TreadctlError
from treadctl.ipc.messages import ArmArgs, Prescribed, ReceivedRequest
from treadctl.prescription.compile import check_program, compile_program
from treadctl.prescription.frame import MachineFrame, frame_of
from treadctl.prescription.gait import gait_of, load_gait
from treadctl.prescription.person import Person, load_person, person_of
from treadctl.prescription.plan import deck_findings, guard_findings
from treadctl.prescription.prepare import prepare
from treadctl.prescription.profile import Profile, load_profile, profile_of

FILE_BYTES = 256 * 1024
AT_REST = frozenset({SessionState.IDLE, SessionState.ENDED})


def _today() -> date:
    return datetime.now(UTC).astimezone().date()


class Desk:
    """`ask` is where core requests go; `refuse(id, reasons)` answers what never reaches the core; `today` is the calendar the person's rules go by."""

    def __init__(
        self,
        config: MachineConfig,
        session: Callable[[], SessionState],
        ask: Callable[[Request], None],
        refuse: Callable[[str, tuple[str, ...]], None],
        today: Callable[[], date] = _today,
    ) -> None:
        self._config = config
        self._session = session
        self._ask = ask
        self._refuse = refuse
        self._today = today

    def take(self, received: ReceivedRequest) -> None:
        """Hand one request on. A stop goes first and straight through."""
        arm: ArmOrder | None = None
        if received.kind is RequestKind.ARM and received.arm is not None:
            if self._session() not in AT_REST:  # compiling takes milliseconds; nobody may be on the move meanwhile
                self._refuse(received.id, (f"A program can be armed at rest only; the session is {self._session().value}.",))
                return
            try:
                arm = self._order(received.arm)
            except TreadctlError as error:
                self._refuse(received.id, (str(error),))
                return
        who = received.who or f"uid {received.peer.uid}"
        self._ask(Request(received.kind, received.id, who, received.origin, received.expires_s, arm, received.answer, received.arming))

    def _order(self, args: ArmArgs) -> ArmOrder:
        frame = frame_of(self._config)
        if args.program is not None:
            check_program(args.program, frame.limits)
            return ArmOrder(args.program, args.person, frame.limits, args.checklist, deck_findings(args.program, frame))
        if args.prescribed is not None:
            return self._prescribed(args.prescribed, frame, args.checklist)
        profile = load_profile(_ordinary(args.profile_path))
        if args.person_path is None:
            return ArmOrder(compile_program(profile, frame.limits), args.person, frame.limits, args.checklist, guard_findings(profile, frame))
        path = _ordinary(args.person_path)
        person = load_person(path)
        return self._ready(profile, frame, person, load_gait(path) if person.keep_gait else None, args.checklist)

    def _prescribed(self, texts: Prescribed, frame: MachineFrame, checklist: Checklist) -> ArmOrder:
        profile, person = profile_of("\n".join(texts.profile), "profile"), person_of("\n".join(texts.person), "person")
        gait = gait_of("\n".join(texts.gait), "gait") if texts.gait and person.keep_gait else None
        return self._ready(profile, frame, person, gait, checklist)

    def _ready(self, profile: Profile, frame: MachineFrame, person: Person, gait: Calibration | None, checklist: Checklist) -> ArmOrder:
        ready = prepare(profile, frame, person, day=self._today())
        return ArmOrder(ready.program, ready.person, ready.limits, checklist, ready.preflight, gait)


def _ordinary(name: str | None) -> Path:
    """A file that can be read in one go: a pipe or a device would keep the loop waiting."""
    path = Path(name or "")
    if not path.is_file() or path.stat().st_size > FILE_BYTES:
        raise TreadctlError("file_missing", str(path), "no ordinary file, or one that is too large")
    return path


def own_request(kind: RequestKind, name: str, now_s: float) -> Request:
    """A request of the daemon itself, as on SIGTERM: it can only end things."""
    return Request(kind, name, "treadctld", Origin.LOCAL, now_s + 1.0)
