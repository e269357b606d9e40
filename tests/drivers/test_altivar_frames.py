"""Golden frames: bytes computed outside this project, for unit 1."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadctl.core.messages import DriveMode
from treadctl.core.sample import BeltMotion, Direction, DriveState
from treadctl_drivers._modbus import Framing, Modbus
from treadctl_drivers.altivar import frames
from treadctl_drivers.altivar.frames import PowerState

RTU = Modbus(Framing.RTU)


@pytest.mark.parametrize(
    ("word", "golden"),
    [
        (frames.SHUTDOWN, "01 06 21 35 00 06 13 fa"),
        (frames.SWITCH_ON, "01 06 21 35 00 07 d2 3a"),
        (frames.run_word(Direction.FORWARD), "01 06 21 35 00 0f d3 fc"),
        (frames.run_word(Direction.REVERSE), "01 06 21 35 08 0f d4 3c"),
        (frames.STOP_WORDS[DriveMode.STOP], "01 06 21 35 00 07 d2 3a"),
        (frames.STOP_WORDS[DriveMode.FAST_STOP], "01 06 21 35 00 02 12 39"),
        (frames.STOP_WORDS[DriveMode.POWER_OFF], "01 06 21 35 00 00 93 f8"),
        (frames.FAULT_RESET, "01 06 21 35 00 80 92 58"),
    ],
)
def test_control_words_are_the_golden_bytes(word: int, golden: str) -> None:
    assert RTU.write_register(1, frames.CMD, word).request == bytes.fromhex(golden)


def test_setpoint_and_reads_are_the_golden_bytes() -> None:
    assert RTU.write_register(1, frames.LFRD, 450).request == bytes.fromhex("01 06 21 9a 01 c2 23 d8")
    assert RTU.read_registers(1, frames.ETA, 1).request == bytes.fromhex("01 03 0c 81 00 01 d7 72")
    assert RTU.read_registers(1, frames.RFRD, 1).request == bytes.fromhex("01 03 21 9c 00 01 4e 18")


@pytest.mark.parametrize(
    ("eta", "state"),
    [
        (0x0250, PowerState.SWITCH_ON_DISABLED),
        (0x0231, PowerState.READY),
        (0x0233, PowerState.SWITCHED_ON),
        (0x8637, PowerState.ENABLED),
        (0x0217, PowerState.QUICK_STOP),
        (0x021F, PowerState.FAULT_REACTION),
        (0x0218, PowerState.FAULT),
        (0x0200, PowerState.NOT_READY),
        (0x0003, None),
        (0x0025, None),
    ],
)
def test_state_words_are_read_by_their_masks(eta: int, state: PowerState | None) -> None:
    assert frames.power_state(eta) is state


def test_every_power_state_folds_into_one_the_core_knows() -> None:
    assert {frames.folded(state) for state in PowerState} == {DriveState.DISABLED, DriveState.ENABLED, DriveState.STOPPING, DriveState.FAULT}


@given(st.floats(0.0, 8.0), st.floats(0.001, 0.01))
def test_a_setpoint_never_asks_for_more_than_was_meant(speed_mps: float, m_per_s_per_rpm: float) -> None:
    rpm = frames.rpm_setpoint(speed_mps, m_per_s_per_rpm)
    assert rpm * m_per_s_per_rpm <= speed_mps * (1 + 1e-9)
    assert (rpm + 1) * m_per_s_per_rpm > speed_mps


@pytest.mark.parametrize("speed_mps", [-0.1, math.nan, math.inf, 1e6])
def test_a_speed_no_register_can_hold_is_refused(speed_mps: float) -> None:
    with pytest.raises(ValueError, match=r"."):
        frames.rpm_setpoint(speed_mps, 0.0025)


def test_measured_speed_is_a_magnitude_with_a_direction() -> None:
    assert frames.motion(frames.signed(0xFE3E), 0.0025) == BeltMotion(pytest.approx(1.125), Direction.REVERSE)
    assert frames.motion(450, 0.0025) == BeltMotion(pytest.approx(1.125), Direction.FORWARD)
    assert frames.motion(0, 0.0025) == BeltMotion(0.0, None)


def test_sign_and_direction_bit_must_tell_the_same_story() -> None:
    assert not frames.directions_disagree(450, 0x0237)
    assert not frames.directions_disagree(-450, 0x8237)
    assert frames.directions_disagree(450, 0x8237)
    assert frames.directions_disagree(-450, 0x0237)
    assert not frames.directions_disagree(0, 0x8237)
