from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console
from rich.text import Text

from treadctl.cli.explain import CLEARS
from treadctl.cli.live import ENDS, STATES, age_text, dated, render
from treadctl.core.interlock import Clears
from treadctl.core.session import SessionState
from treadctl.ipc.messages import Event
from treadctl.ipc.snapshot import BlockerView, ChannelView, DriveView, EnableView, PromptView, Snapshot

from .conftest import SNAPSHOT, TRIPPED


def shown(snapshot: Snapshot, **options: object) -> str:
    console = Console(width=140, record=True, file=None, force_terminal=False, quiet=False)
    with console.capture() as capture:
        console.print(render(snapshot, **options))
    return capture.get()


def test_a_running_session_shows_what_staff_must_see() -> None:
    text = shown(SNAPSHOT)
    for part in ("RUNNING", "0.39 m/s (1.4 km/h)", "0.40 m/s", "← reverse", "facing console", "0.5 %", "2 of 3: 0.4 m/s", "3:00", "10.2 % BW"):
        assert part in text
    assert "watchdog 500 ms" in text
    assert "✔ cord_a closed 4 ms" in text
    assert "no cause in force" in text
    assert "NOT CURRENT" not in text


def test_an_open_contact_is_marked_by_word_and_icon_not_only_by_colour() -> None:
    assert "✘ harness OPEN" in shown(SNAPSHOT)


@pytest.mark.parametrize(("wanted", "fed_back", "mark"), [(False, False, "✔"), (True, True, "✔"), (True, False, "✘"), (False, True, "✘")])
def test_the_enable_feedback_is_healthy_when_it_follows_the_output(wanted: bool, fed_back: bool, mark: str) -> None:
    snapshot = replace(SNAPSHOT, channels=(ChannelView("enable_feedback", fed_back, 0.01, "good"),), enable=EnableView(wanted, fed_back))
    assert f"{mark} enable_feedback" in shown(snapshot)


def test_every_state_has_its_own_icon_or_word_and_a_colour() -> None:
    assert set(STATES) == {state.value for state in SessionState}
    for state in SessionState:
        assert state.value.replace("_", " ").upper() in shown(replace(SNAPSHOT, state=state.value))


def test_a_trip_names_its_cause_its_action_and_how_it_ends() -> None:
    text = shown(TRIPPED)
    for part in ("TRIPPED", "SS1_FAST", "The pull cord was pulled.", "reset when gone", "present", "0:10 ago"):
        assert part in text


def test_what_forbids_a_start_is_listed_at_rest_and_not_while_running() -> None:
    blocked = replace(SNAPSHOT, start_blockers=(BlockerView("x", "The belt is not at rest."),))
    assert "The belt is not at rest." not in shown(blocked)
    assert "The belt is not at rest." in shown(replace(blocked, state="armed"))


def test_an_unproven_drive_is_marked() -> None:
    text = shown(replace(SNAPSHOT, drive=DriveView("enabled", True, None, 0)))
    assert "✘ drive enabled, not attested" in text


def test_an_old_snapshot_is_called_not_current_and_every_value_carries_its_age() -> None:
    text = shown(SNAPSHOT, behind_s=3.0, lost="the daemon is silent")
    assert "NOT CURRENT: 3.0 s old; the daemon is silent" in text
    assert "0.39 m/s (1.4 km/h) (3.0 s old)" in text
    assert "✔ cord_a closed (3.0 s old)" in text


def test_one_old_value_is_dated_while_the_others_stay_current() -> None:
    text = shown(replace(SNAPSHOT, channels=(ChannelView("cord_a", True, 2.5, "good"), ChannelView("heart_rate", None, None, "absent"))))
    assert "cord_a closed (2.5 s old)" in text
    assert "✘ heart_rate absent (no value)" in text
    assert "NOT CURRENT" not in text


@pytest.mark.parametrize(("age_s", "behind_s", "grey"), [(0.9, 0.0, False), (0.9, 0.2, True), (None, 0.0, True), (1.1, 0.0, True)])
def test_a_value_turns_grey_after_one_second(age_s: float | None, behind_s: float, grey: bool) -> None:
    text = dated("x", age_s, behind_s, "bold")
    assert isinstance(text, Text)
    assert (text.style == "bright_black") is grey


@pytest.mark.parametrize(("age_s", "text"), [(None, "never"), (0.0042, "4 ms"), (1.25, "1.2 s"), (600.0, "10 min")])
def test_ages_read_well(age_s: float | None, text: str) -> None:
    assert age_text(age_s) == text


def test_questions_and_the_last_events_are_shown() -> None:
    events = [Event(n, 1.0, f"2030-01-01T10:00:0{n}.000+00:00", "note", f"Event {n}.") for n in range(9)]
    text = shown(replace(SNAPSHOT, prompts=(PromptView("rpe", 1.0),)), events=events)
    assert "Ask the person: rpe" in text
    assert "10:00:08  Event 8." in text
    assert "Event 2." not in text


def test_nothing_known_is_shown_as_such_and_not_as_zero() -> None:
    text = shown(Snapshot(at_s=1.0, state="tripped", since_s=0.0))
    assert "0.00 m/s" not in text
    assert "–" in text


def test_text_from_the_wire_cannot_change_the_screen() -> None:
    sneaky = replace(TRIPPED, causes=(replace(TRIPPED.causes[0], sentence="[bold]not markup[/bold]"),))
    assert "[bold]not markup[/bold]" in shown(sneaky)


def test_every_way_a_cause_can_end_has_its_words() -> None:
    assert set(ENDS) == set(CLEARS) == {clears.value for clears in Clears}
