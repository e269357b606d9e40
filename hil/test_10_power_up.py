"""Power-up and start: tripped until proven, and a start refused for each thing that is missing. No belt moves in this file."""

from __future__ import annotations

import pytest

from harness import CHECKLIST, PERSON, WALK, Rig, program, segment, until
from treadctl.core.messages import Checklist, Origin, RequestKind
from treadctl.core.program import Hands
from treadctl.core.sample import Direction
from treadctl.ipc.asking import RefusedError
from treadctl.ipc.messages import ArmArgs

ARM = ArmArgs(PERSON, CHECKLIST, program=WALK)


def stays_at_rest(rig: Rig) -> bool:
    """Nothing that moves the belt has ever been written to the drive in this run of the plant."""
    return rig.belt.state()["belt_travel_m"] == 0.0 and not rig.belt.state()["enable_relay"]


def blockers(rig: Rig) -> set[str]:
    """The ids of what forbids a start."""
    return {blocker.id for blocker in rig.client.snapshot().start_blockers}


@pytest.mark.interlock("not_proven")
def test_it_wakes_up_tripped_and_a_reset_is_refused_until_the_cord_is_proven(bare_rig: Rig) -> None:
    rig = bare_rig
    rig.heal()
    now = rig.caused("not_proven")
    assert now.state == "tripped"
    assert "not yet proven" in rig.refused(RequestKind.RESET)
    rig.belt.set("cord_a", closed=False)  # one channel alone proves nothing of the other
    until(lambda: rig.channel("cord_a") is False, 5.0, "the open channel")
    rig.belt.set("cord_a", closed=True)
    assert "not yet proven" in rig.refused(RequestKind.RESET)
    assert stays_at_rest(rig)
    rig.restart()  # one channel alone also is a discrepancy, which only a restart clears
    rig.prove()
    rig.reset()
    assert rig.state_is("idle").causes == ()
    assert stays_at_rest(rig)


def test_nothing_is_armed_while_tripped(bare_rig: Rig) -> None:
    bare_rig.heal()
    bare_rig.restart()
    assert "at rest only" in bare_rig.refused(RequestKind.ARM, arm=ARM)


def test_no_start_without_a_program(rig: Rig) -> None:
    assert "No program is armed" in rig.refused(RequestKind.START_HOLD)
    assert stays_at_rest(rig)


@pytest.mark.parametrize("missing", ["attendant", "cord_clipped", "clear_zone", "shoes"])
def test_no_start_while_a_point_of_the_checklist_is_open(rig: Rig, missing: str) -> None:
    points = {"attendant": "bench attendant", "cord_clipped": True, "clear_zone": True, "shoes": True}
    points[missing] = "" if missing == "attendant" else False
    rig.arm(checklist=Checklist(**points))
    assert "checklist" in rig.refused(RequestKind.START_HOLD)
    assert stays_at_rest(rig)


@pytest.mark.parametrize(
    ("contact", "row", "sentence"),
    [
        ("cord", "pull_cord", "pull cord"),
        ("estop", "estop_open", "emergency stop"),
        ("attendant", "attendant_released", "attendant let go"),
        ("harness", "person_down", "harness is loaded"),
    ],
)
def test_no_start_while_a_contact_is_open(rig: Rig, contact: str, row: str, sentence: str) -> None:
    rig.arm()
    rig.belt.set(contact, closed=False)
    until(lambda: row in blockers(rig), 5.0, "the open contact")
    assert sentence in rig.refused(RequestKind.START_HOLD)
    assert stays_at_rest(rig)


@pytest.mark.parametrize("fault", ["rail_broken_wire", "belt_sensor_lost", "board_silent"])
def test_no_start_while_a_sensor_cannot_be_believed(rig: Rig, fault: str) -> None:
    rig.arm()
    rig.belt.fault(fault)
    until(lambda: "sensor_untrusted" in blockers(rig), 5.0, "the loss")
    assert "safety sensor" in rig.refused(RequestKind.START_HOLD)
    assert stays_at_rest(rig)


def test_no_start_while_the_drive_does_not_answer(rig: Rig) -> None:
    rig.arm()
    rig.belt.fault("silent")
    until(lambda: "drive_lost" in blockers(rig), 5.0, "the silence")
    assert "does not answer" in rig.refused(RequestKind.START_HOLD)
    assert stays_at_rest(rig)


def test_no_start_without_hands_where_the_program_wants_them(rig: Rig) -> None:
    rig.belt.runner("hands_off")
    rig.arm(program(segment(hands=Hands.ON)))
    until(lambda: "hands" in blockers(rig), 5.0, "hands off the rails")
    assert "hands on the rails" in rig.refused(RequestKind.START_HOLD)
    assert stays_at_rest(rig)


@pytest.mark.parametrize("kind", [RequestKind.ARM, RequestKind.START_HOLD, RequestKind.RESET, RequestKind.RESUME])
def test_nothing_that_leads_to_motion_can_be_asked_for_from_afar(rig: Rig, kind: RequestKind) -> None:
    if kind is RequestKind.START_HOLD:
        rig.arm()
    args = {"arm": ARM} if kind is RequestKind.ARM else {}
    assert "at the machine" in rig.refused(kind, origin=Origin.REMOTE, **args)
    assert stays_at_rest(rig)


def test_a_tap_on_the_start_button_starts_nothing(rig: Rig) -> None:
    rig.arm()
    until(lambda: not rig.client.snapshot().start_blockers, 5.0, "a clear start")
    rig.let_go()
    assert rig.request(RequestKind.START_HOLD).state == "armed"
    first_s = rig.client.snapshot().at_s
    until(lambda: rig.client.snapshot().at_s > first_s + 1.2, 5.0, "longer than the button has to be held")
    assert rig.request(RequestKind.START_HOLD).state == "armed"
    assert stays_at_rest(rig)


def test_a_program_beyond_the_machine_is_not_armed(rig: Rig) -> None:
    with pytest.raises(RefusedError, match="TC120"):
        rig.arm(program(segment(speed_mps=3.0, direction=Direction.REVERSE)))


def test_a_watchdog_that_does_not_take_its_time_is_no_start(bare_rig: Rig) -> None:
    rig = bare_rig
    rig.heal()
    rig.belt.fault("brownout")  # back to its default of ten seconds, and not to be changed
    rig.belt.fault("watchdog_off")
    rig.belt.fault("brownout", on=False)
    rig.restart()
    rig.prove()
    rig.reset()
    rig.arm()
    until(lambda: blockers(rig) == {"watchdog_unattested"}, 8.0, "nothing but the watchdog missing")
    assert "watchdog" in rig.refused(RequestKind.START_HOLD)
    assert stays_at_rest(rig)


def test_another_machine_is_never_written_to(bare_rig: Rig) -> None:
    rig = bare_rig
    rig.heal()
    rig.belt.fault("wrong_identity")
    rig.restart()
    since_s = rig.belt.state()["t_s"]
    rig.prove()
    rig.reset()
    rig.arm()
    until(lambda: "drive_unidentified" in blockers(rig), 8.0, "the stranger noticed")
    assert "not the one configured" in rig.refused(RequestKind.START_HOLD)
    rig.client.stop()
    written = [frame.hex() for frame in rig.host_frames(since_s) if frame[1] in {5, 6, 15, 16}]
    assert not written
    assert rig.host_frames(since_s)
