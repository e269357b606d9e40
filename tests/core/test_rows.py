"""Every row of the interlock table acts, with its own action, soon enough; and without the row it does not."""

from __future__ import annotations

import pytest
from core_rig import Rig, make_setup
from core_scenarios import SCENARIOS

from treadctl.core import interlock
from treadctl.core.interlock import INDEX, ROWS, Action, Clears
from treadctl.core.messages import DriveMode, RequestKind
from treadctl.core.session import SessionState


def provoked(row_id: str) -> tuple[Rig, set[str]]:
    """The rig after the scenario, and every cause that acted from the provocation on."""
    scenario = SCENARIOS[row_id]
    rig = Rig(scenario.setup(make_setup()))
    scenario.arrange(rig)
    first = len(rig.outputs)
    scenario.provoke(rig)
    steps = round(scenario.within_s / rig.dt_s) + 1
    while len(rig.outputs) - first < steps:
        rig.tick()
    acted = {cause.id for output in rig.outputs[first:] for cause in output.causes if cause.active}
    return rig, acted


def test_every_row_has_a_scenario_and_every_scenario_a_row() -> None:
    assert set(SCENARIOS) == {row.id for row in ROWS}


def test_ids_and_requirements_are_unique() -> None:
    assert len({row.id for row in ROWS}) == len({row.requirement for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row_id", SCENARIOS)
def test_row_acts(row_id: str) -> None:
    rig, acted = provoked(row_id)
    assert row_id in acted
    row = ROWS[INDEX[row_id]]
    order, session = rig.last.order, rig.last.session
    if row.action >= Action.SS1:
        assert session is SessionState.TRIPPED
        assert order.mode is not DriveMode.RUN
    if row.action is Action.STO:
        assert order.mode is DriveMode.POWER_OFF
        assert not rig.last.enable
    if row.action is Action.SS1_FAST:
        assert order.mode is DriveMode.FAST_STOP
    if row.action is Action.SS2:
        assert session in {SessionState.STOPPING, SessionState.ENDED}
        assert order.mode is DriveMode.STOP
    if row.drops_enable:
        assert not rig.last.enable
    if row.action <= Action.SLOW:
        assert order.mode is not DriveMode.POWER_OFF or rig.last.session is SessionState.IDLE


@pytest.mark.parametrize("row_id", SCENARIOS)
def test_without_the_row_nothing_of_it_happens(row_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tuple(pair for pair in interlock._PREDICATES if ROWS[pair[0]].id != row_id)
    monkeypatch.setattr(interlock, "_PREDICATES", kept)
    _, acted = provoked(row_id)
    assert row_id not in acted


@pytest.mark.parametrize("row_id", [r.id for r in ROWS if r.action >= Action.SS2])
def test_after_a_stop_no_speed_is_ordered_until_a_new_start(row_id: str) -> None:
    rig, _ = provoked(row_id)
    first = len(rig.outputs)
    rig.ask(RequestKind.RESUME)
    rig.ask(RequestKind.START_HOLD)
    rig.run(3.0)
    assert all(output.order.speed_mps == 0.0 for output in rig.outputs[first:])


@pytest.mark.parametrize("row_id", [r.id for r in ROWS if r.clears is Clears.NEVER])
def test_never_means_that_no_reset_helps(row_id: str) -> None:
    rig, _ = provoked(row_id)
    rig.spoil, rig.obeys_stop, rig.drive_state = None, True, None
    for channel in rig.closed:
        rig.closed[channel] = True
    rig.run(5.0)
    granted, reasons = rig.asked(RequestKind.RESET)
    assert not granted
    assert reasons
    assert rig.last.session is SessionState.TRIPPED
