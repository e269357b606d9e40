"""One scenario for each row of the interlock table: how to bring its cause about on the core rig. `test_rows.py` holds them against the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from core_rig import PERSON, WALK, Rig, program, segment
from core_waist import Waist, plain_tuning

from treadctl.core.messages import DriveMode, Origin, RequestKind
from treadctl.core.program import Hands
from treadctl.core.prompts import PromptKind
from treadctl.core.sample import BeltMotion, Channel, ChannelId, Direction, DriveState, Quality, Sample
from treadctl.core.setup import CordWiring, Setup


@dataclass(frozen=True)
class Scenario:
    """`arrange` brings the rig to where the cause can come, `provoke` brings it. `within_s` is how soon the row must act."""

    provoke: Callable[[Rig], None]
    within_s: float = 0.03
    arrange: Callable[[Rig], None] = lambda rig: rig.to_speed()
    setup: Callable[[Setup], Setup] = lambda setup: setup


def contact(channel: ChannelId, closed: bool = False) -> Callable[[Rig], None]:
    def provoke(rig: Rig) -> None:
        rig.closed[channel] = closed

    return provoke


def cord(rig: Rig) -> None:
    rig.closed[ChannelId.CORD_A] = rig.closed[ChannelId.CORD_B] = False


def spoiled(change: Callable[[Sample], Sample]) -> Callable[[Rig], None]:
    def provoke(rig: Rig) -> None:
        rig.spoil = change

    return provoke


def lost(name: str) -> Callable[[Sample], Sample]:
    def change(sample: Sample) -> Sample:
        return replace(sample, **{name: Channel(None, 9.0, Quality.ABSENT)})

    return change


def moving(speed_mps: float, direction: Direction = Direction.REVERSE) -> Callable[[Sample], Sample]:
    def change(sample: Sample) -> Sample:
        return replace(sample, belt=Channel(BeltMotion(speed_mps, direction), 0.0, Quality.GOOD))

    return change


def enable_lost(sample: Sample) -> Sample:
    return replace(sample, enable_feedback=Channel(False, 0.0, Quality.GOOD))


def status_lost(sample: Sample) -> Sample:
    return replace(sample, drive=replace(sample.drive, status=Channel(None, 9.0, Quality.ABSENT)))


def grab(rig: Rig) -> None:
    rig.rails_n = (160.0, 60.0)


def set_to(**values: object) -> Callable[[Rig], None]:
    def provoke(rig: Rig) -> None:
        for name, value in values.items():
            setattr(rig, name, value)

    return provoke


def asks(kind: RequestKind, origin: Origin = Origin.LOCAL) -> Callable[[Rig], None]:
    def provoke(rig: Rig) -> None:
        rig.ask(kind, origin)

    return provoke


def answers(kind: PromptKind, score: float) -> Callable[[Rig], None]:
    def provoke(rig: Rig) -> None:
        rig.answer(kind, score)

    return provoke


def late(seconds: float) -> Callable[[Rig], None]:
    def provoke(rig: Rig) -> None:
        rig.tick(seconds + rig.setup.tick_s)

    return provoke


def shoots_up(rig: Rig) -> None:
    # An independent encoder that shows the belt gaining 1.6 m/s within a second while the command stands.
    start_s = rig.now_s

    def change(sample: Sample) -> Sample:
        return moving(0.4 + 1.6 * (rig.now_s - start_s))(sample)

    rig.spoil = change


def ignores_stop(rig: Rig) -> None:
    rig.obeys_stop = False
    rig.ask(RequestKind.STOP)


def unconfirmed_stop(rig: Rig) -> None:
    rig.confirms = False
    rig.ask(RequestKind.STOP)


def idle(rig: Rig) -> None:
    rig.prove_and_reset()


def creeping(rig: Rig) -> None:
    rig.drive_state = DriveState.ENABLED
    rig.speed_mps = 0.2
    rig.obeys_stop = False


def quiet(rig: Rig) -> None:
    rig.run(0.1)


def clock_stands(rig: Rig) -> None:
    for _ in range(6):
        rig.tick(0.0)


def armed_for(seconds: float) -> Callable[[Rig], None]:
    def arrange(rig: Rig) -> None:
        rig.start(person=replace(PERSON, allowance_s=seconds))

    return arrange


def wants_hands_off(rig: Rig) -> None:
    rig.start(program(segment(30.0, 0.5, hands=Hands.OFF)))
    rig.run(4.0)


def with_presence(setup: Setup) -> Setup:
    return replace(setup, fitted=setup.fitted | {ChannelId.PRESENCE})


def with_attendant(setup: Setup) -> Setup:
    return replace(setup, fitted=setup.fitted | {ChannelId.ATTENDANT})


def with_heart_rate(setup: Setup) -> Setup:
    return replace(setup, fitted=setup.fitted | {ChannelId.HEART_RATE})


def cord_wired(setup: Setup) -> Setup:
    return replace(setup, cord_wiring=CordWiring.DRIVE_ENABLE)


def short_cap(setup: Setup) -> Setup:
    return replace(setup, limits=replace(setup.limits, max_duration_s=5.0))


def heart_limited(rig: Rig) -> None:
    rig.start(person=replace(PERSON, max_heart_rate_per_min=120.0))
    rig.heart_rate = 100.0
    rig.run(3.0)
    assert rig.last.order.mode is DriveMode.RUN


def leaning(rig: Rig) -> None:
    rig.to_speed()
    for load_n in range(20, 105, 2):  # slowly, so that it is no grab
        rig.rails_n = (float(load_n), float(load_n))
        rig.run(0.2)


def with_trunk(setup: Setup) -> Setup:
    return replace(setup, fitted=setup.fitted | {ChannelId.TRUNK}, trunk_tuning=plain_tuning())


def wearing(rig: Rig, seconds: float = 6.0) -> None:
    rig.waist = Waist()
    rig.to_speed(seconds)


def tilts(angle_deg: float, rate_dps: float) -> Callable[[Rig], None]:
    def provoke(rig: Rig) -> None:
        assert rig.waist is not None
        rig.waist.sway_deg = 0.0
        rig.waist.tilt_to(angle_deg, rate_dps)

    return provoke


SCENARIOS: dict[str, Scenario] = {
    "clock_fault": Scenario(clock_stands),
    "not_proven": Scenario(quiet, arrange=quiet),
    "pull_cord_cut": Scenario(cord, setup=cord_wired),
    "pull_cord": Scenario(cord),
    "cord_discrepancy": Scenario(contact(ChannelId.CORD_B), 0.08, arrange=idle),
    "estop_open": Scenario(contact(ChannelId.ESTOP)),
    "enable_mismatch": Scenario(spoiled(enable_lost), 0.2),
    "imbalance": Scenario(grab, 0.06),
    "person_down": Scenario(contact(ChannelId.HARNESS)),
    "fallen": Scenario(tilts(90.0, 300.0), 1.0, arrange=lambda rig: wearing(rig, 20.0), setup=with_trunk),
    "unsteady": Scenario(tilts(20.0, 100.0), 0.6, arrange=wearing, setup=with_trunk),
    "trunk_lost": Scenario(set_to(waist=None), 1.2, arrange=wearing, setup=with_trunk),
    "gait_unknown": Scenario(quiet, arrange=wearing, setup=with_trunk),
    "sensor_untrusted": Scenario(spoiled(lost("rail_left"))),
    "sensor_lost": Scenario(spoiled(lambda s: lost("rail_left")(moving(0.3)(s))), 3.1),
    "drive_lost": Scenario(spoiled(status_lost)),
    "drive_fault": Scenario(set_to(drive_state=DriveState.FAULT)),
    "drive_unidentified": Scenario(set_to(identified=False)),
    "watchdog_unattested": Scenario(set_to(watchdog_s=None)),
    "overspeed": Scenario(spoiled(moving(2.6)), 0.15),
    "wrong_direction": Scenario(spoiled(moving(0.4, Direction.FORWARD)), 0.08),
    "standstill_motion": Scenario(creeping, 0.15, arrange=idle),
    "acceleration": Scenario(shoots_up, 0.8),
    "not_following": Scenario(set_to(follows=False, speed_mps=0.05), 0.6),
    "stop_envelope": Scenario(ignores_stop, 1.2),
    "stop_unconfirmed": Scenario(unconfirmed_stop, 0.15),
    "attendant_released": Scenario(contact(ChannelId.ATTENDANT), setup=with_attendant),
    "presence_lost": Scenario(contact(ChannelId.PRESENCE), setup=with_presence),
    "presence_lost_long": Scenario(contact(ChannelId.PRESENCE), 10.1, setup=with_presence),
    "loop_late": Scenario(late(0.025), 0.0),
    "loop_late_stop": Scenario(late(0.055)),
    "loop_late_cut": Scenario(late(0.105)),
    "local_stop": Scenario(asks(RequestKind.STOP)),
    "remote_stop": Scenario(asks(RequestKind.STOP, Origin.REMOTE)),
    "end_requested": Scenario(asks(RequestKind.END), 0.01),
    "dizziness": Scenario(answers(PromptKind.DIZZINESS, 4.0)),
    "pain": Scenario(answers(PromptKind.PAIN, 5.0)),
    "exertion": Scenario(answers(PromptKind.RPE, 17.0)),
    "breathing": Scenario(answers(PromptKind.BREATHING, 7.0)),
    "heart_rate": Scenario(set_to(heart_rate=121.0), arrange=heart_limited, setup=with_heart_rate),
    "time_cap": Scenario(quiet, 5.2, arrange=lambda rig: rig.start(), setup=short_cap),
    "weekly_cap": Scenario(quiet, 5.2, arrange=armed_for(5.0)),
    "program_end": Scenario(quiet, 40.0, arrange=lambda rig: rig.start(WALK)),
    "rail_overload": Scenario(quiet, 11.0, arrange=leaning),
    "hands_unwanted": Scenario(set_to(rails_n=(30.0, 30.0)), 1.1, arrange=wants_hands_off),
    "journal_unhealthy": Scenario(set_to(journal_ok=False)),
}
