"""Status: the snapshot that console, command line and telemetry see, made from the core's state and nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping

from treadctl.core.controller import WALKING, State
from treadctl.core.interlock import ROWS
from treadctl.core.motion import measured
from treadctl.core.requests import start_blockers
from treadctl.core.sample import BeltMotion, Channel, ChannelId, DriveState, Sample, TrunkMotion
from treadctl.core.units import STANDARD_GRAVITY_MPS2
from treadctl.daemon.lateness import Lateness
from treadctl.ipc.messages import PROTOCOL
from treadctl.ipc.snapshot import (
    BalanceView,
    BeltView,
    BlockerView,
    CauseView,
    ChannelView,
    DriveView,
    EnableView,
    JournalView,
    LinkView,
    LoopView,
    ProgramView,
    PromptView,
    RailsView,
    Snapshot,
    VersionsView,
)
from treadctl.ports import LinkStats


def snapshot(
    state: State,
    sample: Sample,
    since_s: float,
    lateness: Lateness,
    links: Mapping[str, LinkStats],
    journal: JournalView,
    machine: str,
    release: str,
) -> Snapshot:
    """Everything a watcher may show at the instant of the last step. Costs some 200 µs: for watchers, never for the stop path."""
    return Snapshot(
        at_s=state.now_s,
        state=state.session.value,
        since_s=since_s,
        program=_program(state),
        belt=_belt(state, sample),
        rails=_rails(state, sample),
        balance=_balance(state),
        channels=tuple(_channel(c, getattr(sample, c)) for c in ChannelId if c in state.setup.fitted),
        causes=tuple(
            CauseView(c.id, ROWS[c.row].action.name, ROWS[c.row].sentence, c.since_s, ROWS[c.row].clears.value, c.present)
            for c in state.causes
            if c.active
        ),
        start_blockers=tuple(BlockerView(*blocker) for blocker in start_blockers(state.walk, state.causes, state.motion.stands, state.setup, sample)),
        prompts=tuple(PromptView(prompt.value, state.now_s) for prompt in state.walk.prompts),
        drive=_drive(sample),
        enable=EnableView(state.enable, sample.enable_feedback.value),
        loop=LoopView(lateness.quantile(0.5), lateness.quantile(0.99), lateness.max_s, lateness.total),
        links=tuple(_link(name, stats) for name, stats in links.items()),
        journal=journal,
        versions=VersionsView(release, machine, PROTOCOL),
    )


def _program(state: State) -> ProgramView | None:
    arm, segment = state.walk.arm, state.walk.current
    if arm is None:
        return None
    program = arm.program
    shown = segment if segment is not None else program.segments[-1]
    return ProgramView(
        name=program.name,
        direction=shown.direction.value,
        facing=program.facing.value,
        segment=state.walk.segment,
        segments=len(program.segments),
        label=shown.label,
        elapsed_s=state.walk.elapsed_s,
        remaining_s=max(0.0, program.duration_s - state.walk.elapsed_s),
        duration_s=program.duration_s,
        profile_sha256=program.profile_sha256,
        arming=state.walk.arming,
    )


def _belt(state: State, sample: Sample) -> BeltView:
    fastest, _, direction = measured(sample, state.setup)
    ages = [c.age_s for c in (sample.belt, sample.drive.status) if c.value is not None]
    status = sample.drive.status.value
    return BeltView(
        measured_mps=fastest,
        commanded_mps=state.ramp.speed_mps,
        direction=direction.value if direction is not None else None,
        commanded_direction=state.order.direction.value,
        grade_percent=status.grade_percent if status is not None else None,
        age_s=min(ages, default=None),
    )


def _rails(state: State, sample: Sample) -> RailsView:
    person = state.walk.person
    percent = 100.0 / (person.mass_kg * STANDARD_GRAVITY_MPS2) if person is not None else math.nan
    left, right = sample.rail_left, sample.rail_right
    return RailsView(
        left_n=left.value,
        right_n=right.value,
        left_percent_bw=left.value * percent if left.value is not None and person is not None else None,
        right_percent_bw=right.value * percent if right.value is not None and person is not None else None,
        left_age_s=left.age_s,
        right_age_s=right.age_s,
    )


def _balance(state: State) -> BalanceView:
    balance, trunk = state.balance, state.balance.trunk
    fitted = ChannelId.TRUNK in state.setup.fitted
    return BalanceView(
        level=balance.level.name.lower(),
        reasons=tuple(reason.value for reason in balance.reasons),
        trunk=trunk.trust.name.lower() if fitted else "not_fitted",
        learnt_s=float(trunk.calibration.blocks),
        feet=balance.footfalls.sight.value,
        capped=state.capped and state.session in WALKING,
    )


def _channel(channel: ChannelId, reading: Channel[object]) -> ChannelView:
    value = reading.value
    if isinstance(value, BeltMotion):
        value = value.speed_mps
    elif isinstance(value, TrunkMotion):
        value = math.hypot(*value.force_g)  # says the same however the sensor is turned: 1 at rest
    shown = value if isinstance(value, bool | float) else None
    return ChannelView(channel.value, shown, reading.age_s if math.isfinite(reading.age_s) else None, reading.quality.name.lower())


def _drive(sample: Sample) -> DriveView:
    status = sample.drive.status.value
    state = status.state if status is not None else DriveState.UNKNOWN
    return DriveView(state.value, sample.drive.identified, sample.drive.watchdog_s, sample.drive.confirmed_order)


def _link(name: str, stats: LinkStats) -> LinkView:
    return LinkView(
        name,
        stats.exchanges,
        stats.timeouts,
        stats.mismatches,
        stats.crc_errors,
        stats.late_replies,
        stats.reconnects,
        stats.round_trip_p50_s,
        stats.round_trip_max_s,
    )
