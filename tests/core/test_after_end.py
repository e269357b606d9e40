"""What outlives a run, and what does not: the belt's hold while the person steps off, the day's proof of the cord."""

from __future__ import annotations

import pytest
from core_rig import WALK, Rig, make_setup

from treadctl.core.controller import DISMOUNT_S
from treadctl.core.messages import DriveMode, RequestKind
from treadctl.core.sample import ChannelId
from treadctl.core.session import SessionState


def ended() -> Rig:
    rig = Rig(make_setup())
    rig.start(WALK)
    while rig.last.session is not SessionState.ENDED:
        rig.tick()
    return rig


@pytest.mark.parametrize("putting_away", [[], [RequestKind.DISARM], [RequestKind.RESET], [RequestKind.ARM]])
def test_the_belt_is_held_while_the_person_steps_off_whatever_is_asked_meanwhile(putting_away: list[RequestKind]) -> None:
    rig = ended()
    rig.run(0.5)
    for kind in putting_away:
        assert (rig.arm() if kind is RequestKind.ARM else rig.asked(kind)) == (True, ())
    rig.run(DISMOUNT_S - 0.7)
    assert (rig.last.order.mode, rig.last.enable) == (DriveMode.STOP, True)
    rig.run(0.3)
    assert (rig.last.order.mode, rig.last.enable) == (DriveMode.POWER_OFF, False)


def test_a_trip_while_the_person_steps_off_takes_the_power() -> None:
    rig = ended()
    assert rig.asked(RequestKind.DISARM) == (True, ())
    rig.closed[ChannelId.ESTOP] = False
    rig.run(0.1)
    assert rig.last.enable, "an open chain at rest only blocks the start"
    rig.closed[ChannelId.ENABLE_FEEDBACK] = False
    rig.closed[ChannelId.ESTOP] = True
    rig.run(0.3)
    assert rig.last.session is SessionState.TRIPPED
    assert (rig.last.order.mode, rig.last.enable) == (DriveMode.POWER_OFF, False)


def test_a_proof_of_the_cord_grows_old_at_rest() -> None:
    rig = Rig(make_setup(proof_valid_s=30.0))
    rig.prove_and_reset()
    rig.run(29.0)
    assert rig.last.session is SessionState.IDLE
    rig.run(1.5)
    assert rig.last.session is SessionState.TRIPPED
    assert rig.active() == {"not_proven"}
    rig.prove_and_reset()
    assert rig.last.session is SessionState.IDLE


def test_a_proof_does_not_grow_old_under_a_person() -> None:
    rig = Rig(make_setup(proof_valid_s=10.0))
    rig.start(WALK)
    rig.run(20.0)
    assert rig.last.session is SessionState.RUNNING
    while rig.last.session is SessionState.RUNNING or rig.last.enable:
        rig.tick()
        assert rig.last.session is not SessionState.TRIPPED
    rig.run(0.1)
    assert rig.last.session is SessionState.TRIPPED
    assert rig.active() == {"not_proven"}
