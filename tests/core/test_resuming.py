"""A belt that was slowed or held for the person's sake gets faster again only when somebody at the machine says so."""

from __future__ import annotations

from core_rig import Rig, make_setup, program, segment
from core_scenarios import with_presence

from treadctl.core.messages import Origin, RequestKind
from treadctl.core.program import Block, Hands
from treadctl.core.sample import ChannelId
from treadctl.core.session import SessionState

LONG = program(segment(12.0, 0.4, block=Block.WARM_UP), segment(300.0, 0.8, hands=Hands.FREE))


def leant() -> Rig:
    """A person who has leant on the rails for so long that the belt went to half its speed."""
    rig = Rig(make_setup())
    rig.start(LONG)
    rig.run(16.0)
    for load_n in range(20, 112, 2):  # slowly: at once would be a grab
        rig.rails_n = (float(load_n), float(load_n))
        rig.run(0.1)
    rig.run(15.0)
    assert rig.active() == {"rail_overload"}
    assert rig.speed_mps == 0.4
    return rig


def test_letting_go_of_the_rails_does_not_speed_the_belt_up() -> None:
    rig = leant()
    rig.rails_n = (5.0, 5.0)
    rig.run(10.0)
    assert rig.active() == {"rail_overload"}
    assert rig.speed_mps == 0.4
    assert rig.asked(RequestKind.RESUME) == (True, ())
    rig.run(6.0)
    assert rig.active() == set()
    assert rig.speed_mps == 0.8


def test_nobody_resumes_while_the_person_still_leans_on_the_rails() -> None:
    rig = leant()
    granted, reasons = rig.asked(RequestKind.RESUME)
    assert not granted
    assert reasons == ("The person leans on the rails: tired. Ask; then resume or end.",)
    rig.run(3.0)
    assert rig.speed_mps == 0.4


def test_a_resume_from_the_network_is_refused() -> None:
    rig = leant()
    rig.rails_n = (5.0, 5.0)
    rig.run(0.5)
    granted, _ = rig.asked(RequestKind.RESUME, origin=Origin.REMOTE)
    assert not granted
    rig.run(3.0)
    assert rig.speed_mps == 0.4


def test_a_console_that_comes_back_does_not_speed_the_belt_up() -> None:
    rig = Rig(with_presence(make_setup()))
    rig.start(LONG)
    rig.run(12.0)
    rig.closed[ChannelId.PRESENCE] = False
    rig.run(1.0)
    held_mps = rig.speed_mps
    rig.closed[ChannelId.PRESENCE] = True
    rig.run(5.0)
    assert rig.last.session is SessionState.HOLD
    assert rig.speed_mps == held_mps < 0.8
    assert rig.asked(RequestKind.RESUME) == (True, ())
    rig.run(5.0)
    assert rig.speed_mps == 0.8


def test_what_waits_for_a_resume_ends_with_the_session() -> None:
    rig = leant()
    rig.rails_n = (5.0, 5.0)
    assert rig.asked(RequestKind.END) == (True, ())
    rig.run(8.0)
    assert rig.last.session is SessionState.ENDED
    assert rig.active() == set()
    assert rig.arm() == (True, ())
