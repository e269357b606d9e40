from __future__ import annotations

import os
import pty
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadctl.cli.holding import FIRST_REPEAT_S, NEXT_REPEAT_S, Keyboard, KeyHold, renew_while
from treadctl.core.setup import Setup


def test_a_tap_is_shorter_than_a_start() -> None:
    start_hold_s = Setup.__dataclass_fields__["start_hold_s"].default
    assert start_hold_s > FIRST_REPEAT_S
    hold = KeyHold()
    hold.pressed(0.0)
    assert hold.held(FIRST_REPEAT_S)
    assert not hold.held(FIRST_REPEAT_S + 0.01)


def test_a_key_held_down_is_held_through_the_delay_of_the_keyboard_and_its_repeats() -> None:
    hold = KeyHold()
    hold.pressed(0.0)
    at_s = 0.66
    while at_s < 2.0:
        assert hold.held(at_s)
        hold.pressed(at_s)
        at_s += 0.09
    last_s = at_s - 0.09
    assert hold.held(last_s + NEXT_REPEAT_S)
    assert not hold.held(last_s + NEXT_REPEAT_S + 0.01)


def test_no_key_is_no_hold() -> None:
    assert not KeyHold().held(0.0)


@given(st.lists(st.floats(0.0, 0.3), max_size=30))
def test_a_hold_never_outlives_the_last_press_by_more_than_the_first_delay(gaps_s: list[float]) -> None:
    hold, at_s = KeyHold(), 0.0
    for gap_s in gaps_s:
        at_s += gap_s
        hold.pressed(at_s)
    assert not hold.held(at_s + FIRST_REPEAT_S + 1e-6)


def test_renewals_end_with_the_hold() -> None:
    held = iter([True, True, False, True])
    asked: list[str] = []

    def ask() -> str:
        asked.append("x")
        return "armed"

    assert renew_while(held.__next__, ask) is None
    assert len(asked) == 2


def test_renewals_end_when_the_belt_is_started() -> None:
    states = iter(["armed", "armed", "warm_up", "running"])

    def held() -> bool:
        return True

    assert renew_while(held, states.__next__) == "warm_up"


@pytest.mark.parametrize(("keys", "held", "left"), [(b" ", True, False), (b"x", False, False), (b"q", False, True), (b"\x1b", False, True)])
def test_the_space_bar_holds_and_q_leaves(keys: bytes, held: bool, left: bool) -> None:
    main, side = pty.openpty()
    try:
        import tty

        tty.setraw(side)
        os.write(main, keys)
        board = Keyboard(side, time.monotonic)
        assert board.poll(0.05) is held
        assert board.quit is left
    finally:
        os.close(main)
        os.close(side)
