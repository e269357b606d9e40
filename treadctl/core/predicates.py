"""Predicates of the interlock table: each a named function of one view that says whether a thing is wrong.

Every comparison is written as *not healthy* (`not (x <= limit)`), so that a NaN is a fault. A quantity that is missing altogether is the business
of the row that watches its channel, never a silent pass: the view carries None only while such a row fires.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from treadctl.core.imbalance.balance import Balance
from treadctl.core.imbalance.verdict import Level
from treadctl.core.limits import Limits
from treadctl.core.messages import DriveMode, DriveOrder
from treadctl.core.motion import credible
from treadctl.core.program import Hands, Person
from treadctl.core.prompts import PromptKind
from treadctl.core.sample import ChannelId, Direction, DriveState, Sample
from treadctl.core.setup import CordWiring, Setup

SDI_FLOOR_MPS: Final = 0.05  # below this an encoder cannot be trusted to tell a direction
OVERLOAD_LIMIT_S: Final = 10.0
CORDS_APART_LIMIT_S: Final = 0.05
FOOT_PUSH_MPS: Final = 0.5
SPIN_UP_LIMIT_S: Final = 3.0  # from the order to run until the drive reports torque


@dataclass(slots=True)
class View:
    """All that a predicate may look at, put together once a step. Speeds are magnitudes in m/s; None = not measured freshly."""

    setup: Setup
    sample: Sample
    person: Person | None
    order: DriveOrder
    enable: bool
    balance: Balance
    capped: bool  # this segment is walked below the speed of an unknown gait
    hands: Hands
    answers: tuple[tuple[PromptKind, float], ...]
    clock_ok: bool
    lateness_s: float
    cords_apart_s: float  # how long the two cord channels have disagreed, from sample to sample
    proven: frozenset[ChannelId]
    untrusted: tuple[ChannelId, ...]  # safety channels that are stale, absent, implausible or frozen
    speed_mps: float | None  # the highest fresh measurement of drive and belt encoder
    slowest_mps: float | None  # the lowest one: what "following the command" is judged on
    direction: Direction | None
    slope_mps2: float
    expected_mps: float  # the command as the belt should have followed it by now
    limits: Limits  # the machine's, or the tighter ones of this session
    powered: bool  # the drive reports torque
    running: bool  # the order is to run and the drive reports torque
    settled: bool  # standstill was proven since the last stop
    since_order_s: float  # age of the present order
    stop_from_mps: float  # measured speed when the present stop was ordered
    moving_s: float
    finished: bool
    local_stop: bool
    remote_stop: bool
    end_request: bool
    journal_ok: bool


def clock_broken(v: View) -> bool:
    """Time is not a number, stood still or jumped back."""
    return not v.clock_ok


def not_proven(v: View) -> bool:
    """A safety input has not been seen to work since power-up."""
    return not all(channel in v.proven for channel in v.setup.proof)


def _cord_open(v: View) -> bool:
    limit = v.setup.sensor_age_limit_s
    return v.sample.cord_a.fresh(limit) is False or v.sample.cord_b.fresh(limit) is False


def cord_open_wired(v: View) -> bool:
    """The cord is open and has cut the drive's power by itself."""
    return v.setup.cord_wiring is CordWiring.DRIVE_ENABLE and _cord_open(v)


def cord_open(v: View) -> bool:
    """The cord is open and only we can stop the belt."""
    return v.setup.cord_wiring is not CordWiring.DRIVE_ENABLE and _cord_open(v)


def cord_discrepancy(v: View) -> bool:
    """The two cord channels have said different things for too long."""
    return not (v.cords_apart_s <= CORDS_APART_LIMIT_S)


def estop_open(v: View) -> bool:
    """The emergency-stop chain is open."""
    return v.sample.estop.fresh(v.setup.sensor_age_limit_s) is False


def enable_mismatch(v: View) -> bool:
    """The drive's enable is not what we set it to, and no open chain explains it."""
    feedback = v.sample.enable_feedback.fresh(v.setup.sensor_age_limit_s)
    explained = v.enable and (estop_open(v) or cord_open_wired(v))
    return feedback is not None and not explained and feedback is not v.enable


def losing_balance(v: View) -> bool:
    """The detectors say the person, upright, is losing balance."""
    return v.balance.level >= Level.LOSING_BALANCE


def fallen(v: View) -> bool:
    """The detectors say the person is down, or off the belt."""
    return v.balance.level is Level.DOWN


def unsteady(v: View) -> bool:
    """The detectors say the person is not steady."""
    return v.balance.level >= Level.UNSTEADY


def trunk_given_up(v: View) -> bool:
    """The waist sensor was in use and has just been given up."""
    return v.balance.trunk.given_up


def gait_unknown(v: View) -> bool:
    """A waist sensor belongs to this machine, and as this segment began it did not know this person's gait, or it was lost since."""
    return v.capped and v.person is not None


def person_down(v: View) -> bool:
    """The harness carries the person."""
    return v.sample.harness.fresh(v.setup.sensor_age_limit_s) is False


def sensor_untrusted(v: View) -> bool:
    """A fitted safety channel cannot be believed."""
    return bool(v.untrusted)


def sensor_lost(v: View) -> bool:
    """A safety channel is still not believable and the belt has not been shown to stand."""
    return bool(v.untrusted) and not v.settled


def drive_lost(v: View) -> bool:
    """The drive gave no valid status in time, or one whose speed no belt can have."""
    status = v.sample.drive.status.fresh(v.setup.drive_age_limit_s)
    return status is None or credible(status.motion) is None


def drive_fault(v: View) -> bool:
    """The drive reports a fault."""
    status = v.sample.drive.status.value
    return status is not None and status.state is DriveState.FAULT


def drive_unidentified(v: View) -> bool:
    """The machine on the wire is not the one configured."""
    return not v.sample.drive.identified


def watchdog_unattested(v: View) -> bool:
    """The drive's own communication watchdog is off, too long or unread."""
    watchdog_s = v.sample.drive.watchdog_s
    return watchdog_s is None or not (0.0 < watchdog_s <= v.setup.watchdog_limit_s)


def overspeed(v: View) -> bool:
    """SLS: the belt is faster than the limit, or far faster than commanded."""
    if v.speed_mps is None:
        return False
    limit = v.limits.max_speed_mps(v.order.direction)
    ceiling = min(limit, 1.25 * v.expected_mps + 0.25) if v.order.mode is DriveMode.RUN else limit
    return not (v.speed_mps <= 1.05 * ceiling + 0.1)


def wrong_direction(v: View) -> bool:
    """SDI: the belt moves against the ordered direction, and no foot pushes it at rest without torque."""
    floor = FOOT_PUSH_MPS if v.settled and not v.powered else SDI_FLOOR_MPS
    return v.speed_mps is not None and v.direction is not None and not (v.speed_mps <= floor or v.direction is v.order.direction)


def standstill_motion(v: View) -> bool:
    """SOS: the belt moves after proven standstill. Without torque it gives way to somebody stepping off: there only a speed no foot gives counts."""
    limit = v.setup.standstill_mps + 0.03 if v.powered else FOOT_PUSH_MPS
    return v.settled and v.speed_mps is not None and not (v.speed_mps <= limit)


def acceleration(v: View) -> bool:
    """SLA: the belt speeds up harder than any command may."""
    return v.running and not (v.slope_mps2 <= v.setup.limits.max_acceleration_mps2 + 0.6)


def not_following(v: View) -> bool:
    """The measured speed does not follow the command, or the drive does not take up torque."""
    if v.order.mode is DriveMode.RUN and not v.powered:
        return not (v.since_order_s <= SPIN_UP_LIMIT_S)
    if not v.running or v.speed_mps is None or v.slowest_mps is None:
        return False
    margin = max(0.15, 0.15 * v.expected_mps)
    return not (v.speed_mps <= v.expected_mps + margin and v.slowest_mps >= v.expected_mps - margin)


def stop_envelope(v: View) -> bool:
    """The belt does not slow as this stop should make it."""
    if v.speed_mps is None or v.settled or v.order.mode not in {DriveMode.STOP, DriveMode.FAST_STOP}:
        return False
    limits = v.setup.limits
    rated = limits.fast_deceleration_mps2 if v.order.mode is DriveMode.FAST_STOP else limits.protective_deceleration_mps2
    left_mps = v.stop_from_mps - 0.6 * rated * max(0.0, v.since_order_s - v.setup.stop_reaction_s)
    margin = 0.15 if left_mps > -0.6 * rated else v.setup.standstill_mps  # a second after its time the belt must stand, not creep
    return not (v.speed_mps <= max(0.0, left_mps) + margin)


def stop_unconfirmed(v: View) -> bool:
    """A stop has been ordered and the drive has not confirmed it by echo and read-back in time."""
    pending = v.order.mode is not DriveMode.RUN and v.sample.drive.confirmed_order < v.order.order_id
    return pending and not v.settled and not (v.since_order_s <= v.setup.stop_confirm_limit_s)


def attendant_released(v: View) -> bool:
    """The attendant let go of the enabling switch."""
    return v.sample.attendant.fresh(v.setup.sensor_age_limit_s) is False


def presence_lost(v: View) -> bool:
    """The console at the machine is gone (kiosk runs only)."""
    return ChannelId.PRESENCE in v.setup.fitted and v.sample.presence.fresh(1.0) is not True


def late_20_ms(v: View) -> bool:
    """The control loop ran late by more than 20 ms."""
    return not (v.lateness_s <= 0.020)


def late_50_ms(v: View) -> bool:
    """The control loop ran late by more than 50 ms."""
    return not (v.lateness_s <= 0.050)


def late_100_ms(v: View) -> bool:
    """The control loop ran late by more than 100 ms."""
    return not (v.lateness_s <= 0.100)


def local_stop(v: View) -> bool:
    """Somebody at the machine asked for a stop."""
    return v.local_stop


def remote_stop(v: View) -> bool:
    """Somebody on the network asked for a stop."""
    return v.remote_stop


def end_requested(v: View) -> bool:
    """Staff ended the session early."""
    return v.end_request


def _answered_beyond(v: View, prompt: PromptKind, limit: float) -> bool:
    return any(kind is prompt and not (score < limit) for kind, score in v.answers)


def dizzy(v: View) -> bool:
    """The person reports dizziness at or above the limit."""
    return v.person is not None and _answered_beyond(v, PromptKind.DIZZINESS, v.person.max_dizziness)


def in_pain(v: View) -> bool:
    """The person reports pain at or above the limit."""
    return v.person is not None and _answered_beyond(v, PromptKind.PAIN, v.person.max_pain)


def overexerted(v: View) -> bool:
    """The person reports exertion at or above the limit."""
    return v.person is not None and _answered_beyond(v, PromptKind.RPE, v.person.max_rpe)


def breathless(v: View) -> bool:
    """The person reports breathlessness at or above the limit."""
    return v.person is not None and _answered_beyond(v, PromptKind.BREATHING, v.person.max_breathing)


def heart_rate_high(v: View) -> bool:
    """The heart rate is at or above the person's limit."""
    limit = v.person.max_heart_rate_per_min if v.person is not None else None
    rate = v.sample.heart_rate.fresh(5.0)
    return limit is not None and rate is not None and not (rate < limit)


def time_cap(v: View) -> bool:
    """The longest time on the moving belt is over."""
    return not (v.moving_s <= v.limits.max_duration_s)


def weekly_cap(v: View) -> bool:
    """The person's weekly allowance is used up."""
    return v.person is not None and v.person.allowance_s is not None and not (v.moving_s <= v.person.allowance_s)


def program_finished(v: View) -> bool:
    """The program has been walked to its end."""
    return v.finished


def rails_overloaded(v: View) -> bool:
    """The hands carry too much for too long: fatigue rather than a fall."""
    return not (v.balance.rails.overload_s <= OVERLOAD_LIMIT_S)


def hands_unwanted(v: View) -> bool:
    """The hands hold on where the program wants them off."""
    return v.hands is Hands.OFF and not (v.balance.rails.left + v.balance.rails.right <= 5.0)


def journal_unhealthy(v: View) -> bool:
    """What happens cannot be written down."""
    return not v.journal_ok
