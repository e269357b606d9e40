"""Proof tests as the journal shows them: the inputs the core wants proven, the emergency stop seen open and closed at rest, and contacts that disagree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from treadctl.core.controller import Inputs, Output
from treadctl.core.interlock import INDEX, ROWS
from treadctl.core.sample import ChannelId
from treadctl.journal.reader import Step
from treadctl.records.importing.where import Where
from treadctl.records.model import ProofTest

CORD: Final = "pull_cord"
ESTOP: Final = "emergency_stop"
LEAST_OPEN_S: Final = 0.05  # shorter is a contact that bounces
_NOT_PROVEN: Final = INDEX["not_proven"]
_APART: Final = INDEX["cord_discrepancy"]
_CORDS: Final = frozenset({ChannelId.CORD_A, ChannelId.CORD_B})


@dataclass(frozen=True, slots=True)
class ProofState:
    """What is remembered from step to step. `estop_open_s` is since when it is open, None = closed, or opened while somebody walked: that was no test."""

    unproven: bool = False
    apart: bool = False
    estop: bool | None = None
    estop_open_s: float | None = None


def watch(state: ProofState, where: Where, step: Step[Inputs, Output], at_rest: bool, tell: Callable[[ProofTest], None]) -> ProofState:
    """The memory after a step; what was proven at it goes to `tell`. `at_rest` = no session is being recorded."""
    setup = where.run.setup
    causes = step.output.causes
    unproven = any(cause.row == _NOT_PROVEN and cause.present for cause in causes) if causes else False
    apart = any(cause.row == _APART and cause.active for cause in causes) if causes else False
    estop = step.inputs.sample.estop.fresh(setup.sensor_age_limit_s) if ChannelId.ESTOP in setup.fitted else None
    if unproven == state.unproven and apart == state.apart and (estop is None or estop is state.estop):
        return state
    if state.unproven and not unproven:
        for kind in _kinds(setup.proof):
            tell(_test(where, step, kind, passed=True, detail="Seen open and closed again."))
    if apart and not state.apart:
        tell(_test(where, step, CORD, passed=False, detail=ROWS[_APART].sentence))
    state = replace(state, unproven=unproven, apart=apart)
    if estop is None or estop is state.estop:
        return state
    if not estop:
        return replace(state, estop=False, estop_open_s=step.now_s if at_rest else None)
    open_s = state.estop_open_s
    if open_s is not None and step.now_s - open_s >= LEAST_OPEN_S and ChannelId.ESTOP not in setup.proof:
        tell(_test(where, step, ESTOP, passed=True, detail="Seen open and closed again."))
    return replace(state, estop=True, estop_open_s=None)


def _kinds(proof: tuple[ChannelId, ...]) -> list[str]:
    kinds = (CORD if channel in _CORDS else ESTOP if channel is ChannelId.ESTOP else channel.value for channel in proof)
    return list(dict.fromkeys(kinds))


def _test(where: Where, step: Step[Inputs, Output], kind: str, *, passed: bool, detail: str) -> ProofTest:
    at: datetime = where.instant(step.now_s)
    return ProofTest(at, where.run.machine, kind, passed, detail)
