"""A held button: only renewals in order, in time and from the same browser keep it."""

from __future__ import annotations

import pytest
from console_rig import Clock

from treadctl.console.holds import HELD_S, LONGEST_S, PAUSE_S, Holds
from treadctl.console.problems import Problem
from treadctl.console.rights import Command

START = Command.START_HOLD


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.now_s = 0.0
    return clock


@pytest.fixture
def holds(clock: Clock) -> Holds:
    return Holds(clock)


def refused(holds: Holds, key: str, n: int, owner: str = "a") -> str:
    with pytest.raises(Problem) as caught:
        holds.renew(key, owner, START, n)
    assert caught.value.status == 409
    return caught.value.code


def test_renewals_in_order_keep_it(holds: Holds, clock: Clock) -> None:
    key = holds.open("a", START, "one")
    for n in range(1, 30):
        clock.now_s += 0.1
        holds.renew(key, "a", START, n)


def test_a_renewal_sent_again_ends_it(holds: Holds) -> None:
    key = holds.open("a", START, "one")
    holds.renew(key, "a", START, 1)
    assert refused(holds, key, 1) == "hold_order"
    assert refused(holds, key, 2) == "hold_over"


def test_a_pause_ends_it(holds: Holds, clock: Clock) -> None:
    key = holds.open("a", START, "one")
    holds.renew(key, "a", START, 1)
    clock.now_s += PAUSE_S + 0.01
    assert refused(holds, key, 2) == "hold_late"
    assert refused(holds, key, 3) == "hold_over"


def test_another_browser_cannot_renew_it_and_ends_it(holds: Holds) -> None:
    key = holds.open("a", START, "one")
    assert refused(holds, key, 1, "b") == "hold_over"
    assert refused(holds, key, 1) == "hold_over"


def test_a_new_press_ends_the_old_one(holds: Holds) -> None:
    old = holds.open("a", START, "one")
    holds.renew(holds.open("a", START, "one"), "a", START, 1)
    assert refused(holds, old, 1) == "hold_over"


def test_it_ends_by_itself_after_fifteen_seconds(holds: Holds, clock: Clock) -> None:
    key = holds.open("a", START, "one")
    n = 0
    while clock.now_s < LONGEST_S:
        n += 1
        holds.renew(key, "a", START, n)
        clock.now_s += 0.25
    clock.now_s += 0.01
    assert refused(holds, key, n + 1) == "hold_long"


def test_a_clock_that_is_no_number_ends_it(holds: Holds, clock: Clock) -> None:
    key = holds.open("a", START, "one")
    clock.now_s = float("nan")
    assert refused(holds, key, 1) == "hold_late"


def test_a_button_held_for_one_thing_is_not_held_for_another(holds: Holds) -> None:
    key = holds.open("a", Command.RESET)
    with pytest.raises(Problem):
        holds.renew(key, "a", Command.RESUME, 1)
    with pytest.raises(Problem):
        holds.renew(key, "a", Command.RESET, 1)


def test_it_is_complete_after_a_second_of_renewals_and_not_before(holds: Holds, clock: Clock) -> None:
    key = holds.open("a", Command.RESUME)
    for n in range(1, 5):
        clock.now_s = 0.25 * n
        assert holds.renew(key, "a", Command.RESUME, n).complete is (clock.now_s >= HELD_S)
    holds.end(key)
    with pytest.raises(Problem):
        holds.renew(key, "a", Command.RESUME, 5)
