"""The table of rights: what it must hold whatever else changes, over every cell of it."""

from __future__ import annotations

from treadctl.console.rights import TABLE, Command, Place, Situation, cells, may, why_not
from treadctl.core.session import SessionState
from treadctl.records.model import Role

CELLS = list(cells())
MOVES = {Command.ARM, Command.START_HOLD, Command.RESUME, Command.RESET}
CARE = {Command.LIST_PEOPLE, Command.VIEW_PERSON, Command.VIEW_PRESCRIPTION, Command.VIEW_SESSIONS, Command.REPORT, Command.EXPORT_PERSON}


def test_every_cell_of_the_matrix_is_there_once() -> None:
    assert len(CELLS) == len({cell[:4] for cell in CELLS}) == len(Command) * (len(Role) + 1) * len(Place) * len(Situation)
    print(f"cells: {len(CELLS)}, allowed: {sum(cell[4] for cell in CELLS)}")  # noqa: T201 - shown with -s


def test_the_situations_are_the_states_of_a_session_and_no_contact() -> None:
    assert {s.value for s in Situation} == {s.value for s in SessionState} | {"away"}


def test_stop_is_denied_in_no_cell() -> None:
    assert all(allowed for command, *_, allowed in CELLS if command is Command.STOP)


def test_nothing_that_leads_to_motion_is_allowed_but_to_staff_at_the_paired_machine() -> None:
    found = {(who, place) for command, who, place, _situation, allowed in CELLS if command in MOVES and allowed}
    assert {place for _, place in found} == {Place.MACHINE}
    assert not {None, Role.VIEWER} & {who for who, _ in found}
    start = {who for command, who, *_, allowed in CELLS if command is Command.START_HOLD and allowed}
    assert start == {Role.STAFF, Role.PHYSIOTHERAPIST, Role.PHYSICIAN}


def test_a_start_is_asked_for_only_while_armed_and_arming_only_at_rest() -> None:
    situations = {command: {s for c, _, _, s, allowed in CELLS if c is command and allowed} for command in MOVES}
    assert situations[Command.START_HOLD] == {Situation.ARMED}
    assert situations[Command.ARM] == {Situation.IDLE, Situation.ENDED}
    assert situations[Command.RESUME] == {Situation.WARM_UP, Situation.RUNNING, Situation.HOLD, Situation.COOL_DOWN}
    assert situations[Command.RESET] == {Situation.TRIPPED, Situation.ENDED}


def test_whoever_has_not_signed_on_sees_no_person_anywhere() -> None:
    assert not [cell for cell in CELLS if cell[0] in CARE and cell[1] is None and cell[4]]


def test_service_and_administrator_see_no_care() -> None:
    seen = CARE - {Command.EXPORT_PERSON}
    assert not [cell for cell in CELLS if cell[0] in seen and cell[1] in {Role.SERVICE, Role.ADMINISTRATOR} and cell[4]]


def test_only_clinicians_prescribe_and_set_rules_aside() -> None:
    for command in (Command.PRESCRIBE, Command.OVERRIDE, Command.EDIT_PROTOCOL):
        assert {who for c, who, *_, allowed in CELLS if c is command and allowed} == {Role.PHYSIOTHERAPIST, Role.PHYSICIAN}


def test_every_command_can_be_done_by_somebody_somewhere() -> None:
    assert {command for command, *_, allowed in CELLS if allowed} == set(Command)
    assert {row.command for row in TABLE} == set(Command)


def test_every_denial_says_what_to_do() -> None:
    for command, who, place, situation, allowed in CELLS:
        if not allowed:
            sentence = why_not(command, who, place, situation)
            assert sentence.endswith(".")
            assert sentence[0].isupper()
    assert why_not(Command.ARM, Role.STAFF, Place.DESK, Situation.IDLE) == "This can only be done at the machine."
    assert why_not(Command.ARM, None, Place.SCREEN, Situation.IDLE) == "This screen is not paired with the machine yet: enter the pairing PIN first."
    assert why_not(Command.START_HOLD, Role.STAFF, Place.MACHINE, Situation.IDLE) == "The session is idle; this can be asked for while it is: armed."


def test_what_is_not_in_the_table_is_denied() -> None:
    assert not may(Command.START_HOLD, Role.ADMINISTRATOR, Place.MACHINE, Situation.ARMED)
