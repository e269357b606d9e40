"""The desk: what an ARM request over the socket becomes, and what it is refused for before the core sees it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from treadctl.config.machine import load_machine
from treadctl.core.imbalance.calibration import Calibration, Gait
from treadctl.core.messages import Checklist, Origin, Request, RequestKind
from treadctl.core.program import Block, Hands, Person, Program, Segment
from treadctl.core.sample import ChannelId, Direction, Facing
from treadctl.core.session import SessionState
from treadctl.daemon.desk import Desk
from treadctl.ipc.messages import ArmArgs, Peer, Prescribed, ReceivedRequest
from treadctl.prescription.gait import gait_text

PROFILES = Path(__file__).resolve().parents[2] / "profiles"
MACHINE = load_machine(PROFILES / "machines" / "altivar-rtu.toml")
CHECKED = Checklist("attendant", cord_clipped=True, clear_zone=True, shoes=True)
WALK = str(PROFILES / "knee-oa-retro-walk.toml")
PERSON = """
format = 1
mass_kg = 60.0
experience = "walker"
sessions_last_7_days = 0
[screening]
severe_osteoporosis = {bad}
vestibular_dysfunction = false
lumbar_problem = false
ankle_problem = false
[caps]
max_speed_kmh = {cap}
max_dizziness = 2
"""


RECORD = """
[history]
as_of = 2026-11-27
sessions = 5
sessions_last_7_days = 1
[[history.recent]]
day = 2026-11-24
peak_mps = 0.3
events = 1
"""


def today() -> date:
    return date(2026, 11, 27)


class Counter:
    """A desk between a socket and a core that only write down."""

    def __init__(self, session: SessionState = SessionState.IDLE, fitted: frozenset[ChannelId] = MACHINE.fitted) -> None:
        self.asked: list[Request] = []
        self.refused: list[tuple[str, ...]] = []
        self.desk = Desk(replace(MACHINE, fitted=fitted), lambda: session, self.asked.append, lambda _, reasons: self.refused.append(reasons), today)

    def arm(self, args: ArmArgs) -> None:
        self.desk.take(ReceivedRequest("a" * 32, RequestKind.ARM, "ada", Origin.LOCAL, 1.0, 1.0, 2.0, Peer(1, 1), args))


def person_file(tmp_path: Path, *, bad: bool = False, cap: float = 4.0) -> str:
    path = tmp_path / "person.toml"
    path.write_text(PERSON.format(bad=str(bad).lower(), cap=cap), encoding="utf-8")
    return str(path)


def test_the_caps_of_a_person_file_shrink_the_limits_of_the_session(tmp_path: Path) -> None:
    counter = Counter()
    counter.arm(ArmArgs(Person(60.0), CHECKED, profile_path=WALK, person_path=person_file(tmp_path)))
    order = counter.asked[0].arm
    assert order is not None
    assert order.person_limits.max_speed_reverse_mps == pytest.approx(4.0 / 3.6)
    assert (order.person.mass_kg, order.person.max_dizziness) == (60.0, 2.0)
    assert order.preflight == ()


def test_what_the_screening_forbids_blocks_the_start(tmp_path: Path) -> None:
    counter = Counter()
    counter.arm(ArmArgs(Person(60.0), CHECKED, profile_path=WALK, person_path=person_file(tmp_path, bad=True)))
    order = counter.asked[0].arm
    assert order is not None
    assert "Severe osteoporosis: no backward training." in order.preflight


def test_a_profile_beyond_the_caps_of_the_person_blocks_the_start(tmp_path: Path) -> None:
    counter = Counter()
    counter.arm(ArmArgs(Person(60.0), CHECKED, profile_path=WALK, person_path=person_file(tmp_path, cap=0.5)))
    order = counter.asked[0].arm
    assert order is not None
    assert any("the limit of the person" in sentence for sentence in order.preflight)


def test_the_record_in_a_person_file_is_held_by_the_daemon_itself(tmp_path: Path) -> None:
    path = Path(person_file(tmp_path))
    path.write_text(path.read_text(encoding="utf-8") + RECORD, encoding="utf-8")
    counter = Counter()
    counter.arm(ArmArgs(Person(60.0), CHECKED, profile_path=WALK, person_path=str(path)))
    order = counter.asked[0].arm
    assert order is not None
    assert order.person_limits.max_speed_reverse_mps == pytest.approx(0.3)
    assert any("The last session had an event: no faster than it." in sentence for sentence in order.preflight)


@pytest.mark.parametrize(("answered", "blocked"), [("2026-06-01", False), ("2026-05-01", True), ("2026-12-01", True)])
def test_the_daemon_judges_the_age_of_the_screening_by_its_own_calendar(tmp_path: Path, answered: str, blocked: bool) -> None:
    path = Path(person_file(tmp_path))
    path.write_text(path.read_text(encoding="utf-8").replace("[caps]", f"answered_on = {answered}\n[caps]"), encoding="utf-8")
    counter = Counter()
    counter.arm(ArmArgs(Person(60.0), CHECKED, profile_path=WALK, person_path=str(path)))
    order = counter.asked[0].arm
    assert order is not None
    assert any("screening is too old or wrongly dated" in sentence for sentence in order.preflight) is blocked


def test_an_absent_or_wrong_person_file_is_refused_by_name(tmp_path: Path) -> None:
    counter = Counter()
    counter.arm(ArmArgs(Person(60.0), CHECKED, profile_path=WALK, person_path=str(tmp_path / "nobody.toml")))
    (tmp_path / "odd.toml").write_text("format = 1\nmass_lb = 130\n", encoding="utf-8")
    counter.arm(ArmArgs(Person(60.0), CHECKED, profile_path=WALK, person_path=str(tmp_path / "odd.toml")))
    assert not counter.asked
    assert [reasons[0][:5] for reasons in counter.refused] == ["TC100", "TC105"]


@pytest.mark.parametrize("harness", [True, False])
def test_a_ready_made_program_faster_than_the_deck_allows_wants_a_harness_fitted(harness: bool) -> None:
    counter = Counter(fitted=MACHINE.fitted if harness else MACHINE.fitted - {ChannelId.HARNESS})
    fast = Program("fast", Facing.CONSOLE, (Segment(Block.MAIN, "run", 60.0, 2.2, Direction.REVERSE, 0.0, Hands.FREE),), "0" * 64)
    counter.arm(ArmArgs(Person(60.0), CHECKED, program=fast))
    order = counter.asked[0].arm
    assert order is not None
    assert bool(order.preflight) is not harness


def test_nothing_is_compiled_while_somebody_is_on_the_move() -> None:
    counter = Counter(SessionState.RUNNING)
    counter.arm(ArmArgs(Person(60.0), CHECKED, profile_path=WALK))
    assert not counter.asked
    assert counter.refused == [("A program can be armed at rest only; the session is running.",)]


def prescribed(person: str, gait: str = "", profile: str | None = None) -> ArmArgs:
    text = Path(WALK).read_text(encoding="utf-8") if profile is None else profile
    return ArmArgs(Person(60.0), CHECKED, prescribed=Prescribed(*(tuple(part.splitlines()) for part in (text, person, gait))))


def test_texts_arm_what_the_same_files_arm(tmp_path: Path) -> None:
    counter = Counter()
    counter.arm(ArmArgs(Person(60.0), CHECKED, profile_path=WALK, person_path=person_file(tmp_path)))
    counter.arm(prescribed(PERSON.format(bad="false", cap=4.0)))
    first, second = (request.arm for request in counter.asked)
    assert first == second
    assert first is not None


@pytest.mark.parametrize(("consent", "believed"), [("true", True), ("false", False)])
def test_a_gait_that_came_as_text_counts_only_with_consent(consent: str, believed: bool) -> None:
    known = Calibration(Gait(30, (1.0,) * 9, (0.1,) * 9))
    counter = Counter()
    counter.arm(prescribed(PERSON.format(bad="false", cap=4.0).replace("sessions_last", f"keep_gait = {consent}\nsessions_last"), gait_text(known)))
    order = counter.asked[0].arm
    assert order is not None
    assert (order.gait == known) is believed


@pytest.mark.parametrize(
    ("person", "profile", "place"),
    [("format = 1\nmass = 60.0", None, "person > mass"), ("format = 2", None, "person > format"), ("format = 1\nmass_kg = 60.0", "format = 1", "profile > ")],
)
def test_a_text_that_is_not_right_is_refused_with_its_place(person: str, profile: str | None, place: str) -> None:
    counter = Counter()
    counter.arm(prescribed(person, profile=profile))
    assert counter.asked == []
    assert place in counter.refused[0][0]
