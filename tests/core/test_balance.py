"""The fusion of hands, trunk and feet, and what the controller makes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_rig import CHECKED, PERSON, Rig, make_setup, program, segment
from core_rig import LIMITS as LIMITS_OF_RIG
from core_scenarios import with_trunk
from core_waist import Waist

from treadctl.core.imbalance import balance as fusion
from treadctl.core.imbalance.balance import Balance, Scene, watch
from treadctl.core.imbalance.calibration import Calibration, Gait
from treadctl.core.imbalance.inertia import FEATURES
from treadctl.core.imbalance.trunk import Trust
from treadctl.core.imbalance.verdict import LEVEL, Imbalance, Level
from treadctl.core.messages import ArmOrder, DriveMode, RequestKind
from treadctl.core.program import Block, Hands
from treadctl.core.sample import Channel, Quality, Sample
from treadctl.core.thresholds import DetectorThresholds

LIMITS = DetectorThresholds()
CAP_MPS = LIMITS.trunk.uncalibrated_max_mps
FAST = program(segment(40.0, 0.6, block=Block.WARM_UP), segment(20.0, 1.2), segment(20.0, 1.0))


def scene(now_s: float) -> Scene:
    return Scene(now_s, PERSON.mass_kg, Hands.FREE, False, 1.0, False, 0.1)


def fused(monkeypatch: pytest.MonkeyPatch, steps: list[tuple[float, Imbalance, Imbalance, Imbalance]]) -> Balance:
    """The balance after steps of (instant, hands, trunk, feet), the detectors saying just that."""
    balance = Balance()
    rails = Sample(rail_left=Channel(0.0, 0.0, Quality.GOOD), rail_right=Channel(0.0, 0.0, Quality.GOOD))
    for at_s, hands, trunk, feet in steps:
        monkeypatch.setattr(fusion, "_hands", lambda state, *_, said=hands: replace(state, verdict=said))
        monkeypatch.setattr(fusion, "_feet", lambda state, *_, said=feet: replace(state, verdict=said))
        monkeypatch.setattr(fusion.waist, "update", lambda state, *_, said=trunk: replace(state, verdict=said))
        balance = watch(balance, rails, scene(at_s), with_trunk(make_setup()).trunk_tuning, LIMITS)
    return balance


def test_every_verdict_has_a_level() -> None:
    assert set(LEVEL) == set(Imbalance)


def test_the_worst_detector_decides_and_every_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    balance = fused(monkeypatch, [(1.0, Imbalance.GRAB, Imbalance.TRUNK_DOWN, Imbalance.NONE)])
    assert balance.level is Level.DOWN
    assert balance.reasons == (Imbalance.TRUNK_DOWN, Imbalance.GRAB)


@pytest.mark.parametrize(("apart_s", "level"), [(0.0, Level.LOSING_BALANCE), (0.5, Level.LOSING_BALANCE), (0.7, Level.UNSTEADY)])
def test_two_that_are_unsteady_together_are_losing_balance(monkeypatch: pytest.MonkeyPatch, apart_s: float, level: Level) -> None:
    steps = [
        (1.0, Imbalance.NONE, Imbalance.TRUNK_UNSTEADY, Imbalance.NONE),
        (1.0 + apart_s, Imbalance.NONE, Imbalance.NONE if apart_s else Imbalance.TRUNK_UNSTEADY, Imbalance.FOOTFALL_IRREGULAR),
    ]
    assert fused(monkeypatch, steps).level is level


def test_one_detector_unsteady_for_long_stays_unsteady(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [(1.0 + 0.01 * k, Imbalance.NONE, Imbalance.TRUNK_UNSTEADY, Imbalance.NONE) for k in range(200)]
    assert fused(monkeypatch, steps).level is Level.UNSTEADY


def test_nothing_said_is_steady(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fused(monkeypatch, [(1.0, Imbalance.NONE, Imbalance.NONE, Imbalance.NONE)]).level is Level.STEADY


@pytest.fixture
def wearer() -> Rig:
    rig = Rig(with_trunk(make_setup()))
    rig.waist = Waist()
    return rig


def test_a_known_gait_is_walked_at_the_programs_speed(wearer: Rig) -> None:
    wearer.start(FAST)
    wearer.run(39.0)
    assert wearer.state.balance.trunk.trust is Trust.PERSONAL
    assert "gait_unknown" in wearer.active()  # this segment began before it was known
    wearer.run(12.0)
    assert wearer.speed_mps == pytest.approx(1.2)
    assert "gait_unknown" not in wearer.active()


def test_a_hole_at_the_change_of_a_segment_caps_nothing(wearer: Rig) -> None:
    wearer.start(FAST)
    wearer.run(39.0)
    worn, wearer.waist = wearer.waist, None
    for _ in range(100):
        wearer.run(0.05)
        if wearer.state.walk.segment == 1:
            break
        wearer.waist = worn if wearer.waist is None else None
    wearer.waist = worn
    wearer.run(12.0)
    assert wearer.state.walk.segment == 1
    assert wearer.speed_mps == pytest.approx(1.2)


def test_an_unknown_gait_keeps_below_the_cap_and_never_speeds_up_within_a_segment(wearer: Rig) -> None:
    wearer.waist = None
    wearer.start(FAST)
    wearer.run(50.0)
    assert wearer.speed_mps == pytest.approx(CAP_MPS)
    assert "gait_unknown" in wearer.active()
    wearer.waist = Waist()  # clipped on in the middle of a segment
    before = wearer.speed_mps
    wearer.run(8.0)
    assert wearer.speed_mps == pytest.approx(before)


def test_a_kept_gait_counts_but_must_be_met_again(wearer: Rig) -> None:
    kept = Calibration(walking=Gait(60, (5.0,) * len(FEATURES), (1.0,) * len(FEATURES)))
    wearer.prove_and_reset()
    assert wearer.asked(RequestKind.ARM, arm=ArmOrder(FAST, PERSON, LIMITS_OF_RIG, CHECKED, gait=kept)) == (True, ())
    assert 0.0 < wearer.state.balance.trunk.calibration.blocks < LIMITS.trunk.calibrated_s


def test_a_lost_sensor_holds_and_after_the_resume_the_belt_goes_on_slower(wearer: Rig) -> None:
    wearer.start(FAST)
    wearer.run(52.0)
    assert wearer.speed_mps == pytest.approx(1.2)
    wearer.waist = None
    wearer.run(4.0)
    assert "trunk_lost" in wearer.active()
    assert wearer.last.order.mode is DriveMode.RUN
    assert wearer.speed_mps == pytest.approx(1.2)  # held: nobody is slowed under their feet before somebody has looked
    assert wearer.asked(RequestKind.RESUME) == (True, ())
    wearer.run(3.0)
    assert "trunk_lost" not in wearer.active()
    assert wearer.speed_mps == pytest.approx(CAP_MPS)
    wearer.waist = Waist()
    wearer.run(20.0)
    assert wearer.speed_mps <= CAP_MPS + 1e-9
    assert wearer.state.balance.trunk.trust is Trust.LOST


def test_without_a_waist_sensor_nothing_is_capped() -> None:
    rig = Rig(make_setup())
    rig.start(FAST)
    rig.run(52.0)
    assert rig.speed_mps == pytest.approx(1.2)
    assert "gait_unknown" not in rig.active()


def test_the_next_person_begins_unknown(wearer: Rig) -> None:
    wearer.start(FAST)
    wearer.run(39.0)
    wearer.ask(RequestKind.END)
    wearer.run(10.0)
    assert wearer.state.balance.trunk.calibration.blocks >= LIMITS.trunk.calibrated_s
    assert wearer.arm() == (True, ())
    assert wearer.state.balance == Balance()


def test_a_fall_goes_on_being_watched_while_the_belt_slows(wearer: Rig) -> None:
    wearer.start(FAST)
    wearer.run(52.0)
    assert wearer.waist is not None
    wearer.waist.tilt_to(90.0, 300.0)
    wearer.run(1.0)
    assert {"imbalance", "fallen"} <= wearer.active()
    assert wearer.last.order.mode is DriveMode.FAST_STOP


@pytest.mark.parametrize("channel", ["trunk", "belt", "rail_left"])
def test_a_sample_from_the_future_is_not_believed_and_blinds_nobody(wearer: Rig, channel: str) -> None:
    wearer.start(FAST)
    wearer.run(52.0)
    wearer.spoil = lambda sample: replace(sample, **{channel: replace(getattr(sample, channel), age_s=-1e9)})
    wearer.tick()
    wearer.spoil = None
    wearer.run(0.1)
    balance = wearer.state.balance
    assert max(balance.trunk.at_s, balance.footfalls.at_s, balance.rails.recent[-1][0]) <= wearer.now_s
    assert ("sensor_untrusted" in wearer.active()) is (channel != "trunk")
